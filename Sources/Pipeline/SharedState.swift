// Owns: what the workers of a process have in common and keep through reloads. Each part has its own locks.
import Distribution
import Origins
import Synchronization
public import Telemetry

/// What workers share. Any thread.
public final class SharedState: Sendable {
  /// Clients' buckets.
  let rateLimits = RateLimitTable()
  /// Bodies that functions of the tier are given.
  let heldBodies = HeldBodies()
  /// What is known of origins, by distribution, name and server.
  private let origins = Mutex<[String: OriginState]>([:])
  private let diagnostics: Diagnostics

  /// Nothing yet.
  /// - Parameter diagnostics: told of addresses that go and come back.
  public init(_ diagnostics: Diagnostics) { self.diagnostics = diagnostics }

  /// Makes it ready for a configuration. Every worker does, and the same comes of it.
  func adopt(_ configuration: Configuration) {
    let limitsRates = configuration.distributions.contains { $0.behaviors.contains { $0.rateLimit != nil } }
    rateLimits.resize(to: limitsRates ? configuration.limits.rateLimitBuckets : 0)
    heldBodies.limit(to: configuration.functionTier.eventBytes)
    let wanted = configuration.distributions.flatMap { distribution in
      distribution.origins.compactMap { origin in key(of: origin, in: distribution.id).map { ($0, origin, distribution.id) } }
    }
    origins.withLock { origins in
      let known = origins
      origins = [:]
      for (key, origin, distribution) in wanted {
        let state = known[key] ?? OriginState(distribution: distribution, origin, diagnostics: diagnostics)
        state.adopt(origin)
        origins[key] = state
      }
    }
  }

  /// What is known of an origin of a configuration that was adopted; nil for a folder.
  func state(of origin: Origin, in distribution: String) -> OriginState? {
    key(of: origin, in: distribution).flatMap { key in origins.withLock { $0[key] } }
  }

  /// Whatever else changes: as long as these are the same, it is the same origin.
  private func key(of origin: Origin, in distribution: String) -> String? {
    guard case .http(let server) = origin.kind else { return nil }
    return "\(distribution) \(origin.name) \(server.domainName)"
  }

  /// What is known now, for metrics.
  func facts(at now: UInt64) -> [OriginFacts] {
    origins.withLock { Array($0.values) }.map { $0.facts(at: now) }.sorted { ($0.distribution, $0.origin) < ($1.distribution, $1.origin) }
  }
}
