// Owns: what the loop itself must see of a connected socket: readiness flags, the parked task of each direction, the deadline.
// Everything else of a connection is a ~Copyable value in its task's frame (data-plane.md).
import CSystem
import Glibc
public import TLS

/// Why bytes could not be moved.
public enum IOFailure: Error, Equatable, Sendable {
  /// The peer broke the connection.
  case reset
  /// A deadline passed.
  case timedOut
  /// The connection was given up by this side (drain, viewer gone).
  case cancelled
  /// Another error of the system: an errno value.
  case system(Int32)
  /// The peer broke TLS's rules, or said no; ``TLSConnection/violation`` says how. (A failure is a few bits, which every wait looks at.)
  case tls

  init(code: Int32) { self = code == ECONNRESET || code == EPIPE ? .reset : .system(code) }
}

/// Holds at most one parked task. It is taken out before it is resumed, so it cannot be resumed twice.
@safe struct WaiterSlot {
  private var parked: UnsafeContinuation<Void, Never>?

  init() { unsafe parked = nil }
  var isEmpty: Bool {
    @inline(__always) get { if case .none = unsafe parked { true } else { false } }
  }
  @inline(__always) mutating func park(_ waiter: UnsafeContinuation<Void, Never>) {
    precondition(isEmpty, "one waiter per direction")
    unsafe parked = waiter
  }
  @inline(__always) mutating func wake() {
    if let waiter = unsafe parked {
      unsafe parked = nil
      unsafe waiter.resume()
    }
  }
}

/// A connected socket on a loop: registered once, edge-triggered. Confined to the loop's thread.
public final class Socket: EventHandler {
  /// The loop that watches it.
  public let loop: EventLoop
  /// Whether a read may find bytes or the end.
  public internal(set) var isReadable = false
  /// Whether the peer will send no more (it may still read: a half-closed viewer gets its answer).
  public private(set) var peerFinished = false
  /// Whether the connection is gone in both directions.
  public private(set) var isBroken = false
  /// Set once: every later read or write throws it.
  public private(set) var failure: IOFailure?
  private var reader = WaiterSlot()
  private var writer = WaiterSlot()
  /// A socket that is of no use once this one is gone: the origin's side of a request. Cleared when the request ends.
  public var dependent: Socket?
  /// Whether the connection has waited for a request for a while: what a drain may close at once. Where one has just ended, or nothing has been
  /// said yet, the next may be on its way.
  public var isIdle = false
  /// Whether its TLS handshake is under way: what a drain does not wait long for.
  public var isOpening = false
  private var waitsSoftly = false
  /// Where the bytes go when this is one stream of a connection that carries many; nil for a socket of the system's.
  public private(set) var substream: Substream?
  /// Takes the place of failing when a deadline passes that nobody waits for.
  public var whenExpired: (() -> Void)?
  /// What secures the connection; nil for a plain one.
  public internal(set) var tls: TLSConnection?
  /// Whether ``close()`` must leave the peer in doubt that it got everything.
  private var breaksOff = false
  /// Called after every event. For who does not wait on this socket: a pool of idle connections, the other end of a tunnel.
  public var whenDisturbed: ((Socket) -> Void)?

  /// Takes over a non-blocking descriptor and registers it.
  public init(loop: EventLoop, descriptor: Int32) {
    self.loop = loop
    substream = nil
    super.init(descriptor: descriptor)
    loop.register(self, [.input, .output, .peerFinished, .edgeTriggered])
  }

  /// A socket without a descriptor: one stream of a connection that carries many. What happens to it is said with ``announce(_:)``.
  public init(loop: EventLoop, substream: Substream) {
    self.loop = loop
    self.substream = substream
    super.init(descriptor: loop.numberWithoutDescriptor())
    loop.registerWithoutDescriptor(self)
  }

  /// What can happen to a socket.
  public enum Event: Sendable { case readable, writable, broken }

  /// Tells a socket without a descriptor what the kernel tells others.
  public func announce(_ event: Event) {
    switch event {
    case .readable: ready(SystemCalls.Events(raw: 0x001))
    case .writable: ready(SystemCalls.Events(raw: 0x004))
    case .broken:
      if failure == nil { failure = .reset }
      ready(SystemCalls.Events(raw: 0x201d))
    }
  }

  override var isConnection: Bool { true }
  override func ready(_ events: SystemCalls.Events) {
    if events.peerFinished { peerFinished = true }
    if events.broken {
      isBroken = true
      if reader.isEmpty { dependent?.fail(.cancelled) }
    }
    if let tls { tellTLS(tls, events) }
    if events.readable {
      isReadable = true
      if !reader.isEmpty {
        deadline = .max   // it was in time, however late the task runs
        reader.wake()
      }
    }
    if events.writable && !writer.isEmpty {
      deadline = .max
      writer.wake()
    }
    whenDisturbed?(self)
  }
  private func tellTLS(_ tls: TLSConnection, _ events: SystemCalls.Events) {
    if events.readable { tls.bytesMayHaveCome() }
    guard events.writable, tls.readWaitsForWrite else { return }
    isReadable = true
    reader.wake()
  }
  override func expired() {
    if waitsSoftly {
      waitsSoftly = false
      return reader.wake()
    }
    if let whenExpired { return whenExpired() }
    fail(.timedOut)
    whenDisturbed?(self)
  }

  /// Makes every present and later wait end with `reason`.
  public func fail(_ reason: IOFailure) {
    if failure == nil { failure = reason }
    reader.wake()
    writer.wake()
  }

  /// Wakes a task that waits for bytes although none came, so that it looks at something else.
  public func nudge() { reader.wake() }

  /// This end's address; nil for a Unix socket. A system call.
  public var localAddress: SocketAddress? { substream == nil ? SystemCalls.localAddress(descriptor) : nil }

  /// Whether a pooled connection can still be used: quiet, open, no failure.
  public var isQuiet: Bool { !peerFinished && !isBroken && failure == nil && (!isReadable || absorbsMessages()) }

  /// Waits until a read may find something, the socket fails, or so many milliseconds pass: then it fails with ``IOFailure/timedOut``.
  public nonisolated(nonsending) func waitReadable(milliseconds: Int) async {
    loop.setDeadline(self, after: milliseconds)
    unsafe await suspended { unsafe reader.park($0) }
    deadline = .max
  }
  /// Waits until a write may be taken; like ``waitReadable(milliseconds:)``.
  public nonisolated(nonsending) func waitWritable(milliseconds: Int) async {
    loop.setDeadline(self, after: milliseconds)
    unsafe await suspended { unsafe writer.park($0) }
    deadline = .max
  }

  /// Waits until a read may find something or so many milliseconds pass, which is no failure here.
  public nonisolated(nonsending) func waitReadableSoftly(milliseconds: Int) async {
    waitsSoftly = true
    loop.setDeadline(self, after: milliseconds)
    unsafe await suspended { unsafe reader.park($0) }
    deadline = .max
    waitsSoftly = false
  }
  /// Ends the wait of an idle connection, whoever holds it.
  public func cancelIdle() {
    fail(.cancelled)
    whenDisturbed?(self)
  }

  /// Lets the loop call back when nothing happens for so long, without waiting: idle pooled connections.
  public func expire(afterMilliseconds milliseconds: Int) { loop.setDeadline(self, after: milliseconds) }
  /// Takes the deadline back.
  public func keep() { deadline = .max }

  /// Unregisters and closes. Waiting tasks are woken with ``IOFailure/cancelled``.
  public func close() {
    if let tls, !breaksOff, !isBroken { _ = tls.sayGoodbye() }   // as far as there is room: who must be heard has waited before
    fail(.cancelled)
    dependent = nil
    whenDisturbed = nil
    whenExpired = nil
    loop.unregister(self)
    guard let substream else { return }
    self.substream = nil   // each holds the other until here
    substream.closed(reset: breaksOff)
  }

  /// Tells the peer that no more bytes come (close_notify, FIN), reading goes on. All bytes before must have been sent.
  /// - Returns: false while the kernel has no room for close_notify: to be called again when it takes bytes.
  public func finishWriting() -> Bool {
    if let substream {
      substream.finishWriting()
      return true
    }
    if let tls, !tls.sayGoodbye() { return false }
    _ = shutdown(descriptor, Int32(SHUT_WR))
    return true
  }

  /// Waits until close_notify, where the connection is secured, is on its way: without it the peer may take what it got for cut off.
  /// All bytes before must have been sent.
  /// - Parameter timeoutMilliseconds: how long the peer may take no byte; then the socket fails with ``IOFailure/timedOut``.
  public nonisolated(nonsending) func sayGoodbye(timeoutMilliseconds: Int) async {
    guard let tls else { return }
    while failure == nil, !isBroken, !tls.sayGoodbye() { await waitWritable(milliseconds: timeoutMilliseconds) }
  }

  /// Makes ``close()`` send a reset: the peer must not take what it got for whole.
  public func resetOnClose() {
    breaksOff = true
    guard substream == nil else { return }
    var linger = linger(l_onoff: 1, l_linger: 0)
    _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
  }

  /// Opens a connection.
  /// - Parameters:
  ///   - address: where to.
  ///   - timeoutMilliseconds: how long the handshake may take.
  /// - Throws: ``IOFailure/timedOut``, or the system's error (`ECONNREFUSED`, …).
  public nonisolated(nonsending) static func connect(
    to address: SocketAddress, on loop: EventLoop, timeoutMilliseconds: Int
  ) async throws(IOFailure) -> Socket {
    let descriptor = Glibc.socket(address.family, SystemCalls.stream, 0)
    guard descriptor >= 0 else { throw .system(errno) }
    guard Descriptors.mayServe(descriptor) else {
      Glibc.close(descriptor)
      throw .system(EMFILE)
    }
    if address.family != AF_UNIX { SystemCalls.setOption(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1) }
    let code = unsafe address.withSocketAddress { unsafe Glibc.connect(descriptor, $0, $1) == 0 ? 0 : errno }
    guard code == 0 || code == EINPROGRESS else {
      Glibc.close(descriptor)
      throw .system(code)
    }
    let socket = Socket(loop: loop, descriptor: descriptor)
    if code == EINPROGRESS { await socket.waitWritable(milliseconds: timeoutMilliseconds) }
    let pending = SystemCalls.pendingError(descriptor)
    if pending == 0 && socket.failure == nil { return socket }
    let failure = socket.failure ?? .system(pending)
    socket.close()
    throw failure
  }
}
