// Owns: how many files the process may have open, and which of them are kept free. Viewers leave some for origins, and both leave a reserve
// for whoever wants to see what is wrong: the admin address, logs, configuration.
import CSystem
import Glibc

/// The process's file descriptors. Any thread.
public enum Descriptors {
  /// Descriptors that viewers and origins do not take; a quarter of all when there are few.
  public static let reserve = 128
  /// Of those that viewers and origins share, the part that viewers leave: without origins they would be let in for nothing.
  public static let originsPart = 8

  private static let limits: (served: UInt64, accepted: UInt64) = {
    let files = Int32(bitPattern: RLIMIT_NOFILE.rawValue)
    var limit = rlimit()
    unsafe getrlimit(files, &limit)
    limit.rlim_cur = limit.rlim_max
    unsafe setrlimit(files, &limit)
    unsafe getrlimit(files, &limit)
    let all = UInt64(limit.rlim_cur)
    let served = all - min(UInt64(reserve), all / 4)
    return (served, served - served / UInt64(originsPart))
  }()

  /// Raises the process's limit as far as it may be raised. Once, before anything is accepted.
  public static func prepare() { _ = limits }

  /// Tells the other end of a socket that nothing more will come; it may still be read from.
  public static func finishWriting(_ descriptor: Int32) { shutdown(descriptor, Int32(SHUT_WR)) }

  /// Another descriptor of the same socket or file, the caller's to close; nil when the system gives none.
  public static func copy(of descriptor: Int32) -> Int32? {
    let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
    return copy >= 0 ? copy : nil
  }

  /// Whether a new connection may keep its descriptor. The system gives the lowest number that is free, so a high one says that few are left.
  public static func mayServe(_ descriptor: Int32) -> Bool { UInt64(descriptor) < limits.served }

  /// Whether viewers have taken their part, up to this descriptor.
  static func isLastForViewers(_ descriptor: Int32) -> Bool { UInt64(descriptor) >= limits.accepted }

  /// Whether a further viewer would take what is not theirs. Two system calls.
  static var areFew: Bool {
    let probe = dup(0)
    guard probe >= 0 else { return true }
    defer { close(probe) }
    return isLastForViewers(probe)
  }
}
