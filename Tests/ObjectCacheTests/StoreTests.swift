// The store as one thread sees it: what is put in is found, what is too much leaves, and the bytes are counted to the last.
import TestTools
import Testing

@testable import ObjectCache

/// Bytes of a text, for keys, heads and bodies.
func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

extension StoredHead {
  static func fresh(until: Int64 = 1_000) -> StoredHead { StoredHead(status: 200, freshness: Freshness(receivedAt: 0, freshUntil: until)) }
}

extension ObjectStore {
  /// A look-up of a key that is its path.
  func ask(_ path: String, now: Int64 = 0) -> Lookup {
    let key = bytes(path)
    return lookup(key.span, hash(of: key.span), KeyPlaces(distribution: 0..<0, path: 0..<key.count), now: now) {
      now < $0.freshness.freshUntil ? .fresh : now < $0.freshness.revalidatableUntil ? .staleServe : .validate
    }
  }
  func has(_ path: String) -> Bool {
    let key = bytes(path)
    return find(key.span, hash(of: key.span)) != nil
  }
  /// Fetches and stores.
  @discardableResult func put(_ path: String, _ content: [UInt8], head: StoredHead = .fresh(until: .max), lines: String = "Server: test\r\n") -> StoredResponse? {
    guard case .lead(let leader) = ask(path, now: 0) else { return nil }
    return leader.complete(head, lines: bytes(lines).span, content: content.span)
  }
}

extension StoredResponse {
  /// The whole body.
  var allContent: [UInt8] {
    guard let body else { return Array(copying: content) }
    var all: [UInt8] = []
    let reader = BodyReader(body)
    while case .bytes = reader.atHand() {
      reader.take { bytes in
        all += Array(copying: bytes)
        return bytes.count
      }
    }
    return all
  }
}

extension Array where Element == UInt8 {
  init(copying bytes: Span<UInt8>) { self = (0..<bytes.count).map { bytes[$0] } }
}

@Suite(.mayBlock) struct StoreTests {
  @Test func whatIsStoredIsFound() throws {
    let store = ObjectStore()
    guard case .lead(let leader) = store.ask("/a") else { return #expect(Bool(false), "the first leads") }
    var head = StoredHead.fresh()
    head.etag = 6..<9
    leader.complete(head, lines: bytes("ETag: \"1\"\r\n").span, tags: bytes("red blue").span, content: bytes("content").span)
    guard case .hit(let found) = store.ask("/a") else { return #expect(Bool(false), "stored") }
    #expect(found.status == 200 && found.etag == 6..<9 && found.length == 7)
    #expect(Array(copying: found.key) == bytes("/a") && Array(copying: found.head) == bytes("ETag: \"1\"\r\n"))
    #expect(Array(copying: found.tags) == bytes("red blue") && Array(copying: found.content) == bytes("content"))
    #expect(!store.has("/b") && store.status.objects == 1 && store.status.fills == 0)
  }

  @Test(arguments: [0, 1, 32_768, 32_769, 1 << 20, (3 << 20) + 5]) func bodiesOfAnySize(_ size: Int) throws {
    let store = ObjectStore()
    let content = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
    store.put("/a", content)
    guard case .hit(let found) = store.ask("/a") else { return #expect(Bool(false), "stored") }
    #expect(found.length == size)
    #expect(found.allContent == content)
  }

  /// A stale response is validated by one, who renews it for all; it shares its body.
  @Test func aStaleResponseIsRenewed() throws {
    let store = ObjectStore()
    let content = [UInt8](repeating: 7, count: 100_000)
    store.put("/a", content, head: .fresh(until: 10))
    guard case .lead(let leader) = store.ask("/a", now: 20) else { return #expect(Bool(false), "stale") }
    let old = try #require(leader.stale)
    let renewed = leader.renew(.fresh(until: 30), lines: old.head)
    #expect(renewed.body === old.body)
    guard case .hit(let found) = store.ask("/a", now: 20) else { return #expect(Bool(false), "fresh again") }
    #expect(found === renewed && found.allContent == content)
  }

  /// Served stale while one validates: the first asker is that one, the next are not.
  @Test func staleWhileRevalidate() throws {
    let store = ObjectStore()
    var head = StoredHead.fresh(until: 10)
    head.freshness.revalidatableUntil = 100
    store.put("/a", [1], head: head)
    guard case .stale(_, let leader?) = store.ask("/a", now: 20) else { return #expect(Bool(false), "stale, to be led") }
    guard case .stale(_, nil) = store.ask("/a", now: 20) else { return #expect(Bool(false), "stale, led by another") }
    leader.complete(.fresh(until: 50), lines: Span(), content: Span())
    guard case .hit = store.ask("/a", now: 20) else { return #expect(Bool(false), "fresh") }
  }

  /// The limit holds at every moment, and when all is gone nothing is counted but the index.
  @Test func theByteLimitIsExact() {
    var configuration = ObjectStore.Configuration()
    configuration.memoryBytes = 4 << 20
    let store = ObjectStore(configuration)
    let empty = store.status
    #expect(empty.usedBytes == empty.indexBytes)
    for number in 0..<2_000 {
      store.put("/\(number)", [UInt8](repeating: 1, count: 500 + number % 97 * 700))
      #expect(store.status.usedBytes <= configuration.memoryBytes)
    }
    let full = store.status
    #expect(full.evictions > 500 && full.objects > 50)
    #expect(full.usedBytes > configuration.memoryBytes * 3 / 4, "room is used")
    for number in 0..<2_000 {
      let key = bytes("/\(number)")
      store.remove(key.span, store.hash(of: key.span))
    }
    #expect(store.status.objects == 0 && store.status.usedBytes == store.status.indexBytes)
  }

  /// Large bodies lie in the file; it shrinks when they go, and grows no further when their places are used again.
  @Test func theFileGivesItsPagesBack() throws {
    let store = ObjectStore(), arena = try #require(store.arena)
    for round in 0..<5 {
      for number in 0..<10 { store.put("/\(number)", [UInt8](repeating: UInt8(number), count: 100_000 + number * 300_000)) }
      #expect(arena.residentBytes >= 14_500_000 && arena.residentBytes < 15_000_000, "round \(round)")
      #expect(store.status.usedBytes - store.status.indexBytes - arena.residentBytes < 10_000, "counted to the page")
      for number in 0..<10 {
        let key = bytes("/\(number)")
        if case .hit(let found) = store.ask("/\(number)") { #expect(found.allContent.allSatisfy { $0 == UInt8(number) }) }
        store.remove(key.span, store.hash(of: key.span))
      }
      #expect(arena.residentBytes == 0)
    }
  }

  /// What is asked for again and again stays while a scan passes through.
  @Test func aScanDoesNotWashOutWhatIsUsed() {
    var configuration = ObjectStore.Configuration()
    configuration.memoryBytes = 2 << 20
    let store = ObjectStore(configuration)
    for number in 0..<50 { store.put("/hot/\(number)", [UInt8](repeating: 1, count: 4_000)) }
    for number in 0..<50 * 3 { _ = store.has("/hot/\(number % 50)") }
    for number in 0..<5_000 { store.put("/scan/\(number)", [UInt8](repeating: 1, count: 4_000)) }
    #expect((0..<50).count { store.has("/hot/\($0)") } >= 45)
  }

  /// Objects that are being read stay whole when they leave the cache, and their bytes are counted until they are let go.
  @Test func anEvictedObjectStaysForItsReader() throws {
    var configuration = ObjectStore.Configuration()
    configuration.memoryBytes = 2 << 20
    let store = ObjectStore(configuration)
    store.put("/a", [UInt8](repeating: 9, count: 300_000))
    var held: StoredResponse?
    if case .hit(let found) = store.ask("/a") { held = found }
    for number in 0..<1_000 { store.put("/\(number)", [UInt8](repeating: 1, count: 10_000)) }
    #expect(!store.has("/a"))
    #expect(held?.allContent == [UInt8](repeating: 9, count: 300_000))
    let before = store.status.usedBytes
    held = nil
    #expect(before - store.status.usedBytes >= 300_000)
  }

  @Test func whatIsNotStorableIsRemembered() {
    let store = ObjectStore()
    guard case .lead(let alone) = store.ask("/a", now: 0) else { return #expect(Bool(false), "leads") }
    alone.decline(passUntil: 10)
    guard case .lead(let leader) = store.ask("/a", now: 0), case .follow(let follower) = store.ask("/a") else { return #expect(Bool(false), "nobody waited") }
    leader.decline(passUntil: 10)
    guard case .pass = follower.outcome() else { return #expect(Bool(false), "fetches for itself") }
    guard case .pass = store.ask("/a", now: 5) else { return #expect(Bool(false), "passes") }
    guard case .lead = store.ask("/a", now: 10) else { return #expect(Bool(false), "the mark ends") }
  }

  @Test func aKeyThatIsTooLongPasses() {
    let store = ObjectStore()
    guard case .pass = store.ask(String(repeating: "x", count: 16_385)) else { return #expect(Bool(false), "passes") }
    #expect(store.status.longKeys == 1)
  }

  /// Keys with the same hash do not serve each other.
  @Test func aCollisionIsNoHit() {
    let store = ObjectStore()
    store.put("/a", [1])
    let other = bytes("/b"), key = bytes("/a")
    #expect(store.find(other.span, store.hash(of: key.span)) == nil)
  }

  /// The reference vectors of SipHash-1-3 with the key 00…0f (github.com/veorq/SipHash; Rust's core tests have the same).
  @Test func sipHash() {
    let hash = KeyHash(0x0706050403020100, 0x0f0e0d0c0b0a0908)
    let empty: [UInt8] = []
    #expect(hash(empty.span) == 0xabac_0158_050f_c4dc)
    #expect(hash(Array(0..<1).span) == 0xc9f4_9bf3_7d57_ca93)
  }

  /// A table from which much is taken out keeps finding the rest.
  @Test func theIndexFindsWhatIsLeft() {
    let store = ObjectStore()
    for number in 0..<5_000 { store.put("/\(number)", []) }
    for number in stride(from: 0, to: 5_000, by: 3) {
      let key = bytes("/\(number)")
      store.remove(key.span, store.hash(of: key.span))
    }
    #expect((0..<5_000).allSatisfy { store.has("/\($0)") == ($0 % 3 != 0) })
  }
}
