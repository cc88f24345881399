// Owns: how keys are found: a hash keyed by a secret of this process's life, so that nobody outside can make many keys meet in one place.

/// SipHash-1-3 (Aumasson and Bernstein; one round a word, three at the end, as Swift's own and Rust's tables use it). Any thread.
struct KeyHash: Sendable {
  private let k0: UInt64, k1: UInt64

  /// A hash of its own.
  init() {
    var random = SystemRandomNumberGenerator()
    self.init(random.next(), random.next())
  }
  /// The hash of a secret; for tests and simulations.
  init(_ k0: UInt64, _ k1: UInt64) { (self.k0, self.k1) = (k0, k1) }

  func callAsFunction(_ bytes: Span<UInt8>) -> UInt64 {
    var v0 = k0 ^ 0x736f_6d65_7073_6575, v1 = k1 ^ 0x646f_7261_6e64_6f6d, v2 = k0 ^ 0x6c79_6765_6e65_7261, v3 = k1 ^ 0x7465_6462_7974_6573
    @inline(__always) func round() {
      v0 = v0 &+ v1; v1 = v1 << 13 | v1 >> 51; v1 ^= v0; v0 = v0 << 32 | v0 >> 32
      v2 = v2 &+ v3; v3 = v3 << 16 | v3 >> 48; v3 ^= v2
      v0 = v0 &+ v3; v3 = v3 << 21 | v3 >> 43; v3 ^= v0
      v2 = v2 &+ v1; v1 = v1 << 17 | v1 >> 47; v1 ^= v2; v2 = v2 << 32 | v2 >> 32
    }
    let count = bytes.count, words = count / 8
    unsafe bytes.withUnsafeBytes { raw in
      for word in 0..<words {
        let m = unsafe UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: word * 8, as: UInt64.self))
        v3 ^= m
        round()
        v0 ^= m
      }
    }
    var last = UInt64(truncatingIfNeeded: count) << 56
    for index in words * 8..<count { last |= UInt64(bytes[index]) << UInt64((index & 7) * 8) }
    v3 ^= last
    round()
    v0 ^= last
    v2 ^= 0xff
    round()
    round()
    round()
    return v0 ^ v1 ^ v2 ^ v3
  }
}
