// What exactly reaches the origin, and what the viewer is given (spec/request-pipeline.md 5, 6, 7, 12, 13).
import Testing

extension Scenarios {
  @Suite struct Headers {
    static let browser = """
      User-Agent: Mozilla/5.0\r\nAccept: text/html\r\nAccept-Language: de\r\nAccept-Encoding: gzip, br\r\nReferer: http://r.test/\r\n\
      Cookie: b=2; a=1\r\nAuthorization: Basic eA==\r\nOrigin: http://o.test\r\nX-Own: own\r\nCache-Control: no-cache\r\n
      """

    /// The names of the fields that reach the origin, per policy. Required ones are always there.
    @Test(arguments: [
      (nil, [:]),
      ("AllViewer", [
        "host": "a.test", "user-agent": "Mozilla/5.0", "accept": "text/html", "accept-language": "de", "referer": "http://r.test/",
        "authorization": "Basic eA==", "origin": "http://o.test", "x-own": "own",
      ]),
      ("AllViewerExceptHostHeader", [
        "user-agent": "Mozilla/5.0", "accept": "text/html", "accept-language": "de", "referer": "http://r.test/",
        "authorization": "Basic eA==", "origin": "http://o.test", "x-own": "own",
      ]),
      ("CORS-CustomOrigin", ["origin": "http://o.test"]),
      ("HostHeaderOnly", ["host": "a.test"]),
      ("UserAgentRefererHeaders", ["user-agent": "Mozilla/5.0", "referer": "http://r.test/"]),
    ] as [(String?, [String: String])])
    func theOriginRequestPolicyDecidesWhatIsForwarded(policy: String?, forwarded: [String: String]) throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let skerry = try startSkerry(before: origin) { $0.originRequestPolicy = policy }
      _ = try skerry.viewer().exchange("GET /a?q=1 HTTP/1.1\r\nHost: a.test\r\n\(Self.browser)\r\n")
      let request = try origin.waitForRequests(1)[0]
      for name in ["accept", "accept-language", "referer", "authorization", "origin", "x-own"] {
        #expect(request.fields[name] == forwarded[name], "\(name)")
      }
      // Always there, whatever the policy (spec 12).
      #expect(request.fields["host"] == (forwarded["host"] ?? "127.0.0.1:\(origin.port)"))
      #expect(request.fields["user-agent"] == (forwarded["user-agent"] ?? "Amazon CloudFront"))
      #expect(request.fields["via"]?.wholeMatch(of: /1\.1 [^ ]+\.cloudfront\.net \(CloudFront\)/) != nil)
      #expect(request.fields["x-forwarded-for"] == "127.0.0.1")
      #expect(request.fields["x-amz-cf-id"]?.isEmpty == false)
      #expect(request.fields["cdn-loop"] != nil)
      // Query and cookies only with a policy that says so.
      let all = policy == "AllViewer" || policy == "AllViewerExceptHostHeader"
      #expect(request.target == (all ? "/a?q=1" : "/a"))
      #expect(request.fields["cookie"] == (all ? "a=1; b=2" : nil))
    }

    @Test func aPolicyOfOnesOwn() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let skerry = try startSkerry(
        before: origin,
        more: """
          originRequestPolicies:
            mine: { headers: [x-own, accept-language], cookies: [a], queryStrings: [keep, also] }
          """
      ) { $0.originRequestPolicy = "mine" }
      _ = try skerry.viewer().exchange("GET /a?drop=1&keep=2&also&keep=%33 HTTP/1.1\r\nHost: a.test\r\n\(Self.browser)\r\n")
      let request = try origin.waitForRequests(1)[0]
      #expect(request.target == "/a?keep=2&also&keep=%33")
      #expect(request.fields["x-own"] == "own" && request.fields["accept-language"] == "de")
      #expect(request.fields["cookie"] == "a=1")
      #expect(request.fields["accept"] == nil && request.fields["referer"] == nil)
    }

    /// An origin's custom headers replace the viewer's toward that origin, not in the log and not toward another origin.
    @Test func customHeadersAreTheOriginsOwnMatter() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n" } }
      let second = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let skerry = try startSkerry(before: origin) {
        $0.originSettings = "customHeaders: { Referer: ours, X-Own: ours }"
        $0.moreOrigins = "second: \(second.url)"
        $0.more = "originGroups:\n  ha: { members: [app, second], statusCodes: [503] }\n"
        $0.target = "ha"
      }
      _ = try skerry.viewer().exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\(Self.browser)\r\n")
      let first = try origin.waitForRequests(1)[0].fields, other = try second.waitForRequests(1)[0].fields
      #expect(first.all("referer") == ["ours"] && first.all("x-own") == ["ours"])
      #expect(other.all("referer") == ["http://r.test/"] && other.all("x-own") == ["own"])
      #expect(first["accept-language"] == "de" && other["accept-language"] == "de")
      #expect(try skerry.waitForLogLine("of the request") { _ in true }["referer"] == .text("http://r.test/"))
    }

    @Test func cloudFrontHeadersAreOurs() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let skerry = try startSkerry(before: origin, more: "viewer: { country: DE }") {
        $0.originRequestPolicy = "AllViewerAndCloudFrontHeaders-2022-06"
      }
      _ = try skerry.viewer().exchange(
        "GET / HTTP/1.1\r\nHost: a.test\r\nCloudFront-Viewer-Country: XX\r\nCloudFront-Viewer-Address: 1.2.3.4:5\r\nUser-Agent: Mozilla/5.0 (iPhone) Mobile\r\n\r\n")
      let fields = try origin.waitForRequests(1)[0].fields
      #expect(fields.all("cloudfront-viewer-country") == ["DE"])
      #expect(fields["cloudfront-viewer-address"]?.wholeMatch(of: /127\.0\.0\.1:[0-9]+/) != nil)
      #expect(fields["cloudfront-forwarded-proto"] == "http")
      #expect(fields["cloudfront-viewer-http-version"] == "1.1")
      #expect(fields["cloudfront-is-ios-viewer"] == "true" && fields["cloudfront-is-mobile-viewer"] == "true")
      #expect(fields["cloudfront-is-desktop-viewer"] == "false" && fields["cloudfront-is-smarttv-viewer"] == "false")
      // Each request by its own User-Agent, whatever the last one said.
      for (agent, isDesktop) in [("curl/8", "true"), ("Mozilla/5.0 (Android 14; Tablet)", "false")] {
        _ = try skerry.viewer().exchange("GET / HTTP/1.1\r\nHost: a.test\r\nUser-Agent: \(agent)\r\n\r\n")
        #expect(origin.requests.last?.fields["cloudfront-is-desktop-viewer"] == isDesktop)
      }
    }

    @Test func whatTheViewerSentIsCountedAndNamed() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let skerry = try startSkerry(
        before: origin,
        more: "originRequestPolicies:\n  mine: { headers: [CloudFront-Viewer-Header-Order, CloudFront-Viewer-Header-Count] }\n"
      ) { $0.originRequestPolicy = "mine" }
      _ = try skerry.viewer().exchange("GET / HTTP/1.1\r\nHost: a.test\r\nX-one: 1\r\nConnection: X-Hop\r\nX-Hop: 1\r\nACCEPT: */*\r\n\r\n")
      let fields = try origin.waitForRequests(1)[0].fields
      #expect(fields["cloudfront-viewer-header-order"] == "Host:X-one:Connection:X-Hop:ACCEPT")
      #expect(fields["cloudfront-viewer-header-count"] == "5")
    }

    /// Only HTTP/1.0 may leave Host out (RFC 9112, 3.2), and Via names the version that the request came by (RFC 9110, 7.6.3).
    @Test func aRequestWithoutHostGetsTheOrigins() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let skerry = try startSkerry(before: origin) { $0.isDefault = true }
      _ = try skerry.viewer().exchange("GET / HTTP/1.0\r\n\r\n")
      let fields = try origin.waitForRequests(1)[0].fields
      #expect(fields.all("host") == ["127.0.0.1:\(origin.port)"])
      #expect(fields["via"]?.hasPrefix("1.0 ") == true)
    }

    @Test func forwardedForGrows() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let skerry = try startSkerry(before: origin)
      _ = try skerry.viewer(from: "127.0.0.9").exchange("GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 203.0.113.7\r\nVia: 1.0 earlier\r\n\r\n")
      let request = try origin.waitForRequests(1)[0]
      #expect(request.fields["x-forwarded-for"] == "203.0.113.7, 127.0.0.9")
      #expect(request.fields["via"]?.hasPrefix("1.0 earlier, 1.1 ") == true)
    }

    /// More than two stacked distributions are a loop (spec 14).
    @Test func cdnLoop() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let skerry = try startSkerry(before: origin)
      let viewer = try skerry.viewer()
      _ = try viewer.exchange("GET /1 HTTP/1.1\r\nHost: a.test\r\nCDN-Loop: other; v=1\r\n\r\n")
      let passed = try #require(try origin.waitForRequests(1)[0].fields["cdn-loop"])
      #expect(passed.hasPrefix("other; v=1, "))
      // Sent round and round, it stops before long, and never reaches the origin again.
      var loop = passed, status = 200, rounds = 0
      while status == 200, rounds < 10 {
        status = try skerry.viewer().exchange("GET /loop HTTP/1.1\r\nHost: a.test\r\nCDN-Loop: \(loop)\r\n\r\n").status
        if status == 200 { loop = origin.requests.last?.fields["cdn-loop"] ?? "" }
        rounds += 1
      }
      #expect(status == 403)
      #expect(rounds <= 3)
      #expect(try skerry.metrics()["skerry_requests_refused_total{reason=\"loop\"}"] == 1)
    }

    // MARK: Toward the viewer

    @Test func theViewerIsTold() throws {
      let origin = try ScriptedOrigin { connection in
        try connection.answerAll { _ in
          ok("hi", fields: "Server: mine\r\nTrailer: X\r\nX-Own: own\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\nVia: 1.1 inner\r\n")
        }
      }
      let skerry = try startSkerry(before: origin)
      let response = try skerry.viewer().exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
      #expect(response.fields["x-cache"] == "Miss from cloudfront")
      #expect(response.fields["via"]?.wholeMatch(of: /1\.1 inner, 1\.1 [^ ]+\.cloudfront\.net \(CloudFront\)/) != nil)
      #expect(response.fields["x-amz-cf-id"]?.wholeMatch(of: /[-_A-Za-z0-9]{54}==/) != nil)
      #expect(response.fields["x-amz-cf-pop"]?.wholeMatch(of: /[A-Z]{3}[0-9]+-[CP][0-9]+/) != nil)
      #expect(response.fields["server"] == "mine")
      #expect(response.fields["date"] != nil)
      #expect(response.fields["x-own"] == "own")
      #expect(response.fields.all("set-cookie") == ["a=1; Path=/", "b=2"])
      for gone in ["trailer", "x-hop", "keep-alive"] { #expect(response.fields[gone] == nil, "\(gone)") }
    }

    @Test func setCookieNeedsCookiesForwarded() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok("hi", fields: "Set-Cookie: a=1\r\n") } }
      let skerry = try startSkerry(before: origin) { $0.originRequestPolicy = "HostHeaderOnly" }
      let response = try skerry.viewer().exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
      #expect(response.fields["set-cookie"] == nil)
      #expect(response.fields["server"] == "CloudFront")
    }

    /// What the origin varies by that the behavior does not forward is nothing the viewer could change; what a policy says is its own.
    @Test func theOriginsVaryIsFiltered() throws {
      let origin = try ScriptedOrigin { connection in
        try connection.answerAll { ok("hi", fields: $0.target == "/all" ? "vary: Accept-Encoding,  Origin\r\n" : "Vary: Accept-Encoding, X-Own\r\nVary: Cookie\r\n") }
      }
      let skerry = try startSkerry(
        before: origin, more: "responseHeadersPolicies:\n  mine: { customHeaders: [{ header: Vary, value: X-Policy, override: true }] }\n"
      ) {
        $0.originRequestPolicy = "HostHeaderOnly"
        $0.more = "behaviors:\n  - { pathPattern: /policy, origin: app, responseHeadersPolicy: mine }\n"
      }
      let viewer = try skerry.viewer()
      func vary(_ path: String) throws -> [String] { try viewer.exchange("GET \(path) HTTP/1.1\r\nHost: a.test\r\n\r\n").fields.all("vary") }
      #expect(try vary("/some") == ["Accept-Encoding"])
      #expect(try vary("/all") == ["Accept-Encoding,  Origin"])
      #expect(try vary("/policy") == ["X-Policy"])
    }

    @Test func everyRequestHasItsOwnId() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { ok($0.fields["x-amz-cf-id"] ?? "") } }
      let skerry = try startSkerry(before: origin)
      let viewer = try skerry.viewer()
      var seen: Set<String> = []
      for _ in 0..<50 {
        let response = try viewer.exchange("GET / HTTP/1.1\r\nHost: a.test\r\nX-Amz-Cf-Id: forged\r\n\r\n")
        let id = try #require(response.fields["x-amz-cf-id"])
        #expect(response.bodyText == id)
        #expect(seen.insert(id).inserted)
      }
    }

    // MARK: Response headers policies

    @Test func theManagedSecurityHeadersPolicy() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok("", fields: "X-Frame-Options: DENY\r\nX-Content-Type-Options: other\r\n") } }
      let skerry = try startSkerry(before: origin) { $0.behavior = "responseHeadersPolicy: SecurityHeadersPolicy" }
      let fields = try skerry.viewer().exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").fields
      #expect(fields["strict-transport-security"] == "max-age=31536000")
      #expect(fields["referrer-policy"] == "strict-origin-when-cross-origin")
      #expect(fields["x-xss-protection"] == "1; mode=block")
      #expect(fields.all("x-frame-options") == ["DENY"])  // no override: the origin's stays
      #expect(fields.all("x-content-type-options") == ["nosniff"])  // override
    }

    @Test func theManagedSimpleCORSPolicy() throws {
      let origin = try ScriptedOrigin { connection in
        try connection.answerAll { $0.target == "/own" ? ok("", fields: "Access-Control-Allow-Origin: http://x.test\r\n") : ok() }
      }
      let skerry = try startSkerry(before: origin) { $0.behavior = "responseHeadersPolicy: SimpleCORS" }
      let viewer = try skerry.viewer()
      let cors = try viewer.exchange("GET / HTTP/1.1\r\nHost: a.test\r\nOrigin: http://o.test\r\n\r\n")
      #expect(cors.fields["access-control-allow-origin"] == "*")
      #expect(try viewer.exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").fields["access-control-allow-origin"] == nil)
      let own = try viewer.exchange("GET /own HTTP/1.1\r\nHost: a.test\r\nOrigin: http://o.test\r\n\r\n")
      #expect(own.fields.all("access-control-allow-origin") == ["http://x.test"])
    }

    @Test func preflight() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let skerry = try startSkerry(before: origin) { $0.behavior = "responseHeadersPolicy: CORS-With-Preflight" }
      let response = try skerry.viewer().exchange(
        "OPTIONS / HTTP/1.1\r\nHost: a.test\r\nOrigin: http://o.test\r\nAccess-Control-Request-Method: PUT\r\n\r\n")
      #expect(response.fields["access-control-allow-origin"] == "*")
      #expect(response.fields["access-control-allow-methods"]?.contains("PUT") == true)
      let actual = try skerry.viewer().exchange("PUT / HTTP/1.1\r\nHost: a.test\r\nOrigin: http://o.test\r\nContent-Length: 0\r\n\r\n")
      #expect(actual.fields["access-control-expose-headers"] == "*")
    }

    @Test func aResponseHeadersPolicyOfOnesOwn() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok("", fields: "X-Powered-By: x\r\nX-Keep: origin\r\nX-Win: origin\r\n") } }
      let skerry = try startSkerry(
        before: origin,
        more: """
          responseHeadersPolicies:
            mine:
              customHeaders:
                - { header: X-Keep, value: policy, override: false }
                - { header: X-Win, value: policy, override: true }
                - { header: X-New, value: policy, override: false }
              removeHeaders: [X-Powered-By]
              serverTiming: 100
          """
      ) { $0.behavior = "responseHeadersPolicy: mine" }
      let fields = try skerry.viewer().exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").fields
      #expect(fields.all("x-keep") == ["origin"] && fields.all("x-win") == ["policy"] && fields.all("x-new") == ["policy"])
      #expect(fields["x-powered-by"] == nil)
      #expect(fields["server-timing"]?.contains("cdn-cache-miss") == true)
    }

    /// `Pragma: server-timing` asks for metrics that no sample would have brought; the cache is spoken of where it was asked.
    @Test func serverTimingOnRequest() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { $0.target == "/404" ? "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n" : ok() } }
      let skerry = try startSkerry(before: origin, more: "responseHeadersPolicies: { mine: { serverTiming: 0 } }") {
        $0.behavior = "responseHeadersPolicy: mine"
        $0.methods = "[GET, HEAD]"
      }
      let viewer = try skerry.viewer()
      func timing(_ pragma: String, _ request: String = "GET /") throws -> String? {
        try viewer.exchange("\(request) HTTP/1.1\r\nHost: a.test\r\n\(pragma)\r\n").fields["server-timing"]
      }
      for asking in ["Pragma: server-timing\r\n", "Pragma: no-cache, Server-Timing\r\n", "Pragma: no-cache\r\nPragma:\t server-timing , x=1\r\n"] {
        #expect(try timing(asking)?.hasPrefix("cdn-cache-miss,cdn-pop;") == true, "\(asking)")
      }
      for silent in ["", "Pragma: no-cache\r\n", "Pragma: x-server-timing, server-timing=1\r\n"] { #expect(try timing(silent) == nil, "\(silent)") }
      #expect(try timing("Pragma: server-timing\r\n", "GET /404")?.hasPrefix("cdn-cache-miss,") == true)
      #expect(try timing("Pragma: server-timing\r\n", "DELETE /")?.hasPrefix("cdn-pop;") == true)
    }

    /// What an origin says to a proxy is not for the proxy's viewers (RFC 9110, 11.7.1).
    @Test func proxyFieldsEndHere() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok("", fields: "Proxy-Authenticate: Basic\r\nProxy-Authentication-Info: a=1\r\nProximity: near\r\n") } }
      let skerry = try startSkerry(before: origin)
      let fields = try skerry.viewer().exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").fields
      #expect(fields["proxy-authenticate"] == nil && fields["proxy-authentication-info"] == nil && fields["proximity"] == "near")
    }

    /// OPTIONS counts its forwards, and ends here when none is left (RFC 9110, 7.6.2). Other methods' Max-Forwards means nothing.
    @Test func maxForwards() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { ok($0.fields.all("max-forwards").joined(separator: " ")) } }
      let skerry = try startSkerry(before: origin)
      let viewer = try skerry.viewer()
      func ask(_ method: String, _ value: String) throws -> Response {
        try viewer.exchange("\(method) /x HTTP/1.1\r\nHost: a.test\r\nMax-Forwards: \(value)\r\n\r\n")
      }
      for (method, value, forwarded) in [
        ("OPTIONS", "5", "4"), ("OPTIONS", "1", "0"), ("OPTIONS", "010", "9"), ("OPTIONS", "many", "many"), ("OPTIONS", "99999999999999999999", "99999999999999999999"),
        ("GET", "0", "0"), ("GET", "5", "5"),
      ] { #expect(try ask(method, value).bodyText == forwarded, "\(method) \(value)") }
      let before = origin.requests.count
      let last = try ask("OPTIONS", "0")
      #expect(last.status == 200 && last.fields["content-length"] == "0")
      #expect(last.fields["allow"] == "GET, HEAD, OPTIONS, PUT, POST, PATCH, DELETE")
      #expect(origin.requests.count == before)
    }
  }
}
