// Comparing bytes, word by word, says what comparing them one by one says.
import Testing

@testable import HTTPWire

@Suite struct BytesTests {
  static let literals: [StaticString] = ["close", "upgrade", "chunked", "keep-alive", "100-continue", "cloudfront-", "https://", "access-control-request-headers"]

  /// Every byte at every place of every literal, with the others as they are and in capitals.
  @Test(arguments: literals.indices)
  func lowercase(_ index: Int) {
    let literal = Self.literals[index], plain = Array("\(literal)".utf8)
    for text in [plain, Array("\(literal)".uppercased().utf8)] {
      #expect(spells(text, literal))
      #expect(!spells(text + [0x20], literal))
      #expect(!spells(text.dropLast(), literal))
      for place in text.indices {
        for byte in UInt8.min...UInt8.max {
          var changed = text
          changed[place] = byte
          let expected = changed.map(\.lowercased) == plain
          if spells(changed, literal) != expected { Issue.record("\(literal): byte \(byte) at \(place)") }
        }
      }
    }
  }

  private func spells(_ text: [UInt8], _ literal: StaticString) -> Bool { text.span.equalsLowercase(literal) }
}
