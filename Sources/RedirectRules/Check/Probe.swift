// Owns: requests with which a running server is asked whether it has a table's rules: the example of each, and what is nearly for it and is not.
// What must be answered says the table itself, by the search that serves requests. Pure; any thread. 35,230 rules take well under a second.

/// A request about a rule, and what must be answered.
public struct RedirectProbe: Sendable {
  /// What must be answered.
  public enum Expectation: Sendable, Equatable {
    /// What a rule answers: a status and a Location, which is empty for refusals.
    case answer(status: Int, location: [UInt8])
    /// No rule is for it: anything but this, which the rule it nearly is for would answer.
    case anythingBut(status: Int, location: [UInt8])
  }
  /// The rule, by its place in the table.
  public var rule: Int
  /// Whether it is what the rule is for; a near miss otherwise.
  public var isOwn: Bool
  /// Path, and query without its `?`.
  public var path: [UInt8], query: [UInt8]?
  /// The rest of the request that rules look at.
  public var facts: RedirectFacts
  /// What must be answered.
  public var expectation: Expectation

  /// Why a rule cannot be asked for.
  public struct Untestable: Error, Sendable {
    /// In a few words.
    public let reason: String
    /// A reason.
    public init(reason: String) { self.reason = reason }
  }
}

extension RedirectTable {
  /// The requests about a rule: its example first, then its near misses.
  /// - Parameter base: who asks: host, scheme, country, as far as the asker cannot choose them.
  /// - Throws: ``RedirectProbe/Untestable`` when the rule's example is not answered by it, or there is none.
  public func probes(of rule: Int, _ base: RedirectFacts) throws(RedirectProbe.Untestable) -> [RedirectProbe] {
    guard let sample = Sample.make(self, rule).map({ $0.asked(by: base) }) else { throw .init(reason: "no example comes to mind") }
    let first = firstMatch(sample.path.span, sample.facts)
    guard first == rule else {
      throw .init(reason: first.map { "line \(line($0)) answers \(sample.target)" } ?? "its conditions cannot be met from here")
    }
    guard let own = probe(sample, about: rule, isOwn: true, nil) else { throw .init(reason: "its Location would be too long for \(sample.target)") }
    guard case .answer(let status, let location) = own.expectation else { throw .init(reason: "it answers nothing") }
    return [own] + sample.nearMisses(base).compactMap { probe($0, about: rule, isOwn: false, (status, location)) }
  }

  /// - Parameter other: what a near miss must not be answered with, where no rule is for it.
  private func probe(_ sample: Sample, about rule: Int, isOwn: Bool, _ other: (status: Int, location: [UInt8])?) -> RedirectProbe? {
    let expectation: RedirectProbe.Expectation
    if let match = firstMatch(sample.path.span, sample.facts) {
      let query = sample.query ?? []
      switch answer(match, sample.path.span, query: query.span, sample.facts) {
      case .redirect(let status, let location): expectation = .answer(status: status, location: location)
      case .refusal(let status): expectation = .answer(status: status, location: [])
      case .unfit: return nil
      }
    } else {
      guard let other else { return nil }
      expectation = .anythingBut(status: other.status, location: other.location)
    }
    return RedirectProbe(rule: rule, isOwn: isOwn, path: sample.path, query: sample.query, facts: sample.facts, expectation: expectation)
  }
}

extension Sample {
  /// Path and query.
  fileprivate var target: String { String(decoding: path, as: UTF8.self) + (query.map { "?" + String(decoding: $0, as: UTF8.self) } ?? "") }

  /// With what the asker cannot choose.
  fileprivate func asked(by base: RedirectFacts) -> Sample {
    var sample = self
    if sample.facts.host.isEmpty { sample.facts.host = base.host }
    if sample.facts.method.isEmpty { sample.facts.method = base.method }
    sample.facts.isSecure = base.isSecure
    sample.facts.country = base.country
    sample.facts.query = sample.query
    return sample
  }

  /// One character more, one less, another case, and without what conditions ask for. A rule may be for some of them too, or another rule.
  fileprivate func nearMisses(_ base: RedirectFacts) -> [Sample] {
    var misses: [Sample] = []
    func add(_ change: (inout Sample) -> Void) {
      var miss = self
      change(&miss)
      miss.facts.query = miss.query
      if miss.path != path || miss.query != query || miss.facts.host != facts.host || miss.facts.cookies != facts.cookies || miss.facts.languages != facts.languages {
        misses.append(miss)
      }
    }
    add { $0.path.append(UInt8(ascii: "x")) }
    if path.count > 2, path[path.count - 1] != UInt8(ascii: "%"), !path.suffix(3).contains(UInt8(ascii: "%")) { add { $0.path.removeLast() } }
    let isEncoded = path.contains(UInt8(ascii: "%"))
    if !isEncoded, let letter = path.lastIndex(where: { $0 | 0x20 >= 97 && $0 | 0x20 <= 122 }) { add { $0.path[letter] ^= 0x20 } }
    if !facts.cookies.isEmpty || !facts.languages.isEmpty || facts.host != base.host || query != nil {
      add { miss in
        miss.facts.host = base.host
        (miss.facts.cookies, miss.facts.languages, miss.query) = ([], [], nil)
      }
    }
    return misses
  }
}
