// Owns: fingerprints of objects that left the small queue not long ago: eight bytes each, in buckets of four, the oldest overwritten. "Not
// long ago" is measured in bytes that left the small queue since: as many as the main queue holds. A fingerprint may be somebody else's
// (one in 2^30 or so): then an object goes to the main queue a little early. Guarded by the owner of the queues.

/// The memory of what left.
@safe struct GhostTable: ~Copyable {
  private static let bucket = 4
  /// Stamps are bytes divided by this: 32 bits of it wrap around after 1 TiB.
  private static let stampUnitBytes = 256

  /// Fingerprint in the upper half, stamp in the lower; 0: none.
  private var entries: UnsafeMutablePointer<UInt64>
  private var buckets: Int
  /// Bytes that have left the small queue.
  private var passedBytes = 0
  private var horizonBytes = 0

  init() {
    buckets = 256
    unsafe entries = .allocate(capacity: buckets * Self.bucket)
    unsafe entries.initialize(repeating: 0, count: buckets * Self.bucket)
  }
  deinit { unsafe entries.deallocate() }

  /// What the table takes.
  var heldBytes: Int { buckets * Self.bucket * MemoryLayout<UInt64>.stride }

  private static func fingerprint(_ hash: UInt64) -> UInt64 { max(1, hash >> 32) }
  private var stamp: UInt64 { UInt64(UInt32(truncatingIfNeeded: passedBytes / Self.stampUnitBytes)) }
  private func start(_ fingerprint: UInt64) -> Int { Int(fingerprint & UInt64(buckets - 1)) * Self.bucket }
  /// Units that passed since an entry was made.
  private func age(_ entry: UInt64) -> UInt64 { (stamp &- entry) & 0xffff_ffff }

  /// Notes that an object left.
  /// - Parameter horizonBytes: how many bytes may pass until it is forgotten.
  mutating func remember(_ hash: UInt64, bytes: Int, horizonBytes: Int) {
    passedBytes += bytes
    self.horizonBytes = horizonBytes
    let fingerprint = Self.fingerprint(hash), first = start(fingerprint)
    var oldest = first
    for index in first..<first + Self.bucket {
      let entry = unsafe entries[index]
      if entry == 0 || entry >> 32 == fingerprint {
        oldest = index
        break
      }
      if unsafe age(entry) > age(entries[oldest]) { oldest = index }
    }
    unsafe entries[oldest] = fingerprint << 32 | stamp
  }

  /// Whether an object left not long ago; it is forgotten with the question.
  mutating func remembers(_ hash: UInt64) -> Bool {
    let fingerprint = Self.fingerprint(hash), first = start(fingerprint)
    for index in first..<first + Self.bucket {
      let entry = unsafe entries[index]
      guard entry >> 32 == fingerprint else { continue }
      unsafe entries[index] = 0
      return age(entry) * UInt64(Self.stampUnitBytes) <= UInt64(horizonBytes)
    }
    return false
  }

  /// Has room for as many fingerprints as there are objects. Entries keep their places but for one more bit.
  mutating func grow(toHold count: Int) {
    guard count > buckets * Self.bucket else { return }
    let old = unsafe entries, oldBuckets = buckets
    buckets *= 2
    unsafe entries = .allocate(capacity: buckets * Self.bucket)
    unsafe entries.initialize(repeating: 0, count: buckets * Self.bucket)
    var filled = [UInt8](repeating: 0, count: buckets)
    for index in 0..<oldBuckets * Self.bucket {
      let entry = unsafe old[index]
      guard entry != 0 else { continue }
      let first = start(entry >> 32), place = first / Self.bucket
      unsafe entries[first + Int(filled[place])] = entry
      filled[place] += 1
    }
    unsafe old.deallocate()
  }
}
