// Which rule a request meets and what it is answered: tables of rules and requests.
import RedirectRules
import Testing

/// A table of lines; `→` in them stands for a tab.
func table(_ lines: String, separator: RedirectSeparator? = nil) throws -> RedirectTable {
  let (table, problems) = RedirectTable.reading(Array(lines.replacing("→", with: "\t").utf8), separator: separator)
  #expect(problems.isEmpty, "\(problems)")
  return try #require(table)
}

/// What a table answers: `301 /new`, `410`, `unfit`, or `-` when no rule matches. A target is a path with a query.
func answer(_ table: RedirectTable, _ target: String, _ facts: RedirectFacts = .none) -> String {
  let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
  let path = Array(parts[0].utf8), query = parts.count > 1 ? Array(parts[1].utf8) : []
  var facts = facts
  facts.query = parts.count > 1 ? query : nil
  let found = table.firstMatch(path.span, facts)
  // Without conditions there is a shorter way, which must find the same.
  if table.reads.isEmpty { #expect(table.firstMatch(path.span) == found, "\(target)") }
  guard let rule = found else { return "-" }
  switch table.answer(rule, path.span, query: query.span, facts) {
  case .redirect(let status, let location): return "\(status) \(String(decoding: location, as: UTF8.self))"
  case .refusal(let status): return "\(status)"
  case .unfit: return "unfit"
  }
}

@Suite struct MatchingTests {
  static let cases: [(lines: String, expected: [(String, String)])] = [
    // Exact
    ("/a→/b", [("/a", "301 /b"), ("/a/", "-"), ("/A", "-"), ("/", "-"), ("", "-"), ("/ab", "-"), ("/a?x=1", "301 /b?x=1"), ("/a?", "301 /b")]),
    ("/a→/b→308", [("/a", "308 /b")]),
    ("/a→/b→302\n/a→/c", [("/a", "302 /b")]),
    ("# one\n\n  # two\n/a→https://example.com/x", [("/a", "301 https://example.com/x")]),
    ("from→to\n/a→/b\r\n/c→/d\r", [("/a", "301 /b"), ("/c", "301 /d")]),
    ("/gone→-→410\n/missing→→404\n/law→-→451", [("/gone", "410"), ("/missing", "404"), ("/law", "451")]),
    // Paths of all lengths around eight bytes, which differ anywhere
    ("/aaaaaa→/7\n/aaaaaaa→/8\n/aaaaaaaa→/9\n/aaaaaaaab→/10\n/aaaaaaaaaaaaaaaa→/17", [
      ("/aaaaaa", "301 /7"), ("/aaaaaaa", "301 /8"), ("/aaaaaaaa", "301 /9"), ("/aaaaaaaab", "301 /10"), ("/aaaaaaaaaaaaaaaa", "301 /17"), ("/aaaaab", "-"), ("/aaaaaab", "-"),
      ("/baaaaaaaaaaaaaaa", "-"), ("/aaaaaaaabaaaaaaa", "-"), ("/aaaaaaaaaaaaaaab", "-"), ("/aaaaaaaaaaaaaaa", "-"), ("/aaaaaaaac", "-"), ("/aaaaaabaa", "-"),
    ]),
    ("/a→/1\n/a→/2\n/b→/3\n/a→/4", [("/a", "301 /1"), ("/b", "301 /3")]),
    // What a mutation once survived
    ("/p→/q", [("/p?a=%20b", "301 /q?a=%20b"), ("/p?a[]=1", "301 /q?a[]=1")]),
    ("/x/:id→/y?id=:id", [("/x/a+b;c", "301 /y?id=a%2Bb%3Bc")]),
    ("//a.test/x→/y", [("/x", "-"), ("//a.test/x", "-")]),
    ("/u/:a→/1→→method=POST\n/u/:b→/2", [("/u/x", "301 /2")]),
    ("/p/:a/*→/1\n/p/:b/*→/2", [("/p/q/r", "301 /1")]),
    ("^/aa/|/b$→/x→→regex", [("/aa/z", "301 /x"), ("/q/b", "301 /x")]),
    ("^/aa\\Q(\\E|/b$→/x→→regex", [("/q/b", "301 /x")]),
    ("^/aa[](]|/b$→/x→→regex", [("/q/b", "301 /x"), ("/aa(", "301 /x")]),
    ("aa→/1→→regex\nbb→/2→→regex\ncc→/3→→regex\n[a-c]a→/4→→regex", [("/aa", "301 /1"), ("/ca", "301 /4")]),
    ("aa→/1→→regex\na→/2→→regex", [("/aa", "301 /1"), ("/ab", "301 /2")]),
    ("^/Ab/(x)→/1→→regex nocase", [("/aB/x", "301 /1")]),
    // One spelling of a path
    ("/é x\"→/ü y", [("/%C3%A9%20x%22", "301 /%C3%BC%20y"), ("/%c3%a9%20x%22", "301 /%C3%BC%20y"), ("/é%20x\"", "301 /%C3%BC%20y"), ("/e", "-")]),
    ("/a%2fb→/x", [("/a%2Fb", "301 /x"), ("/a%2fb", "301 /x"), ("/a/b", "-")]),
    ("/a→/x", [("/%61", "-")]),
    ("/a b→/x→→decoded", [("/%61%20b", "301 /x"), ("/a%20b", "301 /x"), ("/a+b", "-")]),
    ("/a%20b→/x→→decoded", [("/a%20b", "301 /x")]),
    ("/Ab/*→/x/:splat→→nocase", [("/aB/Cd", "301 /x/Cd"), ("/AB/", "301 /x/")]),
    ("/Ä→/x→→nocase decoded", [("/%C3%84", "301 /x"), ("/%c3%84", "301 /x")]),
    // Splat
    ("/old/*→/new/:splat", [("/old/", "301 /new/"), ("/old/a/b.html", "301 /new/a/b.html"), ("/old", "-"), ("/older/x", "-"), ("/old/a?b=c", "301 /new/a?b=c")]),
    ("/old*→/new", [("/old", "301 /new"), ("/older/x", "301 /new")]),
    ("/*→https://example.com/:splat→302", [("/", "302 https://example.com/"), ("/x/y", "302 https://example.com/x/y")]),
    // Placeholders
    ("/u/:id→/users/:id", [("/u/42", "301 /users/42"), ("/u/", "-"), ("/u/42/", "-"), ("/u/4/2", "-"), ("/u/%2F", "301 /users/%2F")]),
    ("/:a/:b/x→/:b/:a", [("/1/2/x", "301 /2/1"), ("/1/2/y", "-"), ("/1/2/x/z", "-")]),
    ("/u/:id/files/*→/f/:id/:splat", [("/u/7/files/a/b", "301 /f/7/a/b"), ("/u/7/files", "-"), ("/u/7/files/", "301 /f/7/")]),
    ("/d/:year/:month→/:year-:month/:day", [("/d/2020/12", "301 /2020-12/:day")]),
    ("/x/:id→/y?id=:id&z=1", [("/x/a&b=c", "301 /y?id=a%26b%3Dc&z=1"), ("/x/1?q=2", "301 /y?id=1&z=1")]),
    ("/x/:id→/y#:id", [("/x/1?q=2", "301 /y?q=2#1")]),
    // Expressions
    ("^/r/(\\d+)/(.*)$→/s/$2/$1→→regex", [("/r/12/x/y", "301 /s/x/y/12"), ("/r/a/x", "-")]),
    ("^/r/(?P<year>\\d+)$→/$1?v=$0→→regex", [("/r/12", "301 /12?v=/r/12")]),
    ("\\.php$→/gone→→regex", [("/a/b.php", "301 /gone"), ("/a/b.php5", "-")]),
    ("^/R→/x→→regex nocase", [("/r1", "301 /x")]),
    ("^/a b$→/x→→regex decoded", [("/a%20b", "301 /x")]),
    ("^/a(/.*)?$→$1→→regex", [("/a/b", "301 /b"), ("/a", "301 /"), ("/a//evil.com", "301 /evil.com")]),
    ("^/x$→/a$→→regex", [("/x", "301 /a$")]),
    // The file's order decides among all kinds
    ("/a/*→/1\n/a/b→/2", [("/a/b", "301 /1")]),
    ("/a/b→/2\n/a/*→/1", [("/a/b", "301 /2"), ("/a/c", "301 /1")]),
    ("/a/:x→/1\n/a/b→/2\n^/a→/3→→regex", [("/a/b", "301 /1"), ("/a", "301 /3"), ("/a/b/c", "301 /3")]),
    ("^/a→/3→→regex\n/a/b→/2", [("/a/b", "301 /3")]),
    ("/a/b→/2\n^/a→/3→→regex", [("/a/b", "301 /2")]),
    ("b$→/3→→regex\n/a/b→/2", [("/a/b", "301 /3")]),
    ("/A/b→/1→→nocase\n/a/b→/2", [("/a/b", "301 /1")]),
    ("/a/b→/1\n/A/b→/2→→nocase", [("/a/b", "301 /1"), ("/a/B", "301 /2")]),
    ("/:a/x→/1\n/k/:b→/2", [("/k/x", "301 /1"), ("/k/y", "301 /2"), ("/j/x", "301 /1")]),
    ("/k/:b→/2\n/:a/x→/1", [("/k/x", "301 /2")]),
    ("/p/:a/*→/1\n/p/q/*→/2", [("/p/q/r", "301 /1"), ("/p/q", "-")]),
    // Queries
    ("/p?id=3→/three\n/p→/other", [("/p?id=3", "301 /three"), ("/p?id=4", "301 /other?id=4"), ("/p", "301 /other")]),
    ("/p→/q→→drop-query", [("/p?x", "301 /q")]),
    ("/p→/q?a=1→→append-query", [("/p?x=2", "301 /q?a=1&x=2"), ("/p", "301 /q?a=1")]),
    ("/p→/q?a=1#f→→append-query", [("/p?x=2", "301 /q?a=1&x=2#f")]),
    ("/p→/q?a=1", [("/p?x=2", "301 /q?a=1")]),
    ("/p→/q", [("/p?a=<>\"'\\é", "301 /q?a=%3C%3E%22'%5C%C3%A9")]),
    ("/store→/blog/:id→→query:id=:id drop-query", [("/store?id=my-post", "301 /blog/my-post"), ("/store?x=1&id=a/b?c", "301 /blog/a/b%3Fc"), ("/store", "-")]),
    // In CSV and with spaces
    ("from,to,status,flags\n/a,\"/b,c\",302,\"nocase\"\n\"/q\"\"x\",/y", [("/A", "302 /b,c"), ("/q%22x", "301 /y")]),
    ("/a /b 302\n/c   /d", [("/a", "302 /b"), ("/c", "301 /d")]),
    // What looks like a pattern and is none
    ("/css/:hover→/x→→exact\n/a*b→/y→→exact", [("/css/:hover", "301 /x"), ("/css/active", "-"), ("/a*b", "301 /y"), ("/aXb", "-")]),
    ("/css/:not()→/x→→exact\n/v::a→/y", [("/css/:not()", "301 /x"), ("/v::a", "301 /y")]),
  ]

  @Test(arguments: cases) func answers(_ lines: String, _ expected: [(String, String)]) throws {
    let table = try table(lines)
    for (target, wanted) in expected { #expect(answer(table, target) == wanted, "\(target) in\n\(lines)") }
  }

  static let conditions: [(flags: String, holds: @Sendable (inout RedirectFacts) -> Void, fails: @Sendable (inout RedirectFacts) -> Void)] = [
    ("host=a.test,b.test", { $0.host = Array("b.test".utf8) }, { $0.host = Array("c.test".utf8) }),
    ("host=*.a.test", { $0.host = Array("x.y.a.test".utf8) }, { $0.host = Array("a.test".utf8) }),
    ("!host=a.test", { $0.host = Array("b.test".utf8) }, { $0.host = Array("a.test".utf8) }),
    ("host~^(www\\.)?a\\.test$", { $0.host = Array("www.a.test".utf8) }, { $0.host = Array("wwwa.test".utf8) }),
    ("method=GET,HEAD", { $0.method = Array("HEAD".utf8) }, { $0.method = Array("POST".utf8) }),
    ("scheme=https", { $0.isSecure = true }, { $0.isSecure = false }),
    ("cookie:a=1", { $0.cookies = Array("b=2; a=1".utf8) }, { $0.cookies = Array("a=2; xa=1".utf8) }),
    ("cookie:a", { $0.cookies = Array("a=".utf8) }, { $0.cookies = Array("b=a".utf8) }),
    ("cookie=a,b", { $0.cookies = Array("b=2".utf8) }, { _ in }),
    ("!cookie:a", { _ in }, { $0.cookies = Array("a=2".utf8) }),
    ("country=DE,at", { $0.country = Array("AT".utf8) }, { $0.country = Array("CH".utf8) }),
    ("language=de", { $0.languages = Array("de-AT, en;q=0.9".utf8) }, { $0.languages = Array("en, de;q=0.8".utf8) }),
    ("language=en", { $0.languages = Array("de;q=0.5,en-GB;q=0.75".utf8) }, { $0.languages = Array("*".utf8) }),
    ("method=get", { $0.method = Array("GET".utf8) }, { $0.method = Array("get".utf8) }),
    ("language=de", { $0.languages = Array("de;q=0.5, en;q=0.5".utf8) }, { $0.languages = Array("en;q=0.5, de;q=0.5".utf8) }),
    ("host=*.b.test", { $0.host = Array("x.b.test".utf8) }, { $0.host = Array(".b.test".utf8) }),
    ("language=de", { $0.languages = Array("de".utf8) }, { $0.languages = Array("den".utf8) }),
    ("!language=de", { $0.languages = Array("de;q=0".utf8) }, { $0.languages = Array("de".utf8) }),
    ("method=GET scheme=https", { $0.method = Array("GET".utf8); $0.isSecure = true }, { $0.method = Array("GET".utf8) }),
  ]
  @Test func conditionsHoldOrNot() throws {
    for (flags, holds, fails) in Self.conditions {
      for line in ["/a→/b→→", "/*→/b→→", "/:x→/b→→", "^/a→/b→→regex ", "a→/b→→regex "] {
        let table = try table(line + flags)
        var good = RedirectFacts(), bad = RedirectFacts()
        holds(&good)
        fails(&bad)
        #expect(answer(table, "/a", good).hasPrefix("301"), "\(line)\(flags)")
        #expect(answer(table, "/a", bad) == "-", "\(line)\(flags)")
      }
    }
  }

  static let queryConditions: [(flags: String, holds: String, fails: String)] = [
    ("query:id=3", "/a?x=1&id=3", "/a?id=33"), ("query:id", "/a?id", "/a?idd=1"), ("query:id=3", "/a?id=1&id=3", "/a?id=1"), ("query=a=1&b=2", "/a?a=1&b=2", "/a?b=2&a=1"),
    ("query~(^|&)id=\\d+(&|$)", "/a?x&id=12", "/a?id=x"), ("!query:debug", "/a?x", "/a?debug=1"), ("!query~.", "/a", "/a?x"),
  ]
  @Test(arguments: queryConditions) func queries(_ flags: String, _ holds: String, _ fails: String) throws {
    let table = try table("/a→/b→302→drop-query " + flags)
    #expect(answer(table, holds) == "302 /b")
    #expect(answer(table, fails) == "-")
  }

  /// A full URL as `from` is a path with conditions.
  @Test func hostsInFrom() throws {
    let table = try table("https://a.test/x→/secure\nhttp://a.test/x→/plain\n//b.test/*→/b/:splat\nhttps://c.test→/c")
    func ask(_ host: String, _ isSecure: Bool, _ path: String) -> String {
      var facts = RedirectFacts()
      facts.host = Array(host.utf8)
      facts.isSecure = isSecure
      return answer(table, path, facts)
    }
    #expect(ask("a.test", true, "/x") == "301 /secure")
    #expect(ask("a.test", false, "/x") == "301 /plain")
    #expect(ask("b.test", false, "/y/z") == "301 /b/y/z")
    #expect(ask("c.test", true, "/") == "301 /c")
    #expect(ask("c.test", true, "/x") == "-")
    #expect(ask("d.test", true, "/x") == "-")
  }

  /// A plain rule's answer may be written as it stands, unless it is too long.
  @Test func plainRules() throws {
    let table = try table("/a→/b→302\n/c→/\(String(repeating: "x", count: RedirectLimits.locationBytes))\n/d→/e→→nocase")
    #expect(table.plainStatus(0) == 302 && table.plainStatus(1) == nil && table.plainStatus(2) == nil)
    #expect(answer(table, "/c") == "unfit")
  }

  /// Where many rules differ only in what follows a colon, colons and asterisks are themselves.
  @Test func literalTables() throws {
    let names = ["active", "after", "any", "before", "checked", "default", "dir", "empty"]
    let lines = names.map { "/css/:\($0)→/web/:\($0)\n" }.joined() + "/css/dir→/d\n/why?→/because\n/var-*→/vars\n/a#b→/c\n/u/:id→/users/:id→→pattern\n"
    let literal = try table(lines)
    #expect(literal.isLiteral)
    for (target, wanted) in [
      ("/css/:any", "301 /web/:any"), ("/css/:other", "-"), ("/css/dir", "301 /d"), ("/why%3F", "301 /because"), ("/var-*", "301 /vars"), ("/var-x", "-"),
      ("/a%23b", "301 /c"), ("/u/7", "301 /users/7"),
    ] { #expect(answer(literal, target) == wanted, "\(target)") }
    #expect(try !table(names.dropFirst().map { "/css/:\($0)→/web/:\($0)\n" }.joined()).isLiteral)
    #expect(try answer(table("#!pattern\n" + lines.replacing("/why?", with: "/why").replacing("/a#b", with: "/ab")), "/css/:other") == "301 /web/:other")
    #expect(try answer(table("#!exact\n/css/:one→/x"), "/css/two") == "-")
  }
}
