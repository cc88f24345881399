// Owns: a function on one worker: its code, its place among the numbers, and whether it is throttled.
import RewriteEngine

/// A function of a configuration, on one worker; the same object in all configurations in which it is the same function.
final class WorkerFunction {
  let code: FunctionCode
  /// Its place among the numbers of functions (`MetricLabels.functions`).
  let place: Int
  /// Shared with the functions of its name in earlier and later configurations: publishing does not reset it
  /// (spec/cloudfront-functions.md, 5).
  let throttle: FunctionThrottle

  init(_ code: FunctionCode, place: Int, _ throttle: FunctionThrottle) {
    self.code = code
    self.place = place
    self.throttle = throttle
  }
}

/// Keeps a function that is stopped again and again from owning its worker. Time comes from outside, in the loop's milliseconds.
final class FunctionThrottle {
  private var stops = 0
  private var windowEnd: UInt64 = 0
  private var activeUntil: UInt64 = 0

  /// Whether the function is not to be run now.
  func isActive(now: UInt64) -> Bool { now < activeUntil }

  /// A run was stopped at a limit, or the function could not be built.
  /// - Parameters:
  ///   - limit: so many stops within a window throttle it.
  ///   - window: milliseconds; counted from the first stop. The throttle lasts as long.
  func noteStop(now: UInt64, limit: Int, window: UInt64) {
    if now >= windowEnd { (stops, windowEnd) = (0, now + window) }
    stops += 1
    guard stops >= limit else { return }
    activeUntil = now + window
    windowEnd = 0
  }
}
