// What is counted of origins: every byte of every connection, however its request ended, and every request once.
import Testing

extension Scenarios {
  @Suite struct OriginBytes {
    private func received(_ skerry: Skerry) throws -> Int { Int(try skerry.metrics()["skerry_origin_bytes_total{direction=\"received\"}"]) }
    private func sent(_ skerry: Skerry) throws -> Int { Int(try skerry.metrics()["skerry_origin_bytes_total{direction=\"sent\"}"]) }

    @Test(arguments: [
      ("whole", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), ("broken", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello"),
      ("malformed", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX"), ("no answer at all", "HTTP/1.1 20"),
      ("a discarded body", "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"),
    ])
    func everyAnswerIsCounted(what: String, answer: String) throws {
      let origin = try ScriptedOrigin { connection in
        if try connection.expectRequest().target == "/404.html" { return try connection.send("HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n") }
        try connection.send(answer)
        connection.finishSending()
      }
      let skerry = try startSkerry(before: origin) {
        $0.more = "errorResponses:\n  - { errorCode: 404, responsePagePath: /404.html, responseCode: 404 }\n"
        $0.originSettings = "connectionAttempts: 1"
      }
      let viewer = try skerry.viewer()
      try viewer.send("GET /x HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
      _ = viewer.readEnding()
      let page = what == "a discarded body" ? wire("HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n").count : 0
      try eventually("the connections to be counted") { try skerry.metrics()["skerry_origin_connections_open"] == 0 }
      #expect(try received(skerry) == wire(answer).count + page)
      #expect(try sent(skerry) == origin.record.current.connections.map(\.count).reduce(0, +))
    }

    @Test func whatATunnelCarriesIsCounted() throws {
      let greeting = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
      let origin = try ScriptedOrigin { connection in
        try connection.expectRequest()
        try connection.send(greeting)
        _ = try connection.read(exactly: 500)
        try connection.send(Bytes(repeating: 1, count: 1000))
      }
      let skerry = try startSkerry(before: origin)
      let viewer = try skerry.viewer()
      try viewer.send("GET / HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
      #expect(try viewer.readHead().status == 101)
      try viewer.send(Bytes(repeating: 2, count: 500))
      #expect(try viewer.read(exactly: 1000).count == 1000)
      viewer.finishSending()
      try eventually("the tunnel to end") { try skerry.metrics()["skerry_tunnels_open"] == 0 }
      try eventually("its bytes to be counted") { try received(skerry) == wire(greeting).count + 1000 }
      #expect(try sent(skerry) == origin.record.current.connections.map(\.count).reduce(0, +))
    }

    /// A body that turns out to be malformed when half of it is at the origin: one refusal, one request, one line, one end.
    @Test func aRefusalInTheMiddleOfABodyIsCountedOnce() throws {
      let origin = try ScriptedOrigin { connection in
        _ = try connection.readSome()
        try connection.waitForEnd()
      }
      let skerry = try startSkerry(before: origin)
      let viewer = try skerry.viewer()
      try viewer.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
      try origin.waitForConnections(1)
      try eventually("the payload to arrive") { origin.everything.holds("hello") }
      try viewer.send("nonsense\r\n")
      let response = try viewer.readResponse()
      #expect(response.status == 400)
      _ = viewer.readEnding()
      try eventually("the connection to be gone") { try skerry.metrics()["skerry_connections_open"] == 0 }
      let metrics = try skerry.metrics()
      #expect(metrics["skerry_requests_refused_total"] == 1)
      #expect(metrics["skerry_requests_refused_total{reason=\"chunk\"}"] == 1)
      #expect(metrics["skerry_requests_total"] == 1)
      #expect(metrics["skerry_origin_failures_total"] == 0)
      #expect(metrics["skerry_connections_closed_total"] == 1)
      _ = try skerry.waitForLogLine("of the refusal") { $0["status"] == .number(400) }
      #expect(try skerry.accessLog().count == 1)
    }

    /// Every connection has one end, counted under what ended it.
    @Test(arguments: [("viewer", ""), ("response", "Connection: close\r\n"), ("drain", ""), ("idle", ""), ("error", "Broken : yes\r\n")])
    func everyConnectionEndsOnce(reason: String, fields: String) throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok("x") } }
      let skerry = try startSkerry(before: origin, more: reason == "idle" ? "limits: { keepAliveTimeout: 600ms }" : "shutdownTimeout: 5s")
      let viewer = try skerry.viewer()
      _ = try viewer.exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\(fields)\r\n")
      if reason == "viewer" { viewer.finishSending() }
      if reason == "drain" {
        let admin = try skerry.adminConnection()
        _ = try admin.exchange("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        // A second viewer keeps the drain going while the page is read.
        let busy = try skerry.viewer()
        try busy.send("GET / HTTP/1.1\r\nHost:")
        try eventually("both to be connected") { try skerry.metrics()["skerry_connections_open"] == 2 }
        skerry.send(signal: 15)
        #expect(viewer.isClosedSilently())
        let page = try admin.exchange("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        #expect(try Metrics(page: page.bodyText)["skerry_connections_closed_total{reason=\"drain\"}"] == 1)
        return
      }
      #expect(viewer.readEnding().ending != .stillOpen)
      try eventually("the connection to be gone") { try skerry.metrics()["skerry_connections_open"] == 0 }
      let metrics = try skerry.metrics()
      #expect(metrics["skerry_connections_closed_total{reason=\"\(reason)\"}"] == 1)
      #expect(metrics["skerry_connections_closed_total"] == 1)
    }
  }
}
