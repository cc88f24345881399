// Waits for changes of files below some folders (inotify(7)). Belongs to one thread.
// Unsafe: reads the kernel's records out of a byte buffer; nothing of it leaves this file.
import ConfigurationFile
import Foundation
import Glibc

/// A watch over folders.
public final class FolderWatch {
  /// The most folders watched; what lies in further ones goes unnoticed.
  private static let maximumFolders = 8192
  /// How deep below its roots it looks.
  private static let maximumDepth = 16
  /// How long nothing may happen before a burst of changes counts as one.
  private static let quietMilliseconds: Int32 = 30
  private static let mask = UInt32(IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)

  private let roots: [String]
  private let descriptor: Int32
  private var folders: [Int32: String] = [:]
  private var watched: Set<String> = []

  /// Watches folders and all below them; a file is watched by its folder. Nil: the system has no watch left.
  public init?(_ paths: [String]) {
    descriptor = inotify_init1(Int32(IN_CLOEXEC))
    // Decided once: when a folder goes away, nothing else is watched in its place. For a case file, its function's folder.
    roots = paths.map { Files.isFolder($0) ? $0.droppingTrailingSlash : ($0.parentFolder + "/..").simplified }
    if descriptor < 0 { return nil }
    addAll()
  }

  deinit { close(descriptor) }

  /// Waits until files have changed; their paths.
  public func waitForChanges() -> Set<String> {
    var changed: Set<String> = []
    var timeout: Int32 = -1
    while true {
      var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let ready = unsafe Glibc.poll(&poll, 1, timeout)
      if ready < 0 { continue }  // EINTR: the engine's timer
      if ready == 0 { break }
      changed.formUnion(readChanges())
      timeout = FolderWatch.quietMilliseconds
    }
    addAll()
    return changed
  }

  /// The paths of what has happened so far.
  private func readChanges() -> [String] {
    var bytes = [UInt8](repeating: 0, count: 16 << 10)
    let count = unsafe read(descriptor, &bytes, bytes.count)
    let header = MemoryLayout<inotify_event>.size
    var paths: [String] = []
    var start = 0
    while count - start >= header {
      let event = unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(fromByteOffset: start, as: inotify_event.self) }
      let end = start + header + Int(event.len)
      guard end <= count else { break }
      let name = bytes[(start + header)..<end].prefix { $0 != 0 }
      if let folder = folders[event.wd] { paths.append(folder + "/" + String(decoding: name, as: UTF8.self)) }
      if event.mask & UInt32(IN_IGNORED) != 0, let folder = folders.removeValue(forKey: event.wd) { watched.remove(folder) }
      start = end
    }
    return paths
  }

  /// Adds every folder that is not watched yet.
  private func addAll() {
    for root in roots where Files.isFolder(root) { add(root, depth: 0) }
  }

  private func add(_ folder: String, depth: Int) {
    guard watched.count < FolderWatch.maximumFolders else { return }
    if !watched.contains(folder) {
      let watch = unsafe inotify_add_watch(descriptor, folder, FolderWatch.mask)
      guard watch >= 0 else { return }
      folders[watch] = folder
      watched.insert(folder)
    }
    guard depth < FolderWatch.maximumDepth else { return }
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where !name.hasPrefix(".") && name != "node_modules" {
      let inner = folder + "/" + name
      let type = (try? FileManager.default.attributesOfItem(atPath: inner))?[.type] as? FileAttributeType
      if type == .typeDirectory { add(inner, depth: depth + 1) }
    }
  }
}
