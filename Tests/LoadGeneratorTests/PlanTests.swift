// What is asked: URLs, rules with their near misses, logs.
@testable import LoadGenerator
import RedirectRules
import Transport
import Testing

@Suite struct TargetTests {
  static let good: [(url: String, host: String, port: UInt16, path: String, authority: String)] = [
    ("http://127.0.0.1", "127.0.0.1", 80, "/", "127.0.0.1"), ("https://A.test:8443/a b?x=\"1\"#f", "a.test", 8443, "/a%20b?x=%221%22", "A.test:8443"),
    ("http://[::1]:8080?q", "::1", 8080, "/?q", "[::1]:8080"), ("HTTP://localhost/é", "localhost", 80, "/%C3%A9", "localhost"), ("https://[::1]/", "::1", 443, "/", "[::1]"),
  ]
  @Test(arguments: good) func reads(_ url: String, _ host: String, _ port: UInt16, _ path: String, _ authority: String) throws {
    let target = try LoadTarget(url)
    #expect(target.host == host && target.port == port && target.path == path && target.authority == authority)
  }

  @Test(arguments: ["", "127.0.0.1", "ftp://a", "http://", "http:///x", "http://u@a/", "http://a:0/", "http://a:99999/", "http://a:x/", "http://a b/", "http://:80/"])
  func refuses(_ url: String) { #expect(throws: LoadProblem.self) { try LoadTarget(url) } }

  /// Who may be loaded without being asked for twice.
  @Test(arguments: [
    ("127.0.0.1", false), ("10.1.2.3", false), ("192.168.0.1", false), ("::1", false), ("fc00::1", false), ("8.8.8.8", true), ("192.0.2.9", true),
    ("198.51.100.1", true), ("203.0.113.7", true), ("2001:db8::1", true), ("3fff::1", true), ("169.254.169.254", true),
  ]) func strangers(_ host: String, _ isStranger: Bool) throws {
    let address = try #require(SocketAddress(host: host, port: 80))
    #expect((LoadTarget.stranger(among: [address]) != nil) == isStranger)
  }

  /// Over TLS a rule for another host is not asked for.
  @Test func hostsOverTLS() throws {
    let table = try #require(RedirectTable.reading(Array("/a\t/b\n/h\t/i\t301\thost=z.test\n".utf8)).table)
    let plain = try LoadPlan.rules(table, file: "r", try LoadTarget("http://a.test/")), secure = try LoadPlan.rules(table, file: "r", try LoadTarget("https://a.test/"))
    #expect(plain.rules.allSatisfy { $0.untested == nil })
    #expect(secure.rules.map { $0.untested == nil } == [true, false] && secure.rules[1].untested?.contains("z.test") == true)
  }

  @Test func noLineIsSmuggledIntoARequest() throws {
    let target = try LoadTarget("http://127.0.0.1/")
    #expect(throws: LoadProblem.self) { try LoadPlan.single(target, method: "GET / HTTP/1.1\r\n") }
    #expect(throws: LoadProblem.self) { try LoadPlan.single(target, fields: [("a", "b\r\nc: d")]) }
    #expect(throws: LoadProblem.self) { try LoadPlan.single(target, fields: [("a b", "c")]) }
    #expect(throws: LoadProblem.self) { try LoadPlan.single(target, method: "CONNECT") }
  }

  static let locations: [(location: String, path: String, authority: String)] = [
    ("/x", "/x", "a.test"), ("x", "/d/x", "a.test"), ("../x?y", "/x?y", "a.test"), ("?q", "/d/e?q", "a.test"), ("//b.test/x", "/x", "b.test"),
    ("http://A.test:80/./y#f", "/y", "a.test"), ("https://a.test:443", "/", "a.test"), ("", "/d/e?z", "a.test"), ("/a/../../b", "/b", "a.test"),
  ]
  @Test(arguments: locations) func resolves(_ location: String, _ path: String, _ authority: String) {
    let place = URLText.resolve(location, from: URLText.Place(isSecure: false, authority: "a.test", path: "/d/e?z"))
    #expect(place.path == path && place.authority == authority)
  }
}

@Suite struct RulesPlanTests {
  private func plan(_ rules: String, country: String? = nil) throws -> (plan: LoadPlan, asked: [String]) {
    let table = try #require(RedirectTable.reading(Array(rules.utf8)).table)
    let plan = try LoadPlan.rules(table, file: "rules.tsv", LoadTarget("http://127.0.0.1:8080/"), country: country)
    let asked = plan.entries.map { entry -> String in
      let place = plan.place(entry, isSecure: false), location = String(decoding: plan.location(entry), as: UTF8.self)
      return "\(entry.isOwn ? "own" : "near") \(place.authority)\(place.path) \(entry.check == .exactly ? "=" : "≠") \(entry.status) \(location)"
    }
    return (plan, asked)
  }

  @Test func aRuleAndItsNearMisses() throws {
    #expect(try plan("/old\t/new\n").asked == [
      "own 127.0.0.1:8080/old = 301 /new", "near 127.0.0.1:8080/oldx ≠ 301 /new", "near 127.0.0.1:8080/ol ≠ 301 /new", "near 127.0.0.1:8080/olD ≠ 301 /new",
    ])
  }

  /// What is near one rule may be another's.
  @Test func nearMissesOfOneAreAnothersOwn() throws {
    let asked = try plan("/a\t/b\n/ax\t/c\t302\n").asked
    #expect(asked.contains("near 127.0.0.1:8080/ax = 302 /c") && asked.contains("near 127.0.0.1:8080/a = 301 /b"))
    #expect(try plan("/docs/*\t/d/:splat\n").asked.contains("near 127.0.0.1:8080/docs/x = 301 /d/x"))
    #expect(try plan("/docs/*\t/d/:splat\n").asked.contains("near 127.0.0.1:8080/docs ≠ 301 /d/"))
  }

  @Test func conditionsAreMetAndNearlyMet() throws {
    let (plan, asked) = try plan("/a\t/b\t302\thost=w.test cookie:s=1 language=de\n")
    #expect(asked.first == "own w.test/a = 302 /b" && asked.last == "near 127.0.0.1:8080/a ≠ 302 /b")
    let request = String(decoding: plan.request(plan.entries[0]), as: UTF8.self)
    #expect(request.contains("Cookie: s=1\r\n") && request.contains("Accept-Language: de\r\n"))
  }

  @Test func whatCannotBeAskedForIsTold() throws {
    let plan = try plan("/a\t/b\n/a\t/c\n/s\t/t\t301\tscheme=https\n/d\t/e\t302\tcountry=DE\n").plan
    #expect(plan.rules.map(\.untested) == [nil, "line 1 answers /a", "its conditions cannot be met from here", "its conditions cannot be met from here"])
    #expect(try self.plan("/d\t/e\t302\tcountry=DE\n", country: "DE").plan.rules[0].untested == nil)
  }
}

@Suite struct LogReplayTests {
  private func plan(_ lines: [String], fields: [(name: String, value: String)] = []) throws -> (LoadPlan, [LogReplay.Problem]) {
    var replay = LogReplay()
    for line in lines { replay.take(line: Array(line.utf8)) }
    return (try replay.plan(LoadTarget("http://127.0.0.1/"), fields: fields), replay.problems)
  }

  @Test func requestsInTheOrderInWhichTheyBegan() throws {
    let (plan, problems) = try plan([
      #"{"time":"2026-11-21T00:00:01.000Z","method":"GET","host":"a.test","uri":"/slow","query":"x=1","status":200,"timeTakenMs":900.5}"#,
      #"{"time":"2026-11-21T00:00:00.500Z","method":"HEAD","host":"a.test","uri":"/b c","status":404,"userAgent":"Me/1"}"#,
      #"{"time":"2026-11-21T00:00:00.600Z","method":"POST","uri":"/p","status":200}"#, #"{"time":"2026-11-21T00:00:00.700Z","status":400}"#, "",
    ])
    #expect(plan.times == [0, 400_500_000] && problems.isEmpty)
    #expect(plan.entries.map { plan.place($0, isSecure: false).path } == ["/slow?x=1", "/b%20c"] && plan.entries.map(\.status) == [200, 404])
    #expect(String(decoding: plan.request(plan.entries[1]), as: UTF8.self) == "HEAD /b%20c HTTP/1.1\r\nHost: a.test\r\nUser-Agent: Me/1\r\n\r\n")
    #expect(plan.skipped == ["neither GET nor HEAD": 1, "no request in it": 1])
  }

  @Test func columnsOfSecondsAreSpread() throws {
    let (plan, _) = try plan([
      "#Version: 1.0", "#Fields: date time cs-method cs-uri-stem cs-uri-query sc-status x-host-header",
      "2026-11-21\t00:00:00\tGET\t/a%2520b\t-\t200\tw.test", "2026-11-21\t00:00:00\tGET\t/c\tq=1%2520\t200\t-", "2026-11-21\t00:00:02\tGET\t/d\t-\t301\t-",
    ])
    #expect(plan.times == [0, 500_000_000, 2_000_000_000])
    #expect(plan.entries.map { plan.place($0, isSecure: false).path } == ["/a%20b", "/c?q=1%20", "/d"])
    #expect(plan.entries.map { plan.place($0, isSecure: false).authority } == ["w.test", "127.0.0.1", "127.0.0.1"])
  }

  @Test func hostileLines() throws {
    let (plan, problems) = try plan([
      "nonsense", #"{"time":"x"#, #"{"time":"2026-13-21T00:00:00Z","uri":"/"}"#, #"{"time":"2026-11-21T00:00:00Z","uri":"//x\r\nEvil: 1"}"#,
      #"{"time":"2026-11-21T00:00:00Z","uri":"/ok","host":"a\r\nb: c","userAgent":"x\r\ny: z"}"#, "{" + String(repeating: " ", count: LogReplay.lineLimit),
    ])
    #expect(problems.map(\.line) == [1, 2, 3, 6])
    #expect(problems[1].column > 1)
    let all = plan.entries.map { String(decoding: plan.request($0), as: UTF8.self) }.joined()
    #expect(!all.contains("Evil: 1\r\n") && !all.contains("\r\nb: c") && !all.contains("\r\ny: z") && all.contains("GET /ok HTTP/1.1\r\nHost: 127.0.0.1\r\n"))
  }

  /// A host that the log has hidden is the target's.
  @Test func hiddenHosts() throws {
    let request = try plan([#"{"time":"2026-11-21T00:00:00Z","uri":"/","host":"***"}"#]).0
    #expect(request.entries.map { String(decoding: request.request($0), as: UTF8.self).contains("\r\nHost: 127.0.0.1\r\n") } == [true])
  }

  /// Numbers that are none of a log's end nothing; they say nothing either.
  @Test func hostileNumbers() throws {
    let object = ["\"status\":1e300", "\"status\":-5.5", "\"timeTakenMs\":1e300", "\"timeTakenMs\":-1", "\"status\":99999999999999999999"]
      .map { "{\"time\":\"2026-11-21T00:00:00Z\",\"uri\":\"/\",\($0)}" }
    let (plan, problems) = try plan(object + ["#Fields: date time cs-method cs-uri-stem time-taken"] + ["nan", "inf", "1e300", "-1", "1e10"].map { "2026-11-21\t00:00:00\tGET\t/a\t\($0)" })
    #expect(problems.isEmpty && plan.count == 10 && plan.times.first == 0)
    #expect(plan.entries.allSatisfy { $0.status == 0 })
    let (none, told) = try self.plan(["{\"time\":\"9999-11-21T00:00:00Z\",\"uri\":\"/\"}"])
    #expect(none.count == 0 && told.map(\.text) == ["no uri and time in it"])
  }

  static let moments: [(text: String, nanoseconds: UInt64?)] = [
    ("2500-12-31T23:59:59Z", 16_756_761_599_000_000_000), ("2501-01-01T00:00:00Z", nil), ("9999-01-01T00:00:00Z", nil),
    ("1970-01-01T00:00:00Z", 0), ("2026-11-21T02:20:06.123Z", 1_795_227_606_123_000_000), ("2024-02-29T23:59:59.5Z", 1_709_251_199_500_000_000),
    ("2026-11-21T02:20:06", nil), ("2026-11-21 02:20:06Z", nil), ("2026-00-21T02:20:06Z", nil), ("2026-11-21T02:20:06.Z", 1_795_227_606_000_000_000), ("é26-11-21T02:20:06Z", nil),
  ]
  @Test(arguments: moments) func pointsInTime(_ text: String, _ nanoseconds: UInt64?) { #expect(Moment.nanoseconds(text) == nanoseconds) }
}
