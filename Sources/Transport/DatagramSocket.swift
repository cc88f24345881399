// Owns: a Unix datagram socket to a service manager, by path or abstract name (unix(7)).
import CSystem
import Glibc

/// Sockets for single messages. Any thread.
public enum DatagramSocket {
  /// A socket connected to a path, or to an abstract name where `@` stands first; closed on exec. The caller closes it.
  /// - Returns: nil when nobody listens there.
  public static func connected(to path: String) -> Int32? {
    guard !path.isEmpty, path.utf8.count < 108 else { return nil }   // sun_path, unix(7)
    let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    var name = sockaddr_un()
    name.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &name.sun_path) { place in
      for (index, byte) in path.utf8.enumerated() { unsafe place[index] = byte }
      if path.hasPrefix("@") { unsafe place[0] = 0 }
    }
    let size = socklen_t(2 + path.utf8.count)
    let result = unsafe withUnsafePointer(to: &name) { unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe connect(descriptor, $0, size) } }
    if result == 0 { return descriptor }
    close(descriptor)
    return nil
  }
}
