// Results given without a run (Sources/CQuickJS/recall.c) are those that a run would have given. The main test is a comparison: every
// function, that of a person and that of an attacker, answers a long row of events that differ in little, once remembering and once not.
import Foundation
import KeyValueStores
import RewriteEngine
import TestTools
import Testing

/// A function whose answers are to be the same with and without memory.
struct Remembered: CustomTestStringConvertible, Sendable {
  var name: String
  var type = FunctionEvent.viewerRequest
  var runtime = FunctionCode.Runtime.cloudfrontJS20
  var source: String
  var testDescription: String { name }

  func isolate(remembering bytes: Int, limits: FunctionCode.Limits = patient) throws -> Isolate {
    var limits = limits
    limits.rememberedBytes = bytes
    let code = FunctionCode(name: name, source: Array(source.utf8), runtime: runtime, limits: limits, store: CloudfrontModuleTests.store)
    return try Isolate(code, on: try #require(ThreadContext()))
  }

  /// The functions of Functions/, for both events where they can be.
  static let examples: [Remembered] = {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../Functions")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.sorted().compactMap { name in
      guard let source = try? String(contentsOf: folder.appendingPathComponent("\(name)/index.js"), encoding: .utf8) else { return nil }
      return Remembered(name: name, type: source.contains("event.response") ? .viewerResponse : .viewerRequest, source: source)
    }
  }()

  /// Hostile ones that come to an end by themselves and leave nothing to chance.
  static let hostile = HostileFunction.all.compactMap { function -> Remembered? in
    switch function.expected {
    case .killed, .memory, .stopped, .any: return nil
    case .error, .pending, .invalid, .request, .response, .clean: break
    }
    guard !function.source.contains("random"), !function.source.contains("stack") else { return nil }
    return Remembered(name: function.testDescription, type: function.type, runtime: function.runtime, source: function.source)
  }

  /// Ways to read an event, and to have it read by who reads the result.
  static let readers = requestReaders.map { Remembered(name: $0.0, source: "import cf from 'cloudfront'; let counter = 0; async function handler(e) { \($0.1) }") }
    + responseReaders.map { Remembered(name: $0.0, type: .viewerResponse, source: "async function handler(e) { \($0.1) }") }

  private static let requestReaders: [(String, String)] = [
    ("a value", "e.request.uri = '/' + e.request.headers['x-a'].value; return e.request"),
    ("whether a name is there", "e.request.uri = 'x-b' in e.request.headers ? '/with' : '/without'; return e.request"),
    ("names in their order", "return {statusCode: 200, body: Object.keys(e.request.headers).join()}"),
    ("everything as JSON", "return {statusCode: 200, body: JSON.stringify([e.request, e.viewer, e.version])}"),
    ("a copy", "return Object.assign({}, e.request)"),
    ("a spread of headers", "e.request.headers = {...e.request.headers, 'x-new': {value: '1'}}; return e.request"),
    ("a deletion unseen", "delete e.request.headers['x-a']; return e.request"),
    ("a value replaced unseen", "e.request.headers['x-a'] = {value: 'one'}; return e.request"),
    ("headers made anew", "return {uri: e.request.uri, headers: {'x-a': {value: 'one'}, host: {value: 'example.com'}}}"),
    ("only headers", "return {headers: {'x-a': {value: 'one'}}}"),
    ("a read-only one made anew", "return {uri: '/u', headers: {host: {value: 'example.com'}, 'content-length': {value: '3'}}}"),
    ("several values", "e.request.headers['x-a'] = {value: 'one', multiValue: [{value: 'one'}, {value: 'two'}]}; return e.request"),
    ("a part of several", "if (e.request.headers['x-a']?.multiValue) e.request.headers['x-a'].multiValue[1].value = 'three'; return e.request"),
    ("the first of several", "if (e.request.headers['x-a']) e.request.headers['x-a'].value = 'zero'; return e.request"),
    ("cookies", "e.request.uri = '/' + (e.request.cookies.c ? e.request.cookies.c.value : 'none'); return e.request"),
    ("a cookie added", "e.request.cookies.z = {value: '1'}; return e.request"),
    ("cookies made anew", "return {uri: e.request.uri, cookies: {c: {value: '1'}}}"),
    ("a parameter", "e.request.uri = '/' + (e.request.querystring.a ? e.request.querystring.a.value : 'none'); return e.request"),
    ("a parameter removed", "delete e.request.querystring.utm; return e.request"),
    ("the query as text", "e.request.uri = '/q' + String(e.request.rawQueryString()).length; return e.request"),
    ("a query of text", "return {uri: e.request.uri, querystring: 'a=1'}"),
    ("no query", "e.request.querystring = ''; return e.request"),
    ("the method made anew", "return {method: 'GET', uri: '/m', headers: e.request.headers}"),
    ("a URI made anew", "return {uri: '/index.html'}"),
    ("a long URI beside a query that nobody reads", "e.request.uri = '/' + 'x'.repeat(7000); return e.request"),
    ("a query of a length beside a URI that nobody reads", "e.request.querystring = 'q=' + 'x'.repeat(7000); return e.request"),
    ("the viewer", "e.request.headers['x-ip'] = {value: e.viewer.ip}; return e.request"),
    ("one way or another", "const r = e.request; r.uri = r.method === 'GET' ? '/' + r.headers['x-a']?.value : '/' + r.querystring.a?.value; return r"),
    ("a getter of the result", "return {get uri() { return '/' + e.request.headers['x-a']?.value }, get headers() { return e.request.headers }}"),
    ("a proxy as headers", "e.request.headers = new Proxy(e.request.headers, {}); return e.request"),
    ("async", "await 0; e.request.uri = '/' + await e.request.method; return e.request"),
    ("the time", "e.request.uri = '/' + Date.now(); return e.request"),
    ("a date", "e.request.uri = '/' + new Date().getTime(); return e.request"),
    ("the request's id", "e.request.uri = '/' + e.context.requestId; return e.request"),
    ("a log", "console.log(e.request.uri); return e.request"),
    ("a store", "e.request.uri = '/' + await cf.kvs().get('a').catch(() => 'none'); return e.request"),
    ("an exception at times", "if (e.request.method === 'POST') throw new Error(e.request.uri); return e.request"),
    ("an invalid result at times", "if (e.request.querystring.a) e.request.uri = 'no'; return e.request"),
    ("top-level state", "counter += 1; e.request.uri = '/' + counter; return e.request"),
    ("a generated response", "return {statusCode: 302, statusDescription: 'Found', headers: {location: {value: '/to' + e.request.uri}}, cookies: {s: {value: '1', attributes: 'Path=/'}}}"),
    ("a body in base64", "return {statusCode: 200, body: {encoding: 'base64', data: btoa(e.request.uri)}}"),
  ]

  private static let responseReaders: [(String, String)] = [
    ("security headers", "e.response.headers['x-frame-options'] = {value: 'DENY'}; return e.response"),
    ("a status", "if (e.response.statusCode === 200) e.response.statusCode = 203; return e.response"),
    ("a status made anew", "return {statusCode: 200, headers: e.response.headers}"),
    ("its description", "e.response.statusDescription += '!'; return e.response"),
    ("a set-cookie", "for (const c in e.response.cookies) e.response.cookies[c].attributes += '; Secure'; return e.response"),
    ("set-cookies made anew", "return {statusCode: 200, headers: e.response.headers, cookies: {s: {value: '1', attributes: 'Path=/'}}}"),
    ("a cookie deleted", "delete e.response.cookies.s; return e.response"),
    ("the request of a response", "e.response.headers['x-uri'] = {value: e.request.uri}; return e.response"),
    ("caching by a value", "e.response.headers['cache-control'] = e.response.headers['cache-control'] ?? {value: 'no-store'}; return e.response"),
    ("a body", "e.response.body = 'new'; return e.response"),
    ("headers of both", "e.response.headers['x-a'] = e.request.headers['x-a']; return e.response"),
  ]
}

@Suite(.mayBlock) struct RecallTests {
  /// Events that differ from the first in one thing each.
  static func events(_ type: FunctionEvent) -> [Event] {
    var first = Event()
    first.type = type
    first.headers = [("Host", "example.com"), ("x-a", "one"), ("Cookie", "c=1; d=2"), ("Content-Length", "3")]
    first.responseHeaders = [("Cache-Control", "max-age=1"), ("Set-Cookie", "s=1; Path=/"), ("x-a", "one")]
    let changes: [(inout Event) -> Void] = [
      { $0.method = "POST" }, { $0.uri = "/other" }, { $0.uri = "/%C3%A9" }, { $0.query = "" }, { $0.query = "a=1" }, { $0.query = "a=2&utm=3&a=4" },
      { $0.query = "utm=1" }, { $0.query = String(repeating: "q", count: 1300) }, { $0.uri = "/" + String(repeating: "u", count: 1300) },
      { $0.headers[0].1 = "other.example" }, { $0.headers[1].1 = "two" }, { $0.headers[1].0 = "X-A" }, { $0.headers[1].0 = "x-b" },
      { $0.headers[2].1 = "c=2" }, { $0.headers[2].1 = "" }, { $0.headers[3].1 = "4" }, { $0.headers.swapAt(0, 1) }, { $0.headers.remove(at: 1) },
      { $0.headers.append(("x-a", "two")) }, { $0.headers.append(("Cookie", "e=5")) }, { $0.headers.append(("x-b", "")) }, { $0.headers = [] },
      { $0.headers += (0..<80).map { ("x-\($0)", "\($0)") } }, { $0.headers = (0..<70).map { ("x-\($0)", "") } + [("x-a", "late")] },
      { $0.viewer = "2001:db8::1" }, { $0.requestID = "other==" }, { $0.status = 304 }, { $0.status = 203 }, { $0.description = "Fine" }, { $0.description = "" },
      { $0.responseHeaders[0].1 = "no-cache" }, { $0.responseHeaders[1].1 = "s=2; Path=/" }, { $0.responseHeaders[1].1 = "s=1" },
      { $0.responseHeaders.append(("Set-Cookie", "t=1")) }, { $0.responseHeaders.remove(at: 0) }, { $0.responseHeaders = [] },
      { $0.headers[1].1 = "\u{e9}" }, { $0.headers[1].1 = " one" },
    ]
    return [first] + changes.map { change in
      var event = first
      change(&event)
      return event
    }
  }

  /// All of an answer that a caller sees, the CPU time aside.
  static func told(_ answer: Answer) -> [String] {
    let run = answer.invocation
    return [
      "\(run.outcome) \(String(describing: run.failure))", "uri \(run.uriChanged) \(run.uriChanged ? answer.uri : "")",
      "query \(run.queryChanged) \(run.queryChanged ? "\(run.hasQuery) \(answer.query)" : "")", "status \(run.status) \(run.statusChanged)",
      "description \(run.hasStatusDescription) \(answer.statusDescription)", "body \(run.hasBody) \(answer.body)", "error \(answer.error) \(answer.position)",
      "fuel \(run.fuel)", "memory \(run.memoryBytes)", "reads \(run.storeReads) \(run.storeReadErrors)", "choice \(run.hasOriginChoice)",
    ] + answer.edits + answer.log
  }

  @Test(arguments: Remembered.readers + Remembered.examples + Remembered.hostile)
  func isWhatARunWouldHaveGiven(_ function: Remembered) throws {
    let remembering = try function.isolate(remembering: 1 << 20), forgetful = try function.isolate(remembering: 0)
    let events = Self.events(function.type)
    var random = SplitMix(seed: 7)
    // Every event often enough to be kept, in an order in which each follows each.
    for turn in 0..<events.count * 6 {
      let event = events[Int(random.next() % UInt64(events.count))], now = 1_700_000_000_000 + Int64(turn)
      let answer = remembering.answer(event, now: now), expected = forgetful.answer(event, now: now)
      #expect(!expected.invocation.isRecalled)
      #expect(answer.pristine)
      try #require(Self.told(answer) == Self.told(expected), "\(event)")
    }
  }

  /// Whether the third of three equal events needs no run.
  static let recalled: [(String, Bool)] = [
    ("a value", true), ("a copy", true), ("headers made anew", false), ("cookies", true), ("a store", true), ("async", true), ("a generated response", true), ("top-level state", true),
    ("the time", false), ("a date", false), ("the request's id", false), ("a log", false),
  ]

  @Test(arguments: recalled) func whatIsRecalled(_ name: String, _ isRecalled: Bool) throws {
    let function = try #require(Remembered.readers.first { $0.name == name })
    let isolate = try function.isolate(remembering: 65536), event = Self.events(function.type)[0]
    #expect((0..<3).map { _ in isolate.answer(event).invocation.isRecalled } == [false, false, isRecalled])
  }

  static let unrepeatable = [
    "e.request.uri = '/' + Math.random()", "cf.updateRequestOrigin({domainName: 'a.example'})", "cf.logCustomData('x')",
    "e.request.uri = '/' + cf.edgeLocation.name", "try { throw new Error(Date()) } catch {}",
  ]

  @Test(arguments: unrepeatable) func notGivenTwice(_ statement: String) throws {
    let function = Remembered(name: statement, source: "import cf from 'cloudfront'; function handler(e) { \(statement); return e.request }")
    let isolate = try function.isolate(remembering: 65536)
    for _ in 0..<5 {
      let answer = isolate.answer()
      #expect(answer.invocation.outcome == .request && !answer.invocation.isRecalled, "\(answer.error)")
    }
  }

  @Test func anotherStoreIsReadAnew() throws {
    let function = try #require(Remembered.readers.first { $0.name == "a store" })
    let isolate = try function.isolate(remembering: 65536)
    for value in ["1", "2", "3"] {
      let store = StoreSwapTests.store(value)  // at the address of the one before, as like as not
      let uris = (0..<4).map { _ in
        isolate.begin(.viewerRequest)
        isolate.setMethod("GET".utf8.span)
        isolate.setURI("/".utf8.span)
        isolate.use(store)
        _ = isolate.run(nowMilliseconds: 0)
        defer { isolate.finish() }
        return isolate.withURI(string)
      }
      #expect(uris == Array(repeating: "/\(value)", count: 4))
    }
  }

  @Test func memoryIsBounded() throws {
    let function = Remembered(name: "bodies", source: "function handler(e) { return {statusCode: 200, body: e.request.uri.repeat(100)} }")
    let isolate = try function.isolate(remembering: 16384)
    var forgot = 0
    for turn in 0..<200 {
      var event = Event()
      event.uri = "/page-\(turn)"
      for _ in 0..<3 {
        let run = isolate.answer(event).invocation
        forgot += run.forgotOthers ? 1 : 0
      }
    }
    #expect(forgot > 10 && forgot < 200)
  }

  @Test func whatIsNeverAskedAgainIsLetAlone() throws {
    let function = try #require(Remembered.readers.first { $0.name == "a URI made anew" })
    let isolate = try function.isolate(remembering: 65536)
    func isRecalled(_ uri: String) -> Bool {
      isolate.begin(.viewerRequest)
      isolate.setURI(uri.utf8.span)
      defer { isolate.finish() }
      return isolate.run(nowMilliseconds: 0).isRecalled
    }
    #expect((0..<3).map { _ in isRecalled("/index.html") }.last == true)
    for turn in 0..<1100 { #expect(!isRecalled("/\(turn)")) }
    #expect(!isRecalled("/index.html"), "it rests")
    for turn in 0..<16384 { _ = isRecalled("/\(turn)") }
    #expect((0..<3).map { _ in isRecalled("/index.html") }.last == true, "it is awake again")
  }
}
