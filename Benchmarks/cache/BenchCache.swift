// What the memory cache does without the network: the hit ratio of its eviction beside LRU's on one trace, what a hit costs, and what the
// index takes for one and ten million objects. Fixed seeds; one thread unless it says otherwise.
//
//     swift build -c release --product bench-cache && .build/release/bench-cache [ratio|hit|index]
import Glibc
import ObjectCache

@main
enum BenchCache {
  static func main() {
    let what = CommandLine.arguments.dropFirst().first
    if what == "write", let folder = CommandLine.arguments.dropFirst(2).first { DiskWriter.write(folder) }
    if what == nil || what == "ratio" { ratio() }
    if what == nil || what == "hit" { hits() }
    if what == nil || what == "index" { for count in [1_000_000, 10_000_000] { index(count) } }
  }

  // MARK: Hit ratio

  static let keys = 1_000_000, requests = 10_000_000

  /// Zipf's law with exponent 0.9 over a million keys in random places.
  private static func ratio() {
    var random = Random(state: 42)
    let trace = Zipf(count: keys, exponent: 0.9, &random).trace(requests, &random)
    // As much memory as makes the store hold a tenth of the keys: found by a first run, then taken for what is compared.
    let object = bytesPerObject(sample: keys / 10)
    var configuration = ObjectStore.Configuration()
    configuration.memoryBytes = object * keys / 10
    let store = ObjectStore(configuration)
    var hits = 0
    let seconds = time {
      for key in trace { if ask(store, Int(key)) { hits += 1 } }
    }
    let capacity = store.status.objects
    let lru = LRU(capacity: capacity, keys: keys).hits(trace)
    print("Zipf 0.9, \(keys) keys, \(requests) requests, \(capacity) objects (\(percent(capacity, keys))) fit, limit held: \(store.status.usedBytes <= configuration.memoryBytes)")
    print("  S3-FIFO, the store itself  \(percent(hits, requests))   \(Int(seconds * 1e9) / requests) ns a request, misses and evictions included")
    print("  LRU, as many objects       \(percent(lru, requests))")
    print("  the most popular, always   \(percent(Zipf.share(of: capacity, count: keys, exponent: 0.9)))")
  }

  /// A request for a key: true when it is there, else it is put there.
  private static func ask(_ store: ObjectStore, _ number: Int) -> Bool {
    var hit = false
    withKey(number) { key in
      let hash = store.hash(of: key)
      let places = KeyPlaces(distribution: 0..<1, path: 1..<key.count)
      switch store.lookup(key, hash, places, now: 0, { _ in .fresh }) {
      case .hit: hit = true
      case .lead(let leader): leader.complete(head, lines: Span(), content: Span())
      default: break
      }
    }
    return hit
  }
  private static let head = StoredHead(status: 200, freshness: Freshness(receivedAt: 0, freshUntil: .max))

  /// 16 bytes that tell keys apart.
  @inline(__always) private static func withKey(_ number: Int, _ body: (Span<UInt8>) -> Void) {
    let key: InlineArray<2, UInt64> = [0x2f79_656b_2f64, UInt64(number)]
    unsafe key.span.withUnsafeBytes { bytes in
      let key = unsafe bytes.bindMemory(to: UInt8.self)
      body(unsafe Span(_unsafeElements: key))
    }
  }

  // MARK: Cost of a hit

  private static func hits() {
    let store = ObjectStore()
    let count = 50_000
    for number in 0..<count { _ = ask(store, number) }
    let hot = (0..<5).map { _ in time { for _ in 0..<1_000_000 { _ = ask(store, 7) } } }.sorted()[2]
    var random = Random(state: 7)
    let order = (0..<1_000_000).map { _ in Int(random.next() % UInt64(count)) }
    let spread = (0..<5).map { _ in time { for number in order { _ = ask(store, number) } } }.sorted()[2]
    print("a hit, hash and all: \(Int(hot * 1000)) ns for one key, \(Int(spread * 1000)) ns over \(count) keys")
  }

  // MARK: Memory

  private static func index(_ count: Int) {
    let resident = residentBytes()
    var configuration = ObjectStore.Configuration()
    configuration.memoryBytes = 1 << 40
    let store = ObjectStore(configuration)
    let seconds = time { for number in 0..<count { _ = ask(store, number) } }
    let status = store.status
    let really = residentBytes() - resident
    // A key of 16 bytes and no head: what else there is is overhead.
    print("\(status.objects) objects: \(status.usedBytes / count) bytes each by the store's account, \(really / count) by the system's; less the key: \(status.usedBytes / count - 16)")
    print("  \(status.indexBytes / count) of them in index, queues and ghosts; filled in \(Int(seconds * 1e9) / count) ns each")
  }

  private static func bytesPerObject(sample: Int) -> Int {
    var configuration = ObjectStore.Configuration()
    configuration.memoryBytes = 1 << 40
    let store = ObjectStore(configuration)
    for number in 0..<sample { _ = ask(store, number) }
    return store.status.usedBytes / sample
  }

  // MARK: Tools

  private static func residentBytes() -> Int {
    guard let file = unsafe fopen("/proc/self/statm", "r") else { return 0 }
    defer { unsafe fclose(file) }
    var line = [CChar](repeating: 0, count: 128)
    guard unsafe fgets(&line, 128, file) != nil else { return 0 }
    let words = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self).split(separator: " ")
    return words.count > 1 ? (Int(words[1]) ?? 0) * 4096 : 0
  }

  private static func time(_ body: () -> Void) -> Double {
    let duration = ContinuousClock().measure(body)
    return duration / .seconds(1)
  }
  private static func percent(_ part: Int, _ whole: Int) -> String { percent(Double(part) / Double(whole)) }
  private static func percent(_ share: Double) -> String {
    let hundredths = Int((share * 10_000).rounded())
    return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100) %"
  }
}

/// xorshift64: the same numbers each time.
struct Random {
  var state: UInt64
  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
  mutating func unit() -> Double { Double(next() >> 11) / 9_007_199_254_740_992 }
}

/// Keys by Zipf's law.
struct Zipf {
  private var sums: [Double]
  private var places: [UInt32]

  init(count: Int, exponent: Double, _ random: inout Random) {
    var sum = 0.0
    sums = (1...count).map { rank in
      sum += pow(Double(rank), -exponent)
      return sum
    }
    places = (0..<UInt32(count)).map { $0 }
    for index in stride(from: count - 1, to: 0, by: -1) { places.swapAt(index, Int(random.unit() * Double(index + 1))) }
  }

  func trace(_ length: Int, _ random: inout Random) -> [UInt32] {
    let whole = sums[sums.count - 1]
    return (0..<length).map { _ in
      let wanted = random.unit() * whole
      var low = 0, high = sums.count - 1
      while low < high {
        let middle = (low + high) / 2
        if sums[middle] < wanted { low = middle + 1 } else { high = middle }
      }
      return places[low]
    }
  }

  /// How often the most popular keys are asked for.
  static func share(of popular: Int, count: Int, exponent: Double) -> Double {
    var sum = 0.0, part = 0.0
    for rank in 1...count {
      sum += pow(Double(rank), -exponent)
      if rank == popular { part = sum }
    }
    return part / sum
  }
}

/// Least recently used, by the book: to be compared with.
struct LRU {
  let capacity: Int, keys: Int

  func hits(_ trace: [UInt32]) -> Int {
    var next = [Int32](repeating: -1, count: keys), previous = next
    var isIn = [Bool](repeating: false, count: keys)
    var first: Int32 = -1, last: Int32 = -1, count = 0, hits = 0
    func unlink(_ key: Int32) {
      let (before, after) = (previous[Int(key)], next[Int(key)])
      if before < 0 { first = after } else { next[Int(before)] = after }
      if after < 0 { last = before } else { previous[Int(after)] = before }
    }
    for key in trace {
      let key = Int32(key)
      if isIn[Int(key)] {
        hits += 1
        unlink(key)
      } else if count == capacity {
        isIn[Int(first)] = false
        unlink(first)
      } else {
        count += 1
      }
      isIn[Int(key)] = true
      previous[Int(key)] = last
      next[Int(key)] = -1
      if last < 0 { first = key } else { next[Int(last)] = key }
      last = key
    }
    return hits
  }
}
