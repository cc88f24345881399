// Owns: the disk tier: what the memory keeps is written to a folder, too, and found there when memory has let it go or the process began anew.
//
// One file per object, named by a hash of its key that a secret of the folder's keys: `ab/cdef…`. It is written under another name and then
// renamed, so that a process that is killed leaves a whole record or none; and it is read whole and compared with its checksums before a byte
// of it is served, so that no other accident serves a wrong one. A file that is none is removed, counted and fetched anew.
// The index (hash → bytes) is in memory, rebuilt at the start by reading the folder's names while requests are served already.
// Nothing here runs on a worker: one thread writes, two read. Their queues are bounded; what finds them full is not written, or fetched
// from the origin. A disk that is full or read-only costs the writes: they are counted, and said once until one succeeds again.
// The lock guards the index; it is not held during system calls.
import Glibc
import Synchronization
import Transport

/// The disk tier's limits and place.
public struct DiskConfiguration: Sendable {
  /// The folder; made when it is not there.
  public var path: String
  /// Bytes that files may take, to the page each.
  public var limitBytes = 1 << 30
  /// Objects that may wait to be written; further ones are not.
  public var waitingWrites = 1_024
  /// Reads that may wait; further objects are fetched from the origin.
  public var waitingReads = 256

  /// A folder with the default limits.
  public init(path: String) { self.path = path }
}

/// Why there is no disk tier.
public struct DiskFailure: Error, CustomStringConvertible, Sendable {
  /// One sentence.
  public let description: String
}

/// Objects in a folder. Any thread.
final class DiskTier: Sendable {
  struct Entry: Sendable {
    var bytes: Int
    var node: UInt32
    var uses: UInt8 = 0
    /// The newest invalidation it has been compared with.
    var checked: UInt64
  }
  private struct Index: ~Copyable {
    var entries: [UInt64: Entry] = [:]
    var queues = EvictionQueues()
    var bytes = 0
  }

  private let configuration: DiskConfiguration
  private let hash: KeyHash
  private let index = Mutex(Index())
  private let writers: BlockingPool, readers: BlockingPool
  private let report: @Sendable (String) -> Void
  private let isFailing = Atomic<Bool>(false)
  /// How many invalidations the log has taken in this process's life; guards the log, too.
  private let log = Mutex(0)
  private let nextName = Atomic<Int>(0)
  let counts = DiskCounts()

  /// Opens the folder; its index is built in the background.
  /// - Parameter report: told in one sentence what happens to the folder.
  init(_ configuration: DiskConfiguration, report: @escaping @Sendable (String) -> Void) throws(DiskFailure) {
    self.configuration = configuration
    self.report = report
    for folder in [configuration.path, configuration.path + "/writing"] where unsafe mkdir(folder, 0o700) != 0 && errno != EEXIST {
      throw DiskFailure(description: "the cache's folder \(folder) cannot be made: \(Self.reason)")
    }
    guard let secret = Self.secret(configuration.path + "/secret") else {
      throw DiskFailure(description: "the cache's folder \(configuration.path) cannot be read or written: \(Self.reason)")
    }
    hash = KeyHash(secret.0, secret.1)
    do {
      var threads = BlockingPool.Configuration()
      threads.threads = 1
      threads.queueLimit = configuration.waitingWrites
      writers = try BlockingPool(configuration: threads)
      threads.threads = 2
      threads.queueLimit = configuration.waitingReads
      readers = try BlockingPool(configuration: threads)
    } catch { throw DiskFailure(description: "no threads for the cache's folder: \(error)") }
  }

  /// Reads the folder's names in the background.
  func begin(then done: @escaping @Sendable () -> Void) {
    _ = writers.submit {
      self.scan()
      done()
    }
  }

  /// Ends the threads; what waits to be written is.
  func close() {
    writers.stop()
    readers.stop()
  }

  private static var reason: String { unsafe String(cString: strerror(errno)) }

  /// Sixteen random bytes that the folder keeps: without them nobody can make many keys meet in one name.
  private static func secret(_ path: String) -> (UInt64, UInt64)? {
    if let bytes = DiskFile.read(path, limit: 16), bytes.count == 16 { return numbers(bytes) }
    var random = SystemRandomNumberGenerator()
    let fresh = (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
    guard DiskFile.write(fresh, to: path) else { return nil }
    return numbers(fresh)
  }
  private static func numbers(_ bytes: [UInt8]) -> (UInt64, UInt64) {
    func number(_ start: Int) -> UInt64 { (0..<8).reduce(0) { $0 << 8 | UInt64(bytes[start + $1]) } }
    return (number(0), number(8))
  }

  // MARK: Index

  /// What the tier holds.
  var status: (objects: Int, bytes: Int) { index.withLock { ($0.entries.count, $0.bytes) } }

  func name(_ key: Span<UInt8>) -> UInt64 { hash(key) }
  /// Whether there may be a file for a key.
  func mayHave(_ key: Span<UInt8>) -> Bool {
    let name = hash(key)
    return index.withLock { $0.entries[name] != nil }
  }

  private func folder(_ name: UInt64) -> String { configuration.path + "/" + Self.hexadecimal(name >> 56, 2) }
  private func path(_ name: UInt64) -> String { folder(name) + "/" + Self.hexadecimal(name & 0x00ff_ffff_ffff_ffff, 14) }
  private static func hexadecimal(_ number: UInt64, _ digits: Int) -> String {
    let text = String(number, radix: 16)
    return String(repeating: "0", count: digits - text.utf8.count) + text
  }

  /// Enters a file, and chooses those that are to leave for it.
  private func enter(_ name: UInt64, bytes: Int, checked: UInt64) -> [UInt64] {
    index.withLock { index in
      Self.forget(name, &index)
      let node = index.queues.insert(UInt(name), bytes: bytes, hash: name)
      index.entries[name] = Entry(bytes: bytes, node: node, checked: checked)
      index.bytes += bytes
      var leaving: [UInt64] = []
      while index.bytes > configuration.limitBytes, let victim = Self.evict(&index) { leaving.append(victim) }
      return leaving
    }
  }
  private static func forget(_ name: UInt64, _ index: inout Index) {
    guard let old = index.entries.removeValue(forKey: name) else { return }
    index.queues.remove(old.node)
    index.bytes -= old.bytes
  }
  private static func evict(_ index: inout Index) -> UInt64? {
    var entries = index.entries
    index.entries = [:]
    let victim = index.queues.evict(
      uses: { entries[UInt64($0)]?.uses ?? 0 }, setUses: { entries[UInt64($0)]?.uses = $1 }, hash: { UInt64($0) })
    if let victim, let entry = entries.removeValue(forKey: UInt64(victim)) { index.bytes -= entry.bytes }
    index.entries = entries
    return victim.map { UInt64($0) }
  }

  /// Reads the folder's names. What was being written when the process ended is removed.
  private func scan() {
    let began = ContinuousClock.now
    for name in DiskFile.names(in: configuration.path + "/writing") { unsafe unlink(configuration.path + "/writing/" + name) }
    var files = 0
    for first in 0..<UInt64(256) {
      let folder = configuration.path + "/" + Self.hexadecimal(first, 2)
      for text in DiskFile.names(in: folder) {
        guard text.utf8.count == 14, let rest = UInt64(text, radix: 16), let size = DiskFile.size(folder + "/" + text) else {
          unsafe unlink(folder + "/" + text)
          continue
        }
        let name = first << 56 | rest
        if index.withLock({ $0.entries[name] != nil }) { continue }   // written meanwhile
        files += 1
        for victim in enter(name, bytes: BodyArena.counted(size), checked: 0) { unsafe unlink(path(victim)) }
      }
    }
    let duration = (ContinuousClock.now - began) / .milliseconds(1)
    report("the cache's folder \(configuration.path) holds \(files) objects, found in \(Int(duration)) ms")
    counts.add(.scans)
  }

  // MARK: Writing

  /// Has a response written, when there is room in the queue.
  func write(_ response: StoredResponse) {
    if writers.submit({ self.writeNow(response) }) != nil { counts.add(.writesDropped) }
  }

  private func writeNow(_ response: StoredResponse) {
    let name = hash(response.key), checked = response.checked.load(ordering: .relaxed)
    let temporary = configuration.path + "/writing/\(nextName.add(1, ordering: .relaxed).newValue)"
    let record = DiskRecord(response)
    guard record.allBytes <= configuration.limitBytes else { return }
    guard DiskFile.write(record, response, to: temporary), rename(temporary, into: name) else {
      let reason = Self.reason
      unsafe unlink(temporary)
      counts.add(.writesFailed)
      if !isFailing.exchange(true, ordering: .relaxed) { report("the cache's folder \(configuration.path) takes no objects: \(reason)") }
      return
    }
    counts.add(.writes)
    if isFailing.exchange(false, ordering: .relaxed) { report("the cache's folder \(configuration.path) takes objects again") }
    for victim in enter(name, bytes: BodyArena.counted(record.allBytes), checked: checked) {
      unsafe unlink(path(victim))
      counts.add(.evictions)
    }
  }

  private func rename(_ temporary: String, into name: UInt64) -> Bool {
    if unsafe Glibc.rename(temporary, path(name)) == 0 { return true }
    guard errno == ENOENT, unsafe mkdir(folder(name), 0o700) == 0 || errno == EEXIST else { return false }
    return unsafe Glibc.rename(temporary, path(name)) == 0
  }

  // MARK: Reading

  /// What a file held.
  struct Found {
    let record: DiskRecord
    let text: [UInt8]
    let body: ObjectBody?
    let content: [UInt8]
    let checked: UInt64
  }

  /// Has a file read on another thread.
  /// - Returns: false when the queue is full: then `found` is not called.
  func read(_ key: [UInt8], makeBody: @escaping @Sendable (Int) -> ObjectBody?, append: @escaping @Sendable (ObjectBody, Span<UInt8>) -> Bool,
    _ found: @escaping @Sendable (consuming Found?) -> Void
  ) -> Bool {
    if readers.submit({ found(self.readNow(key, makeBody, append)) }) == nil { return true }
    counts.add(.readsRefused)
    return false
  }

  private func readNow(_ key: [UInt8], _ makeBody: (Int) -> ObjectBody?, _ append: (ObjectBody, Span<UInt8>) -> Bool) -> Found? {
    let name = hash(key.span)
    guard let checked = use(name) else { return nil }
    switch DiskFile.read(path(name), key: key, makeBody, append) {
    case .record(let record, let text, let body, let content):
      counts.add(.reads)
      return Found(record: record, text: text, body: body, content: content, checked: checked)
    case .missing:
      index.withLock { Self.forget(name, &$0) }
      return nil
    case .wrong:
      counts.add(.corrupt)
      report("a file of the cache was damaged and has been removed: \(path(name))")
      remove(name)
      return nil
    case .otherKey, .unavailable: return nil
    }
  }
  private func use(_ name: UInt64) -> UInt64? {
    index.withLock { index in
      guard let entry = index.entries[name] else { return nil }
      if entry.uses < EvictionQueues.mostUses { index.entries[name]?.uses += 1 }
      return entry.checked
    }
  }

  // MARK: Removing

  /// Takes an object out.
  func remove(_ key: Span<UInt8>) {
    let name = hash(key)
    guard index.withLock({ $0.entries[name] != nil }) else { return }
    index.withLock { Self.forget(name, &$0) }
    if writers.submit({ self.unlinkUnlessEntered(name) }) != nil { unlinkUnlessEntered(name) }
  }
  private func remove(_ name: UInt64) {
    index.withLock { Self.forget(name, &$0) }
    unlinkUnlessEntered(name)
  }
  private func unlinkUnlessEntered(_ name: UInt64) {
    if index.withLock({ $0.entries[name] == nil }) { unsafe unlink(path(name)) }
  }

  // MARK: Invalidations

  private var logPath: String { configuration.path + "/invalidations" }

  /// Writes invalidations down, for a process that begins before all files have been compared with them.
  func record(_ list: [Invalidation]) {
    var text = ""
    for invalidation in list {
      let (kind, name) = switch invalidation.target {
      case .path(let path): ("path", path)
      case .tag(let tag): ("tag", tag)
      }
      text += "\(kind)\t\(Self.escaped(invalidation.distribution ?? ""))\t\(Self.escaped(name))\n"
    }
    let isWritten = log.withLock { count in
      count += list.count
      return DiskFile.append(Array(text.utf8), to: logPath)
    }
    if !isWritten {
      counts.add(.writesFailed)
      report("an invalidation could not be written down in the cache's folder (\(Self.reason)); until it is, do not start again without emptying \(configuration.path)")
    }
  }
  /// What an earlier process wrote down.
  func recorded() -> [Invalidation] {
    guard let bytes = DiskFile.read(logPath, limit: 64 << 20) else { return [] }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
      let parts = line.split(separator: "\t", omittingEmptySubsequences: false).map { Self.unescaped(String($0)) }
      guard parts.count == 3 else { return nil }   // cut short: the call it belongs to did not return
      let distribution = parts[1].isEmpty ? nil : parts[1]
      return Invalidation(distribution: distribution, parts[0] == "tag" ? .tag(parts[2]) : .path(parts[2]))
    }
  }
  /// How many have been written down.
  var recordedCount: Int { log.withLock { $0 } }
  /// Every file has been compared with those written down, unless more have been since there were so many.
  func forgetRecorded(_ count: Int) { log.withLock { if $0 == count { unsafe unlink(logPath) } } }

  private static func escaped(_ text: String) -> String {
    text.replacing("%", with: "%25").replacing("\t", with: "%09").replacing("\n", with: "%0A").replacing("\r\n", with: "%0D%0A")
  }
  private static func unescaped(_ text: String) -> String {
    text.replacing("%0D%0A", with: "\r\n").replacing("%0A", with: "\n").replacing("%09", with: "\t").replacing("%25", with: "%")
  }

  /// Compares every file that has not been compared with the newest invalidations. Blocks; on a helper thread.
  func sweep(_ number: UInt64, _ kills: (_ key: [UInt8], KeyPlaces, _ tags: [UInt8], _ checked: UInt64) -> Bool) {
    let names = index.withLock { index in index.entries.filter { $0.value.checked < number }.map { ($0.key, $0.value.checked) } }
    for (name, checked) in names {
      guard let (record, text) = DiskFile.readText(path(name)) else {
        remove(name)
        continue
      }
      let key = Array(text[..<record.keyCount]), tags = Array(text[(record.keyCount + record.linesCount)...])
      if kills(key, record.places, tags, checked) {
        remove(name)
        counts.add(.invalidated)
      } else {
        index.withLock { index in if index.entries[name]?.checked == checked { index.entries[name]?.checked = number } }
      }
    }
  }
}

/// Events of the disk tier, counted by any thread.
final class DiskCounts: Sendable {
  enum Event: Int, CaseIterable { case writes, writesDropped, writesFailed, reads, readsRefused, corrupt, evictions, invalidated, scans }
  private let numbers = Mutex([Int](repeating: 0, count: Event.allCases.count))
  func add(_ event: Event) { numbers.withLock { $0[event.rawValue] += 1 } }
  subscript(_ event: Event) -> Int { numbers.withLock { $0[event.rawValue] } }
}
