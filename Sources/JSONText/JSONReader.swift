// From JSON text to a tree. Takes what RFC 8259 takes and nothing else, whatever the bytes; nesting is bounded, because it
// is recursion. Pure; any thread.

/// Why a text is not JSON, and where.
public struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The line, from 1.
  public let line: Int
  /// The column in Unicode scalars, from 1.
  public let column: Int
  /// One sentence without a full stop.
  public let text: String

  public init(line: Int, column: Int, text: String) {
    (self.line, self.column, self.text) = (line, column, text)
  }

  /// `line:column: text`.
  public var description: String { "\(line):\(column): \(text)" }
}

extension JSONValue {
  /// The deepest nesting of arrays and objects that is read.
  public static let maximumDepth = 128

  /// Reads a whole text. A byte order mark at its beginning is passed over.
  public init(parsing bytes: [UInt8]) throws(JSONError) {
    var reader = JSONReader(bytes)
    self = try reader.document()
  }

  /// Reads a whole text.
  public init(parsing text: String) throws(JSONError) { try self.init(parsing: Array(text.utf8)) }
}

private struct JSONReader {
  private let bytes: [UInt8]
  private var index = 0
  private var depth = 0

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { index = 3 }
  }

  mutating func document() throws(JSONError) -> JSONValue {
    let value = try value()
    skipSpace()
    if index < bytes.count { throw problem("there is more behind the value") }
    return value
  }

  // MARK: Values

  private mutating func value() throws(JSONError) -> JSONValue {
    skipSpace()
    guard let first = peek else { throw problem("a value is missing at the end") }
    switch first {
    case UInt8(ascii: "{"): return try nested { reader throws(JSONError) in try reader.object() }
    case UInt8(ascii: "["): return try nested { reader throws(JSONError) in try reader.array() }
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
    case UInt8(ascii: "t"): return try word("true", .boolean(true))
    case UInt8(ascii: "f"): return try word("false", .boolean(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: throw problem("a value is expected here")
    }
  }

  private mutating func nested(
    _ read: (inout JSONReader) throws(JSONError) -> JSONValue
  ) throws(JSONError) -> JSONValue {
    if depth == JSONValue.maximumDepth { throw problem("more than \(JSONValue.maximumDepth) arrays and objects are open here") }
    depth += 1
    index += 1
    let value = try read(&self)
    depth -= 1
    return value
  }

  private mutating func object() throws(JSONError) -> JSONValue {
    var object = JSONObject()
    if take(UInt8(ascii: "}")) { return .object(object) }
    repeat {
      skipSpace()
      guard peek == UInt8(ascii: "\"") else { throw problem("a member's name in quotes is expected here") }
      let name = try string()
      guard take(UInt8(ascii: ":")) else { throw problem("a colon is expected here") }
      object.append(name, try value())
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "}")) else { throw problem("a comma or } is expected here") }
    return .object(object)
  }

  private mutating func array() throws(JSONError) -> JSONValue {
    var array: [JSONValue] = []
    if take(UInt8(ascii: "]")) { return .array(array) }
    repeat { array.append(try value()) } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "]")) else { throw problem("a comma or ] is expected here") }
    return .array(array)
  }

  private mutating func word(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
    let end = index + word.utf8CodeUnitCount
    guard end <= bytes.count, word.description.utf8.elementsEqual(bytes[index..<end]) else {
      throw problem("a value is expected here")
    }
    index = end
    return value
  }

  // MARK: Numbers (RFC 8259, 6)

  private mutating func number() throws(JSONError) -> String {
    let start = index
    if peek == UInt8(ascii: "-") { index += 1 }
    let whole = digits()
    if whole == 0 { throw problem("a digit is expected here") }
    if whole > 1, bytes[index - whole] == UInt8(ascii: "0") { throw problem("a number does not begin with 0", at: index - whole) }
    if peek == UInt8(ascii: ".") {
      index += 1
      if digits() == 0 { throw problem("a digit is expected here") }
    }
    if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
      index += 1
      if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { index += 1 }
      if digits() == 0 { throw problem("a digit is expected here") }
    }
    return String(decoding: bytes[start..<index], as: UTF8.self)
  }

  /// Passes over digits; how many there were.
  private mutating func digits() -> Int {
    let start = index
    while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { index += 1 }
    return index - start
  }

  // MARK: Strings (RFC 8259, 7)

  private mutating func string() throws(JSONError) -> String {
    let opening = index
    index += 1
    var text: [UInt8] = []
    while let byte = peek {
      switch byte {
      case UInt8(ascii: "\""):
        index += 1
        guard let string = String(validating: text, as: UTF8.self) else { throw problem("this string is not UTF-8", at: opening) }
        return string
      case UInt8(ascii: "\\"):
        index += 1
        try escape(into: &text)
      case 0..<0x20: throw problem("a control character must be written as \\u00\(byte < 16 ? "0" : "")\(String(byte, radix: 16)) here")
      default:
        text.append(byte)
        index += 1
      }
    }
    throw problem("this string has no end", at: opening)
  }

  private mutating func escape(into text: inout [UInt8]) throws(JSONError) {
    guard let byte = peek else { return }
    let escapes: [(UInt8, UInt8)] = [
      (UInt8(ascii: "\""), 0x22), (UInt8(ascii: "\\"), 0x5C), (UInt8(ascii: "/"), 0x2F), (UInt8(ascii: "b"), 0x08),
      (UInt8(ascii: "f"), 0x0C), (UInt8(ascii: "n"), 0x0A), (UInt8(ascii: "r"), 0x0D), (UInt8(ascii: "t"), 0x09),
    ]
    if let plain = escapes.first(where: { $0.0 == byte })?.1 {
      index += 1
      text.append(plain)
      return
    }
    guard byte == UInt8(ascii: "u") else { throw problem("there is no escape like this", at: index - 1) }
    index += 1
    var unit = try hexadecimal()
    if (0xD800..<0xDC00).contains(unit), index + 1 < bytes.count, bytes[index] == UInt8(ascii: "\\"),
      bytes[index + 1] == UInt8(ascii: "u")
    {
      let before = index
      index += 2
      let low = try hexadecimal()
      if (0xDC00..<0xE000).contains(low) {
        unit = 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)
      } else {
        index = before
      }
    }
    // Half a surrogate pair is no character; JavaScript has such strings, UTF-8 has not.
    text.append(contentsOf: UTF8.encode(Unicode.Scalar(unit) ?? "\u{FFFD}").map(Array.init) ?? [])
  }

  private mutating func hexadecimal() throws(JSONError) -> UInt32 {
    var unit: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = peek, let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
        throw problem("four hexadecimal digits are expected here")
      }
      unit = unit << 4 | UInt32(digit)
      index += 1
    }
    return unit
  }

  // MARK: Bytes

  private var peek: UInt8? { index < bytes.count ? bytes[index] : nil }

  /// Passes over white space and `byte`, if that is next.
  private mutating func take(_ byte: UInt8) -> Bool {
    skipSpace()
    guard peek == byte else { return false }
    index += 1
    return true
  }

  private mutating func skipSpace() {
    while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { index += 1 }
  }

  private func problem(_ text: String, at place: Int? = nil) -> JSONError {
    let before = bytes[..<(place ?? index)]
    let lineStart = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
    // A scalar begins with every byte that does not continue one.
    let column = before[lineStart...].count { $0 & 0xC0 != 0x80 } + 1
    return JSONError(line: before.count { $0 == 0x0A } + 1, column: column, text: text)
  }
}
