// Owns: a running proxy: its workers, what serves now, and its life from the first connection to an orderly end.
// Built from a checked configuration; `run` belongs to the main thread, everything else happens on the workers' own.
import ControlPlane
public import Distribution
import Glibc
import Pipeline
import Telemetry
import TLS
import Transport

/// Why a proxy could not start, or a configuration could not be taken up.
public struct StartFailure: Error, CustomStringConvertible {
  /// One sentence.
  public let description: String
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
  private let threads: [EventLoopThread]
  /// What serves now.
  var standing: Standing
  /// The reload under way; and whether another one is to follow it, because something may have changed since it began.
  var reloading: Reload?
  var reloadIsDue = false
  /// Watches the files that were read; nil when nobody asked for it.
  var watch: FileWatch?
  /// The files of the last reading that could be served.
  var files: Set<String>
  /// Configurations that have been replaced and may still be in use: the main thread takes the time to let go of them.
  var former: [ServingConfiguration] = []
  var diagnostics: Diagnostics { foundations.diagnostics }

  /// Binds every listener and starts the workers; when it returns, connections are accepted.
  /// - Parameters:
  ///   - configuration: checked; what `source` gave.
  ///   - reading: what it was read with.
  ///   - source: where a reload reads it again.
  ///   - watches: whether a change of its files is a reason to.
  ///   - workerCount: threads that serve; at least 1.
  /// - Throws: ``StartFailure`` when an address cannot be bound, a log cannot be opened, or what is asked for cannot be given up.
  public init(
    _ configuration: Configuration, _ reading: ConfigurationReading, from source: ConfigurationSource, watches: Bool, workerCount: Int
  ) throws(StartFailure) {
    self.source = source
    files = reading.files
    var privilege = try LeastPrivilege(configuration, reads: files.sorted())
    try privilege.limitFiles()
    queue = try MainQueue()
    Descriptors.prepare()
    let foundations = try Foundations(workers: workerCount)
    self.foundations = foundations
    let preparation = try Preparation(configuration, after: nil, foundations, privilege)
    let ledger = ConnectionLedger(workers: workerCount)
    self.ledger = ledger
    var handles: [WorkerHandle] = []
    for number in 0..<workerCount { handles.append(try WorkerHandle(number, preparation, foundations, ledger)) }
    self.handles = handles
    certificates = Certificates(foundations.tickets, handles[0], foundations.diagnostics)
    pages = AdminPages(workers: handles.map(\.isolation), diagnostics: foundations.diagnostics)
    let house = House(handles, ledger, pages, foundations.diagnostics)
    let standing = Standing(preparation, generation: 1, house)
    self.standing = standing
    certificates.adopt(preparation.secure)
    pages.adopt(AdminFacts(standing))
    let change = Change(from: nil, to: standing, preparation)
    for handle in handles { handle.beforeRunning { change.apply(to: $0) } }
    try privilege.leaveRoot()
    try privilege.limitSystemCalls()
    privilege.say(foundations.diagnostics)
    threads = handles.map { $0.loop.start(name: "worker \($0.number)") }
    if watches {
      watch = FileWatch()
      if watch == nil { throw StartFailure(description: "--watch: the system has no watch left (fs.inotify.max_user_instances)") }
      watchFiles(of: reading)
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
    while true {
      if reloadIsDue { reload() }
      switch queue.next(milliseconds: patienceMilliseconds, watch) {
      case .signal(SIGTERM), .signal(SIGINT): return drain()
      case .signal(SIGUSR1): standing.logs.reopen()
      case .signal, .filesChanged: reload()
      case .prepared(let outcome): take(outcome)
      case nil: certificates.lookAfter()
      }
      letGo()
    }
  }

  /// How long the main thread sleeps when nothing happens.
  private var patienceMilliseconds: Int {
    certificates.isEmpty && former.isEmpty ? Self.idleMilliseconds : Certificates.watchMilliseconds
  }
  private static let idleMilliseconds = 3_600_000

  /// /healthz says 503, listeners close, requests finish; what has not after `shutdownTimeout` is cut. A second signal cuts at once.
  private func drain() {
    diagnostics.say(.info, "draining: \(ledger.open) connections open")
    pages.announceDrain()
    let end = ContinuousClock.now + standing.configuration.shutdownTimeout
    let lastCall = min(end, ContinuousClock.now + .milliseconds(Transport.Listener.lastCallMilliseconds + Self.stepMilliseconds))
    let doors = standing.doors
    handles.onAll { worker in
      for door in doors { door.close(on: worker.number) }
      worker.drain()
    }
    while ContinuousClock.now < end && (ledger.open > 0 || ContinuousClock.now < lastCall) {
      if case .signal(SIGTERM) = queue.next(milliseconds: Self.stepMilliseconds) { break }
    }
    if ledger.open > 0 { diagnostics.say(.warning, "\(ledger.open) connections closed before they were done") }
    for handle in handles { handle.stop() }
    for thread in threads { thread.join() }
    standing.admin?.removePath()
    standing.logs.close()
    _ = diagnostics.close(deadlineMilliseconds: 500)
  }
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
  fileprivate init(workers: Int) throws(StartFailure) {
    guard let tickets = TicketKeys() else { throw StartFailure(description: "the system has no randomness for session tickets") }
    do { self.init(workers: workers, files: try BlockingPool(), tickets: tickets, diagnostics: try Diagnostics()) } catch {
      throw StartFailure(description: "\(error)")
    }
  }
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
    } catch { throw StartFailure(description: "no event loop: \(error)") }
  }

  /// Has something run as the first thing on the worker's thread.
  fileprivate func beforeRunning(_ body: @escaping @Sendable (Worker) -> Void) {
    Task(executorPreference: loop) { await isolation.with { body($0) } }
  }
}
