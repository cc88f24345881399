// The disk tier: what was written is found again by a new process, and nothing else is, whatever happens to the process or its files.
import Foundation
import Glibc
import Synchronization
import TestTools
import Testing
import Transport

@testable import ObjectCache

/// A temporary folder; gone when it is.
private final class TemporaryFolder: Sendable {
  let path = FileManager.default.temporaryDirectory.appendingPathComponent("skerry-cache-\(UUID().uuidString)").path
  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The objects' files.
  var records: [String] {
    let names = FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []
    return names.filter { $0.utf8.count == 17 && $0.utf8.dropFirst(2).first == 47 }.map { path + "/" + $0 }.sorted()
  }
  func read(_ file: String) -> [UInt8] { FileManager.default.contents(atPath: file).map { Array($0) } ?? [] }
  func write(_ file: String, _ bytes: [UInt8]) { _ = FileManager.default.createFile(atPath: file, contents: Data(bytes)) }
}

/// A store with a folder, for the length of a body.
private func withStore<Value>(
  _ folder: TemporaryFolder, limit: Int = 1 << 30, memory: Int = 64 << 20, waiting: Int = 1_024, isFree: Bool = true, _ body: (ObjectStore) throws -> Value
) throws -> Value {
  let helpers = try BlockingPool()
  var disk = DiskConfiguration(path: folder.path)
  disk.limitBytes = limit
  disk.waitingWrites = waiting
  var configuration = ObjectStore.Configuration()
  configuration.memoryBytes = memory
  let store = try ObjectStore(configuration, helpers: helpers, disk: disk, report: { _ in })
  defer {
    store.close()
    helpers.stop()
  }
  while isFree && store.status.disk?.isScanned != true { usleep(500) }
  return try body(store)
}

extension ObjectStore {
  /// What is under a path, from memory or disk.
  fileprivate func fetch(_ path: String) -> StoredResponse? {
    for _ in 0..<3 {
      switch ask(path) {
      case .hit(let response): return response
      case .follow(let follower):
        while true {
          guard let outcome = follower.outcome() else {
            usleep(200)
            continue
          }
          guard case .again = outcome else { return nil }
          break
        }
      default: return nil
      }
    }
    return nil
  }
  fileprivate func waitUntilWritten(_ count: Int) { while status.disk.map({ $0.writes + $0.writesFailed < count }) ?? false { usleep(500) } }
}

@Suite(.mayBlock) struct DiskTests {
  private func content(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ $0 >> 8) } }

  @Test func aNewProcessFindsWhatWasWritten() throws {
    let folder = TemporaryFolder(), sizes = [0, 1, 1_000, 32_768, 32_769, 65_536, 3_000_001]
    try withStore(folder) { store in
      for size in sizes {
        var head = StoredHead.fresh(until: 77)
        head.etag = 0..<2
        store.put("/\(size)", content(size), head: head, lines: "Size: \(size)\r\n")
      }
    }
    #expect(folder.records.count == sizes.count)
    try withStore(folder) { store in
      #expect(store.status.objects == 0 && store.status.disk?.objects == sizes.count)
      for size in sizes {
        let found = try #require(store.fetch("/\(size)"))
        #expect(found.allContent == content(size) && found.etag == 0..<2 && found.freshness.freshUntil == 77)
        #expect(Array(copying: found.head) == bytes("Size: \(size)\r\n"))
      }
      #expect(store.status.diskHits == sizes.count && store.fetch("/other") == nil)
    }
  }

  /// What memory lets go is still on disk.
  @Test func whatMemoryLetsGoIsFoundOnDisk() throws {
    try withStore(TemporaryFolder(), memory: 2 << 20) { store in
      for number in 0..<100 { store.put("/\(number)", content(50_000)) }
      store.waitUntilWritten(100)
      #expect(store.status.evictions > 50)
      for number in 0..<100 { #expect(store.fetch("/\(number)")?.allContent == content(50_000)) }
      #expect(store.status.usedBytes <= 2 << 20)
    }
  }

  @Test func theLimitHolds() throws {
    let folder = TemporaryFolder()
    try withStore(folder, limit: 1 << 20) { store in
      for number in 0..<100 {
        store.put("/\(number)", content(30_000))
        #expect(store.status.disk.map { $0.bytes <= 1 << 20 } ?? false)
      }
      store.waitUntilWritten(100)
      #expect((20...32).contains(store.status.disk?.objects ?? 0))
    }
    #expect(folder.records.count <= 32)
    // A smaller limit at the next start.
    try withStore(folder, limit: 200_000) { store in #expect((1...6).contains(store.status.disk?.objects ?? 0)) }
    #expect(folder.records.count <= 6)
  }

  /// One bit anywhere, one byte less or more: the file is none, is removed and counted; the object is fetched anew.
  @Test func damagedFilesAreNotServed() throws {
    let folder = TemporaryFolder()
    try withStore(folder) { _ = $0.put("/a", content(70_000)) }
    let file = try #require(folder.records.first), whole = folder.read(file)
    var damaged = [Array(whole.dropLast()), whole + [0], [], Array(whole.prefix(100)), Array(whole.prefix(whole.count / 2)), [UInt8](repeating: 0, count: whole.count)]
    let places = Array(0..<DiskRecord.headBytes) + (0..<40).map { DiskRecord.headBytes + $0 * (whole.count - DiskRecord.headBytes) / 40 } + [whole.count - 1]
    for place in places {
      var copy = whole
      copy[place] ^= 1 << UInt8(place % 8)
      damaged.append(copy)
    }
    let key = bytes("/a")
    for bytes in damaged {
      folder.write(file, bytes)
      guard case .wrong = DiskFile.read(file, key: key, { _ in nil }, { _, _ in true }) else {
        #expect(Bool(false), "\(bytes.count) bytes were taken for a record")
        continue
      }
    }
    for bytes in damaged.prefix(3) {
      folder.write(file, bytes)
      try withStore(folder) { store in
        #expect(store.fetch("/a") == nil && store.status.disk?.corrupt == 1 && store.status.disk?.objects == 0)
      }
      #expect(folder.records.isEmpty)
    }
    folder.write(file, whole)
    try withStore(folder) { store in #expect(store.fetch("/a")?.allContent == content(70_000)) }
  }

  /// Numbers that nobody has written make no record, whatever their checksum says.
  @Test func numbersBeyondAllAreNone() throws {
    let folder = TemporaryFolder()
    try withStore(folder) { _ = $0.put("/a", [1]) }
    let head = Array(folder.read(try #require(folder.records.first)).prefix(DiskRecord.headBytes)), end = DiskRecord.headBytes - 8
    #expect(DiskRecord(head) != nil)
    for number in 0..<13 {
      for value in [UInt64.max, UInt64(Int.max), 1 << 62, 1 << 48] {
        var copy = head
        func put(_ value: UInt64, _ place: Int) { for shift in 0..<8 { copy[place + shift] = UInt8(truncatingIfNeeded: value >> UInt64(shift * 8)) } }
        put(value, 16 + number * 8)
        put(DiskRecord.sum(copy.span.extracting(..<end), after: 0), end)
        #expect(DiskRecord(copy) == nil, "\(number): \(value)")
      }
    }
  }

  /// What cannot be read is fetched by who asked for it, however soon that turns out; what is gone is forgotten.
  @Test func whatCannotBeReadIsFetched() throws {
    let folder = TemporaryFolder(), count = 200
    func leads(_ store: ObjectStore, _ path: String) -> Bool {
      guard case .follow(let follower) = store.ask(path) else { return false }
      while true {
        guard let outcome = follower.outcome() else {
          usleep(50)
          continue
        }
        guard case .lead(let leader) = outcome else { return false }
        leader.complete(.fresh(until: 77), lines: Span(), content: Span())
        return true
      }
    }
    try withStore(folder) { store in for number in 0..<count { store.put("/\(number)", [1]) } }
    try withStore(folder) { store in
      for (number, file) in folder.records.enumerated() { if number % 2 == 0 { folder.write(file, [0]) } else { unsafe unlink(file) } }
      for number in 0..<count { #expect(leads(store, "/\(number)")) }
      for number in 0..<count { #expect(store.has("/\(number)")) }
      #expect(store.status.disk?.corrupt == count / 2)
    }
  }

  /// What another key left under the same name is not served.
  @Test func anotherKeyIsNotServed() throws {
    let folder = TemporaryFolder()
    try withStore(folder) { _ = $0.put("/a", [1]) }
    let file = try #require(folder.records.first)
    guard case .otherKey = DiskFile.read(file, key: bytes("/b"), { _ in nil }, { _, _ in true }) else { return #expect(Bool(false), "another's") }
  }

  /// What has been removed, or superseded by what could not be written, does not come back from disk: not after its memory has been let go
  /// of, and not in the next process.
  @Test func whatHasBeenSupersededDoesNotComeBack() throws {
    let folder = TemporaryFolder()
    try withStore(folder) { store in
      for number in 0..<200 {   // before its turn, in its turn, behind it
        let path = "/\(number)", key = bytes(path)
        store.put(path, content(number * 400))
        if number % 3 == 1 { usleep(useconds_t(number % 7 * 60)) }
        store.remove(key.span, store.hash(of: key.span))
      }
    }
    #expect(folder.records.isEmpty)
    var droppedSecond = 0
    try withStore(folder, waiting: 1) { store in
      let large = [UInt8](repeating: 7, count: 16 << 20)
      for round in 0..<5 {
        let path = "/a\(round)"
        store.put(path, [1])
        for number in 0..<2 { store.put("/large\(round).\(number)", large) }   // one is being written, one waits
        let before = store.status.disk?.writesDropped ?? 0
        let key = bytes(path)
        guard case .lead(let leader) = store.lookup(key.span, store.hash(of: key.span), KeyPlaces(distribution: 0..<0, path: 0..<key.count), now: 0, { _ in .validate }) else {
          return #expect(Bool(false))
        }
        leader.complete(.fresh(), lines: Span(), content: [UInt8]([2]).span)
        if (store.status.disk?.writesDropped ?? 0) > before { droppedSecond += 1 }
      }
    }
    #expect(droppedSecond > 0)
    try withStore(folder) { store in
      for round in 0..<5 { if let found = store.fetch("/a\(round)") { #expect(found.allContent == [2]) } }
    }
  }

  /// Of two processes one has the folder: the other serves from memory until it may, and hears of what has been invalidated meanwhile.
  @Test func oneProcessAtATime() throws {
    let folder = TemporaryFolder()
    try withStore(folder) { old in
      for path in ["/a", "/b", "/c"] { old.put(path, content(100)) }
      old.waitUntilWritten(3)
      try withStore(folder, isFree: false) { new in
        new.put("/n", [1])
        #expect(new.fetch("/a") == nil && new.has("/n"))
        #expect(new.invalidate([Invalidation(.path("/a"))]))
        old.put("/d", [4])
        #expect(old.invalidate([Invalidation(.path("/b"))]))
        #expect(new.status.disk?.isScanned == false && new.status.disk?.writes == 0)
        old.leaveDisk()
        old.put("/late", [5])
        while new.status.disk?.isScanned != true { usleep(500) }
        #expect(new.fetch("/a") == nil && new.fetch("/b") == nil && new.fetch("/c") != nil && new.fetch("/late") == nil && old.has("/late"))
        new.put("/m", [2])
        new.waitUntilWritten(1)
      }
    }
    try withStore(folder) { store in
      #expect(store.fetch("/m")?.allContent == [2] && store.fetch("/n") == nil && store.fetch("/a") == nil && store.fetch("/late") == nil && store.fetch("/c") != nil)
    }
  }

  /// A sweep that goes by while an object is read from disk does not cost it. (There are few, so that both take about as long.)
  @Test func aSweepCostsNothingThatIsBeingRead() throws {
    let folder = TemporaryFolder(), names = (0..<8).map { "/\($0)" }
    try withStore(folder) { store in for name in names { store.put(name, content(4_000)) } }
    var lost = 0
    for _ in 0..<50 {
      try withStore(folder) { store in
        for name in names {
          #expect(store.invalidate([Invalidation(.path("/other"))]))
          if store.fetch(name) == nil { lost += 1 }
          while store.status.invalidations > 0 { usleep(20) }
        }
      }
    }
    #expect(lost == 0 && folder.records.count == names.count)
  }

  /// An invalidation that comes while the folder is still being read does not cost what is there.
  @Test func anInvalidationBeforeAllIsFound() throws {
    let folder = TemporaryFolder()
    try withStore(folder) { store in for number in 0..<20 { store.put("/\(number)", [1]) } }
    try withStore(folder, isFree: false) { store in
      #expect(store.invalidate([Invalidation(.path("/1*"))]))
      while store.status.disk?.isScanned != true { usleep(200) }
      #expect(store.fetch("/2") != nil && store.fetch("/12") == nil)
      while store.status.invalidations > 0 { usleep(500) }
      #expect(store.fetch("/3") != nil)
    }
    #expect(folder.records.count == 9)
  }

  /// A process that is killed while it writes leaves whole objects, of whatever version, and nothing else.
  @Test(.timeLimit(.minutes(1))) func killedWhileWriting() throws {
    let folder = TemporaryFolder()
    var found = 0
    for round in 0..<8 {
      let child = try spawn([Self.program, "write", folder.path])
      let before = folder.records.count
      while folder.records.count < min(40, before + 1) { usleep(1_000) }
      usleep(useconds_t(1_000 * (round * 7 % 30)))
      kill(child, SIGKILL)
      #expect(waitForEnd(of: child) == -SIGKILL)
      try withStore(folder) { store in
        for number in 0..<40 {
          guard let response = store.fetch("/object/\(number)") else { continue }
          found += 1
          let version = Int(String(decoding: Array(copying: response.head), as: UTF8.self)) ?? -1
          #expect(response.allContent == Self.content(number, version), "object \(number), version \(version)")
        }
        #expect(store.status.disk?.corrupt == 0)
      }
      let left = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/writing")
      #expect(left.isEmpty)
    }
    #expect(found > 60)
  }

  /// As `Benchmarks/cache/DiskWriter.swift` has it.
  private static func content(_ number: Int, _ version: Int) -> [UInt8] {
    let count = number % 4 == 0 ? number * 2_501 + version % 3 * 10 : number * 31
    return (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 13 &+ number &+ version &* 7 &+ $0 >> 8) }
  }
  private static var program: String {
    URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path + "/bench-cache"
  }

  /// A disk that takes nothing: everything is served from memory, the failures are counted.
  @Test func aDiskThatIsFull() throws {
    let folder = TemporaryFolder()
    try withStore(folder) { store in
      try FileManager.default.removeItem(atPath: folder.path + "/writing")
      for number in 0..<10 { store.put("/\(number)", content(1_000)) }
      store.waitUntilWritten(10)
      #expect((0..<10).allSatisfy { store.has("/\($0)") })
      #expect(store.status.disk?.writesFailed == 10 && store.status.disk?.writes == 0)
      // And when it does again, it is used again.
      try FileManager.default.createDirectory(atPath: folder.path + "/writing", withIntermediateDirectories: false)
      store.put("/again", content(1_000))
      store.waitUntilWritten(11)
      #expect(store.status.disk?.writes == 1)
    }
  }

  /// A write that stops in the middle (here: at a limit of the process, as on a full disk) leaves nothing.
  @Test func aWriteThatStopsInTheMiddle() throws {
    let folder = TemporaryFolder()
    let child = try spawn(["/bin/sh", "-c", "ulimit -f 100; exec \"$0\" write \"$1\"", Self.program, folder.path])   // 51,200 bytes
    while folder.records.count < 30 { usleep(1_000) }
    kill(child, SIGKILL)
    _ = waitForEnd(of: child)
    #expect(folder.records.allSatisfy { folder.read($0).count <= 51_200 })
    try withStore(folder) { store in
      for number in 1..<40 where number % 4 != 0 {
        guard let response = store.fetch("/object/\(number)") else { continue }
        #expect(response.allContent == Self.content(number, Int(String(decoding: Array(copying: response.head), as: UTF8.self)) ?? -1))
      }
      #expect(store.fetch("/object/36") == nil && store.status.disk?.corrupt == 0)
    }
  }

  @Test func aFolderThatCannotBeUsed() {
    #expect(throws: DiskFailure.self) {
      _ = try ObjectStore(ObjectStore.Configuration(), helpers: try BlockingPool(), disk: DiskConfiguration(path: "/proc/no/such"), report: { _ in })
    }
  }

  /// An invalidation holds for the disk, too, and for the next process when this one ends before it has looked at all files.
  @Test func invalidationsReachTheDisk() throws {
    let folder = TemporaryFolder()
    try withStore(folder) { store in
      for number in 0..<20 { store.put("/\(number)", [1]) }
      store.waitUntilWritten(20)
      #expect(store.invalidate([Invalidation(.path("/1*"))]))
      #expect(store.fetch("/1") == nil && store.fetch("/12") == nil && store.fetch("/2") != nil)
      while store.status.invalidations > 0 { usleep(500) }
    }
    #expect(folder.records.count == 9)
    // A process that was killed right after the call: its list is what it wrote down.
    folder.write(folder.path + "/invalidations", bytes("path\t\t/2\ntag\td%09\t50%25\npath\t\t/3"))
    try withStore(folder) { store in
      #expect(store.fetch("/2") == nil && store.fetch("/4") != nil)
      while store.status.invalidations > 0 { usleep(500) }
    }
    #expect(folder.records.count < 9 && !FileManager.default.fileExists(atPath: folder.path + "/invalidations"))
  }
}
