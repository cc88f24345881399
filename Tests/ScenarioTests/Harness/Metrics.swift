// The program's counters, read from its Prometheus page (text exposition format 0.0.4).

struct Metrics: Sendable {
  /// By name, or `name{label="value"}`, exactly as on the page.
  private(set) var values: [String: Double] = [:]

  init(page: String) throws {
    for line in page.split(separator: "\n") where !line.hasPrefix("#") {
      guard let space = line.lastIndex(of: " "), let value = Double(line[line.index(after: space)...]) else {
        throw ScenarioFailure("not a line of the Prometheus text format: \(line)")
      }
      values[String(line[..<space])] = value
    }
  }

  /// A series by its full name; by a bare name, or a name with only some labels, the sum of all series that carry
  /// them; 0 for one not seen yet.
  subscript(_ name: String) -> Double {
    if let value = values[name] { return value }
    let (metric, labels) = Metrics.split(name)
    return values.reduce(0) { sum, entry in
      let (otherMetric, otherLabels) = Metrics.split(entry.key)
      return metric == otherMetric && labels.isSubset(of: otherLabels) ? sum + entry.value : sum
    }
  }

  /// Whether any series of this metric is on the page at all.
  func has(_ metric: String) -> Bool { values.keys.contains { Metrics.split($0).0 == Metrics.split(metric).0 } }

  private static func split(_ name: String) -> (String, Set<String>) {
    guard let brace = name.firstIndex(of: "{") else { return (name, []) }
    let labels = name[name.index(after: brace)...].dropLast().split(separator: ",").map(String.init)
    return (String(name[..<brace]), Set(labels))
  }
}
