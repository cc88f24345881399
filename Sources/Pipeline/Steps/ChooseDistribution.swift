// Steps 1–3: which distribution, which behavior (spec/request-pipeline.md, 1 and 2).
import Distribution
import HTTPWire
import Telemetry

extension Worker {
  /// By Host. One that the viewer's TLS is not for: 421. Without a distribution for it: 403. A request that has passed here too often: 403.
  func chooseDistribution(_ exchange: inout Exchange) -> Response? {
    if exchange.isSecure && isMisdirected(exchange) {
      counters.add(.refusedMisdirected)
      return refuse(&exchange, 421, "The certificate of this connection is not for the request's Host.", "InvalidRequestCertificate")
    }
    guard let index = configuration.hosts.distribution(forHost: exchange.request.authority) else {
      counters.add(.refusedUnknownHost)
      return refuse(&exchange, 403, "The request's Host is not an alias of a distribution.")
    }
    exchange.site = sites[index]
    exchange.reached(.distributionChosen)
    if exchange.request.fields.present.has(.cdnLoop) && passes(exchange.request.fields) >= Site.maximumPasses {
      counters.add(.refusedLoop)
      return refuse(&exchange, 403, "The request has passed through too many distributions (CDN-Loop).")
    }
    return nil
  }

  /// How often CDN-Loop names this proxy (RFC 8586).
  private func passes(_ fields: borrowing HeaderSection) -> Int {
    var passes = 0
    for i in 0..<fields.count where fields[i].name == .cdnLoop {
      for part in fields.value(i).text.split(separator: ",") {
        let name = part.split(separator: ";").first.map { $0.filter { $0 != " " && $0 != "\t" } }
        if name == "\(Site.loopName)" { passes += 1 }
      }
    }
    return passes
  }

  /// By the normalised path; the raw one goes to the origin.
  func chooseBehavior(_ exchange: inout Exchange) -> Response? {
    exchange.behavior = behavior(of: exchange.site.site, path: exchange.request.path)
    exchange.reached(.behaviorChosen)
    return nil
  }

  func behavior(of site: Site, path: Span<UInt8>) -> CompiledBehavior {
    if site.behaviors.count == 1 { return site.behaviors[0] }
    if NormalizedPath.isNormal(path) { return site.behaviors[site.table.index(forNormalizedPath: path)] }
    let normal = NormalizedPath.normalize(path)
    return site.behaviors[site.table.index(forNormalizedPath: normal.span)]
  }
}
