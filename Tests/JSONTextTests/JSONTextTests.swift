// Values come back as they were. What is JSON and what is not: JSONReaderTests.
import JSONText
import Testing

@Suite struct JSONTextTests {
  static let good: [(String, String)] = [
    ("null", "null"), (" [ 1 , -0.5e+10 , true ] ", "[1,-0.5e+10,true]"), (#"{"b":1,"a":{"b":1,"c":2}}"#, #"{"b":1,"a":{"b":1,"c":2}}"#),
    (#""\u0041\u00e9\n\/\ud83d\ude00""#, "\"Aé\\n/😀\""),
    ("\u{FEFF}{}", "{}"), ("0", "0"), (#""\u0000""#, #""\u0000""#), ("[[],{}]", "[[],{}]"),
  ]
  @Test(arguments: good) func readsAndWrites(_ text: String, _ written: String) throws {
    let value = try JSONValue(parsing: text)
    #expect(value.compact == written)
    #expect(try JSONValue(parsing: value.indented()) == value)
  }

  @Test func halfPairs() throws {
    #expect(throws: JSONFailure.self) { try JSONValue(parsing: #""\ud83d""#) }
    for (text, written) in [(#""\ud83d""#, "\"\u{FFFD}\""), (#""\ud83d\u0041""#, "\"\u{FFFD}A\""), (#""\ude00\ud83d\ude00""#, "\"\u{FFFD}😀\"")] {
      #expect(try JSONValue(parsing: Array(text.utf8).span, replacesHalfPairs: true).compact == written)
    }
  }

  @Test func membersAreSetAndRemoved() throws {
    var object = try #require(try JSONValue(parsing: #"{"a":1,"b":2}"#).object)
    object["a"] = nil
    object["c"] = .null
    object["b"] = .number(3)
    #expect(JSONValue.object(object).compact == #"{"b":3,"c":null}"#)
  }

  @Test func comparesBytes() {
    #expect(JSONValue.string("\u{E9}") != JSONValue.string("e\u{301}"))
  }

  @Test(arguments: [
    (#"{"a":{"b":1},"c":2}"#, 5..<12), (#"{"a": {"b":1} }"#, 6..<13), (#"{"a":{"b":1 }}"#, 5..<13), (#"{"a":{"b":1"#, nil), (#"{"a":"{\"b\":1}"}"#, nil), (#"{"a":1}"#, nil),
  ] as [(String, Range<Int>?)])
  func skipsWhatIsKnown(_ text: String, _ place: Range<Int>?) throws {
    let bytes = Array(text.utf8), known = Array(#"{"b":1}"#.utf8)
    var reader = try JSONReader(bytes.span)
    // Where a name is to come there is no value to be skipped.
    let early = (reader.skipObject(writtenAs: Span()), try reader.next(), reader.skipObject(writtenAs: known.span))
    #expect(early.0 == nil && early.1 == .objectStart && early.2 == nil)
    let name = try reader.next(), found = reader.skipObject(writtenAs: known.span)
    #expect(name == .name && found == place)
    guard found != nil else { return }
    while try reader.next() != .end {}
  }

  /// White space stands beside marks only, and in strings it is a character like others.
  @Test(arguments: [
    (#"{"b": [12, "x \"y\\"], "c": {}}"#, true), (#" {~"b" :[ 12~, "x \"y\\" ]~,"c":{ } } "#, true), (#"{"b":[1 2,"x \"y\\"],"c":{}}"#, false),
    (#"{"b":[12,"x  \"y\\"],"c":{}}"#, false), (#"{"b":[12,"x\"y\\"],"c":{}}"#, false), (#"{"b":[12,"x \" y\\"],"c":{}}"#, false), (#"{"b":[12,"x \"y\\ "],"c":{}}"#, false),
    (#"{"b" :[12,"x \"y\\"],"c":{}"#, false), (#"{"b":[12,"x \"y\\"] ,"c":{"d":1}}"#, false), (#"{"b":[12,,"x \"y\\"],"c":{}}"#, false),
  ])
  func skipsWhatIsKnownSpaced(_ text: String, _ isKnown: Bool) throws {
    let bytes = Array(text.replacing("~", with: "\r\n\t").utf8), known = Array(#"{"b":[12,"x \"y\\"],"c":{}}"#.utf8)
    var reader = try JSONReader(bytes.span)
    let found = reader.skipObject(writtenAs: known.span)
    #expect((found != nil) == isKnown)
    guard let found else { return }
    #expect(bytes[found.lowerBound] == UInt8(ascii: "{") && bytes[found.upperBound - 1] == UInt8(ascii: "}"))
    let end = try reader.next()
    #expect(end == .end)
  }

  /// Whatever the bytes: no trap, and what is read is written as text that reads the same.
  @Test func bearsMutants() throws {
    var state: UInt64 = 7
    func random(_ bound: Int) -> Int {
      state = state &* 6364136223846793005 &+ 1442695040888963407
      return Int(state >> 33) % bound
    }
    let seeds = JSONTextTests.good.map { Array($0.0.utf8) }
    let telling = Array("{}[]\",:\\u0e-".utf8)
    for _ in 0..<20_000 {
      var bytes = seeds[random(seeds.count)] + seeds[random(seeds.count)]
      for _ in 0..<random(4) where !bytes.isEmpty {
        switch random(3) {
        case 0: bytes[random(bytes.count)] = UInt8(random(256))
        case 1: bytes.remove(at: random(bytes.count))
        default: bytes.insert(telling[random(telling.count)], at: random(bytes.count))
        }
      }
      guard let value = try? JSONValue(parsing: bytes) else { continue }
      #expect(try JSONValue(parsing: value.compact) == value)
      #expect(try JSONValue(parsing: value.indented()) == value)
    }
  }
}
