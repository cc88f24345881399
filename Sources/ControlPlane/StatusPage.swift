// Owns: what /status and /reload answer, as JSON: what runs here, since when, with what. Pure: values in, JSON out.
// Documented in Documentation/operations.md; members are only ever added.
public import Distribution
public import FunctionTier
public import JSONText
import KeyValueStores
public import ObjectCache
public import Telemetry

/// What the pages say of the configuration that serves. A value.
public struct AdminFacts: Sendable {
  /// A place where viewers connect.
  public struct Listener: Sendable {
    /// What is really bound, and as it is configured.
    public var address: String, configured: String
    /// Whether it speaks TLS, and whether it wants PROXY headers.
    public var isSecure: Bool, expectsProxyHeader: Bool

    /// A listener.
    public init(address: String, configured: String, isSecure: Bool, expectsProxyHeader: Bool) {
      self.address = address
      self.configured = configured
      self.isSecure = isSecure
      self.expectsProxyHeader = expectsProxyHeader
    }
  }

  /// The configuration.
  public var configuration: Configuration
  /// The path of its file, and the SHA-256 of its bytes in hexadecimal digits.
  public var path: String, digest: String
  /// Which configuration it is: 1 is that of the start.
  public var generation: Int
  /// When it was taken up.
  public var since: Timestamp
  /// Where viewers connect.
  public var listeners: [Listener]
  /// The admin address as a URL; nil for none.
  public var admin: String?
  /// What opens the pages that are not open to all; nil when there is none.
  public var token: [UInt8]?
  /// The logs, for their numbers.
  public var accessLog: LogWriter, functionLog: LogWriter?
  /// What sends spans, for its numbers; nil without tracing.
  public var spans: SpanExporter?
  /// The cache; nil when there is none.
  public var cache: ObjectStore?
  /// By function of the configuration: what the function tier made of it; nil for the rewrite engine's.
  public var functions: [TierFunction?]
  /// The function tier itself, for its numbers; nil without one.
  public var tier: FunctionTier?
  /// Events for them that nobody waits for; nil without such functions.
  public var events: EventQueue?
  /// What the handshake of a viewer who asks for a URL, with another Host perhaps, would come to, as `skerry explain` tells it; nil where TLS has nothing to do with it.
  public var handshake: @Sendable (_ url: String, _ host: String?) -> JSONValue? = { _, _ in nil }

  /// The facts.
  public init(
    configuration: Configuration, path: String, digest: String, generation: Int, since: Timestamp, listeners: [Listener], admin: String?, token: [UInt8]?,
    accessLog: LogWriter, functionLog: LogWriter?, spans: SpanExporter? = nil, cache: ObjectStore? = nil, functions: [TierFunction?] = [], events: EventQueue? = nil
  ) {
    self.events = events
    self.functions = functions
    self.spans = spans
    self.cache = cache
    self.configuration = configuration
    self.path = path
    self.digest = digest
    self.generation = generation
    self.since = since
    self.listeners = listeners
    self.admin = admin
    self.token = token
    self.accessLog = accessLog
    self.functionLog = functionLog
  }
}

extension AdminFacts {
  /// A function of the tier by its name.
  func function(_ name: String) -> TierFunction? {
    configuration.functions.firstIndex { $0.name == name }.flatMap { functions.indices.contains($0) ? functions[$0] : nil }
  }

  /// Whether there is a function of the tier by a name that could not be made ready.
  func cannotRun(_ name: String) -> Bool { configuration.functions.contains { $0.name == name && !$0.runtime.isRewriteEngine } && function(name) == nil }
}

extension Status {
  /// The queue of events that nobody waits for.
  fileprivate static func json(_ events: EventQueue.Statistics) -> JSONValue {
    .object([
      "waiting": .number(events.waiting), "running": .number(events.running), "accepted": .number(events.accepted), "succeeded": .number(events.succeeded),
      "failed": .number(events.failed), "retried": .number(events.retried), "untold": .number(events.untold), "undelivered": .number(events.undelivered),
      "unreadable": .number(events.unreadable),
    ])
  }
}

/// The status of a process at one moment.
struct Status {
  var facts: AdminFacts
  var reload: ReloadReport?
  var workers: [WorkerSnapshot]
  /// What is known of origins that are watched or bounded.
  var origins: [OriginFacts]
  var started: Timestamp, now: Timestamp
  var process: Int32
  var isDraining: Bool

  var json: JSONValue {
    .object([
      "version": .string(Version.text),
      "pid": .number(Int(process)),
      "state": .string(isDraining ? "draining" : "serving"),
      "started": .string(started.string),
      "uptimeSeconds": .number(Int(max(0, now.milliseconds - started.milliseconds) / 1000)),
      "configuration": .object([
        "path": .string(facts.path), "sha256": .string(facts.digest), "generation": .number(facts.generation), "since": .string(facts.since.string),
      ]),
      "lastReload": reload.map(\.json) ?? .null,
      "listeners": .array(facts.listeners.map(\.json)),
      "admin": facts.admin.map { .string($0) } ?? .null,
      "events": facts.events.map { Status.json($0.statistics) } ?? .null,
      "workers": .array(workers.map(Status.json)),
      "distributions": .array(facts.configuration.distributions.map { distribution($0) }),
      "functions": .array(facts.configuration.functions.map { function($0) }),
      "keyValueStores": .array(facts.configuration.keyValueStores.map { .object(["name": .string($0.name), "entries": .number($0.store.count)]) }),
      "logs": .object(logs),
    ])
  }

  private static func json(_ worker: WorkerSnapshot) -> JSONValue {
    func gauge(_ gauge: Gauge) -> JSONValue { .number(Int(worker[gauge])) }
    return .object([
      "number": .number(worker.worker), "connections": gauge(.connectionsOpen), "http2Connections": gauge(.http2ConnectionsOpen),
      "requestsInFlight": gauge(.requestsInFlight), "tunnels": gauge(.tunnelsOpen), "originConnections": gauge(.originConnectionsOpen),
      "originConnectionsIdle": gauge(.originConnectionsIdle), "accepted": .number(String(worker[.connectionsAccepted])),
    ])
  }

  private func distribution(_ distribution: Distribution) -> JSONValue {
    let names = facts.configuration.functions.map(\.name)
    let associations = distribution.behaviors.flatMap { behavior in HookPoint.allCases.compactMap { behavior.functions[$0].map { names[$0.index] } } }
    return .object([
      "id": .string(distribution.id), "aliases": .array(distribution.aliases.map { .string($0) }), "default": .boolean(distribution.isDefault),
      "behaviors": .number(distribution.behaviors.count),
      "functions": .array(Set(associations).sorted().map { .string($0) }),
      "origins": .array(distribution.origins.map { origin in Status.json(origin, origins.first { $0.distribution == distribution.id && $0.origin == origin.name }) }),
    ])
  }

  private static func json(_ origin: Origin, _ facts: OriginFacts?) -> JSONValue {
    switch origin.kind {
    case .folder(let path): return .object(["name": .string(origin.name), "folder": .string(path)])
    case .http(let server):
      var members: JSONObject = ["name": .string(origin.name), "server": .string(server.domainName), "ports": .array(ports(server))]
      if let inFlight = facts?.inFlight, let waiting = facts?.waiting {
        members.append("requestsInFlight", .number(inFlight))
        members.append("requestsWaiting", .number(waiting))
      }
      if let addresses = facts?.addresses, !addresses.isEmpty { members.append("addresses", .array(addresses.map(json))) }
      return .object(members)
    }
  }

  private static func json(_ address: OriginFacts.Address) -> JSONValue {
    .object([
      "address": .string(address.address), "healthy": .boolean(address.isFit), "condition": .string(address.condition), "requestsInFlight": .number(address.inFlight),
    ])
  }

  private static func ports(_ server: Origin.HTTPServer) -> [JSONValue] {
    switch server.originProtocolPolicy {
    case .httpOnly: [.number(server.httpPort)]
    case .httpsOnly: [.number(server.httpsPort)]
    case .matchViewer: [.number(server.httpPort), .number(server.httpsPort)]
    }
  }

  private func function(_ function: FunctionDefinition) -> JSONValue {
    var members: JSONObject = [
      "name": .string(function.name), "runtime": .string(function.runtime.name), "code": .string(function.codePath),
      "keyValueStore": function.keyValueStore.map { .string($0) } ?? .null,
    ]
    if !function.runtime.isRewriteEngine, let qualifiers = facts.configuration.associatedQualifiers[function.name] {
      members.append("associated", .array(qualifiers.map { $0 ?? FunctionReference.newest }.sorted().map { .string($0) }))
    }
    if let provisioned = facts.function(function.name)?.provisioned, provisioned.wanted > 0 {
      members.append("provisioned", .object(["environments": .number(provisioned.wanted), "ready": .number(provisioned.ready)]))
    }
    return .object(members)
  }

  private var logs: JSONObject {
    func numbers(_ writer: LogWriter) -> JSONValue {
      let numbers = writer.statistics
      return .object(["linesWritten": .number(String(numbers.linesWritten)), "linesDropped": .number(String(numbers.linesDropped)), "writeErrors": .number(String(numbers.writeErrors))])
    }
    var logs = JSONObject()
    if facts.configuration.accessLog.format != .off { logs.append("access", numbers(facts.accessLog)) }
    if let log = facts.functionLog { logs.append("functions", numbers(log)) }
    return logs
  }
}

extension AdminFacts.Listener {
  fileprivate var json: JSONValue {
    .object([
      "address": .string(address), "configured": .string(configured), "tls": .boolean(isSecure), "proxyProtocol": .boolean(expectsProxyHeader),
    ])
  }
}

extension ReloadReport {
  /// What POST /reload answers.
  var json: JSONValue {
    .object([
      "outcome": .string(isDone ? "done" : "refused"), "generation": .number(generation), "time": .string(time.string), "milliseconds": .number(milliseconds),
      "reason": reason.map { .string($0) } ?? .null, "problems": .array(problems.map(\.json)),
    ])
  }
}

extension ConfigurationProblem {
  fileprivate var json: JSONValue {
    .object([
      "file": .string(file), "line": .number(line), "column": .number(column), "severity": .string(isError ? "error" : "warning"), "text": .string(text),
    ])
  }
}

extension Timestamp {
  fileprivate var string: String { String(decoding: text, as: UTF8.self) }
}

extension EventFacts {
  /// The queue's numbers, as the metrics page has them.
  init(_ statistics: EventQueue.Statistics) {
    self.init()
    waiting = statistics.waiting + statistics.running
    outcomes = [
      .accepted: statistics.accepted, .succeeded: statistics.succeeded, .failed: statistics.failed, .retried: statistics.retried, .undelivered: statistics.undelivered,
      .unreadable: statistics.unreadable,
    ]
  }
}
