// In which countries a distribution is served, and which header says what of a viewer's place.
// Pure values; any thread. Source: spec/request-pipeline.md 12, 17.
public import Geography

/// Which countries' viewers are served.
public struct GeoRestriction: Sendable, Equatable {
  /// What the countries are: those that are served, or those that are not.
  public enum Kind: String, Sendable, CaseIterable {
    case whitelist, blacklist
  }
  /// What the countries are.
  public var kind: Kind
  /// ISO 3166-1 codes of two capitals.
  public var countries: Set<String>

  /// A restriction.
  public init(_ kind: Kind, countries: Set<String>) {
    self.kind = kind
    self.countries = countries
  }

  /// Whether viewers of a country are served; nil, a country that nobody knows, is.
  public func allows(_ country: String?) -> Bool { country.map { countries.contains($0) == (kind == .whitelist) } ?? true }
}

extension CloudFrontHeader {
  /// What of a place the header says; nil for one that speaks of something else.
  public var geoField: GeoField? {
    switch self {
    case .viewerCountry: .country
    case .viewerCountryName: .countryName
    case .viewerCountryRegion: .region
    case .viewerCountryRegionName: .regionName
    case .viewerCity: .city
    case .viewerPostalCode: .postalCode
    case .viewerMetroCode: .metroCode
    case .viewerLatitude: .latitude
    case .viewerLongitude: .longitude
    case .viewerTimeZone: .timeZone
    case .viewerASN: .asn
    default: nil
    }
  }
}
