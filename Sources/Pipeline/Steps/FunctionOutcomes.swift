// What a run of a function came to: the answer when it failed (spec/cloudfront-functions.md, 5), what is counted, logged and told of it.
import Distribution
import HTTPWire
import RewriteEngine
import Telemetry
import Transport

extension Worker {
  // MARK: What went wrong

  /// 503 for what threw or ran over a limit, 502 for what returned the wrong thing.
  func failed(_ run: Invocation, _ exchange: inout Exchange) -> Response {
    if run.outcome == .validationError { return invalid(&exchange) }
    return functionError(&exchange, 503, .functionExecutionError, Self.couldNotRun)
  }

  private static let couldNotRun = "The CloudFront function associated with the distribution is invalid or could not run."

  /// What it returned, or the origin it chose, is not allowed; the page says what.
  func invalid(_ exchange: inout Exchange) -> Response {
    let what = exchange.functions.last?.error ?? ""
    return functionError(&exchange, 502, .functionValidationError, "The CloudFront function returned an invalid value: \(what).")
  }

  /// Why a function is not to be run now, if it is not.
  /// - Parameter mayRun: false when too many wait for their turn (Turns.swift).
  func throttling(_ function: WorkerFunction, _ mayRun: Bool) -> Throttling? {
    mayRun ? function.throttle.isActive(now: loop.now) ? .stopped : nil : .crowded
  }

  /// It is not run.
  func throttled(_ function: WorkerFunction, _ hook: FunctionHook, _ reason: Throttling, _ exchange: inout Exchange) -> Response {
    if reason == .crowded { counters.add(.limitWaitingRuns) }
    counters.countRun(function.place, hook, .throttled)
    exchange.functions.append(FunctionReport(function, hook, .throttled, error: nil))
    return functionError(&exchange, 503, .functionThrottledError, "The CloudFront function is throttled: \(reason.explanation).")
  }

  /// So many requests for code that cannot be built throttle a function, where `throttleKills` is not less: it will not get better.
  private static let throttleLoads = 3

  /// It could not be built; asked for again, it is soon throttled (spec/cloudfront-functions.md, 5).
  func failedToLoad(_ error: FunctionLoadError, _ function: WorkerFunction, _ hook: FunctionHook, _ exchange: inout Exchange) -> Response {
    counters.countRun(function.place, hook, .loadError)
    noteStop(function, most: Self.throttleLoads)
    exchange.functions.append(FunctionReport(function, hook, .loadError, error: error.description))
    diagnostics.say(.error, key: "load \(function.code.name)", "the function could not be loaded: \(error.description)")
    return functionError(&exchange, 503, .functionExecutionError, Self.couldNotRun)
  }

  private func noteStop(_ function: WorkerFunction, most: Int = .max) {
    let limits = configuration.configuration.limits.rewriteEngine
    function.throttle.noteStop(now: loop.now, limit: min(limits.throttleKills, most), window: UInt64(limits.throttleWindow.milliseconds))
  }

  private func functionError(_ exchange: inout Exchange, _ status: Int, _ result: ResultType, _ reason: String) -> Response {
    let report = exchange.functions.last?.error
    var response = refuse(&exchange, status, reason)
    exchange.result = result
    exchange.detailedResult = result.word
    exchange.failure = report ?? reason
    response.isGenerated = true
    return response
  }

  // MARK: What is told

  /// Counts a run and keeps what it said and why it failed.
  /// - Parameter mistake: why what it chose makes it a validation error after all.
  func note(_ run: Invocation, _ isolate: Isolate, _ function: WorkerFunction, _ hook: FunctionHook, _ mistake: String?, _ exchange: inout Exchange) {
    let outcome = mistake == nil ? run.outcome(at: hook) : .validationError
    counters.observe(.functionCPU, microseconds: Int(run.cpuNanoseconds / 1000))
    counters.countRun(
      function.place, hook, outcome,
      RunCost(cpuNanoseconds: run.cpuNanoseconds, allowedNanoseconds: function.code.limits.cpuNanoseconds, fuel: run.fuel))
    if run.isRecalled { counters.add(.functionResultRecalled) }
    if run.forgotOthers { counters.add(.functionResultsForgotten) }
    if run.storeReads > 0 {
      counters.add(.storeRead, Int(run.storeReads))
      counters.add(.storeReadError, Int(run.storeReadErrors))
    }
    if outcome == .cpuLimit || outcome == .memoryLimit { noteStop(function) }
    if run.cpuNanoseconds >= Self.longRunNanoseconds, !run.isRecalled { lastLongTurn = loop.turn }
    let error = mistake ?? explanation(run, isolate, function)
    if let error { diagnostics.say(.error, key: "run \(function.code.name)", "\(hook.word) function \(function.code.name) failed: \(error)") }
    keepWords(isolate, exchange)
    let report = FunctionReport(function, hook, outcome, cpuMicroseconds: Int(run.cpuNanoseconds / 1000), error: error)
    exchange.functions.append(report)
    if let observer = exchange.observer {
      var logs: [String] = []
      isolate.forEachLogLine { logs.append($0.text) }
      observer.ran(report, fuel: run.fuel, logs: logs)
    }
  }

  /// Why a run failed, in the engine's words.
  private func explanation(_ run: Invocation, _ isolate: Isolate, _ function: WorkerFunction) -> String? {
    guard run.outcome == .executionError || run.outcome == .validationError else { return nil }
    let text = isolate.withErrorText { $0.text }
    guard let position = isolate.errorPosition else { return text }
    return "\(function.code.name):\(position.line):\(position.column): \(text)"
  }

  /// What the run gave to console.log goes to the function log; nothing when it said nothing.
  private func keepWords(_ isolate: Isolate, _ exchange: borrowing Exchange) {
    var hasBegun = false
    let id = exchange.site.site.id
    isolate.forEachLogLine { line in
      if !hasBegun { functionLog?.begin(requestID: exchange.id, distributionID: id.span) }
      hasBegun = true
      functionLog?.say(requestID: exchange.id, line)
    }
    if hasBegun { functionLog?.end(requestID: exchange.id) }
  }
}

/// Why a function is not run.
enum Throttling {
  /// It was stopped, or could not be built, again and again.
  case stopped
  /// Too many requests wait for their turn.
  case crowded

  var explanation: String {
    switch self {
    case .stopped: "it was stopped too often"
    case .crowded: "too many requests wait for functions that take long"
    }
  }
}

extension Invocation {
  /// How the run ended, as it is counted.
  fileprivate func outcome(at hook: FunctionHook) -> RunOutcome {
    switch (outcome, failure) {
    case (.request, _): .continued
    case (.response, _): hook == .viewerResponse ? .continued : .responded
    case (.validationError, _): .validationError
    case (_, .cpuLimit): .cpuLimit
    case (_, .memoryLimit): .memoryLimit
    case (_, .pendingPromise): .pendingPromise
    default: .executionError
    }
  }
}
