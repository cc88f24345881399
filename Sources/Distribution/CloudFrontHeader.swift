// The CloudFront-* request headers a policy can ask for.
// Source: spec/request-pipeline.md 5, 7, 12.

/// One `CloudFront-*` header that the proxy can add to a request.
public enum CloudFrontHeader: String, Sendable, CaseIterable {
  /// The viewer's scheme, `http` or `https`.
  case forwardedProto = "CloudFront-Forwarded-Proto"
  /// `true` for Android.
  case isAndroidViewer = "CloudFront-Is-Android-Viewer"
  /// `true` for a desktop.
  case isDesktopViewer = "CloudFront-Is-Desktop-Viewer"
  /// `true` for iOS.
  case isIOSViewer = "CloudFront-Is-IOS-Viewer"
  /// `true` for a phone.
  case isMobileViewer = "CloudFront-Is-Mobile-Viewer"
  /// `true` for a television.
  case isSmartTVViewer = "CloudFront-Is-SmartTV-Viewer"
  /// `true` for a tablet.
  case isTabletViewer = "CloudFront-Is-Tablet-Viewer"
  /// The viewer's address and port.
  case viewerAddress = "CloudFront-Viewer-Address"
  /// The autonomous system number of the viewer's network.
  case viewerASN = "CloudFront-Viewer-ASN"
  /// The viewer's city.
  case viewerCity = "CloudFront-Viewer-City"
  /// The viewer's country, ISO 3166-1.
  case viewerCountry = "CloudFront-Viewer-Country"
  /// The viewer's country by name.
  case viewerCountryName = "CloudFront-Viewer-Country-Name"
  /// The viewer's region, ISO 3166-2 without the country.
  case viewerCountryRegion = "CloudFront-Viewer-Country-Region"
  /// The viewer's region by name.
  case viewerCountryRegionName = "CloudFront-Viewer-Country-Region-Name"
  /// The viewer's HTTP version, such as `1.1`.
  case viewerHTTPVersion = "CloudFront-Viewer-Http-Version"
  /// The viewer's latitude in degrees.
  case viewerLatitude = "CloudFront-Viewer-Latitude"
  /// The viewer's longitude in degrees.
  case viewerLongitude = "CloudFront-Viewer-Longitude"
  /// The viewer's metro code (USA).
  case viewerMetroCode = "CloudFront-Viewer-Metro-Code"
  /// The viewer's postal code.
  case viewerPostalCode = "CloudFront-Viewer-Postal-Code"
  /// The viewer's time zone, such as `Europe/Berlin`.
  case viewerTimeZone = "CloudFront-Viewer-Time-Zone"
  /// The viewer's TLS version, cipher and handshake.
  case viewerTLS = "CloudFront-Viewer-TLS"
  /// The names of the viewer's headers in their order.
  case viewerHeaderOrder = "CloudFront-Viewer-Header-Order"
  /// How many headers the viewer sent.
  case viewerHeaderCount = "CloudFront-Viewer-Header-Count"
  /// The JA3 fingerprint of the viewer's TLS.
  case viewerJA3Fingerprint = "CloudFront-Viewer-JA3-Fingerprint"
  /// The JA4 fingerprint of the viewer's TLS.
  case viewerJA4Fingerprint = "CloudFront-Viewer-JA4-Fingerprint"
  /// Whether the viewer has shown a certificate, `1` or `0`; like the ones below only where one is asked for.
  case viewerCertificatePresent = "CloudFront-Viewer-Cert-Present"
  /// Its serial number, `4a:3f:…`.
  case viewerCertificateSerialNumber = "CloudFront-Viewer-Cert-Serial-Number"
  /// Who signed it, in RFC 2253's form.
  case viewerCertificateIssuer = "CloudFront-Viewer-Cert-Issuer"
  /// Whose it is, in RFC 2253's form.
  case viewerCertificateSubject = "CloudFront-Viewer-Cert-Subject"
  /// Its SHA-256 digest in hexadecimal digits.
  case viewerCertificateSHA256 = "CloudFront-Viewer-Cert-Sha256"
  /// `NotBefore=2023-09-21T01:50:17Z;NotAfter=…`
  case viewerCertificateValidity = "CloudFront-Viewer-Cert-Validity"
  /// All of it, PEM, URL-encoded; for origins only.
  case viewerCertificatePEM = "CloudFront-Viewer-Cert-Pem"

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

  /// Whether it may be part of a cache key: all but address, ASN, TLS, JA3, JA4, header order and count (spec 12),
  /// and a certificate's validity and text.
  public var mayBeInCacheKey: Bool {
    switch self {
    case .viewerAddress, .viewerASN, .viewerTLS, .viewerHeaderOrder, .viewerHeaderCount, .viewerJA3Fingerprint,
      .viewerJA4Fingerprint, .viewerCertificateValidity, .viewerCertificatePEM:
      false
    default: true
    }
  }
}
