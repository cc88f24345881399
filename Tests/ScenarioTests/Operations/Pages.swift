// The metrics page as a running program fills it: labels, steps, origins, both formats (issue 5, point 4).
import Testing

extension Scenarios {
  @Suite struct Pages {
    @Test func requestsStepsAndOrigins() throws {
      let origin = try ScriptedOrigin { connection in try connection.answerAll { ok($0.target) } }
      let skerry = try startSkerry(
        before: origin, more: "functions:\n  f: { runtime: cloudfront-js-2.0, code: f.js }\n",
        files: ["f.js": "function handler(event) { return event.context.eventType == 'viewer-response' ? event.response : event.request; }"]
      ) {
        $0.behavior = "functions: { viewer-request: f, viewer-response: f }"
        $0.more = "behaviors:\n  - { path: /api/*, origin: app, cachePolicy: CachingDisabled }"
      }
      let viewer = try skerry.viewer()
      for target in ["/a", "/b", "/api/c"] { _ = try viewer.exchange("GET \(target) HTTP/1.1\r\nHost: a.test\r\n\r\n") }
      _ = try skerry.viewer().exchange("GET / HTTP/1.1\r\n\r\n")
      try eventually("four requests to be counted") { try skerry.metrics()["skerry_requests_total"] == 4 }
      let metrics = try skerry.metrics()
      #expect(metrics[#"skerry_requests_total{distribution="E0",behavior="*",status="2xx",result="Miss"}"#] == 2)
      #expect(metrics[#"skerry_requests_total{distribution="E0",behavior="/api/*",status="2xx"}"#] == 1)
      #expect(metrics[#"skerry_requests_total{distribution="other",behavior="other",status="4xx",result="Error"}"#] == 1)
      for (step, count) in [("viewer_request", 2.0), ("viewer_response", 2), ("origin_connect", 1), ("origin_first_byte", 3), ("send", 3)] {
        #expect(metrics["skerry_step_duration_seconds_count{step=\"\(step)\"}"] == count, "\(step)")
      }
      #expect(metrics[#"skerry_origin_first_byte_seconds_count{distribution="E0",origin="app"}"#] == 3)
      #expect(metrics[#"skerry_origin_connect_seconds_count{distribution="E0",origin="app"}"#] == 1)
      #expect(metrics[#"skerry_function_runs_total{function="f",event="viewer-response",outcome="continued"}"#] == 2)
      #expect(metrics["skerry_build_info"] == 1)
    }

    @Test func openMetricsWhenAsked() throws {
      let origin = try ScriptedOrigin { connection in try connection.answerAll { ok($0.target) } }
      let skerry = try startSkerry(before: origin)
      let admin = try skerry.adminConnection()
      let page = try admin.exchange("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1\r\n\r\n")
      #expect(page.fields["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8")
      #expect(page.bodyText.hasSuffix("# EOF\n"))
      let plain = try admin.exchange("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
      #expect(plain.fields["content-type"]?.hasPrefix("text/plain; version=0.0.4") == true && !plain.bodyText.contains("# EOF"))
    }
  }
}
