// Owns: the socket system calls, as values in and values out. Linux only.
// Unsafe code lives here because the kernel's interface is pointers; nothing unsafe leaves.
import CSystem
import Glibc

/// Socket system calls. Stateless; any thread.
enum SystemCalls {
  /// A readiness report of epoll (epoll_ctl(2)).
  struct Events {
    let raw: UInt32
    /// IN, RDHUP, HUP or ERR: a read will not block.
    @inline(__always) var readable: Bool { raw & 0x2019 != 0 }
    /// OUT, HUP or ERR: a write will not block.
    @inline(__always) var writable: Bool { raw & 0x001c != 0 }
    /// RDHUP: the peer will send no more.
    @inline(__always) var peerFinished: Bool { raw & 0x2000 != 0 }
    /// HUP or ERR: the connection is gone.
    @inline(__always) var broken: Bool { raw & 0x0018 != 0 }
  }

  static let stream = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)

  static func setOption(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Int32) {
    var value = value
    _ = unsafe setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
  }

  /// Bytes taken by the kernel, 0 when it would block, nil when the connection failed (errno tells).
  @inline(__always) static func send(_ descriptor: Int32, _ bytes: Span<UInt8>) -> Int? {
    let n = unsafe bytes.withUnsafeBufferPointer { unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    if n >= 0 { return n }
    let code = errno
    return code == EAGAIN || code == EINTR || code == ENOTCONN ? 0 : nil
  }

  /// Like ``send(_:_:)`` for two runs of bytes in one call.
  static func send(_ descriptor: Int32, _ first: Span<UInt8>, _ second: Span<UInt8>) -> Int? {
    let n = unsafe first.withUnsafeBufferPointer { a in
      unsafe second.withUnsafeBufferPointer { b in
        let parts: InlineArray<2, iovec> = unsafe [
          iovec(iov_base: UnsafeMutableRawPointer(mutating: a.baseAddress), iov_len: a.count),
          iovec(iov_base: UnsafeMutableRawPointer(mutating: b.baseAddress), iov_len: b.count),
        ]
        var message = unsafe msghdr()
        return unsafe parts.span.withUnsafeBufferPointer { p in
          unsafe message.msg_iov = UnsafeMutablePointer(mutating: p.baseAddress)
          unsafe message.msg_iovlen = 2
          return unsafe sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL))
        }
      }
    }
    if n >= 0 { return n }
    let code = errno
    return code == EAGAIN || code == EINTR || code == ENOTCONN ? 0 : nil
  }

  /// The own end of an internet socket (getsockname(2)); nil for any other.
  static func localAddress(_ descriptor: Int32) -> SocketAddress? {
    var storage = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let code = unsafe withUnsafeMutablePointer(to: &storage) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe getsockname(descriptor, $0, &size) }
    }
    guard code == 0, let address = SocketAddress(storage), address.family != AF_UNIX else { return nil }
    return address
  }

  /// What a socket is bound to, also a Unix socket with a path; nil for any other.
  static func boundAddress(_ descriptor: Int32) -> SocketAddress? {
    if let address = localAddress(descriptor) { return address }
    var name = sockaddr_un()
    var size = socklen_t(MemoryLayout<sockaddr_un>.size)
    let code = unsafe withUnsafeMutablePointer(to: &name) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe getsockname(descriptor, $0, &size) }
    }
    guard code == 0, name.sun_family == sa_family_t(AF_UNIX) else { return nil }
    let path = unsafe withUnsafeBytes(of: &name.sun_path) { unsafe Array($0.prefix { $0 != 0 }) }
    return path.isEmpty ? nil : .unix(path: String(decoding: path, as: UTF8.self))
  }

  /// A socket's option; nil when it has none of that kind, or is no socket.
  static func option(_ descriptor: Int32, _ level: Int32, _ name: Int32) -> Int32? {
    var value: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    return unsafe getsockopt(descriptor, level, name, &value, &size) == 0 ? value : nil
  }

  /// The pending error of a socket (SO_ERROR), 0 for none.
  static func pendingError(_ descriptor: Int32) -> Int32 {
    var code: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    return unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0 ? code : errno
  }

  /// Monotonic clock in nanoseconds.
  @inline(__always) static func monotonicNanoseconds() -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
