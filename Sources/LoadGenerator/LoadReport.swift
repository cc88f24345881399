// Owns: what came of a load test, in numbers; how it is said is Report+Text, +JSON and +HTML's. Values.
import Histogram

/// What came of a load test.
public struct LoadReport: Sendable {
  /// Latencies of one kind, in nanoseconds.
  public struct Distribution: Sendable, Equatable {
    /// How many there are.
    public var count: UInt64
    public var minimum: UInt64, maximum: UInt64
    public var mean: Double, deviation: Double
    /// The largest latency of so many percent, by ``percents``.
    public var percentiles: [UInt64]
    /// Latencies and how many of each, the smallest first.
    public var buckets: [(value: UInt64, count: UInt64)]

    /// What reports tell of.
    public static let percents: [Double] = [50, 75, 90, 95, 99, 99.9, 99.99]

    /// The largest latency of so many percent; 0 without any.
    public func at(_ percent: Double) -> UInt64 {
      let wanted = max(1, UInt64((percent.nextDown / 100 * Double(count)).rounded(.up)))
      var seen: UInt64 = 0
      for bucket in buckets {
        seen += bucket.count
        if seen >= wanted { return bucket.value }
      }
      return maximum
    }

    public static func == (a: Distribution, b: Distribution) -> Bool {
      a.count == b.count && a.percentiles == b.percentiles && a.maximum == b.maximum && a.buckets.elementsEqual(b.buckets, by: ==)
    }
  }

  /// A rule of the file, and what was seen of it.
  public struct RuleOutcome: Sendable {
    public var line: Int
    public var from: String
    public var asked = 0, wrong = 0
    /// The fastest answer, in nanoseconds.
    public var fastest: UInt64 = 0
    /// Why it was not asked for.
    public var untested: String?
  }

  /// How the answers of two targets differ.
  public struct Difference: Sendable {
    /// Its line, 0 without one; and what it is for.
    public var line: Int
    public var from: String
    public var part: String
    public var count: Int
    public var request: String, first: String, second: String
  }

  /// When it ended, in UTC: `2026-11-22T00:34:42Z`.
  public let taken: String

  // What was asked.
  public let target: String, other: String?
  public let version: String
  public let connections: Int, streams: Int, workers: Int
  /// Requests a second that were asked for; nil for a closed loop.
  public let wantedRate: Double?
  public let isClosedLoop: Bool

  // What came.
  /// From the first request until the last was answered or given up, without the warm-up; and the warm-up.
  public let seconds: Double, warmUpSeconds: Double
  /// Requests that were measured, and those that were answered; answers of the warm-up, which are in neither.
  public let sent: Int, answered: Int, warmUp: Int, unsent: Int
  public let statuses: [(status: Int, count: Int)]
  public let failures: [(kind: String, count: Int, first: String)]
  public let bytesSent: Int, bytesReceived: Int, contentBytes: Int
  public let connectionsMade: Int, resent: Int
  public let latency: Distribution
  public let otherLatency: Distribution?
  /// How late the generator itself was; nil for a closed loop.
  public let lateness: Distribution?
  public let intervalMilliseconds: Int
  public let intervals: [LoadMonitor.Interval]
  /// Seconds of CPU time that the generator took.
  public let userSeconds: Double, systemSeconds: Double
  public let hops: [Int]
  public let wrong: Int
  public let wrongAnswers: [WrongAnswer]
  public let rulesFile: String
  public let rulesCount: Int
  /// Lines of rules that wrong answers are about, by the rule's place.
  let ruleLines: [Int: Int]
  /// Rules that were asked for at least once.
  public let testedRules: Int
  public let wrongRules: [RuleOutcome], slowRules: [RuleOutcome], untestedRules: [RuleOutcome]
  public let changedStatuses: [(change: String, count: Int)]
  public let skipped: [(reason: String, count: Int)]
  public let compared: Int, different: Int
  public let differences: [Difference]

  /// Answers a second.
  public var rate: Double { seconds > 0 ? Double(answered) / seconds : 0 }
  /// Requests that got no whole answer.
  public var failed: Int { failures.reduce(0) { $0 + $1.count } }
  /// Whether every answer came and was right.
  public var isGood: Bool { wrong == 0 && failed == 0 && different == 0 }
}

extension LoadReport.Distribution {
  init(_ latencies: Latencies) {
    count = latencies.totalCount
    minimum = count > 0 ? latencies.min : 0
    maximum = latencies.maxRecorded
    mean = count > 0 ? latencies.mean : 0
    deviation = count > 0 ? latencies.stdDeviation : 0
    percentiles = Self.percents.map { latencies.totalCount > 0 ? latencies.valueAtPercentile($0) : 0 }
    buckets = latencies.recordedValues().map { (min($0.value, latencies.maxRecorded), $0.count) }
  }
}

extension LoadReport {
  init(_ options: LoadOptions, _ plan: LoadPlan, _ tally: Tally, _ intervals: [LoadMonitor.Interval], workers: Int, start: UInt64, cpu: CPUUsage) {
    taken = Moment.now
    target = options.target.url(options.target.path)
    other = options.other.map { $0.url($0.path) }
    version = options.version.rawValue + (options.target.isSecure ? " over TLS" : "")
    connections = options.connections
    streams = options.streams
    self.workers = workers
    isClosedLoop = options.pace == .closed
    if case .rate(let rate) = options.pace { wantedRate = rate } else { wantedRate = nil }
    warmUpSeconds = Double(options.warmUpMilliseconds) / 1000
    seconds = max(0, (tally.end > start ? Double(tally.end - start) / 1e9 : 0) - warmUpSeconds)
    sent = tally.sent - tally.warmUp
    answered = tally.answered
    warmUp = tally.warmUp
    unsent = tally.unsent
    statuses = tally.statuses.enumerated().filter { $0.element > 0 }.map { ($0.offset, $0.element) }
    failures = LoadFailure.Kind.allCases.filter { tally.failures[$0.rawValue] > 0 }.map { ($0.word, tally.failures[$0.rawValue], tally.failureWords[$0.rawValue]) }
    bytesSent = tally.bytesSent
    bytesReceived = tally.bytesReceived
    contentBytes = tally.contentBytes
    connectionsMade = tally.connections
    resent = tally.resent
    latency = Distribution(tally.latencies)
    otherLatency = options.other == nil ? nil : Distribution(tally.otherLatencies)
    lateness = isClosedLoop ? nil : Distribution(tally.lateness)
    intervalMilliseconds = options.intervalMilliseconds
    self.intervals = intervals
    (userSeconds, systemSeconds) = (cpu.user, cpu.system)
    hops = options.followsRedirects ? tally.hops : []
    wrong = tally.wrong
    wrongAnswers = tally.wrongAnswers
    rulesFile = plan.rulesFile
    rulesCount = plan.rules.count
    ruleLines = Dictionary(tally.wrongAnswers.compactMap(\.rule).map { ($0, plan.rules[$0].line) }) { first, _ in first }
    let outcomes = Self.outcomes(plan, tally)
    testedRules = outcomes.count { $0.asked > 0 }
    wrongRules = outcomes.filter { $0.wrong > 0 }
    untestedRules = outcomes.filter { $0.untested != nil }
    slowRules = Self.slow(plan, tally, among: tally.latencies)
    changedStatuses = tally.changedStatuses.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { ($0.key, $0.value) }
    skipped = plan.skipped.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    compared = tally.differences.compared
    different = tally.differences.different
    differences = Self.differences(plan, tally.differences)
  }

  private static func outcomes(_ plan: LoadPlan, _ tally: Tally) -> [RuleOutcome] {
    zip(plan.rules, tally.rules).map { rule, seen in
      RuleOutcome(
        line: rule.line, from: rule.from, asked: Int(seen.asked), wrong: Int(seen.wrong), fastest: seen.fastest == .max ? 0 : seen.fastest, untested: rule.untested)
    }
  }

  private static func slow(_ plan: LoadPlan, _ tally: Tally, among all: Latencies) -> [RuleOutcome] {
    guard all.totalCount > 0 else { return [] }
    // Among few rules the slow one is the slowest hundredth itself.
    let isMany = plan.rules.count { $0.untested == nil } >= 100
    let limit = max(Double(all.valueAtPercentile(50)) * LoadOptions.slowRule.times, isMany ? Double(all.valueAtPercentile(99)) : 0)
    let slow = zip(plan.rules, tally.rules).filter { Int($1.timed) >= LoadOptions.slowRule.answers && $1.fastest != .max && Double($1.fastest) > limit }
    return slow.map { RuleOutcome(line: $0.line, from: $0.from, asked: Int($1.asked), wrong: Int($1.wrong), fastest: $1.fastest, untested: nil) }.sorted { $0.fastest > $1.fastest }
  }

  private static func differences(_ plan: LoadPlan, _ differences: Differences) -> [Difference] {
    differences.entries.map { key, entry in
      let rule = key.rule >= 0 ? plan.rules[key.rule] : nil
      return Difference(
        line: rule?.line ?? 0, from: rule?.from ?? "", part: key.part, count: entry.count, request: entry.request, first: entry.first, second: entry.second)
    }.sorted { ($0.line, $1.count, $0.part) < ($1.line, $0.count, $1.part) }
  }
}
