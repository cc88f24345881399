// Owns: what a person asks of a load test, with its named limits. Plain values.

/// How a target is loaded.
public struct LoadOptions: Sendable {
  /// How requests follow one another.
  public enum Pace: Sendable, Equatable {
    /// Each connection sends its next request as soon as it has the answer to its last: a closed loop.
    case closed
    /// So many requests a second in all, whatever the answers do: an open loop.
    case rate(Double)
    /// At the plan's own times, so many times faster.
    case recorded(speed: Double)
  }
  /// The versions of HTTP that are spoken.
  public enum Version: String, Sendable { case http1 = "HTTP/1.1", http2 = "HTTP/2" }

  /// What is asked.
  public var target: LoadTarget
  /// A second target, which is asked the same; its answers are compared.
  public var other: LoadTarget?
  /// How requests follow one another.
  public var pace = Pace.closed
  /// Connections in all.
  public var connections = 64
  /// Requests at once on one connection; more than one with HTTP/2 only.
  public var streams = 1
  /// Worker threads.
  public var workers = 1
  /// Which HTTP is spoken.
  public var version = Version.http1
  /// Whether a connection carries more than one request.
  public var keepsAlive = true
  /// For how long requests are sent; nil: until ``requests`` are.
  public var durationMilliseconds: Int?
  /// How many requests are sent at most; nil for as many as the time allows.
  public var requests: Int?
  /// Requests due in so many milliseconds from the start are sent and checked but not measured.
  public var warmUpMilliseconds = 0
  /// How long an answer, or a connection, may take: then it has failed.
  public var timeoutMilliseconds = 10_000
  /// PEM file of authorities that are trusted beside none; nil for the system's.
  public var certificateAuthority: String?
  /// Whether the certificate of a target over TLS must be one for its name, and from an authority that is trusted.
  public var verifiesCertificate = true
  /// Statuses that are right; nil: all below 500. A plan that knows its answers knows better.
  public var expectedStatuses: Set<Int>?
  /// Whether redirects to the same host are followed, each on its own hop.
  public var followsRedirects = false
  /// Whether a target may be neither this machine nor a private address.
  public var ownsTarget = false
  /// Fields of answers that may differ between the two targets.
  public var ignoredFields: Set<String> = Self.volatileFields

  /// A load test of a target, with the defaults.
  public init(_ target: LoadTarget) { self.target = target }

  /// Redirects that are followed from one request.
  public static let hopsLimit = 20
  /// Wrong answers that are told in full.
  public static let examplesLimit = 100
  /// Connections that may be asked for.
  public static let connectionsLimit = 20_000
  /// Streams on one connection.
  public static let streamsLimit = 1_000
  /// Worker threads.
  public static let workersLimit = 256
  /// Requests a second.
  public static let rateLimit = 10_000_000.0
  /// Parts that the time is divided into for the plots.
  public static let intervalsWanted = 100
  /// A part's length, at least.
  public static let shortestIntervalMilliseconds = 100
  /// How long a connection of a closed loop waits after one could not be made.
  public static let reconnectMilliseconds = 100
  /// Rules are called slow when they were asked this often and even their fastest answer took longer than this many times the
  /// median of all, and than 99 in a hundred.
  public static let slowRule = (answers: 3, times: 2.0)
  /// Fields that differ from one answer to the next.
  public static let volatileFields: Set<String> = [
    "date", "age", "via", "x-amz-cf-id", "x-amz-cf-pop", "x-cache", "connection", "keep-alive", "server-timing", "cache-status", "x-request-id", "transfer-encoding",
  ]
}
