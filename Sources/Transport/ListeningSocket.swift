// Owns: sockets that listen, before a loop accepts from them: made anew, or inherited from a service manager or an earlier process.
// A value without a thread; whoever holds it closes it, or gives it to a Listener.
import CSystem
import Glibc

/// A bound socket that listens. Any thread.
public struct ListeningSocket: Sendable {
  /// Connections the kernel queues before accept; it may cap the number (`net.core.somaxconn`).
  public static let backlog: Int32 = 4096
  /// Bytes that the kernel takes for a viewer beyond those on their way to it (TCP_NOTSENT_LOWAT); for more, it has to read. Without such a bound ten
  /// thousand that read slowly take all memory the kernel has for TCP, and connections of others are reset.
  public static let unsentLimitBytes: Int32 = 32_768

  /// The open descriptor.
  public let descriptor: Int32
  /// The address that is really bound (a configured port 0 is replaced by the kernel's choice).
  public let address: SocketAddress
  /// Whether a service manager has it too, and goes on listening when this process does not: it is left as it is, with who waits there.
  public let isHeldElsewhere: Bool

  /// Binds and listens.
  /// - Parameter isFirst: whether nobody of this proxy listens there yet: then nobody else may either, although SO_REUSEPORT would let
  ///   another process of the same user in.
  /// - Throws: ``IOFailure/system(_:)`` with the error of bind or listen.
  public init(binding address: SocketAddress, isFirst: Bool) throws(IOFailure) {
    let descriptor = Glibc.socket(address.family, SystemCalls.stream, 0)
    guard descriptor >= 0 else { throw .system(errno) }
    SystemCalls.setOption(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
    if isFirst, let code = Self.conflict(address) {
      Glibc.close(descriptor)
      throw .system(code)
    }
    if case .unix = address { fchmod(descriptor, 0o600) } else {   // for its owner alone, from the start
      SystemCalls.setOption(descriptor, SOL_SOCKET, SO_REUSEPORT, 1)
      Self.prepare(descriptor)
    }
    if address.family == AF_INET6 { SystemCalls.setOption(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1) }
    let bound = unsafe address.withSocketAddress { unsafe bind(descriptor, $0, $1) }
    guard bound == 0, listen(descriptor, Self.backlog) == 0 else {
      let code = errno
      Glibc.close(descriptor)
      throw .system(code)
    }
    self.descriptor = descriptor
    self.address = SystemCalls.localAddress(descriptor) ?? address
    isHeldElsewhere = false
  }

  /// A socket that was listening when the process was started.
  /// - Parameter isHeldElsewhere: whether a service manager has it too.
  /// - Returns: nil when the descriptor is no TCP or Unix socket that listens.
  public init?(inherited descriptor: Int32, isHeldElsewhere: Bool) {
    guard SystemCalls.option(descriptor, SOL_SOCKET, SO_ACCEPTCONN) == 1, let address = SystemCalls.boundAddress(descriptor) else { return nil }
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    if case .unix = address {} else { Self.prepare(descriptor) }
    self.descriptor = descriptor
    self.address = address
    self.isHeldElsewhere = isHeldElsewhere
  }

  /// Options that accepted sockets inherit.
  private static func prepare(_ descriptor: Int32) {
    SystemCalls.setOption(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
    SystemCalls.setOption(descriptor, Int32(IPPROTO_TCP), TCP_NOTSENT_LOWAT, unsentLimitBytes)
  }

  /// Another socket for another loop: one of its own where the system lets several listen at the address, else the same once more. Besides
  /// SO_REUSEPORT that takes the same user: what a service manager has bound is root's, and this process is somebody else's.
  /// - Throws: ``IOFailure/system(_:)`` with the error.
  public func another() throws(IOFailure) -> ListeningSocket {
    if SystemCalls.option(descriptor, SOL_SOCKET, SO_REUSEPORT) == 1 {
      do { return try ListeningSocket(binding: address, isFirst: false) } catch where error == .system(EADDRINUSE) || error == .system(EACCES) {}
    }
    let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
    guard copy >= 0 else { throw .system(errno) }
    return ListeningSocket(descriptor: copy, address: address, isHeldElsewhere: isHeldElsewhere)
  }

  private init(descriptor: Int32, address: SocketAddress, isHeldElsewhere: Bool) {
    self.descriptor = descriptor
    self.address = address
    self.isHeldElsewhere = isHeldElsewhere
  }

  /// Closes it. Not for one that a Listener has.
  public func close() { Glibc.close(descriptor) }

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
}
