// What of a viewer's request is sent on to the origin, derived once from a behavior's two policies.
// An immutable value; asking it allocates nothing. Any thread may read it.
// Source: spec/request-pipeline.md 3, 5, 12.

/// Which headers, cookies and query string parameters of a request the origin sees.
///
/// Hop-by-hop headers are not its business: HTTPWire drops them before it is asked. Via, X-Forwarded-For, X-Amz-Cf-Id
/// and the origin's custom headers are added by the pipeline whatever it says.
public struct ForwardingRules: Sendable, Equatable {
  /// Which of the viewer's headers are sent on.
  public enum Headers: Sendable, Equatable {
    /// No policy is named: all but those of spec 12's list.
    case `default`
    /// Only what is always sent.
    case none
    /// All the viewer sent.
    case all
    /// Those listed, lower case.
    case only([String])
    /// All but those listed, lower case.
    case allExcept([String])
  }

  /// The headers sent on.
  public let headers: Headers
  /// The cookies sent on.
  public var cookies: NameSelection
  /// The query string parameters sent on.
  public var queryStrings: NameSelection
  /// The `CloudFront-*` headers added, each once, in the order of the policies.
  public var cloudFrontHeaders: [CloudFrontHeader]
  /// Whether the origin sees the viewer's Host; otherwise its own domain name.
  public var forwardsHost: Bool
  /// Whether the origin sees the viewer's User-Agent; otherwise `Amazon CloudFront`.
  public var forwardsUserAgent: Bool
  /// Whether the cache policy has gzip as a variant; then Accept-Encoding is rewritten by `AcceptEncoding`.
  public var acceptsGzip: Bool
  /// Whether the cache policy has Brotli as a variant; then Accept-Encoding is rewritten by `AcceptEncoding`.
  public var acceptsBrotli: Bool
  /// The case of `headers`, without its names: looking at it touches no array.
  private let selection: Selection
  /// The names in `headers`, for searching.
  private let names: NameTable

  private enum Selection: Sendable {
    case `default`, none, all, only, allExcept
  }

  /// The rules of a behavior that names these policies. Without either, spec 12's default behaviour.
  public init(cachePolicy: CachePolicy?, originRequestPolicy: OriginRequestPolicy?) {
    let listed = cachePolicy?.headers ?? []
    cookies = (cachePolicy?.cookies ?? .none).union(originRequestPolicy?.cookies ?? .none)
    queryStrings = (cachePolicy?.queryStrings ?? .none).union(originRequestPolicy?.queryStrings ?? .none)
    acceptsGzip = cachePolicy?.enableAcceptEncodingGzip ?? false
    acceptsBrotli = cachePolicy?.enableAcceptEncodingBrotli ?? false
    if cachePolicy == nil && originRequestPolicy == nil {
      headers = .default
    } else {
      headers = ForwardingRules.union(listed, originRequestPolicy?.headers ?? .none)
    }
    cloudFrontHeaders = ForwardingRules.cloudFrontHeaders(listed, originRequestPolicy?.headers ?? .none)
    switch headers {
    case .default: (selection, names) = (.default, NameTable([]))
    case .none: (selection, names) = (.none, NameTable([]))
    case .all: (selection, names) = (.all, NameTable([]))
    case .only(let list): (selection, names) = (.only, NameTable(list))
    case .allExcept(let list): (selection, names) = (.allExcept, NameTable(list))
    }
    forwardsHost = false
    forwardsUserAgent = false
    forwardsHost = selects("host")
    forwardsUserAgent = selects("user-agent")
  }

  /// The headers of a cache policy and an origin request policy together: the list to include wins. (Spec 5.)
  private static func union(_ listed: [String], _ policy: OriginRequestPolicy.Headers) -> Headers {
    switch policy {
    case .none: listed.isEmpty ? .none : .only(listed)
    case .only(let names): .only(listed + names.filter { !listed.contains($0) })
    case .allViewer, .allViewerAndCloudFront: .all
    case .allExcept(let names): .allExcept(names.filter { !listed.contains($0) })
    }
  }

  /// The `CloudFront-*` headers asked for. "All except" has those that AllViewerExceptHostHeader has. (Spec 7.)
  private static func cloudFrontHeaders(
    _ listed: [String], _ policy: OriginRequestPolicy.Headers
  ) -> [CloudFrontHeader] {
    var headers = listed.compactMap(CloudFrontHeader.init(lowercasedName:))
    switch policy {
    case .none, .allViewer: break
    case .only(let names), .allViewerAndCloudFront(let names):
      headers += names.compactMap(CloudFrontHeader.init(lowercasedName:))
    case .allExcept(let names):
      let excluded = names.compactMap(CloudFrontHeader.init(lowercasedName:))
      headers += CloudFrontHeader.protocolDeviceAndLocation.filter { !excluded.contains($0) }
    }
    var seen: Set<CloudFrontHeader> = []
    return headers.filter { seen.insert($0).inserted }
  }

  /// Whether the policies choose a header that is sent only when chosen.
  private func selects(_ name: String) -> Bool {
    switch headers {
    case .default, .none: false
    case .all: true
    case .only(let list): list.contains(name)
    case .allExcept(let list): !list.contains(name)
    }
  }

  /// Whether a viewer's header is copied to the origin's request as it is.
  ///
  /// False for what has a rule of its own: Host (`forwardsHost`), Cookie (`filterCookies`), Accept-Encoding while the
  /// cache policy normalises it, User-Agent unless forwarded, X-Forwarded-For, Via and Expect, which the pipeline writes.
  /// - Parameters:
  ///   - name: the header's name in any case.
  ///   - isSafe: whether the method is GET or HEAD: by default those lose Authorization. (Spec 12.)
  public func forwards(_ name: Span<UInt8>, isSafe: Bool) -> Bool {
    switch HeaderRules.requestClass(of: name) {
    case .always: return true
    case .never: return false
    case .traceContext: return selection != .allExcept || !names.contains(name)
    case .authorization:
      if selection == .default { return !isSafe }
    case .acceptEncoding:
      if acceptsGzip || acceptsBrotli { return false }
      if selection == .default { return false }
    case .removedByDefault:
      if selection == .default { return false }
    case .other: break
    }
    switch selection {
    case .default, .all: return true
    case .none: return false
    case .only: return names.contains(name)
    case .allExcept: return !names.contains(name)
    }
  }
}
