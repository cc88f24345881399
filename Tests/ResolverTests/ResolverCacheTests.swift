// The resolver's decisions, on a clock made of numbers.

import Testing

@testable import Transport

private let one = SocketAddress.ipv4(0xc000_0201, port: 0)
private let two = SocketAddress.ipv4(0xc000_0202, port: 0)
private let six = SocketAddress.ipv6(high: 0x2001_0db8_0000_0000, low: 1, port: 0)

private func fresh(_ addresses: SocketAddress...) -> ResolverCache.Finding { .fresh(ResolvedAddresses(addresses: addresses, isStale: false)) }
private func stale(_ address: SocketAddress, mayAsk: Bool) -> ResolverCache.Finding {
  .stale(ResolvedAddresses(addresses: [address], isStale: true), mayAsk: mayAsk)
}

/// Outside of `#expect`, which cannot call what mutates.
private func find(_ cache: inout ResolverCache, _ name: String, _ now: UInt64) -> ResolverCache.Finding { cache.find(name, now: now) }

@Suite struct ResolverCacheTests {
  @Test(arguments: [(0, 1), (1, 1), (30, 30), (3_600, 3_600), (86_400, 3_600), (Int.max, 3_600), (-5, 1)] as [(Int, UInt64)])
  func keepsTimeToLiveWithinBounds(_ ttl: Int, _ seconds: UInt64) {
    var cache = ResolverCache(Resolver.Configuration())
    _ = cache.store([one], ttlSeconds: ttl, for: "a", now: 1_000)
    #expect(find(&cache, "a", 1_000 + seconds * 1_000 - 1) == fresh(one))
    #expect(find(&cache, "a", 1_000 + seconds * 1_000) == stale(one, mayAsk: true))
    #expect(find(&cache, "b", 1_000) == .absent)
  }

  @Test func servesStaleAnswersForALimitedTimeAndAsksNowAndThen() {
    var cache = ResolverCache(Resolver.Configuration())
    _ = cache.store([one], ttlSeconds: 10, for: "a", now: 0)
    #expect(find(&cache, "a", 10_000) == stale(one, mayAsk: true))
    _ = cache.storeFailure(for: "a", now: 10_000)
    #expect(find(&cache, "a", 10_999) == stale(one, mayAsk: false))
    #expect(find(&cache, "a", 11_000) == stale(one, mayAsk: true))
    #expect(find(&cache, "a", 10_000 + 86_400_000 - 1) == stale(one, mayAsk: true))
    #expect(find(&cache, "a", 10_000 + 86_400_000) == .absent)
    _ = cache.store([two], ttlSeconds: 10, for: "a", now: 11_000)
    #expect(find(&cache, "a", 11_000) == fresh(two))
  }

  @Test func aNegativeAnswerReplacesOldAddresses() {
    var cache = ResolverCache(Resolver.Configuration())
    _ = cache.store([one], ttlSeconds: 10, for: "a", now: 0)
    _ = cache.storeNegative(for: "a", now: 10_000)
    #expect(find(&cache, "a", 14_999) == .negative)
    #expect(find(&cache, "a", 15_000) == .absent)
  }

  @Test func remembersFailuresBriefly() {
    var cache = ResolverCache(Resolver.Configuration())
    _ = cache.storeFailure(for: "a", now: 0)
    #expect(find(&cache, "a", 999) == .failing)
    #expect(find(&cache, "a", 1_000) == .absent)
    // A failure does not shorten a fresh answer's life.
    _ = cache.store([one], ttlSeconds: 10, for: "a", now: 1_000)
    _ = cache.storeFailure(for: "a", now: 2_000)
    #expect(find(&cache, "a", 2_000) == fresh(one))
  }

  @Test func forgetsTheNameLongestUnused() {
    var configuration = Resolver.Configuration()
    configuration.cachedNamesLimit = 2
    var cache = ResolverCache(configuration)
    var forgotten: [Bool] = []
    forgotten.append(cache.store([one], ttlSeconds: 10, for: "a", now: 0))
    forgotten.append(cache.store([one], ttlSeconds: 10, for: "b", now: 0))
    forgotten.append(cache.store([two], ttlSeconds: 10, for: "b", now: 0))
    #expect(find(&cache, "a", 0) == fresh(one))
    forgotten.append(cache.storeNegative(for: "c", now: 0))
    #expect(forgotten == [false, false, false, true])
    #expect(cache.count == 2)
    #expect(find(&cache, "b", 0) == .absent)
    #expect(find(&cache, "a", 0) == fresh(one))
  }

  @Test func familiesTakeTurns() {
    #expect(ResolvedAddresses.interleaved([one, two, six, one]) == [six, one, two])
    #expect(ResolvedAddresses.interleaved([two, one]) == [two, one])
    #expect(ResolvedAddresses.interleaved([]) == [])
    #expect(ResolvedAddresses(addresses: [six, one], isStale: false).with(port: 80).map(\.port) == [80, 80])
  }

  @Test(arguments: [
    ("192.0.2.1", ["192.0.2.1"]), ("::1", ["::1"]), ("[2001:db8::1]", ["2001:db8::1"]), ("localhost", ["::1", "127.0.0.1"]),
    ("LOCALHOST.", ["::1", "127.0.0.1"]), ("app.localhost", ["::1", "127.0.0.1"]), ("localhost.example", nil), ("example", nil), ("", nil),
  ] as [(String, [String]?)])
  func someNamesNeedNoLookUp(_ name: String, _ expected: [String]?) {
    #expect(Resolver.withoutLookup(name)?.addresses.map(\.host) == expected)
  }

  @Test(arguments: [
    ("Example.COM", "example.com"), ("example.com.", "example.com."), ("_dmarc.a-b.c", "_dmarc.a-b.c"), ("", nil), (".", nil),
    ("a..b", nil), (".a", nil), ("a b", nil), ("127.0.0.1\0.example", nil), ("a/b", nil), ("münchen.example", nil),
    (String(repeating: "a", count: 64) + ".com", nil), (String(repeating: "a.", count: 130), nil),
  ] as [(String, String?)])
  func checksNames(_ name: String, _ expected: String?) {
    #expect(Resolver.canonical(name) == expected)
  }
}
