// Owns: which distributions of configurations that reloads have replaced are still used on a worker by what may last for days: tunnels, and answers
// that come bit by bit (streams of events). Each keeps its distribution with everything in it, so there is a bound of how many configurations may
// be kept in this way: limits.formerConfigurations. Whatever else is under way ends by itself. Confined to the worker's thread.
import Transport

/// What lasts long on a distribution, by viewer's socket.
struct LongExchanges {
  private var sockets: [ObjectIdentifier: Socket] = [:]
  var isEmpty: Bool { sockets.isEmpty }

  mutating func began(_ socket: Socket) { sockets[ObjectIdentifier(socket)] = socket }
  mutating func ended(_ socket: Socket) { sockets[ObjectIdentifier(socket)] = nil }

  /// Ends them all.
  /// - Returns: how many there were.
  func cut() -> Int {
    for socket in sockets.values {
      socket.dependent?.fail(.cancelled)
      socket.cancelIdle()
    }
    return sockets.count
  }
}

/// The distributions of former configurations, as long as somebody uses them.
struct FormerSites {
  /// By configuration, the oldest first. What nobody else refers to any more is let go of.
  private var configurations: [[WorkerSite]] = []
  var isEmpty: Bool { configurations.isEmpty }

  /// These have been replaced. If there are now more configurations with long exchanges than may be, those of the oldest are ended.
  /// - Returns: how many were.
  mutating func replaced(_ sites: [WorkerSite], limit: Int) -> Int {
    configurations.append(sites)
    purge()
    let lasting = configurations.filter { $0.contains { !$0.longExchanges.isEmpty } }
    return lasting.dropLast(limit).joined().reduce(0) { $0 + $1.longExchanges.cut() }
  }

  /// Lets go of what has ended.
  mutating func purge() {
    for index in configurations.indices {
      var left: [WorkerSite] = []
      while var site = configurations[index].popLast() {
        if !isKnownUniquelyReferenced(&site) { left.append(site) }
      }
      configurations[index] = left
    }
    configurations.removeAll { $0.isEmpty }
  }
}
