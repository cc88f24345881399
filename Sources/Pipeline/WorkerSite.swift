// Owns: what a worker keeps of one distribution: its connections to origins and where its behaviors' requests go. Confined to the worker's thread.
import Distribution
import HTTPWire
import Origins
import Telemetry

/// A distribution on one worker: its connections to origins. Exchanges hold it, so that a reload lets them finish.
final class WorkerSite {
  let site: Site
  /// By origin.
  let pools: [OriginPools]
  /// The functions of the site's configuration, by their index in it.
  let functions: [WorkerFunction?]
  /// By behavior: where its requests go when no function chooses; of viewers who use HTTPS, and of the others. Made when they are needed first:
  /// to make thousands at once would keep the worker's other requests waiting.
  private var secureRoutes: [Route?], plainRoutes: [Route?]
  /// What would keep it for long after a reload.
  var longExchanges = LongExchanges()

  /// - Parameter former: the same distribution in the configuration before; its pools are taken over where nothing about them is another.
  init(_ site: Site, _ worker: Worker, _ limits: OriginLimits, former: WorkerSite? = nil) {
    self.site = site
    functions = worker.functions
    let formerPools = Dictionary(zip(former?.site.origins.map(\.name) ?? [], former?.pools ?? [])) { first, _ in first }
    pools = site.distribution.origins.map { origin in
      guard case .http(let server) = origin.kind else { return OriginPools() }
      let old = formerPools[origin.name]
      func pool(isSecure: Bool) -> OriginPool {
        if let pool = isSecure ? old?.secure : old?.plain, pool.serves(origin, limits) { return pool }
        let state = worker.shared.state(of: origin, in: site.distribution.id)
        return OriginPool(origin, server, limits, worker.context, worker.counters, worker.connector, state, isSecure: isSecure)
      }
      let policy = server.originProtocolPolicy
      return OriginPools(plain: policy == .httpsOnly ? nil : pool(isSecure: false), secure: policy == .httpOnly ? nil : pool(isSecure: true))
    }
    plainRoutes = Array(repeating: nil, count: site.behaviors.count)
    secureRoutes = plainRoutes
  }

  /// Stands for "no distribution" in exchanges that are answered before one is chosen.
  init() {
    let behavior = Behavior(pathPattern: .all, target: .origin(0))
    site = Site(Distribution(id: "-", origins: [], behaviors: [behavior]), MetricLabels(), [])
    pools = []
    functions = []
    (plainRoutes, secureRoutes) = ([nil], [nil])
  }

  /// Where a behavior's requests go when no function chooses.
  func assigned(_ behavior: CompiledBehavior, viewerIsSecure: Bool) -> Route {
    if let route = viewerIsSecure ? secureRoutes[behavior.index] : plainRoutes[behavior.index] { return route }
    let route = assignedRoute(behavior, viewerIsSecure: viewerIsSecure)
    if viewerIsSecure { secureRoutes[behavior.index] = route } else { plainRoutes[behavior.index] = route }
    return route
  }

  /// All pools there are.
  var allPools: [OriginPool] { pools.flatMap { [$0.plain, $0.secure] }.compactMap { $0 } }
}

/// The connections to one server, in the clear and secured, as far as its protocol policy allows; none for a folder.
struct OriginPools {
  var plain: OriginPool?, secure: OriginPool?

  /// Those for a viewer who uses HTTPS or does not.
  func pool(viewerIsSecure: Bool) -> OriginPool? { viewerIsSecure ? secure ?? plain : plain ?? secure }
}
