// Owns: what the process may do to files, whoever it runs as: Landlock (landlock(7)). An exploit of the engine that runs with the
// proxy's rights can then neither leave a program behind nor start one, and not overwrite what others trust.
import CConfinement
import Glibc

/// Rules about files. Applied once, before other threads are started: it binds the calling thread and those that it starts.
public struct FileRules: Sendable {
  /// Folders, and files, that may be written, made, moved and removed. Those that do not exist are passed over.
  public var writable: [String]
  /// Folders and files that may be read; nil for everything.
  public var readable: [String]?

  /// Rules.
  public init(writable: [String], readable: [String]? = nil) {
    self.writable = writable
    self.readable = readable
  }

  /// Whether this kernel can keep such rules.
  public static var areSupported: Bool { sk_landlock_version() > 0 }

  /// What a process reads whatever it serves: names, time zones, certificate authorities, itself, and random bytes.
  public static let systemReadable = [
    "/etc", "/usr/share", "/usr/lib", "/usr/local/share", "/usr/local/lib", "/lib", "/lib64", "/proc", "/sys/devices/system", "/sys/fs/cgroup", "/dev/null",
    "/dev/urandom", "/run/systemd/resolve",
  ]

  /// Binds this thread and all that it starts. For good.
  /// - Throws: ``ConfinementFailure`` when the kernel refuses.
  public func enforce() throws(ConfinementFailure) {
    let limitsReading: UInt64 = readable == nil ? 0 : UInt64(SK_FILE_READ)
    let rules = sk_landlock_make(UInt64(SK_FILE_EXECUTE) | UInt64(SK_FILE_WRITE) | UInt64(SK_FILE_DEVICES) | limitsReading)
    guard rules >= 0 else { throw FileRules.failure("Landlock", rules) }
    defer { close(rules) }
    for path in writable { try allow(path, UInt64(SK_FILE_WRITE) | limitsReading, in: rules) }
    for path in readable ?? [] { try allow(path, limitsReading, in: rules) }
    let result = sk_landlock_enforce(rules)
    guard result == 0 else { throw FileRules.failure("Landlock", result) }
  }

  private func allow(_ path: String, _ access: UInt64, in rules: Int32) throws(ConfinementFailure) {
    let result = unsafe sk_landlock_allow(rules, path, access)
    guard result == 0 || result == -ENOENT || result == -EACCES else { throw FileRules.failure("Landlock, \(path)", result) }
  }

  static func failure(_ what: String, _ result: Int32) -> ConfinementFailure {
    ConfinementFailure(description: "\(what): \(unsafe String(cString: strerror(-result)))")
  }
}
