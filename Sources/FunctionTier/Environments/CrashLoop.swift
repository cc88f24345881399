// Owns: when a function whose environments do not come up may have another one. Pure; time comes from outside, in milliseconds.

/// Failures to come up, one after the other.
struct CrashLoop: Equatable {
  /// Failures that have no consequence yet; from the next on, the function rests.
  static let patience = 3
  /// The first rest; each further failure doubles it.
  static let firstRestMilliseconds: UInt64 = 500
  /// The longest rest.
  static let longestRestMilliseconds: UInt64 = 30_000

  private(set) var failures = 0
  private var restsUntil: UInt64 = 0
  /// Why it failed last: what is answered meanwhile.
  private(set) var cause: InvocationFailure?

  /// Why no environment is to be started now; nil when one may be.
  func refusal(now: UInt64) -> InvocationFailure? { now < restsUntil ? cause : nil }

  /// An environment did not come up.
  mutating func noteFailure(_ cause: InvocationFailure, now: UInt64) {
    failures += 1
    self.cause = cause
    guard failures > Self.patience else { return }
    let doublings = min(failures - Self.patience - 1, 16)
    restsUntil = now + min(Self.firstRestMilliseconds << UInt64(doublings), Self.longestRestMilliseconds)
  }

  /// One came up.
  mutating func noteSuccess() { self = CrashLoop() }
}
