// When a function is throttled, and for how long.
import Testing

@testable import Pipeline

@Suite struct FunctionThrottleTests {
  @Test func soManyStopsInAWindowThrottleForAWindow() {
    let throttle = FunctionThrottle()
    for now in [100, 200] as [UInt64] { throttle.noteStop(now: now, limit: 3, window: 1000) }
    #expect(!throttle.isActive(now: 200))
    throttle.noteStop(now: 1099, limit: 3, window: 1000)
    #expect(throttle.isActive(now: 1099) && throttle.isActive(now: 2098) && !throttle.isActive(now: 2099))
  }

  @Test func stopsFarApartDoNotAddUp() {
    let throttle = FunctionThrottle()
    for now in stride(from: 0, to: 20_000, by: 600) as StrideTo<UInt64> {
      throttle.noteStop(now: now, limit: 3, window: 1000)
      #expect(!throttle.isActive(now: now))
    }
  }

  @Test func afterAThrottleCountingBeginsAnew() {
    let throttle = FunctionThrottle()
    throttle.noteStop(now: 0, limit: 1, window: 10)
    #expect(throttle.isActive(now: 9) && !throttle.isActive(now: 10))
    throttle.noteStop(now: 11, limit: 2, window: 10)
    #expect(!throttle.isActive(now: 11))
    throttle.noteStop(now: 12, limit: 2, window: 10)
    #expect(throttle.isActive(now: 21) && !throttle.isActive(now: 22))
  }
}
