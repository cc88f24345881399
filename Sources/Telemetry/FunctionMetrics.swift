// Owns: what is counted of each function: how its runs can end, a worker's table of them, and how the table is shown.
// The table has a row for every function and event of the configuration, made when the configuration is taken up: counting a run is a few
// additions. Documentation/observability.md repeats the words; a test keeps the two the same.

/// The event that a function ran for, as a label.
public enum FunctionHook: Int, CaseIterable, Sendable {
  case viewerRequest, viewerResponse, originRequest, originResponse

  /// CloudFront's name of the event.
  public var word: StaticString {
    switch self {
    case .viewerRequest: "viewer-request"
    case .viewerResponse: "viewer-response"
    case .originRequest: "origin-request"
    case .originResponse: "origin-response"
    }
  }
}

/// How a run of a function ended (spec/cloudfront-functions.md, 5; spec/lambda-at-edge.md, 9).
public enum RunOutcome: Int, CaseIterable, Sendable {
  case continued, responded, validationError, executionError, cpuLimit, memoryLimit, timeout, pendingPromise, loadError, throttled

  /// The word in metrics and in the access log.
  public var word: StaticString {
    switch self {
    case .continued: "continued"
    case .responded: "responded"
    case .validationError: "validation_error"
    case .executionError: "execution_error"
    case .cpuLimit: "cpu_limit"
    case .memoryLimit: "memory_limit"
    case .timeout: "timeout"
    case .pendingPromise: "pending_promise"
    case .loadError: "load_error"
    case .throttled: "throttled"
    }
  }

  /// What it means, with the answer the viewer gets and the metric of CloudFront that counts it.
  public var meaning: String {
    switch self {
    case .continued: "returned a request or response that was used"
    case .responded: "made the answer itself"
    case .validationError: "502, FunctionValidationErrors or LambdaValidationError: returned something that is not allowed"
    case .executionError: "503, FunctionExecutionErrors or LambdaExecutionError: threw, its promise was rejected, or its process ended"
    case .cpuLimit: "503, FunctionExecutionErrors: used more CPU time than its limit"
    case .memoryLimit: "503, FunctionExecutionErrors or LambdaExecutionError: used more memory than its limit"
    case .timeout: "503, LambdaExecutionError: took longer than its timeout"
    case .pendingPromise: "503, FunctionExecutionErrors: its promise can never settle"
    case .loadError: "503, FunctionExecutionErrors or LambdaExecutionError: its code does not compile, its top-level code failed, or it could not be started"
    case .throttled: "503, FunctionThrottles: not run, because it was stopped or did not load too often (limits.rewriteEngine.throttleKills), or because too many long runs wait; LambdaLimitExceeded: as many run as may"
    }
  }
}

/// What one run used. A run never waits, so its CPU time is its duration.
public struct RunCost: Sendable {
  /// CPU time used, and allowed.
  public var cpuNanoseconds: UInt64, allowedNanoseconds: UInt64
  /// The engine's steps.
  public var fuel: UInt64

  /// What a run used.
  public init(cpuNanoseconds: UInt64, allowedNanoseconds: UInt64, fuel: UInt64) {
    self.cpuNanoseconds = cpuNanoseconds
    self.allowedNanoseconds = allowedNanoseconds
    self.fuel = fuel
  }
}

/// One worker's numbers of all functions. Rows of functions that are known never move; the last row is for all others.
struct FunctionTable: Sendable {
  /// Upper bounds of the buckets of compute utilisation, in percent, inclusive; a last one without bound follows. AWS's guidance bands
  /// end at 50, 70 and 100 (spec/cloudfront-functions.md, 8).
  static let bounds: [UInt64] = [5, 10, 25, 50, 70, 85, 100]

  // The cells of a row.
  private static let outcomes = RunOutcome.allCases.count
  private static let buckets = outcomes
  private static let sum = buckets + bounds.count + 1
  private static let nanoseconds = sum + 1
  private static let fuel = sum + 2
  private static let row = sum + 3
  private static let hooks = FunctionHook.allCases.count

  private var cells: [UInt64]
  private var functions: Int

  init(functions: Int) {
    self.functions = functions
    cells = Array(repeating: 0, count: (functions + 1) * Self.hooks * Self.row)
  }

  /// Makes room for more functions.
  mutating func grow(to count: Int) {
    guard count > functions else { return }
    let others = cells.suffix(Self.hooks * Self.row)
    let first = functions * Self.hooks * Self.row
    cells.replaceSubrange(first..., with: repeatElement(0, count: (count - functions) * Self.hooks * Self.row))
    cells.append(contentsOf: others)
    functions = count
  }

  private func start(_ function: Int, _ hook: FunctionHook) -> Int {
    let known = function >= 0 && function < functions ? function : functions
    return (known * Self.hooks + hook.rawValue) * Self.row
  }

  mutating func count(_ function: Int, _ hook: FunctionHook, _ outcome: RunOutcome, _ cost: RunCost?) {
    let start = start(function, hook)
    cells[start + outcome.rawValue] &+= 1
    guard let cost, cost.allowedNanoseconds > 0 else { return }
    let percent = cost.cpuNanoseconds * 100 / cost.allowedNanoseconds
    var bucket = 0
    while bucket < Self.bounds.count && Self.bounds[bucket] < percent { bucket += 1 }
    cells[start + Self.buckets + bucket] &+= 1
    cells[start + Self.sum] &+= cost.cpuNanoseconds * 1_000_000 / cost.allowedNanoseconds
    cells[start + Self.nanoseconds] &+= cost.cpuNanoseconds
    cells[start + Self.fuel] &+= cost.fuel
  }

  /// The sums over workers of one function and event; `function` is nil for the others.
  private static func sums(_ tables: [FunctionTable], _ function: Int?, _ hook: FunctionHook) -> [UInt64] {
    tables.reduce(into: [UInt64](repeating: 0, count: row)) { sums, table in
      if let function, function >= table.functions { return }
      let start = table.start(function ?? table.functions, hook)
      for cell in 0..<row { sums[cell] &+= table.cells[start + cell] }
    }
  }

  // MARK: Showing

  static let runs = (
    name: "skerry_function_runs_total",
    help: "Runs of functions by event and outcome. All but throttled are CloudFront's FunctionInvocations; pairs of function and event never seen are left out.")
  static let utilization = (
    name: "skerry_function_compute_utilization_ratio",
    help: "CloudFront's FunctionComputeUtilization: CPU time of a run, as a share of what it may use.")
  static let duration = (
    name: "skerry_function_duration_seconds_total", help: "CPU time of the runs of a function; as a run never waits, its duration.")
  static let steps = (name: "skerry_function_fuel_total", help: "Steps of the engine in the runs of a function: the same on every machine.")

  static func render(_ tables: [FunctionTable], names: [String], _ page: inout PrometheusText) {
    var seen: [(labels: [(String, String)], cells: [UInt64])] = []
    for (index, name) in (names + ["other"]).enumerated() {
      for hook in FunctionHook.allCases {
        let cells = sums(tables, index < names.count ? index : nil, hook)
        if cells[..<outcomes].contains(where: { $0 > 0 }) { seen.append(([("function", name), ("event", "\(hook.word)")], cells)) }
      }
    }
    page.family(runs.name, .counter, runs.help)
    for (labels, cells) in seen {
      for outcome in RunOutcome.allCases {
        page.sample(runs.name, labels + [("outcome", "\(outcome.word)")], String(cells[outcome.rawValue]))
      }
    }
    page.family(utilization.name, .histogram, utilization.help)
    for (labels, cells) in seen { renderUtilization(labels, cells, &page) }
    page.family(duration.name, .counter, duration.help)
    for (labels, cells) in seen { page.sample(duration.name, labels, MetricsPage.decimal(cells[nanoseconds], places: 9)) }
    page.family(steps.name, .counter, steps.help)
    for (labels, cells) in seen { page.sample(steps.name, labels, String(cells[fuel])) }
  }

  private static func renderUtilization(_ labels: [(String, String)], _ cells: [UInt64], _ page: inout PrometheusText) {
    var cumulated: UInt64 = 0
    for (bucket, bound) in bounds.enumerated() {
      cumulated &+= cells[buckets + bucket]
      page.sample(utilization.name + "_bucket", labels + [("le", MetricsPage.decimal(bound, places: 2))], String(cumulated))
    }
    cumulated &+= cells[buckets + bounds.count]
    page.sample(utilization.name + "_bucket", labels + [("le", "+Inf")], String(cumulated))
    page.sample(utilization.name + "_sum", labels, MetricsPage.decimal(cells[sum], places: 6))
    page.sample(utilization.name + "_count", labels, String(cumulated))
  }
}
