// Owns: the folder of copies of functions' code, each under its digest and never changed: what a sandbox sees does not change when its author
// saves a file. A copy is complete before it has its name (rename(2)), so a process that is killed at any moment leaves no half of one behind.
// Blocks; any thread, one at a time for one digest.
import Foundation
import Glibc
import Synchronization

/// A copy of a function's code.
public struct StoredCode: Sendable, Hashable {
  /// Its name: a SHA-256 in hexadecimal digits.
  public let digest: String
  /// The absolute path of its folder.
  public let folder: String
  /// Its files, from there.
  public let files: [String]

  /// One digest, one code: its files are not compared.
  public static func == (left: StoredCode, right: StoredCode) -> Bool { left.digest == right.digest && left.folder == right.folder }
  /// By the digest.
  public func hash(into hasher: inout Hasher) { hasher.combine(digest) }
}

/// Copies of functions' code.
struct CodeStore: Sendable {
  /// Copies that have been compared with their names.
  private final class Whole: Sendable {
    let digests = Mutex<Set<String>>([])
  }

  /// The absolute path of the folder.
  let folder: String
  private let whole = Whole()

  /// A store in a folder, which is made where it is missing.
  init(folder: String) throws(CodeProblem) {
    self.folder = folder
    try Self.makeFolder(folder)
  }

  /// The same, of a folder that is only looked at.
  init(existing folder: String) { self.folder = folder }

  /// Copies code into the store, unless it is there. A copy that is not what its name says any more is replaced.
  /// - Parameter isLasting: whether the copy is to outlive a power failure.
  func keep(_ source: CodeSource, isLasting: Bool = false) throws(CodeProblem) -> StoredCode {
    let digest = try source.digest()
    let place = folder + "/" + digest
    if isLasting { whole.digests.withLock { _ = $0.remove(digest) } }
    let isThere = unsafe access(place, F_OK) == 0
    if !isThere || !isWhole(digest) { try copy(source, digest, to: place, replaces: isThere) }
    let files = source.files.map(\.path).sorted()
    let stored = StoredCode(digest: digest, folder: place, files: files)
    if isLasting { try Self.settle(stored) }
    return stored
  }

  /// What was kept earlier; nil when it is not there.
  func find(_ digest: String) -> StoredCode? {
    guard digest.utf8.count == 64, digest.allSatisfy(\.isHexDigit) else { return nil }
    let place = folder + "/" + digest
    guard let all = FileManager.default.enumerator(atPath: place) else { return nil }
    var files: [String] = []
    for case let path as String in all where all.fileAttributes?[.type] as? FileAttributeType == .typeRegular { files.append(path) }
    return files.isEmpty ? nil : StoredCode(digest: digest, folder: place, files: files.sorted())
  }

  /// Whether a copy is what its name says: somebody may have changed it, or the disk lost something. It is read once in a process's life. Blocks.
  func isWhole(_ digest: String) -> Bool {
    if whole.digests.withLock({ $0.contains(digest) }) { return true }
    guard (try? CodeSource(path: folder + "/" + digest, handler: "").digest()) == digest else { return false }
    whole.digests.withLock { _ = $0.insert(digest) }
    return true
  }

  /// Removes what is not wanted any more, and what was left half done.
  func removeAll(but digests: Set<String>) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where !digests.contains(name) {
      try? FileManager.default.removeItem(atPath: folder + "/" + name)
    }
  }

  private func copy(_ source: CodeSource, _ digest: String, to place: String, replaces: Bool) throws(CodeProblem) {
    let draft = folder + "/.draft-\(getpid())-\(UInt64.random(in: .min ... .max))", former = draft + "-former"
    // Nothing of it is there any more once it has its name.
    defer { for path in [draft, former] { try? FileManager.default.removeItem(atPath: path) } }
    try Self.makeFolder(draft)
    let files = source.files
    for index in files.indices { try Self.write(try source.read(index), files[index], in: draft) }
    // What was read for the digest may have been saved anew meanwhile.
    let copied = try CodeSource(path: draft, handler: "").digest()
    guard copied == digest else { throw CodeProblem(text: "it changed while it was read") }
    if replaces { _ = unsafe rename(place, former) }
    guard unsafe rename(draft, place) == 0 || errno == EEXIST || errno == ENOTEMPTY else { throw Self.problem(place) }
  }

  private static func write(_ bytes: [UInt8], _ file: CodeFile, in folder: String) throws(CodeProblem) {
    let path = folder + "/" + file.path
    if let slash = file.path.lastIndex(of: "/") { try makeFolder(folder + "/" + file.path[..<slash]) }
    // Whoever the sandbox runs as may read it; nobody may write it.
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, file.isExecutable ? 0o555 : 0o444)
    guard descriptor >= 0 else { throw problem(path) }
    defer { close(descriptor) }
    _ = fchmod(descriptor, file.isExecutable ? 0o555 : 0o444)
    var written = 0
    while written < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress.map { unsafe $0 + written }, $0.count - written) }
      guard count > 0 || errno == EINTR else { throw problem(path) }
      written += max(count, 0)
    }
  }

  /// Has the disk keep a copy.
  private static func settle(_ code: StoredCode) throws(CodeProblem) {
    var folders: Set<String> = [code.folder, String(code.folder[..<(code.folder.lastIndex(of: "/") ?? code.folder.endIndex)])]
    for file in code.files {
      try sync(code.folder + "/" + file)
      var folder = Substring(file)
      while let slash = folder.lastIndex(of: "/") {
        folder = folder[..<slash]
        folders.insert(code.folder + "/" + folder)
      }
    }
    for folder in folders { try sync(folder) }
  }

  /// Has the disk keep what was written to a file or folder.
  static func sync(_ path: String) throws(CodeProblem) {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw problem(path) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw problem(path) }
  }

  /// Makes a folder, and those it lies in, that whoever a sandbox runs as may look into.
  static func makeFolder(_ path: String) throws(CodeProblem) {
    if unsafe mkdir(path, 0o755) == 0 {
      _ = unsafe chmod(path, 0o755)
      return
    }
    if errno == EEXIST { return }
    guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else { throw problem(path) }
    try makeFolder(String(path[..<slash]))
    guard unsafe mkdir(path, 0o755) == 0 || errno == EEXIST else { throw problem(path) }
    _ = unsafe chmod(path, 0o755)
  }

  private static func problem(_ path: String) -> CodeProblem {
    CodeProblem(text: "\(path): \(unsafe String(cString: strerror(errno)))")
  }
}
