// The admin address: what is open, what needs the token, what browsers may not ask, and the commands that talk to it (issue 5, point 7).
import Foundation
import Testing

extension Scenarios {
  @Suite struct AdminAddress {
    private func program(_ change: (String) -> String = { $0 }) throws -> (Skerry, Configuration) {
      let origin = try ScriptedOrigin { try $0.answerAll { ok($0.target) } }
      let configuration = Configuration(distributions: [.init(hosts: ["a.test"], isDefault: true, origin: origin.url)])
      return (try Skerry.start(configuration: change(configuration.yaml), arguments: ["--workers", "2"]), configuration)
    }

    private func token(_ skerry: Skerry) throws -> String { try fileText(tokenPath(skerry)).trimmingCharacters(in: .whitespacesAndNewlines) }
    private func tokenPath(_ skerry: Skerry) -> String { skerry.folder.appendingPathComponent(".skerry/admin-token").path }

    private func ask(_ skerry: Skerry, _ line: String, _ fields: String = "") throws -> Response {
      try skerry.adminConnection().exchange("\(line) HTTP/1.1\r\nHost: 127.0.0.1:\(skerry.adminPort)\r\n\(fields)\r\n")
    }

    @Test func whatIsNotOpenWantsTheToken() throws {
      let (skerry, _) = try program()
      for path in ["/healthz", "/metrics"] { #expect(try ask(skerry, "GET \(path)").status == 200) }
      for line in ["GET /status", "POST /reload", "GET /nothing", "DELETE /status"] {
        let refused = try ask(skerry, line)
        #expect(refused.status == 401)
        #expect(refused.fields["www-authenticate"]?.hasPrefix("Bearer") == true)
        #expect(try ask(skerry, line, "Authorization: Bearer 0123\r\n").status == 401)
      }
      let bearer = "Authorization: Bearer \(try token(skerry))\r\n"
      #expect(try ask(skerry, "GET /status", bearer).status == 200)
      #expect(try ask(skerry, "GET /nothing", bearer).status == 404)
      #expect(try ask(skerry, "DELETE /status", bearer).status == 405)
      let wrong = try ask(skerry, "GET /reload", bearer)
      #expect(wrong.status == 405 && wrong.fields["allow"] == "POST")
      #expect(try skerry.metrics()["skerry_configuration_generation"] == 1)
      #expect(try ask(skerry, "POST /reload", bearer).status == 200)
      #expect(try skerry.metrics()["skerry_configuration_generation"] == 2)
    }

    @Test func pagesOfOthersMayNotAsk() throws {
      let (skerry, _) = try program()
      let bearer = "Authorization: Bearer \(try token(skerry))\r\n"
      for field in ["Origin: https://evil.test", "Origin: null", "Origin: http://127.0.0.1:\(skerry.port)", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site"] {
        #expect(try ask(skerry, "POST /reload", bearer + field + "\r\n").status == 403)
        #expect(try ask(skerry, "GET /metrics", field + "\r\n").status == 403)
      }
      #expect(try ask(skerry, "GET /status", bearer + "Origin: http://127.0.0.1:\(skerry.adminPort)\r\nSec-Fetch-Site: same-origin\r\n").status == 200)
      #expect(try skerry.metrics()["skerry_configuration_generation"] == 1)
    }

    @Test func theUnixSocketNeedsNoToken() throws {
      let path = "/tmp/skerry-\(UUID().uuidString.prefix(8)).sock"
      let (skerry, _) = try program { $0.replacing("admin:\n  address: 127.0.0.1:0", with: "admin:\n  address: unix:\(path)") }
      #expect(try skerry.admin("/status").status == 200)
      let command = try Tool.run([Skerry.binary(), "status", "--admin", "unix:\(path)"])
      #expect(command.exit == .status(0) && command.text.contains("unix:\(path)"))
      skerry.send(signal: SIGTERM)
    }

    @Test func aReloadTellsWhatIsWrong() throws {
      let (skerry, configuration) = try program()
      let arguments = ["--admin", "127.0.0.1:\(skerry.adminPort)", "--token-file", tokenPath(skerry)]
      try skerry.write(configuration.yaml + "\nnonsense: 1\n")
      let refused = try Tool.run([Skerry.binary(), "reload"] + arguments)
      #expect(refused.exit == .status(1))
      #expect(refused.text.contains("edge.yaml:") && refused.text.contains(":1: error: "))
      #expect(refused.errors.contains("refused"))
      try skerry.write(configuration.yaml)
      let done = try Tool.run([Skerry.binary(), "reload"] + arguments)
      #expect(done.exit == .status(0) && done.text.contains("generation 2 serves"))
    }

    @Test func theStatus() throws {
      let (skerry, _) = try program()
      _ = try skerry.viewer().exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
      let arguments = ["--admin", "127.0.0.1:\(skerry.adminPort)", "--token-file", tokenPath(skerry)]
      let page = try Tool.run([Skerry.binary(), "status"] + arguments)
      #expect(page.exit == .status(0))
      for text in ["process \(skerry.process.identifier)", "serving", "edge.yaml, generation 1", "http://127.0.0.1:\(skerry.port) (configured: 127.0.0.1:0)", "E0: a.test, every other host", "origin app: 127.0.0.1:", "requests in flight"] {
        #expect(page.text.contains(text), "\(text) in\n\(page.text)")
      }
      let json = try Tool.run([Skerry.binary(), "status", "--json"] + arguments)
      let status = try #require(try JSONSerialization.jsonObject(with: Data(json.text.utf8)) as? [String: Any])
      #expect(status["pid"] as? Int == Int(skerry.process.identifier))
      #expect((status["workers"] as? [Any])?.count == 2)
      // By the configuration, where that names the port.
      try skerry.reload(try fileText(skerry.folder.appendingPathComponent("edge.yaml").path))
      let byFile = try Tool.run([Skerry.binary(), "status", "--config", skerry.folder.appendingPathComponent("edge.yaml").path])
      #expect(byFile.exit == .status(2) && byFile.errors.contains("--admin"))
    }

    @Test func whatKeepsACommandFromAsking() throws {
      let (skerry, _) = try program()
      func complaint(_ admin: String, _ file: String) throws -> String {
        let run = try Tool.run([Skerry.binary(), "status", "--admin", admin, "--token-file", file])
        #expect(run.exit == .status(2) && run.text.isEmpty)
        return run.errors
      }
      let here = "127.0.0.1:\(skerry.adminPort)"
      #expect(try complaint(here, "/nowhere/token").contains("/nowhere/token cannot be read: No such file"))
      try skerry.write("0123\n", to: "other-token")
      #expect(try complaint(here, skerry.folder.appendingPathComponent("other-token").path).contains("has another token"))
      #expect(try complaint("127.0.0.1:1", tokenPath(skerry)).contains("nobody listens at 127.0.0.1:1"))
      #expect(try complaint("unix:/nowhere.sock", "").contains("nobody listens"))
      #expect(try complaint("nonsense", "").contains("--admin takes"))
    }
  }
}
