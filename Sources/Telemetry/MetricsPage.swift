// Owns: the metrics page: merging the workers' snapshots and writing them in Prometheus' text format 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/). Pure: values in, text out.

/// What is the same for all workers.
public struct ProcessFacts: Sendable {
  /// Of the program, for `skerry_build_info`.
  public var version: String
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
  /// - Parameter version: of this program.
  public init(
    version: String, start: Timestamp, cpuMicroseconds: UInt64, accessLog: LogWriter.Statistics? = nil,
    functionLog: LogWriter.Statistics? = nil, diagnostics: LogWriter.Statistics? = nil
  ) {
    self.version = version
    self.start = start
    self.cpuMicroseconds = cpuMicroseconds
    self.accessLog = accessLog
    self.functionLog = functionLog
    self.diagnostics = diagnostics
  }
}

/// The page that `/metrics` answers.
public enum MetricsPage {
  /// The page's media type.
  public static let contentType: StaticString = "text/plain; version=0.0.4; charset=utf-8"

  /// Renders the page: sums of all workers, gauges per worker.
  public static func render(_ workers: [WorkerSnapshot], process: ProcessFacts) -> String {
    var page = PrometheusText()
    renderProcess(process, &page)
    renderCounters(workers, &page)
    renderRequests(workers, &page)
    // Labels only ever grow: the longest list holds all others.
    let names = workers.map(\.labels.functions).max { $0.count < $1.count } ?? []
    FunctionTable.render(workers.map(\.functions), names: names, &page)
    let tables = workers.map(\.labels.redirectTables).max { $0.count < $1.count } ?? []
    RedirectTally.render(workers.map(\.redirects), names: tables, &page)
    renderGauges(workers, &page)
    renderHistograms(workers, &page)
    return page.text
  }

  private static func renderProcess(_ process: ProcessFacts, _ page: inout PrometheusText) {
    page.family("skerry_build_info", .gauge, "The program that is running; always 1.")
    page.sample("skerry_build_info", [("version", process.version)], "1")
    page.family("skerry_process_start_time_seconds", .gauge, "When the process began, in seconds since 1970.")
    page.sample("skerry_process_start_time_seconds", [], decimal(UInt64(max(process.start.milliseconds, 0)), places: 3))
    page.family("skerry_process_cpu_seconds_total", .counter, "User and system CPU time of the process.")
    page.sample("skerry_process_cpu_seconds_total", [], decimal(process.cpuMicroseconds, places: 6))
    if let configuration = process.configuration { renderConfiguration(configuration, &page) }
    let logs = [("access", process.accessLog), ("functions", process.functionLog), ("diagnostics", process.diagnostics)]
    for (name, help, value) in logMetrics {
      page.family(name, .counter, help)
      for case (let log, let statistics?) in logs { page.sample(name, [("log", log)], String(value(statistics))) }
    }
  }

  private static func renderConfiguration(_ configuration: ProcessFacts.Configuration, _ page: inout PrometheusText) {
    page.family("skerry_configuration_generation", .gauge, "Which configuration serves: 1 is that of the start.")
    page.sample("skerry_configuration_generation", [], String(configuration.generation))
    page.family("skerry_last_reload_successful", .gauge, "Whether the last reload took up what it found: 1 or 0.")
    page.sample("skerry_last_reload_successful", [], configuration.lastReloadSucceeded ? "1" : "0")
    page.family("skerry_last_reload_success_timestamp_seconds", .gauge, "When the configuration that serves was taken up, in seconds since 1970.")
    page.sample("skerry_last_reload_success_timestamp_seconds", [], decimal(UInt64(max(configuration.lastSuccess.milliseconds, 0)), places: 3))
  }

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
  static let requestsHelp = "Requests finished, by distribution, status class and result type; combinations never seen are left out."

  private static func renderRequests(_ workers: [WorkerSnapshot], _ page: inout PrometheusText) {
    page.family(requestsName, .counter, requestsHelp)
    // Labels only ever grow: the longest list holds all others.
    let labels = workers.map(\.labels.distributions).max { $0.count < $1.count } ?? []
    for (row, id) in (labels + ["other"]).enumerated() {
      let sums = workers.reduce(into: [UInt64](repeating: 0, count: WorkerCounters.requestCells)) { sums, worker in
        // The last row of every worker is `other`.
        let own = row == labels.count ? worker.labels.distributions.count : row
        guard row == labels.count || row < worker.labels.distributions.count else { return }
        for cell in sums.indices { sums[cell] &+= worker.requests[own * WorkerCounters.requestCells + cell] }
      }
      for statusClass in 0..<WorkerCounters.statusClasses {
        for result in ResultType.allCases {
          let sum = sums[statusClass * ResultType.allCases.count + result.rawValue]
          if sum == 0 { continue }
          let status = statusClass == 0 ? "000" : "\(statusClass)xx"
          page.sample(requestsName, [("distribution", id), ("status", status), ("result", "\(result.word)")], String(sum))
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
    for histogram in Histogram.allCases {
      let (name, help) = histogram.description
      page.family(name, .histogram, help)
      let start = histogram.rawValue * WorkerCounters.histogramCells
      let cells = (start..<start + WorkerCounters.histogramCells).map { cell in workers.reduce(0) { $0 &+ $1.histograms[cell] } }
      var cumulated: UInt64 = 0
      for (bucket, bound) in Histogram.boundsMicroseconds.enumerated() {
        cumulated &+= cells[bucket]
        page.sample(name + "_bucket", [("le", decimal(bound, places: 6))], String(cumulated))
      }
      cumulated &+= cells[Histogram.boundsMicroseconds.count]
      page.sample(name + "_bucket", [("le", "+Inf")], String(cumulated))
      page.sample(name + "_sum", [], decimal(cells[cells.count - 1], places: 6))
      page.sample(name + "_count", [], String(cumulated))
    }
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

/// Writes metrics in the text format. Names are trusted; help texts and label values are escaped.
struct PrometheusText {
  enum Kind: String {
    case counter, gauge, histogram
  }

  private(set) var text = ""

  mutating func family(_ name: String, _ kind: Kind, _ help: String) {
    text += "# HELP \(name) \(PrometheusText.escape(help, quotes: false))\n# TYPE \(name) \(kind.rawValue)\n"
  }

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
