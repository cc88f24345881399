// Bytes as scenarios write them: a string literal whose every scalar below U+0100 is one byte on the wire,
// so that "\u{e9}" is the single byte E9 (obs-text) and nothing is silently turned into UTF-8.

typealias Bytes = [UInt8]

/// The bytes of a literal: one per Unicode scalar, which must be below U+0100.
func wire(_ text: String) -> Bytes {
  text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
}

extension String {
  /// Each byte as the scalar of the same number: nothing is lost, whatever the bytes are.
  init(wire bytes: some Sequence<UInt8>) {
    self.init(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
  }

  /// The same text with control and non-ASCII characters spelled out, for failure messages and test names.
  var visible: String {
    unicodeScalars.map { scalar in
      switch scalar {
      case "\r": "\\r"
      case "\n": "\\n"
      case "\t": "\\t"
      case " "..."~": String(scalar)
      default: "\\x" + String(scalar.value, radix: 16)
      }
    }.joined()
  }

  /// Whether any of the text's scalars fall together as `other` does ("\r\n" is one Character, so `contains` would miss).
  func holds(_ other: String) -> Bool { wire(self).position(of: wire(other)) != nil }
}

extension Array where Element == UInt8 {
  /// Where `pattern` first occurs at or after `start`.
  func position(of pattern: [UInt8], from start: Int = 0) -> Int? {
    guard !pattern.isEmpty, count >= pattern.count else { return nil }
    var index = start
    while index + pattern.count <= count {
      if self[index..<index + pattern.count].elementsEqual(pattern) { return index }
      index += 1
    }
    return nil
  }
}
