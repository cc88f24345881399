// Bodies: what is payload, what is framing, what is refused; and that it does not matter how the bytes arrive.
import HTTPWire
import Testing

@Suite struct BodyDecoderTests {
  /// Feeds the bytes in pieces of `size` and returns the payload, or nil when the body is refused. `rest` stays undecoded behind it.
  static func decode(_ text: String, _ framing: BodyFraming = .chunked, size: Int) -> (payload: String?, done: Bool, rest: String) {
    var decoder = BodyDecoder(framing), pending: [UInt8] = [], payload: [UInt8] = []
    var input = Array(text.utf8)[...]
    while true {
      switch decoder.next(pending.span) {
      case .payload(let n):
        payload += pending.prefix(n)
        pending.removeFirst(n)
      case .framing(let n), .trailers(let n): pending.removeFirst(n)
      case .done: return (String(decoding: payload, as: UTF8.self), true, String(decoding: pending + input, as: UTF8.self))
      case .malformed: return (nil, false, "")
      case .incomplete:
        if input.isEmpty { return (String(decoding: payload, as: UTF8.self), false, "") }
        pending += input.prefix(size)
        input = input.dropFirst(size)
      }
    }
  }

  @Test(arguments: [
    ("0\r\n\r\n", ""), ("5\r\nhello\r\n0\r\n\r\n", "hello"), ("A\r\n0123456789\r\n1\r\n!\r\n0\r\n\r\n", "0123456789!"),
    ("5;a=b;c=\"d;\\\"e\"\r\nhello\r\n0;x\r\n\r\n", "hello"), ("5 ; a\r\nhello\r\n0\r\n\r\n", "hello"),
    ("5\r\nhello\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\n", "hello"), ("00000005\r\nhello\r\n000\r\n\r\n", "hello"),
  ])
  func chunks(_ text: String, _ expected: String) {
    for size in [1, 2, 3, 7, 1000] {
      let (payload, done, rest) = Self.decode(text + "GET", size: size)
      #expect(payload == expected && done && rest == "GET", "in pieces of \(size)")
    }
  }

  @Test(arguments: [
    "\r\nhello", "x\r\n", "-1\r\n", "+5\r\nhello\r\n", "0x5\r\nhello\r\n", "5\nhello\n0\n\n", "5\r\nhello0\r\n\r\n", "5\r\nhelloXX0\r\n\r\n",
    "5 \r\nhello\r\n", "5;a\nhello", "5;\"a\r\n", "1000000000000000\r\n", "0\r\n folded\r\n\r\n", "0\r\nno colon\r\n\r\n", "0\r\nA: b\n\r\n",
  ])
  func malformedChunks(_ text: String) {
    for size in [1, 3, 1000] { #expect(Self.decode(text, size: size).payload == nil, "in pieces of \(size)") }
  }

  @Test func lengths() {
    #expect(Self.decode("helloGET", .length(5), size: 3) == ("hello", true, "GET"))
    #expect(Self.decode("hel", .length(5), size: 3) == ("hel", false, ""))
    #expect(Self.decode("all of it", .untilClose, size: 4) == ("all of it", false, ""))
  }

  /// The trailer section, with its empty line, is told from framing wherever the bytes are cut.
  @Test(arguments: ["\r\n", "A: b\r\n\r\n", "a:\r\nB: c: d\r\n\r\n"]) func trailers(_ section: String) {
    let text = Array("5;x\r\nhello\r\n0;y\r\n\(section)".utf8)
    for size in 1...text.count {
      var decoder = BodyDecoder(.chunked), pending: [UInt8] = [], trailers: [UInt8] = [], input = text[...]
      while !decoder.isDone, !input.isEmpty {
        pending += input.prefix(size)
        input = input.dropFirst(size)
        loop: while !decoder.isDone {
          switch decoder.next(pending.span) {
          case .payload(let n), .framing(let n): pending.removeFirst(n)
          case .trailers(let n):
            trailers += pending.prefix(n)
            pending.removeFirst(n)
          case .done, .incomplete, .malformed: break loop
          }
        }
      }
      #expect(decoder.isDone && trailers == Array(section.utf8), "in pieces of \(size)")
    }
  }

  @Test func extensionsAndTrailersAreBounded() {
    #expect(Self.decode("5;" + String(repeating: "x", count: BodyDecoder.maximumExtensionBytes + 1), size: 1000).payload == nil)
    #expect(Self.decode("0\r\nA: " + String(repeating: "x", count: BodyDecoder.maximumTrailerBytes + 1), size: 1000).payload == nil)
  }
}
