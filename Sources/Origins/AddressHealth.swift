// Owns: whether one address of an origin is fit for requests: when it is ejected, how it is tried again and how it comes back. A value; time comes
// from outside. Documentation/origins.md.
import Distribution

/// What is known of one address.
struct AddressHealth: Equatable {
  /// What is to be done with it.
  enum Condition: Equatable {
    case good
    /// It gets no request until then (loop milliseconds), and after that one, as a trial.
    case ejected(until: UInt64)
    /// The trial is under way.
    case tried
    /// It gets a growing share of its requests since then.
    case returning(since: UInt64)
  }
  /// What a result has changed, for logs and counters.
  enum Change: Equatable {
    case ejected(milliseconds: Int, why: Reason)
    case returned
    /// By active checks.
    case down, up
  }
  enum Reason: Equatable { case inARow(Int), share(failures: Int, requests: Int), trial }

  /// The part of its share that an address begins again with.
  static let firstShare = 0.1

  private(set) var condition = Condition.good
  /// Requests under way.
  private(set) var inFlight = 0
  /// Whether active checks say that it does not answer.
  private(set) var isDown = false
  private var failuresInARow = 0
  private var windowEnd: UInt64 = 0
  private var requests = 0, failures = 0
  /// Ejections since it was last good for long.
  private var ejections = 0
  /// Checks with the same result in a row that differs from what is believed.
  private var contraryChecks = 0

  // MARK: Questions

  /// Its share of requests: 1 like others, 0 none.
  func share(at now: UInt64, _ policy: EjectionPolicy) -> Double {
    if isDown { return 0 }
    switch condition {
    case .good: return 1
    case .ejected(let until): return now >= until ? 1 : 0   // its next request is the trial
    case .tried: return 0
    case .returning(let since):
      let length = Double(policy.slowStart.milliseconds), passed = Double(now &- since)
      return length > 0 ? min(1, max(Self.firstShare, passed / length)) : 1
    }
  }

  // MARK: What happens

  /// A request begins.
  /// - Returns: whether it shows if an address that is ejected works again.
  mutating func begin(at now: UInt64) -> Bool {
    inFlight += 1
    guard case .ejected(let until) = condition else { return false }
    if now >= until { condition = .tried }
    return true
  }

  /// A request has ended, with whatever result.
  mutating func end(wasTrial: Bool, at now: UInt64) {
    inFlight -= 1
    if wasTrial, condition == .tried { condition = .ejected(until: now) }   // it came to nothing: the viewer left
  }

  /// A request has shown whether the address works.
  mutating func note(success: Bool, wasTrial: Bool, at now: UInt64, _ policy: EjectionPolicy) -> Change? {
    if now >= windowEnd { (requests, failures, windowEnd) = (0, 0, now + UInt64(policy.window.milliseconds)) }
    requests += 1
    if case .returning(let since) = condition, now >= since + UInt64(policy.slowStart.milliseconds) { (condition, ejections) = (.good, 0) }
    failures += success ? 0 : 1
    failuresInARow = success ? 0 : failuresInARow + 1
    switch condition {
    case .ejected, .tried:
      guard wasTrial else { return nil }   // it began before
      if success {
        (condition, requests, failures) = (.returning(since: now), 0, 0)
        return .returned
      }
      return condition == .tried ? eject(.trial, at: now, policy) : nil
    case .good, .returning:
      if success { return nil }
      if failuresInARow >= policy.consecutiveFailures { return eject(.inARow(failuresInARow), at: now, policy) }
      if requests >= policy.minimumRequests, failures * 100 >= requests * policy.failurePercent {
        return eject(.share(failures: failures, requests: requests), at: now, policy)
      }
      return nil
    }
  }

  private mutating func eject(_ why: Reason, at now: UInt64, _ policy: EjectionPolicy) -> Change {
    let first = policy.time.milliseconds, longest = policy.maximumTime.milliseconds
    let time = min(longest, first << min(ejections, 20))
    ejections += 1
    condition = .ejected(until: now + UInt64(max(1, time)))
    (requests, failures, failuresInARow) = (0, 0, 0)
    return .ejected(milliseconds: time, why: why)
  }

  /// An active check has an answer.
  mutating func check(success: Bool, at now: UInt64, _ check: HealthCheck) -> Change? {
    guard success == isDown else {
      contraryChecks = 0
      return nil
    }
    contraryChecks += 1
    guard contraryChecks >= (success ? check.healthyThreshold : check.unhealthyThreshold) else { return nil }
    contraryChecks = 0
    isDown = !success
    if success, condition == .good { condition = .returning(since: now) }
    return success ? .up : .down
  }

  /// There are no checks any more.
  mutating func forgetChecks() { (isDown, contraryChecks) = (false, 0) }
}
