// What is JSON and what is not (RFC 8259), and that trees come back as they were.
import JSONText
import Testing

@Suite struct JSONTextTests {
  static let good: [(String, String)] = [
    ("null", "null"), (" [ 1 , -0.5e+10 , true ] ", "[1,-0.5e+10,true]"), (#"{"b":1,"a":{"b":1,"b":2}}"#, #"{"b":1,"a":{"b":1,"b":2}}"#),
    (#""\u0041\u00e9\n\/\ud83d\ude00""#, "\"Aé\\n/😀\""), (#""\ud83d""#, "\"\u{FFFD}\""), (#""\ud83d\u0041""#, "\"\u{FFFD}A\""),
    ("\u{FEFF}{}", "{}"), ("0", "0"), (#""\u0000""#, #""\u0000""#), ("[[],{}]", "[[],{}]"),
  ]
  @Test(arguments: good) func readsAndWrites(_ text: String, _ written: String) throws {
    let value = try JSONValue(parsing: text)
    #expect(value.compact == written)
    #expect(try JSONValue(parsing: value.indented()) == value)
  }

  static let bad: [(String, String)] = [
    ("", "1:1: a value is missing at the end"), ("{\"a\":1,}", "1:8: a member's name in quotes is expected here"),
    ("[1 2]", "1:4: a comma or ] is expected here"), ("{\n  \"é\" 1}", "2:7: a colon is expected here"), ("01", "1:1: a number does not begin with 0"),
    ("1.", "1:3: a digit is expected here"), ("-", "1:2: a digit is expected here"), ("\"a", "1:1: this string has no end"),
    ("\"\t\"", "1:2: a control character must be written as \\u0009 here"), (#""\x""#, "1:2: there is no escape like this"),
    (#""\u12g4""#, "1:6: four hexadecimal digits are expected here"), ("nul", "1:1: a value is expected here"),
    ("{} x", "1:4: there is more behind the value"), ("'a'", "1:1: a value is expected here"), ("NaN", "1:1: a value is expected here"),
  ]
  @Test(arguments: bad) func refuses(_ text: String, _ problem: String) {
    #expect { try JSONValue(parsing: text) } throws: { "\($0)" == problem }
  }

  @Test func boundsNesting() throws {
    let deep = { (depth: Int) in String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
    _ = try JSONValue(parsing: deep(JSONValue.maximumDepth))
    #expect(throws: JSONError.self) { try JSONValue(parsing: deep(JSONValue.maximumDepth + 1)) }
    #expect(throws: JSONError.self) { try JSONValue(parsing: deep(1_000_000)) }
  }

  @Test func refusesBytesThatAreNotUTF8() {
    #expect(throws: JSONError(line: 1, column: 1, text: "this string is not UTF-8")) { try JSONValue(parsing: [0x22, 0xC0, 0xAF, 0x22]) }
  }

  @Test func keepsTheLastOfTwoMembers() throws {
    var object = try #require(try JSONValue(parsing: #"{"a":1,"b":2,"a":3}"#).object)
    #expect(object["a"] == .number(3))
    object["a"] = nil
    #expect(JSONValue.object(object).compact == #"{"b":2}"#)
  }

  @Test func comparesBytes() {
    #expect(JSONValue.string("\u{E9}") != JSONValue.string("e\u{301}"))
  }

  /// Whatever the bytes: no trap, and what is read is written as text that reads the same.
  @Test func bearsMutants() throws {
    var state: UInt64 = 7
    func random(_ bound: Int) -> Int {
      state = state &* 6364136223846793005 &+ 1442695040888963407
      return Int(state >> 33) % bound
    }
    let seeds = (JSONTextTests.good.map(\.0) + JSONTextTests.bad.map(\.0)).map { Array($0.utf8) }
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
