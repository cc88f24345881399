// Owns: the order in which objects leave: S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023), by bytes.
// New objects stand in a small queue; those used again before its end go on to the main queue, the others leave and are remembered by a
// fingerprint (GhostTable.swift); who comes back while remembered goes to the main queue at once. In the main queue a used object gets
// another round for each use, up to three. A hit moves nothing: it raises a counter in the object that is looked at when its turn comes.
// Why this policy: Documentation/cache.md. A pure value that knows nothing of objects but a number and a size; its owner locks it.

/// The queues. Guarded by the owner's lock.
@safe struct EvictionQueues: ~Copyable {
  /// No place in a queue.
  static let noNode = UInt32.max
  /// The highest count of uses worth remembering.
  static let mostUses: UInt8 = 3
  /// The share of the bytes that new objects may take before they are looked at, in percent.
  static let smallPercent = 10
  /// Sizes are kept in units of so many bytes: 64 GiB in 32 bits.
  private static let unitBytes = 16

  private enum Place: UInt8 { case free, small, main }

  private struct Node: BitwiseCopyable {
    var payload: UInt
    var units: UInt32
    /// Toward the end that leaves next.
    var next: UInt32
    var previous: UInt32
    var place: Place
  }

  /// A queue through nodes; objects come in at `last` and leave at `first`.
  private struct Queue {
    var first = EvictionQueues.noNode, last = EvictionQueues.noNode
    var bytes = 0, count = 0
  }

  private var nodes: UnsafeMutablePointer<Node>
  private var capacity: Int
  private var used = 0
  private var firstFree = EvictionQueues.noNode
  private var small = Queue(), main = Queue()
  private var ghosts = GhostTable()

  init() {
    capacity = 1024
    unsafe nodes = .allocate(capacity: capacity)
  }
  deinit { unsafe nodes.deallocate() }

  /// How many objects stand in the queues.
  var count: Int { small.count + main.count }
  /// Their bytes, as they were said.
  var bytes: Int { small.bytes + main.bytes }
  /// What the queues themselves take.
  var heldBytes: Int { capacity * MemoryLayout<Node>.stride + ghosts.heldBytes }

  // MARK: Coming and going

  /// Takes in an object.
  /// - Parameters:
  ///   - payload: what the owner knows it by.
  ///   - bytes: its size.
  ///   - hash: its key's, by which it may be remembered.
  /// - Returns: its place, for ``remove(_:)``.
  mutating func insert(_ payload: UInt, bytes: Int, hash: UInt64) -> UInt32 {
    let node = takeNode()
    unsafe nodes[Int(node)] = Node(payload: payload, units: Self.units(bytes), next: Self.noNode, previous: Self.noNode, place: .free)
    append(node, ghosts.remembers(hash) ? .main : .small)
    ghosts.grow(toHold: count)
    return node
  }

  /// Forgets an object that has gone for another reason.
  mutating func remove(_ node: UInt32) {
    unlink(node)
    giveBack(node)
  }

  /// Chooses the object that is to leave, and forgets it here.
  /// - Parameters:
  ///   - uses: an object's count of uses.
  ///   - setUses: sets it.
  ///   - hash: an object's hash.
  /// - Returns: its payload; nil when there is none.
  mutating func evict(uses: (UInt) -> UInt8, setUses: (UInt, UInt8) -> Void, hash: (UInt) -> UInt64) -> UInt? {
    while count > 0 {
      let fromSmall = small.count > 0 && (main.count == 0 || small.bytes * 100 >= bytes * Self.smallPercent)
      let node = fromSmall ? small.first : main.first
      let payload = unsafe nodes[Int(node)].payload, uses = uses(payload)
      if fromSmall && uses > 1 {
        setUses(payload, 0)
        move(node, to: .main)
      } else if !fromSmall && uses > 0 {
        setUses(payload, uses - 1)
        move(node, to: .main)
      } else {
        if fromSmall { ghosts.remember(hash(payload), bytes: Self.bytes(unsafe nodes[Int(node)].units), horizonBytes: main.bytes) }
        remove(node)
        return payload
      }
    }
    return nil
  }

  // MARK: Queues

  private static func units(_ bytes: Int) -> UInt32 { UInt32(clamping: (bytes + unitBytes - 1) / unitBytes) }
  private static func bytes(_ units: UInt32) -> Int { Int(units) * unitBytes }

  private mutating func append(_ node: UInt32, _ place: Place) {
    let index = Int(node)
    unsafe nodes[index].place = place
    unsafe nodes[index].next = Self.noNode
    let size = Self.bytes(unsafe nodes[index].units)
    if place == .small { unsafe Self.append(node, to: &small, size, nodes) } else { unsafe Self.append(node, to: &main, size, nodes) }
  }
  private static func append(_ node: UInt32, to queue: inout Queue, _ size: Int, _ nodes: UnsafeMutablePointer<Node>) {
    unsafe nodes[Int(node)].previous = queue.last
    if queue.last == noNode { queue.first = node } else { unsafe nodes[Int(queue.last)].next = node }
    queue.last = node
    queue.bytes += size
    queue.count += 1
  }

  private mutating func unlink(_ node: UInt32) {
    let it = unsafe nodes[Int(node)], size = Self.bytes(it.units)
    if it.place == .small { unsafe Self.unlink(it, from: &small, size, nodes) } else { unsafe Self.unlink(it, from: &main, size, nodes) }
  }
  private static func unlink(_ it: Node, from queue: inout Queue, _ size: Int, _ nodes: UnsafeMutablePointer<Node>) {
    if it.previous == noNode { queue.first = it.next } else { unsafe nodes[Int(it.previous)].next = it.next }
    if it.next == noNode { queue.last = it.previous } else { unsafe nodes[Int(it.next)].previous = it.previous }
    queue.bytes -= size
    queue.count -= 1
  }

  private mutating func move(_ node: UInt32, to place: Place) {
    unlink(node)
    append(node, place)
  }

  // MARK: Nodes

  private mutating func takeNode() -> UInt32 {
    if firstFree != Self.noNode {
      let node = firstFree
      firstFree = unsafe nodes[Int(node)].next
      return node
    }
    if used == capacity { growNodes() }
    used += 1
    return UInt32(used - 1)
  }
  private mutating func giveBack(_ node: UInt32) {
    unsafe nodes[Int(node)].place = .free
    unsafe nodes[Int(node)].next = firstFree
    firstFree = node
  }
  private mutating func growNodes() {
    let more = UnsafeMutablePointer<Node>.allocate(capacity: capacity * 2)
    unsafe more.update(from: nodes, count: used)
    unsafe nodes.deallocate()
    unsafe nodes = more
    capacity *= 2
  }
}
