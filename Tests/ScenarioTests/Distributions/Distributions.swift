// Which distribution and behavior a request meets, and what it is told when it may not pass
// (issue 2, point 4; spec/request-pipeline.md 1, 2, 8, 10, 11).
import Testing

extension Scenarios {
  @Suite struct Distributions {
    // MARK: Host → distribution

    @Test func theHostChoosesTheDistribution() throws {
      let shop = try ScriptedOrigin { try $0.answerAll { _ in ok("shop") } }
      let wild = try ScriptedOrigin { try $0.answerAll { _ in ok("wild") } }
      let skerry = try Skerry.start(configuration: Configuration(distributions: [
        .init(hosts: ["shop.test", "*.deep.wild.test"], origin: shop.url), .init(hosts: ["*.wild.test", "exact.deep.wild.test"], origin: wild.url),
      ]).yaml)
      let expected: [(host: String, answer: String?)] = [
        ("shop.test", "shop"), ("SHOP.Test", "shop"), ("shop.test:8080", "shop"), ("shop.test.", "shop"),
        ("a.wild.test", "wild"), ("A.WILD.TEST", "wild"), ("a.deep.wild.test", "shop"), ("exact.deep.wild.test", "wild"),
        ("wild.test", nil), ("awild.test", nil), ("shop.test.evil.test", nil), ("xshop.test", nil), ("other.test", nil), ("127.0.0.1", nil), ("[::1]", nil),
      ]
      let viewer = try skerry.viewer()
      for (host, answer) in expected {
        let response = try viewer.exchange("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n")
        #expect(response.status == (answer == nil ? 403 : 200), "\(host)")
        if let answer { #expect(response.bodyText == answer, "\(host)") }
        else { #expect(response.fields["x-cache"] == "Error from cloudfront", "\(host)") }
      }
      #expect(try skerry.metrics()["skerry_requests_refused_total{reason=\"unknown_host\"}"] == 7)
    }

    @Test func theDefaultDistributionTakesTheRest() throws {
      let shop = try ScriptedOrigin { try $0.answerAll { _ in ok("shop") } }
      let rest = try ScriptedOrigin { try $0.answerAll { _ in ok("rest") } }
      let skerry = try Skerry.start(configuration: Configuration(distributions: [
        .init(hosts: ["shop.test"], origin: shop.url), .init(hosts: ["rest.test"], isDefault: true, origin: rest.url),
      ]).yaml)
      let viewer = try skerry.viewer()
      for (host, answer) in [("shop.test", "shop"), ("rest.test", "rest"), ("anything.test", "rest"), ("127.0.0.1", "rest")] {
        #expect(try viewer.exchange("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n").bodyText == answer, "\(host)")
      }
      // HTTP/1.0 without Host can only mean the default.
      #expect(try skerry.viewer().exchange("GET / HTTP/1.0\r\n\r\n").bodyText == "rest")
    }

    // MARK: Path → behavior

    @Test func behaviorsMatchTheNormalisedPathAndTheOriginGetsTheRawOne() throws {
      let app = try ScriptedOrigin { try $0.answerAll { ok("app \($0.target)") } }
      let api = try ScriptedOrigin { try $0.answerAll { ok("api \($0.target)") } }
      let skerry = try startSkerry(before: app) {
        $0.moreOrigins = "api: \(api.url)"
        $0.more = """
          behaviors:
            - { path: /api/*, origin: api, cachePolicy: CachingDisabled, originRequestPolicy: AllViewer }
            - { path: /img/?.png, origin: api, cachePolicy: CachingDisabled, originRequestPolicy: AllViewer }
            - { path: "*.css", origin: api, cachePolicy: CachingDisabled, originRequestPolicy: AllViewer }
          """
      }
      let expected: [(target: String, origin: String)] = [
        ("/", "app"), ("/api", "app"), ("/api/", "api"), ("/api/x?y=/z", "api"), ("/API/x", "app"), ("//api/x", "api"),
        ("/x/../api/y", "api"), ("/api/../x", "app"), ("/./api/x", "api"), ("/api//x", "api"), ("/x?/api/y", "app"),
        ("/%61pi/x", "api"), ("/api%2Fx", "app"), ("/img/1.png", "api"), ("/img/12.png", "app"), ("/a/b/c.css", "api"), ("/c.css?v=1", "api"),
        ("/x.html?c.css", "app"),
      ]
      let viewer = try skerry.viewer()
      for (target, origin) in expected {
        #expect(try viewer.exchange("GET \(target) HTTP/1.1\r\nHost: a.test\r\n\r\n").bodyText == "\(origin) \(target)", "\(target)")
      }
    }

    // MARK: Who may pass

    @Test(arguments: [
      ("[GET, HEAD]", ["GET", "HEAD"]), ("[GET, HEAD, OPTIONS]", ["GET", "HEAD", "OPTIONS"]),
      ("[GET, HEAD, OPTIONS, PUT, POST, PATCH, DELETE]", ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]),
    ])
    func onlyAllowedMethodsPass(setting: String, allowed: [String]) throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let skerry = try startSkerry(before: origin) { $0.methods = setting }
      for method in ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE", "TRACE", "PROPFIND", "get", "X"] {
        let viewer = try skerry.viewer()
        let response = try viewer.exchange("\(method) / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        #expect(response.status == (allowed.contains(method) ? 200 : 403), "\(method)")
      }
      #expect(origin.requests.map(\.method) == allowed)
      #expect(try skerry.metrics()["skerry_requests_refused_total{reason=\"method\"}"] == Double(11 - allowed.count))
    }

    /// spec/request-pipeline.md 1, step 7.
    @Test(arguments: ["Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"])
    func aGetWithABodyIsForbidden(rest: String) throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let skerry = try startSkerry(before: origin)
      let viewer = try skerry.viewer()
      #expect(try viewer.exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\(rest)").status == 403)
      #expect(origin.connectionCount == 0)
      #expect(try skerry.viewer().exchange("GET / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n").status == 200)
    }

    @Test func httpsOnlyForbidsClearText() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let skerry = try startSkerry(before: origin) { $0.behavior = "viewerProtocolPolicy: https-only" }
      let response = try skerry.viewer().exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
      #expect(response.status == 403)
      #expect(response.fields["x-cache"] == "Error from cloudfront")
      #expect(origin.connectionCount == 0)
    }

    @Test func redirectToHTTPS() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let skerry = try startSkerry(before: origin) { $0.behavior = "viewerProtocolPolicy: redirect-to-https" }
      let expected: [(request: String, status: Int)] = [
        ("GET /a?b=c HTTP/1.1\r\nHost: a.test", 301), ("HEAD /a?b=c HTTP/1.1\r\nHost: a.test", 301),
        ("POST /a?b=c HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0", 307), ("DELETE /a?b=c HTTP/1.1\r\nHost: a.test", 307),
        ("OPTIONS /a?b=c HTTP/1.1\r\nHost: a.test", 307), ("GET /a?b=c HTTP/1.0\r\nHost: a.test", 301),
        ("POST /a?b=c HTTP/1.0\r\nHost: a.test\r\nContent-Length: 0", 403),
        // Nobody knows where such a viewer is.
        ("GET /a?b=c HTTP/1.0\r\nX-No-Host: 1", 403),
      ]
      for (request, status) in expected {
        let response = try skerry.viewer().exchange(request + "\r\n\r\n")
        #expect(response.status == status, "\(request.visible)")
        guard status != 403 else { continue }
        #expect(response.fields["location"] == "https://a.test/a?b=c")
        #expect(response.fields["x-cache"] == "Redirect from cloudfront")
        #expect(response.fields["server"] == "CloudFront")
        if status == 301 { #expect(response.fields["content-length"] == "167") }
      }
      #expect(origin.connectionCount == 0)
    }

    // MARK: Default root object, error pages

    @Test func theDefaultRootObjectStandsForTheRootOnly() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { ok($0.target) } }
      let skerry = try startSkerry(before: origin) { $0.more = "defaultRootObject: index.html" }
      let viewer = try skerry.viewer()
      for (target, seen) in [("/", "/index.html"), ("/?a=b", "/index.html?a=b"), ("//", "//"), ("/sub/", "/sub/"), ("/index.html", "/index.html")] {
        #expect(try viewer.exchange("GET \(target) HTTP/1.1\r\nHost: a.test\r\n\r\n").bodyText == seen, "\(target)")
      }
    }

    @Test func customErrorPages() throws {
      let origin = try ScriptedOrigin { connection in
        try connection.answerAll { request in
          switch request.target {
          case "/pages/404.html": ok("a page of ours", fields: "Content-Type: text/html\r\n")
          case "/missing": "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope"
          case "/gone": "HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nnope"
          case "/broken": "HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops"
          default: "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope"
          }
        }
      }
      let skerry = try startSkerry(before: origin) {
        $0.more = """
          errorResponses:
            - { errorCode: 404, responsePagePath: /pages/404.html, responseCode: 200 }
            - { errorCode: 403, responsePagePath: /pages/404.html, responseCode: 404 }
            - { errorCode: 500, responsePagePath: /pages/absent.html, responseCode: 500 }
          """
      }
      let viewer = try skerry.viewer()
      let missing = try viewer.exchange("GET /missing HTTP/1.1\r\nHost: a.test\r\n\r\n")
      #expect(missing.status == 200 && missing.bodyText == "a page of ours")
      #expect(missing.fields["x-cache"] == "Error from cloudfront")
      let gone = try viewer.exchange("GET /gone HTTP/1.1\r\nHost: a.test\r\n\r\n")
      #expect(gone.status == 404 && gone.bodyText == "a page of ours")
      // A page that cannot be had leaves the origin's own error.
      #expect(try skerry.viewer().exchange("GET /broken HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 500)
      // HEAD has no body here either.
      #expect(try skerry.viewer().exchange("HEAD /missing HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 200)
    }

    @Test func anErrorOfOursHasAPageToo() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { $0.target == "/e.html" ? ok("sorry") : ok() } }
      let dead = try ScriptedOrigin()
      let skerry = try startSkerry(before: dead) {
        $0.moreOrigins = "pages: \(origin.url)"
        $0.more = """
          behaviors:
            - { path: /e.html, origin: pages, cachePolicy: CachingDisabled }
          errorResponses:
            - { errorCode: 502, responsePagePath: /e.html, responseCode: 503 }
          """
      }
      dead.stop()
      let response = try skerry.viewer().exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
      #expect(response.status == 503 && response.bodyText == "sorry")
    }

    /// spec/request-pipeline.md 15.3.
    @Test func theStandardErrorPage() throws {
      let origin = try ScriptedOrigin()
      let skerry = try startSkerry(before: origin) { ($0.isDefault, $0.hosts) = (false, ["a.test"]) }
      let response = try skerry.viewer().exchange("GET / HTTP/1.1\r\nHost: b.test\r\n\r\n")
      #expect(response.status == 403)
      #expect(response.fields["content-type"]?.hasPrefix("text/html") == true)
      #expect(response.fields["server"] == "CloudFront")
      #expect(response.fields["date"] != nil)
      #expect(response.fields["x-cache"] == "Error from cloudfront")
      for part in ["ERROR: The request could not be satisfied", "403 ERROR", "Generated by cloudfront (CloudFront)", "Request ID:"] {
        #expect(response.bodyText.contains(part), "\(part)")
      }
      #expect(response.bodyText.contains(response.fields["x-amz-cf-id"] ?? "no id"))
    }
  }
}
