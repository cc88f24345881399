// Trace context through the proxy, and spans to a collector (issue 5, point 4).
import Foundation
import Testing

extension Scenarios {
  @Suite struct Tracing {
    private static let trace = "0af7651916cd43dd8448eb211c80319c", parent = "b7ad6b7169203331"

    private struct Place {
      let skerry: Skerry, origin: ScriptedOrigin, collector: ScriptedOrigin
    }

    private func place(
      _ tracing: String? = "sampleRatio: 1", function: Bool = false, policy: String? = "AllViewer", collectorIsDown: Bool = false, more: String = ""
    ) throws -> Place {
      let origin = try ScriptedOrigin { connection in
        try connection.answerAll { $0.target == "/error" ? "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n" : ok($0.target) }
      }
      let collector = try ScriptedOrigin { connection in try connection.answerAll { _ in ok("{}") } }
      if collectorIsDown { collector.stop() }
      let functions = "functions:\n  f: { runtime: cloudfront-js-2.0, code: f.js }\n"
      let setting = tracing.map { "tracing: { endpoint: \"\(collector.url)/v1/traces\", serviceName: edge, \($0) }\n" } ?? ""
      let skerry = try startSkerry(
        before: origin, more: setting + more + (function ? functions : ""), files: ["f.js": "function handler(event) { return event.request; }"]
      ) {
        $0.originRequestPolicy = policy
        if function { $0.behavior = "functions: { viewer-request: f }" }
      }
      return Place(skerry: skerry, origin: origin, collector: collector)
    }

    private func get(_ place: Place, _ target: String = "/a", _ fields: String = "") throws {
      _ = try place.skerry.viewer().exchange("GET \(target) HTTP/1.1\r\nHost: a.test\r\n\(fields)\r\n")
    }

    private func spans(_ collector: ScriptedOrigin, _ count: Int) throws -> [Span] {
      try eventually("\(count) spans") {
        let documents = try collector.requests.map { try JSONDecoder().decode(Document.self, from: Data($0.body)) }
        let spans = documents.flatMap(\.resourceSpans).flatMap(\.scopeSpans).flatMap(\.spans)
        return spans.count >= count ? spans : nil
      }
    }

    // MARK: Without tracing

    /// Passed on as it came, whatever the policies list, unless one excludes it.
    @Test(arguments: [nil, "AllViewer", "CORS-S3Origin"]) func passesOn(policy: String?) throws {
      let place = try place(nil, policy: policy)
      try get(place, "/a", "traceparent: 00-x\r\ntracestate: a=1,b=2\r\nX-Other: 1\r\n")
      let seen = try #require(place.origin.requests.first).fields
      #expect(seen["traceparent"] == "00-x" && seen["tracestate"] == "a=1,b=2")
      #expect((seen["x-other"] == nil) == (policy != "AllViewer"))
      let line = try place.skerry.waitForLogLine("of the request") { _ in true }
      #expect(line["traceId"] == nil)
    }

    // MARK: With it

    @Test func aTraceGoesOn() throws {
      let place = try place(function: true)
      try get(place, "/a", "traceparent: 00-\(Self.trace)-\(Self.parent)-01\r\ntracestate: a=1\r\n")
      let seen = try #require(place.origin.requests.first).fields
      let sent = try #require(seen["traceparent"]).split(separator: "-").map(String.init)
      #expect(sent.count == 4 && sent[0] == "00" && sent[1] == Self.trace && sent[2] != Self.parent && sent[3] == "01")
      #expect(seen["tracestate"] == "a=1")
      let spans = try spans(place.collector, 3)
      #expect(spans.count == 3 && spans.allSatisfy { $0.traceId == Self.trace })
      let server = try #require(spans.first { $0.kind == 2 }), client = try #require(spans.first { $0.kind == 3 }), function = try #require(spans.first { $0.kind == 1 })
      #expect(server.parentSpanId == Self.parent && server.name == "GET *" && server["http.response.status_code"] == "200" && server["url.path"] == "/a")
      #expect(client.parentSpanId == server.spanId && client.spanId == sent[2] && client["server.address"] == "app")
      #expect(function.parentSpanId == server.spanId && function["faas.name"] == "f" && function.name == "viewer-request")
      for span in [client, function] { #expect(span.start >= server.start && span.end <= server.end && span.start <= span.end) }
      let line = try place.skerry.waitForLogLine("of the request") { _ in true }
      #expect(line["traceId"] == .text(Self.trace) && line["requestId"]?.description == server["skerry.request_id"])
      let request = try #require(place.collector.requests.first)
      #expect(request.line == "POST /v1/traces HTTP/1.1" && request.fields["content-type"] == "application/json" && request.bodyText.contains(#""stringValue":"edge""#))
      try eventually("the spans to be counted") { try place.skerry.metrics()[#"skerry_trace_spans_total{outcome="exported"}"#] == 3 }
    }

    /// What cannot be read is ignored, and its tracestate with it: a trace begins here.
    @Test(arguments: [
      "traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01", "traceparent: ff-\(trace)-\(parent)-01", "traceparent: 00-\(trace)-\(parent)-1",
      "traceparent: 00-\(trace)-\(parent)-01\r\ntraceparent: 00-\(trace)-\(parent)-01", "X-A: b",
    ])
    func aTraceBegins(field: String) throws {
      let place = try place()
      try get(place, "/a", field + "\r\ntracestate: a=1\r\n")
      let seen = try #require(place.origin.requests.first).fields
      let sent = try #require(seen["traceparent"]).split(separator: "-").map(String.init)
      #expect(sent.count == 4 && sent[1] != Self.trace && sent[1].count == 32 && sent[3] == "01" && seen["tracestate"] == nil)
      let spans = try spans(place.collector, 2)
      #expect(spans.first { $0.kind == 2 }?.parentSpanId == nil && spans.allSatisfy { $0.traceId == sent[1] })
    }

    /// What is not sampled is passed on as such, and not recorded; a viewer's own choice holds.
    @Test func notSampled() throws {
      let place = try place("sampleRatio: 0")
      try get(place)
      try get(place, "/b", "traceparent: 00-\(Self.trace)-\(Self.parent)-00\r\n")
      try get(place, "/c", "traceparent: 00-\(Self.trace)-\(Self.parent)-01\r\n")
      let spans = try spans(place.collector, 2)
      #expect(spans.count == 2 && spans.allSatisfy { $0.traceId == Self.trace } && spans.contains { $0["url.path"] == "/c" })
      let sent = place.origin.requests.compactMap { $0.fields["traceparent"] }
      #expect(sent.map { String($0.suffix(3)) } == ["-00", "-00", "-01"] && sent[1].contains(Self.trace) && !sent[1].contains(Self.parent))
      let lines = try eventually("three lines") { () -> [[String: LogValue]]? in
        let lines = try place.skerry.accessLog()
        return lines.count == 3 ? lines : nil
      }
      #expect(lines.allSatisfy { $0["traceId"]?.description.count == 32 })
    }

    @Test func failuresAreMarked() throws {
      let place = try place()
      try get(place, "/error")
      let spans = try spans(place.collector, 2)
      #expect(spans.allSatisfy { $0.status?.code == 2 })
      #expect(spans.first { $0.kind == 3 }?["http.response.status_code"] == "503")
    }

    /// Without a collector requests are served as ever; spans are lost, counted and said.
    @Test func theCollectorIsDown() throws {
      let place = try place(collectorIsDown: true)
      let before = try place.skerry.metrics()
      for _ in 0..<20 { try get(place) }
      #expect(place.origin.requests.count == 20)
      try place.skerry.waitForMetric(#"skerry_trace_spans_total{outcome="failed"}"#, by: 40, since: before)
      try place.skerry.waitForStandardError(toHold: "spans are lost: the collector at 127.0.0.1 port \(place.collector.port) cannot be reached")
      #expect(try place.skerry.terminate() == .status(0))
    }

    // MARK: OTLP

    private struct Document: Decodable { let resourceSpans: [Resource] }
    private struct Resource: Decodable { let scopeSpans: [Scope] }
    private struct Scope: Decodable { let spans: [Span] }
    struct Status: Decodable { let code: Int }
    struct Attribute: Decodable {
      struct Value: Decodable { let stringValue: String?, intValue: String?, boolValue: Bool? }
      let key: String, value: Value
    }
    struct Span: Decodable {
      let traceId: String, spanId: String, parentSpanId: String?, name: String, kind: Int, startTimeUnixNano: String, endTimeUnixNano: String
      let attributes: [Attribute], status: Status?
      var start: UInt64 { UInt64(startTimeUnixNano) ?? 0 }
      var end: UInt64 { UInt64(endTimeUnixNano) ?? 0 }
      subscript(_ key: String) -> String? { attributes.first { $0.key == key }.flatMap { $0.value.stringValue ?? $0.value.intValue } }
    }
  }
}
