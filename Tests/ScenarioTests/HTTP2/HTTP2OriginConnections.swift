// Origins over HTTP/2 frame by frame: who waits for a stream gets one, and what an origin may not do.
import Foundation
import Testing

extension Scenarios {
  @Suite struct HTTP2OriginConnections {
    private let host = "frames.test"

    /// - Parameter script: what to do with the connection of that number.
    private func program(
      _ settings: String = "", more: String = "", _ script: @escaping @Sendable (OriginConnection) throws -> Void
    ) throws -> (Skerry, ScriptedOrigin) {
      let origin = try ScriptedOrigin(script)
      let skerry = try startSkerry(before: origin, more: more, arguments: ["--workers", "1"]) {
        $0.originSettings = "httpVersion: http2\n" + (settings.contains("connectionAttempts") ? "" : "connectionAttempts: 1\n") + settings
      }
      return (skerry, origin)
    }

    private func waitForOneInLine(_ skerry: Skerry) throws {
      try eventually("a request to wait in line") { try skerry.metrics()["skerry_limits_reached_total{limit=\"origin_connections\"}"] == 1 }
    }

    /// SETTINGS that allow more streams are as good as a stream that has ended.
    @Test func moreStreamsAreAllowed() throws {
      let seen = Watched(0)
      let (skerry, origin) = try program("http2ConnectionsPerWorker: 1") { connection in
        let h2 = try HTTP2OriginConnection(connection, [(3, 1)])
        _ = try h2.request()   // and keeps its place
        try h2.waitForAcknowledgement()
        seen.update { $0 = 1 }
        try connection.waitForGo()
        try h2.send(.settings([(3, 10)]))
        try h2.answer(h2.request(), "second")
        _ = try h2.readEnding()
      }
      let viewer = try HTTP2Viewer.open(skerry)
      try viewer.send(.headers(1, get("/1", host: host)))
      try seen.wait(for: "the first request") { $0 == 1 ? true : nil }
      try viewer.send(.headers(3, get("/2", host: host)))
      try waitForOneInLine(skerry)
      origin.go()
      #expect(String(wire: try viewer.answer(on: 3).body) == "second")
    }

    /// What one hop forbids to index is not indexed on the other (RFC 7541, 6.2.3), in heads and trailers, in both directions, request by request.
    @Test func neverIndexedStaysSo() throws {
      let blocks = Watched([Bytes]())
      @Sendable func field(_ name: String, _ value: String, isSecret: Bool) -> Bytes { [isSecret ? 0x10 : 0] + HPACK.string(name) + HPACK.string(value) }
      let (skerry, _) = try program { connection in
        let h2 = try HTTP2OriginConnection(connection)
        while true {
          let request = try h2.wait("a request") { $0.type == 1 }
          blocks.update { $0.append(request.payload) }
          let isSecret = blocks.current.count == 1
          try h2.send(.headers(request.stream, block: HPACK.block([(":status", "200")]) + field("x-answer", "two", isSecret: isSecret), end: false), .data(request.stream, "fine"))
          try h2.send(.headers(request.stream, block: field("x-trailer", "three", isSecret: isSecret)))
        }
      }
      let viewer = try HTTP2Viewer.open(skerry)
      for (stream, isSecret) in [(UInt32(1), true), (3, false)] {
        try viewer.send(.headers(stream, block: HPACK.block(get("/", host: host)) + field("x-request", "one", isSecret: isSecret)))
        let answer = try viewer.answer(on: stream)
        #expect(String(wire: answer.body) == "fine" && answer.blocks.count == 2)
        let sent = [(blocks.current.last ?? [], field("x-request", "one", isSecret: true)), (answer.blocks[0], field("x-answer", "two", isSecret: true)), (answer.blocks[1], field("x-trailer", "three", isSecret: true))]
        for (block, secret) in sent { #expect((block.firstRange(of: secret) != nil) == isSecret, "\(secret) in \(block)") }
      }
    }

    /// An origin that leaves with requests under way does not keep others from going elsewhere, whether they wait already or come later.
    @Test(arguments: [false, true]) func anotherConnectionForOneThatLeaves(waits: Bool) throws {
      let seen = Watched(0)
      let (skerry, origin) = try program("http2ConnectionsPerWorker: 1") { connection in
        let h2 = try HTTP2OriginConnection(connection, [(3, 1)])
        if connection.number > 0 { return try h2.answerAll("elsewhere") }
        let first = try h2.request()
        try h2.waitForAcknowledgement()
        if waits { seen.update { $0 = 1 } }
        if waits { try connection.waitForGo() }
        try h2.send(.goAway(last: first), .ping())
        _ = try h2.wait("PING") { $0.type == 6 }   // GOAWAY has been heard
        seen.update { $0 = 1 }
        try connection.waitForEnd()
      }
      let viewer = try HTTP2Viewer.open(skerry)
      try viewer.send(.headers(1, get("/1", host: host)))
      try seen.wait(for: "the first request") { $0 == 1 ? true : nil }
      try viewer.send(.headers(3, get("/2", host: host)))
      if waits { try waitForOneInLine(skerry) }
      origin.go()
      #expect(String(wire: try viewer.answer(on: 3).body) == "elsewhere")
      try viewer.send(.reset(1))
    }

    /// RFC 9113, 6.8: the last stream that GOAWAY names never grows.
    @Test func whoLeavesDoesNotComeBack() throws {
      let seen = Watched<ErrorCode?>(nil)
      let (skerry, _) = try program("http2ConnectionsPerWorker: 1") { connection in
        let h2 = try HTTP2OriginConnection(connection)
        let stream = try h2.request()
        try h2.send(.goAway(last: stream), .goAway(last: stream + 2))
        let code = try h2.readEnding()
        seen.update { $0 = code }
      }
      let viewer = try HTTP2Viewer.open(skerry)
      try viewer.send(.headers(1, post(host: host)))
      #expect(try seen.wait(for: "the end of the origin's connection") { $0 } == .protocolError)
    }

    @Test func interimResponsesAreCounted() throws {
      let (skerry, _) = try program { connection in
        let h2 = try HTTP2OriginConnection(connection)
        while true {
          let stream = try h2.request()
          try h2.send((0..<8 + stream / 2).map { _ in .headers(stream, [(":status", "103"), ("link", "x")], end: false) })   // eight, then nine
          try h2.answer(stream, "fine")
        }
      }
      let viewer = try HTTP2Viewer.open(skerry)
      #expect(try viewer.exchange(1, get(host: host)).status == 200)
      #expect(try viewer.exchange(3, get(host: host)).status == 502)
      #expect(try skerry.metrics()["skerry_origin_failures_total{reason=\"malformed_head\"}"] == 1)
    }

    /// An interim response while the request's content is awaited wakes nobody for good.
    @Test func anInterimResponseIsNoReasonToSpin() throws {
      let (skerry, _) = try program { connection in
        let h2 = try HTTP2OriginConnection(connection)
        let stream = try h2.request()
        try h2.send(.headers(stream, [(":status", "103"), ("link", "x")], end: false))
        _ = try h2.wait("the end") { $0.type == 0 && $0.flags & 1 == 1 }
        try h2.answer(stream, "fine")
        _ = try h2.readEnding()
      }
      let viewer = try HTTP2Viewer.open(skerry)
      try viewer.send(.headers(1, post(host: host), end: false), .data(1, "one"))
      Thread.sleep(forTimeInterval: 0.2)
      let before = try skerry.cpuTime()
      Thread.sleep(forTimeInterval: 0.6)
      #expect(try skerry.cpuTime() - before < .milliseconds(200))
      try viewer.send(.data(1, "two", end: true))
      #expect(String(wire: try viewer.answer(on: 1).body) == "fine")
    }

    /// A rude origin loses its connection with the right error; the next one serves. `others` is what it says after its first answer.
    private func rude(_ settings: String = "", more: String = "", isPolite: Bool = true, _ error: ErrorCode, isOpen: Bool = false, _ others: @escaping @Sendable (HTTP2OriginConnection) throws -> Void) throws {
      let ending = Watched<ErrorCode??>(nil)
      let (skerry, origin) = try program(settings, more: more) { connection in
        let h2 = try HTTP2OriginConnection(connection)
        if connection.number > 0 { return try h2.answerAll() }
        h2.isPolite = isPolite
        let first = try h2.request()
        if isOpen {
          try h2.send(.headers(first, [(":status", "200")], end: false), .data(first, "first"))
          try connection.waitForGo()   // before the viewer has anything it would be no answer
        } else {
          try h2.answer(first, "first")
        }
        try? others(h2)   // until refused
        let code = try h2.readEnding()
        ending.update { $0 = .some(code) }
      }
      let viewer = try HTTP2Viewer.open(skerry)
      try viewer.send(.headers(1, get(host: host)))
      if isOpen {
        _ = try viewer.wait("what comes first") { $0.type == 0 }
        origin.go()
      }
      let answer = try viewer.answer(on: 1)
      #expect(isOpen ? answer.reset == .internalError : String(wire: answer.body) == "first")
      #expect(try ending.wait(for: "the end") { $0 } == error)
      #expect(String(wire: try viewer.exchange(3, get(host: host)).body) == "fine")
      #expect(try skerry.metrics()["skerry_origin_failures_total{reason=\"malformed_http2\"}"] == 1)
    }

    /// RST_STREAM may cross with the end; content and fields may not follow it (RFC 9113, 5.1).
    @Test(arguments: ["RST_STREAM", "HEADERS", "DATA", "empty DATA", "unknown frames", "CONTINUATION that is too long"])
    func framesThatMayNotCome(_ what: String) throws {
      let frames: [String: [Frame]] = [
        "RST_STREAM": Array(repeating: .reset(1), count: 40), "HEADERS": [.headers(1, [("x", "y")])], "DATA": [.data(1, "x")], "empty DATA": [.data(1)],
        "unknown frames": Array(repeating: Frame(type: 0x42), count: 40),
        "CONTINUATION that is too long": [.headers(1, [("x", "y")], whole: false), Frame(type: 9, flags: 4, stream: 1, payload: HPACK.block([("x", String(repeating: "y", count: 16_400))]))],
      ]
      let error: ErrorCode = what == "RST_STREAM" || what == "unknown frames" ? .enhanceYourCalm : what.hasPrefix("C") ? .frameSizeError : .streamClosed
      try rude(more: "limits: { http2: { ignoredFrames: 20, otherFrames: 20 } }", error, isOpen: what.hasPrefix("C")) { h2 in try h2.send(frames[what] ?? []) }
    }

    /// What an origin sends for a stream that was reset from here was under way.
    @Test func framesForAViewerThatLeft() throws {
      let (skerry, origin) = try program("http2ConnectionsPerWorker: 1") { connection in
        let h2 = try HTTP2OriginConnection(connection)
        let first = try h2.request()
        try h2.send(.headers(first, [(":status", "200")], end: false))
        _ = try h2.wait("RST_STREAM") { $0.type == 3 }
        try h2.send(.data(first, "late"), .data(first, "", end: true), .headers(first, [("x", "y")]), .reset(first))
        try h2.answerAll("same")
      }
      let viewer = try HTTP2Viewer.open(skerry)
      try viewer.send(.headers(1, get(host: host)))
      _ = try viewer.wait("the head") { $0.type == 1 }
      try viewer.send(.reset(1))
      #expect(String(wire: try viewer.exchange(3, get(host: host)).body) == "same")
      #expect(origin.connectionCount == 1)
    }

    /// A stream that fails is the stream's matter: the connection carries on, nothing is repeated but what was refused, and the log says why.
    @Test(arguments: [
      ("INTERNAL_ERROR", [Frame.reset(1, .internalError)], 502, "reset the request's stream: INTERNAL_ERROR"), ("REFUSED_STREAM", [.reset(1, .refusedStream)], 200, nil),
      ("an upper-case name", [.headers(1, [(":status", "200"), ("Bad", "x")])], 502, "broke a rule of HTTP/2"),
    ] as [(String, [Frame], Int, String?)])
    func aStreamThatFails(_ what: String, _ frames: [Frame], _ status: Int, _ reason: String?) throws {
      let requests = Watched(0)
      let (skerry, origin) = try program("connectionAttempts: 2") { connection in
        let h2 = try HTTP2OriginConnection(connection)
        try h2.answer(h2.request(), "first")
        while let frame = try h2.next() {
          guard frame.type == 1 else { continue }
          let number = requests.update { $0 += 1; return $0 }
          if number > 1 { try h2.answer(frame.stream, "later") } else { try h2.send(frames.map { Frame(type: $0.type, flags: $0.flags, stream: frame.stream, payload: $0.payload) }) }
        }
      }
      let viewer = try HTTP2Viewer.open(skerry)
      #expect(String(wire: try viewer.exchange(1, get(host: host)).body) == "first")
      #expect(try viewer.exchange(3, get(host: host)).status == status)
      #expect(String(wire: try viewer.exchange(5, get(host: host)).body) == "later")
      #expect(requests.current == (status == 200 ? 3 : 2) && origin.connectionCount == 1)
      if let reason {
        let line = try skerry.waitForLogLine("with an error") { $0["error"] != nil }
        #expect(line["error"]?.description.contains(reason) == true, "\(line)")
      }
    }

    @Test func settingsThatAreNotAcknowledged() throws {
      try rude(more: "limits: { http2: { settingsTimeout: 2s } }", isPolite: false, .settingsTimeout) { _ in }
    }

    /// A block of fields that does not end holds up all other streams.
    @Test func aHeadThatDripsIn() throws {
      try rude("readTimeout: 1", .enhanceYourCalm, isOpen: true) { h2 in
        try h2.send(Frame.dripping(1))
        for _ in 0..<20 {
          Thread.sleep(forTimeInterval: 0.1)
          try h2.connection.send("x")
        }
      }
    }
  }
}
