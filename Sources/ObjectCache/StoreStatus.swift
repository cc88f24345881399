// Owns: the store's own numbers: what all workers share is counted here and not by worker.
import Synchronization

/// Events of the store, counted by any thread; none of them happens on a hit.
final class StoreCounts: Sendable {
  enum Event: Int, CaseIterable { case evictions, collapsed, abandoned, windows, longKeys, arenaFull, invalidated, invalidationsRefused, diskHits, targetsInvalidated }

  private let numbers = Mutex([Int](repeating: 0, count: Event.allCases.count))

  func add(_ event: Event) { numbers.withLock { $0[event.rawValue] += 1 } }
  subscript(_ event: Event) -> Int { numbers.withLock { $0[event.rawValue] } }
}

/// What a store holds at one moment, and what has happened since it began.
public struct StoreStatus: Sendable {
  /// Objects in the index.
  public let objects: Int
  /// Bytes held: keys, heads, bodies, index; those of objects included that have left but are still being read.
  public let usedBytes: Int
  /// Their limit.
  public let limitBytes: Int
  /// Bytes of them that the index and the queues take.
  public let indexBytes: Int
  /// Invalidations that everything is still compared with.
  public let invalidations: Int
  /// What the disk tier holds; nil without one.
  public let disk: DiskStatus?
  /// Objects that memory had let go, or never had, and the disk tier brought back.
  public let diskHits: Int
  /// Fetches under way.
  public let fills: Int
  /// Objects that left to make room.
  public let evictions: Int
  /// Requests that waited for another's fetch, or read along.
  public let collapsed: Int
  /// Fetches given up because nobody wanted them any more (``ObjectStore/Configuration/abandonedFillBytes``).
  public let abandonedFills: Int
  /// Bodies that were passed on through a window: larger than may be kept, or no memory was free.
  public let windows: Int
  /// Pieces of bodies that found no place in the file for them, and lie in the allocator's memory.
  public let arenaFull: Int
  /// Objects that were taken out because they had been invalidated.
  public let invalidated: Int
  /// Calls that found as many invalidations waiting as may.
  public let invalidationsRefused: Int
  /// Targets that an unsafe method has changed, of keys that hold more than the target.
  public let targetsInvalidated: Int
  /// Requests whose key was longer than may be.
  public let longKeys: Int

  init(objects: Int, usedBytes: Int, limitBytes: Int, indexBytes: Int, invalidations: Int, disk: DiskStatus?, fills: Int, _ counts: StoreCounts) {
    self.objects = objects
    self.usedBytes = usedBytes
    self.limitBytes = limitBytes
    self.indexBytes = indexBytes
    self.invalidations = invalidations
    self.disk = disk
    diskHits = counts[.diskHits]
    self.fills = fills
    evictions = counts[.evictions]
    collapsed = counts[.collapsed]
    abandonedFills = counts[.abandoned]
    windows = counts[.windows]
    longKeys = counts[.longKeys]
    invalidated = counts[.invalidated]
    invalidationsRefused = counts[.invalidationsRefused]
    targetsInvalidated = counts[.targetsInvalidated]
    arenaFull = counts[.arenaFull]
  }
}

/// What the disk tier holds at one moment, and what has happened since it began.
public struct DiskStatus: Sendable {
  /// Objects, and the bytes of their files to the page.
  public let objects: Int, bytes: Int
  /// Objects written; not written because as many wait as may; not written because the disk would not.
  public let writes: Int, writesDropped: Int, writesFailed: Int
  /// Objects read; not read because as many wait as may.
  public let reads: Int, readsRefused: Int
  /// Files that were damaged, and are gone.
  public let corrupt: Int
  /// Objects that left to make room, and that had been invalidated.
  public let evictions: Int, invalidated: Int
  /// Whether the folder's content is known whole: until then some of it is fetched anew.
  public let isScanned: Bool

  init(_ tier: DiskTier) {
    (objects, bytes) = tier.status
    writes = tier.counts[.writes]
    writesDropped = tier.counts[.writesDropped]
    writesFailed = tier.counts[.writesFailed]
    reads = tier.counts[.reads]
    readsRefused = tier.counts[.readsRefused]
    corrupt = tier.counts[.corrupt]
    evictions = tier.counts[.evictions]
    invalidated = tier.counts[.invalidated]
    isScanned = tier.counts[.scans] > 0
  }
}
