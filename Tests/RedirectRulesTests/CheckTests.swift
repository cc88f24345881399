// What a check finds: tables, and one line for each finding.
import JSONText
import RedirectRules
import Testing

@Suite struct CheckTests {
  static func findings(_ lines: String, hosts: [String] = []) -> [RedirectFinding] {
    RedirectCheck.check(Array(lines.replacing("→", with: "\t").utf8), separator: nil, hosts: hosts).findings
  }
  /// `line kind other example → target`.
  static func summary(_ finding: RedirectFinding) -> String {
    "\(finding.line) \(finding.kind.rawValue)" + (finding.otherLine.map { " of \($0)" } ?? "") + (finding.example.isEmpty ? "" : " \(finding.example)")
      + (finding.target.map { " → \($0)" } ?? "")
  }

  static let cases: [(lines: String, found: [String])] = [
    ("/a→/b\n/c→/d", []),
    // Loops
    ("/a→/a", ["1 loop /a"]),
    ("/a→/b\n/b→/c\n/c→/a\n/d→/a", ["1 loop of 2 /a", "4 loop of 2 /d"]),
    ("/x→/a\n/a→/b\n/b→/a", ["1 loop of 3 /x", "2 loop of 3 /a"]),
    ("/*→/x", ["1 loop /"]),
    ("/a/*→/a/b/:splat", ["1 loop /a/"]),
    ("http://a.test/*→https://a.test/:splat", []),
    ("!x→/y", ["1 malformed"]),
    ("/*→https://www.a.test/:splat→301→!host=www.a.test", []),
    ("/*→https://www.a.test/x→301→host=www.a.test", ["1 loop http://www.a.test/"]),
    ("/x→/a\n/a→/a", ["1 loop /x", "2 loop /a"]),
    // Chains
    ("/a→/b\n/b→/c\n/c→/d", ["1 chain of 2 /a → /d", "2 chain of 3 /b → /d"]),
    ("/a→/b?x=1#f\n/b→/c", ["1 chain of 2 /a → /c?x=1"]),
    ("/a/*→/b/:splat\n/b/*→/c/:splat", ["1 chain of 2 /a/ → /c/"]),
    ("/a→/b?x=1\n/b→/c→301→query:x=1", ["1 chain of 2 /a → /c?x=1"]),
    ("/a→https://a.test/b\n/b→/c", []),
    // Twice
    ("/a→/b\n/a→/b", ["2 duplicate of 1 /a"]),
    ("/a→/b\n/a→/c", ["2 conflict of 1 /a"]),
    ("/a→/b→301\n/a→/b→302", ["2 conflict of 1 /a"]),
    ("/a→/b\n/a→/b→301→drop-query", ["2 conflict of 1 /a"]),
    ("/u/:id→/x\n/u/:name→/x", ["2 duplicate of 1 /u/x"]),
    ("/é→/x\n/%C3%a9→/x", ["2 duplicate of 1 /%C3%A9"]),
    // Hidden
    ("/a/*→/x\n/a/b→/y", ["2 shadowed of 1 /a/b"]),
    ("/a/*→/x\n/a/b/*→/y", ["2 shadowed of 1 /a/b/"]),
    ("/a/:x→/z\n/a/b→/y", ["2 shadowed of 1 /a/b"]),
    ("^/a/→/z→→regex\n/a/b→/y", ["2 shadowed of 1 /a/b"]),
    ("^/a/→/z→→regex\n^/a/(\\d+)$→/y/$1→→regex", ["2 shadowed of 1 /a/0"]),
    ("/a/*→/z\n^/a/[a-z]{2,4}/x?(b|c)$→/y→→regex", ["2 shadowed of 1 /a/xx/b"]),
    ("/A/*→/z→→nocase\n/a/b→/y", ["2 shadowed of 1 /a/b"]),
    ("/a/b→/y\n/a/*→/x", []),
    ("/a/x→/y\n/a/:p→/z", []),
    ("/a/*→/x→→host=a.test\n/a/b→/y", []),
    ("/a/*→/x→→!cookie:s\n/a/b→/y", []),
    ("/a/*→/x→→host=a.test\n/a/b→/y→→host=a.test method=GET", ["2 shadowed of 1 http://a.test/a/b"]),
    // Twins
    ("/About→/x\n/about→/y", ["2 case-twin of 1 /about"]),
    ("/a%2Fb→/x\n/a/b→/y", ["2 encoding-twin of 1 /a/b"]),
    ("/%61→/x\n/a→/y", ["2 encoding-twin of 1 /a"]),
    ("/About→/x→→method=GET\n/about→/y→→method=POST", []),
    ("/a→/x\n/A*→/y", []),
    ("/a/*→/z→→nocase\n/a/*→/z", ["2 shadowed of 1 /a/"]),
    // Open redirects
    ("/go/:host→https://:host/", ["1 open-redirect /go/evil.example"]),
    ("/*→https://:splat", ["1 open-redirect /evil.example"]),
    ("/old/*→/:splat", ["1 note /old//evil.example"]),
  ]
  @Test(arguments: cases) func findings(_ lines: String, _ found: [String]) {
    #expect(Self.findings(lines).map(Self.summary) == found, "\(lines)")
  }

  /// What is told where a configuration is read: circles alone, each once.
  static let circles: [(lines: String, told: [String])] = [
    ("/a→/b\n/c→/d", []), ("/a→/a", ["1 /a redirects to itself"]), ("/a→/b\n/b→/c", []),
    ("/x→/a\n/a→/b\n/b→/c\n/c→/a\n/d→/a", ["2 /a redirects in a circle, by lines 2, 3, 4"]),
    ("/a→/a?x=1\n/b→/b#top→302", ["1 /a redirects to itself", "2 /b redirects to itself"]),
    ("/*→/x", ["1 / redirects to itself"]), ("/a/*→/a/b/:splat", ["1 /a/ does not end after 20 redirects"]),
    ("/a→/b→→host=a.test\n/b→/a→→host=a.test", ["1 http://a.test/a redirects in a circle, by lines 1, 2"]),
    ("/a→/b→→method=GET\n/b→/a→→method=POST", []), ("/a→/b→→!cookie:s\n/b→/a", ["1 /a redirects in a circle, by lines 1, 2"]),
    ("/a→https://other.test/a", []), ("/gone→-→410\n/a→/gone", []), ("/a/*→/b\n/b→/a/x", ["1 /a/ redirects in a circle, by lines 2, 1"]),
  ]
  @Test(arguments: circles) func circlesAreTold(_ lines: String, _ told: [String]) throws {
    var check = RedirectCheck(try table(lines))
    let (found, isWhole) = check.loops(within: .seconds(60))
    #expect(found.map { "\($0.line) \($0.example) \($0.text)" } == told && isWhole, "\(found)")
  }

  @Test func theSearchForCirclesEnds() throws {
    let lines = (0..<5_000).map { "/a\($0)→/a\($0)\n" }.joined()
    var none = RedirectCheck(try table(lines)), all = RedirectCheck(try table(lines))
    let cut = none.loops(within: .zero)
    #expect(cut.findings.count < 100 && !cut.isWhole)
    #expect(all.loops(within: .seconds(60)).findings.count == 5_000)
  }

  @Test func hostsAreFollowed() {
    #expect(Self.findings("/a→https://a.test/b\n/b→/c", hosts: ["a.test"]).map(Self.summary) == ["1 chain of 2 /a → /c"])
  }

  @Test func forms() throws {
    let finding = try #require(Self.findings("/a→/b\n/a→/c").first)
    #expect(finding.line(in: "r.tsv") == "r.tsv:2:1: error: conflict: line 1 sends the same to /b, and comes first; this rule wants /c (/a)")
    #expect(finding.annotation(in: "a,b:c.tsv") == "::error file=a%2Cb%3Ac.tsv,line=2,col=1,title=conflict::line 1 sends the same to /b, and comes first; this rule wants /c (/a)")
    #expect(finding.json.oneLine == #"{ "kind": "conflict", "severity": "error", "line": 2, "column": 1, "otherLine": 1, "example": "/a", "text": "line 1 sends the same to /b, and comes first; this rule wants /c" }"#)
  }

  static let flattened: [(lines: String, rules: [String], left: [Int])] = [
    ("/a→/b\n/b→/c\n/c→/d", ["/a /d 301", "/b /d 301", "/c /d 301"], []),
    ("/a→/b\n/b→/c→302", ["/a /c 302", "/b /c 302"], []),
    ("/a→/b→308\n/b→/c→302", ["/a /c 307", "/b /c 302"], []),
    ("/a/*→/b/:splat\n/b/*→/c/:splat", ["/a/* /b/:splat 301", "/b/* /c/:splat 301"], [1]),
    ("/a→/b\n/b→/c→→method=GET", ["/a /b 301", "/b /c 301"], []),
    ("/a→/b\n/b→/c→→!cookie:x", ["/a /b 301", "/b /c 301"], [1]),
    ("/a→/b\n/b→/c→→drop-query", ["/a /b 301", "/b /c 301"], [1]),
    ("/a→/b\n/b→/a", ["/a /b 301", "/b /a 301"], []),
    ("/a→/b→301→append-query\n/b→/c", ["/a /b 301", "/b /c 301"], [1]),
    ("/a→/b#f\n/b→/c", ["/a /b#f 301", "/b /c 301"], [1]),
    // Others may meet a rule on the way that the example does not meet.
    ("/a→/m\n/m→/special→302→cookie:x\n/m→/z", ["/a /m 301", "/m /special 302", "/m /z 301"], [1]),
    ("/a→/m\n/m?x=1→/special\n/m→/z", ["/a /m 301", "/m /special 301", "/m /z 301"], [1]),
    ("/a→/m\n/m→/z\n/m→/special→302→cookie:x", ["/a /z 301", "/m /z 301", "/m /special 302"], []),
    // What is text at the end of the chain would be a capture of its first rule.
    ("/pre/:id→/b\n/b→/c/:id", ["/pre/:id /b 301", "/b /c/:id 301"], [1]),
    ("^/rx(\\d)$→/b→→regex\n/b→/c/$1", ["^/rx(\\d)$ /b 301", "/b /c/$1 301"], [1]),
    ("/pre/:id→/b\n/b→/c", ["/pre/:id /c 301", "/b /c 301"], []),
  ]
  @Test(arguments: flattened) func chainsAreFlattened(_ lines: String, _ rules: [String], _ left: [Int]) throws {
    let result = RedirectCheck(try table(lines)).flattened()
    #expect(result.rules.map { "\($0.from) \($0.to) \($0.status)" } == rules)
    #expect(result.left.map(\.line) == left)
  }
}
