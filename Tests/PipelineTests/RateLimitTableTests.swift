// The table of clients: one bucket for each, whatever else is in it, and within its size.
@testable import Pipeline
import Testing

@Suite struct RateLimitTableTests {
  private let second: UInt64 = 1_000_000_000

  @Test func eachClientHasABucketOfItsOwn() {
    let table = RateLimitTable()
    table.resize(to: 4096)
    for client in 0..<200 as Range<UInt64> {
      let hash = client &* 0x9e37_79b9_7f4a_7c15
      for _ in 0..<3 { #expect(table.take(hash, at: 5 * second, every: second, burst: 3) == .init()) }
      #expect(table.take(hash, at: 5 * second, every: second, burst: 3).waitNanoseconds == second)
    }
  }

  /// Nine busy clients in a set of eight: the one that is first full again makes room; one that is full goes without a word.
  @Test func whoMakesRoom() {
    let table = RateLimitTable()
    table.resize(to: RateLimitTable.ways * RateLimitTable.shardCount)   // one set for each shard
    func take(_ client: UInt64, at now: UInt64) -> RateLimitTable.Verdict { table.take(client << 6 | 5, at: now, every: second, burst: 1) }
    for client in 1...8 as ClosedRange<UInt64> { #expect(take(client, at: 10 * second + client) == .init()) }
    #expect(take(9, at: 10 * second + 9) == .init(waitNanoseconds: nil, forgot: true))
    #expect(take(2, at: 10 * second + 10).waitNanoseconds != nil, "not the second")
    #expect(take(1, at: 10 * second + 11) == .init(waitNanoseconds: nil, forgot: true), "but the first")
    #expect(take(10, at: 20 * second) == .init(), "all are full")
  }

  @Test func sizes() {
    let table = RateLimitTable()
    #expect(table.take(7, at: second, every: second, burst: 1) == .init())
    #expect(table.take(7, at: second, every: second, burst: 1) == .init(), "without memory nothing is limited")
    table.resize(to: 1)
    #expect(table.take(7, at: second, every: second, burst: 1) == .init())
    table.resize(to: 1)
    #expect(table.take(7, at: second, every: second, burst: 1).waitNanoseconds == second, "the same size forgets nothing")
    table.resize(to: 100_000)
    #expect(table.take(7, at: second, every: second, burst: 1) == .init())
    #expect(table.take(0, at: second, every: second, burst: 1) == .init(), "0 is a client like others")
    #expect(table.take(0, at: second, every: second, burst: 1).waitNanoseconds == second)
  }
}
