// Owns: reading JSON strictly (RFC 8259), token by token, with the place of everything. For files people write: tables of
// key-value stores, events, cases. Reads ahead of nothing and allocates only for strings with escapes. Unsafe
// code where many bytes are looked at at once (SkerryScan.h). Pure; any thread.
import CSystem

/// What is wrong with a text, and where.
public struct JSONFailure: Error, Sendable, Equatable {
  /// The byte at which it is wrong, from 0. `TextPosition` makes a line and a column of it.
  public var offset: Int
  /// One sentence without a full stop.
  public var text: String

  /// A failure at a byte.
  public init(offset: Int, text: String) {
    self.offset = offset
    self.text = text
  }
}

/// A reader of one JSON text: `next()` gives its tokens until `.end`.
///
/// Strict: UTF-8, one value, no comments, no trailing commas, no unpaired surrogates. A byte order mark is skipped. Names
/// may repeat: whoever reads an object decides about that. After a failure there is nothing more to read.
public struct JSONReader: ~Copyable, ~Escapable {
  /// A piece of JSON. `name` is a member's name; its value comes next.
  public enum Token: Sendable, Equatable {
    case objectStart, objectEnd, arrayStart, arrayEnd, name, string, number, bool(Bool), null, end
  }

  /// What may come next.
  private enum Expected { case value, valueOrEnd, name, nameOrEnd, separator, end }
  private enum Container {
    case object, array
    var closing: UInt8 { self == .object ? UInt8(ascii: "}") : UInt8(ascii: "]") }
  }

  /// How deeply values nest by default.
  public static let defaultMaximumDepth = 64

  private let text: Span<UInt8>
  private let maximumDepth: Int
  private let replacesHalfPairs: Bool
  private var offset = 0
  private var expected = Expected.value
  private var containers: [Container] = []
  /// The last string or number: a range of the text or, where it had escapes, decoded.
  private var raw = 0..<0
  private var decoded: [UInt8] = []
  private var hasEscapes = false
  /// The first byte of the last token.
  public private(set) var tokenOffset = 0

  /// A reader of `text`.
  /// - Parameters:
  ///   - maximumDepth: how many objects and arrays may be open at once.
  ///   - replacesHalfPairs: whether U+FFFD takes the place of an unpaired surrogate, which JavaScript may write.
  /// - Throws: when the text is not UTF-8.
  @_lifetime(copy text)
  public init(
    _ text: Span<UInt8>, maximumDepth: Int = JSONReader.defaultMaximumDepth, replacesHalfPairs: Bool = false
  ) throws(JSONFailure) {
    self.text = text
    self.maximumDepth = maximumDepth
    self.replacesHalfPairs = replacesHalfPairs
    do throws(UTF8.ValidationError) { _ = try UTF8Span(validating: text) } catch {
      throw JSONFailure(offset: error.byteOffsets.lowerBound, text: "this is not UTF-8")
    }
    if text.count >= 3 && text[0] == 0xEF && text[1] == 0xBB && text[2] == 0xBF { offset = 3 }
  }

  /// How many objects and arrays are open.
  public var depth: Int { containers.count }

  /// The last name or string decoded, or the last number as written. Valid until the next token.
  public var bytes: Span<UInt8> {
    @_lifetime(borrow self)
    get { hasEscapes ? decoded.span : text.extracting(raw) }
  }

  /// `bytes` as text.
  public var string: String { unsafe bytes.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) } }

  /// The next token; `.end` once the value is over and nothing but space follows.
  public mutating func next() throws(JSONFailure) -> Token {
    var byte = nextByte()
    if expected == .separator {
      guard let container = containers.last else { return try end(byte) }
      if byte == UInt8(ascii: ",") {
        expected = container == .object ? .name : .value
        offset += 1
        byte = nextByte()
      } else if byte == container.closing {
        return close()
      } else {
        throw failure(container == .object ? "expected ',' or '}' here" : "expected ',' or ']' here")
      }
    }
    switch expected {
    case .nameOrEnd where byte == UInt8(ascii: "}"), .valueOrEnd where byte == UInt8(ascii: "]"): return close()
    case .name, .nameOrEnd: return try name(byte)
    case .end: return try end(byte)
    case .value, .valueOrEnd, .separator: return try value(byte)
    }
  }

  /// Reads over the value that comes next, with all that is in it.
  public mutating func skipValue() throws(JSONFailure) {
    let outside = depth
    repeat { _ = try next() } while depth > outside
  }

  /// Reads over the value that comes next if it is `object`, the text of an object that is known to be JSON without white space between its tokens; there
  /// may be some here, as many writers leave it. Without a look at what is in it.
  /// - Returns: where it stands; nil when it is another one, or written otherwise, and is still to be read.
  public mutating func skipObject(writtenAs object: Span<UInt8>) -> Range<Int>? {
    guard expected == .value, !object.isEmpty, nextByte() == UInt8(ascii: "{"), text.count - offset >= object.count else { return nil }
    let common = unsafe text.extracting(offset..<offset + object.count).withUnsafeBufferPointer { mine in
      unsafe object.withUnsafeBufferPointer { theirs in
        guard let a = mine.baseAddress, let b = theirs.baseAddress else { return 0 }
        return unsafe sk_common(a, b, theirs.count)
      }
    }
    var end = offset + common
    if common < object.count {
      guard Self.isSpace(text[end]), let behind = endOfSpaced(object) else { return nil }
      end = behind
    }
    defer { offset = end }
    expected = .separator
    return offset..<end
  }

  /// Where what comes next ends, if it is this but for white space beside `{ } [ ] : ,`.
  private func endOfSpaced(_ object: Span<UInt8>) -> Int? {
    var place = offset, isString = false, isBesideMark = false
    for index in object.indices {
      let wanted = object[index]
      // In a string there is nothing that could be left out. Its end is the next quote without a backslash of its own.
      if isString {
        guard place < text.count, text[place] == wanted else { return nil }
        if wanted == UInt8(ascii: "\"") && !Self.isEscaped(index, in: object) { isString = false }
      } else {
        let isMark = Self.isMark(wanted)
        while place < text.count, text[place] != wanted {
          guard Self.isSpace(text[place]), isMark || isBesideMark else { return nil }
          place += 1
        }
        guard place < text.count else { return nil }
        isString = wanted == UInt8(ascii: "\"")
        isBesideMark = isMark
      }
      place += 1
    }
    return place
  }

  /// Whether a quote is one of the string's own characters: an odd number of backslashes stands before it.
  private static func isEscaped(_ index: Int, in object: Span<UInt8>) -> Bool {
    var start = index
    while start > 0, object[start - 1] == UInt8(ascii: "\\") { start -= 1 }
    return (index - start) % 2 == 1
  }

  private static func isMark(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: ":"), UInt8(ascii: ","): true
    default: false
    }
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

  // MARK: Tokens

  /// The first byte of the next token, where the reader now is; nil at the end.
  private mutating func nextByte() -> UInt8? {
    while offset < text.count {
      guard Self.isSpace(text[offset]) else { break }
      offset += 1
    }
    tokenOffset = offset
    return offset < text.count ? text[offset] : nil
  }

  private func failure(_ message: String) -> JSONFailure {
    JSONFailure(offset: min(offset, text.count), text: offset < text.count ? message : "the text ends too early: \(message)")
  }

  private mutating func end(_ byte: UInt8?) throws(JSONFailure) -> Token {
    if byte != nil { throw failure("nothing may follow the value") }
    expected = .end
    return .end
  }

  private mutating func open(_ container: Container) throws(JSONFailure) -> Token {
    if containers.count >= maximumDepth { throw failure("values nest more than \(maximumDepth) deep") }
    containers.append(container)
    offset += 1
    expected = container == .object ? .nameOrEnd : .valueOrEnd
    return container == .object ? .objectStart : .arrayStart
  }

  private mutating func close() -> Token {
    offset += 1
    expected = .separator
    return containers.popLast() == .object ? .objectEnd : .arrayEnd
  }

  private mutating func name(_ byte: UInt8?) throws(JSONFailure) -> Token {
    if byte == UInt8(ascii: "}") { throw failure("a name must follow the ','") }
    guard byte == UInt8(ascii: "\"") else { throw failure("expected a name in double quotes here") }
    try quoted()
    let start = tokenOffset
    guard nextByte() == UInt8(ascii: ":") else { throw failure("expected ':' after a name") }
    tokenOffset = start
    offset += 1
    expected = .value
    return .name
  }

  private mutating func value(_ byte: UInt8?) throws(JSONFailure) -> Token {
    guard let byte else { throw failure("expected a value here") }
    switch byte {
    case UInt8(ascii: "{"): return try open(.object)
    case UInt8(ascii: "["): return try open(.array)
    case UInt8(ascii: "\""): try quoted()
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
      try number()
      expected = .separator
      return .number
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "]") where containers.last == .array: throw failure("a value must follow the ','")
    default: throw failure("expected a value here")
    }
    expected = .separator
    return .string
  }

  private mutating func word(_ word: StaticString, _ token: Token) throws(JSONFailure) -> Token {
    for index in 0..<word.utf8CodeUnitCount {
      guard offset + index < text.count, unsafe word.utf8Start[index] == text[offset + index] else {
        throw failure("expected a value here")
      }
    }
    offset += word.utf8CodeUnitCount
    expected = .separator
    return token
  }

  // MARK: Numbers and strings

  private mutating func digits() throws(JSONFailure) {
    let start = offset
    while offset < text.count, text[offset] &- UInt8(ascii: "0") < 10 { offset += 1 }
    if offset == start { throw failure("expected a digit here") }
  }

  private mutating func number() throws(JSONFailure) {
    let start = offset
    if text[offset] == UInt8(ascii: "-") { offset += 1 }
    if offset < text.count, text[offset] == UInt8(ascii: "0") {
      offset += 1
      if offset < text.count, text[offset] &- UInt8(ascii: "0") < 10 { throw failure("a number cannot begin with 0") }
    } else {
      try digits()
    }
    if offset < text.count, text[offset] == UInt8(ascii: ".") {
      offset += 1
      try digits()
    }
    if offset < text.count, text[offset] | 0x20 == UInt8(ascii: "e") {
      offset += 1
      if offset < text.count, text[offset] == UInt8(ascii: "+") || text[offset] == UInt8(ascii: "-") { offset += 1 }
      try digits()
    }
    raw = start..<offset
    hasEscapes = false
  }

  /// Reads a string, from its opening to behind its closing quote.
  private mutating func quoted() throws(JSONFailure) {
    offset += 1
    var start = offset
    hasEscapes = false
    while offset < text.count {
      offset = endOfPlainBytes
      guard offset < text.count else { break }
      switch text[offset] {
      case UInt8(ascii: "\""):
        if hasEscapes { append(start..<offset) }
        raw = start..<offset
        offset += 1
        return
      case UInt8(ascii: "\\"):
        if !hasEscapes { decoded.removeAll(keepingCapacity: true) }
        hasEscapes = true
        append(start..<offset)
        try escape()
        start = offset
      default: throw failure("a control character in a string must be written as an escape, such as \\n")
      }
    }
    throw failure("expected '\"' at the end of a string")
  }

  /// Up to where bytes stand for themselves in a string.
  private var endOfPlainBytes: Int {
    unsafe text.withUnsafeBufferPointer { bytes in unsafe bytes.baseAddress.map { unsafe sk_find_string_end($0, offset, bytes.count) } ?? offset }
  }

  private mutating func append(_ range: Range<Int>) {
    unsafe text.extracting(range).withUnsafeBufferPointer { unsafe decoded.append(contentsOf: $0) }
  }

  private mutating func escape() throws(JSONFailure) {
    let start = offset
    guard offset + 1 < text.count else {
      offset = text.count
      throw failure("expected the rest of an escape")
    }
    offset += 2
    switch text[start + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): decoded.append(text[start + 1])
    case UInt8(ascii: "b"): decoded.append(0x08)
    case UInt8(ascii: "f"): decoded.append(0x0C)
    case UInt8(ascii: "n"): decoded.append(0x0A)
    case UInt8(ascii: "r"): decoded.append(0x0D)
    case UInt8(ascii: "t"): decoded.append(0x09)
    case UInt8(ascii: "u"):
      let scalar = try scalar(from: start)
      decoded.append(contentsOf: scalar.utf8)
    default:
      offset = start
      throw failure("there is no such escape in JSON")
    }
  }

  /// The character of `\uXXXX`, or of two of them that are a surrogate pair; the reader stands behind the first `\u`.
  private mutating func scalar(from start: Int) throws(JSONFailure) -> Unicode.Scalar {
    let first = try fourHexDigits()
    if let scalar = Unicode.Scalar(first) { return scalar }
    let behind = offset
    if first < 0xDC00, offset + 1 < text.count, text[offset] == UInt8(ascii: "\\"), text[offset + 1] == UInt8(ascii: "u") {
      offset += 2
      let second = try fourHexDigits()
      if 0xDC00...0xDFFF ~= second, let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)) { return scalar }
    }
    if replacesHalfPairs {
      offset = behind
      return "\u{FFFD}"
    }
    offset = start
    throw failure("half of a surrogate pair is no character")
  }

  private mutating func fourHexDigits() throws(JSONFailure) -> UInt32 {
    var number: UInt32 = 0
    for _ in 0..<4 {
      guard offset < text.count, let digit = Character(Unicode.Scalar(text[offset])).hexDigitValue, text[offset] < 0x80 else {
        throw failure("expected four hexadecimal digits here")
      }
      number = number << 4 + UInt32(digit)
      offset += 1
    }
    return number
  }
}
