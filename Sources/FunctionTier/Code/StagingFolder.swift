// Owns: the folder that a pre-warmed sandbox sees as /var/task: empty at first, and once it is some function's, with hard links to its code.
// Blocks for a few system calls; the supervisor's thread.
import Foundation
import Glibc

/// An empty folder that code can be linked into.
final class StagingFolder {
  /// The most files that are linked in; larger code has sandboxes of its own, which see the copy in the store itself.
  static let fileLimit = 64

  let path: String

  /// Makes it.
  init(path: String) throws(CodeProblem) {
    self.path = path
    try CodeStore.makeFolder(path)
  }

  deinit { remove() }

  /// Links code into it.
  func take(_ code: StoredCode) throws(CodeProblem) {
    for file in code.files {
      let target = path + "/" + file
      if unsafe link(code.folder + "/" + file, target) == 0 { continue }
      if errno == ENOENT, let slash = target.lastIndex(of: "/") {
        try CodeStore.makeFolder(String(target[..<slash]))
        if unsafe link(code.folder + "/" + file, target) == 0 { continue }
      }
      throw CodeProblem(text: "\(file.shown) cannot be linked: \(unsafe String(cString: strerror(errno)))")
    }
  }

  /// Removes it. The code in the store stays.
  private func remove() {
    if unsafe rmdir(path) != 0 { try? FileManager.default.removeItem(atPath: path) }
  }
}
