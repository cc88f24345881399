// How many requests a client may make: a token bucket, kept as the one moment at which it is full again (the generic cell rate algorithm,
// ITU-T I.371): no refilling, no rounding, eight bytes for each client.
// Pure values, time from outside; any thread.

/// The limit of a behavior.
public struct RateLimit: Sendable, Equatable {
  /// What clients are told apart by.
  public enum Key: Sendable, Equatable {
    /// The client's address; of an IPv6 address its /64.
    case clientIp
    /// The value of a header; of requests without it the client's address.
    case header(String)
    /// Both: an address may use several values, each with a bucket of its own.
    case clientIpAndHeader(String)
  }
  /// How many requests in `seconds`, on average. 1–1,000,000.
  public var requests: Int
  /// 1, 60 or 3,600.
  public var seconds: Int
  /// How many requests at once after a while without any. 1–100,000.
  public var burst: Int
  /// What clients are told apart by.
  public var key: Key
  /// The status of the answer to a request too many.
  public var statusCode: Int
  /// Whether requests too many are only counted.
  public var isDryRun: Bool

  /// A limit.
  public init(requests: Int, seconds: Int = 1, burst: Int, key: Key = .clientIp, statusCode: Int = 429, isDryRun: Bool = false) {
    self.requests = requests
    self.seconds = seconds
    self.burst = burst
    self.key = key
    self.statusCode = statusCode
    self.isDryRun = isDryRun
  }

  /// The status codes that may be chosen.
  public static let supportedStatusCodes = [403, 429, 503]
  /// The largest burst: with the slowest rate a bucket is full again after 114 years, and times stay far from their end.
  public static let burstLimit = 100_000

  /// Nanoseconds in which a token comes back.
  public var intervalNanoseconds: UInt64 { UInt64(seconds) * 1_000_000_000 / UInt64(requests) }
}

/// The tokens of one client.
public struct TokenBucket: Sendable, Equatable, BitwiseCopyable {
  /// When all tokens are there, on the clock of ``take(at:_:burst:)``; a moment that is over for a full bucket.
  public var fullAt: UInt64

  /// A full bucket.
  public init(fullAt: UInt64 = 0) { self.fullAt = fullAt }

  /// Takes a token.
  /// - Parameters:
  ///   - now: monotonic nanoseconds.
  ///   - interval: nanoseconds in which a token comes back; 1 or more.
  ///   - burst: tokens of a full bucket; 1 or more.
  /// - Returns: nanoseconds until there is one; nil when there was.
  public mutating func take(at now: UInt64, every interval: UInt64, burst: Int) -> UInt64? {
    let next = max(fullAt, now) + interval, latest = now + interval * UInt64(burst)
    if next > latest { return next - latest }
    fullAt = next
    return nil
  }
}
