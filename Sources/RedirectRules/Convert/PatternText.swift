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
