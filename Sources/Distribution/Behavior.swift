// A behavior: what is done with the requests whose path matches a pattern.
// Immutable values; any thread may read them. No I/O.
// Source: spec/request-pipeline.md 2, 8; design/configuration.md.

/// One cache behavior of a distribution, with its policies and functions resolved.
public struct Behavior: Sendable, Equatable {
  /// Which paths it is for; `*` in the default behavior.
  public var pathPattern: PathPattern
  /// Where its requests go.
  public var target: BehaviorTarget
  /// What happens to a request that came in clear text.
  public var viewerProtocolPolicy: ViewerProtocolPolicy
  /// The methods it answers; any other gets 403.
  public var allowedMethods: MethodSet
  /// The cache policy; nil when the configuration names none.
  public var cachePolicy: CachePolicy?
  /// The origin request policy, if any.
  public var originRequestPolicy: OriginRequestPolicy?
  /// The response headers policy, if any.
  public var responseHeadersPolicy: ResponseHeadersPolicy?
  /// The methods whose responses are cached: GET and HEAD, or those and OPTIONS. (Spec 8.)
  public var cachedMethods = MethodSet.getHead
  /// Whether responses may be compressed.
  public var compress: Bool
  /// Whether gRPC requests are passed on as such: over HTTP/2, with trailers. (Spec 15.)
  public var allowsGRPC = false
  /// How many requests a client may make; nil for any number.
  public var rateLimit: RateLimit?
  /// Whose signatures a request needs, any one of them; empty when it needs none. (Spec 16.)
  public var trustedKeyGroups: [KeyGroup] = []
  /// Its functions, at most one per hook point.
  public var functions: FunctionAssociations
  /// A table of redirects that is looked at before the functions run.
  public var redirects: RedirectDefinition?
  /// What is sent on to the origin; derived from the two policies.
  public var forwarding: ForwardingRules

  /// A behavior; `forwarding` is computed from the two policies.
  public init(
    pathPattern: PathPattern, target: BehaviorTarget, viewerProtocolPolicy: ViewerProtocolPolicy = .allowAll,
    allowedMethods: MethodSet = .getHead, cachePolicy: CachePolicy? = nil,
    originRequestPolicy: OriginRequestPolicy? = nil, responseHeadersPolicy: ResponseHeadersPolicy? = nil,
    compress: Bool = false, functions: FunctionAssociations = FunctionAssociations(), redirects: RedirectDefinition? = nil
  ) {
    self.pathPattern = pathPattern
    self.target = target
    self.viewerProtocolPolicy = viewerProtocolPolicy
    self.allowedMethods = allowedMethods
    self.cachePolicy = cachePolicy
    self.originRequestPolicy = originRequestPolicy
    self.responseHeadersPolicy = responseHeadersPolicy
    self.compress = compress
    self.functions = functions
    self.redirects = redirects
    self.forwarding = ForwardingRules(cachePolicy: cachePolicy, originRequestPolicy: originRequestPolicy)
  }
}

/// Where the requests of a behavior go.
public enum BehaviorTarget: Sendable, Equatable {
  /// An index into `Distribution.origins`.
  case origin(Int)
  /// An index into `Distribution.originGroups`.
  case group(Int)
}

/// What happens to a viewer's request in clear text. (Spec 8.)
public enum ViewerProtocolPolicy: String, Sendable, CaseIterable {
  /// It is answered.
  case allowAll = "allow-all"
  /// It gets 403.
  case httpsOnly = "https-only"
  /// It gets 301 or 307 to the https URL.
  case redirectToHTTPS = "redirect-to-https"
}

/// The four places in a request's life where a function can run.
public enum HookPoint: String, Sendable, CaseIterable {
  /// Before the cache is looked up.
  case viewerRequest = "viewer-request"
  /// Before the origin is asked.
  case originRequest = "origin-request"
  /// When the origin has answered.
  case originResponse = "origin-response"
  /// Before the viewer is answered.
  case viewerResponse = "viewer-response"
}

/// The functions of a behavior: at most one per hook point.
public struct FunctionAssociations: Sendable, Equatable {
  /// Runs at `HookPoint.viewerRequest`.
  public var viewerRequest: FunctionReference?
  /// Runs at `HookPoint.originRequest`.
  public var originRequest: FunctionReference?
  /// Runs at `HookPoint.originResponse`.
  public var originResponse: FunctionReference?
  /// Runs at `HookPoint.viewerResponse`.
  public var viewerResponse: FunctionReference?

  /// The associations given; none by default.
  public init(
    viewerRequest: FunctionReference? = nil, originRequest: FunctionReference? = nil,
    originResponse: FunctionReference? = nil, viewerResponse: FunctionReference? = nil
  ) {
    self.viewerRequest = viewerRequest
    self.originRequest = originRequest
    self.originResponse = originResponse
    self.viewerResponse = viewerResponse
  }

  /// The function at a hook point, if any.
  public subscript(hook: HookPoint) -> FunctionReference? {
    get {
      switch hook {
      case .viewerRequest: viewerRequest
      case .originRequest: originRequest
      case .originResponse: originResponse
      case .viewerResponse: viewerResponse
      }
    }
    set {
      switch hook {
      case .viewerRequest: viewerRequest = newValue
      case .originRequest: originRequest = newValue
      case .originResponse: originResponse = newValue
      case .viewerResponse: viewerResponse = newValue
      }
    }
  }
}

/// A function as an association names it: `name`, `name:3` or `name:live`.
public struct FunctionReference: Sendable, Equatable {
  /// An index into `Configuration.functions`.
  public var index: Int
  /// What follows the colon: a version number or an alias; nil means the newest code.
  public var qualifier: String?

  /// A reference to the function at an index.
  public init(index: Int, qualifier: String? = nil) {
    self.index = index
    self.qualifier = qualifier
  }

  /// What Lambda calls the newest code. An association that names it is one that names nothing.
  public static let newest = "$LATEST"
  /// Whether a qualifier is a version's number.
  public static func isVersion(_ qualifier: String) -> Bool { Int(qualifier).map { $0 > 0 && String($0) == qualifier } ?? false }
  /// Whether a qualifier can be an alias: from 1 to 128 letters, digits, `-` and `_`, and no number.
  public static func isAlias(_ qualifier: String) -> Bool {
    (1...128).contains(qualifier.utf8.count) && Int(qualifier) == nil && qualifier.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"): true
      default: false
      }
    }
  }
}
