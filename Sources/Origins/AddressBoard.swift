// Owns: the addresses of one origin: which gets the next request. Of two drawn at random the one with fewer requests in flight ("the power of two
// choices"): nearly as even as looking at all of them, and without the herd that runs to whoever is idlest. A value; time and chance come from outside.
import Distribution
import Transport

/// The addresses of an origin and their health.
struct AddressBoard {
  /// Addresses that are remembered; the one longest unused, and with no request, makes room.
  static let limit = 64

  private struct Entry {
    let address: SocketAddress
    var health = AddressHealth()
    var lastUse: UInt64 = 0
    /// Whether the name had it when it was looked up for checks the last time, or a request has used it since.
    var isListed = true
  }
  private var entries: [Entry] = []
  var policy: EjectionPolicy

  init(_ policy: EjectionPolicy) { self.policy = policy }

  /// What is known, for whoever shows it: not of addresses that the name does not have any more. Those are remembered all the same; a name may have them by turns.
  var all: [(address: SocketAddress, health: AddressHealth)] { entries.filter { $0.isListed || $0.health.inFlight > 0 }.map { ($0.address, $0.health) } }

  /// The name has these addresses now, and no others.
  mutating func list(_ addresses: [SocketAddress]) { for index in entries.indices { entries[index].isListed = addresses.contains(entries[index].address) } }

  /// An address for a request.
  /// - Parameter addresses: the name's; not empty.
  /// - Returns: the address, and whether none was fit, so that any of them would have to do.
  func choose(_ addresses: [SocketAddress], at now: UInt64, using generator: inout some RandomNumberGenerator) -> (address: SocketAddress, isPanic: Bool) {
    var fit = addresses.map { (address: $0, health: health(of: $0)) }.filter { $0.health.share(at: now, policy) > 0 }
    let isPanic = fit.isEmpty
    if isPanic { fit = addresses.map { ($0, health(of: $0)) } }
    // One that is coming back is passed over as often as its share says, while there are others.
    if !isPanic {
      let drawn = fit.filter { $0.health.share(at: now, policy) >= 1 || Double.random(in: 0..<1, using: &generator) < $0.health.share(at: now, policy) }
      if !drawn.isEmpty { fit = drawn }
    }
    let first = Int.random(in: 0..<fit.count, using: &generator)
    guard fit.count > 1 else { return (fit[0].address, isPanic) }
    let second = (first + Int.random(in: 1..<fit.count, using: &generator)) % fit.count
    return (fit[fit[second].health.inFlight < fit[first].health.inFlight ? second : first].address, isPanic)
  }

  /// Addresses in the order in which they are to be connected to: the chosen one, then those that are fit, then the others.
  func order(_ addresses: [SocketAddress], from chosen: SocketAddress, at now: UInt64) -> [SocketAddress] {
    let others = addresses.filter { $0 != chosen }
    return [chosen] + others.filter { health(of: $0).share(at: now, policy) > 0 } + others.filter { health(of: $0).share(at: now, policy) == 0 }
  }

  /// Whether none of them is fit.
  func isWhollyEjected(_ addresses: [SocketAddress], at now: UInt64) -> Bool {
    !addresses.isEmpty && addresses.allSatisfy { health(of: $0).share(at: now, policy) == 0 }
  }

  private func health(of address: SocketAddress) -> AddressHealth { entries.first { $0.address == address }?.health ?? AddressHealth() }

  /// Changes what is known of an address; one that was not known is, from now on.
  /// - Parameter isCheck: whether it is a check that says so, of an address that the name may have lost meanwhile.
  mutating func update<Result>(_ address: SocketAddress, at now: UInt64, isCheck: Bool = false, _ change: (inout AddressHealth) -> Result) -> Result {
    var index = entries.firstIndex { $0.address == address }
    if index == nil {
      if entries.count >= Self.limit, let oldest = entries.indices.filter({ entries[$0].health.inFlight == 0 }).min(by: { entries[$0].lastUse < entries[$1].lastUse }) {
        entries.remove(at: oldest)
      }
      entries.append(Entry(address: address))
      index = entries.count - 1
    }
    let place = index ?? 0
    entries[place].lastUse = now
    if !isCheck { entries[place].isListed = true }
    return change(&entries[place].health)
  }

  /// There are no checks any more.
  mutating func forgetChecks() { for index in entries.indices { entries[index].health.forgetChecks() } }
}
