// The CloudFront-* request headers a policy can ask for.
// Source: spec/request-pipeline.md 5, 7, 12.

/// One `CloudFront-*` header that the proxy can add to a request.
public enum CloudFrontHeader: String, Sendable, CaseIterable {
  case forwardedProto = "CloudFront-Forwarded-Proto"
  case isAndroidViewer = "CloudFront-Is-Android-Viewer"
  case isDesktopViewer = "CloudFront-Is-Desktop-Viewer"
  case isIOSViewer = "CloudFront-Is-IOS-Viewer"
  case isMobileViewer = "CloudFront-Is-Mobile-Viewer"
  case isSmartTVViewer = "CloudFront-Is-SmartTV-Viewer"
  case isTabletViewer = "CloudFront-Is-Tablet-Viewer"
  case viewerAddress = "CloudFront-Viewer-Address"
  case viewerASN = "CloudFront-Viewer-ASN"
  case viewerCity = "CloudFront-Viewer-City"
  case viewerCountry = "CloudFront-Viewer-Country"
  case viewerCountryName = "CloudFront-Viewer-Country-Name"
  case viewerCountryRegion = "CloudFront-Viewer-Country-Region"
  case viewerCountryRegionName = "CloudFront-Viewer-Country-Region-Name"
  case viewerHTTPVersion = "CloudFront-Viewer-Http-Version"
  case viewerLatitude = "CloudFront-Viewer-Latitude"
  case viewerLongitude = "CloudFront-Viewer-Longitude"
  case viewerMetroCode = "CloudFront-Viewer-Metro-Code"
  case viewerPostalCode = "CloudFront-Viewer-Postal-Code"
  case viewerTimeZone = "CloudFront-Viewer-Time-Zone"
  case viewerTLS = "CloudFront-Viewer-TLS"
  case viewerHeaderOrder = "CloudFront-Viewer-Header-Order"
  case viewerHeaderCount = "CloudFront-Viewer-Header-Count"
  case viewerJA3Fingerprint = "CloudFront-Viewer-JA3-Fingerprint"
  case viewerJA4Fingerprint = "CloudFront-Viewer-JA4-Fingerprint"

  /// The header of this name in lower case, as policies keep it; nil when there is none.
  public init?(lowercasedName: String) {
    guard let header = CloudFrontHeader.byName[lowercasedName] else { return nil }
    self = header
  }

  private static let byName = Dictionary(
    uniqueKeysWithValues: allCases.map { ($0.rawValue.lowercased(), $0) })

  /// The 21 that the managed policy AllViewerAndCloudFrontHeaders-2022-06 adds, in its order.
  public static let allOf2022June: [CloudFrontHeader] = [
    .forwardedProto, .isAndroidViewer, .isDesktopViewer, .isIOSViewer, .isMobileViewer, .isSmartTVViewer,
    .isTabletViewer, .viewerAddress, .viewerASN, .viewerCity, .viewerCountry, .viewerCountryName,
    .viewerCountryRegion, .viewerCountryRegionName, .viewerHTTPVersion, .viewerLatitude, .viewerLongitude,
    .viewerMetroCode, .viewerPostalCode, .viewerTimeZone, .viewerTLS,
  ]

  /// What AllViewerExceptHostHeader adds: protocol, HTTP and TLS version, device and location. (Spec 7.)
  public static let protocolDeviceAndLocation: [CloudFrontHeader] =
    allOf2022June.filter { $0 != .viewerAddress && $0 != .viewerASN }

  /// Whether it may be part of a cache key: all but address, ASN, TLS, JA3, JA4, header order and count. (Spec 12.)
  public var mayBeInCacheKey: Bool {
    switch self {
    case .viewerAddress, .viewerASN, .viewerTLS, .viewerHeaderOrder, .viewerHeaderCount, .viewerJA3Fingerprint,
      .viewerJA4Fingerprint:
      false
    default: true
    }
  }
}
