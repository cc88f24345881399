// Owns: one number, the bytes the cache holds, and the limit they never pass. Any thread.
import Synchronization

/// The bytes a cache holds and may hold.
final class MemoryBudget: Sendable {
  private let limit: Atomic<Int>
  private let used = Atomic<Int>(0)

  init(limitBytes: Int) { limit = Atomic(limitBytes) }

  /// The limit in bytes. A lower one holds from the next reservation on.
  var limitBytes: Int {
    get { limit.load(ordering: .relaxed) }
    set { limit.store(newValue, ordering: .relaxed) }
  }

  /// The bytes held.
  var usedBytes: Int { used.load(ordering: .relaxed) }

  /// Takes so many bytes if the limit allows it.
  func reserve(_ bytes: Int) -> Bool {
    var seen = used.load(ordering: .relaxed)
    while seen + bytes <= limitBytes {
      let (done, now) = used.compareExchange(expected: seen, desired: seen + bytes, ordering: .relaxed)
      if done { return true }
      seen = now
    }
    return false
  }
  /// Takes bytes that are there already, whatever the limit: the next reservation makes room for them.
  func charge(_ bytes: Int) { used.wrappingAdd(bytes, ordering: .relaxed) }
  /// Gives bytes back.
  func release(_ bytes: Int) { used.wrappingSubtract(bytes, ordering: .relaxed) }

  /// What the allocator (glibc's) puts before each piece of memory.
  static let allocatorHeadBytes = 8
  /// What it takes for so many bytes: a head, rounded up to 16.
  static func allocated(_ bytes: Int) -> Int { max(32, (bytes + allocatorHeadBytes + 15) & ~15) }
}
