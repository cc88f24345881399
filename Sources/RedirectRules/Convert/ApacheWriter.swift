// Owns: rules in Apache's words (httpd.apache.org/docs/2.4/mod/mod_rewrite.html): a RewriteRule each, with the RewriteConds it needs, in the
// rules' order. For a server or virtual host. Apache matches the decoded path. Pure.

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
    var target = "", flags: [String] = []
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
        case .parameter: target += "%1"
        }
      }
      flags = ["R=\(rule.status)", "L", "NE"]
      if rule.query == .drop { flags.append("QSD") }
      if rule.query == .append { flags.append("QSA") }
    }
    if rule.ignoresCase { flags.insert("NC", at: 0) }
    return lines + ["RewriteRule \(quoted(pattern)) \(quoted(target)) [\(flags.joined(separator: ","))]"]
  }

  private static func condition(_ condition: RedirectCondition) throws(RedirectProblem) -> String {
    let not = condition.isNegated ? "!" : ""
    func any(_ values: [String]) -> String { "(?:" + values.map(PatternText.escaped).joined(separator: "|") + ")" }
    func line(_ variable: String, _ pattern: String, _ flags: String = "") -> String { "%{\(variable)} \(quoted(not + pattern))" + flags }
    switch condition.subject {
    case .host(let names):
      let hosts = names.map { $0.hasPrefix("*.") ? ".+" + PatternText.escaped(String($0.dropFirst())) : PatternText.escaped($0) }
      return line("HTTP_HOST", "^(?:\(hosts.joined(separator: "|")))(?::\\d+)?$", " [NC]")
    case .hostMatches(let pattern): return line("HTTP_HOST", pattern, " [NC]")
    case .method(let methods): return line("REQUEST_METHOD", "^\(any(methods))$")
    case .scheme(let scheme): return line("HTTPS", scheme == "https" ? "=on" : "=off")
    case .query(let query): return line("QUERY_STRING", "=" + query)
    case .queryMatches(let pattern): return line("QUERY_STRING", pattern)
    case .parameter(let name, let value): return line("QUERY_STRING", "(?:^|&)\(PatternText.escaped(name))" + (value.map { "=\(PatternText.escaped($0))" } ?? "(?:=[^&]*)?") + "(?:&|$)")
    case .captured(let name, _): return line("QUERY_STRING", "(?:^|&)\(PatternText.escaped(name))=([^&]*)")
    case .cookie(let name, let value): return line("HTTP_COOKIE", "(?:^|; *)\(PatternText.escaped(name))=" + (value.map { PatternText.escaped($0) + "(?:;|$)" } ?? ""))
    case .cookies(let names): return line("HTTP_COOKIE", "(?:^|; *)\(any(names))=")
    case .country, .language: throw RedirectProblem("Apache cannot say \(condition.flag)")
    }
  }

  /// As one word: Apache makes one backslash of two, and in quotes takes the one before a quote away (ap_getword_conf).
  private static func quoted(_ text: String) -> String {
    guard text.isEmpty || text.contains(" ") || text.contains("\"") || text.contains("\\\\") else { return text }
    return "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
  }
}
