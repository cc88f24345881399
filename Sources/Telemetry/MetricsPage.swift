// Owns: the metrics page: merging the workers' snapshots and writing them in Prometheus' text format 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/) or as OpenMetrics 1.0 (https://prometheus.io/docs/specs/om/open_metrics_spec/).
// Pure: values in, text out.

/// What is the same for all workers.
public struct ProcessFacts: Sendable {
  /// Of the program, for `skerry_build_info`.
  public var build: BuildFacts
  /// When the process began.
  public var start: Timestamp
  /// User and system CPU time of the process so far.
  public var cpuMicroseconds: UInt64
  /// The access log's numbers; nil when there is none.
  public var accessLog: LogWriter.Statistics?
  /// The function log's numbers; nil when there is none.
  public var functionLog: LogWriter.Statistics?
  /// The diagnostics' numbers.
  public var diagnostics: LogWriter.Statistics?
  /// What is known of origins.
  public var origins: [OriginFacts] = []
  /// The cache's store; nil without one.
  public var cache: CacheFacts?
  /// The function tier; nil without one.
  public var tier: FunctionTierFacts?
  /// The queue of events for functions; nil without a function tier.
  public var events: EventFacts?
  /// What became of spans; nil without tracing.
  public var spans: SpanStatistics?
  /// Of the configuration; nil where there is none to reload.
  public var configuration: Configuration?

  /// How the last reload went.
  public struct Configuration: Sendable {
    /// Which configuration serves, from 1.
    public var generation: Int
    /// Whether the last reload took up what it found; true before the first.
    public var lastReloadSucceeded: Bool
    /// When the configuration that serves was taken up.
    public var lastSuccess: Timestamp

    /// The numbers of one moment.
    public init(generation: Int, lastReloadSucceeded: Bool, lastSuccess: Timestamp) {
      self.generation = generation
      self.lastReloadSucceeded = lastReloadSucceeded
      self.lastSuccess = lastSuccess
    }
  }

  /// The numbers of one moment.
  /// - Parameter build: of this program.
  public init(
    build: BuildFacts, start: Timestamp, cpuMicroseconds: UInt64, accessLog: LogWriter.Statistics? = nil,
    functionLog: LogWriter.Statistics? = nil, diagnostics: LogWriter.Statistics? = nil, spans: SpanStatistics? = nil
  ) {
    self.build = build
    self.start = start
    self.cpuMicroseconds = cpuMicroseconds
    self.accessLog = accessLog
    self.functionLog = functionLog
    self.diagnostics = diagnostics
    self.spans = spans
  }
}

/// The page that `/metrics` answers.
public enum MetricsPage {
  /// How the page is written.
  public enum Format: Sendable {
    /// Prometheus' text format 0.0.4.
    case prometheus
    /// OpenMetrics 1.0: what Prometheus asks for by itself.
    case openMetrics

    /// The format that an Accept header asks for, and any other header not.
    public init(accept: String) { self = accept.lowercased().contains("application/openmetrics-text") ? .openMetrics : .prometheus }

    /// The page's media type.
    public var contentType: StaticString {
      switch self {
      case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
      case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
      }
    }
  }

  /// Renders the page: sums of all workers, gauges per worker.
  public static func render(_ workers: [WorkerSnapshot], process: ProcessFacts, as format: Format = .prometheus) -> String {
    var page = PrometheusText(format)
    renderProcess(process, &page)
    renderCounters(workers, &page)
    renderRequests(workers, &page)
    // Labels only ever grow: the longest list holds all others.
    let names = workers.map(\.labels.functions.names).max { $0.count < $1.count } ?? []
    FunctionTable.render(workers.map(\.functions), names: names, &page)
    let behaviors = workers.map(\.labels.behaviors.names).max { $0.count < $1.count } ?? []
    CacheTable.render(workers.map(\.cache), labels: behaviors, &page)
    let tables = workers.map(\.labels.redirectTables.names).max { $0.count < $1.count } ?? []
    RedirectTally.render(workers.map(\.redirects), names: tables, &page)
    renderGauges(workers, &page)
    OriginFacts.render(process.origins, &page)
    CacheFacts.render(process.cache, &page)
    FunctionTierFacts.render(process.tier, &page)
    EventFacts.render(process.events, &page)
    renderHistograms(workers, &page)
    page.finish()
    return page.text
  }

  private static func renderProcess(_ process: ProcessFacts, _ page: inout PrometheusText) {
    let configuration = process.configuration
    let values: [([(String, String)], String?)] = [
      ([("version", process.build.version), ("commit", process.build.commit), ("swift", process.build.swift)], "1"),
      ([], seconds(process.start)),
      ([], decimal(process.cpuMicroseconds, places: 6)),
      ([], configuration.map { String($0.generation) }),
      ([], configuration.map { $0.lastReloadSucceeded ? "1" : "0" }),
      ([], configuration.map { seconds($0.lastSuccess) }),
    ]
    for (metric, (labels, value)) in zip(processMetrics, values) {
      page.family(metric.name, metric.type, metric.help)
      if let value { page.sample(metric.name, labels, value) }
    }
    let logs = [("access", process.accessLog), ("functions", process.functionLog), ("diagnostics", process.diagnostics)]
    for (name, help, value) in logMetrics {
      page.family(name, .counter, help)
      for case (let log, let statistics?) in logs { page.sample(name, [("log", log)], String(value(statistics))) }
    }
    page.family(SpanStatistics.name, .counter, SpanStatistics.help)
    if let spans = process.spans { for (outcome, _, value) in SpanStatistics.outcomes { page.sample(SpanStatistics.name, [("outcome", outcome)], String(value(spans))) } }
  }

  /// The metrics of the process itself: name, type, labels, HELP text.
  static let processMetrics: [(name: String, type: PrometheusText.Kind, labels: [String], help: String)] = [
    ("skerry_build_info", .gauge, ["version", "commit", "swift"], "The program that is running; always 1."),
    ("skerry_process_start_time_seconds", .gauge, [], "When the process began, in seconds since 1970."),
    ("skerry_process_cpu_seconds_total", .counter, [], "User and system CPU time of the process."),
    ("skerry_configuration_generation", .gauge, [], "Which configuration serves: 1 is that of the start."),
    ("skerry_last_reload_successful", .gauge, [], "Whether the last reload took up what it found: 1 or 0."),
    ("skerry_last_reload_success_timestamp_seconds", .gauge, [], "When the configuration that serves was taken up, in seconds since 1970."),
  ]

  private static func seconds(_ time: Timestamp) -> String { decimal(UInt64(max(time.milliseconds, 0)), places: 3) }

  /// The metrics of log writers: name, HELP text, value.
  static let logMetrics: [(name: String, help: String, value: @Sendable (LogWriter.Statistics) -> UInt64)] = [
    ("skerry_log_lines_written_total", "Log lines written.", { $0.linesWritten }),
    ("skerry_log_bytes_written_total", "Bytes of log written.", { $0.bytesWritten }),
    ("skerry_log_lines_dropped_total", "Log lines lost because the queue was full or shutdown ran out of time.", { $0.linesDropped }),
    ("skerry_log_lines_too_long_total", "Log lines lost because they were longer than a line may be.", { $0.linesTooLong }),
    ("skerry_log_write_errors_total", "Failed writes and reopenings of a log; the writer tries again.", { $0.writeErrors }),
  ]

  private static func renderCounters(_ workers: [WorkerSnapshot], _ page: inout PrometheusText) {
    for family in CounterFamily.allCases {
      page.family(family.rawValue, .counter, family.help)
      for counter in Counter.allCases where counter.description.family == family {
        let sum = workers.reduce(0) { $0 &+ $1[counter] }
        page.sample(family.rawValue, family.label.map { [($0, counter.description.label)] } ?? [], String(sum))
      }
    }
  }

  static let requestsName = "skerry_requests_total"
  static let requestsHelp = "Requests finished, by distribution, behavior, status class and result type; combinations never seen are left out."

  /// The longest of the workers' lists: labels only ever grow, so it holds all others.
  private static func longest<Label>(_ lists: [LabelList<Label>]) -> [Label] { lists.max { $0.count < $1.count }?.names ?? [] }

  /// The sums over workers of the cells of one label; nil is the place of `other`, which is every worker's last.
  private static func sums(
    _ workers: [WorkerSnapshot], _ label: Int?, width: Int, _ cells: (WorkerSnapshot) -> [UInt64], known: (WorkerSnapshot) -> Int
  ) -> [UInt64] {
    workers.reduce(into: [UInt64](repeating: 0, count: width)) { sums, worker in
      if let label, label >= known(worker) { return }
      let start = (label ?? known(worker)) * width, all = cells(worker)
      for cell in 0..<width { sums[cell] &+= all[start + cell] }
    }
  }

  private static func renderRequests(_ workers: [WorkerSnapshot], _ page: inout PrometheusText) {
    page.family(requestsName, .counter, requestsHelp)
    let labels = longest(workers.map(\.labels.behaviors))
    for row in 0...labels.count {
      let label = row < labels.count ? labels[row] : MetricLabels.Part("other", "other")
      let sums = sums(workers, row < labels.count ? row : nil, width: WorkerCounters.requestCells, \.requests) { $0.labels.behaviors.count }
      for statusClass in 0..<WorkerCounters.statusClasses {
        for result in ResultType.allCases {
          let sum = sums[statusClass * ResultType.allCases.count + result.rawValue]
          if sum == 0 { continue }
          let status = statusClass == 0 ? "000" : "\(statusClass)xx"
          page.sample(
            requestsName, [("distribution", label.distribution), ("behavior", label.name), ("status", status), ("result", "\(result.word)")], String(sum))
        }
      }
    }
  }

  private static func renderGauges(_ workers: [WorkerSnapshot], _ page: inout PrometheusText) {
    for gauge in Gauge.allCases {
      let (name, help) = gauge.description
      page.family(name, .gauge, help)
      for worker in workers { page.sample(name, [("worker", String(worker.worker))], String(worker[gauge])) }
    }
  }

  private static func renderHistograms(_ workers: [WorkerSnapshot], _ page: inout PrometheusText) {
    let width = Histograms.cells
    for histogram in Histogram.allCases where histogram.stepMeaning == nil {
      page.family(histogram.description.name, .histogram, histogram.description.help)
      renderHistogram(histogram.description.name, [], sums(workers, histogram.rawValue, width: width, \.histograms) { _ in .max }, &page)
    }
    let origins = originSums(workers)
    page.family(Histogram.stepName, .histogram, Histogram.stepHelp)
    for histogram in Histogram.allCases {
      guard let step = histogram.description.step else { continue }
      renderHistogram(Histogram.stepName, [("step", step)], sums(workers, histogram.rawValue, width: width, \.histograms) { _ in .max }, &page)
    }
    for step in OriginStep.allCases {
      let all = origins.reduce(into: [UInt64](repeating: 0, count: width)) { sums, origin in
        for cell in 0..<width { sums[cell] &+= origin.cells[step.rawValue * width + cell] }
      }
      renderHistogram(Histogram.stepName, [("step", step.step)], all, &page)
    }
    for step in OriginStep.allCases {
      page.family(step.description.name, .histogram, step.description.help)
      for (origin, cells) in origins {
        let own = Array(cells[step.rawValue * width..<(step.rawValue + 1) * width])
        if own.allSatisfy({ $0 == 0 }) { continue }
        renderHistogram(step.description.name, [("distribution", origin.distribution), ("origin", origin.name)], own, &page)
      }
    }
  }

  private static func originSums(_ workers: [WorkerSnapshot]) -> [(origin: MetricLabels.Part, cells: [UInt64])] {
    let labels = longest(workers.map(\.labels.origins))
    return (0...labels.count).map { place in
      let label = place < labels.count ? labels[place] : MetricLabels.Part("other", "other")
      let width = WorkerCounters.originHistograms * Histograms.cells
      return (label, sums(workers, place < labels.count ? place : nil, width: width, \.origins) { $0.labels.origins.count })
    }
  }

  private static func renderHistogram(_ name: String, _ labels: [(String, String)], _ cells: [UInt64], _ page: inout PrometheusText) {
    var cumulated: UInt64 = 0
    for (bucket, bound) in Histogram.boundsMicroseconds.enumerated() {
      cumulated &+= cells[bucket]
      page.sample(name + "_bucket", labels + [("le", decimal(bound, places: 6))], String(cumulated))
    }
    cumulated &+= cells[Histogram.boundsMicroseconds.count]
    page.sample(name + "_bucket", labels + [("le", "+Inf")], String(cumulated))
    page.sample(name + "_sum", labels, decimal(cells[cells.count - 1], places: 6))
    page.sample(name + "_count", labels, String(cumulated))
  }

  /// A number of thousandths or millionths as a decimal number without trailing zeros.
  static func decimal(_ value: UInt64, places: Int) -> String {
    var divisor: UInt64 = 1
    for _ in 0..<places { divisor *= 10 }
    var fraction = String(value % divisor)
    fraction = String(repeating: "0", count: places - fraction.count) + fraction
    while fraction.last == "0" { fraction.removeLast() }
    return fraction.isEmpty ? String(value / divisor) : "\(value / divisor).\(fraction)"
  }
}

/// Writes metrics in the text formats. Names are trusted; help texts and label values are escaped.
struct PrometheusText {
  enum Kind: String {
    case counter, gauge, histogram
  }

  private(set) var text = ""
  private let format: MetricsPage.Format

  init(_ format: MetricsPage.Format = .prometheus) { self.format = format }

  /// In OpenMetrics a family of counters is called without `_total`.
  mutating func family(_ name: String, _ kind: Kind, _ help: String) {
    let isBare = format == .openMetrics && kind == .counter && name.hasSuffix("_total")
    let name = isBare ? String(name.dropLast(6)) : name
    // Its HELP escapes quotation marks too.
    text += "# HELP \(name) \(PrometheusText.escape(help, quotes: format == .openMetrics))\n# TYPE \(name) \(kind.rawValue)\n"
  }

  /// Ends the page.
  mutating func finish() { if format == .openMetrics { text += "# EOF\n" } }

  mutating func sample(_ name: String, _ labels: [(String, String)], _ value: String) {
    text += name
    if !labels.isEmpty {
      text += "{" + labels.map { "\($0)=\"\(PrometheusText.escape($1, quotes: true))\"" }.joined(separator: ",") + "}"
    }
    text += " \(value)\n"
  }

  /// Backslash and line feed are escaped, in label values the quotation mark too.
  static func escape(_ text: String, quotes: Bool) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\"" where quotes: result += "\\\""
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
