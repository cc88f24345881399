import RedirectRules
import Testing
@Suite struct MatchingTests { @Test func a() { #expect(RedirectTable.reading(Array("/a /b".utf8)).table?.count == 1) } }
