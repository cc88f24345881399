// What is known of how long a stored response may be used. A pure value. Times are milliseconds since 1970 and always given by the caller:
// nothing in this module reads a clock.

/// When a stored response may be used. Milliseconds since 1970; absolute, so that a lookup only compares.
public struct Freshness: BitwiseCopyable, Sendable, Equatable {
  /// When it was received, or validated the last time (RFC 9111, 4.2.3: response_time).
  public var receivedAt: Int64
  /// How old it was then, in milliseconds.
  public var initialAge: Int64
  /// Fresh until then; not later than `receivedAt`: never.
  public var freshUntil: Int64
  /// Served until then while somebody validates it; not later than `freshUntil`: never.
  public var revalidatableUntil: Int64
  /// Served until then when the origin fails.
  public var usableOnErrorUntil: Int64
  /// After a failed validation: served until then without asking again; 0: never.
  public var recheckAfter: Int64
  /// Everything that is yes or no.
  public var flags: Flags

  /// What is yes or no about a stored response.
  public struct Flags: OptionSet, BitwiseCopyable, Sendable {
    /// The bits.
    public let rawValue: UInt16
    /// Flags from their bits.
    public init(rawValue: UInt16) { self.rawValue = rawValue }
    /// May never be served stale (RFC 9111, 5.2.2.2).
    public static let mustRevalidate = Flags(rawValue: 1 << 0)
    /// Is fetched anew without conditions (`Vary: *`).
    public static let noConditional = Flags(rawValue: 1 << 1)
    /// A cached error (spec/request-pipeline.md, 11.2).
    public static let isError = Flags(rawValue: 1 << 2)
  }

  /// Times of a response.
  public init(
    receivedAt: Int64, initialAge: Int64 = 0, freshUntil: Int64, revalidatableUntil: Int64 = 0, usableOnErrorUntil: Int64 = 0, recheckAfter: Int64 = 0,
    flags: Flags = []
  ) {
    self.receivedAt = receivedAt
    self.initialAge = initialAge
    self.freshUntil = freshUntil
    self.revalidatableUntil = revalidatableUntil
    self.usableOnErrorUntil = usableOnErrorUntil
    self.recheckAfter = recheckAfter
    self.flags = flags
  }
}
