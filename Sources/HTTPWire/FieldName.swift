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
  case accessControlRequestMethod, accessControlRequestHeaders
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

  /// The name that these bytes spell, letter case aside; a family's, or ``other``.
  public init(_ name: Span<UInt8>) { self = FieldNameTable.shared.name(name, 0, name.count) }
}

/// A set of field names.
public struct FieldNameSet: OptionSet, Sendable {
  public let rawValue: UInt64
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
  /// The set of these names.
  public init(_ names: FieldName...) { rawValue = names.reduce(0) { $0 | 1 << UInt64($1.rawValue) } }
  /// Whether a name is in the set.
  @inlinable public func has(_ name: FieldName) -> Bool { rawValue &>> UInt64(name.rawValue) & 1 != 0 }
  /// Adds a name.
  @inlinable public mutating func add(_ name: FieldName) { insert(FieldNameSet(rawValue: 1 &<< UInt64(name.rawValue))) }

  /// Fields that end at this hop (RFC 9110, 7.6.1), framing included: the sender writes its own.
  public static let hopByHop = FieldNameSet(.connection, .keepAlive, .proxyConnection, .te, .trailer, .transferEncoding, .upgrade, .dropped)
}

/// Recognises names: a hash without collisions among the known names, then one comparison, eight bytes at a time.
struct FieldNameTable: Sendable {
  static let shared = FieldNameTable()
  static let slots = 512
  static let longest = 32

  /// By hash: the only name that may be meant.
  private var candidates = [UInt8](repeating: 0, count: slots)
  /// By name: length, and the lower-case bytes in four words.
  private var lengths: [UInt8] = []
  private var words: [UInt64] = []
  private var multiplier: UInt64 = 1

  private init() {
    for name in FieldName.allCases {
      let bytes = name.text.withUTF8Buffer { unsafe Array($0) }
      precondition(bytes.count <= Self.longest, "a known field name is longer than the table's words")
      lengths.append(UInt8(bytes.count))
      let padded = bytes + Array(repeating: 0, count: Self.longest - bytes.count)
      for start in stride(from: 0, to: Self.longest, by: 8) {
        words.append((0..<8).reduce(UInt64(0)) { $0 | UInt64(padded[start + $1]) << UInt64(8 * $1) })
      }
    }
    while !fill() { multiplier += 2 }
  }

  /// Places every name; false when two collide under this multiplier.
  private mutating func fill() -> Bool {
    candidates = [UInt8](repeating: 0, count: Self.slots)
    for name in FieldName.allCases where lengths[Int(name.rawValue)] > 0 {
      let text = name.text.withUTF8Buffer { unsafe Array($0) }
      let slot = hash(text.count, text[0], text[text.count - 1], text[text.count / 2])
      if candidates[slot] != 0 { return false }
      candidates[slot] = name.rawValue
    }
    return true
  }

  @inline(__always) private func hash(_ count: Int, _ first: UInt8, _ last: UInt8, _ middle: UInt8) -> Int {
    let key = UInt64(truncatingIfNeeded: count) | UInt64(first | 0x20) << 8 | UInt64(last | 0x20) << 16 | UInt64(middle | 0x20) << 24
    return Int(truncatingIfNeeded: (key &* (multiplier &* 0x9e37_79b9_7f4a_7c15)) >> 55)
  }

  /// The name spelt by `count` bytes from `start` on.
  @inline(__always) func name(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> FieldName {
    guard count > 1, count <= Self.longest else { return .other }
    let slot = hash(count, bytes[start], bytes[start + count - 1], bytes[start + count / 2])
    let candidate = Int(candidates[slot])
    if candidate != 0 && Int(lengths[candidate]) == count && matches(bytes, start, count, candidate) {
      return FieldName(rawValue: UInt8(truncatingIfNeeded: candidate)) ?? .other
    }
    return family(bytes, start, count)
  }

  @inline(__always) private func matches(_ bytes: Span<UInt8>, _ start: Int, _ count: Int, _ candidate: Int) -> Bool {
    var index = candidate * 4, left = count, at = start
    while left >= 8 {
      if bytes.word(at) | 0x2020_2020_2020_2020 != words[index] { return false }
      index += 1
      left -= 8
      at += 8
    }
    if left == 0 { return true }
    var rest: UInt64 = 0
    if at + 8 <= bytes.count {
      rest = bytes.word(at) & (1 &<< UInt64(truncatingIfNeeded: 8 * left) &- 1)
    } else {
      for i in 0..<left { rest |= UInt64(bytes[at + i]) << UInt64(8 * i) }
    }
    return rest | (0x2020_2020_2020_2020 & (1 &<< UInt64(truncatingIfNeeded: 8 * left) &- 1)) == words[index]
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
