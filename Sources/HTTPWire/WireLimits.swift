// Owns: the limits of HTTP connections, as values the configuration fills in.

/// Limits of a connection to a viewer. Times in milliseconds.
public struct ViewerLimits: Sendable {
  /// Limits of request heads.
  public var head = HeadLimits()
  /// From the first byte of a head to its end → 408.
  public var headTimeoutMilliseconds = 10_000
  /// Waiting for the next request on a kept connection → closed.
  public var keepAliveTimeoutMilliseconds = 60_000
  /// Idle for so long, a connection gives its task back and is only remembered: 13 KB become less than one (Benchmarks/README.md).
  public var parkAfterMilliseconds = 250
  /// No byte of a body moved in either direction → closed.
  public var idleTimeoutMilliseconds = 60_000
  /// Bytes a second that a request body must bring on average after the grace → 408; 0 for no rate.
  public var minimumBodyBytesPerSecond = 240
  /// How long a body may be slower than that.
  public var bodyRateGraceMilliseconds = 10_000
  /// Bytes of an unwanted body that are read so that the connection can be kept.
  public var discardedBodyBytes = 65_536
  /// How long a refused connection is read from, so that the viewer sees the answer and not a reset.
  public var lingerMilliseconds = 2000
  /// What else bounds a connection of HTTP/2.
  public var http2 = HTTP2Limits()

  /// The defaults.
  public init() {}
}

/// Limits of a connection to an origin. Times in milliseconds.
public struct OriginLimits: Sendable, Equatable {
  /// Limits of response heads.
  public var head = HeadLimits()
  /// Waiting for the head, and for each further part of the body.
  public var readTimeoutMilliseconds = 30_000
  /// The origin takes no byte of the request.
  public var writeTimeoutMilliseconds = 30_000
  /// Interim responses (1xx) believed before the final one; CloudFront calls more than one 100 an error.
  public var interimResponses = 8

  /// The defaults.
  public init() {}
}
