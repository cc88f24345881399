// Origins with several addresses, ill ones, and bounds (Documentation/origins.md).
import Foundation
import Testing

extension Scenarios {
  @Suite struct Health {
    /// An origin at 127.0.0.1 and 127.0.0.2, one port.
    private struct Pair {
      let first, second: ScriptedOrigin
      init(_ first: @escaping ScriptedOrigin.Script, _ second: @escaping ScriptedOrigin.Script) throws {
        self.first = try ScriptedOrigin(first)
        self.second = try ScriptedOrigin(besides: self.first, host: "127.0.0.2", second)
      }
      var requests: [Int] { [first.requests.count, second.requests.count] }
    }
    private func start(_ pair: Pair, _ settings: String, workers: Int = 1, more: (inout Configuration.Distribution) -> Void = { _ in }) throws -> Skerry {
      try startSkerry(before: pair.first, arguments: ["--workers", String(workers)]) {
        $0.originSettings = "addresses: [127.0.0.1, 127.0.0.2]\n\(settings)"
        more(&$0)
      }
    }
    private func get(_ viewer: ScriptedViewer) throws -> Response { try viewer.exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n") }
    private func healthy(_ skerry: Skerry, _ address: String) throws -> Double? {
      try skerry.metrics().values.first { $0.key.hasPrefix("skerry_origin_address_healthy{") && $0.key.contains(address) }?.value
    }

    @Test func requestsAreSpread() throws {
      let pair = try Pair({ try $0.answerAll { _ in ok("1") } }, { try $0.answerAll { _ in ok("2") } })
      let skerry = try start(pair, ""), viewer = try skerry.viewer()
      for _ in 0..<60 { #expect(try get(viewer).status == 200) }
      #expect(pair.requests.allSatisfy { $0 >= 12 }, "\(pair.requests)")
      #expect(pair.first.connectionCount == 1 && pair.second.connectionCount == 1, "connections are kept for their address")
      #expect(try skerry.metrics()["skerry_origin_address_requests_in_flight"] == 0)
    }

    /// One address refuses connections: no request fails, and soon none goes there.
    @Test func aDeadAddressIsEjectedNotTheName() throws {
      let pair = try Pair({ try $0.answerAll { _ in ok("1") } }, { try $0.answerAll { _ in ok("2") } })
      pair.second.stop()
      let skerry = try start(pair, "ejection: { consecutiveFailures: 3, time: 1h, maximumTime: 1h }"), viewer = try skerry.viewer()
      for _ in 0..<60 { #expect(try get(viewer).bodyText == "1") }
      #expect(try healthy(skerry, "127.0.0.2") == 0 && healthy(skerry, "127.0.0.1") == 1)
      #expect(try skerry.metrics()["skerry_origin_health_total{event=\"ejected\"}"] == 1)
      try skerry.waitForStandardError(toHold: "127.0.0.2:\(pair.first.port) of origin app (E0) gets no requests for 3600000 ms: 3 requests in a row failed")
      let status = try Tool.run([Skerry.binary(), "status", "--admin", "127.0.0.1:\(skerry.adminPort)", "--token-file", skerry.folder.appendingPathComponent(".skerry/admin-token").path])
      #expect(status.text.contains("127.0.0.1:\(pair.first.port): healthy, 0 in flight"), "\(status)")
      #expect(status.text.contains("127.0.0.2:\(pair.first.port): ejected, gets no requests, 0 in flight"))
    }

    /// Answers of 503 eject; the trial after the time brings the address back.
    @Test func badAnswersAndTheWayBack() throws {
      let isWell = Watched(false)
      let pair = try Pair({ try $0.answerAll { _ in ok("1") } }, { try $0.answerAll { _ in isWell.current ? ok("2") : "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n" } })
      let skerry = try start(pair, "ejection: { consecutiveFailures: 3, time: 100ms, maximumTime: 100ms, slowStart: 0s }"), viewer = try skerry.viewer()
      try eventually("the ejection") {
        _ = try get(viewer)
        return try skerry.metrics()["skerry_origin_health_total{event=\"ejected\"}"] >= 1
      }
      isWell.update { $0 = true }
      try eventually("the return") { try get(viewer).bodyText == "2" }
      #expect(try skerry.metrics()["skerry_origin_health_total{event=\"returned\"}"] == 1)
      #expect(try healthy(skerry, "127.0.0.2") == 1)
    }

    /// When nobody is well everybody is asked: an ejection never takes the last.
    @Test func panic() throws {
      let busy = "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"
      let pair = try Pair({ try $0.answerAll { _ in busy } }, { try $0.answerAll { _ in busy } })
      let skerry = try start(pair, "ejection: { consecutiveFailures: 2, time: 1h, maximumTime: 1h }"), viewer = try skerry.viewer()
      for _ in 0..<20 { #expect(try get(viewer).bodyText == "busy") }
      let metrics = try skerry.metrics()
      #expect(metrics["skerry_origin_health_total{event=\"ejected\"}"] == 2 && metrics["skerry_origin_health_total{event=\"panic\"}"] > 5)
    }

    @Test func healthChecks() throws {
      let isWell = Watched(true)
      @Sendable func answer(_ name: String, _ request: Request) -> String {
        guard request.target == "/base/ping?x" else { return ok(name) }
        return name == "1" || isWell.current ? ok(fields: "") : "HTTP/1.1 500 Ill\r\nContent-Length: 0\r\n\r\n"
      }
      let pair = try Pair({ try $0.answerAll { answer("1", $0) } }, { try $0.answerAll { answer("2", $0) } })
      let settings = """
        originPath: /base
        customHeaders: { x-secret: abc }
        healthCheck: { path: /ping?x, interval: 100ms, healthyThreshold: 2, unhealthyThreshold: 2, expectedStatus: [200, 300-399] }
        """
      let skerry = try start(pair, settings), viewer = try skerry.viewer()
      try eventually("a check") { try skerry.metrics()["skerry_origin_health_total{event=\"check_passed\"}"] >= 4 }
      let check = try #require(pair.second.requests.first { $0.target == "/base/ping?x" })
      #expect(check.fields["host"] == "127.0.0.1:\(pair.first.port)" && check.fields["x-secret"] == "abc" && check.fields["connection"] == "close")
      isWell.update { $0 = false }
      try eventually("the second to be taken away") { try healthy(skerry, "127.0.0.2") == 0 }
      for _ in 0..<20 { #expect(try get(viewer).bodyText == "1") }
      isWell.update { $0 = true }
      try eventually("the second to be brought back") { try healthy(skerry, "127.0.0.2") == 1 }
      try skerry.waitForStandardError(toHold: "gets requests again")
      let metrics = try skerry.metrics()
      #expect(metrics["skerry_origin_health_total{event=\"down\"}"] == 1 && metrics["skerry_origin_health_total{event=\"up\"}"] == 1)
    }

    /// While no address of the primary is fit, its group's requests go to the secondary at once; those that may not fail over go to the primary.
    @Test func groupsSpareAnEjectedPrimary() throws {
      let primary = try ScriptedOrigin { try $0.answerAll { _ in "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n" } }
      let secondary = try ScriptedOrigin { try $0.answerAll { _ in ok("second") } }
      let skerry = try startSkerry(before: primary) {
        $0.originSettings = "ejection: { consecutiveFailures: 3, time: 1h, maximumTime: 1h }"
        $0.moreOrigins = "other: \(secondary.url)"
        $0.more = "originGroups:\n  both: { members: [app, other], statusCodes: [503] }"
        $0.target = "both"
      }
      let viewer = try skerry.viewer()
      for _ in 0..<10 { #expect(try get(viewer).bodyText == "second") }
      #expect(primary.requests.count == 3)
      #expect(try skerry.metrics()["skerry_origin_attempts_total{kind=\"primary_ejected\"}"] == 7)
      #expect(try viewer.exchange("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\n\r\nx", to: "POST").status == 503)
      #expect(primary.requests.count == 4)
    }

    // MARK: Bounds

    /// Of all workers together; who waits comes in the order of coming, and one too many is told at once.
    @Test func requestsInFlight() throws {
      let origin = try ScriptedOrigin { connection in
        while let request = try connection.nextRequest() {
          try connection.waitForGo()
          try connection.send(ok(request.target))
        }
      }
      let skerry = try startSkerry(before: origin, arguments: ["--workers", "2"]) { $0.originSettings = "maxRequestsInFlight: 2\nqueueLength: 2" }
      let viewers = try (0..<5).map { _ in try skerry.viewer() }
      for number in 0..<4 {
        try viewers[number].send("GET /\(number) HTTP/1.1\r\nHost: a.test\r\n\r\n")
        try eventually("request \(number) to be counted") {
          let metrics = try skerry.metrics()
          return metrics["skerry_origin_requests_in_flight"] + metrics["skerry_origin_requests_waiting"] == Double(number + 1)
        }
      }
      let refused = try viewers[4].exchange("GET /4 HTTP/1.1\r\nHost: a.test\r\n\r\n")
      #expect(refused.status == 503)
      #expect(origin.requests.count == 2)
      var metrics = try skerry.metrics()
      #expect(metrics["skerry_origin_requests_in_flight"] == 2 && metrics["skerry_origin_requests_waiting"] == 2)
      #expect(metrics["skerry_limits_reached_total{limit=\"origin_queue\"}"] == 1)
      origin.go()
      for number in 0..<4 { #expect(try viewers[number].readResponse().bodyText == "/\(number)") }
      try eventually("everyone to have left") {
        metrics = try skerry.metrics()
        return metrics["skerry_origin_requests_in_flight"] == 0 && metrics["skerry_origin_requests_waiting"] == 0
      }
    }

    @Test func aRequestDoesNotWaitForEver() throws {
      let origin = try ScriptedOrigin { connection in
        _ = try connection.nextRequest()
        try connection.waitForGo()
        try connection.send(ok())
      }
      let skerry = try startSkerry(before: origin) { $0.originSettings = "maxRequestsInFlight: 1\nqueueTimeout: 50ms" }
      let first = try skerry.viewer(), second = try skerry.viewer()
      try first.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
      _ = try origin.waitForRequests(1)
      #expect(try get(second).status == 503)
      #expect(try skerry.metrics()["skerry_limits_reached_total{limit=\"origin_queue_timeout\"}"] == 1)
      let line = try skerry.waitForLogLine("of the request that waited") { $0["status"] == .number(503) }
      #expect("\(line["error"] ?? .null)".contains("maxRequestsInFlight"))
      origin.go()
      #expect(try first.readResponse().status == 200)
    }
  }
}
