// Owns: loading what is to serve before it serves: one environment of each function that a reload changes goes through INIT, and stays as the first idle
// one where that succeeds. The supervisor's thread; who waits for it is a reload's (FunctionTier+Trials.swift).
import Synchronization
import Telemetry
import Transport

/// A function's newest code that is to be loaded before it serves.
struct Trial: Sendable {
  var revision: Revision
  var interpreter: Interpreter
  var tally: FunctionTally
  /// Whether environments of it are always kept: then this is one of them.
  var isProvisioned: Bool
}

/// What came of it.
enum TrialOutcome: Sendable, Equatable {
  case loaded
  /// By the function's own fault.
  case failed(InvocationFailure)
  /// It was not tried to its end, for a reason that is not the function's. One sentence.
  case omitted(String)
  /// The time for all trials together was over.
  case unfinished
}

/// Trials under way, a few at a time.
final class TrialRound {
  fileprivate let trials: [Trial]
  fileprivate var outcomes: [TrialOutcome?]
  fileprivate var next = 0
  /// By their environments' numbers.
  fileprivate var running: [Int: Int] = [:]
  private let done: @Sendable ([TrialOutcome]) -> Void

  init(_ trials: [Trial], done: @escaping @Sendable ([TrialOutcome]) -> Void) {
    self.trials = trials
    self.done = done
    outcomes = Array(repeating: nil, count: trials.count)
  }

  /// - Parameter rest: what became of those that have no outcome yet.
  fileprivate func end(_ rest: TrialOutcome) { done(outcomes.map { $0 ?? rest }) }
}

extension Supervisor {
  /// Loads functions; each is told of once all are done, or the time is over. One round at a time.
  func tryOut(_ trials: [Trial], done: @escaping @Sendable ([TrialOutcome]) -> Void) {
    endRound(.omitted("another reload has begun"))
    let round = TrialRound(trials, done: done)
    trialRound = round
    // Not held for as long: with it goes a descriptor of who waits.
    loop.schedule(afterMilliseconds: settings.trialMilliseconds) { [unowned self, weak round] in if let round, trialRound === round { endRound(.unfinished) } }
    advance(round)
  }

  private func advance(_ round: TrialRound) {
    while round.next < round.trials.count, round.running.count < settings.trialsAtOnce {
      let place = round.next
      let refusal = begin(round.trials[place], at: place, of: round)
      // There will be room once that has vanished (trialMayGoOn).
      if refusal == Self.noRoom, all.values.contains(where: { $0.life.phase == .ending }) || endUnused() { return }
      round.next += 1
      if let refusal { note(.omitted(refusal), at: place, of: round) }
    }
    if round.next == round.trials.count && round.running.isEmpty { endRound(.unfinished) }
  }

  /// An environment has vanished.
  func trialMayGoOn() {
    if let trialRound { advance(trialRound) }
  }

  /// Ends an environment that was loaded for an earlier reload and has never been asked since: nothing else has to go for a trial.
  /// - Returns: whether there was one.
  private func endUnused() -> Bool {
    let idle = groups.values.lazy.filter { !$0.isOnTrial && $0.environments.count > $0.provisioned }.flatMap(\.idle)
    guard let unused = idle.first(where: { $0.isForeseen && $0.life.invocations == 0 }) else { return false }
    end(unused)
    return true
  }

  /// Why one is not begun that might be.
  private static let noRoom = "there is no room for one more environment (functionTier.environments)"

  /// - Returns: why it cannot be begun; nil when it has.
  private func begin(_ trial: Trial, at place: Int, of round: TrialRound) -> String? {
    if isStopping || takesNoTrials { return "the proxy ends" }
    let known = groups[trial.revision], group = group(trial.revision, trial.interpreter, trial.tally)
    // Until it is adopted it is nobody's.
    if known == nil { group.isSuperseded = true }
    group.isOnTrial = true
    // Who waits for an environment comes before who may come.
    let left = groups.values.contains { !$0.waiting.isEmpty } ? 1 : 0
    guard all.count + left < settings.environments || isPrewarmed(group) else { return Self.noRoom }
    guard start(group, isProvisioned: trial.isProvisioned), let environment = group.environments.last else { return "no environment can be started: the proxy's messages say why" }
    environment.isForeseen = true
    round.running[environment.number] = place
    return nil
  }

  private func note(_ outcome: TrialOutcome, at place: Int, of round: TrialRound) {
    round.outcomes[place] = outcome
    switch outcome {
    case .loaded: trialCounts.withLock { $0[0] += 1 }
    case .failed, .unfinished: trialCounts.withLock { $0[1] += 1 }
    case .omitted: trialCounts.withLock { $0[2] += 1 }
    }
  }

  /// An environment has loaded its function, or has not; most are nobody's trial.
  func trialEnded(_ environment: Environment, _ outcome: TrialOutcome) {
    guard let round = trialRound, let place = round.running.removeValue(forKey: environment.number) else { return }
    note(outcome, at: place, of: round)
    advance(round)
  }

  private func endRound(_ rest: TrialOutcome) {
    guard let round = trialRound else { return }
    trialRound = nil
    // Whoever only waits for room is not late.
    let rest = rest == .unfinished && round.running.isEmpty ? .omitted(Self.noRoom) : rest
    for (place, outcome) in round.outcomes.enumerated() where outcome == nil { note(rest, at: place, of: round) }
    // What was said is to be found when it is told of.
    log.flush()
    round.end(rest)
  }

  /// What has been tried is not taken up: its environments end.
  /// - Parameter forGood: the process ends, and nothing is tried any more.
  func endTrials(forGood: Bool) {
    takesNoTrials = takesNoTrials || forGood
    endRound(.omitted("the proxy ends"))
    let late = InvocationFailure(.initialization, errorType: InvocationFailure.timedOutType, errorMessage: "the time that all functions of a reload have together was over")
    for group in groups.values where group.isOnTrial {
      group.isOnTrial = false
      // One that serves goes on with what was begun for it: others may wait for that.
      guard group.isSuperseded || forGood else { continue }
      for environment in group.environments where environment.isForeseen && environment.initDuration == nil { kill(environment, because: forGood ? .notStarted("the proxy ends") : late) }
      if group.isSuperseded { retire(group) }
    }
  }
}

extension InvocationFailure {
  /// What it says of loading: by the function's own fault, or not.
  var asTrial: TrialOutcome { kind == .notStarted ? .omitted(errorMessage) : .failed(self) }
}
