// How the cache behaves by RFC 9111 and by CloudFront's arithmetic, one row for each thing that a response or a request may say: what the
// well-known suites for HTTP caches ask, in the same order. The real program, a real origin, and a clock that is moved.
import Foundation
import Testing

/// What became of the last request of a row.
private enum Fate: String {
  /// Answered from what was stored; the origin heard nothing.
  case cached
  /// The origin was asked, without conditions.
  case origin
  /// The origin was asked whether what is stored is still good.
  case validated
}

/// One thing that is said of caching.
private struct Row {
  var name: String
  /// The origin's first answer: fields, and the status line's end when it begins with a digit. `{+60}` becomes the date in 60 seconds.
  var answer: [String]
  /// Seconds between the requests.
  var pause = 0
  /// Fields of the first request and of the second one.
  var first: [String] = [], second: [String] = []
  /// The methods.
  var methods = ("GET", "GET")
  /// The origin's second answer, where it is another; `close` is none.
  var then: [String]?
  var rfc: Fate, cloudFront: Fate

  init(
    _ name: String, _ answer: [String], pause: Int = 0, first: [String] = [], second: [String] = [], methods: (String, String) = ("GET", "GET"),
    then: [String]? = nil, _ rfc: Fate, _ cloudFront: Fate
  ) {
    (self.name, self.answer, self.pause, self.first, self.second, self.methods, self.then) = (name, answer, pause, first, second, methods, then)
    (self.rfc, self.cloudFront) = (rfc, cloudFront)
  }
}

private let etag = "ETag: \"v\"", changed = "Last-Modified: {-8640000}"
private func control(_ value: String) -> String { "Cache-Control: \(value)" }

/// RFC 9111, 4.2: how long a response is fresh.
private let freshness: [Row] = [
  Row("max-age", [control("max-age=3600")], .cached, .cached),
  Row("max-age that has passed", [control("max-age=2")], pause: 4, .origin, .origin),
  Row("max-age=0", [control("max-age=0")], .origin, .origin),
  Row("max-age=0 with a validator", [control("max-age=0"), etag], .validated, .validated),
  Row("max-age less Age", [control("max-age=3600"), "Age: 1800"], pause: 1700, .cached, .cached),
  Row("max-age less Age, passed", [control("max-age=3600"), "Age: 1800"], pause: 1900, .origin, .origin),
  Row("Age above max-age", [control("max-age=3600"), "Age: 7200"], .origin, .origin),
  Row("Age that is no number", [control("max-age=3600"), "Age: abc"], .cached, .cached),
  Row("a negative Age", [control("max-age=3600"), "Age: -7200"], .cached, .cached),
  Row("two Ages: the first one", [control("max-age=3600"), "Age: 0, 7200"], .cached, .cached),
  Row("two Age lines: the first one", [control("max-age=3600"), "Age: 7200", "Age: 0"], .origin, .origin),
  Row("an Age beyond all numbers", [control("max-age=3600"), "Age: 99999999999999999999"], .origin, .origin),
  Row("s-maxage before max-age", [control("max-age=1, s-maxage=3600")], pause: 4, .cached, .cached),
  Row("a shorter s-maxage", [control("s-maxage=1, max-age=3600")], pause: 4, .origin, .origin),
  Row("s-maxage before Expires", [control("s-maxage=1"), "Expires: {+3600}"], pause: 4, .origin, .origin),
  Row("Expires", ["Expires: {+3600}", "Date: {+0}"], .cached, .cached),
  Row("Expires, passed", ["Expires: {+5}", "Date: {+0}"], pause: 10, .origin, .origin),
  Row("Expires in the past", ["Expires: {-3600}"], .origin, .origin),
  Row("Expires: 0", ["Expires: 0"], .origin, .origin),
  Row("Expires that is no date", ["Expires: tomorrow"], .origin, .origin),
  Row("Expires in another zone", ["Expires: Thu, 18 Aug 2050 02:01:18 AEST"], .origin, .origin),
  Row("Expires as RFC 850 had it", ["Expires: {850+3600}"], .cached, .cached),
  Row("Expires as asctime has it", ["Expires: Thu Aug 18 02:01:18 2050"], .cached, .cached),
  Row("Expires in small letters", ["Expires: thu, 18 aug 2050 02:01:18 gmt"], .cached, .cached),
  Row("two Expires that differ", ["Expires: {+3600}", "Expires: {+7200}"], .origin, .origin),
  Row("max-age before Expires", [control("max-age=3600"), "Expires: {-3600}"], .cached, .cached),
  Row("a shorter max-age than Expires", [control("max-age=1"), "Expires: {+3600}"], pause: 4, .origin, .origin),
  Row("Expires before Date", ["Expires: {+3600}", "Date: {+7200}"], .origin, .cached),
  Row("an old Date makes it old", [control("max-age=3600"), "Date: {-7200}"], .origin, .cached),
  Row("a Date in the future", [control("max-age=3600"), "Date: {+7200}"], .cached, .cached),
  Row("nothing said", [], .origin, .cached),
  Row("nothing said but Last-Modified", [changed], .cached, .cached),
  Row("nothing said but a validator", [etag], .validated, .cached),
  Row("a guess ends after a day", [changed], pause: 90_000, .validated, .validated),
  Row("public, and nothing said of time", [control("public"), changed], .cached, .cached),
]

/// RFC 9111, 5.2, and how directives are read.
private let directives: [Row] = [
  Row("in capitals", [control("MAX-AGE=3600")], .cached, .cached),
  Row("quoted", [control("max-age=\"3600\"")], .cached, .cached),
  Row("empty members", [control(",, max-age=3600, ,")], .cached, .cached),
  Row("zeros before it", [control("max-age=0003600")], .cached, .cached),
  Row("behind an unknown one", [control("foobar, max-age=3600")], .cached, .cached),
  Row("behind one with an argument", [control("foo=bar, max-age=3600")], .cached, .cached),
  Row("in another's quotes", [control("foo=\"max-age=3600\"")], .origin, .cached),
  Row("behind another's quotes with a comma", [control("foo=\"a, no-store\", max-age=3600")], .cached, .cached),
  Row("a negative number", [control("max-age=-3600")], .origin, .origin),
  Row("a fraction", [control("max-age=3600.5")], .origin, .origin),
  Row("a word", [control("max-age=an hour")], .origin, .origin),
  Row("digits and letters", [control("max-age=3600a")], .origin, .origin),
  Row("nothing behind =", [control("max-age=")], .origin, .origin),
  Row("a number too large", [control("max-age=99999999999")], .cached, .cached),
  Row("whitespace before =", [control("max-age =3600")], .origin, .origin),
  Row("whitespace behind =", [control("max-age= 3600")], .origin, .origin),
  Row("behind a quote that nothing closes", [control("foo=\"a, no-store, max-age=3600")], .origin, .origin),
  Row("two lines", [control("max-age=3600"), control("foo")], .cached, .cached),
  Row("the first of two", [control("max-age=1"), control("max-age=3600")], pause: 4, .origin, .origin),
  Row("no-store", [control("no-store"), changed], .origin, .origin),
  Row("no-store beside max-age", [control("max-age=3600, no-store")], .origin, .origin),
  Row("No-StOrE", [control("No-StOrE, max-age=3600")], .origin, .origin),
  Row("no-store in a second line", [control("max-age=3600"), control("no-store")], .origin, .origin),
  Row("private", [control("private, max-age=3600")], .origin, .origin),
  Row("private for a field", [control("private=\"x-a\", max-age=3600"), "X-A: 1"], .cached, .cached),
  Row("no-cache", [control("no-cache, max-age=3600"), etag], .validated, .validated),
  Row("no-cache without a validator", [control("no-cache, max-age=3600")], .origin, .origin),
  Row("no-cache for a field", [control("no-cache=\"x-a\", max-age=3600"), "X-A: 1"], .cached, .cached),
  Row("must-revalidate, fresh", [control("must-revalidate, max-age=3600")], .cached, .cached),
  Row("must-revalidate, stale", [control("must-revalidate, max-age=2"), etag], pause: 4, second: [control("max-stale=100")], .validated, .validated),
  Row("must-understand beside no-store", [control("must-understand, no-store, max-age=3600")], .cached, .origin),
  Row("must-understand of a code nobody knows", ["299 X", control("must-understand, max-age=3600")], .origin, .cached),
  Row("immutable is nobody's business here", [control("immutable, max-age=3600")], .cached, .cached),
  Row("Pragma of a response means nothing", [control("max-age=3600"), "Pragma: no-cache"], .cached, .cached),
]

/// RFC 9110, 15.1: which status codes may be stored when a time is stated, and when none is.
private let statusCodes: [Row] = {
  func row(_ code: Int, _ isStated: Bool, _ rfc: Fate, _ cloudFront: Fate) -> Row {
    Row("\(code) \(isStated ? "with" : "without") a time", ["\(code) X", isStated ? control("max-age=3600") : changed], rfc, cloudFront)
  }
  let errors = Set([400, 403, 404, 405, 410, 412, 414, 415, 500, 501, 502, 503, 504]), always = Set([404, 410, 414, 500, 501, 502, 503, 504])
  let guessed = Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501])
  return [200, 203, 204, 299, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 410, 412, 414, 415, 418, 429, 451, 499, 500, 501, 502, 503, 504, 505, 599].flatMap {
    [row($0, true, .cached, $0 < 400 || errors.contains($0) ? .cached : .origin),
      row($0, false, guessed.contains($0) ? .cached : .origin, $0 < 400 || always.contains($0) ? .cached : .origin)]
  } + [Row("206", ["206 X", control("max-age=3600"), "Content-Range: bytes 0-0/9"], .origin, .origin)]
}()

/// RFC 9111, 4.2.4 and RFC 5861: serving what is stale.
private let staleness: [Row] = [
  Row("stale-while-revalidate", [control("max-age=2, stale-while-revalidate=60")], pause: 4, .cached, .cached),
  Row("stale-while-revalidate, over", [control("max-age=2, stale-while-revalidate=3")], pause: 8, .origin, .origin),
  Row("stale-while-revalidate and must-revalidate", [control("max-age=2, must-revalidate, stale-while-revalidate=60")], pause: 4, .origin, .origin),
  Row("max-stale", [control("max-age=2")], pause: 6, second: [control("max-stale=60")], .cached, .origin),
  Row("max-stale of any length", [control("max-age=2")], pause: 600, second: [control("max-stale")], .cached, .origin),
  Row("max-stale, exceeded", [control("max-age=2")], pause: 60, second: [control("max-stale=10")], .origin, .origin),
]

/// RFC 9111, 4.1.
private let variants: [Row] = [
  Row("the same value", [control("max-age=3600"), "Vary: Foo"], first: ["Foo: 1"], second: ["Foo: 1"], .cached, .cached),
  Row("another value", [control("max-age=3600"), "Vary: Foo"], first: ["Foo: 1"], second: ["Foo: 2"], .origin, .cached),
  Row("no value", [control("max-age=3600"), "Vary: Foo"], first: ["Foo: 1"], .origin, .cached),
  Row("a value where there was none", [control("max-age=3600"), "Vary: Foo"], second: ["Foo: 1"], .origin, .cached),
  Row("none each time", [control("max-age=3600"), "Vary: Foo"], .cached, .cached),
  Row("of two names one differs", [control("max-age=3600"), "Vary: Foo, Bar"], first: ["Foo: 1", "Bar: a"], second: ["Foo: 1", "Bar: b"], .origin, .cached),
  Row("of two names none differs", [control("max-age=3600"), "Vary: Foo, Bar"], first: ["Foo: 1", "Bar: a"], second: ["Bar: a", "Foo: 1"], .cached, .cached),
  Row("names in two lines", [control("max-age=3600"), "Vary: Foo", "Vary: Bar"], first: ["Bar: a"], second: ["Bar: b"], .origin, .cached),
  Row("names in capitals", [control("max-age=3600"), "Vary: FOO"], first: ["foo: 1"], second: ["Foo: 1"], .cached, .cached),
  Row("whitespace between members", [control("max-age=3600"), "Vary: Foo"], first: ["Foo: 1,2"], second: ["Foo: 1 ,  2"], .cached, .cached),
  Row("several lines are one list", [control("max-age=3600"), "Vary: Foo"], first: ["Foo: 1, 2"], second: ["Foo: 1", "Foo: 2"], .cached, .cached),
  Row("members in another order", [control("max-age=3600"), "Vary: Foo"], first: ["Foo: 1, 2"], second: ["Foo: 2, 1"], .origin, .cached),
  Row("members in capitals", [control("max-age=3600"), "Vary: Foo"], first: ["Foo: a"], second: ["Foo: A"], .origin, .cached),
  Row("anything", [control("max-age=3600"), "Vary: *"], .origin, .origin),
  Row("anything beside a name", [control("max-age=3600"), "Vary: Foo, *"], .origin, .origin),
  Row("nothing", [control("max-age=3600"), "Vary: ,"], .cached, .cached),
  Row("Accept-Encoding", [control("max-age=3600"), "Vary: Accept-Encoding"], first: ["Accept-Encoding: gzip"], second: ["Accept-Encoding: br"], .origin, .cached),
]

/// RFC 9111, 5.2.1 and 5.4: what requests say.
private let requests: [Row] = [
  Row("no-cache", [control("max-age=3600")], second: [control("no-cache")], .origin, .cached),
  Row("no-cache validates", [control("max-age=3600"), etag], second: [control("no-cache")], .validated, .cached),
  Row("Pragma: no-cache", [control("max-age=3600")], second: ["Pragma: no-cache"], .origin, .cached),
  Row("Pragma: no-cache among others", [control("max-age=3600")], second: ["Pragma: a", "Pragma: b, No-Cache"], .origin, .cached),
  Row("Pragma of another name", [control("max-age=3600")], second: ["Pragma: no-cache2, x=\"no-cache\""], .cached, .cached),
  Row("Pragma beside Cache-Control", [control("max-age=3600")], second: ["Pragma: no-cache", control("max-age=60")], .cached, .cached),
  Row("max-age=0", [control("max-age=3600")], pause: 1, second: [control("max-age=0")], .origin, .cached),
  Row("max-age above the age", [control("max-age=3600"), "Age: 5"], second: [control("max-age=600")], .cached, .cached),
  Row("max-age below the age", [control("max-age=3600"), "Age: 1800"], second: [control("max-age=600")], .origin, .cached),
  Row("min-fresh that there is", [control("max-age=3600")], second: [control("min-fresh=60")], .cached, .cached),
  Row("min-fresh that there is not", [control("max-age=1500")], second: [control("min-fresh=2000")], .origin, .cached),
  Row("min-fresh and Age", [control("max-age=3600"), "Age: 1800"], second: [control("min-fresh=2000")], .origin, .cached),
  Row("no-store is not stored", [control("max-age=3600")], first: [control("no-store")], .origin, .cached),
  Row("no-store uses what is stored", [control("max-age=3600")], second: [control("no-store")], .cached, .cached),
  Row("only-if-cached, when it is", [control("max-age=3600")], second: [control("only-if-cached")], .cached, .cached),
  Row("a credential", [control("max-age=3600")], first: ["Authorization: a"], second: ["Authorization: a"], .origin, .cached),
  Row("a credential and public", [control("max-age=3600, public")], first: ["Authorization: a"], second: ["Authorization: a"], .cached, .cached),
  Row("a credential and s-maxage", [control("s-maxage=3600")], first: ["Authorization: a"], second: ["Authorization: a"], .cached, .cached),
  Row("a credential and must-revalidate", [control("max-age=3600, must-revalidate")], first: ["Authorization: a"], second: ["Authorization: a"], .cached, .cached),
  Row("a credential for what is stored", [control("max-age=3600")], second: ["Authorization: a"], .cached, .cached),
]

/// RFC 9111, 3 and 4: methods, and what an answer that fails does to what is stored.
private let methods: [Row] = [
  Row("HEAD of what GET stored", [control("max-age=3600")], methods: ("GET", "HEAD"), .cached, .cached),
  Row("GET of what HEAD brought", [control("max-age=3600")], methods: ("HEAD", "GET"), .origin, .origin),
  Row("GET of what POST brought", [control("max-age=3600")], first: ["Content-Length: 0"], methods: ("POST", "GET"), .origin, .origin),
  Row("POST of what GET stored", [control("max-age=3600")], second: ["Content-Length: 0"], methods: ("GET", "POST"), .origin, .origin),
  Row("an error instead of what is stale", [control("max-age=2")], pause: 4, then: ["503 X"], .origin, .cached),
  Row("an error, and stale-if-error", [control("max-age=2, stale-if-error=60")], pause: 4, then: ["503 X"], .cached, .cached),
  Row("an error, and stale-if-error over", [control("max-age=2, stale-if-error=3")], pause: 8, then: ["503 X"], .origin, .origin),
  Row("an error, and the request's stale-if-error", [control("max-age=2")], pause: 4, second: [control("stale-if-error=60")], then: ["503 X"], .cached, .cached),
  Row("an error, and the request's stale-if-error over", [control("max-age=2")], pause: 8, second: [control("stale-if-error=3")], then: ["503 X"], .origin, .cached),
  Row("an error, must-revalidate, and the request's stale-if-error", [control("max-age=2, must-revalidate")], pause: 4, second: [control("stale-if-error=60")], then: ["503 X"], .origin, .origin),
  Row("an error, and must-revalidate", [control("max-age=2, must-revalidate, stale-if-error=60")], pause: 4, then: ["503 X"], .origin, .origin),
  Row("no answer", [control("max-age=2")], pause: 4, then: ["close"], .cached, .cached),
  Row("no answer, and must-revalidate", [control("max-age=2, must-revalidate")], pause: 4, then: ["close"], .origin, .origin),
  Row("no answer, and no-cache", [control("no-cache"), etag], pause: 4, then: ["close"], .origin, .cached),
  Row("not found instead of what is stale", [control("max-age=2, stale-if-error=60")], pause: 4, then: ["404 X"], .origin, .origin),
]

extension Scenarios {
  @Suite struct CacheConformance {
    /// A date some seconds from now by the program's clock.
    private static func date(_ seconds: Int, form: String = "EEE, dd MMM yyyy HH:mm:ss 'GMT'") -> String {
      let formatter = DateFormatter()
      formatter.locale = Locale(identifier: "en_US_POSIX")
      formatter.timeZone = TimeZone(identifier: "GMT")
      formatter.dateFormat = form
      return formatter.string(from: Date(timeIntervalSinceNow: TimeInterval(seconds)))
    }

    /// Puts the dates in.
    private static func dated(_ line: String, shift: Int) -> String {
      guard let match = line.firstMatch(of: /\{(850)?([+-][0-9]+)\}/), let seconds = Int(match.2) else { return line }
      let form = match.1 == nil ? "EEE, dd MMM yyyy HH:mm:ss 'GMT'" : "EEEE, dd-MMM-yy HH:mm:ss 'GMT'"
      return line.replacing(match.0, with: date(seconds + shift, form: form))
    }

    /// An answer as the origin sends it; its body is the number of the request.
    private static func text(_ answer: [String], _ number: Int, shift: Int, to method: String) -> String {
      let hasStatus = answer.first?.first?.isNumber ?? false
      let lines = answer.dropFirst(hasStatus ? 1 : 0).map { dated($0, shift: shift) + "\r\n" }.joined()
      let status = hasStatus ? answer[0] : "200 OK"
      let body = "answer \(number)", length = status.hasPrefix("204") ? "" : "Content-Length: \(body.utf8.count)\r\n"
      return "HTTP/1.1 \(status)\r\n\(lines)\(length)\r\n" + (method == "HEAD" || length.isEmpty ? "" : body)
    }

    /// Runs rows one after another on one program, the clock going on. Every row has a path of its own.
    private func run(_ rows: [Row], mode: String, _ expected: (Row) -> Fate) throws {
      let answers = Watched<[String: [String]]>([:]), shift = Watched(0), asked = Watched<[String: Int]>([:])
      let program = try CacheProgram(policy: "cacheMode: \(mode)", more: "originRequestPolicies: { viewers: { headers: allViewer } }", requestPolicy: "viewers") { request, connection in
        let number = asked.update { asked in
          asked[request.target, default: 0] += 1
          return asked[request.target] ?? 0
        }
        let answer = answers.current[request.target] ?? []
        if answer == ["close"] { throw StreamEnded(clean: true) }
        let isConditional = request.fields["if-none-match"] != nil || request.fields["if-modified-since"] != nil
        if isConditional { return try connection.send("HTTP/1.1 304 Not Modified\r\n\r\n") }
        try connection.send(Self.text(answer, number, shift: shift.current, to: request.method))
      }
      for (index, row) in rows.enumerated() {
        let path = "/\(index)"
        answers.update { $0[path] = row.answer }
        func send(_ method: String, _ fields: [String]) throws -> Response {
          let lines = fields.map { $0 + "\r\n" }.joined()
          return try program.skerry.viewer().exchange("\(method) \(path) HTTP/1.1\r\nHost: a.test\r\n\(lines)Connection: close\r\n\r\n", to: method)
        }
        let before = try send(row.methods.0, row.first)
        if row.pause > 0 {
          shift.update { $0 += row.pause }
          try program.skerry.moveClock(to: Double(shift.current))
        }
        if let then = row.then { answers.update { $0[path] = then } }
        let count = program.origin.requests.count
        let after = try send(row.methods.1, row.second)
        // What is served while it is refreshed, or because the origin fails, is served from the cache all the same.
        let isStored = after.cache == "Hit" || after.cache == "Error" && after.fields["age"] != nil
        let isSame = row.methods.1 == "HEAD" || after.bodyText == before.bodyText
        let fate: Fate = isStored && isSame ? .cached : after.cache == "RefreshHit" ? .validated : .origin
        #expect(fate == expected(row), "\(mode), \(row.name): \(after.line), X-Cache \(after.cache), Cache-Status \(after.cacheStatus)")
        let heard = program.origin.requests.count - count
        switch fate {
        case .cached where row.then == nil && !after.cacheStatus.contains("ttl=-"): #expect(heard == 0, "\(mode), \(row.name)")
        case .origin, .validated: #expect(heard >= 1, "\(mode), \(row.name)")
        default: break
        }
      }
    }

    private static let tables = [
      ("freshness", freshness), ("directives", directives), ("status codes", statusCodes), ("staleness", staleness), ("variants", variants), ("requests", requests),
      ("methods", methods),
    ]
    @Test(arguments: tables.indices) func byTheRFC(_ index: Int) throws { try run(Self.tables[index].1, mode: "rfc9111") { $0.rfc } }
    @Test(arguments: tables.indices) func asCloudFrontDoes(_ index: Int) throws { try run(Self.tables[index].1, mode: "cloudfront") { $0.cloudFront } }
  }
}
