// Owns: writing JSON and text as bytes, for events. Pure; any thread. Source: RFC 8259, 7.
import JSONText

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

  /// Appends fixed text.
  mutating func append(_ text: StaticString) {
    text.withUTF8Buffer { unsafe append(contentsOf: $0) }
  }

  /// Appends a number.
  mutating func append(decimal number: Int) { append(contentsOf: String(number).utf8) }

  /// Appends a JSON string. What is printable ASCII, which is nearly everything, is copied in runs. Bytes that are no UTF-8 are shown as U+FFFD.
  mutating func append(quoted text: Span<UInt8>) {
    let start = count
    append(34)
    var run = 0
    for i in 0..<text.count {
      let byte = text[i]
      if byte < 0x20 || byte > 0x7E {
        removeSubrange(start...)
        return append(contentsOf: JSONValue.quoted(String(decoding: [UInt8](copying: text), as: UTF8.self)).utf8)
      }
      guard byte == 34 || byte == 92 else { continue }
      append(text.extracting(run..<i))
      append(92)
      run = i
    }
    append(text.extracting(run..<text.count))
    append(34)
  }

  /// The text as events show it: what is no UTF-8 is replaced.
  var shown: [UInt8] { String(validating: self, as: UTF8.self) == nil ? Array(String(decoding: self, as: UTF8.self).utf8) : self }
  /// Whether a function returned this text as it was shown.
  func isUnchanged(in returned: [UInt8]) -> Bool { returned == self || shown == returned }
}

extension Span where Element == UInt8 {
  /// Whether the bytes are these.
  func equals(_ other: Span<UInt8>) -> Bool {
    guard count == other.count else { return false }
    for i in 0..<count where self[i] != other[i] { return false }
    return true
  }

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
