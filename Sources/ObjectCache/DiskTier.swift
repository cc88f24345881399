// Owns: the disk tier: what the memory keeps is written to a folder, too, and found there when memory has let it go or the process began anew.
//
// One file per object, named by a hash of its key that a secret of the folder's keys: `ab/cdef…`. It is written under another name and then
// renamed, so that a process that is killed leaves a whole record or none; and it is read whole and compared with its checksums before a byte
// of it is served, so that no other accident serves a wrong one. A file that is none is removed, counted and fetched anew.
// The index (hash → bytes) is in memory, rebuilt at the start by reading the folder's names while requests are served already.
// Nothing here runs on a worker: one thread writes, two read. Their queues are bounded; what finds them full is not written, or fetched
// from the origin. A disk that is full or read-only costs the writes: they are counted, and said once until one succeeds again.
//
// What is found must be the newest that was kept: what has been superseded or invalidated before its turn is not written, and what cannot be
// written takes its predecessor's file along.
// The lock guards the index; it is not held during system calls. `turn` is held while a record is written: who wants to know that everything
// that began before is in the index takes it once.
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
    /// What waits to be written or is being written, by name: the number of the newest. What finds another number, or none, has been
    /// superseded or removed.
    var waiting: [UInt64: Int] = [:]
    /// Files that are in the index no more and have still to be removed.
    var leaving: [UInt64] = []
    /// Parts of the targets' editions that have still to be written down.
    var changedParts: Set<Int> = []
  }

  private let configuration: DiskConfiguration
  private let folder: DiskFolder
  private let index = Mutex(Index())
  private let turn = Mutex(())
  private let writers: BlockingPool, readers: BlockingPool
  private let report: @Sendable (String) -> Void
  /// When a write failed last; nil when it has been said that they succeed again.
  private let lastFailure = Mutex<ContinuousClock.Instant?>(nil)
  private let nextNumber = Atomic<Int>(0)
  private let limit: Atomic<Int>
  let counts = DiskCounts()
  /// Written down in the folder, so that what an unsafe method changed does not come back with another process.
  let editions: TargetEditions

  /// Opens the folder; its index is built in the background.
  /// - Parameter report: told in one sentence what happens to the folder.
  init(_ configuration: DiskConfiguration, report: @escaping @Sendable (String) -> Void) throws(DiskFailure) {
    self.configuration = configuration
    self.report = report
    limit = Atomic(configuration.limitBytes)
    folder = try DiskFolder(configuration.path)
    editions = TargetEditions(folder.hash)
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

  // MARK: Beginning and end

  /// Takes the folder and reads its names, in the background.
  /// - Parameters:
  ///   - isTaken: told what has been invalidated, and how many parts of editions have been made, before anything is found.
  ///   - isRead: everything that is there can be found.
  func begin(isTaken: @escaping @Sendable ([Invalidation], Int) -> Void, isRead: @escaping @Sendable () -> Void) {
    _ = writers.submit {
      guard self.takeFolder() else { return }
      isTaken(self.folder.recorded(), self.editions.adopt(self.folder.recordedEditions()))
      self.writeEditions()
      self.scan()
      isRead()
    }
  }
  /// Waits until another process has let go of the folder.
  /// - Returns: false when this one ends before.
  private func takeFolder() -> Bool {
    if folder.take() { return true }
    report("the cache's folder \(configuration.path) is another process's; it is used when that one has let it go")
    while !folder.take() {
      if folder.isLeft { return false }
      usleep(Self.folderPollMicroseconds)
    }
    return true
  }
  private static let folderPollMicroseconds: UInt32 = 20_000

  /// Whether everything that is in the folder can be found.
  var isScanned: Bool { counts[.scans] > 0 }

  /// Leaves the folder to the process that replaces this one: nothing is read or written any more.
  func leave() {
    let wasOwn = folder.isOwn
    folder.leave()
    // Behind the write under way; those that wait are not.
    let unlock: @Sendable () -> Void = {
      if wasOwn { self.writeEditions(mayWrite: true) }
      self.folder.unlock()
    }
    while writers.submit(unlock) == .queueFull { usleep(1_000) }
  }

  /// Ends the threads; what waits to be written is.
  func close() {
    if !folder.isOwn { folder.leave() }   // a wait for it ends
    writers.stop()
    readers.stop()
    folder.unlock()
  }

  /// Holds from the next object on.
  func adopt(limitBytes: Int) {
    limit.store(limitBytes, ordering: .relaxed)
    _ = writers.submit { self.remove(self.index.withLock { self.overflow(&$0) }, counting: true) }
  }

  // MARK: Index

  /// What the tier holds.
  var status: (objects: Int, bytes: Int) { index.withLock { ($0.entries.count, $0.bytes) } }

  /// Whether there may be a file for a key.
  func mayHave(_ key: Span<UInt8>) -> Bool {
    guard folder.isOwn else { return false }
    let name = folder.hash(key)
    return index.withLock { $0.entries[name] != nil }
  }

  private func drawer(_ name: UInt64) -> String { configuration.path + "/" + Self.hexadecimal(name >> 56, 2) }
  private func path(_ name: UInt64) -> String { drawer(name) + "/" + Self.hexadecimal(name & 0x00ff_ffff_ffff_ffff, 14) }
  private static func hexadecimal(_ number: UInt64, _ digits: Int) -> String {
    let text = String(number, radix: 16)
    return String(repeating: "0", count: digits - text.utf8.count) + text
  }

  /// Enters a file, and chooses those that are to leave for it.
  private func enter(_ name: UInt64, bytes: Int, checked: UInt64, _ index: inout Index) -> [UInt64] {
    Self.forget(name, &index)
    let node = index.queues.insert(UInt(name), bytes: bytes, hash: name)
    index.entries[name] = Entry(bytes: bytes, node: node, checked: checked)
    index.bytes += bytes
    return overflow(&index)
  }
  private func overflow(_ index: inout Index) -> [UInt64] {
    let limitBytes = limit.load(ordering: .relaxed)
    var leaving: [UInt64] = []
    while index.bytes > limitBytes, let victim = Self.evict(&index) { leaving.append(victim) }
    return leaving
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
        files += 1
        remove(index.withLock { enter(name, bytes: BodyArena.counted(size), checked: 0, &$0) }, counting: false)
      }
    }
    let duration = (ContinuousClock.now - began) / .milliseconds(1)
    report("the cache's folder \(configuration.path) holds \(files) objects, found in \(Int(duration)) ms")
    counts.add(.scans)
  }

  // MARK: Writing

  /// Has a response written, when there is room in the queue.
  /// - Parameter isInvalid: asked when its turn has come.
  func write(_ response: StoredResponse, _ isInvalid: @escaping @Sendable (StoredResponse) -> Bool) {
    guard folder.isOwn else { return counts.add(.writesDropped) }
    let name = folder.hash(response.key), number = nextNumber.add(1, ordering: .relaxed).newValue
    index.withLock { $0.waiting[name] = number }
    guard writers.submit({ self.takeTurn(response, name, number, isInvalid) }) != nil else { return }
    counts.add(.writesDropped)
    remove(name)   // what stands there is older
  }

  private func takeTurn(_ response: StoredResponse, _ name: UInt64, _ number: Int, _ isInvalid: (StoredResponse) -> Bool) {
    turn.withLock { _ in
      defer {
        removeLeaving()
        writeEditions()
      }
      guard folder.isOwn, index.withLock({ $0.waiting[name] == number }) else { return }
      let checked = response.checked.load(ordering: .relaxed)
      let bytes = isInvalid(response) ? nil : writeNow(response, name, number)
      let (leaving, isKept): ([UInt64], Bool) = index.withLock { index in
        let isNewest = index.waiting[name] == number
        if isNewest { index.waiting[name] = nil }
        guard let bytes, isNewest else {
          Self.forget(name, &index)
          return ([name], false)
        }
        return (enter(name, bytes: bytes, checked: checked, &index), true)
      }
      remove(leaving, counting: isKept)
    }
  }

  /// - Returns: the bytes the file takes; nil when there is none.
  private func writeNow(_ response: StoredResponse, _ name: UInt64, _ number: Int) -> Int? {
    let temporary = configuration.path + "/writing/\(number)"
    let record = DiskRecord(response)
    guard record.allBytes <= limit.load(ordering: .relaxed) else { return nil }
    guard DiskFile.write(record, response, to: temporary), rename(temporary, into: name) else {
      let reason = DiskFolder.reason
      unsafe unlink(temporary)
      counts.add(.writesFailed)
      noteFailure(reason)
      return nil
    }
    counts.add(.writes)
    noteSuccess()
    return BodyArena.counted(record.allBytes)
  }

  private func noteFailure(_ reason: String) {
    let isFirst = lastFailure.withLock { last in
      defer { last = .now }
      return last == nil
    }
    if isFirst { report("the cache's folder \(configuration.path) takes no objects: \(reason)") }
  }
  /// It is over when none has failed for a while: a disk that is almost full takes one object and not the next.
  private func noteSuccess() {
    let isOver = lastFailure.withLock { last in
      guard let failure = last, failure.duration(to: .now) >= Self.recovery else { return false }
      last = nil
      return true
    }
    if isOver { report("the cache's folder \(configuration.path) takes objects again") }
  }
  private static let recovery = Duration.seconds(2)

  private func rename(_ temporary: String, into name: UInt64) -> Bool {
    if unsafe Glibc.rename(temporary, path(name)) == 0 { return true }
    guard errno == ENOENT, unsafe mkdir(drawer(name), 0o700) == 0 || errno == EEXIST else { return false }
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
    let name = folder.hash(key.span)
    guard folder.isOwn, let checked = use(name) else { return nil }
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

  /// Takes an object out, be it written or about to be.
  func remove(_ key: Span<UInt8>) { remove(folder.hash(key)) }

  private func remove(_ name: UInt64) {
    let isThere = index.withLock { index in
      index.waiting[name] = nil
      guard index.entries[name] != nil else { return false }
      Self.forget(name, &index)
      index.leaving.append(name)
      return true
    }
    if isThere { _ = writers.submit { self.turn.withLock { _ in self.removeLeaving() } } }
  }
  /// The writer removes those that wait for it behind each record, too: no worker does.
  private func removeLeaving() {
    let names = index.withLock { index in
      let names = index.leaving.filter { index.entries[$0] == nil }
      index.leaving.removeAll()
      return names
    }
    remove(names, counting: false)
  }
  private func remove(_ names: [UInt64], counting: Bool) {
    guard folder.isOwn else { return }
    for name in names {
      unsafe unlink(path(name))
      if counting { counts.add(.evictions) }
    }
  }

  // MARK: Editions

  /// A part of the targets' editions has changed, and is written down by the writer; with its next record when the queue is full.
  func note(changedPart part: Int) {
    let isFirst = index.withLock { $0.changedParts.insert(part).inserted }
    if isFirst { _ = writers.submit { self.writeEditions() } }
  }
  private func writeEditions() { writeEditions(mayWrite: folder.isOwn) }
  private func writeEditions(mayWrite: Bool) {
    guard mayWrite else { return }
    let parts = index.withLock { index in
      defer { index.changedParts = [] }
      return index.changedParts
    }
    for part in parts where !folder.record(editions.bytes(of: part), at: part * TargetEditions.partBytes) {
      counts.add(.writesFailed)
      noteFailure(DiskFolder.reason)
      index.withLock { _ = $0.changedParts.insert(part) }   // with the next record
    }
  }

  // MARK: Invalidations

  /// Writes invalidations down, for a process that begins before all files have been compared with them.
  func record(_ list: [Invalidation]) {
    if folder.record(list) { return }
    counts.add(.writesFailed)
    report("an invalidation could not be written down in the cache's folder (\(DiskFolder.reason)); until it is, do not start again without emptying \(configuration.path)")
  }
  /// How many have been written down.
  var recordedCount: Int { folder.recordedCount }
  /// Every file has been compared with those written down, unless more have been since there were so many.
  func forgetRecorded(_ count: Int) { if isScanned { folder.forgetRecorded(count) } }

  /// Compares every file that has not been compared with the newest invalidations. Blocks; on a helper thread.
  func sweep(_ number: UInt64, _ kills: (_ key: [UInt8], KeyPlaces, _ tags: [UInt8], _ checked: UInt64) -> Bool) {
    turn.withLock { _ in }   // what passed the comparison before its turn is in the index now
    defer { turn.withLock { _ in removeLeaving() } }   // when this returns, the files are gone: what was written down may be forgotten
    let names = index.withLock { index in index.entries.filter { $0.value.checked < number }.map { ($0.key, $0.value.checked) } }
    for (name, checked) in names {
      guard folder.isOwn else { return }
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
