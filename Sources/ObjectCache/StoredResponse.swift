// Owns: one response as the cache keeps it: key, head and a small body in one block of memory; a larger body by reference.
// Immutable once made (the marks of the storage aside), so any thread may read it; it lives until its last reader is done, evicted or not.
import Glibc
import CSystem  // after Glibc: see Transport
import Synchronization

/// Where the parts of a canonical cache key stand that invalidations look at.
public struct KeyPlaces: Sendable, Equatable {
  var distributionStart: UInt16, distributionCount: UInt16, pathStart: UInt16, pathCount: UInt16, queryStart: UInt16, queryCount: UInt16

  /// Ranges of the key's bytes: the distribution's id, the path, and the query without `?` (empty when the key has none). A key is at most
  /// ``ObjectStore/Configuration/keyBytes`` long, so that its places fit.
  public init(distribution: Range<Int>, path: Range<Int>, query: Range<Int> = 0..<0) {
    distributionStart = UInt16(clamping: distribution.lowerBound)
    distributionCount = UInt16(clamping: distribution.count)
    pathStart = UInt16(clamping: path.lowerBound)
    pathCount = UInt16(clamping: path.count)
    queryStart = UInt16(clamping: query.lowerBound)
    queryCount = UInt16(clamping: query.count)
  }
  /// The distribution's id.
  public var distribution: Range<Int> { Int(distributionStart)..<Int(distributionStart) + Int(distributionCount) }
  /// The path.
  public var path: Range<Int> { Int(pathStart)..<Int(pathStart) + Int(pathCount) }
  /// The query; empty when there is none.
  public var query: Range<Int> { Int(queryStart)..<Int(queryStart) + Int(queryCount) }
}

/// What is said of a response when it is stored, beside its bytes.
public struct StoredHead: Sendable {
  /// What an entry of the cache is.
  public enum Kind: UInt8, Sendable {
    /// A response.
    case response
    /// The names of the fields by which the responses under this key vary (RFC 9111, 4.1); they are the head's bytes.
    case variants
    /// The head of a response whose content is larger than may be kept, and stands in slices under keys of their own; its length in decimal
    /// is the content.
    case sliced
  }
  /// What its lines have.
  public struct Marks: OptionSet, BitwiseCopyable, Sendable {
    /// The bits.
    public let rawValue: UInt8
    /// Marks from their bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// Server.
    public static let server = Marks(rawValue: 1)
    /// Via: it is continued when the response is sent.
    public static let via = Marks(rawValue: 2)
  }

  /// What it is.
  public var kind = Kind.response
  /// What the head's lines have.
  public var marks: Marks = []
  /// The status code.
  public var status: Int
  /// How long it may be used.
  public var freshness: Freshness
  /// Where in the head's bytes the value of ETag stands; empty without one.
  public var etag = 0..<0
  /// Where in the head's bytes the value of Last-Modified stands; empty without one.
  public var lastModified = 0..<0

  /// A head.
  public init(status: Int, freshness: Freshness) {
    self.status = status
    self.freshness = freshness
  }
}

/// A response in the cache. Any thread.
@safe public final class StoredResponse: @unchecked Sendable {
  /// The key's hash (``ObjectStore/hash(of:)``).
  public let hash: UInt64
  /// How long it may be used.
  public let freshness: Freshness
  /// The body when it does not stand in the block: it may still grow.
  public let body: ObjectBody?
  /// Where the parts of the key stand.
  public let places: KeyPlaces
  private let block: UnsafeMutableRawPointer
  private let keyCount: UInt16, statusCode: UInt16
  private let headCount: UInt32, tagsCount: UInt32, inlineCount: UInt32
  private let etagStart: UInt32, etagCount: UInt16, lastModifiedCount: UInt16, lastModifiedStart: UInt32
  /// What it is.
  public let kind: StoredHead.Kind
  /// What its head's lines have.
  public let marks: StoredHead.Marks
  /// The newest invalidation that it has been found to survive. Written by whoever compares it.
  let checked: Atomic<UInt64>
  /// How often it was found of late, 0…3: the eviction's only knowledge. Lost additions do no harm.
  let uses = Atomic<UInt8>(0)
  /// Its place in the eviction's queues; guarded by their lock.
  nonisolated(unsafe) var node = EvictionQueues.noNode
  private let budget: MemoryBudget?
  /// The bytes it is counted with, without its body when that has a place of its own.
  private let countedBytes: Int

  /// A response with a body in its block, or one that shares a body.
  /// - Parameters:
  ///   - lines: the head's bytes as they are to be sent.
  ///   - tags: its tags, separated by spaces.
  ///   - sequence: the newest invalidation when it was asked for.
  ///   - countedBytes: ``cost(of:)`` what stands in the block; they have been taken from the budget.
  ///   - budget: nil for a response that nobody counts.
  init(
    key: Span<UInt8>, hash: UInt64, places: KeyPlaces, _ head: StoredHead, lines: Span<UInt8>, tags: Span<UInt8>, content: Span<UInt8>,
    body: ObjectBody?, sequence: UInt64, countedBytes: Int, _ budget: MemoryBudget?
  ) {
    self.hash = hash
    self.places = places
    self.body = body
    self.budget = budget
    freshness = head.freshness
    kind = head.kind
    marks = head.marks
    statusCode = UInt16(clamping: head.status)
    keyCount = UInt16(clamping: key.count)
    headCount = UInt32(clamping: lines.count)
    tagsCount = UInt32(clamping: tags.count)
    inlineCount = UInt32(clamping: content.count)
    etagStart = UInt32(clamping: head.etag.lowerBound)
    etagCount = UInt16(clamping: head.etag.count)
    lastModifiedStart = UInt32(clamping: head.lastModified.lowerBound)
    lastModifiedCount = UInt16(clamping: head.lastModified.count)
    checked = Atomic(sequence)
    let size = max(1, key.count + lines.count + tags.count + content.count)
    unsafe block = .allocate(byteCount: size, alignment: 16)
    self.countedBytes = countedBytes
    var end = 0
    unsafe Self.copy(key, to: block, &end)
    unsafe Self.copy(lines, to: block, &end)
    unsafe Self.copy(tags, to: block, &end)
    unsafe Self.copy(content, to: block, &end)
  }

  deinit {
    unsafe block.deallocate()
    budget?.release(countedBytes)
  }

  /// What a response with so many bytes in its block is counted with, its place in the index and the queues aside.
  static func cost(of blockBytes: Int) -> Int { objectBytes + MemoryBudget.allocated(max(1, blockBytes)) }
  /// The object without its block, as the allocator has it.
  static let objectBytes: Int = {
    let freshness = Freshness(receivedAt: 0, freshUntil: 0), nothing = Span<UInt8>()
    let one = StoredResponse(
      key: nothing, hash: 0, places: KeyPlaces(distribution: 0..<0, path: 0..<0), StoredHead(status: 0, freshness: freshness), lines: nothing,
      tags: nothing, content: nothing, body: nil, sequence: 0, countedBytes: 0, nil)
    return unsafe malloc_usable_size(Unmanaged.passUnretained(one).toOpaque()) + MemoryBudget.allocatorHeadBytes
  }()

  private static func copy(_ bytes: Span<UInt8>, to block: UnsafeMutableRawPointer, _ end: inout Int) {
    unsafe bytes.withUnsafeBufferPointer { if let from = $0.baseAddress { unsafe (block + end).copyMemory(from: from, byteCount: bytes.count) } }
    end += bytes.count
  }

  @_lifetime(borrow self) private func bytes(_ start: Int, _ count: Int) -> Span<UInt8> {
    let view = unsafe UnsafeBufferPointer(start: (block + start).assumingMemoryBound(to: UInt8.self), count: count)
    return unsafe _overrideLifetime(Span(_unsafeElements: view), borrowing: self)
  }

  /// The status code.
  public var status: Int { Int(statusCode) }
  /// The key's bytes.
  public var key: Span<UInt8> { @_lifetime(borrow self) get { bytes(0, Int(keyCount)) } }
  /// The head's bytes as they are to be sent.
  public var head: Span<UInt8> { @_lifetime(borrow self) get { bytes(Int(keyCount), Int(headCount)) } }
  /// The tags, separated by spaces.
  public var tags: Span<UInt8> { @_lifetime(borrow self) get { bytes(Int(keyCount) + Int(headCount), Int(tagsCount)) } }
  /// The body when it is small enough to stand beside the head; empty when ``body`` has it.
  public var content: Span<UInt8> { @_lifetime(borrow self) get { bytes(Int(keyCount) + Int(headCount) + Int(tagsCount), Int(inlineCount)) } }
  /// The body's length; nil while it grows and nobody has said how long it will be.
  public var length: Int? { body.map(\.expectedLength) ?? Int(inlineCount) }
  /// Where in ``head`` the value of ETag stands; empty without one.
  public var etag: Range<Int> { Int(etagStart)..<Int(etagStart) + Int(etagCount) }
  /// Where in ``head`` the value of Last-Modified stands; empty without one.
  public var lastModified: Range<Int> { Int(lastModifiedStart)..<Int(lastModifiedStart) + Int(lastModifiedCount) }
  /// What is said of it beside its bytes; to make one like it.
  public var description: StoredHead {
    var head = StoredHead(status: status, freshness: freshness)
    head.kind = kind
    head.marks = marks
    head.etag = etag
    head.lastModified = lastModified
    return head
  }

  /// The bytes that become free when it goes, as far as nothing else holds its body.
  var weightBytes: Int { countedBytes + (body?.heldBytes ?? 0) }

  /// Whether it stands under this key.
  @inline(__always) func has(_ other: Span<UInt8>) -> Bool {
    guard other.count == Int(keyCount) else { return false }
    return unsafe other.withUnsafeBufferPointer { unsafe memcmp($0.baseAddress ?? UnsafePointer(block.assumingMemoryBound(to: UInt8.self)), block, other.count) } == 0
  }
  /// Notes a use.
  @inline(__always) func wasFound() {
    let count = uses.load(ordering: .relaxed)
    if count < EvictionQueues.mostUses { uses.store(count + 1, ordering: .relaxed) }
  }
}
