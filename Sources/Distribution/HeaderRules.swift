// Which headers may be forwarded, added and removed: the fixed lists of the specification.
// Pure functions over names; any thread. Names are compared without ASCII case.
// Source: spec/request-pipeline.md 6, 12.

/// The fixed lists of header names.
public enum HeaderRules {
  /// How a viewer's header is treated on its way to the origin, before any policy is asked. (Spec 12.)
  enum RequestClass {
    /// Sent whatever the policies say: it describes the body or is handled from end to end.
    case always
    /// Never copied: dropped, or written by the pipeline.
    case never
    /// Authorization: by default only with unsafe methods.
    case authorization
    /// Accept-Encoding: rewritten when the cache policy normalises it.
    case acceptEncoding
    /// Removed unless a policy forwards it.
    case removedByDefault
    /// Trace context: what takes no part in a trace passes it on (W3C Trace Context, 3.4), so a policy need not list it; one that excludes it
    /// is followed.
    case traceContext
    /// Forwarded by default, dropped by a policy that does not list it.
    case other
  }

  /// The class of a header, by its name in any case. Most names have no rule of their letter and length: one look.
  static func requestClass(of name: Span<UInt8>) -> RequestClass {
    guard name.count > 1 else { return .other }
    let letter = Int(lowercased(name[0])) - 0x61
    guard letter >= 0 && letter < 26 else { return .other }
    guard requestLengths[letter] >> UInt64(min(name.count, 63)) & 1 == 1 else { return .other }
    for rule in requestRules[letter] where rule.covers(name) { return rule.requestClass }
    return .other
  }

  /// A name, or the beginning of names, and its class.
  private struct RequestRule: Sendable {
    let name: [UInt8]
    let isPrefix: Bool
    let requestClass: RequestClass

    /// A trailing `*` makes a prefix.
    init(_ text: Substring, _ requestClass: RequestClass) {
      isPrefix = text.hasSuffix("*")
      name = Array(text.utf8.prefix { $0 != UInt8(ascii: "*") })
      self.requestClass = requestClass
    }

    /// Whether a header of this name in any case is meant.
    func covers(_ other: Span<UInt8>) -> Bool {
      guard isPrefix ? other.count >= name.count : other.count == name.count else { return false }
      var index = name.count
      // From the end: names of one letter and one length differ there more often.
      while index > 0 {
        index -= 1
        if lowercased(other[index]) != name[index] { return false }
      }
      return true
    }
  }

  /// By first letter: which lengths a name with a rule can have; bit 63 stands for every longer one.
  private static let requestLengths: InlineArray<26, UInt64> = {
    var lengths = InlineArray<26, UInt64>(repeating: 0)
    for letter in 0..<26 {
      for rule in requestRules[letter] {
        lengths[letter] |= rule.isPrefix ? ~0 << UInt64(rule.name.count) : 1 << UInt64(rule.name.count)
      }
    }
    return lengths
  }()

  /// The rules by the first letter of their names.
  private static let requestRules: [[RequestRule]] = {
    let table: [(RequestClass, String)] = [
      (.always, "cache-control content-* if-* pragma range request-range max-forwards date from warning"),
      (.never, "host cookie via x-forwarded-for expect x-forwarded-proto x-real-ip x-edge-* x-amz-cf-* cloudfront-*"),
      (.never, "te trailer connection keep-alive transfer-encoding upgrade proxy-* cdn-loop"),
      (.removedByDefault, "accept accept-charset accept-language referer x-http-method-override user-agent"),
      (.authorization, "authorization"),
      (.traceContext, "traceparent tracestate"),
      (.acceptEncoding, "accept-encoding"),
    ]
    var rules: [[RequestRule]] = Array(repeating: [], count: 26)
    for (requestClass, names) in table {
      for name in names.split(separator: " ") {
        let rule = RequestRule(name, requestClass)
        rules[Int(rule.name[0]) - 0x61].append(rule)
      }
    }
    return rules
  }()

  /// Whether a response headers policy may remove or add a header. (Spec 6.)
  public static func mayChangeInResponse(_ name: String) -> Bool {
    !isListed(name, names: fixedInResponse, prefixes: ["proxy-", "x-accel-", "x-amz-cf-", "x-amzn-", "x-edge-"])
  }
  private static let fixedInResponse: Set<String> = [
    "connection", "content-encoding", "content-length", "expect", "host", "keep-alive", "trailer",
    "transfer-encoding", "upgrade", "via", "warning", "x-cache", "x-forwarded-proto", "x-real-ip",
  ]

  /// Whether an origin's custom headers may have a header of this name. (Spec 12.)
  public static func mayBeOriginCustomHeader(_ name: String) -> Bool {
    !isListed(name, names: fixedTowardOrigin, prefixes: ["if-", "proxy-", "x-amz-", "x-edge-"])
  }
  private static let fixedTowardOrigin: Set<String> = [
    "cache-control", "connection", "content-length", "cookie", "host", "max-forwards", "pragma", "range",
    "request-range", "te", "trailer", "transfer-encoding", "upgrade", "via", "x-real-ip",
  ]

  /// Whether a cache policy may list a header. (Spec 3, 12.)
  public static func mayBeInCacheKey(_ name: String) -> Bool {
    let name = name.lowercased()
    if name.hasPrefix("cloudfront-") { return CloudFrontHeader(lowercasedName: name)?.mayBeInCacheKey ?? false }
    return !isListed(name, names: neverInKey, prefixes: ["x-edge-", "proxy-", "x-amz-cf-"])
  }
  private static let neverInKey: Set<String> = [
    "connection", "cookie", "x-forwarded-proto", "x-real-ip", "te", "trailer", "upgrade", "cache-control", "pragma",
    "max-forwards", "content-length", "request-range", "transfer-encoding", "accept-encoding",
  ]

  /// Whether a name is a header field name: a token of RFC 9110 section 5.6.2.
  public static func isToken(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.allSatisfy(isTokenByte)
  }

  /// Whether a text can be a field value: visible ASCII, spaces, tabs and bytes above 127, no space at either end.
  public static func isFieldValue(_ value: String) -> Bool {
    let bytes = value.utf8
    func isSpace(_ byte: UInt8?) -> Bool { byte == 0x20 || byte == 0x09 }
    return bytes.allSatisfy { ($0 >= 0x20 && $0 != 0x7F) || $0 == 0x09 } && !isSpace(bytes.first) && !isSpace(bytes.last)
  }

  private static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
  }

  private static func isListed(_ name: String, names: Set<String>, prefixes: [String]) -> Bool {
    let name = name.lowercased()
    return names.contains(name) || prefixes.contains { name.hasPrefix($0) }
  }
}
