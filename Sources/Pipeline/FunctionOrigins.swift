// Owns: from what a viewer-request function chose (spec/cloudfront-functions.md 10.2), or an origin-request function (OriginAsk.swift), to the way its request takes. What a function names
// itself goes through pools of its own, whose connections obey `functionOrigins`; what the operator configured does not need that.
import Distribution
import Origins
import RewriteEngine
import Telemetry
import TLS

/// Why a choice cannot be followed: a validation error.
struct ChoiceFailure: Error {
  let description: String
}

extension Worker {
  /// The way that a function chose for the exchange.
  func route(for choice: OriginChoice, _ exchange: borrowing Exchange) throws(ChoiceFailure) -> Route {
    switch choice {
    case .select(let selection): return Route(try selected(selection, "selectRequestOriginById", exchange))
    case .group(let primary, let secondary, let statusCodes):
      let call = "createRequestOriginGroup"
      return Route(try selected(primary, call, exchange), try selected(secondary, call, exchange), on: statusCodes)
    case .update(let update):
      let assigned = exchange.site.assigned(exchange.behavior, viewerIsSecure: exchange.isSecure)
      return assigned.replacingPrimary(by: try updated(assigned.primary, update, exchange.behavior, exchange.isSecure))
    }
  }

  /// An origin of the distribution by its name.
  private func selected(_ selection: OriginSelection, _ call: String, _ exchange: borrowing Exchange) throws(ChoiceFailure) -> Destination {
    guard let index = exchange.site.site.origins.firstIndex(where: { $0.name == selection.id }) else {
      throw ChoiceFailure(description: "\(call): the distribution has no origin \"\(selection.id)\"")
    }
    let configured = Destination(exchange.site, exchange.behavior, index, viewerIsSecure: exchange.isSecure)
    if selection.hostHeader == nil && selection.serverName == nil && selection.allowedCertificateNames.isEmpty { return configured }
    return Destination(configured, exchange.behavior, selection, viewerIsSecure: exchange.isSecure)
  }

  /// The assigned origin, changed. Host is what the function says, else the server it names, else what would be sent anyway.
  func updated(
    _ assigned: Destination, _ update: OriginUpdate, _ behavior: CompiledBehavior, _ viewerIsSecure: Bool
  ) throws(ChoiceFailure) -> Destination {
    var origin = assigned.origin.model
    origin.take(update)
    guard let server = try server(origin, update) else {
      return Destination(origin, place: assigned.origin.place, behavior, host: update.hostHeader, update, pool: nil, folder: assigned.folder, viewerIsSecure: viewerIsSecure)
    }
    origin.kind = .http(server)
    if let name = update.domainName { origin.name = name }
    let isSecure = server.isSecure(viewerIsSecure: viewerIsSecure)
    let host = update.hostHeader ?? (update.domainName == nil ? nil : server.authority(isSecure: isSecure))
    let pool = pool(origin, server, isSecure, update, instead: assigned)
    let place = update.domainName == nil ? assigned.origin.place : MetricLabels.originLimit
    return Destination(origin, place: place, behavior, host: host, update, pool: pool, folder: nil, viewerIsSecure: viewerIsSecure)
  }

  /// The server that is meant; nil for the assigned folder.
  private func server(_ origin: Origin, _ update: OriginUpdate) throws(ChoiceFailure) -> Origin.HTTPServer? {
    var server: Origin.HTTPServer
    switch (origin.kind, update.domainName) {
    case (.http(let assigned), let name):
      server = assigned
      if let name { server.domainName = name }
    case (.folder, let name?): server = Origin.HTTPServer(domainName: name)
    case (.folder, nil):
      guard update.endpoint == nil else {
        throw ChoiceFailure(description: "updateRequestOrigin: customOriginConfig needs domainName, as the assigned origin is a folder")
      }
      return nil
    }
    guard let endpoint = update.endpoint else { return server }
    server.originProtocolPolicy = endpoint.isHTTPS ? .httpsOnly : .httpOnly
    if endpoint.isHTTPS { server.httpsPort = endpoint.port } else { server.httpPort = endpoint.port }
    if let versions = TLSVersion.range(origin: endpoint.tlsVersions.compactMap { TLSVersion(rawValue: $0) }) { server.tls.versions = versions }
    return server
  }

  /// The connections for a changed origin. Where neither the server nor the times are others, they are the assigned origin's; the operator
  /// named a server that stays the same, so any of its addresses will do.
  private func pool(_ origin: Origin, _ server: Origin.HTTPServer, _ isSecure: Bool, _ update: OriginUpdate, instead assigned: Destination) -> OriginPool {
    let before = assigned.origin.model
    let isSameServer = before.kind == .http(server)
    if isSameServer, let pool = assigned.pool, origin.hasTimes(of: before), update.addressFamily == nil { return pool }
    let policy = isSameServer ? AddressPolicy.configured : .function(reachesPrivate: configuration.configuration.functionOrigins == .any)
    return functionPools.pool(origin, server, isSecure: isSecure, policy, AddressFamily(update.addressFamily))
  }
}

extension Origin {
  /// Takes everything of an update but the server.
  fileprivate mutating func take(_ update: OriginUpdate) {
    if let path = update.originPath { originPath = path }
    if let headers = update.customHeaders { customHeaders = headers.map { HeaderField(name: $0.name.capitalisedFieldName, value: $0.value) } }
    if let attempts = update.connectionAttempts { connectionAttempts = attempts }
    if let seconds = update.connectionTimeoutSeconds { connectionTimeout = .seconds(seconds) }
    if let seconds = update.readTimeoutSeconds { readTimeout = .seconds(seconds) }
    if let seconds = update.keepAliveTimeoutSeconds { keepAliveTimeout = .seconds(seconds) }
    if let seconds = update.responseCompletionTimeoutSeconds, seconds > 0 { responseCompletionTimeout = .seconds(seconds) }
  }

  fileprivate func hasTimes(of other: Origin) -> Bool {
    connectionTimeout == other.connectionTimeout && readTimeout == other.readTimeout && keepAliveTimeout == other.keepAliveTimeout
  }
}

extension String {
  /// As CloudFront writes field names (spec/cloudfront-functions.md, 2.6): `x-a-b` becomes `X-A-B`.
  fileprivate var capitalisedFieldName: String {
    split(separator: "-", omittingEmptySubsequences: false).map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined(separator: "-")
  }
}

extension AddressFamily {
  fileprivate init(_ family: OriginUpdate.AddressFamily?) {
    switch family {
    case .ipv4: self = .ipv4
    case .ipv6: self = .ipv6
    case .dualStack, nil: self = .any
    }
  }
}
