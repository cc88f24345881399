// The token bucket in virtual time, and restrictions by country.
import Distribution
import Testing

@Suite struct RateLimitTests {
  private static let second: UInt64 = 1_000_000_000

  @Test func aBurstAndThenTheRate() {
    let limit = RateLimit(requests: 10, burst: 5)
    var bucket = TokenBucket(), now = 1000 * Self.second
    func take(_ count: Int) -> [UInt64?] { (0..<count).map { _ in bucket.take(at: now, every: limit.intervalNanoseconds, burst: limit.burst) } }
    #expect(take(6) == [nil, nil, nil, nil, nil, Self.second / 10])
    #expect(take(2) == [Self.second / 10, Self.second / 10], "what is refused costs nothing")
    now += Self.second / 10 - 1
    #expect(take(1) == [1])
    now += 1
    #expect(take(2) == [nil, Self.second / 10])
    now += Self.second * 60
    #expect(take(6).map { $0 == nil } == [true, true, true, true, true, false], "no more than the burst is saved")
  }

  /// Over a long time as many as the rate says, and the burst, whatever the pace of the requests.
  @Test(arguments: [1, 3, 7, 100, 1000]) func theRateIsKept(_ perSecond: Int) {
    for (requests, seconds, burst) in [(10, 1, 5), (30, 60, 1), (1000, 3600, 100), (999_999, 1, 1)] {
      let limit = RateLimit(requests: requests, seconds: seconds, burst: burst)
      var bucket = TokenBucket(), admitted = 0
      let length = 600, step = Self.second / UInt64(perSecond)
      for tick in 0..<(length * perSecond) {
        if bucket.take(at: Self.second + UInt64(tick) * step, every: limit.intervalNanoseconds, burst: burst) == nil { admitted += 1 }
      }
      let most = Double(requests) / Double(seconds) * Double(length) + Double(burst), asked = length * perSecond
      #expect(Double(admitted) <= most + 1)
      #expect(admitted == asked || Double(admitted) >= most * 0.8 - Double(burst), "\(requests)/\(seconds) s at \(perSecond)/s: \(admitted)")
    }
  }

  @Test func extremes() {
    let slowest = RateLimit(requests: 1, seconds: 3600, burst: RateLimit.burstLimit)
    var bucket = TokenBucket(), now = UInt64(Int64.max) / 2
    for _ in 0..<RateLimit.burstLimit {
      let wait = bucket.take(at: now, every: slowest.intervalNanoseconds, burst: slowest.burst)
      if wait != nil { Issue.record("the burst was not whole") ; return }
    }
    let wait = bucket.take(at: now, every: slowest.intervalNanoseconds, burst: slowest.burst)
    #expect(wait == 3600 * Self.second)
    now -= Self.second   // a clock that goes back only makes clients wait
    #expect(bucket.take(at: now, every: slowest.intervalNanoseconds, burst: slowest.burst) != nil)
  }

  static let countries: [(GeoRestriction.Kind, String?, Bool)] = [
    (.whitelist, "DE", true), (.whitelist, "FR", false), (.whitelist, nil, true), (.blacklist, "DE", false), (.blacklist, "FR", true), (.blacklist, nil, true),
  ]
  @Test(arguments: countries) func restrictions(_ kind: GeoRestriction.Kind, _ country: String?, _ isServed: Bool) {
    #expect(GeoRestriction(kind, countries: ["DE", "AT"]).allows(country) == isServed)
  }
}
