// Owns: a configuration made ready for the hot path: names become sets of bits, constant lines become bytes.
// Immutable, shared by all workers; a reload builds another one beside it.
public import Distribution
import HTTPWire
public import ObjectCache
public import Origins
public import FunctionTier
import RewriteEngine
public import Telemetry
import TLS
public import Transport

/// A configuration as workers serve it. Immutable; any thread.
public final class ServingConfiguration: Sendable {
  /// The configuration it was made from.
  public let configuration: Configuration
  /// The names behind counters, in their order.
  public let labels: MetricLabels
  let hosts: HostTable
  let sites: [Site]
  /// The code of the rewrite engine's functions, by their index in the configuration; nil for those of the function tier.
  let functions: [FunctionCode?]
  /// By function of the configuration: what the function tier made of it; nil for the rewrite engine's, and for what it could not prepare.
  public let tierFunctions: [TierFunction?]
  /// The cache: one for the process's life.
  public let store: ObjectStore

  /// Whether any policy asks for fingerprints of viewers' TLS.
  public let wantsFingerprints: Bool

  /// Makes a configuration ready. It must have been checked.
  /// - Parameters:
  ///   - files: the threads that read the files of folder origins.
  ///   - tier: by function of the configuration, what the function tier made of it; nil for the rewrite engine's, and for what it could not prepare.
  ///   - previous: the configuration it replaces: counters keep their places, and functions and stores that are the same stay the same, with
  ///     all that workers have built of them.
  ///   - report: told in one sentence what becomes of the cache's folder. On any thread.
  /// - Throws: when the folder of an origin cannot be opened.
  public init(
    _ configuration: Configuration, files: BlockingPool, tier: [TierFunction?] = [], previous: ServingConfiguration? = nil, report: @escaping @Sendable (String) -> Void = { _ in }
  ) throws(FolderFailure) {
    let configuration = previous.map { configuration.sharing($0.configuration) } ?? configuration
    self.configuration = configuration
    let labels = (previous?.labels ?? MetricLabels()).extended(
      with: configuration.distributions.flatMap { distribution in distribution.behaviors.map { .init(distribution.id, $0.pathPattern.text) } },
      origins: configuration.distributions.flatMap { distribution in distribution.origins.map { .init(distribution.id, $0.name) } },
      functions: configuration.functions.map(\.name),
      redirectTables: configuration.distributions.flatMap { $0.behaviors.compactMap(\.redirects?.name) })
    self.labels = labels
    hosts = configuration.makeHostTable()
    wantsFingerprints = configuration.distributions.contains { distribution in
      distribution.behaviors.contains { behavior in
        behavior.forwarding.cloudFrontHeaders.contains { $0 == .viewerJA3Fingerprint || $0 == .viewerJA4Fingerprint }
      }
    }
    tierFunctions = tier
    let tierFunctions = TierFunctions(definitions: configuration.functions, functions: tier, generation: configuration.lambdaEdgeLimits)
    var sites: [Site] = []
    for distribution in configuration.distributions {
      let folders = try Site.openFolders(distribution.origins, files)
      sites.append(Site(distribution, labels, folders, tierFunctions))
    }
    self.sites = sites
    functions = Self.codes(configuration, previous)
    store = previous?.store ?? Self.makeStore(configuration, files, report)
    if let previous { sayWhatStays(previous.configuration, report) }
  }
}

extension ServingConfiguration {
  /// Says which of the cache's settings a reload leaves as they are.
  private func sayWhatStays(_ former: Configuration, _ report: (String) -> Void) {
    let (old, new) = (former.limits.cache, configuration.limits.cache)
    var names: [String] = []
    if former.cache.diskPath != configuration.cache.diskPath { names.append("cache.disk.path") }
    if old.diskWrites != new.diskWrites { names.append("limits.cache.diskWrites") }
    if old.diskReads != new.diskReads { names.append("limits.cache.diskReads") }
    guard !names.isEmpty else { return }
    report("reload: \(names.joined(separator: ", ")): as at the start; the new setting holds from the next start or upgrade (SIGUSR2) on")
  }

  /// Has the cache keep to this configuration's limits.
  func adoptLimits() {
    let limits = configuration.limits.cache
    store.adopt(ObjectStore.Configuration(configuration.cache, limits), diskBytes: DiskConfiguration(configuration.cache, limits)?.limitBytes)
  }

  /// Another process takes this one's place: it has the cache's folder from now on. Blocks for a moment.
  public func leaveCacheFolder() { store.leaveDisk() }

  /// The process ends: what waits to be written to the cache's folder is. Blocks.
  public func close() { store.close() }

  /// The cache that a configuration asks for. Without its folder it is kept in memory alone: requests are served, more slowly.
  private static func makeStore(_ configuration: Configuration, _ files: BlockingPool, _ report: @escaping @Sendable (String) -> Void) -> ObjectStore {
    let limits = ObjectStore.Configuration(configuration.cache, configuration.limits.cache)
    if let disk = DiskConfiguration(configuration.cache, configuration.limits.cache) {
      do throws(DiskFailure) { return try ObjectStore(limits, helpers: files, disk: disk, report: report) } catch {
        report("\(error); the cache is kept in memory alone")
      }
    }
    return ObjectStore(limits, helpers: files)
  }

  /// The code of functions; that of the previous configuration where it would be the same.
  private static func codes(_ configuration: Configuration, _ previous: ServingConfiguration?) -> [FunctionCode?] {
    var known: [String: (definition: FunctionDefinition, code: FunctionCode)] = [:]
    if let previous, previous.configuration.limits.rewriteEngine == configuration.limits.rewriteEngine {
      for case (let definition, let code?) in zip(previous.configuration.functions, previous.functions) { known[definition.name] = (definition, code) }
    }
    return configuration.functions.map { definition in
      let store = configuration.keyValueStore(of: definition)
      if let old = known[definition.name], old.definition == definition, old.code.store === store { return old.code }
      return FunctionCode(of: definition, configuration.limits.rewriteEngine, store: store)
    }
  }
}

extension Configuration {
  /// The same, with the stores and the functions' bytes of another where they are equal: what is equal is kept once.
  fileprivate func sharing(_ other: Configuration) -> Configuration {
    var result = self
    let stores = Dictionary(other.keyValueStores.map { ($0.name, $0) }) { first, _ in first }
    for (index, store) in keyValueStores.enumerated() {
      if let old = stores[store.name], old == store { result.keyValueStores[index] = old }
    }
    let functions = Dictionary(other.functions.map { ($0.name, $0) }) { first, _ in first }
    for (index, function) in self.functions.enumerated() {
      if let old = functions[function.name], old == function { result.functions[index] = old }
    }
    return result
  }
}

/// A distribution made ready.
final class Site: Sendable {
  /// The name that stands for this place in X-Amz-Cf-Pop: an edge location in CloudFront's form, at no airport.
  static let pop: StaticString = "SKY50-C1"
  /// The same place as `cf.edgeLocation` has it: a name like an airport's, and a region.
  static let location = "SKY", region = "local"
  /// This proxy's name in CDN-Loop (RFC 8586).
  static let loopName: StaticString = "skerry"
  /// How often a request may have been here before it is taken for a loop (spec/request-pipeline.md, 14).
  static let maximumPasses = 2

  let distribution: Distribution
  /// `d….cloudfront.net`, as events and Via name the distribution.
  let domainName: [UInt8]
  let id: [UInt8]
  let behaviors: [CompiledBehavior]
  /// Which of them a path belongs to.
  let table: BehaviorTable
  let origins: [CompiledOrigin]
  /// By origin; nil for servers.
  let folders: [FolderOrigin?]
  let defaultRootObject: [UInt8]?
  /// ` d….cloudfront.net (CloudFront)`: what Via says of this hop behind the version of the protocol the message came by.
  let via: [UInt8]
  /// The lines of a request to an origin that this hop adds, up to the value of X-Forwarded-For, by what it came by.
  private let hopLinesOfHTTP11: [UInt8], hopLinesOfHTTP2: [UInt8]
  /// The lines of a response from an origin: X-Cache, Via, X-Amz-Cf-Pop and the name of X-Amz-Cf-Id, whose value follows.
  let missLines: [UInt8]
  /// The same of a response from the cache.
  let hitLines: [UInt8]
  /// The same of a redirect.
  let redirectLines: [UInt8]

  init(_ distribution: Distribution, _ labels: MetricLabels, _ folders: [FolderOrigin?], _ functions: TierFunctions = TierFunctions()) {
    self.distribution = distribution
    let domain = distribution.id.lowercased().filter { $0.isLetter || $0.isNumber || $0 == "-" } + ".cloudfront.net"
    domainName = Array(domain.utf8)
    id = Array(distribution.id.utf8)
    let via = " \(domain) (CloudFront)"
    self.via = Array(via.utf8)
    func hopLines(_ version: String) -> [UInt8] {
      Array("Via: \(version)\(via)\r\nCDN-Loop: \(Self.loopName)\r\nConnection: Keep-Alive\r\nX-Forwarded-For: ".utf8)
    }
    hopLinesOfHTTP11 = hopLines("1.1")
    hopLinesOfHTTP2 = hopLines("2.0")
    func responseLines(_ result: ResultType) -> [UInt8] {
      Array("X-Cache: \(result.word) from cloudfront\r\nVia: 1.1\(via)\r\nX-Amz-Cf-Pop: \(Self.pop)\r\nX-Amz-Cf-Id: ".utf8)
    }
    missLines = responseLines(.miss)
    hitLines = responseLines(.hit)
    redirectLines = responseLines(.redirect)
    behaviors = distribution.behaviors.enumerated().map { CompiledBehavior($1, at: $0, distribution, labels, functions) }
    table = BehaviorTable(distribution.behaviors)
    origins = distribution.origins.map { CompiledOrigin($0, place: labels.origins.place(of: .init(distribution.id, $0.name))) }
    self.folders = folders
    defaultRootObject = distribution.defaultRootObject.map { Array($0.utf8) }
  }

  /// The lines of a request to an origin that this hop adds, up to the value of X-Forwarded-For. Not for HTTP/1.0.
  func hopLines(_ line: RequestLine) -> [UInt8] { line.isHTTP2 ? hopLinesOfHTTP2 : hopLinesOfHTTP11 }
}

extension Site {
  /// Opens the folders among the origins.
  fileprivate static func openFolders(_ origins: [Origin], _ files: BlockingPool) throws(FolderFailure) -> [FolderOrigin?] {
    var folders: [FolderOrigin?] = []
    for origin in origins {
      if case .folder(let path) = origin.kind { folders.append(try FolderOrigin(path: path, pool: files)) } else { folders.append(nil) }
    }
    return folders
  }
}

/// An origin made ready: what the hot path reads, without copying the model's value.
final class CompiledOrigin: Sendable {
  /// What it was made from.
  let model: Origin
  let name: String
  let path: [UInt8]
  let attempts: Int
  /// Milliseconds until an answer must be whole; 0: no bound.
  let completionMilliseconds: Int
  let logField: LogField
  /// Names of custom headers, which replace the viewer's: the known ones, and in lower case the others.
  let customNames: FieldNameSet, otherCustomNames: [[UInt8]]
  /// Its place among the numbers of origins.
  let place: Int

  init(_ origin: Origin, place: Int) {
    model = origin
    self.place = place
    name = origin.name
    path = Array(origin.originPath.utf8)
    attempts = origin.connectionAttempts
    completionMilliseconds = origin.responseCompletionTimeout?.milliseconds ?? 0
    logField = LogField("origin", origin.name)
    var known = FieldNameSet(), others: [[UInt8]] = []
    for header in origin.customHeaders {
      let name = Array(header.name.lowercased().utf8), field = FieldName(name.span)
      if field == .other { others.append(name) } else { known.add(field) }
    }
    customNames = known
    otherCustomNames = others
  }

  /// Whether a custom header replaces the viewer's field of this name, which no rule knows.
  func replaces(_ name: Span<UInt8>) -> Bool {
    for other in otherCustomNames where name.equalsIgnoringCase(other.span) { return true }
    return false
  }
}

/// A behavior made ready.
final class CompiledBehavior: Sendable {
  let behavior: Behavior
  /// Its distribution and its path pattern, as the log says them.
  let distributionLogField, logField: LogField
  /// Its place among the distribution's behaviors.
  let index: Int
  /// Its place among the numbers of requests.
  let place: Int
  /// Fields copied to the origin for GET and HEAD, and for other methods (which keep Authorization).
  let keptWhenSafe, keptOtherwise: FieldNameSet
  /// What is done with field names that no rule of ours knows.
  let unknownNames: UnknownNames
  /// Short answers of the forwarding rules, so that most requests need not look at them.
  let forwardsHost, forwardsAllQuery, forwardsAllCookies, forwardsNoCookies, writesExtraLines: Bool
  let viewerProtocolPolicy: ViewerProtocolPolicy
  let allowedMethods: MethodSet
  let allowsGRPC: Bool
  /// How many requests a client may make; nil for any number.
  let rateLimit: CompiledRateLimit?
  /// The keys whose signatures requests need, by id; nil when they need none.
  let trustedKeys: [[UInt8]: PublicKey]?
  /// Whether anything of ``Worker/protect(_:)`` is configured.
  let isProtected: Bool
  /// Its table of redirects; nil without one.
  let redirects: CompiledRedirects?
  /// Indices of the rewrite engine's viewer functions; nil without one.
  let viewerRequest, viewerResponse: Int?
  /// The function tier's functions; nil without one.
  let tier: TierHooks?
  /// By origin: lines that every request to it gets; and where they differ for viewers who use HTTPS.
  private let originLines: [[UInt8]], secureOriginLines: [[UInt8]]
  let headers: CompiledResponseHeaders?
  /// How its responses are cached; nil when they are not.
  let cache: CompiledCache?
  /// Whether nothing comes between the cache and the viewer: what is stored is sent without having been read.
  let sendsStoredHeads: Bool

  enum UnknownNames { case keep, drop, ask }

  init(_ behavior: Behavior, at index: Int, _ distribution: Distribution, _ labels: MetricLabels, _ functions: TierFunctions) {
    self.behavior = behavior
    redirects = behavior.redirects.map { CompiledRedirects($0, metricsIndex: labels.redirectTables.place(of: $0.name)) }
    self.index = index
    place = labels.behaviors.place(of: .init(distribution.id, behavior.pathPattern.text))
    let origins = distribution.origins
    distributionLogField = LogField("distributionId", distribution.id)
    logField = LogField("behavior", behavior.pathPattern.text)
    let rules = behavior.forwarding
    forwardsHost = rules.forwardsHost
    forwardsAllQuery = rules.queryStrings == .all
    forwardsAllCookies = rules.cookies == .all
    forwardsNoCookies = rules.cookies == .none
    writesExtraLines = rules.acceptsGzip || rules.acceptsBrotli || !rules.cloudFrontHeaders.isEmpty
    viewerProtocolPolicy = behavior.viewerProtocolPolicy
    allowedMethods = behavior.allowedMethods
    allowsGRPC = behavior.allowsGRPC
    let keys = behavior.trustedKeyGroups.flatMap(\.keys).map { (Array($0.id.utf8), $0.key) }
    trustedKeys = behavior.trustedKeyGroups.isEmpty ? nil : Dictionary(keys) { first, _ in first }
    rateLimit = behavior.rateLimit.map { CompiledRateLimit($0, scope: "\(distribution.id) \(behavior.pathPattern.text)") }
    isProtected = trustedKeys != nil || rateLimit != nil || distribution.geoRestriction != nil
    let tier = TierHooks(behavior, functions, labels)
    self.tier = tier
    viewerRequest = tier?.viewerRequest == nil ? behavior.functions.viewerRequest?.index : nil
    viewerResponse = tier?.viewerResponse == nil ? behavior.functions.viewerResponse?.index : nil
    func kept(isSafe: Bool) -> FieldNameSet {
      var set = FieldNameSet()
      for name in FieldName.allCases {
        let text = "\(name.text)".utf8.map { $0 }
        if !text.isEmpty && rules.forwards(text.span, isSafe: isSafe) { set.add(name) }
      }
      // Content-Length is written with the body's framing and kept as it came.
      set.add(.contentLength)
      if rules.forwardsHost { set.add(.host) }
      if rules.forwardsUserAgent { set.add(.userAgent) } else { set.remove(FieldNameSet(.userAgent)) }
      set.remove(FieldNameSet(.cookie))   // written anew, sorted
      return set
    }
    keptWhenSafe = kept(isSafe: true)
    keptOtherwise = kept(isSafe: false)
    switch rules.headers {
    case .all, .default: unknownNames = .keep
    case .none: unknownNames = .drop
    case .only, .allExcept: unknownNames = .ask
    }
    originLines = origins.map { Self.lines($0, rules, host: nil, viewerIsSecure: false) }
    secureOriginLines = origins.map { Self.lines($0, rules, host: nil, viewerIsSecure: true) }
    headers = behavior.responseHeadersPolicy.map { CompiledResponseHeaders($0) }
    sendsStoredHeads = behavior.functions.viewerResponse == nil && behavior.responseHeadersPolicy == nil
    cache = CompiledCache(behavior, distribution)
  }

  /// The lines that every request to an origin of the distribution gets.
  func lines(towardOrigin index: Int, viewerIsSecure: Bool) -> [UInt8] { viewerIsSecure ? secureOriginLines[index] : originLines[index] }

  /// The lines that every request to an origin gets, with another Host than the usual one.
  func lines(toward origin: Origin, host: String?, viewerIsSecure: Bool) -> [UInt8] {
    Self.lines(origin, behavior.forwarding, host: host, viewerIsSecure: viewerIsSecure)
  }

  /// The same without the origin's custom headers; nothing where no function asks for it.
  func bareLines(toward origin: Origin, host: String?, viewerIsSecure: Bool) -> [UInt8] {
    guard tier?.seesOrigins == true else { return [] }
    var bare = origin
    bare.customHeaders = []
    return lines(toward: bare, host: host, viewerIsSecure: viewerIsSecure)
  }

  private static func lines(_ origin: Origin, _ rules: ForwardingRules, host: String?, viewerIsSecure: Bool) -> [UInt8] {
    var text = ""
    if let host {
      text += "Host: \(host)\r\n"
    } else if case .http(let server) = origin.kind, !rules.forwardsHost {
      text += "Host: \(server.authority(isSecure: server.isSecure(viewerIsSecure: viewerIsSecure)))\r\n"
    }
    if !rules.forwardsUserAgent { text += "User-Agent: Amazon CloudFront\r\n" }
    for header in origin.customHeaders { text += "\(header.name): \(header.value)\r\n" }
    return Array(text.utf8)
  }
}

extension Origin.HTTPServer {
  /// Name and port as Host has them (RFC 9110, 7.2; RFC 3986, 3.2.2).
  func authority(isSecure: Bool) -> String {
    let host = domainName.contains(":") ? "[\(domainName)]" : domainName
    let port = port(isSecure: isSecure)
    return port == (isSecure ? 443 : 80) ? host : "\(host):\(port)"
  }
}

/// A response headers policy made ready (spec/request-pipeline.md, 6).
final class CompiledResponseHeaders: Sendable {
  struct Line: Sendable {
    let name: [UInt8]
    let value: [UInt8]
    let override: Bool
  }
  let policy: ResponseHeadersPolicy
  let removed: [[UInt8]]
  let added: [Line]
  /// Server-Timing is added for so many of a million responses.
  let timingSamplesPerMillion: Int

  init(_ policy: ResponseHeadersPolicy) {
    self.policy = policy
    removed = policy.removeHeaders.map { Array($0.utf8) }
    added = policy.headersToSet.map { Line(name: Array($0.field.name.utf8), value: Array($0.field.value.utf8), override: $0.override) }
    timingSamplesPerMillion = Int((policy.serverTimingSamplingPercent ?? 0) * 10_000)
  }
}
