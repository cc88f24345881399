// AWS's import form: what it may be, and the place of everything that is wrong with it.
import KeyValueStores
import Testing

struct ImportTests {
  static func read(_ text: String, isStrict: Bool = false, limits: KeyValueStore.Limits = .init()) -> (store: KeyValueStore?, problems: [String]) {
    read(Array(text.utf8), isStrict: isStrict, limits: limits)
  }

  static func read(_ bytes: [UInt8], isStrict: Bool, limits: KeyValueStore.Limits) -> (store: KeyValueStore?, problems: [String]) {
    let (store, problems) = KeyValueStore.reading(bytes.span, labels: .init(id: "x"), limits: limits, isStrict: isStrict)
    return (store, problems.map { "\($0.line):\($0.column): \($0.isError ? "error" : "warning"): \($0.text)" })
  }

  @Test func goodData() throws {
    let (store, problems) = Self.read(
      #"""
      {
        "data": [
          {"key": "/old", "value": "/new"},
          {"value": "first", "key": "value before key"},
          {"key":"json","value":"{\"status\":301,\"to\":\"\/x\"}"},
          {"key":"caf\u00e9","value":"\uD83D\ude00\u0000"}, {"key":"empty","value":""}
        ]
      }
      """#)
    #expect(problems == [])
    let found = try #require(store)
    #expect(found.count == 5)
    #expect(found["/old"] == "/new" && found["value before key"] == "first" && found["json"] == #"{"status":301,"to":"/x"}"#)
    #expect(found["café"] == "😀\0" && found["empty"] == "")
    #expect(Self.read(#"{"data":[]}"#).store?.count == 0)
  }

  @Test(arguments: [
    ("", ["1:1: error: the text ends too early: expected a value here"]),
    ("[]", ["1:1: error: expected {\"data\": […]} here"]),
    ("{}", ["1:1: error: the file has no member \"data\""]),
    (#"{"data":{}}"#, ["1:9: error: \"data\" must be an array of entries"]),
    (#"{"data":[],"data":[]}"#, ["1:12: error: \"data\" is given twice"]),
    (#"{"version":{"a":[1]},"data":[]}"#, ["1:2: error: the file has one member, \"data\", not \"version\""]),
    (#"{"data":[]} x"#, ["1:13: error: nothing may follow the value"]),
    (#"{"data":[7,{"key":"a","value":"b"},[{}],null]}"#, [
      "1:10: error: expected an entry, {\"key\": \"…\", \"value\": \"…\"}, here", "1:36: error: expected an entry, {\"key\": \"…\", \"value\": \"…\"}, here",
      "1:41: error: expected an entry, {\"key\": \"…\", \"value\": \"…\"}, here"]),
    (#"{"data":[{},{"key":"a"},{"value":"a"}]}"#, [
      "1:10: error: the entry has no \"key\"", "1:13: error: the entry has no \"value\"", "1:25: error: the entry has no \"key\""]),
    (#"{"data":[{"key":"a","value":1},{"key":null,"value":"b"},{"key":"c","value":{"x":[2]}}]}"#, [
      "1:29: error: \"value\" must be a string; other values are written as JSON in a string", "1:39: error: \"key\" must be a string",
      "1:76: error: \"value\" must be a string; other values are written as JSON in a string"]),
    (#"{"data":[{"key":"a","value":"b","ttl":{"s":1}}]}"#, ["1:33: error: an entry has the members \"key\" and \"value\", not \"ttl\""]),
    (#"{"data":[{"key":"a","key":"b","value":"c"},{"key":"a","value":"b","value":"c"}]}"#, [
      "1:21: error: \"key\" is given twice in one entry", "1:67: error: \"value\" is given twice in one entry"]),
    (#"{"data":[{"key":"","value":"b"}]}"#, ["1:17: error: a key cannot be empty"]),
    ("{\"data\":[\n{\"key\":\"é\",\"value\":\"b\"},\n {\"key\":\"\\u00e9\",\"value\":\"c\"}]}", ["3:9: error: the key \"é\" is given twice"]),
    ("{\"data\":[\n{\"key\":\"é\",\"value\":\"b\"}\n{\"key\":\"b\",\"value\":\"c\"}]}", ["3:1: error: expected ',' or ']' here"]),
    (#"{"data":[{"key":"a","value":"\ud800"}]}"#, ["1:30: error: half of a surrogate pair is no character"]),
    (#"{"data":[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]}"#, [
      "1:10: error: expected an entry, {\"key\": \"…\", \"value\": \"…\"}, here", "1:24: error: values nest more than 16 deep"]),
  ])
  func badData(text: String, expected: [String]) {
    let (store, problems) = Self.read(text)
    #expect(problems == expected)
    #expect(store == nil)
  }

  @Test func whatIsNotUTF8() {
    let bytes = Array("{\"data\":[\n{\"key\":\"a".utf8) + [0xE9] + Array("\",\"value\":\"b\"}]}".utf8)
    #expect(Self.read(bytes, isStrict: false, limits: .init()).problems == ["2:10: error: this is not UTF-8"])
  }

  /// What CloudFront would refuse is an error where CloudFront is to be kept to, else a warning told once.
  @Test(arguments: [true, false])
  func cloudFrontsSizes(isStrict: Bool) {
    let word = isStrict ? "error" : "warning"
    func entry(_ key: Int, _ value: Int, _ letter: Character = "k") -> String {
      "{\"key\":\"\(String(repeating: letter, count: key))\",\"value\":\"\(String(repeating: "v", count: value))\"}"
    }
    let fits = Self.read("{\"data\":[\(entry(512, 1024)),\(entry(512, 1, "é"))]}", isStrict: isStrict)
    #expect(fits.problems == [] && fits.store?.count == 2)
    let over = Self.read("{\"data\":[\n\(entry(513, 1)),\n\(entry(514, 1025)),\n\(entry(515, 1025))]}", isStrict: isStrict)
    #expect(over.problems == [
      "2:8: \(word): this key is longer than CloudFront's 512 characters; so are 2 more",
      "3:533: \(word): this value is longer than CloudFront's 1024 bytes; so are 1 more"])
    #expect(over.store?.count == (isStrict ? nil : 3))
    let large = Self.read("{\"data\":[]}" + String(repeating: " ", count: 5 << 20), isStrict: isStrict)
    #expect(large.problems == ["1:1: \(word): CloudFront imports at most 5 MB; this file has 5242891 bytes"])
    #expect((large.store == nil) == isStrict)
  }

  @Test func ownLimits() {
    var limits = KeyValueStore.Limits()
    limits.keyBytes = 3
    limits.valueBytes = 2
    #expect(Self.read(#"{"data":[{"key":"abc","value":"12"}]}"#, limits: limits).store?.count == 1)
    #expect(Self.read(#"{"data":[{"key":"abcd","value":"1"},{"key":"a","value":"123"}]}"#, limits: limits).problems == [
      "1:17: error: this key is longer than 3 bytes", "1:56: error: this value is longer than 2 bytes"])
  }

  @Test func problemsAreBounded() {
    let (_, problems) = Self.read("{\"data\":[" + Array(repeating: "{}", count: 5_000).joined(separator: ",") + "]}")
    #expect(problems.count == KeyValueStore.Limits.maximumProblems + 1)
    #expect(problems.last?.hasSuffix("this file has too many problems; the rest was not read") == true)
  }
}
