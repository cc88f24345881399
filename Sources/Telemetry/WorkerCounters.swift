// Owns: one worker's numbers. Confined to the worker's thread: plain additions, no atomics, no locks. The metrics page hops to each worker,
// takes a `WorkerSnapshot` there and merges the snapshots (MetricsPage.swift).
//
// The cells are one raw array: cases of the enums are its indices, so an addition is one instruction and cannot miss.

/// A worker's counters, gauges and histograms.
@safe public final class WorkerCounters {
  /// Requests are kept by the first digit of their status; 0 stands for "the viewer left before one was sent".
  static let statusClasses = 6
  /// Kept, because `allCases` makes an array each time.
  static let resultTypes = ResultType.allCases.count
  /// One behavior's share of the table of requests.
  static let requestCells = statusClasses * resultTypes
  @usableFromInline static let counterCount = Counter.allCases.count
  static let gaugeCount = Gauge.allCases.count
  /// An origin's histograms: connecting, and the first byte.
  @usableFromInline static var originHistograms: Int { @inlinable get { 2 } }

  @usableFromInline let counters: UnsafeMutableBufferPointer<UInt64>
  @usableFromInline let gauges: UnsafeMutableBufferPointer<Int64>
  @usableFromInline let histograms = Histograms(count: Histogram.allCases.count)
  /// By origin, the shared one last.
  @usableFromInline var origins: Histograms
  @usableFromInline private(set) var knownOrigins: Int
  private var requests: [UInt64]
  private var functions: FunctionTable
  private var cache: CacheTable
  /// By table of redirects; the last row is for all others.
  private var redirects: [RedirectTally]
  private var labels: MetricLabels

  /// - Parameters:
  ///   - labels: of the configuration the worker begins with.
  public init(labels: MetricLabels = MetricLabels()) {
    unsafe counters = .allocate(capacity: WorkerCounters.counterCount)
    unsafe gauges = .allocate(capacity: WorkerCounters.gaugeCount)
    unsafe counters.initialize(repeating: 0)
    unsafe gauges.initialize(repeating: 0)
    self.labels = labels
    knownOrigins = labels.origins.count
    origins = Histograms(count: (labels.origins.count + 1) * WorkerCounters.originHistograms)
    functions = FunctionTable(functions: labels.functions.count)
    cache = CacheTable(behaviors: labels.behaviors.count)
    redirects = Array(repeating: RedirectTally(), count: labels.redirectTables.count + 1)
    requests = []
    growRequests()
  }

  deinit {
    unsafe counters.deallocate()
    unsafe gauges.deallocate()
    histograms.deallocate()
    origins.deallocate()
  }

  /// Counts `amount` more.
  @inlinable @inline(__always)
  public func add(_ counter: Counter, _ amount: Int = 1) {
    unsafe counters[counter.rawValue] &+= UInt64(truncatingIfNeeded: amount)
  }

  /// Moves a gauge up or down.
  @inlinable @inline(__always)
  public func move(_ gauge: Gauge, by amount: Int) {
    unsafe gauges[gauge.rawValue] &+= Int64(truncatingIfNeeded: amount)
  }

  /// Records a duration; negative ones count as 0.
  @inlinable
  public func observe(_ histogram: Histogram, microseconds: Int) { histograms.observe(histogram.rawValue, microseconds: microseconds) }

  /// Records how long an origin took.
  /// - Parameter origin: its place among the labels; anything out of range counts as `other`.
  @inlinable
  public func observe(_ step: OriginStep, ofOrigin origin: Int, microseconds: Int) {
    let place = origin >= 0 && origin < knownOrigins ? origin : knownOrigins
    origins.observe(place &* WorkerCounters.originHistograms &+ step.rawValue, microseconds: microseconds)
  }

  /// Counts a finished request.
  /// - Parameters:
  ///   - behavior: its place among the labels; anything out of range counts as `other`.
  ///   - status: of the response; 0 when the viewer left before one was sent.
  public func countRequest(behavior: Int, status: Int, result: ResultType) {
    let known = behavior >= 0 && behavior < labels.behaviors.count
    let row = known ? behavior : labels.behaviors.count
    let statusClass = (1...5).contains(status / 100) ? status / 100 : 0
    requests[row * WorkerCounters.requestCells + statusClass * WorkerCounters.resultTypes + result.rawValue] &+= 1
  }

  /// Counts a run of a function, or that it was not run.
  /// - Parameters:
  ///   - function: its place among the labels; anything out of range counts as `other`.
  ///   - cost: what the run used; nil when there was none.
  public func countRun(_ function: Int, _ hook: FunctionHook, _ outcome: RunOutcome, _ cost: RunCost? = nil) {
    functions.count(function, hook, outcome, cost)
  }

  /// Counts what came of asking the cache for a request.
  /// - Parameters:
  ///   - behavior: its place among the labels; anything out of range counts as `other`.
  ///   - bytes: sent to the viewer.
  public func countCache(_ behavior: Int, _ outcome: CacheOutcome, bytes: Int) { cache.count(behavior, outcome, bytes: bytes) }

  /// Counts a request that a rule of a table of redirects answered.
  /// - Parameters:
  ///   - table: its place in `MetricLabels.redirectTables`; anything out of range counts as `other`.
  ///   - rule: its place among the table's `rules`.
  ///   - edition: tells one reading of the table's file from another.
  public func countRedirect(_ table: Int, rule: Int, of rules: Int, edition: Int) {
    let row = table >= 0 && table < redirects.count - 1 ? table : redirects.count - 1
    redirects[row].count(rule: rule, of: rules, edition: edition)
  }

  /// Takes the labels of a new configuration; they must be an extension of the present ones, otherwise nothing changes.
  public func adopt(_ newer: MetricLabels) {
    guard newer.extends(labels) else { return }
    cache.grow(to: newer.behaviors.count)
    functions.grow(to: newer.functions.count)
    origins.grow(to: (newer.origins.count + 1) * WorkerCounters.originHistograms, keepingLast: WorkerCounters.originHistograms)
    knownOrigins = newer.origins.count
    redirects.insert(contentsOf: repeatElement(RedirectTally(), count: newer.redirectTables.count - labels.redirectTables.count), at: redirects.count - 1)
    // The row of `other` stays the last one.
    let other = Array(requests.suffix(WorkerCounters.requestCells))
    requests.removeLast(WorkerCounters.requestCells)
    labels = newer
    growRequests()
    requests.replaceSubrange(requests.count - WorkerCounters.requestCells..<requests.count, with: other)
  }

  private func growRequests() {
    let wanted = (labels.behaviors.count + 1) * WorkerCounters.requestCells
    requests.append(contentsOf: repeatElement(0, count: wanted - requests.count))
  }

  /// A copy to send to whoever shows it. On the worker's thread.
  /// - Parameters:
  ///   - worker: the worker's number, shown as the label `worker` of gauges.
  public func snapshot(worker: Int) -> WorkerSnapshot {
    unsafe WorkerSnapshot(
      worker: worker, labels: labels, counters: Array(counters), gauges: Array(gauges), histograms: histograms.snapshot, origins: origins.snapshot,
      requests: requests, functions: functions, cache: cache, redirects: redirects)
  }
}

/// A worker's numbers at one moment.
public struct WorkerSnapshot: Sendable {
  /// The worker's number.
  public let worker: Int
  let labels: MetricLabels
  let counters: [UInt64]
  let gauges: [Int64]
  let histograms: [UInt64]
  let origins: [UInt64]
  let requests: [UInt64]
  let functions: FunctionTable
  let cache: CacheTable
  let redirects: [RedirectTally]

  /// A counter's value; for tests and `skerry status`.
  public subscript(_ counter: Counter) -> UInt64 { counters[counter.rawValue] }
  /// A gauge's value.
  public subscript(_ gauge: Gauge) -> Int64 { gauges[gauge.rawValue] }
  /// How often each rule of a table of redirects has answered on these workers, in the file's order, since the table was read.
  /// - Parameters:
  ///   - table: its name among `MetricLabels.redirectTables`.
  ///   - rules: how many it has.
  public static func redirectHits(_ table: String, rules: Int, _ workers: [WorkerSnapshot]) -> [UInt64] {
    let tallies = workers.compactMap { worker -> RedirectTally? in
      let place = worker.labels.redirectTables.names.firstIndex(of: table)
      return place.flatMap { worker.redirects.indices.contains($0) ? worker.redirects[$0] : nil }
    }
    return RedirectTally.hits(tallies, rules: rules)
  }
  /// How many durations a histogram holds.
  public func count(of histogram: Histogram) -> UInt64 {
    let start = histogram.rawValue * Histograms.cells
    return histograms[start..<start + Histograms.cells - 1].reduce(0, &+)
  }
}
