// Owns: what the metrics page shows of the function tier. Values from elsewhere; pure. Documentation/observability.md repeats the words; a test
// keeps the two the same.

/// The numbers of the function tier at one moment.
public struct FunctionTierFacts: Sendable {
  /// One function's.
  public struct Function: Sendable {
    /// Its name.
    public var name: String
    /// Invocations by how they ended, in the order of ``FunctionTierFacts/results``.
    public var results: [UInt64]
    /// By ``Sum``.
    public var sums: [Sum: UInt64] = [:]
    /// By ``Level``.
    public var levels: [Level: Int] = [:]

    /// A function.
    public init(name: String, results: [UInt64]) {
      self.name = name
      self.results = results
    }
  }

  /// What is counted of each function.
  public enum Sum: String, CaseIterable, Sendable {
    case duration = "duration_seconds_total", started = "started_total", coldStarts = "cold_starts_total", initializations = "initializations_total"
    case initialization = "initialization_seconds_total", droppedOutput = "dropped_output_bytes_total"

    var help: String {
      switch self {
      case .duration: "Time that invocations which were begun took; Lambda's Duration in sum."
      case .started: "Invocations that were begun."
      case .coldStarts: "Invocations that were their environment's first."
      case .initializations: "Environments that loaded the function."
      case .initialization: "Time that loading it took: Lambda's Init Duration in sum."
      case .droppedOutput: "Bytes of its output that were not kept: more than an invocation may write."
      }
    }
    /// Whether it is in microseconds, and shown in seconds.
    var isTime: Bool { self == .duration || self == .initialization }
  }

  /// What is there now, of each function.
  public enum Level: String, CaseIterable, Sendable {
    case concurrent = "concurrent_executions", mostConcurrent = "concurrent_executions_max", environments = "environments", peakMemory = "memory_max_bytes"
    case provisioned = "provisioned_environments", provisionedReady = "provisioned_environments_ready"

    var help: String {
      switch self {
      case .concurrent: "Invocations that run or wait: Lambda's ConcurrentExecutions."
      case .mostConcurrent: "The most there have been."
      case .environments: "Environments that have loaded the function, whatever its version."
      case .provisioned: "Environments that are to be kept always, of the versions that serve: provisionedConcurrency."
      case .provisionedReady: "Those of them that are up, counted once a second."
      case .peakMemory: "The most memory an environment of it has used: Lambda's Max Memory Used."
      }
    }
  }

  /// The words of ``Function/results``, and what they mean.
  public static let results: [(word: String, meaning: String)] = [
    ("succeeded", "the handler gave a result"),
    ("unhandled_error", "the handler threw, or its promise was rejected or never settled"),
    ("timed_out", "it took longer than its timeout; the environment was killed"),
    ("out_of_memory", "it used more memory than it has; the environment was killed"),
    ("exited", "its process ended"),
    ("initialization_error", "its code could not be loaded"),
    ("protocol_error", "it wrote to the runtime's file descriptor; the environment was killed"),
    ("response_too_large", "its result, or the event, was larger than 6 MiB"),
    ("throttled", "as many invocations ran as may"),
    ("disabled", "its reserved concurrency is 0"),
    ("not_started", "there was no environment for it: no such version, no sandbox, no room in time, or the proxy ended"),
  ]

  /// By name.
  public var functions: [Function] = []
  /// Environments of all functions and of none; those that are ready for a function.
  public var environments = 0, ready = 0
  /// Idle environments that are kept from running, and how often one has been.
  public var frozen = 0, froze: UInt64 = 0
  /// Invocations that a worker ran in an idle environment itself; answers to what was over.
  public var direct: UInt64 = 0, staleFrames: UInt64 = 0
  /// Programs that were ended because they did not ask for the next invocation in time after an answer.
  public var lingered: UInt64 = 0
  /// Sandboxes that have ended, in the order of ``ends``.
  public var ended = [UInt64](repeating: 0, count: FunctionTierFacts.ends.count)

  /// Why sandboxes end: the words in the metrics, and what they mean.
  public static let ends: [(word: StaticString, help: StaticString)] = [
    ("exited", "its program ended by itself"),
    ("killed", "it was killed: for a timeout, a protocol error, or because it was not needed any more"),
    ("out_of_memory", "it, or a process of it, used more than its memory"),
    ("not_started", "its program could not be started"),
    ("abandoned", "the process that starts sandboxes ended, and all its sandboxes with it"),
    ("out_of_watches", "it held more than 65,536 epoll watches when the proxy's user, which it shares, had none left"),
  ]

  /// Functions that a reload changed and that were loaded before they served, in the order of ``trialOutcomes``.
  public var trials = [UInt64](repeating: 0, count: FunctionTierFacts.trialOutcomes.count)

  /// What comes of them: the words in the metrics, and what they mean.
  public static let trialOutcomes: [(word: StaticString, help: StaticString)] = [
    ("loaded", "it loads, and its first environment is there when the reload is taken up"),
    ("failed", "it does not load, or not in time: the reload is refused"),
    ("omitted", "it was not tried, for no fault of its own: there was no room, no sandbox, or its reserved concurrency is 0"),
  ]

  /// How often a limit of the Runtime API was reached, in the order of ``apiLimits``.
  public var apiLimitsReached = [UInt64](repeating: 0, count: FunctionTierFacts.apiLimits.count)

  /// Limits of the Runtime API: the words in the metrics, and what is done at them.
  public static let apiLimits: [(word: StaticString, help: StaticString)] = [
    ("connections", "close: an environment has 16 connections to it already"),
    ("bodies", "413: bodies of more than 7 MiB at once, of all connections of an environment; an answer of this size has failed"),
    ("discarded_body", "413, then close: more than 64 MiB of a body that there was no room for"),
    ("unread_answers", "close: it was asked on without its answers being read"),
  ]

  /// Numbers to be filled in.
  public init() {}

  static let prefix = "skerry_lambda_"
  static let invocations = (name: "skerry_lambda_invocations_total", help: "Invocations of functions of the function tier by how they ended; functions never invoked are left out.")
  static let ended = (name: "skerry_lambda_sandbox_ends_total", help: "Sandboxes of the function tier that have ended, by cause.")
  static let trials = (name: "skerry_lambda_trials_total", help: "Functions that a reload changed and that were loaded before they served, by what came of it.")
  static let apiLimit = (name: "skerry_lambda_runtime_api_limits_reached_total", help: "Times that an environment of a provided runtime reached a limit of its Runtime API.")
  static let counters: [(name: String, help: String)] = [
    ("skerry_lambda_direct_total", "Invocations that a worker ran in an idle environment without the supervisor's thread."),
    ("skerry_lambda_stale_answers_total", "Answers of environments to invocations that were over."),
    ("skerry_lambda_freezes_total", "Idle environments that were frozen: functionTier.freezeAfter."),
    ("skerry_lambda_lingering_total", "Programs of provided runtimes that were ended because, after an answer, they did not ask for the next invocation within the function's timeout."),
  ]
  static let totals: [(name: String, help: String)] = [
    ("skerry_lambda_sandboxes", "Sandboxes of the function tier, those included that are ready for any function or are ending."),
    ("skerry_lambda_sandboxes_ready", "Sandboxes that are ready for a function and have none yet."),
    ("skerry_lambda_sandboxes_frozen", "Sandboxes that are frozen, counted once a second."),
  ]

  static func render(_ facts: FunctionTierFacts?, _ page: inout PrometheusText) {
    let all: [Function] = facts?.functions ?? []
    let seen = all.filter { function in function.results.contains { $0 > 0 } }
    // A first invocation that still runs, and what is loaded for later ones, has no result yet.
    let there = all.filter { function in function.results.contains { $0 > 0 } || function.levels.values.contains { $0 > 0 } }
    page.family(invocations.name, .counter, invocations.help)
    for function in seen {
      for (result, count) in zip(results, function.results) { page.sample(invocations.name, [("function", function.name), ("outcome", result.word)], String(count)) }
    }
    for sum in Sum.allCases {
      page.family(prefix + sum.rawValue, .counter, sum.help)
      for function in seen {
        let value = function.sums[sum] ?? 0
        page.sample(prefix + sum.rawValue, [("function", function.name)], sum.isTime ? MetricsPage.decimal(value, places: 6) : String(value))
      }
    }
    for level in Level.allCases {
      page.family(prefix + level.rawValue, .gauge, level.help)
      for function in there { page.sample(prefix + level.rawValue, [("function", function.name)], String(function.levels[level] ?? 0)) }
    }
    for (total, value) in zip(totals, [facts?.environments, facts?.ready, facts?.frozen]) {
      page.family(total.name, .gauge, total.help)
      if let value { page.sample(total.name, [], String(value)) }
    }
    page.family(ended.name, .counter, ended.help)
    for (end, count) in zip(ends, facts?.ended ?? []) { page.sample(ended.name, [("cause", "\(end.word)")], String(count)) }
    page.family(trials.name, .counter, trials.help)
    for (outcome, count) in zip(trialOutcomes, facts?.trials ?? []) { page.sample(trials.name, [("outcome", "\(outcome.word)")], String(count)) }
    page.family(apiLimit.name, .counter, apiLimit.help)
    for (limit, count) in zip(apiLimits, facts?.apiLimitsReached ?? []) { page.sample(apiLimit.name, [("limit", "\(limit.word)")], String(count)) }
    for (counter, value) in zip(counters, [facts?.direct, facts?.staleFrames, facts?.froze, facts?.lingered]) {
      page.family(counter.name, .counter, counter.help)
      if let value { page.sample(counter.name, [], String(value)) }
    }
  }
}
