// Owns: a table of redirect rules, and the search for the first rule that matches a request. Immutable once read; any thread.
//
// A table keeps the bytes of its file. A plain rule is a row of ranges into them; any other has a detail beside. Rules are searched by the
// view of the path that they match: as it came or percent-decoded, and either in small letters. In a view, exact paths and the fixed
// beginnings of patterns and expressions are found by hash on one walk along the path, placeholders in a tree of segments, and
// expressions that have no fixed beginning in one set. Of all that match, the first in the file wins.

/// A table of redirect rules.
public final class RedirectTable: Sendable {
  /// A rule in the table.
  struct Row: Sendable {
    var keyStart: UInt32 = 0
    var targetStart: UInt32 = 0
    var line: UInt32
    /// The next rule with the same key, in the file's order; −1 for none.
    var next: Int32 = -1
    /// The place of what does not fit here; −1 for nothing.
    var detail: Int32 = -1
    var keyLength: UInt16 = 0
    var targetLength: UInt16 = 0
    var status: UInt16

    /// A plain rule.
    init(keyStart: UInt32, keyLength: UInt16, targetStart: UInt32, targetLength: UInt16, line: UInt32, status: UInt16) {
      (self.keyStart, self.keyLength, self.targetStart, self.targetLength) = (keyStart, keyLength, targetStart, targetLength)
      (self.line, self.status) = (line, status)
    }

    /// A rule with a detail.
    init(line: UInt32, status: UInt16, detail: Int32) { (self.line, self.status, self.detail) = (line, status, detail) }
  }

  /// The file.
  private let bytes: [UInt8]
  private let rows: [Row]
  private let details: [RuleDetail]
  private let views: [PathView]
  /// What the conditions of its rules look at.
  public let reads: RedirectFacts.Kinds
  /// Whether a `*` or a `/:name` was taken for itself because of how the rules look.
  public let isLiteral: Bool

  /// The keys of a table of exact paths as they come, without conditions: most are such, and one look-up is all that a request needs.
  private let exactPaths: KeyIndex?

  /// How many rules there are.
  public var count: Int { rows.count }
  /// The line of a rule in its file, from 1.
  public func line(_ rule: Int) -> Int { Int(rows[rule].line) }

  /// Reads a table.
  /// - Parameter separator: between fields; nil: what the first rule has.
  /// - Returns: the table, nil when any problem is an error; the problems in the file's order.
  public static func reading(_ bytes: [UInt8], separator: RedirectSeparator? = nil) -> (table: RedirectTable?, problems: [RedirectProblem]) {
    reading(bytes, separator: separator, isCareful: false)
  }

  /// Reads what can be read: a table of the rules that are good, and the problems of the others.
  public static func readingGood(_ bytes: [UInt8], separator: RedirectSeparator? = nil) -> (table: RedirectTable, problems: [RedirectProblem]) {
    var reader = TableReader(bytes, separator, problemsLimit: .max)
    reader.read()
    return (RedirectTable(bytes, reader), reader.problems)
  }

  static func reading(_ bytes: [UInt8], separator: RedirectSeparator?, isCareful: Bool) -> (table: RedirectTable?, problems: [RedirectProblem]) {
    if bytes.count > RedirectLimits.fileBytes { return (nil, [RedirectProblem("the file has more than \(RedirectLimits.fileBytes >> 20) MiB", line: 1)]) }
    var reader = TableReader(bytes, separator, isCareful: isCareful)
    reader.read()
    return (reader.problems.contains { $0.isError } ? nil : RedirectTable(bytes, reader), reader.problems)
  }

  /// A table of rules that come from elsewhere; each problem has the line of its rule.
  public static func make(_ rules: [RedirectRule]) -> (table: RedirectTable, problems: [RedirectProblem]) {
    var reader = TableReader([], .tab), problems: [RedirectProblem] = []
    for rule in rules {
      do throws(RedirectProblem) { try reader.append(rule) } catch {
        problems.append(RedirectProblem(error.text, line: rule.line, isOpenRedirect: error.isOpenRedirect))
      }
    }
    return (RedirectTable([], reader), problems)
  }

  private init(_ bytes: [UInt8], _ reader: consuming TableReader) {
    self.bytes = bytes
    details = reader.details
    isLiteral = reader.isLiteral
    reads = reader.details.reduce(into: []) { kinds, detail in
      for condition in detail.rule.conditions { kinds.formUnion(Condition.reads(condition)) }
    }
    // The reader gives its rows away: a second copy would be a fourth of the file.
    var reader = reader
    var views: [PathView] = []
    for kind in PathView.Kind.allCases { if let view = PathView(kind, &reader.rows, reader.details, bytes) { views.append(view) } }
    self.views = views
    rows = reader.rows
    exactPaths = views.count == 1 && views[0].kind == .raw && views[0].isOfExactPaths && reads.isEmpty ? views[0].exact : nil
  }

  /// A rule as a person means it.
  public func rule(_ index: Int) -> RedirectRule {
    let row = rows[index]
    if row.detail >= 0 { return details[Int(row.detail)].rule }
    func text(_ start: UInt32, _ length: UInt16) -> String { String(decoding: bytes[Int(start)..<Int(start) + Int(length)], as: UTF8.self) }
    return RedirectRule(
      from: text(row.keyStart, row.keyLength), to: text(row.targetStart, row.targetLength), status: Int(row.status), line: Int(row.line))
  }

  /// The detail of a rule; nil for a plain one.
  func detail(_ index: Int) -> RuleDetail? { rows[index].detail < 0 ? nil : details[Int(rows[index].detail)] }

  /// The path of a plain rule.
  func key(_ index: Int) -> [UInt8] { Array(bytes[Int(rows[index].keyStart)..<Int(rows[index].keyStart) + Int(rows[index].keyLength)]) }

  // MARK: Searching

  /// The rule for a request, in a table that reads nothing but paths.
  /// - Parameter path: as it came, without a query.
  /// - Returns: the number of the first rule that matches; nil without one.
  public func firstMatch(_ path: Span<UInt8>) -> Int? {
    guard let exactPaths else { return firstMatch(path, .none) }
    // The keys are canonical: what is found among them is, too.
    if let rule = find(path, exactPaths) { return rule }
    if PathText.isCanonical(path) { return nil }
    let spelt = PathText.canonical(path)
    return find(spelt.span, exactPaths)
  }

  private func find(_ path: Span<UInt8>, _ index: KeyIndex) -> Int? {
    let hash = KeyHash.of(path)
    var slot = index.start(hash)
    while let rule = index.rule(slot, hash) {
      if rule >= 0 && hasKey(rule, path) { return Int(rule) }
      slot = index.next(slot)
    }
    return nil
  }

  /// The rule for a request.
  /// - Parameters:
  ///   - path: as it came, without a query.
  ///   - facts: what `reads` asks for.
  /// - Returns: the number of the first rule that matches; nil without one.
  public func firstMatch(_ path: Span<UInt8>, _ facts: RedirectFacts) -> Int? {
    let best = first(path, Question(facts: facts))
    return best == .max ? nil : Int(best)
  }

  /// The first rule that matches and that a filter lets pass: for looking at the table itself.
  func firstMatch(_ path: Span<UInt8>, _ facts: RedirectFacts, where isWanted: @escaping (Int) -> Bool) -> Int? {
    let best = first(path, Question(facts: facts, isWanted: isWanted))
    return best == .max ? nil : Int(best)
  }

  /// The first rule that is for a path under any conditions.
  func firstMatch(whatever path: Span<UInt8>) -> Int? {
    let best = first(path, Question(facts: .none, ignoresConditions: true))
    return best == .max ? nil : Int(best)
  }

  /// What rules are asked beside the path.
  private struct Question {
    let facts: RedirectFacts
    var isWanted: ((Int) -> Bool)?
    var ignoresConditions = false
  }

  private func first(_ path: Span<UInt8>, _ question: Question) -> Int32 {
    var best = Int32.max
    for view in views {
      switch view.kind {
      case .raw where PathText.isCanonical(path): search(view, path, question, &best)
      default:
        let spelt = view.kind.spelling(path)
        search(view, spelt.span, question, &best)
      }
    }
    return best
  }

  /// Looks for a rule before `best`.
  private func search(_ view: PathView, _ path: Span<UInt8>, _ question: Question, _ best: inout Int32) {
    if !view.prefixes.isEmpty {
      var hash = PathHash()
      for i in 0..<path.count {
        if view.hasPrefix(length: i) { follow(view.prefixes, hash.value, path, keyLength: i, question, &best) }
        hash.add(path[i])
      }
      if view.hasPrefix(length: path.count) { follow(view.prefixes, hash.value, path, keyLength: path.count, question, &best) }
    }
    if !view.exact.isEmpty { follow(view.exact, KeyHash.of(path), path, keyLength: path.count, question, &best) }
    if !view.trie.isEmpty { view.trie.search(path, &best) { conditionsHold($0, question) } }
    for group in view.groups where group.least < best { group.search(path, &best) { conditionsHold($0, question) } }
  }

  /// Looks for the first `keyLength` bytes of a path among keys, and at the rules that have them.
  @inline(__always) private func follow(
    _ index: KeyIndex, _ hash: UInt32, _ path: Span<UInt8>, keyLength: Int, _ question: Question, _ best: inout Int32
  ) {
    var slot = index.start(hash)
    while let first = index.rule(slot, hash) {
      if first >= 0 && first < best && hasKey(first, path.extracting(..<keyLength)) {
        var rule = first
        while rule >= 0 && rule < best {
          if admits(rule, path, question) { best = rule }
          rule = rows[Int(rule)].next
        }
        return
      }
      slot = index.next(slot)
    }
  }

  private func hasKey(_ rule: Int32, _ path: Span<UInt8>) -> Bool {
    let row = rows[Int(rule)]
    if row.detail >= 0 {
      let key = details[Int(row.detail)].key
      return key.span.equals(path)
    }
    guard Int(row.keyLength) == path.count else { return false }
    let bytes = bytes, start = Int(row.keyStart)
    return bytes.span.extracting(start..<start + path.count).equals(path)
  }

  /// Whether a rule whose key was found matches.
  @inline(__always) private func admits(_ rule: Int32, _ path: Span<UInt8>, _ question: Question) -> Bool {
    let detail = rows[Int(rule)].detail
    if detail < 0 && question.isWanted == nil { return true }
    return admits(rule, detail, path, question)
  }

  private func admits(_ rule: Int32, _ detail: Int32, _ path: Span<UInt8>, _ question: Question) -> Bool {
    guard detail >= 0 else { return conditionsHold(rule, question) }
    if case .regex(let expression) = details[Int(detail)].pattern, !expression.matches(path) { return false }
    return conditionsHold(rule, question)
  }

  private func conditionsHold(_ rule: Int32, _ question: Question) -> Bool {
    if let isWanted = question.isWanted, !isWanted(Int(rule)) { return false }
    let detail = rows[Int(rule)].detail
    guard detail >= 0, !question.ignoresConditions else { return true }
    for condition in details[Int(detail)].conditions where !condition.holds(question.facts) { return false }
    return true
  }

  // MARK: Answering

  /// The status of a rule that sends every request without a query to the same place, as it stands in the file; nil for any other.
  public func plainStatus(_ rule: Int) -> Int? {
    let row = rows[rule]
    return row.detail < 0 && Int(row.targetLength) <= RedirectLimits.locationBytes ? Int(row.status) : nil
  }

  /// Lends the Location of such a rule.
  public func withPlainTarget(_ rule: Int, _ body: (Span<UInt8>) -> Void) {
    let row = rows[rule], bytes = bytes, start = Int(row.targetStart)
    body(bytes.span.extracting(start..<start + Int(row.targetLength)))
  }

  /// What a rule answers.
  public enum Answer: Sendable, Equatable {
    /// To another place.
    case redirect(status: Int, location: [UInt8])
    /// No place: 404, 410, 451.
    case refusal(status: Int)
    /// The Location would be too long, or a capture cannot be a part of a host's name.
    case unfit
  }

  /// What a rule that matches answers.
  /// - Parameters:
  ///   - path: as it came, without a query.
  ///   - query: without its `?`; empty without one.
  public func answer(_ index: Int, _ path: Span<UInt8>, query: Span<UInt8>, _ facts: RedirectFacts = .none) -> Answer {
    let row = rows[index], status = Int(row.status)
    guard row.detail >= 0 else {
      var location: [UInt8] = []
      location.reserveCapacity(Int(row.targetLength) + query.count + 1)
      location.append(contentsOf: bytes[Int(row.targetStart)..<Int(row.targetStart) + Int(row.targetLength)])
      if query.count > 0 { Target.append(query, to: &location, hasQuery: false, .keep) }
      return location.count > RedirectLimits.locationBytes ? .unfit : .redirect(status: status, location: location)
    }
    let detail = details[Int(row.detail)], rule = detail.rule
    guard let target = detail.target else { return .refusal(status: status) }
    let text = rule.matchesDecoded ? PathText.decoded(path) : PathText.canonical(path)
    guard let ranges = captures(detail, text.span) else { return .unfit }
    let values = detail.parameters.map { Condition.parameter($0, nil, in: facts.query) ?? [] }
    guard let location = target.location(text.span, ranges, isDecoded: rule.matchesDecoded, values: values, query: query, rule.query) else { return .unfit }
    return .redirect(status: status, location: location)
  }

  /// Where captures lie in a path in the rule's spelling, capitals kept.
  private func captures(_ detail: RuleDetail, _ text: Span<UInt8>) -> [Range<Int>]? {
    let folded = detail.rule.ignoresCase ? PathText.folded(text) : text.copied
    switch detail.pattern {
    case .exact: return []
    case .prefix: return [detail.key.count..<text.count]
    case .segments(let segments): return SegmentTrie.captures(segments, folded.span)
    case .regex(let expression): return expression.captures(text)
    }
  }
}
