// Owns: where viewers are, for headers and restrictions that ask: fixtures of the configuration, else its databases. What was looked up last is
// kept for the next requests of a connection, of the other streams of it, and of a client behind a proxy. Confined to the worker's thread.
import Distribution
import Geography
import Transport

/// Places of the addresses that were asked for last.
struct ViewerPlaces {
  /// How many are kept; each has the one place that its address says, so that others need not be looked through. A power of two.
  static let slots = 256
  private var kept: [(address: GeoAddress, place: GeoPlace)?] = []

  /// What is known of an address.
  mutating func place(of address: GeoAddress, _ geography: Geography) -> GeoPlace {
    if kept.isEmpty { kept = Array(repeating: nil, count: Self.slots) }
    let slot = address.hashValue & (Self.slots - 1)
    if let known = kept[slot], known.address == address { return known.place }
    let place = geography.place(of: address)
    kept[slot] = (address, place)
    return place
  }

  /// Forgets all: there are other databases.
  mutating func removeAll() { kept = [] }
}

extension Worker {
  /// What a CloudFront-Viewer-… header says of the viewer's place; nil when nobody knows, or it speaks of something else.
  func geoHeader(_ header: CloudFrontHeader, _ exchange: borrowing Exchange) -> String? {
    guard let field = header.geoField else { return nil }
    if let fixture = configuration.configuration.viewerFixtures[header] { return fixture }
    guard let geography = configuration.configuration.geography else { return nil }
    switch exchange.clientAddress.unmapped {
    case .ipv4(let address, _): return viewerPlaces.place(of: GeoAddress(ipv4: address), geography)[field]
    case .ipv6(let high, let low, _): return viewerPlaces.place(of: GeoAddress(high: high, low: low), geography)[field]
    case .unix: return nil
    }
  }
}
