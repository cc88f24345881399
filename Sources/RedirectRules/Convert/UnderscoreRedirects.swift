// Owns: `_redirects` of Netlify (docs.netlify.com/routing/redirects) and of Cloudflare Pages (developers.cloudflare.com/pages). Pure.

enum UnderscoreRedirects {
  /// Cloudflare's limits: rules for one path, rules with `*` or `:name`.
  private static let staticLimit = 2_000, dynamicLimit = 100

  // MARK: Reading

  static func read(_ bytes: [UInt8], isCloudflare: Bool) -> (rules: [RedirectRule], problems: [RedirectProblem]) {
    var rules: [RedirectRule] = [], problems: [RedirectProblem] = []
    for (number, line) in String(decoding: bytes, as: UTF8.self).replacing("\r\n", with: "\n").split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
      guard let first = words.first, !first.hasPrefix("#") else { continue }
      do throws(RedirectProblem) { rules.append(try rule(words.prefix { !$0.hasPrefix("#") }.map(\.self), isCloudflare, number + 1)) } catch {
        var problem = error
        problem.line = number + 1
        problems.append(problem)
      }
    }
    return (rules, problems)
  }

  private static func rule(_ words: [String], _ isCloudflare: Bool, _ line: Int) throws(RedirectProblem) -> RedirectRule {
    // Parameters of the query stand between the two addresses.
    let parameters = words.dropFirst().prefix { !$0.hasPrefix("/") && !$0.contains("://") }
    let rest = Array(words.dropFirst(1 + parameters.count))
    guard let to = rest.first else { throw RedirectProblem("a rule has at least from and to") }
    var rule = RedirectRule(from: words[0], to: to, status: isCloudflare ? 302 : 301, line: line), conditions = rest.dropFirst()
    if let word = conditions.first, let status = Int(word.hasSuffix("!") ? String(word.dropLast()) : word) {
      conditions = conditions.dropFirst()
      rule.status = status
    }
    guard RedirectRule.redirects.contains(rule.status) else {
      throw RedirectProblem(rule.status == 200 ? "a rewrite (200) is no redirect; a viewer-request function does that" : "status \(rule.status) with a page of its own is none of a table's")
    }
    try rule.interpret(rule.from, RedirectRule.Flags(), isLiteral: false)
    for word in parameters {
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      let value = parts.count > 1 ? parts[1] : nil
      if let value, value.hasPrefix(":") { rule.conditions.append(RedirectCondition(.captured(parts[0], String(value.dropFirst())))) }
      else { rule.conditions.append(RedirectCondition(.parameter(parts[0], value))) }
      rule.query = .drop
    }
    for word in conditions {
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init), values = parts.count > 1 ? parts[1].split(separator: ",").map(String.init) : []
      switch parts[0].lowercased() {
      case "country": rule.conditions.append(RedirectCondition(.country(values.map { $0.uppercased() })))
      case "language": rule.conditions.append(RedirectCondition(.language(values.map { $0.lowercased() })))
      case "cookie": rule.conditions.append(RedirectCondition(.cookies(values)))
      default: throw RedirectProblem("the condition \(word) is none of a table's")
      }
    }
    return rule
  }

  // MARK: Writing

  static func write(_ rules: [RedirectRule], isCloudflare: Bool, _ out: inout RuleOutput) {
    var fixed = 0, dynamic = 0
    for rule in rules {
      do throws(RedirectProblem) {
        let lines = try isCloudflare ? cloudflare(rule) : netlify(rule)
        if isCloudflare {
          if rule.kind == .exact { fixed += 1 } else { dynamic += 1 }
          let isBeyond = rule.kind == .exact ? fixed > staticLimit : dynamic > dynamicLimit
          if isBeyond { throw RedirectProblem("Cloudflare takes \(staticLimit) rules for one path and \(dynamicLimit) others; this one is beyond") }
        }
        for line in lines { out.line(line) }
      } catch { out.refuse(rule, error.text) }
    }
  }

  private static func common(_ rule: RedirectRule) throws(RedirectProblem) -> String {
    if rule.kind == .regex { throw RedirectProblem("_redirects has no regular expressions") }
    if rule.kind == .exact && RedirectRule.looksLikePattern(rule.from) { throw RedirectProblem("_redirects would take * or : in the path for a pattern") }
    if rule.kind == .prefix && !rule.from.hasSuffix("/*") { throw RedirectProblem("_redirects has * only as a whole segment") }
    if rule.ignoresCase { throw RedirectProblem("_redirects has no rules for either case") }
    if rule.matchesDecoded { throw RedirectProblem("_redirects cannot say that the decoded path is matched") }
    if rule.query == .append { throw RedirectProblem("_redirects cannot add the request's query to the target's own") }
    if !RedirectRule.redirects.contains(rule.status) { throw RedirectProblem("_redirects has no status \(rule.status) without a page") }
    return String(decoding: PathText.canonical(Array(rule.from.utf8).span), as: UTF8.self).replacing("%3A", with: ":")
  }

  private static func cloudflare(_ rule: RedirectRule) throws(RedirectProblem) -> [String] {
    if !rule.conditions.isEmpty { throw RedirectProblem("Cloudflare's _redirects has no conditions") }
    if rule.query != .keep { throw RedirectProblem("Cloudflare's _redirects cannot drop the query string") }
    return ["\(try common(rule)) \(target(rule)) \(rule.status)"]
  }

  private static func target(_ rule: RedirectRule) -> String { String(decoding: PathText.reference(Array(rule.to.utf8).span), as: UTF8.self) }

  private static func netlify(_ rule: RedirectRule) throws(RedirectProblem) -> [String] {
    let path = try common(rule)
    var hosts = [""], schemes = ["https://", "http://"], parameters: [String] = [], after: [String] = []
    for condition in rule.conditions {
      if condition.isNegated { throw RedirectProblem("Netlify has no conditions that must not hold") }
      switch condition.subject {
      case .host(let names) where !names.contains { $0.hasPrefix("*") }: hosts = names
      case .scheme(let scheme): schemes = [scheme + "://"]
      case .query(let query) where rule.query == .drop && !query.isEmpty: parameters += query.split(separator: "&").map(String.init)
      case .parameter(let name, let value?) where rule.query == .drop: parameters.append("\(name)=\(value)")
      case .captured(let name, let capture) where rule.query == .drop: parameters.append("\(name)=:\(capture)")
      case .country(let codes): after.append("Country=" + codes.joined(separator: ",").lowercased())
      case .language(let tags): after.append("Language=" + tags.joined(separator: ","))
      case .cookies(let names): after.append("Cookie=" + names.joined(separator: ","))
      case .cookie(let name, nil): after.append("Cookie=" + name)
      default: throw RedirectProblem("Netlify cannot say \(condition.flag)")
      }
    }
    if parameters.isEmpty && rule.query == .drop { throw RedirectProblem("Netlify cannot drop the query string") }
    if hosts == [""] && schemes.count == 1 { throw RedirectProblem("Netlify has a scheme only with a host") }
    let places = hosts == [""] ? [path] : hosts.flatMap { host in schemes.map { $0 + host + path } }
    // With `!` a rule holds where there is a file, too, as here.
    return places.map { ([$0] + parameters + [target(rule), "\(rule.status)!"] + after).joined(separator: " ") }
  }
}
