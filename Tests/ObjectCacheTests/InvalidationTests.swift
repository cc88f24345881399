// What has been invalidated is not served again, by anybody, from the moment the call returns; the rest is.
import Synchronization
import TestTools
import Testing
import Transport

@testable import ObjectCache

@Suite struct InvalidationTests {
  /// A store with objects whose keys are `distribution|path|query`.
  private func key(_ text: String) -> (bytes: [UInt8], places: KeyPlaces) {
    let parts = text.split(separator: "|", omittingEmptySubsequences: false), all = bytes(text)
    let distribution = parts[0].utf8.count, path = parts[1].utf8.count
    let query = parts.count > 2 ? distribution + path + 2..<all.count : 0..<0
    return (all, KeyPlaces(distribution: 0..<distribution, path: distribution + 1..<distribution + 1 + path, query: query))
  }
  private func lookup(_ store: ObjectStore, _ text: String) -> Lookup {
    let (key, places) = key(text)
    return store.lookup(key.span, store.hash(of: key.span), places, now: 0) { _ in .fresh }
  }
  private func put(_ store: ObjectStore, _ text: String, tags: String = "") {
    guard case .lead(let leader) = lookup(store, text) else { return }
    leader.complete(.fresh(), lines: Span(), tags: bytes(tags).span, content: Span())
  }
  private func has(_ store: ObjectStore, _ text: String) -> Bool {
    let (key, _) = key(text)
    return store.find(key.span, store.hash(of: key.span)) != nil
  }

  @Test(arguments: [
    ("/a", "d|/a", true), ("/a", "d|/a/", false), ("/a", "d|/A", false), ("/a", "d|/ab", false), ("/a/", "d|/a", false), ("/a*", "d|/a", true),
    ("/a*", "d|/ab/c", true), ("/a*", "d|/b", false), ("/*", "d|/", true), ("/a*c", "d|/abc", false), ("/a*c", "d|/a*c", true),
    ("/a", "d|/a|x=1", false), ("/a?x=1", "d|/a|x=1", true), ("/a?x=2", "d|/a|x=1", false), ("/a*", "d|/a|x=1", true), ("/a?x*", "d|/a|x=1", true),
    ("/a?*", "d|/a", false), ("", "d|/a", false),
  ]) func paths(_ pattern: String, _ text: String, _ dies: Bool) {
    let store = ObjectStore()
    put(store, text)
    #expect(store.invalidate([Invalidation(.path(pattern))]))
    #expect(has(store, text) != dies)
  }

  @Test(arguments: [("red", true), ("blue", true), ("re", false), ("red blue", false), ("", false), ("green", false)])
  func tags(_ tag: String, _ dies: Bool) {
    let store = ObjectStore()
    put(store, "d|/a", tags: "red blue")
    put(store, "d|/b", tags: "redder")
    #expect(store.invalidate([Invalidation(.tag(tag))]))
    #expect(has(store, "d|/a") != dies && has(store, "d|/b"))
  }

  @Test func anotherDistributionIsLeftAlone() {
    let store = ObjectStore()
    put(store, "one|/a")
    put(store, "two|/a")
    #expect(store.invalidate([Invalidation(distribution: "one", .path("/*"))]))
    #expect(!has(store, "one|/a") && has(store, "two|/a"))
  }

  /// A fetch that began before is not kept; who waited for it still gets it; who comes after begins another.
  @Test func aFetchUnderWayIsNotKept() {
    let store = ObjectStore()
    guard case .lead(let leader) = lookup(store, "d|/a"), case .follow(let follower) = lookup(store, "d|/a") else { return #expect(Bool(false), "collapsed") }
    #expect(store.invalidate([Invalidation(.path("/a"))]))
    guard case .lead(let next) = lookup(store, "d|/a") else { return #expect(Bool(false), "a new one") }
    leader.complete(.fresh(), lines: Span(), content: bytes("old").span)
    guard case .response(let got) = follower.outcome() else { return #expect(Bool(false), "told") }
    #expect(Array(copying: got.content) == bytes("old") && !has(store, "d|/a"))
    next.complete(.fresh(), lines: Span(), content: bytes("new").span)
    guard case .hit(let found) = lookup(store, "d|/a") else { return #expect(Bool(false), "kept") }
    #expect(Array(copying: found.content) == bytes("new"))
  }

  /// What waits for the sweep is neither served nor kept.
  @Test func whatWaitsForTheSweepIsNotServed() {
    let store = ObjectStore()
    put(store, "d|/a")
    guard case .lead(let leader) = lookup(store, "d|/b") else { return #expect(Bool(false), "leads") }
    #expect(store.invalidations.add([Invalidation(.path("/*"))]))
    leader.complete(.fresh(), lines: Span(), content: Span())
    #expect(store.status.objects == 1)
    #expect(!has(store, "d|/a") && !has(store, "d|/b") && store.status.objects == 0)
  }

  /// An unsafe method forbids every fetch of its target, also one beside which another has begun because of some other invalidation.
  @Test func aChangeForbidsAllFetchesUnderWay() {
    let store = ObjectStore(), (key, _) = key("d|/a")
    var leaders: [FillLeader] = []
    for _ in 0..<3 {
      guard case .lead(let leader) = lookup(store, "d|/a") else { return #expect(Bool(false), "a new one") }
      leaders.append(leader)
      #expect(store.invalidations.add([Invalidation(.path("/other"))]))   // and not swept yet
    }
    store.invalidate(key.span, store.hash(of: key.span))
    for leader in leaders {
      leader.complete(.fresh(), lines: Span(), content: bytes("old").span)
      #expect(!has(store, "d|/a"))
    }
    put(store, "d|/a")
    #expect(has(store, "d|/a") && store.status.fills == 0)
  }

  /// After a sweep the list is empty, and what a fetch from before brings cannot be judged: it is not kept either.
  @Test func theListIsEmptied() {
    let store = ObjectStore()
    guard case .lead(let leader) = lookup(store, "d|/other") else { return #expect(Bool(false), "leads") }
    for number in 0..<1_000 { put(store, "d|/\(number)") }
    #expect(store.invalidate([Invalidation(.path("/1*")), Invalidation(.path("/22"))]))
    #expect(store.status.invalidations == 0, "swept by the caller, as there are no helpers")
    #expect(store.status.objects == 1_000 - 111 - 1 && store.status.invalidated == 112)
    leader.complete(.fresh(), lines: Span(), content: Span())
    #expect(!has(store, "d|/other"))
  }

  @Test func tooManyAreRefused() {
    var configuration = ObjectStore.Configuration()
    configuration.invalidations = 2
    let store = ObjectStore(configuration)
    put(store, "d|/a")
    #expect(!store.invalidate(["/a", "/b", "/c"].map { Invalidation(.path($0)) }))
    #expect(has(store, "d|/a") && store.status.invalidationsRefused == 1)
  }

  /// Two threads fetch, keep and invalidate the same paths: once a call has returned, nothing that was fetched before it is found.
  @Test(.timeLimit(.minutes(1))) func nothingOldIsFoundByAnybody() async throws {
    let helpers = try BlockingPool()
    defer { helpers.stop() }
    let store = ObjectStore(ObjectStore.Configuration(), helpers: helpers)
    let versions = (0..<4).map { _ in Version() }
    let old = try await withThrowingTaskGroup(of: Int.self) { group in
      for loop in 0..<3 {
        group.addTask {
          try await onALoop { _ in
            var old = 0
            for round in 0..<4_000 {
              let path = (round + loop) % 4, version = versions[path].published.load(ordering: .sequentiallyConsistent)
              if loop == 0 && round % 10 == 0 {
                // The origin has new content; then the cache is told.
                let next = versions[path].origin.add(1, ordering: .sequentiallyConsistent).newValue
                _ = store.invalidate([Invalidation(.path("/\(path)"))])
                versions[path].published.store(next, ordering: .sequentiallyConsistent)
              }
              switch self.lookup(store, "d|/\(path)") {
              case .hit(let response): if (Int(String(decoding: Array(copying: response.content), as: UTF8.self)) ?? -1) < version { old += 1 }
              case .lead(let leader):
                let content = "\(versions[path].origin.load(ordering: .sequentiallyConsistent))"
                if round % 3 == 0 { await Task.yield() }
                leader.complete(.fresh(), lines: Span(), content: bytes(content).span)
              default: break
              }
            }
            return old
          }
        }
      }
      return try await group.reduce(0, +)
    }
    #expect(old == 0 && store.status.invalidated > 100)
  }
  private final class Version: Sendable {
    let origin = Atomic<Int>(0), published = Atomic<Int>(0)
  }
}
