// Owns: looking for redirects in circles alone, for whoever reads a configuration: quick enough for every start and reload. The whole check, with
// all that it finds, is `RedirectCheck`'s. Pure but for a clock; any thread.

extension RedirectCheck {
  /// Redirects that lead in a circle, each circle once. Ways of plain rules alone are walked by number, one look-up for each rule: 35,230 of them
  /// take twelve milliseconds (bench-redirects). All others go as a browser would.
  /// - Parameter time: after which no further rule is looked at.
  /// - Returns: what was found, by line; and whether every rule was looked at.
  public mutating func loops(within time: Duration = RedirectLimits.loopSearch) -> (findings: [RedirectFinding], isWhole: Bool) {
    let end = ContinuousClock.now.advanced(by: time)
    var found: [RedirectFinding] = [], plain = PlainWays(table)
    for index in 0..<table.count {
      if index % 64 == 63, ContinuousClock.now >= end { return (found, false) }
      if plain.end(from: index) { continue }
      guard let sample = Sample.make(table, index), table.firstMatch(sample.path.span, sample.facts) == index else { continue }
      let (hops, start) = way(from: sample)
      if let start, let loop = loop(index, hops, from: start, sample), loop.isIn { found.append(loop.finding) }
    }
    return (found, true)
  }
}

/// Ways from plain rule to plain rule.
private struct PlainWays {
  private let table: RedirectTable
  /// Rules whose ways are known to end, and from which rule each was last met.
  private var ends: [Bool], met: [Int32]

  init(_ table: RedirectTable) {
    self.table = table
    ends = Array(repeating: false, count: table.count)
    met = Array(repeating: -1, count: table.count)
  }

  /// Whether the way from a rule is known to end; false also where it leaves the plain rules.
  mutating func end(from index: Int) -> Bool {
    var way: [Int] = [], rule = index
    while !ends[rule] {
      guard met[rule] != Int32(index), table.plainStatus(rule) != nil else { return false }   // a circle, or a rule that needs a closer look
      met[rule] = Int32(index)
      way.append(rule)
      guard let next = next(rule) else { return false }
      if next < 0 { break }
      rule = next
    }
    for rule in way { ends[rule] = true }
    return true
  }

  /// The rule for a plain rule's target; −1 for none, nil where that depends on more than the path.
  private func next(_ rule: Int) -> Int? {
    var next: Int?
    table.withPlainTarget(rule) { target in
      var end = 0
      while end < target.count && target[end] != question && target[end] != UInt8(ascii: "#") { end += 1 }
      guard target.count > 0, target[0] == slash, end == target.count || target[end] != question else { return }
      next = table.firstMatch(target.extracting(..<end), .none) ?? -1
    }
    return next
  }
}
