// What is known of how long a stored response may be used, and the question every look-up asks of it. A pure value; times are milliseconds
// since 1970 and always given by the caller: nothing in this module reads a clock. Who makes one: Storability.swift.

/// When a stored response may be used. Absolute times, so that a look-up only compares.
public struct Freshness: BitwiseCopyable, Sendable, Equatable {
  /// When it was received, or validated the last time (RFC 9111, 4.2.3: response_time).
  public var receivedAt: Int64
  /// How old it was then, in milliseconds.
  public var initialAge: Int64
  /// Fresh until then; not later than `receivedAt`: never.
  public var freshUntil: Int64
  /// Served until then while somebody validates it; not later than `freshUntil`: never.
  public var revalidatableUntil: Int64
  /// Served until then when the origin fails; `.max` for no end but the store's.
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
    /// Each request needs an answer of its own from the origin: those that waited for this one ask themselves.
    public static let unshared = Flags(rawValue: 1 << 3)
    /// Stored by RFC 9111's rules: what requests say counts.
    public static let rfc9111 = Flags(rawValue: 1 << 4)
    /// Its content was compressed here.
    public static let compressed = Flags(rawValue: 1 << 6)
    /// A function made it in an origin's place: no error page takes its own.
    public static let functionMade = Flags(rawValue: 1 << 7)
    /// Its freshness is a guess (RFC 9111, 4.2.2).
    public static let heuristic = Flags(rawValue: 1 << 5)
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

  /// A response of a clock that was so much ahead of the present one is of unknown age: it is validated. Milliseconds.
  static let clockTolerance: Int64 = 5_000

  /// Whether it may be served now to a request that says nothing of caches.
  @inline(__always) public func isServed(at now: Int64) -> Bool {
    now >= receivedAt - Self.clockTolerance && (now < freshUntil || now < recheckAfter)
  }

  /// What may be done with the response now.
  /// - Parameter request: what the request says (RFC 9111, 5.2.1); heard by RFC 9111's rules only.
  public func use(_ request: CacheDirectives, at now: Int64) -> Use {
    if now < receivedAt - Self.clockTolerance { return .validate }
    if flags.contains(.rfc9111) && request != CacheDirectives() { return use(asking: request, now) }
    if now < freshUntil || now < recheckAfter { return .fresh }
    return now < revalidatableUntil ? .staleServe : .validate
  }

  private func use(asking request: CacheDirectives, _ now: Int64) -> Use {
    if request.has(.noCache) { return .validate }
    if let maxAge = request.maxAge, ageMilliseconds(at: now) > Int64(maxAge) * 1000 { return .validate }
    if let minFresh = request.minFresh, freshUntil - now < Int64(minFresh) * 1000 { return .validate }
    if now < freshUntil || now < recheckAfter { return .fresh }
    if !flags.contains(.mustRevalidate) {
      if request.has(.maxStaleAny) { return .fresh }
      if let maxStale = request.maxStale, now - freshUntil <= Int64(maxStale) * 1000 { return .fresh }
    }
    return now < revalidatableUntil && request.maxAge == nil ? .staleServe : .validate
  }

  /// Whether it may be served because the origin failed.
  /// - Parameters:
  ///   - isUnreachable: no answer came at all: then RFC 9111's rules allow it without `stale-if-error`, too (4.2.4).
  ///   - request: what the request says: its own `stale-if-error` (RFC 5861, 4), heard by RFC 9111's rules.
  public func servesOnError(isUnreachable: Bool, to request: CacheDirectives = CacheDirectives(), at now: Int64) -> Bool {
    guard !flags.contains(.mustRevalidate) else { return false }
    if now < usableOnErrorUntil { return true }
    guard flags.contains(.rfc9111) else { return false }
    return isUnreachable || request.staleIfError.map { now - freshUntil <= Int64($0) * 1000 } ?? false
  }

  /// Its age in milliseconds; a clock that went back makes nothing younger than it was when it came.
  public func ageMilliseconds(at now: Int64) -> Int64 { initialAge + max(0, now - receivedAt) }
  /// Its age in seconds, as the Age field has it (RFC 9111, 5.1).
  public func ageSeconds(at now: Int64) -> Int { Int(min(ageMilliseconds(at: now) / 1000, Int64(CacheDirectives.longest))) }
}
