// Reading files: what is wrong with them, and where; and that the quick way means what the careful one does.
@testable import RedirectRules
import Foundation
import TestTools
import Testing

@Suite(.mayBlock) struct ReadingTests {
  static let problems: [(lines: String, place: String, text: String)] = [
    ("/a", "1:1", "a rule has at least from and to"),
    ("# x\n/a→", "2:4", "the target is empty"),
    ("/a→/b→200", "1:7", "the status is"),
    ("/a→/b→301→nocsae", "1:11", "there is no flag nocsae"),
    ("/a→/b→301→nocase  bad:flag", "1:19", "there is no flag bad:flag"),
    ("/ä→b", "1:4", "a target begins with"),
    ("a→/b", "1:1", "from begins with /"),
    ("  a→/b", "1:3", "from begins with /"),
    ("/a/*/b→/c", "1:1", "* stands for anything only at the end"),
    ("/a/:b.html→/c", "1:1", "a placeholder is a whole segment"),
    ("/a#b→/c", "1:1", "a fragment"),
    ("^/(→/c→→regex", "1:1", "the regular expression does not compile: missing )"),
    ("^/(a)→/$2→→regex", "1:7", "the expression has no group 2"),
    ("/:a/:a→/c", "1:8", "there are two captures named a"),
    ("/a→https:///b", "1:4", "the target has no host"),
    ("/a→/b→410", "1:4", "a rule with status 410 has no target"),
    ("/a,\"/b", "1:4", "the quoted field has no end"),
    ("/a,\"/b\"c", "1:8", "a comma must follow"),
    ("/a→/b→→regex exact", "1:8", "a rule is a regex or exact"),
    ("/a→/b→→country=DEU", "1:8", "a country has two letters"),
    ("/a→/b→→host~(", "1:4", "the regular expression does not compile"),
  ]
  @Test(arguments: problems) func problemsHaveAPlace(_ lines: String, _ place: String, _ text: String) throws {
    let (table, problems) = RedirectTable.reading(Array(lines.replacing("→", with: "\t").utf8))
    #expect(table == nil)
    let problem = try #require(problems.first)
    #expect("\(problem.line):\(problem.column)" == place && problem.text.hasPrefix(text), "\(problem)")
  }

  @Test func everyProblemUpToALimit() {
    let (_, few) = RedirectTable.reading(Array("a /b\nc /d\n/e /f\ng /h".utf8))
    #expect(few.map(\.line) == [1, 2, 4])
    let (_, many) = RedirectTable.reading(Array(String(repeating: "a /b\n", count: 500).utf8))
    #expect(many.count == RedirectLimits.problems)
  }

  @Test func badBytes() {
    #expect(RedirectTable.reading([0x2F, 0xFF, 9, 0x2F]).problems.first?.text == "the line is not UTF-8")
    #expect(RedirectTable.reading([]).table?.count == 0)
    #expect(RedirectTable.reading([0xEF, 0xBB, 0xBF] + Array("/a\t/b".utf8)).table?.rule(0).from == "/a")
    #expect(RedirectTable.reading(Array(repeating: UInt8(ascii: "/"), count: 40_000)).problems.first?.text.hasPrefix("the line has more than") == true)
  }

  /// The real table, and everything it may be asked: both ways of reading it answer alike.
  static let mdn = URL(fileURLWithPath: "/work/shared/data/redirects-mdn-2020-en-us.tsv")
  @Test(.enabled(if: FileManager.default.fileExists(atPath: mdn.path))) func theQuickWayIsTheCarefulWay() throws {
    let bytes = [UInt8](try Data(contentsOf: Self.mdn))
    let quick = try #require(RedirectTable.reading(bytes).table)
    let careful = try #require(RedirectTable.reading(bytes, separator: nil, isCareful: true).table)
    #expect(quick.count == 35_230 && careful.count == 35_230)
    #expect(quick.isLiteral)
    var differences = 0
    let none: [UInt8] = []
    for index in 0..<quick.count {
      let rule = quick.rule(index), path = PathText.canonical(Array(rule.from.utf8).span)
      let own = quick.rule(index) == careful.rule(index) && quick.firstMatch(path.span) == index && careful.firstMatch(path.span) == index
      let miss = path + [UInt8(ascii: "~")]
      let same = quick.answer(index, path.span, query: none.span) == careful.answer(index, path.span, query: none.span)
      if !own || !same || quick.firstMatch(miss.span) != nil { differences += 1 }
    }
    #expect(differences == 0)
  }
}
