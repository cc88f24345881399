// Owns: the admin address: /healthz and /metrics for whoever reaches it (configuration.md). It speaks the same HTTP as the proxy and
// runs on the first worker's loop. Only requests that name the address itself are answered: a page in somebody's browser cannot make
// it talk by a name of its own (architecture.md, Trust).
import Glibc
import HTTPWire
public import Pipeline
import Synchronization
public import Telemetry
public import Transport

/// What the pages say of the configuration that serves. A value.
public struct AdminFacts: Sendable {
  /// The logs, for their numbers.
  public var accessLog: LogWriter, functionLog: LogWriter?
  /// How many connections to the admin address may be open (`limits.adminConnections`).
  public var connectionsLimit: Int
  /// Which configuration it is, from 1.
  public var generation: Int

  /// The facts.
  public init(accessLog: LogWriter, functionLog: LogWriter?, connectionsLimit: Int, generation: Int) {
    self.accessLog = accessLog
    self.functionLog = functionLog
    self.connectionsLimit = connectionsLimit
    self.generation = generation
  }
}

/// What the admin address answers. Any thread.
/// Rule of the lock: it guards what a reload changes, and is held to read or write it.
public final class AdminPages: Sendable {
  private struct State {
    var facts: AdminFacts?
    var reload: ReloadReport?
    var lastSuccess: Timestamp
  }
  private let workers: [WorkerIsolation]
  private let diagnostics: Diagnostics
  private let started: Timestamp
  private let state: Mutex<State>
  private let draining = Atomic<Bool>(false)
  private let connections = Atomic<Int>(0)

  /// Pages about these workers.
  public init(workers: [WorkerIsolation], diagnostics: Diagnostics) {
    self.workers = workers
    self.diagnostics = diagnostics
    started = .now
    state = Mutex(State(lastSuccess: started))
  }

  /// Another configuration serves.
  public func adopt(_ facts: AdminFacts) { state.withLock { $0.facts = facts } }

  /// A reload has ended.
  public func adopt(_ report: ReloadReport) {
    state.withLock {
      $0.reload = report
      if report.isDone { $0.lastSuccess = report.time }
    }
  }

  /// From now on /healthz answers 503.
  public func announceDrain() { draining.store(true, ordering: .relaxed) }

  /// Whether one more connection may be served; if so it counts until ``WorkerIsolation/serveAdmin(_:_:_:)`` is done with it.
  public func admit() -> Bool {
    let limit = state.withLock { $0.facts?.connectionsLimit ?? 1 }
    if connections.wrappingAdd(1, ordering: .relaxed).newValue <= limit { return true }
    connections.wrappingSubtract(1, ordering: .relaxed)
    return false
  }
  fileprivate func release() { connections.wrappingSubtract(1, ordering: .relaxed) }

  struct Page: Sendable {
    var status = 200
    var contentType = "text/plain; charset=utf-8"
    var body: String
  }

  /// The page at a path.
  func page(_ method: Method, _ path: String) async -> Page {
    guard method == .get || method == .head else { return Page(status: 405, body: "GET and HEAD only\n") }
    switch path {
    case "/healthz":
      let isDraining = draining.load(ordering: .relaxed)
      return Page(status: isDraining ? 503 : 200, body: isDraining ? "draining\n" : "ok\n")
    case "/metrics": return Page(contentType: "\(MetricsPage.contentType)", body: await metrics())
    default: return Page(status: 404, body: "There are /healthz and /metrics here.\n")
    }
  }

  private func metrics() async -> String {
    var snapshots: [WorkerSnapshot] = []
    for worker in workers { snapshots.append(await worker.with { $0.counters.snapshot(worker: $0.number) }) }
    var usage = rusage()
    unsafe getrusage(0, &usage)   // RUSAGE_SELF
    let cpu = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1_000_000 + Int(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)
    let (facts, reload, success) = state.withLock { ($0.facts, $0.reload, $0.lastSuccess) }
    var process = ProcessFacts(
      version: Version.text, start: started, cpuMicroseconds: UInt64(max(0, cpu)), accessLog: facts?.accessLog.statistics,
      functionLog: facts?.functionLog?.statistics, diagnostics: diagnostics.statistics)
    process.configuration = ProcessFacts.Configuration(
      generation: facts?.generation ?? 1, lastReloadSucceeded: reload?.isDone ?? true, lastSuccess: success)
    return MetricsPage.render(snapshots, process: process)
  }
}

/// The program's version.
public enum Version {
  /// As in /metrics and `skerry --version`.
  public static let text = "0.1.0"
}

extension WorkerIsolation {
  /// Serves a connection to the admin address, which has admitted it, until it ends.
  public func serveAdmin(_ descriptor: Int32, _ peer: SocketAddress, _ pages: AdminPages) async {
    defer { pages.release() }
    let loop = with { OnWorker($0.loop) }.value
    var limits = ViewerLimits()
    limits.parkAfterMilliseconds = limits.keepAliveTimeoutMilliseconds   // there is nobody to park with
    let context = WireContext(loop: loop, viewerLimits: limits)
    var viewer = ServerConnection(Socket(loop: loop, descriptor: descriptor), peer: peer, context)
    do throws(WireFailure) {
      while let request = try await viewer.nextRequest() {
        let name = AdminAuthority.isOwn(request.authority.text)
        let page = name ? await pages.page(request.line.method, request.path.text) : AdminPages.Page(status: 403, body: "This is not the admin address's name.\n")
        try await viewer.discardBody()
        viewer.answer(page, isHead: request.line.method == .head)
        try await viewer.flush()
        if viewer.closing { break }
      }
    } catch { viewer.closing = true }
    viewer.close()
  }
}

/// A value of the worker's own thread, on its way through its actor.
private struct OnWorker<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}

/// Which names the admin address answers to: address literals and localhost. A name that somebody else's DNS points here is none.
enum AdminAuthority {
  static func isOwn(_ authority: String) -> Bool {
    if authority.isEmpty { return true }
    var host = authority
    if let colon = host.lastIndex(of: ":"), !host.hasSuffix("]") { host = String(host[..<colon]) }
    return host.lowercased() == "localhost" || SocketAddress(host: host, port: 0) != nil
  }
}

extension ServerConnection {
  /// Puts a page on the wire.
  fileprivate mutating func answer(_ page: AdminPages.Page, isHead: Bool) {
    stream.beginOutput()
    stream.output.append(text: "HTTP/1.1 \(page.status) \(ReasonPhrase.of(page.status))\r\nServer: skerry\r\nContent-Type: \(page.contentType)\r\n")
    stream.output.append(text: "Content-Length: \(page.body.utf8.count)\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n")
    if closing { stream.output.append("Connection: close\r\n") }
    stream.output.append("\r\n")
    if !isHead { stream.output.append(text: page.body) }
  }
}
