// Owns: how many environments are always kept, and of which versions: of what serves. Lambda's provisioned concurrency is configured on a version or
// an alias; here a function's number holds for the newest code, each version and each alias that the configuration associates.
// Pure but for looking code up in the store; who asks is FunctionTier, when a configuration is taken up and when something is published.
public import Distribution

/// What is to be kept of one function.
struct Provision: Sendable {
  var function: String
  var count: Int
  /// The function's reserved concurrency: more of it would never run.
  var reserved: Int?
  /// What associations name; nil for the newest code.
  var qualifiers: Set<String?>
  var newest: Resolution
  var tally: FunctionTally

  /// The versions that its qualifiers stand for now, with how many of each; `say` is told of one that cannot be had.
  func versions(_ revisions: RevisionTable, _ published: FunctionVersions, say: (String) -> Void) -> [(version: Resolution, count: Int)] {
    var counts: [Int: Int] = [:], found: [(Resolution, Int)] = []
    for qualifier in qualifiers {
      if let number = qualifier.flatMap({ Int($0) }) {
        counts[number] = max(counts[number] ?? 0, count)
      } else if let alias = qualifier.flatMap({ published.alias($0) }) {
        for (number, part) in Self.divide(count, alias.shares) { counts[number] = max(counts[number] ?? 0, part) }
      }
    }
    if qualifiers.contains(nil) || qualifiers.contains("$LATEST") { found.append((newest, count)) }
    for (number, count) in counts.sorted(by: { $0.key < $1.key }) {
      do throws(CodeProblem) { found.append((try revisions.resolution(published, number), count)) } catch { say(error.text) }
    }
    return found
  }

  /// Divides a number by shares: at least one for each, and otherwise as near to the shares as whole numbers are, the larger rest first.
  static func divide(_ count: Int, _ shares: [Int: Double]) -> [Int: Int] {
    let total = shares.values.reduce(0, +)
    guard count > 0, total > 0 else { return [:] }
    let exact = shares.mapValues { Double(count) * $0 / total }
    var parts = exact.mapValues { max(1, Int($0)) }
    func furthest(_ isBetter: (Double, Double) -> Bool, where may: (Int) -> Bool) -> Int? {
      parts.keys.sorted().filter(may).max { a, b in isBetter((exact[b] ?? 0) - Double(parts[b] ?? 0), (exact[a] ?? 0) - Double(parts[a] ?? 0)) }
    }
    while parts.values.reduce(0, +) < count, let next = furthest(>, where: { _ in true }) { parts[next, default: 0] += 1 }
    // Where the ones of small shares are too many, those with most give.
    while parts.values.reduce(0, +) > count, let next = furthest(<, where: { (parts[$0] ?? 0) > 1 }) { parts[next, default: 0] -= 1 }
    return parts
  }

  /// What all provisions come to, within the account's limit: earlier ones in the configuration have theirs first.
  static func plan(
    _ provisions: [Provision], limit: Int, _ revisions: RevisionTable, _ published: (String) -> FunctionVersions, say: (String) -> Void
  ) -> [ProvisionedVersion] {
    var plan: [ProvisionedVersion] = [], left = limit
    for provision in provisions where provision.count > 0 {
      var most = min(left, provision.reserved ?? left)
      let wanted = provision.versions(revisions, published(provision.function)) { say("function \(provision.function): no environments are kept: \($0)") }
      let sum = wanted.reduce(0) { $0 + $1.count }
      if sum > most { say("function \(provision.function): \(most) environments are kept instead of \(sum): \(most < left ? "its reserved concurrency" : "what functionTier.concurrency and functionTier.environments, of which a tenth stays for others, leave") is no more") }
      for (version, count) in wanted {
        let count = min(count, most)
        most -= count
        left -= count
        plan.append(ProvisionedVersion(version: version, tally: provision.tally, count: count))
      }
    }
    return plan
  }
}

/// How many environments are kept of one version.
struct ProvisionedVersion: Sendable {
  var version: Resolution
  var tally: FunctionTally
  var count: Int
}

extension FunctionAlias {
  /// The versions that it leads to, or is about to, with their shares. A canary's two are both there from its first hook to its last: either may be
  /// what serves next.
  var shares: [Int: Double] {
    if let canary, canary.phase == .after { return [version: 0, canary.version: 1] }
    // As version(at:) divides what lies between 0 and 1: a canary's is a part of each.
    let left = 1 - (canary?.share ?? 0), rest = max(0, 1 - weights.values.reduce(0, +))
    var shares = weights.mapValues { $0 * left }
    if rest > 1e-9 || canary != nil { shares[version] = rest * left }
    if let canary { shares[canary.version] = canary.share }
    return shares
  }
}

extension Configuration {
  /// What its behaviors associate of each function by name: versions, aliases, nil for the newest code.
  public var associatedQualifiers: [String: Set<String?>] {
    var found: [String: Set<String?>] = [:]
    for behavior in distributions.flatMap(\.behaviors) {
      for reference in HookPoint.allCases.compactMap({ behavior.functions[$0] }) { found[functions[reference.index].name, default: []].insert(reference.qualifier) }
    }
    return found
  }
}
