// Owns: one worker's pools to servers that functions named (spec/cloudfront-functions.md 10.2). Functions may name any number of them, so
// the pools are bounded: the one unused longest makes room.
// Confined to the worker's thread.
public import Distribution
public import HTTPWire
public import Telemetry
import TLS

/// Pools by server and settings.
public final class FunctionPools {
  /// What two requests must agree in to share connections.
  private struct Key: Hashable {
    let domainName: String
    let port: Int
    let tls: TLSClient.Configuration?
    let times: [Duration], sizes: [Int]
    let policy: AddressPolicy
    let family: AddressFamily
  }

  private final class Entry {
    let pool: OriginPool
    var lastUse: UInt64 = 0
    init(_ pool: OriginPool) { self.pool = pool }
  }

  private let limit: Int
  private let limits: OriginLimits
  private let context: WireContext
  private let counters: WorkerCounters
  private let connector: Connector
  private var entries: [Key: Entry] = [:]
  private var uses: UInt64 = 0

  /// No pools yet.
  /// - Parameter limit: how many there may be at once, 1 or more.
  public init(limit: Int, _ limits: OriginLimits, _ context: WireContext, _ counters: WorkerCounters, _ connector: Connector) {
    self.limit = limit
    self.limits = limits
    self.context = context
    self.counters = counters
    self.connector = connector
  }

  /// Whether they may go on serving under these limits.
  public func serves(limit: Int, _ limits: OriginLimits) -> Bool {
    limit == self.limit && limits == self.limits && !entries.keys.contains { $0.tls?.certificateAuthority != nil }
  }

  /// How many there are.
  public var count: Int { entries.count }

  /// The pool to a server with an origin's settings. Another one may have to be retired for it, which is counted: its idle connections are
  /// closed, those in use end with their requests.
  public func pool(_ origin: Origin, _ server: Origin.HTTPServer, isSecure: Bool, _ policy: AddressPolicy, _ family: AddressFamily) -> OriginPool {
    uses += 1
    let times = [origin.connectionTimeout, origin.readTimeout, origin.keepAliveTimeout]
    let sizes = [origin.connectionsPerWorker, origin.idleConnectionsPerWorker, origin.waitingRequestsPerWorker]
    let key = Key(
      domainName: server.domainName.lowercased(), port: server.port(isSecure: isSecure), tls: isSecure ? server.tls : nil, times: times, sizes: sizes,
      policy: policy, family: family)
    if let entry = entries[key] {
      entry.lastUse = uses
      return entry.pool
    }
    if entries.count >= limit, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) {
      counters.add(.limitFunctionOrigins)
      oldest.value.pool.retire()
      entries[oldest.key] = nil
    }
    let entry = Entry(OriginPool(origin, server, limits, context, counters, connector, isSecure: isSecure, policy, family))
    entry.lastUse = uses
    entries[key] = entry
    return entry.pool
  }

  /// Closes what is idle, as after a reload.
  public func retire() {
    for entry in entries.values { entry.pool.retire() }
    entries = [:]
  }
}
