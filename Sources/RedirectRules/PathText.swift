// Owns: the spelling of paths. A rule and a request are compared in one canonical spelling; what leaves in a Location is spelt so that it
// can be nothing but what it was meant to be. Pure functions over bytes; any thread. Source: RFC 3986, 2 and 6.2.2.1; RFC 9110, 10.2.2.

/// What a byte may be in a request's path or a Location.
struct ByteClass: OptionSet {
  let rawValue: UInt8
  /// unreserved, or a sub-delim, `:`, `@`: may stand in a segment (RFC 3986, 3.3).
  static let segment = ByteClass(rawValue: 1)
  /// unreserved alone.
  static let unreserved = ByteClass(rawValue: 2)
  /// `?`, `#`, `[`, `]`: reserved elsewhere in a URI, and never encoded in what a person wrote.
  static let other = ByteClass(rawValue: 4)
  /// A capital letter.
  static let capital = ByteClass(rawValue: 8)

  @inline(__always) init(rawValue: UInt8) { self.rawValue = rawValue }
  @inline(__always) init(_ byte: UInt8) { rawValue = byteClasses[Int(byte)] }
}

/// One class for each byte. A literal InlineArray is a static table, and a byte as index needs no check.
private let byteClasses: InlineArray<256, UInt8> = [
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  // ! " # $ % & ' ( ) * + , - . / 0-9 : ; < = > ?
  0, 1, 0, 4, 1, 0, 1, 1, 1, 1, 1, 1, 1, 3, 3, 1, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 1, 1, 0, 1, 0, 4,
  // @ A-Z [ \ ] ^ _
  1, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 4, 0, 4, 0, 3,
  // ` a-z { | } ~
  0, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 0, 0, 0, 3, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
]

let slash = UInt8(ascii: "/"), percent = UInt8(ascii: "%"), colon = UInt8(ascii: ":"), question = UInt8(ascii: "?")

/// The spellings of paths.
enum PathText {
  /// Whether a path is in canonical spelling already: nearly all are.
  static func isCanonical(_ path: Span<UInt8>) -> Bool {
    for i in 0..<path.count where !ByteClass(path[i]).contains(.segment) {
      guard path[i] == percent, hasPair(path, at: i), isCapitalHex(path[i + 1]), isCapitalHex(path[i + 2]) else { return false }
    }
    return true
  }

  /// The canonical spelling: bytes that cannot stand in a path are percent-encoded, the digits of percent-encodings are capitals. Nothing
  /// is decoded: `%2F` stays no slash, `%61` no `a`.
  static func canonical(_ path: Span<UInt8>) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(path.count + 16)
    for i in 0..<path.count {
      let byte = path[i]
      if ByteClass(byte).contains(.segment) {
        // The digits of an encoding that began one or two bytes before.
        let isDigit = i > 0 && path[i - 1] == percent && hasPair(path, at: i - 1) || i > 1 && path[i - 2] == percent && hasPair(path, at: i - 2)
        text.append(isDigit && byte >= UInt8(ascii: "a") ? byte & 0xDF : byte)
      } else if byte == percent && hasPair(path, at: i) {
        text.append(percent)
      } else {
        encode(byte, into: &text)
      }
    }
    return text
  }

  /// Every percent-encoding decoded once; what is none stays as it is.
  static func decoded(_ path: Span<UInt8>) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(path.count)
    var i = 0
    while i < path.count {
      if path[i] == percent, hasPair(path, at: i), let high = hexValue(path[i + 1]), let low = hexValue(path[i + 2]) {
        text.append(high << 4 | low)
        i += 3
      } else {
        text.append(path[i])
        i += 1
      }
    }
    return text
  }

  /// ASCII capitals made small.
  static func folded(_ path: Span<UInt8>) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(path.count)
    for i in 0..<path.count { text.append(lowercased(path[i])) }
    return text
  }

  /// What a person wrote as a target, fit for a Location: what cannot stand in a URI is encoded, a lone `%` too; all else is as written.
  static func reference(_ text: Span<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count + 16)
    for i in 0..<text.count {
      let byte = text[i], isFine = !ByteClass(byte).isDisjoint(with: [.segment, .other]) || byte == percent && hasPair(text, at: i)
      if isFine { result.append(byte) } else { encode(byte, into: &result) }
    }
    return result
  }

  @inline(__always) static func lowercased(_ byte: UInt8) -> UInt8 { byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte }

  /// Whether two hexadecimal digits follow the byte at `index`.
  static func hasPair(_ text: Span<UInt8>, at index: Int) -> Bool {
    index + 2 < text.count && hexValue(text[index + 1]) != nil && hexValue(text[index + 2]) != nil
  }

  static func encode(_ byte: UInt8, into text: inout [UInt8]) {
    text.append(percent)
    text.append(digits[Int(byte >> 4)])
    text.append(digits[Int(byte & 15)])
  }
  private static let digits = Array("0123456789ABCDEF".utf8)

  static func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  private static func isCapitalHex(_ byte: UInt8) -> Bool { byte < UInt8(ascii: "a") }
}

extension Span<UInt8> {
  /// A copy of the bytes.
  var copied: [UInt8] {
    var copy: [UInt8] = []
    copy.reserveCapacity(count)
    for i in 0..<count { copy.append(self[i]) }
    return copy
  }

  /// Whether the bytes from `start` on begin with these.
  func hasBytes(_ other: Span<UInt8>, at start: Int = 0) -> Bool {
    guard start + other.count <= count else { return false }
    for i in 0..<other.count where self[start + i] != other[i] { return false }
    return true
  }

  /// Whether both are the same bytes.
  @inline(__always) func equals(_ other: Span<UInt8>) -> Bool {
    guard count == other.count else { return false }
    if count < 8 {
      for i in 0..<count where self[i] != other[i] { return false }
      return true
    }
    var i = 0
    while i < count - 8 {
      if word(i) != other.word(i) { return false }
      i += 8
    }
    return word(count - 8) == other.word(count - 8)   // some of them a second time
  }

  /// Eight bytes from `start` on as one little-endian word; they must lie inside.
  @inline(__always) func word(_ start: Int) -> UInt64 { unsafe bytes.unsafeLoadUnaligned(fromByteOffset: start, as: UInt64.self).littleEndian }
}
