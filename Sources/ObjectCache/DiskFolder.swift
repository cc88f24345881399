// Owns: the cache's folder as one process's property, its secret, and what is written down there of invalidations.
//
// One process at a time uses a folder: it holds a lock on it (flock on the folder itself, which the kernel takes back when the process ends,
// however it ends). One that replaces another in a binary upgrade serves from memory until the other begins to drain and lets the folder go;
// what is invalidated meanwhile is written down beside the other's list, and both are read when the folder is taken over. So no file is ever
// written or removed by a process that does not know of all invalidations. Any thread; the calls block.
import Glibc
import Synchronization

/// Why there is no disk tier.
public struct DiskFailure: Error, CustomStringConvertible, Sendable {
  /// One sentence.
  public let description: String
}

/// A folder for objects. Any thread.
final class DiskFolder: Sendable {
  /// Whose the folder is.
  private enum Ownership: UInt8 { case others, own, left }

  let path: String
  /// Makes names of keys, with a secret that the folder keeps: without it nobody can make many keys meet in one name.
  let hash: KeyHash
  /// The folder itself; its lock is the ownership.
  private let descriptor: Int32
  private let ownership = Atomic<UInt8>(Ownership.others.rawValue)
  /// How many invalidations have been written down in this process's life; guards the lists, too.
  private let log = Mutex(0)

  /// Makes the folder when it is not there, and takes it when nobody else has it.
  init(_ path: String) throws(DiskFailure) {
    self.path = path
    for folder in [path, path + "/writing"] where unsafe mkdir(folder, 0o700) != 0 && errno != EEXIST {
      throw DiskFailure(description: "the cache's folder \(folder) cannot be made: \(Self.reason)")
    }
    descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw DiskFailure(description: "the cache's folder \(path) cannot be opened: \(Self.reason)") }
    let isFree = flock(descriptor, LOCK_EX | LOCK_NB) == 0
    guard let secret = Self.secret(path + "/secret", mayMake: isFree) else {
      let reason = Self.reason
      close(descriptor)
      throw DiskFailure(description: "the cache's folder \(path) cannot be read or written: \(reason)")
    }
    hash = KeyHash(secret.0, secret.1)
    if isFree { ownership.store(Ownership.own.rawValue, ordering: .sequentiallyConsistent) }
  }
  deinit { close(descriptor) }

  static var reason: String { unsafe String(cString: strerror(errno)) }

  // MARK: Ownership

  /// Whether this process may read and write here.
  var isOwn: Bool { ownership.load(ordering: .acquiring) == Ownership.own.rawValue }
  /// Whether it has left the folder to another.
  var isLeft: Bool { ownership.load(ordering: .acquiring) == Ownership.left.rawValue }

  /// Takes the folder if nobody else has it.
  /// - Returns: whether it is this process's now.
  func take() -> Bool {
    if isOwn { return true }
    guard !isLeft, flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return false }
    return ownership.compareExchange(expected: Ownership.others.rawValue, desired: Ownership.own.rawValue, ordering: .sequentiallyConsistent).exchanged
  }
  /// Nothing begins here any more: reads find nothing, writes are not.
  func leave() { ownership.store(Ownership.left.rawValue, ordering: .sequentiallyConsistent) }
  /// Lets another have it, when what had begun is done.
  func unlock() { _ = flock(descriptor, LOCK_UN) }

  // MARK: The secret

  private static func secret(_ path: String, mayMake: Bool) -> (UInt64, UInt64)? {
    for _ in 0..<Self.secretAttempts {
      if let bytes = DiskFile.read(path, limit: 16), bytes.count == 16 { return numbers(bytes) }
      if mayMake { break }
      usleep(10_000)   // who has the folder has only begun
    }
    guard mayMake else { return nil }
    var random = SystemRandomNumberGenerator()
    let fresh = (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
    guard DiskFile.write(fresh, to: path) else { return nil }
    return numbers(fresh)
  }
  private static let secretAttempts = 50
  private static func numbers(_ bytes: [UInt8]) -> (UInt64, UInt64) {
    func number(_ start: Int) -> UInt64 { (0..<8).reduce(0) { $0 << 8 | UInt64(bytes[start + $1]) } }
    return (number(0), number(8))
  }

  // MARK: Invalidations

  private var logPath: String { path + "/invalidations" }
  /// The list of a process that waits for the folder.
  private var nextLogPath: String { path + "/invalidations.next" }

  /// Writes invalidations down, for a process that begins before all files have been compared with them.
  /// - Returns: whether they are on disk.
  func record(_ list: [Invalidation]) -> Bool {
    var text = ""
    for invalidation in list {
      let (kind, name) = switch invalidation.target {
      case .path(let path): ("path", path)
      case .tag(let tag): ("tag", tag)
      }
      text += "\(kind)\t\(Self.escaped(invalidation.distribution ?? ""))\t\(Self.escaped(name))\n"
    }
    return log.withLock { count in
      count += list.count
      return DiskFile.append(Array(text.utf8), to: isOwn ? logPath : nextLogPath)
    }
  }
  /// What has been written down.
  func recorded() -> [Invalidation] {
    [logPath, nextLogPath].flatMap { path in
      guard let bytes = DiskFile.read(path, limit: 64 << 20) else { return [Invalidation]() }
      return String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
        let parts = line.split(separator: "\t", omittingEmptySubsequences: false).map { Self.unescaped(String($0)) }
        guard parts.count == 3 else { return nil }   // cut short: the call it belongs to did not return
        let distribution = parts[1].isEmpty ? nil : parts[1]
        return Invalidation(distribution: distribution, parts[0] == "tag" ? .tag(parts[2]) : .path(parts[2]))
      }
    }
  }
  /// How many have been written down in this process's life.
  var recordedCount: Int { log.withLock { $0 } }
  /// Every file has been compared with those written down, unless more have been since there were so many.
  func forgetRecorded(_ count: Int) {
    log.withLock { recorded in
      guard recorded == count, isOwn else { return }
      unsafe unlink(logPath)
      unsafe unlink(nextLogPath)
    }
  }

  // MARK: Editions

  private var editionsPath: String { path + "/editions" }
  /// The editions of targets that have been written down (TargetEditions.swift); empty without a file, nil when it cannot be understood.
  func recordedEditions() -> [UInt8]? {
    guard let size = DiskFile.size(editionsPath) else { return [] }
    return size % TargetEditions.partBytes == 0 ? DiskFile.read(editionsPath, limit: TargetEditions.parts * TargetEditions.partBytes) : nil
  }
  /// Writes a part of them down.
  func record(_ editions: [UInt8], at offset: Int) -> Bool { DiskFile.write(editions, at: offset, of: editionsPath) }

  private static func escaped(_ text: String) -> String {
    text.replacing("%", with: "%25").replacing("\t", with: "%09").replacing("\n", with: "%0A").replacing("\r\n", with: "%0D%0A")
  }
  private static func unescaped(_ text: String) -> String {
    text.replacing("%0D%0A", with: "\r\n").replacing("%0A", with: "\n").replacing("%09", with: "\t").replacing("%25", with: "%")
  }
}
