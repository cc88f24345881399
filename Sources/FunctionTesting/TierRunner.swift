// Invokes functions of the function tier with events, one after another, in sandboxes as the proxy's, in a folder of its own.
// Belongs to the thread that made it.
public import Distribution
import Foundation
public import FunctionTier
public import JSONText
import Synchronization

/// What one invocation came to, in the numbers of Lambda's REPORT line. A pure value.
public struct TierReport: Sendable {
  /// The handler's result; nil when there is none.
  public var output: JSONValue?
  /// The lines it wrote, without START, END and REPORT.
  public var logs: [String] = []
  /// `Type: message`, or what is wrong with what it returned; nil when all is well.
  public var error: String?
  /// What it took.
  public var report = InvocationReport()

  /// The object that `skerry invoke` prints.
  public var json: JSONValue {
    func milliseconds(_ duration: Duration) -> JSONValue {
      let hundredths = duration.components.seconds * 100_000 + duration.components.attoseconds / 10_000_000_000_000
      return .number("\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)")
    }
    return .object([
      "output": output ?? .null, "logs": .array(logs.map { .string($0) }), "error": error.map { .string($0) } ?? .null,
      "durationMilliseconds": milliseconds(report.duration), "billedDurationMilliseconds": .number(report.billedMilliseconds),
      "maxMemoryUsedMB": .number(report.maxMemoryUsedMB), "initDurationMilliseconds": report.initDuration.map(milliseconds) ?? .null,
    ])
  }
}

/// Invokes functions of the function tier.
public final class TierRunner {
  /// Bytes of a run's log that are kept.
  private static let logBytes = 1 << 20
  private let own: PrivateTier
  private var tier: FunctionTier { own.tier }
  private var prepared: (definitions: [FunctionDefinition], functions: [TierFunction?], problems: [FunctionTier.Problem]) = ([], [], [])

  /// A runner. Before the process has a second thread.
  /// - Throws: why nothing can be run here, in one sentence.
  public init() throws(FunctionSourceProblem) {
    do throws(TierFailure) { own = try PrivateTier() } catch { throw FunctionSourceProblem(text: error.description) }
  }

  deinit { own.end() }

  /// Takes up functions, which then can be run; in the place of those before.
  public func prepare(_ definitions: [FunctionDefinition]) {
    let ready = tier.prepare(definitions)
    tier.adopt(ready, log: nil)
    prepared = (definitions, ready.functions, ready.problems)
  }

  /// Invokes a function that has been prepared, and waits. What comes of an event of Lambda@Edge is judged as the proxy judges it.
  public func run(_ name: String, judging payload: [UInt8]) -> TierReport {
    var result = run(name, payload)
    guard result.error == nil else { return result }
    do throws(EventFailure) { _ = try EdgeEvent(payload: payload).output(result.output) } catch { result.error = error.sentence }
    return result
  }

  /// Invokes a function that has been prepared, and waits.
  func run(_ name: String, _ payload: [UInt8]) -> TierReport {
    var result = TierReport()
    guard let index = prepared.definitions.firstIndex(where: { $0.name == name }), prepared.functions.indices.contains(index), let function = prepared.functions[index] else {
      result.error = prepared.problems.first { prepared.definitions.indices.contains($0.index) && prepared.definitions[$0.index].name == name }?.text ?? "it could not be prepared"
      return result
    }
    let answer = Answer()
    tier.invoke(function, Invocation(payload: payload, logTailBytes: Self.logBytes)) { answer.give($0) }
    let outcome = answer.wait()
    result.report = outcome.report
    result.logs = outcome.report.functionLines
    switch outcome {
    case .result(let json, _):
      do throws(JSONFailure) { result.output = try JSONValue(parsing: json.span, replacesHalfPairs: true) } catch { result.error = "what the function returned cannot be shown: \(error.text)" }
    case .failed(let failure, _): result.error = failure.errorType.isEmpty ? failure.errorMessage : "\(failure.errorType): \(failure.errorMessage)"
    }
    return result
  }

  /// Where the calling thread waits for the supervisor's.
  private final class Answer: Sendable {
    private let outcome = Mutex<InvocationOutcome?>(nil)
    private let semaphore = DispatchSemaphore(value: 0)

    func give(_ value: InvocationOutcome) {
      outcome.withLock { $0 = value }
      semaphore.signal()
    }

    func wait() -> InvocationOutcome {
      while true {
        semaphore.wait()
        if let value = outcome.withLock({ $0 }) { return value }
      }
    }
  }
}
