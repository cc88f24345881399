// Owns: when which request is due. Pure arithmetic: a request's time does not depend on any answer, which is what makes the loop an open one and
// its latencies free of coordinated omission: they count from the time a request was due, not from when there was a connection free for it.

/// The times of requests, in nanoseconds from the start.
struct Schedule: Sendable {
  let pace: LoadOptions.Pace
  /// Requests in all.
  let count: Int
  /// When the last one may be due.
  let end: UInt64
  /// The plan's own times.
  let recorded: [UInt64]

  init(_ options: LoadOptions, _ plan: LoadPlan) {
    pace = options.pace
    recorded = plan.times
    var count = options.requests ?? .max
    if case .recorded = options.pace { count = min(count, plan.times.count) }
    self.count = count
    end = options.durationMilliseconds.map { UInt64($0) * 1_000_000 } ?? .max
  }

  /// Whether requests wait for answers.
  var isClosed: Bool { pace == .closed }

  /// When a request is due; nil when there is none any more. Not for a closed loop.
  func due(_ index: Int) -> UInt64? {
    guard index < count else { return nil }
    let time: Double
    switch pace {
    case .closed: return nil
    case .rate(let rate): time = Double(index) * 1e9 / rate
    case .recorded(let speed): time = Double(recorded[index]) / speed
    }
    guard time < Self.latest else { return nil }
    let due = UInt64(time)
    return due < end ? due : nil
  }
  /// Nobody waits for longer than 30 years.
  private static let latest = 1e18

  /// How many requests are due in all; nil when nobody can know.
  var total: Int? {
    switch pace {
    case .closed: count == .max ? nil : count
    case .rate(let rate): min(count, Int((min(Double(end), Self.latest) / 1e9 * rate).rounded(.up)))
    case .recorded(let speed): min(count, recorded.count { Double($0) / speed < min(Double(end), Self.latest) })
    }
  }
}
