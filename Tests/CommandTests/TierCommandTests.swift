// skerry invoke, test and check with functions of the function tier (design/configuration.md; issue 7, point 6).
import Foundation
import JSONText
import TestTools
import Testing

@Suite(.runsPrograms) struct TierCommandTests {
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

  /// What comes of an event of Lambda@Edge is judged as the proxy judges it; of another event anything will do.
  @Test func invokingJudges() throws {
    let code = """
      exports.handler = async (event) => {
        const cf = event.Records ? event.Records[0].cf : {};
        if (!cf.request) return 'anything';
        if (cf.request.uri == '/header') cf.request.headers['x-edge-a'] = [{ value: '1' }];
        if (cf.request.uri == '/body') return { status: '200', body: 'x', bodyEncoding: 'gzip' };
        if (cf.request.uri == '/nothing') return;
        return cf.response || cf.request;
      };
      """
    let folder = try Folder(["f/index.js": code, "f/function.yaml": "runtime: nodejs20.x\n"])
    func event(_ uri: String, _ type: String = "viewer-request", response: String = "", origin: String = "") -> String {
      #"{"Records":[{"cf":{"config":{"eventType":"\#(type)"},"request":{"method":"GET","uri":"\#(uri)",\#(origin)"headers":{"host":[{"key":"Host","value":"a"}],"x-edge-shown":[{"value":"b"}]}}\#(response)}}]}"#
    }
    let rows: [(String, String?)] = [
      (event("/"), nil), (event("/", "origin-response", response: #","response":{"status":"404","headers":{}}"#), nil), (#"{"any":1}"#, nil),
      // An origin that is returned as it was is not the function's, whatever it is.
      (event("/", "origin-request", origin: #""origin":{"s3":{"domainName":"b.s3.amazonaws.com","path":"","authMethod":"origin-access-identity","region":"us-east-1","customHeaders":{}}},"#), nil),
      (event("/", "origin-request", origin: #""origin":{"custom":{"domainName":"a.example","path":"","port":81,"responseCompletionTimeout":7,"readTimeout":30}},"#), nil),
      (event("/header"), "Validation error: The function tried to add a blacklisted header, headerName : x-edge-a."),
      (event("/body"), "Validation error: The bodyEncoding is neither text nor base64."), (event("/nothing"), "Validation error: The function returned a value that is not an object."),
    ]
    for (event, error) in rows {
      try folder.write("event.json", event)
      let outcome = try folder.skerry("invoke", "f", "event.json"), json = try outcome.json
      #expect(outcome.status == (error == nil ? 0 : 1) && json["error"]?.string == error, "\(event): \(outcome.output)\(outcome.errors)")
      // What it returned is shown either way: it is what there is to mend.
      if event.contains("/header") { #expect(json["output"]?["headers"]?["x-edge-a"] != nil) }
    }
  }

  @Test func testingOrigins() throws {
    let cases = """
      - name: another server
        eventType: origin-request
        request: { uri: /server }
        expect: { origin: { custom: { domainName: other.example, port: 8080, customHeaders: { x-a: b, x-b: [c, d] } } } }
      - name: a bucket
        eventType: origin-request
        request: { uri: /bucket }
        expect: { origin: { s3: { domainName: b.s3.amazonaws.com, path: /a } } }
      - name: as it was
        eventType: origin-request
        request: { uri: / }
        expect: { origin: null }
      - name: this one is wrong
        eventType: origin-request
        request: { uri: /server }
        expect:
          origin: { custom: { port: 8081 } }
      """
    let code = """
      exports.handler = async (event) => {
        const { request } = event.Records[0].cf;
        if (request.uri == '/server') Object.assign(request.origin.custom, { domainName: 'other.example', port: 8080, customHeaders: { 'x-a': [{ key: 'X-A', value: 'b' }], 'x-b': [{ value: 'c' }, { value: 'd' }] } });
        if (request.uri == '/bucket') request.origin = { s3: { domainName: 'b.s3.amazonaws.com', path: '/a', authMethod: 'none', region: 'us-east-1' } };
        return request;
      };
      """
    let folder = try Folder(["Functions/f/index.js": code, "Functions/f/function.yaml": "runtime: nodejs20.x\n", "Functions/f/tests/a.yaml": cases])
    let outcome = try folder.skerry("test")
    #expect(outcome.status == 1 && outcome.output.contains("4 cases, 1 failed") && outcome.output.contains("origin.custom.port"), "\(outcome.output)\(outcome.errors)")
    let update = try folder.skerry("test", "--update")
    #expect(update.status == 0, "\(update.output)\(update.errors)")
    #expect(try folder.read("Functions/f/tests/a.yaml") == cases.replacing("port: 8081", with: "port: 8080"))
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
    for (file, text) in [("bad.yaml", "bad/index.js:3:1: error: SyntaxError"), ("py.yaml", "py/app.py:2:12: error: SyntaxError: '(' was never closed"), ("missing.yaml", "there is no main.js or main.mjs or main.cjs in it")] {
      let outcome = try folder.skerry("check", file)
      #expect(outcome.status == 1 && outcome.output.contains(text), "\(file): \(outcome.output)\(outcome.errors)")
    }
  }

  /// A configuration with one function `f`.
  private func configuration(_ function: String, association: String = "f", event: String = "origin-request") -> String {
    """
    listeners: [ { address: "127.0.0.1:0" } ]
    functions:
      f: { \(function) }
    distributions: [ { id: E0, default: true, origins: { app: "http://127.0.0.1:1" }, defaultBehavior: { origin: app, cachePolicy: CachingDisabled, functions: { \(event): "\(association)" } } } ]

    """
  }

  /// An archive is unpacked to be looked at.
  @Test func checkingArchives() throws {
    let folder = try Folder(["edge.yaml": configuration("runtime: nodejs20.x, code: f.zip")])
    let code = Array("exports.handler = async (e) => e;".utf8)
    try folder.write("f.zip", ZipWriter.archive([.init(name: "index.js", bytes: code)]))
    #expect(try folder.skerry("check", "edge.yaml").status == 0)
    try folder.write("f.zip", ZipWriter.archive([.init(name: "index.js", bytes: code), .init(name: "lib/a.js", bytes: code, hasWrongSum: true)]))
    let outcome = try folder.skerry("check", "edge.yaml")
    #expect(outcome.status == 1 && outcome.output.contains("f.zip:1:1: error: \"lib/a.js\" cannot be unpacked: CRC error"), "\(outcome.output)")
    // Its syntax, too.
    for (runtime, entries, place) in [
      ("nodejs20.x, handler: src/index.handler", ["src/index.js": "exports.handler = async (e) => [;"], "f.zip/src/index.js:1:33: error: SyntaxError"),
      ("nodejs20.x, handler: src/index.handler", ["src/index.js": "export const handler = async (e) => await e;\nwith (a) b;", "package.json": #"{"type":"module"}"#], "f.zip/src/index.js:2:1: error: SyntaxError"),
      ("python3.11, handler: index.handler", ["index.py": "def handler(e, c):\n  return )\n"], "f.zip/index.py:2:10: error: SyntaxError: unmatched ')'"),
    ] {
      try folder.write("edge.yaml", configuration("runtime: \(runtime), code: f.zip"))
      try folder.write("f.zip", ZipWriter.archive(entries.map { .init(name: $0.key, bytes: Array($0.value.utf8)) }))
      let outcome = try folder.skerry("check", "edge.yaml")
      #expect(outcome.status == 1 && outcome.output.contains(place), "\(outcome.output)")
    }
  }

  /// A program that nobody may execute is named before it is to run, and is not published.
  @Test func checkingPrograms() throws {
    let folder = try Folder(["edge.yaml": configuration("runtime: provided.al2023, code: f"), "f/bootstrap": "#!/bin/sh\n", "f/other": ""])
    func problem() throws -> String { try folder.skerry("check", "edge.yaml").output.split(separator: "\n").first { $0.contains(" error: ") }.map(String.init) ?? "" }
    #expect(try problem().contains("/f:1:1: error: bootstrap in it is not executable: chmod +x"))
    let outcome = try folder.skerry("functions", "publish", "f")
    #expect(outcome.status == 2 && outcome.errors.contains("/f:1:1: error: bootstrap in it is not executable"), "\(outcome.errors)")
    try folder.write("f.zip", ZipWriter.archive([.init(name: "bootstrap", bytes: [35])]))
    try folder.write("edge.yaml", configuration("runtime: provided, code: f.zip"))
    #expect(try problem().contains("f.zip:1:1: error: bootstrap in it is not executable"))
    try folder.write("f.zip", ZipWriter.archive([.init(name: "bootstrap", bytes: [35], mode: 0o100755)]))
    #expect(try problem() == "")
    #expect(try folder.skerry("functions", "publish", "f").output == "1\n")
    try folder.write("f.zip", ZipWriter.archive([.init(name: "Bootstrap", bytes: [35], mode: 0o100755)]))
    #expect(try problem().contains("there is no bootstrap in it, which runs on provided"))
  }

  /// Code that cannot be loaded is not published: a version never changes.
  @Test func publishingWhatIsWrong() throws {
    let folder = try Folder(["edge.yaml": configuration("runtime: nodejs20.x, code: f"), "f/index.js": "exports.handler = async (e) => {\n  return [;\n};\n"])
    let outcome = try folder.skerry("functions", "publish", "f")
    #expect(outcome.status == 2 && outcome.output == "" && outcome.errors.contains("f/index.js:2:11: error: SyntaxError: Unexpected token ';'"), "\(outcome.errors)")
    #expect(try folder.skerry("functions", "list").output == "")
  }

  /// The column is where the interpreter's caret is, in scalars.
  @Test(arguments: [
    ("runtime: nodejs20.x", "index.js", "const a = 'é😀', b = = 2;\n", "1:21"), ("runtime: nodejs20.x", "index.mjs", "export const a = 1;\n\t\texport const b = ) 4\n", "2:20"),
    ("runtime: nodejs20.x", "index.js", "import fs from 'node:fs';\nexport const handler = (;\n", "2:25"), ("runtime: nodejs20.x", "index.js", "a = {\n", "2:1"), ("runtime: nodejs20.x", "index.js", "let a; let a;\n", "1:12"),
    ("runtime: python3.11, handler: index.handler", "index.py", "def handler(e, c):\n    x = 'é' + ) 1\n", "2:15"),
    ("runtime: python3.11, handler: index.handler", "index.py", "def handler(e, c):\n    x\n  y\n", "3:4"),
  ])
  func columnsOfSyntaxErrors(_ settings: String, _ file: String, _ code: String, _ place: String) throws {
    let folder = try Folder(["edge.yaml": configuration("\(settings), code: f"), "f/\(file)": code])
    let outcome = try folder.skerry("check", "edge.yaml")
    #expect(outcome.status == 1 && outcome.output.contains("f/\(file):\(place): error: "), "\(outcome.output)")
  }

  private func errors(_ folder: Folder) throws -> [String] {
    try folder.skerry("check", "edge.yaml").output.split(separator: "\n").filter { $0.contains(" error: ") }.map(String.init)
  }

  /// Node.js names files by where they really are.
  @Test func syntaxErrorsBehindLinks() throws {
    let folder = try Folder(["edge.yaml": configuration("runtime: nodejs20.x, code: linked"), "f/index.js": "a;\nlet b = ;\n"])
    try FileManager.default.createSymbolicLink(atPath: folder.path + "/linked", withDestinationPath: "f")
    let outcome = try folder.skerry("check", "edge.yaml")
    #expect(outcome.status == 1 && outcome.output.contains("linked/index.js:2:9: error: SyntaxError"), "\(outcome.output)")
  }

  /// Only what can be done is advised; what Lambda calls the newest code is the newest code.
  @Test func namesBehindAColon() throws {
    let folder = try Folder(["edge.yaml": configuration("runtime: nodejs20.x, code: f", association: "f:$LATEST"), "f/index.js": Self.echo, "event.json": #"{"a":1}"#])
    #expect(try errors(folder) == [])
    #expect(try folder.skerry("invoke", "f:$LATEST", "event.json").json["output"]?["e"]?.compact == #"{"a":1}"#)
    try folder.write("edge.yaml", "compatibility: cloudfront\n" + configuration("runtime: nodejs20.x, code: f", association: "f:$LATEST"))
    #expect(try errors(folder).contains { $0.contains("CloudFront refuses this: a Lambda@Edge function is associated by a version, such as f:1") })
    for name in ["a b", "live:2", "01", "+1", "-1", "0", "$latest"] {
      try folder.write("edge.yaml", configuration("runtime: nodejs20.x, code: f", association: "f:\(name)"))
      let found = try errors(folder)
      #expect(found.count == 1 && found[0].contains("edge.yaml:4:") && found[0].contains("\"\(name)\" is neither a version's number nor an alias"), "\(found)")
    }
  }

  /// Every file that the runtime finds a handler in is one.
  @Test(arguments: [
    ("nodejs20.x", "index.api.get", "index.js", nil), ("nodejs20.x", "src.v1/index.handler", "src.v1/index.mjs", nil), ("nodejs20.x", "./index.handler", "index.cjs", nil),
    ("nodejs20.x", "lib.handler", "lib/index.js", nil), ("nodejs20.x", "wrap.handler", "node_modules/wrap/index.js", nil), ("nodejs20.x", "plain.handler", "plain", nil),
    ("python3.11", "app.main.handler", "app/main.py", nil), ("python3.11", "app.handler", "app/__init__.py", nil), ("python3.11", "native.handler", "native.cpython-311.so", nil),
    ("nodejs20.x", "index", "index.js", "its handler \"index\" is none: it has the form file.function"), ("nodejs20.x", "index.", "index.js", "is none"),
    ("nodejs20.x", ".handler", "index.js", "is none"), ("nodejs20.x", "../up.handler", "index.js", "is none"), ("python3.11", "app.", "app.py", "is none"), ("python3.11", "app", "app.py", "is none"),
    ("nodejs20.x", "index.handler", "code/index.js", "there is no index.js or index.mjs or index.cjs in it (handler: index.handler); there is one in code: pack what is in that folder, or name it in the handler"),
    ("python3.11", "index.handler", "index.js", "there is no index.py in it (handler: index.handler)"),
  ] as [(String, String, String, String?)])
  func handlers(_ runtime: String, _ handler: String, _ file: String, _ problem: String?) throws {
    let folder = try Folder(["edge.yaml": configuration("runtime: \(runtime), code: f, handler: \(handler)"), "f/\(file)": file.hasSuffix(".mjs") ? "export default 1;\n" : ""])
    let found = try errors(folder)
    if let problem { #expect(found.count == 1 && found[0].contains(problem), "\(found)") } else { #expect(found == []) }
  }

  /// What has no effect is said.
  @Test func settingsWithoutEffect() throws {
    let folder = try Folder(["edge.yaml": configuration("runtime: nodejs20.x, code: f, environment: { AWS_REGION: eu-central-1, OWN: b }, reservedConcurrency: 5, provisionedConcurrency: 6"), "f/index.js": Self.echo])
    let said = try folder.skerry("check", "edge.yaml").output
    #expect(said.contains("warning: AWS_REGION is reserved") && !said.contains("OWN is") && said.contains("warning: provisionedConcurrency is no more than the function's reservedConcurrency, 5"), "\(said)")
    // What cannot be read is said once.
    try FileManager.default.createSymbolicLink(atPath: folder.path + "/g.zip", withDestinationPath: "/dev/null")
    try folder.write("edge.yaml", configuration("runtime: nodejs20.x, code: g.zip"))
    #expect(try errors(folder).count == 1)
  }

  /// One mistake is one error.
  @Test(arguments: ["nodejs20", "ruby3.2", "java21"], ["origin-request", "viewer-request"])
  func anUnknownRuntimeIsOneError(_ runtime: String, _ event: String) throws {
    let folder = try Folder([
      "edge.yaml": configuration("runtime: \(runtime), code: f, handler: index.handler, memory: 256, timeout: 5", association: "f:live", event: event), "f/index.js": Self.echo,
    ])
    let outcome = try folder.skerry("check", "edge.yaml"), found = outcome.output.split(separator: "\n").filter { !$0.contains("security headers") }
    #expect(outcome.status == 1 && found.count == 1 && found[0].contains("there is no runtime \"\(runtime)\""), "\(outcome.output)")
  }

  /// What keeps a proxy from starting, check says.
  @Test func aDamagedFileOfVersionsIsSaid() throws {
    let folder = try Folder(["edge.yaml": configuration("runtime: nodejs20.x, code: f"), "f/index.js": Self.echo, ".skerry/functions/versions/f.json": "{"])
    let found = try errors(folder)
    #expect(found.count == 1 && found[0].contains(".skerry/functions:1:1: error: ") && found[0].contains("/versions/f.json is damaged: put back a copy of it, or remove it, "), "\(found)")
  }

  /// A command that comes before the first start makes the folder as the proxy does: what is published has secrets.
  @Test func whatIsPublishedIsNobodyElses() throws {
    let folder = try Folder(["edge.yaml": configuration("runtime: nodejs20.x, code: f, environment: { KEY: secret }"), "f/index.js": Self.echo])
    #expect(try folder.skerry("functions", "publish", "f").status == 0)
    for name in [".skerry", ".skerry/functions"] {
      let mode = try FileManager.default.attributesOfItem(atPath: "\(folder.path)/\(name)")[.posixPermissions] as? Int
      #expect(mode == 0o700, "\(name)")
    }
  }

  /// What lies in the store under a version's name and is not it any more is said where the version is associated; publishing mends it.
  @Test func codeThatChangedInTheStoreIsSaid() throws {
    let folder = try Folder(["edge.yaml": configuration("runtime: nodejs20.x, code: f", association: "f:live"), "f/index.js": Self.echo])
    #expect(try folder.skerry("functions", "publish", "f").output == "1\n")
    _ = try folder.skerry("functions", "alias", "f", "live", "1")
    #expect(try folder.skerry("check", "edge.yaml").status == 0)
    let store = "\(folder.path)/.skerry/functions/code", digest = try #require(try FileManager.default.contentsOfDirectory(atPath: store).first { $0.utf8.count == 64 })
    try FileManager.default.removeItem(atPath: "\(store)/\(digest)/index.js")
    try folder.write(".skerry/functions/code/\(digest)/index.js", Self.echo + "//")
    let outcome = try folder.skerry("check", "edge.yaml")
    #expect(outcome.status == 1 && outcome.output.contains("error: the code of version 1 of f is not as it was published: \(store)/\(digest) has changed: publish it again"), "\(outcome.output)")
    #expect(try folder.skerry("functions", "publish", "f").output == "1\n")
    #expect(try folder.skerry("check", "edge.yaml").status == 0)
    #expect(try folder.read(".skerry/functions/code/\(digest)/index.js") == Self.echo)
    #expect(try FileManager.default.contentsOfDirectory(atPath: store) == [digest])
  }

  @Test func stickyIsTakenAway() throws {
    let folder = try Folder(["edge.yaml": configuration("runtime: nodejs20.x, code: f"), "f/index.js": Self.echo])
    _ = try folder.skerry("functions", "publish", "f")
    #expect(try folder.skerry("functions", "alias", "f", "live", "1", "--sticky", "client-ip").output == "f:live\t→ 1, sticky by client-ip\n")
    #expect(try folder.skerry("functions", "alias", "f", "live", "1").output == "f:live\t→ 1, sticky by client-ip\n")
    #expect(try folder.skerry("functions", "alias", "f", "live", "1", "--sticky", "none").output == "f:live\t→ 1\n")
    #expect(try folder.skerry("functions", "alias", "f", "live", "1", "--sticky", "nobody").errors.contains("--sticky takes client-ip, header:NAME, cookie:NAME or none, not nobody"))
    for (arguments, text) in [(["--weight", "2=10%", "--weight", "2=20%"], "--weight names version 2 twice"), (["--canary", "10%", "--before", "f:9"], "--before: f has no version or alias 9"), (["--canary", "10%", "--after", "f:"], "--after: f has no version or alias")] {
      let outcome = try folder.skerry(["functions", "alias", "f", "live", "1"] + arguments)
      #expect(outcome.status == 2 && outcome.errors.contains(text), "\(outcome.errors)")
    }
  }

  /// What a behavior names is not removed by mistake.
  @Test func removingWhatIsInUse() throws {
    let folder = try Folder(["edge.yaml": configuration("runtime: nodejs20.x, code: f", association: "f:live"), "f/index.js": Self.echo])
    _ = try folder.skerry("functions", "publish", "f")
    _ = try folder.skerry("functions", "alias", "f", "live", "1")
    _ = try folder.skerry("functions", "alias", "f", "other", "1")
    let refused = try folder.skerry("functions", "remove", "f", "live")
    #expect(refused.status == 2 && refused.errors.contains(/f:live is in use: edge\.yaml:4:\d+ associates it with a behavior; --force removes it nevertheless/), "\(refused.errors)")
    #expect(try errors(folder) == [])
    #expect(try folder.skerry("functions", "remove", "f", "other").status == 0)
    #expect(try folder.skerry("functions", "remove", "f", "none").errors.contains("f has no alias none"))
    #expect(try folder.skerry("functions", "remove", "f", "live", "--force").status == 0)
    #expect(try errors(folder).count == 1)
    // A function that is no more leaves versions behind, which can go, too.
    try folder.write("edge.yaml", configuration("runtime: nodejs20.x, code: f").replacing("  f: {", with: "  g: {").replacing("\"f\"", with: "g"))
    #expect(try folder.skerry("functions", "remove", "h", "1").errors.contains("the configuration has no function h"))
    #expect(try folder.skerry("functions", "remove", "f", "1").status == 0)
    #expect(try folder.skerry("functions", "list").output == "")
  }

  /// Concurrency that is promised to some is none for others.
  @Test func concurrencyForTheOthers() throws {
    func warnings(_ f: String, _ g: String, _ tier: String = "", mode: String = "extended") throws -> [String] {
      let folder = try Folder([
        "edge.yaml": "compatibility: \(mode)\n" + configuration("runtime: nodejs20.x, code: f\(f)", association: "f:1").replacing("  f: {", with: "  g: { runtime: nodejs20.x, code: f\(g) }\n  f: {") + (tier.isEmpty ? "" : "functionTier: { \(tier) }\n"),
        "f/index.js": Self.echo,
      ])
      return try folder.skerry("check", "edge.yaml").output.split(separator: "\n").filter { $0.contains("functionTier.") }.map(String.init)
    }
    #expect(try warnings(", provisionedConcurrency: 90", "") == [])
    let kept = try warnings(", provisionedConcurrency: 60", ", provisionedConcurrency: 31")
    #expect(kept.count == 1 && kept[0].contains(/edge\.yaml:5:\d+: warning: 91 environments are to be kept in all, 90 can be/), "\(kept)")
    #expect(try warnings(", provisionedConcurrency: 200, reservedConcurrency: 50", "") == [])
    #expect(try warnings(", provisionedConcurrency: 5", "", "environments: 5").first?.contains("5 environments are to be kept in all, 4 can be") == true)
    #expect(try warnings(", reservedConcurrency: 900", "") == [])
    #expect(try warnings(", reservedConcurrency: 901", "").first?.contains("warning: only 99 of functionTier.concurrency 1000 is left for functions that reserve none; keep at least 100") == true)
    #expect(try warnings(", reservedConcurrency: 1000", "").first?.contains("warning: nothing of functionTier.concurrency 1000 is left") == true)
    #expect(try warnings(", reservedConcurrency: 1000", ", reservedConcurrency: 1").first?.contains("warning: 1001 are reserved in all, of functionTier.concurrency 1000") == true)
    #expect(try warnings(", reservedConcurrency: 500", ", reservedConcurrency: 500") == [])
    #expect(try warnings(", reservedConcurrency: 901", "", mode: "cloudfront").first?.contains(" error: CloudFront refuses this: only 99") == true)
  }
}
