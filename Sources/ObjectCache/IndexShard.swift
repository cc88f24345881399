// Owns: a part of the index: an open-addressing table from hash to object. Guarded by the shard's lock (ObjectStore.swift).

/// A table of objects. Guarded by its owner's lock. It holds one reference to each object.
@safe struct IndexShard: ~Copyable {
  @safe private struct Slot {
    var hash: UInt64
    /// nil: free.
    var object: Unmanaged<StoredResponse>?
  }

  private var slots: UnsafeMutablePointer<Slot>
  private var mask: Int
  private(set) var count = 0
  /// Raised when objects change their places: whoever walks the table begins anew.
  private(set) var generation = 0

  init() {
    mask = 15
    unsafe slots = .allocate(capacity: 16)
    unsafe slots.initialize(repeating: Slot(hash: 0, object: nil), count: 16)
  }
  deinit {
    for index in 0...mask { unsafe slots[index].object?.release() }
    unsafe slots.deallocate()
  }

  /// What the table takes.
  var heldBytes: Int { (mask + 1) * MemoryLayout<Slot>.stride }
  /// Places to be walked through.
  var places: Int { mask + 1 }
  /// The object in a place.
  func object(at place: Int) -> StoredResponse? { unsafe slots[place].object?.takeUnretainedValue() }

  /// The shards take the lowest bits.
  @inline(__always) private func home(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash >> 8) & mask }

  @inline(__always) private func place(_ key: Span<UInt8>, _ hash: UInt64) -> Int? {
    var index = home(hash)
    while let object = unsafe slots[index].object {
      if unsafe slots[index].hash == hash, unsafe object._withUnsafeGuaranteedRef({ $0.has(key) }) { return index }
      index = (index + 1) & mask
    }
    return nil
  }

  /// The object under a key.
  @inline(__always) func find(_ key: Span<UInt8>, _ hash: UInt64) -> StoredResponse? {
    guard let place = place(key, hash) else { return nil }
    return unsafe slots[place].object?.takeUnretainedValue()
  }

  /// Puts an object under its key.
  /// - Returns: the one that stood there.
  mutating func put(_ object: StoredResponse) -> StoredResponse? {
    let hash = object.hash
    if let place = place(object.key, hash) {
      let old = unsafe slots[place].object
      unsafe slots[place].object = Unmanaged.passRetained(object)
      return unsafe old?.takeRetainedValue()
    }
    if (count + 1) * 4 > (mask + 1) * 3 { grow() }
    unsafe slots[freePlace(hash)] = unsafe Slot(hash: hash, object: Unmanaged.passRetained(object))
    count += 1
    return nil
  }

  private func freePlace(_ hash: UInt64) -> Int {
    var index = home(hash)
    while unsafe slots[index].object != nil { index = (index + 1) & mask }
    return index
  }

  /// Takes out the object under a key.
  mutating func remove(_ key: Span<UInt8>, _ hash: UInt64) -> StoredResponse? {
    guard let place = place(key, hash) else { return nil }
    return remove(at: place)
  }
  /// Takes out this object.
  /// - Returns: whether it was there.
  mutating func remove(_ object: StoredResponse) -> Bool {
    var index = home(object.hash)
    while let other = unsafe slots[index].object {
      if unsafe other.toOpaque() == Unmanaged.passUnretained(object).toOpaque() {
        _ = remove(at: index)
        return true
      }
      index = (index + 1) & mask
    }
    return false
  }

  /// Takes out what stands in a place, and moves up what stood behind it only because that place was taken.
  mutating func remove(at place: Int) -> StoredResponse? {
    let removed = unsafe slots[place].object
    var hole = place, index = (place + 1) & mask
    while let object = unsafe slots[index].object {
      let hash = unsafe slots[index].hash
      // It may move when its home does not lie behind the hole on the way to where it stands.
      if (index - home(hash)) & mask >= (index - hole) & mask {
        unsafe slots[hole] = unsafe Slot(hash: hash, object: object)
        hole = index
      }
      index = (index + 1) & mask
    }
    unsafe slots[hole].object = nil
    count -= 1
    generation += 1
    return unsafe removed?.takeRetainedValue()
  }

  private mutating func grow() {
    let old = unsafe slots, oldCount = mask + 1
    mask = oldCount * 2 - 1
    unsafe slots = .allocate(capacity: oldCount * 2)
    unsafe slots.initialize(repeating: Slot(hash: 0, object: nil), count: oldCount * 2)
    for index in 0..<oldCount where unsafe old[index].object != nil { unsafe slots[freePlace(old[index].hash)] = unsafe old[index] }
    unsafe old.deallocate()
    generation += 1
  }
}
