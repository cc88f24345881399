// Owns: becoming another user, for good. What root is needed for — low ports, and reading keys that only root may — is done before.
// The main thread's; the C library carries it to every other thread (nptl(7)).
import Glibc

/// Why a process cannot be confined as it was asked to.
public struct ConfinementFailure: Error, CustomStringConvertible {
  /// One sentence.
  public let description: String
}

/// A user of the system, with the groups that are the user's.
public struct Account: Sendable, Equatable {
  /// The user's name.
  public let name: String
  let user: uid_t
  let group: gid_t

  /// Looks a user up in the system's data base.
  /// - Parameters:
  ///   - name: a user's name.
  ///   - group: the name of the group to be in first; nil for the user's own.
  /// - Throws: ``ConfinementFailure`` when there is no such user or group.
  public init(named name: String, group: String? = nil) throws(ConfinementFailure) {
    guard let entry = unsafe getpwnam(name) else { throw ConfinementFailure(description: "there is no user \(name) on this machine") }
    self.name = name
    user = unsafe entry.pointee.pw_uid
    guard let group else {
      self.group = unsafe entry.pointee.pw_gid
      return
    }
    guard let found = unsafe getgrnam(group) else { throw ConfinementFailure(description: "there is no group \(group) on this machine") }
    self.group = unsafe found.pointee.gr_gid
  }

  /// Whether the process runs as root and so can become another.
  public static var isRoot: Bool { geteuid() == 0 }
  /// Whether the process is this user already.
  public var isCurrent: Bool { getuid() == user && geteuid() == user }

  /// Runs something with this user's rights instead of root's; then the process is root's again. All threads are meanwhile.
  public func lend<Result, Failure: Error>(to body: () throws(Failure) -> Result) throws(Failure) -> Result {
    let rootGroup = getegid()
    let isLent = setegid(group) == 0 && seteuid(user) == 0
    defer { if isLent { _ = (seteuid(0), setegid(rootGroup)) } }
    return try body()
  }

  /// Makes every thread of the process this user's, without a way back.
  /// - Throws: ``ConfinementFailure`` when the process is not root's, or could be root again.
  public func become() throws(ConfinementFailure) {
    guard Account.isRoot else { throw ConfinementFailure(description: "only root can become \(name); start as root or as \(name) itself") }
    // Of root, setgid and setuid change the real, the effective and the saved identity.
    guard unsafe initgroups(name, group) == 0, setgid(group) == 0, setuid(user) == 0 else {
      throw ConfinementFailure(description: "cannot become \(name): \(unsafe String(cString: strerror(errno)))")
    }
    guard user == 0 || setuid(0) != 0 else { throw ConfinementFailure(description: "could become root again after becoming \(name)") }
  }
}
