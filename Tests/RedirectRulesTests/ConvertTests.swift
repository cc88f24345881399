// Every file in Golden/ holds rules in one form, and behind lines of dashes what becomes of them in others: first what could not be said, as
// `line: text`, then the text. Its name begins with the form it is in; SKERRY_UPDATE_GOLDEN=1 rewrites what follows, to be read before a commit.
import Foundation
import RedirectRules
import Testing

@Suite struct ConvertTests {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden")
  static let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
  static let mark = "\n---------- "

  static func format(of name: String) -> RedirectFormat? {
    RedirectFormat.allCases.sorted { $0.rawValue.count > $1.rawValue.count }.first { name.hasPrefix($0.rawValue) }
  }

  @Test(arguments: names) func golden(_ name: String) throws {
    let file = Self.folder.appendingPathComponent(name), text = try String(contentsOf: file, encoding: .utf8)
    let input = text.components(separatedBy: Self.mark)[0], source = try #require(Self.format(of: name))
    let (rules, problems) = source.read(Array(input.utf8))
    var actual = input
    for target in source == .tsv ? RedirectFormat.allCases.filter({ $0 != .tsv }) : [.tsv] {
      let (written, unsaid) = target.write(rules)
      actual += Self.mark + target.rawValue + "\n" + (problems + unsaid).map { "\($0.line): \($0.text)\n" }.joined() + "\n" + written
    }
    if ProcessInfo.processInfo.environment["SKERRY_UPDATE_GOLDEN"] == "1" { return try actual.write(to: file, atomically: true, encoding: .utf8) }
    #expect(actual == text, "\(name)")
  }

  @Test func thereAreGoldenFiles() { #expect(Self.names.count >= 6) }

  /// What a form can say comes back from it as it was.
  @Test(arguments: [RedirectFormat.tsv, .csv, .netlify, .cloudflare, .nginx, .nginxMap, .apache, .cloudfront]) func roundTrips(_ format: RedirectFormat) throws {
    let lines = "/a→/b\n/docs/*→/manual/:splat→302\n/x.y/z→https://good.test/q→308\n"
      + ([.tsv, .csv, .apache].contains(format) ? "/h→/i→301→host=a.test method=GET\n" : "")
      + ([.tsv, .csv, .apache, .nginx].contains(format) ? "/gone→-→410\n^/r/(\\d+)/b$→/s/$1→302→regex\n" : "")
    let table = try table(lines), rules = (0..<table.count).map(table.rule)
    let (text, unsaid) = format.write(rules)
    #expect(unsaid.isEmpty, "\(unsaid)")
    let (again, problems) = format.read(Array(text.utf8))
    #expect(problems.isEmpty, "\(problems)\n\(text)")
    func plain(_ rules: [RedirectRule]) -> [String] {
      rules.map { "\($0.from) \($0.to) \($0.status) \($0.kind) \($0.flags.split(separator: " ").sorted())" }.sorted()
    }
    #expect(plain(again) == plain(rules), "\(text)")
  }

  @Test func whatFormsCannotSay() throws {
    let dynamic = try table((0..<101).map { "/d\($0)/*→/x\n" }.joined())
    let (_, beyond) = RedirectFormat.cloudflare.write((0..<dynamic.count).map(dynamic.rule))
    #expect(beyond.map(\.line) == [101])
    let open = try table("/a*→/x")
    #expect(RedirectFormat.netlify.write([open.rule(0)]).1.count == 1)
    for (words, flag) in [("on", "scheme=https"), ("!on", "scheme=http"), ("off", "scheme=http"), ("!off", "scheme=https")] {
      let (rules, problems) = RedirectFormat.apache.read(Array("RewriteCond %{HTTPS} \(words)\nRewriteRule ^a$ /b [R=301]\n".utf8))
      #expect(problems.isEmpty && rules.count == 1 && rules.first?.flags.contains(flag) == true, "\(words): \(rules) \(problems)")
    }
  }

  @Test func formatsAreRecognised() {
    for (name, text, format) in [
      ("a.csv", "", RedirectFormat.csv), ("a.tsv", "", .tsv), ("site/_redirects", "", .netlify), ("x.json", "", .cloudfront), (".htaccess", "", .apache),
      ("a.conf", "RewriteRule a b", .apache), ("a.conf", "map $uri $x {\n}", .nginxMap), ("a.conf", "rewrite ^/a$ /b permanent;", .nginx), ("rules", "/a /b", .tsv),
    ] { #expect(RedirectFormat(fileName: name, Array(text.utf8)) == format, "\(name)") }
  }
}
