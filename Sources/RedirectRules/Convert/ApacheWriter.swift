// Owns: rules in Apache's words (httpd.apache.org/docs/2.4/mod/mod_rewrite.html): a RewriteRule each, with the RewriteConds it needs, in the
// rules' order. For a server or virtual host. Apache matches the decoded path, and writes groups into a Location as they are: they are encoded
// again by B, but for what a path may have (BNE, BNP; 2.4.57 and newer). Pure.

enum ApacheWriter {
  static func write(_ rules: [RedirectRule], _ out: inout RuleOutput) {
    out.line("# For a server or virtual host.\nRewriteEngine On")
    for rule in rules {
      do throws(RedirectProblem) { for line in try lines(rule) { out.line(line) } } catch { out.refuse(rule, error.text) }
    }
  }

  private static func lines(_ rule: RedirectRule) throws(RedirectProblem) -> [String] {
    if rule.from.lowercased().contains("%2f") { throw RedirectProblem("Apache refuses or decodes %2F before it looks at rules") }
    let text = try PatternText(rule, isDecoded: true)
    var lines: [String] = [], parameters: [String] = []
    for condition in rule.conditions {
      lines.append("RewriteCond " + (try self.condition(condition)))
      if case .captured(let name, _) = condition.subject { parameters.append(name) }
    }
    if parameters.count > 1 { throw RedirectProblem("Apache has the groups of one RewriteCond only") }
    // %1 is of the last condition.
    lines.sort { !$0.contains("([^&]*)") && $1.contains("([^&]*)") }
    let pattern = rule.kind == .regex ? rule.from : "^" + text.path + "$"
    if pattern.utf8.contains(where: { $0 < 32 }) { throw RedirectProblem("the decoded path has a control character in it") }
    var target = "", flags: [String] = [], hasGroups = false
    switch rule.status {
    case 410: (target, flags) = ("-", ["G"])
    case 404, 451: (target, flags) = ("-", ["R=\(rule.status)", "L"])
    default:
      for piece in text.target {
        switch piece {
        case .text(let text): target += text.replacing("\\", with: "\\\\").replacing("%", with: "\\%").replacing("$", with: "\\$")
        case .group(let number):
          if number > 9 { throw RedirectProblem("Apache has the groups $0 to $9") }
          target += "$\(number)"
          hasGroups = true
        case .parameter: target += "%1"
        }
      }
      flags = ["R=\(rule.status)", "L", "NE"]
      if rule.query == .drop { flags.append("QSD") }
      if rule.query == .append { flags.append("QSA") }
      if hasGroups {
        if !parameters.isEmpty { throw RedirectProblem("Apache would encode the value of a parameter twice beside a group of the path") }
        // In a query what divides parameters is no part of one.
        flags += ["B", "BNP", "BNE=/.-~!$'()*:@" + (rule.to.contains("?") ? "" : "&+;=")]
      }
    }
    if rule.ignoresCase { flags.insert("NC", at: 0) }
    return lines + ["RewriteRule \(try quoted(pattern)) \(try quoted(target)) [\(flags.joined(separator: ","))]"]
  }

  private static func condition(_ condition: RedirectCondition) throws(RedirectProblem) -> String {
    let not = condition.isNegated ? "!" : ""
    func any(_ values: [String]) -> String { "(?:" + values.map(PatternText.escaped).joined(separator: "|") + ")" }
    func line(_ variable: String, _ pattern: String, _ flags: String = "") throws(RedirectProblem) -> String { "%{\(variable)} \(try quoted(not + pattern))" + flags }
    switch condition.subject {
    case .host(let names):
      let hosts = names.map { $0.hasPrefix("*.") ? ".+" + PatternText.escaped(String($0.dropFirst())) : PatternText.escaped($0) }
      return try line("HTTP_HOST", "^(?:\(hosts.joined(separator: "|")))(?::\\d+)?$", " [NC]")
    // HTTP_HOST has the port.
    case .hostMatches(let pattern):
      let isToTheEnd = pattern.hasSuffix("$") && !pattern.hasSuffix("\\$") && !pattern.contains("|")
      return try line("HTTP_HOST", isToTheEnd ? pattern.dropLast() + "(?::\\d+)?$" : pattern, " [NC]")
    case .method(let methods): return try line("REQUEST_METHOD", "^\(any(methods))$")
    case .scheme(let scheme): return try line("HTTPS", scheme == "https" ? "=on" : "=off")
    case .query(let query): return try line("QUERY_STRING", "=" + query)
    case .queryMatches(let pattern): return try line("QUERY_STRING", pattern)
    case .parameter(let name, let value): return try line("QUERY_STRING", "(?:^|&)\(PatternText.escaped(name))" + (value.map { "=\(PatternText.escaped($0))" } ?? "(?:=[^&]*)?") + "(?:&|$)")
    case .captured(let name, _): return try line("QUERY_STRING", "(?:^|&)\(PatternText.escaped(name))=([^&]*)")
    case .cookie(let name, let value): return try line("HTTP_COOKIE", "(?:^|; *)\(PatternText.escaped(name))=" + (value.map { PatternText.escaped($0) + "(?:;|$)" } ?? ""))
    case .cookies(let names): return try line("HTTP_COOKIE", "(?:^|; *)\(any(names))=")
    case .country, .language: throw RedirectProblem("Apache cannot say \(condition.flag)")
    }
  }

  /// As one word: mod_rewrite takes words as they stand between quotes of either kind, and knows no way to write the quote itself.
  private static func quoted(_ text: String) throws(RedirectProblem) -> String {
    guard text.isEmpty || text.contains(" ") || text.hasPrefix("\"") || text.hasPrefix("'") else { return text }
    guard let quote = (["\"", "'"] as [Character]).first(where: { !text.contains($0) }) else { throw RedirectProblem("Apache has no word with spaces and quotes of both kinds") }
    return "\(quote)\(text)\(quote)"
  }
}
