// Requests over HTTP/2 and their answers: the same pipeline, its bodies, and the memory they take while one side is slow.
import Foundation
import TestTools
import Testing

extension Scenarios {
  @Suite(.program(stages: 30)) struct HTTP2Streams {
    private func get(_ stage: Stage, _ path: String = "/", _ more: [(String, String)] = []) -> [(String, String)] { ScenarioTests.get(path, host: stage.host, more) }
    private func post(_ stage: Stage, _ path: String = "/", _ more: [(String, String)] = []) -> [(String, String)] { ScenarioTests.post(path, host: stage.host, more) }

    @Test func curlGetsAPage() throws {
      let stage = try stage { try $0.answerAll { ok("hello \($0.target)") } }
      let result = try Tool.shell("curl -sS --http2-prior-knowledge -w ' %{http_version} %{http_code}' -H \"Host: $2\" http://127.0.0.1:$1/page", [String(stage.skerry.port), stage.host])
      #expect(result.text == "hello /page 2 200")
      let line = try stage.skerry.waitForLogLine("of the page") { $0["host"] == .text(stage.host) }
      #expect(line["protocol"] == .text("HTTP/2.0") && line["uri"] == .text("/page") && line["method"] == .text("GET"))
      let request = try #require(stage.origin.requests.first)
      #expect(request.line == "GET /page HTTP/1.1" && request.fields["host"] == stage.host)
    }

    @Test func crumbsOfCookiesAreJoined() throws {
      let stage = try stage { try $0.answerAll { ok($0.fields["cookie"] ?? "") } }
      let viewer = try HTTP2Viewer.open(stage.skerry)
      let answer = try viewer.exchange(1, get(stage, "/", [("cookie", "a=1"), ("x", "y"), ("cookie", "b=2; c=3")]))
      #expect(String(wire: answer.body) == "a=1; b=2; c=3")
    }

    @Test func fieldsOfTheConnectionStayBehind() throws {
      let stage = try stage { try $0.answerAll { _ in ok("x", fields: "Connection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nX-Kept: 2\r\n") } }
      let viewer = try HTTP2Viewer.open(stage.skerry)
      let answer = try viewer.exchange(1, get(stage))
      let block = String(wire: try #require(answer.blocks.first))
      #expect(answer.status == 200 && !block.contains("x-hop") && !block.contains("keep-alive") && !block.contains("X-Kept"))
    }

    @Test func manyStreamsAtOnce() throws {
      let stage = try stage { try $0.answerAll { ok($0.target) } }
      let viewer = try HTTP2Viewer.open(stage.skerry)
      let streams = Array(stride(from: UInt32(1), to: 201, by: 2))
      try viewer.send(streams.map { .headers($0, get(stage, "/\($0)")) })
      var bodies: [UInt32: String] = [:], ended = 0
      while ended < streams.count, let frame = try viewer.next() {
        if frame.type == 0 { bodies[frame.stream, default: ""] += String(wire: frame.payload) }
        if frame.type < 2, frame.flags & 1 == 1 { ended += 1 }
      }
      #expect(streams.allSatisfy { bodies[$0] == "/\($0)" })
    }

    @Test(arguments: ["HEAD 200", "GET 204", "GET 304"]) func answersWithoutContent(_ what: String) throws {
      let status = what.suffix(3)
      let stage = try stage { try $0.answerAll { _ in "HTTP/1.1 \(status) X\r\n\(status == "200" ? "Content-Length: 5\r\n" : "")\r\n" } }
      let viewer = try HTTP2Viewer.open(stage.skerry)
      let answer = try viewer.exchange(1, [(":method", String(what.prefix { $0 != " " }))] + get(stage).dropFirst())
      #expect(answer.status == Int(status) && answer.body.isEmpty)
      #expect(viewer.frames.filter { $0.stream == 1 }.map(\.type) == [1])   // END_STREAM on the head
    }

    @Test func aBodyOfUnknownLength() throws {
      let stage = try stage { origin in
        try origin.answerAll { request in "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n\(request.bodyText.prefix(3))\r\n0\r\n\r\n" }
      }
      let viewer = try HTTP2Viewer.open(stage.skerry)
      try viewer.send(.headers(1, post(stage), end: false), .data(1, "one "), .data(1, "two", end: true))
      let answer = try viewer.answer(on: 1)
      #expect(answer.status == 200 && String(wire: answer.body) == "one")
      #expect(stage.origin.requests.first?.bodyText == "one two" && stage.origin.requests.first?.fields["transfer-encoding"] == "chunked")
    }

    @Test func continueIsSaid() throws {
      let stage = try stage { try $0.answerAll { ok($0.bodyText) } }
      let viewer = try HTTP2Viewer.open(stage.skerry)
      try viewer.send(.headers(1, post(stage, "/", [("expect", "100-continue"), ("content-length", "3")]), end: false))
      #expect(HPACK.status(try viewer.wait("100") { $0.type == 1 }.payload) == 100)
      try viewer.send(.data(1, "abc", end: true))
      let answer = try viewer.answer(on: 1)
      #expect(answer.status == 200 && String(wire: answer.body) == "abc")
    }

    /// The answer is whole before the request is: RST_STREAM NO_ERROR behind it, and the connection lives (RFC 9113, 8.1).
    @Test func anEarlyAnswer() throws {
      let stage = try stage { origin in
        while origin.number == 0, try !String(wire: origin.readSome()).holds("\r\n\r\n") {}
        if origin.number > 0 { return try origin.answerAll { ok($0.target) } }
        try origin.send("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        try origin.waitForEnd()
      }
      let viewer = try HTTP2Viewer.open(stage.skerry)
      try viewer.send(.headers(1, post(stage), end: false), .data(1, bytes: 1000))
      #expect(try viewer.answer(on: 1).status == 413)
      #expect(try viewer.wait("RST_STREAM") { $0.type == 3 }.errorCode == .noError)
      try viewer.send(.data(1, bytes: 1000))   // was under way
      #expect(try viewer.exchange(3, get(stage, "/next")).status == 200)
    }

    /// The rest of a request that has been answered may still come: then there is no reset, which some clients take for a failure. curl is one.
    @Test(arguments: ["in time", "late", "large"]) func aRestThatComes(_ how: String) throws {
      let stage = try stage { try $0.answerAll { _ in ok() } }
      let isAsPromised = try inOneOfAFewTries {
        let viewer = try HTTP2Viewer.open(stage.skerry)
        let start = ContinuousClock.now
        try viewer.send(.headers(1, [(":method", "TRACE")] + get(stage).dropFirst(), end: false))
        #expect(try viewer.answer(on: 1).status == 403)
        switch how {
        case "in time": try viewer.send(.data(1, "rest", end: true), .ping())
        case "large": try viewer.send((0..<6).map { _ in .data(1, bytes: 16_000) })
        default: break
        }
        let last = try viewer.wait("what comes of it") { $0.type == 3 || how == "in time" && $0.type == 6 }
        let isSoon = .now - start < .milliseconds(400)
        #expect(try viewer.exchange(3, [(":method", "TRACE")] + get(stage).dropFirst()).status == 403)
        return how == "in time" ? last.type == 6 : last.errorCode == .noError && isSoon == (how == "large")
      }
      #expect(isAsPromised)
    }

    @Test func curlPostsAndIsAnsweredEarly() throws {
      let stage = try stage { try $0.answerAll { _ in ok() } }
      let line = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do curl -sS --max-time 9 -o /dev/null -w '%{http_code} ' -X TRACE -d x --http2-prior-knowledge -H \"Host: $2\" http://127.0.0.1:$1/; done"
      #expect(try Tool.shell(line, [String(stage.skerry.port), stage.host]).text == String(repeating: "403 ", count: 12))
    }

    /// What breaks off must not be taken for whole.
    @Test func aBrokenAnswerIsReset() throws {
      let stage = try stage { origin in
        try origin.expectRequest()
        try origin.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        try origin.waitForGo()   // before the viewer has anything it would be no answer
      }
      let viewer = try HTTP2Viewer.open(stage.skerry)
      try viewer.send(.headers(1, get(stage)))
      _ = try viewer.wait("the half") { $0.type == 0 }
      stage.origin.go()
      let answer = try viewer.answer(on: 1)
      #expect(answer.reset == .internalError && answer.goAway == nil)
    }

    // MARK: Trailers

    /// What an origin of HTTP/1.1 says behind its chunks, as nghttp hears it; a viewer of HTTP/1.1 is told nothing.
    @Test func trailersOfHTTP1Origins() throws {
      let stage = try stage { origin in
        try origin.answerAll { _ in
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Checksum: 7 8\r\nSet-Cookie: a=b\r\nContent-Length: 9\r\nContent-Range: x\r\ngrpc-status:0\r\n\r\n"
        }
      }
      let said = try Tool.shell("exec nghttp -nv -H \":authority: $2\" http://127.0.0.1:$1/", [String(stage.skerry.port), stage.host]).text
      #expect(said.contains("x-checksum: 7 8") && said.contains("grpc-status: 0"), "\(said)")
      #expect(!said.contains("set-cookie") && !said.contains("content-length") && !said.contains("content-range"))
      let viewer = try HTTP2Viewer.open(stage.skerry)
      let answer = try viewer.exchange(1, get(stage))
      #expect(answer.blocks.count == 2 && String(wire: answer.body) == "abc" && answer.reset == nil)
      let old = try stage.viewer()
      for _ in 0..<2 { #expect(try old.exchange("GET / HTTP/1.1\r\nHost: \(stage.host)\r\n\r\n").bodyText == "abc") }
    }

    /// None of them may be passed on, or there are too many: the content ends without.
    @Test(arguments: ["Set-Cookie: a=b\r\n", "", "many"]) func trailersThatStayBehind(_ lines: String) throws {
      let lines = lines == "many" ? (0..<1_000).map { "x\($0): y\r\n" }.joined() : lines
      let stage = try stage { try $0.answerAll { _ in "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\(lines)\r\n" } }
      let answer = try HTTP2Viewer.open(stage.skerry).exchange(1, get(stage))
      #expect(answer.blocks.count == 1 && String(wire: answer.body) == "abc" && answer.reset == nil)
    }

    // MARK: Flow control

    @Test func theViewersWindowsAreObeyed() throws {
      let body = String(repeating: "0123456789", count: 30_000)
      let stage = try stage { try $0.answerAll { _ in ok(body) } }
      let viewer = try HTTP2Viewer.open(stage.skerry, [(4, 0)])
      try viewer.send(.headers(1, get(stage)))
      _ = try viewer.wait("the head") { $0.type == 1 }
      try viewer.send(.windowUpdate(1, 1))
      #expect(try viewer.wait("one byte") { $0.type == 0 }.payload.count == 1)
      try viewer.send(.settings([(4, 3)]))   // windows that are open change, too (6.9.2)
      #expect(try viewer.wait("three bytes") { $0.type == 0 }.payload.count == 3)
      try viewer.send(.windowUpdate(1, 1 << 30))
      var count = 4
      while count < 65_535 { count += try viewer.wait("DATA") { $0.type == 0 }.payload.count }
      #expect(count == 65_535)   // the connection's window
      try viewer.send(.windowUpdate(0, 1 << 30))
      #expect(try viewer.answer(on: 1).body.count == body.utf8.count - count)
    }

    /// A viewer that takes nothing holds the origin back: neither side's bytes pile up here.
    @Test func aSlowViewerHoldsTheOriginBack() throws {
      let length = 64 << 20
      let sent = Watched(0)
      let stage = try stage { origin in
        try origin.expectRequest()
        try origin.send("HTTP/1.1 200 OK\r\nContent-Length: \(length)\r\n\r\n")
        let some = try origin.sendUntilBlocked(Bytes(repeating: 120, count: length))
        sent.update { $0 = max(1, some) }
      }
      let viewer = try HTTP2Viewer.open(stage.skerry, [(4, 1000)])
      try viewer.send(.headers(1, get(stage)))
      let taken = try sent.wait(for: "the origin to be held back") { $0 > 0 ? $0 : nil }
      #expect(taken < 32 << 20)
      #expect(try stage.skerry.peakMemory() < 200 << 20)
      try viewer.send(.reset(1))
    }

    /// An origin that takes nothing holds the viewer back: no further WINDOW_UPDATE.
    @Test func aSlowOriginHoldsTheViewerBack() throws {
      let stage = try stage { origin in
        try origin.waitForGo()
        try origin.answerAll { ok("\($0.bodyText.utf8.count)") }
      }
      let viewer = try HTTP2Viewer.open(stage.skerry)
      let length = 20 << 20
      try viewer.send(.headers(1, post(stage, "/", [("content-length", "\(length)")]), end: false))
      var sent = 0, stream = 65_535, connection = 65_535
      func account(_ frame: Frame) {
        if frame.type == 4, frame.flags & 1 == 0, let at = frame.payload.position(of: [0, 4]), at % 6 == 0 {
          stream += frame.payload[at + 2..<at + 6].reduce(0) { $0 << 8 | Int($1) } - 65_535
        }
        if frame.type == 8 { if frame.stream == 0 { connection += frame.increment } else { stream += frame.increment } }
      }
      viewer.frames.forEach(account)
      func sendWhatFits() throws {
        while sent < length, min(stream, connection) > 0 {
          let n = min(16_384, length - sent, stream, connection)
          try viewer.send(.data(1, bytes: n, end: sent + n == length))
          (sent, stream, connection) = (sent + n, stream - n, connection - n)
        }
      }
      while true {
        try sendWhatFits()
        guard sent < length else { break }
        do { if let frame = try viewer.next(by: .after(.milliseconds(500))) { account(frame) } } catch ConnectionError.timedOut { break }
      }
      #expect(sent < 16 << 20)
      stage.origin.go()
      while sent < length { if let frame = try viewer.next() { account(frame) }; try sendWhatFits() }
      #expect(String(wire: try viewer.answer(on: 1).body) == "\(length)")
    }

    /// The peer that sends more than its window allows: more than the origin's socket can swallow, too.
    @Test func windowsOfOursThatAreOverrun() throws {
      let stage = try stage { try $0.waitUntilStopped() }
      let viewer = try HTTP2Viewer.open(stage.skerry)
      viewer.sendUntilRefused([.headers(1, post(stage), end: false)] + Array(repeating: .data(1, bytes: 16_384), count: 2_000))
      let code = try viewer.wait("FLOW_CONTROL_ERROR") { $0.type == 3 || $0.type == 7 }.errorCode
      #expect(code == .flowControlError)
      stage.origin.stop()
    }

    // MARK: Priorities (RFC 9218)

    /// Two large answers wait for the connection's window; the more urgent one goes first, whenever that was said.
    @Test(arguments: [false, true]) func urgentAnswersGoFirst(byFrame: Bool) throws {
      let body = String(repeating: "x", count: 60_000)
      let stage = try stage { try $0.answerAll { _ in ok(body) } }
      let viewer = try HTTP2Viewer.open(stage.skerry, [(4, 1 << 20)])
      // A first answer uses the connection's window up.
      try viewer.send(.headers(1, get(stage)))
      #expect(try viewer.answer(on: 1).body.count == 60_000)
      try viewer.send(.headers(3, get(stage, "/", byFrame ? [] : [("priority", "u=7")])), .headers(5, get(stage, "/", byFrame ? [] : [("priority", "u=1")])))
      if byFrame { try viewer.send(.priorityUpdate(3, "u=7"), .priorityUpdate(5, "u=0")) }
      var heads = 0
      while heads < 2, let frame = try viewer.next() { if frame.type == 1 { heads += 1 } }
      try viewer.send(.ping())
      _ = try viewer.wait("PING") { $0.type == 6 }
      Thread.sleep(forTimeInterval: 0.1)   // both bodies are here now
      let before = viewer.frames.count
      try viewer.send(.windowUpdate(0, 1 << 20))
      var ended: [UInt32] = []
      while ended.count < 2, let frame = try viewer.next() { if frame.type == 0, frame.flags & 1 == 1 { ended.append(frame.stream) } }
      #expect(ended == [5, 3], "\(viewer.frames.dropFirst(before))")
    }

    // MARK: WebSocket (RFC 8441)

    @Test func aWebSocketByExtendedConnect() throws {
      let stage = try stage { origin in
        let request = try origin.expectRequest("GET /chat HTTP/1.1")
        guard request.fields["upgrade"] == "websocket", request.fields["sec-websocket-key"]?.count == 24, request.fields["sec-websocket-version"] == "13" else {
          throw ScenarioFailure("not the handshake: \(request)")
        }
        try origin.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n")
        try origin.send("welcome ")
        try origin.send(origin.read(exactly: 5))
        try origin.waitForEnd()
      }
      let viewer = try HTTP2Viewer.open(stage.skerry)
      #expect(viewer.frames.contains { $0.type == 4 && $0.payload.position(of: [0, 8, 0, 0, 0, 1]) != nil })   // ENABLE_CONNECT_PROTOCOL
      try viewer.send(
        .headers(1, [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/chat"), (":authority", stage.host), ("sec-websocket-version", "13")], end: false))
      #expect(HPACK.status(try viewer.wait("200") { $0.type == 1 }.payload) == 200)
      try viewer.send(.data(1, "hello"))
      var text = ""
      while text.utf8.count < 13 { text += String(wire: try viewer.wait("DATA") { $0.type == 0 }.payload) }
      #expect(text == "welcome hello")
      try viewer.send(.data(1, end: true))
      _ = try viewer.wait("the end") { $0.stream == 1 && ($0.type == 3 || $0.flags & 1 == 1) }
      try stage.origin.verify()
    }
  }
}
