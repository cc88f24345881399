// Step 5: in which countries a distribution is served (spec/request-pipeline.md, 17).
import Distribution
import HTTPWire
import Telemetry

extension Worker {
  /// A viewer in a country that is not served: 403, or the distribution's page for it.
  func checkCountry(_ exchange: inout Exchange) -> Response? {
    guard let restriction = exchange.site.site.distribution.geoRestriction, !restriction.allows(geoHeader(.viewerCountry, exchange)) else { return nil }
    counters.add(.refusedCountry)
    return refuse(&exchange, 403, "The distribution is configured to block access from your country.", "ClientGeoBlocked")
  }
}
