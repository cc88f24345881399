// Owns: the fourth column of a rule: how its `from` is meant, what becomes of the query, and conditions; read and written. Pure.
// Source: Documentation/redirects.md, "Flags".

extension RedirectRule {
  /// What the flags say before `from` can be read.
  struct Flags {
    var isRegex = false, isLiteral = false, isPattern = false
  }

  /// Reads flags, divided by spaces, into the rule.
  /// - Throws: what is wrong; its column counts from the text's beginning.
  mutating func read(flags text: String) throws(RedirectProblem) -> Flags {
    var flags = Flags(), column = 1
    for word in text.split(separator: " ", omittingEmptySubsequences: false) {
      if !word.isEmpty {
        do throws(RedirectProblem) { try read(String(word), &flags) } catch {
          throw RedirectProblem(error.text, column: column)
        }
      }
      column += word.unicodeScalars.count + 1
    }
    if flags.isRegex && flags.isLiteral { throw RedirectProblem("a rule is a regex or exact, not both") }
    return flags
  }

  private mutating func read(_ word: String, _ flags: inout Flags) throws(RedirectProblem) {
    switch word.lowercased() {
    case "regex": flags.isRegex = true
    case "exact": flags.isLiteral = true
    case "pattern": flags.isPattern = true
    case "nocase": ignoresCase = true
    case "decoded": matchesDecoded = true
    case "keep-query": query = .keep
    case "drop-query": query = .drop
    case "append-query": query = .append
    default: conditions.append(try RedirectCondition(flag: word))
    }
  }

  /// The flags that say this of the rule; reading them gives the same.
  public var flags: String {
    var words: [String] = []
    if kind == .regex { words.append("regex") }
    if kind == .exact && RedirectRule.looksLikePattern(from) { words.append("exact") }
    if ignoresCase { words.append("nocase") }
    if matchesDecoded { words.append("decoded") }
    if query != .keep { words.append(query.rawValue + "-query") }
    return (words + conditions.map(\.flag)).joined(separator: " ")
  }

  /// Whether a path would be read as something else than itself.
  static func looksLikePattern(_ from: String) -> Bool {
    from.contains("*") || from.contains("?") || from.contains("#") || !from.hasPrefix("/") || from.hasPrefix("//")
      || from.split(separator: "/").contains { isPlaceholder($0) != nil }
  }

  /// The name of a placeholder segment; empty for one that begins like a placeholder but goes on otherwise; nil for none.
  static func isPlaceholder(_ segment: some StringProtocol) -> String? {
    guard segment.first == ":", let first = segment.dropFirst().first, first.isASCII, first.isLetter || first == "_" else { return nil }
    let name = segment.dropFirst()
    return name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") } ? String(name) : ""
  }
}

extension RedirectCondition {
  /// Reads a flag such as `host=a.example,b.example`, `!cookie:seen` or `query:page=2`.
  init(flag: String) throws(RedirectProblem) {
    let isNegated = flag.hasPrefix("!"), word = isNegated ? String(flag.dropFirst()) : flag
    let operators: [Character] = ["=", ":", "~"]
    guard let place = word.firstIndex(where: operators.contains) else {
      throw RedirectProblem("there is no flag \(flag); \(RedirectCondition.known)")
    }
    let name = word[..<place].lowercased(), sign = word[place], value = String(word[word.index(after: place)...])
    guard let subject = try RedirectCondition.subject(name, sign, value) else { throw RedirectProblem("there is no flag \(flag); \(RedirectCondition.known)") }
    self.init(subject, isNegated: isNegated)
  }

  private static let known =
    "flags are regex, exact, pattern, nocase, decoded, keep-query, drop-query, append-query, and conditions host=, host~, method=, scheme=, "
    + "query=, query~, query:, cookie=, cookie:, country=, language="

  private static func subject(_ name: String, _ sign: Character, _ value: String) throws(RedirectProblem) -> Subject? {
    let list = value.split(separator: ",").map(String.init)
    if value.isEmpty && !(name == "query" && sign == "=") { throw RedirectProblem("\(name)\(sign) needs a value") }
    switch (name, sign) {
    case ("host", "="): return .host(list.map { $0.lowercased() })
    case ("host", "~"): return .hostMatches(value)
    case ("method", "="): return .method(list.map { $0.uppercased() })
    case ("scheme", "="):
      guard value == "http" || value == "https" else { throw RedirectProblem("scheme is http or https, not \(value)") }
      return .scheme(value)
    case ("query", "="): return .query(value)
    case ("query", "~"): return .queryMatches(value)
    case ("query", ":"):
      let (name, own) = split(value)
      if let own, own.hasPrefix(":"), own.count > 1 { return .captured(name, String(own.dropFirst())) }
      return .parameter(name, own)
    case ("cookie", "="): return .cookies(list)
    case ("cookie", ":"):
      let (name, own) = split(value)
      return .cookie(name, own)
    case ("country", "="):
      let codes = list.map { $0.uppercased() }
      guard codes.allSatisfy({ $0.utf8.count == 2 }) else { throw RedirectProblem("a country has two letters (ISO 3166-1)") }
      return .country(codes)
    case ("language", "="): return .language(list.map { $0.lowercased() })
    default: return nil
    }
  }

  private static func split(_ text: String) -> (String, String?) {
    guard let equals = text.firstIndex(of: "=") else { return (text, nil) }
    return (String(text[..<equals]), String(text[text.index(after: equals)...]))
  }

  /// The flag that means this.
  public var flag: String {
    let text: String
    switch subject {
    case .host(let names): text = "host=" + names.joined(separator: ",")
    case .hostMatches(let pattern): text = "host~" + pattern
    case .method(let methods): text = "method=" + methods.joined(separator: ",")
    case .scheme(let scheme): text = "scheme=" + scheme
    case .query(let query): text = "query=" + query
    case .queryMatches(let pattern): text = "query~" + pattern
    case .parameter(let name, let value): text = "query:" + name + (value.map { "=" + $0 } ?? "")
    case .captured(let name, let capture): text = "query:\(name)=:\(capture)"
    case .cookie(let name, let value): text = "cookie:" + name + (value.map { "=" + $0 } ?? "")
    case .cookies(let names): text = "cookie=" + names.joined(separator: ",")
    case .country(let codes): text = "country=" + codes.joined(separator: ",")
    case .language(let tags): text = "language=" + tags.joined(separator: ",")
    }
    return (isNegated ? "!" : "") + text
  }
}
