// Finding what was put in, refusing what may not go in, and who may read meanwhile.
import KeyValueStores
import Testing

struct KeyValueStoreTests {
  static func store(_ entries: [(String, String)], _ labels: KeyValueStore.Labels = .init(id: "x")) -> KeyValueStore {
    var builder = KeyValueStore.Builder(labels)
    for (key, value) in entries {
      let key = Array(key.utf8), value = Array(value.utf8)
      _ = builder.add(key.span, value.span)
    }
    return builder.finish()
  }

  @Test(arguments: [0, 1, 7, 8, 9, 100, 5_000])
  func everyKeyIsFoundAndNoOther(count: Int) {
    let store = Self.store((0..<count).map { ("/old/\($0)", "/new/\($0)") })
    #expect(store.count == count)
    for index in 0..<count { #expect(store["/old/\(index)"] == "/new/\(index)") }
    for key in ["", "/old/", "/old/\(count)", "/old/0 ", "/OLD/0", "\0"] { #expect(store[key] == nil) }
  }

  /// Among so many keys some ten pairs have the same 32 bits of hash.
  @Test func keysOfTheSameHashStayApart() {
    var builder = KeyValueStore.Builder(.init(id: "x"))
    var text = Array("key 000000".utf8)
    let digits = Array("0123456789".utf8)
    for number in 0..<300_000 {
      var rest = number
      for place in stride(from: 9, to: 3, by: -1) {
        text[place] = digits[rest % 10]
        rest /= 10
      }
      #expect(builder.add(text.span, text.span) == .added)
    }
    let store = builder.finish()
    #expect(store.count == 300_000)
    for number in stride(from: 0, to: 300_000, by: 997) {
      let key = "key " + String("\(number + 1_000_000)".dropFirst())
      #expect(store[key] == key)
    }
  }

  @Test func keysAreBytes() {
    // é in two forms, keys that are each other's beginnings, and every length around the hash's words.
    var entries = [("é", "composed"), ("e\u{301}", "decomposed"), ("a\0b", "zero"), ("a", "short")]
    entries += (1...40).map { (String(repeating: "k", count: $0), "\($0)") }
    let store = Self.store(entries)
    for (key, value) in entries { #expect(store[key] == value) }
    #expect(store["a\0"] == nil && store[String(repeating: "k", count: 41)] == nil)
  }

  @Test func emptyAndLongValues() {
    let long = String(repeating: "v", count: 1 << 20)
    let store = Self.store([("empty", ""), ("long", long)])
    #expect(store["empty"] == "" && store["long"] == long)
  }

  @Test func aDuplicateChangesNothing() {
    var builder = KeyValueStore.Builder(.init(id: "x"))
    let key = Array("a".utf8), one = Array("1".utf8), two = Array("2".utf8)
    #expect(builder.add(key.span, one.span) == .added)
    #expect(builder.add(key.span, two.span) == .duplicate)
    let store = builder.finish()
    #expect(store["a"] == "1" && store.count == 1)
  }

  @Test func whatItAnswersTo() {
    let id = "A3F1b2c4-0000-4000-8000-00000000000f"
    let extended = Self.store([], .init(id: id, alias: "rules")), strict = Self.store([], .init(id: id))
    for store in [extended, strict] {
      #expect(store.answers(to: id) && store.answers(to: id.lowercased()) && store.answers(to: id.uppercased()))
      #expect(!store.answers(to: "") && !store.answers(to: "Rules") && !store.answers(to: "arn:aws:cloudfront::1:key-value-store/\(id)"))
      #expect(!store.answers(to: "B3F1b2c4-0000-4000-8000-00000000000f"))
    }
    #expect(extended.answers(to: "rules") && !strict.answers(to: "rules"))
  }

  /// As `uuidgen --sha1 --namespace @url --name skerry:key-value-store/…` says.
  @Test(arguments: [("redirect-rules", "0cd5ab1d-3d76-5428-a378-d58a370db84e"), ("", "e61d76d2-7bc7-5e54-bc64-8ea3fe432a34"), ("é", "d75e3a0e-5eb8-55e4-ad2b-d587e8135b61")])
  func idsComeFromNames(name: String, expected: String) {
    #expect(KeyValueStore.defaultID(named: name) == expected)
  }

  @Test func equalityIsOfContent() {
    let one = Self.store([("a", "1"), ("b", "2")])
    #expect(one == Self.store([("a", "1"), ("b", "2")]))
    for other in [[("a", "1"), ("b", "3")], [("a", "1")], [("a", "1b"), ("", "2")], [("b", "2"), ("a", "1")]] { #expect(one != Self.store(other)) }
    #expect(one != Self.store([("a", "1"), ("b", "2")], .init(id: "y")))
  }

  @Test func manyThreadsReadAtOnce() async {
    let store = Self.store((0..<2_000).map { ("key\($0)", "value\($0)") })
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<4 { group.addTask { (0..<2_000).allSatisfy { store["key\($0)"] == "value\($0)" } } }
      for await good in group { #expect(good) }
    }
  }
}
