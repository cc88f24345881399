// Owns: a running proxy: its workers, what serves now, and its life from the first connection to an orderly end.
// Built from a checked configuration; `run` belongs to the main thread, everything else happens on the workers' own.
import CSystem
public import Confinement
import ControlPlane
public import Distribution
import FunctionTier
import Glibc
import Pipeline
import Telemetry
import TLS
import Transport

/// Why a proxy could not start, or a configuration could not be taken up.
public struct StartFailure: Error, CustomStringConvertible {
  /// One sentence.
  public let description: String
  /// The part of the configuration that it is about; nil for what has no place in it.
  var part: OpenedPart?
  /// What there is to say of other files than the configuration's.
  var problems: [ConfigurationProblem] = []
}

/// A proxy that serves a configuration.
public final class Server {
  let source: ConfigurationSource
  let queue: MainQueue
  let foundations: Foundations
  let handles: [WorkerHandle]
  let ledger: ConnectionLedger
  let certificates: Certificates
  let pages: AdminPages
  let manager: ServiceManager
  /// What can start the program anew; nil where it could not be made.
  let starter: Starter?
  private let threads: [EventLoopThread]
  /// Says that the workers turn; nil when nobody asks, and from the end of the service on.
  var watchdog: Watchdog?
  /// What serves now.
  var standing: Standing
  /// The reload under way; and whether another one is to follow it, because something may have changed since it began.
  var reloading: Reload?
  var reloadIsDue = false
  /// Whether somebody wants the next one to look whether functions can be loaded.
  var nextTriesFunctions = false
  /// Who waits for the reload under way, and for the next.
  var askers: [ReloadRequest] = [], nextAskers: [ReloadRequest] = []
  /// The upgrade under way, and whether one is to begin. An upgrade and a reload wait for each other: what is handed over must not change.
  var upgrading: Upgrade?
  var upgradeIsDue = false
  /// Watches the files that were read; nil when nobody asked for it.
  var watch: FileWatch?
  /// The files of the last reading that could be served.
  var files: Set<String>
  /// Configurations that have been replaced and may still be in use: the main thread takes the time to let go of them.
  var former = FormerConfigurations()
  var diagnostics: Diagnostics { foundations.diagnostics }

  /// Binds every listener and starts the workers; when it returns, connections are accepted.
  /// - Parameters:
  ///   - configuration: checked; what `source` gave.
  ///   - reading: what it was read with.
  ///   - source: where a reload reads it again.
  ///   - watches: whether a change of its files is a reason to.
  ///   - workerCount: threads that serve; at least 1.
  ///   - inheritance: sockets that the process was started with.
  ///   - starter: what can start the program anew; nil for no upgrades.
  /// - Throws: ``StartFailure`` when an address cannot be bound, a log cannot be opened, or what is asked for cannot be given up.
  public init(
    _ configuration: Configuration, _ reading: ConfigurationReading, from source: ConfigurationSource, watches: Bool, workerCount: Int,
    _ inheritance: Inheritance, _ starter: Starter?
  ) throws(StartFailure) {
    self.source = source
    self.starter = starter
    manager = ServiceManager(isSuccessor: inheritance.predecessor != nil)
    files = reading.files
    var privilege = try LeastPrivilege(configuration, reads: files.sorted())
    let spawner = try FunctionHouse.spawner(configuration, privilege)
    try privilege.limitFiles()
    queue = try MainQueue()
    Descriptors.prepare()
    let foundations = try Foundations(workers: workerCount, spawner)
    self.foundations = foundations
    let preparation = try Preparation(configuration, after: nil, foundations, privilege, inheritance)
    let ledger = ConnectionLedger(workers: workerCount)
    self.ledger = ledger
    var handles: [WorkerHandle] = []
    for number in 0..<workerCount { handles.append(try WorkerHandle(number, preparation, foundations, ledger)) }
    self.handles = handles
    certificates = Certificates(foundations.tickets, handles[0], foundations.diagnostics)
    let queue = self.queue
    pages = AdminPages(workers: handles.map(\.isolation), files: foundations.files, diagnostics: foundations.diagnostics) {
      triesFunctions in await withCheckedContinuation { waiter in queue.post(.reloadAsked(ReloadRequest(triesFunctions: triesFunctions) { waiter.resume(returning: $0) })) }
    }
    let house = House(handles, ledger, pages, foundations.diagnostics)
    let standing = Standing(preparation, reading, generation: 1, house)
    self.standing = standing
    certificates.adopt(preparation.secure)
    pages.adopt(AdminFacts(standing, source.path, foundations, preparation.secure))
    let change = Change(from: nil, to: standing, preparation)
    for handle in handles { handle.beforeRunning { change.apply(to: $0) } }
    try privilege.leaveRoot()
    privilege.lookAgain(at: reading.files.union(preparation.secure.flatMap { $0?.configuration.files ?? [] }))
    try privilege.limitSystemCalls()
    privilege.say(foundations.diagnostics)
    // Not before: environments are made ready on a thread of the tier's own, and what it makes must be the user's that the process is now.
    if let functions = preparation.functions { foundations.functions.adopt(functions, configuration, preparation.logs) }
    let watch = watches ? FileWatch() : nil
    self.watch = watch
    if watches && watch == nil { throw StartFailure(description: "--watch: the system has no watch left (fs.inotify.max_user_instances)") }
    try Self.announce(preparation, inheritance, foundations.diagnostics)
    threads = handles.map { $0.loop.start(name: "worker \($0.number)") }
    watchdog = try Watchdog(manager, handles, foundations.diagnostics)
    watchFiles(of: reading)
  }

  /// Says what was inherited in vain; and to the process that is to be replaced, that this one is ready.
  private static func announce(_ preparation: Preparation, _ inheritance: Inheritance, _ diagnostics: Diagnostics) throws(StartFailure) {
    for address in Set(preparation.unwanted.addresses.map(\.description)).sorted() where inheritance.predecessor == nil {
      diagnostics.say(.warning, "the socket \(address) that the service manager gives is no address of the configuration: it has been closed")
    }
    for name in inheritance.strange { diagnostics.say(.warning, "\(name), which the service manager gives, is no socket that listens: it has been closed") }
    guard let predecessor = inheritance.predecessor else { return }
    guard predecessor.sayReady(unwanted: preparation.unwanted.indices) else {
      throw StartFailure(description: "process \(predecessor.process), which this one was to replace, waits no longer and goes on")
    }
  }

  /// The addresses served and, last, the admin address, as URLs.
  public var ready: String {
    let urls = zip(standing.doors, standing.configuration.listeners).map { "\($1.tls == nil ? "http" : "https")://\($0.address)" }.joined(separator: " ")
    return standing.admin.map { "ready \(urls) admin \($0.url)" } ?? "ready \(urls)"
  }

  // MARK: Running

  /// Serves until SIGTERM or SIGINT, then drains and returns. For the main thread.
  public func run() {
    manager.ready("generation 1 serves")
    while true {
      if reloadIsDue { beginReload() }
      if upgradeIsDue { upgrade() }
      switch queue.next(milliseconds: patienceMilliseconds, watch) {
      case .signal(SIGTERM), .signal(SIGINT): return drain()
      case .signal(SIGUSR1): standing.logs.reopen()
      case .signal(SIGUSR2): upgrade()
      case .upgraded(let outcome): if take(outcome) { return }
      case .signal, .filesChanged: reload()
      case .prepared(let outcome): take(outcome)
      case .reloadAsked(let request):
        nextAskers.append(request)
        reload(triesFunctions: request.triesFunctions)
      case nil: certificates.lookAfter()
      }
      former.letGo()
    }
  }

  /// How long the main thread sleeps when nothing happens.
  private var patienceMilliseconds: Int {
    certificates.isEmpty && former.isEmpty ? Self.idleMilliseconds : Certificates.watchMilliseconds
  }
  private static let idleMilliseconds = 3_600_000

  /// /healthz says 503, listeners close, requests finish; what has not after `shutdownTimeout` is cut. A second signal cuts at once.
  private func drain() {
    manager.stopping()
    // A process that was to replace this one may be about to accept from the same sockets: they are not to be made deaf.
    let doors = standing.doors, areShared = upgrading != nil
    drain { worker in for door in doors { if areShared { door.leave(on: worker) } else { door.close(on: worker) } } }
    standing.admin?.removePath()
    finish()
  }

  /// The same, of a process that has been replaced: it leaves the doors to the other, but those that the other does not want.
  func drain(leaving left: [Door]) {
    standing.serving.leaveCacheFolder()
    let closed = standing.doors.filter { door in !left.contains { $0 === door } }, admin = standing.admin
    drain { worker in
      for door in left { door.leave(on: worker) }
      for door in closed { door.close(on: worker) }
      if worker == 0 { admin?.leave() }
    }
    finish()
  }

  /// What is left when nobody is served any more.
  private func finish() {
    foundations.functions.stop(by: drainEnd)
    standing.serving.close()
    standing.logs.close()
    _ = diagnostics.close(deadlineMilliseconds: 500)
  }

  private func drain(closing close: @escaping @Sendable (_ worker: Int) -> Void) {
    diagnostics.say(.info, "draining: \(ledger.open) connections open")
    pages.announceDrain()
    turnAwayAskers()
    foundations.functions.endTrials()
    let end = ContinuousClock.now + standing.configuration.shutdownTimeout
    drainEnd = end
    let lastCall = min(end, ContinuousClock.now + .milliseconds(Transport.Listener.lastCallMilliseconds + Self.stepMilliseconds))
    handles.onAll { worker in
      close(worker.number)
      worker.drain()
    }
    while ContinuousClock.now < end && (ledger.open > 0 || pages.underway > 0 || ContinuousClock.now < lastCall) {
      switch queue.next(milliseconds: Self.stepMilliseconds) {
      case .signal(SIGTERM), .signal(SIGINT):
        drainEnd = .now
        return cut()
      case .reloadAsked(let request):
        nextAskers.append(request)
        turnAwayAskers()
      default: break
      }
    }
    cut()
  }

  /// What is left is cut.
  private func cut() {
    endWatchdog()
    if ledger.open > 0 { diagnostics.say(.warning, "\(ledger.open) connections closed before they were done") }
    if pages.underway > 0 { diagnostics.say(.warning, "\(pages.underway) requests of the admin address were not answered before the end") }
    for handle in handles { handle.stop() }
    for thread in threads { thread.join() }
    reloading?.end()
  }
  /// From here on the manager does not ask any more, or asks another process.
  func endWatchdog() {
    watchdog?.end()
    watchdog = nil
  }
  /// When everything is to be over; nil before it is to end.
  private var drainEnd: ContinuousClock.Instant?
  /// How often a drain looks whether it is over.
  private static let stepMilliseconds = 20
}

/// What every configuration of the process is served with. Any thread.
struct House: Sendable {
  let handles: [WorkerHandle]
  let ledger: ConnectionLedger
  let pages: AdminPages
  let diagnostics: Diagnostics

  init(_ handles: [WorkerHandle], _ ledger: ConnectionLedger, _ pages: AdminPages, _ diagnostics: Diagnostics) {
    self.handles = handles
    self.ledger = ledger
    self.pages = pages
    self.diagnostics = diagnostics
  }
}

extension Foundations {
  fileprivate init(workers: Int, _ spawner: (spawner: SpawnerInWaiting, settings: FunctionTier.Configuration)?) throws(StartFailure) {
    guard let tickets = TicketKeys() else { throw StartFailure(description: "the system has no randomness for session tickets") }
    // What is large goes back to the system when it is let go: the bodies of one busy minute would stay for good where glibc learns from them to keep such.
    _ = mallopt(sk_mmap_threshold, Self.largeBlockBytes)
    _ = mallopt(sk_trim_threshold, Self.keptBytes)
    do {
      let diagnostics = try Diagnostics()
      self.init(
        workers: workers, files: try BlockingPool(), tickets: tickets, diagnostics: diagnostics, shared: SharedState(diagnostics),
        functions: FunctionHouse(spawner, diagnostics))
    } catch {
      throw StartFailure(description: "\(error)")
    }
  }
  /// Blocks as large as this are mapped by themselves: more than any buffer that is used again and again.
  private static let largeBlockBytes: Int32 = 512 << 10
  /// What may lie free at the end of a heap.
  private static let keptBytes: Int32 = 4 << 20
}

extension WorkerHandle {
  fileprivate init(_ number: Int, _ preparation: Preparation, _ foundations: Foundations, _ ledger: ConnectionLedger) throws(StartFailure) {
    do throws(IOFailure) {
      let loop = try EventLoop()
      let isolation = WorkerIsolation(loop) {
        Worker(
          number: number, loop: loop, preparation.serving, foundations.shared, log: preparation.logs.access, functionLog: preparation.logs.functions,
          diagnostics: foundations.diagnostics
        ) { ledger.release($0, worker: number) }
      }
      self.init(number: number, loop: loop, isolation: isolation)
      let handle = self, diagnostics = foundations.diagnostics, functions = foundations.functions
      loop.refused = { code in
        functions.tier?.watchesAreUsedUp()
        handle.count(.limitWatches)
        diagnostics.sayUnwatched(code, "connections are closed")
      }
    } catch { throw StartFailure(description: "no event loop: \(error)") }
  }

  /// Has something run as the first thing on the worker's thread.
  fileprivate func beforeRunning(_ body: @escaping @Sendable (Worker) -> Void) {
    Task(executorPreference: loop) { await isolation.with { body($0) } }
  }
}
