import Testing

@testable import RewriteEngine

/// Whose turn it is, is decided at 250 µs (Pipeline/Turns.swift).
@Suite struct RecentTimeTests {
  private static let long: UInt64 = 250_000

  private func mean(_ runs: [UInt64]) -> UInt64 {
    var recent = RecentTime()
    for run in runs { recent.take(run) }
    return recent.nanoseconds
  }

  /// The machine took 50 ms from one run of 2 µs: requests behind it were answered 503, as if the function took long.
  @Test(arguments: [[2_000, 2_000, 50_000_000], [50_000_000], [50_000_000, 2_000], [2_000, 2_000, 2_000, 50_000_000, 50_000_000]] as [[UInt64]])
  func whatTheMachineTakesOnceIsNotTheFunctions(runs: [UInt64]) {
    #expect(mean(runs) < Self.long)
  }

  @Test(arguments: [Array(repeating: 300_000, count: 2), [2_000, 2_000] + Array(repeating: 900_000, count: 3), Array(repeating: [2_000, 900_000], count: 8).flatMap(\.self)] as [[UInt64]])
  func oneThatTakesLongIsKnownSoon(runs: [UInt64]) {
    #expect(mean(runs) >= Self.long)
  }
}
