// Owns: a place where viewers or operators connect, through reloads: its sockets, and who may come in there now. It stays as long as the
// configuration names its address; nobody who connects notices a reload.
import Distribution
import Glibc
import Pipeline
import Telemetry
import Transport

/// A place where viewers connect: a socket of each worker. Any thread, but what is said to be a worker's.
final class Door: Sendable {
  /// A worker's part.
  private struct Leaf {
    /// One; more when an earlier process with more workers handed over its own.
    let listeners: [Transport.Listener]
    let reception: Reception
  }

  /// As it is configured: a port 0 is any.
  let configured: SocketAddress
  /// What is really bound.
  let address: SocketAddress
  /// Its sockets, to be handed to another process.
  let sockets: [ListeningSocket]
  /// By worker.
  private let leaves: [OnLoop<Leaf>]

  /// A door that nobody comes in by until it is opened.
  /// - Parameter sockets: at least one for each worker; the door's from here on.
  init(
    _ configured: SocketAddress, _ sockets: [ListeningSocket], _ rules: Reception.Rules, _ handles: [WorkerHandle], _ ledger: ConnectionLedger, _ diagnostics: Diagnostics
  ) {
    self.configured = configured
    address = sockets[0].address
    self.sockets = sockets
    leaves = handles.map { handle in
      let reception = Reception(rules, handle, ledger) { number, descriptor, peer, secure in handles[number].serve(descriptor, peer, secure) }
      let own = sockets.indices.filter { $0 % handles.count == handle.number }
      let listeners = own.map { index in
        let listener = Transport.Listener(sockets[index], on: handle.loop, leavesReserve: true) { reception.receive($0, $1) }
        listener.closed = { reception.close() }
        listener.reportExhaustion(to: handle, diagnostics)
        return listener
      }
      return OnLoop(Leaf(listeners: listeners, reception: reception))
    }
  }

  /// Lets viewers in. The worker's thread, or before it runs.
  func open(on worker: Int) { for listener in leaves[worker].value.listeners { listener.start() } }
  /// New rules for who comes from now on. The worker's thread.
  func adopt(_ rules: Reception.Rules, on worker: Int) { leaves[worker].value.reception.rules = rules }
  /// Closes for newcomers; those at the threshold come in. The worker's thread.
  func close(on worker: Int) { for listener in leaves[worker].value.listeners { listener.finish() } }
  /// Leaves the door to another process, with all who wait before it. The worker's thread.
  func leave(on worker: Int) { for listener in leaves[worker].value.listeners { listener.leave() } }
}

/// The admin address, on the first worker's loop. Any thread, but what is said to be the worker's.
final class AdminDoor: Sendable {
  /// As it is configured, and as it is bound.
  let configured: SocketAddress, address: SocketAddress
  /// Its socket, to be handed to another process.
  let socket: ListeningSocket
  private let listener: OnLoop<Transport.Listener>

  init(_ configured: SocketAddress, _ socket: ListeningSocket, _ handle: WorkerHandle, _ diagnostics: Diagnostics, accepted: @escaping (Int32, SocketAddress) -> Void) {
    self.configured = configured
    address = socket.address
    self.socket = socket
    let listener = Transport.Listener(socket, on: handle.loop, leavesReserve: false, accepted: accepted)
    listener.reportExhaustion(to: handle, diagnostics)
    self.listener = OnLoop(listener)
  }

  /// Lets operators in. The worker's thread, or before it runs.
  func open() { listener.value.start() }
  /// Closes for newcomers. The worker's thread.
  func close() {
    listener.value.finish()
    removePath()
  }
  /// Leaves the door to another process. The worker's thread.
  func leave() { listener.value.leave() }
  /// Removes a Unix socket's path, if nobody listens there any more.
  func removePath() { if case .unix(let path) = address, !socket.isHeldElsewhere { unsafe unlink(path) } }
  /// The address as a URL.
  var url: String {
    if case .unix = address { return address.description }
    return "http://\(address)"
  }
}

extension Transport.Listener {
  /// Says when accepting rests, and counts.
  fileprivate func reportExhaustion(to handle: WorkerHandle, _ diagnostics: Diagnostics) {
    let address = address
    exhausted = { code in
      handle.count(.limitDescriptors)
      diagnostics.say(
        .warning, key: "accepting-rests", "\(address) accepts no connection for a while: \(unsafe String(cString: strerror(code))); who connects waits")
    }
  }
}
