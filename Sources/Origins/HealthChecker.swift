// Owns: asking each address of an origin whether it is well, again and again, on connections of its own. One worker does it, and all go by what it finds:
// asking from each would multiply the questions and let workers differ about the same address. Confined to that worker's thread.
public import Distribution
public import HTTPWire
public import Telemetry
import TLS
public import Transport

/// The checks of one origin.
public final class HealthChecker: ConnectionKeeper {
  private let state: OriginState
  private let origin: Origin
  private let server: Origin.HTTPServer
  private let check: HealthCheck
  private let context: WireContext
  private let counters: WorkerCounters
  private let connector: Connector
  /// Gives a question a task.
  private let start: (Question) -> Void
  private var isStopped = false
  /// Addresses that have yet to answer: they are asked again when they have, or their time is over.
  private var asked: Set<SocketAddress> = []

  /// A question to be asked: of one address, or of all that there are.
  public final class Question {
    fileprivate let checker: HealthChecker
    fileprivate let address: SocketAddress?
    fileprivate init(_ checker: HealthChecker, _ address: SocketAddress?) {
      self.checker = checker
      self.address = address
    }
    /// Asks, and says so to everyone. In a task of the worker's.
    public nonisolated(nonsending) func ask() async { if let address { await checker.ask(address) } else { await checker.askAll() } }
  }

  /// Checks that have not begun; nil for an origin without any.
  /// - Parameter start: gives a question a task of the worker's.
  public init?(_ origin: Origin, _ state: OriginState, _ context: WireContext, _ counters: WorkerCounters, _ connector: Connector, start: @escaping (Question) -> Void) {
    guard case .http(let server) = origin.kind, let check = origin.healthCheck else { return nil }
    self.origin = origin
    self.server = server
    self.check = check
    self.state = state
    self.context = context
    self.counters = counters
    self.connector = connector
    self.start = start
  }

  /// Asks now, and then every interval until ``stop()``.
  public func run() {
    guard !isStopped else { return }
    start(Question(self, nil))
    context.loop.schedule(afterMilliseconds: check.interval.milliseconds) { [weak self] in self?.run() }
  }
  /// Asks no more.
  public func stop() { isStopped = true }

  private var isSecure: Bool { server.originProtocolPolicy == .httpsOnly }
  private var port: Int { server.port(isSecure: isSecure) }

  private nonisolated(nonsending) func askAll() async {
    // A name that cannot be resolved has no address to be ill.
    guard let addresses = try? await connector.usableAddresses(of: server.domainName, at: server.addresses, port: UInt16(clamping: port)) else { return }
    state.list(addresses)
    for address in addresses.prefix(AddressBoard.limit) where asked.insert(address).inserted { start(Question(self, address)) }
  }

  private nonisolated(nonsending) func ask(_ address: SocketAddress) async {
    defer { asked.remove(address) }
    let status = try? await answer(of: address)
    guard !isStopped else { return }
    state.check(address, success: status.map { status in check.expectedStatus.contains { $0.contains(status) } } ?? false, context.loop.now, counters)
  }

  /// The status that an address answers with.
  private nonisolated(nonsending) func answer(of address: SocketAddress) async throws -> Int {
    let place = "\(address)", timeout = check.timeout.milliseconds, began = context.loop.now
    let (socket, _) = try await connector.connect(to: [address], place, timeoutMilliseconds: timeout)
    // All of it is to be done in time: who sends a head byte by byte does not.
    let left = timeout - Int(context.loop.now - began)
    let end = context.loop.schedule(afterMilliseconds: left) { socket.fail(.timedOut) }
    defer { context.loop.cancel(end) }
    if isSecure {
      let identity = OriginIdentity(serverName: server.domainName, alsoAccepted: [])
      do { try await connector.secure(socket, identity, server.tls, at: place, timeoutMilliseconds: timeout) } catch {
        socket.close()
        throw error
      }
    }
    var limits = OriginLimits()
    limits.readTimeoutMilliseconds = timeout
    limits.writeTimeoutMilliseconds = timeout
    var connection = ClientConnection(socket, limits, isReused: false, keeper: self)
    connection.stream.beginOutput()
    connection.stream.output.append(text: request)
    try await connection.flush()
    let head = try await connection.readHead(hasNoBody: false)
    return head.line.status
  }

  private var request: String {
    let host = server.domainName.contains(":") ? "[\(server.domainName)]" : server.domainName
    let authority = port == (isSecure ? 443 : 80) ? host : "\(host):\(port)"
    let custom = origin.customHeaders.map { "\($0.name): \($0.value)\r\n" }.joined()
    return "GET \(origin.originPath)\(check.path) HTTP/1.1\r\nHost: \(authority)\r\nUser-Agent: Skerry health check\r\n\(custom)Connection: close\r\n\r\n"
  }

  /// Nothing of it is used again.
  public func ended(_ socket: Socket, reusable: Bool, sent: Int, received: Int) { socket.close() }
}
