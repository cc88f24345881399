// Owns: the forms in which rules are kept elsewhere, and the way from one to another: a form is read into rules, rules are written in a form.
// What either cannot say is listed, never left out in silence. Pure; any thread. Source: issue 8, point 2; Documentation/redirects.md.

/// A form of redirect rules.
public enum RedirectFormat: String, Sendable, CaseIterable {
  /// Skerry's own, divided by tabs or by commas.
  case tsv, csv
  /// `_redirects` of Netlify and of Cloudflare Pages.
  case netlify, cloudflare
  /// A `map` of nginx with the `if`s that use it; and a list of `if … return`, which is read together with `rewrite`, `location` and `return`.
  case nginxMap = "nginx-map", nginx
  /// RewriteRule of Apache; Redirect and RedirectMatch are read too.
  case apache
  /// The data of a CloudFront key-value store, as Functions/redirects reads it.
  case cloudfront

  /// What a file's name and beginning look like.
  public init(fileName: String, _ bytes: [UInt8]) {
    let name = fileName.split(separator: "/").last.map { $0.lowercased() } ?? ""
    let head = String(decoding: bytes.prefix(65_536), as: UTF8.self)
    let words = Set(head.split(whereSeparator: { " \t\n;{".contains($0) }).map { $0.lowercased() })
    if name.hasSuffix(".csv") { self = .csv } else if name.hasSuffix(".tsv") { self = .tsv } else if name.hasSuffix(".json") { self = .cloudfront }
    else if name == "_redirects" { self = .netlify } else if name.contains("htaccess") || words.contains("rewriterule") || words.contains("redirectmatch") { self = .apache }
    else if head.contains("{") && words.contains("map") { self = .nginxMap } else if words.contains("rewrite") || words.contains("return") { self = .nginx }
    else if name.hasSuffix(".conf") { self = words.contains("redirect") ? .apache : .nginx } else { self = .tsv }
  }

  /// Reads rules.
  /// - Returns: the rules in their order; problems of what is not among them.
  public func read(_ bytes: [UInt8], fileName: String = "") -> (rules: [RedirectRule], problems: [RedirectProblem]) {
    switch self {
    case .tsv, .csv:
      let (table, problems) = RedirectTable.readingGood(bytes, separator: self == .csv ? .comma : RedirectSeparator(fileName: fileName))
      return ((0..<table.count).map(table.rule), problems)
    case .netlify, .cloudflare: return UnderscoreRedirects.read(bytes, isCloudflare: self == .cloudflare)
    case .nginx, .nginxMap: return NginxReader.read(bytes)
    case .apache: return ApacheReader.read(bytes)
    case .cloudfront: return KeyValueRedirects.read(bytes)
    }
  }

  /// Writes rules.
  /// - Returns: the text; problems of rules that are not in it, by their lines.
  public func write(_ rules: [RedirectRule]) -> (text: String, problems: [RedirectProblem]) {
    var out = RuleOutput()
    switch self {
    case .tsv, .csv: OwnWriter.write(rules, isCSV: self == .csv, &out)
    case .netlify, .cloudflare: UnderscoreRedirects.write(rules, isCloudflare: self == .cloudflare, &out)
    case .nginx: NginxWriter.writeIfs(rules, &out)
    case .nginxMap: NginxWriter.writeMap(rules, &out)
    case .apache: ApacheWriter.write(rules, &out)
    case .cloudfront: KeyValueRedirects.write(rules, &out)
    }
    return (out.text, out.problems)
  }
}

/// A text under way, and what could not be written into it.
struct RuleOutput {
  var text = ""
  private(set) var problems: [RedirectProblem] = []

  mutating func line(_ text: String) { self.text += text + "\n" }
  mutating func refuse(_ rule: RedirectRule, _ reason: String) { problems.append(RedirectProblem(reason, line: rule.line)) }
}

/// Skerry's own form.
enum OwnWriter {
  static func write(_ rules: [RedirectRule], isCSV: Bool, _ out: inout RuleOutput) {
    out.text.reserveCapacity(rules.count * 100)
    for rule in rules {
      let fields = [rule.from, rule.to.isEmpty ? "-" : rule.to, String(rule.status), rule.flags]
      if !isCSV, fields.contains(where: { $0.contains("\t") }) { out.refuse(rule, "a field has a tab in it; write CSV"); continue }
      let count = !rule.flags.isEmpty ? 4 : rule.status != 301 ? 3 : 2
      out.line(fields.prefix(count).map { isCSV ? quoted($0) : $0 }.joined(separator: isCSV ? "," : "\t"))
    }
    // Beside many names with colons a pattern would be taken for one of them.
    if rules.contains(where: { $0.kind == .prefix || $0.kind == .placeholders }), TableReader.isLiteral(Array(out.text.utf8).span) { out.text = "#!pattern\n" + out.text }
  }

  private static func quoted(_ field: String) -> String {
    field.contains(",") || field.contains("\"") || field.hasPrefix(" ") ? "\"\(field.replacing("\"", with: "\"\""))\"" : field
  }
}
