// Owns: where a request goes: an origin as the requests of one behavior meet it, and the way with one or two of them.
// Confined to the worker's thread: pools belong to it. Nothing changes after it was made.
import Distribution
import FunctionTier
import HTTPWire
import Origins
import RewriteEngine

/// An origin, ready to be asked: configured, or made by a function (FunctionOrigins.swift).
final class Destination {
  let origin: CompiledOrigin
  /// The connections to a server; nil for a folder.
  let pool: OriginPool?
  let folder: FolderOrigin?
  /// Lines that every request to it gets.
  let lines: [UInt8]
  /// The same without the custom headers, for functions of origin events; empty where the behavior has none.
  let bareLines: [UInt8]
  /// Whether Host is among the lines, whatever the behavior forwards.
  let replacesHost: Bool
  /// How the server is named where it is spoken to over TLS; nil where it is not.
  private let naming: ServerNaming?
  /// How events show it to functions of origin events, once one has been told of it; by whether the viewer's connection is secured.
  private var shown: (plain: EventOrigin?, secured: EventOrigin?) = (nil, nil)
  /// The last identity that a forwarded Host made, and the Host.
  private var lastIdentity: (host: [UInt8], identity: OriginIdentity)?

  /// A configured origin, as requests of viewers meet it who use HTTPS or do not.
  init(_ site: WorkerSite, _ behavior: CompiledBehavior, _ index: Int, viewerIsSecure: Bool) {
    origin = site.site.origins[index]
    pool = site.pools[index].pool(viewerIsSecure: viewerIsSecure)
    folder = site.site.folders[index]
    lines = behavior.lines(towardOrigin: index, viewerIsSecure: viewerIsSecure)
    bareLines = behavior.bareLines(toward: origin.model, host: nil, viewerIsSecure: viewerIsSecure)
    replacesHost = false
    naming = ServerNaming(origin.model, behavior, host: nil, viewerIsSecure: viewerIsSecure)
  }

  /// A configured origin that is asked with another Host, or under other names, as a function says.
  init(_ other: Destination, _ behavior: CompiledBehavior, _ selection: OriginSelection, viewerIsSecure: Bool) {
    origin = other.origin
    pool = other.pool
    folder = other.folder
    lines = selection.hostHeader.map { behavior.lines(toward: other.origin.model, host: $0, viewerIsSecure: viewerIsSecure) } ?? other.lines
    bareLines = behavior.bareLines(toward: other.origin.model, host: selection.hostHeader, viewerIsSecure: viewerIsSecure)
    replacesHost = selection.hostHeader != nil
    naming = ServerNaming(
      other.origin.model, behavior, host: selection.hostHeader, serverName: selection.serverName, allowed: selection.allowedCertificateNames,
      viewerIsSecure: viewerIsSecure)
  }

  /// An origin that a function made.
  /// - Parameters:
  ///   - place: among the numbers of origins: the one it was made from, as long as that is the same server.
  ///   - host: what replaces the Host that the behavior would send; nil for nothing.
  init(
    _ origin: Origin, place: Int, _ behavior: CompiledBehavior, host: String?, _ update: OriginUpdate, pool: OriginPool?, folder: FolderOrigin?,
    viewerIsSecure: Bool
  ) {
    self.origin = CompiledOrigin(origin, place: place)
    self.pool = pool
    self.folder = folder
    lines = behavior.lines(toward: origin, host: host, viewerIsSecure: viewerIsSecure)
    bareLines = behavior.bareLines(toward: origin, host: host, viewerIsSecure: viewerIsSecure)
    replacesHost = host != nil
    naming = ServerNaming(
      origin, behavior, host: host, serverName: update.serverName, allowed: update.allowedCertificateNames, viewerIsSecure: viewerIsSecure)
  }

  /// The origin as events show it.
  func eventOrigin(viewerIsSecure: Bool) -> EventOrigin {
    if let known = viewerIsSecure ? shown.secured : shown.plain { return known }
    let made = EventOrigin(origin.model, viewerIsSecure: viewerIsSecure)
    if viewerIsSecure { shown.secured = made } else { shown.plain = made }
    return made
  }

  /// Name and port of the server, as Host has them.
  var authority: [UInt8] {
    guard case .http(let server) = origin.model.kind else { return [] }
    return Array(server.authority(isSecure: naming != nil).utf8)
  }

  /// Whom a secured connection for a request must lead to; nil where none is secured.
  @inline(__always) func identity(for request: borrowing RequestHead) -> OriginIdentity? { if case nil = naming { nil } else { securedIdentity(for: request) } }

  private func securedIdentity(for request: borrowing RequestHead) -> OriginIdentity? {
    switch naming {
    case nil: return nil
    case .fixed(let identity): return identity
    case .forwardedHost(let domainName, let allowed):
      if let lastIdentity, request.authority.equals(lastIdentity.host.span) { return lastIdentity.identity }
      let host = ServerNaming.name(ofHost: request.authority.text)
      let identity = OriginIdentity(serverName: host.isEmpty ? domainName : host, alsoAccepted: [domainName] + allowed)
      lastIdentity = (request.authority.copied, identity)
      return identity
    }
  }
}

/// What an origin over TLS is asked for, and whose certificate it may show (spec/request-pipeline.md, 14): the Host that it gets, or
/// its domain name.
enum ServerNaming {
  case fixed(OriginIdentity)
  /// The viewer's Host is forwarded and names the server.
  case forwardedHost(domainName: String, allowed: [String])

  /// Nil for a folder, and for a server that is spoken to in the clear.
  init?(_ origin: Origin, _ behavior: CompiledBehavior, host: String?, serverName: String? = nil, allowed: [String] = [], viewerIsSecure: Bool) {
    guard case .http(let server) = origin.kind, server.isSecure(viewerIsSecure: viewerIsSecure) else { return nil }
    let hostName = host.map { ServerNaming.name(ofHost: $0) }
    if let name = serverName ?? hostName {
      self = .fixed(OriginIdentity(serverName: name, alsoAccepted: [server.domainName] + (hostName.map { [$0] } ?? []) + allowed))
    } else if behavior.forwardsHost {
      self = .forwardedHost(domainName: server.domainName, allowed: allowed)
    } else {
      self = .fixed(OriginIdentity(serverName: server.domainName, alsoAccepted: allowed))
    }
  }

  /// The name of a Host: without port, brackets and trailing dot.
  static func name(ofHost host: String) -> String {
    if host.hasPrefix("["), let end = host.firstIndex(of: "]") { return String(host[host.index(after: host.startIndex)..<end]) }
    let name = host.split(separator: ":", omittingEmptySubsequences: false).first ?? ""
    return String(name.hasSuffix(".") ? name.dropLast() : name)
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
  func assignedRoute(_ behavior: CompiledBehavior, viewerIsSecure: Bool) -> Route {
    switch behavior.behavior.target {
    case .origin(let index): return Route(Destination(self, behavior, index, viewerIsSecure: viewerIsSecure))
    case .group(let index):
      let group = site.distribution.originGroups[index]
      let members = group.members.map { Destination(self, behavior, $0, viewerIsSecure: viewerIsSecure) }
      return Route(members[0], members.count > 1 ? members[1] : nil, on: group.statusCodes)
    }
  }
}
