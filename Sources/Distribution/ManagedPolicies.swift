// CloudFront's managed policies: tables by name and id.
// Source: spec/request-pipeline.md 7.

extension CachePolicy {
  /// All managed cache policies. The ids of Amplify's own four are not documented; they are not offered.
  public static let managed: [CachePolicy] = [
    CachePolicy(
      name: "CachingOptimized", id: "658327ea-f89d-4fab-a63d-7e88639e58f6", minTTLSeconds: 1,
      enableAcceptEncodingGzip: true, enableAcceptEncodingBrotli: true),
    CachePolicy(
      name: "CachingOptimizedForUncompressedObjects", id: "b2884449-e4de-46a7-ac36-70bc7f1ddd6d", minTTLSeconds: 1),
    CachePolicy(
      name: "CachingDisabled", id: "4135ea2d-6df8-44a3-9df3-4b5a84be39ad", defaultTTLSeconds: 0, maxTTLSeconds: 0),
    CachePolicy(
      name: "Amplify", id: "2e54312d-136d-493c-8eb9-b001f22f67d2", minTTLSeconds: 2, defaultTTLSeconds: 2,
      maxTTLSeconds: 600, headers: ["authorization", "cloudfront-viewer-country", "host"], cookies: .all,
      queryStrings: .all, enableAcceptEncodingGzip: true, enableAcceptEncodingBrotli: true),
    CachePolicy(
      name: "Elemental-MediaPackage", id: "08627262-05a9-4f76-9ded-b50ca2e3a84f", headers: ["origin"],
      queryStrings: .only(["aws.manifestfilter", "start", "end", "m"]), enableAcceptEncodingGzip: true),
    CachePolicy(
      name: "UseOriginCacheControlHeaders", id: "83da9c7e-98b4-4e11-a168-04f0df8e2c65", defaultTTLSeconds: 0,
      headers: ["host", "origin", "x-http-method-override", "x-http-method", "x-method-override"], cookies: .all,
      enableAcceptEncodingGzip: true, enableAcceptEncodingBrotli: true),
    CachePolicy(
      name: "UseOriginCacheControlHeaders-QueryStrings", id: "4cc15a8a-d715-48a4-82b8-cc0b614638fe",
      defaultTTLSeconds: 0,
      headers: ["host", "origin", "x-http-method-override", "x-http-method", "x-method-override"], cookies: .all,
      queryStrings: .all, enableAcceptEncodingGzip: true, enableAcceptEncodingBrotli: true),
  ]
}

extension OriginRequestPolicy {
  /// All managed origin request policies.
  public static let managed: [OriginRequestPolicy] = [
    OriginRequestPolicy(
      name: "AllViewer", id: "216adef6-5c7f-47e4-b989-5492eafa07d3", headers: .allViewer, cookies: .all,
      queryStrings: .all),
    OriginRequestPolicy(
      name: "AllViewerExceptHostHeader", id: "b689b0a8-53d0-40ab-baf2-68738e2966ac", headers: .allExcept(["host"]),
      cookies: .all, queryStrings: .all),
    OriginRequestPolicy(
      name: "AllViewerAndCloudFrontHeaders-2022-06", id: "33f36d7e-f396-46d9-90e0-52428a34d9dc",
      headers: .allViewerAndCloudFront(CloudFrontHeader.allOf2022June.map { $0.rawValue.lowercased() }),
      cookies: .all, queryStrings: .all),
    OriginRequestPolicy(
      name: "CORS-CustomOrigin", id: "59781a5b-3903-41f3-afcb-af62929ccde1", headers: .only(["origin"])),
    OriginRequestPolicy(
      name: "CORS-S3Origin", id: "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf",
      headers: .only(["origin", "access-control-request-headers", "access-control-request-method"])),
    OriginRequestPolicy(
      name: "Elemental-MediaTailor-PersonalizedManifests", id: "775133bc-15f2-49f9-abea-afb2e0bf67d2",
      headers: .only([
        "origin", "access-control-request-headers", "access-control-request-method", "user-agent", "x-forwarded-for",
      ]), queryStrings: .all),
    OriginRequestPolicy(
      name: "HostHeaderOnly", id: "bf0718e1-ba1e-49d1-88b1-f726733018ae", headers: .only(["host"])),
    OriginRequestPolicy(
      name: "UserAgentRefererHeaders", id: "acba4595-bd28-49b8-b9fe-13317c0390fa",
      headers: .only(["user-agent", "referer"])),
  ]
}

extension ResponseHeadersPolicy {
  /// All managed response headers policies.
  public static let managed: [ResponseHeadersPolicy] = [
    ResponseHeadersPolicy(name: "SimpleCORS", id: "60669652-455b-4ae9-85a4-c4c02393f86c", cors: simpleCORS),
    ResponseHeadersPolicy(
      name: "CORS-With-Preflight", id: "5cc3b908-e619-4b99-88e5-2cf7f45965bd", cors: corsWithPreflight),
    ResponseHeadersPolicy(
      name: "SecurityHeadersPolicy", id: "67f7725c-6f97-4210-82d7-5512b31e9d03", securityHeaders: allSecurityHeaders),
    ResponseHeadersPolicy(
      name: "CORS-and-SecurityHeadersPolicy", id: "e61eb60c-9c35-4d20-a928-2b84e02af89c", cors: simpleCORS,
      securityHeaders: allSecurityHeaders),
    ResponseHeadersPolicy(
      name: "CORS-with-preflight-and-SecurityHeadersPolicy", id: "eaab4381-ed33-4a86-88ca-d9558dc6cd63",
      cors: corsWithPreflight, securityHeaders: allSecurityHeaders),
  ]

  private static let everyOrigin = [AllowedOrigin.every]
  private static let simpleCORS = CORS(allowOrigins: everyOrigin, originOverride: false)
  private static let corsWithPreflight = CORS(
    allowMethods: CORS.allMethods, allowOrigins: everyOrigin, exposeHeaders: ["*"], originOverride: false)
  private static let allSecurityHeaders = SecurityHeaders(
    strictTransportSecurity: .init(StrictTransportSecurity(maxAgeSeconds: 31_536_000), override: false),
    contentTypeOptionsOverride: true, frameOptions: .init(.sameOrigin, override: false),
    referrerPolicy: .init(.strictOriginWhenCrossOrigin, override: false),
    xssProtection: .init(.block, override: false))
}

/// A policy that can be found by name or id.
public protocol NamedPolicy: Sendable {
  /// Its name.
  var name: String { get }
  /// Its identifier, for a managed policy.
  var id: String? { get }
  /// CloudFront's own.
  static var managed: [Self] { get }
}

extension CachePolicy: NamedPolicy {}
extension OriginRequestPolicy: NamedPolicy {}
extension ResponseHeadersPolicy: NamedPolicy {}

extension NamedPolicy {
  /// The managed policy of a name, with or without `Managed-` before it, or of an id.
  public static func managed(named nameOrID: String) -> Self? {
    let name = nameOrID.hasPrefix("Managed-") ? String(nameOrID.dropFirst("Managed-".count)) : nameOrID
    return managed.first { $0.name == name || $0.id == nameOrID }
  }
}
