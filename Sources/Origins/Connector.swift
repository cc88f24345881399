// Owns: from a name to a connected socket: resolving, refusing addresses that may not be origins, racing address families.
// Confined to one worker thread.
public import Telemetry
import TLS
public import Transport

/// Opens connections to origins for one worker.
public final class Connector {
  private let loop: EventLoop
  private var configuration: Resolver.Configuration
  private let counters: WorkerCounters
  /// Made on first use, on the loop's thread: most origins of a laptop are literal addresses.
  private var resolver: Resolver?
  /// By what they are made of, made on first use: trusted authorities are read once, sessions shared.
  private var clients: [TLSClient.Configuration: TLSClient] = [:]
  /// Addresses that may never be origins: this proxy's own listeners (architecture.md, Trust).
  public var forbidden: Set<SocketAddress> = []

  /// A connector on a worker's loop.
  public init(loop: EventLoop, _ configuration: Resolver.Configuration, _ counters: WorkerCounters) {
    self.loop = loop
    self.configuration = configuration
    self.counters = counters
  }

  /// Follows a new configuration: look-ups under way end with the resolver they began with, and the files of trusted authorities are read anew
  /// when they are needed next. Those of the system are kept, with the sessions: they take milliseconds to read.
  public func adopt(_ configuration: Resolver.Configuration) {
    clients = clients.filter { $0.key.certificateAuthority == nil }
    guard configuration != self.configuration else { return }
    self.configuration = configuration
    resolver = nil
  }

  /// Connects to the first address of a name that answers.
  /// - Parameters:
  ///   - literals: its addresses, where the name is not to be asked.
  ///   - policy: which of the name's addresses may be connected to; the others are passed over.
  ///   - family: which of them are wanted.
  /// - Returns: the connection, where it leads, and all addresses that might have been connected to.
  /// - Throws: ``OriginFailure`` with the reason.
  public nonisolated(nonsending) func connect(
    _ name: String, at literals: [String] = [], port: UInt16, timeoutMilliseconds: Int, _ policy: AddressPolicy = .configured, _ family: AddressFamily = .any
  ) async throws(OriginFailure) -> (socket: Socket, address: SocketAddress, all: [SocketAddress]) {
    let (addresses, refused) = try await lookUp(name, literals, port, policy, family)
    do throws(OriginFailure) {
      let (socket, address) = try await connect(to: addresses, "\(name):\(port)", timeoutMilliseconds: timeoutMilliseconds, policy)
      return (socket, address, addresses)
    } catch { throw refused ?? error }
  }

  /// The addresses of a name that may be connected to; at least one.
  nonisolated(nonsending) func usableAddresses(
    of name: String, at literals: [String], port: UInt16, _ policy: AddressPolicy = .configured, _ family: AddressFamily = .any
  ) async throws(OriginFailure) -> [SocketAddress] { try await lookUp(name, literals, port, policy, family).addresses }

  /// - Returns: why there are not more, if there might be.
  private nonisolated(nonsending) func lookUp(
    _ name: String, _ literals: [String], _ port: UInt16, _ policy: AddressPolicy, _ family: AddressFamily
  ) async throws(OriginFailure) -> (addresses: [SocketAddress], refused: OriginFailure?) {
    let known = literals.compactMap { SocketAddress(host: $0, port: port) }
    let all = (known.isEmpty ? try await addresses(of: name, port: port) : known).filter { family.includes($0) }
    let refusals = all.map { policy.refusal(of: $0, own: forbidden) }
    let refused = refusals.compactMap { $0 }.first.map { OriginFailure(.addressRefused($0), at: "\(name):\(port)") }
    let addresses = zip(all, refusals).filter { $0.1 == nil }.map(\.0)
    guard !addresses.isEmpty else { throw refused ?? OriginFailure(.nameUnknown, at: name) }
    return (addresses, refused)
  }

  /// Connects to the first of several addresses that answers.
  nonisolated(nonsending) func connect(
    to addresses: [SocketAddress], _ place: String, timeoutMilliseconds: Int, _ policy: AddressPolicy = .configured
  ) async throws(OriginFailure) -> (Socket, SocketAddress) {
    let (socket, address) = try await open(addresses, place, timeoutMilliseconds)
    guard let refusal = socket.localAddress.flatMap({ policy.refusal(of: address, from: $0, own: forbidden) }) else { return (socket, address) }
    socket.close()
    throw OriginFailure(.addressRefused(refusal), at: place)
  }

  /// Secures a connection to an origin.
  /// - Throws: ``OriginFailure``: the handshake failed, took too long, or the certificate is not one for the origin.
  nonisolated(nonsending) func secure(
    _ socket: Socket, _ identity: OriginIdentity, _ configuration: TLSClient.Configuration, at place: String, timeoutMilliseconds: Int
  ) async throws(OriginFailure) {
    do throws(TLSFailure) {
      let client = try client(configuration)
      let key = place + "|" + identity.label
      try await socket.secure(with: client, to: identity.serverName, identity: key, timeoutMilliseconds: timeoutMilliseconds)
      guard let tls = socket.tls, tls.peerIs(anyOf: identity.acceptedNames) else {
        client.forget(key)
        let wanted = identity.acceptedNames.joined(separator: " or ")
        throw TLSFailure(.certificate, "its certificate is for \(socket.tls?.peerNames ?? ""), not for \(wanted)")
      }
      counters.add(tls.isResumed ? .originTLSResumed : .originTLSFull)
    } catch { throw OriginFailure(securing: error, at: place) }
  }

  private func client(_ configuration: TLSClient.Configuration) throws(TLSFailure) -> TLSClient {
    if let client = clients[configuration] { return client }
    do throws(CertificateFailure) {
      let client = try TLSClient(configuration)
      clients[configuration] = client
      return client
    } catch { throw TLSFailure(.certificate, "\(error.path): \(error.reason)") }
  }

  private nonisolated(nonsending) func open(
    _ addresses: [SocketAddress], _ place: String, _ timeoutMilliseconds: Int
  ) async throws(OriginFailure) -> (Socket, SocketAddress) {
    do throws(ConnectFailure) {
      if addresses.count > 1 {
        var race = AddressRace.Configuration()
        race.timeoutMilliseconds = timeoutMilliseconds
        return try await AddressRace.connect(to: addresses, on: loop, configuration: race)
      }
    } catch { throw OriginFailure(connecting: error.reason, at: place) }
    do throws(IOFailure) {
      return (try await Socket.connect(to: addresses[0], on: loop, timeoutMilliseconds: timeoutMilliseconds), addresses[0])
    } catch { throw OriginFailure(connecting: error, at: place) }
  }

  private nonisolated(nonsending) func addresses(of name: String, port: UInt16) async throws(OriginFailure) -> [SocketAddress] {
    if let literal = SocketAddress(host: name, port: port) { return [literal] }
    do throws(ResolveFailure) { return try await theResolver().resolve(name).with(port: port) } catch {
      switch error {
      case .nameUnknown, .invalidName: throw OriginFailure(.nameUnknown, at: name)
      default: throw OriginFailure(.nameServers, at: name)
      }
    }
  }

  private func theResolver() throws(ResolveFailure) -> Resolver {
    if let resolver { return resolver }
    let made = try Resolver(loop: loop, configuration: configuration)
    let counters = counters
    made.observe = { counters.add($0.counter) }
    resolver = made
    return made
  }
}

/// Which addresses of a name are used.
public enum AddressFamily: Hashable, Sendable {
  case any, ipv4, ipv6

  func includes(_ address: SocketAddress) -> Bool {
    switch (self, address) {
    case (.any, _), (.ipv4, .ipv4), (.ipv6, .ipv6): true
    default: false
    }
  }
}

extension Resolver.Outcome {
  /// What is counted.
  fileprivate var counter: Counter {
    switch self {
    case .cached: .nameCached
    case .resolved: .nameResolved
    case .stale: .nameStale
    case .negative: .nameNegative
    case .failed: .nameFailed
    case .timedOut: .nameTimeout
    case .collapsed: .nameCollapsed
    case .forgotten: .limitNamesCached
    case .refused: .limitNameLookups
    case .serversChanged: .nameServersChanged
    }
  }
}
