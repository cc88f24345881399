// What a key-value store costs: reading AWS's import form, and looking keys up as the engine does. One thread, no network.
//
//     swift build -c release --product bench-stores && .build/release/bench-stores
import KeyValueStores

@main
enum BenchStores {
  static func main() {
    print("       keys      file    memory   read, median of 5 (slowest)   hit, random order   miss")
    for keys in [1_000, 100_000, 1_000_000] { measure(keys) }
  }

  private static func key(_ index: Int) -> String { "/products/old-name-of-a-page/\(index)" }

  private static func measure(_ keys: Int) {
    let entries = (0..<keys).map { "{\"key\":\"\(key($0))\",\"value\":\"/catalogue/new-name/\($0)?from=old\"}" }
    let file = Array("{\"data\":[\n\(entries.joined(separator: ",\n"))\n]}\n".utf8)
    var store: KeyValueStore?
    let reading = (0..<5).map { _ in
      ContinuousClock().measure {
        store = KeyValueStore.reading(file.span, labels: .init(id: "bench"), isStrict: false).store
      }
    }.sorted()
    guard let store, store.count == keys else { return print("the store was not read") }
    // A fixed generator, so that every run asks in the same order.
    var state: UInt64 = 1
    func random() -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33)
    }
    let hits = (0..<200_000).map { _ in key(random() % keys) }
    let misses = (0..<200_000).map { _ in key(keys + random()) }
    let row = [
      pad(keys, 11), pad(file.count >> 10, 8) + "K", pad(store.memoryBytes >> 10, 8) + "K",
      pad(milliseconds(reading[2]), 14) + " ms (\(milliseconds(reading[4])))",
    ]
    print(row.joined(separator: " ") + "   \(lookups(hits, store)) ns   \(lookups(misses, store)) ns")
  }

  /// Nanoseconds of one look-up, the median of five passes.
  private static func lookups(_ keys: [String], _ store: KeyValueStore) -> Int {
    // One run of bytes: finding the next key to ask for is not what is measured.
    let text = keys.flatMap { Array($0.utf8) }
    let counts = keys.map(\.utf8.count)
    var bytes = 0
    let passes = (0..<5).map { _ in
      ContinuousClock().measure {
        var start = 0
        for count in counts {
          bytes &+= store.withValue(text.span.extracting(start..<start + count)) { $0.count } ?? 0
          start += count
        }
      }
    }.sorted()
    // Keeps the work from being thought away.
    if bytes == 1 { print("one byte in all") }
    return Int(passes[2] / .nanoseconds(keys.count))
  }

  private static func milliseconds(_ duration: Duration) -> Int { Int(duration / .milliseconds(1)) }

  private static func pad(_ number: Int, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - "\(number)".count)) + "\(number)"
  }
}
