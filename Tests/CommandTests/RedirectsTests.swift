// skerry redirects: what it says, where, and how it ends.
import Foundation
import JSONText
import TestTools
import Testing

@Suite(.runsPrograms) struct RedirectsTests {
  private static let files = [
    "good.tsv": "/a\t/b\n/old/*\t/new/:splat\n", "chain.tsv": "/a\t/b\n/b\t/c\n", "stays.tsv": "/a\t/b\n/b\t/x\t302\tcookie:s\n/b\t/c\n", "bad.tsv": "a\t/b\n/c\t/c\n", "_redirects": "/a /b 301\n/x /y 200\n",
    "w3c.log": "#Version: 1.0\n#Fields: date time\n2026-11-21\t10:00:00\n\n",
    "access.log": """
      {"time":"x","uri":"/a","redirectRule":"good.tsv:1"}
      {"time":"x","uri":"/q"}
      {"time":"x","uri":"/a","redirectRule":"conf/good.tsv:1"}
      {"time":"x","uri":"/a","redirectRule":"other.tsv:2"}
      """,
  ]
  static let endings: [(arguments: [String], status: Int32, output: String, sentence: String)] = [
    (["check", "good.tsv"], 0, "", ""),
    (["check", "chain.tsv"], 1, "chain.tsv:1:1: warning: chain: 2 redirects one after another (then line 2); straight to /c (/a)\n", "skerry: chain.tsv has 1 finding"),
    (["check", "bad.tsv"], 1, "bad.tsv:1:1: error: malformed: from begins with /, http:// or https://; a regular expression needs the flag regex\nbad.tsv:2:1: error: loop: redirects to itself (/c)\n", "skerry: bad.tsv has 2 findings"),
    (["check", "chain.tsv", "--github"], 1, "::warning file=chain.tsv,line=1,col=1,title=chain::2 redirects one after another (then line 2); straight to /c (/a)\n", "skerry: chain.tsv has 1 finding"),
    (["check", "nope.tsv"], 2, "", "skerry: nope.tsv cannot be read: there is no such file"),
    (["convert", "good.tsv", "--to", "netlify"], 0, "/a /b 301!\n/old/* /new/:splat 301!\n", ""),
    (["convert", "_redirects", "--to", "tsv"], 1, "/a\t/b\n", "skerry: 1 rule of _redirects could not be expressed in tsv"),
    (["convert", "good.tsv", "--to", "netlfy"], 2, "", "skerry: there is no form netlfy; did you mean netlify?"),
    (["convert", "chain.tsv", "--to", "tsv", "--flatten"], 0, "/a\t/c\n/b\t/c\n", "skerry: 1 chain flattened"),
    (["convert", "stays.tsv", "--to", "tsv", "--flatten"], 1, "/a\t/b\n/b\t/x\t302\tcookie:s\n/b\t/c\n", "skerry: 1 chain could not be flattened"),
    (["coverage", "good.tsv", "access.log"], 0, "2\tgood.tsv:1\t/a\t/b\n0\tgood.tsv:2\t/old/*\t/new/:splat\n", "skerry: 1 of 2 rules were hit"),
    (["coverage", "good.tsv", "access.log", "--never"], 0, "0\tgood.tsv:2\t/old/*\t/new/:splat\n", "skerry: 1 of 2 rules were hit"),
    (["coverage", "good.tsv", "w3c.log"], 0, "0\tgood.tsv:1\t/a\t/b\n0\tgood.tsv:2\t/old/*\t/new/:splat\n", "skerry: 0 of 2 rules were hit"),
    (["coverage", "good.tsv", "nope.log"], 2, "", "skerry: nope.log cannot be read: there is no such file"),
    (["coverage", "bad.tsv", "access.log"], 2, "", "bad.tsv:1:1: error: from begins with /, http:// or https://; a regular expression needs the flag regex"),
  ]
  @Test(arguments: endings) func says(_ arguments: [String], _ status: Int32, _ output: String, _ sentence: String) throws {
    let outcome = try Folder(Self.files).skerry(["redirects"] + arguments)
    #expect(outcome.status == status)
    #expect(outcome.output == output)
    #expect(outcome.errors.split(separator: "\n").last ?? "" == sentence, "\(outcome.errors)")
  }

  /// Lines that are no records are counted, not passed over.
  @Test func linesThatAreNoRecords() throws {
    #expect(try Folder(Self.files).skerry("redirects", "coverage", "good.tsv", "w3c.log").errors.hasPrefix("skerry: warning: 3 lines could not be read: a log is Skerry's in JSON\n"))
    #expect(try !Folder(Self.files).skerry("redirects", "coverage", "good.tsv", "access.log").errors.contains("warning"))
  }

  @Test func findingsAsJSON() throws {
    let outcome = try Folder(Self.files).skerry("redirects", "check", "chain.tsv", "--json"), json = try outcome.json
    #expect(json["rules"]?.double == 2)
    let finding = try #require(json["findings"]?.array?.first)
    #expect(finding["kind"]?.string == "chain" && finding["line"]?.double == 1 && finding["example"]?.string == "/a" && finding["target"]?.string == "/c")
  }

  /// Nobody listens on port 1.
  @Test func deadTargets() throws {
    let outcome = try Folder(Self.files).skerry("redirects", "check", "good.tsv", "--origin", "http://127.0.0.1:1")
    #expect(outcome.status == 1 && outcome.output == "good.tsv:1:1: error: dead-target: /b gets no answer: Connection refused (/a)\n", "\(outcome.output)")
    #expect(try Folder(Self.files).skerry("redirects", "check", "good.tsv", "--origin", "ftp://x").status == 2)
    #expect(try Folder(Self.files).skerry("redirects", "check", "good.tsv", "--insecure").status == 2)
    let plain = try Folder(Self.files).skerry("redirects", "check", "good.tsv", "--origin", "http://127.0.0.1:1", "--insecure")
    #expect(plain.status == 2 && plain.errors == "skerry: --cacert and --insecure are for an --origin that is https://\n", "\(plain.errors)")
  }

  /// A configuration whose tables redirect in circles is served, and warned of where it is read.
  @Test func circlesAreWarnedOf() throws {
    let lines = "/a\t/b\n/ok\t/fine\n/b\t/a\n" + (0..<12).map { "/self\($0)\t/self\($0)\n" }.joined()
    let configuration = """
      listeners: [{ address: "127.0.0.1:0" }]
      distributions:
        - { id: E1, default: true, origins: { app: "http://127.0.0.1:1" }, defaultBehavior: { origin: app, cachePolicy: CachingDisabled, redirects: rules.tsv, responseHeadersPolicy: SecurityHeadersPolicy } }
      """
    let outcome = try Folder(["edge.yaml": configuration, "rules.tsv": lines]).skerry("check", "edge.yaml")
    let said = (outcome.output + outcome.errors).split(separator: "\n").filter { $0.contains("rules.tsv") }
    #expect(outcome.status == 0 && said.count == 11, "\(outcome.output)\(outcome.errors)")
    #expect(said.first == "rules.tsv:1:1: warning: redirects in a circle, by lines 1, 3 (/a)", "\(said)")
    #expect(said.last == "rules.tsv:13:1: warning: and 3 more circles of redirects; skerry redirects check tells all", "\(said)")
  }
}
