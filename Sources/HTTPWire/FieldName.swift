// Owns: the field names that some rule of ours mentions, so that rules are sets of bits and not comparisons of text.
// A name is recognised while its head is parsed: one hash, one comparison of words.

/// A field name that a rule mentions, or a family of names, or any other.
public enum FieldName: UInt8, BitwiseCopyable, CaseIterable, Sendable {
  /// Named by no rule.
  case other = 0
  // Hop by hop (RFC 9110, 7.6.1), and the framing of messages.
  case connection, keepAlive, proxyConnection, te, trailer, transferEncoding, upgrade, contentLength
  // Request.
  case host, expect, userAgent, accept, acceptCharset, acceptLanguage, acceptEncoding, authorization, referer, cookie, origin
  case range, requestRange, ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince, ifRange, maxForwards, from
  case xForwardedFor, xForwardedProto, xRealIP, xHTTPMethodOverride, via, cdnLoop
  case accessControlRequestMethod, accessControlRequestHeaders, traceparent, tracestate
  // Both, or response.
  case cacheControl, pragma, contentType, contentEncoding, contentMD5, contentLanguage, date, server, warning
  case age, vary, setCookie, location, etag, lastModified, expires
  case xCache, xAmzCfId, xAmzCfPop
  // Families: any further name that begins so.
  case cloudFront, xAmzCf, xEdge, proxy
  /// Taken out of the message: by Connection, a policy or a function.
  case dropped

  /// The name in lower case; empty for ``other``, the families and ``dropped``.
  public var text: StaticString {
    switch self {
    case .other, .cloudFront, .xAmzCf, .xEdge, .proxy, .dropped: ""
    case .connection: "connection"
    case .keepAlive: "keep-alive"
    case .proxyConnection: "proxy-connection"
    case .te: "te"
    case .trailer: "trailer"
    case .transferEncoding: "transfer-encoding"
    case .upgrade: "upgrade"
    case .contentLength: "content-length"
    case .host: "host"
    case .expect: "expect"
    case .userAgent: "user-agent"
    case .accept: "accept"
    case .acceptCharset: "accept-charset"
    case .acceptLanguage: "accept-language"
    case .acceptEncoding: "accept-encoding"
    case .authorization: "authorization"
    case .referer: "referer"
    case .cookie: "cookie"
    case .origin: "origin"
    case .range: "range"
    case .requestRange: "request-range"
    case .ifMatch: "if-match"
    case .ifNoneMatch: "if-none-match"
    case .ifModifiedSince: "if-modified-since"
    case .ifUnmodifiedSince: "if-unmodified-since"
    case .ifRange: "if-range"
    case .maxForwards: "max-forwards"
    case .from: "from"
    case .xForwardedFor: "x-forwarded-for"
    case .xForwardedProto: "x-forwarded-proto"
    case .xRealIP: "x-real-ip"
    case .xHTTPMethodOverride: "x-http-method-override"
    case .via: "via"
    case .cdnLoop: "cdn-loop"
    case .accessControlRequestMethod: "access-control-request-method"
    case .accessControlRequestHeaders: "access-control-request-headers"
    case .traceparent: "traceparent"
    case .tracestate: "tracestate"
    case .cacheControl: "cache-control"
    case .pragma: "pragma"
    case .contentType: "content-type"
    case .contentEncoding: "content-encoding"
    case .contentMD5: "content-md5"
    case .contentLanguage: "content-language"
    case .date: "date"
    case .server: "server"
    case .warning: "warning"
    case .age: "age"
    case .vary: "vary"
    case .setCookie: "set-cookie"
    case .location: "location"
    case .etag: "etag"
    case .lastModified: "last-modified"
    case .expires: "expires"
    case .xCache: "x-cache"
    case .xAmzCfId: "x-amz-cf-id"
    case .xAmzCfPop: "x-amz-cf-pop"
    }
  }

  /// Whether these are all the bytes of a name, and not the beginning of a family's, or unknown.
  @inline(__always) var isExact: Bool { rawValue < FieldName.cloudFront.rawValue && self != .other }

  /// The name that these bytes spell, letter case aside; a family's, or ``other``.
  public init(_ name: Span<UInt8>) { self = FieldNameTable.shared.name(name, 0, name.count) }
}

/// A set of field names.
public struct FieldNameSet: OptionSet, Sendable {
  /// One bit for each name, at the place of its raw value.
  public let rawValue: UInt64
  /// The set of these bits.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
  /// The set of these names.
  public init(_ names: FieldName...) { rawValue = names.reduce(0) { $0 | 1 << UInt64($1.rawValue) } }
  /// The set of one name.
  @inlinable public init(_ name: FieldName) { rawValue = 1 &<< UInt64(name.rawValue) }
  /// Whether a name is in the set.
  @inlinable public func has(_ name: FieldName) -> Bool { rawValue &>> UInt64(name.rawValue) & 1 != 0 }
  /// Adds a name.
  @inlinable public mutating func add(_ name: FieldName) { formUnion(FieldNameSet(name)) }

  /// Fields that end at this hop (RFC 9110, 7.6.1), framing included: the sender writes its own.
  public static let hopByHop = FieldNameSet(.connection, .keepAlive, .proxyConnection, .te, .trailer, .transferEncoding, .upgrade, .dropped)
}

/// Recognises names: a hash without collisions among the known names, then a comparison of their first and last eight bytes.
/// Only letters match in either case, so a name that is recognised is also a valid token (RFC 9110, 5.1).
struct FieldNameTable: ~Copyable, Sendable {   // so that nobody who asks it counts references to its arrays
  static let shared = FieldNameTable()
  private static let slots = 256
  /// Names that no rule mentions, but many messages have: recognised, they need not be looked at byte by byte to be tokens.
  private static let usual: [StaticString] = [
    "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest", "sec-fetch-user", "sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform",
    "upgrade-insecure-requests", "priority", "accept-ranges", "x-request-id", "x-powered-by", "x-content-type-options", "x-frame-options",
    "x-xss-protection", "referrer-policy", "strict-transport-security", "content-security-policy", "access-control-allow-origin",
  ]

  /// A known name: its first and last eight bytes (all of a shorter one, twice), and which bits of them are the case of letters.
  private struct Entry: BitwiseCopyable, Sendable {
    var name = FieldName.other
    var text: StaticString = ""
    var count = 0
    var first: UInt64 = 0, firstCase: UInt64 = 0, last: UInt64 = 0, lastCase: UInt64 = 0
  }

  /// By hash: the only name that may be meant, as its place in ``entries``. The first entry matches nothing.
  private var candidates = [UInt8](repeating: 0, count: slots)
  private var entries = [Entry()]
  /// Keeps the names of today apart. Found by the search in `init`, which takes 30 ms and finds another one for those of tomorrow.
  private(set) var multiplier: UInt64 = 0x0776_0f6f_aa74_6ba1

  /// Whether the multiplier that stands there does not do, and each start of the program looks for one.
  private(set) var wasSearched = false

  private init() {
    for name in FieldName.allCases where name.text.utf8CodeUnitCount > 0 { enter(name, name.text) }
    for text in Self.usual { enter(.other, text) }
    while !fill() {
      multiplier = multiplier &* 6_364_136_223_846_793_005 | 1
      wasSearched = true
    }
  }

  private mutating func enter(_ name: FieldName, _ text: StaticString) {
    let bytes = text.withUTF8Buffer { unsafe Array($0) }
    precondition(bytes.count > 1, "a known field name is too short to be told from others")
    let (first, last) = (Self.word(bytes.prefix(8)), Self.word(bytes.suffix(8)))
    entries.append(
      Entry(name: name, text: text, count: bytes.count, first: first, firstCase: Self.letterCase(first), last: last, lastCase: Self.letterCase(last)))
  }

  private static func word(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }
  /// The bits that tell capitals from small letters, where small letters stand.
  private static func letterCase(_ word: UInt64) -> UInt64 {
    (0..<8).reduce(0) { (97...122).contains(word >> UInt64(8 * $1) & 0xff) ? $0 | 0x20 << UInt64(8 * $1) : $0 }
  }

  /// Places every name; false when two collide under this multiplier.
  private mutating func fill() -> Bool {
    candidates = [UInt8](repeating: 0, count: Self.slots)
    for index in 1..<entries.count {
      let slot = hash(entries[index].count, entries[index].first, entries[index].last)
      if candidates[slot] != 0 { return false }
      candidates[slot] = UInt8(index)
    }
    return true
  }

  @inline(__always) private func hash(_ count: Int, _ first: UInt64, _ last: UInt64) -> Int {
    let small: UInt64 = 0x2020_2020_2020_2020
    let key = (first | small) &+ ((last | small) << 7 ^ UInt64(truncatingIfNeeded: count))
    return Int(truncatingIfNeeded: (key &* multiplier) >> 56)
  }

  /// The name spelt by `count` bytes from `start` on.
  @inline(__always) func name(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> FieldName { recognise(bytes, start, count).name }

  /// The same, and whether the bytes are known to be a token; if not, they may be one all the same.
  @inline(__always) func recognise(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> (name: FieldName, isToken: Bool) {
    guard count > 1 else { return (.other, false) }
    let first: UInt64, last: UInt64
    if count >= 8 {
      (first, last) = (bytes.word(start), bytes.word(start + count - 8))
    } else {
      first = shortWord(bytes, start, count)
      last = first
    }
    let entry = entries[Int(candidates[hash(count, first, last)])]
    if entry.count == count && first | entry.firstCase == entry.first && last | entry.lastCase == entry.last {
      return count <= 16 || bytes.slice(start, count).equalsLowercase(entry.text) ? (entry.name, true) : (.other, false)   // the middle, too
    }
    return (family(bytes, start, count), false)
  }

  /// Fewer than eight bytes as a word.
  @inline(__always) private func shortWord(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> UInt64 {
    if start + 8 <= bytes.count { return bytes.word(start) & (1 &<< UInt64(truncatingIfNeeded: 8 * count) &- 1) }
    var word: UInt64 = 0
    for i in 0..<count { word |= UInt64(bytes[start + i]) << UInt64(8 * i) }
    return word
  }

  @inline(__always) private func family(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> FieldName {
    guard count >= 7, start + 8 <= bytes.count else { return .other }
    let word = bytes.word(start) | 0x2020_2020_2020_2020
    if word == 0x6f72_6664_756f_6c63 && count > 11 { return bytes.slice(start, 11).equalsLowercase("cloudfront-") ? .cloudFront : .other }
    if word == 0x6663_2d7a_6d61_2d78 && count > 9 && bytes[start + 8] == 45 { return .xAmzCf }
    if word & 0x00ff_ffff_ffff_ffff == 0x002d_6567_6465_2d78 { return .xEdge }
    if word & 0x0000_ffff_ffff_ffff == 0x0000_2d79_786f_7270 { return .proxy }
    return .other
  }
}
