// One invocation of a function of the tier as requests see it: waiting for it, the decision, or the answer when there is none
// (spec/lambda-at-edge.md, 9), and what is counted, logged and told of it.
import Distribution
import FunctionTier
import HTTPWire
import Telemetry
import Transport

/// Why a function of the tier gave no decision, and what the viewer gets instead.
struct TierRefusal: Error {
  let status: Int
  let result: ResultType
  /// The line of the error page.
  let page: String
  /// For the log.
  let text: String
  let outcome: RunOutcome

  /// What it returned is not allowed.
  init(_ failure: EventFailure) {
    (status, result, outcome) = (502, .lambdaValidationError, .validationError)
    page = failure.page
    text = failure.log
  }

  /// It returned nothing.
  init(_ failure: InvocationFailure) {
    text = failure.errorType.isEmpty ? failure.errorMessage : "\(failure.errorType): \(failure.errorMessage)"
    switch failure.kind {
    case .tooLarge:
      (status, result, outcome) = (502, .lambdaValidationError, .validationError)
      page = "The Lambda function result failed validation: The result exceeds the maximum size."
    case .throttled, .disabled:
      (status, result, outcome) = (503, .lambdaLimitExceeded, .throttled)
      page = "The Lambda function associated with the CloudFront distribution was throttled."
    default:
      (status, result) = (503, .lambdaExecutionError)
      page = "The Lambda function associated with the CloudFront distribution is invalid or doesn't have the required permissions."
      switch failure.kind {
      case .timedOut: outcome = .timeout
      case .outOfMemory: outcome = .memoryLimit
      case .initialization, .notStarted: outcome = .loadError
      default: outcome = .executionError
      }
    }
  }

  /// What it chose cannot be had.
  init(choice: String) {
    (status, result, outcome) = (502, .lambdaValidationError, .validationError)
    page = "The Lambda function result failed validation: The function returned an invalid origin."
    text = choice
  }
}

/// What came of an invocation.
enum TierAnswer {
  case decided(EventDecision)
  case failed(TierRefusal)
}

extension Worker {
  /// Invokes a function with an event and waits for its decision. The viewer may leave meanwhile: the function is not told.
  /// - Parameter follow: does what the decision asks for, or says why that cannot be.
  nonisolated(nonsending) func ask(
    _ hook: TierHook, _ event: inout Event, _ exchange: inout Exchange, follow: (EventDecision) -> TierRefusal? = { _ in nil }
  ) async -> TierAnswer {
    let start = monotonicNanoseconds()
    let outcome: InvocationOutcome
    if let function = hook.function {
      outcome = await function.call(Invocation(payload: event.payload(), logTailBytes: exchange.observer == nil ? 0 : Explanation.logBytes), on: loop)
    } else {
      outcome = .failed(InvocationFailure(.notStarted, errorType: "", errorMessage: "the function could not be prepared; skerry check says why"), InvocationReport())
    }
    let answer: TierAnswer
    switch outcome {
    case .failed(let failure, _): answer = .failed(TierRefusal(failure))
    case .result(let json, _):
      do throws(EventFailure) {
        let decision = try event.decision(on: json)
        answer = follow(decision).map { .failed($0) } ?? .decided(decision)
      } catch { answer = .failed(TierRefusal(error)) }
    }
    note(answer, hook, outcome.report, since: start, &exchange)
    return answer
  }

  /// The page that says what became of the function; custom error pages may replace it.
  func answer(_ failure: TierRefusal, _ exchange: inout Exchange) -> Response {
    let response = refuse(&exchange, failure.status, failure.page)
    exchange.result = failure.result
    exchange.detailedResult = failure.result.word
    exchange.failure = failure.text
    return response
  }

  // MARK: What is told

  func note(_ answer: TierAnswer, _ hook: TierHook, _ report: InvocationReport, since start: UInt64, _ exchange: inout Exchange) {
    let now = monotonicNanoseconds()
    let outcome: RunOutcome
    var error: String?
    switch answer {
    case .failed(let failure):
      (outcome, error) = (failure.outcome, failure.text)
      say(failure, hook, exchange)
    case .decided(.response): outcome = hook.point == .viewerRequest || hook.point == .originRequest ? .responded : .continued
    case .decided(.request): outcome = .continued
    }
    counters.countRun(hook.place, hook.event, outcome)
    counters.observe(hook.step, microseconds: Int(now - start) / 1000)
    let told = FunctionReport(hook, outcome, report, error: error)
    exchange.functions.append(told)
    if let observer = exchange.observer { observer.ran(told, fuel: nil, logs: report.functionLines) }
    if let trace = exchange.trace { trace.add(told, from: start, to: now) }
  }

  private func say(_ failure: TierRefusal, _ hook: TierHook, _ exchange: borrowing Exchange) {
    diagnostics.say(.error, key: "run \(hook.name)", "\(hook.point.rawValue) function \(hook.name) failed: \(failure.text)")
    guard failure.result == .lambdaValidationError else { return }
    functionLog?.note("(\(exchange.id.text)) ERROR Validation error: \(failure.text)".utf8.span)
  }
}

extension FunctionReport {
  /// A run of a function of the tier.
  init(_ hook: TierHook, _ outcome: RunOutcome, _ report: InvocationReport, error: String?) {
    name = hook.name
    self.hook = hook.event
    self.outcome = outcome
    cpuMicroseconds = 0
    self.error = error
    durationMicroseconds = Int(report.durationMicroseconds)
    isColdStart = report.isColdStart
    invocationID = report.requestID
  }
}
