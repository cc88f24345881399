// Owns: the system calls of the Runtime API's sockets. Unsafe code, because the kernel's interface is pointers; nothing unsafe leaves.
import CSystem
import Glibc

/// Sockets inside of sandboxes.
enum APISocket {
  /// Accepts a connection; nil when none waits.
  static func accept(_ listener: Int32) -> Int32? {
    let descriptor = accept4(listener, nil, nil, Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue))
    guard descriptor >= 0 else { return nil }
    // Head and body in packets of their own would wait for each other: 85 ms per invocation.
    var on: Int32 = 1
    _ = unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    return descriptor
  }

  static func close(_ descriptor: Int32) { _ = Glibc.close(descriptor) }
}
