// Blocking TCP sockets on 127.0.0.1, every operation with a deadline. The only file of the harness, with
// ChildProcess.swift, that speaks to the system directly.
import Foundation
import Glibc

/// How a connection ended when it did not end well.
enum ConnectionError: Error, Equatable {
  case timedOut
  case reset
  case refused
  case system(Int32, during: String)
}

/// One socket, closed with its last reference. Safe to use from several threads: one reading, one writing.
final class Socket: Sendable {
  private let descriptor: Int32

  private init(descriptor: Int32) { self.descriptor = descriptor }
  deinit { close(descriptor) }

  // MARK: Opening

  /// A listening socket on a free port.
  static func listening(backlog: Int32 = 512, port: UInt16 = 0, host: String = "127.0.0.1") throws -> Socket {
    let socket = try holding(port: port, host: host)
    _ = try checked(listen(socket.descriptor, backlog), "listen")
    return socket
  }

  /// A socket that nobody can connect to, so that its port is nobody else's.
  static func holding(port: UInt16, host: String = "127.0.0.1") throws -> Socket {
    let socket = try Socket(descriptor: checked(newDescriptor(), "socket"))
    socket.set(SOL_SOCKET, SO_REUSEADDR, 1)
    var address = loopback(port: port, host: host)
    let bound = unsafe withSocketAddress(&address) { unsafe bind(socket.descriptor, $0, $1) }
    _ = try checked(bound, "bind")
    return socket
  }

  /// A listening Unix socket; its path stays when it is gone.
  static func listening(atPath path: String) throws -> Socket {
    let socket = try Socket(descriptor: checked(Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0), "socket"))
    var address = unixAddress(path)
    let bound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe bind(socket.descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
    }
    _ = try checked(bound, "bind")
    _ = try checked(listen(socket.descriptor, 8), "listen")
    return socket
  }

  /// A connection to a port of this machine. `receiveBuffer`: SO_RCVBUF in bytes, to be a slow reader with.
  static func connected(
    to port: UInt16, from source: String = "127.0.0.1", receiveBuffer: Int32? = nil
  ) throws -> Socket {
    let socket = try Socket(descriptor: checked(newDescriptor(), "socket"))
    if let receiveBuffer { socket.set(SOL_SOCKET, SO_RCVBUF, receiveBuffer) }
    socket.set(Int32(IPPROTO_TCP), TCP_NODELAY, 1)
    if source != "127.0.0.1" {
      var local = loopback(port: 0, host: source)
      _ = try unsafe checked(withSocketAddress(&local) { unsafe bind(socket.descriptor, $0, $1) }, "bind")
    }
    var address = loopback(port: port)
    let result = unsafe withSocketAddress(&address) { unsafe connect(socket.descriptor, $0, $1) }
    if result != 0, errno == ECONNREFUSED { throw ConnectionError.refused }
    _ = try checked(result, "connect")
    return socket
  }

  /// A connection to a port of ::1.
  static func connectedIPv6(to port: UInt16) throws -> Socket {
    var address = sockaddr_in6()
    address.sin6_family = sa_family_t(AF_INET6)
    address.sin6_port = port.bigEndian
    unsafe withUnsafeMutableBytes(of: &address.sin6_addr) { unsafe $0[15] = 1 }
    return try connected(AF_INET6, &address)
  }

  /// A connection to a Unix socket.
  static func connected(toPath path: String) throws -> Socket {
    var address = unixAddress(path)
    return try connected(AF_UNIX, &address)
  }

  private static func unixAddress(_ path: String) -> sockaddr_un {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8.prefix(107)) }
    return address
  }

  private static func connected<Address>(_ family: Int32, _ address: inout Address) throws -> Socket {
    let socket = try Socket(descriptor: checked(Glibc.socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0), "socket"))
    let result = unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(socket.descriptor, $0, socklen_t(MemoryLayout<Address>.size))
      }
    }
    _ = try checked(result, "connect")
    return socket
  }

  /// No child process may be started between the opening of a descriptor and its marking as close-on-exec.
  static let whileOpeningDescriptors = NSLock()

  /// The next connection, or nil once the listening socket has been shut down.
  func accept() throws -> Socket? {
    while true {
      try waitUntil(Int16(POLLIN), by: .after(.seconds(3600)))
      let accepted = Socket.whileOpeningDescriptors.withLock {
        let accepted = Glibc.accept(descriptor, nil, nil)
        if accepted >= 0 { _ = fcntl(accepted, F_SETFD, FD_CLOEXEC) }
        return accepted
      }
      if accepted >= 0 {
        let socket = Socket(descriptor: accepted)
        socket.set(Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        return socket
      }
      if errno == EINTR || errno == ECONNABORTED { continue }
      if errno == EINVAL { return nil }
      throw ConnectionError.system(errno, during: "accept")
    }
  }

  var port: UInt16 {
    var address = Socket.loopback(port: 0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    _ = unsafe Socket.withSocketAddress(&address) { pointer, _ in unsafe getsockname(descriptor, pointer, &length) }
    return UInt16(bigEndian: address.sin_port)
  }

  // MARK: Talking

  /// The next bytes, at most `limit`; empty at the end of the stream.
  func receive(atMost limit: Int = 65_536, by deadline: Deadline = .generous) throws -> Bytes {
    try waitUntil(Int16(POLLIN), by: deadline)
    while true {
      var count = 0
      let bytes = unsafe Bytes(unsafeUninitializedCapacity: limit) { buffer, filled in
        count = unsafe recv(descriptor, buffer.baseAddress, limit, 0)
        filled = max(0, count)
      }
      if count >= 0 { return bytes }
      switch errno {
      case EINTR: continue
      case ECONNRESET, EPIPE: throw ConnectionError.reset
      default: throw ConnectionError.system(errno, during: "recv")
      }
    }
  }

  /// Bytes waiting to be read, without waiting for any.
  var pendingByteCount: Int {
    var count: Int32 = 0
    _ = unsafe ioctl(descriptor, UInt(FIONREAD), &count)
    return Int(count)
  }

  func send(_ bytes: Bytes, by deadline: Deadline = .generous) throws {
    var sent = 0
    while sent < bytes.count {
      try waitUntil(Int16(POLLOUT), by: deadline)
      sent += try sendWhatFits(bytes[sent...])
    }
  }

  /// Sends `bytes` over and over until the peer has taken none for `quiet`; how many it took in all.
  func sendUntilBlocked(_ bytes: Bytes, quiet: Duration = .milliseconds(300)) throws -> Int {
    var sent = 0
    while true {
      do { try waitUntil(Int16(POLLOUT), by: .after(quiet)) } catch ConnectionError.timedOut { return sent }
      sent += try sendWhatFits(bytes[...])
    }
  }

  private func sendWhatFits(_ bytes: ArraySlice<UInt8>) throws -> Int {
    let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
    let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, flags) }
    if count >= 0 { return count }
    switch errno {
    case EINTR, EAGAIN: return 0
    case ECONNRESET, EPIPE: throw ConnectionError.reset
    default: throw ConnectionError.system(errno, during: "send")
    }
  }

  // MARK: Ending

  /// No more bytes will be sent; the other direction stays open.
  func finishSending() { _ = shutdown(descriptor, Int32(SHUT_WR)) }

  /// Ends both directions and wakes every thread waiting on the socket.
  func shutDown() { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }

  /// Makes the closing of the socket a reset (RST) instead of an orderly end.
  func resetWhenClosed() {
    var linger = linger(l_onoff: 1, l_linger: 0)
    _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
  }

  // MARK: The system's manners

  private func waitUntil(_ events: Int16, by deadline: Deadline) throws {
    while true {
      var entry = pollfd(fd: descriptor, events: events, revents: 0)
      let ready = unsafe poll(&entry, 1, deadline.remainingMilliseconds)
      if ready > 0 { return }
      if ready == 0 { throw ConnectionError.timedOut }
      if errno != EINTR { throw ConnectionError.system(errno, during: "poll") }
    }
  }

  /// SO_SNDBUF and SO_RCVBUF in bytes: small ones make a slow peer.
  func limitBuffers(send: Int32? = nil, receive: Int32? = nil) {
    if let send { set(SOL_SOCKET, SO_SNDBUF, send) }
    if let receive { set(SOL_SOCKET, SO_RCVBUF, receive) }
  }

  private func set(_ level: Int32, _ option: Int32, _ value: Int32) {
    var value = value
    _ = unsafe setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
  }

  private static func newDescriptor() -> Int32 {
    socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
  }

  private static func checked(_ result: Int32, _ call: String) throws -> Int32 {
    guard result >= 0 else { throw ConnectionError.system(errno, during: call) }
    return result
  }

  private static func loopback(port: UInt16, host: String = "127.0.0.1") -> sockaddr_in {
    let number = host.split(separator: ".").reduce(UInt32(0)) { $0 << 8 | (UInt32($1) ?? 0) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr = in_addr(s_addr: number.bigEndian)
    return address
  }

  private static func withSocketAddress(
    _ address: inout sockaddr_in, _ body: (UnsafeMutablePointer<sockaddr>, socklen_t) -> Int32
  ) -> Int32 {
    unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }
}
