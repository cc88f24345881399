// Runs functions with test events, one after another. Belongs to the thread that made it, like the isolates it keeps.
import JSONText
public import KeyValueStores
public import RewriteEngine

/// Runs functions and says what came of it.
public final class FunctionRunner {
  /// How often a run that was over its CPU limit is tried again: the first runs of a process find all caches cold.
  private static let retries = 2

  private let pool: IsolatePool

  /// A runner for the calling thread. Nil: the system has no timer left.
  public init?() {
    guard let pool = IsolatePool() else { return nil }
    self.pool = pool
  }

  /// Runs a function once.
  /// - Parameters:
  ///   - store: the key value store of this run; nil: the function's own.
  ///   - nowMilliseconds: what `Date.now()` gives: milliseconds since 1970.
  ///   - measurements: how many further runs are made only to see how little CPU time it can take.
  ///   - inspecting: whether to look if the run left anything behind; slow.
  public func run(
    _ code: FunctionCode, on event: TestEvent, store: KeyValueStore? = nil, nowMilliseconds: Int64, measurements: Int = 0,
    inspecting: Bool = false
  ) -> FunctionReport {
    let isolate: Isolate
    do throws(FunctionLoadError) { isolate = try pool.isolate(for: code) } catch {
      return FunctionReport(
        error: FunctionError(function: error.function, line: error.line, column: error.column, text: error.message))
    }
    var (report, nanoseconds) = runOnce(isolate, event, store, nowMilliseconds)
    for _ in 0..<measurements {
      let again = runOnce(isolate, event, store, nowMilliseconds)
      if again.nanoseconds < nanoseconds, (again.report.error == nil) == (report.error == nil) { nanoseconds = again.nanoseconds }
    }
    report.computeUtilization = Int(min(100, (nanoseconds * 100).dividedRoundingUp(by: max(1, code.limits.cpuNanoseconds))))
    if inspecting { report.leftNoState = isolate.isPristine }
    return report
  }

  /// Drops what was built for all functions but these.
  public func keep(_ functions: some Sequence<FunctionCode>) { pool.keep(Set(functions.map(\.id))) }

  private func runOnce(
    _ isolate: Isolate, _ event: TestEvent, _ store: KeyValueStore?, _ now: Int64
  ) -> (report: FunctionReport, nanoseconds: UInt64) {
    func run() -> Invocation {
      event.fill(isolate)
      if let store { isolate.use(store) }
      return isolate.run(nowMilliseconds: now)
    }
    var invocation = run()
    for _ in 0..<FunctionRunner.retries where invocation.failure == .cpuLimit { invocation = run() }
    defer { isolate.finish() }
    var report = FunctionReport(fuel: invocation.fuel)
    isolate.forEachLogLine { report.logs.append(String(copying: $0)) }
    switch invocation.outcome {
    case .request:
      report.takeOutput("request", isolate)
      report.origin = isolate.originChoice?.json
    case .response: report.takeOutput("response", isolate)
    case .executionError, .validationError:
      let position = isolate.errorPosition ?? (0, 0)
      report.error = FunctionError(
        function: isolate.code.name, line: position.line, column: position.column, text: isolate.withErrorText { String(copying: $0) })
    }
    return (report, invocation.cpuNanoseconds)
  }
}

extension FunctionReport {
  /// Takes what the function returned under `name`; `cookies` is always there, as in AWS's output.
  fileprivate mutating func takeOutput(_ name: String, _ isolate: Isolate) {
    do throws(JSONFailure) {
      let text = isolate.withOutput { Array(String(copying: $0).utf8) }
      guard var object = try JSONValue(parsing: text.span, replacesHalfPairs: true).object else { return }
      if object["cookies"] == nil { object["cookies"] = .object([:]) }
      output = .object([name: .object(object)])
    } catch {
      self.error = FunctionError(function: isolate.code.name, text: "what the function returned cannot be shown: \(error.text)")
    }
  }
}

extension String {
  /// The text of some bytes, with replacement characters for what is not UTF-8.
  fileprivate init(copying bytes: Span<UInt8>) {
    self = unsafe bytes.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
  }
}

extension UInt64 {
  fileprivate func dividedRoundingUp(by divisor: UInt64) -> UInt64 { self / divisor + (self % divisor == 0 ? 0 : 1) }
}
