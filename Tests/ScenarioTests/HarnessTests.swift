// The instruments are tried before they measure anything: viewer and origin talk to each other directly.
import TestTools
import Testing

@Suite(.runsPrograms)
struct HarnessTests {
  @Test func aViewerAndAnOriginUnderstandEachOther() throws {
    let origin = try ScriptedOrigin { connection in
      try connection.expectRequest("GET /a HTTP/1.1")
      try connection.send("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n")
      #expect(try connection.expectRequest().bodyText == "caf\u{e9}")
      try connection.send(ok("two"))
    }
    let viewer = try ScriptedViewer(port: origin.port)
    var interim: [Response] = []
    try viewer.send("GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n", inPiecesOf: [1])
    let first = try viewer.readResponse(interim: &interim)
    #expect(interim.map(\.status) == [103])
    #expect(first.bodyText == "hi" && first.framing == .chunked)
    let second = try viewer.exchange("PUT /b HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\ncaf\u{e9}")
    #expect(second.bodyText == "two")
    #expect(viewer.isClosedSilently())
    try origin.waitForClosedConnections(1)
    try origin.verify()
    #expect(origin.everything.holds("\r\n\r\ncaf\u{e9}"))
  }

  @Test func aScriptThatIsNotFollowedIsAFailure() throws {
    let origin = try ScriptedOrigin { try $0.expectRequest("GET /expected HTTP/1.1") }
    let viewer = try ScriptedViewer(port: origin.port)
    try viewer.send("GET /other HTTP/1.1\r\n\r\n")
    try origin.waitForClosedConnections(1)
    #expect(throws: ScenarioFailure.self) { try origin.verify() }
  }

  @Test(arguments: [
    "HTTP/1.1 200\r\n\r\n", "HTTP/1.1 200 OK\n\n", "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "HTTP/2 200 OK\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
  ])
  func theViewerIsStrict(response: String) throws {
    let origin = try ScriptedOrigin { try $0.send(response) }
    let viewer = try ScriptedViewer(port: origin.port)
    #expect(throws: MalformedMessage.self) { try viewer.readResponse() }
  }

  @Test func endingsAreToldApart() throws {
    let origin = try ScriptedOrigin { connection in
      switch try connection.expectRequest().target {
      case "/orderly": try connection.send("bye")
      case "/reset": connection.reset()
      default: try connection.waitForEnd()
      }
    }
    for (path, expected) in [("/orderly", ScriptedViewer.Ending.orderly), ("/reset", .reset), ("/open", .stillOpen)] {
      let viewer = try ScriptedViewer(port: origin.port)
      try viewer.send("GET \(path) HTTP/1.1\r\n\r\n")
      #expect(viewer.readEnding(within: .milliseconds(path == "/open" ? 100 : 5000)).ending == expected)
    }
  }

  @Test func metricsAreReadByNameAndByLabel() throws {
    let metrics = try Metrics(page: "# HELP a b\na{x=\"1\",y=\"2\"} 3\na{x=\"2\",y=\"2\"} 4\nb 1.5e3\n")
    #expect(metrics["a"] == 7)
    #expect(metrics["a{x=\"1\"}"] == 3)
    #expect(metrics["b"] == 1500)
    #expect(metrics["c"] == 0 && !metrics.has("c") && metrics.has("a"))
  }

  @Test func aChildIsHeardAndWaitedFor() throws {
    let child = try ChildProcess(["/bin/sh", "-c", "echo ready >&2; exec sleep 60"])
    try child.standardError.wait(for: "ready") { $0.text == "ready\n" ? true : nil }
    #expect(try child.memory("VmHWM") > 0)
    child.signal(15)
    #expect(try child.waitForExit() == .signal(15))
  }
}
