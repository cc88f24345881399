// CORS, security headers, fixed lists and managed policies. Source: spec/request-pipeline.md 6, 7, 12.
import Distribution
import Testing

struct CORSTests {
  static let origins: [(allowed: String, origin: String, matches: Bool)] = [
    ("*", "https://a.example", true), ("*", "null", true), ("https://www.example.com", "https://www.example.com", true),
    ("https://www.example.com", "HTTPS://WWW.example.com", true), ("https://www.example.com", "http://www.example.com", false),
    ("https://www.example.com", "https://www.example.com:8443", false), ("www.example.com", "http://www.example.com", true),
    ("www.example.com", "https://xwww.example.com", false), ("http://*.example.org", "http://a.example.org", true),
    ("http://*.example.org", "http://a.b.example.org", true), ("http://*.example.org", "http://example.org", false),
    ("http://*.example.org", "http://evilexample.org", false), ("http://*.example.org", "http://.example.org", false),
    ("*.example.org", "https://a.example.org", true), ("*.example.org", "https://a.example.org:81", false),
    ("*.example.org:*", "https://a.example.org:81", true), ("*.example.org:*", "https://a.example.org", false),
    ("http://example.org:1*3", "http://example.org:123", true), ("http://example.org:1*3", "http://example.org:13", true),
    ("http://example.org:1*3", "http://example.org:124", false), ("http://example.org", "null", false),
    ("http://example.org", "example.org", false), ("http://example.org", "", false), ("http://localhost", "http://localhost", true),
  ]
  @Test(arguments: origins) func allowedOrigin(_ test: (allowed: String, origin: String, matches: Bool)) {
    #expect(AllowedOrigin(test.allowed)?.allows(test.origin) == test.matches)
  }

  @Test(arguments: ["", "*.com", "https://", "ftp://a.example", "a.*.example", "https://a/b", "a:b", "a:", "*", "**"])
  func malformed(_ text: String) { #expect((AllowedOrigin(text) == nil) == (text != "*")) }

  static let policy = ResponseHeadersPolicy.CORS(
    allowCredentials: true, allowHeaders: ["authorization", "x-amz-*"], allowMethods: ["GET", "PUT"],
    allowOrigins: ["https://a.example", "https://*.b.example"].compactMap(AllowedOrigin.init), exposeHeaders: ["x-id"],
    maxAgeSeconds: 600, originOverride: true)

  static func text(_ decision: CORSDecision) -> [String] { decision.headers.map { "\($0.name): \($0.value)" } }

  @Test func simpleRequest() {
    let decision = Self.policy.decision(requestOrigin: "https://a.example", isPreflight: false, originSentCORSHeaders: true)
    #expect(decision.removesOriginHeaders && decision.variesByOrigin)
    #expect(Self.text(decision) == [
      "Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true",
      "Access-Control-Expose-Headers: x-id",
    ])
  }

  @Test func preflight() {
    let decision = Self.policy.decision(
      requestOrigin: "https://x.b.example", isPreflight: true, requestHeaders: "X-Amz-Date, x-amz-, x-other,x-amz-date",
      originSentCORSHeaders: false)
    #expect(Self.text(decision) == [
      "Access-Control-Allow-Origin: https://x.b.example", "Access-Control-Allow-Credentials: true",
      "Access-Control-Expose-Headers: x-id", "Access-Control-Allow-Methods: GET, PUT", "Access-Control-Allow-Headers: authorization, x-amz-date",
      "Access-Control-Max-Age: 600",
    ])
  }

  @Test func nothingWithoutOrigin() {
    #expect(Self.policy.decision(requestOrigin: nil, isPreflight: false, originSentCORSHeaders: true) == .untouched)
  }

  @Test func strangersGetNothing() {
    let decision = Self.policy.decision(requestOrigin: "https://evil.example", isPreflight: true, originSentCORSHeaders: true)
    #expect(decision.headers.isEmpty && decision.removesOriginHeaders && decision.variesByOrigin)
  }

  @Test func withoutOverrideTheOriginsAnswerStands() throws {
    let cors = try #require(ResponseHeadersPolicy.managed(named: "SimpleCORS")?.cors)
    #expect(cors.decision(requestOrigin: "https://a", isPreflight: false, originSentCORSHeaders: true) == .untouched)
    let added = cors.decision(requestOrigin: "https://a", isPreflight: false, originSentCORSHeaders: false)
    #expect(Self.text(added) == ["Access-Control-Allow-Origin: *"] && !added.variesByOrigin)
  }
}

struct HeaderListTests {
  @Test func responseHeaders() {
    for name in ["Connection", "content-encoding", "Proxy-Foo", "X-Amz-Cf-Id", "X-Edge-Y", "VIA", "X-Cache", "X-Amzn-A"] {
      #expect(!HeaderRules.mayChangeInResponse(name), "\(name)")
    }
    for name in ["Server", "Date", "X-Powered-By", "X-Amz-Id-2", "Set-Cookie", "ETag"] {
      #expect(HeaderRules.mayChangeInResponse(name), "\(name)")
    }
  }

  @Test func originCustomHeaders() {
    for name in ["Host", "If-Range", "X-Amz-A", "X-Edge-A", "Cookie", "Proxy-A", "X-Real-IP", "range"] {
      #expect(!HeaderRules.mayBeOriginCustomHeader(name), "\(name)")
    }
    for name in ["Authorization", "X-Secret", "Origin", "Accept", "X-Forwarded-For"] {
      #expect(HeaderRules.mayBeOriginCustomHeader(name), "\(name)")
    }
  }

  @Test func fieldSyntax() {
    for (name, isToken) in [("a", true), ("", false), ("a b", false), ("a:", false), ("é", false), ("x!#$%&'*+-.^_`|~1", true)] {
      #expect(HeaderRules.isToken(name) == isToken, "\(name)")
    }
    for (value, isValue) in [("", true), ("a b", true), (" a", false), ("a\t", false), ("a\r\nb", false), ("\u{0}", false), ("ü", true), ("\u{7F}", false)] {
      #expect(HeaderRules.isFieldValue(value) == isValue, "\(value)")
    }
  }

  @Test func securityHeaders() throws {
    let policy = try #require(ResponseHeadersPolicy.managed(named: "67f7725c-6f97-4210-82d7-5512b31e9d03"))
    #expect(policy.headersToSet.map { "\($0.override ? "!" : "")\($0.field.name): \($0.field.value)" } == [
      "Referrer-Policy: strict-origin-when-cross-origin", "Strict-Transport-Security: max-age=31536000",
      "!X-Content-Type-Options: nosniff", "X-Frame-Options: SAMEORIGIN", "X-XSS-Protection: 1; mode=block",
    ])
    #expect(
      ResponseHeadersPolicy.StrictTransportSecurity(maxAgeSeconds: 1, includeSubdomains: true, preload: true).value
        == "max-age=1; includeSubDomains; preload")
    #expect(ResponseHeadersPolicy.XSSProtection.report("/r").value == "1; report=/r")
  }

  /// Names and ids are what configurations contain: each is found, by both and with AWS's prefix.
  @Test func managedPolicies() {
    func check<Policy: NamedPolicy & Equatable>(_: Policy.Type, _ count: Int) {
      #expect(Policy.managed.count == count)
      #expect(Set(Policy.managed.compactMap(\.id)).count == count)
      for policy in Policy.managed {
        for key in [policy.name, "Managed-" + policy.name, policy.id ?? ""] { #expect(Policy.managed(named: key) == policy) }
      }
      #expect(Policy.managed(named: "nothing") == nil && Policy.managed(named: "") == nil)
    }
    check(CachePolicy.self, 7)
    check(OriginRequestPolicy.self, 8)
    check(ResponseHeadersPolicy.self, 5)
  }

  @Test func methods() {
    for (name, method) in MethodSet.named { #expect(MethodSet(name: bytes(name).span) == method) }
    for name in ["", "get", "GETX", "TRACE", "CONNECT", "PROPFIND"] { #expect(MethodSet(name: bytes(name).span) == nil) }
    #expect(MethodSet.all.names == ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"])
  }
}
