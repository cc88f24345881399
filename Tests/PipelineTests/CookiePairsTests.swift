import Testing
import Transport

@testable import Pipeline

@Suite struct CookiePairsTests {
  static func reads(_ value: String) -> Bool {
    var pairs = CookiePairs()
    let bytes = Array(value.utf8)
    return pairs.read(bytes.span)
  }

  @Test(arguments: [
    ("a=1", "Cookie: a=1\r\n"), ("b=2; a=1", "Cookie: a=1; b=2\r\n"), ("b=2;a=1;  c=3", "Cookie: a=1; b=2; c=3\r\n"),
    ("a=2; a=1", "Cookie: a=2; a=1\r\n"), ("ab=1; a=2", "Cookie: a=2; ab=1\r\n"), ("a=; B=x=y", "Cookie: B=x=y; a=\r\n"),
    ("a=1; b=2", "Cookie: a=1; b=2\r\n"), (" a=1; b=2", "Cookie: a=1; b=2\r\n"), ("a=1; b=2;", "Cookie: a=1; b=2\r\n"), ("a=1  b=2", "Cookie: a=1  b=2\r\n"),
    ("a=1;;b=2", "Cookie: a=1; b=2\r\n"), ("a=1; ;b=2", "Cookie: a=1; b=2\r\n"),
  ])
  func sorts(_ value: String, _ line: String) {
    let bytes = Array(value.utf8)
    var pairs = CookiePairs(), out = ByteBuffer(capacity: 64)
    let isRead = pairs.read(bytes.span)
    #expect(isRead)
    pairs.sort(bytes.span)
    pairs.write(bytes.span, to: &out)
    var written: [UInt8] = []
    for i in 0..<out.count { written.append(out.readable[i]) }
    #expect(String(decoding: written, as: UTF8.self) == line)
  }

  /// What is to be left out, and what is too much, takes the slower way.
  @Test(arguments: ["$Version=1; a=2", "a", "=x", "", "a=1; b"]) func declines(_ value: String) {
    #expect(!Self.reads(value))
  }
  @Test func declinesManyPairs() {
    #expect(!Self.reads((0...CookiePairs.limit).map { "c\($0)=1" }.joined(separator: "; ")))
  }
}
