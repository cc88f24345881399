// Limits in time and number: each is reached, answered as documented, and counted under its own name
// (issue 2, point 3; Sources/Distribution/Limits.swift). The limits of size are in Refused.
import Foundation
import TestTools
import Testing

/// The counter of a named limit.
private func reached(_ limit: String) -> String { "skerry_limits_reached_total{limit=\"\(limit)\"}" }

extension Scenarios {
  @Suite struct Limits {
    private func program(_ limits: String, arguments: [String] = []) throws -> (Skerry, ScriptedOrigin) {
      let origin = try ScriptedOrigin { try $0.answerAll { ok($0.target) } }
      return (try startSkerry(before: origin, more: "limits: { \(limits) }", arguments: arguments), origin)
    }

    // MARK: Size

    @Test(arguments: [(10, 200), (11, 494)])
    func headerCount(fields: Int, status: Int) throws {
      let (skerry, origin) = try program("headerCount: 10")
      let viewer = try skerry.viewer()
      let lines = (1..<fields).map { "F\($0): x\r\n" }.joined()  // and Host
      #expect(try viewer.exchange("GET /a HTTP/1.1\r\nHost: a.test\r\n\(lines)\r\n").status == status)
      #expect(origin.requests.count == (status == 200 ? 1 : 0))
      #expect(try skerry.metrics()[reached("header_count")] == (status == 200 ? 0 : 1))
    }

    @Test(arguments: [(10, 200), (11, 494)])
    func connectionOptions(options: Int, status: Int) throws {
      let (skerry, origin) = try program("connectionOptions: 10")
      let names = (1...options).map { "o\($0)" }.joined(separator: ", ")
      #expect(try skerry.viewer().exchange("GET /a HTTP/1.1\r\nHost: a.test\r\nConnection: \(names)\r\no1: x\r\n\r\n").status == status)
      #expect(origin.requests.map { $0.fields["o1"] } == (status == 200 ? [nil] : []))
      #expect(try skerry.metrics()[reached("connection_options")] == (status == 200 ? 0 : 1))
    }

    /// Exactly at the limit is good, one byte more is not. The URL counts without method and version.
    @Test(arguments: [(100, 200), (101, 414)])
    func urlLength(length: Int, status: Int) throws {
      let (skerry, origin) = try program("urlBytes: 100")
      let target = "/" + String(repeating: "x", count: length - 1)
      let viewer = try skerry.viewer()
      let response = try viewer.exchange("GET \(target) HTTP/1.1\r\nHost: a.test\r\n\r\n")
      #expect(response.status == status)
      #expect(origin.requests.count == (status == 200 ? 1 : 0))
      #expect(try skerry.metrics()[reached("url")] == (status == 200 ? 0 : 1))
      if status == 414 { #expect(viewer.isClosedSilently()) }
    }

    @Test(arguments: [(1000, 200), (1001, 494)])
    func headLength(length: Int, status: Int) throws {
      let (skerry, origin) = try program("headBytes: 1000, urlBytes: 500")
      let frame = "GET /a HTTP/1.1\r\nHost: a.test\r\nA: \r\n\r\n"
      let padding = String(repeating: "x", count: length - wire(frame).count)
      let viewer = try skerry.viewer()
      let response = try viewer.exchange("GET /a HTTP/1.1\r\nHost: a.test\r\nA: \(padding)\r\n\r\n")
      #expect(response.status == status)
      #expect(origin.requests.count == (status == 200 ? 1 : 0))
      #expect(try skerry.metrics()[reached("head")] == (status == 200 ? 0 : 1))
      if status == 494 { #expect(viewer.isClosedSilently()) }
    }

    // MARK: Time

    /// Slowloris: a head that trickles in is cut off, however busily it trickles.
    @Test func aHeadThatTakesTooLong() throws {
      let (skerry, origin) = try program("headerTimeout: 1s")
      let viewer = try skerry.viewer()
      try viewer.send("GET /a HTTP/1.1\r\nHost: a.test\r\n")
      let trickle = Trickle { try viewer.send("A: b\r\n") }
      let response = try viewer.readResponse()
      trickle.stop()
      #expect(response.status == 408)
      #expect(response.fields["connection"] == "close")
      #expect(viewer.readEnding().ending != .stillOpen)
      #expect(origin.connectionCount == 0)
      #expect(try skerry.metrics()[reached("head_timeout")] == 1)
    }

    @Test(arguments: ["before the first request", "between requests"])
    func anIdleConnectionIsClosed(when: String) throws {
      let (skerry, _) = try program("keepAliveTimeout: 1s")
      let viewer = try skerry.viewer()
      if when == "between requests" {
        #expect(try viewer.exchange("GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n").bodyText == "/a")
      }
      #expect(viewer.isClosedSilently())
      try eventually("the closing to be counted") {
        try skerry.metrics()["skerry_connections_closed_total{reason=\"idle\"}"] == 1
      }
    }

    @Test func aConnectionInUseIsNotIdle() throws {
      let (skerry, _) = try program("keepAliveTimeout: 1s")
      let viewer = try skerry.viewer()
      let start = ContinuousClock.now
      while ContinuousClock.now - start < .seconds(2) {
        try #require(try viewer.exchange("GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n").bodyText == "/a")
      }
    }

    @Test func aBodyBelowTheMinimumRate() throws {
      let (skerry, origin) = try program("minimumBodyRate: 1000, minimumBodyRateGrace: 1s")
      let viewer = try skerry.viewer()
      try viewer.send("POST /a HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000000\r\n\r\n")
      let trickle = Trickle { try viewer.send("x") }
      let (bytes, ending) = viewer.readEnding()
      trickle.stop()
      #expect(ending != .stillOpen)
      #expect(bytes.isEmpty || String(wire: bytes).hasPrefix("HTTP/1.1 408 "))
      #expect(origin.requests.isEmpty)
      #expect(try skerry.metrics()[reached("body_rate")] == 1)
    }

    /// A body is measured by its rate, not by its length of time.
    @Test func aBodyAboveTheMinimumRate() throws {
      let (skerry, origin) = try program("minimumBodyRate: 100, minimumBodyRateGrace: 1s")
      let viewer = try skerry.viewer()
      try viewer.send("POST /a HTTP/1.1\r\nHost: a.test\r\nContent-Length: 200000\r\n\r\n")
      let start = ContinuousClock.now
      var sent = 0
      while ContinuousClock.now - start < .seconds(2), sent < 100_000 {
        try viewer.send(String(repeating: "x", count: 100))
        sent += 100
        usleep(2_000)
      }
      try viewer.send(String(repeating: "x", count: 200_000 - sent))
      #expect(try viewer.readResponse().bodyText == "/a")
      #expect(origin.requests.first?.body.count == 200_000)
    }

    @Test func aViewerThatNeverReadsIsGivenUp() throws {
      let origin = try ScriptedOrigin { connection in
        try connection.expectRequest()
        try connection.send("HTTP/1.1 200 OK\r\n\r\n")
        _ = try connection.sendUntilBlocked(Bytes(repeating: 120, count: 65_536))
        try connection.waitForEnd()
      }
      let skerry = try startSkerry(before: origin, more: "limits: { idleTimeout: 1s }")
      let viewer = try skerry.viewer(receiveBuffer: 65_536)
      try viewer.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
      // The origin is let go, and the viewer cannot take what it has for the whole.
      try origin.waitForClosedConnections(1)
      #expect(throws: (any Error).self) { try viewer.readResponse() }
    }

    /// A request that is answered without its body: a short rest is read and the connection kept, a longer one ends it.
    @Test(arguments: [(100, true), (101, false)]) func discardedBodyBytes(length: Int, isKept: Bool) throws {
      let origin = try ScriptedOrigin { try $0.answerAll { ok($0.target) } }
      let skerry = try startSkerry(before: origin, more: "limits: { discardedBodyBytes: 100 }") { $0.methods = "[GET, HEAD]" }
      let viewer = try skerry.viewer()
      let response = try viewer.exchange("POST /a HTTP/1.1\r\nHost: a.test\r\nContent-Length: \(length)\r\n\r\n")
      #expect(response.status == 403 && response.fields["connection"] == (isKept ? nil : "close"))
      guard isKept else { return }
      try viewer.send(String(repeating: "x", count: length))
      #expect(try viewer.exchange("GET /b HTTP/1.1\r\nHost: a.test\r\n\r\n").bodyText == "/b")
    }

    @Test func aSilentTunnelIsClosed() throws {
      let origin = try ScriptedOrigin { connection in
        try connection.expectRequest()
        try connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        try connection.waitForEnd()
      }
      let skerry = try startSkerry(before: origin, more: "limits: { tunnelIdleTimeout: 1s }")
      let viewer = try skerry.viewer()
      try viewer.send("GET / HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
      #expect(try viewer.readHead().status == 101)
      #expect(try skerry.metrics()["skerry_tunnels_open"] == 1)
      #expect(viewer.isClosedSilently())
      try origin.waitForClosedConnections(1)
      try eventually("the tunnel to be counted as gone") { try skerry.metrics()["skerry_tunnels_open"] == 0 }
    }

    @Test func anIdleOriginConnectionIsClosed() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let skerry = try startSkerry(before: origin) { $0.originSettings = "keepAliveTimeout: 1" }
      #expect(try skerry.viewer().exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 200)
      try origin.waitForClosedConnections(1)
      try eventually("the pool to be empty") { try skerry.metrics()["skerry_origin_connections_open"] == 0 }
    }

    // MARK: Number

    /// One connection to the origin, one request that may wait for it: a third is told 503 at once.
    @Test func connectionsToAnOrigin() throws {
      let origin = try ScriptedOrigin { connection in
        try connection.answerAll { request in
          if request.target == "/slow" { try connection.waitForGo() }
          return ok(request.target)
        }
      }
      let skerry = try startSkerry(before: origin, arguments: ["--workers", "1"]) {
        $0.originSettings = "connectionsPerWorker: 1\nwaitingRequestsPerWorker: 1"
      }
      let slow = try skerry.viewer(), waiting = try skerry.viewer(), third = try skerry.viewer()
      try slow.send("GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n")
      _ = try origin.waitForRequests(1)
      try waiting.send("GET /waiting HTTP/1.1\r\nHost: a.test\r\n\r\n")
      try eventually("the second request to wait") { try skerry.metrics()["skerry_requests_in_flight"] == 2 }
      #expect(try third.exchange("GET /third HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 503)
      origin.go()
      #expect(try slow.readResponse().bodyText == "/slow")
      #expect(try waiting.readResponse().bodyText == "/waiting")
      #expect(origin.connectionCount == 1)
      #expect(try skerry.metrics()[reached("origin_waiters")] == 1)
    }

    @Test func connectionsPerClientAddress() throws {
      let (skerry, _) = try program("connectionsPerClientAddress: 3", arguments: ["--workers", "1"])
      let held = try (0..<3).map { _ in try skerry.viewer(from: "127.0.0.2") }
      for viewer in held { #expect(try viewer.exchange("GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 200) }
      #expect(try skerry.viewer(from: "127.0.0.2").isClosedSilently())
      #expect(try skerry.metrics()[reached("connections_per_address")] == 1)
      // Another address is not concerned.
      #expect(try skerry.viewer(from: "127.0.0.3").exchange("GET /b HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 200)
    }

    @Test func aClosedConnectionMakesRoom() throws {
      let (skerry, _) = try program("connectionsPerClientAddress: 1")
      for _ in 0..<20 {
        let response: Response? = try eventually("room for the next connection") {
          let viewer = try skerry.viewer(from: "127.0.0.2")
          return try? viewer.exchange("GET /a HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
        }
        #expect(response?.status == 200)
      }
    }

    @Test func connectionsPerWorker() throws {
      let (skerry, _) = try program("connectionsPerWorker: 4", arguments: ["--workers", "1"])
      let held = try (0..<4).map { _ in try skerry.viewer() }
      for viewer in held { #expect(try viewer.exchange("GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 200) }
      #expect(try skerry.viewer().isClosedSilently())
      #expect(try skerry.metrics()[reached("connections_per_worker")] >= 1)
    }

    @Test func requestsPerConnection() throws {
      let (skerry, _) = try program("requestsPerConnection: 3")
      let viewer = try skerry.viewer()
      for number in 1...3 {
        let response = try viewer.exchange("GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n")
        #expect(response.fields["connection"] == (number == 3 ? "close" : nil))
      }
      #expect(viewer.isClosedSilently())
      #expect(try skerry.metrics()[reached("requests_per_connection")] == 1)
    }

    /// Every limit of the page is there before it is reached: an alert can be written on the first day.
    @Test func everyLimitHasItsCounterFromTheStart() throws {
      let (skerry, _) = try program("headerCount: 100")
      let metrics = try skerry.metrics()
      for limit in [
        "url", "head", "header_count", "head_timeout", "idle_timeout", "body_rate", "connections_per_worker", "connections_per_address",
      ] { #expect(metrics.values[reached(limit)] == 0, "\(limit)") }
    }
  }
}

/// Does something again and again, slowly, on a thread of its own, until it fails or is stopped.
private final class Trickle: Sendable {
  private let stopped = Watched(false)

  init(_ act: @escaping () throws -> Void) {
    nonisolated(unsafe) let act = act
    startThread { [stopped] in
      while !stopped.current, (try? unsafe act()) != nil { usleep(50_000) }
    }
  }
  func stop() { stopped.update { $0 = true } }
}
