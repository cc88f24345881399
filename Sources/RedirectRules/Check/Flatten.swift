// Owns: rewriting chains of redirects so that the first one leads to the end. Pure.

extension RedirectCheck {
  /// The rules, with chains flattened where that changes nothing for anybody.
  /// - Returns: the rules in their order; how many were changed; and chains that stay, with the reason.
  public func flattened() -> (rules: [RedirectRule], changed: Int, left: [RedirectProblem]) {
    var rules: [RedirectRule] = [], changed = 0, left: [RedirectProblem] = []
    rules.reserveCapacity(table.count)
    for index in 0..<table.count {
      var rule = table.rule(index)
      defer { rules.append(rule) }
      guard let sample = Sample.make(table, index), table.firstMatch(sample.path.span, sample.facts) == index else { continue }
      let (hops, loop) = way(from: sample)
      guard loop == nil, hops.count > 1, let last = hops.last else { continue }
      var flat = rule
      flat.to = last.location
      flat.status = status(rule.status, hops)
      if let reason = obstacle(rule, hops) ?? self.obstacle(flat) {
        left.append(RedirectProblem("the chain stays: \(reason)", line: rule.line))
        continue
      }
      rule = flat
      changed += 1
    }
    return (rules, changed, left)
  }

  /// Why a chain cannot be made one redirect.
  private func obstacle(_ rule: RedirectRule, _ hops: [Hop]) -> String? {
    if table.detail(hops[0].rule)?.target?.hasCaptures == true { return "its target depends on the request's path" }
    for hop in hops.dropFirst() {
      let next = table.rule(hop.rule)
      if next.conditions.contains(where: { !rule.conditions.contains($0) }) { return "line \(next.line) has conditions" }
      // Another viewer, or another query, may meet a rule that the example does not.
      if let other = table.firstMatch(whatever: hop.path.span), other < hop.rule { return "line \(table.line(other)) answers some of those who come by" }
      if next.query != .keep || rule.query == .append { return "line \(next.line) changes the query string" }
    }
    if rule.to.contains("#") || rule.to.contains("?") || hops.dropLast().contains(where: { $0.location.contains("?") }) { return "a target on the way has a query string or a fragment" }
    return nil
  }

  /// Why a rule cannot have the end of its chain as its target: that is no target, or a word of it would be a capture of the rule's.
  private func obstacle(_ flat: RedirectRule) -> String? {
    let made = RedirectTable.make([flat]).table
    if made.count != 1 { return "\(flat.to) cannot be its target" }
    return made.detail(0)?.target?.hasCaptures != true ? nil : "in \(flat.to) the rule would take a word for a capture"
  }

  /// A way with a temporary part is temporary.
  private func status(_ own: Int, _ hops: [Hop]) -> Int {
    let later = hops.dropFirst().map { table.rule($0.rule).status }
    guard own == 301 || own == 308, later.contains(where: { $0 != 301 && $0 != 308 }) else { return own }
    return own == 308 ? 307 : 302
  }
}
