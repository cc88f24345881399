// Owns: the word that a process still uses what lies in the tier's folder: while it is replaced by a newer one, two do. A lock that all share
// (flock(2)); who finds nobody else may clean up.
import Glibc

/// A share in the use of the folder.
final class FolderLease: Sendable {
  private let descriptor: Int32

  /// Takes a share.
  /// - Parameter clean: called when nobody else has one.
  init?(_ folder: String, _ clean: () -> Void) {
    descriptor = unsafe open(folder + "/.lease", O_RDONLY | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { return nil }
    if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { clean() }
    while flock(descriptor, LOCK_SH) != 0 && errno == EINTR {}
  }

  deinit { close(descriptor) }
}
