// Owns: reading nginx's `map`, `rewrite`, `return`, `location` and `if`. Directives that redirect nothing are passed over; what redirects and
// cannot be said in a table is listed. Rules stand in the order in which nginx looks at them: maps where they are used, a server's own
// directives before its locations (NginxReader+Order.swift). Pure.

enum NginxReader {
  static func read(_ bytes: [UInt8]) -> (rules: [RedirectRule], problems: [RedirectProblem]) {
    var parser = NginxParser(String(decoding: bytes, as: UTF8.self))
    var reading = NginxReading()
    do throws(RedirectProblem) { reading.readAll(try parser.statements()) } catch { reading.problems.append(error) }
    return (reading.rules, reading.problems)
  }
}

/// A directive, with its block if it has one.
struct NginxStatement {
  var words: [String]
  var block: [NginxStatement]?
  var line: Int
}

/// Takes a file apart.
struct NginxParser {
  private let text: [Character]
  private var i = 0, line = 1, depth = 0

  init(_ text: String) { self.text = Array(text) }

  mutating func statements() throws(RedirectProblem) -> [NginxStatement] {
    var statements: [NginxStatement] = [], words: [String] = [], start = 1
    depth += 1
    defer { depth -= 1 }
    guard depth < 32 else { throw RedirectProblem("too many blocks in each other", line: line) }
    while i < text.count {
      let character = text[i]
      switch character {
      case "#": while i < text.count && !text[i].isNewline { i += 1 }
      case ";", "{":
        i += 1
        let block = character == "{" ? try self.statements() : nil
        if !words.isEmpty { statements.append(NginxStatement(words: words, block: block, line: start)) }
        words = []
      case "}":
        if depth < 2 { throw RedirectProblem("there is a } too many", line: line) }
        i += 1
        return statements
      default:
        if character.isWhitespace {
          if character.isNewline { line += 1 }
          i += 1
          continue
        }
        if words.isEmpty { start = line }
        words.append(try word())
      }
    }
    if depth > 1 || !words.isEmpty { throw RedirectProblem("the file ends within a directive or a block", line: line) }
    return statements
  }

  private mutating func word() throws(RedirectProblem) -> String {
    let quote: Character? = text[i] == "\"" || text[i] == "'" ? text[i] : nil
    if quote != nil { i += 1 }
    var word = ""
    while i < text.count {
      let character = text[i]
      if character == "\\", i + 1 < text.count {
        if !"\"'\\".contains(text[i + 1]) { word.append(character) }
        word.append(text[i + 1])
        i += 2
        continue
      }
      if let quote {
        if character == quote { i += 1; return word }
      } else if character.isWhitespace || character == ";" || character == "{" && !word.hasSuffix("$") && !isCount() {
        return word
      }
      if character.isNewline { line += 1 }
      word.append(character)
      i += 1
    }
    if quote != nil { throw RedirectProblem("the quoted text has no end", line: line) }
    return word
  }

  /// Whether a `{` begins a count such as `{2}` of an expression, as far as nginx allows it without quotes: never.
  private func isCount() -> Bool { false }
}

/// One reading.
struct NginxReading {
  var rules: [RedirectRule] = [], problems: [RedirectProblem] = []
  /// The statuses that `return` gives to variables of maps.
  private var statuses: [String: Int] = [:]
  /// Rules of maps that a `return` uses, by the map's variable.
  private var maps: [String: [RedirectRule]] = [:]

  /// Where a directive stands.
  struct Place {
    var conditions: [RedirectCondition] = []
    /// A path or an expression, and how it is meant; nil: any path.
    var from: String?
    var kind = RedirectRule.Kind.exact
    var ignoresCase = false
    var obstacle: String?
  }

  mutating func readAll(_ statements: [NginxStatement]) {
    findStatuses(statements)
    findMaps(statements)
    read(statements, Place())
  }

  private mutating func findStatuses(_ statements: [NginxStatement]) {
    for statement in statements {
      if statement.words[0] == "return", statement.words.count == 3, let status = Int(statement.words[1]) {
        for match in statement.words[2].matches(of: /\$([A-Za-z0-9_]+)/) { statuses[String(match.1)] = status }
      }
      if let block = statement.block { findStatuses(block) }
    }
  }

  /// Maps may stand behind what uses them.
  private mutating func findMaps(_ statements: [NginxStatement]) {
    for statement in statements {
      if statement.words[0] == "map" {
        do throws(RedirectProblem) { try map(statement.words, statement.block ?? []) } catch { problems.append(RedirectProblem(error.text, line: statement.line)) }
      } else if let block = statement.block {
        findMaps(block)
      }
    }
  }

  /// Reads directives that stand beside each other.
  mutating func read(_ statements: [NginxStatement], _ place: Place) {
    for statement in statements where !["server", "location"].contains(statement.words[0]) {
      do throws(RedirectProblem) { try read(statement, place) } catch { problems.append(RedirectProblem(error.text, line: statement.line)) }
    }
    readServers(statements.filter { $0.words[0] == "server" }, place)
    readLocations(statements.filter { $0.words[0] == "location" }, place)
  }

  private mutating func read(_ statement: NginxStatement, _ place: Place) throws(RedirectProblem) {
    let words = statement.words, block = statement.block ?? []
    switch words[0] {
    case "rewrite": try rewrite(words, place, statement.line)
    case "return": try answer(words, place, statement.line)
    case "if":
      var inner = place
      condition(words.dropFirst().joined(separator: " "), &inner)
      read(block, inner)
    case "http": read(block, place)
    default: break
    }
  }

  // MARK: Directives

  private mutating func map(_ words: [String], _ block: [NginxStatement]) throws(RedirectProblem) {
    guard words.count == 3 else { throw RedirectProblem("a map has a source and a variable") }
    let source = words[1].trimmed, variable = words[2].replacing("$", with: "")
    if variable == "skerry_more" { return }
    let isOwn = variable == "skerry_rule"
    guard isOwn || ["$uri", "$request_uri", "$document_uri"].contains(source) else {
      throw RedirectProblem("a map of \(source) cannot be said in a table")
    }
    let earlier = rules
    rules = []
    for entry in block {
      do throws(RedirectProblem) { try self.entry(entry, statuses[variable] ?? 301, isOwn: isOwn, hasQuery: source == "$request_uri") } catch { problems.append(RedirectProblem(error.text, line: entry.line)) }
    }
    // A map of plain redirects stands where a `return` uses it; a file may have it alone.
    if statuses[variable] != nil { (maps[variable], rules) = (rules, earlier) } else { rules = earlier + rules }
  }

  /// The rules of a map, where it is used.
  private mutating func use(_ variable: String, _ status: Int, _ place: Place) throws(RedirectProblem) {
    if let obstacle = place.obstacle { throw RedirectProblem("\(obstacle) cannot be said in a table") }
    if let from = place.from, from != "/*" { throw RedirectProblem("a map that is used for some paths only cannot be said in a table") }
    for var rule in maps[variable] ?? [] {
      rule.conditions += place.conditions
      rule.status = status
      rules.append(rule)
    }
  }

  /// - Parameter hasQuery: whether keys are compared with path and query together.
  private mutating func entry(_ entry: NginxStatement, _ status: Int, isOwn: Bool, hasQuery: Bool) throws(RedirectProblem) {
    guard entry.words.count == 2 else { throw RedirectProblem("\(entry.words[0]) in a map cannot be said in a table") }
    let key = entry.words[0], value = entry.words[1]
    if key == "default" { if value.isEmpty || value == "0" { return } else { throw RedirectProblem("the default of a map cannot be said in a table") } }
    if !key.hasPrefix("/") && !key.hasPrefix("~") { throw RedirectProblem("\(key) in a map cannot be said in a table") }
    var rule = RedirectRule(from: key, to: value, status: status, line: entry.line)
    // nginx compares keys in either case; `return` drops the query.
    rule.query = .drop
    rule.ignoresCase = true
    if isOwn, let match = value.wholeMatch(of: /(\S+) (\d{3})([kda]) (\S+)/) {
      rule.to = String(match.4)
      rule.status = Int(match.2) ?? 301
      rule.query = match.3 == "d" ? .drop : match.3 == "a" ? .append : .keep
      rule.ignoresCase = match.1 == "*"
    }
    if key.hasPrefix("~") {
      rule.ignoresCase = key.hasPrefix("~*")
      let pattern = String(key.dropFirst(rule.ignoresCase ? 2 : 1))
      if hasQuery { try readQuery(ofPattern: pattern, &rule) }
      try self.pattern(pattern, &rule)
    } else if hasQuery {
      readQuery(ofKey: key, &rule)
    }
    try add(rule)
  }

  /// A key of `$request_uri` is for just this query, and without a `?` for none.
  private func readQuery(ofKey key: String, _ rule: inout RedirectRule) {
    let parts = key.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    rule.from = String(parts[0])
    rule.conditions.append(parts.count > 1 ? RedirectCondition(.query(String(parts[1]))) : .noQuery)
  }

  /// An expression of `$request_uri`: one that ends with `(.*)$` takes the query along, one with another end wants none.
  private func readQuery(ofPattern pattern: String, _ rule: inout RedirectRule) throws(RedirectProblem) {
    if pattern.contains("\\?") { throw RedirectProblem("an expression for path and query together cannot be said in a table") }
    if pattern.hasSuffix("(.*)$") || pattern.hasSuffix("(.*)") { rule.query = .keep } else if pattern.hasSuffix("$") && !pattern.hasSuffix(".*$") { rule.conditions.append(.noQuery) }
  }

  private mutating func rewrite(_ words: [String], _ place: Place, _ line: Int) throws(RedirectProblem) {
    guard words.count >= 3 else { throw RedirectProblem("rewrite has an expression and a target") }
    let flag = words.count > 3 ? words[3] : ""
    let isAbsolute = words[2].hasPrefix("http://") || words[2].hasPrefix("https://")
    guard flag == "permanent" || flag == "redirect" || isAbsolute else { throw RedirectProblem("a rewrite inside the server is no redirect") }
    var rule = RedirectRule(from: "", to: words[2], status: flag == "permanent" ? 301 : 302, line: line)
    try take(place, &rule)
    let isWhole = PatternText.isWholePath(words[1])
    // The query follows, also a target's own, unless the target ends with a `?`.
    rule.query = .keep
    if rule.to.hasSuffix("?") { rule.to.removeLast(); rule.query = .drop } else if rule.to.contains("?") { rule.query = .append }
    try pattern(words[1], &rule)
    if let from = place.from, from != "/*" { try confine(&rule, to: place, isWhole: isWhole) }
    try add(rule)
  }

  /// A rewrite inside a location or an `if` of a path matches nothing outside of it.
  private func confine(_ rule: inout RedirectRule, to place: Place, isWhole: Bool) throws(RedirectProblem) {
    guard let from = place.from else { return }
    let beginning = place.kind == .prefix ? String(from.dropLast()) : from
    if place.kind == .regex { throw RedirectProblem("a rewrite for the paths of another expression cannot be said in a table") }
    if isWhole, place.kind == .prefix {
      rule.from = from
      rule.to = rule.to.replacing("/:splat", with: beginning + ":splat")
    } else if isWhole {
      (rule.from, rule.kind, rule.to) = (from, .exact, rule.to.replacing("/:splat", with: from))
    } else if !PatternText.beginning(of: rule).hasPrefix(beginning) {
      throw RedirectProblem("the rewrite may match outside of its location, which cannot be said in a table")
    }
  }

  private mutating func answer(_ words: [String], _ place: Place, _ line: Int) throws(RedirectProblem) {
    guard words.count > 1, let status = Int(words[1]) else { throw RedirectProblem("return without a status cannot be said in a table") }
    let to = words.count > 2 ? words[2] : ""
    if to.hasPrefix("$skerry_target") { return }
    if RedirectRule.redirects.contains(status), let variable = maps.keys.first(where: { to == "$" + $0 || to == "${\($0)}" }) { return try use(variable, status, place) }
    guard RedirectRule.redirects.contains(status) || RedirectRule.refusals.contains(status) else {
      if status >= 400 || status == 200 { return }
      throw RedirectProblem("return \(status) is none of a table's")
    }
    var rule = RedirectRule(from: place.from ?? "/*", to: RedirectRule.redirects.contains(status) ? to : "", status: status, line: line)
    try take(place, &rule)
    rule.kind = place.from == nil ? .prefix : place.kind
    rule.ignoresCase = place.ignoresCase
    rule.query = RedirectRule.redirects.contains(status) ? .drop : .keep
    if rule.to.hasSuffix("$is_args$args") { rule.to.removeLast(13); rule.query = .keep } else if rule.to.hasSuffix("$skerry_more") { rule.to.removeLast(12); rule.query = .append }
    if rule.to.hasSuffix("$request_uri") || rule.to.hasSuffix("$uri") {
      guard rule.from == "/*" else { throw RedirectProblem("the whole path in the target of a rule for some paths cannot be said in a table") }
      if rule.to.hasSuffix("$request_uri") { rule.query = .keep }
      rule.to = rule.to.replacing("$request_uri", with: "/:splat").replacing("$uri", with: "/:splat")
    }
    if rule.kind == .regex { try pattern(rule.from, &rule) }
    try add(rule)
  }

  func location(_ words: [String], _ place: inout Place) throws(RedirectProblem) {
    guard let first = words.first else { throw RedirectProblem("a location has a path") }
    switch (first, words.count) {
    case ("=", 2): (place.from, place.kind) = (words[1], .exact)
    case ("~", 2), ("~*", 2): (place.from, place.kind, place.ignoresCase) = (words[1], .regex, first == "~*")
    case ("^~", 2): (place.from, place.kind) = (words[1] + "*", .prefix)
    case (_, 1): (place.from, place.kind) = (first + "*", .prefix)
    default: throw RedirectProblem("the location \(words.joined(separator: " ")) cannot be said in a table")
    }
  }

  /// `($host = a.test)` and its like.
  private func condition(_ text: String, _ place: inout Place) {
    // Whether a map has anything: its rules tell.
    if let match = text.wholeMatch(of: /\(\s*\$([a-z_A-Z0-9]+)\s*(?:!=\s*)?\)/), maps[String(match.1)] != nil { return }
    guard let match = text.wholeMatch(of: /\(\s*\$([a-z_A-Z0-9]+)\s*(=|!=|~\*?|!~\*?)\s*(.*?)\s*\)/) else {
      place.obstacle = place.obstacle ?? "the condition \(text)"
      return
    }
    let (variable, sign, value) = (String(match.1), String(match.2), String(match.3))
    let isNegated = sign.hasPrefix("!"), isEqual = sign.hasSuffix("=")
    let expression = PatternText.expression(value, ignoresCase: sign.hasSuffix("*"))
    func add(_ subject: RedirectCondition.Subject) { place.conditions.append(RedirectCondition(subject, isNegated: isNegated)) }
    switch variable {
    case "host", "http_host", "server_name": add(isEqual ? .host([value.lowercased()]) : .hostMatches(PatternText.expression(value, ignoresCase: value.contains(where: \.isUppercase))))
    case "scheme" where isEqual: add(.scheme(value))
    case "request_method" where isEqual: add(.method([value]))
    case "request_method":
      if let names = PatternText.methods(value) { add(.method(names)) } else { place.obstacle = place.obstacle ?? "the condition \(text)" }
    case "args", "query_string": add(isEqual ? .query(value) : .queryMatches(expression))
    case _ where variable.hasPrefix("arg_") && isEqual: add(.parameter(String(variable.dropFirst(4)), value))
    case "http_cookie" where !isEqual:
      if let cookie = PatternText.cookie(value) { add(cookie) } else { place.obstacle = place.obstacle ?? "the condition \(text)" }
    case _ where variable.hasPrefix("cookie_") && isEqual: add(.cookie(String(variable.dropFirst(7)), value))
    case "skerry_path", "uri", "request_uri", "document_uri":
      if isNegated { place.obstacle = place.obstacle ?? "the condition \(text)"; return }
      if variable == "request_uri" && !isEqual && value == "^(?<skerry_path>[^?]*)" { return }
      (place.from, place.kind, place.ignoresCase) = (value, isEqual ? .exact : .regex, sign.hasSuffix("*"))
    default: place.obstacle = place.obstacle ?? "the condition \(text)"
    }
  }

  // MARK: Rules

  private func take(_ place: Place, _ rule: inout RedirectRule) throws(RedirectProblem) {
    if let obstacle = place.obstacle { throw RedirectProblem("\(obstacle) cannot be said in a table") }
    rule.conditions = place.conditions
  }

  /// An expression that is a path, or a path and all below it, becomes one.
  private func pattern(_ pattern: String, _ rule: inout RedirectRule) throws(RedirectProblem) {
    var pattern = pattern
    for number in 1...9 where pattern.contains("(?<skerry_\(number)>") {
      pattern = pattern.replacing("(?<skerry_\(number)>", with: "(")
      rule.to = rule.to.replacing("$skerry_\(number)", with: "$\(number)")
    }
    if PatternText.isWholePath(pattern), rule.to.contains("$1") {
      (rule.kind, rule.from, rule.to) = (.prefix, "/*", PatternText.wholePath(rule.to))
      return
    }
    rule.kind = .regex
    rule.from = pattern.replacing("(?<", with: "(?P<")
    if let match = pattern.wholeMatch(of: /\^((?:[^\\^$.|?*+()\[\]{}]|\\[^A-Za-z0-9])*)(\[\/\\\\\]\*)?(\(\.\*\))?\$?/), pattern.hasSuffix("$") || match.3 != nil {
      let hasGroup = match.3 != nil
      if hasGroup || rule.to.firstMatch(of: /\$[0-9]/) == nil {
        rule.kind = hasGroup ? .prefix : .exact
        rule.from = String(match.1).replacing(/\\(.)/) { String($0.1) } + (hasGroup ? "*" : "")
        if hasGroup { rule.to = rule.to.replacing("$1", with: ":splat") }
      }
    }
    // Groups with names have numbers here.
    var number = 0
    for match in pattern.matches(of: /\\.|\((?!\?)|\(\?P?<([A-Za-z_][A-Za-z0-9_]*)>/) where match.0.hasPrefix("(") {
      number += 1
      if let name = match.1 { rule.to = rule.to.replacing("$\(name)", with: "${\(number)}") }
    }
  }

  private mutating func add(_ rule: RedirectRule) throws(RedirectProblem) {
    if let variable = rule.to.firstMatch(of: /\$[A-Za-z_]+/) { throw RedirectProblem("the variable \(variable.0) in the target cannot be said in a table") }
    if rule.kind != .regex, let group = rule.to.firstMatch(of: /\$[0-9]/) { throw RedirectProblem("the group \(group.0) of a condition in the target cannot be said in a table") }
    if rule.kind != .regex, !rule.from.hasPrefix("/") { throw RedirectProblem("the path \(rule.from) does not begin with /") }
    var compiler = RuleCompiler(expectedExpressions: 1)
    _ = try compiler.compile(rule)
    rules.append(rule)
  }
}

extension RedirectCondition {
  /// There is no query string.
  fileprivate static var noQuery: RedirectCondition { RedirectCondition(.queryMatches("."), isNegated: true) }
}

extension String {
  fileprivate var trimmed: String { String(drop { $0 == " " }) }
}
