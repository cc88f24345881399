// Owns: GET /redirects of the admin address: how often each rule of each table of redirects has answered (Documentation/redirects.md). Pure.
import Distribution
import JSONText
import RedirectRules
import Telemetry

/// Per-rule counts of the tables that a configuration has.
struct RedirectsPage {
  /// Rules of one table that are listed, those that answered most.
  static let ruleLimit = 1_000

  /// The page: `tables`, each with its `rules`, how many of them `hit` anything, and their `hits`.
  static func json(_ configuration: Configuration, _ workers: [WorkerSnapshot]) -> JSONValue {
    var seen: Set<String> = []
    let definitions = configuration.distributions.flatMap { $0.behaviors.compactMap(\.redirects) }.filter { seen.insert($0.path).inserted }
    return .object(["tables": .array(definitions.map { table($0, WorkerSnapshot.redirectHits($0.name, rules: $0.table.count, workers)) })])
  }

  private static func table(_ definition: RedirectDefinition, _ hits: [UInt64]) -> JSONValue {
    let table = definition.table
    let hit = hits.indices.filter { hits[$0] > 0 }.sorted { (hits[$1], $0) < (hits[$0], $1) }
    let listed = hit.prefix(ruleLimit).map { index -> JSONValue in
      let rule = table.rule(index)
      return .object(["line": .number(rule.line), "from": .string(rule.from), "to": .string(rule.to), "hits": .number(Int(clamping: hits[index]))])
    }
    return .object([
      "table": .string(definition.name), "rules": .number(table.count), "hit": .number(hit.count), "answered": .number(Int(clamping: hits.reduce(0, &+))),
      "hits": .array(listed), "unlisted": .number(hit.count - listed.count),
    ])
  }
}
