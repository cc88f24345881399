// Owns: the memory tier of the cache, shared by all workers: the index in shards, the order in which objects leave, the fills under way.
//
// A hit locks one shard for a look-up of its table and takes a reference; nothing is moved. Everything else happens on misses.
// Locks, in the order in which they may be taken together: fills of a shard → shard → queues; a fill's own last. Each is held for a few moves; objects are
// let go outside of them.
import Glibc
import Synchronization
public import Transport

/// The cache's memory. Any thread.
public final class ObjectStore: Sendable {
  /// Limits; YAML has them below `cache:` (Documentation/cache-storage.md says what happens at each).
  public struct Configuration: Sendable {
    /// Bytes the cache may hold: keys, heads, bodies, index.
    public var memoryBytes = 256 << 20
    /// The largest body that is kept; a larger one is passed on through a window.
    public var objectBytes = 64 << 20
    /// The length of a slice of a larger object; a larger object than `objectBytes` is kept in such.
    public var sliceBytes = 4 << 20
    /// The longest key; a request with a longer one passes.
    public var keyBytes = 16_384
    /// A body up to this size stands beside its head.
    public var inlineBodyBytes = 32_768
    /// Bytes of a body that is not kept which are held for its slowest reader; then the origin waits.
    public var windowBytes = 1 << 20
    /// Bytes that may still be missing of a body that nobody reads any more, and it is fetched to its end all the same.
    public var abandonedFillBytes = 1 << 20
    /// Leaders that may fail before all who wait are told so.
    public var fillAttempts = 3
    /// Keys remembered as passing.
    public var passMarks = 65_536
    /// Invalidations that may wait for the sweep; more are refused.
    public var invalidations = 3_000

    /// The defaults.
    public init() {}
  }

  /// Shards of the index.
  static let shardCount = 64

  /// What is fetched now, and what is known not to be storable, by hash.
  struct Fills {
    var fills: [UInt64: Fill] = [:]
    /// Those that go on, but take nobody in any more: something has been invalidated since they began.
    var overtaken: [Fill] = []
    var passing: [UInt64: Int64] = [:]
  }
  final class Shard: Sendable {
    let index = Mutex(IndexShard())
    let fills = Mutex(Fills())
  }

  private let settings: Mutex<Configuration>
  let budget: MemoryBudget
  /// Memory for large bodies; nil where the system has none of its kind: then they lie in the allocator's.
  private let newestArena: Mutex<BodyArena?>
  private let keyHash: KeyHash
  let shards: [Shard]
  private let queues = Mutex(EvictionQueues())
  private let counts = StoreCounts()
  let invalidations: InvalidationList
  /// Where what takes long is done: sweeps. nil: by the caller.
  let helpers: BlockingPool?
  let isSweeping = Atomic<Bool>(false)
  /// Guards the order of what is written down of invalidations and what is compared with them.
  let invalidating = Mutex(())
  let disk: DiskTier?
  let editions: TargetEditions

  /// An empty cache.
  /// - Parameter helpers: threads for what takes long.
  public convenience init(_ configuration: Configuration = Configuration(), helpers: BlockingPool? = nil) {
    self.init(configuration, KeyHash(), helpers: helpers, disk: nil)
  }
  /// A cache with a folder behind it; what is in the folder is found in the background.
  /// - Parameter report: told in one sentence what happens to the folder. On any thread.
  /// - Throws: ``DiskFailure`` when the folder cannot be used.
  public convenience init(
    _ configuration: Configuration, helpers: BlockingPool, disk: DiskConfiguration, report: @escaping @Sendable (String) -> Void
  ) throws(DiskFailure) {
    let tier = try DiskTier(disk, report: report)
    self.init(configuration, KeyHash(), helpers: helpers, disk: tier)
    tier.begin { [weak self] recorded, editions in
      _ = self?.invalidations.add(recorded, isBounded: false)
      self?.budget.charge(editions * MemoryBudget.allocated(TargetEditions.partBytes))
    } isRead: { [weak self] in self?.startSweep() }
  }
  init(_ configuration: Configuration, _ hash: KeyHash, helpers: BlockingPool? = nil, disk: DiskTier? = nil) {
    self.helpers = helpers
    self.disk = disk
    invalidations = InvalidationList(limit: configuration.invalidations)
    settings = Mutex(configuration)
    keyHash = hash
    editions = disk?.editions ?? TargetEditions(hash)
    budget = MemoryBudget(limitBytes: configuration.memoryBytes)
    newestArena = Mutex(BodyArena(limitBytes: configuration.memoryBytes))
    shards = (0..<Self.shardCount).map { _ in Shard() }
    budget.charge(indexBytes)
  }

  var arena: BodyArena? { newestArena.withLock { $0 } }

  // MARK: Limits

  /// The limits.
  public var configuration: Configuration { settings.withLock { $0 } }

  /// Takes other limits up. What is more than a smaller one allows leaves in the background.
  /// - Parameter diskBytes: of the folder; nil without one.
  public func adopt(_ configuration: Configuration, diskBytes: Int?) {
    let former = settings.withLock { settings in
      defer { settings = configuration }
      return settings
    }
    invalidations.limit = configuration.invalidations
    if let diskBytes { disk?.adopt(limitBytes: diskBytes) }
    guard former.memoryBytes != configuration.memoryBytes else { return }
    budget.limitBytes = configuration.memoryBytes
    // Bodies that lie in a smaller file stay there until they go.
    if configuration.memoryBytes > former.memoryBytes, let larger = BodyArena(limitBytes: configuration.memoryBytes) { newestArena.withLock { $0 = larger } }
    if helpers == nil || helpers?.submit({ self.shrink() }) != nil { shrink() }
  }

  // MARK: Finding

  /// The hash under which a key is found; of this process's life only.
  public func hash(of key: Span<UInt8>) -> UInt64 { keyHash(key) }

  @inline(__always) func shard(_ hash: UInt64) -> Shard { shards[Int(truncatingIfNeeded: hash) & (Self.shardCount - 1)] }

  /// The response under a key, fresh or not.
  public func find(_ key: Span<UInt8>, _ hash: UInt64) -> StoredResponse? {
    guard let object = shard(hash).index.withLock({ $0.find(key, hash) }) else { return nil }
    if object.checked.load(ordering: .relaxed) != invalidations.newest, invalidations.kills(object) {
      removeInvalidated(object)
      return nil
    }
    object.wasFound()
    return object
  }

  /// Looks a key up, and joins or begins its fetch when that does not do.
  /// - Parameters:
  ///   - hash: of the key.
  ///   - places: where its parts stand.
  ///   - now: milliseconds since 1970.
  ///   - use: says what the asker may do with a stored response. Called at most twice, without locks.
  @inline(__always) public func lookup(
    _ key: Span<UInt8>, _ hash: UInt64, _ places: KeyPlaces, now: Int64, _ use: (StoredResponse) -> Use
  ) -> Lookup {
    guard let found = find(key, hash) else { return join(key, hash, places, now: now, stale: nil, use) }
    let verdict = use(found)
    return verdict == .fresh ? .hit(found) : join(key, hash, places, now: now, stale: found, use)
  }

  /// Joins or begins the fetch of a key.
  @inline(never) func join(
    _ key: Span<UInt8>, _ hash: UInt64, _ places: KeyPlaces, now: Int64, stale: StoredResponse?, _ use: (StoredResponse) -> Use
  ) -> Lookup {
    guard key.count <= configuration.keyBytes else {
      count(.longKeys)
      return .pass
    }
    enum Role { case lead(Fill), follow(Fill), pass, done(StoredResponse) }
    let role: Role = shard(hash).fills.withLock { state in
      if let until = state.passing[hash] {
        if now < until { return .pass }
        state.passing[hash] = nil
      }
      // One that began before the newest invalidation may bring what that forbids: who comes now begins another.
      if let fill = state.fills[hash], !fill.hasFailed, fill.sequence == invalidations.newest { return fill.isFor(key) ? .follow(fill) : .pass }
      // A fetch that ended since the look-up has left what it brought.
      if let newer = shard(hash).index.withLock({ $0.find(key, hash) }), newer !== stale, newer.checked.load(ordering: .relaxed) == invalidations.newest {
        return .done(newer)
      }
      let fill = Fill(self, key, hash, places, sequence: invalidations.newest, stale: stale)
      if let former = state.fills.updateValue(fill, forKey: hash), !former.hasFailed { state.overtaken.append(former) }
      return .lead(fill)
    }
    if case .done(let newer) = role {
      if use(newer) != .validate { return .hit(newer) }
      return join(key, hash, places, now: now, stale: newer, use)
    }
    let servesStale = stale.map { use($0) == .staleServe } ?? false
    switch role {
    case .lead(let fill):
      if stale == nil, let disk, disk.mayHave(key) {
        let follower = FillFollower(fill)   // takes its seat first: what is read may turn out to be damaged at once, and is fetched by who waits
        if startReading(fill) { return .follow(follower) }
      }
      let leader = FillLeader(fill)
      guard servesStale, let stale else { return .lead(leader) }
      return .stale(stale, leader)
    case .follow(let fill):
      if servesStale, let stale { return .stale(stale, nil) }
      count(.collapsed)
      return .follow(FillFollower(fill))
    case .pass, .done:
      if servesStale, let stale { return .stale(stale, nil) }
      return .pass
    }
  }

  /// The leader of a fetch for one viewer, which nobody joins and of which nothing is kept.
  /// - Parameter stale: what it has been found valid of.
  public func leaderOfOne(renewing stale: StoredResponse? = nil) -> FillLeader {
    FillLeader(Fill(self, Span(), 0, KeyPlaces(distribution: 0..<0, path: 0..<0), sequence: 0, stale: stale, isKept: false))
  }

  /// Notes that a key's response cannot be stored.
  func remember(passing hash: UInt64, until: Int64) {
    shard(hash).fills.withLock { state in
      if state.passing.count >= max(1, configuration.passMarks / Self.shardCount) { state.passing.removeAll() }
      state.passing[hash] = until
    }
  }

  /// A fill has come to its end, or takes nobody in any more.
  func ended(_ fill: Fill) {
    let gone = shard(fill.hash).fills.withLock { state -> Fill? in
      if state.fills[fill.hash] === fill { return state.fills.removeValue(forKey: fill.hash) }
      return state.overtaken.firstIndex { $0 === fill }.map { state.overtaken.remove(at: $0) }
    }
    _ = gone
  }

  // MARK: Keeping

  /// Makes a response of what a fill brought. What there is no room for is made all the same, and not kept.
  func make(
    _ fill: Fill, _ head: StoredHead, _ lines: Span<UInt8>, _ tags: Span<UInt8>, _ content: Span<UInt8>, body: ObjectBody?
  ) -> StoredResponse {
    let bytes = StoredResponse.cost(of: fill.key.count + lines.count + tags.count + content.count)
    if !reserve(bytes) { budget.charge(bytes) }
    let key = fill.key
    return StoredResponse(
      key: key.span, hash: fill.hash, places: fill.places, head, lines: lines, tags: tags, content: content, body: body,
      sequence: fill.sequence, countedBytes: bytes, budget)
  }

  /// The same response with its body beside its head, when it has turned out to be small.
  func compacted(_ response: StoredResponse, of fill: Fill) -> StoredResponse {
    guard let body = response.body, let length = response.length, length <= configuration.inlineBodyBytes else { return response }
    var content = ByteBuffer(capacity: max(1, length))
    let reader = BodyReader(body)
    while case .bytes = reader.atHand() {
      reader.take { bytes in
        content.append(bytes)
        return bytes.count
      }
    }
    return make(fill, response.description, response.head, response.tags, content.readable, body: nil)
  }

  /// Puts a response into the cache, if there is room, and on disk.
  func keep(_ response: StoredResponse, of fill: Fill) {
    guard fill.isKept, !(response.body?.isWindow ?? false), !invalidations.kills(response) else { return }
    keepInMemory(response)
    if !fill.isKept { return remove(response.key, response.hash) }   // forbidden just now
    disk?.write(response) { [invalidations] in invalidations.kills($0) }
  }

  private func keepInMemory(_ response: StoredResponse) {
    let old = insert(response)
    _ = old
    shrink()
  }

  // MARK: The disk tier

  /// Begins to read what a fill is about from disk.
  /// - Returns: false when it cannot be read now.
  private func startReading(_ fill: Fill, attempt: Int = 1) -> Bool {
    guard let disk else { return false }
    return disk.read(fill.key, makeBody: { $0 > self.configuration.inlineBodyBytes ? ObjectBody(expectedLength: $0, self.budget) : nil }, append: { body, bytes in
      body.append(bytes) { start, wanted in self.piece(at: start, wanted, expected: body.expectedLength) } == bytes.count
    }) { found in
      switch found.map({ self.take($0, fill) }) ?? .gone {
      case .kept:
        self.count(.diskHits)
        fill.settle(.found)
        self.ended(fill)
      case .overtaken where attempt < Self.readAttempts && self.startReading(fill, attempt: attempt + 1): return
      case .overtaken, .gone: if !fill.handOver() { self.ended(fill) }
      }
    }
  }
  private static let readAttempts = 3

  private enum Taken {
    case kept, gone
    /// A sweep has gone by while it was read: what that found of the file is known at the next try.
    case overtaken
  }
  /// Puts what was on disk into memory.
  private func take(_ found: DiskTier.Found, _ fill: Fill) -> Taken {
    let record = found.record, text = found.text.span, lines = record.keyCount..<record.keyCount + record.linesCount
    let key = fill.key, content = found.content, tags = text.extracting(lines.upperBound...)
    switch invalidations.judge(key.span, fill.places, tags: tags, found.checked) {
    case .unknown: return .overtaken
    case .dead:
      disk?.remove(key.span)
      return .gone
    case .lives(let newest):
      let response = make(fill, record.head, text.extracting(lines), tags, content.span, body: found.body)
      response.checked.store(newest, ordering: .relaxed)
      keepInMemory(response)
      // Who removes it looks here last: what has been removed while it was read does not come back.
      guard disk?.mayHave(response.key) == true else {
        _ = remove(response)
        return .gone
      }
      return find(response.key, response.hash) === response ? .kept : .gone
    }
  }

  /// Ends the disk tier's threads; what waits to be written is. Blocks. Call once, at the end.
  public func close() { disk?.close() }

  /// Leaves the folder to the process that replaces this one, which waits for it. Blocks for a record's length at most.
  public func leaveDisk() { disk?.leave() }

  /// - Returns: the response it took the place of, to be let go without a lock.
  private func insert(_ response: StoredResponse) -> StoredResponse? {
    let weight = response.weightBytes
    return shard(response.hash).index.withLock { shard in
      let before = shard.heldBytes
      let old = shard.put(response)
      queues.withLock { queues in
        let held = queues.heldBytes
        if let old { Self.forget(old, &queues) }
        unsafe response.node = queues.insert(Self.payload(response), bytes: weight, hash: response.hash)
        budget.charge(queues.heldBytes - held)
      }
      budget.charge(shard.heldBytes - before)
      return old
    }
  }

  /// Takes a response out of the cache; who reads it goes on.
  public func remove(_ key: Span<UInt8>, _ hash: UInt64) {
    disk?.remove(key)
    let removed = shard(hash).index.withLock { shard in
      guard let object = shard.remove(key, hash) else { return nil as StoredResponse? }
      queues.withLock { Self.forget(object, &$0) }
      return object
    }
    _ = removed
  }

  /// Takes out this response, not one that has taken its place.
  /// - Returns: whether it was there.
  private func remove(_ object: StoredResponse) -> Bool {
    shard(object.hash).index.withLock { shard in
      guard shard.remove(object) else { return false }
      queues.withLock { Self.forget(object, &$0) }
      return true
    }
  }
  func removeInvalidated(_ object: StoredResponse) {
    guard remove(object) else { return }
    count(.invalidated)
    disk?.remove(object.key)
  }

  private static func forget(_ object: StoredResponse, _ queues: inout EvictionQueues) {
    guard unsafe object.node != EvictionQueues.noNode else { return }
    unsafe queues.remove(object.node)
    unsafe object.node = EvictionQueues.noNode
  }

  // MARK: Room

  /// Takes bytes from the budget; objects leave until there are so many.
  func reserve(_ bytes: Int) -> Bool {
    while !budget.reserve(bytes) { guard bytes <= budget.limitBytes, evictOne() else { return false } }
    return true
  }
  private func shrink() { while budget.usedBytes > budget.limitBytes, evictOne() {} }

  /// Lets the next object go.
  /// - Returns: false when there is none.
  private func evictOne() -> Bool {
    // It is kept alive before the queues' lock is let go: who takes it out of the index then may drop the last reference.
    let victim: StoredResponse? = queues.withLock { queues in
      let payload = queues.evict(
        uses: { unsafe Self.object($0).uses.load(ordering: .relaxed) }, setUses: { unsafe Self.object($0).uses.store($1, ordering: .relaxed) },
        hash: { unsafe Self.object($0).hash })
      guard let payload else { return nil }
      let object = unsafe Self.object(payload)
      unsafe object.node = EvictionQueues.noNode
      return object
    }
    guard let victim else { return false }
    if shard(victim.hash).index.withLock({ $0.remove(victim) }) { count(.evictions) }
    return true
  }

  @unsafe private static func payload(_ object: StoredResponse) -> UInt { unsafe UInt(bitPattern: Unmanaged.passUnretained(object).toOpaque()) }
  /// Only of what stands in the queues, under their lock: whoever lets it go takes it out of them first.
  @unsafe private static func object(_ payload: UInt) -> StoredResponse {
    unsafe Unmanaged<StoredResponse>.fromOpaque(UnsafeRawPointer(bitPattern: payload).unsafelyUnwrapped).takeUnretainedValue()
  }

  /// Memory for a part of a body that is to be kept; nil when the object is too large or the memory is in use.
  /// - Parameters:
  ///   - start: where in the body.
  ///   - wanted: bytes at hand.
  ///   - expected: the whole body's length, if it is known; one of unknown length doubles.
  func piece(at start: Int, _ wanted: Int, expected: Int?) -> BodyPiece? {
    guard start + wanted <= configuration.objectBytes else { return nil }
    let rest = expected.map { max(0, $0 - start) } ?? start
    let isSmall = start + max(rest, wanted) <= configuration.inlineBodyBytes
    let capacity = min(max(rest, wanted, Self.smallestPieceBytes), BodyArena.chunkBytes)
    if !isSmall, let arena {
      guard reserve(BodyArena.counted(capacity)) else { return nil }
      if let slot = arena.take(capacity) { return BodyPiece(at: start, capacity: capacity, arena, slot, budget) }
      budget.release(BodyArena.counted(capacity))
      count(.arenaFull)
    }
    guard reserve(BodyPiece.heapBytes(capacity)) else { return nil }
    return BodyPiece(at: start, capacity: capacity, budget)
  }
  private static let smallestPieceBytes = 4096

  /// Memory for a part of a body that is passed on: bounded by the window, whatever the limit.
  func windowPiece(at start: Int, _ wanted: Int) -> BodyPiece {
    let capacity = 65_536
    let bytes = BodyPiece.heapBytes(capacity)
    if !reserve(bytes) { budget.charge(bytes) }
    return BodyPiece(at: start, capacity: capacity, budget)
  }

  // MARK: Numbers

  func count(_ event: StoreCounts.Event) { counts.add(event) }

  /// What the index and the queues take.
  private var indexBytes: Int { shards.reduce(queues.withLock { $0.heldBytes }) { $0 + $1.index.withLock { $0.heldBytes } } }
  /// What the store holds now, and what has happened so far.
  public var status: StoreStatus {
    StoreStatus(
      objects: shards.reduce(0) { $0 + $1.index.withLock { $0.count } }, usedBytes: budget.usedBytes, limitBytes: budget.limitBytes,
      indexBytes: indexBytes, invalidations: invalidations.count, disk: disk.map { DiskStatus($0) }, fills: shards.reduce(0) { $0 + $1.fills.withLock { $0.fills.count } }, counts)
  }
}
