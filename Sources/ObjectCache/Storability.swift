// Owns: whether a response is stored and how long it is fresh: by CloudFront's arithmetic (spec/request-pipeline.md, 3.1, 3.3, 11.2) or by
// RFC 9111 (3, 4.2, 5.2; RFC 5861). Every difference between the two is listed in Documentation/cache.md. Pure; any thread; `now` is given.
public import Distribution
public import HTTPWire
import Transport

/// What a decision about storing looks at in a response, read in one pass.
public struct ResponseFacts: BitwiseCopyable, Sendable {
  /// A date in a field.
  public enum Moment: BitwiseCopyable, Sendable, Equatable {
    /// There is no such field.
    case absent
    /// It is no date, or there are two that differ: for Expires a time in the past (RFC 9111, 5.3).
    case invalid
    /// Seconds since 1970.
    case at(Int)

    /// The seconds; nil when there are none.
    public var seconds: Int? { if case .at(let seconds) = self { seconds } else { nil } }
  }

  /// The status code.
  public var status: Int
  /// Cache-Control.
  public var directives = CacheDirectives()
  /// Age in seconds: its first member; 0 when absent or no number (RFC 9111, 5.1).
  public var age = 0
  /// Date.
  public var date = Moment.absent
  /// Expires.
  public var expires = Moment.absent
  /// Last-Modified.
  public var lastModified = Moment.absent
  /// Whether there is an ETag or a usable Last-Modified to validate it with.
  public var hasValidator = false
  /// Whether Vary has `*`, or names at all.
  public var variesByAnything = false, varies = false
  /// Whether it is a part of something (206).
  public var isPartial = false

  /// Facts of a response without fields.
  public init(status: Int) { self.status = status }

  /// The facts of a response.
  public init(_ head: borrowing ResponseHead) {
    status = head.line.status
    directives = CacheDirectives(head.fields)
    isPartial = status == 206
    let present = head.fields.present
    if present.has(.age) { age = Self.age(head.fields) }
    date = Self.moment(.date, head.fields)
    expires = Self.moment(.expires, head.fields)
    lastModified = Self.moment(.lastModified, head.fields)
    hasValidator = head.fields.has(.etag) || lastModified.seconds != nil
    if present.has(.vary) {
      for i in 0..<head.fields.count where head.fields[i].name == .vary { readVary(head.fields.value(i)) }
    }
  }

  private static func age(_ fields: borrowing HeaderSection) -> Int {
    guard let line = fields.first(.age) else { return 0 }
    let value = fields.value(line)
    return CacheDirectives.seconds(value.extracting(..<value.next(44, from: 0)).trimmed()) ?? 0
  }

  private static func moment(_ name: FieldName, _ fields: borrowing HeaderSection) -> Moment {
    guard let line = fields.first(name) else { return .absent }
    guard let seconds = HTTPDate.seconds(fields.value(line)) else { return .invalid }
    if fields.isOnly(line) { return .at(seconds) }
    for other in line + 1..<fields.count where fields[other].name == name && HTTPDate.seconds(fields.value(other)) != seconds { return .invalid }
    return .at(seconds)
  }

  private mutating func readVary(_ value: Span<UInt8>) {
    var start = 0
    while start <= value.count {
      let end = start < value.count ? value.next(44, from: start) : value.count
      let name = value.extracting(start..<end).trimmed()
      if name.count == 1 && name[0] == 42 { variesByAnything = true }
      if name.count > 0 { varies = true }
      start = end + 1
    }
  }
}

/// What of its request decides whether a response may be stored.
public struct RequestFacts: BitwiseCopyable, Sendable {
  /// Its Cache-Control (RFC 9111, 5.2.1), Pragma read where there is none (5.4). CloudFront's arithmetic ignores it.
  public var directives = CacheDirectives()
  /// Whether the origin is shown an Authorization field (3.5).
  public var isAuthorized = false

  /// A request that says nothing.
  public init() {}

  /// The facts of a request.
  /// - Parameter isAuthorized: whether its Authorization reaches the origin.
  public init(_ fields: borrowing HeaderSection, isAuthorized: Bool) {
    self.isAuthorized = isAuthorized
    directives = CacheDirectives(fields)
    guard fields.present.has(.pragma), !fields.present.has(.cacheControl) else { return }
    for i in 0..<fields.count where fields[i].name == .pragma {
      var list = DirectiveList(fields.value(i))
      while list.next() { if fields.value(i).extracting(list.name).equalsLowercase("no-cache") { directives.flags.insert(.noCache) } }
    }
  }
}

/// How a behavior's responses are stored.
public struct StoringRules: Sendable, Equatable {
  /// Whose rules.
  public var mode: CacheMode
  /// The policy's times in seconds. RFC 9111's mode uses the last one only: nothing is fresh for longer.
  public var minTTL: Int, defaultTTL: Int, maxTTL: Int
  /// The shortest time that an error is kept, by status; ``standardErrorTTL`` for others (spec 11.1).
  private var errorTTLs: [Int: Int]

  /// CloudFront's default of ErrorCachingMinTTL in seconds.
  public static let standardErrorTTL = 10
  /// RFC 9111, 4.2.2: a guess is at most a tenth of the time since the last change, and at most a day.
  static let heuristicLimitSeconds = 86_400

  /// The rules of a policy.
  /// - Parameter errorTTLs: ErrorCachingMinTTL in seconds by status.
  public init(_ policy: CachePolicy, errorTTLs: [Int: Int] = [:]) {
    mode = policy.mode
    minTTL = policy.minTTLSeconds
    defaultTTL = policy.defaultTTLSeconds
    maxTTL = policy.maxTTLSeconds
    self.errorTTLs = errorTTLs
  }

  /// Whether anything is ever kept: not when the policy's longest time is 0 (CachingDisabled).
  public var caches: Bool { maxTTL > 0 }

  /// How long an error of this status is kept at least, in seconds.
  public func errorTTL(_ status: Int) -> Int { errorTTLs[status] ?? Self.standardErrorTTL }

  /// Whether a complete response to GET or OPTIONS is stored, and how long it is fresh.
  /// - Parameters:
  ///   - now: when its head came, milliseconds since 1970.
  ///   - requestTime: when it was asked for.
  /// - Returns: nil when it is not stored.
  public func freshness(of response: ResponseFacts, to request: RequestFacts, requestTime: Int64, now: Int64) -> Freshness? {
    guard caches, !response.isPartial, response.status >= 200, response.status != 304 else { return nil }
    switch mode {
    case .cloudfront: return response.status >= 400 ? errorFreshness(response, now) : cloudFrontFreshness(response, now)
    case .rfc9111: return rfcFreshness(response, request, requestTime, now)
    }
  }
}

// MARK: - CloudFront

extension StoringRules {
  private static let unwilling: CacheDirectives.Flags = [.noStore, .noCache, .private]

  /// Spec 3.1. What says no-store or private is not kept at all where the minimum is 0; what says no-cache is kept to be validated.
  private func cloudFrontFreshness(_ response: ResponseFacts, _ now: Int64) -> Freshness? {
    let directives = response.directives
    var ttl: Int
    if directives.has(Self.unwilling) {
      if minTTL == 0 && directives.has([.noStore, .private]) { return nil }
      ttl = minTTL
    } else if let stated = statedTTL(response, now) {
      ttl = clamped(stated)
    } else {
      ttl = max(defaultTTL, minTTL)
    }
    var flags: Freshness.Flags = []
    if directives.has([.mustRevalidate, .proxyRevalidate]) { flags.insert(.mustRevalidate) }
    if response.variesByAnything && minTTL == 0 {
      flags.insert(.noConditional)
      ttl = 0
    }
    if ttl == 0 { flags.insert(.unshared) }
    return freshness(ttl, response, now, flags)
  }

  /// What the origin says of its time: s-maxage, max-age, Expires, in this order; nil when it says nothing. Time that it spent in other
  /// caches (Age) has passed already.
  private func statedTTL(_ response: ResponseFacts, _ now: Int64) -> Int? {
    if let stated = response.directives.sharedMaxAge ?? response.directives.maxAge { return stated - response.age }
    switch response.expires {
    case .absent: return nil
    case .invalid: return 0
    case .at(let seconds): return seconds - Int(now / 1000)
    }
  }

  private func clamped(_ seconds: Int) -> Int { max(minTTL, min(seconds, maxTTL)) }

  /// Spec 11.2.
  private func errorFreshness(_ response: ResponseFacts, _ now: Int64) -> Freshness? {
    let directives = response.directives, shortest = errorTTL(response.status)
    switch response.status {
    case 404, 410, 414, 501: if directives.has(Self.unwilling) { return nil }
    case 500, 502, 503, 504: break
    case 400, 403, 405, 412, 415: if directives.maxAge == nil && directives.sharedMaxAge == nil { return nil }
    default: return nil
    }
    let ttl = min(max(shortest, statedTTL(response, now) ?? 0), maxTTL)
    if ttl == 0 { return nil }
    var flags: Freshness.Flags = .isError
    if directives.has([.mustRevalidate, .proxyRevalidate]) { flags.insert(.mustRevalidate) }
    return freshness(ttl, response, now, flags)
  }

  /// Spec 3.3: stale use ends with the longest time; without `stale-if-error` an expired object serves while the origin fails. An expired
  /// error never stands in for another.
  private func freshness(_ ttl: Int, _ response: ResponseFacts, _ now: Int64, _ flags: Freshness.Flags) -> Freshness {
    let rest = max(0, maxTTL - ttl), freshUntil = now + Self.milliseconds(ttl)
    let whileRevalidating = flags.contains(.mustRevalidate) ? 0 : min(response.directives.staleWhileRevalidate ?? 0, rest)
    let onError = flags.contains(.isError) ? freshUntil : response.directives.staleIfError.map { freshUntil + Self.milliseconds(min($0, rest)) } ?? .max
    return Freshness(
      receivedAt: now, initialAge: Self.milliseconds(response.age), freshUntil: freshUntil,
      revalidatableUntil: freshUntil + Self.milliseconds(whileRevalidating), usableOnErrorUntil: onError, flags: flags)
  }

  private static func milliseconds(_ seconds: Int) -> Int64 { Int64(min(max(seconds, 0), secondsLimit)) * 1000 }
  /// A hundred years, the longest time a policy may have.
  private static let secondsLimit = 3_153_600_000
}

// MARK: - RFC 9111

extension StoringRules {
  /// Section 3: storable at all?
  private func rfcFreshness(_ response: ResponseFacts, _ request: RequestFacts, _ requestTime: Int64, _ now: Int64) -> Freshness? {
    let directives = response.directives
    let understands = Self.understands(response.status)
    if directives.has(.mustUnderstand) {
      guard understands else { return nil }
    } else if directives.has(.noStore) {
      return nil
    }
    guard !directives.has(.private), !request.directives.has(.noStore), !response.variesByAnything else { return nil }
    if request.isAuthorized && directives.sharedMaxAge == nil && !directives.has([.mustRevalidate, .public]) { return nil }
    let isHeuristic = directives.sharedMaxAge == nil && directives.maxAge == nil && response.expires == .absent
    guard !isHeuristic || directives.has(.public) || Self.isHeuristicallyCacheable(response.status) else { return nil }
    let age = initialAge(response, requestTime, now)
    let lifetime = min(isHeuristic ? heuristicLifetime(response, now) : statedLifetime(response, now), maxTTL)
    var flags: Freshness.Flags = .rfc9111
    if isHeuristic { flags.insert(.heuristic) }
    if response.status >= 400 { flags.insert(.isError) }
    // s-maxage implies proxy-revalidate (5.2.2.10).
    if directives.has([.mustRevalidate, .proxyRevalidate]) || directives.sharedMaxAge != nil { flags.insert(.mustRevalidate) }
    let isAlwaysValidated = directives.has(.noCache)
    if isAlwaysValidated { flags.formUnion([.mustRevalidate, .unshared]) }
    let freshFor = isAlwaysValidated ? 0 : max(0, Self.milliseconds(lifetime) - age)
    if freshFor == 0 {
      flags.insert(.unshared)
      if !response.hasValidator && directives.staleWhileRevalidate == nil && directives.staleIfError == nil { return nil }
    }
    let freshUntil = now + freshFor, overdue = max(0, age - Self.milliseconds(lifetime)), isBound = flags.contains(.mustRevalidate)
    func until(_ seconds: Int?) -> Int64 { isBound ? freshUntil : freshUntil + max(0, Self.milliseconds(seconds ?? 0) - overdue) }
    return Freshness(
      receivedAt: now, initialAge: age, freshUntil: freshUntil, revalidatableUntil: until(directives.staleWhileRevalidate),
      usableOnErrorUntil: until(directives.staleIfError), flags: flags)
  }

  /// 4.2.3: corrected_initial_age, in milliseconds. A Date in the future makes nothing younger. One of the second before is what rounding
  /// makes of now: responses of short life would lose half of it, or all.
  private func initialAge(_ response: ResponseFacts, _ requestTime: Int64, _ now: Int64) -> Int64 {
    let seconds = response.date.seconds.map { now / 1000 - Int64($0) } ?? 0
    let apparent = seconds > 1 ? seconds * 1000 : 0
    return min(max(apparent, Self.milliseconds(response.age) + max(0, now - requestTime)), Self.milliseconds(CacheDirectives.longest))
  }

  /// 4.2.1.
  private func statedLifetime(_ response: ResponseFacts, _ now: Int64) -> Int {
    if let stated = response.directives.sharedMaxAge ?? response.directives.maxAge { return stated }
    guard case .at(let expires) = response.expires else { return 0 }
    return min(max(0, expires - (response.date.seconds ?? Int(now / 1000))), CacheDirectives.longest)
  }

  /// 4.2.2.
  private func heuristicLifetime(_ response: ResponseFacts, _ now: Int64) -> Int {
    guard let changed = response.lastModified.seconds else { return 0 }
    return min(max(0, (response.date.seconds ?? Int(now / 1000)) - changed) / 10, Self.heuristicLimitSeconds)
  }

  /// Status codes that RFC 9110, 15.1 calls heuristically cacheable; but 206, which is not stored.
  private static func isHeuristicallyCacheable(_ status: Int) -> Bool {
    switch status {
    case 200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501: true
    default: false
    }
  }

  /// Status codes whose caching needs nothing more than what is done here (5.2.2.3).
  private static func understands(_ status: Int) -> Bool {
    switch status {
    case 200...205, 300...303, 305, 307, 308, 400...417, 421, 422, 426, 428, 429, 431, 451, 500...505: true
    default: false
    }
  }
}
