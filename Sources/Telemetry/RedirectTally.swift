// Owns: what is counted of each table of redirects: how often a rule of it answered, by rule, and how the totals are shown. Rows of tables
// never move, as those of functions; counts by rule are bounded by the table and begin anew with another edition of it.

/// One worker's numbers of one table of redirects.
struct RedirectTally: Sendable {
  /// Requests answered, over all editions.
  private(set) var total: UInt64 = 0
  /// Times each rule of the present edition answered, in the file's order.
  private(set) var hits: [UInt32] = []
  private var edition = 0

  mutating func count(rule: Int, of rules: Int, edition: Int) {
    total &+= 1
    if edition != self.edition || hits.count != rules {
      hits = Array(repeating: 0, count: rules)
      self.edition = edition
    }
    if hits.indices.contains(rule) && hits[rule] < .max { hits[rule] += 1 }
  }

  // MARK: Showing

  static let redirects = (name: "skerry_redirects_total", help: "Requests that a rule of a table of redirects answered; tables never hit are left out.")
  static let rulesHit = (
    name: "skerry_redirect_rules_hit",
    help: "Rules of a table of redirects that have answered a request since the table was read. For which, see /redirects and skerry redirects coverage.")

  /// Totals by table over all workers; `tables` has a row for each worker.
  static func render(_ workers: [[RedirectTally]], names: [String], _ page: inout PrometheusText) {
    let rows = (names + ["other"]).enumerated().compactMap { index, name -> (name: String, total: UInt64, rules: Int)? in
      // The last row of every worker is `other`.
      let tallies = workers.compactMap { worker in index == names.count ? worker.last : index < worker.count - 1 ? worker[index] : nil }
      let total = tallies.reduce(0) { $0 &+ $1.total }
      return total == 0 ? nil : (name, total, rulesHit(tallies))
    }
    page.family(redirects.name, .counter, redirects.help)
    for row in rows { page.sample(redirects.name, [("table", row.name)], String(row.total)) }
    page.family(rulesHit.name, .gauge, rulesHit.help)
    for row in rows where row.name != "other" { page.sample(rulesHit.name, [("table", row.name)], String(row.rules)) }
  }

  /// Times each rule of the newest edition answered, over all workers: those that still count another edition, of another length, are left out.
  static func hits(_ tallies: [RedirectTally], rules: Int) -> [UInt64] {
    var sums = [UInt64](repeating: 0, count: rules)
    for tally in tallies where tally.hits.count == rules {
      for rule in 0..<rules { sums[rule] &+= UInt64(tally.hits[rule]) }
    }
    return sums
  }

  /// Rules hit on any worker: of the newest edition, which is that of most rules where workers differ for a moment.
  private static func rulesHit(_ tallies: [RedirectTally]) -> Int {
    let length = tallies.map(\.hits.count).max() ?? 0
    return (0..<length).count { rule in tallies.contains { rule < $0.hits.count && $0.hits[rule] > 0 } }
  }
}
