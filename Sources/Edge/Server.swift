// Owns: a running proxy: workers with their listeners, the admin address, the log, and an orderly end.
// Built from a checked configuration; `run` belongs to the main thread, everything else happens on the workers' own.
import ControlPlane
public import Distribution
import Glibc
import Pipeline
import Telemetry
import TLS
import Transport

/// Why a proxy could not start.
public struct StartFailure: Error, CustomStringConvertible {
  /// One sentence.
  public let description: String
}

/// A proxy that serves a configuration.
public final class Server {
  private let configuration: Configuration
  private let workers: [RunningWorker]
  private let admin: AdminListener?
  private let accessLog: LogWriter
  private let functionLog: LogWriter?
  private let diagnostics: Diagnostics
  private let ledger: ConnectionLedger
  private let certificates: Certificates

  /// Binds every listener and starts the workers; when it returns, connections are accepted.
  /// - Parameters:
  ///   - configuration: checked.
  ///   - workerCount: threads that serve; at least 1.
  /// - Throws: ``StartFailure`` when an address cannot be bound or the log cannot be opened.
  public init(_ configuration: Configuration, workerCount: Int) throws(StartFailure) {
    self.configuration = configuration
    Signals.prepare()
    Descriptors.prepare()
    let diagnostics: Diagnostics
    let log: LogWriter
    do {
      diagnostics = try Diagnostics()
      log = try Logs.openAccessLog(configuration, diagnostics)
    } catch { throw StartFailure(description: "the access log \(configuration.accessLog.destination) cannot be opened: \(error)") }
    self.diagnostics = diagnostics
    accessLog = log
    let functionLog: LogWriter?
    do { functionLog = try Logs.openFunctionLog(configuration, diagnostics) } catch {
      throw StartFailure(description: "the function log cannot be opened: \(error)")
    }
    self.functionLog = functionLog
    let serving: ServingConfiguration
    do { serving = try ServingConfiguration(configuration, files: try BlockingPool()) } catch { throw StartFailure(description: "\(error)") }
    let ledger = ConnectionLedger(workers: workerCount)
    self.ledger = ledger
    var made: [WorkerHandle] = []
    for number in 0..<workerCount { made.append(try Self.makeWorker(number, serving, log, functionLog, diagnostics, ledger)) }
    let handles = made
    let certificates = try Certificates(configuration, serving, handles, diagnostics)
    self.certificates = certificates
    var bound: [[Transport.Listener]] = []
    for handle in handles { bound.append(try Self.bind(configuration, certificates, handle, handles, ledger, reusing: bound.first)) }
    admin = try configuration.admin.map { admin throws(StartFailure) in
      try Self.bindAdmin(admin, handles, log, functionLog, diagnostics, limit: configuration.limits.adminConnections)
    }
    let own = bound.first?.map(\.address) ?? []
    let forbidden = own + (admin.map { [$0.address] } ?? [])
    let securePorts = SecurePorts(zip(own, configuration.listeners).map { (address: $0, isSecure: $1.tls != nil) })
    workers = zip(handles, bound).map { handle, listeners in RunningWorker(handle, listeners, forbidden: forbidden, securePorts) }
    admin?.start()
  }

  /// The addresses served and, last, the admin address, as URLs.
  public var ready: String {
    let served = workers.first?.addresses ?? []
    let urls = zip(served, configuration.listeners).map { "\($1.tls == nil ? "http" : "https")://\($0)" }.joined(separator: " ")
    return admin.map { "ready \(urls) admin \($0.url)" } ?? "ready \(urls)"
  }

  private static func makeWorker(
    _ number: Int, _ serving: ServingConfiguration, _ log: LogWriter, _ functionLog: LogWriter?, _ diagnostics: Diagnostics, _ ledger: ConnectionLedger
  ) throws(StartFailure) -> WorkerHandle {
    do throws(IOFailure) {
      let loop = try EventLoop()
      let isolation = WorkerIsolation(loop) {
        Worker(number: number, loop: loop, serving, log: log, functionLog: functionLog, diagnostics: diagnostics) { ledger.release($0, worker: number) }
      }
      return WorkerHandle(number: number, loop: loop, isolation: isolation)
    } catch { throw StartFailure(description: "no event loop: \(error)") }
  }

  /// A worker's listeners. The first worker's addresses are the ones the others share: a configured port 0 is chosen once.
  private static func bind(
    _ configuration: Configuration, _ certificates: Certificates, _ handle: WorkerHandle, _ all: [WorkerHandle], _ ledger: ConnectionLedger, reusing first: [Transport.Listener]?
  ) throws(StartFailure) -> [Transport.Listener] {
    var listeners: [Transport.Listener] = []
    for (index, listener) in configuration.listeners.enumerated() {
      let secure = certificates.listeners[index]
      guard let address = first?[index].address ?? SocketAddress(listener.address) else {
        throw StartFailure(description: "\(listener.address.description) is no address that can be listened on")
      }
      let reception = Reception(configuration, expectsProxyHeader: listener.expectsProxyHeader, handle, ledger) { number, descriptor, peer in
        all[number].serve(descriptor, peer, secure)
      }
      let listening = try Self.listen(address, isFirst: first == nil, handle) { reception.receive($0, $1) }
      listening.closed = { reception.close() }
      listeners.append(listening)
    }
    return listeners
  }

  private static func listen(
    _ address: SocketAddress, isFirst: Bool = true, _ handle: WorkerHandle, _ accepted: @escaping (Int32, SocketAddress) -> Void
  ) throws(StartFailure) -> Transport.Listener {
    do throws(IOFailure) {
      let listener = try Transport.Listener(address, isFirst: isFirst, on: handle.loop, accepted: accepted)
      listener.exhausted = { _ in handle.count(.limitDescriptors) }
      return listener
    } catch {
      var reason = "\(error)"
      if case .system(let code) = error { reason = unsafe String(cString: strerror(code)) }
      throw StartFailure(description: "cannot listen on \(address): \(reason)")
    }
  }

  private static func bindAdmin(
    _ admin: Admin, _ handles: [WorkerHandle], _ log: LogWriter, _ functionLog: LogWriter?, _ diagnostics: Diagnostics, limit: Int
  ) throws(StartFailure) -> AdminListener {
    guard let address = SocketAddress(admin.address) else {
      throw StartFailure(description: "\(admin.address.description) is no address that can be listened on")
    }
    if let problem = AdminToken.provide(at: admin.tokenPath) { diagnostics.say(.warning, problem) }
    let pages = AdminPages(
      workers: handles.map(\.isolation), accessLog: log, functionLog: functionLog, diagnostics: diagnostics, connectionsLimit: limit)
    let handle = handles[0]
    let listener = try listen(address, handle) { descriptor, peer in
      guard pages.admit() else { return handle.refuse(descriptor, .limitAdminConnections) }
      Task(executorPreference: handle.loop) { await handle.isolation.serveAdmin(descriptor, peer, pages) }
    }
    return AdminListener(listener, pages, handle)
  }

  // MARK: Running

  /// Serves until SIGTERM or SIGINT, then drains and returns. For the main thread.
  public func run() {
    while true {
      switch Signals.wait(milliseconds: certificates.isEmpty ? Self.idleMilliseconds : Certificates.watchMilliseconds) {
      case nil: certificates.lookAfter()
      case SIGTERM, SIGINT: return drain()
      case SIGUSR1:
        accessLog.reopen()
        functionLog?.reopen()
      default:
        certificates.reload()
        diagnostics.say(.info, "reload is served for certificates only; restart to take up a new configuration")
      }
    }
  }
  /// How long the main thread sleeps when it has nothing to watch but signals.
  private static let idleMilliseconds = 3_600_000

  /// /healthz says 503, listeners close, requests finish; what has not after `shutdownTimeout` is cut. A second signal cuts at once.
  private func drain() {
    diagnostics.say(.info, "draining: \(ledger.open) connections open")
    admin?.announceDrain()
    for worker in workers { worker.drain() }
    let end = ContinuousClock.now + configuration.shutdownTimeout
    while ledger.open > 0 && ContinuousClock.now < end {
      if let signal = Signals.wait(milliseconds: 20), signal == SIGTERM || signal == SIGINT { break }
    }
    if ledger.open > 0 { diagnostics.say(.warning, "\(ledger.open) connections closed before they were done") }
    for worker in workers { worker.stop() }
    admin?.removePath()
    _ = accessLog.close(deadlineMilliseconds: 2000)
    _ = functionLog?.close(deadlineMilliseconds: 500)
    _ = diagnostics.close(deadlineMilliseconds: 500)
  }
}

extension SocketAddress {
  /// The configuration's address; `localhost` means 127.0.0.1, an empty host or `*` every IPv4 address.
  init?(_ address: ListenAddress) {
    switch address {
    case .unix(let path): self = .unix(path: path)
    case .tcp(let host, let port):
      let name = host == "localhost" ? "127.0.0.1" : host.isEmpty || host == "*" ? "0.0.0.0" : host
      self.init(host: name, port: UInt16(clamping: port))
    }
  }
}
