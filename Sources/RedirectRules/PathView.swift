// Owns: the rules that match one spelling of the path, and how they are found. Immutable once built; any thread.

/// The rules of a table for one spelling of the path.
struct PathView: Sendable {
  /// A spelling of the path.
  enum Kind: CaseIterable, Sendable {
    case raw, folded, decoded, decodedFolded

    init(_ rule: RedirectRule) {
      self = rule.matchesDecoded ? (rule.ignoresCase ? .decodedFolded : .decoded) : rule.ignoresCase ? .folded : .raw
    }

    /// A path in this spelling.
    func spelling(_ path: Span<UInt8>) -> [UInt8] {
      switch self {
      case .raw: PathText.canonical(path)
      case .folded: PathText.folded(PathText.canonical(path).span)
      case .decoded: PathText.decoded(path)
      case .decodedFolded: PathText.folded(PathText.decoded(path).span)
      }
    }
  }

  let kind: Kind
  /// Exact paths.
  private(set) var exact: KeyIndex
  /// What patterns and expressions begin with.
  private(set) var prefixes: KeyIndex
  /// A bit for each length that a key of `prefixes` has; longer ones are in the last.
  private var lengths = [UInt64](repeating: 0, count: 64)
  private(set) var trie = SegmentTrie()
  /// Expressions that are looked for together.
  private(set) var groups: [ExpressionGroup] = []

  /// Enters the rules of a spelling; nil without any. Rules with the same key are chained in `rows`.
  init?(_ kind: Kind, _ rows: inout [RedirectTable.Row], _ details: [RuleDetail], _ bytes: [UInt8]) {
    self.kind = kind
    var exactRules: [Int32] = [], prefixRules: [Int32] = [], regexRules: [Int32] = []
    for index in rows.indices {
      let detail = rows[index].detail
      guard detail >= 0 else {
        if kind == .raw { exactRules.append(Int32(index)) }
        continue
      }
      guard Kind(details[Int(detail)].rule) == kind else { continue }
      switch details[Int(detail)].pattern {
      case .exact: exactRules.append(Int32(index))
      case .prefix: prefixRules.append(Int32(index))
      case .segments(let segments): trie.insert(segments, rule: Int32(index))
      case .regex: regexRules.append(Int32(index))
      }
    }
    // Expressions are found by what they begin with, unless many begin alike.
    let beginnings = regexRules.reduce(into: [[UInt8]: Int]()) { $0[details[Int(rows[Int($1)].detail)].key, default: 0] += 1 }
    let isRare: (Int32) -> Bool = { [rows] rule in
      let key = details[Int(rows[Int(rule)].detail)].key
      return key.count > 1 && beginnings[key, default: 0] <= ExpressionGroup.fewest
    }
    prefixRules += regexRules.filter(isRare)
    prefixRules.sort()
    regexRules.removeAll(where: isRare)
    exact = KeyIndex(capacity: exactRules.count)
    prefixes = KeyIndex(capacity: prefixRules.count)
    if exactRules.isEmpty && prefixRules.isEmpty && regexRules.isEmpty && trie.isEmpty { return nil }
    PathView.enter(exactRules, &exact, &rows, details, bytes) { KeyHash.of($0) }
    PathView.enter(prefixRules, &prefixes, &rows, details, bytes) { PathHash.of($0) }
    for rule in prefixRules { note(length: details[Int(rows[Int(rule)].detail)].key.count) }
    groups = ExpressionGroup.make(regexRules, rows, details)
  }

  /// From the last rule to the first, so that each becomes the first of its key.
  private static func enter(
    _ rules: [Int32], _ index: inout KeyIndex, _ rows: inout [RedirectTable.Row], _ details: [RuleDetail], _ bytes: [UInt8], hash: (Span<UInt8>) -> UInt32
  ) {
    func key(_ rule: Int32) -> ArraySlice<UInt8> {
      let row = rows[Int(rule)]
      return row.detail >= 0 ? details[Int(row.detail)].key[...] : bytes[Int(row.keyStart)..<Int(row.keyStart) + Int(row.keyLength)]
    }
    for rule in rules.reversed() {
      let own = key(rule)
      rows[Int(rule)].next = index.insert(rule, hash(own.span)) { key($0) == own }
    }
  }

  /// Whether it has exact paths alone.
  var isOfExactPaths: Bool { prefixes.isEmpty && trie.isEmpty && groups.isEmpty }

  private mutating func note(length: Int) {
    let bit = min(length, lengths.count * 64 - 1)
    lengths[bit >> 6] |= 1 << UInt64(bit & 63)
  }

  /// Whether a key of `prefixes` may have this length.
  @inline(__always) func hasPrefix(length: Int) -> Bool {
    let bit = min(length, lengths.count * 64 - 1)
    return lengths[bit >> 6] >> UInt64(bit & 63) & 1 != 0
  }
}

/// Expressions without a fixed beginning, in the file's order.
struct ExpressionGroup: Sendable {
  /// The first of its rules.
  let least: Int32
  private let rules: [Int32]
  private let expressions: [Expression]
  /// All of them at once; nil when they are few, or too many together.
  private let set: ExpressionSet?

  /// Fewer are tried one after another.
  static let fewest = 4
  /// As many are looked for at once: the more there are, the more of the memory a step takes.
  private static let most = 256

  static func make(_ rules: [Int32], _ rows: [RedirectTable.Row], _ details: [RuleDetail]) -> [ExpressionGroup] {
    let count = (rules.count + most - 1) / most
    return (0..<count).map { group in
      ExpressionGroup(Array(rules[(group * most)..<min((group + 1) * most, rules.count)]), rows, details, setBytes: min(setsBytes / count, largestSetBytes))
    }
  }

  private init(_ rules: [Int32], _ rows: [RedirectTable.Row], _ details: [RuleDetail], setBytes: Int) {
    self.rules = rules
    least = rules[0]
    var expressions: [Expression] = [], patterns: [[UInt8]] = [], ignoresCase = false
    for rule in rules {
      let detail = details[Int(rows[Int(rule)].detail)]
      guard case .regex(let expression) = detail.pattern else { continue }
      expressions.append(expression)
      patterns.append(Array(detail.rule.from.utf8))
      ignoresCase = detail.rule.ignoresCase
    }
    self.expressions = expressions
    set = rules.count < Self.fewest ? nil : ExpressionSet(patterns, ignoresCase: ignoresCase, memory: setBytes)
  }
  /// The memory of all sets of a view, and the most of one, in bytes.
  private static let setsBytes = 128 << 20, largestSetBytes = 8 << 20

  /// Looks for a rule before `best`.
  func search(_ path: Span<UInt8>, _ best: inout Int32, _ admits: (Int32) -> Bool) {
    if let set, let found = set.matches(path) {
      for place in found where rules[place] < best && admits(rules[place]) { best = rules[place] }
      return
    }
    for place in rules.indices where rules[place] < best && expressions[place].matches(path) && admits(rules[place]) { best = rules[place] }
  }
}
