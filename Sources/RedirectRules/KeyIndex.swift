// Owns: the hash index over the keys of a table: exact paths, and the fixed beginnings of patterns. Open addressing; a slot has 32 bits of
// the key's hash and the number of the first rule with that key. Immutable once built; any thread.
//
// Whole paths are hashed by words. The hash of beginnings grows byte by byte, so that one walk along a path finds all of them. Only keys of the
// table are in an index: a viewer can make no bucket long.

/// A hash that grows with a path (FNV-1a, 64 bits).
struct PathHash {
  private var state: UInt64 = 0xCBF2_9CE4_8422_2325

  @inline(__always) mutating func add(_ byte: UInt8) { state = (state ^ UInt64(byte)) &* 0x100_0000_01B3 }

  /// The hash of all bytes so far.
  @inline(__always) var value: UInt32 {
    let mixed = (state ^ state >> 32) &* 0x9E37_79B9_7F4A_7C15
    return UInt32(truncatingIfNeeded: mixed >> 32)
  }

  static func of(_ bytes: Span<UInt8>) -> UInt32 {
    var hash = PathHash()
    for i in 0..<bytes.count { hash.add(bytes[i]) }
    return hash.value
  }
}

/// A hash of a whole key: eight bytes at a time, each time folded by a multiplication of 64 by 64 bits.
enum KeyHash {
  static func of(_ bytes: Span<UInt8>) -> UInt32 {
    let count = bytes.count
    var state = UInt64(truncatingIfNeeded: count) &+ 0x9E37_79B9_7F4A_7C15
    if count >= 8 {
      var i = 0
      while i < count - 8 {
        state = fold(state ^ bytes.word(i))
        i += 8
      }
      state = fold(state ^ bytes.word(count - 8))   // some of them a second time
    } else {
      var word: UInt64 = 0
      for i in 0..<count { word = word << 8 | UInt64(bytes[i]) }
      state = fold(state ^ word)
    }
    return UInt32(truncatingIfNeeded: fold(state) >> 32)
  }

  @inline(__always) private static func fold(_ value: UInt64) -> UInt64 {
    let product = value.multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
    return product.high ^ product.low
  }
}

/// From the hash of a key to the first rule that may have it.
struct KeyIndex: Sendable {
  private var slots: [UInt64] = []
  private var mask = 0
  /// Whether there is no key.
  var isEmpty: Bool { slots.isEmpty }

  /// Room for so many keys.
  init(capacity: Int) {
    guard capacity > 0 else { return }
    var size = 4
    while size < capacity + capacity / 2 { size *= 2 }
    slots = Array(repeating: 0, count: size)
    mask = size - 1
  }

  /// The first slot of a hash.
  @inline(__always) func start(_ hash: UInt32) -> Int { Int(hash) & mask }
  /// The rule in a slot if its hash is this one, −1 if it is another's; nil where the search ends.
  @inline(__always) func rule(_ slot: Int, _ hash: UInt32) -> Int32? {
    let entry = slots[slot]
    if entry == 0 { return nil }
    return UInt32(truncatingIfNeeded: entry >> 32) == hash ? Int32(truncatingIfNeeded: entry & 0xFFFF_FFFF) - 1 : -1
  }
  @inline(__always) func next(_ slot: Int) -> Int { (slot + 1) & mask }

  /// Enters a rule as the first of its key; returns the one that was.
  mutating func insert(_ rule: Int32, _ hash: UInt32, isSameKey: (Int32) -> Bool) -> Int32 {
    var slot = start(hash)
    while let other = self.rule(slot, hash) {
      if other >= 0 && isSameKey(other) {
        slots[slot] = UInt64(hash) << 32 | UInt64(rule + 1)
        return other
      }
      slot = next(slot)
    }
    slots[slot] = UInt64(hash) << 32 | UInt64(rule + 1)
    return -1
  }
}
