// Owns: who may come in by one listener of one worker: connections that have yet to say whose they are (PROXY protocol), then the limits.
// Confined to that worker's loop.
import Distribution
import Pipeline
import Telemetry
import Transport

/// Lets accepted connections in, or closes them.
final class Reception {
  private let handle: WorkerHandle
  private let ledger: ConnectionLedger
  private let limits: Limits
  private let trustedProxies: [AddressRange]
  private let expectsProxyHeader: Bool
  /// Hands a connection to the worker of that number.
  private let serve: (_ worker: Int, _ descriptor: Int32, _ peer: SocketAddress) -> Void
  /// Connections whose PROXY header has not come yet.
  private var waiting: [ObjectIdentifier: AnnouncedConnection] = [:]

  init(
    _ configuration: Configuration, expectsProxyHeader: Bool, _ handle: WorkerHandle, _ ledger: ConnectionLedger,
    serve: @escaping (_ worker: Int, _ descriptor: Int32, _ peer: SocketAddress) -> Void
  ) {
    self.handle = handle
    self.ledger = ledger
    self.serve = serve
    limits = configuration.limits
    trustedProxies = configuration.trustedProxies
    self.expectsProxyHeader = expectsProxyHeader
  }

  /// Takes an accepted connection.
  func receive(_ descriptor: Int32, _ peer: SocketAddress) {
    guard Descriptors.mayServe(descriptor) else { return handle.refuse(descriptor, .limitDescriptors) }
    if expectsProxyHeader { wait(descriptor, peer) } else { admit(descriptor, peer) }
  }

  /// Closes what still waits.
  func close() { for connection in waiting.values { connection.cancel() } }

  private func wait(_ descriptor: Int32, _ peer: SocketAddress) {
    guard waiting.count < limits.proxyHeadersWaiting else { return handle.refuse(descriptor, .limitProxyHeadersWaiting) }
    let limits = AnnouncedConnection.Limits(bytes: limits.proxyHeaderBytes, timeoutMilliseconds: limits.proxyHeaderTimeout.milliseconds)
    let connection = AnnouncedConnection(descriptor, on: handle.loop, limits) { [self] connection, outcome in
      waiting[ObjectIdentifier(connection)] = nil
      handle.count(outcome.counter)
      if case .announced(let header) = outcome { admit(connection.descriptor, header.source ?? peer) }
    }
    waiting[ObjectIdentifier(connection)] = connection
  }

  /// Lets a connection in whose viewer is known, within the limits. A trusted proxy has the connections of many viewers.
  private func admit(_ descriptor: Int32, _ peer: SocketAddress) {
    let perAddress = trustedProxies.contains(peer) ? .max : limits.connectionsPerClientAddress
    switch ledger.admit(peer, accepting: handle.number, perWorker: limits.connectionsPerWorker, perAddress: perAddress) {
    case .worker(let number): serve(number, descriptor, peer)
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
