// skerry invoke, test and check with functions of the function tier (design/configuration.md; issue 7, point 6).
import Foundation
import JSONText
import Testing

@Suite struct TierCommandTests {
  private static let echo = "exports.handler = async (e, c) => { console.log('got', JSON.stringify(e)); if (e.bad) throw new TypeError('on purpose'); return { e, name: c.functionName }; };"

  @Test func invokingAFolder() throws {
    let folder = try Folder(["f/index.js": Self.echo, "f/function.yaml": "runtime: nodejs20.x\n", "event.json": #"{"a":1}"#, "bad.json": #"{"bad":true}"#])
    let good = try folder.skerry("invoke", "f", "event.json")
    #expect(good.status == 0, "\(good.errors)")
    let json = try good.json
    #expect(json["output"]?.compact == #"{"e":{"a":1},"name":"us-east-1.f"}"# && json["error"] == .null)
    #expect(json["logs"]?.array?.contains { $0.string?.contains("got {\"a\":1}") == true } == true)
    #expect(
      json.object?.members.map(\.name) == ["output", "logs", "error", "durationMilliseconds", "billedDurationMilliseconds", "maxMemoryUsedMB", "initDurationMilliseconds"])
    let bad = try folder.skerry("invoke", "f", "bad.json")
    #expect(bad.status == 1)
    #expect(try bad.json["error"]?.string == "TypeError: on purpose" && bad.json["output"] == .null)
  }

  @Test func invokingOtherForms() throws {
    let folder = try Folder([
      "app.py": "def handler(event, context):\n    print('hello')\n    return {'n': event['n'] + 1}\n", "event.json": #"{"n":1}"#, "plain.js": Self.echo,
      "edge.yaml": "listeners: [ { address: \"127.0.0.1:0\" } ]\nfunctions: { named: { runtime: nodejs20.x, code: plain.js } }\ndistributions: [ { id: E0, default: true, origins: { app: \"http://127.0.0.1:1\" }, defaultBehavior: { origin: app, cachePolicy: CachingDisabled } } ]\n",
    ])
    #expect(try folder.skerry("invoke", "app.py", "event.json").json["output"]?.compact == #"{"n":2}"#)
    #expect(try folder.skerry("invoke", "plain.js", "event.json", "--runtime", "nodejs20.x").json["output"]?["e"]?.compact == #"{"n":1}"#)
    #expect(try folder.skerry("invoke", "named", "event.json", "--config", "edge.yaml").json["output"]?["name"]?.string == "us-east-1.named")
  }

  /// What sandboxes would see of an interpreter must not hold the state folder: refused by a check and by a start.
  @Test func anInterpreterAroundTheState() throws {
    let configuration = """
      listeners: [ { address: "127.0.0.1:0" } ]
      state: lib/state
      functionTier: { python: bin/python3 }
      functions: { f: { runtime: python3.11, code: f, handler: app.handler } }
      distributions: [ { id: E0, default: true, origins: { app: "http://127.0.0.1:1" }, defaultBehavior: { origin: app, cachePolicy: CachingDisabled } } ]
      """
    let folder = try Folder(["f/app.py": "def handler(e, c): return e\n", "bin/python3": "", "lib/python3.11/os.py": "", "edge.yaml": configuration])
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path + "/bin/python3")
    for command in ["check", "serve"] {
      let outcome = try folder.skerry(command, "edge.yaml")
      #expect(outcome.status == (command == "check" ? 1 : 2))
      #expect((outcome.output + outcome.errors).contains("the state folder, \(folder.path)/lib/state, lies in it: keep one of them elsewhere"), "\(outcome)")
    }
  }

  @Test func testingCases() throws {
    let cases = """
      - name: the request is changed
        eventType: origin-request
        request: { uri: /old, headers: { host: h, accept: [a, b] } }
        expect: { request: { uri: /new, headers: { x-new: "yes", accept: [a, b], x-gone: null }, origin: null }, logs: [saw /old] }
      - name: an answer
        request: { uri: /go }
        expect: { response: { status: "302", statusCode: 302, headers: { location: /there } } }
      - name: what the proxy refuses
        request: { uri: /refused }
        expect: { error: "Validation error: The function tried to add a blacklisted header, headerName : x-edge-a" }
      - name: this one is wrong
        request: { uri: /old }
        expect: { request: { uri: /other } }
      """
    let code = """
      exports.handler = async (event) => {
        const { request } = event.Records[0].cf;
        console.log('saw', request.uri);
        if (request.uri == '/go') return { status: '302', headers: { location: [{ value: '/there' }] } };
        if (request.uri == '/refused') { request.headers['x-edge-a'] = [{ value: '1' }]; return request; }
        delete request.origin;
        request.uri = '/new'; request.headers['x-new'] = [{ value: 'yes' }];
        return request;
      };
      """
    let folder = try Folder(["Functions/f/index.js": code, "Functions/f/function.yaml": "runtime: nodejs20.x\neventType: viewer-request\n", "Functions/f/tests/a.yaml": cases])
    let outcome = try folder.skerry("test")
    #expect(outcome.status == 1 && outcome.output.contains("this one is wrong") && outcome.output.contains("/other"), "\(outcome.output)\(outcome.errors)")
    #expect(!outcome.output.contains("✘ an answer") && outcome.errors.contains("1 case failed"), "\(outcome.output)")
    let update = try folder.skerry("test", "--update")
    #expect(update.status == 0, "\(update.output)\(update.errors)")
    #expect(try folder.read("Functions/f/tests/a.yaml") == cases.replacing("uri: /other", with: "uri: /new"))
    #expect(try folder.skerry("test").status == 0)
  }

  /// A response alone is a case, too.
  @Test func testingResponses() throws {
    let folder = try Folder([
      "Functions/f/index.js": "exports.handler = async (event) => ({ ...event.Records[0].cf.response, status: '200', body: 'sorry' });",
      "Functions/f/function.yaml": "runtime: nodejs20.x\neventType: origin-response\n",
      "Functions/f/tests/a.yaml": "- name: errors become pages\n  response: { status: 503 }\n  expect: { response: { statusCode: 200, body: sorry } }\n",
    ])
    let outcome = try folder.skerry("test")
    #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
  }

  @Test func versionsAndAliases() throws {
    let folder = try Folder([
      "f/app.js": "exports.go = async () => 'first';", "event.json": "{}",
      "edge.yaml": """
        listeners: [ { address: "127.0.0.1:0" } ]
        functions: { f: { runtime: nodejs20.x, code: f, handler: app.go } }
        distributions:
          - id: E0
            default: true
            origins: { app: "http://127.0.0.1:1" }
            defaultBehavior:
              origin: app
              cachePolicy: CachingDisabled
              functions: { origin-request: "f:live", viewer-request: "f:2" }
        """,
    ])
    func check(_ texts: [String]) throws {
      let outcome = try folder.skerry("check", "edge.yaml")
      #expect(outcome.status == 1 && texts.allSatisfy { outcome.output.contains($0) }, "\(outcome.output)")
    }
    try check(["edge.yaml:10:36: error: nothing is published of f: skerry functions publish f", "edge.yaml:10:62: error: nothing is published of f"])
    #expect(try folder.skerry("functions", "publish", "f").output == "1\n")
    try check(["error: f has no alias \"live\": skerry functions alias f live 1", "error: f has no version 2; the newest is 1"])
    #expect(try folder.skerry("functions", "alias", "f", "live", "1").output == "f:live\t→ 1\n")
    try folder.write("f/app.js", "exports.go = async () => 'second';")
    #expect(try folder.skerry("functions", "publish", "f").output == "2\n")
    #expect(try folder.skerry("check", "edge.yaml").status == 0)
    for (name, result) in [("f", "second"), ("f:live", "first"), ("f:1", "first"), ("f:2", "second")] {
      let outcome = try folder.skerry("invoke", name, "event.json")
      #expect(try outcome.json["output"]?.string == result, "\(name): \(outcome.errors)")
    }
    #expect(try folder.skerry("invoke", "f/app.js", "event.json", "--runtime", "nodejs20.x", "--handler", "app.go").json["output"]?.string == "second")
    let refused: [([String], String)] = [
      (["invoke", "f:9", "event.json"], "f has no version 9"), (["invoke", "f:beta", "event.json"], "f has no alias beta"),
      (["functions", "alias", "f", "live", "1", "--errors", "5%"], "--errors is about a version that is tried out: it goes with --canary"),
      (["functions", "alias", "f", "live", "2", "--canary", "0%"], "a canary gets a share above 0"),
      (["functions", "alias", "f", "live", "2", "--canary", "10%", "--before", "g"], "--before: the configuration has no Lambda@Edge function g"),
      (["functions", "alias", "f", "live", "2", "--canary", "10%", "--weight", "1=5%"], "--weight and --sticky do not go with --canary"),
      (["functions", "list", "g"], "there is no function g"), (["functions", "publish", "g"], "the configuration has no function g"),
    ]
    for (arguments, text) in refused {
      let outcome = try folder.skerry(arguments)
      #expect(outcome.status == 2 && outcome.errors.contains(text), "\(arguments): \(outcome.status) \(outcome.errors)")
    }
  }

  @Test func checkingCode() throws {
    func config(_ function: String) -> String {
      "listeners: [ { address: \"127.0.0.1:0\" } ]\nfunctions: { f: { \(function) } }\ndistributions: [ { id: E0, default: true, origins: { app: \"http://127.0.0.1:1\" }, defaultBehavior: { origin: app, cachePolicy: CachingDisabled, functions: { origin-request: f } } } ]\n"
    }
    let folder = try Folder([
      "good/index.mjs": "export const handler = async (e) => e;\n", "bad/index.js": "exports.handler = async (e) => {\n  return e\n", "py/app.py": "def handler(e, c):\n    return (\n",
      "edge.yaml": config("runtime: nodejs20.x, code: good"), "bad.yaml": config("runtime: nodejs20.x, code: bad"), "py.yaml": config("runtime: python3.11, code: py, handler: app.handler"),
      "missing.yaml": config("runtime: nodejs20.x, code: good, handler: main.handler"),
    ])
    #expect(try folder.skerry("check", "edge.yaml").status == 0)
    for (file, text) in [("bad.yaml", "bad/index.js:3:1: error: SyntaxError"), ("py.yaml", "py/app.py:2:1: error: SyntaxError"), ("missing.yaml", "there is no main.js or main.mjs or main.cjs in it")] {
      let outcome = try folder.skerry("check", file)
      #expect(outcome.status == 1 && outcome.output.contains(text), "\(file): \(outcome.output)\(outcome.errors)")
    }
  }
}
