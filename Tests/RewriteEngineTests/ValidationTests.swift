// What a function may not return: spec/cloudfront-functions.md sections 3 to 6. Each is a 502 with a reason.
import RewriteEngine
import Testing

struct InvalidCase: CustomTestStringConvertible, Sendable {
  var handler: String
  /// Must occur in the error text.
  var reason: String
  var response = false
  var testDescription: String { handler }
}

@Suite struct ValidationTests {
  static let rows: [InvalidCase] = [
    .init(handler: "", reason: "returned undefined"),
    .init(handler: "return null", reason: "returned null"),
    .init(handler: "return '/x'", reason: "no object"),
    .init(handler: "return event", reason: "request.uri must be a string"),
    .init(handler: "event.request.method = 'POST'; return event.request", reason: "request.method is read-only"),
    .init(handler: "event.request.uri = 'x'; return event.request", reason: "must begin with /"),
    .init(handler: "event.request.uri = '/a b'; return event.request", reason: "request.uri must have no spaces"),
    .init(handler: "event.request.uri = '/a\\r\\n'; return event.request", reason: "request.uri must have no spaces"),
    .init(handler: "event.request.uri = '/a?b=c'; return event.request", reason: "request.uri"),
    .init(handler: "event.request.uri = 5; return event.request", reason: "request.uri must be a string"),
    .init(handler: "event.request.uri = '/' + 'x'.repeat(8191); return event.request", reason: "8192"),
    .init(handler: "event.request.querystring = 'a b'; return event.request", reason: "request.querystring"),
    .init(handler: "event.request.querystring = 'a#b'; return event.request", reason: "request.querystring"),
    .init(handler: "event.request.querystring = 5; return event.request", reason: "request.querystring must be an object"),
    .init(handler: "event.request.querystring.a = {value: 'x y'}; return event.request", reason: "request.querystring['a']"),
    .init(handler: "event.request.querystring.a = 'x'; return event.request", reason: "must be an object with a value"),
    .init(handler: "event.request.headers['X-A'] = {value: 'x'}; return event.request", reason: "lower case"),
    .init(handler: "event.request.headers['x a'] = {value: 'x'}; return event.request", reason: "not a valid header name"),
    .init(handler: "event.request.headers['x-a'] = {value: 'x\\ny'}; return event.request", reason: "control characters"),
    .init(handler: "event.request.headers['x-a'] = {value: 5}; return event.request", reason: "string as its value"),
    .init(handler: "event.request.headers['x-a'] = {}; return event.request", reason: "an object with a value"),
    .init(handler: "event.request.headers['x-a'] = {value: 'a', multiValue: 'b'}; return event.request", reason: "array as its multiValue"),
    .init(handler: "event.request.headers['x-a'] = null; return event.request", reason: "an object with a value"),
    .init(handler: "event.request.headers = null; return event.request", reason: "request.headers must be an object"),
    .init(handler: "event.request.headers.host.value = 'evil'; return event.request", reason: "['host'] is a read-only header"),
    .init(handler: "delete event.request.headers.host; return event.request", reason: "['host'] is a read-only header"),
    .init(handler: "event.request.headers = {}; return event.request", reason: "['host'] is a read-only header"),
    .init(handler: "event.request.headers['content-length'] = {value: '1'}; return event.request", reason: "['content-length'] is a read-only header"),
    .init(handler: "event.request.headers['x-edge-a'] = {value: '1'}; return event.request", reason: "['x-edge-a'] is a disallowed header"),
    .init(handler: "event.request.headers.connection = {value: 'close'}; return event.request", reason: "['connection'] is a disallowed header"),
    .init(handler: "event.request.headers.cookie = {value: 'a=b'}; return event.request", reason: "use request.cookies"),
    .init(handler: "event.request.cookies['a;b'] = {value: 'x'}; return event.request", reason: "not a valid cookie name"),
    .init(handler: "event.request.cookies.a = {value: 'x; y'}; return event.request", reason: "request.cookies['a']"),
    .init(handler: "return {statusCode: '302'}", reason: "statusCode must be a number"),
    .init(handler: "return {statusCode: 99}", reason: "200 to 599"),
    .init(handler: "return {statusCode: 100}", reason: "200 to 599"),
    .init(handler: "return {statusCode: 200.5}", reason: "200 to 599"),
    .init(handler: "return {statusCode: NaN}", reason: "200 to 599"),
    .init(handler: "return {statusCode: 200, statusDescription: 'a\\r\\nb'}", reason: "statusDescription"),
    .init(handler: "return {statusCode: 200, body: 5}", reason: "response.body"),
    .init(handler: "return {statusCode: 200, body: {encoding: 'gzip', data: ''}}", reason: "response.body.encoding"),
    .init(handler: "return {statusCode: 200, body: {encoding: 'base64', data: 'a$b='}}", reason: "not valid base64"),
    .init(handler: "return {statusCode: 200, body: {encoding: 'base64', data: 'abcde'}}", reason: "not valid base64"),
    .init(handler: "return {statusCode: 200, body: {data: 'x'}}", reason: "response.body.encoding"),
    .init(handler: "return {statusCode: 200, headers: {'Location': {value: 'x'}}}", reason: "lower case"),
    .init(handler: "return {statusCode: 200, headers: {'x-cache': {value: 'x'}}}", reason: "['x-cache'] is a disallowed header"),
    .init(handler: "return {statusCode: 200, headers: {'set-cookie': {value: 'a=b'}}}", reason: "use response.cookies"),
    .init(handler: "return {statusCode: 200, cookies: {a: {value: 'x', attributes: 'Path=/\\r\\nX: y'}}}", reason: "response.cookies['a']"),
    .init(handler: "return event", reason: "without statusCode", response: true),
    .init(handler: "return event.request", reason: "without statusCode", response: true),
    .init(handler: "event.response.headers.via = {value: 'x'}; return event.response", reason: "['via'] is a read-only header", response: true),
    .init(handler: "delete event.response.headers.via; return event.response", reason: "['via'] is a read-only header", response: true),
  ]

  @Test(arguments: rows) func refused(_ row: InvalidCase) throws {
    let isolate = try makeIsolate("function handler(event) { \(row.handler) }")
    var event = Event()
    if row.response { event = Event(type: .viewerResponse, responseHeaders: [("Via", "1.1 x")]) }
    let answer = isolate.answer(event)
    #expect(answer.invocation.outcome == .validationError)
    #expect(answer.invocation.failure == .invalidResult)
    #expect(answer.error.contains(row.reason), "\(answer.error)")
    #expect(answer.pristine)
  }
}
