// When an origin's addresses are taken for ill, and how they come back.
// Immutable values; any thread may read them. No I/O. Documentation/origins.md says what comes of them.

/// When an address is not used for a while: it is *ejected* when requests to it fail, and comes back by and by.
public struct EjectionPolicy: Sendable, Equatable {
  /// So many failures in a row eject an address.
  public var consecutiveFailures = 5
  /// So do so many failures of a hundred requests within `window`, …
  public var failurePercent = 50
  /// … where there were so many requests.
  public var minimumRequests = 20
  /// The time in which failures are compared with requests.
  public var window = Duration.seconds(10)
  /// How long the first ejection lasts; each further one twice as long as the one before.
  public var time = Duration.seconds(10)
  /// The longest that one ejection lasts.
  public var maximumTime = Duration.seconds(300)
  /// How long an address that is back gets a growing share of its requests.
  public var slowStart = Duration.seconds(10)

  /// The defaults.
  public init() {}
}

/// A question that is asked of each address of an origin again and again.
public struct HealthCheck: Sendable, Equatable {
  /// The path that is asked for, with a query if need be.
  public var path: String
  /// The time from one question to the next.
  public var interval = Duration.seconds(10)
  /// How long connecting, and the answer, may take each.
  public var timeout = Duration.seconds(2)
  /// So many good answers in a row bring an address back.
  public var healthyThreshold = 2
  /// So many bad ones take it away.
  public var unhealthyThreshold = 3
  /// The statuses of good answers.
  public var expectedStatus: [ClosedRange<Int>] = [200...399]

  /// A check.
  public init(path: String) { self.path = path }
}

/// How many requests an origin gets at once, of all workers together.
public struct RequestBound: Sendable, Equatable {
  /// The most requests in flight.
  public var requests: Int
  /// The most requests that wait; a further one gets 503.
  public var queueLength = 1_024
  /// How long a request waits; then it gets 503.
  public var queueTimeout = Duration.seconds(10)

  /// A bound.
  public init(requests: Int) { self.requests = requests }
}
