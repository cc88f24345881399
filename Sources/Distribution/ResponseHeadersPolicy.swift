// Response headers policies: CORS, security headers, headers added and removed, Server-Timing.
// Immutable values; any thread may read them. The decisions are in CORSDecision.swift and ResponseHeaderRules.swift.
// Source: spec/request-pipeline.md 6.

/// What is done to the headers of every response of a behavior.
/// Order of application: remove, CORS, security, custom, Server-Timing.
public struct ResponseHeadersPolicy: Sendable, Equatable {
  /// A value, and whether it replaces the origin's.
  public struct Overridable<Value: Sendable & Equatable>: Sendable, Equatable {
    /// The value.
    public var value: Value
    /// Whether it replaces a value the origin sent.
    public var override: Bool

    /// A value that replaces the origin's, or yields to it.
    public init(_ value: Value, override: Bool) {
      self.value = value
      self.override = override
    }
  }

  /// The CORS part.
  public struct CORS: Sendable, Equatable {
    /// `Access-Control-Allow-Credentials: true` or nothing.
    public var allowCredentials: Bool
    /// Header names or patterns for `Access-Control-Allow-Headers`; `*` is every one but Authorization.
    public var allowHeaders: [String]
    /// Methods for `Access-Control-Allow-Methods`. Seven at most; `ALL` becomes all seven.
    public var allowMethods: [String]
    /// The origins allowed.
    public var allowOrigins: [AllowedOrigin]
    /// Header names for `Access-Control-Expose-Headers`.
    public var exposeHeaders: [String]
    /// `Access-Control-Max-Age` in seconds; nil sends none.
    public var maxAgeSeconds: Int?
    /// Whether the origin's CORS headers are replaced. When not, a response with any of them is left alone.
    public var originOverride: Bool

    /// A CORS configuration.
    public init(
      allowCredentials: Bool = false, allowHeaders: [String] = [], allowMethods: [String] = [],
      allowOrigins: [AllowedOrigin], exposeHeaders: [String] = [], maxAgeSeconds: Int? = nil,
      originOverride: Bool = true
    ) {
      self.allowCredentials = allowCredentials
      self.allowHeaders = allowHeaders
      self.allowMethods = allowMethods
      self.allowOrigins = allowOrigins
      self.exposeHeaders = exposeHeaders
      self.maxAgeSeconds = maxAgeSeconds
      self.originOverride = originOverride
    }
  }

  /// The security headers; each is sent when given.
  public struct SecurityHeaders: Sendable, Equatable {
    /// `Strict-Transport-Security`.
    public var strictTransportSecurity: Overridable<StrictTransportSecurity>?
    /// `X-Content-Type-Options: nosniff`; the value is its override flag.
    public var contentTypeOptionsOverride: Bool?
    /// `X-Frame-Options`.
    public var frameOptions: Overridable<FrameOption>?
    /// `Referrer-Policy`.
    public var referrerPolicy: Overridable<ReferrerPolicy>?
    /// `Content-Security-Policy`, at most 1,783 bytes.
    public var contentSecurityPolicy: Overridable<String>?
    /// `X-XSS-Protection`.
    public var xssProtection: Overridable<XSSProtection>?

    /// The security headers given; none by default.
    public init(
      strictTransportSecurity: Overridable<StrictTransportSecurity>? = nil, contentTypeOptionsOverride: Bool? = nil,
      frameOptions: Overridable<FrameOption>? = nil, referrerPolicy: Overridable<ReferrerPolicy>? = nil,
      contentSecurityPolicy: Overridable<String>? = nil, xssProtection: Overridable<XSSProtection>? = nil
    ) {
      self.strictTransportSecurity = strictTransportSecurity
      self.contentTypeOptionsOverride = contentTypeOptionsOverride
      self.frameOptions = frameOptions
      self.referrerPolicy = referrerPolicy
      self.contentSecurityPolicy = contentSecurityPolicy
      self.xssProtection = xssProtection
    }
  }

  /// `Strict-Transport-Security` (RFC 6797).
  public struct StrictTransportSecurity: Sendable, Equatable {
    /// `max-age` in seconds.
    public var maxAgeSeconds: Int
    /// Whether `includeSubDomains` is sent.
    public var includeSubdomains: Bool
    /// Whether `preload` is sent.
    public var preload: Bool

    /// A value of the header.
    public init(maxAgeSeconds: Int, includeSubdomains: Bool = false, preload: Bool = false) {
      self.maxAgeSeconds = maxAgeSeconds
      self.includeSubdomains = includeSubdomains
      self.preload = preload
    }
  }

  /// `X-Frame-Options`.
  public enum FrameOption: String, Sendable, CaseIterable {
    /// Never in a frame.
    case deny = "DENY"
    /// Only in a frame of the same origin.
    case sameOrigin = "SAMEORIGIN"
  }

  /// `Referrer-Policy`.
  public enum ReferrerPolicy: String, Sendable, CaseIterable {
    /// Never.
    case noReferrer = "no-referrer"
    /// Not from https to http.
    case noReferrerWhenDowngrade = "no-referrer-when-downgrade"
    /// Only the origin.
    case origin
    /// Only the origin to other origins.
    case originWhenCrossOrigin = "origin-when-cross-origin"
    /// Only to the same origin.
    case sameOrigin = "same-origin"
    /// Only the origin, and not from https to http.
    case strictOrigin = "strict-origin"
    /// Only the origin to other origins, and not from https to http.
    case strictOriginWhenCrossOrigin = "strict-origin-when-cross-origin"
    /// Always all of it.
    case unsafeURL = "unsafe-url"
  }

  /// `X-XSS-Protection`.
  public enum XSSProtection: Sendable, Equatable {
    /// `0`.
    case off
    /// `1`.
    case on
    /// `1; mode=block`.
    case block
    /// `1; report=URI`.
    case report(String)
  }

  /// A header added to every response.
  public struct CustomHeader: Sendable, Equatable {
    /// Its name and value.
    public var field: HeaderField
    /// Whether it replaces the origin's.
    public var override: Bool

    /// A header to add.
    public init(_ field: HeaderField, override: Bool) {
      self.field = field
      self.override = override
    }
  }

  /// Its name.
  public var name: String
  /// Its identifier, for a managed policy.
  public var id: String?
  /// The CORS part, if any.
  public var cors: CORS?
  /// The security headers.
  public var securityHeaders: SecurityHeaders
  /// Headers added, at most 10.
  public var customHeaders: [CustomHeader]
  /// Names of headers removed from the origin's response, lower case.
  public var removeHeaders: [String]
  /// The share of responses that get a `Server-Timing` header, in percent (0–100, four decimals); nil sends none.
  public var serverTimingSamplingPercent: Double?

  /// A response headers policy.
  public init(
    name: String, id: String? = nil, cors: CORS? = nil, securityHeaders: SecurityHeaders = SecurityHeaders(),
    customHeaders: [CustomHeader] = [], removeHeaders: [String] = [], serverTimingSamplingPercent: Double? = nil
  ) {
    self.name = name
    self.id = id
    self.cors = cors
    self.securityHeaders = securityHeaders
    self.customHeaders = customHeaders
    self.removeHeaders = removeHeaders
    self.serverTimingSamplingPercent = serverTimingSamplingPercent
  }
}
