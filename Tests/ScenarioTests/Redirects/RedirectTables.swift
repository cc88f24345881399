// Tables of redirects in the running program (issue 8, point 1).
import Foundation
import JSONText
import Testing

extension Scenarios {
  @Suite struct RedirectTables {
    private static let rules = """
      # from\tto
      /old\t/new
      /docs/*\t/manual/:splat\t302
      /u/:id\thttps://users.test/:id\t308
      ^/item/(\\d+)$\t/items/$1\t301\tregex
      /gone\t-\t410
      /shop\t/de/shop\t302\tlanguage=de
      /shop\t/at/shop\t302\tcountry=AT
      /app\t/login\t303\t!cookie:session method=GET host=a.test
      """

    private func start(before origin: ScriptedOrigin, _ rules: String = rules, more: String = "") throws -> Skerry {
      try startSkerry(before: origin, more: more, files: ["rules.tsv": rules]) { $0.behavior = "redirects: rules.tsv" }
    }

    @Test func rulesAnswerBeforeTheOrigin() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { ok("origin \($0.target)") } }
      let skerry = try start(before: origin)
      let viewer = try skerry.viewer()
      let expected: [(request: String, status: Int, location: String?)] = [
        ("/old", 301, "/new"), ("/old?a=1", 301, "/new?a=1"), ("/docs/a/b?x", 302, "/manual/a/b?x"), ("/u/7", 308, "https://users.test/7"),
        ("/item/12", 301, "/items/12"), ("/item/x", 200, nil), ("/gone", 410, nil), ("/", 200, nil), ("/shop", 200, nil),
        ("/docs//evil.test", 302, "/manual//evil.test"),
      ]
      for (target, status, location) in expected {
        let response = try viewer.exchange("GET \(target) HTTP/1.1\r\nHost: a.test\r\n\r\n")
        #expect(response.status == status, "\(target)")
        #expect(response.fields["location"] == location, "\(target)")
        if location != nil {
          #expect(response.fields["x-cache"] == "Redirect from cloudfront" && response.body.isEmpty)
          #expect(response.framing == .contentLength(0))
        }
      }
      #expect(origin.requests.map(\.target) == ["/item/x", "/", "/shop"])
      // Methods other than GET, and HEAD without a body.
      #expect(try viewer.exchange("POST /old HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi").fields["location"] == "/new")
      try viewer.send("HEAD /old HTTP/1.1\r\nHost: a.test\r\n\r\n")
      #expect(try viewer.readResponse(to: "HEAD").fields["location"] == "/new")
    }

    /// What a plain rule answers is written in one go: it is what the long way makes of the same rule with a flag that changes nothing.
    @Test func plainRulesAnswerAsOthersDo() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let skerry = try start(before: origin, [301, 302, 303, 307, 308].map { "/plain/\($0)\t/new/é?x=1\t\($0)\n/plain/\($0)/b\t/new\t\($0)\n/other/\($0)/b\t/new\t\($0)\tdrop-query\n" }.joined())
      func lines(_ request: String, _ method: String = "GET") throws -> [String] {
        let viewer = try skerry.viewer()
        try viewer.send(request)
        let response = try viewer.readResponse(to: method)
        return [response.line] + response.fields.list.filter { !$0.name.lowercased().hasPrefix("date") && $0.name.lowercased() != "x-amz-cf-id" }.map { "\($0.name): \($0.value)" }
      }
      for status in [301, 302, 303, 307, 308] {
        for rest in ["HTTP/1.1\r\nHost: a.test\r\n\r\n", "HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n", "HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n"] {
          for method in ["GET", "HEAD"] {
            let plain = try lines("\(method) /plain/\(status)/b \(rest)", method), other = try lines("\(method) /other/\(status)/b \(rest)", method)
            #expect(plain == other && plain.count > 5 && plain.first?.hasPrefix("HTTP/1.1 \(status) ") == true, "\(plain)")
          }
        }
      }
    }

    /// `check --origin` over TLS: the certificate must be good, unless somebody says otherwise.
    @Test func deadTargetsOverTLS() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { $0.target == "/dead" ? "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n" : ok("x") } }
      let certificates = try TestCertificates.common(), skerry = try Skerry.secured(before: origin.url, certificates)
      let file = FileManager.default.temporaryDirectory.appendingPathComponent("rules-\(UUID().uuidString).tsv").path
      defer { try? FileManager.default.removeItem(atPath: file) }
      try "/a\t/dead\n/b\t/there\n".write(toFile: file, atomically: false, encoding: .utf8)
      func check(_ host: String, _ arguments: String...) throws -> Tool.Command {
        try Tool.run([Skerry.binary(), "redirects", "check", file, "--origin", "https://\(host):\(skerry.port)"] + arguments)
      }
      let trusted = try check("localhost", "--cacert", certificates.path("ca.pem"))
      #expect(trusted.exit == .status(1) && trusted.text == "\(file):1:1: error: dead-target: /dead answers 404 (/a)\n", "\(trusted.text)\(trusted.errors)")
      let stranger = try check("localhost")
      #expect(stranger.exit == .status(2) && stranger.errors.contains("is not asked: ") && stranger.text.isEmpty, "\(stranger.errors)")
      #expect(try check("localhost", "--insecure").text == trusted.text)
      #expect(try check("localhost", "--cacert", "/nope").exit == .status(2))
    }

    @Test func conditionsLookAtTheRequest() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { ok("origin \($0.target)") } }
      let skerry = try start(before: origin, more: "viewer: { country: AT }")
      let viewer = try skerry.viewer()
      let expected: [(request: String, location: String?)] = [
        ("GET /shop HTTP/1.1\r\nHost: a.test\r\nAccept-Language: de-DE,en;q=0.5", "/de/shop"), ("GET /shop HTTP/1.1\r\nHost: a.test", "/at/shop"),
        ("GET /app HTTP/1.1\r\nHost: A.test:8080", "/login"), ("GET /app HTTP/1.1\r\nHost: b.test", nil),
        ("GET /app HTTP/1.1\r\nHost: a.test\r\nCookie: x=1; session=2", nil), ("GET /app HTTP/1.1\r\nHost: a.test\r\nCookie: xsession=2", "/login"),
        ("HEAD /app HTTP/1.1\r\nHost: a.test", nil),
      ]
      for (request, location) in expected {
        try viewer.send(request + "\r\n\r\n")
        #expect(try viewer.readResponse(to: String(request.prefix { $0 != " " })).fields["location"] == location, "\(request)")
      }
    }

    @Test func logAndMetricsNameTheRule() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let skerry = try start(before: origin)
      let viewer = try skerry.viewer()
      for target in ["/old", "/old?x", "/u/1", "/gone", "/none"] { _ = try viewer.exchange("GET \(target) HTTP/1.1\r\nHost: a.test\r\n\r\n") }
      let line = try skerry.waitForLogLine("of /u/1") { $0["uri"] == .text("/u/1") }
      #expect(line["redirectRule"] == .text("rules.tsv:4") && line["resultType"] == .text("Redirect") && line["status"] == .number(308))
      #expect(try skerry.waitForLogLine("of /gone") { $0["uri"] == .text("/gone") }["redirectRule"] == .text("rules.tsv:6"))
      #expect(try skerry.waitForLogLine("of /none") { $0["uri"] == .text("/none") }["redirectRule"] == nil)
      let metrics = try skerry.metrics()
      #expect(metrics["skerry_redirects_total{table=\"rules.tsv\"}"] == 4)
      #expect(metrics["skerry_redirect_rules_hit{table=\"rules.tsv\"}"] == 3)
      // The same by rule, for whoever has the token.
      #expect(try skerry.admin("/redirects").status == 401)
      let token = try fileText(skerry.folder.path + "/.skerry/admin-token").trimmingCharacters(in: .whitespacesAndNewlines)
      let admin = try skerry.adminConnection()
      try admin.send("GET /redirects HTTP/1.1\r\nHost: 127.0.0.1:\(skerry.adminPort)\r\nAuthorization: Bearer \(token)\r\nConnection: close\r\n\r\n")
      let page = try JSONValue(parsing: try admin.readResponse().bodyText), table = try #require(page["tables"]?.array?.first)
      #expect(table["table"]?.string == "rules.tsv" && table["answered"]?.double == 4 && table["hit"]?.double == 3)
      let hits = table["hits"]?.array ?? []
      #expect(hits.first?["from"]?.string == "/old" && hits.compactMap { $0["hits"]?.double } == [2, 1, 1], "\(page)")
    }

    /// A new table serves new requests; one with an error changes nothing.
    @Test func tablesAreReloaded() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let skerry = try start(before: origin)
      let viewer = try skerry.viewer(), file = skerry.folder.appendingPathComponent("rules.tsv")
      func location() throws -> String? { try viewer.exchange("GET /old HTTP/1.1\r\nHost: a.test\r\n\r\n").fields["location"] }
      #expect(try location() == "/new")
      try "/old\t/newer\n".write(to: file, atomically: true, encoding: .utf8)
      skerry.send(signal: SIGHUP)
      try eventually("the new table", holds: { try location() == "/newer" })
      let before = try skerry.metrics()
      try "/old\t/newest\nold\t/x\n".write(to: file, atomically: true, encoding: .utf8)
      skerry.send(signal: SIGHUP)
      try skerry.waitForStandardError(toHold: "rules.tsv:2:1: error: from begins with /")
      try skerry.waitForMetric("skerry_reloads_total{outcome=\"refused\"}", since: before)
      #expect(try location() == "/newer")
    }

    @Test func aTableComesBeforeTheFunction() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { ok("origin \($0.target)") } }
      let skerry = try startSkerry(
        before: origin, more: "functions: { f: { runtime: cloudfront-js-2.0, code: f.js } }",
        files: ["rules.tsv": "/a\t/b\n", "f.js": "function handler(event) { event.request.uri = '/f'; return event.request; }"]
      ) { $0.behavior = "redirects: rules.tsv\nfunctions: { viewer-request: f }" }
      let viewer = try skerry.viewer()
      #expect(try viewer.exchange("GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n").fields["location"] == "/b")
      #expect(try viewer.exchange("GET /c HTTP/1.1\r\nHost: a.test\r\n\r\n").bodyText == "origin /f")
    }
  }
}
