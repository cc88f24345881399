// Security headers as they are written, and the headers a policy sets, in their order.
// Pure; computed once per configuration or per response. Any thread.
// Source: spec/request-pipeline.md 6.

extension ResponseHeadersPolicy.StrictTransportSecurity {
  /// The header's value: `max-age=N[; includeSubDomains][; preload]`.
  public var value: String {
    "max-age=\(maxAgeSeconds)" + (includeSubdomains ? "; includeSubDomains" : "") + (preload ? "; preload" : "")
  }
}

extension ResponseHeadersPolicy.XSSProtection {
  /// The header's value: `0`, `1`, `1; mode=block` or `1; report=URI`.
  public var value: String {
    switch self {
    case .off: "0"
    case .on: "1"
    case .block: "1; mode=block"
    case .report(let uri): "1; report=\(uri)"
    }
  }
}

extension ResponseHeadersPolicy.SecurityHeaders {
  /// The headers given, ready to write. One without `override` is added only when the origin sent none of its name.
  public var rendered: [ResponseHeadersPolicy.CustomHeader] {
    var headers: [ResponseHeadersPolicy.CustomHeader] = []
    func add(_ name: String, _ value: String, _ override: Bool) {
      headers.append(.init(HeaderField(name: name, value: value), override: override))
    }
    if let policy = referrerPolicy { add("Referrer-Policy", policy.value.rawValue, policy.override) }
    if let policy = contentSecurityPolicy { add("Content-Security-Policy", policy.value, policy.override) }
    if let security = strictTransportSecurity {
      add("Strict-Transport-Security", security.value.value, security.override)
    }
    if let override = contentTypeOptionsOverride { add("X-Content-Type-Options", "nosniff", override) }
    if let option = frameOptions { add("X-Frame-Options", option.value.rawValue, option.override) }
    if let protection = xssProtection { add("X-XSS-Protection", protection.value.value, protection.override) }
    return headers
  }

  /// The names of all security headers, lower case: they are set here, not as custom headers.
  public static let names: Set<String> = [
    "referrer-policy", "content-security-policy", "strict-transport-security", "x-content-type-options",
    "x-frame-options", "x-xss-protection",
  ]
}

extension ResponseHeadersPolicy {
  /// Security and custom headers in the order in which they are set.
  public var headersToSet: [CustomHeader] { securityHeaders.rendered + customHeaders }
}
