// `skerry explain`, in its own process and by a running proxy (issue 8, point 4).
import Foundation
import JSONText
import Testing

extension Scenarios {
  @Suite struct Explanations {
    private static let configuration = """
      listeners: [{ address: "127.0.0.1:0" }]
      admin: { address: "127.0.0.1:0" }
      accessLog: off
      distributions:
        - id: E1
          aliases: [www.a.test]
          defaultRootObject: index.html
          origins: { app: "http://127.0.0.1:ORIGIN", private: { domainName: 127.0.0.1, httpPort: ORIGIN, originProtocolPolicy: http-only, customHeaders: { x-secret: abc } } }
          defaultBehavior:
            origin: app
            cachePolicy: mine
            originRequestPolicy: AllViewer
            responseHeadersPolicy: SecurityHeadersPolicy
            functions: { viewer-request: req, viewer-response: resp }
          behaviors:
            - { path: /api/*, origin: private, cachePolicy: CachingDisabled, viewerProtocolPolicy: https-only }
            - { path: /moved/*, origin: app, cachePolicy: CachingDisabled, redirects: rules.tsv }
      functions:
        req: { runtime: cloudfront-js-2.0, code: req.js }
        resp: { runtime: cloudfront-js-2.0, code: resp.js }
      cachePolicies:
        mine: { minTTL: 1, defaultTTL: 86400, maxTTL: 31536000, headers: [accept-language], queryStrings: { allExcept: [utm_source] } }
      """
    private static let files = [
      "rules.tsv": "# from\tto\n/moved/a\t/b\n",
      "req.js": """
        function handler(event) {
          var r = event.request;
          console.log('saw ' + r.uri);
          if (r.uri === '/gen') return { statusCode: 302, headers: { location: { value: '/x' } } };
          if (r.uri === '/boom') throw new Error('no');
          r.uri = r.uri.replace('/old/', '/new/');
          r.headers['x-new'] = { value: '1' };
          delete r.headers['x-old'];
          return r;
        }
        """,
      "resp.js": "function handler(event) { var r = event.response; r.headers['x-resp'] = { value: 'yes' }; return r; }",
    ]

    /// A folder with the configuration, before an origin that must not be asked.
    private func explain(_ arguments: String..., port: UInt16 = 1, more: String = "") throws -> Tool.Command {
      let folder = FileManager.default.temporaryDirectory.appendingPathComponent("explain-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: folder) }
      for (name, text) in Self.files.merging(["edge.yaml": Self.configuration.replacingOccurrences(of: "ORIGIN", with: "\(port)").replacingOccurrences(of: "    defaultRootObject", with: more + "    defaultRootObject")], uniquingKeysWith: { $1 }) {
        try text.write(to: folder.appendingPathComponent(name), atomically: false, encoding: .utf8)
      }
      return try Tool.run([Skerry.binary(), "explain"] + arguments + ["--config", folder.path + "/edge.yaml"])
    }

    /// The distribution's page for an error is part of the way, and its origin is not asked either.
    @Test func errorPages() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok("page") } }
      let command = try explain(
        "http://www.a.test/api/x", "--json", port: UInt16(origin.url.split(separator: ":").last ?? "") ?? 0, more: "    errorResponses: [{ errorCode: 403, responsePagePath: /err/403.html, responseCode: 404 }]\n")
      #expect(command.exit == .status(0), "\(command.errors)")
      let json = try JSONValue(parsing: command.text), page = try #require(json["errorPage"])
      #expect(json["answer"]?["statusLine"]?.string?.hasPrefix("HTTP/1.1 404 ") == true)
      #expect(page["path"]?.string == "/err/403.html" && page["responseCode"]?.double == 404 && page["isTaken"] == .boolean(true))
      #expect(page["origin"]?.array?.first?["requestLine"]?.string == "GET /err/403.html HTTP/1.1" && json["origin"]?.array?.isEmpty == true)
      #expect(origin.requests.isEmpty)
    }

    private func parts(_ list: JSONValue?) -> [String] {
      (list?.array ?? []).map { "\($0["part"]?.string ?? ""): \($0["before"]?.string ?? $0["value"]?.string ?? "-") → \($0["after"]?.string ?? $0["from"]?.string ?? "-")" }
    }

    @Test func theWholeWay() throws {
      let command = try explain(
        "http://www.a.test/old/p?x=1&utm_source=q", "-H", "accept-language: de", "-H", "x-old: 1", "--json", "--origin-header", "cache-control: max-age=60")
      #expect(command.exit == .status(0), "\(command.errors)")
      let json = try JSONValue(parsing: command.text)
      #expect(json["distribution"]?["id"]?.string == "E1" && json["distribution"]?["host"]?.string == "www.a.test")
      #expect((json["behaviors"]?.array ?? []).map { "\($0["path"]?.string ?? "") \($0["isMatch"] == .boolean(true))" } == ["/api/* false", "/moved/* false", "* true"])
      let functions = json["functions"]?.array ?? []
      #expect(functions.map { $0["event"]?.string } == ["viewer-request", "viewer-response"])
      #expect(functions.first?["logs"]?.array?.compactMap(\.string) == ["saw /old/p"] && functions.first?["fuel"]?.double ?? 0 > 0)
      #expect(parts(functions.first?["changes"]) == ["uri: /old/p?x=1&utm_source=q → /new/p?x=1&utm_source=q", "x-new: - → 1", "x-old: 1 → -"])
      #expect(parts(functions.last?["changes"]) == ["x-resp: - → yes"])
      #expect(parts(json["cache"]?["lookups"]?.array?.first?["key"]) == [
        "distribution: E1 → always", "method: GET → always", "path: /new/p → always", "query: x=1 → cachePolicy mine: queryStrings",
        "header accept-language: de → cachePolicy mine: headers",
      ])
      let storing = json["cache"]?["storing"]
      #expect(storing?["originSays"]?.array?.compactMap(\.string) == ["max-age=60"] && storing?["freshness"]?["freshForSeconds"]?.double == 60)
      let origin = try #require(json["origin"]?.array?.first)
      #expect(origin["requestLine"]?.string == "GET /new/p?x=1&utm_source=q HTTP/1.1" && origin["isStandIn"] == .boolean(true))
      let fields = Dictionary((origin["fields"]?.array ?? []).map { ($0["line"]?.string ?? "", $0["from"]?.string ?? "") }) { first, _ in first }
      #expect(fields["X-New: 1"] == "function req" && fields["accept-language: de"] == "cachePolicy mine" && fields["Host: www.a.test"] == "originRequestPolicy AllViewer")
      #expect(json["responseHeadersPolicy"]?["name"]?.string == "SecurityHeadersPolicy" && parts(json["responseHeadersPolicy"]?["changes"]).contains("x-frame-options: - → SAMEORIGIN"))
      #expect(json["answer"]?["statusLine"]?.string == "HTTP/1.1 200 Stand-in" && json["resultType"]?.string == "Miss")
    }

    /// Where the way ends early, and what is said of it.
    static let endings: [(arguments: [String], holds: [String], lacks: [String])] = [
      (["http://www.a.test/gen"], ["viewer-request function req: responded", "HTTP/1.1 302 Found", "Location: /x", "logged as FunctionGeneratedResponse"], ["origin app: ", "cache key"]),
      (["http://www.a.test/boom"], ["viewer-request function req: execution_error", "error req:", "HTTP/1.1 503"], ["origin app: "]),
      (["http://www.a.test/"], ["default root object\n  ~ uri: / → /index.html\n", "GET /index.html HTTP/1.1"], []),
      (["http://www.a.test/api/x"], ["✓ /api/* → origin private", "HTTP/1.1 403"], ["origin private: "]),
      (["https://www.a.test/api/x", "-H", "x-mine: 1"], ["origin private: 127.0.0.1", "x-secret: abc   ← customHeaders of origin private", "does not get x-mine", "HTTP/1.1 200"], ["cache key"]),
      (["http://www.a.test/moved/a"], ["rules.tsv:2: /moved/a → /b", "HTTP/1.1 301", "Location: /b"], ["origin app: "]),
      (["http://www.a.test/moved/x"], ["none of 1 matches", "HTTP/1.1 200"], []),
      (["http://other.test/"], ["distribution: none", "HTTP/1.1 403"], ["behaviors"]),
      (["http://www.a.test/x", "--origin-status", "404"], ["answers 404", "HTTP/1.1 404", "stored, age 0 s, fresh for 10.0 s, an error"], []),
      (["http://www.a.test/x", "-X", "DELETE"], ["HTTP/1.1 403"], ["origin app: "]),
    ]
    @Test(arguments: endings) func endsEarly(_ arguments: [String], _ holds: [String], _ lacks: [String]) throws {
      let folder = FileManager.default.temporaryDirectory.appendingPathComponent("explain-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: folder) }
      for (name, text) in Self.files.merging(["edge.yaml": Self.configuration.replacingOccurrences(of: "ORIGIN", with: "1")], uniquingKeysWith: { $1 }) {
        try text.write(to: folder.appendingPathComponent(name), atomically: false, encoding: .utf8)
      }
      let command = try Tool.run([Skerry.binary(), "explain"] + arguments + ["--config", folder.path + "/edge.yaml"])
      #expect(command.exit == .status(0), "\(command.errors)")
      for text in holds { #expect(command.text.contains(text), "\(text) in\n\(command.text)") }
      for text in lacks { #expect(!command.text.contains(text), "no \(text) in\n\(command.text)") }
    }

    /// A configuration with these files, explained.
    private func explain(_ yaml: String, _ files: [String: String] = [:], _ arguments: [String]) throws -> Tool.Command {
      let folder = FileManager.default.temporaryDirectory.appendingPathComponent("explain-\(UUID().uuidString)")
      defer { try? FileManager.default.removeItem(at: folder) }
      for (name, text) in files.merging(["edge.yaml": yaml], uniquingKeysWith: { $1 }) {
        let place = folder.appendingPathComponent(name)
        try FileManager.default.createDirectory(at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.write(to: place, atomically: false, encoding: .utf8)
      }
      return try Tool.run([Skerry.binary(), "explain"] + arguments + ["--config", folder.path + "/edge.yaml"])
    }

    /// What sandboxes may not show is no rehearsal either, in the words of `check`: the state folder is not the only one.
    @Test func whatSandboxesMayNotShow() throws {
      let folder = FileManager.default.temporaryDirectory.appendingPathComponent("explain-\(UUID().uuidString)").resolvingSymlinksInPath().path
      defer { try? FileManager.default.removeItem(atPath: folder) }
      let yaml = """
        listeners: [{ address: "127.0.0.1:0" }]
        state: \(folder)/state
        distributions: [{ id: E1, default: true, origins: { app: "http://127.0.0.1:1" }, defaultBehavior: { origin: app, cachePolicy: CachingDisabled, functions: { viewer-request: f } } }]
        functions: { f: { runtime: python3.12, code: f } }
        functionTier: { python: \(folder)/py/bin/python3 }
        """
      let files = ["py/lib/conf/edge.yaml": yaml, "py/lib/conf/f/index.py": "def handler(e, c): return e['Records'][0]['cf']['request']\n", "py/lib/python3.12/os.py": ""]
      for (name, text) in files {
        try FileManager.default.createDirectory(atPath: ("\(folder)/\(name)" as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try text.write(toFile: "\(folder)/\(name)", atomically: false, encoding: .utf8)
      }
      try FileManager.default.createDirectory(atPath: folder + "/py/bin", withIntermediateDirectories: true)
      try FileManager.default.copyItem(atPath: URL(fileURLWithPath: "/usr/bin/python3").resolvingSymlinksInPath().path, toPath: folder + "/py/bin/python3")
      let words = "sandboxes see \(folder)/py/lib, for functionTier.python is \(folder)/py/bin/python3; the configuration's folder, \(folder)/py/lib/conf, lies in it"
      for command in [["check", folder + "/py/lib/conf/edge.yaml"], ["explain", "http://a.test/", "--config", folder + "/py/lib/conf/edge.yaml"]] {
        let came = try Tool.run([Skerry.binary()] + command)
        #expect(came.exit != .status(0) && (came.errors + came.text).contains(words), "\(command): \(came.errors) \(came.text)")
      }
    }

    /// Functions of the function tier run in sandboxes at all four events, offline too; or are left out.
    @Test func functionsOfTheTierAreRun() throws {
      let yaml = """
        listeners: [{ address: "127.0.0.1:0" }]
        distributions:
          - id: E1
            default: true
            origins: { app: "http://127.0.0.1:1" }
            defaultBehavior:
              origin: app
              cachePolicy: CachingDisabled
              originRequestPolicy: AllViewer
              responseHeadersPolicy: SecurityHeadersPolicy
              functions: { viewer-request: f, origin-request: f, origin-response: f, viewer-response: f }
        functions: { f: { runtime: nodejs20.x, code: f } }
        """
      let files = ["f/index.js": """
        exports.handler = async (event) => {
          const cf = event.Records[0].cf, kind = cf.config.eventType, message = cf.response || cf.request;
          console.log('at ' + kind);
          message.headers['x-' + kind] = [{ value: 'yes' }];
          if (kind === 'origin-request') cf.request.uri = '/other';
          return message;
        };
        """]
      let command = try explain(yaml, files, ["http://a.test/x?y=1", "--json"])
      #expect(command.exit == .status(0), "\(command.errors)")
      let json = try JSONValue(parsing: command.text), runs = json["functions"]?.array ?? []
      #expect(runs.compactMap { $0["event"]?.string } == ["viewer-request", "origin-request", "origin-response", "viewer-response"])
      #expect(runs.allSatisfy { $0["outcome"]?.string == "continued" }, "\(command.text)")
      for run in runs {
        let event = run["event"]?.string ?? "", lines = run["logs"]?.array?.compactMap(\.string) ?? []
        #expect(lines.count == 1 && lines.first?.hasSuffix("at \(event)") == true, "\(lines)")
        #expect(parts(run["changes"]).contains("x-\(event): - → yes"), "\(command.text)")
      }
      let second = parts(runs.dropFirst().first?["changes"])
      #expect(second.contains("uri: /x?y=1 → /other?y=1"), "\(second)")
      #expect(json["origin"]?.array?.first?["requestLine"]?.string == "GET /other?y=1 HTTP/1.1")
      let text = try explain(yaml, files, ["http://a.test/x"]).text, order = ["viewer-request function f", "origin-request function f", "origin app", "origin-response function f", "viewer-response function f", "answer"]
      #expect(order.map { text.range(of: "\n" + $0)?.lowerBound ?? text.endIndex } == order.compactMap { text.range(of: "\n" + $0)?.lowerBound }.sorted(), "\(text)")
      let without = try explain(yaml, files, ["http://a.test/x", "--no-functions"]).text
      #expect(without.contains("\norigin-request function f: left out\n") && without.contains("HTTP/1.1 200") && !without.contains("x-viewer-request"), "\(without)")
      #expect(try explain("http://www.a.test/", "--no-functions", "--admin", "127.0.0.1:1").errors.contains("--no-functions goes not with a running proxy"))
    }

    /// Nothing is started but what a request needs, whatever is to be kept ready where the configuration is served.
    @Test func nothingIsKeptReady() throws {
      let yaml = """
        listeners: [{ address: "127.0.0.1:0" }]
        distributions:
          - { id: E1, default: true, origins: { app: "http://127.0.0.1:1" }, defaultBehavior: { origin: app, cachePolicy: CachingDisabled, functions: { viewer-request: f } } }
        functions: { f: { runtime: nodejs20.x, code: f, provisionedConcurrency: 1 } }
        """
      let code = "exports.handler = async () => ({ status: '200', headers: { 'x-type': [{ value: process.env.AWS_LAMBDA_INITIALIZATION_TYPE }] } });"
      let command = try explain(yaml, ["f/index.js": code], ["http://a.test/"])
      #expect(command.text.contains("x-type: on-demand") || command.text.contains("X-Type: on-demand"), "\(command.text)\(command.errors)")
    }

    /// An alias is what is published in the state folder; nothing of that is touched.
    @Test func publishedFunctionsAreRun() throws {
      let folder = FileManager.default.temporaryDirectory.appendingPathComponent("explain-\(UUID().uuidString)")
      defer { try? FileManager.default.removeItem(at: folder) }
      try FileManager.default.createDirectory(at: folder.appendingPathComponent("f"), withIntermediateDirectories: true)
      func code(_ word: String) throws {
        try "exports.handler = async (event) => ({ status: '200', body: '\(word)', headers: { 'x-code': [{ value: '\(word)' }] } });".write(to: folder.appendingPathComponent("f/index.js"), atomically: false, encoding: .utf8)
      }
      let configuration = folder.path + "/edge.yaml"
      try """
        listeners: [{ address: "127.0.0.1:0" }]
        distributions:
          - { id: E1, default: true, origins: { app: "http://127.0.0.1:1" }, defaultBehavior: { origin: app, cachePolicy: CachingDisabled, functions: { viewer-request: "f:live" } } }
        functions: { f: { runtime: nodejs20.x, code: f } }
        """.write(toFile: configuration, atomically: false, encoding: .utf8)
      try code("first")
      for arguments in [["publish", "f"], ["alias", "f", "live", "1"]] {
        let done = try Tool.run([Skerry.binary(), "functions"] + arguments + ["--config", configuration])
        #expect(done.exit == .status(0), "\(done.errors)")
      }
      try code("second")
      let before = try Tool.shell("cd \"$1\" && find .skerry | sort", [folder.path]).text
      let command = try Tool.run([Skerry.binary(), "explain", "http://a.test/", "--config", configuration])
      #expect(command.text.contains("X-Code: first") && !command.text.contains("second"), "\(command.text)\(command.errors)")
      #expect(try Tool.shell("cd \"$1\" && find .skerry | sort", [folder.path]).text == before)
    }

    /// What TLS would decide: the listener, the certificate for the name, what is demanded.
    @Test func whatTLSDecides() throws {
      let certificates = try TestCertificates.common()
      func yaml(_ policy: String = "") -> String { """
        listeners:
          - address: "127.0.0.1:8443"
            tls: { \(policy)certificates: [{ certificate: \(certificates.path("localhost.pem")), key: \(certificates.path("localhost.key")) }, { certificate: \(certificates.path("localhost-ecdsa.pem")), key: \(certificates.path("localhost-ecdsa.key")) }] }
          - address: "127.0.0.1:8080"
        distributions:
          - { id: E1, default: true, origins: { app: "http://127.0.0.1:1" }, defaultBehavior: { origin: app, cachePolicy: CachingDisabled, viewerProtocolPolicy: redirect-to-https } }
        """
      }
      let good = try explain(yaml("minimumProtocolVersion: TLSv1.3_2025, "), [:], ["https://x.b.test:8443/", "--json"])
      let tls = try #require(try JSONValue(parsing: good.text)["tls"], "\(good.errors)")
      #expect(tls["listener"]?.string == "127.0.0.1:8443" && tls["isAtPort"] == .boolean(true) && tls["serverName"]?.string == "x.b.test" && tls["isCovered"] == .boolean(true))
      #expect(tls["certificates"]?.array?.compactMap { $0["key"]?.string } == ["rsa", "ecdsa"], "\(tls)")
      #expect(tls["certificates"]?.array?.first?["file"]?.string == certificates.path("localhost.pem") && tls["minimumVersion"]?.string == "TLSv1.3")
      for (arguments, holds) in [
        (["https://a.test/"], ["no TLS listener has the URL's port", "asked for a.test\n", "TLSv1.2 at least (TLSv1.2_2021); h2, http/1.1\n", "redirect-to-https: came over TLS, goes on\n", "HTTP/1.1 200"]),
        (["https://c.test:8443/"], ["✗ none of the listener's certificates is for c.test"]),
        (["https://a.test:8443/", "-H", "Host: c.test"], ["answered with 421"]),
        (["https://127.0.0.1:8443/"], ["asked for no name"]),
        (["http://a.test:8443/"], ["TLS at 127.0.0.1:8443\n  it speaks TLS: plain HTTP is answered there with 400"]),
        (["http://a.test:8080/"], ["redirect-to-https: came in the clear, sent to https\n", "Location: https://a.test:8443/\n"]),
      ] as [([String], [String])] {
        let text = try explain(yaml(), [:], arguments).text
        for part in holds { #expect(text.contains(part), "\(part) in\n\(text)") }
      }
      let clear = try explain(yaml().replacingOccurrences(of: "- address: \"127.0.0.1:8443\"", with: "#").split(separator: "\n").filter { !$0.contains("tls:") }.joined(separator: "\n"), [:], ["https://a.test/"])
      #expect(clear.text.contains("the configuration has no TLS listener"), "\(clear.text)\(clear.errors)")
    }

    /// A running proxy tells of the certificates that it shows, at the ports that are really bound.
    @Test func whatTLSDecidesInARunningProxy() throws {
      let certificates = try TestCertificates.common(), origin = try ScriptedOrigin { try $0.answerAll { _ in ok("hello") } }
      let skerry = try Skerry.secured(before: origin.url, certificates)
      func ask(_ arguments: String...) throws -> Tool.Command {
        try Tool.run([Skerry.binary(), "explain"] + arguments + ["--admin", "127.0.0.1:\(skerry.adminPort)", "--token-file", skerry.folder.path + "/.skerry/admin-token"])
      }
      let json = try JSONValue(parsing: try ask("https://localhost:\(skerry.port)/", "--json").text), tls = try #require(json["tls"])
      #expect(tls["listener"]?.string == "127.0.0.1:\(skerry.port)" && tls["isAtPort"] == .boolean(true) && tls["serverName"]?.string == "localhost" && tls["isCovered"] == .boolean(true), "\(tls)")
      #expect(tls["certificates"]?.array?.first?["file"]?.string == certificates.path("localhost.pem") && tls["securityPolicy"]?.string != nil, "\(tls)")
      #expect(json["object"] == nil && json["answer"]?["statusLine"]?.string == "HTTP/1.1 200 OK")
      #expect(try ask("https://nobody.example:\(skerry.port)/").text.contains("✗ none of the listener's certificates is for nobody.example"))
      #expect(try ask("https://localhost:\(skerry.port)/", "-H", "Host: nobody.example").text.contains("answered with 421"))
      #expect(try ask("http://localhost:\(skerry.port)/").text.contains("it speaks TLS: plain HTTP is answered there with 400"))
      #expect(try !ask("http://localhost:1/").text.contains("TLS"))
    }

    @Test func badUsage() throws {
      #expect(try explain("www.a.test").errors == "skerry: www.a.test is no http:// or https:// URL\n")
      #expect(try explain("http://www.a.test/", "-H", "nonsense").exit == .status(2))
      #expect(try explain("http://www.a.test/", "-H", "a: b\r\nc: d").errors == "skerry: the request has characters that none may have\n")
      #expect(try explain("http://www.a.test/", "--origin-status", "99").exit == .status(2))
      #expect(try explain("http://www.a.test/\(String(repeating: "x", count: 9000))").text.contains("refused: 414"))
      // Nothing waits for content that does not come; what is refused at once has met no distribution.
      for field in ["content-length: 5", "Transfer-Encoding: chunked"] { #expect(try explain("http://www.a.test/", "-X", "POST", "-H", field).errors.hasPrefix("skerry: the request has no content here")) }
      #expect(try explain("http://www.a.test/", "-H", "content-length: 0").exit == .status(0))
      #expect(try explain("http://www.a.test/", "-X", "CONNECT").text.hasSuffix("\nanswer\n  refused: 400: CONNECT is not served.\n"))
    }

    /// A running proxy asks its origin and looks into its own cache; only with its token, and only for what changes nothing.
    @Test func aRunningProxyExplains() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok("hello", fields: "Cache-Control: max-age=600\r\n") } }
      let skerry = try Skerry.start(configuration: Self.configuration.replacingOccurrences(of: "ORIGIN", with: "\(origin.port)"), files: Self.files)
      let admin = ["--admin", "127.0.0.1:\(skerry.adminPort)", "--token-file", skerry.folder.path + "/.skerry/admin-token"]
      func ask(_ arguments: String...) throws -> Tool.Command { try Tool.run([Skerry.binary(), "explain"] + arguments + admin) }
      let first = try ask("http://www.a.test/old/p", "--json")
      #expect(first.exit == .status(0), "\(first.errors)")
      #expect(try JSONValue(parsing: first.text)["answer"]?["contentBytes"]?.double == 5)
      #expect(origin.requests.map(\.target) == ["/new/p"] && origin.requests.first?.fields["x-new"] == "1")
      let second = try ask("http://www.a.test/old/p")
      #expect(second.text.contains("found: stored") && second.text.contains("cache hit: ") && second.text.contains("5 bytes of content"), "\(second.text)")
      #expect(origin.requests.count == 1)
      #expect(try ask("http://www.a.test/", "-X", "DELETE").errors.contains("GET, HEAD and OPTIONS only"))
      let bare = try skerry.adminConnection()
      try bare.send("POST /explain HTTP/1.1\r\nHost: 127.0.0.1:\(skerry.adminPort)\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
      #expect(try bare.readResponse().status == 401)
      // Who comes next is served as ever.
      #expect(try skerry.viewer().exchange("GET /old/p HTTP/1.1\r\nHost: www.a.test\r\n\r\n").body == wire("hello"))
    }
  }
}
