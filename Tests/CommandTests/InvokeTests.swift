// skerry invoke: what it prints and how it ends (design/configuration.md; spec/cloudfront-functions.md 12).
import Foundation
import JSONText
import TestTools
import Testing

@Suite(.runsPrograms) struct InvokeTests {
  private func invoke(_ source: String, _ event: String) throws -> Outcome {
    let folder = try Folder(["f.js": source, "event.json": event])
    return try folder.skerry("invoke", "f.js", "event.json")
  }

  @Test func aRequestComesBackWhole() throws {
    let given = """
      {"version":"1.0","context":{"eventType":"viewer-request"},"viewer":{"ip":"1.2.3.4"},"request":{"method":"GET","uri":"/a b",
      "querystring":{"x":{"value":"1","multiValue":[{"value":"1"},{"value":"2"}]},"y":{"value":""}},
      "headers":{"host":{"value":"h"},"accept":{"value":"a","multiValue":[{"value":"a"},{"value":"b"}]}},
      "cookies":{"s":{"value":"1"},"t":{"value":"2","multiValue":[{"value":"2"},{"value":"3"}]}}}}
      """
    let outcome = try invoke("function handler(event) { event.request.headers['x-new'] = { value: 'é' }; return event.request; }", given)
    #expect(outcome.status == 0 && outcome.errors == "")
    let expected = """
      {"headers":{"host":{"value":"h"},"accept":{"value":"a","multiValue":[{"value":"a"},{"value":"b"}]},"x-new":{"value":"é"}},"method":"GET",\
      "querystring":{"x":{"value":"1","multiValue":[{"value":"1"},{"value":"2"}]},"y":{"value":""}},"uri":"/a b",\
      "cookies":{"s":{"value":"1"},"t":{"value":"2","multiValue":[{"value":"2"},{"value":"3"}]}}}
      """
    let json = try outcome.json
    #expect(json["output"]?["request"]?.compact == expected)
    #expect(json["error"] == .null && json["logs"] == .array([]))
    #expect((0...100).contains(json["computeUtilization"]?.double ?? -1))
    #expect(json.object?.members.map(\.name) == ["output", "logs", "error", "computeUtilization", "fuel"])
  }

  @Test func aResponseHasCookiesAlways() throws {
    let outcome = try invoke(
      "async function handler(event) { console.log('a', 1); console.log({b: 2}); return { statusCode: 302, statusDescription: 'Found', headers: { location: { value: '/x' } } }; }",
      event())
    #expect(outcome.status == 0)
    #expect(
      try outcome.json["output"]?.compact
        == #"{"response":{"headers":{"location":{"value":"/x"}},"statusDescription":"Found","statusCode":302,"cookies":{}}}"#)
    #expect(try outcome.json["logs"] == .array([.string("a 1"), .string(#"{"b":2}"#)]))
  }

  @Test func aViewerResponseIsChanged() throws {
    let outcome = try invoke(
      "function handler(event) { var r = event.response; r.headers['x-a'] = {value: event.request.uri}; r.cookies.id.attributes += '; Secure'; r.body = 'new'; return r; }",
      event("/p", type: "viewer-response", more: #", "response": {"statusCode": 200, "statusDescription": "OK", "headers": {}, "cookies": {"id": {"value": "1", "attributes": "Path=/"}}}"#))
    let expected = """
      {"headers":{"x-a":{"value":"/p"}},"statusDescription":"OK","cookies":{"id":{"value":"1","attributes":"Path=/; Secure"}},"statusCode":200,"body":"new"}
      """
    #expect(try outcome.json["output"]?["response"]?.compact == expected)
  }

  /// A store has times here too (spec 10.1): when its file was changed.
  @Test func aStoreSaysWhenItWasChanged() throws {
    let folder = try Folder([
      "f.js": "import cf from 'cloudfront'; async function handler(e) { const m = await cf.kvs().meta(); console.log([m.creationDateTime, m.lastUpdatedDateTime].every(t => /^20\\d\\d-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ$/.test(t)), m.keyCount); return e.request; }",
      "event.json": event(), "k.json": #"{"data":[{"key":"a","value":"1"}]}"#,
    ])
    let outcome = try folder.skerry("invoke", "f.js", "event.json", "--kvs", "k.json")
    #expect(try outcome.json["logs"]?.array == [.string("true 1")])
  }

  /// AWS's samples write it so; real events do not, and neither do functions.
  @Test func multivalueIsMultiValue() throws {
    let outcome = try invoke(
      "function handler(e) { console.log(JSON.stringify([e.request.querystring, e.request.headers, e.request.rawQueryString()])); return e.request; }",
      #"{"request": {"uri": "/", "method": "GET", "headers": {"a": {"value": "1", "multivalue": [{"value": "1"}, {"value": "2"}]}}, "querystring": {"q": {"value": "3", "multivalue": [{"value": "3"}, {"value": "4"}]}}}}"#)
    #expect(outcome.status == 0)
    let several = [#"{"q":{"value":"3","multiValue":[{"value":"3"},{"value":"4"}]}}"#, #"{"a":{"value":"1","multiValue":[{"value":"1"},{"value":"2"}]}}"#]
    #expect(try outcome.json["logs"]?.array == [.string("[" + several.joined(separator: ",") + #","q=3&q=4"]"#)])
    #expect(outcome.errors.split(separator: "\n") == [
      "event.json:1:1: warning: multivalue of request.querystring.q is taken for multiValue, which real events have",
      "event.json:1:1: warning: multivalue of request.headers.a is taken for multiValue, which real events have",
    ])
  }

  /// Missing fields of an event are undefined (spec 12).
  @Test func whatTheEventLacksIsUndefined() throws {
    let outcome = try invoke(
      "function handler(e) { console.log(typeof e.viewer, typeof e.context, typeof e.request.cookies, typeof e.request.querystring, e.request.rawQueryString()); return e.request; }",
      #"{"request": {"uri": "/", "method": "GET", "headers": {}}}"#)
    #expect(outcome.status == 0)
    #expect(try outcome.json["logs"]?.array == [.string("undefined undefined undefined undefined undefined")])
    #expect(try outcome.json["output"]?.compact == #"{"request":{"headers":{},"method":"GET","uri":"/","cookies":{}}}"#)
  }

  static let failing: [(source: String, error: String)] = [
    ("function handler(event) {\n  return event.request.headers.nope.value;\n}", "f.js:2:10: TypeError: cannot read property 'value' of undefined"),
    ("function handler(event) { return 5; }", "f.js: the function returned a value that is no object, neither a request nor a response"),
    ("function handler(event) { event.request.headers.host.value = 'x'; return event.request; }", "f.js: request.headers['host'] is a read-only header"),
    ("function handler(event) {\n  let x = ;\n}", "f.js:2:11: SyntaxError"), ("var x = 1;", "f.js: there is no top-level function named handler"),
    ("function handler(event) { while (true) {} }", "f.js: the function used more CPU time than it may"),
    ("async function handler(event) { throw new Error('so'); }", "f.js:1:43: Error: so"),
    ("function handler(event) { event.request.headers = { get a() { throw new Error('late'); } }; return event.request; }", "Error: late"),
    ("function handler(event) { return { statusCode: 200, headers: { a: { value: 'x', toJSON() { while (true) {} } } } }; }", "f.js: the function used more CPU time"),
  ]
  @Test(arguments: failing) func anErrorIsSaidAndEndsWith1(source: String, error: String) throws {
    let outcome = try invoke(source, event())
    let said = try outcome.json["error"]?.string ?? "no error"
    #expect(outcome.status == 1 && outcome.errors == "skerry: the function failed: \(said)\n")
    #expect(said.contains(error), "\(said)")
    #expect(try outcome.json["output"] == .null)
  }

  static let refused: [(arguments: [String], sentence: String)] = [
    (["f.js", "nope.json"], "skerry: nope.json cannot be read: there is no such file"), (["nope.js", "event.json"], "skerry: nope.js cannot be read: there is no such file"),
    (["f.js", "broken.json"], "skerry: broken.json:2:3: expected a name in double quotes here"), (["f.js", "list.json"], "skerry: list.json:1:1: an event is an object"),
    (["f.js", "origin.json"], "origin-request events belong to the function tier"),
    (["f.js", "typo.json"], "did you mean viewer-request?"), (["f.zip", "event.json"], "skerry: f.zip is code of the function tier: say on what it runs"),
    (["f.js", "event.json", "--runtime", "cloudfront-js-2"], "did you mean cloudfront-js-2.0?"),
    (["f.js", "event.json", "--kvs", "nope.json"], "skerry: nope.json cannot be read: there is no such file"), (["f.js", "event.json", "--kvs", "broken.json"], "broken.json:"),
    (["f.js", "event.json", "--config", "nope.yaml"], "nope.yaml:1:1: error: the configuration cannot be read"), (["empty", "event.json"], "empty/index.js cannot be read"),
    (["redirect", "event.json"], "edge.yaml has no function redirect; did you mean redirects?"), (["f.js"], "Missing expected argument"), (["yaml", "event.json"], "did you mean eventType?"),
  ]
  @Test(arguments: refused) func badUsageEndsWith2(arguments: [String], sentence: String) throws {
    let folder = try Folder([
      "f.js": "function handler(e) { return e.request; }", "event.json": event(), "broken.json": "{\n  x}", "list.json": "[]",
      "origin.json": event(type: "origin-request"), "typo.json": event(type: "viewer-requst"), "f.zip": "PK",
      "empty/function.yaml": "runtime: cloudfront-js-2.0", "yaml/index.js": "//", "yaml/function.yaml": "eventTyp: viewer-request",
      "edge.yaml": "listeners: [{ address: 127.0.0.1:0 }]\ndistributions: [{ id: E, default: true, origins: { o: http://127.0.0.1:1 }, defaultBehavior: { origin: o } }]\nfunctions: { redirects: { runtime: cloudfront-js-2.0, code: f.js } }\n",
    ])
    let outcome = try folder.skerry(["invoke"] + arguments)
    #expect(outcome.status == 2 && outcome.output == "")
    #expect(outcome.errors.contains(sentence), "\(outcome.errors)")
  }

  @Test func namesAreFoundInTheConfiguration() throws {
    let folder = try Folder([
      "site/f.js": "function handler(e) { while (true) { if (e.request.uri === '/') break; } return e.request; }", "event.json": event(),
      "site/edge.yaml": "listeners: [{ address: 127.0.0.1:0 }]\ndistributions: [{ id: E, default: true, origins: { o: http://127.0.0.1:1 }, defaultBehavior: { origin: o } }]\nfunctions: { mine: { runtime: cloudfront-js-2.0, code: f.js } }\n",
    ])
    let outcome = try folder.skerry("invoke", "mine", "event.json", "--config", "site/edge.yaml")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try outcome.json["output"]?["request"]?["uri"] == .string("/"))
  }

  @Test func keyValueStoresComeFromTheFolderOrTheOption() throws {
    let source = "import cf from 'cloudfront';\nconst kvs = cf.kvs();\nasync function handler(e) { return { statusCode: 200, body: await kvs.get('k') }; }"
    let folder = try Folder([
      "f/index.js": source, "f/function.yaml": "keyValueStore: mine", "f/rules.json": #"{"data":[{"key":"k","value":"own"}]}"#,
      "other.json": #"{"data":[{"key":"k","value":"other"}]}"#, "event.json": event(), "g.js": source,
    ])
    #expect(try folder.skerry("invoke", "f", "event.json").json["output"]?["response"]?["body"] == .string("own"))
    #expect(try folder.skerry("invoke", "f", "event.json", "--kvs", "other.json").json["output"]?["response"]?["body"] == .string("other"))
    #expect(try folder.skerry("invoke", "g.js", "event.json", "--kvs", "other.json").json["output"]?["response"]?["body"] == .string("other"))
    // Code from CloudFront names its store by a UUID that nobody here knows.
    try folder.write("g.js", source.replacing("cf.kvs()", with: "cf.kvs('6BA7B810-9dad-11d1-80b4-00c04fd430c8')"))
    #expect(try folder.skerry("invoke", "g.js", "event.json", "--kvs", "other.json").json["output"]?["response"]?["body"] == .string("other"))
    let without = try folder.skerry("invoke", "g.js", "event.json")
    #expect(without.status == 1)
    #expect(try without.json["error"]?.string?.contains("KVSNamespaceNotFound") == true)
  }

  @Test func theChosenOriginIsShown() throws {
    let outcome = try invoke(
      "import cf from 'cloudfront';\nfunction handler(e) { cf.updateRequestOrigin({ domainName: 'a.example.com', customHeaders: { 'x-a': '1' }, timeouts: { readTimeout: 5 } }); return e.request; }",
      event())
    #expect(try outcome.json["origin"]?.compact == #"{"domainName":"a.example.com","customHeaders":{"x-a":"1"},"timeouts":{"readTimeout":5}}"#)
  }

  @Test func runtimesDiffer() throws {
    let folder = try Folder(["f.js": "function handler(e) { return { statusCode: 200, body: typeof Buffer }; }", "event.json": event()])
    #expect(try folder.skerry("invoke", "f.js", "event.json").json["output"]?["response"]?["body"] == .string("function"))
    #expect(try folder.skerry("invoke", "f.js", "event.json", "--runtime", "cloudfront-js-1.0").json["output"]?["response"]?["body"] == .string("undefined"))
  }
}
