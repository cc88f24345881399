// Owns: how many files the process may have open, and which of them are kept free. Viewers and origins leave a reserve for whoever
// wants to see what is wrong: the admin address, logs, configuration.
import CSystem
import Glibc

/// The process's file descriptors. Any thread.
public enum Descriptors {
  /// Descriptors that viewers and origins do not take; a quarter of all when there are few.
  public static let reserve = 128

  private static let limits: (all: UInt64, served: UInt64) = {
    let files = Int32(bitPattern: RLIMIT_NOFILE.rawValue)
    var limit = rlimit()
    unsafe getrlimit(files, &limit)
    limit.rlim_cur = limit.rlim_max
    unsafe setrlimit(files, &limit)
    unsafe getrlimit(files, &limit)
    let all = UInt64(limit.rlim_cur)
    return (all, all - min(UInt64(reserve), all / 4))
  }()

  /// Raises the process's limit as far as it may be raised. Once, before anything is accepted.
  public static func prepare() { _ = limits }

  /// Whether a new connection may keep its descriptor. The system gives the lowest number that is free, so a high one says that few are left.
  public static func mayServe(_ descriptor: Int32) -> Bool { UInt64(descriptor) < limits.served }
}
