// Owns: looking for what is wrong with a table: it is asked for every rule's own example, by the search that serves requests, and answers are
// followed as a browser would. Pure; any thread. 35,230 rules take well under a second.
// Source: issue 8, point 2; Documentation/redirects.md, "Checking".

/// Looks at a table of redirects.
public struct RedirectCheck {
  let table: RedirectTable
  /// Hosts that the table answers for, beside those that its conditions name.
  private var hosts: Set<[UInt8]>
  private var findings: [RedirectFinding] = []
  /// The lowest rules of loops that have been told.
  private var toldLoops: Set<Int> = []

  /// Redirects that are followed from one example.
  static let hopsLimit = 20

  /// - Parameter hosts: names that the table answers for: absolute targets there are followed too.
  public init(_ table: RedirectTable, hosts: [String] = []) {
    self.table = table
    self.hosts = Set(hosts.map { Array($0.lowercased().utf8) })
    for index in 0..<table.count {
      for condition in table.detail(index)?.rule.conditions ?? [] {
        if case .host(let names) = condition.subject { self.hosts.formUnion(names.filter { !$0.hasPrefix("*") }.map { Array($0.utf8) }) }
      }
    }
  }

  /// Reads a file and looks at it.
  /// - Returns: the table of its good rules, and what was found, by line.
  public static func check(_ bytes: [UInt8], separator: RedirectSeparator?, hosts: [String] = []) -> (table: RedirectTable, findings: [RedirectFinding]) {
    let (table, problems) = RedirectTable.readingGood(bytes, separator: separator)
    var check = RedirectCheck(table, hosts: hosts)
    check.findings = problems.map { problem in
      let example = problem.isOpenRedirect ? problem.rule.flatMap { Sample.make($0, segment: "evil.example") }?.url ?? "" : ""
      return RedirectFinding(problem.isOpenRedirect ? .openRedirect : .malformed, line: problem.line, column: problem.column, example: example, problem.text)
    }
    return (table, check.run())
  }

  /// Everything found, by line.
  public mutating func run() -> [RedirectFinding] {
    if table.isLiteral, table.count > 0 {
      findings.append(RedirectFinding(
        .note, line: table.line(0), "\(RedirectLimits.literalTwins) or more rules differ only in what follows /:, so : and * stand for themselves in this table"))
    }
    for index in 0..<table.count {
      guard let sample = Sample.make(table, index) else { continue }
      let first = table.firstMatch(sample.path.span, sample.facts)
      if let first, first < index, let finding = hidden(index, by: first, sample) {
        findings.append(finding)
        continue
      }
      if first == index { follow(index, sample) }
      noteCollapse(index, sample)
    }
    findTwins()
    return findings.enumerated().sorted { ($0.element.line, $0.offset) < ($1.element.line, $1.offset) }.map(\.element)
  }

  // MARK: Rules that are hidden

  /// A rule whose example an earlier rule answers: is all of it answered by earlier ones?
  private func hidden(_ index: Int, by first: Int, _ sample: Sample) -> RedirectFinding? {
    let conditions = table.detail(index)?.rule.conditions ?? []
    /// Rules that hold whenever this one does.
    func holds(_ other: Int) -> Bool { (table.detail(other)?.rule.conditions ?? []).allSatisfy { conditions.contains($0) } }
    var hiding: Int?
    for variant in 0..<(table.detail(index).map { $0.rule.kind == .exact ? 1 : Sample.variants.count } ?? 1) {
      guard let sample = Sample.make(table, index, variant: variant) else { continue }
      let earlier = table.firstMatch(sample.path.span, sample.facts, where: { $0 < index && holds($0) })
      guard let earlier else { return nil }
      hiding = hiding ?? earlier
    }
    guard let hiding else { return nil }
    let rule = table.rule(index), other = table.rule(hiding)
    if isSamePattern(index, hiding), rule.conditions == other.conditions {
      let isSame = rule.to == other.to && rule.status == other.status && rule.query == other.query
      return isSame
        ? RedirectFinding(.duplicate, line: rule.line, otherLine: other.line, example: sample.url, "the rule stands in line \(other.line) already")
        : RedirectFinding(
          .conflict, line: rule.line, otherLine: other.line, example: sample.url,
          "line \(other.line) sends the same to \(place(other)), and comes first; this rule wants \(place(rule))")
    }
    return RedirectFinding(
      .shadowed, line: rule.line, otherLine: other.line, example: sample.url,
      "never reached: line \(other.line) (\(other.from)) comes first and answers all that this rule is for")
  }

  /// Whether two rules match the same paths, whatever their placeholders are called.
  private func isSamePattern(_ a: Int, _ b: Int) -> Bool {
    guard let first = table.detail(a), let second = table.detail(b) else {
      return Sample.make(table, a)?.path == Sample.make(table, b)?.path && (table.detail(a)?.rule.kind ?? .exact) == (table.detail(b)?.rule.kind ?? .exact)
    }
    guard first.rule.ignoresCase == second.rule.ignoresCase, first.rule.matchesDecoded == second.rule.matchesDecoded else { return false }
    switch (first.pattern, second.pattern) {
    case (.exact, .exact), (.prefix, .prefix): return first.key == second.key
    case (.segments(let one), .segments(let other)): return one == other
    case (.regex, .regex): return first.rule.from == second.rule.from
    default: return false
    }
  }

  private func place(_ rule: RedirectRule) -> String { rule.to.isEmpty ? "\(rule.status)" : rule.to }

  // MARK: Where redirects lead

  /// One redirect on a way.
  struct Hop {
    var rule: Int
    /// What was asked for, and its path.
    var url: String, path: [UInt8]
    /// Where it led.
    var location: String
  }

  /// Follows the redirects that a request meets.
  /// - Returns: the way, and where in it a loop begins; `hops.count` when it goes on for too long without coming back.
  func way(from sample: Sample) -> (hops: [Hop], loop: Int?) {
    var hops: [Hop] = [], sample = sample, seen: [String: Int] = [:]
    while hops.count < Self.hopsLimit {
      guard let rule = table.firstMatch(sample.path.span, sample.facts) else { return (hops, nil) }
      let key = sample.url
      if let start = seen[key] { return (hops, start) }
      seen[key] = hops.count
      let query = sample.query ?? []
      guard case .redirect(_, let location) = table.answer(rule, sample.path.span, query: query.span, sample.facts) else { return (hops, nil) }
      hops.append(Hop(rule: rule, url: key, path: sample.path, location: String(decoding: location, as: UTF8.self)))
      guard let next = request(for: location, after: sample) else { return (hops, nil) }
      sample = next
    }
    return (hops, hops.count)
  }

  /// What a browser asks for when it is sent to a place; nil when that is not ours.
  private func request(for location: [UInt8], after sample: Sample) -> Sample? {
    var next = sample, target = location[...]
    let text = String(decoding: location, as: UTF8.self)
    if let scheme = ["https://", "http://", "//"].first(where: text.lowercased().hasPrefix) {
      let rest = location.dropFirst(scheme.utf8.count)
      let host = rest.prefix { $0 != slash && $0 != question && $0 != UInt8(ascii: "#") }.map(PathText.lowercased)
      guard hosts.contains(host) else { return nil }
      next.facts.host = host
      if scheme != "//" { next.facts.isSecure = scheme == "https://" }
      target = rest.dropFirst(host.count)
      if target.first != slash { target = [slash] + target }
    }
    target = target.prefix { $0 != UInt8(ascii: "#") }
    let mark = target.firstIndex(of: question) ?? target.endIndex
    next.path = Array(target[..<mark])
    next.query = mark < target.endIndex ? Array(target[(mark + 1)...]) : nil
    next.facts.query = next.query
    return next
  }

  private mutating func follow(_ index: Int, _ sample: Sample) {
    let (hops, loop) = way(from: sample)
    if let loop {
      if let told = self.loop(index, hops, from: loop, sample) { findings.append(told.finding) }
    } else if hops.count > 1, let last = hops.last {
      let lines = hops.dropFirst().map { String(table.line($0.rule)) }.joined(separator: ", ")
      findings.append(RedirectFinding(
        .chain, line: table.line(index), otherLine: table.line(hops[1].rule), example: sample.url, target: last.location,
        "\(hops.count) redirects one after another (then line \(lines)); straight to \(last.location)"))
    }
  }

  /// What is told of a way that does not end: once for a circle, and for each rule that leads into it.
  /// - Returns: nil when the circle has been told; and whether the rule is in it, or its way does not come back at all.
  mutating func loop(_ index: Int, _ hops: [Hop], from start: Int, _ sample: Sample) -> (finding: RedirectFinding, isIn: Bool)? {
    let members = hops[min(start, hops.count - 1)...].map(\.rule), isIn = members.contains(index)
    // Rules that lead into it are told beside it.
    if isIn, !toldLoops.insert(members.min() ?? index).inserted { return nil }
    let lines = members.map { String(table.line($0)) }.joined(separator: ", ")
    let text = start == hops.count ? "does not end after \(Self.hopsLimit) redirects" : isIn
      ? (members.count == 1 ? "redirects to itself" : "redirects in a circle, by lines \(lines)") : "leads into a circle, by line\(members.count == 1 ? "" : "s") \(lines)"
    let other = members.count > 1 ? table.line(members[1]) : nil
    return (RedirectFinding(.loop, line: table.line(index), otherLine: other, example: sample.url, text), isIn || start == hops.count)
  }

  /// A target that is nothing but a capture would name another host, were its slashes not made one.
  private mutating func noteCollapse(_ index: Int, _ sample: Sample) {
    guard let rule = table.detail(index)?.rule, rule.to.hasPrefix("/:splat") || rule.to.hasPrefix("/$") || rule.to.hasPrefix("$") else { return }
    guard rule.kind == .prefix, let evil = Sample.make(rule, segment: "/evil.example") else { return }
    findings.append(RedirectFinding(
      .note, line: rule.line, example: evil.url, "slashes that the capture begins with become one here; elsewhere this would redirect to another host"))
  }

  // MARK: Twins

  /// Rules for one path, or one beginning of paths, that people would take for the same.
  private mutating func findTwins() {
    var folded: [[UInt8]: Int] = [:], decoded: [[UInt8]: Int] = [:]
    folded.reserveCapacity(table.count)
    for index in 0..<table.count {
      let detail = table.detail(index), rule = detail?.rule
      guard rule?.kind ?? .exact == .exact || rule?.kind == .prefix, rule?.ignoresCase != true, rule?.conditions.isEmpty != false else { continue }
      // Two kinds do not meet: no path has a NUL.
      let mark: [UInt8] = rule?.kind == .prefix ? [0] : [], key = detail?.key ?? table.key(index)
      let decodedKey = rule?.matchesDecoded == true ? key : PathText.decoded(key.span)
      if let other = decoded[decodedKey + mark] {
        let theirs = table.detail(other)?.key ?? table.key(other)
        if theirs != key { addTwin(.encodingTwin, index, other, "differ only in how the path is percent-encoded") }
      } else {
        decoded[decodedKey + mark] = index
        let small = PathText.folded(decodedKey.span) + mark
        if let other = folded[small] { addTwin(.caseTwin, index, other, "differ only in the case of letters") } else { folded[small] = index }
      }
    }
  }

  private mutating func addTwin(_ kind: RedirectFinding.Kind, _ index: Int, _ other: Int, _ how: String) {
    let rule = table.rule(index), first = table.rule(other)
    let places = place(rule) == place(first) ? "both lead to \(place(rule))" : "they lead to \(place(first)) and \(place(rule))"
    findings.append(RedirectFinding(
      kind, line: rule.line, otherLine: first.line, example: Sample.make(table, index)?.url ?? "", "this rule and line \(first.line) \(how); \(places)"))
  }
}
