// Owns: base64 as bodies are written in events (RFC 4648, 4): the plain alphabet, padded. Pure; any thread.

/// Base64, strictly: one way to write anything.
public enum Base64 {
  private static let alphabet: InlineArray<64, UInt8> = {
    var letters = InlineArray<64, UInt8>(repeating: 0)
    for (index, letter) in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8.enumerated() { letters[index] = letter }
    return letters
  }()
  /// By byte: its digit; 64 for none.
  private static let digits: InlineArray<256, UInt8> = {
    var digits = InlineArray<256, UInt8>(repeating: 64)
    for index in 0..<64 { digits[Int(alphabet[index])] = UInt8(index) }
    return digits
  }()

  /// Bytes in base64.
  public static func encoded(_ bytes: [UInt8]) -> [UInt8] {
    var text: [UInt8] = []
    append(bytes.span, to: &text)
    return text
  }

  /// Appends bytes in base64.
  static func append(_ bytes: Span<UInt8>, to text: inout [UInt8]) {
    text.reserveCapacity(text.count + (bytes.count + 2) / 3 * 4)
    let alphabet = alphabet
    var i = 0
    while i < bytes.count {
      let left = bytes.count - i
      let word = UInt32(bytes[i]) << 16 | (left > 1 ? UInt32(bytes[i + 1]) << 8 : 0) | (left > 2 ? UInt32(bytes[i + 2]) : 0)
      text.append(alphabet[Int(word >> 18)])
      text.append(alphabet[Int(word >> 12 & 63)])
      text.append(left > 1 ? alphabet[Int(word >> 6 & 63)] : UInt8(ascii: "="))
      text.append(left > 2 ? alphabet[Int(word & 63)] : UInt8(ascii: "="))
      i += 3
    }
  }

  /// The bytes that a text stands for; nil when it is no base64.
  public static func decoded(_ text: [UInt8]) -> [UInt8]? {
    guard text.count % 4 == 0 else { return nil }
    var end = text.count
    while end > 0 && text.count - end < 2 && text[end - 1] == UInt8(ascii: "=") { end -= 1 }
    let digits = digits
    var bytes: [UInt8] = []
    bytes.reserveCapacity(end / 4 * 3 + 2)
    var bits: UInt32 = 0, count: UInt32 = 0
    for index in 0..<end {
      let digit = digits[Int(text[index])]
      guard digit < 64 else { return nil }
      bits = bits << 6 | UInt32(digit)
      count += 6
      guard count >= 8 else { continue }
      count -= 8
      bytes.append(UInt8(truncatingIfNeeded: bits >> count))
    }
    return bits & (1 << count - 1) == 0 ? bytes : nil
  }
}
