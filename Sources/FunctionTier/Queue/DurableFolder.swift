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
    do throws(FolderProblem) { return try DurableFolder(path).names() } catch { throw .disk(error.text) }
  }

  /// The names in it, in order; none where there is no such folder.
  func names() throws(FolderProblem) -> [String] {
    do { return try FileManager.default.contentsOfDirectory(atPath: path).sorted() } catch {
      if unsafe access(path, F_OK) != 0 && errno == ENOENT { return [] }
      throw FolderProblem(text: "\(path) cannot be read: \(error.localizedDescription)")
    }
  }

  /// What a file holds.
  enum Reading {
    case content([UInt8])
    /// There is none of that name any more.
    case gone
    /// There may be one, and it cannot be read now: no descriptor is free, the disk has an error, it is another user's. In one sentence.
    case unreadable(String)
  }

  /// Reads a file.
  func read(_ name: String) -> Reading {
    func problem() -> Reading { .unreadable("\(path)/\(name): \(unsafe String(cString: strerror(errno)))") }
    let descriptor = unsafe Glibc.open(path + "/" + name, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return errno == ENOENT ? .gone : problem() }
    defer { close(descriptor) }
    var content: [UInt8] = [], piece = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = unsafe Glibc.read(descriptor, &piece, piece.count)
      if count == 0 { return .content(content) }
      if count > 0 { content += piece[..<count] } else if errno != EINTR { return problem() }
    }
  }

  /// Removes a file.
  /// - Returns: whether it is gone.
  func remove(_ name: String) -> Bool { unsafe unlink(path + "/" + name) == 0 || errno == ENOENT }

  /// Gives a file another name, in one step.
  /// - Returns: whether it has it.
  func rename(_ name: String, _ other: String) -> Bool { unsafe Glibc.rename(path + "/" + name, path + "/" + other) == 0 }

  /// Writes a file. When this returns, the disk has it.
  func write(_ content: [UInt8], as name: String) throws(FolderProblem) {
    let draft = path + "/new-\(name)"
    func problem() -> FolderProblem { FolderProblem(text: "\(path): \(unsafe String(cString: strerror(errno)))") }
    let descriptor = unsafe Glibc.open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw problem() }
    let isWritten = unsafe Glibc.write(descriptor, content, content.count) == content.count && fsync(descriptor) == 0
    close(descriptor)
    guard isWritten, unsafe Glibc.rename(draft, path + "/" + name) == 0 else {
      let problem = problem()
      unsafe unlink(draft)
      throw problem
    }
    let folder = unsafe Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    defer { close(folder) }
    guard folder >= 0, fsync(folder) == 0 else { throw problem() }
  }
}
