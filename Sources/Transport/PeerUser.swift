// Owns: who is at the other end of a Unix socket.
import CSystem
import Glibc

/// The user at the other end of a connection. Any thread.
public enum PeerUser {
  /// Whether the other end of a Unix socket is this process's own user or root. False for any other socket.
  public static func isOwn(_ descriptor: Int32) -> Bool {
    let user = sk_peer_user(descriptor)
    return user == 0 || user == Int(geteuid())
  }
}
