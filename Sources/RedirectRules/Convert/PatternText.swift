// Owns: rules in the words of Perl-compatible expressions, which nginx and Apache share. Pure.

/// A rule's path and target for servers that match expressions.
struct PatternText {
  /// Between `^` and `$`; with groups for what is captured.
  var path: String
  /// Pieces of the target: text, or the number of a group from 1.
  var target: [Piece]
  enum Piece: Equatable {
    case text(String), group(Int), parameter(String)
  }

  /// - Parameter isDecoded: whether the server compares the decoded path.
  init(_ rule: RedirectRule, isDecoded: Bool = false) throws(RedirectProblem) {
    var captures: [String] = []
    // What the capture begins with must not make a host of the path.
    let isBare = rule.to.hasPrefix("/:")
    func canonical(_ text: some StringProtocol) -> String {
      let bytes = Array(text.utf8)
      return PatternText.escaped(String(decoding: isDecoded ? PathText.decoded(bytes.span) : PathText.canonical(bytes.span), as: UTF8.self))
    }
    switch rule.kind {
    case .exact: path = canonical(rule.from)
    case .prefix:
      captures.append("splat")
      path = canonical(rule.from.dropLast()) + (isBare ? "[/\\\\]*" : "") + "(.*)"
    case .placeholders:
      var parts: [String] = []
      for part in rule.from.split(separator: "/", omittingEmptySubsequences: false) {
        if let name = RedirectRule.isPlaceholder(part), !name.isEmpty {
          captures.append(name)
          parts.append("([^/]+)")
        } else if part.hasSuffix("*") {
          captures.append("splat")
          parts.append(canonical(part.dropLast()) + (isBare ? "[/\\\\]*" : "") + "(.*)")
        } else {
          parts.append(canonical(part))
        }
      }
      path = parts.joined(separator: "/")
    case .regex: path = rule.from
    }
    let parameters = rule.conditions.compactMap { condition -> (String, String)? in
      if case .captured(let name, let capture) = condition.subject { (capture, name) } else { nil }
    }
    var names = captures
    if rule.kind == .regex {
      var groups = 0
      if let expression = try? Expression(Array(rule.from.utf8), ignoresCase: rule.ignoresCase, memory: 1 << 20) { groups = expression.groups }
      names = (0...min(groups, RedirectLimits.captures)).map(String.init)
    }
    var scanner = TargetScanner(Array(rule.to.utf8), names + parameters.map(\.0), rule.kind == .regex)
    if !rule.to.isEmpty { try scanner.scan() }
    target = scanner.pieces.map { piece, _ in
      switch piece {
      case .text(let bytes): .text(String(decoding: PathText.reference(bytes.span), as: UTF8.self))
      case .capture(let number) where number >= names.count: .parameter(parameters[number - names.count].1)
      case .capture(let number): .group(rule.kind == .regex ? number : number + 1)
      }
    }
  }

  /// Whether an expression takes the whole path as its first group, with or without the slash.
  static func isWholePath(_ pattern: String) -> Bool { ["^(.*)$", "(.*)", "^(.*)", "(.*)$", "^/(.*)$", "^/?(.*)$", "^/(.*)", "^/?(.*)"].contains(pattern) }

  /// A target of such an expression with the path as what follows `/`.
  static func wholePath(_ target: String) -> String { target.replacing("/$1", with: "/:splat").replacing("$1", with: "/:splat") }

  /// What every path of a rule begins with, as far as that is plain: `/old/` of `^/old/(.*)$`; empty for expressions that may begin anywhere.
  static func beginning(of rule: RedirectRule) -> String {
    guard rule.kind == .regex else { return rule.kind == .prefix ? String(rule.from.dropLast()) : rule.from }
    guard rule.from.hasPrefix("^"), !rule.from.contains("|") else { return "" }
    var text = "", rest = rule.from.dropFirst()
    while let character = rest.popFirst() {
      if "*?{".contains(character) { return String(text.dropLast()) }
      if ".+()[]}^$".contains(character) { return text }
      if character != "\\" { text.append(character); continue }
      guard let escaped = rest.popFirst(), !escaped.isLetter, !escaped.isNumber else { return text }
      text.append(escaped)
    }
    return text
  }

  /// The methods that an expression such as `POST` or `^(GET|HEAD)$` is for.
  static func methods(_ pattern: String) -> [String]? {
    let names = String(pattern.drop { "^(?:".contains($0) }.reversed().drop { "$)".contains($0) }.reversed()).split(separator: "|", omittingEmptySubsequences: false)
    return names.allSatisfy { !$0.isEmpty && $0.allSatisfy { $0.isASCII && $0.isUppercase } } ? names.map(String.init) : nil
  }

  /// The cookie that an expression of a Cookie field is for: `name`, `name=value`, also between `(?:^|; ?)` and `(?:;|$)`.
  static func cookie(_ pattern: String) -> RedirectCondition.Subject? {
    guard let match = pattern.wholeMatch(of: /(?:\((?:\?:)?\^\|; ?\*?\))?([A-Za-z0-9_-]+)(?:=([A-Za-z0-9_-]*)(?:\((?:\?:)?;\|\$\))?)?/) else { return nil }
    return .cookie(String(match.1), match.2.map(String.init).flatMap { $0.isEmpty ? nil : $0 })
  }

  /// An expression, for either case where that makes a difference. (Hosts are compared in small letters.)
  static func expression(_ pattern: String, ignoresCase: Bool) -> String { ignoresCase && pattern.contains(where: \.isLetter) ? "(?i)" + pattern : pattern }

  /// A text as an expression that matches just it.
  static func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
      if "\\^$.|?*+()[]{}\"".contains(character) { result.append("\\") }
      result.append(character)
    }
    return result
  }
}
