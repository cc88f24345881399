// Owns: taking canaries forward: their hooks, what their invocations have come to, and what follows from it. Looked after once a second on a
// thread that may block; what is new then is on the disk (CanaryRecords). Rule of the lock: held for a few additions.
import Distribution
import JSONText
import Synchronization
import Telemetry
import Transport

/// Canaries of a process that serves.
final class CanaryKeeper: Sendable {
  private struct State {
    /// By function, alias and version.
    var tallies: [String: Tally] = [:]
    /// Hooks that have been asked and have not answered.
    var asked: Set<String> = []
    /// Whether those that have their share are being looked at.
    var isLooking = false
    var isStopped = false
  }

  /// What the invocations of one have come to.
  private struct Tally {
    /// Of which canary, by when it takes over; 0: of one that nobody has looked at yet.
    var until: Int64 = 0
    /// What the disk has, with what other processes have seen, as far as known; what it is getting; and what came since.
    var saved = Canary.Record(), leaving = Canary.Record(), fresh = Canary.Record()
    /// Whether the disk has been looked at.
    var isRead = false

    var all: Canary.Record {
      var all = saved
      all.add(leaving)
      all.add(fresh)
      return all
    }
  }

  private let store: VersionStore
  private let records: CanaryRecords
  private let diagnostics: Diagnostics
  private let state = Mutex(State())
  private let helper: BlockingPool

  /// - Parameter helper: a thread that may block.
  init(_ store: VersionStore, _ records: CanaryRecords, _ helper: BlockingPool, _ diagnostics: Diagnostics) {
    self.store = store
    self.records = records
    self.diagnostics = diagnostics
    self.helper = helper
  }

  /// Nothing goes on any more, and what has been seen until now is kept: what fails from now on does so because the process ends. After the helper has
  /// been stopped. Blocks.
  func stop() {
    state.withLock { $0.isStopped = true }
    for (function, alias, canary) in shifting where state.withLock({ ($0.tallies[Self.key(function, alias, canary)]?.fresh.invocations ?? 0) > 0 }) { _ = save(function, alias, canary) }
  }

  private static func key(_ function: String, _ alias: String, _ canary: Canary) -> String { "\(function):\(alias):\(canary.version)" }

  /// Those that have their share now.
  private var shifting: [(function: String, alias: String, canary: Canary)] {
    store.all.flatMap { versions in versions.aliases.compactMap { alias in alias.canary.flatMap { $0.phase == .shifting ? (versions.function, alias.name, $0) : nil } } }
  }

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
    let tally = state.withLock { state -> Tally? in
      if state.isStopped { return nil }
      state.tallies[key, default: Tally()].fresh.note(failed: failed, milliseconds: milliseconds)
      // What fails is not kept for the rest of the second.
      return failed || milliseconds > 0 && (state.tallies[key]?.fresh.invocations ?? 0) % Self.lookEach == 0 ? state.tallies[key] : nil
    }
    guard let tally, tally.isRead, let canary = store.versions(of: function).alias(alias)?.canary, String(canary.version) == version, canary.until == tally.until,
      let step = canary.step(tally.all, now: Timestamp.now.milliseconds), step.isLast, state.withLock({ $0.asked.insert(key).inserted })
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
        let now = Timestamp.now.milliseconds
        switch canary.phase {
        case .before: ask(canary.before, .shift(until: now + canary.milliseconds), versions.function, alias.name, canary, invoke)
        case .after: ask(canary.after, .promote, versions.function, alias.name, canary, invoke)
        case .shifting: break
        }
      }
    }
    lookAtShares()
  }

  /// Looks what those that have their share have come to, where something is new, or their time is over.
  private func lookAtShares() {
    let now = Timestamp.now.milliseconds, all = shifting
    guard !all.isEmpty else { return }
    let due = state.withLock { state in
      guard !state.isLooking else { return [] as [(function: String, alias: String, canary: Canary)] }
      let due = all.filter { function, alias, canary in
        let tally = state.tallies[Self.key(function, alias, canary)]
        return now >= canary.until || tally == nil || tally?.isRead == false || tally?.until != canary.until || (tally?.fresh.invocations ?? 0) > 0
      }
      state.isLooking = !due.isEmpty
      return due
    }
    guard !due.isEmpty else { return }
    let refusal = helper.submit { [self] in
      for (function, alias, canary) in due {
        guard let record = save(function, alias, canary), let step = canary.step(record, now: Timestamp.now.milliseconds) else { continue }
        advance(function, alias, canary, step)
      }
      state.withLock { $0.isLooking = false }
    }
    if refusal != nil { state.withLock { $0.isLooking = false } }
  }

  /// Has the disk keep what a canary has come to. Blocks.
  /// - Returns: all there is of it, of other processes, too; nil when the disk does not say.
  private func save(_ function: String, _ alias: String, _ canary: Canary) -> Canary.Record? {
    let key = Self.key(function, alias, canary)
    let leaving = state.withLock { state in
      var tally = state.tallies[key] ?? Tally()
      // What an earlier canary of the same version came to says nothing of this one.
      if tally.until != 0 && tally.until != canary.until { tally = Tally() }
      tally.until = canary.until
      tally.leaving.add(tally.fresh)
      tally.fresh = Canary.Record()
      state.tallies[key] = tally
      return tally.leaving
    }
    do throws(CodeProblem) {
      let record = try records.add(leaving, to: canary, of: function, under: alias)
      return state.withLock { state in
        guard var tally = state.tallies[key], tally.until == canary.until else { return record }
        (tally.saved, tally.leaving, tally.isRead) = (record, Canary.Record(), true)
        state.tallies[key] = tally
        return tally.all
      }
    } catch {
      diagnostics.say(.error, key: "canary-records", "functions: what canaries have come to cannot be kept: \(error.text)")
      return nil
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
      if step != .checkAfter {
        records.remove(function, alias)
        state.withLock { state in
          state.tallies = state.tallies.filter { !$0.key.hasPrefix("\(function):\(alias):") }
          if case .shift(let until) = step { state.tallies[Self.key(function, alias, canary)] = Tally(until: until, isRead: true) }
        }
      }
      guard step.isLast else { return }
      if let said = store.versions(of: function).alias(alias)?.lastCanary { diagnostics.say(.warning, "function \(function), alias \(alias): \(said)") }
    }
    if refusal != nil { done() }   // it is looked at again in a second
  }
}
