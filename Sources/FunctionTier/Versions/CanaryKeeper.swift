// Owns: taking canaries forward: their hooks, what their invocations have come to, and what follows from it. Looked after once a second on a
// thread that may block. Rule of the lock: held for a few additions.
import Distribution
import JSONText
import Synchronization
import Telemetry
import Transport

/// Canaries of a process that serves.
final class CanaryKeeper: Sendable {
  private struct State {
    /// By function, alias and version.
    var records: [String: Canary.Record] = [:]
    /// Hooks that have been asked and have not answered.
    var asked: Set<String> = []
  }

  private let store: VersionStore
  private let diagnostics: Diagnostics
  private let state = Mutex(State())
  private let helper: BlockingPool

  /// - Throws: ``IOFailure`` when the system gives no descriptor.
  init(_ store: VersionStore, _ diagnostics: Diagnostics) throws(IOFailure) {
    self.store = store
    self.diagnostics = diagnostics
    var settings = BlockingPool.Configuration()
    (settings.threads, settings.queueLimit) = (1, 16)
    helper = try BlockingPool(configuration: settings)
  }

  func stop() { helper.stop() }

  /// Has what is published read again: somebody has changed it.
  /// - Parameter done: called on the thread that has read it.
  func reread(_ done: @escaping @Sendable () -> Void) {
    _ = helper.submit { [self] in
      do throws(CodeProblem) { try store.readAll() } catch { return diagnostics.say(.error, key: "versions", "functions: \(error.text)") }
      done()
    }
  }

  /// An invocation of a canary is over.
  func note(_ outcome: InvocationOutcome, _ function: String, _ alias: String, _ version: String) {
    var failed = false
    if case .failed(let failure, _) = outcome {
      if case .throttled = failure.kind { return }
      failed = true
    }
    let milliseconds = Double(outcome.report.duration.microseconds) / 1_000
    let key = "\(function):\(alias):\(version)"
    let record = state.withLock { state in
      state.records[key, default: Canary.Record()].note(failed: failed, milliseconds: milliseconds)
      return state.records[key]
    }
    // What fails is not kept for the rest of the second.
    guard failed || milliseconds > 0 && (record?.invocations ?? 0) % Self.lookEach == 0, let record,
      let canary = store.versions(of: function).alias(alias)?.canary, String(canary.version) == version,
      let step = canary.step(record, now: Timestamp.now.milliseconds), step.isLast, state.withLock({ $0.asked.insert(key).inserted })
    else { return }
    advance(function, alias, canary, step) { [self] in _ = state.withLock { $0.asked.remove(key) } }
  }
  /// A canary's durations are looked at after so many invocations, if not once a second.
  private static let lookEach = 16

  /// Looks after all canaries. About once a second; cheap when there is none.
  /// - Parameter invoke: invokes a function by its name.
  func look(_ invoke: @escaping @Sendable (String, [UInt8], @escaping @Sendable (InvocationOutcome) -> Void) -> Void) {
    for versions in store.all {
      for alias in versions.aliases {
        guard let canary = alias.canary else { continue }
        let key = "\(versions.function):\(alias.name):\(canary.version)", now = Timestamp.now.milliseconds
        switch canary.phase {
        case .before: ask(canary.before, .shift(until: now + canary.milliseconds), versions.function, alias.name, canary, invoke)
        case .after: ask(canary.after, .promote, versions.function, alias.name, canary, invoke)
        case .shifting:
          let record = state.withLock { $0.records[key] } ?? Canary.Record()
          if let step = canary.step(record, now: now) { advance(versions.function, alias.name, canary, step) }
        }
      }
    }
  }

  /// Asks a hook; without one, goes on.
  private func ask(
    _ hook: String?, _ next: Canary.Step, _ function: String, _ alias: String, _ canary: Canary,
    _ invoke: (String, [UInt8], @escaping @Sendable (InvocationOutcome) -> Void) -> Void
  ) {
    guard let hook else { return advance(function, alias, canary, next) }
    let key = "\(function):\(alias):\(canary.version):\(canary.phase)"
    guard state.withLock({ $0.asked.insert(key).inserted }) else { return }
    let event: JSONObject = [
      "function": .string(function), "alias": .string(alias), "version": .number(canary.version), "phase": .string(canary.phase.rawValue),
    ]
    invoke(hook, Array(JSONValue.object(event).compact.utf8)) { [self] outcome in
      var step = next
      if case .failed(let failure, _) = outcome { step = .rollBack("the hook \(hook) failed: \(failure.errorType): \(failure.errorMessage)") }
      advance(function, alias, canary, step) { [self] in _ = state.withLock { $0.asked.remove(key) } }
    }
  }

  /// Takes a canary a step further, if it is still the one that was looked at: a hook may take long, and another canary may have been begun meanwhile.
  private func advance(_ function: String, _ alias: String, _ canary: Canary, _ step: Canary.Step, then done: @escaping @Sendable () -> Void = {}) {
    let refusal = helper.submit { [self] in
      defer { done() }
      let time = String(decoding: Timestamp.now.text, as: UTF8.self)
      var isItsTurn = false
      do throws(CodeProblem) {
        try store.change(function) { versions in
          isItsTurn = versions.alias(alias)?.canary == canary
          versions.advance(alias, step, of: canary, at: time)
        }
      } catch { return diagnostics.say(.error, key: "canary", "functions: a canary cannot go on: \(error.text)") }
      guard isItsTurn else { return }
      // What an earlier one came to that somebody has ended says nothing of this one.
      if step != .checkAfter { state.withLock { state in state.records = state.records.filter { !$0.key.hasPrefix("\(function):\(alias):") } } }
      guard step.isLast else { return }
      if let said = store.versions(of: function).alias(alias)?.lastCanary { diagnostics.say(.warning, "function \(function), alias \(alias): \(said)") }
    }
    if refusal != nil { done() }   // it is looked at again in a second
  }
}
