// What becomes of bytes that belong to no answered request: a body nobody wanted, an answer that came too early, a status that was
// changed on the way. Each of these once let bytes of one message be read as another (the review of 2026-11-21).
import Testing

extension Scenarios {
  @Suite struct UnreadBodies {
    /// The page for a refused POST is fetched by a GET of its own: the POST's body is never sent after it.
    @Test func anErrorPageDoesNotCarryTheBody() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { ok($0.line) } }
      let skerry = try startSkerry(before: origin) {
        $0.methods = "[GET, HEAD]"
        $0.more = "errorResponses:\n  - { errorCode: 403, responsePagePath: /403.html, responseCode: 403 }\n"
      }
      let viewer = try skerry.viewer()
      try viewer.send(
        "POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 900000\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n")
      let response = try viewer.readResponse()
      #expect(response.status == 403)
      #expect(response.bodyText == "GET /403.html HTTP/1.1")
      #expect(response.fields["connection"] == "close")
      #expect(try skerry.viewer().exchange("GET /after HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 200)
      #expect(!origin.requests.contains { $0.line.contains("/smuggled") })
    }

    /// An origin that answers before it has the whole body would take the next request's head for the rest of it.
    @Test func aConnectionWhoseRequestIsNotWholeIsNotUsedAgain() throws {
      let origin = try ScriptedOrigin { connection in
        let isEarly = try String(decoding: connection.readSome(), as: UTF8.self).hasPrefix("POST /early")
        try connection.send(isEarly ? "HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno" : ok("next"))
        try connection.waitForEnd()
      }
      let skerry = try startSkerry(before: origin, arguments: ["--workers", "1"])   // so that both requests meet the same pool
      let early = try skerry.viewer()
      try early.send("POST /early HTTP/1.1\r\nHost: a.test\r\nContent-Length: 40\r\n\r\n")
      #expect(try early.readResponse().status == 401)
      let next = try skerry.viewer().exchange("GET /next HTTP/1.1\r\nHost: a.test\r\n\r\n")
      #expect(next.bodyText == "next")
      #expect(origin.connectionCount == 2)
    }

    /// A function's status decides whether there is a body, whatever the origin sent.
    @Test(arguments: [(200, 204), (200, 304), (204, 200), (304, 200)])
    func theBodyAgreesWithTheStatus(origins: Int, functions: Int) throws {
      let body = origins == 200 ? "Content-Length: 5\r\n\r\nhello" : "\r\n"
      let origin = try ScriptedOrigin { try $0.answerAll { _ in "HTTP/1.1 \(origins) X\r\n\(body)" } }
      let skerry = try startSkerry(
        before: origin, more: "functions:\n  change: { runtime: cloudfront-js-2.0, code: change.js }\n",
        files: ["change.js": "function handler(event) { event.response.statusCode = \(functions); return event.response; }"]
      ) { $0.behavior = "functions: { viewer-response: change }" }
      let viewer = try skerry.viewer()
      for _ in 0..<2 {
        let response = try viewer.exchange("GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n")
        #expect(response.status == functions)
        #expect(response.bodyText == "")
      }
    }
  }
}
