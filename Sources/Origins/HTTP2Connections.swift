// Owns: one worker's HTTP/2 connections to one origin (RFC 9113): few, each carrying many requests. Confined to the worker's thread.
import Distribution
import HTTPWire
import Telemetry
import Transport

/// One worker's HTTP/2 connections to one origin.
final class HTTP2Connections: HTTP2SessionOwner, ConnectionKeeper {
  private let pool: OriginPool.Settings
  /// The connections, and whom each leads to where it is secured.
  private var sessions: [(session: HTTP2Session, identity: String?, address: SocketAddress)] = []
  /// Connections whose origin takes no further requests on them; others may have their places.
  private var leaving: [HTTP2Session] = []
  private var connecting = 0
  private var line = WaitingLine<HTTP2Stream>()

  init(_ pool: OriginPool.Settings) { self.pool = pool }

  /// A stream for a request, on a connection that has room, or a new one. One connection is made at a time; who comes meanwhile waits for it.
  /// - Parameter identity: whom it must lead to, where it is secured.
  /// - Throws: ``OriginFailure/Reason/noFreeConnection`` when too many wait, or none had room within connectionTimeout.
  nonisolated(nonsending) func open(
    _ identity: OriginIdentity?, mustBeNew: Bool, hasWaited: inout Bool, _ visit: OriginVisit?, left: Int?
  ) async throws(OriginFailure) -> ClientConnection {
    let began = pool.context.loop.now, end = began + UInt64(pool.connectTimeout(left))
    var mustBeNew = mustBeNew
    while true {
      if !mustBeNew, let session = session(identity, at: visit.flatMap { $0.addresses.count > 1 ? $0.chosen : nil }) {
        return connection(session.open(), isReused: true, visit)
      }
      if connecting == 0, sessions.count < pool.origin.http2ConnectionsPerWorker {
        let rest = left.map { $0 - Int(pool.context.loop.now - began) }
        return connection(try await connect(identity, visit, rest).open(), isReused: false, visit)
      }
      if !mustBeNew, visit != nil, let session = session(identity, at: nil) { return connection(session.open(), isReused: true, visit) }
      // The oldest makes room where none is for this.
      if connecting == 0, mustBeNew || !sessions.contains(where: { $0.identity == identity?.label }) { sessions.first?.session.drain() }
      mustBeNew = false
      if let stream = try await waitInLine(identity, until: end, &hasWaited) { return connection(stream, isReused: true, visit) }
    }
  }

  /// A connection that has room; nil for an address means any.
  private func session(_ identity: OriginIdentity?, at address: SocketAddress?) -> HTTP2Session? {
    sessions.first { $0.session.hasRoom && $0.identity == identity?.label && (address == nil || $0.address == address) }?.session
  }

  private func connection(_ stream: HTTP2Stream, isReused: Bool, _ visit: OriginVisit?) -> ClientConnection {
    if isReused { pool.counters.add(.originReused) }
    guard let visit else { return ClientConnection(stream, pool.limits, isReused: isReused, keeper: self) }
    visit.keeper = self
    if let address = sessions.first(where: { $0.session === stream.session })?.address { visit.arrive(at: address) }
    return ClientConnection(stream, pool.limits, isReused: isReused, keeper: visit)
  }

  private nonisolated(nonsending) func connect(_ identity: OriginIdentity?, _ visit: OriginVisit?, _ left: Int?) async throws(OriginFailure) -> HTTP2Session {
    connecting += 1
    defer {
      connecting -= 1
      wakeAll()
    }
    let (socket, address) = try await pool.open(identity, "h2", visit, left: left)
    var times = ViewerLimits()
    times.keepAliveTimeoutMilliseconds = pool.keepAliveMilliseconds
    times.idleTimeoutMilliseconds = pool.limits.writeTimeoutMilliseconds
    times.headTimeoutMilliseconds = pool.limits.readTimeoutMilliseconds
    let session = HTTP2Session(
      Stream(socket), isServer: false, isSecure: pool.isSecure, peer: .unix(path: ""), peerText: [], pool.context.viewerLimits.http2, times, head: pool.limits.head, owner: self)
    pool.counters.add(.originConnected)
    pool.counters.move(.originConnectionsOpen, by: 1)
    sessions.append((session, identity?.label, address))
    return session
  }

  /// Waits for a stream whose place another leaves, or for a reason to look again.
  /// - Returns: nil for the latter.
  private nonisolated(nonsending) func waitInLine(
    _ identity: OriginIdentity?, until end: UInt64, _ hasWaited: inout Bool
  ) async throws(OriginFailure) -> HTTP2Stream? {
    let loop = pool.context.loop
    guard line.count < pool.origin.waitingRequestsPerWorker, loop.now < end else {
      if loop.now < end { pool.counters.add(.limitOriginWaiters) }
      throw OriginFailure(.noFreeConnection, at: pool.place)
    }
    if !hasWaited && connecting == 0 {
      pool.counters.add(.limitOriginConnections)
      hasWaited = true
    }
    let waiter = Waiter<HTTP2Stream>(mustBeNew: false, identity)
    line.append(waiter)
    let timer = loop.schedule(afterMilliseconds: Int(end - loop.now)) { [self] in line.giveUp(waiter) }
    await waiter.wait()
    loop.cancel(timer)
    switch waiter.turn {
    case .given(let stream): return stream
    case .place: return nil
    case .late, nil: throw OriginFailure(.noFreeConnection, at: pool.place)
    }
  }

  private func wakeAll() { while let waiter = line.popFirst() { waiter.take(.place) } }

  /// How many requests wait for a stream.
  var waitingRequests: Int { line.count }

  // MARK: What the connections tell

  func began(_ stream: HTTP2Stream) {}   // a client's peer begins no stream
  func noted(_ event: HTTP2Event) {
    switch event {
    case .sessionBegan, .streamBegan, .streamReset: break
    default: pool.counters.add(.originMalformedHTTP2)   // a rule, or a limit
    }
  }

  /// Who waits for this connection has what room there is, before whoever comes next. Where an origin is leaving, another connection can be made.
  func roomChanged(_ session: HTTP2Session) {
    guard let index = sessions.firstIndex(where: { $0.session === session }) else { return }
    if session.isLeft {
      sessions.remove(at: index)
      leaving.append(session)
      return wakeAll()
    }
    let identity = sessions[index].identity
    while session.hasRoom, let waiter = line.popFirst(where: { $0.accepts(identity) }) { waiter.take(.given(session.open())) }
  }
  func ended(_ session: HTTP2Session, _ reason: HTTP2Session.EndReason) {
    guard sessions.contains(where: { $0.session === session }) || leaving.contains(where: { $0 === session }) else { return }
    sessions.removeAll { $0.session === session }
    leaving.removeAll { $0 === session }
    pool.counters.move(.originConnectionsOpen, by: -1)
    wakeAll()
  }

  /// A request has ended on its stream.
  func ended(_ socket: Socket, reusable: Bool, sent: Int, received: Int) {
    pool.counters.add(.originBytesSent, sent)
    pool.counters.add(.originBytesReceived, received)
    socket.close()
  }

  /// Lets requests finish and then closes: the configuration that wanted the connections is gone.
  func retire() { for open in sessions { open.session.drain() } }
  /// Closes every connection: the worker ends. They cannot tell any more that they have ended.
  deinit {
    for session in sessions.map(\.session) + leaving { session.cancel() }
    pool.counters.move(.originConnectionsOpen, by: -(sessions.count + leaving.count))
  }
}
