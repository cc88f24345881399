// Owns: one line of a file of rules: its fields, and what they mean. The careful way, for lines that are not plain (TableReader.swift).
// Pure. Source: RFC 4180 for quoted fields; Documentation/redirects.md.

/// What divides the fields of a file.
public enum RedirectSeparator: Sendable {
  /// TAB.
  case tab
  /// A comma, with fields quoted as in CSV.
  case comma
  /// Spaces.
  case spaces

  var byte: UInt8 {
    switch self {
    case .tab: 9
    case .comma: UInt8(ascii: ",")
    case .spaces: UInt8(ascii: " ")
    }
  }
}

/// A field and where it begins.
struct RuleField {
  var text: String
  /// In Unicode scalars, from 1.
  var column: Int
}

enum RuleLine {
  /// Divides a line. Fields are without white space around them.
  static func fields(_ line: Span<UInt8>, _ separator: RedirectSeparator) throws(RedirectProblem) -> [RuleField] {
    let bytes = line.copied
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw RedirectProblem("the line is not UTF-8")
    }
    switch separator {
    case .comma: return try commaSeparated(text)
    // An editor may have made spaces of the tabs.
    case .tab where !text.contains("\t"), .spaces: return divided(text, at: [" ", "\t"], gathers: true)
    case .tab: return divided(text, at: ["\t"], gathers: false)
    }
  }

  private static func divided(_ text: String, at separators: Set<Unicode.Scalar>, gathers: Bool) -> [RuleField] {
    var fields: [RuleField] = [], current = "", start = 1, column = 1
    for scalar in text.unicodeScalars {
      if separators.contains(scalar) {
        if !gathers || !current.isEmpty { fields.append(trimmed(current, start)) }
        (current, start) = ("", column + 1)
      } else {
        current.unicodeScalars.append(scalar)
      }
      column += 1
    }
    if !gathers || !current.isEmpty { fields.append(trimmed(current, start)) }
    return fields
  }

  private static func trimmed(_ text: String, _ column: Int) -> RuleField {
    let leading = text.prefix { $0 == " " || $0 == "\t" }
    var rest = text.dropFirst(leading.count)
    while rest.last == " " || rest.last == "\t" { rest.removeLast() }
    return RuleField(text: String(rest), column: column + leading.unicodeScalars.count)
  }

  private static func commaSeparated(_ text: String) throws(RedirectProblem) -> [RuleField] {
    let scalars = Array(text.unicodeScalars)
    var fields: [RuleField] = [], i = 0
    while true {
      while i < scalars.count && scalars[i] == " " { i += 1 }
      let start = i
      var field = ""
      if i < scalars.count && scalars[i] == "\"" {
        i += 1
        while true {
          guard i < scalars.count else { throw RedirectProblem("the quoted field has no end", column: start + 1) }
          if scalars[i] == "\"" {
            i += 1
            guard i < scalars.count && scalars[i] == "\"" else { break }   // "" is a quotation mark
          }
          field.unicodeScalars.append(scalars[i])
          i += 1
        }
        while i < scalars.count && scalars[i] == " " { i += 1 }
        if i < scalars.count && scalars[i] != "," { throw RedirectProblem("a comma must follow the quoted field", column: i + 1) }
        fields.append(RuleField(text: field, column: start + 2))
      } else {
        while i < scalars.count && scalars[i] != "," {
          field.unicodeScalars.append(scalars[i])
          i += 1
        }
        fields.append(trimmed(field, start + 1))
      }
      guard i < scalars.count else { return fields }
      i += 1
    }
  }

  /// Whether these are the names of columns.
  static func isHeader(_ fields: [RuleField]) -> Bool {
    let name = fields.first?.text.lowercased().filter { $0.isLetter } ?? ""
    return fields.count > 1 && !(fields.first?.text.hasPrefix("/") ?? true) && ["from", "fromurl", "source", "sourceurl", "old", "oldurl", "path", "redirectfrom"].contains(name)
  }

  /// The rule of a line.
  /// - Parameter isLiteral: whether patterns have to say that they are some (``TableReader``).
  static func rule(_ fields: [RuleField], isLiteral: Bool) throws(RedirectProblem) -> RedirectRule {
    guard fields.count >= 2 else { throw RedirectProblem("a rule has at least from and to", column: fields.first?.column ?? 1) }
    var rule = RedirectRule(from: "", to: fields[1].text)
    let third = fields.count > 2 ? fields[2].text : ""
    // Without a status the flags may stand in its place.
    let hasStatus = third.isEmpty || third.allSatisfy(\.isNumber)
    if hasStatus, !third.isEmpty {
      guard let status = Int(third), RedirectRule.redirects.contains(status) || RedirectRule.refusals.contains(status) else {
        throw RedirectProblem("the status is 301, 302, 303, 307, 308, 404, 410 or 451, not \(third.prefix(20))", column: fields[2].column)
      }
      rule.status = status
    }
    let rest = Array(fields.dropFirst(hasStatus ? 3 : 2))
    let words = rest.map(\.text).joined(separator: " ")
    let flags: RedirectRule.Flags
    do throws(RedirectProblem) { flags = try rule.read(flags: words) } catch {
      throw RedirectProblem(error.text, column: (rest.first?.column ?? 1) + error.column - 1)
    }
    do throws(RedirectProblem) {
      try rule.interpret(fields[0].text, flags, isLiteral: flags.isLiteral || isLiteral && !flags.isPattern, saysQuery: words.contains("-query"))
    } catch { throw RedirectProblem(error.text, column: fields[0].column) }
    if RedirectRule.refusals.contains(rule.status) {
      if !["", "-"].contains(rule.to) { throw RedirectProblem("a rule with status \(rule.status) has no target; write - instead", column: fields[1].column) }
      rule.to = ""
    } else if rule.to.isEmpty {
      throw RedirectProblem("the target is empty", column: fields[1].column)
    }
    return rule
  }
}

extension RedirectRule {
  /// Reads `from`: which kind it is, and the conditions that are written in it (a host, a query).
  mutating func interpret(_ text: String, _ flags: Flags, isLiteral: Bool, saysQuery: Bool = false) throws(RedirectProblem) {
    from = text
    if flags.isRegex {
      kind = .regex
      if text.isEmpty { throw RedirectProblem("the regular expression is empty") }
      return
    }
    if !isLiteral {
      try takeHost()
      if from.contains("#") { throw RedirectProblem("a fragment (#) never reaches a server; write %23 for the sign itself") }
      if let mark = from.firstIndex(of: "?") {
        conditions.insert(RedirectCondition(.query(String(from[from.index(after: mark)...]))), at: 0)
        from = String(from[..<mark])
        if !saysQuery { query = .drop }
      }
    }
    guard from.hasPrefix("/") else { throw RedirectProblem("from begins with /, http:// or https://; a regular expression needs the flag regex") }
    if isLiteral { return }
    let hasSplat = from.hasSuffix("*"), stars = from.count { $0 == "*" }
    if stars > (hasSplat ? 1 : 0) {
      throw RedirectProblem("* stands for anything only at the end; write :name for one segment, or the flag exact for the sign itself")
    }
    let names = from.split(separator: "/").compactMap { RedirectRule.isPlaceholder($0) }
    if names.contains("") { throw RedirectProblem("a placeholder is a whole segment such as :name; write the flag exact for the sign itself") }
    kind = !names.isEmpty ? .placeholders : hasSplat ? .prefix : .exact
  }

  /// `https://host/path` is a path with conditions.
  private mutating func takeHost() throws(RedirectProblem) {
    let lower = from.lowercased()
    guard let scheme = ["https://", "http://", "//"].first(where: lower.hasPrefix) else { return }
    let rest = from.dropFirst(scheme.count), host = rest.prefix { $0 != "/" && $0 != "?" }
    if host.isEmpty { throw RedirectProblem("there is no host behind \(scheme)") }
    var found = [RedirectCondition(.host([host.lowercased()]))]
    if scheme != "//" { found.append(RedirectCondition(.scheme(String(scheme.dropLast(3))))) }
    conditions.insert(contentsOf: found, at: 0)
    let path = rest.dropFirst(host.count)
    from = path.hasPrefix("/") ? String(path) : "/" + path
  }
}

extension RedirectSeparator {
  /// What a file's name says: nil for a name that says nothing.
  public init?(fileName: String) {
    if fileName.lowercased().hasSuffix(".csv") { self = .comma } else if fileName.lowercased().hasSuffix(".tsv") { self = .tab } else { return nil }
  }
}
