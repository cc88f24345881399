// Owns: one attempt at an origin whose health is watched or whose requests are bounded: it counts from its beginning to the end of the answer, and says
// what it has shown. It stands between a connection and its keeper, so that it ends with the connection, however that ends.
// Confined to one worker's thread.
public import HTTPWire
import Telemetry
public import Transport

/// An attempt at an origin.
public final class OriginVisit: ConnectionKeeper {
  private let state: OriginState
  private let loop: EventLoop
  private let counters: WorkerCounters
  private var gate: RequestGate?
  /// The addresses to choose from, and the one that was chosen; nil when the name has none that could be looked up yet.
  let addresses: [SocketAddress]
  let chosen: SocketAddress?
  /// Where its connection leads.
  private var address: SocketAddress?
  private var isTrial = false, isNoted = false
  /// Who keeps the connection.
  var keeper: (any ConnectionKeeper)?

  init(_ state: OriginState, _ gate: RequestGate?, _ addresses: [SocketAddress], on loop: EventLoop, _ counters: WorkerCounters) {
    self.state = state
    self.loop = loop
    self.counters = counters
    self.gate = gate
    self.addresses = addresses
    chosen = addresses.isEmpty ? nil : state.choose(addresses, at: loop.now, counters)
  }

  deinit { leave() }

  /// All addresses in the order in which they are to be tried.
  var order: [SocketAddress] { chosen.map { state.order(addresses, from: $0, at: loop.now) } ?? addresses }

  /// There is a connection, and it leads there.
  func arrive(at address: SocketAddress) {
    self.address = address
    isTrial = state.begin(at: address, loop.now)
  }
  /// An address that was tried could not be connected to, or not before another.
  func miss(_ address: SocketAddress) {
    let isTrial = state.begin(at: address, loop.now)
    state.note(address, success: false, wasTrial: isTrial, loop.now, counters)
    state.end(at: address, wasTrial: isTrial, loop.now)
  }

  /// What the attempt has shown of the address it came to. Once; nothing when it came to none.
  public func note(success: Bool) {
    guard let address, !isNoted else { return }
    isNoted = true
    state.note(address, success: success, wasTrial: isTrial, loop.now, counters)
  }

  /// The request has ended on its connection.
  public func ended(_ socket: Socket, reusable: Bool, sent: Int, received: Int) {
    leave()
    keeper?.ended(socket, reusable: reusable, sent: sent, received: received)
    keeper = nil
  }

  private func leave() {
    if let address { state.end(at: address, wasTrial: isTrial, loop.now) }
    address = nil
    gate?.leave()
    gate = nil
  }
}
