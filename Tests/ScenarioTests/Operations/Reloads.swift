// A running program whose configuration changes (issue 5, point 1): what is new holds from the next request on, what is under way ends as it
// began, and what is wrong changes nothing.
import Foundation
import Testing

extension Scenarios {
  @Suite struct Reloads {
    /// A program whose configuration is `yaml(of:)`, and an origin that answers every request with its target.
    private func program(
      _ change: (inout Configuration) -> Void = { _ in }, files: [String: String] = [:], arguments: [String] = ["--workers", "2"],
      prepare: (URL) throws -> Void = { _ in }
    ) throws -> (Skerry, ScriptedOrigin, Configuration) {
      let origin = try ScriptedOrigin { connection in
        while let request = try connection.nextRequest() {
          if request.target == "/slow" { try connection.waitForGo() }
          try connection.send(ok(request.target))
        }
      }
      var configuration = Configuration(distributions: [.init(isDefault: true, origin: origin.url)])
      change(&configuration)
      return (try Skerry.start(configuration: configuration.yaml, files: files, arguments: arguments, prepare: prepare), origin, configuration)
    }

    private func get(_ skerry: Skerry, _ path: String = "/", listener: Int = 0) throws -> Response {
      try skerry.viewer(listener).exchange("GET \(path) HTTP/1.1\r\nHost: a.test\r\n\r\n")
    }

    private let header = "responseHeadersPolicies:\n  ours: { customHeaders: { x-version: VERSION } }"

    @Test func aNewConfigurationServes() throws {
      let (skerry, _, configuration) = try program {
        $0.distributions[0].behavior = "responseHeadersPolicy: ours"
        $0.more = header.replacing("VERSION", with: "one")
      }
      let kept = try skerry.viewer()
      #expect(try kept.exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").fields["x-version"] == "one")
      var next = configuration
      next.more = header.replacing("VERSION", with: "two")
      try skerry.reload(next.yaml)
      // On connections old and new, and on every worker.
      #expect(try kept.exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").fields["x-version"] == "two")
      for _ in 0..<4 { #expect(try get(skerry).fields["x-version"] == "two") }
      let metrics = try skerry.metrics()
      #expect(metrics["skerry_reloads_total{outcome=\"done\"}"] == 1)
      #expect(metrics["skerry_configuration_generation"] == 2)
      #expect(metrics["skerry_last_reload_successful"] == 1)
      #expect(metrics["skerry_last_reload_success_timestamp_seconds"] > metrics["skerry_process_start_time_seconds"])
      // Its connection to the origin is the one it was.
      #expect(metrics["skerry_origin_connections_total{kind=\"connected\"}"] <= 2)
    }

    @Test func aBrokenConfigurationChangesNothing() throws {
      let (skerry, _, configuration) = try program()
      try skerry.write(configuration.yaml + "\nnonsense: 1\n")
      skerry.send(signal: SIGHUP)
      try skerry.waitForStandardError(toHold: "reload refused: ")
      #expect(skerry.standardError.contains("edge.yaml:\(configuration.yaml.split(separator: "\n", omittingEmptySubsequences: false).count + 1):1: error: "))
      #expect(skerry.standardError.contains("generation 1 goes on serving"))
      #expect(try get(skerry).status == 200)
      var metrics = try skerry.metrics()
      #expect(metrics["skerry_reloads_total{outcome=\"refused\"}"] == 1)
      #expect(metrics["skerry_last_reload_successful"] == 0)
      #expect(metrics["skerry_configuration_generation"] == 1)
      // And once it is mended it serves.
      try skerry.reload(configuration.yaml)
      metrics = try skerry.metrics()
      #expect(metrics["skerry_last_reload_successful"] == 1)
      #expect(metrics["skerry_configuration_generation"] == 2)
    }

    @Test func anAddressThatIsTakenChangesNothing() throws {
      let other = try Socket.listening()
      let (skerry, _, configuration) = try program()
      var next = configuration
      next.listeners += ["address: 127.0.0.1:0", "address: 127.0.0.1:\(other.port)"]
      try skerry.write(next.yaml)
      skerry.send(signal: SIGHUP)
      try skerry.waitForStandardError(toHold: "reload refused: cannot listen on 127.0.0.1:\(other.port)")
      #expect(skerry.standardError.contains(/edge\.yaml:\d+:\d+: error: cannot listen on 127\.0\.0\.1/))
      #expect(try get(skerry).status == 200)
      try skerry.reload(configuration.yaml)
    }

    @Test func aRequestUnderWayEndsAsItBegan() throws {
      let (skerry, origin, configuration) = try program {
        $0.distributions[0].behavior = "responseHeadersPolicy: ours"
        $0.more = header.replacing("VERSION", with: "one")
      }
      let busy = try skerry.viewer()
      try busy.send("GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n")
      try eventually("the slow request to arrive") { origin.requests.contains { $0.target == "/slow" } }
      // The new one knows neither the origin nor the policy.
      let other = try ScriptedOrigin { try $0.answerAll { _ in ok("other") } }
      var next = configuration
      next.distributions[0].origin = other.url
      next.more = header.replacing("VERSION", with: "two")
      try skerry.reload(next.yaml)
      let fresh = try get(skerry)
      #expect(fresh.bodyText == "other" && fresh.fields["x-version"] == "two")
      origin.go()
      let old = try busy.readResponse()
      #expect(old.bodyText == "/slow" && old.fields["x-version"] == "one")
      #expect(try busy.exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").bodyText == "other")
      // Nothing of the old origin is kept.
      try origin.waitForClosedConnections(1)
    }

    @Test func listenersComeAndGo() throws {
      let (skerry, origin, configuration) = try program()
      let spare = try Socket.listening().port   // free again when this returns
      var next = configuration
      next.listeners = ["address: 127.0.0.1:0", "address: 127.0.0.1:\(spare)"]
      try skerry.reload(next.yaml)
      #expect(try ScriptedViewer(port: spare).exchange("GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n").bodyText == "/a")
      #expect(try get(skerry).status == 200)
      // A removed one finishes what it has.
      let busy = try ScriptedViewer(port: spare)
      try busy.send("GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n")
      try eventually("the slow request to arrive") { origin.requests.contains { $0.target == "/slow" } }
      try skerry.reload(configuration.yaml)
      try eventually("nobody to listen there") { try !skerry.listens(at: spare) }
      origin.go()
      #expect(try busy.readResponse().bodyText == "/slow")
      #expect(try busy.exchange("GET /b HTTP/1.1\r\nHost: a.test\r\n\r\n").bodyText == "/b")
    }

    /// Functions and stores that are the same are not built anew; others are, and old ones go.
    @Test func functionsAreTakenUp() throws {
      let (skerry, _, configuration) = try program({
        $0.distributions[0].behavior = "functions: { viewer-request: f }"
        $0.more = "functions:\n  f: { runtime: cloudfront-js-2.0, code: f.js }"
      }, files: ["f.js": "function handler(event) { return { statusCode: 201 } }"])
      #expect(try get(skerry).status == 201)
      try skerry.reload(configuration.yaml)
      #expect(try get(skerry).status == 201)
      try skerry.write("function handler(event) { return { statusCode: 202 } }", to: "f.js")
      try skerry.reload(configuration.yaml)
      #expect(try get(skerry).status == 202)
      // One that cannot be built is said with its place, and the old one goes on; until it is mended, with every reload.
      try skerry.write("function handler(event) {\n  return {", to: "f.js")
      for _ in 0..<2 {
        let refused = try skerry.metrics()["skerry_reloads_total{outcome=\"refused\"}"]
        skerry.send(signal: SIGHUP)
        try eventually("the refusal") { try skerry.metrics()["skerry_reloads_total{outcome=\"refused\"}"] == refused + 1 }
        #expect(try get(skerry).status == 202)
      }
      #expect(skerry.standardError.contains("f.js:2:"))
      try skerry.write("function handler(event) { return { statusCode: 203 } }", to: "f.js")
      try skerry.reload(configuration.yaml)
      #expect(try get(skerry).status == 203)
    }

    /// What could not be built at the start does not keep other changes away.
    @Test func aFunctionBrokenFromTheStartIsNoReasonToRefuse() throws {
      let (skerry, _, configuration) = try program({
        $0.distributions[0].behavior = "functions: { viewer-request: f }"
        $0.more = "functions:\n  f: { runtime: cloudfront-js-2.0, code: f.js }"
      }, files: ["f.js": "function handler(event) {\n  return {"])
      #expect(skerry.standardError.contains("f.js:2:"))
      #expect(try get(skerry).status == 503)
      try skerry.reload(configuration.yaml)
      #expect(try get(skerry).status == 503)
      try skerry.write("function handler(event) { return { statusCode: 202 } }", to: "f.js")
      try skerry.reload(configuration.yaml)
      #expect(try get(skerry).status == 202)
    }

    @Test func limitsOfAcceptingFollow() throws {
      let (skerry, _, configuration) = try program { $0.more = "limits: { connectionsPerClientAddress: 100 }" }
      let held = try (0..<3).map { _ in try skerry.viewer() }
      for viewer in held { #expect(try viewer.exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 200) }
      var next = configuration
      next.more = "limits: { connectionsPerClientAddress: 3 }"
      try skerry.reload(next.yaml)
      #expect(try skerry.viewer().isClosedSilently())
      for viewer in held { #expect(try viewer.exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 200) }
      try skerry.reload(configuration.yaml)
      #expect(try get(skerry).status == 200)
    }

    @Test func theLogFollows() throws {
      let (skerry, _, configuration) = try program { $0.logFields = "[uri]" }
      _ = try get(skerry, "/one")
      _ = try skerry.waitForLogLine("of the first") { $0["uri"] == .text("/one") && $0.count == 1 }
      try skerry.reload(configuration.yaml.replacing("path: access.log, format: json, fields: [uri]", with: "path: other.log, format: json, fields: [status]"))
      _ = try get(skerry, "/two")
      try eventually("its line in the other file") {
        try fileText(skerry.folder.appendingPathComponent("other.log").path) == "{\"status\":200}\n"
      }
      #expect(try skerry.accessLog().count == 1)
    }

    @Test func theAdminAddressFollows() throws {
      let (skerry, _, configuration) = try program()
      try eventually("the admin address to listen") { try skerry.listens(at: skerry.adminPort) }   // the list is no snapshot
      let path = skerry.folder.path + "/admin.sock"   // elsewhere the confined process may not make it
      try skerry.reload(configuration.yaml.replacing("admin:\n  address: 127.0.0.1:0", with: "admin:\n  address: unix:\(path)"))
      let there = ScriptedViewer(try Socket.connected(toPath: path))
      #expect(try there.exchange("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 200)
      try eventually("nobody to listen at the old one") { try !skerry.listens(at: skerry.adminPort) }
      skerry.send(signal: SIGTERM)
      #expect(try skerry.waitForExit() == .status(0))
      #expect(!FileManager.default.fileExists(atPath: path))
    }

    /// What is an own address is refused as an origin from the moment when it is one.
    @Test func ownAddressesAreNoOrigins() throws {
      let (skerry, _, configuration) = try program()
      let spare = try Socket.listening().port
      var next = configuration
      next.listeners = ["address: 127.0.0.1:0", "address: 127.0.0.1:\(spare)"]
      next.distributions[0].origin = "http://127.0.0.1:\(spare)"
      try skerry.reload(next.yaml)
      #expect(try get(skerry).status == 502)
      let line = try skerry.waitForLogLine("of the refusal") { $0["status"] == .number(502) }
      #expect(line["error"]?.description.contains("own") == true, "\(line)")
    }

    /// WebSockets and uploads of the old configuration go on under the new one.
    @Test func tunnelsGoOn() throws {
      let origin = try ScriptedOrigin { connection in
        try connection.expectRequest()
        try connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        while true { try connection.send(try connection.read(exactly: 4)) }
      }
      let configuration = Configuration(distributions: [.init(isDefault: true, origin: origin.url)])
      let skerry = try Skerry.start(configuration: configuration.yaml)
      let viewer = try skerry.viewer()
      try viewer.send("GET / HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
      #expect(try viewer.readHead().status == 101)
      try viewer.send("ping")
      #expect(try viewer.read(exactly: 4) == wire("ping"))
      for _ in 0..<2 { try skerry.reload(configuration.yaml) }
      try viewer.send("pong")
      #expect(try viewer.read(exactly: 4) == wire("pong"))
    }

    /// As many replaced configurations as may be are kept by tunnels and streams of events; those of the oldest are closed.
    @Test(arguments: [true, false]) func longExchangesOfOldConfigurationsEnd(isTunnel: Bool) throws {
      let origin = try ScriptedOrigin { connection in
        try connection.expectRequest()
        try connection.send(isTunnel ? "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n" : "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        try connection.send("data")
        try connection.waitForEnd()
      }
      var configuration = Configuration(distributions: [.init(isDefault: true, origin: origin.url)])
      configuration.more = "limits: { formerConfigurations: 2 }"
      let skerry = try Skerry.start(configuration: configuration.yaml, arguments: ["--workers", "1"])
      var viewers: [ScriptedViewer] = []
      for number in 0..<4 {
        if number > 0 { try skerry.reload(configuration.yaml) }
        let viewer = try skerry.viewer()
        let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        try viewer.send("GET / HTTP/1.1\r\nHost: a.test\r\n\(isTunnel ? upgrade : "")\r\n")
        #expect(try viewer.readHead().status == (isTunnel ? 101 : 200))
        #expect(String(wire: try viewer.read(exactly: isTunnel ? 4 : 7)).contains("data"))
        viewers.append(viewer)
      }
      #expect(try skerry.metrics()["skerry_limits_reached_total{limit=\"former_configurations\"}"] == 1)
      _ = viewers[0].readEnding()
      try skerry.reload(configuration.yaml)
      _ = viewers[1].readEnding()
      #expect(try skerry.metrics()["skerry_limits_reached_total{limit=\"former_configurations\"}"] == 2)
      try eventually("two tunnels or streams") { try skerry.metrics()["skerry_requests_in_flight"] == 2 }
      try skerry.waitForStandardError(toHold: "limits.formerConfigurations")
    }

    // MARK: Watching

    /// However an editor or a deployment changes a file, it is noticed, soon.
    @Test(arguments: ["written in place", "renamed over", "renamed away first", "link swapped", "folder of links swapped", "function written"])
    func filesAreWatched(how: String) throws {
      let (skerry, _, configuration) = try program({
        $0.distributions[0].behavior = "responseHeadersPolicy: ours\nfunctions: { viewer-request: f }"
        $0.more = header.replacing("VERSION", with: "one") + "\nfunctions:\n  f: { runtime: cloudfront-js-2.0, code: data/f.js }"
      }, files: ["v1/f.js": version("one"), "v2/f.js": version("two"), "data": ""], arguments: ["--workers", "2", "--watch"], prepare: { folder in
        try FileManager.default.removeItem(at: folder.appendingPathComponent("data"))
        try FileManager.default.createSymbolicLink(atPath: folder.appendingPathComponent("data").path, withDestinationPath: "v1")
      })
      _ = configuration
      #expect(try get(skerry).fields["x-function"] == "one")
      let folder = skerry.folder.path, now = ContinuousClock.now
      switch how {
      case "written in place": _ = try Tool.shell("sed s/one/two/ $1/v1/f.js > $1/new && cat $1/new > $1/v1/f.js", [folder])
      case "renamed over": _ = try Tool.shell("sed s/one/two/ $1/v1/f.js > $1/v1/new && mv $1/v1/new $1/v1/f.js", [folder])
      case "renamed away first": _ = try Tool.shell("mv $1/v1/f.js $1/v1/f.js~ && sed s/one/two/ $1/v1/f.js~ > $1/v1/f.js", [folder])
      case "link swapped": _ = try Tool.shell("ln -s v2 $1/next && mv -T $1/next $1/data", [folder])
      case "folder of links swapped": _ = try Tool.shell("mv $1/v1 $1/v0 && mv $1/v2 $1/v1", [folder])
      default: try skerry.write(version("two"), to: "v1/f.js")
      }
      try eventually("the new function") { try get(skerry).fields["x-function"] == "two" }
      // 200 ms on a machine that has nothing else to do.
      #expect(ContinuousClock.now - now < .seconds(20))
    }

    private func version(_ name: String) -> String {
      "function handler(event) { return { statusCode: 200, headers: { 'x-function': { value: '\(name)' } } } }"
    }

    /// A mistake is told, mended, and what is written while a reload is under way is not missed.
    @Test func savesInARow() throws {
      let (skerry, _, configuration) = try program(arguments: ["--watch"])
      try skerry.write("nonsense")
      try skerry.waitForStandardError(toHold: "reload refused: ")
      #expect(skerry.standardError.contains("edge.yaml:1:1: error: "))
      for number in 1...20 {
        try skerry.write(configuration.yaml.replacing("id: E0", with: "id: E0-\(number)"))
      }
      try eventually("the last to serve") {
        _ = try get(skerry)
        return try skerry.metrics().has("skerry_requests_total{distribution=\"E0-20\"}") && skerry.metrics()["skerry_requests_total{distribution=\"E0-20\"}"] > 0
      }
      #expect(try skerry.metrics()["skerry_last_reload_successful"] == 1)
    }

    /// What a reload leaves as it was is not left unsaid.
    @Test func whatHoldsFromTheNextStartOn() throws {
      let (skerry, _, configuration) = try program({ $0.more = "functions:\n  f: { runtime: nodejs20.x, code: f.mjs }" }, files: ["f.mjs": "export const handler = async (e) => e;"])
      try skerry.write(configuration.yaml + "\nfunctionTier: { initTimeout: 5s }\n")
      skerry.send(signal: SIGHUP)
      try skerry.waitForStandardError(toHold: "reload: functionTier is as it was at the start; the new one holds from the next start")
    }

    /// What is no file of the configuration is no reason. What is saved in one go is one, and the only one: nothing was saved before.
    @Test func aFileOfNobodysIsNoReason() throws {
      let (skerry, _, configuration) = try program(arguments: ["--watch"])
      func save(_ id: String) throws {
        try skerry.write("x", to: "other.txt")
        try skerry.write(configuration.yaml.replacing("id: E0", with: "id: \(id)"), to: "new.yaml")
        let folder = skerry.folder.path
        #expect(unsafe rename(folder + "/new.yaml", folder + "/edge.yaml") == 0)
      }
      // What was written just before the start may be read twice: on a busy machine the clock by which files are dated stands still.
      try save("E0-0")
      try eventually("the first") {
        _ = try get(skerry)
        return try skerry.metrics().has("skerry_requests_total{distribution=\"E0-0\"}")
      }
      let before = try skerry.metrics()["skerry_configuration_generation"]
      try save("E0-1")
      try eventually("the new configuration") { try skerry.metrics()["skerry_configuration_generation"] > before }
      #expect(try skerry.metrics()["skerry_configuration_generation"] == before + 1)
    }
  }
}
