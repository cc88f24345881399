// What is not to be served any more: by the operator's invalidations (Invalidation.swift) and by unsafe methods (RFC 9111, 4.4;
// TargetEditions.swift). A part of the store; its locks are taken in the order that ObjectStore.swift gives.
import Synchronization
import Transport

extension ObjectStore {
  // MARK: Unsafe methods

  /// The edition of a key's target, which belongs to keys that hold more than the target (TargetEditions.swift); 0 in the beginning: then
  /// nothing is to be added.
  public func edition(of key: Span<UInt8>, _ places: KeyPlaces) -> UInt64 { editions.edition(key, places) }

  /// A key's target has been changed (RFC 9111, 4.4): it has another edition from now on.
  public func renewEdition(of key: Span<UInt8>, _ places: KeyPlaces) {
    count(.targetsInvalidated)
    let (part, isNew) = editions.renew(key, places)
    if isNew { budget.charge(MemoryBudget.allocated(TargetEditions.partBytes)) }
    disk?.note(changedPart: part)
  }

  /// The same for a key that holds nothing but the target: takes its response out, and has fetches under way not kept.
  public func invalidate(_ key: Span<UInt8>, _ hash: UInt64) {
    shard(hash).fills.withLock { state in
      for fill in state.overtaken where fill.isFor(key) { fill.forbid() }
      guard let fill = state.fills[hash], fill.isFor(key) else { return }
      fill.forbid()
      state.fills[hash] = nil
    }
    remove(key, hash)
  }

  // MARK: Invalidation

  /// Has these never served again, by any worker, once it has returned; fetches under way are not kept either.
  /// - Returns: false when as many wait for the sweep as may: none has been taken.
  public func invalidate(_ list: [Invalidation]) -> Bool {
    let isTaken = invalidating.withLock { _ in
      guard invalidations.add(list) else { return false }
      disk?.record(list)
      return true
    }
    guard isTaken else {
      count(.invalidationsRefused)
      return false
    }
    startSweep()
    return true
  }

  /// Before the folder has been read the list stays, to be compared with what is found there; but it does not wait for ever.
  func startSweep() {
    if let disk, !disk.isScanned, invalidations.count * 2 < configuration.invalidations { return }
    guard invalidations.count > 0, !isSweeping.exchange(true, ordering: .sequentiallyConsistent) else { return }
    if helpers == nil || helpers?.submit({ self.sweep() }) != nil { sweep() }
  }

  /// Compares everything with what has been invalidated, in small steps, until nothing is left to compare with.
  private func sweep() {
    repeat {
      let (number, recorded) = invalidating.withLock { _ in (invalidations.newest, disk?.recordedCount) }
      for shard in shards { sweep(shard, number) }
      disk?.sweep(number) { key, places, tags, checked in
        if case .lives = invalidations.judge(key.span, places, tags: tags.span, checked) { false } else { true }
      }
      invalidations.drop(through: number)
      if let recorded { disk?.forgetRecorded(recorded) }
    } while invalidations.count > 0
    isSweeping.store(false, ordering: .sequentiallyConsistent)
    startSweep()   // one that was added between the last two lines found somebody sweeping
  }

  /// From the end of the table to its beginning: what moves when something is taken out moves that way.
  private func sweep(_ shard: Shard, _ number: UInt64) {
    var (place, generation) = shard.index.withLock { ($0.places, $0.generation) }
    while place > 0 {
      let step = max(0, place - Self.placesInOneGo)
      let found: [StoredResponse]? = shard.index.withLock { index in
        guard index.generation == generation else { return nil }
        return (step..<place).compactMap { index.object(at: $0) }.filter { $0.checked.load(ordering: .relaxed) < number }
      }
      guard let found else {   // it has grown: everything stands elsewhere
        (place, generation) = shard.index.withLock { ($0.places, $0.generation) }
        continue
      }
      for object in found where invalidations.kills(object) { removeInvalidated(object) }
      place = step
    }
  }
  private static let placesInOneGo = 512
}
