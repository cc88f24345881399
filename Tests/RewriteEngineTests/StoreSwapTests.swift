// A key-value store is exchanged while functions run: every run sees one store from its beginning to its end, and a store
// that nobody holds any more is gone.
import Foundation
import KeyValueStores
import RewriteEngine
import Synchronization
import Testing

struct StoreSwapTests {
  /// A store whose every value is `value`.
  static func store(_ value: String) -> KeyValueStore {
    var builder = KeyValueStore.Builder(.init(id: "a1b2c3d4-5678-90ab-cdef-1234567890ab"))
    for key in ["a", "b", "c", "d"] { _ = builder.add(Array(key.utf8).span, Array(value.utf8).span) }
    return builder.finish()
  }

  static let source = """
    import cf from 'cloudfront';
    const kvs = cf.kvs();
    async function handler(event) {
      var all = '';
      for (var i = 0; i < 4; i++) { all += await kvs.get('abcd'[i]); for (var wait = 0; wait < 500; wait++); }
      event.request.uri = '/' + all;
      return event.request;
    }
    """

  @Test func everyRunSeesOneStore() throws {
    // As a reload does it: the one who serves takes what is current, another thread exchanges it.
    let current = Mutex(Self.store("1")), done = Atomic<Bool>(false)
    let answers = try withExtendedLifetime(current) { () throws -> [String: Int] in
      let thread = Thread {
        var odd = false
        while !done.load(ordering: .relaxed) {
          let next = Self.store(odd ? "1" : "22")
          current.withLock { $0 = next }
          odd.toggle()
        }
      }
      thread.start()
      defer { done.store(true, ordering: .relaxed) }
      let code = FunctionCode(name: "swap.js", source: Array(Self.source.utf8), limits: patient, store: Self.store("0"))
      let isolate = try Isolate(code, on: try #require(ThreadContext()))
      var answers: [String: Int] = [:]
      let end = ContinuousClock.now + .seconds(1)
      while ContinuousClock.now < end && (answers.values.reduce(0, +) < 2_000 || answers.count < 2) {
        isolate.begin(.viewerRequest)
        isolate.setMethod(Array("GET".utf8).span)
        isolate.setURI(Array("/".utf8).span)
        isolate.use(current.withLock { $0 })
        #expect(isolate.run(nowMilliseconds: 0).outcome == .request)
        answers[isolate.withURI(string), default: 0] += 1
        isolate.finish()
      }
      return answers
    }
    #expect(Set(answers.keys) == ["/1111", "/22222222"], "\(answers)")
  }

  @Test func aStoreEndsWithItsLastRun() throws {
    var other: KeyValueStore? = Self.store("9")
    weak let gone = other
    let isolate = try Isolate(
      FunctionCode(name: "swap.js", source: Array(Self.source.utf8), limits: patient, store: Self.store("0")), on: try #require(ThreadContext()))
    isolate.begin(.viewerRequest)
    isolate.setURI(Array("/".utf8).span)
    isolate.use(try #require(other))
    other = nil
    #expect(isolate.run(nowMilliseconds: 0).outcome == .request)
    #expect(isolate.withURI(string) == "/9999" && gone != nil)
    // The next event is the function's own store's again.
    isolate.begin(.viewerRequest)
    #expect(gone == nil)
    isolate.setURI(Array("/".utf8).span)
    #expect(isolate.run(nowMilliseconds: 0).outcome == .request)
    #expect(isolate.withURI(string) == "/0000")
  }
}
