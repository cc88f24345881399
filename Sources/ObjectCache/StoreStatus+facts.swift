// The store's numbers, as the metrics page has them.
public import Telemetry

extension CacheFacts {
  /// The numbers of a store.
  public init(_ status: StoreStatus) {
    self.init()
    levels = [
      .objects: status.objects, .bytes: status.usedBytes, .limitBytes: status.limitBytes, .indexBytes: status.indexBytes, .fills: status.fills,
      .invalidations: status.invalidations,
    ]
    events = [
      .evicted: status.evictions, .passedOn: status.windows, .longKey: status.longKeys,
      .arenaFull: status.arenaFull, .invalidated: status.invalidated, .invalidationRefused: status.invalidationsRefused, .targetInvalidated: status.targetsInvalidated,
      .diskHit: status.diskHits,
    ]
    guard let disk = status.disk else { return }
    levels[.diskObjects] = disk.objects
    levels[.diskBytes] = disk.bytes
    let more: [Event: Int] = [
      .diskRead: disk.reads, .diskReadRefused: disk.readsRefused, .diskWritten: disk.writes, .diskNotWritten: disk.writesDropped,
      .diskFailed: disk.writesFailed, .diskCorrupt: disk.corrupt, .diskEvicted: disk.evictions,
    ]
    events.merge(more) { _, new in new }
  }
}
