// Owns: one worker's connections to one origin: the idle ones kept for reuse, and how many may be open.
// Confined to the worker's thread. Source: spec/request-pipeline.md, 14.
public import Distribution
public import HTTPWire
public import Telemetry
public import Transport

/// One worker's connections to one origin.
public final class OriginPool: ConnectionKeeper {
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
  private var waiting: [Place] = []
  /// One closure for all sockets: an idle connection that says anything is closed.
  private lazy var disturbed: (Socket) -> Void = { [weak self] socket in if !socket.isQuiet { self?.drop(socket) } }
  /// Set when the configuration that wanted this pool is gone: what is given back is closed.
  private var isRetired = false

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

  /// A connection, new or (unless `mustBeNew`) one that was given back while this waited for a free place.
  /// - Throws: ``OriginFailure/Reason/noFreeConnection`` when too many wait, or no place became free within connectionTimeout.
  public nonisolated(nonsending) func connect(mustBeNew: Bool) async throws(OriginFailure) -> ClientConnection {
    let deadline = context.loop.now + UInt64(connectTimeoutMilliseconds)
    while open >= origin.connectionsPerWorker {
      if mustBeNew, let socket = idle.first {   // an idle one makes room for the new one
        drop(socket)
        continue
      }
      try await waitForPlace(until: deadline)
      if !mustBeNew, let returned = takeIdle() { return returned }
    }
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

  /// Waits until a connection is given back or closed.
  private nonisolated(nonsending) func waitForPlace(until deadline: UInt64) async throws(OriginFailure) {
    guard waiting.count < origin.waitingRequestsPerWorker else {
      counters.add(.limitOriginWaiters)
      throw OriginFailure(.noFreeConnection, at: place)
    }
    let loop = context.loop
    guard loop.now < deadline else { throw OriginFailure(.noFreeConnection, at: place) }
    counters.add(.limitOriginConnections)
    let place = Place()
    waiting.append(place)
    let timer = loop.schedule(afterMilliseconds: Int(deadline - loop.now)) { place.wake() }
    await place.wait()
    loop.cancel(timer)
    waiting.removeAll { $0 === place }
  }

  private func wakeOne() { waiting.first { !$0.isAwake }?.wake() }

  /// Takes a connection back or closes it.
  public func ended(_ socket: Socket, reusable: Bool) {
    socket.whenDisturbed = nil
    guard reusable, !isRetired, socket.isQuiet, idle.count < origin.idleConnectionsPerWorker, keepAliveMilliseconds > 0 else { return close(socket) }
    counters.add(.originReturned)
    counters.move(.originConnectionsIdle, by: 1)
    socket.whenDisturbed = disturbed
    socket.expire(afterMilliseconds: keepAliveMilliseconds)
    idle.append(socket)
    wakeOne()
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
  public func retire() {
    isRetired = true
    for socket in idle { close(socket) }
    counters.move(.originConnectionsIdle, by: -idle.count)
    idle.removeAll()
  }
}

/// A place in the line for a connection.
@safe private final class Place {
  private(set) var isAwake = false
  private var waiter: UnsafeContinuation<Void, Never>?
  init() { unsafe waiter = nil }

  nonisolated(nonsending) func wait() async { unsafe await withUnsafeContinuation { unsafe waiter = $0 } }

  /// Once; later calls do nothing.
  func wake() {
    guard !isAwake else { return }
    isAwake = true
    unsafe waiter?.resume()
    unsafe waiter = nil
  }
}
