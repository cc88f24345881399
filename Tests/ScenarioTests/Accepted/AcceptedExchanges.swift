// Whole exchanges on one connection: order, bodiless responses, interim responses, HTTP/1.0, tunnels, reuse.
import TestTools
import Testing

extension Scenarios {
  @Suite(.program(stages: 60))
  struct AcceptedExchanges {
    // MARK: Order

    @Test func pipelinedRequestsAreAnsweredInOrder() throws {
      let stage = try stage { try $0.answerAll { ok("answer to \($0.target)") } }
      let viewer = try stage.viewer()
      // Ten requests leave in one packet, one of them with a body.
      let requests = (0..<10).map {
        $0 == 5
          ? "POST /\($0) HTTP/1.1\r\nHost: \(stage.host)\r\nContent-Length: 5\r\n\r\nhello"
          : "GET /\($0) HTTP/1.1\r\nHost: \(stage.host)\r\n\r\n"
      }
      try viewer.send(requests.joined())
      for number in 0..<10 { #expect(try viewer.readResponse().bodyText == "answer to /\(number)") }
    }

    /// Thousands of requests sent before the first answer is read: neither side of the program may run ahead of the other.
    @Test func aFloodOfPipelinedRequests() throws {
      let stage = try stage { try $0.answerAll { ok($0.target) } }
      let viewer = try stage.viewer()
      let count = 5000
      let sender = Watched(false)
      nonisolated(unsafe) let writer = viewer
      startThread { [host = stage.host] in
        for number in 0..<count { try? unsafe writer.send("GET /\(number) HTTP/1.1\r\nHost: \(host)\r\n\r\n") }
        sender.update { $0 = true }
      }
      for number in 0..<count { try #require(try viewer.readResponse().bodyText == "/\(number)") }
      try sender.wait(for: "the sender to be done") { $0 ? true : nil }
      #expect(stage.origin.connectionCount == 1)
    }

    @Test func aPipelinedRequestThatCannotBeServedKeepsItsPlace() throws {
      let stage = try stage { try $0.answerAll { ok($0.target) } }
      let viewer = try stage.viewer()
      try viewer.send(
        "GET /1 HTTP/1.1\r\nHost: \(stage.host)\r\n\r\nGET /2 HTTP/1.1\r\nHost: nobody.test\r\n\r\nGET /3 HTTP/1.1\r\nHost: \(stage.host)\r\n\r\n")
      #expect(try viewer.readResponse().bodyText == "/1")
      #expect(try viewer.readResponse().status == 403)
      #expect(try viewer.readResponse().bodyText == "/3")
    }

    @Test func connectionCloseIsHonoured() throws {
      let stage = try stage { try $0.answerAll { _ in ok("bye") } }
      let viewer = try stage.viewer()
      let response = try viewer.exchange("GET / HTTP/1.1\r\nHost: \(stage.host)\r\nConnection: close\r\n\r\n")
      #expect(response.bodyText == "bye")
      #expect(response.fields["connection"] == "close")
      #expect(viewer.isClosedSilently())
    }

    @Test func aHalfClosedViewerStillGetsItsAnswer() throws {
      let stage = try stage { try $0.answerAll { _ in ok("still here") } }
      let viewer = try stage.viewer()
      try viewer.send("GET / HTTP/1.1\r\nHost: \(stage.host)\r\n\r\n")
      viewer.finishSending()
      #expect(try viewer.readResponse().bodyText == "still here")
      #expect(viewer.isClosedSilently())
    }

    // MARK: Responses without a body

    /// HEAD, 204 and 304 have none, whatever their fields say (RFC 9112 6.3).
    @Test(arguments: [
      ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "5"),
      ("HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", nil),
      ("HEAD", "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\n", "5"),
      ("GET", "HTTP/1.1 204 No Content\r\n\r\n", nil),
      ("GET", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", nil),
      ("GET", "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n", nil),
      ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "5"),
    ] as [(String, String, String?)])
    func aResponseWithoutABody(method: String, answer: String, length: String?) throws {
      let stage = try stage { connection in
        try connection.expectRequest("\(method) /first HTTP/1.1")
        try connection.send(answer)
        try connection.answerAll { _ in ok("second") }
      }
      let viewer = try stage.viewer()
      let first = try viewer.exchange("\(method) /first HTTP/1.1\r\nHost: \(stage.host)\r\n\r\n")
      #expect("\(first.status)" == answer.dropFirst(9).prefix(3))
      #expect(first.body.isEmpty)
      if let length { #expect(first.fields["content-length"] == length) }
      // The next response begins exactly where this one ended.
      #expect(try viewer.exchange("GET /second HTTP/1.1\r\nHost: \(stage.host)\r\n\r\n").bodyText == "second")
    }

    @Test func anEmptyResponseEndsWithItsHead() throws {
      let stage = try stage { try $0.answerAll { _ in ok("") } }
      let viewer = try stage.viewer()
      for _ in 0..<2 {
        let response = try viewer.exchange("GET / HTTP/1.1\r\nHost: \(stage.host)\r\n\r\n")
        #expect(response.status == 200 && response.body.isEmpty)
      }
    }

    // MARK: Framing is each hop's own

    @Test(arguments: [
      "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n",
      "HTTP/1.1 200 OK\r\n\r\nhello world",
      "HTTP/1.0 200 OK\r\n\r\nhello world",
      "HTTP/1.0 200 OK\r\nContent-Length: 11\r\n\r\nhello world",
      "HTTP/1.1 200\u{20}\r\nContent-Length: 11\r\n\r\nhello world",
      "HTTP/1.1 200 \u{e9}\r\nContent-Length: 11\r\nConnection: close\r\n\r\nhello world",
    ])
    func aBodyArrivesHoweverItWasFramed(answer: String) throws {
      let stage = try stage { connection in
        try connection.expectRequest()
        try connection.send(answer, inPiecesOf: 7)
      }
      for version in ["1.1", "1.0"] {
        let viewer = try stage.viewer()
        let response = try viewer.exchange("GET / HTTP/\(version)\r\nHost: \(stage.host)\r\n\r\n")
        #expect(response.bodyText == "hello world")
        #expect(response.fields["x-sum"] == nil)
        if version == "1.0" {
          #expect(response.framing != .chunked)
          #expect(viewer.isClosedSilently())
        } else {
          #expect(response.framing != .untilClose)
        }
      }
    }

    @Test func anHTTP10ViewerMayKeepItsConnection() throws {
      let stage = try stage { try $0.answerAll { ok($0.target) } }
      let viewer = try stage.viewer()
      for path in ["/1", "/2"] {
        let response = try viewer.exchange("GET \(path) HTTP/1.0\r\nHost: \(stage.host)\r\nConnection: keep-alive\r\n\r\n")
        #expect(response.bodyText == path)
        #expect(response.fields["connection"]?.lowercased() == "keep-alive")
      }
      #expect(try viewer.exchange("GET /3 HTTP/1.0\r\nHost: \(stage.host)\r\n\r\n").bodyText == "/3")
      #expect(viewer.isClosedSilently())
    }

    // MARK: Interim responses

    /// 100 and 103 are passed or absorbed; the final response is the final response.
    @Test(arguments: [
      "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", "HTTP/1.1 102 Processing\r\n\r\n",
      "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n",
    ])
    func anInterimResponseIsNotTheAnswer(interim: String) throws {
      let stage = try stage { try $0.answerAll { interim + ok($0.target) } }
      let viewer = try stage.viewer()
      for path in ["/1", "/2"] {
        #expect(try viewer.exchange("GET \(path) HTTP/1.1\r\nHost: \(stage.host)\r\n\r\n").bodyText == path)
      }
    }

    @Test func anHTTP10ViewerNeverSeesAnInterimResponse() throws {
      let stage = try stage { try $0.answerAll { _ in "HTTP/1.1 103 Early Hints\r\n\r\n" + ok("final") } }
      let viewer = try stage.viewer()
      var interim: [Response] = []
      try viewer.send("GET / HTTP/1.0\r\nHost: \(stage.host)\r\n\r\n")
      #expect(try viewer.readResponse(interim: &interim).bodyText == "final")
      #expect(interim.isEmpty)
    }

    @Test func expectContinueIsAnsweredBeforeTheBody() throws {
      let stage = try stage { try $0.answerAll { ok($0.bodyText) } }
      let viewer = try stage.viewer()
      try viewer.send("POST / HTTP/1.1\r\nHost: \(stage.host)\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
      #expect(try viewer.readHead().status == 100)
      try viewer.send("hello")
      var interim: [Response] = []
      #expect(try viewer.readResponse(interim: &interim).bodyText == "hello")
      #expect(interim.isEmpty)
    }

    @Test func expectContinueWithTheBodyAlreadyThere() throws {
      let stage = try stage { try $0.answerAll { ok($0.bodyText) } }
      let viewer = try stage.viewer()
      for body in ["first", "again"] {
        let response = try viewer.exchange(
          "POST / HTTP/1.1\r\nHost: \(stage.host)\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n\(body)")
        #expect(response.bodyText == body)
      }
    }

    @Test func expectContinueIsNotAskedForByHTTP10() throws {
      let stage = try stage { try $0.answerAll { ok($0.bodyText) } }
      let viewer = try stage.viewer()
      var interim: [Response] = []
      try viewer.send("POST / HTTP/1.0\r\nHost: \(stage.host)\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello")
      #expect(try viewer.readResponse(interim: &interim).bodyText == "hello")
      #expect(interim.isEmpty)
    }

    // MARK: Early answers and departures

    @Test func anOriginMayAnswerBeforeTheBodyIsWhole() throws {
      let stage = try stage { connection in
        #expect(String(wire: try connection.readSome()).hasPrefix("POST / "))
        try connection.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        try connection.waitForEnd()
      }
      let viewer = try stage.viewer()
      try viewer.send("POST / HTTP/1.1\r\nHost: \(stage.host)\r\nContent-Length: 1000000\r\n\r\nthe beginning")
      let response = try viewer.readResponse()
      #expect(response.status == 403 && response.bodyText == "no")
    }

    @Test func aViewerThatLeavesInItsBodyTakesTheOriginRequestAlong() throws {
      let stage = try stage { connection in
        #expect(throws: (any Error).self) { try connection.expectRequest() }
      }
      let viewer = try stage.viewer()
      try viewer.send("POST / HTTP/1.1\r\nHost: \(stage.host)\r\nContent-Length: 100\r\n\r\nhalf")
      try stage.origin.waitForConnections(1)
      viewer.reset()
      viewer.finishSending()
      try stage.origin.waitForClosedConnections(1)
      #expect(stage.origin.requests.isEmpty)
    }

    // MARK: Connections to the origin

    @Test func oneOriginConnectionServesManyRequests() throws {
      let stage = try stage { try $0.answerAll { ok($0.target) } }
      let viewer = try stage.viewer()
      for number in 0..<20 {
        #expect(try viewer.exchange("GET /\(number) HTTP/1.1\r\nHost: \(stage.host)\r\n\r\n").bodyText == "/\(number)")
      }
      #expect(stage.origin.connectionCount == 1)
    }

    /// A connection whose end was announced, or whose message was delimited by it, is not used again.
    @Test(arguments: [
      "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more than that",
    ])
    func anOriginConnectionThatEndsIsNotReused(answer: String) throws {
      let stage = try stage { connection in
        try connection.expectRequest()
        try connection.send(answer)
        try connection.waitForEnd()
      }
      let viewer = try stage.viewer()
      for _ in 0..<2 {
        #expect(try viewer.exchange("GET / HTTP/1.1\r\nHost: \(stage.host)\r\n\r\n").bodyText == "ok")
      }
      #expect(stage.origin.connectionCount == 2)
    }

    // MARK: Tunnels (RFC 9110 7.8)

    static let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"

    @Test func aWebSocketIsATunnelBothWays() throws {
      let stage = try stage { connection in
        let request = try connection.expectRequest("GET /chat HTTP/1.1")
        #expect(request.fields["upgrade"] == "websocket")
        #expect(request.fields["connection"]?.lowercased() == "upgrade")
        #expect(request.fields["sec-websocket-key"] == "dGhlIHNhbXBsZSBub25jZQ==")
        try connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\nwelcome")
        #expect(try connection.read(exactly: 5) == wire("\u{81}\u{00}\u{ff}\r\n"))
        try connection.send("echo")
        // The viewer ends its side; the origin may still speak.
        #expect(try connection.readSome().isEmpty)
        try connection.send("last words")
      }
      let viewer = try stage.viewer()
      try viewer.send("GET /chat HTTP/1.1\r\nHost: \(stage.host)\r\n\(Self.upgrade)\r\n")
      let switched = try viewer.readHead()
      #expect(switched.status == 101)
      #expect(switched.fields["upgrade"] == "websocket")
      #expect(switched.fields["connection"]?.lowercased() == "upgrade")
      #expect(switched.fields["sec-websocket-accept"] == "x")
      #expect(try viewer.read(exactly: 7) == wire("welcome"))
      try viewer.send("\u{81}\u{00}\u{ff}\r\n")
      #expect(try viewer.read(exactly: 4) == wire("echo"))
      viewer.finishSending()
      #expect(try viewer.read(exactly: 10) == wire("last words"))
      #expect(viewer.isClosedSilently())
      try stage.origin.verify()
    }

    @Test func bytesSentBehindTheUpgradeReachTheOriginAfterIt() throws {
      let stage = try stage { connection in
        try connection.expectRequest()
        try connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        #expect(try connection.read(exactly: 5) == wire("eager"))
        try connection.send("bye")
      }
      let viewer = try stage.viewer()
      try viewer.send("GET / HTTP/1.1\r\nHost: \(stage.host)\r\n\(Self.upgrade)\r\neager")
      #expect(try viewer.readHead().status == 101)
      #expect(viewer.readEnding().bytes == wire("bye"))
      try stage.origin.waitForClosedConnections(1)
      try stage.origin.verify()
    }

    @Test func anOriginMayDeclineAnUpgrade() throws {
      let stage = try stage { try $0.answerAll { ok($0.target) } }
      let viewer = try stage.viewer()
      #expect(try viewer.exchange("GET /1 HTTP/1.1\r\nHost: \(stage.host)\r\n\(Self.upgrade)\r\n").bodyText == "/1")
      #expect(try viewer.exchange("GET /2 HTTP/1.1\r\nHost: \(stage.host)\r\n\r\n").bodyText == "/2")
    }

    @Test func anUnaskedSwitchOfProtocolsIsABadResponse() throws {
      let stage = try stage { connection in
        try connection.expectRequest()
        try connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
        try connection.waitForEnd()
      }
      let viewer = try stage.viewer()
      #expect(try viewer.exchange("GET / HTTP/1.1\r\nHost: \(stage.host)\r\n\r\n").status == 502)
    }
  }
}
