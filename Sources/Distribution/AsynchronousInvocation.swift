// What becomes of invocations nobody waits for: how often they are tried, and who is told. Values; any thread.
// Source: spec/api.md 1.3; the AWS Lambda guide, "Asynchronous invocation".

/// How a function's queued events are tried, and who is told of their end.
public struct AsynchronousInvocation: Sendable, Equatable {
  /// How often an event is tried again after the function's own error, 0–2. Default 2.
  public var retries = 2
  /// How long before the first retry; twice as long before the second. Default 60 s.
  public var retryDelay = Duration.seconds(60)
  /// How old an event may become that could not be run, or not yet, 60 s–6 h. Default 6 h.
  public var maximumAge = Duration.seconds(21_600)
  /// Who is told of events that succeeded, and of those that failed for good.
  public var onSuccess: EventDestination?, onFailure: EventDestination?
  /// Who is given events that failed for good.
  public var deadLetter: EventDestination?

  /// The defaults.
  public init() {}

  /// Everybody who is told something.
  public var destinations: [EventDestination] { [onSuccess, onFailure, deadLetter].compactMap { $0 } }
}
