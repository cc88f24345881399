// Owns: one worker's connections to one origin: the idle ones kept for reuse, and how many may be open.
// Confined to the worker's thread. Source: spec/request-pipeline.md, 14.
public import Distribution
public import HTTPWire
public import Telemetry
import TLS
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
  /// Whether its connections are secured.
  private let isSecure: Bool
  /// By secured connection: whom it leads to.
  private var identities: [ObjectIdentifier: String] = [:]
  private let policy: AddressPolicy
  private let family: AddressFamily
  private let watch: PoolWatch
  /// By connection: where it leads.
  private var peers: [ObjectIdentifier: SocketAddress] = [:]
  /// Idle sockets, the most recently used last: it is the most likely to be alive.
  private var idle: [Socket] = []
  /// Places taken: connections in use, idle or being made.
  private var open = 0
  /// Requests that wait for a connection. While there are any, nothing is idle and every place is taken.
  private var line = WaitingLine<Socket>()
  /// One closure for all idle sockets, which the pool owns and closes before it goes: one that says anything is closed.
  private lazy var disturbed: (Socket) -> Void = { [unowned self] socket in if !socket.isQuiet { self.drop(socket) } }
  /// Set when the configuration that wanted this pool is gone: what is given back is closed.
  private var isRetired = false

  /// A pool without connections.
  /// - Parameters:
  ///   - server: the origin's address; the origin's kind must be `.http`.
  ///   - state: what workers know of the origin together; nil for one that nobody watches.
  ///   - isSecure: whether it is spoken to over TLS.
  ///   - policy: which of its addresses may be connected to. It holds for all connections of the pool.
  public init(
    _ origin: Origin, _ server: Origin.HTTPServer, _ limits: OriginLimits, _ context: WireContext, _ counters: WorkerCounters, _ connector: Connector,
    _ state: OriginState? = nil, isSecure: Bool = false, _ policy: AddressPolicy = .configured, _ family: AddressFamily = .any
  ) {
    self.isSecure = isSecure
    self.policy = policy
    self.family = family
    self.origin = origin
    watch = PoolWatch(state, origin)
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

  deinit { for socket in idle { socket.close() } }

  /// Whether it may go on serving an origin of a new configuration: nothing that its connections were made by is another. The authorities of a
  /// file may be others under the same name.
  public func serves(_ origin: Origin, _ limits: OriginLimits) -> Bool {
    var limits = limits
    limits.readTimeoutMilliseconds = origin.readTimeout.milliseconds
    return origin == self.origin && limits == self.limits && !isRetired && server.tls.certificateAuthority == nil
  }

  /// What it takes to make a connection.
  struct Settings {
    let origin: Origin
    let server: Origin.HTTPServer
    let context: WireContext
    let counters: WorkerCounters
    let connector: Connector
    let limits: OriginLimits
    let connectTimeoutMilliseconds, keepAliveMilliseconds: Int
    let isSecure: Bool
    let policy: AddressPolicy
    let family: AddressFamily
    let watch: PoolWatch

    /// Name and port, for messages.
    var place: String { "\(server.domainName):\(server.port(isSecure: isSecure))" }

    /// The connection timeout, of which less may be left.
    func connectTimeout(_ left: Int?) -> Int { left.map { min(connectTimeoutMilliseconds, max(1, $0)) } ?? connectTimeoutMilliseconds }

    /// Whether a connection was given up because its request had no more time: that says nothing of the address.
    func isCutShort(_ error: OriginFailure, _ given: Int) -> Bool { error.reason == .connectTimeout && given < connectTimeoutMilliseconds }

    /// A new connection, secured where it is to be. The connection timeout is for both.
    /// - Parameters:
    ///   - applicationProtocol: what a secured connection must agree on; nil for whatever HTTP/1.1 is.
    ///   - left: how many milliseconds its request has left, where that is bounded.
    nonisolated(nonsending) func open(
      _ identity: OriginIdentity?, _ applicationProtocol: String? = nil, _ visit: OriginVisit?, left: Int?
    ) async throws(OriginFailure) -> (Socket, SocketAddress) {
      let began = context.loop.now, connectTimeoutMilliseconds = connectTimeout(left)
      let (socket, address) = try await connect(visit, connectTimeoutMilliseconds)
      guard isSecure else { return (socket, address) }
      let identity = identity ?? OriginIdentity(serverName: server.domainName, alsoAccepted: [])
      let left = max(1, connectTimeoutMilliseconds - Int(context.loop.now - began))
      var tls = server.tls
      if let applicationProtocol { tls.applicationProtocols = [applicationProtocol] }
      do throws(OriginFailure) {
        try await connector.secure(socket, identity, tls, at: place, timeoutMilliseconds: left)
        if let applicationProtocol, socket.tls?.applicationProtocol != applicationProtocol {
          throw OriginFailure(securing: TLSFailure(.applicationProtocol, "it does not speak HTTP/2"), at: place)
        }
      } catch {
        socket.close()
        if !isCutShort(error, connectTimeoutMilliseconds) { visit?.miss(address) }
        throw error
      }
      return (socket, address)
    }

    /// The name's addresses that may be connected to.
    nonisolated(nonsending) func lookUp() async throws(OriginFailure) -> [SocketAddress] {
      try await connector.usableAddresses(of: server.domainName, at: server.addresses, port: UInt16(clamping: server.port(isSecure: isSecure)), policy, family)
    }

    /// Connects to the address that a visit has chosen, or soon to another; without a visit to the first of the name's.
    private nonisolated(nonsending) func connect(_ visit: OriginVisit?, _ timeoutMilliseconds: Int) async throws(OriginFailure) -> (Socket, SocketAddress) {
      guard let visit else {
        let port = UInt16(clamping: server.port(isSecure: isSecure))
        let (socket, address, all) = try await connector.connect(
          server.domainName, at: server.addresses, port: port, timeoutMilliseconds: timeoutMilliseconds, policy, family)
        watch.adopt(all, at: context.loop.now)
        return (socket, address)
      }
      let order = visit.order
      do throws(OriginFailure) {
        let (socket, address) = try await connector.connect(to: order, place, timeoutMilliseconds: timeoutMilliseconds, policy)
        for missed in order.prefix(while: { $0 != address }) { visit.miss(missed) }
        return (socket, address)
      } catch {
        // All have been tried, and there are not more than the race takes.
        if error.isConnectFailure && error.reason != .noDescriptor && !isCutShort(error, timeoutMilliseconds) { for address in order.prefix(AddressRace.Configuration().addressLimit) { visit.miss(address) } }
        throw error
      }
    }
  }
  private var settings: Settings {
    Settings(
      origin: origin, server: server, context: context, counters: counters, connector: connector, limits: limits,
      connectTimeoutMilliseconds: connectTimeoutMilliseconds, keepAliveMilliseconds: keepAliveMilliseconds, isSecure: isSecure, policy: policy, family: family,
      watch: watch)
  }

  /// The origin's HTTP/2 connections; made when first needed.
  private lazy var http2 = HTTP2Connections(settings)
  private var usesHTTP2 = false
  /// Whether requests go to this origin by HTTP/2.
  public var speaksHTTP2: Bool { server.httpVersion == .http2 }

  /// Whether attempts begin with ``visit()``.
  @inline(__always) public var isWatched: Bool { watch.isOn }
  /// Whether none of the origin's addresses is fit, as far as that is known.
  public var isWhollyEjected: Bool { watch.isWhollyEjected(at: context.loop.now) }

  /// Looks the origin's name up, where it has one that is looked up.
  /// - Throws: ``OriginFailure``: it has no address.
  public nonisolated(nonsending) func resolve() async throws(OriginFailure) {
    if hasName { _ = try await settings.lookUp() }
  }
  private lazy var hasName = server.addresses.isEmpty && SocketAddress(host: server.domainName, port: 0) == nil

  /// Begins an attempt: waits for its turn where the origin's requests are bounded, and chooses an address.
  /// - Parameter left: how many milliseconds the request has left, where that is bounded.
  /// - Throws: ``OriginFailure/Reason/queueFull`` or ``OriginFailure/Reason/queueTimeout``, or why the name has no address.
  public nonisolated(nonsending) func visit(left: Int? = nil) async throws(OriginFailure) -> OriginVisit? {
    guard let state = watch.state else { return nil }
    let gate = state.gate
    switch await gate?.enter(on: context.loop, within: left) {
    case .entered?, nil: break
    case .full?: throw OriginFailure(.queueFull, at: place)
    case .late?: throw OriginFailure(.queueTimeout, at: place)
    }
    if watch.isStale(at: context.loop.now) {
      do throws(OriginFailure) { watch.adopt(try await settings.lookUp(), at: context.loop.now) } catch {
        gate?.leave()
        throw error
      }
    }
    return OriginVisit(state, gate, watch.addresses, on: context.loop, counters)
  }

  /// A stream of an HTTP/2 connection, for one request.
  /// - Parameters:
  ///   - identity: whom it must lead to, where it is secured.
  ///   - mustBeNew: whether its connection must be new, as an old one failed.
  ///   - hasWaited: whether this request has been counted as one that had to wait; set when it is.
  ///   - left: how many milliseconds the request has left, where that is bounded.
  public nonisolated(nonsending) func openHTTP2(
    _ identity: OriginIdentity? = nil, mustBeNew: Bool, hasWaited: inout Bool, _ visit: OriginVisit? = nil, left: Int? = nil
  ) async throws(OriginFailure) -> ClientConnection {
    usesHTTP2 = true
    return try await http2.open(identity, mustBeNew: mustBeNew, hasWaited: &hasWaited, visit, left: left)
  }

  /// How many requests wait for a connection.
  var waitingRequests: Int { line.count + (usesHTTP2 ? http2.waitingRequests : 0) }

  /// Name and port, for messages.
  public var place: String { "\(server.domainName):\(server.port(isSecure: isSecure))" }

  /// An idle connection that is still quiet, or nil.
  /// - Parameter identity: whom a secured connection must lead to.
  public func takeIdle(_ identity: OriginIdentity? = nil, _ visit: OriginVisit? = nil) -> ClientConnection? {
    while let socket = popIdle(identity, visit) {
      counters.move(.originConnectionsIdle, by: -1)
      socket.whenDisturbed = nil
      socket.keep()
      if socket.isQuiet {
        counters.add(.originReused)
        return connection(socket, isReused: true, visit)
      }
      counters.add(.originStale)
      close(socket)
    }
    return nil
  }

  /// A visit's connection leads to the address it has chosen, and ends the visit when it is given back.
  @inline(__always) private func connection(_ socket: Socket, isReused: Bool, _ visit: OriginVisit?) -> ClientConnection {
    guard let visit else { return ClientConnection(socket, limits, isReused: isReused, keeper: self) }
    visit.keeper = self
    if let address = peers[ObjectIdentifier(socket)] { visit.arrive(at: address) }
    return ClientConnection(socket, limits, isReused: isReused, keeper: visit)
  }

  @inline(__always) private func popIdle(_ identity: OriginIdentity?, _ visit: OriginVisit?) -> Socket? {
    if let visit, visit.addresses.count > 1 { return popIdle(identity, at: visit.chosen) }
    guard let identity else { return idle.popLast() }
    guard let index = idle.lastIndex(where: { identities[ObjectIdentifier($0)] == identity.label }) else { return nil }
    return idle.remove(at: index)
  }

  private func popIdle(_ identity: OriginIdentity?, at address: SocketAddress?) -> Socket? {
    let index = idle.lastIndex { socket in
      peers[ObjectIdentifier(socket)] == address && (identity == nil || identities[ObjectIdentifier(socket)] == identity?.label)
    }
    return index.map { idle.remove(at: $0) }
  }

  /// A connection when ``takeIdle(_:_:)`` has none: new or (unless `mustBeNew`) one that was given back while this waited for its turn: first come, first served.
  /// - Parameters:
  ///   - identity: whom it must lead to, where it is secured.
  ///   - hasWaited: whether this request has been counted as one that had to wait; set when it is.
  ///   - left: how many milliseconds the request has left, where that is bounded.
  /// - Throws: ``OriginFailure/Reason/noFreeConnection`` when too many wait, or its turn did not come within connectionTimeout.
  public nonisolated(nonsending) func connect(
    _ identity: OriginIdentity? = nil, mustBeNew: Bool, hasWaited: inout Bool, _ visit: OriginVisit? = nil, left: Int? = nil
  ) async throws(OriginFailure) -> ClientConnection {
    if open < origin.connectionsPerWorker {
      open += 1
    } else if mustBeNew || isSecure || visit != nil, let socket = idle.first {   // it makes room for the new one
      forget(socket)
      discard(socket)
    } else if let returned = try await waitInLine(identity, mustBeNew, &hasWaited, visit, left) {
      return returned
    }
    let socket: Socket
    do throws(OriginFailure) { socket = try await open(identity, visit, left) } catch {
      leavePlace()
      throw error
    }
    counters.add(.originConnected)
    counters.move(.originConnectionsOpen, by: 1)
    return connection(socket, isReused: false, visit)
  }

  /// A new connection; whom a secured one leads to is remembered.
  private nonisolated(nonsending) func open(_ identity: OriginIdentity?, _ visit: OriginVisit?, _ left: Int?) async throws(OriginFailure) -> Socket {
    let (socket, address) = try await settings.open(identity, nil, visit, left: left)
    if watch.state != nil { peers[ObjectIdentifier(socket)] = address }
    if isSecure { identities[ObjectIdentifier(socket)] = (identity ?? OriginIdentity(serverName: server.domainName, alsoAccepted: [])).label }
    return socket
  }

  /// Waits for a connection that is given back, or for the place of one that is closed.
  /// - Returns: nil when it is the place; it is taken then.
  private nonisolated(nonsending) func waitInLine(
    _ identity: OriginIdentity?, _ mustBeNew: Bool, _ hasWaited: inout Bool, _ visit: OriginVisit?, _ left: Int?
  ) async throws(OriginFailure) -> ClientConnection? {
    guard line.count < origin.waitingRequestsPerWorker else {
      counters.add(.limitOriginWaiters)
      throw OriginFailure(.noFreeConnection, at: place)
    }
    if !hasWaited { counters.add(.limitOriginConnections) }
    hasWaited = true
    let waiter = Waiter<Socket>(mustBeNew: mustBeNew, identity)
    line.append(waiter)
    let timer = context.loop.schedule(afterMilliseconds: settings.connectTimeout(left)) { [self] in line.giveUp(waiter) }
    await waiter.wait()
    context.loop.cancel(timer)
    switch waiter.turn {
    case .place: return nil
    case .given(let socket):
      if socket.isQuiet {
        counters.add(.originReused)
        return connection(socket, isReused: true, visit)
      }
      counters.add(.originStale)
      discard(socket)
      return nil
    case .late, nil: throw OriginFailure(.noFreeConnection, at: place)
    }
  }

  /// Takes a connection back: for whoever is first in line, else for later, else not at all.
  public func ended(_ socket: Socket, reusable: Bool, sent: Int, received: Int) {
    counters.add(.originBytesSent, sent)
    counters.add(.originBytesReceived, received)
    socket.whenDisturbed = nil
    guard reusable, !isRetired, socket.isQuiet, keepAliveMilliseconds > 0 else { return close(socket) }
    if let next = line.popFirst() {
      counters.add(.originReturned)
      if next.accepts(isSecure ? identities[ObjectIdentifier(socket)] : nil) { return next.take(.given(socket)) }
      discard(socket)
      return next.take(.place)
    }
    guard idle.count < origin.idleConnectionsPerWorker else { return close(socket) }
    counters.add(.originReturned)
    counters.move(.originConnectionsIdle, by: 1)
    socket.whenDisturbed = disturbed
    socket.expire(afterMilliseconds: keepAliveMilliseconds)
    idle.append(socket)
  }

  /// An idle connection ended, spoke out of turn or grew too old.
  private func drop(_ socket: Socket) { if forget(socket) { close(socket) } }

  @discardableResult private func forget(_ socket: Socket) -> Bool {
    guard let index = idle.lastIndex(where: { $0 === socket }) else { return false }
    idle.remove(at: index)
    counters.move(.originConnectionsIdle, by: -1)
    return true
  }

  private func close(_ socket: Socket) {
    discard(socket)
    leavePlace()
  }

  /// Closes a connection and keeps its place.
  private func discard(_ socket: Socket) {
    if isSecure { identities[ObjectIdentifier(socket)] = nil }
    if watch.state != nil { peers[ObjectIdentifier(socket)] = nil }
    socket.close()
    counters.move(.originConnectionsOpen, by: -1)
  }

  /// A place is free: whoever is first in line has it.
  private func leavePlace() { if let next = line.popFirst() { next.take(.place) } else { open -= 1 } }

  /// Closes what is idle: the configuration that wanted it is gone, or the worker ends.
  public func retire() {
    isRetired = true
    if usesHTTP2 { http2.retire() }
    for socket in idle { close(socket) }
    counters.move(.originConnectionsIdle, by: -idle.count)
    idle.removeAll()
  }
}
