// Owns: small questions about runs of bytes, asked while parsing. All reads are bounds-checked or stay inside a checked span.
import CSystem

extension Span where Element == UInt8 {
  /// `count` bytes from `start` on.
  @inlinable @_lifetime(copy self) public func slice(_ start: Int, _ count: Int) -> Span<UInt8> { extracting(start..<(start + count)) }

  /// Whether the bytes are these, letter case aside. `literal` is lower case: letters, digits and punctuation up to `?`.
  public func equalsLowercase(_ literal: StaticString) -> Bool {
    guard count == literal.utf8CodeUnitCount else { return false }
    return literal.withUTF8Buffer { unsafe matchesLowercase($0) }
  }
  /// Whether the bytes begin with these, letter case aside.
  public func startsWithLowercase(_ literal: StaticString) -> Bool {
    let n = literal.utf8CodeUnitCount
    guard count >= n else { return false }
    return extracting(..<n).equalsLowercase(literal)
  }
  private func matchesLowercase(_ literal: UnsafeBufferPointer<UInt8>) -> Bool {
    if count < 8 {
      for i in 0..<count where unsafe self[i].lowercased != literal[i] { return false }
      return true
    }
    var i = 0
    while i + 8 < count {
      guard unsafe matchesLowercase(literal, at: i) else { return false }
      i += 8
    }
    return unsafe matchesLowercase(literal, at: count - 8)   // some bytes twice
  }
  /// Eight bytes at once: capitals differ from small letters by the bit 0x20, which all other bytes of a literal have; what lacks it and
  /// is no capital is a control byte, and has neither that bit nor the next.
  @inline(__always) private func matchesLowercase(_ literal: UnsafeBufferPointer<UInt8>, at i: Int) -> Bool {
    let here = word(i), wanted = unsafe UnsafeRawBufferPointer(literal).loadUnaligned(fromByteOffset: i, as: UInt64.self).littleEndian
    return here | 0x2020_2020_2020_2020 == wanted && (here >> 5 | here >> 6) & 0x0101_0101_0101_0101 == 0x0101_0101_0101_0101
  }
  /// Whether two runs are the same.
  public func equals(_ other: Span<UInt8>) -> Bool {
    guard count == other.count else { return false }
    guard count >= 8 else {
      for i in 0..<count where self[i] != other[i] { return false }
      return true
    }
    var i = 0
    while i + 8 < count {
      if word(i) != other.word(i) { return false }
      i += 8
    }
    return word(count - 8) == other.word(count - 8)   // some bytes twice
  }
  /// Whether two runs are the same, ASCII letter case aside.
  public func equalsIgnoringCase(_ other: Span<UInt8>) -> Bool {
    guard count == other.count else { return false }
    for i in 0..<count where self[i].lowercased != other[i].lowercased { return false }
    return true
  }
  /// The first place of a byte, or nil.
  public func firstIndex(of byte: UInt8) -> Int? {
    let place = next(byte, from: 0)
    return place < count ? place : nil
  }
  /// Where a byte stands next, from `start` on (at most ``count``), or ``count``.
  @inline(__always) public func next(_ byte: UInt8, from start: Int) -> Int {
    precondition(start >= 0 && start <= count, "searched outside of the bytes")
    return unsafe withUnsafeBufferPointer { unsafe sk_find_byte($0.baseAddress, start, $0.count, byte) }
  }
  /// Without spaces and tabs at both ends (OWS, RFC 9110, 5.6.3).
  @_lifetime(copy self) public func trimmed() -> Span<UInt8> {
    var start = 0, end = count
    while start < end, self[start] == 32 || self[start] == 9 { start += 1 }
    while end > start, self[end - 1] == 32 || self[end - 1] == 9 { end -= 1 }
    return extracting(start..<end)
  }
  /// The bytes as text, invalid UTF-8 replaced. Off the hot path.
  public var text: String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    for i in 0..<count { bytes.append(self[i]) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Eight bytes from `start` on as one little-endian word; they must lie inside.
  @inline(__always) func word(_ start: Int) -> UInt64 { unsafe bytes.unsafeLoadUnaligned(fromByteOffset: start, as: UInt64.self).littleEndian }
  /// Where a field value stops: the first control byte but HTAB, or ``count``.
  @inline(__always) func valueEnd(from start: Int) -> Int { unsafe withUnsafeBufferPointer { unsafe sk_find_value_end($0.baseAddress, start, $0.count) } }
  /// Where a request target stops: the first control byte, space or '#', or ``count``.
  @inline(__always) func targetEnd(from start: Int) -> Int { unsafe withUnsafeBufferPointer { unsafe sk_find_target_end($0.baseAddress, start, $0.count) } }
  /// Where a token (RFC 9110, 5.6.2) stops, or ``count``.
  @inline(__always) func tokenEnd(from start: Int) -> Int {
    var i = unsafe withUnsafeBufferPointer { unsafe sk_find_common_name_end($0.baseAddress, start, $0.count) }
    while i < count && self[i].isTokenCharacter { i += 1 }
    return i
  }
}

extension UInt8 {
  /// ASCII lower case.
  @inlinable public var lowercased: UInt8 { self >= 65 && self <= 90 ? self | 0x20 : self }
  /// An ASCII digit.
  @inlinable public var isDigit: Bool { self >= 48 && self <= 57 }
  /// A tchar of RFC 9110, 5.6.2.
  @inline(__always) var isTokenCharacter: Bool { characterClasses[Int(self)] & 1 != 0 }
  /// A character of a host's name (RFC 3986, 3.2.2): unreserved, sub-delims but ','; no '%': DNS has no use for it.
  @inline(__always) var isNameCharacter: Bool { characterClasses[Int(self)] & 2 != 0 }
}

/// Bit 0: tchar; bit 1: character of a host's name. A literal InlineArray is a static table, and a byte as index needs no check.
private let characterClasses: InlineArray<256, UInt8> = [
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  // ! " # $ % & ' ( ) * + , - . / 0-9 : ; < = > ?
  0, 3, 0, 1, 3, 1, 3, 3, 2, 2, 3, 3, 0, 3, 3, 0, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 0, 2, 0, 2, 0, 0,
  // @ A-Z [ \ ] ^ _
  0, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 0, 0, 0, 1, 3,
  // ` a-z { | } ~
  1, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 0, 1, 0, 3, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
]
