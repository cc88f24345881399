// Owns: replacing this process by a new one of the same program's file: SIGUSR2. The main thread's.
import Glibc
import Telemetry
import Transport

extension Server {
  /// Begins an upgrade.
  func upgrade() {
    guard let starter else { return diagnostics.say(.error, "upgrade: the process that starts programs could not be made") }
    guard upgrading == nil else { return diagnostics.say(.warning, "upgrade: one is under way already") }
    upgradeIsDue = reloading != nil
    guard !upgradeIsDue else { return }
    diagnostics.say(.info, "upgrade: starting the program anew")
    upgrading = Upgrade(starter, handedOver.map { ($0.socket, $0.name) }, lacking: standing.tolerated, queue)
  }

  /// Every socket that listens here, in the order in which it is handed over.
  private var handedOver: [(socket: ListeningSocket, name: String?, door: Door?)] {
    func name(_ configured: SocketAddress) -> String? {
      if case .unix = configured { return nil }
      return configured.port == 0 ? Inheritance.name(of: configured) : nil
    }
    let viewers = standing.doors.flatMap { door in door.sockets.map { (socket: $0, name: name(door.configured), door: Optional(door)) } }
    return viewers + (standing.admin.map { [(socket: $0.socket, name: name($0.configured), door: nil)] } ?? [])
  }

  /// An upgrade has come to its end.
  /// - Returns: whether this process has: the new one serves, and what was under way here is done.
  func take(_ outcome: Upgrade.Outcome) -> Bool {
    upgrading?.end()
    upgrading = nil
    switch outcome {
    case .failed(let reason):
      diagnostics.say(.error, "upgrade failed: \(reason); this process goes on serving")
      return false
    case .ready(let process, let unwanted):
      diagnostics.say(.info, "upgrade: process \(process) serves; this one drains")
      endWatchdog()
      manager.replaced(by: process)
      let left = zip(handedOver, 0...).filter { !unwanted.contains($0.1) }.compactMap(\.0.door)
      drain(leaving: left)
      return true
    }
  }
}
