// Functions × events × what is to change on the way: spec/cloudfront-functions.md sections 2, 3 and 4.
import RewriteEngine
import Testing

/// One row: a handler's body, an event, and all that may differ from "nothing changed".
struct EditCase: CustomTestStringConvertible, Sendable {
  var name: String
  var handler: String
  var event = Event()
  var uri: String? = nil
  var query: String? = nil
  var edits: [String] = []
  var status: UInt16? = nil
  var body: String? = nil
  var log: [String] = []
  var testDescription: String { name }
}

extension Event: @unchecked Sendable {}

private let cookieEvent = Event(headers: [("Host", "h"), ("Cookie", "a=1; b=2; a=3"), ("cookie", "c=4")])
private let multiEvent = Event(headers: [("Host", "h"), ("X-Many", "one"), ("Accept", "*/*"), ("x-many", "two")])
private let responseEvent = Event(
  type: .viewerResponse, responseHeaders: [
    ("Content-Type", "text/html"), ("Set-Cookie", "a=1; Path=/; Secure"), ("Set-Cookie", "b=2"), ("X-Cache", "Miss"), ("Via", "1.1 x"),
  ])

@Suite struct EditTests {
  static let requests: [EditCase] = [
    .init(name: "nothing touched", handler: "return event.request"),
    .init(name: "everything read", handler: "JSON.stringify(event); return event.request", event: cookieEvent),
    .init(name: "everything spread", handler: "return {...event.request, headers: {...event.request.headers}}", event: multiEvent),
    .init(
      name: "everything frozen", handler: "Object.freeze(event.request.headers); Object.freeze(event.request); return event.request"),
    .init(name: "new uri", handler: "event.request.uri += 'x'; return event.request", uri: "/index.htmlx"),
    .init(name: "same uri", handler: "event.request.uri = '/index.html'; return event.request"),
    .init(
      name: "index document", handler: "var r = event.request; if (r.uri.endsWith('/')) r.uri += 'index.html'; return r",
      event: Event(uri: "/a/"), uri: "/a/index.html"),
    .init(
      name: "non-ASCII uri goes out as UTF-8", handler: "event.request.uri = '/ü€'; return event.request", uri: "/ü€"),
    .init(
      name: "normalised query",
      handler: """
        var q = event.request.querystring, o = []; for (var k in q) if (q[k].multiValue) q[k].multiValue.forEach(v => o.push(k + '=' + v.value))
        else o.push(k + '=' + q[k].value)
        event.request.querystring = o.sort().join('&'); return event.request
        """,
      event: Event(query: "b=2&a=1&b=3&c"), query: "a=1&b=2&b=3&c="),
    .init(
      name: "query parameter deleted, others keep their bytes",
      handler: "delete event.request.querystring.utm; return event.request", event: Event(query: "b=%41&utm=1&c&b=x"),
      query: "b=%41&b=x&c"),
    .init(
      name: "query parameter changed and added",
      handler: "var q = event.request.querystring; q.a.value = '2'; q.n = {value: 'é'}; return event.request", event: Event(query: "a=1&b=1"),
      query: "a=2&b=1&n=é"),
    .init(
      name: "query multiValue wins over value",
      handler: "var q = event.request.querystring; q.a.value = 'no'; q.a.multiValue.push({value: '3'}); return event.request",
      event: Event(query: "a=1&a=2"), query: "a=1&a=2&a=3"),
    .init(
      name: "query value alone changes the first occurrence",
      handler: "event.request.querystring.a.value = '9'; return event.request", event: Event(query: "a=1&a=2"), query: "a=9&a=2"),
    .init(name: "query emptied", handler: "event.request.querystring = {}; return event.request", event: Event(query: "a=1"), query: ""),
    .init(name: "query emptied by text", handler: "event.request.querystring = ''; return event.request", event: Event(query: "a=1"), query: ""),
    .init(name: "same query by text", handler: "event.request.querystring = 'a=1'; return event.request", event: Event(query: "a=1")),
    .init(
      name: "raw query", handler: "console.log(event.request.rawQueryString()); return event.request", event: Event(query: "b&a=%20"),
      log: ["b&a=%20"]),
    .init(name: "raw query of a bare ?", handler: "console.log(event.request.rawQueryString() === ''); return event.request", event: Event(query: ""), log: ["true"]),
    .init(name: "raw query without ?", handler: "console.log(event.request.rawQueryString() === undefined); return event.request", log: ["true"]),
    .init(
      name: "numeric and odd names",
      handler: "console.log(JSON.stringify(event.request.querystring)); return event.request", event: Event(query: "2=b&1=a&__proto__=x&=y"),
      log: [#"{"1":{"value":"a"},"2":{"value":"b"},"__proto__":{"value":"x"},"":{"value":"y"}}"#]),
    .init(
      name: "header set, changed, deleted",
      handler: "var h = event.request.headers; h['x-new'] = {value: ' v '}; h.accept.value = 'text/html'; delete h['x-many']; return event.request",
      event: multiEvent, edits: ["accept: text/html", "x-many:", "x-new: v"]),
    .init(
      name: "header multiValue read", handler: "console.log(JSON.stringify(event.request.headers['x-many'])); return event.request",
      event: multiEvent, log: [#"{"value":"one","multiValue":[{"value":"one"},{"value":"two"}]}"#]),
    .init(
      name: "header multiValue changed", handler: "event.request.headers['x-many'].multiValue[1].value = 'zwei'; return event.request",
      event: multiEvent, edits: ["x-many: one", "x-many: zwei"]),
    .init(
      name: "header value of several changed", handler: "event.request.headers['x-many'].value = 'eins'; return event.request",
      event: multiEvent, edits: ["x-many: eins", "x-many: two"]),
    .init(
      name: "header replaced by one value", handler: "event.request.headers['x-many'] = {value: 'one'}; return event.request",
      event: multiEvent, edits: ["x-many: one"]),
    .init(
      name: "headers assigned anew", handler: "event.request.headers = {host: event.request.headers.host}; return event.request", event: multiEvent,
      edits: ["accept:", "x-many:"]),
    .init(name: "header set to undefined is deleted", handler: "event.request.headers.accept = undefined; return event.request", event: multiEvent, edits: ["accept:"]),
    .init(
      name: "disallowed headers are invisible", handler: "console.log(Object.keys(event.request.headers).join()); return event.request",
      event: Event(headers: [("Host", "h"), ("Connection", "close"), ("X-Edge-Location", "x"), ("X-Amz-Cf-Id", "1"), ("X-Real-IP", "1"), ("TÈst", "1"), ("Cookie", "a=b")]),
      log: ["host,tÈst"]),
    .init(name: "cookie added, changed, deleted",
      handler: "var c = event.request.cookies; c.n = {value: '5'}; c.b.value = 'zwei'; delete c.c; return event.request", event: cookieEvent,
      edits: ["cookie: a=1; a=3; b=zwei; n=5"]),
    .init(name: "cookies cleared", handler: "event.request.cookies = {}; return event.request", event: cookieEvent, edits: ["cookie:"]),
    .init(
      name: "context and viewer", handler: "console.log(JSON.stringify([event.version, event.context, event.viewer])); return event.request",
      log: [#"["1.0",{"distributionDomainName":"d111.cloudfront.net","distributionId":"E123","eventType":"viewer-request","requestId":"rid=="},{"ip":"192.0.2.7"}]"#]),
    .init(name: "ISO-8859-1 header is shown as text and passes unchanged", handler: "console.log(event.request.headers.host.value.length); return event.request", log: ["11"]),
    .init(name: "a new object with the same parts", handler: "var r = event.request; return {method: r.method, uri: r.uri, querystring: r.querystring, headers: r.headers, cookies: r.cookies}", event: cookieEvent),
    .init(name: "through a proxy", handler: "return new Proxy(event.request, {get: (t, k) => k === 'uri' ? '/p' : t[k]})", uri: "/p"),
    .init(name: "a name that is another set's", handler: "event.request.cookies = event.request.querystring; return event.request", event: Event(query: "s=1"), edits: ["cookie: s=1"]),
  ]

  @Test(arguments: requests) func request(_ row: EditCase) throws {
    let isolate = try makeIsolate("function handler(event) { \(row.handler) }")
    let answer = isolate.answer(row.event)
    #expect(answer.error == "")
    #expect(answer.invocation.outcome == .request)
    #expect((answer.invocation.uriChanged ? answer.uri : nil) == row.uri)
    #expect((answer.invocation.queryChanged ? answer.query : nil) == row.query)
    if row.query == "" { #expect(!answer.invocation.hasQuery) }
    #expect(answer.edits == row.edits)
    #expect(answer.log == row.log)
    #expect(answer.pristine)
  }

  static let responses: [EditCase] = [
    .init(name: "nothing touched", handler: "return event.response", event: responseEvent, status: 200),
    .init(name: "everything read", handler: "JSON.stringify(event); return event.response", event: responseEvent, status: 200),
    .init(
      name: "security headers", handler: "event.response.headers['strict-transport-security'] = {value: 'max-age=1'}; return event.response",
      event: responseEvent, edits: ["strict-transport-security: max-age=1"], status: 200),
    .init(name: "status changed", handler: "event.response.statusCode = 404; return event.response", event: responseEvent, status: 404),
    .init(
      name: "cookies have attributes", handler: "console.log(JSON.stringify(event.response.cookies)); return event.response", event: responseEvent,
      status: 200, log: [#"{"a":{"value":"1","attributes":"Path=/; Secure"},"b":{"value":"2","attributes":""}}"#]),
    .init(
      name: "cookie changed and added",
      handler: "var c = event.response.cookies; c.b.value = '3'; c.n = {value: 'x', attributes: 'HttpOnly'}; return event.response", event: responseEvent,
      edits: ["set-cookie: a=1; Path=/; Secure", "set-cookie: b=3", "set-cookie: n=x; HttpOnly"], status: 200),
    .init(name: "body removed", handler: "event.response.body = ''; return event.response", event: responseEvent, status: 200, body: ""),
    .init(name: "framing edits are dropped", handler: "event.response.headers['content-length'] = {value: '3'}; event.response.body = 'abc'; return event.response", event: responseEvent, status: 200, body: "abc"),
    .init(name: "redirect", handler: "return {statusCode: 301, statusDescription: 'Moved', headers: {location: {value: 'https://www.example.com' + event.request.uri}}}",
      edits: ["location: https://www.example.com/index.html"], status: 301),
    .init(name: "smallest", handler: "return {statusCode: 204}", status: 204),
    .init(name: "text body", handler: "return {statusCode: 200, body: 'grün'}", status: 200, body: "grün"),
    .init(name: "encoded text body", handler: "return {statusCode: 200, body: {encoding: 'text', data: 'x'}}", status: 200, body: "x"),
    .init(name: "base64 body", handler: "return {statusCode: 200, body: {encoding: 'base64', data: 'aGVsbG8='}}", status: 200, body: "hello"),
    .init(name: "two values of one header", handler: "return {statusCode: 200, headers: {vary: {multiValue: [{value: 'a'}, {value: 'b'}]}}}",
      edits: ["vary: a", "vary: b"], status: 200),
    .init(name: "cookies of a generated response", handler: "return {statusCode: 200, cookies: {s: {value: '1', attributes: 'Path=/'}, t: {value: '', multiValue: [{value: '2'}, {value: '3'}]}}}",
      edits: ["set-cookie: s=1; Path=/", "set-cookie: t=2", "set-cookie: t=3"], status: 200),
    .init(name: "basic auth refused",
      handler: "var want = 'Basic ' + Buffer.from('user:pass').toString('base64'), got = event.request.headers.authorization; if (got && got.value === want) return event.request; return {statusCode: 401, headers: {'www-authenticate': {value: 'Basic'}}}",
      edits: ["www-authenticate: Basic"], status: 401),
  ]

  @Test(arguments: responses) func response(_ row: EditCase) throws {
    let isolate = try makeIsolate("function handler(event) { \(row.handler) }")
    let answer = isolate.answer(row.event)
    #expect(answer.error == "")
    #expect(answer.invocation.outcome == .response)
    #expect(answer.invocation.status == row.status)
    #expect(answer.invocation.statusChanged == (row.event.type == .viewerRequest || row.status != row.event.status))
    #expect((answer.invocation.hasBody ? answer.body : nil) == row.body)
    #expect(answer.edits == row.edits)
    #expect(answer.log == row.log)
    #expect(answer.pristine)
  }

  @Test func bytesThatAreNoUTF8AreShownAsLatin1AndKept() throws {
    let isolate = try makeIsolate("function handler(event) { console.log(event.request.headers.x.value + JSON.stringify(event.request.querystring)); return event.request }")
    isolate.begin(.viewerRequest)
    let name = Array("x".utf8), value: [UInt8] = [0x61, 0xE9]
    isolate.setURI(Array("/".utf8).span)
    isolate.setQuery(value.span)
    isolate.addRequestHeader(name.span, value.span)
    let invocation = isolate.run(nowMilliseconds: 0)
    #expect(invocation.outcome == .request && !invocation.queryChanged && invocation.headerEditCount == 0)
    var log = ""
    isolate.forEachLogLine { log = string($0) }
    #expect(log == #"aé{"aé":{"value":""}}"#)
  }

  @Test func basicAuthAccepted() throws {
    let isolate = try makeIsolate("function handler(event) { return event.request.headers.authorization.value === 'Basic ' + Buffer.from('user:pass').toString('base64') ? event.request : {statusCode: 401} }")
    #expect(isolate.answer(Event(headers: [("Authorization", "Basic dXNlcjpwYXNz")])).invocation.outcome == .request)
    #expect(isolate.answer(Event(headers: [("Authorization", "Basic dXNlcjpwYXN0")])).invocation.status == 401)
  }
}
