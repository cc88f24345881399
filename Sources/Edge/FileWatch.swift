// Owns: noticing that files have changed, however it is done: written in place, replaced by renaming, reached by another link, their folder
// swapped (inotify(7)). What is watched are names in folders; a burst of changes counts as one, once it has been quiet for a moment.
// The main thread's. Unsafe: reads the kernel's records out of a byte buffer; nothing of it leaves this file.
import CSystem
import Glibc
import Transport

/// A watch over files.
final class FileWatch {
  /// How long nothing may happen before a burst of changes is over, and how long a burst may last before it is looked at all the same.
  static let quietMilliseconds = 30, burstMilliseconds = 100
  /// The most folders watched; what lies in further ones goes unnoticed.
  static let folderLimit = 8192
  /// Links that the way to one file may have; Linux itself follows 40.
  private static let linkLimit = 40
  private static let mask = UInt32(IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_ONLYDIR)

  /// What becomes readable when something has happened.
  let descriptor: Int32
  /// Names that matter, by folder; and the folders by the system's number for the watch.
  private var names: [String: Set<String>] = [:]
  private var folders: [Int32: String] = [:]
  private var burst: (began: ContinuousClock.Instant, last: ContinuousClock.Instant)?

  /// Nil: the system has no watch left.
  init?() {
    descriptor = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
    if descriptor < 0 { return nil }
  }

  deinit { close(descriptor) }

  /// Watches these files from now on, and no others.
  /// - Parameters:
  ///   - root: a folder; those below it, and itself, may be swapped as a whole.
  ///   - moment: when the files were looked at.
  /// - Returns: whether one of them has changed since.
  func watch(_ files: Set<String>, below root: String, readAt moment: FileMoment) -> Bool {
    names = [:]
    let root = Self.real(root)
    for file in files { note(file, root) }
    // A folder may be another one under the same name: what is watched is asked for anew, and the rest is dropped.
    var now: [Int32: String] = [:]
    for folder in names.keys.sorted().prefix(Self.folderLimit) {
      let watch = unsafe inotify_add_watch(descriptor, folder, Self.mask)
      if watch >= 0 { now[watch] = folder }
    }
    for watch in folders.keys where now[watch] == nil { _ = inotify_rm_watch(descriptor, watch) }
    folders = now
    return files.contains { file in FileMoment(changeOf: file).map { $0 >= moment } ?? false }
  }

  /// How many of the folders could not be watched.
  var unwatched: Int { names.count - folders.count }

  /// Notes every name on the way to a file at which a change can lead somewhere else.
  private func note(_ file: String, _ root: String) {
    var left = file.split(separator: "/").map(String.init), folder = "", links = 0
    while !left.isEmpty {
      let name = left.removeFirst()
      if name == "." { continue }
      if name == ".." {
        folder = folder.lastIndex(of: "/").map { String(folder[..<$0]) } ?? ""
        continue
      }
      let path = folder + "/" + name
      let target = Self.linkTarget(path)
      if target != nil || left.isEmpty || path == root || path.hasPrefix(root + "/") || !Self.exists(path) {
        names[folder.isEmpty ? "/" : folder, default: []].insert(name)
      }
      guard let target else {
        folder = path
        continue
      }
      links += 1
      guard links <= Self.linkLimit else { return }
      if target.hasPrefix("/") { folder = "" }
      left = target.split(separator: "/").map(String.init) + left
    }
  }

  private static func real(_ path: String) -> String {
    guard let real = unsafe realpath(path, nil) else { return path }
    defer { unsafe free(real) }
    return unsafe String(cString: real)
  }

  private static func linkTarget(_ path: String) -> String? {
    var text = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = unsafe text.withUnsafeMutableBytes { buffer in
      unsafe readlink(path, buffer.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: CChar.self), buffer.count)
    }
    return count > 0 ? String(decoding: text[..<count], as: UTF8.self) : nil
  }

  private static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

  // MARK: What has happened

  /// Milliseconds until the present burst is over: 0 or less when it is; nil when nothing has happened.
  var dueMilliseconds: Int? {
    burst.map { burst in
      let end = min(burst.last + .milliseconds(Self.quietMilliseconds), burst.began + .milliseconds(Self.burstMilliseconds))
      return Int((end - ContinuousClock.now) / .milliseconds(1))
    }
  }

  /// Forgets the burst: it is being looked at.
  func clear() { burst = nil }

  /// Takes in what the kernel has to tell.
  func readChanges() {
    var bytes = [UInt8](repeating: 0, count: 16 << 10)
    while true {
      let count = unsafe read(descriptor, &bytes, bytes.count)
      guard count > 0 else { return }
      let matters = Self.records(bytes[..<count]).contains { matter($0.watch, $0.mask, $0.name) }
      guard matters else { continue }
      let now = ContinuousClock.now
      burst = (burst?.began ?? now, now)
    }
  }

  private func matter(_ watch: Int32, _ mask: UInt32, _ name: String) -> Bool {
    if mask & UInt32(IN_Q_OVERFLOW) != 0 { return true }   // something was missed
    guard let folder = folders[watch], names[folder]?.contains(name) == true else { return false }
    // A new file is empty; it is looked at when its writer is done. A link or a folder is there at once.
    return mask & UInt32(IN_CREATE) == 0 || !Self.isBeingWritten((folder == "/" ? "" : folder) + "/" + name)
  }

  private static func isBeingWritten(_ path: String) -> Bool {
    var status = stat()
    return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && status.st_nlink == 1
  }

  private static func records(_ bytes: ArraySlice<UInt8>) -> [(watch: Int32, mask: UInt32, name: String)] {
    let header = MemoryLayout<inotify_event>.size
    var records: [(watch: Int32, mask: UInt32, name: String)] = []
    var start = bytes.startIndex
    while bytes.endIndex - start >= header {
      let event = unsafe bytes[start...].withUnsafeBytes { unsafe $0.loadUnaligned(as: inotify_event.self) }
      let end = start + header + Int(event.len)
      guard end <= bytes.endIndex else { break }
      let name = bytes[(start + header)..<end].prefix { $0 != 0 }
      records.append((event.wd, event.mask, String(decoding: name, as: UTF8.self)))
      start = end
    }
    return records
  }
}
