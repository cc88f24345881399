// Owns: where a request goes: an origin as the requests of one behavior meet it, and the way with one or two of them.
// Confined to the worker's thread: pools belong to it. Nothing changes after it was made.
import Distribution
import Origins

/// An origin, ready to be asked: configured, or made by a function (FunctionOrigins.swift).
final class Destination {
  let origin: CompiledOrigin
  /// The connections to a server; nil for a folder, and where there is an obstacle.
  let pool: OriginPool?
  let folder: FolderOrigin?
  /// Why it cannot be asked at all.
  let obstacle: OriginFailure?
  /// Lines that every request to it gets.
  let lines: [UInt8]
  /// Whether Host is among the lines, whatever the behavior forwards.
  let replacesHost: Bool

  /// A configured origin.
  init(_ site: WorkerSite, _ behavior: CompiledBehavior, _ index: Int) {
    origin = site.site.origins[index]
    pool = site.pools[index]
    folder = site.site.folders[index]
    obstacle = nil
    lines = behavior.originLines[index]
    replacesHost = false
  }

  /// A configured origin that is asked with another Host.
  init(_ other: Destination, _ behavior: CompiledBehavior, host: String) {
    origin = other.origin
    pool = other.pool
    folder = other.folder
    obstacle = other.obstacle
    lines = behavior.lines(toward: other.origin.model, host: host)
    replacesHost = true
  }

  /// An origin that a function made.
  /// - Parameter host: what replaces the Host that the behavior would send; nil for nothing.
  init(_ origin: Origin, _ behavior: CompiledBehavior, host: String?, pool: OriginPool?, folder: FolderOrigin?, obstacle: OriginFailure?) {
    self.origin = CompiledOrigin(origin)
    self.pool = pool
    self.folder = folder
    self.obstacle = obstacle
    lines = behavior.lines(toward: origin, host: host)
    replacesHost = host != nil
  }
}

/// The way of a request: one origin, or a primary and who answers when it fails (spec/request-pipeline.md, 11.3).
final class Route {
  let primary: Destination
  let secondary: Destination?
  private let statusCodes: [Int]

  init(_ primary: Destination, _ secondary: Destination? = nil, on statusCodes: [Int] = []) {
    self.primary = primary
    self.secondary = secondary
    self.statusCodes = statusCodes
  }

  /// The same way with another primary.
  func replacingPrimary(by primary: Destination) -> Route { Route(primary, secondary, on: statusCodes) }

  /// Whether a status of the primary sends the request to the secondary.
  func failsOver(on status: Int) -> Bool { statusCodes.contains(status) }
}

extension WorkerSite {
  /// The way that a behavior's requests take when no function chose another.
  func assignedRoute(_ behavior: CompiledBehavior) -> Route {
    switch behavior.behavior.target {
    case .origin(let index): return Route(Destination(self, behavior, index))
    case .group(let index):
      let group = site.distribution.originGroups[index]
      let members = group.members.map { Destination(self, behavior, $0) }
      return Route(members[0], members.count > 1 ? members[1] : nil, on: group.statusCodes)
    }
  }
}
