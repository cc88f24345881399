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

  /// A pattern is one again when it is read, beside however many names with colons.
  @Test(arguments: [RedirectFormat.tsv, .csv]) func patternsBesideNamesWithColons(_ format: RedirectFormat) throws {
    let table = try RedirectRulesTests.table((1...9).map { "/css/:h\($0)→/x\n" }.joined() + "/u/:id→/w/:id→→pattern\n#!pattern\n/k/*→/l/:splat\n"), rules = (0..<table.count).map(table.rule)
    let again = format.read(Array(format.write(rules).text.utf8)).rules
    #expect(again.map(\.kind) == rules.map(\.kind) && again.suffix(2).map(\.kind) == [.placeholders, .prefix])
    #expect(again.map { [$0.from, $0.to] } == rules.map { [$0.from, $0.to] })
    // Where none is a pattern nothing need be said.
    #expect(!format.write(Array(rules.prefix(9))).text.contains("#!"))
  }

  /// mod_rewrite takes its words as they stand; mod_alias unescapes them.
  @Test func wordsOfApache() throws {
    for (from, line) in [
      ("/quote\"s", #"RewriteRule ^/quote\"s$ /b [R=301,L,NE]"#), ("/back\\slash", #"RewriteRule ^/back\\slash$ /b [R=301,L,NE]"#), ("/a b", #"RewriteRule "^/a b$" /b [R=301,L,NE]"#),
      ("/a \"b", #"RewriteRule '^/a \"b$' /b [R=301,L,NE]"#),
    ] {
      var rule = RedirectRule(from: from, to: "/b", line: 1)
      let (text, problems) = RedirectFormat.apache.write([rule])
      #expect(problems.isEmpty && text.contains("\n\(line)\n"), "\(text)")
      let again = RedirectFormat.apache.read(Array(text.utf8)).rules
      #expect(again.map(\.from) == [from] && again.first?.kind == .exact, "\(again)")
      rule.from = from + "'"
      #expect(RedirectFormat.apache.write([rule]).problems.isEmpty == (from != "/a \"b"), "\(from)")
    }
    let kept = RedirectFormat.apache.read(Array(#"RewriteRule ^/with\ space$ /to\ there [R=301,L]"#.utf8)).rules
    #expect(kept.map { [$0.from, $0.to] } == [["/with space", "/to there"]])
    let alias = RedirectFormat.apache.read(Array(#"Redirect 301 "/a \"b\"" /c"#.utf8)).rules
    #expect(alias.first?.from == "/a \"b\"")
  }

  /// A group is decoded in Apache and goes into the Location as it is, unless B encodes it again; the value of a parameter never was decoded.
  @Test func groupsAreEncodedByApache() throws {
    func line(_ text: String) throws -> String {
      let table = try RedirectRulesTests.table(text), (written, problems) = RedirectFormat.apache.write([table.rule(0)])
      return problems.first?.text ?? String(written.split(separator: "\n").last ?? "")
    }
    #expect(try line("/old/*→/new/:splat") == #"RewriteRule ^/old/(.*)$ /new/$1 [R=301,L,NE,B,BNP,BNE=/.-~!$'()*:@&+;=]"#)
    #expect(try line("/u/:id→/x?u=:id") == #"RewriteRule ^/u/([^/]+)$ /x?u=$1 [R=301,L,NE,B,BNP,BNE=/.-~!$'()*:@]"#)
    #expect(try line("/s→/b/:id→301→query:id=:id drop-query") == "RewriteRule ^/s$ /b/%1 [R=301,L,NE,QSD]")
    #expect(try line("/s/:a→/b/:a/:id→301→query:id=:id drop-query").hasPrefix("Apache would encode"))
    #expect(try line("/s→/b→302→host~^(a|c)[.]test$").hasPrefix("RewriteRule ^/s$ /b"))
  }

  /// `%2` is the second group, which `(^|&)` makes the value; another number is told, not written.
  @Test(arguments: [("(^|&)p=([^&]+)", "%2", "/x/:q1"), ("(?:^|&)p=([^&]*)", "%1", "/x/:q1"), ("(^|&)p=([^&]+)", "%1", ""), ("^p=([^&]*)", "%2", "")])
  func groupsOfConditions(_ pattern: String, _ group: String, _ to: String) {
    let (rules, problems) = RedirectFormat.apache.read(Array("RewriteCond %{QUERY_STRING} \(pattern)\nRewriteRule ^/s$ /x/\(group)? [R=301]\n".utf8))
    #expect(rules.map(\.to) == (to.isEmpty ? [] : [to]) && problems.isEmpty == !to.isEmpty, "\(rules) \(problems)")
  }

  /// Apache's `%1` is the last expression's that matched: behind another one the parameter's value cannot be had.
  @Test(arguments: [
    ("%{HTTP_HOST} ^example\\.com$", false), ("%{HTTP_COOKIE} seen=1", false), ("%{HTTP_HOST} !^example\\.com$", true), ("%{HTTP_HOST} =example.com", true),
  ]) func groupsBeforeAnotherCondition(_ other: String, _ isHad: Bool) {
    let (rules, problems) = RedirectFormat.apache.read(Array("RewriteCond %{QUERY_STRING} (?:^|&)a=([^&]*)\nRewriteCond \(other)\nRewriteRule ^/x$ /y/%1? [R=301]\n".utf8))
    #expect(rules.map(\.to) == (isHad ? ["/y/:q1"] : []) && problems.isEmpty == isHad, "\(rules) \(problems)")
  }

  /// What nginx compares in either case is compared so; groups of a condition are told, not written as they stand.
  @Test(arguments: [
    ("if ($args ~* \"^k=A$\") { return 302 /k; }", "query~(?i)^k=A$"), ("if ($args ~ \"^k=A$\") { return 302 /k; }", "query~^k=A$"),
    ("if ($host ~* \"^(Www|x)[.]a[.]test$\") { return 302 /k; }", "host~(?i)^(Www|x)[.]a[.]test$"), ("if ($args ~ \"^k=([0-9]+)$\") { return 302 /k/$1; }", nil),
    ("if ($host ~ \"^www[.](.*)$\") { return 302 http://$1/; }", nil),
  ] as [(String, String?)]) func conditionsOfNginx(_ text: String, _ flag: String?) {
    let (rules, problems) = RedirectFormat.nginx.read(Array(text.utf8))
    #expect(rules.map(\.flags) == (flag.map { ["drop-query " + $0] } ?? []) && problems.isEmpty == (flag != nil), "\(rules.map(\.flags)) \(problems)")
  }

  /// What an expression of Apache's demands beside a parameter is not lost.
  @Test func whatAParametersExpressionDemands() throws {
    for (pattern, flags) in [
      ("^id=([^&]*)$", "drop-query query~^id=[^&]*$ query:id=:q1"), ("(?:^|&)id=([^&]*)", "drop-query query:id=:q1"), ("(^|&)id=([^&]+)", "drop-query query~(?:^|&)id=[^&]+ query:id=:q1"),
      ("^id=([^&]+)", "drop-query query~^id=[^&]+ query:id=:q1"),
    ] {
      let (rules, problems) = RedirectFormat.apache.read(Array("RewriteCond %{QUERY_STRING} \(pattern)\nRewriteRule ^/s$ /b/%\(pattern.hasPrefix("(^") ? 2 : 1)? [R=301,L]\n".utf8))
      #expect(problems.isEmpty && rules.map(\.flags) == [flags], "\(pattern): \(rules.map(\.flags)) \(problems)")
    }
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
