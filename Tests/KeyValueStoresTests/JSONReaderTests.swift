// RFC 8259, case by case, and where things stand.
import JSONText
import Testing

struct JSONReaderTests {
  /// The tokens of a text as words, and the failure at its end.
  static func tokens(_ text: [UInt8], maximumDepth: Int = 64) -> String {
    var words: [String] = []
    do throws(JSONFailure) {
      var reader = try JSONReader(text.span, maximumDepth: maximumDepth)
      while true {
        let token = try reader.next()
        switch token {
        case .objectStart: words.append("{")
        case .objectEnd: words.append("}")
        case .arrayStart: words.append("[")
        case .arrayEnd: words.append("]")
        case .name: words.append("\(reader.string):")
        case .string: words.append("'\(reader.string)'")
        case .number: words.append(reader.string)
        case .bool(let flag): words.append("\(flag)")
        case .null: words.append("null")
        case .end: return words.joined(separator: " ")
        }
      }
    } catch {
      words.append("! \(error.offset) \(error.text)")
    }
    return words.joined(separator: " ")
  }

  @Test(arguments: [
    (#"{}"#, "{ }"), (#"[]"#, "[ ]"), (" \t\r\n null \n", "null"), (#""""#, "''"), ("0", "0"), ("-0", "-0"), ("-12.50e+3", "-12.50e+3"),
    ("1E9", "1E9"), ("[true,false , null]", "[ true false null ]"), (#"{"a":{"b":[1,{"c":2}]},"d":"e"}"#, "{ a: { b: [ 1 { c: 2 } ] } d: 'e' }"),
    (#"{"a":1,"a":2}"#, "{ a: 1 a: 2 }"), (#"["\"\\\/\b\f\n\r\t"]"#, "[ '\"\\/\u{8}\u{c}\n\r\t' ]"),
    (#""\u0041\u00e9\u20AC\uD83D\ude00.""#, "'Aé€😀.'"), (#""x\u0000y""#, "'x\0y'"), ("\"é😀\u{7f}\"", "'é😀\u{7f}'"), ("\u{feff}[1]", "[ 1 ]"),
    (#"{ "\u0061b" : "c" }"#, "{ ab: 'c' }"),
  ])
  func good(text: String, expected: String) {
    #expect(Self.tokens(Array(text.utf8)) == expected)
  }

  @Test(arguments: [
    ("", "! 0 the text ends too early: expected a value here"), ("  ", "! 2 the text ends too early: expected a value here"),
    ("tru", "! 0 expected a value here"), ("True", "! 0 expected a value here"), ("nul", "! 0 expected a value here"), ("'a'", "! 0 expected a value here"),
    ("NaN", "! 0 expected a value here"), ("+1", "! 0 expected a value here"), (".5", "! 0 expected a value here"), ("// x\n1", "! 0 expected a value here"),
    ("01", "! 1 a number cannot begin with 0"), ("-", "! 1 the text ends too early: expected a digit here"), ("1.", "! 2 the text ends too early: expected a digit here"),
    ("1.e3", "! 2 expected a digit here"), ("1e", "! 2 the text ends too early: expected a digit here"), ("-a", "! 1 expected a digit here"),
    ("1 2", "1 ! 2 nothing may follow the value"), ("{}}", "{ } ! 2 nothing may follow the value"), ("1,", "1 ! 1 nothing may follow the value"),
    ("[1,]", "[ 1 ! 3 a value must follow the ','"), ("[,1]", "[ ! 1 expected a value here"), ("[1 2]", "[ 1 ! 3 expected ',' or ']' here"),
    ("[1}", "[ 1 ! 2 expected ',' or ']' here"), ("[", "[ ! 1 the text ends too early: expected a value here"),
    ("[1", "[ 1 ! 2 the text ends too early: expected ',' or ']' here"),
    (#"{"a":1,}"#, "{ a: 1 ! 7 a name must follow the ','"), (#"{"a"}"#, "{ ! 4 expected ':' after a name"), (#"{"a" 1}"#, "{ ! 5 expected ':' after a name"),
    (#"{a:1}"#, "{ ! 1 expected a name in double quotes here"), (#"{1:1}"#, "{ ! 1 expected a name in double quotes here"),
    (#"{"a":}"#, "{ a: ! 5 expected a value here"), (#"{"a":1"b":2}"#, "{ a: 1 ! 6 expected ',' or '}' here"),
    (#"{"a":1]"#, "{ a: 1 ! 6 expected ',' or '}' here"), (#""a"#, "! 2 the text ends too early: expected '\"' at the end of a string"),
    ("\"a\nb\"", "! 2 a control character in a string must be written as an escape, such as \\n"),
    ("\"\u{1f}\"", "! 1 a control character in a string must be written as an escape, such as \\n"),
    (#""\x41""#, "! 1 there is no such escape in JSON"), (#""\""#, "! 3 the text ends too early: expected '\"' at the end of a string"),
    (#""\u12"#, "! 5 the text ends too early: expected four hexadecimal digits here"), (#""\u12G4""#, "! 5 expected four hexadecimal digits here"),
    (#""\ud800""#, "! 1 half of a surrogate pair is no character"), (#""\udc00""#, "! 1 half of a surrogate pair is no character"),
    (#""\ud800\ud800""#, "! 1 half of a surrogate pair is no character"), (#""\ud83dx""#, "! 1 half of a surrogate pair is no character"),
    (#""\"#, "! 2 the text ends too early: expected the rest of an escape"), ("[\u{a0}1]", "[ ! 1 expected a value here"),
  ])
  func bad(text: String, expected: String) {
    #expect(Self.tokens(Array(text.utf8)) == expected)
  }

  @Test func whatIsNotUTF8IsRefusedBeforeAnythingElse() {
    #expect(Self.tokens([0x5B, 0x22, 0xC3, 0x22, 0x5D]) == "! 2 this is not UTF-8")
    #expect(Self.tokens([0x22, 0xED, 0xA0, 0x80, 0x22]) == "! 1 this is not UTF-8")
    #expect(Self.tokens([0xC0, 0x80]) == "! 0 this is not UTF-8")
  }

  @Test func nestingHasItsLimit() {
    #expect(Self.tokens(Array("[[[]]]".utf8), maximumDepth: 3) == "[ [ [ ] ] ]")
    #expect(Self.tokens(Array("[[[{}]]]".utf8), maximumDepth: 3) == "[ [ [ ! 3 values nest more than 3 deep")
    #expect(Self.tokens(Array(repeating: UInt8(ascii: "["), count: 1 << 20)).hasSuffix("! 64 values nest more than 64 deep"))
  }

  @Test func afterTheEndThereIsOnlyTheEnd() throws {
    let text = Array("[1] ".utf8)
    var reader = try JSONReader(text.span)
    while try reader.next() != .end {}
    #expect(try reader.next() == .end)
  }

  @Test func wholeValues() throws {
    let text = Array(#"{"a": [1, -2.5e2, "x", true, null], "b": {"c": "d"}}"#.utf8)
    let value = try JSONValue(parsing: text)
    #expect(value["a"]?.array?.compactMap(\.double) == [1, -250])
    #expect(value["b"]?["c"]?.string == "d")
    #expect(value.object?.members.map(\.name) == ["a", "b"])
    #expect(value["z"] == nil && value["a"]?["c"] == nil)
  }

  @Test(arguments: [
    (#"{"a":1,"b":{"c":1,"\u0063":2}}"#, 18, "the object has a member \"c\" already"),
    ("[1]x", 3, "nothing may follow the value"), ("[1,[}", 4, "expected a value here"),
  ])
  func valuesAreStricter(text: String, offset: Int, message: String) {
    let failure = #expect(throws: JSONFailure.self) { try JSONValue(parsing: Array(text.utf8)) }
    #expect(failure?.offset == offset && failure?.text == message)
  }

  @Test func placesAreCountedAsEditorsDo() {
    let text = Array("a\né€😀b\r\n\nc".utf8)
    let place = TextPosition(of: text.firstIndex(of: UInt8(ascii: "b")) ?? 0, in: text.span)
    #expect(place.line == 2 && place.column == 4)
    var moving = TextPosition()
    for (offset, expected) in [(0, "1:1"), (2, "2:1"), (11, "2:4"), (14, "3:1"), (15, "4:1"), (99, "4:2"), (1, "1:2")] {
      moving.move(to: offset, in: text.span)
      #expect("\(moving.line):\(moving.column)" == expected, "byte \(offset)")
    }
  }
}
