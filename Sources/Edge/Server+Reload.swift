// Owns: reloads, one after another: beginning them, taking over what was made ready, saying what came of it. The main thread's.
import ControlPlane
import Distribution
import FunctionTier
import Glibc
import Pipeline
import Synchronization
import TLS
import Telemetry
import Transport

extension Server {
  /// Begins a reload, or has another one follow the one under way: that may have read files before they changed.
  /// - Parameter triesFunctions: whether functions that have changed are loaded before they serve.
  func reload(triesFunctions: Bool = true) {
    nextTriesFunctions = nextTriesFunctions || triesFunctions
    beginReload()
  }

  /// Begins the next one, once nothing is in its way.
  func beginReload() {
    reloadIsDue = reloading != nil || upgrading != nil
    guard !reloadIsDue else { return }
    (askers, nextAskers) = (nextAskers, [])
    manager.reloading()
    reloading = Reload(source, after: standing, triesFunctions: nextTriesFunctions, foundations, queue)
    nextTriesFunctions = false
  }

  /// A reload has come to its end.
  func take(_ outcome: Reload.Outcome) {
    reloading?.end()
    reloading = nil
    let before = standing.generation
    switch outcome.preparation {
    case .success(let preparation)?: adopt(preparation, outcome.with(preparation.untried))
    case .failure(let failure)?: refuse(outcome.with(failure, of: source), failure.description)
    case nil: refuse(outcome, nil)
    }
    let isRefused = standing.generation == before
    manager.ready("generation \(standing.generation) serves\(isRefused ? "; the last reload was refused" : "")")
    if outcome.preparation != nil { files = outcome.reading.files }
    watchFiles(of: outcome.reading)
  }

  /// Watches the files of a reading, and those of the last that could be served: a mistake may hide what they were. What has changed while they
  /// were read, before they were watched, is read again.
  func watchFiles(of reading: ConfigurationReading) {
    guard let watch else { return }
    if watch.watch(files.union(reading.files), below: source.folder, readAt: reading.began) { (reloadIsDue, nextTriesFunctions) = (true, true) }
    if watch.unwatched > 0 {
      diagnostics.say(
        .warning, key: "unwatched folders", "\(watch.unwatched) folders with files of the configuration cannot be watched (fs.inotify.max_user_watches); use SIGHUP")
    }
  }

  private func adopt(_ preparation: Preparation, _ outcome: Reload.Outcome) {
    let before = standing
    standing = Standing(preparation, outcome.reading, generation: before.generation + 1, House(handles, ledger, pages, diagnostics))
    let change = Change(from: before, to: standing, preparation)
    let longest = Longest()
    handles.onAll { worker in
      let began = ContinuousClock.now
      change.apply(to: worker)
      longest.note(ContinuousClock.now - began)
    }
    if let functions = preparation.functions { foundations.functions.adopt(functions, standing.configuration, preparation.logs) }
    before.logs.end(unlessIn: standing.logs, deadlineMilliseconds: Self.oldLogMilliseconds)
    former.replaced(before.serving)
    certificates.adopt(preparation.secure)
    certificates.noteAll()
    handles[0].count(.reloadDone)
    let (old, new) = (before.configuration, standing.configuration)
    if old.user != new.user || old.confinement != new.confinement {
      diagnostics.say(.warning, "reload: user, group and confinement are as they were at the start; the new ones hold from the next start or upgrade (SIGUSR2) on")
    }
    if old.functionTier != new.functionTier, let options = foundations.functions.options, options != new.functionTier {
      diagnostics.say(.warning, "reload: functionTier is as it was at the start; the new one holds from the next start or upgrade (SIGUSR2) on")
    }
    let report = report(outcome, isDone: true, reason: nil)
    pages.adopt(AdminFacts(standing, source.path, foundations, preparation.secure))
    tell(report)
    diagnostics.say(
      .info, "reload: generation \(standing.generation) serves after \(report.milliseconds) ms; no worker paused for more than \(longest.microseconds) µs")
  }
  /// How long the lines of a log that is no longer wanted may take to be written.
  private static let oldLogMilliseconds: Int64 = 10_000

  private func refuse(_ outcome: Reload.Outcome, _ reason: String?) {
    handles[0].count(.reloadRefused)
    let report = report(outcome, isDone: false, reason: reason)
    tell(report)
    let errors = report.problems.count(where: \.isError)
    diagnostics.say(
      .error, "reload refused: \(reason ?? "\(source.path) has \(errors) error\(errors == 1 ? "" : "s")"); generation \(standing.generation) goes on serving")
    certificates.reload()
  }

  private func report(_ outcome: Reload.Outcome, isDone: Bool, reason: String?) -> ReloadReport {
    ReloadReport(
      generation: standing.generation, isDone: isDone, reason: reason, problems: outcome.reading.problems, time: .now,
      milliseconds: (ContinuousClock.now - outcome.began).milliseconds)
  }

  /// To the status page, to the log, to those who asked.
  private func tell(_ report: ReloadReport) {
    pages.adopt(report)
    for problem in report.problems { diagnostics.say(problem.isError ? .error : .warning, problem.description) }
    for asker in askers { asker.answer(report) }
    askers = []
  }

  /// The process ends: there is no further reload.
  func turnAwayAskers() {
    let report = ReloadReport(
      generation: standing.generation, isDone: false, reason: "the proxy is ending", problems: [], time: .now, milliseconds: 0)
    for asker in askers + nextAskers { asker.answer(report) }
    (askers, nextAskers) = ([], [])
  }
}

/// The longest of several times. Any thread.
private final class Longest: Sendable {
  private let time = Mutex(Duration.zero)
  func note(_ other: Duration) { time.withLock { $0 = max($0, other) } }
  var microseconds: Int { time.withLock { Int($0.components.attoseconds / 1_000_000_000_000) + Int($0.components.seconds) * 1_000_000 } }
}

extension AdminFacts {
  init(_ standing: Standing, _ path: String, _ foundations: Foundations, _ secure: [SecureListener?]) {
    let listeners = zip(standing.doors, standing.configuration.listeners).map { door, listener in
      Listener(
        address: door.address.description, configured: listener.address.description, isSecure: listener.tls != nil,
        expectsProxyHeader: listener.expectsProxyHeader)
    }
    self.init(
      configuration: standing.configuration, path: path, digest: standing.digest, generation: standing.generation, since: standing.since,
      listeners: listeners, admin: standing.admin?.url, token: standing.configuration.admin.flatMap { AdminToken.read(at: $0.tokenPath) },
      accessLog: standing.logs.access, functionLog: standing.logs.functions, spans: standing.logs.spans,
      cache: standing.serving.store, functions: standing.serving.tierFunctions, events: foundations.functions.events)
    tier = foundations.functions.tier
    let (configuration, doors) = (standing.configuration, standing.doors)
    handshake = { HandshakeForecast(configuration, doors, secure, url: $0, host: $1)?.json }
  }
}
