// Cache policies and origin request policies: what makes up the cache key, and what the origin sees.
// Immutable values; any thread may read them. Header names are kept in lower case.
// Source: spec/request-pipeline.md 3, 5.

/// A choice among names: of cookies or of query string parameters.
public enum NameSelection: Sendable, Equatable {
  /// No name.
  case none
  /// Every name.
  case all
  /// The names listed.
  case only([String])
  /// Every name but those listed.
  case allExcept([String])

  /// The smallest selection that contains both. A list of names to include wins over a list to exclude. (Spec 5.)
  public func union(_ other: NameSelection) -> NameSelection {
    switch (self, other) {
    case (.all, _), (_, .all): .all
    case (.none, let some), (let some, .none): some
    case (.only(let a), .only(let b)): .only(a + b.filter { !a.contains($0) })
    case (.only(let included), .allExcept(let excluded)), (.allExcept(let excluded), .only(let included)):
      .allExceptOrAll(excluded.filter { !included.contains($0) })
    case (.allExcept(let a), .allExcept(let b)): .allExceptOrAll(a.filter { b.contains($0) })
    }
  }

  /// All names but these; plainly all when there are none.
  static func allExceptOrAll(_ names: [String]) -> NameSelection { names.isEmpty ? .all : .allExcept(names) }
}

/// Whether freshness follows CloudFront's arithmetic or RFC 9111 alone.
public enum CacheMode: String, Sendable, CaseIterable {
  /// CloudFront's arithmetic with minimum, default and maximum TTL.
  case cloudfront
  /// RFC 9111 to the letter.
  case rfc9111
}

/// What makes up the cache key, and how long an object stays fresh. (Spec 3.)
public struct CachePolicy: Sendable, Equatable {
  /// Its name.
  public var name: String
  /// Its identifier, for a managed policy.
  public var id: String?
  /// How freshness is computed.
  public var mode: CacheMode
  /// The shortest time to live in seconds.
  public var minTTLSeconds: Int
  /// The time to live in seconds of a response that names none.
  public var defaultTTLSeconds: Int
  /// The longest time to live in seconds.
  public var maxTTLSeconds: Int
  /// The request headers in the key, lower case, at most 10. They are forwarded.
  public var headers: [String]
  /// The cookies in the key. They are forwarded.
  public var cookies: NameSelection
  /// The query string parameters in the key. They are forwarded.
  public var queryStrings: NameSelection
  /// Whether gzip is a variant of its own.
  public var enableAcceptEncodingGzip: Bool
  /// Whether Brotli is a variant of its own.
  public var enableAcceptEncodingBrotli: Bool
  /// Whether query strings are compared in lower case and whatever their order; the origin sees them as they came. Not CloudFront's.
  public var normalizeQueryStrings = false

  /// A cache policy; the defaults are CloudFront's.
  public init(
    name: String, id: String? = nil, mode: CacheMode = .cloudfront, minTTLSeconds: Int = 0,
    defaultTTLSeconds: Int = 86400, maxTTLSeconds: Int = 31_536_000, headers: [String] = [],
    cookies: NameSelection = .none, queryStrings: NameSelection = .none, enableAcceptEncodingGzip: Bool = false,
    enableAcceptEncodingBrotli: Bool = false
  ) {
    self.name = name
    self.id = id
    self.mode = mode
    self.minTTLSeconds = minTTLSeconds
    self.defaultTTLSeconds = defaultTTLSeconds
    self.maxTTLSeconds = maxTTLSeconds
    self.headers = headers
    self.cookies = cookies
    self.queryStrings = queryStrings
    self.enableAcceptEncodingGzip = enableAcceptEncodingGzip
    self.enableAcceptEncodingBrotli = enableAcceptEncodingBrotli
  }
}

/// What the origin sees beyond what the cache policy forwards. (Spec 5.)
public struct OriginRequestPolicy: Sendable, Equatable {
  /// Which of the viewer's headers are forwarded. Names in lower case.
  public enum Headers: Sendable, Equatable {
    /// None.
    case none
    /// Those listed.
    case only([String])
    /// All the viewer sent.
    case allViewer
    /// All the viewer sent, and the `CloudFront-*` headers listed.
    case allViewerAndCloudFront([String])
    /// All the viewer sent but those listed.
    case allExcept([String])
  }

  /// Its name.
  public var name: String
  /// Its identifier, for a managed policy.
  public var id: String?
  /// The headers forwarded.
  public var headers: Headers
  /// The cookies forwarded.
  public var cookies: NameSelection
  /// The query string parameters forwarded.
  public var queryStrings: NameSelection

  /// An origin request policy.
  public init(
    name: String, id: String? = nil, headers: Headers = .none, cookies: NameSelection = .none,
    queryStrings: NameSelection = .none
  ) {
    self.name = name
    self.id = id
    self.headers = headers
    self.cookies = cookies
    self.queryStrings = queryStrings
  }
}
