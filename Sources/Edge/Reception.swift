// Owns: who may come in by one listener of one worker: connections that have yet to say whose they are (PROXY protocol), then the limits.
// Confined to that worker's loop.
import Distribution
import Pipeline
import Telemetry
import TLS
import Transport

/// Lets accepted connections in, or closes them.
final class Reception {
  /// What holds at a listener, by the present configuration.
  struct Rules: Sendable {
    var limits: Limits
    var trustedProxies: [AddressRange]
    var expectsProxyHeader: Bool
    /// What it shows; nil for clear text.
    var secure: SecureListener?

    init(_ configuration: Configuration, expectsProxyHeader: Bool, _ secure: SecureListener?) {
      limits = configuration.limits
      trustedProxies = configuration.trustedProxies
      self.expectsProxyHeader = expectsProxyHeader
      self.secure = secure
    }
  }

  /// For connections that come from now on.
  var rules: Rules
  private let handle: WorkerHandle
  private let ledger: ConnectionLedger
  /// Hands a connection to the worker of that number.
  private let serve: (_ worker: Int, _ descriptor: Int32, _ peer: SocketAddress, _ secure: SecureListener?) -> Void
  /// Connections whose PROXY header has not come yet.
  private var waiting: [ObjectIdentifier: AnnouncedConnection] = [:]

  init(
    _ rules: Rules, _ handle: WorkerHandle, _ ledger: ConnectionLedger,
    serve: @escaping (_ worker: Int, _ descriptor: Int32, _ peer: SocketAddress, _ secure: SecureListener?) -> Void
  ) {
    self.rules = rules
    self.handle = handle
    self.ledger = ledger
    self.serve = serve
  }

  /// Takes an accepted connection.
  func receive(_ descriptor: Int32, _ peer: SocketAddress) {
    guard Descriptors.mayServe(descriptor) else { return handle.refuse(descriptor, .limitDescriptors) }
    if rules.expectsProxyHeader { wait(descriptor, peer) } else { admit(descriptor, peer) }
  }

  /// Closes what still waits.
  func close() { for connection in waiting.values { connection.cancel() } }

  private func wait(_ descriptor: Int32, _ peer: SocketAddress) {
    let limits = rules.limits
    guard waiting.count < limits.proxyHeadersWaiting else { return handle.refuse(descriptor, .limitProxyHeadersWaiting) }
    let header = AnnouncedConnection.Limits(bytes: limits.proxyHeaderBytes, timeoutMilliseconds: limits.proxyHeaderTimeout.milliseconds)
    let connection = AnnouncedConnection(descriptor, on: handle.loop, header) { [self] connection, outcome in
      waiting[ObjectIdentifier(connection)] = nil
      handle.count(outcome.counter)
      if case .announced(let header) = outcome { admit(connection.descriptor, header.source ?? peer) }
    }
    waiting[ObjectIdentifier(connection)] = connection
  }

  /// Lets a connection in whose viewer is known, within the limits. A trusted proxy has the connections of many viewers.
  private func admit(_ descriptor: Int32, _ peer: SocketAddress) {
    let perAddress = rules.trustedProxies.contains(peer) ? .max : rules.limits.connectionsPerClientAddress
    switch ledger.admit(peer, accepting: handle.number, perWorker: rules.limits.connectionsPerWorker, perAddress: perAddress) {
    case .worker(let number): serve(number, descriptor, peer, rules.secure)
    case .workersFull: handle.refuse(descriptor, .limitConnectionsPerWorker)
    case .addressFull: handle.refuse(descriptor, .limitConnectionsPerAddress)
    }
  }
}

extension AnnouncedConnection.Outcome {
  /// What is counted.
  fileprivate var counter: Counter {
    switch self {
    case .announced(let header): header.source == nil ? .proxyUnnamed : .proxyNamed
    case .malformed: .proxyMalformed
    case .tooLong: .limitProxyHeader
    case .timedOut: .limitProxyHeaderTimeout
    case .closed: .proxyClosed
    }
  }
}
