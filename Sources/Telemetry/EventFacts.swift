// Owns: what the metrics page shows of the queue of events for functions that nobody waits for. Values from elsewhere; pure.

/// The queue's numbers at one moment.
public struct EventFacts: Sendable {
  /// What has happened to events.
  public enum Outcome: String, CaseIterable, Sendable {
    case accepted, succeeded, failed, retried, undelivered, unreadable

    var meaning: String {
      switch self {
      case .accepted: "202: kept on disk"
      case .succeeded: "its function returned"
      case .failed: "given up: its retries or its time ran out"
      case .retried: "its function failed, and is to be run again"
      case .undelivered: "a destination did not take what it was told of one in time: it is lost"
      case .unreadable: "a file of an event or a record could not be read: it is tried again"
      }
    }
  }

  /// Events that wait or run now.
  public var waiting = 0
  /// The numbers since the process began; what is not there counts 0.
  public var outcomes: [Outcome: Int] = [:]

  /// Numbers to be filled in.
  public init() {}

  static let waitingName = "skerry_function_events_waiting", waitingHelp = "Events for functions that wait or run now; nothing without a function tier."
  static let outcomesName = "skerry_function_events_total", outcomesHelp = "Events for functions that nobody waits for, by what happened to them."

  static func render(_ facts: EventFacts?, _ page: inout PrometheusText) {
    page.family(waitingName, .gauge, waitingHelp)
    if let facts { page.sample(waitingName, [], String(facts.waiting)) }
    page.family(outcomesName, .counter, outcomesHelp)
    guard let facts else { return }
    for outcome in Outcome.allCases { page.sample(outcomesName, [("outcome", outcome.rawValue)], String(facts.outcomes[outcome] ?? 0)) }
  }
}
