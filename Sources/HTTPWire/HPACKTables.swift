// Owns: the tables of header compression (RFC 7541, 2.3): the static one, and the dynamic one of each direction. Entries are kept as the lines of
// text that heads consist of, together with what has been found out about them: a field that comes again is neither read nor checked again.
import Transport

/// Fields that begin with a colon (RFC 9113, 8.3; RFC 8441, 4).
enum PseudoField: UInt8, BitwiseCopyable, Sendable { case none, method, scheme, path, authority, status, protocolName, unknown }

/// What is known of a field without regard to the message it stands in.
struct FieldFacts: BitwiseCopyable, Sendable {
  var name = FieldName.other
  var pseudo = PseudoField.none
  /// Whether HTTP/2 allows the name and the value (RFC 9113, 8.2.1 and 8.2.2).
  var isValid = true

  /// Of nothing.
  init() {}
  init(_ name: Span<UInt8>, _ value: Span<UInt8>) {
    self.name = FieldName(name)
    if name.count > 0 && name[0] == 58 { pseudo = Self.pseudo(name) }
    isValid = (pseudo != .none || Self.isName(name)) && Self.isValue(value) && isAllowed(value)
  }

  private static func pseudo(_ name: Span<UInt8>) -> PseudoField {
    let known: [(StaticString, PseudoField)] = [
      (":path", .path), (":method", .method), (":scheme", .scheme), (":status", .status), (":authority", .authority), (":protocol", .protocolName),
    ]
    for (text, field) in known where text.withUTF8Buffer({ unsafe name.equals($0.span) }) { return field }
    return .unknown
  }

  /// A token without capitals.
  private static func isName(_ name: Span<UInt8>) -> Bool {
    guard name.count > 0, name.tokenEnd(from: 0) == name.count else { return false }
    for i in 0..<name.count where name[i] != name[i].lowercased { return false }
    return true
  }
  /// No control bytes, and no whitespace around it.
  private static func isValue(_ value: Span<UInt8>) -> Bool {
    guard value.count > 0 else { return true }
    func isSpace(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 }
    return !isSpace(value[0]) && !isSpace(value[value.count - 1]) && value.valueEnd(from: 0) == value.count
  }
  /// Fields of the connection have no place in HTTP/2.
  private func isAllowed(_ value: Span<UInt8>) -> Bool {
    switch name {
    case .connection, .keepAlive, .proxyConnection, .transferEncoding, .upgrade: false
    case .te: value.equalsLowercase("trailers")
    default: true
    }
  }
}

/// An entry of a table: a line `name: value CRLF` and what is known of it.
struct TableEntry: BitwiseCopyable, Sendable {
  /// Where the line begins: in the static table's text, or counted from the first byte that a dynamic table ever had.
  var start: Int
  var nameLength: Int, valueLength: Int
  var facts: FieldFacts

  /// Bytes of the line.
  var lineLength: Int { nameLength + valueLength + 4 }
  /// What it counts for (RFC 7541, 4.1).
  var size: Int { nameLength + valueLength + 32 }
}

/// The static table (RFC 7541, appendix A).
struct StaticTable: Sendable {
  static let shared = StaticTable()
  static let count = 61

  /// Its lines, one behind the other.
  let text: [UInt8]
  let entries: [TableEntry]
  /// By known name: the first entry that has it, from 1; 0 for none.
  let places: [UInt8]

  private init() {
    let fields: [(String, String)] = [
      (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"), (":path", "/index.html"), (":scheme", "http"), (":scheme", "https"),
      (":status", "200"), (":status", "204"), (":status", "206"), (":status", "304"), (":status", "400"), (":status", "404"), (":status", "500"),
      ("accept-charset", ""), ("accept-encoding", "gzip, deflate"), ("accept-language", ""), ("accept-ranges", ""), ("accept", ""),
      ("access-control-allow-origin", ""), ("age", ""), ("allow", ""), ("authorization", ""), ("cache-control", ""), ("content-disposition", ""),
      ("content-encoding", ""), ("content-language", ""), ("content-length", ""), ("content-location", ""), ("content-range", ""), ("content-type", ""),
      ("cookie", ""), ("date", ""), ("etag", ""), ("expect", ""), ("expires", ""), ("from", ""), ("host", ""), ("if-match", ""), ("if-modified-since", ""),
      ("if-none-match", ""), ("if-range", ""), ("if-unmodified-since", ""), ("last-modified", ""), ("link", ""), ("location", ""), ("max-forwards", ""),
      ("proxy-authenticate", ""), ("proxy-authorization", ""), ("range", ""), ("referer", ""), ("refresh", ""), ("retry-after", ""), ("server", ""),
      ("set-cookie", ""), ("strict-transport-security", ""), ("transfer-encoding", ""), ("user-agent", ""), ("vary", ""), ("via", ""), ("www-authenticate", ""),
    ]
    var text: [UInt8] = [], entries: [TableEntry] = [], places = [UInt8](repeating: 0, count: 64)
    for (index, (name, value)) in fields.enumerated() {
      let nameBytes = Array(name.utf8), valueBytes = Array(value.utf8)
      let facts = FieldFacts(nameBytes.span, valueBytes.span)
      entries.append(TableEntry(start: text.count, nameLength: nameBytes.count, valueLength: valueBytes.count, facts: facts))
      text += Array("\(name): \(value)\r\n".utf8)
      if facts.name.isExact && places[Int(facts.name.rawValue)] == 0 { places[Int(facts.name.rawValue)] = UInt8(index + 1) }
    }
    (self.text, self.entries, self.places) = (text, entries, places)
  }
}

/// A dynamic table (RFC 7541, 2.3.2): the newest entry has the lowest index. Without memory until something is added.
struct DynamicTable: ~Copyable {
  /// How large it may be as long as nothing else has been said (RFC 9113, 6.5.2).
  static let standardLimit = 4_096

  /// Lines of the entries, the oldest first.
  private var text = ByteBuffer()
  /// Bytes that have left ``text``: where it begins.
  private var textStart = 0
  /// Entries, the oldest first, behind some that are gone.
  private var entries: [TableEntry] = []
  private var gone = 0
  private var size = 0
  /// How many entries there ever were.
  private(set) var added = 0
  private(set) var limit = DynamicTable.standardLimit

  var count: Int { entries.count - gone }

  /// The entry with an index from 0; it must be below ``count``.
  @inline(__always) func entry(_ index: Int) -> TableEntry { entries[entries.count - 1 - index] }
  /// The line of an entry.
  @inline(__always) @_lifetime(borrow self) func line(_ entry: TableEntry) -> Span<UInt8> { text.readable.slice(entry.start - textStart, entry.lineLength) }

  /// Adds a line; those at the end leave for it. One that is larger than the table leaves it empty (RFC 7541, 4.4).
  /// - Returns: whether it is there now.
  @discardableResult mutating func add(_ line: Span<UInt8>, nameLength: Int, valueLength: Int, _ facts: FieldFacts) -> Bool {
    var entry = TableEntry(start: 0, nameLength: nameLength, valueLength: valueLength, facts: facts)
    shrink(to: limit - entry.size)
    guard entry.size <= limit else { return false }
    if !text.holdsMemory { text = ByteBuffer(capacity: 1_024) }
    entry.start = textStart + text.count
    text.append(line)
    entries.append(entry)
    size += entry.size
    added += 1
    return true
  }

  /// Changes the limit; what is too much leaves.
  mutating func resize(_ limit: Int) {
    self.limit = limit
    shrink(to: limit)
  }

  private mutating func shrink(to room: Int) {
    while size > room, gone < entries.count {
      let oldest = entries[gone]
      gone += 1
      size -= oldest.size
      text.consume(oldest.lineLength)
      textStart += oldest.lineLength
    }
    if gone > 64 || gone == entries.count {
      entries.removeFirst(gone)
      gone = 0
    }
  }
}
