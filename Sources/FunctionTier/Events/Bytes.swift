// Owns: comparing and copying text as bytes, for events. Pure; any thread.
import CSystem
import Glibc

extension [UInt8] {
  /// A copy of some bytes.
  init(copying bytes: Span<UInt8>) {
    self = []
    append(bytes)
  }

  /// Appends bytes in one go.
  mutating func append(_ bytes: Span<UInt8>) {
    unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
  }

  /// The text as events show it: what is no UTF-8 is replaced.
  var shown: [UInt8] { String(validating: self, as: UTF8.self) == nil ? Array(String(decoding: self, as: UTF8.self).utf8) : self }
  /// Whether a function returned this text as it was shown.
  func isUnchanged(in returned: [UInt8]) -> Bool { returned == self || shown == returned }
}

extension Span where Element == UInt8 {
  /// Whether the bytes are these.
  func equals(_ other: Span<UInt8>) -> Bool {
    guard count == other.count, count > 0 else { return count == other.count }
    return unsafe withUnsafeBufferPointer { mine in
      unsafe other.withUnsafeBufferPointer { theirs in
        guard let a = mine.baseAddress, let b = theirs.baseAddress else { return false }
        return unsafe memcmp(a, b, count) == 0
      }
    }
  }

  /// Whether one of the bytes is this.
  func holds(_ byte: UInt8) -> Bool {
    unsafe withUnsafeBufferPointer { bytes in
      guard let first = bytes.baseAddress else { return false }
      return unsafe memchr(first, Int32(byte), bytes.count) != nil
    }
  }

  /// Whether a header line can have this value: no control characters but HTAB (RFC 9110, 5.5).
  var isFieldValue: Bool {
    unsafe withUnsafeBufferPointer { bytes in unsafe bytes.baseAddress.map { unsafe sk_find_value_end($0, 0, bytes.count) == bytes.count } ?? true }
  }

  /// A number that is the same for bytes that are equal but for the case of ASCII letters.
  var hashIgnoringCase: UInt32 { unsafe withUnsafeBufferPointer { unsafe sk_hash_ignoring_case($0.baseAddress, $0.count) } }

  /// Whether the bytes are these, ASCII letter case aside.
  func equalsIgnoringCase(_ other: Span<UInt8>) -> Bool {
    guard count == other.count else { return false }
    for i in 0..<count where self[i].lowercased != other[i].lowercased { return false }
    return true
  }
}

extension UInt8 {
  /// ASCII lower case.
  var lowercased: UInt8 { self >= 65 && self <= 90 ? self | 0x20 : self }
}

extension String {
  /// The text of some bytes; what is no UTF-8 is replaced.
  init(text bytes: Span<UInt8>) { self = unsafe bytes.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) } }
}
