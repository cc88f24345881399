// Owns: where a byte stands, as editors count. Pure; any thread.

/// A line and a column. Going from byte to byte in a text costs what lies in between, so that many places in order cost one
/// pass.
public struct TextPosition: Sendable, Equatable {
  /// The line, from 1; lines end with LF.
  public private(set) var line = 1
  /// The column in Unicode scalars, from 1.
  public private(set) var column = 1
  private var offset = 0

  /// The text's beginning.
  public init() {}

  /// The place of a byte; the text's end for one beyond it.
  public init(of offset: Int, in text: Span<UInt8>) {
    move(to: offset, in: text)
  }

  /// Goes to another byte of the same text; from the beginning when it lies before this one.
  public mutating func move(to target: Int, in text: Span<UInt8>) {
    if target < offset { self = TextPosition() }
    let target = min(target, text.count)
    while offset < target {
      let byte = text[offset]
      if byte == UInt8(ascii: "\n") {
        (line, column) = (line + 1, 1)
      } else if byte & 0xC0 != 0x80 {
        column += 1
      }
      offset += 1
    }
  }
}
