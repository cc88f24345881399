// Owns: encoding fields (RFC 7541, 6), and this side's dynamic table. Strings go as they are: a Huffman code saves a fifth of what is not in the table
// and costs more than that is worth. A name leads to the entry that was last added for it: what is the same as then is one or two bytes.
import Transport

/// Encodes the blocks of fields of one connection, one after another.
struct HPACKEncoder: ~Copyable {
  private let fixed = StaticTable.shared
  private var table = DynamicTable()
  /// By name: which entry was added last for it, counted from 1. Known names and pseudo-header fields have a place
  /// of their own, others share those from 64 to 95.
  private var latest: [Int32] = []
  private static let places = 128
  /// The smallest and the last limit that the peer has set since the last block, when it set any.
  private var announced: (smallest: Int, last: Int)?

  /// What is not added to the table, because it is another each time. The first one is, when the static table does not have its name.
  private let changing = FieldNameSet(
    .contentLength, .age, .etag, .location, .lastModified, .xAmzCfId, .ifNoneMatch, .ifModifiedSince, .range, .ifRange, .xForwardedFor, .traceparent, .tracestate)
  /// What nobody else may learn by trying (RFC 7541, 7.1.3).
  private let secret = FieldNameSet(.authorization, .cookie, .setCookie)

  init() {}

  /// The peer's table is to have no more than this (SETTINGS_HEADER_TABLE_SIZE); ours is never larger than the standard.
  mutating func limit(to size: Int) {
    let size = min(size, DynamicTable.standardLimit)
    announced = (min(size, announced?.smallest ?? size), size)
  }

  /// Begins a block: says what has become of the table's size (RFC 7541, 4.2).
  mutating func begin(_ out: inout ByteBuffer) {
    guard let announced else { return }
    self.announced = nil
    guard announced.smallest < table.limit || announced.last != table.limit else { return }
    if announced.smallest < announced.last { say(announced.smallest, &out) }
    say(announced.last, &out)
  }
  private mutating func say(_ size: Int, _ out: inout ByteBuffer) {
    table.resize(size)
    Self.append(size, prefix: 5, 0x20, &out)
  }

  // MARK: Pseudo-header fields

  /// Appends `:status`; three digits.
  mutating func status(_ digits: Span<UInt8>, _ out: inout ByteBuffer) { pseudo(8...14, ":status", digits, .added, &out) }
  mutating func method(_ name: Span<UInt8>, _ out: inout ByteBuffer) { pseudo(2...3, ":method", name, .added, &out) }
  mutating func scheme(isSecure: Bool, _ out: inout ByteBuffer) { Self.append(isSecure ? 7 : 6, prefix: 7, 0x80, &out) }
  mutating func path(_ target: Span<UInt8>, isSecret: Bool = false, _ out: inout ByteBuffer) { pseudo(4...4, ":path", target, isSecret ? .secret : .plain, &out) }
  mutating func authority(_ host: Span<UInt8>, isSecret: Bool = false, _ out: inout ByteBuffer) { pseudo(1...1, ":authority", host, isSecret ? .secret : .added, &out) }

  /// - Parameter places: of the name in the static table.
  private mutating func pseudo(_ places: ClosedRange<Int>, _ name: StaticString, _ value: Span<UInt8>, _ form: Form, _ out: inout ByteBuffer) {
    let slot = Self.places - places.lowerBound
    if form != .secret, let index = placeOfLatest(slot, value) ?? places.first(where: { isFixed(value, $0) }) { return Self.append(index, prefix: 7, 0x80, &out) }
    name.withUTF8Buffer { unsafe append($0.span, value, slot, staticPlace: places.lowerBound, form, &out) }
  }

  /// The index of the entry that was added last, when it has this value.
  private func placeOfLatest(_ slot: Int, _ value: Span<UInt8>) -> Int? {
    guard let index = indexOfLatest(slot) else { return nil }
    let entry = table.entry(index)
    return table.line(entry).slice(entry.nameLength + 2, entry.valueLength).equals(value) ? StaticTable.count + 1 + index : nil
  }
  private func isFixed(_ value: Span<UInt8>, _ place: Int) -> Bool {
    let entry = fixed.entries[place - 1]
    return entry.valueLength == value.count && fixed.text.span.slice(entry.start + entry.nameLength + 2, value.count).equals(value)
  }

  // MARK: Fields

  private enum Form { case added, plain, secret }

  /// Appends a field; its name may have capitals.
  /// - Parameter isSecret: it is never indexed, whatever it is.
  mutating func field(_ name: Span<UInt8>, _ known: FieldName, _ value: Span<UInt8>, isSecret: Bool = false, _ out: inout ByteBuffer) {
    let form: Form = isSecret || secret.has(known) ? .secret : changing.has(known) ? .plain : .added
    let slot = known.isExact ? Int(known.rawValue) : 64 + (name.count &* 5 ^ Int(name[name.count - 1].lowercased) &* 3 ^ Int(name[name.count / 2].lowercased)) & 31
    append(name, value, slot, staticPlace: known.isExact ? Int(fixed.places[Int(known.rawValue)]) : 0, form, &out)
  }

  private mutating func append(_ name: Span<UInt8>, _ value: Span<UInt8>, _ slot: Int, staticPlace: Int, _ form: Form, _ out: inout ByteBuffer) {
    var place = staticPlace
    if let index = indexOfLatest(slot) {
      let entry = table.entry(index)
      let line = table.line(entry)
      // A known name has its slot to itself.
      if slot < 64 || slot > 95 || line.extracting(..<entry.nameLength).equalsIgnoringCase(name) {
        if form != .secret && line.slice(entry.nameLength + 2, entry.valueLength).equals(value) { return Self.append(StaticTable.count + 1 + index, prefix: 7, 0x80, &out) }
        if place == 0 { place = StaticTable.count + 1 + index }
      }
    }
    let isAdded = form == .added || form == .plain && place == 0
    Self.append(place, prefix: isAdded ? 6 : 4, isAdded ? 0x40 : form == .secret ? 0x10 : 0, &out)
    if place == 0 {
      Self.append(name.count, prefix: 7, 0, &out)
      let start = out.count
      out.append(name)
      out.lowercase(from: start, count: name.count)
    }
    Self.append(value.count, prefix: 7, 0, &out)
    out.append(value)
    if isAdded { add(name, value, slot) }
  }

  @inline(__always) private func indexOfLatest(_ slot: Int) -> Int? {
    guard !latest.isEmpty, latest[slot] > 0 else { return nil }
    let index = table.added - Int(latest[slot])
    return index < table.count ? index : nil
  }

  private mutating func add(_ name: Span<UInt8>, _ value: Span<UInt8>, _ slot: Int) {
    if latest.isEmpty { latest = [Int32](repeating: 0, count: Self.places) }
    var line = ByteBuffer()
    line.acquireSmall()
    line.appendLine(name, value)
    line.lowercase(from: 0, count: name.count)
    let isAdded = table.add(line.readable, nameLength: name.count, valueLength: value.count, FieldFacts())
    latest[slot] = isAdded ? Int32(truncatingIfNeeded: table.added) : 0
  }

  /// Appends an integer (RFC 7541, 5.1) behind the bits of `first`.
  @inline(__always) private static func append(_ value: Int, prefix: UInt8, _ first: UInt8, _ out: inout ByteBuffer) {
    let mask = 1 &<< prefix &- 1 as UInt8
    if value < Int(mask) { return out.append(first | UInt8(truncatingIfNeeded: value)) }
    out.append(first | mask)
    var rest = value - Int(mask)
    while rest >= 128 {
      out.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    out.append(UInt8(truncatingIfNeeded: rest))
  }
}
