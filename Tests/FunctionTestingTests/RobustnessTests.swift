// Whatever stands in a case file or an event: problems with a place, never a trap; and what was read can be run.
import ConfigurationFile
import JSONText
import RewriteEngine
import TestTools
import Testing

@testable import FunctionTesting

@Suite(.mayBlock) struct RobustnessTests {
  private static let file = """
    - name: old
      request: { method: GET, uri: /old/42, querystring: "a=1&b", headers: { host: [a, b], x: { value: y, multiValue: [{ value: z }] } }, cookies: { s: "1" }, ip: 203.0.113.7 }
      eventType: viewer-request
      now: 2026-01-31T12:00:00Z
      edgeLocation: { name: SEA }
      keyValueStore: { rules: { "/old/42": /products/42, k: null } }
      expect:
        response: { statusCode: 301, headers: { location: /products/42 }, exact: true }
        logs: [ "moved" ]
        error: null
        fuel: 20000
    - { name: b, request: {}, response: { statusCode: 200, cookies: { a: { value: b, attributes: Path=/ } } }, eventType: viewer-response, expect: { origin: null } }

    """
  private static let event = """
    {"version":"1.0","context":{"eventType":"viewer-response"},"viewer":{"ip":"1.2.3.4"},"request":{"method":"GET","uri":"/a b","querystring":{"x":{"value":"1","multiValue":[{"value":"1"}]}},
    "headers":{"host":{"value":"h"}},"cookies":{"s":{"value":"1"}}},"response":{"statusCode":200,"statusDescription":"OK","headers":{"a":{"value":"b"}},"cookies":{"id":{"value":"1","attributes":"Path=/"}},"body":"x"}}
    """

  /// Mutants of a text: bytes changed, removed and put in, and whole values exchanged for others.
  private static func mutants(of text: String, count: Int, seed: UInt64) -> [[UInt8]] {
    var generator = SplitMix64(state: seed)
    let words = ["null", "[]", "{}", "\"\"", "-1", "1e99", "true", "&a x", "*a", "<<", "{ a: b }", "|\n  x", "\u{0}", "é", "99999999999999999999", "{", "]", ":", "- "].map { Array($0.utf8) }
    return (0..<count).map { _ in
      var bytes = Array(text.utf8)
      for _ in 0...Int.random(in: 0...3, using: &generator) {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0...3, using: &generator) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
        case 1: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...20, using: &generator)))
        case 2: bytes.insert(contentsOf: words.randomElement(using: &generator) ?? [], at: place)
        default:
          // From one separator to the next: a value.
          let separators = Array(" ,:{}[]\n".utf8)
          let end = bytes[place...].firstIndex { separators.contains($0) } ?? bytes.count
          let start = bytes[..<place].lastIndex { separators.contains($0) }.map { $0 + 1 } ?? 0
          bytes.replaceSubrange(start..<max(start, end), with: words.randomElement(using: &generator) ?? [])
        }
        if bytes.isEmpty { bytes = [0x20] }
      }
      return bytes
    }
  }

  @Test func caseFiles() throws {
    let code = FunctionCode(name: "f.js", source: Array("function handler(e) { console.log(JSON.stringify(e)); return e.response || e.request; }".utf8))
    let runner = try #require(FunctionRunner())
    var run = 0, passedThrough = 0
    for bytes in Self.mutants(of: Self.file, count: 2000, seed: 1) {
      let problems = Problems()
      let cases = CaseReader(path: "a.yaml", folder: "/nowhere", eventType: nil, storeName: nil, problems: problems).cases(bytes)
      for diagnostic in problems.diagnostics { #expect(diagnostic.line > 0 && diagnostic.column > 0 && !diagnostic.text.isEmpty) }
      guard !problems.hasErrors else { continue }
      passedThrough += 1
      let results = cases.map { testCase in
        let report = runner.run(code, on: testCase.event, nowMilliseconds: 0)
        return CaseResult(testCase: testCase, report: report, differences: Matching.differences(of: report, from: testCase.expected), time: .zero)
      }
      run += results.count
      // An update makes a file that is as good, or leaves it.
      let update = CaseUpdate(CaseFile(path: "a.yaml", bytes: bytes, cases: cases), results) { bytes in
        let problems = Problems()
        let cases = CaseReader(path: "a.yaml", folder: "/nowhere", eventType: nil, storeName: nil, problems: problems).cases(bytes)
        return problems.hasErrors ? nil : cases
      }
      #expect(update.updated + update.refused.count == results.count { !$0.passed })
      _ = JUnitReport.text([FunctionResult(path: "f", files: [CaseFileResult(path: "a.yaml", results: results, diagnostics: [])], problem: nil, time: .zero)])
    }
    // The mutants are worth something only if many of them get through.
    #expect(run > 100 && passedThrough > 50, "\(run) \(passedThrough)")
  }

  @Test func events() throws {
    let runner = try #require(FunctionRunner())
    let codes = ["return e.response || e.request", "return e.request", "delete e.request.headers; e.request.cookies = e.request.querystring; return e.request"].map {
      FunctionCode(name: "f.js", source: Array("function handler(e) { \($0); }".utf8))
    }
    var run = 0
    for bytes in Self.mutants(of: Self.event, count: 2000, seed: 2) {
      guard let event = try? TestEvent(parsing: bytes) else { continue }
      for code in codes {
        let report = runner.run(code, on: event, nowMilliseconds: 0)
        #expect((report.output == nil) == (report.error != nil))
        #expect(report.output == nil || report.output?["request"] != nil || report.output?["response"] != nil)
        #expect(try JSONValue(parsing: report.json.indented()) == report.json)
      }
      run += 1
    }
    #expect(run > 100, "\(run)")
  }
}
