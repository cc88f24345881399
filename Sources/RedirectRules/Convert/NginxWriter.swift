// Owns: rules in nginx's words (nginx.org/en/docs/http: map, rewrite). Both forms compare the path as it came, which nginx has only inside
// $request_uri. Groups have names: nginx percent-encodes `$1` once more where a path has percent-encodings. Pure. Values are quoted so that nginx reads back what was meant; `$` in a text becomes `%24`: nginx has no other way.

enum NginxWriter {
  private static let path = "if ($request_uri ~ \"^(?<skerry_path>[^?]*)\") { }"

  /// A list of `if … return`, in the rules' order, for a server block.
  static func writeIfs(_ rules: [RedirectRule], _ out: inout RuleOutput) {
    out.line("# For a server block. Tried one after another: for many rules take nginx-map.\nabsolute_redirect off;")
    out.line(path)
    out.line("set $skerry_more \"\";\nif ($args) { set $skerry_more \"&$args\"; }")
    var asked = ""
    for rule in rules {
      do throws(RedirectProblem) {
        let (source, line) = try branch(rule)
        // An `if` compares one variable.
        if let source, source != asked {
          out.line("set $skerry_ask \(quoted(source));")
          asked = source
        }
        out.line(line)
      } catch { out.refuse(rule, error.text) }
    }
  }

  /// A map for the http block, and the few `if`s of a server block that use it. The value of a path is `PATH STATUS+QUERY TARGET`: nginx
  /// compares keys in either case, and the `if`s compare the path once more.
  static func writeMap(_ rules: [RedirectRule], _ out: inout RuleOutput) {
    let (table, _) = RedirectTable.make(rules)
    var folded: [String: Int] = [:], entries: [String] = [], answers: Set<String> = []
    for rule in rules where rule.kind == .exact { folded[rule.from.lowercased(), default: 0] += 1 }
    let isWhole = table.count == rules.count
    for (index, rule) in rules.enumerated() {
      do throws(RedirectProblem) {
        if !rule.conditions.isEmpty { throw RedirectProblem("a map looks at the path alone; the format nginx has conditions") }
        if isWhole, rule.kind == .exact, let sample = Sample.make(table, index), let first = table.firstMatch(sample.path.span, sample.facts), first < index {
          throw RedirectProblem("never reached: line \(table.line(first)) comes first; a map would look at this rule first")
        }
        let text = try checked(rule), answer = try answer(rule, text, group: "$")
        let key = PathTextKey(rule, text, isAlone: folded[rule.from.lowercased()] == 1)
        answers.insert(answer.code)
        entries.append("    \(quoted(key.text)) \(quoted("\(key.mark) \(answer.code) \(answer.target)"));")
      } catch { out.refuse(rule, error.text) }
    }
    out.line("# For the http block:\nmap_hash_max_size 262144;\nmap_hash_bucket_size 1024;\nmap $skerry_path $skerry_rule {\n    default \"\";")
    for entry in entries { out.line(entry) }
    out.line("}\nmap $args $skerry_more { \"\" \"\"; default \"&$args\"; }\n# For a server block:\nabsolute_redirect off;\n\(path)\nset $skerry_ask \"$skerry_path $skerry_rule\";")
    for code in answers.sorted() {
      let status = code.prefix(3), end = "$skerry_target" + (["k": "$is_args$args", "a": "$skerry_more"][code.suffix(1)] ?? "")
      let answer = RedirectRule.redirects.contains(Int(status) ?? 0) ? "return \(status) \(end);" : "return \(status);"
      out.line("if ($skerry_ask ~ \"^(\\\\S+) (?:\\\\1|\\\\*) \(code) (?<skerry_target>\\\\S+)$\") { \(answer) }")
    }
  }

  private struct PathTextKey {
    let text: String, mark: String
    init(_ rule: RedirectRule, _ text: PatternText, isAlone: Bool) {
      let tilde = rule.ignoresCase ? "~*" : "~"
      let plain = String(decoding: PathText.canonical(Array(rule.from.utf8).span), as: UTF8.self)
      // The value has the path once more, and a `$` there would be a variable.
      if rule.kind == .exact && isAlone && !plain.contains("$") {
        self.text = plain
        mark = rule.ignoresCase ? "*" : self.text
      } else {
        self.text = rule.kind == .regex ? tilde + rule.from : "\(tilde)^\(text.path)$"
        mark = "*"
      }
    }
  }

  private static func checked(_ rule: RedirectRule) throws(RedirectProblem) -> PatternText {
    if rule.matchesDecoded { throw RedirectProblem("nginx has the decoded path only with its dots and slashes put in order") }
    return try PatternText(rule)
  }

  /// The target in nginx's words, and how the query goes on.
  private static func answer(_ rule: RedirectRule, _ text: PatternText, group name: String) throws(RedirectProblem) -> (code: String, target: String) {
    if RedirectRule.refusals.contains(rule.status) { return ("\(rule.status)d", "-") }
    var target = ""
    for piece in text.target {
      switch piece {
      case .text(let text): target += text.replacing("$", with: "%24")
      case .group(let number):
        if number == 0 || number > 9 { throw RedirectProblem("nginx has the groups $1 to $9") }
        target += "\(name)\(number)"
      case .parameter(let name): target += "$arg_" + (try word(name))
      }
    }
    if target.contains(" ") { throw RedirectProblem("nginx's map takes no space in a target") }
    let hasQuery = target.contains("?"), keeps = rule.query == .keep && !hasQuery || rule.query == .append
    if keeps && target.contains("#") { throw RedirectProblem("nginx cannot put the query before a fragment") }
    return ("\(rule.status)" + (!keeps ? "d" : hasQuery ? "a" : "k"), target)
  }

  // MARK: One rule after another

  /// The `if` of a rule; and what it asks about, where that is more than the path.
  private static func branch(_ rule: RedirectRule) throws(RedirectProblem) -> (source: String?, line: String) {
    let text = try checked(rule), answer = try answer(rule, text, group: "$skerry_")
    var place = answer.target
    switch answer.code.last {
    case "k": place += "$is_args$args"
    case "a": place += "$skerry_more"
    default: break
    }
    let end = answer.target == "-" ? "return \(rule.status);" : "return \(rule.status) \(quoted(place));"
    var sources: [String] = [], patterns: [String] = []
    for condition in rule.conditions {
      let (source, pattern) = try component(condition)
      sources.append(source)
      patterns.append(condition.isNegated ? "(?!\(pattern) )[^ ]*" : pattern)
    }
    let tilde = rule.ignoresCase ? "~*" : "~"
    if sources.isEmpty {
      let plain = String(decoding: PathText.canonical(Array(rule.from.utf8).span), as: UTF8.self)
      if rule.kind == .exact && !rule.ignoresCase && !plain.contains("$") { return (nil, "if ($skerry_path = \(quoted(plain))) { \(end) }") }
      return (nil, "if ($skerry_path \(tilde) \(quoted(named(rule.kind == .regex ? rule.from : "^\(text.path)$")))) { \(end) }")
    }
    var path = text.path + "$"
    if rule.kind == .regex {
      let isAnchored = rule.from.hasPrefix("^") && !rule.from.contains("|")
      if !isAnchored && rule.from.contains("^") { throw RedirectProblem("the expression cannot be put behind conditions in nginx") }
      path = isAnchored ? String(rule.from.dropFirst()) : "[^ ]*?(?:\(rule.from))"
    }
    return ((sources + ["$skerry_path"]).joined(separator: " "), "if ($skerry_ask \(tilde) \(quoted("^" + (patterns + [named(path)]).joined(separator: " ")))) { \(end) }")
  }

  /// An expression with names for its groups.
  private static func named(_ pattern: String) -> String {
    var result = "", number = 0, isEscaped = false, isInClass = false, rest = pattern[...]
    while let character = rest.popFirst() {
      let isOpen = character == "(" && !isEscaped && !isInClass
      if !isEscaped { isInClass = character == "[" || isInClass && character != "]" }
      isEscaped = character == "\\" && !isEscaped
      guard isOpen, !rest.hasPrefix("?") || rest.hasPrefix("?P<") || rest.hasPrefix("?<") else {
        result.append(character)
        continue
      }
      number += 1
      result += "(?<skerry_\(number)>"
      if rest.hasPrefix("?") { rest = rest.drop { $0 != ">" }.dropFirst() }
    }
    return result
  }

  /// A variable, and an expression for all of its value.
  private static func component(_ condition: RedirectCondition) throws(RedirectProblem) -> (String, String) {
    func any(_ values: [String]) -> String { "(?:" + values.map(PatternText.escaped).joined(separator: "|") + ")" }
    switch condition.subject {
    case .host(let names):
      return ("$host", "(?:" + names.map { $0.hasPrefix("*.") ? "[^ ]+" + PatternText.escaped(String($0.dropFirst())) : PatternText.escaped($0) }.joined(separator: "|") + ")")
    case .method(let methods): return ("$request_method", any(methods))
    case .scheme(let scheme): return ("$scheme", scheme)
    case .query(let query): return ("$args", any([query]))
    // $arg_name is empty for an empty parameter and for none.
    case .parameter(let name, let value): return ("$args", parameter(name, value))
    case .captured(let name, _): return ("$args", parameter(name, nil))
    case .cookie(let name, let value): return ("$cookie_" + (try word(name)), value.map { any([$0]) } ?? "[^ ]+")
    case .hostMatches(let pattern) where !pattern.contains("(") && pattern.hasPrefix("^") && pattern.hasSuffix("$") && !pattern.contains("|"):
      return ("$host", String(pattern.dropFirst().dropLast()))
    default: throw RedirectProblem("nginx cannot say \(condition.flag)")
    }
  }

  /// An expression for a query string that has a parameter.
  private static func parameter(_ name: String, _ value: String?) -> String {
    "(?:[^ ]*&)?" + PatternText.escaped(name) + (value.map { "=" + PatternText.escaped($0) + "(?:&[^ ]*)?" } ?? "(?:[=&][^ ]*)?")
  }

  /// A name that can be the end of a variable's.
  private static func word(_ name: String) throws(RedirectProblem) -> String {
    guard name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }) else { throw RedirectProblem("nginx has no variable for \(name)") }
    return name
  }

  private static func quoted(_ text: String) -> String { "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\"" }
}
