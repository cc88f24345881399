// Functions that choose where their requests go: updateRequestOrigin, selectRequestOriginById, createRequestOriginGroup, the addresses
// they may not reach, and what logCustomData leaves in the log (spec/cloudfront-functions.md, 10.2 and 10.3; issue 3, point 5).
import Foundation
import Testing

extension Scenarios {
  @Suite struct FunctionOrigins {
    /// A program with the origins `app` and `other`, whose viewer-request function has this body. It may read ports from the path.
    private func program(
      _ body: String, app: ScriptedOrigin, other: ScriptedOrigin? = nil, functionOrigins: String = "any", target: String = "app", more: String = "",
      appSettings: String = "", moreOrigins: String = "", policy: String = "AllViewer", cachePolicy: String? = nil
    ) throws -> Skerry {
      let code = """
        import cf from 'cloudfront';
        function at(port) { return { port: Number(port), protocol: 'http', sslProtocols: ['TLSv1.2'] }; }
        function handler(event) {
          const request = event.request, path = request.uri.split('/');
          \(body)
          return request;
        }
        """
      return try startSkerry(
        before: app, more: "functionOrigins: \(functionOrigins)\nfunctions: { choose: { runtime: cloudfront-js-2.0, code: choose.js } }\n\(more)",
        files: ["choose.js": code, "files/there.txt": "from the folder"]
      ) { distribution in
        distribution.target = target
        distribution.behavior = "functions: { viewer-request: choose }"
        distribution.originSettings = appSettings
        distribution.originRequestPolicy = policy
        if let cachePolicy { distribution.cachePolicy = cachePolicy }
        distribution.moreOrigins = (other.map { "other: { domainName: 127.0.0.1, httpPort: \($0.port), originProtocolPolicy: http-only, originPath: /base, customHeaders: { x-of-other: yes } }\n" } ?? "") + moreOrigins
        if other != nil { distribution.more = "originGroups: { pair: { members: [app, other], statusCodes: [500, 404] } }" }
      }
    }

    private func named(_ name: String) throws -> ScriptedOrigin {
      try ScriptedOrigin { try $0.answerAll { ok("\(name) \($0.target) host \($0.fields["host"] ?? "-") x-secret \($0.fields["x-secret"] ?? "-") x-of-other \($0.fields["x-of-other"] ?? "-")") } }
    }

    private func get(_ target: String, _ skerry: Skerry, fields: String = "") throws -> Response {
      try skerry.viewer().exchange("GET \(target) HTTP/1.1\r\nHost: a.test\r\n\(fields)\r\n")
    }

    // MARK: updateRequestOrigin

    @Test func anotherServer() throws {
      let app = try named("app"), other = try named("other")
      let skerry = try program("cf.updateRequestOrigin({ domainName: 'localhost', customOriginConfig: at(path[1]) });", app: app)
      let viewer = try skerry.viewer()
      for _ in 0..<3 { #expect(try viewer.exchange("GET /\(other.port)/x HTTP/1.1\r\nHost: a.test\r\n\r\n").bodyText == "other /\(other.port)/x host localhost:\(other.port) x-secret - x-of-other -") }
      #expect(app.connectionCount == 0)
      // The pool is kept: one connection carries them all.
      #expect(other.connectionCount == 1)
      let line = try skerry.waitForLogLine("of the other") { $0["origin"] == .text("localhost") }
      #expect(line["status"] == .number(200))
    }

    /// What the function leaves out is the assigned origin's; what it gives replaces it, name by name.
    @Test(arguments: [
      ("{}", "AllViewer", "/v1/x host a.test x-secret conf x-of-other -"),
      ("{}", "AllViewerExceptHostHeader", "/v1/x host 127.0.0.1:PORT x-secret conf x-of-other -"),
      ("{ hostHeader: 'www.example.com' }", "AllViewer", "/v1/x host www.example.com x-secret conf x-of-other -"),
      ("{ hostHeader: 'www.example.com' }", "AllViewerExceptHostHeader", "/v1/x host www.example.com x-secret conf x-of-other -"),
      ("{ originPath: '/v2' }", "AllViewer", "/v2/x host a.test x-secret conf x-of-other -"),
      ("{ originPath: '' }", "AllViewer", "/x host a.test x-secret conf x-of-other -"),
      ("{ customHeaders: {} }", "AllViewer", "/v1/x host a.test x-secret - x-of-other -"),
      ("{ customHeaders: { 'x-secret': 'mine', 'x-of-other': 'too' } }", "AllViewer", "/v1/x host a.test x-secret mine x-of-other too"),
      ("{ connectionAttempts: 1, timeouts: { readTimeout: 9, keepAliveTimeout: 9, connectionTimeout: 2 } }", "AllViewer", "/v1/x host a.test x-secret conf x-of-other -"),
      ("{ originAccessControlConfig: { enabled: false }, originShield: { enabled: false }, sni: 'a', allowedCertificateNames: ['a'], mTLSConfig: 'off' }", "AllViewer", "/v1/x host a.test x-secret conf x-of-other -"),
    ])
    func inherited(_ parameters: String, _ policy: String, _ seen: String) throws {
      let app = try named("app")
      // Public only: the operator's own server stays allowed.
      let skerry = try program("cf.updateRequestOrigin(\(parameters));", app: app, functionOrigins: "public", appSettings: "originPath: /v1\ncustomHeaders: { x-secret: conf }", policy: policy)
      let body = try get("/x", skerry).bodyText
      let expected = "app " + seen.replacing("PORT", with: "\(app.port)")
      if body != expected { Issue.record("\(body) instead of \(expected): \(try skerry.accessLog())") }
    }

    // MARK: responseCompletionTimeout

    /// It is for the answer with all attempts that it takes: what is left of it is all that a further one has.
    @Test func theTimeUntilAnAnswerIsWholeIsForAllAttempts() throws {
      let app = try ScriptedOrigin { connection in
        _ = try connection.nextRequest()
        try connection.waitForEnd()
      }
      let skerry = try program("cf.updateRequestOrigin({ timeouts: { readTimeout: 2, responseCompletionTimeout: 3 } });", app: app)
      #expect(try get("/x", skerry).status == 504)
      #expect(app.requests.count == 2)   // 2 s for the first; of the second 2 s, 1 s was left
      #expect(try skerry.metrics()["skerry_origin_failures_total{reason=\"completion_timeout\"}"] == 1)
      let line = try skerry.waitForLogLine("of the request") { $0["uri"] == .text("/x") }
      #expect(line["originAttempts"] == .number(2) && line["error"]?.description.contains("within responseCompletionTimeout") == true, "\(line)")
    }

    /// Making a connection is part of it: this server takes one and never says anything in TLS.
    @Test func theTimeUntilAnAnswerIsWholeIsForConnectingToo() throws {
      let app = try named("app"), silent = try ScriptedOrigin { try? $0.waitForEnd() }
      let skerry = try program(
        "cf.updateRequestOrigin({ domainName: 'localhost', customOriginConfig: { port: \(silent.port), protocol: 'https', sslProtocols: ['TLSv1.2'] }, timeouts: { connectionTimeout: 2, readTimeout: 1, responseCompletionTimeout: 3 } });",
        app: app)
      #expect(try get("/x", skerry).status == 504)
      #expect(silent.connectionCount == 2)
      #expect(try skerry.metrics()["skerry_origin_failures_total{reason=\"completion_timeout\"}"] == 1)
    }

    /// A body that is not whole by then breaks off, whatever keeps coming.
    @Test(arguments: ["CachingDisabled", "CachingOptimized"]) func anAnswerThatIsNotWholeInTimeBreaksOff(_ policy: String) throws {
      let app = try ScriptedOrigin { connection in
        _ = try connection.nextRequest()
        try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while true {
          guard (try? connection.send("x")) != nil else { return }
          usleep(100_000)
        }
      }
      let skerry = try program("cf.updateRequestOrigin({ timeouts: { readTimeout: 1, responseCompletionTimeout: 1 } });", app: app, cachePolicy: policy)
      let viewer = try skerry.viewer()
      try viewer.send("GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n")
      #expect(throws: (any Error).self) { try viewer.readResponse() }
      let line = try skerry.waitForLogLine("of the request") { $0["uri"] == .text("/x") }
      if policy == "CachingDisabled" { #expect(line["error"]?.description.contains("within responseCompletionTimeout") == true, "\(line)") }
      #expect(try skerry.metrics()["skerry_origin_failures_total{reason=\"completion_timeout\"}"] == 1)
    }

    /// An answer that was whole in time leaves nothing behind: its connection carries the next one.
    @Test func aConnectionWithABoundIsUsedAgain() throws {
      let app = try named("app")
      let skerry = try program("cf.updateRequestOrigin({ timeouts: { readTimeout: 20, responseCompletionTimeout: 30 } });", app: app)
      let viewer = try skerry.viewer()
      for _ in 0..<3 { #expect(try viewer.exchange("GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 200) }
      #expect(app.connectionCount == 1)
    }

    @Test func theViewersOwnFieldDoesNotPass() throws {
      let app = try named("app")
      let skerry = try program("delete request.headers['x-secret']; cf.updateRequestOrigin({ customHeaders: { 'x-secret': 'mine' } });", app: app)
      #expect(try get("/x", skerry, fields: "X-Secret: forged\r\n").bodyText.holds("x-secret mine"))
      let kept = try program("cf.updateRequestOrigin({ customHeaders: { 'x-secret': 'mine' } });", app: app)
      #expect(try get("/x", kept, fields: "X-Secret: forged\r\n").status == 502)
      #expect(!app.everything.holds("forged"))
    }

    @Test func theMethodAndBodyGoAlong() throws {
      let app = try named("app"), other = try ScriptedOrigin { try $0.answerAll { ok("\($0.method) \($0.bodyText)") } }
      let skerry = try program("cf.updateRequestOrigin({ domainName: 'localhost', customOriginConfig: at(path[1]) });", app: app)
      let response = try skerry.viewer().exchange("POST /\(other.port) HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello")
      #expect(response.bodyText == "POST hello")
    }

    @Test func aFolderIsReplacedOrGoesOn() throws {
      let app = try named("app")
      let body = "if (path[1] == 'folder') { request.uri = '/there.txt'; cf.updateRequestOrigin({ customHeaders: {} }); } else if (path[1] == 'bad') cf.updateRequestOrigin({ customOriginConfig: at(80) }); else cf.updateRequestOrigin({ domainName: 'localhost', customOriginConfig: at(path[1]) });"
      let skerry = try program(body, app: app, target: "local", moreOrigins: "local: ./files\n")
      #expect(try get("/folder", skerry).bodyText == "from the folder")
      #expect(try get("/\(app.port)", skerry).bodyText.holds("app /\(app.port)"))
      #expect(try get("/bad", skerry).fields["x-cache"] == "FunctionValidationError from cloudfront")
    }

    /// A server that a function names over HTTPS is verified like any other: this one speaks plain HTTP. (TLS/Origins.swift has one that does not.)
    @Test func httpsMeansTLS() throws {
      let app = try named("app"), plain = try ScriptedOrigin { try $0.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") }
      let skerry = try program("cf.updateRequestOrigin({ domainName: 'localhost', customOriginConfig: { port: \(plain.port), protocol: 'https', sslProtocols: ['TLSv1.2'] } });", app: app)
      #expect(try get("/", skerry).status == 502)
      let line = try skerry.waitForLogLine("of a 502") { $0["status"] == .number(502) }
      #expect(line["error"] == .text("TLS with localhost:\(plain.port) failed: wrong version number"))
      #expect(try skerry.metrics()["skerry_origin_failures_total{reason=\"tls_handshake\"}"] == 1)
    }

    /// An assigned group keeps its secondary.
    @Test func onlyThePrimaryIsChanged() throws {
      let app = try named("app"), other = try named("other"), changed = try ScriptedOrigin { try $0.answerAll { $0.target == "/bad" ? "HTTP/1.1 500 Bad\r\nContent-Length: 0\r\n\r\n" : ok("changed") } }
      let skerry = try program("cf.updateRequestOrigin({ domainName: 'localhost', customOriginConfig: at(request.headers['x-port'].value) });", app: app, other: other, target: "pair")
      #expect(try get("/good", skerry, fields: "X-Port: \(changed.port)\r\n").bodyText == "changed")
      #expect(try get("/bad", skerry, fields: "X-Port: \(changed.port)\r\n").bodyText.holds("other /base/bad"))
      #expect(app.connectionCount == 0)
    }

    /// More servers than are remembered: the oldest pool makes room, and all are answered.
    @Test func poolsAreBounded() throws {
      let app = try named("app")
      let skerry = try program("cf.updateRequestOrigin({ domainName: path[1] + '.localhost', customOriginConfig: at(path[2]) });", app: app, more: "limits: { functionOriginsPerWorker: 2 }")
      let viewer = try skerry.viewer()
      for name in ["a", "b", "c", "a", "d"] { #expect(try viewer.exchange("GET /\(name)/\(app.port) HTTP/1.1\r\nHost: a.test\r\n\r\n").bodyText.holds("host \(name).localhost")) }
      #expect(try skerry.metrics()["skerry_limits_reached_total{limit=\"function_origins\"}"] == 3)
      try app.waitForClosedConnections(3)
      #expect(try skerry.metrics()["skerry_origin_connections_idle{worker=\"0\"}"] + (try skerry.metrics()["skerry_origin_connections_idle{worker=\"1\"}"]) <= 2)
    }

    // MARK: selectRequestOriginById

    @Test func anotherOriginOfTheDistribution() throws {
      let app = try named("app"), other = try named("other")
      let skerry = try program("if (path[1] == 'other') cf.selectRequestOriginById('other'); if (path[1] == 'host') cf.selectRequestOriginById('other', { hostHeader: 'h.example' });", app: app, other: other, functionOrigins: "public")
      #expect(try get("/other", skerry).bodyText == "other /base/other host a.test x-secret - x-of-other yes")
      #expect(try get("/host", skerry).bodyText == "other /base/host host h.example x-secret - x-of-other yes")
      #expect(try get("/app", skerry).bodyText == "app /app host a.test x-secret - x-of-other -")
    }

    @Test func anUnknownOrigin() throws {
      let app = try named("app")
      let skerry = try program("cf.selectRequestOriginById('nowhere');", app: app)
      let response = try get("/", skerry)
      #expect(response.status == 502)
      #expect(response.fields["x-cache"] == "FunctionValidationError from cloudfront")
      let line = try skerry.waitForLogLine("of a 502") { $0["status"] == .number(502) }
      #expect(line["error"] == .text("selectRequestOriginById: the distribution has no origin \"nowhere\""))
      #expect(try skerry.metrics()["skerry_function_runs_total{outcome=\"validation_error\"}"] == 1)
      #expect(try skerry.metrics()["skerry_function_runs_total{outcome=\"continued\"}"] == 0)
      #expect(app.connectionCount == 0)
    }

    @Test func aWrongCallIsAnError() throws {
      let app = try named("app")
      let skerry = try program("try { cf.updateRequestOrigin({ domainName: '127.0.0.1' }) } catch (e) {}", app: app)
      #expect(try get("/", skerry).fields["x-cache"] == "FunctionValidationError from cloudfront")
      let line = try skerry.waitForLogLine("of a 502") { $0["status"] == .number(502) }
      #expect(line["error"] == .text("updateRequestOrigin: domainName must be a DNS name of at most 253 characters, without port, and no IP address"))
    }

    // MARK: createRequestOriginGroup

    @Test func aGroupFailsOverByItsOwnCodes() throws {
      let app = try ScriptedOrigin { try $0.answerAll { "HTTP/1.1 \($0.target.dropFirst()) Status\r\nContent-Length: 4\r\n\r\napp " } }
      let other = try named("other")
      let skerry = try program("cf.createRequestOriginGroup({ originIds: [{ originId: 'app' }, { originId: 'other', originOverrides: { hostHeader: 'h.example' } }], failoverCriteria: { statusCodes: [403, 503] } });", app: app, other: other)
      #expect(try get("/403", skerry).bodyText == "other /base/403 host h.example x-secret - x-of-other yes")
      // The configured group's codes do not count.
      #expect(try get("/404", skerry).status == 404)
      #expect(try get("/200", skerry).bodyText == "app ")
      #expect(try skerry.viewer().exchange("POST /403 HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\n\r\nx").status == 403)
      app.stop()   // cannot be connected to: 503 is among the codes
      #expect(try get("/x", skerry).bodyText.holds("other /base/x"))
      #expect(try skerry.metrics()["skerry_origin_attempts_total{kind=\"failover\"}"] == 2)
    }

    @Test func aGroupOfUnknownOrigins() throws {
      let app = try named("app")
      let skerry = try program("cf.createRequestOriginGroup({ originIds: ['app', 'gone'], failoverCriteria: { statusCodes: [500] } });", app: app)
      #expect(try get("/", skerry).status == 502)
      #expect(app.connectionCount == 0)
    }

    // MARK: Addresses

    /// With `public`, no name may lead to this machine; with `any`, still none may lead to the proxy itself.
    @Test(arguments: ["localhost", "x.localhost", "localhost.", "LOCALHOST"])
    func loopbackIsRefused(_ name: String) throws {
      let app = try named("app"), other = try named("other")
      let skerry = try program("cf.updateRequestOrigin({ domainName: '\(name)', customOriginConfig: at(path[1]) });", app: app, functionOrigins: "public")
      #expect(try get("/\(other.port)", skerry).status == 502)
      #expect(other.connectionCount == 0 && app.connectionCount == 0)
      let line = try skerry.waitForLogLine("of a 502") { $0["status"] == .number(502) }
      #expect(line["error"] == .text("\(name):\(other.port) may not be an origin: a function may not choose an address of this machine (functionOrigins: any allows it)"))
      #expect(try skerry.metrics()["skerry_origin_failures_total{reason=\"address_refused\"}"] == 1)
    }

    /// The operator's server at another port is not what the operator chose.
    @Test func anotherPortOfTheAssignedServerIsRefused() throws {
      let app = try named("app"), other = try named("other")
      let skerry = try program("cf.updateRequestOrigin({ customOriginConfig: at(path[1]) });", app: app, functionOrigins: "public")
      #expect(try get("/\(other.port)", skerry).status == 502)
      #expect(try get("/\(app.port)", skerry).status == 200)
      #expect(other.connectionCount == 0)
    }

    @Test func theProxyItselfIsNeverAnOrigin() throws {
      let app = try named("app")
      let skerry = try program("cf.updateRequestOrigin({ domainName: 'localhost', customOriginConfig: at(path[1]) });", app: app)
      for port in [skerry.port, skerry.adminPort] {
        #expect(try get("/\(port)", skerry).status == 502)
        _ = try skerry.waitForLogLine("of port \(port)") { $0["error"] == .text("localhost:\(port) may not be an origin: it is this proxy's own address") }
      }
      #expect(app.connectionCount == 0)
    }

    /// A primary that may not be reached is a primary that fails: 502 is not among the codes of `pair`, 500 and 404 are.
    @Test func aRefusedPrimaryAnswersForItself() throws {
      let app = try named("app"), other = try named("other")
      let skerry = try program("cf.updateRequestOrigin({ domainName: 'localhost', customOriginConfig: at(path[1]) });", app: app, other: other, functionOrigins: "public", target: "pair")
      #expect(try get("/\(app.port)", skerry).status == 502)
      #expect(other.connectionCount == 0)
    }

    // MARK: Key-value stores

    /// Tenants by host, as spec/functions-catalog.md rows 24 and 25 have it: the store says which origin, or that there is none.
    @Test func tenantsFromAStore() throws {
      let app = try named("app"), other = try named("other")
      let data = #"{"data":[{"key":"b.test","value":"{\"id\":\"other\",\"prefix\":\"/b\"}"},{"key":"broken.test","value":"{"}]}"#
      let code = """
        import cf from 'cloudfront';
        const tenants = cf.kvs('a3f1b2c4-5d6e-4f70-8192-a3b4c5d6e7f8');
        async function handler(event) {
          const request = event.request, host = request.headers.host.value;
          if (!await tenants.exists(host)) return { statusCode: 404, body: 'no tenant of ' + await tenants.count() };
          try {
            const tenant = await tenants.get(host, { format: 'json' });
            cf.selectRequestOriginById(tenant.id, { hostHeader: host });
            request.uri = tenant.prefix + request.uri;
          } catch (error) { return { statusCode: 500, body: error.name }; }
          return request;
        }
        """
      let skerry = try startSkerry(
        before: app,
        more: "functions: { tenants: { runtime: cloudfront-js-2.0, code: tenants.js, keyValueStore: tenants } }\nkeyValueStores: { tenants: { data: tenants.json, id: a3f1b2c4-5d6e-4f70-8192-a3b4c5d6e7f8 } }\n",
        files: ["tenants.js": code, "tenants.json": data]
      ) { distribution in
        distribution.behavior = "functions: { viewer-request: tenants }"
        distribution.moreOrigins = "other: \(other.url)\n"
      }
      let viewer = try skerry.viewer()
      func get(_ host: String) throws -> Response { try viewer.exchange("GET /x HTTP/1.1\r\nHost: \(host)\r\n\r\n") }
      #expect(try get("b.test").bodyText.hasPrefix("other /b/x host b.test"))
      #expect(try get("a.test").bodyText == "no tenant of 2")
      let broken = try get("broken.test")
      #expect(broken.status == 500 && broken.bodyText == "SyntaxError")
      #expect(app.connectionCount == 0)
    }

    @Test func withoutAStore() throws {
      let app = try named("app")
      let skerry = try program("cf.kvs();", app: app)
      let response = try get("/", skerry)
      #expect(response.status == 503)
      #expect(response.fields["x-cache"] == "FunctionExecutionError from cloudfront")
      let line = try skerry.waitForLogLine("of a 503") { $0["status"] == .number(503) }
      #expect(line["error"]?.description.contains("KVSNamespaceNotFound") == true)
    }

    // MARK: The rest of the module

    @Test func logDataIsInTheLog() throws {
      let app = try named("app")
      let skerry = try program("cf.logCustomData('first'); cf.logCustomData('seen \"' + request.uri + '\"');", app: app)
      _ = try get("/x", skerry)
      let line = try skerry.waitForLogLine("of /x") { $0["uri"] == .text("/x") }
      #expect(line["viewer_request_log_data"] == .text("seen \"/x\""))
      #expect(line["viewer_response_log_data"] == nil)
    }

    @Test func logDataOfAResponse() throws {
      let app = try named("app")
      let skerry = try startSkerry(
        before: app, more: "functions: { tell: { runtime: cloudfront-js-2.0, code: tell.js } }",
        files: ["tell.js": "import cf from 'cloudfront'; function handler(event) { cf.logCustomData('status ' + event.response.statusCode); if (event.request.uri == '/fail') throw new Error('x'); return event.response; }"]
      ) { $0.behavior = "functions: { viewer-response: tell }" }
      for uri in ["/x", "/fail"] {
        _ = try get(uri, skerry)
        let line = try skerry.waitForLogLine("of \(uri)") { $0["uri"] == .text(uri) }
        #expect(line["viewer_response_log_data"] == .text("status 200"))
        #expect(line["viewer_request_log_data"] == nil)
      }
    }

    @Test func theLocationIsKnown() throws {
      let app = try named("app")
      let skerry = try program("const at = cf.edgeLocation; return { statusCode: 200, body: [at.name, at.serverIp, at.region].join() };", app: app)
      #expect(try get("/", skerry).bodyText == "SKY,127.0.0.1,local")
    }
  }
}
