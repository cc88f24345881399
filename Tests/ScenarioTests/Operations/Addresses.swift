// Addresses that are not 127.0.0.1, and how viewers and operators keep out of each other's way.
import Foundation
import Testing

extension Scenarios {
  @Suite struct Addresses {
    private func start(_ change: (String) -> String, limits: String = "", arguments: [String] = []) throws -> (Skerry, ScriptedOrigin) {
      let origin = try ScriptedOrigin { try $0.answerAll { ok($0.fields["x-forwarded-for"] ?? "") } }
      let distribution = Configuration.Distribution(isDefault: true, origin: origin.url)
      let yaml = change(Configuration(distributions: [distribution], more: limits).yaml)
      return (try Skerry.start(configuration: yaml, arguments: arguments), origin)
    }

    @Test func anIPv6Listener() throws {
      let (skerry, _) = try start({ $0.replacing("listeners:\n  - address: 127.0.0.1:0", with: "listeners:\n  - address: \"[::1]:0\"") }, arguments: ["--workers", "2"])
      for _ in 0..<4 {
        let viewer = ScriptedViewer(try Socket.connectedIPv6(to: skerry.port))
        #expect(try viewer.exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").bodyText == "::1")
      }
      let line = try skerry.waitForLogLine("of ::1") { $0["clientIp"] == .text("::1") }
      #expect(line["status"] == .number(200))
    }

    @Test func aUnixSocketForTheAdminAddress() throws {
      let path = "/tmp/skerry-\(UUID().uuidString.prefix(8)).sock"
      let (skerry, _) = try start { $0.replacing("admin:\n  address: 127.0.0.1:0", with: "admin:\n  address: unix:\(path)") }
      defer { try? FileManager.default.removeItem(atPath: path) }
      #expect(skerry.adminPath == path)
      #expect(try skerry.admin("/healthz").bodyText == "ok\n")
      #expect(try skerry.metrics()["skerry_connections_open"] == 0)
      // Its owner's alone.
      let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
      #expect(mode == 0o600)
      try skerry.terminate()
      #expect(!FileManager.default.fileExists(atPath: path))
    }

    /// The token is made once, and stays; what others can read is no secret.
    @Test func theAdminToken() throws {
      let first = try start { $0 }.0
      let folder = first.folder.appendingPathComponent(".skerry"), path = folder.appendingPathComponent("admin-token").path
      func mode(_ path: String) throws -> Int? { try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int }
      #expect(try mode(path) == 0o600 && mode(folder.path) == 0o700)
      let token = try fileText(path)
      #expect(token.wholeMatch(of: /[0-9a-f]{64}\n/) != nil)
      #expect(!first.standardError.contains("token"))
      try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
      let second = try start({ $0.replacing("address: 127.0.0.1:0\naccessLog", with: "address: 127.0.0.1:0\n  token: { file: \(path) }\naccessLog") }).0
      try second.waitForStandardError(toHold: "\(path) can be read by others than its owner")
      #expect(try fileText(path) == token)
      let third = try start({ $0.replacing("address: 127.0.0.1:0\naccessLog", with: "address: 127.0.0.1:0\n  token: { file: /proc/nope/token }\naccessLog") }).0
      try third.waitForStandardError(toHold: "the admin token /proc/nope/token cannot be made: ")
    }

    /// Only a socket that nobody listens on any more is in nobody's way.
    @Test(arguments: ["dead socket", "live socket", "file", "folder", "link to a file"])
    func whatStandsAtTheAdminPath(what: String) throws {
      let path = "/tmp/skerry-\(UUID().uuidString.prefix(8)).sock", target = path + ".target"
      defer { for path in [path, target] { try? FileManager.default.removeItem(atPath: path) } }
      let held: Socket?
      switch what {
      case "dead socket": held = nil; _ = try Socket.listening(atPath: path)
      case "live socket": held = try Socket.listening(atPath: path)
      case "file": held = nil; try "precious".write(toFile: path, atomically: false, encoding: .utf8)
      case "folder": held = nil; try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
      default:
        held = nil
        try "precious".write(toFile: target, atomically: false, encoding: .utf8)
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
      }
      func started() throws -> Skerry { try start { $0.replacing("admin:\n  address: 127.0.0.1:0", with: "admin:\n  address: unix:\(path)") }.0 }
      if what == "dead socket" {
        #expect(try started().admin("/healthz").status == 200)
      } else {
        #expect(throws: ScenarioFailure.self) { try started() }
        #expect(FileManager.default.fileExists(atPath: path))
        if what == "file" || what == "link to a file" { #expect(try fileText(path) == "precious") }
      }
      withExtendedLifetime(held) {}
    }

    @Test func operatorsAreNotLockedOutByViewers() throws {
      let (skerry, _) = try start({ $0 }, limits: "limits: { connectionsPerWorker: 2 }", arguments: ["--workers", "1"])
      let held = try (0..<2).map { _ in try skerry.viewer() }
      for viewer in held { #expect(try viewer.exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 200) }
      #expect(try skerry.viewer().isClosedSilently())
      #expect(try skerry.admin("/healthz").status == 200)
    }

    @Test func viewersAreNotLockedOutByOperators() throws {
      let (skerry, _) = try start({ $0 }, limits: "limits: { adminConnections: 3 }", arguments: ["--workers", "1"])
      let held = try (0..<3).map { _ in try skerry.adminConnection() }
      for connection in held { #expect(try connection.exchange("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").status == 200) }
      #expect(try skerry.adminConnection().isClosedSilently())
      #expect(try skerry.viewer().exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 200)
      let page = try held[0].exchange("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
      #expect(try Metrics(page: page.bodyText)["skerry_limits_reached_total{limit=\"admin_connections\"}"] == 1)
      // An ended connection makes room.
      held[1].finishSending()
      _ = held[1].readEnding()
      try eventually("room for another") { (try? skerry.admin("/healthz").status) == 200 }
    }

    /// The process's files run out: viewers and origins leave some for whoever wants to see what is wrong.
    @Test func operatorsAreNotLockedOutWhenFilesRunOut() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok("") } }
      let distribution = Configuration.Distribution(isDefault: true, origin: origin.url)
      let skerry = try Skerry.start(
        configuration: Configuration(distributions: [distribution]).yaml, arguments: ["--workers", "1"], fileLimit: 150)
      let viewers = try (0..<200).map { _ in try skerry.viewer() }
      #expect(try skerry.admin("/healthz").status == 200)
      #expect(try skerry.metrics()["skerry_limits_reached_total{limit=\"descriptors\"}"] > 0)
      withExtendedLifetime(viewers) {}
    }
  }
}
