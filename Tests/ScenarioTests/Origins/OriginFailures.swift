// Origins that fail: what the viewer is told (502, 503, 504), what is counted, and that a connection which said
// something malformed is never used again (issue 2, points 3 and 5).
import Testing

/// One way for an origin to fail.
struct OriginFailure: Sendable, CustomTestStringConvertible {
  let what: String
  /// The origin's answer, after which it waits for the program to hang up, or hangs up itself.
  let answer: String
  var hangsUp = false
  var testDescription: String { what }

  init(_ what: String, _ answer: String, hangsUp: Bool = false) {
    (self.what, self.answer, self.hangsUp) = (what, answer, hangsUp)
  }

  /// Heads no reader should believe (RFC 9112 2–6).
  static let heads: [OriginFailure] = [
    .init("not HTTP", "220 mail.test ESMTP\r\n\r\n"),
    .init("HTML without a head", "<html>hello, an HTTP/0.9 response</html>\r\n\r\n"),
    .init("another version", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
    .init("version in lower case", "http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    .init("another protocol", "ICY 200 OK\r\nContent-Length: 0\r\n\r\n"),
    .init("a status of two digits", "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"),
    .init("a status of four digits", "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"),
    .init("a status that is no number", "HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n"),
    .init("a status below 100", "HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n"),
    .init("a status above 599", "HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n"),
    .init("two spaces before the status", "HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n"),
    .init("LF after the status line", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n"),
    .init("LF after a field", "HTTP/1.1 200 OK\r\nA: b\nContent-Length: 0\r\n\r\n"),
    .init("CR inside a value", "HTTP/1.1 200 OK\r\nA: b\rc\r\nContent-Length: 0\r\n\r\n"),
    .init("NUL inside a value", "HTTP/1.1 200 OK\r\nA: b\u{00}c\r\nContent-Length: 0\r\n\r\n"),
    .init("NUL in the reason", "HTTP/1.1 200 O\u{00}K\r\nContent-Length: 0\r\n\r\n"),
    .init("obs-fold", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n"),
    .init("obs-fold first", "HTTP/1.1 200 OK\r\n A: b\r\nContent-Length: 0\r\n\r\n"),
    .init("white space before a colon", "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n"),
    .init("a field without a colon", "HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 0\r\n\r\n"),
    .init("an empty field name", "HTTP/1.1 200 OK\r\n: b\r\nContent-Length: 0\r\n\r\n"),
    .init("a bad field name", "HTTP/1.1 200 OK\r\nA(B): c\r\nContent-Length: 0\r\n\r\n"),
    .init("Content-Length twice, different", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc"),
    .init("Content-Length as a list", "HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nabc"),
    .init("a signed Content-Length", "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nab"),
    .init("a negative Content-Length", "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nab"),
    .init("an empty Content-Length", "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n"),
    .init("a Content-Length of 2^64", "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n"),
    .init("Content-Length and Transfer-Encoding", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    .init("Transfer-Encoding: gzip", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx"),
    .init("Transfer-Encoding: gzip, chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    .init("chunked twice", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    .init("Transfer-Encoding in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    .init("a head of 40,000 bytes", "HTTP/1.1 200 OK\r\nA: \(String(repeating: "x", count: 40_000))\r\n\r\n"),
    .init("a status line of 40,000 bytes", "HTTP/1.1 200 \(String(repeating: "x", count: 40_000))\r\n\r\n"),
    .init("a thousand fields", "HTTP/1.1 200 OK\r\n\((1...1000).map { "F\($0): x\r\n" }.joined())\r\n"),
    .init("interim responses without end", String(repeating: "HTTP/1.1 102 Processing\r\n\r\n", count: 1000) + ok("late")),
    .init("100 Continue twice", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + ok("late")),
    .init("a malformed interim response", "HTTP/1.1 103 Early Hints\r\nA : b\r\n\r\n" + ok("late")),
    .init("an interim response and then nothing", "HTTP/1.1 103 Early Hints\r\n\r\n", hangsUp: true),
    .init("nothing at all", "", hangsUp: true),
    .init("the beginning of a status line", "HTTP/1.1 20", hangsUp: true),
    .init("a bad first chunk size that comes with the head", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nlate\r\n0\r\n\r\n"),
    .init("a head without its end", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", hangsUp: true),
  ]

  /// Bodies that break off: the viewer must not take what it has for the whole.
  static let bodies: [OriginFailure] = [
    .init("fewer bytes than Content-Length", "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhello", hangsUp: true),
    .init("no last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", hangsUp: true),
    .init("the end inside a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhello", hangsUp: true),
    .init("the end inside the trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n", hangsUp: true),
    .init("a bad chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nxyz\r\n"),
    .init("a huge chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nfffffffffffffffff\r\n"),
    .init("a negative chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n-1\r\n"),
    .init("no CRLF after a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n"),
    .init("LF after a chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\nhello\r\n0\r\n\r\n"),
    .init("a malformed trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA : b\r\n\r\n"),
  ]
}

extension Scenarios {
  @Suite(.program(stages: 90))
  struct OriginFailures {
    @Test(arguments: OriginFailure.heads)
    func aMalformedResponseIsABadGateway(_ failure: OriginFailure) throws {
      let stage = try stage { connection in
        guard let request = try connection.nextRequest() else { return }
        if request.target == "/good" { return try connection.send(ok("good")) }
        // Whoever stops reading in the middle may reset the connection: no failure of the script.
        try? connection.send(failure.answer)
        if !failure.hangsUp { try connection.waitForEnd() }
      }
      let before = try stage.skerry.metrics()

      // The viewer is told in so many words, and keeps its connection.
      let viewer = try stage.viewer()
      let response = try viewer.exchange("GET /bad HTTP/1.1\r\nHost: \(stage.host)\r\n\r\n")
      #expect(response.status == 502)
      #expect(response.fields["x-cache"] == "Error from cloudfront")
      #expect(response.fields["via"] != nil && response.fields["x-amz-cf-id"] != nil)
      #expect(response.fields["content-type"]?.hasPrefix("text/html") == true)
      #expect(!response.bodyText.contains("late"))

      // The connection to the origin is dropped: the next request goes out on another.
      #expect(try viewer.exchange("GET /good HTTP/1.1\r\nHost: \(stage.host)\r\n\r\n").bodyText == "good")
      #expect(!stage.origin.record.current.connections.contains { String(wire: $0).holds("/bad") && String(wire: $0).holds("/good") })
      try stage.skerry.waitForMetric("skerry_origin_failures_total", since: before)

      // The log says why.
      let line = try stage.skerry.waitForLogLine("about \(stage.host)/bad") { line in
        line.values.contains(.text(stage.host)) && line.values.contains(.number(502))
      }
      #expect(line.values.contains { $0.description.contains("Origin") }, "\(line)")
    }

    @Test(arguments: OriginFailure.bodies)
    func aBrokenBodyIsNotEndedCleanly(_ failure: OriginFailure) throws {
      let stage = try stage { connection in
        guard let request = try connection.nextRequest() else { return }
        if request.target == "/good" { return try connection.send(ok("good")) }
        try? connection.send(failure.answer)
        if !failure.hangsUp { try connection.waitForEnd() }
      }
      let before = try stage.skerry.metrics()
      let viewer = try stage.viewer()
      try viewer.send("GET /bad HTTP/1.1\r\nHost: \(stage.host)\r\n\r\n")
      // Either the fault was seen before anything was sent, or the connection ends in the middle of the message.
      do {
        #expect(try viewer.readResponse().status == 502)
      } catch is StreamEnded {} catch ConnectionError.reset {}
      let next = try stage.viewer()
      #expect(try next.exchange("GET /good HTTP/1.1\r\nHost: \(stage.host)\r\n\r\n").bodyText == "good")
      #expect(!stage.origin.record.current.connections.contains { String(wire: $0).holds("/bad") && String(wire: $0).holds("/good") })
      try stage.skerry.waitForMetric("skerry_origin_failures_total", since: before)
    }

    @Test func aResetInTheBodyReachesTheViewer() throws {
      let stage = try stage { connection in
        try connection.expectRequest()
        try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello")
        try connection.waitForGo()
        connection.reset()
      }
      let viewer = try stage.viewer()
      try viewer.send("GET / HTTP/1.1\r\nHost: \(stage.host)\r\n\r\n")
      #expect(try viewer.readHead().status == 200)
      #expect(try viewer.read(exactly: 5) == wire("hello"))
      stage.origin.go()
      let (rest, ending) = viewer.readEnding()
      #expect(rest.isEmpty && ending != .stillOpen)
    }

    @Test func bodiesToAnHTTP10ViewerAreNotEndedCleanlyEither() throws {
      let stage = try stage { connection in
        try connection.expectRequest()
        try connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        try connection.waitForGo()
      }
      let viewer = try stage.viewer()
      try viewer.send("GET / HTTP/1.0\r\nHost: \(stage.host)\r\n\r\n")
      #expect(try viewer.readHead().status == 200)
      #expect(try viewer.read(exactly: 5) == wire("hello"))
      stage.origin.go()
      // Without a length, an orderly end would mean "complete" (RFC 9112 8): only a reset says otherwise.
      #expect(viewer.readEnding().ending == .reset)
    }
  }

  @Suite struct OriginConnections {
    @Test func aRefusedConnectionIsABadGateway() throws {
      let origin = try ScriptedOrigin()
      let skerry = try startSkerry(before: origin)
      origin.stop()  // the port is closed now
      let before = try skerry.metrics()
      for _ in 0..<2 {
        let response = try skerry.viewer().exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        #expect([502, 503].contains(response.status))
        #expect(response.fields["x-cache"] == "Error from cloudfront")
      }
      let after = try skerry.metrics()
      #expect(after["skerry_origin_failures_total{reason=\"connect_refused\"}"] > before["skerry_origin_failures_total{reason=\"connect_refused\"}"])
    }

    @Test func aNameNobodyKnowsIsABadGateway() throws {
      let origin = try ScriptedOrigin()
      let skerry = try startSkerry(before: origin, more: "limits: { dns: { timeout: 2s } }") { $0.origin = "http://no-such-host.invalid" }
      let response = try skerry.viewer().exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
      #expect(response.status == 502)
    }

    @Test func anOriginThatDoesNotAnswerIsAGatewayTimeout() throws {
      let origin = try ScriptedOrigin { connection in
        try connection.expectRequest()
        try connection.waitForEnd()
      }
      let skerry = try startSkerry(before: origin) { $0.originSettings = "readTimeout: 1\nconnectionAttempts: 1" }
      let response = try skerry.viewer().exchange("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n")
      #expect(response.status == 504)
      #expect(response.fields["x-cache"] == "Error from cloudfront")
      try origin.waitForClosedConnections(1)
      #expect(try skerry.metrics()["skerry_origin_failures_total{reason=\"read_timeout\"}"] == 1)
    }

    @Test func anOriginThatStopsInItsBodyIsCutOff() throws {
      let origin = try ScriptedOrigin { connection in
        try connection.expectRequest()
        try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello")
        try connection.waitForEnd()
      }
      let skerry = try startSkerry(before: origin) { $0.originSettings = "readTimeout: 3" }
      let viewer = try skerry.viewer()
      try viewer.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
      #expect(try viewer.readHead().status == 200)
      let (bytes, ending) = viewer.readEnding()
      #expect(bytes == wire("hello") && ending != .stillOpen)
    }

    /// An origin may close an idle connection just as a request goes out on it. For GET and HEAD that is our affair.
    @Test(arguments: ["GET", "HEAD"])
    func aStalePooledConnectionIsRetriedOnce(method: String) throws {
      let origin = try ScriptedOrigin { connection in
        try connection.expectRequest()
        try connection.send(ok(""))
        // The first connection ends when its second request has come, without a byte of answer.
        try connection.expectRequest()
        if connection.number > 0 { try connection.send(ok("")) }
      }
      let skerry = try startSkerry(before: origin, arguments: ["--workers", "1"])
      let viewer = try skerry.viewer()
      #expect(try viewer.exchange("GET /1 HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 200)
      #expect(try viewer.exchange("\(method) /2 HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 200)
      #expect(origin.requests.map(\.target) == ["/1", "/2", "/2"])
      #expect(origin.connectionCount == 2)
      #expect(try skerry.metrics()["skerry_origin_attempts_total{kind=\"stale_retry\"}"] == 1)
    }

    /// What is not idempotent is never sent twice (spec/request-pipeline.md 14).
    /// A connection that was waited for is as likely to be stale as an idle one: it gets the same free retry, and the log says so.
    @Test func aConnectionHandedOverIsAReusedOne() throws {
      let origin = try ScriptedOrigin { connection in
        while let request = try connection.nextRequest() {
          if request.target == "/slow" { try connection.waitForGo() }
          if request.target == "/waiting" && connection.number == 0 { return }
          try connection.send(ok(request.target))
        }
      }
      let skerry = try startSkerry(before: origin, arguments: ["--workers", "1"]) { $0.originSettings = "connectionsPerWorker: 1\nconnectionAttempts: 1" }
      let slow = try skerry.viewer(), waiting = try skerry.viewer()
      try slow.send("GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n")
      _ = try origin.waitForRequests(1)
      try waiting.send("GET /waiting HTTP/1.1\r\nHost: a.test\r\n\r\n")
      try eventually("the second request to wait") { try skerry.metrics()["skerry_requests_in_flight"] == 2 }
      origin.go()
      #expect(try waiting.readResponse().bodyText == "/waiting")
      #expect(try skerry.metrics()["skerry_origin_attempts_total{kind=\"stale_retry\"}"] == 1)
      #expect(try skerry.waitForLogLine("of the retried") { $0["uri"] == .text("/waiting") }["originReused"] == .flag(false))
    }

    /// Whoever left while waiting for a connection costs the origin nothing, and what was waited for goes to the next.
    @Test func aViewerThatLeftWhileWaitingIsNotAskedFor() throws {
      let origin = try ScriptedOrigin { connection in
        try connection.answerAll { request in
          if request.target == "/slow" { try connection.waitForGo() }
          return ok(request.target)
        }
      }
      let skerry = try startSkerry(before: origin, arguments: ["--workers", "1"]) { $0.originSettings = "connectionsPerWorker: 1" }
      let slow = try skerry.viewer(), next = try skerry.viewer()
      try slow.send("GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n")
      _ = try origin.waitForRequests(1)
      do {
        let leaver = try skerry.viewer()
        try leaver.send("GET /left HTTP/1.1\r\nHost: a.test\r\n\r\n")
        try eventually("the second request to wait") { try skerry.metrics()["skerry_requests_in_flight"] == 2 }
        leaver.reset()
      }
      try next.send("GET /next HTTP/1.1\r\nHost: a.test\r\n\r\n")
      try eventually("the third request to wait") { try skerry.metrics()["skerry_requests_in_flight"] >= 2 }
      origin.go()
      #expect(try next.readResponse().bodyText == "/next")
      #expect(try slow.readResponse().bodyText == "/slow")
      #expect(origin.requests.map(\.target) == ["/slow", "/next"])
      #expect(origin.connectionCount == 1)
      let line = try skerry.waitForLogLine("of the one that left") { $0["uri"] == .text("/left") }
      #expect(line["detailedResultType"] == .text("ClientHungUpRequest") && line["status"] == .number(0))
      #expect(try skerry.waitForLogLine("of the next") { $0["uri"] == .text("/next") }["originReused"] == .flag(true))
    }

    /// Half an answer of the primary's is no answer of the secondary's: that one is tried as often as it may be.
    @Test func theSecondaryHasItsOwnAttempts() throws {
      let primary = try ScriptedOrigin { connection in
        try connection.expectRequest()
        try connection.send("HTTP/1.1 200 OK\r\nA: b")
      }
      let secondary = try ScriptedOrigin()
      secondary.stop()
      let skerry = try startSkerry(before: primary) {
        $0.moreOrigins = "second: \(secondary.url)"
        $0.more = "originGroups:\n  ha: { members: [app, second], statusCodes: [502] }\n"
        $0.target = "ha"
      }
      #expect(try skerry.viewer().exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 502)
      #expect(primary.connectionCount == 1)
      #expect(try skerry.metrics()["skerry_origin_attempts_total{kind=\"retry\"}"] == 2)
    }

    @Test func aStaleConnectionIsNotRetriedForPost() throws {
      let origin = try ScriptedOrigin { connection in
        try connection.expectRequest()
        try connection.send(ok(""))
        try connection.expectRequest()
      }
      let skerry = try startSkerry(before: origin, arguments: ["--workers", "1"])
      let viewer = try skerry.viewer()
      #expect(try viewer.exchange("GET /1 HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 200)
      #expect(try viewer.exchange("POST /2 HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi").status == 502)
      #expect(origin.requests.map(\.target) == ["/1", "/2"])
    }

    @Test func aConnectionClosedWhileIdleIsNoticed() throws {
      let origin = try ScriptedOrigin { connection in
        try connection.expectRequest()
        try connection.send(ok("\(connection.number)"))
      }
      let skerry = try startSkerry(before: origin, arguments: ["--workers", "1"])
      let viewer = try skerry.viewer()
      for number in 0..<5 {
        let response = try viewer.exchange("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n")
        #expect(response.bodyText == "\(number)")
        try origin.waitForClosedConnections(number + 1)
        try eventually("the pool to let go of the closed connection") {
          try skerry.metrics()["skerry_origin_connections_idle"] == 0
        }
      }
    }

    /// Issue 2, point 5: failover on status, connect failure and timeout; GET, HEAD and OPTIONS only.
    @Test(arguments: ["status", "refused", "timeout"])
    func anOriginGroupFailsOver(how: String) throws {
      let primary = try ScriptedOrigin { connection in
        while try connection.nextRequest() != nil {
          if how == "timeout" { return try connection.waitForEnd() }
          try connection.send("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nsick")
        }
      }
      let secondary = try ScriptedOrigin { try $0.answerAll { ok("secondary saw \($0.target)") } }
      let skerry = try startSkerry(before: primary) {
        $0.originSettings = "readTimeout: 1\nconnectionAttempts: 1"
        $0.moreOrigins = "second: \(secondary.url)"
        $0.more = "originGroups:\n  ha: { members: [app, second], statusCodes: [500, 502, 503, 504] }\n"
        $0.target = "ha"
      }
      if how == "refused" { primary.stop() }
      let viewer = try skerry.viewer()
      #expect(try viewer.exchange("GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n").bodyText == "secondary saw /a")
      #expect(try skerry.metrics()["skerry_origin_attempts_total{kind=\"failover\"}"] == 1)
      let posted = try viewer.exchange("POST /b HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n")
      #expect(posted.status >= 500)
      #expect(secondary.requests.map(\.target) == ["/a"])
    }

    @Test func originPathAndCustomHeaders() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let skerry = try startSkerry(before: origin) {
        $0.originSettings = "originPath: /v2\ncustomHeaders: { x-edge-secret: abc, X-Mine: origin }"
      }
      _ = try skerry.viewer().exchange("GET /a//b?c HTTP/1.1\r\nHost: a.test\r\nX-Mine: viewer\r\n\r\n")
      let request = try origin.waitForRequests(1)[0]
      #expect(request.line == "GET /v2/a//b?c HTTP/1.1")
      #expect(request.fields["x-mine"] == "origin")
    }

    /// A proxy that proxies itself would spin.
    @Test func theProgramIsNeverItsOwnOrigin() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let free = try Socket.listening()
      let port = free.port
      free.shutDown()
      let distribution = Configuration.Distribution(isDefault: true, origin: "http://127.0.0.1:\(port)")
      var configuration = Configuration(distributions: [distribution]).yaml
      configuration = configuration.replacing("listeners:\n  - address: 127.0.0.1:0", with: "listeners:\n  - address: 127.0.0.1:\(port)")
      let skerry = try Skerry.start(configuration: configuration)
      let response = try skerry.viewer().exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
      #expect(response.status == 502)
      #expect(origin.connectionCount == 0)
    }

    @Test func aFolderIsAnOriginToo() throws {
      let origin = try ScriptedOrigin()
      let skerry = try startSkerry(before: origin, files: ["public/hello.txt": "hello file", "public/sub/x.html": "<p>"]) {
        $0.origin = "./public"
      }
      let viewer = try skerry.viewer()
      let file = try viewer.exchange("GET /hello.txt HTTP/1.1\r\nHost: a.test\r\n\r\n")
      #expect(file.status == 200 && file.bodyText == "hello file")
      #expect(file.fields["content-type"]?.hasPrefix("text/plain") == true)
      let tag = try #require(file.fields["etag"])
      let head = try viewer.exchange("HEAD /hello.txt HTTP/1.1\r\nHost: a.test\r\n\r\n")
      #expect(head.fields["content-length"] == "10" && head.body.isEmpty)
      #expect(try viewer.exchange("GET /hello.txt HTTP/1.1\r\nHost: a.test\r\nIf-None-Match: \(tag)\r\n\r\n").status == 304)
      let range = try viewer.exchange("GET /hello.txt HTTP/1.1\r\nHost: a.test\r\nRange: bytes=6-\r\n\r\n")
      #expect(range.status == 206 && range.bodyText == "file" && range.fields["content-range"] == "bytes 6-9/10")
      for path in ["/", "/sub", "/sub/", "/missing", "/../edge.yaml", "/%2e%2e/edge.yaml", "/sub/..%2f..%2fedge.yaml", "/hello.txt%00"] {
        let status = try viewer.exchange("GET \(path) HTTP/1.1\r\nHost: a.test\r\n\r\n").status
        #expect([400, 403, 404].contains(status), "\(path)")
      }
    }
  }
}
