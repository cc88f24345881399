// Owns: a listening socket of one worker. SO_REUSEPORT lets every worker have its own; who serves an accepted connection
// is decided above (Edge balances, because the kernel's hash alone does not).
import CSystem
import Glibc

/// A listening socket on a loop. Confined to the loop's thread once started.
public final class Listener: EventHandler {
  /// Connections the kernel queues before accept; it may cap the number (`net.core.somaxconn`).
  public static let backlog: Int32 = 4096
  /// How long accepting rests when the process or system is out of descriptors.
  public static let restMilliseconds = 100

  /// The address that is really bound (a configured port 0 is replaced by the kernel's choice).
  public let address: SocketAddress
  private let loop: EventLoop
  private var isClosed = false
  private let accepted: (_ descriptor: Int32, _ peer: SocketAddress) -> Void
  /// Called when the listener has been closed.
  public var closed: (() -> Void)?
  /// Called when a connection could not be accepted for want of descriptors or memory: an errno value.
  public var exhausted: ((Int32) -> Void)?

  /// Binds and listens; connections are accepted after ``start()``.
  /// - Parameter isFirst: whether no other worker of this process listens there yet: then nobody else may either, although
  ///   SO_REUSEPORT would let another process of the same user in.
  /// - Throws: ``IOFailure/system(_:)`` with the error of bind or listen.
  public init(
    _ address: SocketAddress, isFirst: Bool, on loop: EventLoop, accepted: @escaping (_ descriptor: Int32, _ peer: SocketAddress) -> Void
  ) throws(IOFailure) {
    let descriptor = Glibc.socket(address.family, SystemCalls.stream, 0)
    guard descriptor >= 0 else { throw .system(errno) }
    SystemCalls.setOption(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
    if isFirst, let code = Self.conflict(address) {
      Glibc.close(descriptor)
      throw .system(code)
    }
    if case .unix = address { fchmod(descriptor, 0o600) } else {   // for its owner alone, from the start
      SystemCalls.setOption(descriptor, SOL_SOCKET, SO_REUSEPORT, 1)
      SystemCalls.setOption(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)   // inherited by accepted sockets
    }
    if address.family == AF_INET6 { SystemCalls.setOption(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1) }
    let bound = unsafe address.withSocketAddress { unsafe bind(descriptor, $0, $1) }
    guard bound == 0, listen(descriptor, Self.backlog) == 0 else {
      let code = errno
      Glibc.close(descriptor)
      throw .system(code)
    }
    self.address = SystemCalls.localAddress(descriptor) ?? address
    self.loop = loop
    self.accepted = accepted
    super.init(descriptor: descriptor)
  }

  /// The error of binding an address without SO_REUSEPORT; nil when it is free. A Unix socket that nobody listens on any more is removed.
  private static func conflict(_ address: SocketAddress) -> Int32? {
    let probe = Glibc.socket(address.family, SystemCalls.stream, 0)
    guard probe >= 0 else { return errno }
    defer { Glibc.close(probe) }
    if case .unix(let path) = address {
      // What is no socket refuses connections too; it is somebody's file.
      let isDead = unsafe isSocket(path) && address.withSocketAddress { unsafe Glibc.connect(probe, $0, $1) != 0 && errno == ECONNREFUSED }
      if isDead { unsafe unlink(path) }
      return nil   // whatever else stands there, bind refuses
    }
    SystemCalls.setOption(probe, SOL_SOCKET, SO_REUSEADDR, 1)
    if address.family == AF_INET6 { SystemCalls.setOption(probe, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1) }
    return unsafe address.withSocketAddress { unsafe bind(probe, $0, $1) == 0 ? nil : errno }
  }

  /// Whether a path is a socket itself, not a link to one.
  private static func isSocket(_ path: String) -> Bool {
    var status = stat()
    return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
  }

  /// Begins to accept.
  public func start() { loop.register(self, [.input]) }
  /// Accepts what is queued, then stops and closes the socket.
  public func close() {
    acceptQueued()
    isClosed = true
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
        continue
      }
      switch errno {
      case EINTR, ECONNABORTED, EPROTO: continue
      case EMFILE, ENFILE, ENOBUFS, ENOMEM: return rest(errno)
      default: return
      }
    }
  }

  /// Out of descriptors: a level-triggered listener would spin, so it looks away for a moment.
  private func rest(_ code: Int32) {
    exhausted?(code)
    loop.update(self, [])
    loop.schedule(afterMilliseconds: Self.restMilliseconds) { [self] in if !isClosed { loop.update(self, [.input]) } }
  }
}
