// A running program in the hands of its operator: log, metrics, health, drain, bad configuration (issue 2, points 2 and 7).
import Foundation
import Testing

extension Scenarios {
  @Suite struct Operations {
    private func program(_ more: String = "", arguments: [String] = []) throws -> (Skerry, ScriptedOrigin) {
      let origin = try ScriptedOrigin { connection in
        while let request = try connection.nextRequest() {
          if request.target == "/slow" { try connection.waitForGo() }
          try connection.send(ok(request.target))
        }
      }
      return (try startSkerry(before: origin, more: more, arguments: arguments), origin)
    }

    // MARK: Log and metrics

    @Test func everyRequestLeavesOneLine() throws {
      let (skerry, _) = try program()
      let viewer = try skerry.viewer()
      for number in 0..<10 {
        _ = try viewer.exchange("GET /page\(number)?a=b HTTP/1.1\r\nHost: a.test\r\nUser-Agent: \"quoted\" \u{e9}\r\nReferer: http://r.test/\r\n\r\n")
      }
      let response = try viewer.exchange("GET /last HTTP/1.1\r\nHost: a.test\r\n\r\n")
      let log = try eventually("eleven lines") { () -> [[String: LogValue]]? in
        let lines = try skerry.accessLog()
        return lines.count >= 11 ? lines : nil
      }
      #expect(log.count == 11)
      for number in 0..<10 {
        #expect(log.count { $0.values.contains { $0.description.hasPrefix("/page\(number)") } } == 1)
      }
      let last = try #require(log.first { $0.values.contains(.text("/last")) })
      #expect(last.values.contains(.number(200)))
      #expect(last.values.contains(.text("GET")))
      #expect(last.values.contains(.text("a.test")))
      #expect(last.values.contains(.text("Miss")))
      #expect(last.values.contains(.text(response.fields["x-amz-cf-id"] ?? "no id")))
      #expect(last.values.contains { $0.description.hasPrefix("127.0.0.1") })
      #expect(log.contains { $0.values.contains { $0.description.hasPrefix("\"quoted\" ") } })
    }

    @Test func aLineSaysWhatIsAskedOfIt() throws {
      let origin = try ScriptedOrigin { connection in
        while let request = try connection.nextRequest() { try connection.send(ok(request.target)) }
      }
      let skerry = try startSkerry(before: origin, logFields: "[uri, originStatus, resultType, status]")
      _ = try skerry.viewer().exchange("GET /a?b HTTP/1.1\r\nHost: a.test\r\n\r\n")
      _ = try skerry.viewer().exchange("GET /a HTTP/1.1\r\n\r\n")
      let lines = try eventually("two lines") { () -> [[String: LogValue]]? in
        let lines = try skerry.accessLog()
        return lines.count == 2 ? lines : nil
      }
      #expect(lines.contains(["uri": .text("/a"), "status": .number(200), "resultType": .text("Miss"), "originStatus": .number(200)]))
      #expect(lines.contains(["status": .number(400), "resultType": .text("Error")]))
    }

    @Test func aLineThatCannotBeForged() throws {
      let (skerry, _) = try program()
      _ = try skerry.viewer().exchange("GET /%0A%22,x?\",\"status\":1 HTTP/1.1\r\nHost: a.test\r\nUser-Agent: \",\"a\":\"\t\\\r\n\r\n".replacing("?\",\"", with: "?',"))
      let line = try skerry.waitForLogLine("for the request") { $0.values.contains { $0.description.hasPrefix("/%0A%22") } }
      #expect(line.values.contains { $0.description.hasPrefix("\",\"a\":\"") })
    }

    @Test func requestsAndBytesAreCounted() throws {
      let (skerry, _) = try program()
      let before = try skerry.metrics()
      let viewer = try skerry.viewer()
      for _ in 0..<5 { _ = try viewer.exchange("GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n") }
      try skerry.waitForMetric("skerry_requests_total{status=\"2xx\"}", by: 5, since: before)
      let after = try skerry.metrics()
      #expect(after["skerry_requests_total{status=\"2xx\",result=\"Miss\"}"] == 5)
      #expect(after["skerry_connections_accepted_total"] - before["skerry_connections_accepted_total"] == 1)
      #expect(after["skerry_connections_open"] == 1)
      #expect(after["skerry_viewer_bytes_total{direction=\"received\"}"] == 5 * 33)
      #expect(after["skerry_origin_connections_total{kind=\"connected\"}"] == 1)
      #expect(after["skerry_origin_connections_total{kind=\"reused\"}"] == 4)
      #expect(after["skerry_request_duration_seconds_count"] == 5)
    }

    @Test func anOpenConnectionIsOpenUntilItCloses() throws {
      let (skerry, _) = try program()
      do {
        let viewer = try skerry.viewer()
        _ = try viewer.exchange("GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n")
        #expect(try skerry.metrics()["skerry_connections_open"] == 1)
        viewer.reset()
        viewer.finishSending()
      }
      try eventually("the closed connection to be noticed") { try skerry.metrics()["skerry_connections_open"] == 0 }
    }

    @Test func theAdminAddress() throws {
      let (skerry, _) = try program()
      #expect(try skerry.admin("/healthz").status == 200)
      let page = try skerry.admin("/metrics")
      #expect(page.fields["content-type"]?.hasPrefix("text/plain; version=0.0.4") == true)
      #expect(try skerry.admin("/nothing").status == 401)
      // Only under its own name: a browser tricked by DNS gets nowhere (design/architecture.md, Trust).
      let viewer = try ScriptedViewer(port: skerry.adminPort)
      let foreign = try viewer.exchange("GET /metrics HTTP/1.1\r\nHost: evil.test\r\n\r\n")
      #expect([400, 403, 421].contains(foreign.status))
      // Not on the viewers' side.
      #expect(try skerry.viewer().exchange("GET /healthz HTTP/1.1\r\nHost: a.test\r\n\r\n").bodyText == "/healthz")
    }

    // MARK: Shutdown

    @Test func sigtermLetsARequestFinish() throws {
      let (skerry, origin) = try program("shutdownTimeout: 20s")
      let busy = try skerry.viewer(), idle = try skerry.viewer()
      _ = try idle.exchange("GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n")
      try busy.send("GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n")
      try eventually("the slow request to arrive") { origin.requests.contains { $0.target == "/slow" } }

      skerry.send(signal: SIGTERM)

      // Idle connections end, new ones are refused, health says no.
      #expect(idle.isClosedSilently())
      try eventually("no new connection to be taken") { (try? skerry.viewer()) == nil }
      if let health = try? skerry.admin("/healthz") { #expect(health.status == 503) }
      #expect(skerry.isRunning)

      // The request under way gets its whole answer, and is told that the connection ends.
      origin.go()
      let response = try busy.readResponse()
      #expect(response.bodyText == "/slow")
      #expect(response.fields["connection"] == "close")
      #expect(busy.isClosedSilently())
      #expect(try skerry.waitForExit() == .status(0))
      // Its log line is in the file.
      let log = try fileLines(skerry)
      #expect(log.contains { $0.contains("/slow") })
    }

    @Test func theDrainEndsAtItsTimeout() throws {
      let (skerry, origin) = try program("shutdownTimeout: 1s")
      let busy = try skerry.viewer()
      try busy.send("GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n")
      try eventually("the slow request to arrive") { origin.requests.contains { $0.target == "/slow" } }
      let start = ContinuousClock.now
      skerry.send(signal: SIGTERM)
      #expect(try skerry.waitForExit() == .status(0))
      #expect(ContinuousClock.now - start > .milliseconds(900))
      #expect(busy.readEnding().ending != .stillOpen)
      origin.go()
    }

    @Test func aSecondSigtermEndsAtOnce() throws {
      let (skerry, origin) = try program("shutdownTimeout: 60s")
      let busy = try skerry.viewer()
      try busy.send("GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n")
      try eventually("the slow request to arrive") { origin.requests.contains { $0.target == "/slow" } }
      skerry.send(signal: SIGTERM)
      try eventually("the drain to begin") { (try? skerry.viewer()) == nil }
      skerry.send(signal: SIGTERM)
      #expect(try skerry.waitForExit(by: .after(.seconds(30))) == .status(0))
      origin.go()
    }

    @Test func anIdleProgramEndsQuickly() throws {
      let (skerry, _) = try program("shutdownTimeout: 60s")
      let start = ContinuousClock.now
      #expect(try skerry.terminate() == .status(0))
      #expect(ContinuousClock.now - start < .seconds(30))
    }

    // MARK: Workers

    /// At 64 connections the busiest worker carries at most 1.5 × the idlest.
    @Test(arguments: [2, 4])
    func workersShareTheConnections(workers: Int) throws {
      let (skerry, _) = try program(arguments: ["--workers", "\(workers)"])
      let viewers = try (0..<64).map { _ in try skerry.viewer() }
      for viewer in viewers { _ = try viewer.exchange("GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n") }
      let metrics = try skerry.metrics()
      let loads = (0..<workers).map { metrics["skerry_connections_open{worker=\"\($0)\"}"] }
      #expect(loads.reduce(0, +) == 64)
      #expect((loads.max() ?? 0) <= 1.5 * (loads.min() ?? 0), "\(loads)")
      withExtendedLifetime(viewers) {}
    }

    // MARK: Not starting

    /// Exit status 2, and one clear sentence with file, line and column.
    @Test func aBadConfigurationIsExplained() throws {
      let (working, _) = try program()
      let binaryComplaint = try complaint(about: """
        listeners:
          - address: 127.0.0.1:0
        distributions:
          - id: E1
            default: true
            origins: { app: http://127.0.0.1:1 }
            defaultBehaviour: { origin: app }
        """, beside: working)
      #expect(binaryComplaint.status == .status(2))
      #expect(binaryComplaint.text.contains("bad.yaml:7:5: error:"))
      #expect(binaryComplaint.text.contains("defaultBehavior"))
    }

    @Test func anAddressInUseIsExplained() throws {
      let (working, _) = try program()
      let answer = try complaint(about: """
        listeners:
          - address: 127.0.0.1:\(working.port)
        distributions:
          - id: E1
            default: true
            origins: { app: http://127.0.0.1:1 }
            defaultBehavior: { origin: app }
        """, beside: working)
      #expect(answer.status != .status(0))
      #expect(answer.text.contains("\(working.port)"))
    }

    private func complaint(about configuration: String, beside skerry: Skerry) throws -> (status: ChildProcess.Exit, text: String) {
      let file = skerry.folder.appendingPathComponent("bad.yaml").path
      try configuration.write(toFile: file, atomically: false, encoding: .utf8)
      let process = try ChildProcess([Skerry.binary(), "serve", file])
      let status = try process.waitForExit()
      try process.standardError.wait(for: "its last words") { $0.ended ? true : nil }
      return (status, process.standardError.current.text)
    }

    private func fileLines(_ skerry: Skerry) throws -> [Substring] {
      try fileText(skerry.folder.appendingPathComponent("access.log").path).split(separator: "\n")
    }
  }
}
