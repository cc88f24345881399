// The order in which objects leave, compared with S3-FIFO written down as plainly as can be (EvictionQueues.swift, GhostTable.swift).
import TestTools
import Testing

@testable import ObjectCache

/// S3-FIFO over arrays. Sizes are multiples of 256 bytes, so that the ghosts' stamps are exact.
private struct PlainQueues {
  var small: [UInt] = [], main: [UInt] = []
  var sizes: [UInt: Int] = [:]
  var uses: [UInt: UInt8] = [:]
  var left: [UInt: Int] = [:], passed = 0, horizon = 0

  func bytes(_ queue: [UInt]) -> Int { queue.reduce(0) { $0 + sizes[$1, default: 0] } }

  mutating func insert(_ object: UInt, _ size: Int) {
    sizes[object] = size
    uses[object] = 0
    if let then = left.removeValue(forKey: object), passed - then <= horizon { main.append(object) } else { small.append(object) }
  }
  mutating func remove(_ object: UInt) {
    small.removeAll { $0 == object }
    main.removeAll { $0 == object }
  }
  mutating func evict() -> UInt? {
    while !(small.isEmpty && main.isEmpty) {
      if main.isEmpty || !small.isEmpty && bytes(small) * 10 >= bytes(small) + bytes(main) {
        let object = small[0]
        if uses[object, default: 0] < 2 {
          passed += sizes[object, default: 0]
          horizon = bytes(main)
          left[object] = passed
          small.removeFirst()
          return object
        }
        uses[object] = 0
        main.append(small.removeFirst())
      } else {
        let object = main.removeFirst()
        guard let count = uses[object], count > 0 else { return object }
        uses[object] = count - 1
        main.append(object)
      }
    }
    return nil
  }
}

@Suite struct EvictionTests {
  private static func hash(_ object: UInt) -> UInt64 { UInt64(object) << 32 | 7 }

  @Test(arguments: [1, 2, 3]) func objectsLeaveInTheOrderOfS3FIFO(_ seed: UInt64) {
    var plain = PlainQueues(), queues = EvictionQueues(), random = SplitMix(seed: seed)
    var nodes: [UInt: UInt32] = [:], uses: [UInt: UInt8] = [:], victims = 0
    for step in 0..<6_000 {
      let object = UInt.random(in: 1...250, using: &random)
      switch Int.random(in: 0..<20, using: &random) {
      case 0..<8 where nodes[object] == nil:
        let size = 256 * Int.random(in: 1...9, using: &random)
        plain.insert(object, size)
        nodes[object] = queues.insert(object, bytes: size, hash: Self.hash(object))
        uses[object] = 0
      case 8..<15 where nodes[object] != nil:
        uses[object] = min(3, (uses[object] ?? 0) + 1)
        plain.uses[object] = uses[object]
      case 15:
        guard let node = nodes.removeValue(forKey: object) else { continue }
        queues.remove(node)
        plain.remove(object)
      case 16...:
        let expected = plain.evict()
        let victim = queues.evict(uses: { uses[$0] ?? 0 }, setUses: { uses[$0] = $1 }, hash: { Self.hash($0) })
        guard victim == expected else { return #expect(victim == expected, "step \(step)") }
        if let victim { nodes[victim] = nil }
        victims += 1
      default: break
      }
      guard queues.count == nodes.count, queues.bytes == plain.bytes(plain.small) + plain.bytes(plain.main) else { return #expect(Bool(false), "counts, step \(step)") }
    }
    #expect(victims > 500)
  }

  /// Of five that meet in one place for four, the one that left first is forgotten.
  @Test func theOldestGhostMakesRoom() {
    var ghosts = GhostTable()
    let hashes = (0..<5).map { UInt64(256 * $0 + 9) << 32 }
    for hash in hashes { ghosts.remember(hash, bytes: 256, horizonBytes: 1 << 20) }
    var remembered: [Bool] = []
    for hash in hashes + hashes { remembered.append(ghosts.remembers(hash)) }
    #expect(remembered == [false, true, true, true, true] + [false, false, false, false, false], "forgotten with the question")
  }

  /// Who left before as many bytes as the main queue holds is forgotten; a table that grows forgets nobody.
  @Test func ghostsAreForgottenInTime() {
    var ghosts = GhostTable()
    for number in 0..<600 { ghosts.remember(UInt64(number * 7 + 1) << 32, bytes: 256, horizonBytes: 256 * 300) }
    ghosts.grow(toHold: 5_000)
    ghosts.grow(toHold: 5_000)
    for number in 0..<600 {
      let isRemembered = ghosts.remembers(UInt64(number * 7 + 1) << 32)
      #expect(isRemembered == (599 - number <= 300), "\(number)")
    }
    // With the room of four tables, more stand in it than in one.
    for number in 0..<3_000 { ghosts.remember(UInt64(number * 7 + 1) << 32, bytes: 256, horizonBytes: 1 << 30) }
    for number in 0..<3_000 where !ghosts.remembers(UInt64(number * 7 + 1) << 32) { #expect(Bool(false), "\(number)") }
  }
}
