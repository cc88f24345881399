// Runs against expectations: what matches, and what is said when it does not. Values in, differences out; no function is run.
import ConfigurationFile
import JSONText
import RewriteEngine
import Testing

@testable import FunctionTesting

/// The expectations of a case file's only case, of its `expect:` alone.
func expected(_ yaml: String) throws -> TestCase.Expected {
  let problems = Problems()
  let reader = CaseReader(path: "a.yaml", folder: ".", eventType: .viewerRequest, storeName: nil, problems: problems)
  let cases = reader.cases(Array("- name: a\n  request: {}\n  expect: \(yaml)".utf8))
  #expect(problems.diagnostics.isEmpty, "\(problems.diagnostics)")
  return try #require(cases.first).expected
}

/// A run's report from JSON: output, and what else is named.
func report(_ output: String?, logs: [String] = [], error: String? = nil, fuel: UInt64 = 10, origin: String? = nil) throws -> FunctionReport {
  FunctionReport(
    output: try output.map { try JSONValue(parsing: $0) }, origin: try origin.map { try JSONValue(parsing: $0) }, logs: logs,
    error: error.map { FunctionError(function: "f.js", line: 1, column: 2, text: $0) }, fuel: fuel)
}

private let request = """
  {"request": {"method": "GET", "uri": "/a", "querystring": {"q": {"value": "1", "multiValue": [{"value": "1"}, {"value": "2"}]}, "e": {"value": ""}},
   "headers": {"host": {"value": "h"}, "x-two": {"value": "a", "multiValue": [{"value": "a"}, {"value": "b"}]}}, "cookies": {}}}
  """
private let response = """
  {"response": {"statusCode": 301, "statusDescription": "Moved", "headers": {"location": {"value": "/x"}}, "body": "text",
   "cookies": {"id": {"value": "1", "attributes": "Path=/"}}}}
  """

@Suite struct MatchingTests {
  static let good: [(expect: String, output: String)] = [
    ("{}", request), ("{ request: {} }", request), ("{ request: { uri: /a, method: GET } }", request), ("{ request: { headers: { Host: h, x: null } } }", request),
    ("{ request: { headers: { x-two: [a, b] } } }", request), ("{ request: { headers: { x-two: { value: a } } } }", request),
    ("{ request: { querystring: \"q=1&q=2&e\" } }", request), ("{ request: { querystring: { q: [1, 2], e: \"\", z: null } } }", request),
    ("{ request: { cookies: {} } }", request), ("{ request: { cookies: null } }", request), ("{ request: { querystring: { q: { multiValue: [{ value: 1 }, { value: 2 }] } } } }", request),
    ("{ request: { exact: true, uri: /a, querystring: \"q=1&q=2&e\", headers: { host: h, x-two: [a, b] } } }", request),
    ("{ request: { exact: false, uri: /a } }", request), ("{ response: { statusCode: 301, headers: { location: /x } } }", response),
    ("{ response: { body: text, cookies: { id: 1 } } }", response), ("{ response: { cookies: { id: { attributes: Path=/ } } } }", response),
    ("{ response: { exact: true, statusCode: 301, statusDescription: Moved, body: text, headers: { location: /x }, cookies: { id: \"1\" } } }", response),
    ("{ response: { body: text } }", #"{"response": {"statusCode": 200, "body": {"encoding": "base64", "data": "dGV4dA=="}, "cookies": {}}}"#),
    ("{ response: { body: { encoding: base64 } } }", #"{"response": {"statusCode": 200, "body": {"encoding": "base64", "data": "dGV4dA=="}, "cookies": {}}}"#),
    ("{ response: { body: null } }", #"{"response": {"statusCode": 200, "cookies": {}}}"#),
    ("{ request: { querystring: { a: \"1\", b: \"\" } } }", #"{"request": {"uri": "/", "querystring": "a=1&b"}}"#),
    ("{ request: { querystring: a=1&b } }", #"{"request": {"uri": "/", "querystring": "a=1&b"}}"#), ("{ request: { querystring: null } }", #"{"request": {"uri": "/", "querystring": {}}}"#),
  ]
  @Test(arguments: good) func matches(_ expect: String, _ output: String) throws {
    #expect(try Matching.differences(of: report(output), from: expected(expect)).map(\.path) == [])
  }

  static let bad: [(expect: String, output: String, differences: [String])] = [
    ("{ request: { uri: /b } }", request, ["request.uri: \"/b\" / \"/a\""]), ("{ response: {} }", request, ["expect: a response / a request: { \"method\": "]),
    ("{ request: {} }", response, ["expect: a request / a response: { \"statusCode\": 301"]), ("{ request: { headers: { host: null } } }", request, ["request.headers.host: nothing / \"h\""]),
    ("{ request: { headers: { x-two: a } } }", request, ["request.headers.x-two: \"a\" / [\"a\", \"b\"]"]),
    ("{ request: { headers: { x-two: [b, a] } } }", request, ["request.headers.x-two: [\"b\", \"a\"] / [\"a\", \"b\"]"]),
    ("{ request: { headers: { nope: 1, host: 2 } } }", request, ["request.headers.nope: 1 / nothing", "request.headers.host: 2 / \"h\""]),
    ("{ request: { querystring: q=1 } }", request, ["request.querystring: \"q=1\" / \"q=1&q=2&e\""]), ("{ request: { querystring: { \"a b\": 1 } } }", request, ["request.querystring[\"a b\"]: 1 / nothing"]),
    ("{ request: { querystring: null } }", request, ["request.querystring: nothing / { \"q\""]),
    ("{ request: { exact: true, uri: /a } }", request, ["request.querystring: nothing / {", "request.headers: nothing / {"]),
    ("{ request: { exact: true, uri: /a, querystring: q=1&q=2&e, headers: { host: h } } }", request, ["request.headers.x-two: nothing / { \"value\""]),
    ("{ response: { statusCode: \"301\" } }", response, ["response.statusCode: \"301\" / 301"]), ("{ response: { statusCode: 302, body: null } }", response, ["response.statusCode: 302 / 301", "response.body: nothing / \"text\""]),
    ("{ response: { body: texts } }", response, ["response.body: \"texts\" / \"text\""]), ("{ response: { cookies: { id: { attributes: Secure } } } }", response, ["response.cookies.id.attributes: \"Secure\" / \"Path=/\""]),
    ("{ response: { body: \"e\\u0301\" } }", #"{"response": {"body": "\u00e9"}}"#, ["response.body: \"e\u{301}\" / \"\u{e9}\""]),
  ]
  @Test(arguments: bad) func differs(_ expect: String, _ output: String, _ differences: [String]) throws {
    let found = try Matching.differences(of: report(output), from: expected(expect)).map { "\($0.path): \($0.expected) / \($0.got)" }
    #expect(found.count == differences.count, "\(found)")
    for (found, expected) in zip(found, differences) { #expect(found.utf8.starts(with: expected.utf8), "\(found)") }
  }

  @Test func theRest() throws {
    func paths(_ expect: String, _ report: FunctionReport) throws -> [String] { try Matching.differences(of: report, from: expected(expect)).map(\.path) }
    let failed = try report(nil, error: "TypeError: no")
    #expect(try paths("{}", failed) == ["error"])
    #expect(try paths("{ error: null, request: {} }", failed) == ["error"])
    #expect(try paths("{ error: TypeError }", failed) == [])
    #expect(try paths("{ error: \"f.js:1:2\" }", failed) == [])
    #expect(try paths("{ error: RangeError }", failed) == ["error"])
    #expect(try paths("{ error: TypeError }", report(request)) == ["error"])
    #expect(try paths("{ logs: [b, a] }", report(request, logs: ["xax", "b"])) == [])
    #expect(try paths("{ logs: [b, a] }", report(request, logs: ["b"])) == ["logs[1]"])
    #expect(try paths("{ fuel: 10 }", report(request)) == [] && paths("{ fuel: 9 }", report(request)) == ["fuel"])
    let origin = #"{"domainName": "a", "timeouts": {"readTimeout": 5}}"#
    #expect(try paths("{ origin: { timeouts: { readTimeout: 5 } } }", report(request, origin: origin)) == [])
    #expect(try paths("{ origin: { domainName: b } }", report(request, origin: origin)) == ["origin.domainName"])
    #expect(try paths("{ origin: null }", report(request, origin: origin)) == ["origin"] && paths("{ origin: null }", report(request)) == [])
  }
}
