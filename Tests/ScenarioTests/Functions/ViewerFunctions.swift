// CloudFront Functions at work in a running proxy: what they change, what they may not, and what happens when they fail
// (spec/cloudfront-functions.md 1–6; issue 2, point 6).
import Glibc
import Testing

extension Scenarios {
  @Suite struct ViewerFunctions {
    /// A program whose default behavior runs these functions.
    private func program(
      before origin: ScriptedOrigin, viewerRequest: String? = nil, viewerResponse: String? = nil, more: String = "", policy: String? = "AllViewer"
    ) throws -> Skerry {
      let functions = [("viewer-request", viewerRequest), ("viewer-response", viewerResponse)].filter { $0.1 != nil }
      let definitions = functions.map { "  \($0.0):\n    runtime: cloudfront-js-2.0\n    code: \($0.0).js\n" }.joined()
      return try startSkerry(
        before: origin, more: "functions:\n\(definitions)\(more)",
        files: Dictionary(uniqueKeysWithValues: functions.map { ("\($0.0).js", $0.1 ?? "") })
      ) { distribution in
        distribution.originRequestPolicy = policy
        distribution.behavior = "functions:\n" + functions.map { "  \($0.0): \($0.0)\n" }.joined()
      }
    }

    private func echoingOrigin() throws -> ScriptedOrigin { try ScriptedOrigin { try $0.answerAll { ok("origin saw \($0.target)") } } }

    // MARK: viewer-request

    @Test func aRedirect() throws {
      let origin = try echoingOrigin()
      let skerry = try program(before: origin, viewerRequest: """
        function handler(event) {
          return { statusCode: 302, statusDescription: 'Found', headers: { location: { value: '/new' + event.request.uri } },
                   cookies: { seen: { value: '1', attributes: 'Path=/; Secure' } } };
        }
        """)
      let viewer = try skerry.viewer()
      for path in ["/a", "/b"] {
        let response = try viewer.exchange("GET \(path) HTTP/1.1\r\nHost: a.test\r\n\r\n")
        #expect(response.line == "HTTP/1.1 302 Found")
        #expect(response.fields["location"] == "/new\(path)")
        #expect(response.fields["x-cache"] == "FunctionGeneratedResponse from cloudfront")
        #expect(response.fields["set-cookie"] == "seen=1; Path=/; Secure")
        #expect(response.fields["server"] == "CloudFront" && response.fields["date"] != nil)
        #expect(response.body.isEmpty)
      }
      #expect(origin.connectionCount == 0)
      #expect(try skerry.metrics()["skerry_function_runs_total{outcome=\"responded\"}"] == 2)
    }

    /// What an origin says of fields that it is not sent ends with it; what a function says goes out (request-pipeline.md, 13).
    @Test func varyOfFunctions() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in "HTTP/1.1 200 OK\r\nVary: X-Unsent, Accept-Encoding\r\nContent-Length: 0\r\n\r\n" } }
      let answer = "function handler(event) { return event.request.uri == '/mine' ? { statusCode: 200, headers: { vary: { value: 'X-Foo, X-Bar' } } } : event.request; }"
      let change = "function handler(event) { if (event.request.uri == '/changed') event.response.headers.vary.value += ', X-Foo'; return event.response; }"
      let skerry = try program(before: origin, viewerRequest: answer, viewerResponse: change, policy: nil)
      let viewer = try skerry.viewer()
      for (path, vary) in [("/mine", "X-Foo, X-Bar"), ("/changed", "Accept-Encoding, X-Foo"), ("/plain", "Accept-Encoding")] {
        #expect(try viewer.exchange("GET \(path) HTTP/1.1\r\nHost: a.test\r\n\r\n").fields["vary"] == vary)
      }
    }

    /// Host is shown in lower case, without port and trailing dot (2.3); the origin is sent what came.
    @Test(arguments: [("A.Test", "a.test"), ("a.test:8443", "a.test"), ("A.TEST.:80", "a.test"), ("a.test.", "a.test"), ("[::1]:80", "[::1]"), ("a.test", "a.test")])
    func theHostThatFunctionsSee(_ host: String, _ seen: String) throws {
      let origin = try ScriptedOrigin { try $0.answerAll { ok("host \($0.fields["host"] ?? "-")") } }
      let code = "function handler(event) { var host = event.request.headers.host; if (event.request.uri == '/seen') return { statusCode: 200, body: host.value }; host.value += ''; return event.request; }"
      let skerry = try program(before: origin, viewerRequest: code)
      let viewer = try skerry.viewer()
      #expect(try viewer.exchange("GET /seen HTTP/1.1\r\nHost: \(host)\r\n\r\n").bodyText == seen)
      #expect(try viewer.exchange("GET /on HTTP/1.1\r\nHost: \(host)\r\n\r\n").bodyText == "host \(host)")
      // The authority of an absolute target replaces Host (RFC 9112, 3.2.2).
      #expect(try viewer.exchange("GET http://\(host)/seen HTTP/1.1\r\nHost: other.test\r\n\r\n").bodyText == seen)
      #expect(try viewer.exchange("GET http://\(host)/on HTTP/1.1\r\nHost: other.test\r\n\r\n").bodyText == "host \(host)")
    }

    @Test(arguments: [
      ("'plain'", "plain"), ("{ encoding: 'text', data: 'caf\u{e9}' }", "caf\u{c3}\u{a9}"), ("{ encoding: 'base64', data: 'AAH/' }", "\u{00}\u{01}\u{ff}"),
    ])
    func aGeneratedBody(body: String, bytes: String) throws {
      let origin = try echoingOrigin()
      let skerry = try program(
        before: origin, viewerRequest: "function handler(event) { return { statusCode: 200, headers: { 'content-type': { value: 'text/plain' } }, body: \(body) }; }")
      let response = try skerry.viewer().exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
      #expect(response.bodyText == bytes)
      #expect(response.framing == .contentLength(wire(bytes).count))
      #expect(response.fields["content-type"] == "text/plain")
      // HEAD: the same head, no body.
      #expect(try skerry.viewer().exchange("HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n").body.isEmpty)
    }

    /// The data is read at start, and reads are counted; a function without a store cannot have one.
    @Test func aKeyValueStore() throws {
      let origin = try echoingOrigin()
      let skerry = try startSkerry(
        before: origin,
        more: """
          keyValueStores:
            rules: { data: rules.json, id: a3f1b2c4-5d6e-4f70-8192-a3b4c5d6e7f8 }
          functions:
            redirects: { runtime: cloudfront-js-2.0, code: redirects.js, keyValueStore: rules }
          """,
        files: [
          "rules.json": #"{"data":[{"key":"/old","value":"/new"},{"key":"/caf\u00e9","value":"/tea"}]}"#,
          "redirects.js": """
            import cf from 'cloudfront';
            const kvs = cf.kvs('a3f1b2c4-5d6e-4f70-8192-a3b4c5d6e7f8');
            async function handler(event) {
              try {
                const to = await kvs.get(decodeURIComponent(event.request.uri));
                return { statusCode: 301, headers: { location: { value: to } } };
              } catch (e) {
                return event.request;
              }
            }
            """,
        ]
      ) { $0.behavior = "functions: { viewer-request: redirects }" }
      let viewer = try skerry.viewer()
      for (path, location) in [("/old", "/new"), ("/caf%C3%A9", "/tea"), ("/older", nil)] {
        let response = try viewer.exchange("GET \(path) HTTP/1.1\r\nHost: a.test\r\n\r\n")
        #expect(response.fields["location"] == location, "\(path)")
      }
      let metrics = try skerry.metrics()
      #expect(metrics["skerry_kvs_read_requests_total"] == 3 && metrics["skerry_kvs_read_errors_total"] == 1)
    }

    @Test func aRewrite() throws {
      let origin = try echoingOrigin()
      let skerry = try program(before: origin, viewerRequest: """
        async function handler(event) {
          const request = event.request;
          if (request.uri.endsWith('/')) request.uri += 'index.html';
          request.querystring.added = { value: 'yes' };
          delete request.querystring.utm;
          return request;
        }
        """)
      let viewer = try skerry.viewer()
      #expect(try viewer.exchange("GET /docs/?utm=x&a=%41&a=b HTTP/1.1\r\nHost: a.test\r\n\r\n").bodyText == "origin saw /docs/index.html?a=%41&a=b&added=yes")
    }

    @Test func whatIsNotTouchedGoesOnByteForByte() throws {
      let origin = try echoingOrigin()
      let skerry = try program(before: origin, viewerRequest: "function handler(event) { return event.request; }")
      let viewer = try skerry.viewer()
      for target in ["/a//b/../c%2F?x=%41&&=&y", "/?", "/caf%C3%A9", "/a?b?c", "/caf\u{e9}?\u{e9}", "/caf\u{c3}\u{a9}"] {
        #expect(try viewer.exchange("GET \(target) HTTP/1.1\r\nHost: a.test\r\n\r\n").bodyText == "origin saw \(target)")
      }
      _ = try viewer.exchange("GET /obs HTTP/1.1\r\nHost: a.test\r\nA: caf\u{e9}\r\nB: 1\r\nB: 2\r\nCookie: z=1; a=2\r\n\r\n")
      let request = try origin.waitForRequests(7)[6]
      #expect(request.fields["a"] == "caf\u{e9}")
      #expect(request.fields.all("b") == ["1", "2"])
    }

    @Test func headersAndCookies() throws {
      let origin = try echoingOrigin()
      let skerry = try program(before: origin, viewerRequest: """
        function handler(event) {
          const headers = event.request.headers;
          headers['x-client'] = { value: event.viewer.ip };
          headers['x-many'].value = 'first';
          delete headers['x-gone'];
          headers['x-count'] = { value: String(Object.keys(headers).length) };
          event.request.cookies.added = { value: 'c' };
          delete event.request.cookies.b;
          return event.request;
        }
        """)
      _ = try skerry.viewer(from: "127.0.0.7").exchange(
        "GET / HTTP/1.1\r\nHost: a.test\r\nX-Many: 1\r\nX-Many: 2\r\nX-GONE: x\r\nCookie: a=1; b=2\r\n\r\n")
      let request = try origin.waitForRequests(1)[0]
      #expect(request.fields["x-client"] == "127.0.0.7")
      #expect(request.fields.all("x-many") == ["first", "2"])
      #expect(request.fields["x-gone"] == nil)
      #expect(request.fields["cookie"] == "a=1; added=c")
      #expect(request.fields.list.contains { $0.name == "X-Client" })
    }

    @Test func theBodyPassesByTheFunction() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { ok($0.bodyText) } }
      let skerry = try program(before: origin, viewerRequest: "function handler(event) { event.request.uri = '/moved'; return event.request; }")
      let response = try skerry.viewer().exchange("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello")
      #expect(response.bodyText == "hello")
      #expect(origin.requests.first?.target == "/moved")
    }

    @Test func aGeneratedAnswerToAPostLeavesTheConnectionInOrder() throws {
      let origin = try echoingOrigin()
      let skerry = try program(before: origin, viewerRequest: """
        function handler(event) { return event.request.method == 'POST' ? { statusCode: 401 } : event.request; }
        """)
      let viewer = try skerry.viewer()
      #expect(try viewer.exchange("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 40\r\n\r\nGET /inside HTTP/1.1\r\nHost: other.te\r\n\r\n").status == 401)
      #expect(try viewer.exchange("GET /after HTTP/1.1\r\nHost: a.test\r\n\r\n").bodyText == "origin saw /after")
      #expect(!origin.everything.holds("/inside"))
    }

    /// Every request starts from the same heap: nothing of one is seen by the next.
    @Test func nothingIsRememberedBetweenRequests() throws {
      let origin = try echoingOrigin()
      let skerry = try program(before: origin, viewerRequest: """
        let count = 0; const seen = [];
        function handler(event) {
          count++; seen.push(event.request.uri); globalThis.leak = (globalThis.leak || 0) + 1; Array.prototype.mine = (Array.prototype.mine || 0) + 1;
          return { statusCode: 200, body: [count, seen.length, globalThis.leak, Array.prototype.mine].join() };
        }
        """)
      let viewer = try skerry.viewer()
      for _ in 0..<20 { #expect(try viewer.exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").bodyText == "1,1,1,1") }
    }

    // MARK: viewer-response

    @Test func aResponseIsChanged() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok("body", fields: "X-Powered-By: x\r\nSet-Cookie: a=1; Path=/\r\n") } }
      let skerry = try program(before: origin, viewerResponse: """
        function handler(event) {
          const response = event.response;
          response.headers['strict-transport-security'] = { value: 'max-age=63072000' };
          delete response.headers['x-powered-by'];
          response.headers['x-status'] = { value: String(response.statusCode) };
          response.cookies.b = { value: '2', attributes: 'Secure' };
          response.statusCode = 203;
          response.statusDescription = 'Changed';
          return response;
        }
        """)
      let response = try skerry.viewer().exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
      #expect(response.line == "HTTP/1.1 203 Changed")
      #expect(response.bodyText == "body")
      #expect(response.fields["strict-transport-security"] == "max-age=63072000")
      #expect(response.fields["x-powered-by"] == nil)
      #expect(response.fields["x-status"] == "200")
      #expect(response.fields.all("set-cookie") == ["a=1; Path=/", "b=2; Secure"])
    }

    @Test func aResponseBodyIsReplaced() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok("the origin's long body") } }
      let skerry = try program(before: origin, viewerResponse: "function handler(event) { event.response.body = 'mine'; return event.response; }")
      let viewer = try skerry.viewer()
      for _ in 0..<2 {
        let response = try viewer.exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        #expect(response.bodyText == "mine")
      }
    }

    /// spec/cloudfront-functions.md 1: not for origin errors, not for generated responses.
    @Test func viewerResponseDoesNotRunForErrorsAndGeneratedResponses() throws {
      let origin = try ScriptedOrigin { connection in
        try connection.answerAll { $0.target == "/good" ? ok("good") : "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope" }
      }
      let skerry = try program(
        before: origin,
        viewerRequest: "function handler(event) { return event.request.uri == '/generated' ? { statusCode: 200 } : event.request; }",
        viewerResponse: "function handler(event) { event.response.headers['x-ran'] = { value: 'yes' }; return event.response; }")
      let viewer = try skerry.viewer()
      #expect(try viewer.exchange("GET /good HTTP/1.1\r\nHost: a.test\r\n\r\n").fields["x-ran"] == "yes")
      let missing = try viewer.exchange("GET /missing HTTP/1.1\r\nHost: a.test\r\n\r\n")
      #expect(missing.status == 404 && missing.bodyText == "nope" && missing.fields["x-ran"] == nil)
      #expect(try viewer.exchange("GET /generated HTTP/1.1\r\nHost: a.test\r\n\r\n").fields["x-ran"] == nil)
    }

    /// What the behavior does not let through of the origin's cookies is gone before the function; what the function says is its own.
    @Test(arguments: ["", "event.response.body = 'x';", "event.response.statusCode = 204;"])
    func aFunctionsCookiesPassTheOriginsDoNot(more: String) throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok("body", fields: "Set-Cookie: origin=1\r\n") } }
      let skerry = try startSkerry(
        before: origin, more: "functions:\n  f: { runtime: cloudfront-js-2.0, code: f.js }\n",
        files: ["f.js": """
          function handler(event) {
            const seen = Object.keys(event.response.cookies).length;
            event.response.cookies.own = { value: String(seen) };
            \(more)
            return event.response;
          }
          """]
      ) { distribution in
        distribution.originRequestPolicy = nil
        distribution.behavior = "functions: { viewer-response: f }"
      }
      let response = try skerry.viewer().exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
      #expect(response.fields.all("set-cookie") == ["own=0"])
    }

    // MARK: Failing

    /// Each ends as the table of spec/cloudfront-functions.md 5 says, and the next request is served as ever.
    @Test(arguments: [
      ("an endless loop", "while (true) {}", 503), ("an endless recursion", "(function f() { f(); })()", 503),
      ("an exception", "throw new Error('on purpose')", 503), ("a missing property", "event.nothing.at.all", 503),
      ("a rejected promise", "return Promise.reject(new Error('no'))", 503), ("a promise that never settles", "return new Promise(() => {})", 503),
      ("too much memory", "let a = []; while (true) a.push(new Array(1000).fill(1))", 503),
      ("a native call that takes forever", "'a'.repeat(30000).match(/(a+)+b/)", 503),
      ("a huge sort", "Array.from({ length: 90000 }, (_, i) => -i).sort()", 503),
      ("undefined", "return undefined", 502), ("null", "return null", 502), ("a string", "return 'hello'", 502), ("the event", "return event", 502),
      ("a number", "return 42", 502), ("a status out of range", "return { statusCode: 1000 }", 502), ("a status that is no number", "return { statusCode: 'x' }", 502),
      ("a header with upper-case letters", "return { statusCode: 200, headers: { Location: { value: '/' } } }", 502),
      ("a header that is a string", "return { statusCode: 200, headers: { location: '/' } }", 502),
      ("a line break in a header", "return { statusCode: 200, headers: { a: { value: 'x\\r\\nSmuggled: y' } } }", 502),
      ("a bad header name", "return { statusCode: 200, headers: { 'a b': { value: 'x' } } }", 502),
      ("a uri without slash", "event.request.uri = 'x'; return event.request", 502),
      ("a uri with a line break", "event.request.uri = '/x HTTP/1.1\\r\\nA: b'; return event.request", 502),
      ("a read-only header", "event.request.headers.host = { value: 'other' }; return event.request", 502),
      ("a disallowed header", "event.request.headers['x-amz-cf-id'] = { value: 'x' }; return event.request", 502),
      ("the method", "event.request.method = 'DELETE'; return event.request", 502),
      ("bad base64", "return { statusCode: 200, body: { encoding: 'base64', data: '!' } }", 502),
      ("an unknown encoding", "return { statusCode: 200, body: { encoding: 'gzip', data: 'x' } }", 502),
    ])
    func aFailingFunction(what: String, code: String, status: Int) throws {
      let origin = try echoingOrigin()
      let skerry = try program(before: origin, viewerRequest: """
        function handler(event) {
          if (event.request.uri == '/good') return event.request;
          \(code);
          return event.request;
        }
        """)
      let viewer = try skerry.viewer()
      for _ in 0..<3 {
        let response = try viewer.exchange("GET /bad HTTP/1.1\r\nHost: a.test\r\n\r\n")
        #expect(response.status == status)
        #expect(response.fields["x-cache"] == (status == 503 ? "FunctionExecutionError from cloudfront" : "FunctionValidationError from cloudfront"))
        #expect(response.fields["smuggled"] == nil)
        #expect(response.bodyText.contains("Generated by cloudfront (CloudFront)"))
      }
      #expect(try viewer.exchange("GET /good HTTP/1.1\r\nHost: a.test\r\n\r\n").bodyText == "origin saw /good")
      #expect(origin.requests.map(\.target) == ["/good"])
    }

    @Test(arguments: [("throw new Error('x')", 503, "FunctionExecutionError"), ("return event.request", 502, "FunctionValidationError"), ("event.response.headers.via = { value: 'x' }; return event.response", 502, "FunctionValidationError")])
    func aFailingViewerResponseFunction(code: String, status: Int, result: String) throws {
      let origin = try echoingOrigin()
      let skerry = try program(before: origin, viewerResponse: "function handler(event) { if (event.request.uri == '/good') return event.response; \(code); }")
      let viewer = try skerry.viewer()
      let response = try viewer.exchange("GET /bad HTTP/1.1\r\nHost: a.test\r\n\r\n")
      #expect(response.status == status)
      #expect(response.fields["x-cache"] == "\(result) from cloudfront")
      #expect(!response.bodyText.contains("origin saw"))
      #expect(try viewer.exchange("GET /good HTTP/1.1\r\nHost: a.test\r\n\r\n").bodyText == "origin saw /good")
    }

    /// A killed function takes about its limit, not more, and the worker serves others meanwhile and afterwards.
    @Test func aLoopIsEndedAtItsLimit() throws {
      let origin = try echoingOrigin()
      let skerry = try program(
        before: origin, viewerRequest: "function handler(event) { while (event.request.uri == '/loop'); return event.request; }",
        more: "limits: { rewriteEngine: { cpuTime: 20ms } }")
      let viewer = try skerry.viewer()
      let start = ContinuousClock.now
      for _ in 0..<10 { #expect(try viewer.exchange("GET /loop HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 503) }
      let elapsed = ContinuousClock.now - start
      #expect(elapsed > .milliseconds(200))
      #expect(try viewer.exchange("GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 200)
      #expect(try skerry.metrics()["skerry_function_runs_total{outcome=\"cpu_limit\"}"] == 10)
    }

    /// A function that is killed again and again may not own a worker (design/rewrite-engine.md).
    @Test func aFunctionKilledTooOftenIsThrottled() throws {
      let origin = try echoingOrigin()
      let skerry = try program(
        before: origin, viewerRequest: "function handler(event) { while (true); }",
        more: "limits: { rewriteEngine: { throttleKills: 5, throttleWindow: 60s } }")
      let viewer = try skerry.viewer()
      let results = try (0..<30).map { _ in try viewer.exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").fields["x-cache"] ?? "" }
      #expect(results.first == "FunctionExecutionError from cloudfront")
      #expect(results.last == "FunctionThrottledError from cloudfront")
    }

    // MARK: Fairness

    /// One worker; below /slow/ a function that never ends by itself, everywhere else one that is quick.
    private func programWithASlowFunction(before origin: ScriptedOrigin, cpuTime: String, more: String = "") throws -> Skerry {
      try startSkerry(
        before: origin,
        more: """
          functions:
            quick: { runtime: cloudfront-js-2.0, code: quick.js }
            slow: { runtime: cloudfront-js-2.0, code: slow.js }
          limits: { rewriteEngine: { cpuTime: \(cpuTime), throttleKills: 100000\(more) } }
          """,
        files: ["quick.js": "function handler(event) { return { statusCode: 204 }; }", "slow.js": "function handler(event) { while (true); }"],
        arguments: ["--workers", "1"]
      ) { distribution in
        distribution.behavior = "functions: { viewer-request: quick }"
        distribution.more = """
          behaviors:
            - path: /slow/*
              origin: app
              cachePolicy: CachingDisabled
              functions: { viewer-request: slow }
          """
      }
    }

    @Test(arguments: [1, 20]) func aQuickFunctionDoesNotWaitForAllSlowOnes(connections: Int) throws {
      let origin = try echoingOrigin()
      let skerry = try programWithASlowFunction(before: origin, cpuTime: "20ms")
      let quick = try skerry.viewer(), slow = try (0..<connections).map { _ in try skerry.viewer() }
      _ = try quick.exchange("GET /warm HTTP/1.1\r\nHost: a.test\r\n\r\n")
      for viewer in slow { try viewer.send(String(repeating: "GET /slow/ HTTP/1.1\r\nHost: a.test\r\n\r\n", count: 20 / connections)) }
      #expect(try quick.exchange("GET /quick HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 204)
      for viewer in slow { for _ in 0..<20 / connections { #expect(try viewer.readResponse().status == 503) } }
      // Lines stand in the order of their ends: the quick one is not behind all of the slow ones it came after.
      try eventually("all lines") { try skerry.accessLog().count == 22 }
      let place = try #require(try skerry.accessLog().firstIndex { $0["uri"] == .text("/quick") })
      #expect(place <= 11)
    }

    @Test func onlySoManySlowFunctionsWait() throws {
      let origin = try echoingOrigin()
      let skerry = try programWithASlowFunction(before: origin, cpuTime: "5ms")
      let viewers = try (0..<160).map { _ in try skerry.viewer() }
      for viewer in viewers { try viewer.send("GET /slow/ HTTP/1.1\r\nHost: a.test\r\n\r\n") }
      let answers = try viewers.map { try $0.readResponse().fields["x-cache"] }
      let throttled = answers.count { $0 == "FunctionThrottledError from cloudfront" }
      #expect(throttled > 0 && throttled < 32)
      #expect(try skerry.metrics()["skerry_function_runs_total{outcome=\"throttled\"}"] == Double(throttled))
    }

    /// One runs, three wait, whoever comes then is told why it is not served.
    @Test func theLimitOfWaitingRunsIsExact() throws {
      let origin = try echoingOrigin()
      let skerry = try programWithASlowFunction(before: origin, cpuTime: "200ms", more: ", waitingRuns: 3")
      let viewers = try (0..<8).map { _ in try skerry.viewer() }
      try viewers[0].send("GET /slow/ HTTP/1.1\r\nHost: a.test\r\n\r\n")   // its function is built and runs; the others arrive meanwhile
      usleep(50_000)
      for viewer in viewers.dropFirst() { try viewer.send("GET /slow/ HTTP/1.1\r\nHost: a.test\r\n\r\n") }
      let answers = try viewers.map { try $0.readResponse() }
      let refused = answers.filter { $0.fields["x-cache"] == "FunctionThrottledError from cloudfront" }
      #expect((3...4).contains(refused.count))   // one of those that wait may have begun before the last arrived
      for answer in refused { #expect(answer.status == 503 && answer.bodyText.contains("too many requests wait")) }
      #expect(try skerry.metrics()["skerry_limits_reached_total{limit=\"waiting_runs\"}"] == Double(refused.count))
    }

    @Test func whatAFunctionLogsIsKept() throws {
      let origin = try echoingOrigin()
      let skerry = try program(before: origin, viewerRequest: "function handler(event) { console.log('seen ' + event.request.uri); return event.request; }")
      _ = try skerry.viewer().exchange("GET /told HTTP/1.1\r\nHost: a.test\r\n\r\n")
      try eventually("the function's words") { skerry.standardError.contains("seen /told") }
    }
  }
}
