// The store's limits, as the configuration has them (Documentation/configuration.md: `cache` and `limits.cache`).
public import Distribution

extension ObjectStore.Configuration {
  /// The limits of a configuration.
  public init(_ storage: CacheStorage, _ limits: Limits.Cache) {
    self.init()
    memoryBytes = storage.memoryBytes
    objectBytes = limits.objectBytes
    sliceBytes = min(limits.sliceBytes, limits.objectBytes)
    keyBytes = limits.keyBytes
    windowBytes = limits.windowBytes
    abandonedFillBytes = limits.abandonedFillBytes
    fillAttempts = limits.fillAttempts
    passMarks = limits.passMarks
    invalidations = limits.invalidations
  }
}

extension DiskConfiguration {
  /// The disk tier of a configuration; nil when it names no folder.
  public init?(_ storage: CacheStorage, _ limits: Limits.Cache) {
    guard let path = storage.diskPath else { return nil }
    self.init(path: path)
    if storage.diskBytes > 0 { limitBytes = storage.diskBytes }
    waitingWrites = limits.diskWrites
    waitingReads = limits.diskReads
  }
}
