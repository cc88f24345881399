// Owns: from a rule as it is meant to what the table searches: the key or pattern of its path, its target, its conditions. Pure.

/// What of a rule does not fit into its row of the table. Rules for one path without conditions have none.
struct RuleDetail: Sendable {
  enum Pattern: Sendable {
    case exact
    /// The rest behind the key is the capture.
    case prefix
    case segments([SegmentTrie.Segment])
    case regex(Expression)
  }
  var rule: RedirectRule
  var pattern = Pattern.exact
  /// nil for a status without a place.
  var target: Target?
  var conditions: [Condition] = []
  /// The parameters of the query whose values are captures, after those of the path.
  var parameters: [[UInt8]] = []
  /// The key of an exact rule, or what every path begins with that a prefix or an expression matches. In the spelling that is matched.
  var key: [UInt8] = []
}

/// Makes rules ready; counts expressions, which share their memory.
struct RuleCompiler {
  private var expressions = 0
  /// What each expression may use.
  let expressionBytes: Int

  /// - Parameter expectedExpressions: how many there will be, about.
  init(expectedExpressions: Int) {
    let share = RedirectLimits.allExpressionsBytes / max(expectedExpressions, 1)
    expressionBytes = min(max(share, RedirectLimits.expressionBytes), RedirectLimits.largestExpressionBytes)
  }

  mutating func compile(_ rule: RedirectRule) throws(RedirectProblem) -> RuleDetail {
    var detail = RuleDetail(rule: rule), names: [String] = []
    switch rule.kind {
    case .regex:
      let pattern = Array(rule.from.utf8), expression = try self.expression(pattern, ignoresCase: rule.ignoresCase)
      detail.pattern = .regex(expression)
      detail.key = expression.prefix(pattern)
      if rule.ignoresCase { detail.key = [] }
      names = (0...min(expression.groups, RedirectLimits.captures)).map(String.init)
      if expression.groups > RedirectLimits.captures { throw RedirectProblem("an expression has at most \(RedirectLimits.captures) groups") }
    case .exact: detail.key = spelling(rule.from, rule)
    case .prefix:
      detail.pattern = .prefix
      detail.key = spelling(String(rule.from.dropLast()), rule)
      names = ["splat"]
    case .placeholders:
      let (segments, found) = try segments(rule)
      detail.pattern = .segments(segments)
      names = found
    }
    for condition in rule.conditions {
      detail.conditions.append(try Condition(condition) { pattern throws(RedirectProblem) in try self.expression(pattern, ignoresCase: false) })
      if case .captured(let name, let capture) = condition.subject, !condition.isNegated {
        if names.contains(capture) { throw RedirectProblem("there are two captures named \(capture)") }
        names.append(capture)
        detail.parameters.append(Array(name.utf8))
      }
    }
    if names.count > RedirectLimits.captures + 1 { throw RedirectProblem("a rule has at most \(RedirectLimits.captures) captures") }
    if RedirectRule.redirects.contains(rule.status) { detail.target = try Target(rule.to, captures: names, isRegex: rule.kind == .regex) }
    return detail
  }

  private mutating func expression(_ pattern: [UInt8], ignoresCase: Bool) throws(RedirectProblem) -> Expression {
    expressions += 1
    if expressions > RedirectLimits.expressions { throw RedirectProblem("a table has at most \(RedirectLimits.expressions) regular expressions") }
    return try Expression(pattern, ignoresCase: ignoresCase, memory: expressionBytes)
  }

  /// A text of `from` in the spelling that is matched.
  private func spelling(_ text: String, _ rule: RedirectRule) -> [UInt8] {
    let bytes = Array(text.utf8)
    let spelt = rule.matchesDecoded ? PathText.decoded(bytes.span) : PathText.canonical(bytes.span)
    return rule.ignoresCase ? PathText.folded(spelt.span) : spelt
  }

  private func segments(_ rule: RedirectRule) throws(RedirectProblem) -> ([SegmentTrie.Segment], [String]) {
    var segments: [SegmentTrie.Segment] = [], names: [String] = []
    let parts = rule.from.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    for (index, part) in parts.enumerated() {
      if let name = RedirectRule.isPlaceholder(part), !name.isEmpty {
        if names.contains(name) { throw RedirectProblem("there are two captures named \(name)") }
        names.append(name)
        segments.append(.placeholder)
      } else if index == parts.count - 1 && part.hasSuffix("*") {
        names.append("splat")
        segments.append(.splat(spelling(String(part.dropLast()), rule)))
      } else {
        segments.append(.literal(spelling(String(part), rule)))
      }
    }
    if segments.count > RedirectLimits.segments { throw RedirectProblem("a pattern has at most \(RedirectLimits.segments) segments") }
    return (segments, names)
  }
}
