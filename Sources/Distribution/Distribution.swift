// A distribution: what answers for a set of host names, and where its content comes from.
// Immutable values read once from the configuration; any thread may read them. No I/O.
// Source: spec/request-pipeline.md 1, 2, 10, 11, 14; design/configuration.md.

/// One distribution, complete: every name in it has been resolved to an index or a value.
public struct Distribution: Sendable, Equatable {
  /// The identifier, such as `EDFDVBD6EXAMPLE`; unique in a configuration.
  public var id: String
  /// The host names it answers for, in lower case; `*.example.net` covers every name below `example.net`.
  public var aliases: [String]
  /// Whether it also answers requests whose Host is nobody's alias. At most one distribution does.
  public var isDefault: Bool
  /// What `/` stands for, without a leading slash; nil when `/` is requested as it is. At most 255 bytes. (Spec 10.)
  public var defaultRootObject: String?
  /// The origins in the order of the file; `BehaviorTarget.origin` and `OriginGroup.members` index into it.
  public var origins: [Origin]
  /// The origin groups in the order of the file; `BehaviorTarget.group` indexes into it.
  public var originGroups: [OriginGroup]
  /// The behaviors in matching order. Never empty: the last one is the default behavior with the pattern `*`.
  public var behaviors: [Behavior]
  /// What is sent instead of an error, at most one entry per status code.
  public var errorResponses: [ErrorResponse]
  /// The response field that names an object's tags, by which it can be invalidated: separated by commas or spaces. (Spec 20.)
  public var cacheTagHeader = Distribution.standardCacheTagHeader
  /// In which countries it is served; nil for everywhere. (Spec 17.)
  public var geoRestriction: GeoRestriction?

  /// A distribution of the given parts. `behaviors` must end with the default behavior.
  public init(
    id: String, aliases: [String] = [], isDefault: Bool = false, defaultRootObject: String? = nil,
    origins: [Origin], originGroups: [OriginGroup] = [], behaviors: [Behavior], errorResponses: [ErrorResponse] = []
  ) {
    self.id = id
    self.aliases = aliases
    self.isDefault = isDefault
    self.defaultRootObject = defaultRootObject
    self.origins = origins
    self.originGroups = originGroups
    self.behaviors = behaviors
    self.errorResponses = errorResponses
  }

  /// The field of tags when the configuration names none.
  public static let standardCacheTagHeader = "Cache-Tag"

  /// The custom error response for a status code, if one is configured. (Spec 11.1.)
  public func errorResponse(for statusCode: Int) -> ErrorResponse? {
    errorResponses.first { $0.errorCode == statusCode }
  }
}

/// What is sent instead of an error of one status code. (Spec 11.1.)
public struct ErrorResponse: Sendable, Equatable {
  /// The status code it applies to, one of `supportedErrorCodes`.
  public var errorCode: Int
  /// The path of the page, beginning with `/`, fetched through the behavior that matches it; nil keeps the body.
  public var responsePagePath: String?
  /// The status code the viewer sees; given exactly when `responsePagePath` is.
  public var responseCode: Int?
  /// How long an error is cached at least, in seconds. Default 10.
  public var errorCachingMinTTLSeconds: Int

  /// A custom error response.
  public init(
    errorCode: Int, responsePagePath: String? = nil, responseCode: Int? = nil, errorCachingMinTTLSeconds: Int = 10
  ) {
    self.errorCode = errorCode
    self.responsePagePath = responsePagePath
    self.responseCode = responseCode
    self.errorCachingMinTTLSeconds = errorCachingMinTTLSeconds
  }

  /// The status codes an error response may be configured for, in rising order.
  public static let supportedErrorCodes = [400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504]
  /// The status codes an error response may send: 200 and the error codes.
  public static let supportedResponseCodes = [200] + supportedErrorCodes
}
