// Owns: what runs the functions of the function tier, and when it is started: with the first configuration that has some, at the start or at a reload.
// What has to be done before the process has threads and gives anything up, forking the process that will launch sandboxes, is done at the start in any
// case; that one does nothing until then. Any thread.
import ControlPlane
import Distribution
import FunctionTier
import Glibc
import Synchronization
import Telemetry

/// The function tier of a process, if any configuration of it has wanted one.
final class FunctionHouse: Sendable {
  private struct Running {
    let tier: FunctionTier
    /// Events for it that nobody waits for.
    let events: EventQueue
    /// What holds of `functionTier` for the life of the process.
    let options: FunctionTierOptions
  }

  /// Nil where it was not to be had.
  private let spawner: SpawnerInWaiting?
  /// The same once it has begun, which it does once, whatever becomes of the rest.
  private let awake = Mutex<Spawner?>(nil)
  /// The first configuration's, with what was found on the disk: `confinement: strict` forbids to look there later.
  private let settings: FunctionTier.Configuration?
  private let running = Mutex<Running?>(nil)
  private let isEnding = Atomic<Bool>(false)
  private let diagnostics: Diagnostics

  init(_ found: (spawner: SpawnerInWaiting, settings: FunctionTier.Configuration)?, _ diagnostics: Diagnostics) {
    (spawner, settings, self.diagnostics) = (found?.spawner, found?.settings, diagnostics)
  }

  /// What runs functions; nil as long as none has been wanted.
  var tier: FunctionTier? { running.withLock { $0?.tier } }
  /// Its events that nobody waits for.
  var events: EventQueue? { running.withLock { $0?.events } }
  /// The section `functionTier` as it was when it was started.
  var options: FunctionTierOptions? { running.withLock { $0?.options } }

  /// Forks what will launch sandboxes: before there are threads and before anything is given up.
  /// - Returns: nil where the process is to keep as little as can be (`confinement: strict`) and has no use for it now.
  static func spawner(_ configuration: Configuration, _ privilege: LeastPrivilege) throws(StartFailure) -> (spawner: SpawnerInWaiting, settings: FunctionTier.Configuration)? {
    guard configuration.hasTierFunctions || configuration.confinement != .strict else { return nil }
    if configuration.hasTierFunctions { privilege.asTheUser { makeFolders(configuration) } }
    let settings = configuration.functionTierSettings
    do throws(SpawnFailure) { return (try SpawnerInWaiting(roots: settings.roots), settings) } catch {
      if !configuration.hasTierFunctions { return nil }   // who has none is not to fail for them; a reload that brings some says so
      throw StartFailure(description: "functions: \(error.description)")
    }
  }

  /// Starts what runs functions, where a configuration has some and nothing runs them yet. At the start as the user that the process is to become.
  /// - Parameter isReload: then what cannot run any is a reason to refuse; at the start it is said, and answered 503.
  func start(for configuration: Configuration, isReload: Bool) throws(StartFailure) {
    guard tier == nil, let function = configuration.functions.first(where: { !$0.runtime.isRewriteEngine }) else { return }
    func refusal(_ why: String) -> StartFailure { StartFailure(description: "function \(function.name): the process was started without functions on \(function.runtime.name) and cannot run any now: \(why)") }
    guard let spawner else { throw refusal("with confinement: strict nothing is kept for it; they run from the next start or upgrade (SIGUSR2) on") }
    let settings = isReload ? configuration.functionTierSettings : self.settings ?? configuration.functionTierSettings
    if let other = settings.roots.first(where: { !spawner.roots.contains($0) }) { throw refusal("sandboxes cannot be shown \(other), which the configuration did not name then; they run from the next start or upgrade (SIGUSR2) on") }
    if isReload && !SpawnerInWaiting.wouldFindBubblewrap { throw refusal("bubblewrap is not installed (Debian: bubblewrap)") }
    Self.makeFolders(configuration)
    do {
      let awake = try awake.withLock { awake throws(SpawnFailure) in
        if let awake { return awake }
        let begun = try Spawner(beginning: spawner)
        awake = begun
        if let leftovers = begun.leftovers { diagnostics.say(.warning, leftovers) }
        return begun
      }
      let report = awake.report
      if isReload, let problem = report.problem { throw refusal("\(problem); once that is mended, they run from the next start or upgrade (SIGUSR2) on") }
      diagnostics.say(report.isUsable ? .info : .warning, report.description)
      let tier = try FunctionTier(settings, spawner: awake, diagnostics: diagnostics)
      do {
        let events = try EventQueue(folder: settings.folder + "/events", diagnostics: diagnostics)
        running.withLock { $0 = Running(tier: tier, events: events, options: configuration.functionTier) }
      } catch {
        tier.stop()
        throw error
      }
    } catch let failure as StartFailure { throw failure } catch { throw StartFailure(description: "\(error)") }
  }

  /// Loads functions that a reload changes, before they serve (FunctionTier.tryOut). Blocks.
  /// - Returns: what could not be tried, as warnings.
  /// - Throws: what does not load.
  func tryOut(_ functions: FunctionTier.Prepared?, _ logs: Logs) throws(StartFailure) -> [ConfigurationProblem] {
    guard let tier, let functions, !isEnding.load(ordering: .acquiring) else { return [] }
    let report = tier.tryOut(functions, log: logs.functions), faults = report.faults.map { ConfigurationProblem($0, isError: true) }
    if let first = faults.first {
      let names = report.faults.map(\.function)
      throw StartFailure(description: faults.count == 1 ? first.text : "\(names.count) functions cannot be loaded: \(names.joined(separator: ", "))", problems: faults)
    }
    return report.untried.map { ConfigurationProblem($0, isError: false) }
  }

  /// The process ends: nothing is tried any more, and who waits for it waits no longer.
  func endTrials() {
    isEnding.store(true, ordering: .releasing)
    tier?.forgetTrials(forGood: true)
  }

  /// What was started for a configuration that was refused then ends, so that the first one that serves says what holds of it. Waits for it.
  func withdraw() {
    let running = running.withLock { running in
      defer { running = nil }
      return running
    }
    running?.events.stop(by: .now)
    running?.tier.stop()
  }

  /// The functions of a configuration that serves now.
  func adopt(_ functions: FunctionTier.Prepared, _ configuration: Configuration, _ logs: Logs) {
    guard let running = running.withLock({ $0 }) else { return }
    running.tier.adopt(functions, log: logs.functions)
    running.events.adopt(functions.functions, configuration.functions)
  }

  /// Everything of it ends: the process does. Waits for it.
  /// - Parameter end: when everything is to be over; nil for now.
  func stop(by end: ContinuousClock.Instant?) {
    guard let running = running.withLock({ $0 }) else { return }
    running.events.stop(by: end)
    running.tier.stop()
  }

  private static func makeFolders(_ configuration: Configuration) {
    for folder in [configuration.stateDirectory, configuration.functionTierSettings.folder] { _ = unsafe mkdir(folder, 0o700) }
  }
}

extension ConfigurationProblem {
  fileprivate init(_ finding: FunctionTier.TrialReport.Finding, isError: Bool) {
    self.init(file: finding.file, line: finding.line, column: finding.column, isError: isError, text: finding.text)
  }
}

extension Configuration {
  /// Whether any of its functions is one of the function tier's.
  var hasTierFunctions: Bool { functions.contains { !$0.runtime.isRewriteEngine } }
}
