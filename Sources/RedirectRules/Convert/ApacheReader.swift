// Owns: reading Apache's Redirect, RedirectMatch and RewriteRule with RewriteCond, of a server's file or of .htaccess. Directives that redirect
// nothing are passed over; what redirects and cannot be said in a table is listed. Apache asks mod_rewrite before mod_alias, so Redirect's rules
// come last wherever they stand. Pure.

enum ApacheReader {
  static func read(_ bytes: [UInt8]) -> (rules: [RedirectRule], problems: [RedirectProblem]) {
    var reader = ApacheReading()
    var number = 0, pending = "", start = 1
    let lines = String(decoding: bytes, as: UTF8.self).replacing("\r\n", with: "\n").split(separator: "\n", omittingEmptySubsequences: false)
    // A server's own patterns see the slash that those of .htaccess do not.
    reader.isFolder = !lines.contains { $0.firstMatch(of: /^\s*RewriteRule\s+"?\^?\//.ignoresCase()) != nil }
    for line in lines {
      number += 1
      if pending.isEmpty { start = number }
      if line.hasSuffix("\\") && !line.hasSuffix("\\\\") { pending += line.dropLast() + " "; continue }
      let whole = pending + line
      reader.take(whole.firstMatch(of: /^\s*Rewrite(?:Cond|Rule)\s/.ignoresCase()) == nil ? words(whole) : rewriteWords(whole), start)
      pending = ""
    }
    return (reader.rules + reader.redirects, reader.problems)
  }

  /// The words of mod_rewrite: as they stand, between quotes where they begin with one; a backslash keeps a space in its word.
  static func rewriteWords(_ line: String) -> [String] {
    var words: [String] = [], rest = line[...]
    while true {
      rest = rest.drop { $0 == " " || $0 == "\t" }
      guard let first = rest.first else { return words }
      let quote: Character? = first == "\"" || first == "'" ? rest.removeFirst() : nil
      var word = ""
      while let character = rest.popFirst() {
        if quote == nil ? character == " " || character == "\t" : character == quote { break }
        word.append(character)
        if character == "\\", let next = rest.first, next == " " || next == "\t" { word.append(rest.removeFirst()) }
      }
      words.append(word)
    }
  }

  /// Words of other directives, some of them quoted.
  static func words(_ line: String) -> [String] {
    var words: [String] = [], current = "", quote: Character?, isWord = false, isEscaped = false
    for character in line {
      if isEscaped {
        // Apache makes one backslash of two, and in quotes takes the one before a quote away.
        if character != "\\" && (character != quote || quote == nil) { current.append("\\") }
        current.append(character)
        isEscaped = false
      } else if character == "\\" {
        (isEscaped, isWord) = (true, true)
      } else if let open = quote {
        if character == open { quote = nil } else { current.append(character) }
      } else if (character == "\"" || character == "'") && !isWord {
        (quote, isWord) = (character, true)
      } else if character == " " || character == "\t" {
        if isWord { words.append(current) }
        (current, isWord) = ("", false)
      } else {
        current.append(character)
        isWord = true
      }
    }
    if isEscaped { current.append("\\") }
    if isWord { words.append(current) }
    return words
  }
}

/// One reading.
private struct ApacheReading {
  /// Of mod_rewrite, and of mod_alias.
  var rules: [RedirectRule] = [], redirects: [RedirectRule] = [], problems: [RedirectProblem] = []
  /// Whether patterns see paths without the slash at their beginning.
  var isFolder = true
  /// One of each list must hold.
  private var conditions: [[RedirectCondition]] = []
  /// Whether the next condition joins the last list.
  private var joins = false
  /// Of one rule's alternatives.
  private static let alternativesLimit = 64
  /// What the value of a parameter is called in the target, `%1` or `%2`; nil where none is captured.
  private var capture: String?
  /// Why the conditions of the next rule cannot be said.
  private var obstacle: String?
  private static let statuses = ["permanent": 301, "temp": 302, "seeother": 303, "gone": 410]

  mutating func take(_ words: [String], _ line: Int) {
    guard let name = words.first?.lowercased(), !name.hasPrefix("#") else { return }
    do throws(RedirectProblem) {
      switch name {
      case "redirect", "redirectmatch", "redirectpermanent", "redirecttemp": try redirect(name, Array(words.dropFirst()), line)
      case "rewritecond": condition(Array(words.dropFirst()))
      case "rewriterule":
        defer { (conditions, capture, obstacle, joins) = ([], nil, nil, false) }
        try rewrite(Array(words.dropFirst()), line)
      case "rewritemap": throw RedirectProblem("a RewriteMap is a program or file of its own")
      default: break
      }
    } catch { problems.append(RedirectProblem(error.text, line: line)) }
  }

  // MARK: Redirect, RedirectMatch

  private mutating func redirect(_ name: String, _ words: [String], _ line: Int) throws(RedirectProblem) {
    var words = words, status = name == "redirectpermanent" ? 301 : 302
    if let first = words.first, let known = Self.statuses[first.lowercased()] ?? Int(first) {
      status = known
      words.removeFirst()
    }
    guard let from = words.first else { throw RedirectProblem("\(name) needs a path") }
    let to = words.count > 1 ? words[1] : ""
    guard RedirectRule.redirects.contains(status) || RedirectRule.refusals.contains(status) else { throw RedirectProblem("status \(status) is none of a table's") }
    var rule = RedirectRule(from: from, to: to, status: status, line: line)
    if name == "redirectmatch" {
      rule.kind = .regex
      return redirects.append(try checked(rule))
    }
    // A path stands for all below it, whose rest follows the target.
    let hasSlash = from.hasSuffix("/")
    if !hasSlash { redirects.append(try checked(rule)) }
    rule.kind = .prefix
    rule.from = from + (hasSlash ? "*" : "/*")
    if !to.isEmpty { rule.to = to + (hasSlash ? "" : "/") + ":splat" }
    redirects.append(try checked(rule))
  }

  private func checked(_ rule: RedirectRule) throws(RedirectProblem) -> RedirectRule {
    var compiler = RuleCompiler(expectedExpressions: 1)
    if rule.kind != .regex && !rule.from.hasPrefix("/") { throw RedirectProblem("the path does not begin with /") }
    _ = try compiler.compile(rule)
    return rule
  }

  // MARK: RewriteCond, RewriteRule

  private mutating func condition(_ words: [String]) {
    guard words.count >= 2 else { obstacle = obstacle ?? "a RewriteCond has two words"; return }
    let flags = (words.count > 2 ? words[2].trimmed("[]") : "").split(separator: ",").map { $0.uppercased() }
    let wasJoined = joins
    joins = flags.contains("OR") || flags.contains("ORNEXT")
    guard let condition = Self.condition(words[0].uppercased(), words[1], ignoresCase: flags.contains("NC") || flags.contains("NOCASE")) else {
      obstacle = obstacle ?? "the condition \(words[0]) \(words[1])"
      return
    }
    if case .captured = condition.subject {
      if wasJoined || joins { obstacle = obstacle ?? "a captured parameter among conditions joined by OR"; return }
      // The last condition's groups are meant.
      capture = words[1].hasPrefix("(^|&)") ? "%2" : "%1"
      // What the expression says beside the parameter.
      if let more = Self.beside(words[1]) { conditions.append([RedirectCondition(.queryMatches(more))]) }
    }
    // Behind another expression that matches, the groups are that one's: those of the parameter cannot be had any more.
    if case .captured = condition.subject {} else if !condition.isNegated, !words[1].hasPrefix("=") { capture = nil }
    if wasJoined, !conditions.isEmpty { conditions[conditions.count - 1].append(condition) } else { conditions.append([condition]) }
  }

  /// One condition; nil where a table has none like it.
  private static func condition(_ subject: String, _ words: String, ignoresCase: Bool) -> RedirectCondition? {
    let isNegated = words.hasPrefix("!"), pattern = isNegated ? String(words.dropFirst()) : words
    func made(_ subject: RedirectCondition.Subject?) -> RedirectCondition? { subject.map { RedirectCondition($0, isNegated: isNegated) } }
    switch subject {
    case "%{HTTP_HOST}", "%{SERVER_NAME}":
      return made(literals(pattern).map { names in .host(names.map { $0.lowercased() }) } ?? .hostMatches(PatternText.expression(pattern, ignoresCase: pattern.contains(where: \.isUppercase))))
    case "%{HTTPS}":
      guard let value = literals(pattern)?.first?.lowercased(), value == "on" || value == "off" else { return nil }
      return RedirectCondition(.scheme((value == "on") != isNegated ? "https" : "http"))
    case "%{REQUEST_SCHEME}": return made(literals(pattern)?.first.map { .scheme($0) })
    case "%{REQUEST_METHOD}": return made((literals(pattern) ?? PatternText.methods(pattern)).map { .method($0) })
    case "%{QUERY_STRING}": return query(pattern, isNegated, ignoresCase: ignoresCase)
    case "%{HTTP_COOKIE}": return made(PatternText.cookie(pattern))
    default: return nil
    }
  }

  /// What an expression such as `^id=([^&]*)$` demands of the query string beside a parameter: that it is the first, the only one, not empty.
  private static func beside(_ pattern: String) -> String? {
    let isFirst = pattern.hasPrefix("^"), isLast = pattern.hasSuffix("$"), isFilled = pattern.contains("+)")
    guard isFirst || isLast || isFilled else { return nil }
    return pattern.replacing("(^|&)", with: "(?:^|&)").replacing("([^&]", with: "[^&]").replacing("*)", with: "*").replacing("+)", with: "+")
  }

  private static func query(_ pattern: String, _ isNegated: Bool, ignoresCase: Bool) -> RedirectCondition {
    func made(_ subject: RedirectCondition.Subject) -> RedirectCondition { RedirectCondition(subject, isNegated: isNegated) }
    if ignoresCase { return made(.queryMatches("(?i)" + pattern)) }
    if pattern.hasPrefix("=") { return made(.query(String(pattern.dropFirst()))) }
    if let match = pattern.wholeMatch(of: /(?:\^|\((?:\?:)?\^\|&\))?([A-Za-z0-9_-]+)=\(\[\^&\][*+]\)(?:\$)?/), !isNegated { return made(.captured(String(match.1), "q1")) }
    if let match = pattern.wholeMatch(of: /\^([A-Za-z0-9_=&-]*)\$/) { return made(.query(String(match.1))) }
    if let match = pattern.wholeMatch(of: /\(\?:\^\|&\)([A-Za-z0-9_-]+)(?:=([A-Za-z0-9_-]+)|\(\?:=\[\^&\]\*\)\?)\(\?:&\|\$\)/) {
      return made(.parameter(String(match.1), match.2.map(String.init)))
    }
    return made(.queryMatches(pattern))
  }

  /// The texts of an expression that matches nothing else: `^a\.test$`, `^(GET|HEAD)$`, `=on`, `on`.
  private static func literals(_ pattern: String) -> [String]? {
    var text = pattern[...]
    if text.hasPrefix("=") { return [String(text.dropFirst())] }
    if text.lowercased() == "on" || text.lowercased() == "off" { return [String(text)] }
    guard text.hasPrefix("^"), text.hasSuffix("$") else { return nil }
    text = text.dropFirst().dropLast()
    if text.hasSuffix("(?::\\d+)?") { text = text.dropLast(9) }
    if text.hasPrefix("(?:") && text.hasSuffix(")") { text = text.dropFirst(3).dropLast() } else if text.hasPrefix("(") && text.hasSuffix(")") { text = text.dropFirst().dropLast() }
    var names: [String] = [""], isEscaped = false
    for character in text {
      if isEscaped { names[names.count - 1].append(character); isEscaped = false }
      else if character == "\\" { isEscaped = true }
      else if character == "|" { names.append("") }
      else if ".*+?()[]{}^$".contains(character) { return nil }
      else { names[names.count - 1].append(character) }
    }
    return names
  }

  private mutating func rewrite(_ words: [String], _ line: Int) throws(RedirectProblem) {
    guard words.count >= 2 else { throw RedirectProblem("a RewriteRule has a pattern and a target") }
    let flags = words.count > 2 ? words[2].trimmed("[]").split(separator: ",").map(String.init) : []
    let names = flags.map { $0.uppercased() }
    if let obstacle { throw RedirectProblem("\(obstacle) cannot be said in a table") }
    if words[0].hasPrefix("!") { throw RedirectProblem("a pattern that must not match cannot be said in a table") }
    var rule = RedirectRule(from: words[0], to: words[1], status: 302, line: line)
    rule.ignoresCase = names.contains("NC") || names.contains("NOCASE")
    if names.contains("G") || names.contains("GONE") { rule.status = 410; rule.to = "" }
    else if let code = names.first(where: { $0 == "R" || $0 == "REDIRECT" || $0.hasPrefix("R=") || $0.hasPrefix("REDIRECT=") }) {
      let value = code.split(separator: "=").dropFirst().first.map { String($0) } ?? "302"
      rule.status = Self.statuses[value.lowercased()] ?? Int(value) ?? 0
    } else if !words[1].contains("://") {
      if names.contains("F") || names.contains("FORBIDDEN") { throw RedirectProblem("status 403 is none of a table's") }
      throw RedirectProblem("a RewriteRule without R rewrites inside the server; that is no redirect")
    }
    guard RedirectRule.redirects.contains(rule.status) || RedirectRule.refusals.contains(rule.status) else { throw RedirectProblem("status \(rule.status) is none of a table's") }
    if RedirectRule.refusals.contains(rule.status) { rule.to = "" }
    rule.query = names.contains("QSA") || names.contains("QSAPPEND") ? .append : names.contains("QSD") || names.contains("QSDISCARD") ? .drop : .keep
    if rule.to.hasSuffix("?") { rule.to.removeLast(); rule.query = .drop }
    try pattern(&rule)
    for alternative in try alternatives() {
      rule.conditions = alternative
      rules.append(try checked(rule))
    }
  }

  /// The conditions, each list of which must hold as a whole: a rule for each.
  private func alternatives() throws(RedirectProblem) -> [[RedirectCondition]] {
    var lists: [[RedirectCondition]] = [[]]
    for group in conditions {
      // Names of hosts have one condition.
      let hosts = group.compactMap { condition -> [String]? in if case .host(let names) = condition.subject, !condition.isNegated { names } else { nil } }
      let choices = hosts.count == group.count ? [RedirectCondition(.host(hosts.flatMap { $0 }))] : group
      lists = lists.flatMap { list in choices.map { list + [$0] } }
      if lists.count > Self.alternativesLimit { throw RedirectProblem("more than \(Self.alternativesLimit) alternatives by OR cannot be said in a table") }
    }
    return lists
  }

  /// A pattern that is a path, or a path and all below it, becomes one; any other stays an expression.
  private func pattern(_ rule: inout RedirectRule) throws(RedirectProblem) {
    // In .htaccess paths have no slash at their beginning.
    let isWhole = PatternText.isWholePath(rule.from)
    if rule.from.hasPrefix("^"), !rule.from.hasPrefix("^/"), isFolder && !isWhole || !rule.from.hasPrefix("^("), isFolder || !rule.from.hasPrefix("^$") { rule.from = "^/" + rule.from.dropFirst() }
    var target = rule.to
    if target.contains("%{") { throw RedirectProblem("the target \(target) has a variable") }
    if let capture { target = target.replacing(capture, with: ":q1") }
    if target.firstMatch(of: /(?:^|[^\\])%[0-9]/) != nil { throw RedirectProblem("groups of a RewriteCond in the target") }
    target = target.replacing("\\ ", with: " ").replacing("\\%", with: "%").replacing("\\\\", with: "\\")
    if !target.isEmpty && !target.hasPrefix("/") && !target.contains("://") && !target.hasPrefix("$") { target = "/" + target }
    rule.from = rule.from.replacing("(?<", with: "(?P<")
    if isWhole, target.contains("$1") {
      (rule.kind, rule.from, rule.to) = (.prefix, "/*", PatternText.wholePath(target))
      return
    }
    if let match = rule.from.wholeMatch(of: /\^((?:[^\\^$.|?*+()\[\]{}]|\\[^A-Za-z0-9])*)(\[\/\\\\\]\*)?(\(\.\*\))?\$/) {
      let text = String(match.1).replacing(/\\(.)/) { String($0.1) }
      let hasGroup = match.3 != nil
      if hasGroup || target.firstMatch(of: /\$[0-9]/) == nil {
        rule.kind = hasGroup ? .prefix : .exact
        rule.from = text + (hasGroup ? "*" : "")
        rule.to = (hasGroup ? target.replacing("$1", with: ":splat") : target).replacing("\\$", with: "$")
        if rule.to.contains("$0") { throw RedirectProblem("$0 in the target") }
        return
      }
    }
    if capture != nil { throw RedirectProblem("groups of a RewriteCond with an expression") }
    rule.kind = .regex
    rule.to = target
  }
}

extension String {
  /// Without these characters at both ends.
  fileprivate func trimmed(_ characters: String) -> String {
    var text = self[...]
    while let first = text.first, characters.contains(first) { text.removeFirst() }
    while let last = text.last, characters.contains(last) { text.removeLast() }
    return String(text)
  }
}
