// Owns: one worker's numbers. Confined to the worker's thread: plain additions, no atomics, no locks. The metrics page hops to each worker,
// takes a `WorkerSnapshot` there and merges the snapshots (MetricsPage.swift).
//
// The cells are one raw array: cases of the enums are its indices, so an addition is one instruction and cannot miss.

/// The names behind numbers that the configuration defines. Places never move: a reload only appends, so that requests which began on the
/// old configuration still count in the right place.
public struct MetricLabels: Sendable, Equatable {
  /// Distributions that are told apart; further ones count together as `other`.
  public static let distributionLimit = 256

  /// Functions that are told apart; further ones count together as `other`.
  public static let functionLimit = 1_024

  /// Tables of redirects that are told apart; further ones count together as `other`.
  public static let redirectTableLimit = 256

  /// Distribution ids; a distribution's index is its place here.
  public private(set) var distributions: [String] = []
  /// Names of functions; a function's index is its place here.
  public private(set) var functions: [String] = []

  /// Names of tables of redirects; a table's index is its place here.
  public private(set) var redirectTables: [String] = []

  /// Labels in this order; what is beyond the limits counts together as `other`.
  public init(distributions: [String] = [], functions: [String] = []) {
    self.distributions = MetricLabels.appending(distributions, to: [], limit: MetricLabels.distributionLimit)
    self.functions = MetricLabels.appending(functions, to: [], limit: MetricLabels.functionLimit)
  }

  /// These labels and the ones of a new configuration.
  public func extended(with newer: [String], functions newerFunctions: [String] = [], redirectTables newerTables: [String] = []) -> MetricLabels {
    var labels = self
    labels.distributions = MetricLabels.appending(newer, to: distributions, limit: MetricLabels.distributionLimit)
    labels.functions = MetricLabels.appending(newerFunctions, to: functions, limit: MetricLabels.functionLimit)
    labels.redirectTables = MetricLabels.appending(newerTables, to: redirectTables, limit: MetricLabels.redirectTableLimit)
    return labels
  }

  /// The place of a distribution; the shared place after the last if it is unknown.
  public func index(ofDistribution id: String) -> Int { distributions.firstIndex(of: id) ?? MetricLabels.distributionLimit }

  /// The place of a function; the shared place after the last if it is unknown.
  public func index(ofFunction name: String) -> Int { functions.firstIndex(of: name) ?? MetricLabels.functionLimit }

  /// The place of a table of redirects; the shared place after the last if it is unknown.
  public func index(ofRedirectTable name: String) -> Int { redirectTables.firstIndex(of: name) ?? MetricLabels.redirectTableLimit }

  private static func appending(_ newer: [String], to known: [String], limit: Int) -> [String] {
    var result = known, names = Set(known)
    for name in newer where result.count < limit && names.insert(name).inserted { result.append(name) }
    return result
  }
}

/// A worker's counters, gauges and histograms.
@safe public final class WorkerCounters {
  /// Requests are kept by the first digit of their status; 0 stands for "the viewer left before one was sent".
  static let statusClasses = 6
  /// Kept, because `allCases` makes an array each time.
  static let resultTypes = ResultType.allCases.count
  /// One distribution's share of the table of requests.
  static let requestCells = statusClasses * resultTypes
  /// Buckets (with the unbounded one), then the sum in microseconds.
  @usableFromInline static let histogramCells = Histogram.boundsMicroseconds.count + 2
  @usableFromInline static let counterCount = Counter.allCases.count
  static let gaugeCount = Gauge.allCases.count
  static let histogramCount = Histogram.allCases.count

  @usableFromInline let counters: UnsafeMutableBufferPointer<UInt64>
  @usableFromInline let gauges: UnsafeMutableBufferPointer<Int64>
  @usableFromInline let histograms: UnsafeMutableBufferPointer<UInt64>
  @usableFromInline let bounds: UnsafeMutableBufferPointer<UInt64>
  private var requests: [UInt64]
  private var functions: FunctionTable
  /// By table of redirects; the last row is for all others.
  private var redirects: [RedirectTally]
  private var labels: MetricLabels

  /// - Parameters:
  ///   - labels: of the configuration the worker begins with.
  public init(labels: MetricLabels = MetricLabels()) {
    unsafe counters = .allocate(capacity: WorkerCounters.counterCount)
    unsafe gauges = .allocate(capacity: WorkerCounters.gaugeCount)
    unsafe histograms = .allocate(capacity: WorkerCounters.histogramCount * WorkerCounters.histogramCells)
    unsafe bounds = .allocate(capacity: Histogram.boundsMicroseconds.count)
    unsafe counters.initialize(repeating: 0)
    unsafe gauges.initialize(repeating: 0)
    unsafe histograms.initialize(repeating: 0)
    _ = unsafe bounds.initialize(from: Histogram.boundsMicroseconds)
    self.labels = labels
    functions = FunctionTable(functions: labels.functions.count)
    redirects = Array(repeating: RedirectTally(), count: labels.redirectTables.count + 1)
    requests = []
    growRequests()
  }

  deinit {
    unsafe counters.deallocate()
    unsafe gauges.deallocate()
    unsafe histograms.deallocate()
    unsafe bounds.deallocate()
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
  public func observe(_ histogram: Histogram, microseconds: Int) {
    let value = UInt64(max(microseconds, 0))
    var bucket = 0
    while unsafe bucket < bounds.count && bounds[bucket] < value { bucket += 1 }
    let start = histogram.rawValue * WorkerCounters.histogramCells
    unsafe histograms[start + bucket] &+= 1
    unsafe histograms[start + WorkerCounters.histogramCells - 1] &+= value
  }

  /// Counts a finished request.
  /// - Parameters:
  ///   - distribution: `MetricLabels.index(ofDistribution:)`; anything out of range counts as `other`.
  ///   - status: of the response; 0 when the viewer left before one was sent.
  public func countRequest(distribution: Int, status: Int, result: ResultType) {
    let known = distribution >= 0 && distribution < labels.distributions.count
    let row = known ? distribution : labels.distributions.count
    let statusClass = (1...5).contains(status / 100) ? status / 100 : 0
    requests[row * WorkerCounters.requestCells + statusClass * WorkerCounters.resultTypes + result.rawValue] &+= 1
  }

  /// Counts a run of a function, or that it was not run.
  /// - Parameters:
  ///   - function: `MetricLabels.index(ofFunction:)`; anything out of range counts as `other`.
  ///   - cost: what the run used; nil when there was none.
  public func countRun(_ function: Int, _ hook: FunctionHook, _ outcome: RunOutcome, _ cost: RunCost? = nil) {
    functions.count(function, hook, outcome, cost)
  }

  /// Counts a request that a rule of a table of redirects answered.
  /// - Parameters:
  ///   - table: `MetricLabels.index(ofRedirectTable:)`; anything out of range counts as `other`.
  ///   - rule: its place among the table's `rules`.
  ///   - edition: tells one reading of the table's file from another.
  public func countRedirect(_ table: Int, rule: Int, of rules: Int, edition: Int) {
    let row = table >= 0 && table < redirects.count - 1 ? table : redirects.count - 1
    redirects[row].count(rule: rule, of: rules, edition: edition)
  }

  /// Takes the labels of a new configuration; they must be an extension of the present ones, otherwise nothing changes.
  public func adopt(_ newer: MetricLabels) {
    guard newer.distributions.starts(with: labels.distributions), newer.functions.starts(with: labels.functions),
      newer.redirectTables.starts(with: labels.redirectTables)
    else { return }
    functions.grow(to: newer.functions.count)
    let more = newer.redirectTables.count - labels.redirectTables.count
    redirects.insert(contentsOf: repeatElement(RedirectTally(), count: max(more, 0)), at: redirects.count - 1)
    // The row of `other` stays the last one.
    let other = Array(requests.suffix(WorkerCounters.requestCells))
    requests.removeLast(WorkerCounters.requestCells)
    labels = newer
    growRequests()
    requests.replaceSubrange(requests.count - WorkerCounters.requestCells..<requests.count, with: other)
  }

  private func growRequests() {
    let wanted = (labels.distributions.count + 1) * WorkerCounters.requestCells
    requests.append(contentsOf: repeatElement(0, count: wanted - requests.count))
  }

  /// A copy to send to whoever shows it. On the worker's thread.
  /// - Parameters:
  ///   - worker: the worker's number, shown as the label `worker` of gauges.
  public func snapshot(worker: Int) -> WorkerSnapshot {
    unsafe WorkerSnapshot(
      worker: worker, labels: labels, counters: Array(counters), gauges: Array(gauges), histograms: Array(histograms), requests: requests,
      functions: functions, redirects: redirects)
  }
}

/// A worker's numbers at one moment.
public struct WorkerSnapshot: Sendable {
  let worker: Int
  let labels: MetricLabels
  let counters: [UInt64]
  let gauges: [Int64]
  let histograms: [UInt64]
  let requests: [UInt64]
  let functions: FunctionTable
  let redirects: [RedirectTally]

  /// A counter's value; for tests and `skerry status`.
  public subscript(_ counter: Counter) -> UInt64 { counters[counter.rawValue] }
  /// A gauge's value.
  public subscript(_ gauge: Gauge) -> Int64 { gauges[gauge.rawValue] }
  /// How many durations a histogram holds.
  public func count(of histogram: Histogram) -> UInt64 {
    let start = histogram.rawValue * WorkerCounters.histogramCells
    return histograms[start..<start + WorkerCounters.histogramCells - 1].reduce(0, &+)
  }
}
