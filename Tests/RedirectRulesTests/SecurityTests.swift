// Nothing that a viewer sends makes a Location of another host, or a line of its own.
import RedirectRules
import Testing

@Suite struct SecurityTests {
  static let paths = [
    "/old//evil.com", "/old///evil.com/x", "/old/\\evil.com", "/old/%5Cevil.com", "/old/%2Fevil.com", "/old/%2F%2Fevil.com", "/old/%0d%0aSet-Cookie:%20a=b",
    "/old/https://evil.com", "/old/@evil.com", "/old/.evil.com", "/old/%09/evil.com", "/old/%00", "/old/\u{e9}", "/old/%", "/old/%zz", "/old/..//evil.com", "/old/;//evil.com",
  ]
  static let rules = [
    "/old/*→/:splat", "/old*→:splat-is-no-path", "/old/*→/:splat→→decoded", "^/old(.*)$→$1→→regex", "^/old(.*)$→$1→→regex decoded", "^/old/(.*)$→/$1→→regex",
    "/old/*→https://good.test/:splat", "/old/*→/x?u=:splat→→decoded", "/old/*→/x#:splat→→decoded", "/old/:a→https://:a.good.test/", "/old/:a→https://:a.good.test/→→decoded",
    "/:a/*→//good.test/:splat", "/*→/:splat", "^/(.)(.)(.)(.*)$→$4→→regex decoded",
  ]

  @Test(arguments: rules) func locationsStayWhereTheyBelong(_ rule: String) throws {
    let (table, problems) = RedirectTable.reading(Array(rule.replacing("→", with: "\t").utf8))
    guard let table else {
      #expect(rule.contains(":splat-is"), "\(problems)")
      return
    }
    for path in Self.paths {
      let answer = answer(table, path)
      guard answer != "unfit", answer != "-" else { continue }
      let location = String(answer.dropFirst(4))
      #expect(location.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "<") }, "\(path) \(location)")
      if rule.contains("good.test") {
        let authority = location.replacing("https:", with: "").dropFirst(2).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        #expect(authority == "good.test" || authority.hasSuffix(".good.test") && authority.dropLast(10).allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" }, "\(path) \(location)")
      } else {
        #expect(location.hasPrefix("/") && !location.hasPrefix("//"), "\(path) \(location)")
      }
    }
  }

  @Test func splatsCollapse() throws {
    let table = try table("/old/*→/:splat")
    #expect(answer(table, "/old//evil.com") == "301 /evil.com")
    #expect(answer(table, "/old////evil.com/a//b") == "301 /evil.com/a//b")
    #expect(answer(table, "/old/\\evil.com") == "301 /%5Cevil.com")
    #expect(try answer(MatchingTestsTable.decoded(), "/old/%2F%2Fevil.com%0D%0AX:y") == "301 /evil.com%0D%0AX:y")
  }

  /// A viewer may not choose a host, or its end.
  @Test(arguments: ["/*→https://:splat", "/go/:host→https://:host/", "/*→https://good.test:splat", "/*→//:splat/x", "/:a→https://x.:a/", "/:a→http://:a.com/", "^/(.*)→https://$1→→regex"])
  func openRedirectsAreRefused(_ line: String) {
    let (table, problems) = RedirectTable.reading(Array(line.replacing("→", with: "\t").utf8))
    #expect(table == nil)
    #expect(problems.map(\.isOpenRedirect) == [true])
    #expect(problems.first?.column == line.split(separator: "→")[0].count + 2)
  }

  @Test func hostsTakeOnlyLabels() throws {
    let table = try table("/t/:a→https://:a.good.test/x")
    #expect(answer(table, "/t/shop-1") == "301 https://shop-1.good.test/x")
    for path in ["/t/a.b", "/t/evil.com%2F", "/t/a@b", "/t/%41", "/t/a:1", "/t/_a"] { #expect(answer(table, path) == "unfit", "\(path)") }
    #expect(try answer(RedirectRulesTests.table("/t/*→https://:splat.good.test/x"), "/t/") == "unfit")
  }

  @Test func locationsHaveALimit() throws {
    let table = try table("/*→/:splat:splat:splat:splat")
    #expect(answer(table, "/" + String(repeating: "a", count: 4_095)).count == 4 + 1 + 4 * 4_095)
    #expect(answer(table, "/" + String(repeating: "a", count: 4_096)) == "unfit")
  }
}

enum MatchingTestsTable {
  static func decoded() throws -> RedirectTable { try table("/old/*→/:splat→→decoded") }
}
