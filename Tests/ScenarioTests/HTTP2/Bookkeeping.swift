// What a connection owes for its streams: windows, memory, deadlines and last words, however the streams end.
import Foundation
import Testing

extension Scenarios {
  @Suite struct HTTP2Bookkeeping {
    private let host = "books.test"

    private func program(_ more: String = "", _ script: @escaping ScriptedOrigin.Script = { try $0.answerAll { ok($0.target) } }) throws -> (Skerry, ScriptedOrigin) {
      let origin = try ScriptedOrigin(script)
      return (try startSkerry(before: origin, more: more, arguments: ["--workers", "1"]), origin)
    }

    private func handshake(_ more: [(String, String)] = []) -> [(String, String)] {
      [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/chat"), (":authority", host), ("sec-websocket-version", "13")] + more
    }

    /// The origin of HTTP/1.1 would take the next request for the content that the head speaks of.
    @Test func extendedConnectWithALength() throws {
      let (skerry, origin) = try program()
      let viewer = try HTTP2Viewer.open(skerry)
      try viewer.send(.headers(1, handshake([("content-length", "30")]), end: false))
      #expect(try viewer.answer(on: 1).reset == .protocolError)
      #expect(try viewer.exchange(3, get("/next", host: host)).status == 200)
      #expect(origin.requests.map(\.line) == ["GET /next HTTP/1.1"])
    }

    /// A page is no tunnel, and 2xx would say that there is one.
    @Test func anOriginThatDoesNotSwitchIsNotUsedAgain() throws {
      let (skerry, _) = try program { origin in try origin.answerAll { $0.target == "/chat" ? "HTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\n\(origin.number)" : ok("\(origin.number)") } }
      let viewer = try HTTP2Viewer.open(skerry)
      try viewer.send(.headers(1, handshake(), end: false))
      #expect(String(wire: try viewer.answer(on: 1).body) == "0")
      #expect(String(wire: try viewer.exchange(3, get(host: host)).body) == "1")
      #expect(String(wire: try viewer.exchange(5, get(host: host)).body) == "1")
    }

    @Test func aPageIsNoTunnel() throws {
      let (skerry, _) = try program()
      let viewer = try HTTP2Viewer.open(skerry)
      try viewer.send(.headers(1, handshake(), end: false))
      #expect(try viewer.answer(on: 1).status == 502)
      #expect(try viewer.exchange(3, get(host: host)).status == 200)
    }

    @Test func malformedRequestsLeaveNothingBehind() throws {
      let (skerry, _) = try program("limits: { http2: { abandonedStreams: 1000000, pingFrames: 1000000 } }")
      let viewer = try HTTP2Viewer.open(skerry)
      var stream: UInt32 = 1
      func send(_ count: Int) throws {
        for _ in 0..<count / 100 {
          var frames: [Frame] = []
          for _ in 0..<100 {
            frames.append(.headers(stream, get(host: host, [("Bad", "x")])))
            stream += 2
          }
          try viewer.send(frames + [.ping()])
          _ = try viewer.wait("PING") { $0.type == 6 }
        }
      }
      try send(5_000)
      let before = try skerry.peakMemory()
      try send(30_000)
      #expect(try skerry.peakMemory() - before < 8 << 20)
    }

    /// Content that nobody took goes back to the connection's window.
    @Test func abortedBodiesReturnTheWindow() throws {
      let (skerry, _) = try program()
      let viewer = try HTTP2Viewer.open(skerry)
      var window = 65_535, seen = 0
      func account() {
        for frame in viewer.frames[seen...] where frame.type == 8 && frame.stream == 0 { window += frame.increment }
        seen = viewer.frames.count
      }
      for stream in stride(from: UInt32(1), to: 41, by: 2) {
        account()
        while window < 12 * 16_384 {
          _ = try viewer.wait("WINDOW_UPDATE") { $0.type == 8 && $0.stream == 0 }
          account()
        }
        let body = (0..<12).map { _ in Frame.data(stream, bytes: 16_384) }
        try viewer.send([.headers(stream, post("/hold", host: host), end: false)] + body + [.reset(stream)])
        window -= 12 * 16_384
      }
    }

    /// Many answers whose windows open at once: more than is written in one go, and nothing more to hear from the viewer.
    private func openAllWindows(_ skerry: Skerry, _ last: [Frame] = []) throws -> HTTP2Viewer {
      let viewer = try HTTP2Viewer.open(skerry, [(4, 0)])
      try viewer.send(.windowUpdate(0, 1 << 30))
      let streams = Array(stride(from: UInt32(1), to: 61, by: 2))
      try viewer.send(streams.map { .headers($0, get(host: host)) })
      for _ in streams { _ = try viewer.wait("a head") { $0.type == 1 } }
      try viewer.send(.ping())
      _ = try viewer.wait("PING") { $0.type == 6 }
      viewer.isPolite = false
      try viewer.send([.settings([(4, 1 << 30)])] + last)
      return viewer
    }

    @Test func everythingIsWritten() throws {
      let body = String(repeating: "x", count: 5_000)
      let (skerry, _) = try program { try $0.answerAll { _ in ok(body) } }
      let viewer = try openAllWindows(skerry)
      var ended = 0
      while ended < 30, let frame = try viewer.next() { if frame.type == 0, frame.flags & Frame.endStream != 0 { ended += 1 } }
      #expect(ended == 30)
    }

    /// Heads of origins that fill many frames; one that is too large even so is no answer that never ends.
    @Test(arguments: [200_000, 1_048_400]) func largeHeads(_ length: Int) throws {
      let head = "X-Large: \(String(repeating: "x", count: length))\r\n"
      let (skerry, _) = try program("limits: { originHeadBytes: 1MiB }") { try $0.answerAll { $0.target == "/large" ? ok("large", fields: head) : ok($0.target) } }
      let viewer = try HTTP2Viewer.open(skerry)
      let answer = try viewer.exchange(1, get("/large", host: host))
      if length < 1_000_000 { #expect(answer.status == 200 && String(wire: answer.body) == "large") } else { #expect(answer.reset == .internalError) }
      #expect(try viewer.exchange(3, get("/small", host: host)).status == 200)
    }

    @Test func theLastWordsOfABrokenConnection() throws {
      let body = String(repeating: "x", count: 5_000)
      let (skerry, _) = try program { try $0.answerAll { _ in ok(body) } }
      let viewer = try openAllWindows(skerry, [Frame(type: 2, stream: 0, payload: [0, 0, 0, 1, 0])])
      #expect(try viewer.readEnding() == .protocolError)
      #expect(try HTTP2Viewer.open(skerry).exchange(1, get(host: host)).status == 200)
    }

    /// A head that is whole, though bad, is not one that does not end.
    @Test func aMalformedRequestIsForgotten() throws {
      let (skerry, _) = try program("limits: { headerTimeout: 300ms }")
      let viewer = try HTTP2Viewer.open(skerry)
      #expect(try viewer.exchange(1, get(host: host, [("Bad", "x")])).reset == .protocolError)
      #expect(try viewer.exchange(3, get(host: host, [("te", "gzip")])).reset == .protocolError)
      Thread.sleep(forTimeInterval: 0.8)
      #expect(try viewer.exchange(5, get(host: host)).status == 200)
    }

    @Test func rapidResetsDoNotReachTheOrigin() throws {
      let (skerry, origin) = try program()
      let viewer = try HTTP2Viewer.open(skerry)
      #expect(try viewer.exchange(1, get("/first", host: host)).status == 200)   // leaves an idle connection to the origin
      try viewer.send(stride(from: UInt32(3), to: 43, by: 2).flatMap { [Frame.headers($0, get("/reset", host: host)), .reset($0)] })
      #expect(try viewer.exchange(43, get("/last", host: host)).status == 200)
      #expect(origin.requests.map(\.line) == ["GET /first HTTP/1.1", "GET /last HTTP/1.1"])
    }

    /// A viewer that talks but opens no window holds what waits for it no longer than a silent one.
    @Test func chatterDoesNotKeepAStalledAnswer() throws {
      let (skerry, _) = try program("limits: { idleTimeout: 400ms }")
      let viewer = try HTTP2Viewer.open(skerry, [(4, 0)])
      try viewer.send(.headers(1, get("/x", host: host)))
      for _ in 0..<20 where !viewer.frames.contains(where: { $0.type == 7 }) {
        viewer.sendUntilRefused([.ping()])
        _ = try? viewer.next(by: .after(.milliseconds(100)))
        Thread.sleep(forTimeInterval: 0.05)
      }
      #expect(viewer.frames.contains { $0.type == 7 && $0.errorCode == .enhanceYourCalm })
    }

    /// gRPC measures a connection with a PING for what it gets.
    @Test func pingsForDataAreNoFlood() throws {
      let (skerry, _) = try program("limits: { http2: { pingFrames: 5 } }") { try $0.answerAll { _ in ok(String(repeating: "x", count: 400_000)) } }
      let viewer = try HTTP2Viewer.open(skerry, [(4, 1 << 24)])
      try viewer.send(.windowUpdate(0, 1 << 24))
      #expect(try viewer.exchange(1, get(host: host)).status == 200)
      try viewer.send(Array(repeating: .ping(), count: 20))
      #expect(try viewer.exchange(3, get(host: host)).status == 200)
    }
  }
}
