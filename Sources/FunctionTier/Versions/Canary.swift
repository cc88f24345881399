// Owns: when a version that is tried out under an alias takes over, and when it is rolled back. Pure; time comes from outside.
// As CodeDeploy shifts traffic between Lambda versions: a hook before, a share for a while with limits, a hook after.
import JSONText

/// A version that gets a share of an alias's invocations for a while.
public struct Canary: Sendable, Equatable {
  /// How far it is.
  public enum Phase: String, Sendable {
    /// The hook before the first invocation runs.
    case before
    /// It has its share.
    case shifting
    /// It has all invocations, and the hook after that runs.
    case after
  }

  /// What comes next.
  enum Step: Equatable {
    /// It gets its share, until then: milliseconds since 1970.
    case shift(until: Int64)
    /// It gets all, and the hook after that is asked.
    case checkAfter
    case promote
    case rollBack(String)

    var isLast: Bool {
      switch self {
      case .promote, .rollBack: true
      case .shift, .checkAfter: false
      }
    }
  }

  public var version: Int
  /// Its share, above 0 and up to 1.
  public var share: Double
  /// How long it has that share.
  public var milliseconds: Int64
  /// The largest share of failed invocations. Beyond it: rolled back. Default 5 %.
  public var errorRate = 0.05
  /// The longest duration, in milliseconds, of all but the slowest twentieth. Beyond it: rolled back; nil for any.
  public var p95Milliseconds: Double?
  /// Invocations before which nothing is concluded from them, until its time is over. Default 20.
  public var leastInvocations = 20
  /// Functions that are asked before it gets anything, and when it has everything: one that fails rolls it back.
  public var before: String?, after: String?
  public var phase = Phase.before
  /// When it takes over, in milliseconds since 1970, while ``phase`` is `shifting`.
  public var until: Int64 = 0

  /// The longest time that it can have its share: 30 days.
  public static let longestMilliseconds: Int64 = 30 * 86_400_000

  /// A canary.
  public init(version: Int, share: Double, milliseconds: Int64) {
    self.version = version
    self.share = share
    self.milliseconds = milliseconds
  }

  /// What its invocations have come to.
  struct Record: Equatable {
    private(set) var invocations = 0
    private(set) var failures = 0
    /// The durations of the last ones, in milliseconds; where there are as many as may be, the oldest is at ``oldest``.
    private var durations: [Double] = []
    private var oldest = 0
    /// Durations that are looked at.
    static let durationLimit = 1_024

    init() {}
    init(invocations: Int, failures: Int, durations: [Double]) {
      (self.invocations, self.failures) = (invocations, failures)
      self.durations = durations.suffix(Self.durationLimit)
    }

    /// The durations from the oldest to the newest.
    var inOrder: [Double] { Array(durations[oldest...] + durations[..<oldest]) }

    mutating func note(failed: Bool, milliseconds: Double) {
      if durations.count < Self.durationLimit { durations.append(milliseconds) } else {
        durations[oldest] = milliseconds
        oldest = (oldest + 1) % Self.durationLimit
      }
      invocations += 1
      if failed { failures += 1 }
    }

    /// Later ones.
    mutating func add(_ other: Record) {
      (durations, oldest) = (Array((inOrder + other.inOrder).suffix(Self.durationLimit)), 0)
      invocations += other.invocations
      failures += other.failures
    }

    /// What nineteen of twenty take at most: the nearest rank.
    var p95: Double {
      guard !durations.isEmpty else { return 0 }
      return durations.sorted()[(durations.count * 95 + 99) / 100 - 1]
    }
  }

  /// What its invocations so far mean for it.
  /// - Parameter now: milliseconds since 1970.
  func step(_ record: Record, now: Int64) -> Step? {
    guard phase == .shifting else { return nil }
    // At the end of its time what there is must do.
    if record.invocations >= (now >= until ? 1 : leastInvocations) {
      let rate = Double(record.failures) / Double(record.invocations)
      if rate > errorRate {
        return .rollBack("\(record.failures) of \(record.invocations) invocations failed, where \(Self.percent(errorRate)) may")
      }
      if let limit = p95Milliseconds, record.p95 > limit {
        return .rollBack("its 95th percentile is \(Self.shown(record.p95)) ms, where \(Self.shown(limit)) are the most")
      }
    }
    guard now >= until else { return nil }
    if after != nil { return .checkAfter }
    // Nothing is known of it: it is not what has shown itself to be good.
    return record.invocations == 0 ? .rollBack("nobody has invoked it in its time") : .promote
  }

  static func percent(_ share: Double) -> String { "\(shown(share * 100)) %" }
  private static func shown(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    return tenths % 10 == 0 ? String(tenths / 10) : "\(tenths / 10).\(tenths % 10)"
  }
}

extension Canary {
  init?(_ value: JSONValue) {
    guard let version = value["version"]?.integer, let share = value["share"]?.double, let milliseconds = value["milliseconds"]?.integer,
      let phase = value["phase"]?.string.flatMap(Phase.init), share > 0, share <= 1, milliseconds > 0
    else { return nil }
    // One of an earlier version may have been given longer.
    self.init(version: version, share: share, milliseconds: min(Int64(milliseconds), Self.longestMilliseconds))
    self.phase = phase
    errorRate = value["errorRate"]?.double ?? errorRate
    p95Milliseconds = value["p95Milliseconds"]?.double
    leastInvocations = value["leastInvocations"]?.integer ?? leastInvocations
    before = value["before"]?.string
    after = value["after"]?.string
    until = Int64(value["until"]?.integer ?? 0)
  }

  var json: JSONValue {
    var object: JSONObject = [
      "version": .number(version), "share": .number(String(share)), "milliseconds": .number(Int(milliseconds)), "errorRate": .number(String(errorRate)),
      "leastInvocations": .number(leastInvocations), "phase": .string(phase.rawValue), "until": .number(Int(until)),
    ]
    if let p95Milliseconds { object.append("p95Milliseconds", .number(String(p95Milliseconds))) }
    if let before { object.append("before", .string(before)) }
    if let after { object.append("after", .string(after)) }
    return .object(object)
  }
}
