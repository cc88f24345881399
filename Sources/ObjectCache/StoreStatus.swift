// Owns: the store's own numbers: what all workers share is counted here and not by worker.
import Synchronization

/// Events of the store, counted by any thread.
final class StoreCounts: Sendable {
  enum Event: Int, CaseIterable { case evictions, collapsed, abandoned, windows, longKeys }

  private let evictions = Atomic<Int>(0), collapsed = Atomic<Int>(0), abandoned = Atomic<Int>(0), windows = Atomic<Int>(0), longKeys = Atomic<Int>(0)

  func add(_ event: Event) {
    switch event {
    case .evictions: evictions.wrappingAdd(1, ordering: .relaxed)
    case .collapsed: collapsed.wrappingAdd(1, ordering: .relaxed)
    case .abandoned: abandoned.wrappingAdd(1, ordering: .relaxed)
    case .windows: windows.wrappingAdd(1, ordering: .relaxed)
    case .longKeys: longKeys.wrappingAdd(1, ordering: .relaxed)
    }
  }
  subscript(_ event: Event) -> Int {
    switch event {
    case .evictions: evictions.load(ordering: .relaxed)
    case .collapsed: collapsed.load(ordering: .relaxed)
    case .abandoned: abandoned.load(ordering: .relaxed)
    case .windows: windows.load(ordering: .relaxed)
    case .longKeys: longKeys.load(ordering: .relaxed)
    }
  }
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
  /// Requests whose key was longer than may be.
  public let longKeys: Int

  init(objects: Int, usedBytes: Int, limitBytes: Int, indexBytes: Int, fills: Int, _ counts: StoreCounts) {
    self.objects = objects
    self.usedBytes = usedBytes
    self.limitBytes = limitBytes
    self.indexBytes = indexBytes
    self.fills = fills
    evictions = counts[.evictions]
    collapsed = counts[.collapsed]
    abandonedFills = counts[.abandoned]
    windows = counts[.windows]
    longKeys = counts[.longKeys]
  }
}
