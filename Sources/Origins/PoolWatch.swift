// Owns: whether a pool's requests are watched, and the addresses that its name has. Confined to one worker's thread.
import Distribution
import Telemetry
import Transport

/// What a pool knows of its origin's health.
final class PoolWatch {
  /// How old the list of addresses may be. The resolver keeps to their time to live.
  static let refreshMilliseconds: UInt64 = 1000

  /// How old it may be while it keeps requests away, so that nothing refreshes it.
  static let forgetMilliseconds: UInt64 = 30_000

  /// Nil for servers that functions named: nobody watches them.
  let state: OriginState?
  /// Whether requests are visits.
  private(set) var isOn: Bool
  /// The name's addresses when they were last asked for.
  private(set) var addresses: [SocketAddress] = []
  private var nextRefresh: UInt64 = 0

  init(_ state: OriginState?, _ origin: Origin) {
    self.state = state
    isOn = state != nil && origin.isWatched
  }

  /// Takes up the addresses of the name. Where there are several, requests are spread over them from now on.
  func adopt(_ addresses: [SocketAddress], at now: UInt64) {
    self.addresses = addresses
    nextRefresh = now + Self.refreshMilliseconds
    if addresses.count > 1, state != nil { isOn = true }
  }
  func isStale(at now: UInt64) -> Bool { now >= nextRefresh }

  /// Whether none of the addresses is fit, as far as that is known. A list that nobody has asked for again for long knows nothing: the name
  /// may have other addresses by now.
  func isWhollyEjected(at now: UInt64) -> Bool {
    isOn && now < nextRefresh + Self.forgetMilliseconds && state?.isWhollyEjected(addresses, at: now) == true
  }
}
