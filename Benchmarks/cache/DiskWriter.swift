// A process that writes to a cache's folder as fast as it can until somebody kills it: for tests of what is left then.
import Glibc
import ObjectCache
import Transport

/// `bench-cache write FOLDER`: objects in ever newer versions. What each holds follows from its name and version.
enum DiskWriter {
  /// Never returns.
  static func write(_ folder: String) {
    signal(SIGXFSZ, SIG_IGN)
    guard let helpers = try? BlockingPool() else { return }
    var disk = DiskConfiguration(path: folder)
    disk.waitingWrites = 16
    guard let store = try? ObjectStore(ObjectStore.Configuration(), helpers: helpers, disk: disk, report: { print($0) }) else { return }
    for version in 0... {
      for number in 0..<40 {
        let key = Array("/object/\(number)".utf8)
        store.remove(key.span, store.hash(of: key.span))
        let places = KeyPlaces(distribution: 0..<0, path: 0..<key.count)
        guard case .lead(let leader) = store.lookup(key.span, store.hash(of: key.span), places, now: 0, { _ in .fresh }) else { continue }
        let head = StoredHead(status: 200, freshness: Freshness(receivedAt: 0, freshUntil: .max))
        leader.complete(head, lines: Array("\(version)".utf8).span, content: content(number, version).span)
      }
      usleep(2_000)
    }
  }

  /// What an object holds.
  static func content(_ number: Int, _ version: Int) -> [UInt8] {
    let count = number % 4 == 0 ? number * 2_501 + version % 3 * 10 : number * 31
    return (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 13 &+ number &+ version &* 7 &+ $0 >> 8) }
  }
}
