// Owns: one question and its answer over a connection of a command, which has nothing else to do: no loop. Blocks the calling thread.
import CSystem
import Glibc

/// A connection that blocks. Any thread, one at a time.
public struct BlockingConnection: ~Copyable {
  private let descriptor: Int32

  /// Connects.
  /// - Parameter timeoutMilliseconds: for the connection, and for each further step.
  /// - Throws: ``IOFailure/system(_:)`` with the reason.
  public init(to address: SocketAddress, timeoutMilliseconds: Int) throws(IOFailure) {
    descriptor = Glibc.socket(address.family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw .system(errno) }
    var time = timeval(tv_sec: timeoutMilliseconds / 1000, tv_usec: timeoutMilliseconds % 1000 * 1000)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] { _ = unsafe setsockopt(descriptor, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size)) }
    guard unsafe address.withSocketAddress({ unsafe connect(descriptor, $0, $1) }) == 0 else { throw .system(errno) }
  }

  deinit { close(descriptor) }

  /// Sends bytes and reads until the other side closes.
  /// - Parameter limit: the longest answer, in bytes.
  /// - Throws: ``IOFailure``; `.system(EMSGSIZE)` for a longer one, `.timedOut` when the other side says nothing for too long.
  public func exchange(_ bytes: [UInt8], limit: Int) throws(IOFailure) -> [UInt8] {
    var sent = 0
    while sent < bytes.count {
      let count = unsafe bytes[sent...].withUnsafeBufferPointer { unsafe send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard count > 0 else { throw failure() }
      sent += count
    }
    var answer: [UInt8] = [], piece = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = unsafe recv(descriptor, &piece, piece.count, 0)
      if count == 0 { return answer }
      guard count > 0 else { throw failure() }
      answer += piece[..<count]
      if answer.count > limit { throw .system(EMSGSIZE) }
    }
  }

  private func failure() -> IOFailure { errno == EAGAIN ? .timedOut : .system(errno) }
}
