// Owns: what the workers of a process have in common and keep through reloads. Each part has its own locks.
import Distribution

/// What workers share. Any thread.
public final class SharedState: Sendable {
  /// Clients' buckets.
  let rateLimits = RateLimitTable()

  /// Nothing yet.
  public init() {}

  /// Makes it ready for a configuration. Every worker does, and the same comes of it.
  func adopt(_ configuration: Configuration) {
    let limitsRates = configuration.distributions.contains { $0.behaviors.contains { $0.rateLimit != nil } }
    rateLimits.resize(to: limitsRates ? configuration.limits.rateLimitBuckets : 0)
  }
}
