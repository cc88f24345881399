// Owns: a listening socket of one worker. SO_REUSEPORT lets every worker have its own; who serves an accepted connection
// is decided above (Edge balances, because the kernel's hash alone does not).
import CSystem
import Glibc

/// A listening socket on a loop. Confined to the loop's thread once started.
public final class Listener: EventHandler {
  /// How long accepting rests when the process or system is out of descriptors.
  public static let restMilliseconds = 100

  /// How long a listener that ends waits for those who are in the middle of connecting.
  public static let lastCallMilliseconds = 100

  /// The address that is really bound.
  public let address: SocketAddress
  private let loop: EventLoop
  /// Whether it is for viewers, who leave descriptors for others.
  private let leavesReserve: Bool
  /// Whether somebody else goes on listening there.
  private let isHeldElsewhere: Bool
  private enum Phase { case accepting, lastCall, closed }
  private var phase = Phase.accepting
  private let accepted: (_ descriptor: Int32, _ peer: SocketAddress) -> Void
  /// Called when the listener has been closed.
  public var closed: (() -> Void)?
  /// Called when accepting rests for want of descriptors or memory: an errno value.
  public var exhausted: ((Int32) -> Void)?

  /// Connections are accepted after ``start()``. The socket is the listener's from here on.
  /// - Parameter leavesReserve: whether it is for viewers: accepting rests when they have their part of the descriptors.
  public init(
    _ socket: ListeningSocket, on loop: EventLoop, leavesReserve: Bool, accepted: @escaping (_ descriptor: Int32, _ peer: SocketAddress) -> Void
  ) {
    address = socket.address
    self.loop = loop
    self.leavesReserve = leavesReserve
    isHeldElsewhere = socket.isHeldElsewhere
    self.accepted = accepted
    super.init(descriptor: socket.descriptor)
  }

  /// Begins to accept.
  public func start() { loop.register(self, [.input]) }

  /// Nobody new is let in; who has connected, or is about to, still is. Then the socket is closed.
  public func finish() {
    guard phase == .accepting else { return }
    // What follows would make the socket deaf for those who have it after this process. Who is about to connect waits for them.
    if isHeldElsewhere { return leave() }
    phase = .lastCall
    acceptQueued()
    // The system answers no further SYN. Where it cannot be told so, the last moments before the end are left to chance.
    sk_refuse_new_connections(descriptor)
    loop.schedule(afterMilliseconds: Self.lastCallMilliseconds) { [self] in
      acceptQueued()
      leave()
    }
  }

  /// Closes the descriptor at once: another process accepts from the same socket, whatever is queued there.
  public func leave() {
    guard phase != .closed else { return }
    phase = .closed
    loop.unregister(self)
    closed?()
  }

  override func ready(_ events: SystemCalls.Events) { acceptQueued() }

  private func acceptQueued() {
    while true {
      var storage = sockaddr_storage()
      var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
      let connection = unsafe withUnsafeMutablePointer(to: &storage) {
        unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe accept4(descriptor, $0, &size, Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue))
        }
      }
      if connection >= 0 {
        accepted(connection, SocketAddress(storage) ?? .unix(path: ""))
        if leavesReserve && Descriptors.isLastForViewers(connection) { return rest(EMFILE) }
        continue
      }
      switch errno {
      case EINTR, ECONNABORTED, EPROTO: continue
      case EMFILE, ENFILE, ENOBUFS, ENOMEM: return rest(errno)
      default: return
      }
    }
  }

  /// Out of descriptors: a level-triggered listener would spin, so it looks away for a moment. Who connects meanwhile waits in the queue.
  private func rest(_ code: Int32) {
    exhausted?(code)
    loop.update(self, [])
    resumeLater()
  }

  private func resumeLater() {
    loop.schedule(afterMilliseconds: Self.restMilliseconds) { [self] in
      guard phase != .closed else { return }
      if leavesReserve && Descriptors.areFew { return resumeLater() }
      loop.update(self, [.input])
    }
  }
}
