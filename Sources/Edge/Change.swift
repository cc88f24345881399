// Owns: the step from one configuration to the next: what stands after it, and what each worker does to take it.
import ControlPlane
import Distribution
import Pipeline
import Telemetry
import Transport

extension Standing {
  /// What stands once a preparation is taken over: doors that stay, and new ones, still closed.
  init(_ preparation: Preparation, _ reading: ConfigurationReading, generation: Int, _ house: House) {
    self.generation = generation
    since = .now
    digest = reading.digest
    tolerated = reading.tolerated
    serving = preparation.serving
    logs = preparation.logs
    let configuration = preparation.serving.configuration
    doors = preparation.entrances.enumerated().map { index, entrance in
      switch entrance {
      case .standing(let door): return door
      case .bound(let sockets, let configured):
        let rules = Reception.Rules(
          configuration, expectsProxyHeader: configuration.listeners[index].expectsProxyHeader, preparation.secure[index])
        return Door(configured, sockets, rules, house.handles, house.ledger, house.diagnostics)
      }
    }
    admin = preparation.admin.map { entrance in
      switch entrance {
      case .standing(let door): return door
      case .bound(let socket, let configured): return AdminDoor(configured, socket, house)
      }
    }
  }
}

extension AdminDoor {
  fileprivate convenience init(_ configured: SocketAddress, _ socket: ListeningSocket, _ house: House) {
    let handle = house.handles[0], pages = house.pages
    self.init(configured, socket, handle, house.diagnostics) { descriptor, peer in
      guard pages.admit() else { return handle.refuse(descriptor, .limitAdminConnections) }
      Task(executorPreference: handle.loop) { await handle.isolation.serveAdmin(descriptor, peer, pages) }
    }
  }
}

/// The step, as each worker takes it. Any thread.
struct Change: Sendable {
  /// Nil when the worker serves it already.
  private let serving: ServingConfiguration?
  private let logs: Logs
  /// All doors after the step, by listener, and what holds there.
  private let doors: [Door], rules: [Reception.Rules]
  private let opened: [Door], closed: [Door]
  private let openedAdmin, closedAdmin: AdminDoor?
  private let ownAddresses: [SocketAddress]
  private let securePorts: SecurePorts

  /// - Parameter former: what stood before; nil at the start, when workers have been made with the configuration.
  init(from former: Standing?, to standing: Standing, _ preparation: Preparation) {
    serving = former == nil ? nil : standing.serving
    logs = standing.logs
    doors = standing.doors
    let listeners = standing.configuration.listeners
    rules = zip(listeners, preparation.secure).map { Reception.Rules(standing.configuration, expectsProxyHeader: $0.expectsProxyHeader, $1) }
    opened = standing.doors.filter { door in former?.doors.contains { $0 === door } != true }
    closed = former?.doors.filter { door in !standing.doors.contains { $0 === door } } ?? []
    openedAdmin = standing.admin === former?.admin ? nil : standing.admin
    closedAdmin = standing.admin === former?.admin ? nil : former?.admin
    ownAddresses = standing.doors.map(\.address) + (standing.admin.map { [$0.address] } ?? [])
    securePorts = SecurePorts(zip(standing.doors, listeners).map { (address: $0.address, isSecure: $1.tls != nil) })
  }

  /// Takes the step. The worker's thread.
  func apply(to worker: Worker) {
    if let serving { worker.adopt(serving) }
    worker.adopt(log: logs.access, functionLog: logs.functions, spans: logs.spans)
    worker.forbid(ownAddresses)
    worker.securePorts = securePorts
    let number = worker.number
    for (door, rules) in zip(doors, rules) { door.adopt(rules, on: number) }
    for door in opened { door.open(on: number) }
    for door in closed { door.close(on: number) }
    guard number == 0 else { return }
    openedAdmin?.open()
    closedAdmin?.close()
  }
}
