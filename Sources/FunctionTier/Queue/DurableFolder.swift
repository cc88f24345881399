// Owns: files that are there whole or not at all, whenever the process or the machine ends: written under another name, synced, renamed, and the
// folder synced (rename(2), fsync(2)). Blocks; any thread.
import Foundation
import Glibc

/// What the disk did not take.
struct FolderProblem: Error {
  /// One sentence.
  let text: String
}

/// A folder of such files.
struct DurableFolder {
  let path: String

  init(_ path: String) { self.path = path }

  /// Makes the folder where it is missing.
  /// - Returns: the names in it, in order.
  static func open(_ path: String) throws(EventQueue.Refusal) -> [String] {
    guard unsafe mkdir(path, 0o700) == 0 || errno == EEXIST else { throw .disk("\(path): \(unsafe String(cString: strerror(errno)))") }
    return ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
  }

  /// Writes a file. When this returns, the disk has it.
  func write(_ content: [UInt8], as name: String) throws(FolderProblem) {
    let draft = path + "/new-\(name)"
    func problem() -> FolderProblem { FolderProblem(text: "\(path): \(unsafe String(cString: strerror(errno)))") }
    let descriptor = unsafe Glibc.open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw problem() }
    let isWritten = unsafe Glibc.write(descriptor, content, content.count) == content.count && fsync(descriptor) == 0
    close(descriptor)
    guard isWritten, unsafe rename(draft, path + "/" + name) == 0 else {
      let problem = problem()
      unsafe unlink(draft)
      throw problem
    }
    let folder = unsafe Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    defer { close(folder) }
    guard folder >= 0, fsync(folder) == 0 else { throw problem() }
  }
}
