// Owns: one worker's connections to one origin: the idle ones kept for reuse, and how many may be open.
// Confined to the worker's thread. Source: spec/request-pipeline.md, 14.
public import Distribution
public import HTTPWire
public import Telemetry
public import Transport

/// One worker's connections to one origin.
@safe public final class OriginPool: ConnectionKeeper {
  /// The origin.
  public let origin: Origin
  private let server: Origin.HTTPServer
  private let context: WireContext
  private let counters: WorkerCounters
  private let connector: Connector
  private let limits: OriginLimits
  private let connectTimeoutMilliseconds: Int
  private let keepAliveMilliseconds: Int
  /// Idle sockets, the most recently used last: it is the most likely to be alive.
  private var idle: [Socket] = []
  private var open = 0
  private var waiting: [UnsafeContinuation<Void, Never>]
  /// One closure for all sockets: an idle connection that says anything is closed.
  private lazy var disturbed: (Socket) -> Void = { [unowned self] socket in if !socket.isQuiet { drop(socket) } }

  /// A pool without connections.
  /// - Parameter server: the origin's address; the origin's kind must be `.http`.
  public init(_ origin: Origin, _ server: Origin.HTTPServer, _ limits: OriginLimits, _ context: WireContext, _ counters: WorkerCounters, _ connector: Connector) {
    self.origin = origin
    self.server = server
    self.context = context
    self.counters = counters
    self.connector = connector
    var limits = limits
    limits.readTimeoutMilliseconds = origin.readTimeout.milliseconds
    self.limits = limits
    connectTimeoutMilliseconds = origin.connectionTimeout.milliseconds
    keepAliveMilliseconds = origin.keepAliveTimeout.milliseconds
    unsafe waiting = []
  }

  /// Name and port, for messages.
  public var place: String { "\(server.domainName):\(server.httpPort)" }

  /// An idle connection that is still quiet, or nil.
  public func takeIdle() -> ClientConnection? {
    while let socket = idle.popLast() {
      counters.move(.originConnectionsIdle, by: -1)
      socket.whenDisturbed = nil
      socket.keep()
      if socket.isQuiet {
        counters.add(.originReused)
        return ClientConnection(socket, context, limits, keeper: self)
      }
      counters.add(.originStale)
      close(socket)
    }
    return nil
  }

  /// Opens a connection, after waiting for a free place when as many are open as may.
  public nonisolated(nonsending) func connect() async throws(OriginFailure) -> ClientConnection {
    try await waitForPlace()
    open += 1
    let socket: Socket
    do {
      socket = try await connector.connect(server.domainName, port: UInt16(clamping: server.httpPort), timeoutMilliseconds: connectTimeoutMilliseconds)
    } catch {
      open -= 1
      wakeOne()
      throw error
    }
    counters.add(.originConnected)
    counters.move(.originConnectionsOpen, by: 1)
    return ClientConnection(socket, context, limits, keeper: self)
  }

  private nonisolated(nonsending) func waitForPlace() async throws(OriginFailure) {
    while open >= origin.connectionsPerWorker {
      guard unsafe waiting.count < origin.waitingRequestsPerWorker else {
        counters.add(.limitOriginWaiters)
        throw OriginFailure(.noFreeConnection, at: place)
      }
      counters.add(.limitOriginConnections)
      unsafe await withUnsafeContinuation { unsafe waiting.append($0) }
    }
  }

  private func wakeOne() {
    guard unsafe !waiting.isEmpty else { return }
    unsafe waiting.removeFirst().resume()
  }

  /// Takes a connection back or closes it.
  public func ended(_ socket: Socket, reusable: Bool) {
    socket.whenDisturbed = nil
    guard reusable, socket.isQuiet, idle.count < origin.idleConnectionsPerWorker, keepAliveMilliseconds > 0 else { return close(socket) }
    counters.add(.originReturned)
    counters.move(.originConnectionsIdle, by: 1)
    socket.whenDisturbed = disturbed
    socket.expire(afterMilliseconds: keepAliveMilliseconds)
    idle.append(socket)
  }

  /// An idle connection ended, spoke out of turn or grew too old.
  private func drop(_ socket: Socket) {
    guard let index = idle.lastIndex(where: { $0 === socket }) else { return }
    idle.remove(at: index)
    counters.move(.originConnectionsIdle, by: -1)
    close(socket)
  }

  private func close(_ socket: Socket) {
    socket.close()
    open -= 1
    counters.move(.originConnectionsOpen, by: -1)
    wakeOne()
  }

  /// Closes what is idle: the configuration that wanted it is gone, or the worker ends.
  public func closeIdle() {
    for socket in idle { close(socket) }
    counters.move(.originConnectionsIdle, by: -idle.count)
    idle.removeAll()
  }
}
