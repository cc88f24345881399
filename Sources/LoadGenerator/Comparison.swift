// Owns: two runs beside one another, from their JSON reports. Pure.
public import JSONText

/// What a report in JSON says of a run, as far as runs are compared.
public struct RecordedRun: Sendable {
  /// What was asked.
  public let target: String
  /// Answers a second; seconds of the generator's CPU time.
  let rate: Double
  let failed: Double, wrong: Double, answers: Double
  /// Milliseconds, by name.
  let latencies: [(name: String, value: Double)]
  /// Medians and rates of the parts of the time: what a run differs from itself by.
  let medians: [Double], rates: [Double]

  /// The latencies that are compared.
  static let names = ["min", "mean"] + LoadReport.Distribution.percents.map { "p" + LoadReport.percent($0) } + ["max"]

  /// Reads a report.
  /// - Throws: ``LoadProblem`` when it is none.
  public init(_ json: JSONValue) throws(LoadProblem) {
    guard json["skerryBench"]?.double == Double(LoadReport.formVersion), let latency = json["latency"], let target = json["target"]?.string else {
      throw LoadProblem("is no report of skerry bench --json")
    }
    self.target = target
    func number(_ value: JSONValue?) -> Double { min(max(value?.double ?? 0, 0), Self.most) }
    rate = number(json["answersPerSecond"])
    failed = number(json["failed"])
    wrong = number(json["wrong"])
    answers = number(json["answers"])
    latencies = Self.names.map { ($0, number(latency[$0])) }
    let parts = json["intervals"]?["list"]?.array ?? [], length = max(number(json["intervals"]?["milliseconds"]), 1)
    let lively = parts.dropFirst().dropLast().filter { ($0["answers"]?.double ?? 0) > 0 }
    medians = lively.compactMap { $0["p50"]?.double }.sorted()
    rates = lively.compactMap { $0["answers"]?.double.map { $0 * 1000 / length } }.sorted()
  }
  /// Whatever a file says: no number of a run is larger.
  private static let most = 1e12
}

/// Two runs beside one another.
public struct RunComparison: Sendable {
  /// One number of both.
  struct Row: Sendable {
    var name: String
    var before: Double, after: Double
    /// Half the distance between the quartiles of the parts of the time, of both runs the larger, in parts of the value; nil where nobody knows.
    var noise: Double?

    /// How much it grew; nil from nothing.
    var change: Double? { before > 0 ? after / before - 1 : nil }
    /// Whether it changed by more than a run differs from itself.
    var isMore: Bool { if let change, let noise { abs(change) > noise } else { false } }
  }
  let rows: [Row]
  private let targets: (String, String)

  /// Two runs, the earlier first.
  public init(_ before: RecordedRun, _ after: RecordedRun) {
    targets = (before.target, after.target)
    let rateNoise = Self.noise(before.rates, after.rates), medianNoise = Self.noise(before.medians, after.medians)
    rows = [Row(name: "answers/s", before: before.rate, after: after.rate, noise: rateNoise)]
      + zip(before.latencies, after.latencies).map { Row(name: $0.name, before: $0.value, after: $1.value, noise: $0.name == "p50" || $0.name == "mean" ? medianNoise : nil) }
      + [Row(name: "failed", before: before.failed, after: after.failed), Row(name: "wrong", before: before.wrong, after: after.wrong)]
  }

  private static func noise(_ first: [Double], _ second: [Double]) -> Double? {
    func spread(_ sorted: [Double]) -> Double? {
      guard sorted.count >= 8, case let middle = sorted[sorted.count / 2], middle > 0 else { return nil }
      return (sorted[sorted.count * 3 / 4] - sorted[sorted.count / 4]) / 2 / middle
    }
    guard let first = spread(first), let second = spread(second) else { return nil }
    return max(first, second)
  }

  /// A table in text, with a line's end.
  public var text: String {
    func cell(_ text: String) -> String { String(repeating: " ", count: max(1, 14 - text.count)) + text }
    func value(_ row: Row, _ number: Double) -> String {
      switch row.name {
      case "answers/s", "failed", "wrong": LoadReport.grouped(Int(number.rounded()))
      default: LoadReport.time(UInt64(max(0, number) * 1e6))
      }
    }
    var text = "before: \(targets.0)\nafter:  \(targets.1)\n\n" + "            " + ["before", "after", "change", "noise"].map(cell).joined() + "\n"
    for row in rows {
      let change = row.change.map { ($0 >= 0 ? "+" : "") + LoadReport.number($0 * 100) + " %" } ?? (row.before == row.after ? "" : "new")
      let noise = row.noise.map { "± " + LoadReport.number($0 * 100) + " %" } ?? ""
      text += row.name + String(repeating: " ", count: max(1, 12 - row.name.count)) + cell(value(row, row.before)) + cell(value(row, row.after)) + cell(change) + cell(noise)
        + (row.isMore ? "  *" : "") + "\n"
    }
    if rows.contains(where: \.isMore) { text += "\n* more than either run differs from itself\n" }
    return text
  }

  /// The same as JSON; latencies are milliseconds.
  public var json: JSONValue {
    .array(rows.map { row in
      .object([
        "name": .string(row.name), "before": LoadReport.number(row.before), "after": LoadReport.number(row.after),
        "change": row.change.map { LoadReport.number($0) } ?? .null, "noise": row.noise.map { LoadReport.number($0) } ?? .null, "isMoreThanNoise": .boolean(row.isMore),
      ])
    })
  }
}
