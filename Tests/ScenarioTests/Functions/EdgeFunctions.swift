// Lambda@Edge handlers in real sandboxes at all four events (spec/lambda-at-edge.md, 1 to 7; issue 7, points 1 and 2): what they see, what
// they may change, what becomes of it.
import Foundation
import Testing

/// A program with one Node.js function, `f`, at some events of a behavior that caches.
struct EdgeProgram {
  let program: CacheProgram
  var origin: ScriptedOrigin { program.origin }
  var skerry: Skerry { program.skerry }

  /// - Parameters:
  ///   - events: where `f` runs.
  ///   - body: of the handler; `cf` is the event's record, `kind` its type.
  ///   - settings: of the function, beside runtime and code; in YAML's braces.
  init(
    _ events: [String], _ body: String, settings: String = "", policy: String = "queryStrings: all", behavior: String = "", requestPolicy: String = "AllViewer",
    log: String = "all", more: String = "", distribution: String = "", files: [String: String] = [:],
    _ answer: @escaping CacheProgram.Answer = { request, connection in try connection.send(ok("the origin's \(request.target)", fields: "Cache-Control: max-age=60\r\n")) }
  ) throws {
    let code = """
      exports.handler = async (event, context) => {
        const cf = event.Records[0].cf, kind = cf.config.eventType;
        \(body)
        return kind.endsWith('request') ? cf.request : cf.response;
      };
      """
    program = try CacheProgram(
      policy: policy, behavior: "functions: { \(events.map { "\($0): f" }.joined(separator: ", ")) }\n\(behavior)", log: log,
      more: "functions: { f: { runtime: nodejs20.x, code: f\(settings.isEmpty ? "" : ", " + settings) } }\n\(more)", requestPolicy: requestPolicy,
      distribution: distribution, files: files.merging(["f/index.js": code]) { $1 }, answer)
  }

  func get(_ path: String, _ fields: String..., method: String = "GET") throws -> Response {
    let lines = fields.map { $0 + "\r\n" }.joined()
    return try skerry.viewer().exchange("\(method) \(path) HTTP/1.1\r\nHost: a.test\r\n\(lines)Connection: close\r\n\r\n", to: method)
  }

  /// A request with a body of this length.
  func post(_ path: String, _ body: String) throws -> Response {
    try skerry.viewer().exchange("POST \(path) HTTP/1.1\r\nHost: a.test\r\nContent-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n\(body)")
  }

  func runs(_ event: String, _ outcome: String) throws -> Double {
    try skerry.metrics()["skerry_function_runs_total{function=\"f\",event=\"\(event)\",outcome=\"\(outcome)\"}"]
  }

  static let all = ["viewer-request", "origin-request", "origin-response", "viewer-response"]
}

extension Scenarios {
  @Suite struct EdgeFunctions {
    @Test func allFourEventsOfAMissAndTwoOfAHit() throws {
      let program = try EdgeProgram(
        EdgeProgram.all,
        """
        const message = kind.endsWith('request') ? cf.request : cf.response;
        message.headers['x-' + kind] = [{ key: 'X-' + kind, value: Object.keys(cf.request).sort().join(' ') }];
        """)
      let miss = try program.get("/a?b=c")
      #expect(miss.status == 200 && miss.cache == "Miss" && miss.bodyText == "the origin's /a?b=c")
      let viewer = "clientIp headers method querystring uri", origin = "clientIp headers method origin querystring uri"
      #expect(miss.fields["x-origin-response"] == origin && miss.fields["x-viewer-response"] == viewer)
      let request = try #require(program.origin.requests.first)
      #expect(request.fields["x-viewer-request"] == viewer && request.fields["x-origin-request"] == origin && request.fields["host"] == "a.test")
      let hit = try program.get("/a?b=c")
      #expect(hit.cache == "Hit" && hit.fields["x-origin-response"] == origin && hit.fields["x-viewer-response"] == viewer)
      #expect(program.origin.requests.count == 1)
      for (event, count) in [("viewer-request", 2.0), ("origin-request", 1), ("origin-response", 1), ("viewer-response", 2)] {
        #expect(try program.runs(event, "continued") == count, "\(event)")
      }
      let line = try program.skerry.waitForLogLine("of the hit") { $0["resultType"] == .text("Hit") }
      #expect(line["status"] == .number(200))
      _ = try program.skerry.waitForLogLine("of the miss") { $0["resultType"] == .text("Miss") }   // another worker's, it may be
      let log = try fileText(program.skerry.folder.appendingPathComponent("access.log").path)
      #expect(log.contains(#"{"name":"f","event":"origin-request","outcome":"continued","durationMicroseconds":"#), "\(log)")
    }

    /// Hits that nothing asks for the head of are sent as they are stored; a viewer-response function does.
    @Test func aHitIsSeenWhateverTheLogTells() throws {
      let program = try EdgeProgram(["viewer-response"], "cf.response.headers['x-seen'] = [{ value: cf.response.status }];", log: "[uri, status]")
      for result in ["Miss", "Hit", "Hit"] {
        let response = try program.get("/a")
        #expect(response.cache == result && response.fields["x-seen"] == "200")
      }
    }

    /// The event as its documentation has it, with the values of this request.
    @Test func theOriginRequestEvent() throws {
      let program = try EdgeProgram(
        ["origin-request"], "return { status: '200', headers: { 'content-type': [{ value: 'application/json' }] }, body: JSON.stringify(event) };",
        requestPolicy: "UserAgentRefererHeaders")
      let response = try program.get("/a%20b?x=1", "User-Agent: curl", "X-Other: dropped", "Cookie: a=1")
      #expect(response.cache == "LambdaGeneratedResponse" && response.fields["content-type"] == "application/json")
      #expect(response.bodyText.hasPrefix(#"{"Records":[{"cf":{"config":{"distributionDomainName":"e0.cloudfront.net","distributionId":"E0","eventType":"origin-request","requestId":""#))
      for part in [
        #""clientIp":"127.0.0.1""#, #""method":"GET""#, #""uri":"/a%20b""#, #""querystring":"x=1""#, #""user-agent":[{"key":"User-Agent","value":"curl"}]"#,
        #""host":[{"key":"Host","value":"127.0.0.1:\#(program.origin.port)"}]"#, #""x-forwarded-for":[{"key":"X-Forwarded-For","value":"127.0.0.1"}]"#, #""via":[{"key":"Via","value":"1.1 e0.cloudfront.net (CloudFront)"}]"#,
        #""origin":{"custom":{"customHeaders":{},"domainName":"127.0.0.1","keepaliveTimeout":5,"path":"","port":\#(program.origin.port),"protocol":"http","readTimeout":30,"sslProtocols":["TLSv1.2"]}}"#,
      ] { #expect(response.bodyText.contains(part), "\(part) in \(response.bodyText)") }
      for hidden in ["x-other", "x-amz-cf-id", "connection", "cookie"] { #expect(!response.bodyText.contains("\"\(hidden)\":"), "\(hidden)") }
      #expect(program.origin.requests.isEmpty)
    }

    @Test func aViewerRequestFunctionAnswers() throws {
      let program = try EdgeProgram(
        ["viewer-request", "viewer-response"],
        """
        if (kind == 'viewer-response') { cf.response.headers['x-after'] = [{ value: 'yes' }]; return cf.response; }
        if (cf.request.uri == '/go') return { status: '302', statusDescription: 'Elsewhere', headers: { location: [{ key: 'Location', value: '/there' }], 'set-cookie': [{ value: 'a=1' }, { value: 'b=2' }] } };
        if (cf.request.uri == '/bytes') return { status: '200', headers: {}, bodyEncoding: 'base64', body: Buffer.from([0, 255, 10]).toString('base64') };
        cf.request.uri = '/other'; cf.request.querystring = 'q=1';
        """)
      for _ in 0..<2 {
        let response = try program.get("/go")
        #expect(response.line == "HTTP/1.1 302 Elsewhere" && response.fields["location"] == "/there" && response.fields["content-length"] == "0")
        #expect(response.fields["x-cache"] == "LambdaGeneratedResponse from cloudfront" && response.fields["x-after"] == nil)
        #expect(response.fields.all("set-cookie") == ["a=1", "b=2"])
      }
      #expect(try program.get("/bytes").body == [0, 255, 10])
      #expect(program.origin.requests.isEmpty)
      let changed = try program.get("/x")
      #expect(changed.bodyText == "the origin's /other?q=1" && changed.fields["x-after"] == "yes")
      let line = try program.skerry.waitForLogLine("of the answer") { $0["uri"] == .text("/go") }
      #expect(line["resultType"] == .text("LambdaGeneratedResponse") && line["status"] == .number(302))
      #expect(try program.runs("viewer-request", "responded") == 3)
    }

    /// It stands for the origin's answer: cached by its own Cache-Control, seen by viewer-response, and no error page takes its place.
    @Test func anOriginRequestFunctionAnswers() throws {
      let program = try EdgeProgram(
        ["origin-request", "origin-response", "viewer-response"],
        """
        if (kind == 'origin-request') return { status: cf.request.uri == '/bad' ? '404' : '200', headers: { 'cache-control': [{ value: 'max-age=60' }] }, body: 'made of ' + cf.request.uri };
        cf.response.headers['x-' + kind] = [{ value: 'ran' }];
        """, distribution: "errorResponses: [ { errorCode: 404, responsePagePath: /page, responseCode: 404 } ]")
      let miss = try program.get("/a"), hit = try program.get("/a")
      #expect(miss.cache == "LambdaGeneratedResponse" && hit.cache == "Hit" && miss.bodyText == "made of /a" && hit.bodyText == "made of /a")
      for response in [miss, hit] { #expect(response.fields["x-viewer-response"] == "ran" && response.fields["x-origin-response"] == nil) }
      let bad = try program.get("/bad"), again = try program.get("/bad")
      #expect(bad.status == 404 && bad.bodyText == "made of /bad" && bad.fields["x-viewer-response"] == nil)
      #expect(again.status == 404 && again.bodyText == "made of /bad")
      #expect(program.origin.requests.isEmpty)
      #expect(try program.runs("origin-request", "responded") == 2)
      let line = try program.skerry.waitForLogLine("of the miss") { $0["detailedResultType"] == .text("MissGeneratedResponse") }
      #expect(line["resultType"] == .text("LambdaGeneratedResponse"))
    }

    /// Every status of the origin reaches origin-response; what it says then is what counts.
    @Test func anOriginResponseFunctionChangesErrors() throws {
      let program = try EdgeProgram(
        ["origin-response", "viewer-response"],
        """
        if (kind == 'viewer-response') { cf.response.headers['x-viewer-response'] = [{ value: 'ran' }]; return cf.response; }
        cf.response.headers['x-was'] = [{ value: cf.response.status + ' ' + cf.response.statusDescription }];
        if (cf.request.uri == '/fixed') { cf.response.status = '200'; cf.response.statusDescription = 'OK'; cf.response.body = 'instead'; cf.response.headers['cache-control'] = [{ value: 'max-age=60' }]; }
        if (cf.request.uri == '/empty') { cf.response.status = 200; cf.response.body = ''; }
        if (cf.request.uri == '/broken') { cf.response.status = '500'; }
        """) { request, connection in
          try connection.send(answer("of the origin", status: request.target == "/broken" ? "200 OK" : "404 Gone Away"))
        }
      for result in ["Miss", "Hit"] {
        let fixed = try program.get("/fixed")
        #expect(fixed.status == 200 && fixed.cache == result && fixed.bodyText == "instead" && fixed.fields["x-was"] == "404 Gone Away" && fixed.fields["x-viewer-response"] == "ran")
      }
      let kept = try program.get("/kept")
      #expect(kept.status == 404 && kept.cache == "Error" && kept.bodyText == "of the origin" && kept.fields["x-viewer-response"] == nil)
      let empty = try program.get("/empty")
      #expect(empty.status == 200 && empty.bodyText == "" && empty.fields["content-length"] == "0")
      let broken = try program.get("/broken")
      #expect(broken.line == "HTTP/1.1 500 Internal Server Error" && broken.cache == "Error" && broken.bodyText == "of the origin")
      #expect(program.origin.requests.map(\.target) == ["/fixed", "/kept", "/empty", "/broken"])
    }

    /// What may have no content has none, and says nothing of its length (RFC 9110, 8.6, 15.3.6 and 15.4.5).
    @Test func generatedAnswersWithoutContent() throws {
      let program = try EdgeProgram(["viewer-request"], "const [, status, body] = cf.request.uri.split('/'); return { status, ...(body && { body }) };")
      for (path, length) in [("/304/", nil), ("/304/x", nil), ("/204/", nil), ("/205/", "0"), ("/205/x", "0"), ("/200/", "0")] as [(String, String?)] {
        let viewer = try program.skerry.viewer()
        try viewer.send("GET \(path) HTTP/1.1\r\nHost: a.test\r\n\r\nGET /200/behind HTTP/1.1\r\nHost: a.test\r\n\r\n")
        let answer = try viewer.readResponse()
        #expect(answer.status == Int(path.split(separator: "/")[0]) && answer.fields["content-length"] == length && answer.bodyText.isEmpty, "\(path): \(answer.line)")
        #expect(try viewer.readResponse().bodyText == "behind", "\(path)")
      }
    }

    /// Validating what is stored is a request to the origin, too (304 as the status of the event).
    @Test func validatingIsSeen() throws {
      let program = try EdgeProgram(
        ["origin-request", "origin-response"],
        """
        if (kind == 'origin-request') cf.request.headers['x-seen'] = [{ value: String((cf.request.headers['if-none-match'] || [{}])[0].value) }];
        else cf.response.headers['x-status'] = [{ value: cf.response.status }];
        """, policy: "minTTL: 0", requestPolicy: "UserAgentRefererHeaders") { request, connection in
          let tag = request.fields["if-none-match"]
          try connection.send(tag == nil ? answer("whole", "ETag: \"1\"", "Cache-Control: max-age=10") : "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\nCache-Control: max-age=10\r\n\r\n")
        }
      #expect(try program.get("/a").fields["x-status"] == "200")
      try program.skerry.moveClock(to: 20)
      let second = try program.get("/a")
      #expect(second.cache == "RefreshHit" && second.bodyText == "whole" && second.fields["x-status"] == "304")
      #expect(program.origin.requests.map { $0.fields["x-seen"] } == ["undefined", "\"1\""])
    }

    // MARK: Bodies

    @Test(arguments: [("viewer-request", 40_960), ("origin-request", 1_048_576)])
    func bodiesAreShownUpToALimitAndGoOnWhole(_ event: String, _ limit: Int) throws {
      let program = try EdgeProgram(
        [event], "const b = cf.request.body, d = Buffer.from(b.data, 'base64'); cf.request.headers['x-body'] = [{ value: [b.action, b.encoding, b.inputTruncated, d.length, d.slice(0, 5)].join(' ') }];",
        settings: "includeBody: true") { request, connection in try connection.send(ok("\(request.fields["x-body"] ?? "-") | \(request.body.count)")) }
      #expect(try program.post("/", "hello").bodyText == "read-only base64 false 5 hello | 5")
      #expect(try program.post("/", "").bodyText == "read-only base64 false 0 | 0")
      #expect(try program.post("/", String(repeating: "x", count: limit)).bodyText == "read-only base64 false \(limit) xxxxx | \(limit)")
      #expect(try program.post("/", String(repeating: "x", count: limit + 1)).bodyText == "read-only base64 true \(limit) xxxxx | \(limit + 1)")
      let chunked = try program.skerry.viewer().exchange("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")
      #expect(chunked.bodyText == "read-only base64 false 5 hello | 5" || chunked.status == 100)
    }

    @Test(arguments: ["viewer-request", "origin-request"])
    func bodiesAreReplaced(_ event: String) throws {
      let program = try EdgeProgram(
        [event], "cf.request.body.action = 'replace'; if (cf.request.uri == '/text') cf.request.body.encoding = 'text'; cf.request.body.data = cf.request.uri == '/empty' ? '' : cf.request.uri == '/text' ? 'new text' : Buffer.from('new').toString('base64');",
        settings: "includeBody: true") { request, connection in try connection.send(ok("\(request.bodyText) | \(request.fields["content-length"] ?? "-") \(request.fields["transfer-encoding"] ?? "-")")) }
      #expect(try program.post("/base64", "the viewer's own").bodyText == "new | 3 -")
      #expect(try program.post("/text", String(repeating: "long ", count: 300_000)).bodyText == "new text | 8 -")
      #expect(try program.post("/empty", "x").bodyText == " | 0 -")
      let viewer = try program.skerry.viewer()
      for _ in 0..<2 {   // the connection lives on
        #expect(try viewer.exchange("PUT /chunks HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nold\r\n0\r\n\r\n").bodyText == "new | 3 -")
      }
    }

    /// Bodies that come in slowly, or of very many viewers, take no more memory than there is for them: further ones are refused, those are read on.
    @Test(arguments: [("viewer-request", 40_960), ("origin-request", 1_048_576)])
    func allBodiesHaveALimit(_ event: String, _ length: Int) throws {
      let program = try EdgeProgram([event], "", settings: "includeBody: true", more: "functionTier: { eventMemory: 8MiB }") { request, connection in
        try connection.send(ok("\(request.body.count)"))
      }
      let body = String(repeating: "x", count: length)
      #expect(try program.post("/", body).bodyText == "\(length)")
      func begun() throws -> ScriptedViewer {
        let viewer = try program.skerry.viewer()
        try viewer.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: \(length)\r\nConnection: close\r\n\r\n" + body.dropLast())
        return viewer
      }
      let most = (8 << 20) / length
      var viewers = try (0..<most).map { _ in try begun() }
      let refused: Response = try eventually("all memory to be taken") {
        let response = try program.post("/", body)
        if response.status == 503 { return response }
        viewers.append(try begun())   // whole before the others had come in, or it was one of them that had no room
        return nil
      }
      #expect(refused.cache == "LambdaLimitExceeded")
      let statuses = viewers.map { viewer in
        viewer.sendUntilRefused("x")
        return try? viewer.readResponse().status
      }
      #expect(statuses.count { $0 == 200 } >= most - 1, "\(statuses)")
      #expect(try program.post("/", body).bodyText == "\(length)")
      let reached = try program.skerry.metrics()["skerry_limits_reached_total{limit=\"event_memory\"}"]
      #expect(try reached >= 1 && program.runs(event, "throttled") == reached)
    }

    @Test func aBodyIsNotShownUnasked() throws {
      let program = try EdgeProgram(["viewer-request"], "cf.request.headers['x-body'] = [{ value: typeof cf.request.body }];") { request, connection in
        try connection.send(ok("\(request.fields["x-body"] ?? "-") \(request.bodyText)"))
      }
      #expect(try program.post("/", "hello").bodyText == "undefined hello")
    }

    // MARK: Origins

    @Test func theFunctionChoosesTheOrigin() throws {
      let other = try ScriptedOrigin { try $0.answerAll { ok("other \($0.target) host \($0.fields["host"] ?? "-") x-key \($0.fields["x-key"] ?? "-")") } }
      let program = try EdgeProgram(
        ["origin-request"],
        """
        const port = Number(cf.request.querystring);
        if (cf.request.uri == '/path') cf.request.origin.custom.path = '/v2';
        else if (cf.request.uri == '/same') cf.request.origin.custom.customHeaders['x-key'] = [{ key: 'X-Key', value: 'mine' }];
        else {
          cf.request.origin = { custom: { domainName: 'localhost', port, protocol: 'http', path: '/base', sslProtocols: ['TLSv1.2'], readTimeout: 5, keepaliveTimeout: 5, customHeaders: { 'x-key': [{ key: 'X-Key', value: 'k' }] } } };
          if (cf.request.uri == '/host') cf.request.headers.host = [{ key: 'Host', value: 'localhost' }];
        }
        """, more: "functionOrigins: any") { request, connection in try connection.send(ok("app \(request.target) x-key \(request.fields["x-key"] ?? "-")")) }
      #expect(try program.get("/a?\(other.port)").bodyText == "other /base/a?\(other.port) host a.test x-key k")
      #expect(try program.get("/host?\(other.port)").bodyText == "other /base/host?\(other.port) host localhost x-key k")
      #expect(try program.get("/path?1").bodyText == "app /v2/path?1 x-key -")
      #expect(try program.get("/same?1").bodyText == "app /same?1 x-key mine")
      #expect(try program.get("/a?1").fields["x-cache"] == "LambdaValidationError from cloudfront")   // port 1
      let line = try program.skerry.waitForLogLine("of the other") { $0["origin"] == .text("localhost") }
      #expect(line["status"] == .number(200))
    }

    /// The same guards as for the rewrite engine's: no private addresses unless they are allowed.
    @Test func privateAddressesAreRefused() throws {
      let program = try EdgeProgram(
        ["origin-request"], "cf.request.origin.custom.domainName = 'localhost';", more: "functionOrigins: public")
      #expect(try program.get("/").status == 502)
      #expect(program.origin.connectionCount == 0)
      let line = try program.skerry.waitForLogLine("of the refusal") { $0["status"] == .number(502) }
      #expect(line["error"]?.description.contains("localhost") == true, "\(line)")
    }

    @Test func bothMembersOfAGroup() throws {
      let spare = try ScriptedOrigin { try $0.answerAll { ok("spare \($0.fields["x-attempt"] ?? "-")") } }
      let program = try EdgeProgram(
        ["origin-request", "origin-response"],
        "if (kind == 'origin-request') cf.request.headers['x-attempt'] = [{ value: String(cf.request.origin.custom.port) }]; else cf.response.headers['x-origin-status'] = [{ value: cf.response.status }];",
        behavior: "", distribution: "") { _, connection in try connection.send(answer("down", status: "500 Down")) }
      _ = spare; _ = program
      // A program of its own: the target is the group.
      let code = try fileText(program.skerry.folder.appendingPathComponent("f/index.js").path)
      let skerry = try startSkerry(before: program.origin, more: "functions: { f: { runtime: nodejs20.x, code: f } }", files: ["f/index.js": code]) { distribution in
        distribution.moreOrigins = "spare: \(spare.url)\n"
        distribution.more = "originGroups: { pair: { members: [app, spare], statusCodes: [500] } }"
        distribution.target = "pair"
        distribution.behavior = "functions: { origin-request: f, origin-response: f }"
        distribution.methods = "[GET, HEAD]"
      }
      let response = try skerry.viewer().exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
      #expect(response.bodyText == "spare \(spare.port)" && response.fields["x-origin-status"] == "200")
      let runs = try skerry.metrics()[#"skerry_function_runs_total{function="f",event="origin-request",outcome="continued"}"#]
      #expect(runs == 2)
    }

    @Test func aFolderIsABucket() throws {
      let program = try EdgeProgram([], "")
      let code = "exports.handler = async (e) => { const { request, response } = e.Records[0].cf; if (response) { if (response.status == '404') { response.status = '200'; response.body = JSON.stringify(request.origin); } return response; } if (request.uri == '/a') request.uri = '/b.txt'; return request; };"
      let skerry = try startSkerry(
        before: program.origin, more: "functions: { f: { runtime: nodejs20.x, code: f } }", files: ["f/index.js": code, "files/b.txt": "the file b"]
      ) { distribution in
        distribution.moreOrigins = "files: ./files\n"
        distribution.target = "files"
        distribution.methods = "[GET, HEAD]"
        distribution.behavior = "functions: { origin-request: f, origin-response: f }"
      }
      #expect(try skerry.viewer().exchange("GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n").bodyText == "the file b")
      let missing = try skerry.viewer().exchange("GET /c HTTP/1.1\r\nHost: a.test\r\n\r\n")
      #expect(missing.status == 200 && missing.bodyText == #"{"s3":{"authMethod":"none","customHeaders":{},"domainName":"files.s3.amazonaws.com","path":"","region":"local"}}"#)
    }
  }
}
