// Floods and other ways to cost more than one pays (RFC 9113, 10.5), the limits' answers and counters; ends in good order.
import Foundation
import Testing

/// Frames that cost the sender nothing.
struct FrameFlood: Sendable, CustomTestStringConvertible {
  let name: String
  let limit: String
  let frames: [Frame]
  var testDescription: String { name }
  init(_ name: String, _ limit: String, _ frames: [Frame]) { (self.name, self.limit, self.frames) = (name, limit, frames) }

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
          http2: { abandonedStreams: 20, continuationFrames: 10, emptyFrames: 20, settingsFrames: 20, pingFrames: 20, windowUpdates: 20, otherFrames: 20 }
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
      let viewer = try HTTP2Viewer.open(skerry)
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

    @Test func anIdleConnectionIsClosed() throws {
      let (skerry, _) = try program("limits: { keepAliveTimeout: 300ms }")
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

    /// Clients that are not scripts.
    @Test func h2loadMakesManyRequests() throws {
      let (skerry, _) = try program("")
      let result = try Tool.shell("h2load -n 2000 -c 4 -m 32 http://127.0.0.1:$1/x", [String(skerry.port)])
      #expect(result.text.contains("2000 succeeded, 0 failed"), "\(result.text)")
      #expect(try skerry.metrics()["skerry_http2_streams_total"] == 2000)
    }
  }
}
