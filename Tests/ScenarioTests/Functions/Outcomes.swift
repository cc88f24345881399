// Every way a function's run can end: the status, X-Cache, the page, the access log's words and the number that counts it
// (spec/cloudfront-functions.md, 5, 7, 8 and 11; Documentation/observability.md).
import Foundation
import Testing

/// One row of the table of outcomes.
struct FunctionOutcome: Sendable, CustomTestStringConvertible {
  enum Event: String, Sendable { case request = "viewer-request", response = "viewer-response" }
  let what: String
  let event: Event
  let code: String
  let status: Int
  let result: String
  let metric: String
  var testDescription: String { "\(what), \(event.rawValue)" }

  private static func failures(_ event: Event) -> [FunctionOutcome] {
    [
      ("an uncaught exception", "throw new Error('on purpose <b>')", "execution_error"), ("a thrown string", "throw 'on purpose'", "execution_error"),
      ("too much memory", "let a = []; while (true) a.push(new Array(1000).fill(1))", "memory_limit"),
      ("too much time", "while (true);", "cpu_limit"), ("a rejected promise", "return Promise.reject(new Error('on purpose'))", "execution_error"),
      ("a rejection after an await", "await null; throw new Error('on purpose')", "execution_error"),
      ("a pending promise", "await new Promise(() => {})", "pending_promise"),
    ].map { .init(what: $0.0, event: event, code: $0.1, status: 503, result: "FunctionExecutionError", metric: $0.2) }
  }

  private static func invalid(_ event: Event, _ rows: [(String, String)]) -> [FunctionOutcome] {
    rows.map { .init(what: $0.0, event: event, code: $0.1, status: 502, result: "FunctionValidationError", metric: "validation_error") }
  }

  static let all: [FunctionOutcome] =
    failures(.request) + failures(.response)
    + invalid(.request, [
      ("nothing", "return"), ("null", "return null"), ("a string", "return 'x'"), ("a list", "return [event.request]"), ("the event", "return event"),
      ("a status out of range", "return { statusCode: 99 }"), ("a status that is no number", "return { statusCode: '200' }"),
      ("a header name in capitals", "return { statusCode: 200, headers: { Location: { value: '/' } } }"),
      ("a header without a value", "return { statusCode: 200, headers: { location: {} } }"), ("headers that are text", "return { statusCode: 200, headers: 'x' }"),
      ("a body of another type", "return { statusCode: 200, body: 42 }"), ("bad base64", "return { statusCode: 200, body: { encoding: 'base64', data: '!' } }"),
      ("a read-only header", "event.request.headers['host'] = { value: 'x' }; return event.request"),
      ("a read-only header removed", "delete event.request.headers['host']; return event.request"),
      ("a disallowed header", "event.request.headers['x-edge-x'] = { value: 'x' }; return event.request"),
      ("another method", "event.request.method = 'POST'; return event.request"), ("a uri without /", "event.request.uri = 'x'; return event.request"),
      ("a cookie with a line break", "event.request.cookies.a = { value: 'b\\r\\nX: y' }; return event.request"),
    ])
    + invalid(.response, [
      ("the request", "return event.request"), ("a status that is no number", "event.response.statusCode = 'x'; return event.response"),
      ("a disallowed header", "event.response.headers['x-amz-cf-x'] = { value: 'x' }; return event.response"),
      ("a read-only header", "event.response.headers['via'] = { value: 'x' }; return event.response"),
      ("a body of another type", "event.response.body = 42; return event.response"),
    ])
    + [
      .init(what: "an answer", event: .request, code: "return { statusCode: 418 }", status: 418, result: "FunctionGeneratedResponse", metric: "responded"),
      .init(what: "the request", event: .request, code: "return event.request", status: 200, result: "Miss", metric: "continued"),
      .init(what: "the response", event: .response, code: "return event.response", status: 200, result: "Miss", metric: "continued"),
      .init(what: "another status", event: .response, code: "event.response.statusCode = 201; return event.response", status: 201, result: "Miss", metric: "continued"),
    ]
}

extension Scenarios {
  @Suite struct Outcomes {
    private func program(_ event: FunctionOutcome.Event, _ source: String, more: String = "", log: String = "functionLog: { path: functions.log }") throws -> Skerry {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok("the origin's") } }
      let functions = "functions:\n  f: { runtime: cloudfront-js-2.0, code: f.js }\n"
      return try startSkerry(before: origin, more: functions + log + "\n" + more, files: ["f.js": source], arguments: ["--workers", "1"]) {
        $0.behavior = "functions: { \(event.rawValue): f }"
        $0.more = "errorResponses:\n  - { errorCode: 502, responsePagePath: /page, responseCode: 502 }\n  - { errorCode: 503, responsePagePath: /page, responseCode: 503 }\n"
      }
    }

    private func runs(_ event: FunctionOutcome.Event, _ outcome: String) -> String {
      "skerry_function_runs_total{function=\"f\",event=\"\(event.rawValue)\",outcome=\"\(outcome)\"}"
    }

    @Test(arguments: FunctionOutcome.all)
    func everyOutcome(_ row: FunctionOutcome) throws {
      let skerry = try program(row.event, "async function handler(event) { \(row.code); }", more: "limits: { rewriteEngine: { cpuTime: 100ms } }")
      let response = try skerry.viewer().exchange("GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n")
      #expect(response.status == row.status)
      #expect(response.fields["x-cache"] == "\(row.result) from cloudfront")
      if row.status >= 500 {
        // The standard page, never one of the distribution's own, and nothing of the origin's.
        #expect(response.fields["content-type"] == "text/html")
        #expect(response.bodyText.contains("Generated by cloudfront (CloudFront)"))
        #expect(response.bodyText.contains(row.status == 503 ? "is invalid or could not run" : "returned an invalid value: "))
        #expect(!response.bodyText.contains("the origin's") && !response.bodyText.contains("<b>"))
      }
      let line = try skerry.waitForLogLine("of the request") { $0["uri"] == .text("/x") }
      #expect(line["status"] == .number(Double(row.status)) && line["resultType"] == .text(row.result))
      if row.status >= 500 {
        #expect(line["detailedResultType"] == .text(row.result))
        #expect(line["error"]?.description.isEmpty == false)
      }
      let log = try fileText(skerry.folder.appendingPathComponent("access.log").path)
      #expect(log.contains("\"functions\":[{\"name\":\"f\",\"event\":\"\(row.event.rawValue)\",\"outcome\":\"\(row.metric)\""), "\(log)")
      let metrics = try skerry.metrics()
      #expect(metrics[runs(row.event, row.metric)] == 1)
      #expect(metrics["skerry_function_runs_total"] == 1)
      #expect(metrics["skerry_requests_total{result=\"\(row.result)\"}"] == 1)
    }

    // MARK: Code that cannot be built, and throttling

    @Test(arguments: ["function handler(event) { return event.request", "throw new Error('at the top')\nfunction handler(event) {}", "let handler = 1"])
    func codeThatCannotBeBuiltIsThrottledSoon(source: String) throws {
      let skerry = try program(.request, source, more: "limits: { rewriteEngine: { throttleWindow: 60s } }")
      let viewer = try skerry.viewer()
      for number in 1...5 {
        let response = try viewer.exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        #expect(response.status == 503)
        #expect(response.fields["x-cache"] == (number <= 3 ? "FunctionExecutionError from cloudfront" : "FunctionThrottledError from cloudfront"))
      }
      let metrics = try skerry.metrics()
      #expect(metrics[runs(.request, "load_error")] == 3 && metrics[runs(.request, "throttled")] == 2)
      let line = try skerry.waitForLogLine("of the throttled") { $0["resultType"] == .text("FunctionThrottledError") }
      #expect(line["status"] == .number(503) && line["detailedResultType"] == .text("FunctionThrottledError"))
    }

    /// Being stopped counts, being wrong does not; the throttle ends, and it is the function's own.
    @Test func onlyWhatIsStoppedIsThrottled() throws {
      let skerry = try program(
        .request,
        """
        function handler(event) {
          if (event.request.uri == '/loop') while (true);
          if (event.request.uri == '/throw') throw new Error('x');
          return event.request;
        }
        """, more: "limits: { rewriteEngine: { throttleKills: 2, throttleWindow: 2s } }")
      let viewer = try skerry.viewer()
      func result(_ path: String) throws -> String { try viewer.exchange("GET \(path) HTTP/1.1\r\nHost: a.test\r\n\r\n").fields["x-cache"] ?? "" }
      for _ in 0..<10 { #expect(try result("/throw") == "FunctionExecutionError from cloudfront") }
      #expect(try result("/good") == "Miss from cloudfront")
      for _ in 0..<2 { #expect(try result("/loop") == "FunctionExecutionError from cloudfront") }
      #expect(try result("/good") == "FunctionThrottledError from cloudfront")
      try eventually("the throttle to end") { try result("/good") == "Miss from cloudfront" }
    }

    // MARK: What is counted of a run

    @Test func whatRunsUse() throws {
      let skerry = try program(.response, "function handler(event) { for (let i = 0; i < 1000; i++); return event.response; }", more: "limits: { rewriteEngine: { cpuTime: 100ms } }")
      let viewer = try skerry.viewer()
      for _ in 0..<3 { #expect(try viewer.exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 200) }
      let metrics = try skerry.metrics(), labels = "{function=\"f\",event=\"viewer-response\"}"
      #expect(metrics["skerry_function_compute_utilization_ratio_count\(labels)"] == 3)
      let share = metrics["skerry_function_compute_utilization_ratio_sum\(labels)"], seconds = metrics["skerry_function_duration_seconds_total\(labels)"]
      #expect(share > 0 && share < 3)
      #expect(abs(seconds - share * 0.1) < 0.00001)
      #expect(metrics["skerry_function_fuel_total\(labels)"] > 0)
    }

    // MARK: The function log

    private func functionLog(_ skerry: Skerry) -> [String] {
      let text = (try? fileText(skerry.folder.appendingPathComponent("functions.log").path)) ?? ""
      return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    }

    @Test func aRunThatSaysSomething() throws {
      let skerry = try program(.request, """
        function handler(event) {
          if (event.request.uri != '/quiet') { console.log('one'); console.log('two\\r\\nforged line'); console.log({ a: 1 }); }
          if (event.request.uri == '/failing') throw new Error('x');
          return event.request;
        }
        """)
      let viewer = try skerry.viewer()
      for path in ["/quiet", "/told", "/failing"] {
        let before = functionLog(skerry).count
        let id = try viewer.exchange("GET \(path) HTTP/1.1\r\nHost: a.test\r\n\r\n").fields["x-amz-cf-id"] ?? ""
        if path == "/quiet" { continue }
        let lines = try eventually("the run's lines") { functionLog(skerry).count >= before + 5 ? Array(functionLog(skerry).suffix(5)) : nil }
        #expect(lines == ["\(id) START DistributionID: E0", "\(id) one", "\(id) two  forged line", lines[3], "\(id) END"])
      }
      #expect(functionLog(skerry).count == 10)   // nothing of the run that said nothing
      #expect(try skerry.metrics()["skerry_log_lines_written_total{log=\"functions\"}"] == 10)
      #expect(!skerry.standardError.contains("one"))
    }

    @Test func whatARunSaysIsCutAt10KB() throws {
      let skerry = try program(.request, "function handler(event) { for (let i = 0; i < 20; i++) console.log('x'.repeat(1000)); return event.request; }", more: "limits: { rewriteEngine: { cpuTime: 100ms } }")
      _ = try skerry.viewer().exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
      let lines = try eventually("the run's lines") { functionLog(skerry).last?.hasSuffix(" END") == true ? functionLog(skerry) : nil }
      let text = lines.dropFirst().dropLast().map { $0.drop { $0 != " " }.dropFirst() }
      #expect(text.allSatisfy { $0.allSatisfy { $0 == "x" } })
      #expect((10_000...10_240).contains(text.map(\.count).reduce(0, +)))
    }

    @Test func theFunctionLogCanBeOff() throws {
      let skerry = try program(.request, "function handler(event) { console.log('unheard'); return event.request; }", log: "functionLog: off")
      #expect(try skerry.viewer().exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 200)
      try skerry.terminate()
      #expect(!skerry.standardError.contains("unheard"))
    }
  }
}
