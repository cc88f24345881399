// --update: case files before and after. The function is a report; nothing is run.
import ConfigurationFile
import JSONText
import Testing

@testable import FunctionTesting

/// Updates a file's cases to reports, in order.
private func update(_ text: String, _ reports: [FunctionReport]) throws -> (text: String, updated: Int, refused: Int) {
  func read(_ bytes: [UInt8]) -> [TestCase]? {
    let problems = Problems()
    let cases = CaseReader(path: "a.yaml", folder: ".", eventType: nil, storeName: nil, problems: problems).cases(bytes)
    return problems.hasErrors ? nil : cases
  }
  let cases = try #require(read(Array(text.utf8)))
  let results = zip(cases, reports).map {
    CaseResult(testCase: $0, report: $1, differences: Matching.differences(of: $1, from: $0.expected), time: .zero)
  }
  let update = CaseUpdate(CaseFile(path: "a.yaml", bytes: Array(text.utf8), cases: cases), results, read: read)
  return (String(decoding: update.bytes, as: UTF8.self), update.updated, update.refused.count)
}

private func redirect(_ location: String, status: Int = 301) throws -> FunctionReport {
  try report(#"{"response": {"statusCode": \#(status), "headers": {"location": {"value": \#(JSONValue.quoted(location))}}, "cookies": {}}}"#)
}

@Suite struct UpdateTests {
  /// The value before and after; a list stays one.
  static let exchanges: [(before: String, after: String)] = [
    ("/old", "/new"), ("\"/old\"   # why", "/new   # why"), ("'it''s'", "/new"), ("null", "/new"), ("~", "/new"), ("[/a, /b]", "[/new]"), ("[ '/a]', \"b]\" ] # ]", "[/new] # ]"),
  ]
  @Test(arguments: exchanges) func valuesAreExchangedWhereTheyStand(_ before: String, _ after: String) throws {
    func file(_ value: String) -> String {
      "# head\n- name: \"é €\"\n  request: {}\n  expect:\n    # inner\n    response:\n      headers:\n        location: \(value)\n        # after\n      statusCode: 301\n\n# tail\n"
    }
    let result = try update(file(before), [redirect("/new")])
    #expect(result.text == file(after) && result.updated == 1 && result.refused == 0)
  }

  @Test func flowStaysFlow() throws {
    let result = try update(
      "- { name: é, request: {}, expect: { response: { statusCode: 302, headers: { location: /old } } } } # c", [redirect("/new, {x}")])
    #expect(result.text == "- { name: é, request: {}, expect: { response: { statusCode: 301, headers: { location: \"/new, {x}\" } } } } # c")
  }

  @Test func onlyFailedCasesChange() throws {
    let text = "- name: a\n  request: {}\n  expect: { response: { statusCode: 301 } }\n- name: b\n  request: {}\n  expect: { response: { statusCode: 302 } }\n"
    let result = try update(text, [redirect("/"), redirect("/", status: 307)])
    #expect(result.text == text.replacing("302", with: "307") && result.updated == 1)
  }

  /// Text after another kind of outcome: the whole `expect:`, and nothing around it.
  @Test func anotherKindIsWrittenAnew() throws {
    let text = "- name: a\n  request: {}\n  expect:\n    response:\n      statusCode: 301   # gone\n      headers:\n        location: /\n  # stays\n- name: b\n  request: {}\n  expect: {}\n"
    let failed = try report(nil, error: "TypeError: x: \"y\"")
    #expect(try update(text, [failed]).text == "- name: a\n  request: {}\n  expect:\n    error: \"TypeError: x: \\\"y\\\"\"\n  # stays\n- name: b\n  request: {}\n  expect: {}\n")
    let passed = try report(#"{"request": {"method": "GET", "uri": "/b", "querystring": {}, "headers": {"x-a": {"value": "1", "multiValue": [{"value": "1"}, {"value": "no"}]}}, "cookies": {}}}"#)
    #expect(try update(text, [passed]).text.contains("  expect:\n    request: { uri: /b, headers: { x-a: [\"1\", \"no\"] } }\n  # stays\n"))
  }

  @Test func blockScalarsAreWrittenAnew() throws {
    let text = "- name: a\n  request: {}\n  expect:\n    response:\n      body: |\n        old\n      statusCode: 200\n"
    let result = try update(text, [report(#"{"response": {"statusCode": 200, "body": "new\n", "cookies": {}}}"#)])
    #expect(result.text == "- name: a\n  request: {}\n  expect:\n    response: { body: \"new\\n\", statusCode: 200 }\n")
  }

  @Test func exactNamesWhatIsNew() throws {
    let text = "- name: a\n  request: {}\n  expect: { response: { exact: true, statusCode: 301 } }\n"
    let result = try update(text, [redirect("/new")])
    #expect(result.text == "- name: a\n  request: {}\n  expect: { response: { exact: true, statusCode: 301, headers: { location: /new } } }\n")
  }

  /// An alias stands for two cases; changing it would break the other one.
  @Test func whatOthersShareStays() throws {
    let text = "- name: a\n  request: {}\n  expect: &e { response: { statusCode: 301 } }\n- name: b\n  request: {}\n  expect: *e\n"
    let result = try update(text, [redirect("/"), redirect("/", status: 302)])
    #expect(result.text == text && result.updated == 0 && result.refused == 1)
  }

  static let strings = ["", "a", "a b", " a", "a ", "yes", "No", "null", "~", "1", "01", "1e3", "a: b", "a #b", "#a", "*a", "&a", "!a", "@a", "`a", "%a", "- a", "? a", "[a", "{a}", "a,b", "'", "\"", "\\", "é", "\u{0}", "\n", "a\n\nb\n", "\u{85}", "\u{2028}", "😀", "2026-01-31", "0x1f", "/a?b=c&d", "text/html; charset=utf-8", "=", "<<", ".5", "+1", "a\tb", "\u{FEFF}", "\u{7F}"]
  @Test(arguments: strings) func anyStringSurvives(_ string: String) throws {
    for text in ["- name: a\n  request: {}\n  expect:\n    response: { statusCode: 301, headers: { location: null } }\n", "- name: a\n  request: {}\n  expect: {error: x}\n"] {
      let result = try update(text, [redirect(string)])
      #expect(result.updated == 1 && result.refused == 0, "\(result.text)")
    }
  }
}
