// Owns: the headers that a handler returned, out of their JSON: read as they stand, without a tree or a String, because most functions that do
// anything at all change a header. Pure; any thread. Source: spec/lambda-at-edge.md, 2 and 6.
import JSONText

extension EventHeaders {
  /// The most lines that a function may return.
  private static let lineLimit = 200

  /// Reads headers that are a value already; `place` is what they are called in messages.
  init(_ json: JSONValue, _ place: String) throws(EventFailure) {
    guard case .object = json else { throw EventFailure("The \(place) must be an object") }
    let text = Array(json.compact.utf8)
    do throws(ReturnedFailure) {
      var reader = try JSONReader(returned: text.span)
      _ = try reader.token()
      try self.init(membersOf: &reader)
    } catch {
      switch error {
      case .noJSON(let failure): throw .noJSON(failure.text)
      case .invalid(let failure): throw failure
      }
    }
  }

  /// Reads `{"name": [{"key": …, "value": …}]}` whose beginning has been read, to its end.
  init(membersOf reader: inout JSONReader) throws(ReturnedFailure) {
    self.init()
    reserve(byteCount: Self.usualBytes)
    var entry = ReturnedHeader()
    while try reader.token() == .name {
      try entry.begin(reader.bytes)
      // Whoever writes a name twice means one of them: which one is not to be guessed.
      if first(entry.name.span) != nil { throw .twice(String(text: entry.name.span), reader.tokenOffset) }
      guard try reader.token() == .arrayStart else { throw .invalid(.entry(entry.name.span, "it is no array")) }
      while true {
        let token = try reader.token()
        if token == .arrayEnd { break }
        try entry.read(token, &reader)
        entry.give(to: &self)
      }
      if count > Self.lineLimit { throw .invalid(EventFailure("The function returned more than \(Self.lineLimit) headers")) }
    }
  }
  private static let usualBytes = 1024
}

/// Why headers cannot be had: the text is no JSON, or it does not say what it may.
enum ReturnedFailure: Error {
  case noJSON(JSONFailure)
  case invalid(EventFailure)

  static func twice(_ name: String, _ offset: Int) -> ReturnedFailure { .noJSON(JSONFailure(offset: offset, text: "the object has a member \"\(name)\" already")) }
}

extension JSONReader {
  /// A reader of what a function returned.
  @_lifetime(copy text)
  fileprivate init(returned text: Span<UInt8>) throws(ReturnedFailure) {
    do throws(JSONFailure) { self = try JSONReader(text, replacesHalfPairs: true) } catch { throw .noJSON(error) }
  }

  fileprivate mutating func token() throws(ReturnedFailure) -> Token {
    do throws(JSONFailure) { return try next() } catch { throw .noJSON(error) }
  }

  fileprivate mutating func skip() throws(ReturnedFailure) {
    do throws(JSONFailure) { try skipValue() } catch { throw .noJSON(error) }
  }
}

/// One entry of a header's list, `{"key": …, "value": …}`, while it is read. Its memory serves the next one, too.
private struct ReturnedHeader {
  private(set) var name: [UInt8] = []
  /// What is written as the name; what it is when an entry says nothing of it.
  private var key: [UInt8] = [], usualKey: [UInt8] = []
  /// The values one behind the other, and where each ends.
  private var values: [UInt8] = [], ends: [Int] = []
  private var hasKey = false, hasValue = false

  /// The lines of another header follow.
  mutating func begin(_ name: Span<UInt8>) throws(ReturnedFailure) {
    self.name.removeAll(keepingCapacity: true)
    self.name.append(name)
    guard Self.isFieldName(name) else { throw .invalid(EventFailure("The function returned a header whose name is not one in lower case", header: name)) }
    usualKey.removeAll(keepingCapacity: true)
    var begins = true
    for i in 0..<name.count {
      usualKey.append(begins && name[i] >= 97 && name[i] <= 122 ? name[i] - 32 : name[i])
      begins = name[i] == UInt8(ascii: "-")
    }
  }

  /// Reads an entry whose first token has been read.
  mutating func read(_ token: JSONReader.Token, _ reader: inout JSONReader) throws(ReturnedFailure) {
    guard token == .objectStart else { throw .invalid(.entry(name.span, "an entry is no object with key and value")) }
    (hasKey, hasValue) = (false, false)
    key.removeAll(keepingCapacity: true)
    values.removeAll(keepingCapacity: true)
    ends.removeAll(keepingCapacity: true)
    while try reader.token() == .name {
      if reader.bytes.equals("key".utf8.span) {
        try readKey(&reader)
      } else if reader.bytes.equals("value".utf8.span) {
        try readValue(&reader)
      } else {
        try reader.skip()
      }
    }
    if !hasValue { throw wrongValue }
  }

  /// The name as it is to be written: the entry's key, else the name with a capital after every hyphen. A key of another name does not count:
  /// AWS's own example of an overridden header puts an entry under a second name.
  private mutating func readKey(_ reader: inout JSONReader) throws(ReturnedFailure) {
    if hasKey { throw .twice("key", reader.tokenOffset) }
    hasKey = true
    switch try reader.token() {
    case .null: break
    case .string: if reader.bytes.equalsIgnoringCase(name.span) { key.append(reader.bytes) }
    default: throw .invalid(.entry(name.span, "an entry's key is no string"))
    }
  }

  /// A string, or a list of them for as many lines.
  private mutating func readValue(_ reader: inout JSONReader) throws(ReturnedFailure) {
    if hasValue { throw .twice("value", reader.tokenOffset) }
    hasValue = true
    switch try reader.token() {
    case .string: try add(reader.bytes)
    case .arrayStart:
      while true {
        let token = try reader.token()
        if token == .arrayEnd { break }
        guard token == .string else { throw wrongValue }
        try add(reader.bytes)
      }
    default: throw wrongValue
    }
  }

  private mutating func add(_ value: Span<UInt8>) throws(ReturnedFailure) {
    var start = 0, end = value.count
    while start < end, value[start] == 32 || value[start] == 9 { start += 1 }
    while end > start, value[end - 1] == 32 || value[end - 1] == 9 { end -= 1 }
    guard value.extracting(start..<end).isFieldValue else {
      throw .invalid(EventFailure("The function returned a header value with control characters", header: name.span))
    }
    values.append(value.extracting(start..<end))
    ends.append(values.count)
  }

  /// Adds the entry's lines behind the others.
  func give(to headers: inout EventHeaders) {
    var start = 0
    for end in ends {
      headers.append(key.isEmpty ? usualKey.span : key.span, values.span.extracting(start..<end))
      start = end
    }
  }

  private var wrongValue: ReturnedFailure {
    .invalid(EventFailure("The function returned an invalid entry in the headers object: the value of a header must be a string or an array of strings", header: name.span))
  }

  /// A token (RFC 9110, 5.6.2) without capitals.
  private static func isFieldName(_ name: Span<UInt8>) -> Bool {
    for i in 0..<name.count {
      switch name[i] {
      case 97...122, 48...57: continue
      // ! # $ % & ' * + - . ^ _ ` | ~
      case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E...0x60, 0x7C, 0x7E: continue
      default: return false
      }
    }
    return name.count > 0
  }
}
