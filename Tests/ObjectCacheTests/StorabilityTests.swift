// What is stored and for how long: spec/request-pipeline.md, 3.1, 3.3, 11.2; RFC 9111, 3, 4.2 and 5.2.

import Distribution
import HTTPWire
import Testing
import Transport

@testable import ObjectCache

/// In seconds from when it came: fresh until, while somebody validates, when the origin fails; nil for no end.
private struct Times: Equatable, CustomStringConvertible {
  var fresh: Int, revalidating: Int, onError: Int?
  var flags: Freshness.Flags

  init(_ fresh: Int, _ revalidating: Int? = nil, error: Int?, _ flags: Freshness.Flags = []) {
    (self.fresh, self.revalidating, onError, self.flags) = (fresh, revalidating ?? fresh, error, flags)
  }
  init(_ freshness: Freshness) {
    func seconds(_ time: Int64) -> Int { Int(time - noon) / 1000 }
    fresh = seconds(freshness.freshUntil)
    revalidating = seconds(freshness.revalidatableUntil)
    onError = freshness.usableOnErrorUntil == .max ? nil : seconds(freshness.usableOnErrorUntil)
    flags = freshness.flags.subtracting([.rfc9111, .heuristic])
  }
  var description: String { "fresh \(fresh), revalidating \(revalidating), on error \(onError.map(String.init) ?? "ever"), \(flags.rawValue)" }
}

private func date(_ seconds: Int) -> String { HTTPDate.text(Int(noon / 1000) + seconds) }

private func times(
  _ rules: StoringRules, _ status: Int, _ fields: [String], request: [String] = [], isAuthorized: Bool = false, delay: Int64 = 0
) throws -> Times? {
  let request = try ObjectCacheTests.request("GET /", request)
  return rules.freshness(
    of: ResponseFacts(try response(status, fields)), to: RequestFacts(request.fields, isAuthorized: isAuthorized), requestTime: noon - delay, now: noon
  ).map { Times($0) }
}

private func rules(_ mode: CacheMode = .cloudfront, min: Int = 0, standard: Int = 100, max: Int = 1000, errors: [Int: Int] = [:]) -> StoringRules {
  StoringRules(CachePolicy(name: "p", mode: mode, minTTLSeconds: min, defaultTTLSeconds: standard, maxTTLSeconds: max), errorTTLs: errors)
}

@Suite struct CloudFrontFreshnessTests {
  private static let loose = rules(), floor = rules(min: 20)

  fileprivate static let table: [(String, StoringRules, [String], Times?)] = [
    ("nothing said: the default", loose, [], Times(100, error: nil)),
    ("nothing said, minimum above the default", rules(min: 200), [], Times(200, error: nil)),
    ("nothing said, default 0", rules(standard: 0), [], Times(0, error: nil, .unshared)),
    ("max-age", loose, ["Cache-Control: max-age=50"], Times(50, error: nil)),
    ("max-age below the minimum", floor, ["Cache-Control: max-age=5"], Times(20, error: nil)),
    ("max-age above the maximum", loose, ["Cache-Control: max-age=5000"], Times(1000, error: nil)),
    ("max-age=0", loose, ["Cache-Control: max-age=0"], Times(0, error: nil, .unshared)),
    ("max-age=0 with a minimum", floor, ["Cache-Control: max-age=0"], Times(20, error: nil)),
    ("max-age that is no number", loose, ["Cache-Control: max-age=x"], Times(0, error: nil, .unshared)),
    ("s-maxage beats max-age", loose, ["Cache-Control: max-age=50, s-maxage=70"], Times(70, error: nil)),
    ("max-age beats Expires", loose, ["Cache-Control: max-age=50", "Expires: \(date(70))"], Times(50, error: nil)),
    ("Expires", loose, ["Expires: \(date(70))"], Times(70, error: nil)),
    ("Expires, whatever Date says", loose, ["Expires: \(date(70))", "Date: \(date(-50))"], Times(70, error: nil)),
    ("Expires in the past", loose, ["Expires: \(date(-70))"], Times(0, error: nil, .unshared)),
    ("Expires: 0", loose, ["Expires: 0"], Times(0, error: nil, .unshared)),
    ("Expires: 0 with a minimum", floor, ["Expires: 0"], Times(20, error: nil)),
    ("Expires beyond the maximum", loose, ["Expires: \(date(5000))"], Times(1000, error: nil)),
    ("two Expires that differ", loose, ["Expires: \(date(70))", "Expires: \(date(71))"], Times(0, error: nil, .unshared)),
    ("the same Expires twice", loose, ["Expires: \(date(70))", "Expires: \(date(70))"], Times(70, error: nil)),
    ("Age has passed", loose, ["Cache-Control: max-age=50", "Age: 30"], Times(20, error: nil)),
    ("Age has passed, not below the minimum", floor, ["Cache-Control: max-age=50", "Age: 40"], Times(20, error: nil)),
    ("no-store", loose, ["Cache-Control: no-store"], nil), ("private", loose, ["Cache-Control: private, max-age=50"], nil),
    ("no-cache is kept to be validated", loose, ["Cache-Control: no-cache"], Times(0, error: nil, .unshared)),
    ("no-cache beats max-age", loose, ["Cache-Control: no-cache, max-age=50"], Times(0, error: nil, .unshared)),
    ("no-store with a minimum", floor, ["Cache-Control: no-store"], Times(20, error: nil)),
    ("private with a minimum", floor, ["Cache-Control: private, max-age=50"], Times(20, error: nil)),
    ("no-cache with a minimum", floor, ["Cache-Control: no-cache, s-maxage=90"], Times(20, error: nil)),
    ("no-cache of a field", loose, ["Cache-Control: no-cache=\"Set-Cookie\", max-age=50"], Times(50, error: nil)),
    ("Pragma says nothing", loose, ["Pragma: no-cache"], Times(100, error: nil)),
    ("stale-if-error", loose, ["Cache-Control: max-age=50, stale-if-error=60"], Times(50, error: 110)),
    ("stale-if-error=0", loose, ["Cache-Control: max-age=50, stale-if-error=0"], Times(50, error: 50)),
    ("stale-if-error ends with the maximum", loose, ["Cache-Control: max-age=50, stale-if-error=6000"], Times(50, error: 1000)),
    ("stale-while-revalidate", loose, ["Cache-Control: max-age=50, stale-while-revalidate=60"], Times(50, 110, error: nil)),
    ("stale-while-revalidate ends with the maximum", loose, ["Cache-Control: max-age=950, stale-while-revalidate=60"], Times(950, 1000, error: nil)),
    ("must-revalidate", loose, ["Cache-Control: max-age=50, must-revalidate, stale-while-revalidate=60"], Times(50, error: nil, .mustRevalidate)),
    ("Vary: *", loose, ["Cache-Control: max-age=50", "Vary: a, *"], Times(0, error: nil, [.unshared, .noConditional])),
    ("Vary: * with a minimum", floor, ["Cache-Control: max-age=50", "Vary: *"], Times(50, error: nil)),
    ("another Vary", loose, ["Cache-Control: max-age=50", "Vary: a"], Times(50, error: nil)),
    ("CachingDisabled", rules(standard: 0, max: 0), ["Cache-Control: max-age=50"], nil),
  ]

  @Test(arguments: table)
  fileprivate func follows(_ what: String, _ rules: StoringRules, _ fields: [String], _ expected: Times?) throws {
    for status in [200, 204, 301, 302, 307] { #expect(try times(rules, status, fields) == expected, "\(status)") }
  }

  @Test func whatTheRequestSaysIsIgnored() throws {
    for line in ["Cache-Control: no-store", "Cache-Control: no-cache", "Pragma: no-cache"] { #expect(try times(Self.loose, 200, [], request: [line]) == Times(100, error: nil)) }
    #expect(try times(Self.loose, 200, [], isAuthorized: true) == Times(100, error: nil))
  }

  @Test func partsAndInterimAnswersAreNotStored() throws {
    for status in [206, 304, 101, 103] { #expect(try times(Self.loose, status, []) == nil) }
  }

  /// Spec 11.2: with nothing said, with max-age=50, with no-store.
  static let errors: [(Int, plain: Int?, aged: Int?, unwilling: Int?)] = [
    (404, 10, 50, nil), (410, 10, 50, nil), (414, 10, 50, nil), (501, 10, 50, nil), (500, 10, 50, 10), (502, 10, 50, 10), (503, 10, 50, 10), (504, 10, 50, 10),
    (400, nil, 50, nil), (403, nil, 50, nil), (405, nil, 50, nil), (412, nil, 50, nil), (415, nil, 50, nil),
    (416, nil, nil, nil), (401, nil, nil, nil), (402, nil, nil, nil), (429, nil, nil, nil), (505, nil, nil, nil), (599, nil, nil, nil),
  ]

  @Test(arguments: errors) func keepsErrors(_ status: Int, _ plain: Int?, _ aged: Int?, _ unwilling: Int?) throws {
    func ttl(_ fields: [String], _ rules: StoringRules = CloudFrontFreshnessTests.loose) throws -> Int? { try times(rules, status, fields)?.fresh }
    #expect(try ttl([]) == plain)
    #expect(try ttl(["Cache-Control: max-age=50"]) == aged)
    #expect(try ttl(["Cache-Control: max-age=5"]) == aged.map { _ in 10 })
    #expect(try ttl(["Cache-Control: max-age=5000"]) == aged.map { _ in 1000 })
    #expect(try ttl(["Expires: \(date(70))"]) == plain.map { _ in 70 })
    for line in ["no-store", "no-cache", "private"] { #expect(try ttl(["Cache-Control: \(line)"]) == unwilling) }
    #expect(try ttl([], rules(errors: [status: 300])) == plain.map { _ in 300 })
    #expect(try ttl(["Cache-Control: max-age=50"], rules(errors: [status: 300])) == aged.map { _ in 300 })
    #expect(try ttl(["Cache-Control: max-age=50"], rules(errors: [status: 0])) == aged)
    #expect(try ttl(["Cache-Control: max-age=50"], rules(standard: 0, max: 0)) == nil)
  }

  @Test func anExpiredErrorStandsInForNothing() throws {
    let error = try times(Self.loose, 503, [])
    #expect(error == Times(10, error: 10, .isError))
  }
}

@Suite struct RFC9111FreshnessTests {
  private static let plain = rules(.rfc9111, min: 300, standard: 400, max: 100_000_000)
  private static let modified = "Last-Modified: \(date(-1_000))"

  fileprivate static let table: [(String, Int, [String], Times?)] = [
    ("max-age", 200, ["Cache-Control: max-age=50"], Times(50, error: 50)),
    ("any status with a time", 599, ["Cache-Control: max-age=50"], Times(50, error: 50, .isError)),
    ("s-maxage, which is proxy-revalidate too", 200, ["Cache-Control: max-age=50, s-maxage=70, stale-if-error=9"], Times(70, error: 70, .mustRevalidate)),
    ("Expires less Date", 200, ["Expires: \(date(70))", "Date: \(date(-10))"], Times(70, error: 70)),
    ("Expires without Date", 200, ["Expires: \(date(70))"], Times(70, error: 70)),
    ("Expires, Date invalid", 200, ["Expires: \(date(70))", "Date: x"], Times(70, error: 70)),
    ("Expires, a Date ahead", 200, ["Expires: \(date(70))", "Date: \(date(30))"], Times(40, error: 40)),
    ("Expires: 0", 200, ["Expires: 0"], nil), ("Expires: 0 with a validator", 200, ["Expires: 0", "ETag: \"a\""], Times(0, error: 0, .unshared)),
    ("Age", 200, ["Cache-Control: max-age=50", "Age: 20"], Times(30, error: 30)),
    ("Age spent", 200, ["Cache-Control: max-age=50", "Age: 60", "ETag: \"a\""], Times(0, error: 0, .unshared)),
    ("Age spent, stale-if-error with it", 200, ["Cache-Control: max-age=50, stale-if-error=30", "Age: 60"], Times(0, error: 20, .unshared)),
    ("Age: the first member", 200, ["Cache-Control: max-age=50", "Age: 20, 60"], Times(30, error: 30)),
    ("Age that is no number", 200, ["Cache-Control: max-age=50", "Age: -20"], Times(50, error: 50)),
    ("Age that is too large", 200, ["Cache-Control: max-age=50", "Age: 99999999999999", "ETag: \"a\""], Times(0, error: 0, .unshared)),
    ("an old Date", 200, ["Cache-Control: max-age=50", "Date: \(date(-30))"], Times(20, error: 20)),
    ("an old Date and Age", 200, ["Cache-Control: max-age=50", "Date: \(date(-30))", "Age: 10"], Times(20, error: 20)),
    ("a Date ahead", 200, ["Cache-Control: max-age=50", "Date: \(date(30))"], Times(50, error: 50)),
    ("a Date of the second before", 200, ["Cache-Control: max-age=1", "Date: \(date(-1))"], Times(1, error: 1)),
    ("a Date of two seconds before", 200, ["Cache-Control: max-age=50", "Date: \(date(-2))"], Times(48, error: 48)),
    ("a guess: a tenth", 200, [modified], Times(100, error: 100)), ("a guess needs Last-Modified", 200, [], nil),
    ("a guess needs a status that allows it", 302, [modified], nil), ("or public", 599, [modified, "Cache-Control: public"], Times(100, error: 100, .isError)),
    ("a guess of a 404", 404, [modified], Times(100, error: 100, .isError)),
    ("a guess is a day at most", 200, ["Last-Modified: \(date(-10_000_000))"], Times(86_400, error: 86_400)),
    ("changed in the future", 200, ["Last-Modified: \(date(1000))"], Times(0, error: 0, .unshared)),
    ("no-store", 200, ["Cache-Control: no-store, max-age=50"], nil), ("private", 200, ["Cache-Control: private, max-age=50"], nil),
    ("private of a field", 200, ["Cache-Control: private=\"x\", max-age=50"], Times(50, error: 50)),
    ("no-cache", 200, ["Cache-Control: no-cache, max-age=50", "ETag: \"a\""], Times(0, error: 0, [.mustRevalidate, .unshared])),
    ("no-cache without a validator", 200, ["Cache-Control: no-cache, max-age=50"], nil),
    ("must-understand", 200, ["Cache-Control: must-understand, no-store, max-age=50"], Times(50, error: 50)),
    ("must-understand, and nobody does", 599, ["Cache-Control: must-understand, max-age=50"], nil),
    ("must-revalidate", 200, ["Cache-Control: must-revalidate, max-age=50, stale-if-error=9, stale-while-revalidate=9"], Times(50, error: 50, .mustRevalidate)),
    ("stale-while-revalidate", 200, ["Cache-Control: max-age=50, stale-while-revalidate=9"], Times(50, 59, error: 50)),
    ("stale-if-error", 200, ["Cache-Control: max-age=50, stale-if-error=9"], Times(50, error: 59)),
    ("Vary: *", 200, ["Cache-Control: max-age=50", "Vary: *"], nil), ("206", 206, ["Cache-Control: max-age=50", "Content-Range: bytes 0-1/2"], nil),
    ("304", 304, ["Cache-Control: max-age=50"], nil),
  ]

  @Test(arguments: table)
  fileprivate func follows(_ what: String, _ status: Int, _ fields: [String], _ expected: Times?) throws {
    #expect(try times(Self.plain, status, fields) == expected)
  }

  @Test func timeOnTheWayCountsAsAge() throws {
    #expect(try times(Self.plain, 200, ["Cache-Control: max-age=50", "Age: 10"], delay: 5_000)?.fresh == 35)
    #expect(try times(Self.plain, 200, ["Cache-Control: max-age=50", "Date: \(date(-5))"], delay: 5_000)?.fresh == 45)
    #expect(try times(Self.plain, 200, ["Cache-Control: max-age=50"], delay: -5_000)?.fresh == 50)   // the clock went back
  }

  @Test func nothingIsFreshForLongerThanThePolicyAllows() throws {
    #expect(try times(rules(.rfc9111, max: 30), 200, ["Cache-Control: max-age=50"])?.fresh == 30)
    #expect(try times(rules(.rfc9111, standard: 0, max: 0), 200, ["Cache-Control: max-age=50"]) == nil)
  }

  @Test func whatTheRequestSaysCounts() throws {
    let fresh = ["Cache-Control: max-age=50"]
    #expect(try times(Self.plain, 200, fresh, request: ["Cache-Control: no-store"]) == nil)
    #expect(try times(Self.plain, 200, fresh, request: ["Cache-Control: no-cache"])?.fresh == 50)
    #expect(try times(Self.plain, 200, fresh, isAuthorized: true) == nil)
    for directive in ["public", "s-maxage=50", "must-revalidate"] {
      #expect(try times(Self.plain, 200, ["Cache-Control: max-age=50, \(directive)"], isAuthorized: true)?.fresh == 50)
    }
    #expect(try times(Self.plain, 200, ["Cache-Control: max-age=50, proxy-revalidate"], isAuthorized: true) == nil)
  }
}

/// RFC 9111, 4.2.4 and 5.2.1.
@Suite struct UseTests {
  private static let freshness = Freshness(
    receivedAt: noon, initialAge: 10_000, freshUntil: noon + 100_000, revalidatableUntil: noon + 120_000, usableOnErrorUntil: noon + 130_000, flags: .rfc9111)

  private func use(_ freshness: Freshness = freshness, _ text: String = "", after seconds: Int64) throws -> Use {
    let request = try request("GET /", text.isEmpty ? [] : [text])
    return freshness.use(RequestFacts(request.fields, isAuthorized: false).directives, at: noon + seconds * 1000)
  }

  static let table: [(String, Int64, Use)] = [
    ("", 0, .fresh), ("", 99, .fresh), ("", 100, .staleServe), ("", 119, .staleServe), ("", 120, .validate),
    ("", -4, .fresh), ("", -6, .validate),
    ("Cache-Control: no-cache", 0, .validate), ("Pragma: no-cache", 0, .validate), ("Pragma: x", 0, .fresh),
    ("Cache-Control: max-age=0", 0, .validate), ("Cache-Control: max-age=15", 5, .fresh), ("Cache-Control: max-age=15", 6, .validate),
    ("Cache-Control: max-age=1000", 105, .validate), ("Cache-Control: max-age=1000, max-stale=5", 105, .fresh),
    ("Cache-Control: min-fresh=10", 90, .fresh), ("Cache-Control: min-fresh=10", 91, .validate), ("Cache-Control: min-fresh=x", 0, .validate),
    ("Cache-Control: max-stale", 500, .fresh), ("Cache-Control: max-stale=10", 110, .fresh), ("Cache-Control: max-stale=10", 121, .validate),
    ("Cache-Control: max-stale=x", 121, .validate), ("Cache-Control: only-if-cached", 50, .fresh),
  ]

  @Test(arguments: table) func asks(_ request: String, _ after: Int64, _ expected: Use) throws {
    #expect(try use(Self.freshness, request, after: after) == expected)
  }

  @Test func cloudFrontDoesNotHearTheRequest() throws {
    var freshness = Self.freshness
    freshness.flags = []
    for line in ["no-cache", "max-age=0", "min-fresh=1000", "no-store"] { #expect(try use(freshness, "Cache-Control: \(line)", after: 50) == .fresh) }
    #expect(try use(freshness, "Cache-Control: max-stale", after: 500) == .validate)
  }

  /// To the millisecond, of the short way and the long one.
  @Test func theEndOfATimeIsNotOfIt() {
    var freshness = Freshness(receivedAt: 1_000, freshUntil: 9_000)
    for (now, isServed) in [(-4_001, false), (-4_000, true), (8_999, true), (9_000, false)] as [(Int64, Bool)] {
      #expect(freshness.isServed(at: now) == isServed && (freshness.use(CacheDirectives(), at: now) == .fresh) == isServed, "\(now)")
    }
    freshness.recheckAfter = 20_000
    for (now, isServed) in [(19_999, true), (20_000, false)] as [(Int64, Bool)] {
      #expect(freshness.isServed(at: now) == isServed && (freshness.use(CacheDirectives(), at: now) == .fresh) == isServed, "\(now)")
    }
  }

  @Test func whatMustBeRevalidatedIs() throws {
    var freshness = Self.freshness
    freshness.flags.insert(.mustRevalidate)
    #expect(try use(freshness, "Cache-Control: max-stale", after: 500) == .validate)
    #expect(!freshness.servesOnError(isUnreachable: true, at: noon + 110_000))
  }

  @Test func anOriginThatFailsIsNotAskedAtOnceAgain() throws {
    var freshness = Self.freshness
    freshness.recheckAfter = noon + 210_000
    #expect(try use(freshness, after: 205) == .fresh)
    #expect(try use(freshness, after: 210) == .validate)
    #expect(try use(freshness, "Cache-Control: no-cache", after: 205) == .validate)
  }

  @Test func standsInForAnOriginThatFails() {
    #expect(Self.freshness.servesOnError(isUnreachable: false, at: noon + 129_000))
    #expect(!Self.freshness.servesOnError(isUnreachable: false, at: noon + 130_000))
    #expect(Self.freshness.servesOnError(isUnreachable: true, at: noon + 130_000))
    var freshness = Self.freshness
    freshness.flags = []
    #expect(!freshness.servesOnError(isUnreachable: true, at: noon + 130_000))
  }

  @Test func ageNeverGoesBack() {
    #expect(Self.freshness.ageSeconds(at: noon - 100_000) == 10)
    #expect(Self.freshness.ageSeconds(at: noon + 5_999) == 15)
  }
}
