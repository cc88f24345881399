// Owns: what all workers know of an origin together: the health of its addresses, and how many requests it has. It is kept through reloads as long as the
// origin is the same. Any thread; one lock, held for a look at a few addresses.
public import Distribution
import Synchronization
public import Telemetry
import Transport

/// What workers know of an origin.
public final class OriginState: Sendable {
  /// Whose it is, in words for the log and the metrics.
  public let distribution, origin: String
  private let diagnostics: Diagnostics?
  private struct Settings {
    var board: AddressBoard
    var check: HealthCheck?
    var gate: RequestGate?
    /// Whether failures eject addresses.
    var ejects = false
  }
  private let settings: Mutex<Settings>

  /// Nothing is known.
  /// - Parameter diagnostics: told when addresses go and come back.
  public init(distribution: String, _ origin: Origin, diagnostics: Diagnostics? = nil) {
    self.distribution = distribution
    self.origin = origin.name
    self.diagnostics = diagnostics
    settings = Mutex(Settings(board: AddressBoard(origin.ejection ?? EjectionPolicy())))
    adopt(origin)
  }

  /// Takes up an origin's settings.
  public func adopt(_ origin: Origin) {
    settings.withLock { settings in
      settings.board.policy = origin.ejection ?? EjectionPolicy()
      settings.ejects = origin.ejectsAddresses
      settings.check = origin.healthCheck
      if origin.healthCheck == nil { settings.board.forgetChecks() }
      guard let bound = origin.requestBound else { return settings.gate = nil }
      if let gate = settings.gate { gate.adopt(bound) } else { settings.gate = RequestGate(bound) }
    }
  }

  var gate: RequestGate? { settings.withLock { $0.gate } }

  // MARK: Addresses

  func choose(_ addresses: [SocketAddress], at now: UInt64, _ counters: WorkerCounters) -> SocketAddress {
    var generator = SystemRandomNumberGenerator()
    let (address, isPanic) = settings.withLock { $0.board.choose(addresses, at: now, using: &generator) }
    if isPanic { counters.add(.originPanic) }
    return address
  }
  func order(_ addresses: [SocketAddress], from chosen: SocketAddress, at now: UInt64) -> [SocketAddress] {
    settings.withLock { $0.board.order(addresses, from: chosen, at: now) }
  }
  func isWhollyEjected(_ addresses: [SocketAddress], at now: UInt64) -> Bool { settings.withLock { $0.board.isWhollyEjected(addresses, at: now) } }

  /// A request begins at an address.
  /// - Returns: whether it is a trial.
  func begin(at address: SocketAddress, _ now: UInt64) -> Bool { settings.withLock { $0.board.update(address, at: now) { $0.begin(at: now) } } }
  func end(at address: SocketAddress, wasTrial: Bool, _ now: UInt64) { settings.withLock { $0.board.update(address, at: now) { $0.end(wasTrial: wasTrial, at: now) } } }

  /// A request has shown whether an address works.
  func note(_ address: SocketAddress, success: Bool, wasTrial: Bool, _ now: UInt64, _ counters: WorkerCounters) {
    let change = settings.withLock { settings in
      guard settings.ejects else { return AddressHealth.Change?.none }
      let policy = settings.board.policy
      return settings.board.update(address, at: now) { $0.note(success: success, wasTrial: wasTrial, at: now, policy) }
    }
    if let change { tell(change, address, counters) }
  }

  /// The name has these addresses now.
  func list(_ addresses: [SocketAddress]) { settings.withLock { $0.board.list(addresses) } }

  /// A check has an answer.
  func check(_ address: SocketAddress, success: Bool, _ now: UInt64, _ counters: WorkerCounters) {
    counters.add(success ? .originCheckPassed : .originCheckFailed)
    let change = settings.withLock { settings in
      settings.check.flatMap { check in settings.board.update(address, at: now, isCheck: true) { $0.check(success: success, at: now, check) } }
    }
    if let change { tell(change, address, counters) }
  }

  private func tell(_ change: AddressHealth.Change, _ address: SocketAddress, _ counters: WorkerCounters) {
    let what: String
    switch change {
    case .ejected(let milliseconds, let why):
      counters.add(.originEjected)
      what = "gets no requests for \(milliseconds) ms: \(why.text)"
    case .returned:
      counters.add(.originUnejected)
      what = "answers again and gets a growing share of requests"
    case .down:
      counters.add(.originDown)
      what = "gets no requests: its health checks fail"
    case .up:
      counters.add(.originUp)
      what = "gets requests again: its health checks succeed"
    }
    let isBad = change != .returned && change != .up
    diagnostics?.say(isBad ? .warning : .info, key: "health \(distribution) \(origin) \(address) \(isBad)", "\(address) of origin \(origin) (\(distribution)) \(what)")
  }

  /// What is known now, for the metrics and status pages.
  public func facts(at now: UInt64) -> OriginFacts {
    settings.withLock { settings in
      let numbers = settings.gate?.numbers
      let addresses = settings.board.all.map { address, health in
        OriginFacts.Address(
          address: address.description, isFit: health.share(at: now, settings.board.policy) > 0, condition: health.word, inFlight: health.inFlight)
      }
      return OriginFacts(distribution: distribution, origin: origin, inFlight: numbers?.inFlight, waiting: numbers?.waiting, addresses: addresses)
    }
  }
}

extension AddressHealth {
  /// Its condition, for the status page.
  fileprivate var word: String {
    if isDown { return "down" }
    return switch condition {
    case .good: "healthy"
    case .ejected: "ejected"
    case .tried: "on trial"
    case .returning: "returning"
    }
  }
}

extension AddressHealth.Reason {
  fileprivate var text: String {
    switch self {
    case .inARow(let count): "\(count) requests in a row failed"
    case .share(let failures, let requests): "\(failures) of \(requests) requests failed"
    case .trial: "the request that tried it failed"
    }
  }
}
