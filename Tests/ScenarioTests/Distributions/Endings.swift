// Which answers end an HTTP/1.1 connection for their status alone (spec/request-pipeline.md 11.1).
import Testing

extension Scenarios {
  @Suite struct Endings {
    static let closing = [400, 405, 414, 416, 500, 501]
    static let lasting = [200, 401, 403, 404, 410, 412, 429, 502, 503, 504]

    /// An origin that answers `/NNN` with that status.
    private func origin() throws -> ScriptedOrigin {
      try ScriptedOrigin { try $0.answerAll { "HTTP/1.1 \($0.target.dropFirst()) X\r\nContent-Length: 2\r\n\r\nhi" } }
    }

    @Test(arguments: closing + lasting) func theOriginsStatus(_ status: Int) throws {
      let origin = try origin()
      let skerry = try startSkerry(before: origin, arguments: ["--workers", "1"])
      let viewer = try skerry.viewer()
      let response = try viewer.exchange("GET /\(status) HTTP/1.1\r\nHost: a.test\r\n\r\n")
      let ends = Self.closing.contains(status)
      #expect(response.status == status && response.bodyText == "hi")
      #expect(response.fields["connection"] == (ends ? "close" : nil))
      if ends { #expect(viewer.isClosedSilently()) } else { #expect(try viewer.exchange("GET /200 HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 200) }
      // The connection to the origin is none of the viewer's.
      #expect(try skerry.viewer().exchange("GET /200 HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 200)
      #expect(try skerry.metrics()["skerry_origin_connections_total{kind=\"connected\"}"] == 1)
    }

    /// What counts is the status that the viewer is given: an error page's, and a function's is its own affair.
    @Test func pagesAndFunctions() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { $0.target == "/page" ? ok("page") : "HTTP/1.1 \($0.target.dropFirst()) X\r\nContent-Length: 0\r\n\r\n" } }
      let skerry = try startSkerry(
        before: origin, more: "functions: { f: { runtime: cloudfront-js-2.0, code: f.js } }",
        files: ["f.js": "function handler(event) { return event.request.uri === '/own' ? { statusCode: 400 } : event.request; }"]
      ) {
        $0.behavior = "functions: { viewer-request: f }"
        $0.more = "errorResponses:\n  - { errorCode: 500, responsePagePath: /page, responseCode: 200 }\n  - { errorCode: 404, responsePagePath: /page, responseCode: 400 }\n"
      }
      func connection(_ path: String) throws -> String? { try skerry.viewer().exchange("GET \(path) HTTP/1.1\r\nHost: a.test\r\n\r\n").fields["connection"] }
      #expect(try connection("/500") == nil)
      #expect(try connection("/404") == "close")
      #expect(try connection("/own") == nil)
      #expect(try connection("/501") == "close")
    }
  }
}
