// Floods and other ways to cost more than one pays (RFC 9113, 10.5), the limits' answers and counters; ends in good order.
import Foundation
import Testing

/// Frames that cost the sender nothing.
struct FrameFlood: Sendable, CustomTestStringConvertible {
  let name: String
  let limit: String
  let frames: [Frame]
  /// Whether SETTINGS are acknowledged first.
  let isPolite: Bool
  var testDescription: String { name }
  init(_ name: String, _ limit: String, _ frames: [Frame], isPolite: Bool = true) {
    (self.name, self.limit, self.frames, self.isPolite) = (name, limit, frames, isPolite)
  }
  /// A request that is reset from here for its fault, and frames that it might have had.
  private static func late(_ frames: [Frame]) -> [Frame] {
    [.headers(1, post("/hold", host: host, [("content-length", "1")]), end: false), .data(1, "test")] + Array(repeating: frames, count: 100).joined()
  }

  private static let host = "flood.test"
  private static func streams(_ count: UInt32, _ frames: (UInt32) -> [Frame]) -> [Frame] { (0..<count).flatMap { frames(1 + 2 * $0) } }

  static let all: [FrameFlood] = [
    .init("rapid reset (CVE-2023-44487)", "abandoned_streams", streams(40) { [.headers($0, get("/hold", host: host)), .reset($0)] }),
    .init("streams that the program resets for their faults (CVE-2025-8671)", "abandoned_streams",
      streams(40) { [.headers($0, post("/hold", host: host, [("content-length", "1")]), end: false), .data($0, "test")] }),
    .init("malformed requests", "abandoned_streams", streams(40) { [.headers($0, get(host: host, [("Bad", "x")]))] }),
    .init("CONTINUATION", "continuations", [.headers(1, get(host: host), whole: false)] + Array(repeating: .continuation(1, block: HPACK.block([("x", "y")]), whole: false), count: 40)),
    .init("empty CONTINUATION", "continuations", [.headers(1, get(host: host), whole: false)] + Array(repeating: .continuation(1, block: [], whole: false), count: 40)),
    .init("empty DATA", "empty_frames", [.headers(1, post("/hold", host: host), end: false)] + Array(repeating: .data(1), count: 40)),
    .init("DATA of padding alone", "empty_frames", [.headers(1, post("/hold", host: host), end: false)] + Array(repeating: Frame(type: 0, flags: 8, stream: 1, payload: [3, 0, 0, 0]), count: 40)),
    .init("SETTINGS", "settings", Array(repeating: .settings([(4, 70_000)]), count: 40)),
    .init("PING", "pings", Array(repeating: .ping(), count: 40)),
    .init("WINDOW_UPDATE", "window_updates", Array(repeating: .windowUpdate(0, 1), count: 40)),
    .init("PRIORITY", "other_frames", Array(repeating: .priority(1), count: 40)),
    .init("PRIORITY_UPDATE", "other_frames", Array(repeating: .priorityUpdate(1, "u=3"), count: 40)),
    .init("unknown frames", "other_frames", Array(repeating: Frame(type: 0x42), count: 40)),
    .init("streams that are refused", "ignored_frames", streams(200) { [.headers($0, get("/hold", host: host))] }, isPolite: false),
    .init("RST_STREAM of a stream that is over", "ignored_frames", late([.reset(1)])),
    .init("HEADERS of a stream that was reset", "ignored_frames", late([.headers(1, [("x", "y")])])),
    .init("DATA of a stream that was reset", "ignored_frames", late([.data(1, "x")])),
    .init("empty DATA of a stream that was reset", "ignored_frames", late([.data(1)])),
    .init("a table's entry repeated (HPACK bomb)", "head_decoded",
      [.headers(1, block: HPACK.block(get(host: host)) + [0x40] + HPACK.string("x") + HPACK.string(String(repeating: "y", count: 3900)) + Bytes(repeating: 0xbe, count: 200))]),
  ]
}

extension Scenarios {
  @Suite(
    .serialized,
    .program(
      script: { try $0.answerAll { $0.target == "/hold" ? "" : ok($0.target) } },
      more: """
        limits:
          urlBytes: 200
          headerCount: 20
          http2: { abandonedStreams: 20, continuationFrames: 10, emptyFrames: 20, settingsFrames: 20, pingFrames: 20, windowUpdates: 20, otherFrames: 20, ignoredFrames: 60 }
        """,
      arguments: ["--workers", "1"]
    ) { distribution in
      var distribution = distribution
      distribution.isDefault = true
      return distribution
    })
  struct HTTP2Limits {
    private let host = "limits.test"

    @Test(arguments: FrameFlood.all) func floods(_ flood: FrameFlood) throws {
      let skerry = try Program.current.sharedStage().skerry
      let name = "skerry_limits_reached_total{limit=\"http2_\(flood.limit)\"}", before = try skerry.metrics()
      let other = try HTTP2Viewer.open(skerry)
      let viewer = try HTTP2Viewer.open(skerry, isPolite: flood.isPolite)
      viewer.sendUntilRefused(flood.frames)
      #expect(try viewer.readEnding() == .enhanceYourCalm, "\(viewer.frames)")
      try skerry.waitForMetric(name, since: before)
      #expect(try other.exchange(1, get("/alive", host: host)).status == 200)
    }

    @Test func headsThatAreTooLarge() throws {
      let skerry = try Program.current.sharedStage().skerry
      let viewer = try HTTP2Viewer.open(skerry)
      let long = String(repeating: "x", count: 9_000)
      #expect(try viewer.exchange(1, get(host: host, [("x", long)])).status == 200)
      try viewer.send(.headers(3, block: HPACK.block(get(host: host, [("a", long)])), whole: false), .continuation(3, block: HPACK.block([("b", long)]), whole: false),
        .continuation(3, block: HPACK.block([("c", long)]), whole: false), .continuation(3, block: HPACK.block([("d", long)])))
      #expect(try viewer.answer(on: 3).status == 494)
      #expect(try viewer.exchange(5, get(host: host, (0..<30).map { ("x\($0)", "y") })).status == 494)
      #expect(try viewer.exchange(7, get("/" + String(repeating: "x", count: 300), host: host)).status == 414)
      #expect(try viewer.exchange(9, get("/alive", host: host)).status == 200)
    }
  }

  /// What a viewer did wrong is counted once.
  @Suite struct HTTP2Faults {
    @Test(arguments: [
      ("PING of three bytes", [Frame(type: 6, payload: [1, 2, 3])], "connection_error"), ("a bad index", [.headers(1, block: [0xff, 0xff, 0xff, 0xff, 0xff])], "connection_error"),
      ("DATA on an idle stream", [.data(1, "x")], "connection_error"), ("an even stream", [.headers(2, get(host: "x"))], "connection_error"),
      ("CONTINUATION alone", [.continuation(1, block: [])], "connection_error"), ("PRIORITY_UPDATE for stream 0", [.priorityUpdate(0, "u=1")], "connection_error"),
      ("WINDOW_UPDATE of 0", [.windowUpdate(0, 0)], "connection_error"),
      ("CONTINUATION that is too long", [.headers(1, get(host: "x"), whole: false), .continuation(1, block: HPACK.block([("x", String(repeating: "y", count: 16_400))]))], "connection_error"),
      ("a content-length that is not kept", [.headers(1, post(host: "x", [("content-length", "3")]), end: false), .data(1, "x", end: true)], "stream_error"),
      ("an upper-case name", [.headers(1, get(host: "x", [("Bad", "x")]))], "stream_error"), ("a bad te", [.headers(1, get(host: "x", [("te", "gzip")]))], "stream_error"),
    ] as [(String, [Frame], String)])
    func areCounted(_ name: String, _ frames: [Frame], _ kind: String) throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok("x") } }
      let skerry = try startSkerry(before: origin, arguments: ["--workers", "1"])
      let viewer = try HTTP2Viewer.open(skerry)
      viewer.sendUntilRefused(frames)
      if kind == "stream_error" { #expect(try viewer.answer(on: 1).reset == .protocolError) } else { #expect(try viewer.readEnding() ?? .noError != .noError) }
      let metrics = try skerry.metrics()
      for other in ["connection_error", "stream_error"] { #expect(metrics["skerry_http2_faults_total{kind=\"\(other)\"}"] == (other == kind ? 1 : 0), "\(other)") }
      if kind == "connection_error" { try eventually("the end to be counted") { try skerry.metrics()["skerry_connections_closed_total{reason=\"error\"}"] == 1 } }
    }
  }

  @Suite struct HTTP2Ends {
    private let host = "ends.test"

    private func program(_ more: String, _ script: @escaping ScriptedOrigin.Script = { try $0.answerAll { $0.target == "/hold" ? "" : ok($0.target) } }) throws -> (Skerry, ScriptedOrigin) {
      let origin = try ScriptedOrigin(script)
      return (try startSkerry(before: origin, more: more, arguments: ["--workers", "1"]), origin)
    }

    @Test func streamsBeyondTheLimit() throws {
      let (skerry, _) = try program("limits: { http2: { concurrentStreams: 3 } }")
      let viewer = try HTTP2Viewer.open(skerry)
      try viewer.send(.ping())
      _ = try viewer.wait("PING") { $0.type == 6 }   // the settings have been acknowledged before it
      try viewer.send([1, 3, 5, 7].map { .headers($0, get("/hold", host: host)) })
      // One that has acknowledged the limit knows better: RFC 9113, 5.1.2 and 5.4.1.
      #expect(try viewer.readEnding() == .protocolError)
    }

    @Test func streamsBeyondTheLimitBeforeItIsKnown() throws {
      let (skerry, _) = try program("limits: { http2: { concurrentStreams: 3 } }")
      let viewer = try HTTP2Viewer(port: skerry.port)
      viewer.isPolite = false
      try viewer.send(wire(HTTP2Viewer.preface) + Frame.settings([(1, 0)]).bytes)
      try viewer.send([1, 3, 5, 7].map { .headers($0, get("/hold", host: host)) })
      #expect(try viewer.answer(on: 7).reset == .refusedStream)
      try viewer.send(.reset(1))
      #expect(try viewer.exchange(9, get("/x", host: host)).status == 200)
    }

    /// Content that was under way to a stream that was refused is no fault.
    @Test func contentOfARefusedStream() throws {
      let (skerry, _) = try program("limits: { http2: { concurrentStreams: 1 } }")
      let viewer = try HTTP2Viewer.open(skerry, isPolite: false)
      try viewer.send(.headers(1, get("/hold", host: host)), .headers(3, post(host: host), end: false))
      #expect(try viewer.answer(on: 3).reset == .refusedStream)
      try viewer.send(.reset(1), .ping())
      _ = try viewer.wait("PING") { $0.type == 6 }
      #expect(try viewer.exchange(5, get("/x", host: host)).status == 200)
      try viewer.send(.data(3, "late"))
      #expect(try viewer.exchange(7, get("/y", host: host)).status == 200)
    }

    @Test func settingsThatAreNotAcknowledged() throws {
      let (skerry, _) = try program("limits: { http2: { settingsTimeout: 2s } }")
      let polite = try HTTP2Viewer.open(skerry), viewer = try HTTP2Viewer.open(skerry, isPolite: false)
      #expect(try viewer.exchange(1, get("/x", host: host)).status == 200)
      #expect(try viewer.readEnding() == .settingsTimeout)
      #expect(try skerry.metrics()["skerry_limits_reached_total{limit=\"http2_settings_timeout\"}"] == 1)
      #expect(try polite.exchange(1, get("/x", host: host)).status == 200)
    }

    /// Bytes that drip in do not put the end off, whatever has become of the frame.
    @Test(arguments: ["HEADERS", "malformed HEADERS", "HEADERS for a stream that is over", "CONTINUATION", "SETTINGS", "a frame's header"])
    func framesThatDripIn(_ what: String) throws {
      let (skerry, _) = try program("limits: { headerTimeout: 400ms }")
      let viewer = try HTTP2Viewer.open(skerry)
      #expect(try viewer.exchange(1, get("/x", host: host)).status == 200)
      var settings = Frame.settings()
      settings.declaredLength = 180
      var continuation = Frame.continuation(3, block: [0] + HPACK.string("x") + HPACK.integer(900, prefix: 7))
      continuation.declaredLength = continuation.payload.count + 900
      switch what {
      case "HEADERS": try viewer.send(.dripping(3, get("/x", host: host)))
      case "malformed HEADERS": try viewer.send(.dripping(3, get("/x", host: host, [("Bad", "x")])))
      case "HEADERS for a stream that is over":
        try viewer.send(.headers(3, post("/hold", host: host, [("content-length", "1")]), end: false), .data(3, "test"), .dripping(3))
      case "CONTINUATION": try viewer.send(.headers(3, get("/x", host: host), whole: false), continuation)
      case "SETTINGS": try viewer.send(settings)
      default: break
      }
      let start = ContinuousClock.now
      for _ in 0..<(what == "a frame's header" ? 8 : 80) where !viewer.frames.contains(where: { $0.type == 7 }) {
        try viewer.send([0])
        _ = try? viewer.next(by: .after(.milliseconds(100)))
      }
      #expect(try viewer.readEnding() == .enhanceYourCalm)
      #expect(what == "a frame's header" || .now - start < .seconds(6))
      #expect(try skerry.metrics()["skerry_limits_reached_total{limit=\"head_timeout\"}"] == 1)
    }

    @Test func anIdleConnectionIsClosed() throws {
      let (skerry, _) = try program("limits: { keepAliveTimeout: 2s }")
      let viewer = try HTTP2Viewer.open(skerry)
      #expect(try viewer.exchange(1, get("/x", host: host)).status == 200)
      #expect(try viewer.readEnding() == .noError && viewer.ending == .orderly)
      try eventually("the close to be counted") { try skerry.metrics()["skerry_connections_closed_total{reason=\"idle\"}"] == 1 }
    }

    @Test func aHeadThatDoesNotEnd() throws {
      let (skerry, _) = try program("limits: { headerTimeout: 300ms }")
      let viewer = try HTTP2Viewer.open(skerry)
      try viewer.send(.headers(1, get("/x", host: host), whole: false))
      #expect(try viewer.readEnding() == .enhanceYourCalm)
      #expect(try skerry.metrics()["skerry_limits_reached_total{limit=\"head_timeout\"}"] == 1)
    }

    @Test func settingsThatDoNotCome() throws {
      let (skerry, _) = try program("limits: { headerTimeout: 300ms }")
      let viewer = try HTTP2Viewer(port: skerry.port)
      try viewer.send(wire(HTTP2Viewer.preface))
      _ = try viewer.readEnding()
      #expect(viewer.ending == .orderly)
    }

    /// A window that is never opened: the stream ends; one whose answer waits here whole takes its connection along.
    @Test(arguments: [1_000_000, 1_000]) func stalledWindows(_ length: Int) throws {
      let (skerry, _) = try program("limits: { idleTimeout: 400ms }") { try $0.answerAll { _ in ok(String(repeating: "x", count: length)) } }
      let viewer = try HTTP2Viewer.open(skerry, [(4, 0)])
      try viewer.send(.headers(1, get("/x", host: host)))
      if length > 65_536 {
        #expect(try viewer.answer(on: 1).reset == .internalError)
        try eventually("the limit to be counted") { try skerry.metrics()["skerry_limits_reached_total{limit=\"idle_timeout\"}"] == 1 }
      } else {
        #expect(try viewer.readEnding() == .enhanceYourCalm)
        #expect(try skerry.metrics()["skerry_limits_reached_total{limit=\"http2_stalled\"}"] == 1)
      }
    }

    /// Two-step GOAWAY: a notice, then what is served; the streams until then are (RFC 9113, 6.8).
    @Test func aDrainServesWhatIsUnderWay() throws {
      let (skerry, origin) = try program("shutdownTimeout: 20s") { origin in
        try origin.answerAll { request in
          if request.target == "/slow" { try origin.waitForGo() }
          return ok(request.target)
        }
      }
      let viewer = try HTTP2Viewer.open(skerry)
      viewer.isPolite = false
      try viewer.send(.headers(1, get("/slow", host: host)))
      _ = try origin.waitForRequests(1)
      skerry.send(signal: SIGTERM)
      let notice = try viewer.wait("GOAWAY") { $0.type == 7 }
      #expect(notice.errorCode == .noError && notice.payload[0..<4] == [0x7f, 0xff, 0xff, 0xff])
      // A stream that was opened before the notice was read is served.
      #expect(try viewer.exchange(3, get("/late", host: host)).status == 200)
      let ping = viewer.frames.last { $0.type == 6 } ?? Frame.ping("skerry..")
      try viewer.send(.ping(String(wire: ping.payload), flags: Frame.acknowledgement))
      let last = try viewer.wait("the second GOAWAY") { $0.type == 7 }
      #expect(last.errorCode == .noError && last.payload[0..<4] == [0, 0, 0, 3])
      try viewer.send(.headers(5, get("/refused", host: host)))
      origin.go()
      #expect(String(wire: try viewer.answer(on: 1).body) == "/slow")
      #expect(try viewer.readEnding() == .noError)
      #expect(try skerry.waitForExit() == .status(0))
      #expect(!origin.everything.holds("/refused"))
    }

    /// A viewer that talks on, or holds an answer up, is told the end in time.
    @Test(arguments: ["chatter", "a stalled answer"]) func aDrainIsNotPutOff(_ what: String) throws {
      let (skerry, origin) = try program("shutdownTimeout: 20s")
      let viewer = try HTTP2Viewer.open(skerry, what == "chatter" ? [] : [(4, 0)])
      viewer.isPolite = false
      try viewer.send(.headers(1, get(what == "chatter" ? "/hold" : "/x", host: host)))
      _ = try origin.waitForRequests(1)
      skerry.send(signal: SIGTERM)
      _ = try viewer.wait("GOAWAY") { $0.type == 7 }
      let start = ContinuousClock.now
      while viewer.frames.count(where: { $0.type == 7 }) < 2, .now - start < .seconds(15) {
        if what == "chatter" { try viewer.send(.ping()) }
        _ = try? viewer.next(by: .after(.milliseconds(200)))
        if what == "chatter" { Thread.sleep(forTimeInterval: 0.1) }
      }
      #expect(.now - start < .seconds(10))
      try viewer.send(.windowUpdate(1, 1_000))
      if what == "chatter" { try viewer.send(.reset(1)) }
      #expect(try viewer.readEnding() == .noError)
      #expect(try skerry.waitForExit() == .status(0))
    }

    /// After its FIN a viewer gets what it asked for; a request that was not whole keeps nothing open.
    @Test func aViewerThatHasSaidAll() throws {
      let (skerry, origin) = try program("") { origin in
        try origin.answerAll { request in
          try origin.waitForGo()
          return ok(request.target)
        }
      }
      let viewer = try HTTP2Viewer.open(skerry)
      try viewer.send(.headers(1, post("/half", host: host), end: false), .headers(3, get("/whole", host: host)))
      _ = try origin.waitForRequests(1)
      viewer.finishSending()
      Thread.sleep(forTimeInterval: 0.2)
      origin.go()
      #expect(String(wire: try viewer.answer(on: 3).body) == "/whole")
      _ = try viewer.readEnding()
      #expect(viewer.ending == .orderly)
      try eventually("the connection to be forgotten") { try skerry.metrics()["skerry_http2_connections_open"] == 0 }
    }

    /// Clients that are not scripts.
    @Test func h2loadMakesManyRequests() throws {
      let (skerry, _) = try program("")
      let result = try Tool.shell("h2load -n 2000 -c 4 -m 32 http://127.0.0.1:$1/x", [String(skerry.port)])
      #expect(result.text.contains("2000 succeeded, 0 failed"), "\(result.text)")
      #expect(try skerry.metrics()["skerry_http2_streams_total"] == 2000)
    }
  }
}
