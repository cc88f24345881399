// A configuration as text, one fact per line, so that golden files show what was understood.
import Distribution
import Geography
import KeyValueStores
import RedirectRules
import TLS

/// The normal form of a configuration; `folder` is written as `.`, what is at its default is left out.
func normalForm(_ configuration: Configuration, folder: String) -> String {
  var lines: [String] = []
  for listener in configuration.listeners {
    lines.append("listener \(listener.address.description)" + (listener.tls.map(secured) ?? "") + (listener.expectsProxyHeader ? " after a PROXY header" : ""))
  }
  if let admin = configuration.admin { lines.append("admin \(admin.address.description) token \(admin.tokenPath)") }
  if configuration.stateDirectory != folder + "/.skerry" { lines.append("state \(configuration.stateDirectory)") }
  if !configuration.trustedProxies.isEmpty { lines.append("trusted \(configuration.trustedProxies.map(\.text).joined(separator: " "))") }
  let defaults = Configuration()
  func show<Content: Equatable>(_ name: String, _ path: KeyPath<Configuration, Content>) {
    let value = configuration[keyPath: path]
    if value != defaults[keyPath: path] { lines.append("\(name) \(value)") }
  }
  show("shutdownTimeout", \.shutdownTimeout)
  show("compatibility", \.compatibility)
  show("functionOrigins", \.functionOrigins)
  show("confinement", \.confinement)
  if let user = configuration.user { lines.append("user \(user.name)" + (user.group.map { " group \($0)" } ?? "")) }
  lines += configuration.distributions.flatMap { distribution($0, configuration) }
  lines += configuration.publicKeys.map { "publicKey \($0.name) \($0.id) \($0.key.kind) \($0.path ?? "here")" }
  lines += configuration.functions.map(function)
  lines += configuration.keyValueStores.map { "keyValueStore \($0.name) \($0.path) \($0.store.labels.id) \($0.store.count) entries" }
  if configuration.cache != CacheStorage() {
    let cache = configuration.cache
    lines.append("cache memory \(cache.memoryBytes) disk \(cache.diskPath ?? "-") \(cache.diskBytes)" + (cache.saysStatus ? "" : " silent")
      + (cache.statusKeyClients.isEmpty ? "" : ", key for \(cache.statusKeyClients.map(\.text).joined(separator: " "))"))
  }
  if configuration.accessLog != AccessLog() { lines.append("accessLog " + accessLog(configuration.accessLog)) }
  if configuration.functionLog != defaults.functionLog { lines.append("functionLog \(configuration.functionLog.map(destination) ?? "off")") }
  if let tracing = configuration.tracing {
    lines.append("tracing \(tracing.host) \(tracing.port) \(tracing.path) \(tracing.samplePerMillion) of a million as \(tracing.serviceName)")
  }
  for header in CloudFrontHeader.allCases {
    if let value = configuration.viewerFixtures[header] { lines.append("viewer \(header.rawValue): \(value)") }
  }
  if let geography = configuration.geography {
    lines.append("geo " + [geography.places, geography.systems].map { $0.map { "\($0.type) \($0.path)" } ?? "-" }.joined(separator: ", "))
  }
  lines += changedLimits(configuration.limits)
  return lines.joined(separator: "\n").replacing(folder + "/", with: "./")
}

private func destination(_ destination: LogDestination) -> String {
  guard case .syslog(let server) = destination else { return destination.description }
  return "\(destination) \(server.facility) \(server.appName)"
}

private func accessLog(_ log: AccessLog) -> String {
  var text = "\(destination(log.destination)) \(log.format)"
  if log.fields != .standard { text += " " + AccessLog.Field.allCases.filter(log.fields.contains).map(\.name).joined(separator: ",") }
  if log.w3cFields != AccessLog.W3CField.standard { text += " " + log.w3cFields.map(\.name).joined(separator: ",") }
  if log.includesCookies { text += " with cookies" }
  if log.samplePerMillion != 1_000_000 { text += " \(log.samplePerMillion) of a million" }
  for (what, names) in [("cookies", log.mask.cookies), ("headers", log.mask.headers), ("query", log.mask.query)] where !names.isEmpty {
    text += " without \(what) \(names.joined(separator: ","))"
  }
  return text
}

private func secured(_ tls: TLSServer.Configuration) -> String {
  let certificates = tls.certificates.map { "\($0.chain)+\($0.key)" + ($0.ocspResponse.map { "+\($0)" } ?? "") }
  var text = " tls \(certificates.joined(separator: ","))"
  if tls.policy != .tls12From2021 { text += " \(tls.policy.rawValue)" }
  if let asked = tls.viewerCertificates {
    text += " mtls \(asked.isRequired ? "required" : "optional") \(asked.trustStore)"
      + (asked.advertisesNames ? " advertised" : "") + (asked.ignoresExpiry ? " expired too" : "")
  }
  return text
}

private func distribution(_ distribution: Distribution, _ configuration: Configuration) -> [String] {
  var lines = ["distribution \(distribution.id)" + (distribution.isDefault ? " default" : "")]
  if !distribution.aliases.isEmpty { lines.append("  aliases \(distribution.aliases.joined(separator: " "))") }
  if distribution.cacheTagHeader != Distribution.standardCacheTagHeader { lines.append("  tags \(distribution.cacheTagHeader)") }
  if let object = distribution.defaultRootObject { lines.append("  defaultRootObject \(object)") }
  if let restriction = distribution.geoRestriction { lines.append("  \(restriction.kind) \(restriction.countries.sorted().joined(separator: " "))") }
  lines += distribution.origins.map(origin)
  for group in distribution.originGroups {
    let members = group.members.map { distribution.origins[$0].name }.joined(separator: " then ")
    lines.append("  group \(group.name): \(members) on \(group.statusCodes)")
  }
  for behavior in distribution.behaviors {
    let target = switch behavior.target {
    case .origin(let index): distribution.origins[index].name
    case .group(let index): "group \(distribution.originGroups[index].name)"
    }
    lines.append(
      "  behavior \(behavior.pathPattern.text) to \(target), \(behavior.viewerProtocolPolicy.rawValue), "
        + behavior.allowedMethods.names.joined(separator: " ") + (behavior.compress ? ", compress" : "") + (behavior.allowsGRPC ? ", gRPC" : "")
        + (behavior.cachedMethods == .getHead ? "" : ", cached " + behavior.cachedMethods.names.joined(separator: " ")))
    if let policy = behavior.cachePolicy { lines.append("    cache \(cachePolicy(policy))") }
    if let policy = behavior.originRequestPolicy {
      lines.append("    request \(policy.name) headers \(policy.headers) cookies \(policy.cookies) query \(policy.queryStrings)")
    }
    if let policy = behavior.responseHeadersPolicy { lines += responseHeaders(policy) }
    for hook in HookPoint.allCases {
      guard let reference = behavior.functions[hook] else { continue }
      let name = configuration.functions[reference.index].name
      lines.append("    \(hook.rawValue) \(name)" + (reference.qualifier.map { ":\($0)" } ?? ""))
    }
    if let rate = behavior.rateLimit {
      lines.append("    at most \(rate.requests) in \(rate.seconds) s, \(rate.burst) at once, by \(rate.key): \(rate.statusCode)" + (rate.isDryRun ? ", only counted" : ""))
    }
    if !behavior.trustedKeyGroups.isEmpty {
      lines.append("    signed by " + behavior.trustedKeyGroups.map { "\($0.name): \($0.keys.map(\.id).joined(separator: " "))" }.joined(separator: ", "))
    }
    if let redirects = behavior.redirects { lines.append("    redirects \(redirects.name) \(redirects.table.count) rules") }
  }
  for error in distribution.errorResponses {
    lines.append(
      "  error \(error.errorCode)"
        + (error.responsePagePath.map { " → \(error.responseCode ?? 0) \($0)" } ?? "")
        + " for \(error.errorCachingMinTTLSeconds) s")
  }
  return lines
}

private func origin(_ origin: Origin) -> String {
  var line = "  origin \(origin.name): "
  switch origin.kind {
  case .http(let server):
    line += "\(server.originProtocolPolicy.rawValue) \(server.domainName) \(server.httpPort)/\(server.httpsPort)"
    if server.tls.versions != .tls12 ... .tls13 { line += " \(server.tls.versions.lowerBound.rawValue)-\(server.tls.versions.upperBound.rawValue)" }
    if !server.addresses.isEmpty { line += " at \(server.addresses.joined(separator: " "))" }
    if let authority = server.tls.certificateAuthority { line += " trusting \(authority)" }
  case .folder(let path): line += "folder \(path)"
  }
  line += origin.originPath
  let standard = Origin(name: "", kind: origin.kind)
  func show<Content: Equatable>(_ name: String, _ path: KeyPath<Origin, Content>) {
    if origin[keyPath: path] != standard[keyPath: path] { line += ", \(name) \(origin[keyPath: path])" }
  }
  show("attempts", \.connectionAttempts)
  show("connect", \.connectionTimeout)
  show("read", \.readTimeout)
  show("keepAlive", \.keepAliveTimeout)
  show("connections", \.connectionsPerWorker)
  show("http2 connections", \.http2ConnectionsPerWorker)
  show("idle", \.idleConnectionsPerWorker)
  show("waiting", \.waitingRequestsPerWorker)
  show("ejects", \.ejectsAddresses)
  if let ejection = origin.ejection { line += ", ejection" + Mirror(reflecting: ejection).children.map { " \($0.value)" }.joined() }
  if let check = origin.healthCheck { line += ", check" + Mirror(reflecting: check).children.map { " \($0.value)" }.joined() }
  if let bound = origin.requestBound { line += ", in flight \(bound.requests), waiting \(bound.queueLength) for \(bound.queueTimeout)" }
  for header in origin.customHeaders { line += ", \(header.name): \(header.value)" }
  return line
}

private func cachePolicy(_ policy: CachePolicy) -> String {
  "\(policy.name) \(policy.mode.rawValue) \(policy.minTTLSeconds)/\(policy.defaultTTLSeconds)/\(policy.maxTTLSeconds) "
    + "headers \(policy.headers) cookies \(policy.cookies) query \(policy.queryStrings)"
    + (policy.enableAcceptEncodingGzip ? " gzip" : "") + (policy.enableAcceptEncodingBrotli ? " br" : "") + (policy.normalizeQueryStrings ? " normalised" : "")
}

private func responseHeaders(_ policy: ResponseHeadersPolicy) -> [String] {
  var lines = ["    response \(policy.name)"]
  if let cors = policy.cors {
    lines.append(
      "      cors origins \(cors.allowOrigins.map(\.text)) methods \(cors.allowMethods) headers \(cors.allowHeaders) "
        + "expose \(cors.exposeHeaders) credentials \(cors.allowCredentials) maxAge \(cors.maxAgeSeconds ?? -1) "
        + "override \(cors.originOverride)")
  }
  for header in policy.headersToSet {
    lines.append("      set\(header.override ? "!" : "") \(header.field.name): \(header.field.value)")
  }
  if !policy.removeHeaders.isEmpty { lines.append("      remove \(policy.removeHeaders)") }
  if let percent = policy.serverTimingSamplingPercent { lines.append("      serverTiming \(percent) %") }
  return lines
}

private func function(_ function: FunctionDefinition) -> String {
  var line = "function \(function.name) \(function.runtime.name) \(function.codePath) \(function.source.count) bytes"
  if let store = function.keyValueStore { line += " kvs \(store)" }
  if let comment = function.comment { line += " (\(comment))" }
  if function.tier != FunctionTierSettings() {
    let tier = function.tier
    line += " \(tier.handler) \(tier.memoryMB) MB \(tier.timeout) body \(tier.includeBody) network \(tier.network) "
    line += "environment \(tier.environment.map { "\($0.name)=\($0.value)" }) "
    line += "concurrency \(tier.reservedConcurrency ?? -1)/\(tier.provisionedConcurrency)"
  }
  return line
}

private func changedLimits(_ limits: Limits) -> [String] {
  func members(_ value: Any, _ prefix: String) -> [(String, String)] {
    Mirror(reflecting: value).children.flatMap { child -> [(String, String)] in
      let name = prefix + (child.label ?? "")
      if child.value is Limits.RewriteEngine || child.value is Limits.DNS || child.value is Limits.HTTP2 { return members(child.value, name + ".") }
      return [(name, "\(child.value)")]
    }
  }
  return zip(members(limits, ""), members(Limits(), "")).filter { $0.0.1 != $0.1.1 }.map { "limit \($0.0.0) \($0.0.1)" }
}
