// Waiting without sleeping: every wait names what it waits for and gives up, loudly, after a generous limit.
import Foundation

/// The moment after which a wait is a failure.
struct Deadline: Sendable {
  let instant: ContinuousClock.Instant

  /// Generous: reached only when something is broken, so its length costs nothing while all is well.
  static var generous: Deadline { after(.seconds(60)) }
  static func after(_ duration: Duration) -> Deadline { Deadline(instant: .now + duration) }

  /// Whole milliseconds left, at least 0 and rounded up: what poll(2) takes.
  var remainingMilliseconds: Int32 {
    let left = (instant - .now).components
    guard left.seconds >= 0, left.attoseconds >= 0 else { return 0 }
    return Int32(clamping: left.seconds * 1000 + left.attoseconds / 1_000_000_000_000_000 + 1)
  }
  var hasPassed: Bool { .now >= instant }
}

/// What went wrong in a scenario, in one sentence.
struct ScenarioFailure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// A value shared by the threads of a scenario; one may wait until another has brought it about.
final class Watched<Value: Sendable>: @unchecked Sendable {
  // The condition's lock guards `value`; that is all there is to share.
  private let condition = NSCondition()
  private var value: Value

  init(_ value: Value) { self.value = value }

  var current: Value { condition.withLock { value } }

  @discardableResult
  func update<Result>(_ change: (inout Value) throws -> Result) rethrows -> Result {
    try condition.withLock {
      defer { condition.broadcast() }
      return try change(&value)
    }
  }

  /// The first non-nil answer of `look`, asked now and after every change.
  @discardableResult
  func wait<Found>(
    for what: String, by deadline: Deadline = .generous, _ look: (Value) throws -> Found?
  ) throws -> Found {
    condition.lock()
    defer { condition.unlock() }
    while true {
      if let found = try look(value) { return found }
      let left = Double(deadline.remainingMilliseconds) / 1000
      guard left > 0, condition.wait(until: Date(timeIntervalSinceNow: left)) || !deadline.hasPassed else {
        throw ScenarioFailure("waited in vain for \(what)")
      }
    }
  }
}

/// Asks again and again, for what only another process knows (its counters, its log file).
func eventually<Found>(
  _ what: String, by deadline: Deadline = .generous, _ look: () throws -> Found?
) throws -> Found {
  while true {
    if let found = try look() { return found }
    guard !deadline.hasPassed else { throw ScenarioFailure("waited in vain for \(what)") }
    usleep(5_000)
  }
}

/// The same for a plain condition.
func eventually(_ what: String, by deadline: Deadline = .generous, holds condition: () throws -> Bool) throws {
  let _: Bool = try eventually(what, by: deadline) { try condition() ? true : nil }
}
