// What a CORS policy does to one response.
// Pure; runs only for requests with an Origin header. Any thread.
// Source: spec/request-pipeline.md 6; the Fetch standard for the meaning of the headers.

/// The changes a CORS policy makes to one response.
public struct CORSDecision: Sendable, Equatable {
  /// Whether the origin's `Access-Control-*` headers are removed first.
  public var removesOriginHeaders: Bool
  /// The headers then added.
  public var headers: [HeaderField]
  /// Whether the headers depend on the request's Origin, so that `Vary: Origin` is needed.
  public var variesByOrigin: Bool

  /// Leaves the response as it is.
  public static let untouched = CORSDecision(removesOriginHeaders: false, headers: [], variesByOrigin: false)

  /// The names that count as CORS headers of a response.
  public static let headerNames = [
    "Access-Control-Allow-Credentials", "Access-Control-Allow-Headers", "Access-Control-Allow-Methods",
    "Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Access-Control-Max-Age",
  ]
}

extension ResponseHeadersPolicy.CORS {
  /// What this policy does to the response to a request.
  /// - Parameters:
  ///   - requestOrigin: the value of the request's Origin header; nil when it has none, and nothing is done.
  ///   - isPreflight: whether the request is OPTIONS with Access-Control-Request-Method.
  ///   - requestHeaders: the value of the request's Access-Control-Request-Headers, if any.
  ///   - originSentCORSHeaders: whether the response has any header of `CORSDecision.headerNames`.
  public func decision(
    requestOrigin: String?, isPreflight: Bool, requestHeaders: String? = nil, originSentCORSHeaders: Bool
  ) -> CORSDecision {
    guard let requestOrigin else { return .untouched }
    if originSentCORSHeaders && !originOverride { return .untouched }
    let isEvery = allowOrigins.contains(where: \.isEvery)
    var decision = CORSDecision(
      removesOriginHeaders: originSentCORSHeaders, headers: [], variesByOrigin: !isEvery)
    // A policy that overrides is the whole truth: an origin it does not allow gets no CORS header at all.
    guard isEvery || allowOrigins.contains(where: { $0.allows(requestOrigin) }) else { return decision }

    func add(_ name: String, _ value: String) { decision.headers.append(HeaderField(name: name, value: value)) }
    add("Access-Control-Allow-Origin", isEvery ? "*" : requestOrigin)
    if allowCredentials { add("Access-Control-Allow-Credentials", "true") }
    if !exposeHeaders.isEmpty { add("Access-Control-Expose-Headers", exposeHeaders.joined(separator: ", ")) }
    if !isPreflight { return decision }
    let methods = allowMethods.contains("ALL") ? Self.allMethods : allowMethods
    if !methods.isEmpty { add("Access-Control-Allow-Methods", methods.joined(separator: ", ")) }
    let headers = allowedHeaders(requested: requestHeaders)
    if !headers.isEmpty { add("Access-Control-Allow-Headers", headers.joined(separator: ", ")) }
    if let maxAgeSeconds { add("Access-Control-Max-Age", String(maxAgeSeconds)) }
    return decision
  }

  /// What `ALL` stands for.
  public static let allMethods = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]

  /// The names to send: those listed, and those requested that a pattern such as `x-amz-*` covers, which browsers would
  /// not understand themselves. A plain `*` is sent as it is; browsers except Authorization from it.
  private func allowedHeaders(requested: String?) -> [String] {
    let patterns = allowHeaders.filter { $0 != "*" && $0.contains("*") }
    var names = allowHeaders.filter { $0 == "*" || !$0.contains("*") }
    if patterns.isEmpty { return names }
    for name in (requested ?? "").split(separator: ",") {
      let name = name.filter { $0 != " " && $0 != "\t" }.lowercased()
      if HeaderRules.isToken(name), !names.contains(name), patterns.contains(where: { Self.matches(name, $0) }) {
        names.append(name)
      }
    }
    return names
  }

  /// Whether a lower-case header name matches a pattern with one `*`, which stands for at least one character.
  static func matches(_ name: String, _ pattern: String) -> Bool {
    let parts = pattern.lowercased().split(separator: "*", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2 else { return name == pattern.lowercased() }
    return name.utf8.count > parts[0].utf8.count + parts[1].utf8.count && name.hasPrefix(parts[0])
      && name.hasSuffix(parts[1])
  }
}
