// Everything one running proxy is told: the root of the model.
// An immutable snapshot; a reload builds a new one beside it. Any thread may read it. No I/O.
// Source: design/configuration.md.

public import Geography
public import KeyValueStores
public import TLS

/// A complete, checked configuration.
public struct Configuration: Sendable, Equatable {
  /// Where viewers connect.
  public var listeners: [Listener]
  /// Proxies before this one whose X-Forwarded-For is believed.
  public var trustedProxies: [AddressRange]
  /// Where operators connect; nil for no admin address.
  public var admin: Admin?
  /// The absolute path of the directory for versions, queues, disk cache and token.
  public var stateDirectory: String
  /// How long a drain may take after SIGTERM. Default 30 s.
  public var shutdownTimeout: Duration
  /// The distributions; `HostTable` maps Host to an index into it.
  public var distributions: [Distribution]
  /// The functions; `FunctionReference.index` points into it.
  public var functions: [FunctionDefinition]
  /// The key value stores.
  public var keyValueStores: [KeyValueStoreDefinition]
  /// The keys by which signatures of URLs and cookies are verified; behaviors have theirs through their key groups.
  public var publicKeys: [TrustedKey] = []
  /// The named limits.
  public var limits: Limits
  /// The function tier as a whole.
  public var functionTier = FunctionTierOptions()
  /// The size and place of the object cache.
  public var cache: CacheStorage
  /// Where access records go.
  public var accessLog: AccessLog
  /// Where what functions give to console.log goes; nil for nowhere. Default standard error.
  public var functionLog: LogDestination?
  /// Where spans go; nil for no tracing.
  public var tracing: Tracing?
  /// Fixed values for `CloudFront-Viewer-*` headers, for a laptop: header to value.
  public var viewerFixtures: [CloudFrontHeader: String]
  /// Databases for those headers and for geo restrictions, if any.
  public var geography: Geography?
  /// How strictly CloudFront's limits are kept.
  public var compatibility: Compatibility
  /// Which origins a function may choose.
  public var functionOrigins: FunctionOrigins
  /// Which of AWS's limits hold for functions of the function tier at viewer events.
  public var lambdaEdgeLimits = LambdaEdgeLimits.Generation.current
  /// Whom the process becomes once it listens, when root started it; nil to stay who it is.
  public var user: UserName?
  /// What the kernel is asked to keep the process from.
  public var confinement: ConfinementLevel

  /// A configuration; the defaults are those of an empty file.
  public init(
    listeners: [Listener] = [], trustedProxies: [AddressRange] = [], admin: Admin? = nil, stateDirectory: String = ".skerry",
    shutdownTimeout: Duration = .seconds(30), distributions: [Distribution] = [],
    functions: [FunctionDefinition] = [], keyValueStores: [KeyValueStoreDefinition] = [], limits: Limits = Limits(),
    cache: CacheStorage = CacheStorage(), accessLog: AccessLog = AccessLog(), functionLog: LogDestination? = .standardError,
    viewerFixtures: [CloudFrontHeader: String] = [:], geography: Geography? = nil,
    compatibility: Compatibility = .extended, functionOrigins: FunctionOrigins = .public, user: UserName? = nil,
    confinement: ConfinementLevel = .auto
  ) {
    self.listeners = listeners
    self.trustedProxies = trustedProxies
    self.admin = admin
    self.stateDirectory = stateDirectory
    self.shutdownTimeout = shutdownTimeout
    self.distributions = distributions
    self.functions = functions
    self.keyValueStores = keyValueStores
    self.limits = limits
    self.cache = cache
    self.accessLog = accessLog
    self.functionLog = functionLog
    self.viewerFixtures = viewerFixtures
    self.geography = geography
    self.compatibility = compatibility
    self.functionOrigins = functionOrigins
    self.user = user
    self.confinement = confinement
  }

  /// The store that a function reads; nil when it has none.
  public func keyValueStore(of function: FunctionDefinition) -> KeyValueStore? {
    function.keyValueStore.flatMap { name in keyValueStores.first { $0.name == name }?.store }
  }

  /// The table from Host to distribution, built anew; keep it beside the snapshot.
  public func makeHostTable() -> HostTable { HostTable(distributions) }
}

/// An address to listen at.
public enum ListenAddress: Sendable, Hashable {
  /// An IP address literal (IPv6 without brackets) and a port, 0–65535; 0 takes any free port.
  case tcp(host: String, port: Int)
  /// The absolute path of a Unix socket.
  case unix(path: String)

  /// As it is written in a configuration: `127.0.0.1:8080`, `[::1]:8080`, `unix:/run/skerry.sock`.
  public var description: String {
    switch self {
    case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .unix(let path): "unix:\(path)"
    }
  }
}

/// A part of a configuration of which only serving it shows whether it can be had: for errors with a place in the file.
public enum OpenedPart: Sendable, Hashable {
  /// An address of a listener, or the admin address.
  case address(ListenAddress)
  /// Where access records go, and what functions say.
  case accessLog, functionLog
  /// The user that the process becomes.
  case user
}

/// One place where viewers connect.
public struct Listener: Sendable, Equatable {
  /// Its address; always TCP.
  public var address: ListenAddress
  /// What it shows and demands when it speaks TLS; nil for clear text.
  public var tls: TLSServer.Configuration?
  /// Whether every connection begins with a PROXY header that says whose it is; one without it is refused.
  public var expectsProxyHeader = false

  /// A listener.
  public init(address: ListenAddress, tls: TLSServer.Configuration? = nil) {
    self.address = address
    self.tls = tls
  }
}

/// Where operators connect.
public struct Admin: Sendable, Equatable {
  /// Its address, TCP or a Unix socket.
  public var address: ListenAddress
  /// The absolute path of the token's file; made on first start.
  public var tokenPath: String

  /// An admin address.
  public init(address: ListenAddress, tokenPath: String) {
    self.address = address
    self.tokenPath = tokenPath
  }
}

/// The size and place of the object cache.
public struct CacheStorage: Sendable, Equatable {
  /// The memory it may use, in bytes. Default 256 MiB.
  public var memoryBytes: Int
  /// The absolute path of its folder on disk; nil for none.
  public var diskPath: String?
  /// The disk space it may use, in bytes; 0 without a folder.
  public var diskBytes: Int
  /// Whether responses say in Cache-Status what the cache did (RFC 9211).
  public var saysStatus = true
  /// The viewers who are told the cache key there. Default: none.
  public var statusKeyClients: [AddressRange] = []

  /// A cache in memory, and on disk when a folder is given.
  public init(memoryBytes: Int = 256 << 20, diskPath: String? = nil, diskBytes: Int = 0) {
    self.memoryBytes = memoryBytes
    self.diskPath = diskPath
    self.diskBytes = diskBytes
  }
}

/// How strictly CloudFront's limits are kept.
public enum Compatibility: String, Sendable, CaseIterable {
  /// More than CloudFront allows where that is safe.
  case extended
  /// Refuse what CloudFront would refuse.
  case cloudfront
}

/// Which origins a function may choose. Metadata services and the proxy's own addresses: never.
public enum FunctionOrigins: String, Sendable, CaseIterable {
  /// Public addresses only.
  case `public`
  /// Loopback and private ones too.
  case any
}

/// A user of the machine, by name.
public struct UserName: Sendable, Equatable {
  /// The user's name.
  public var name: String
  /// The name of the group to be in; nil for the user's own.
  public var group: String?

  /// A user.
  public init(_ name: String, group: String? = nil) {
    self.name = name
    self.group = group
  }
}

/// What the kernel is asked to keep a serving process from, whoever it runs as. (Documentation/security.md.)
public enum ConfinementLevel: String, Sendable, CaseIterable {
  /// Nothing.
  case off
  /// Writing outside of its own folders, starting programs, and system calls it has no use for, as far as the kernel can; what it cannot is said.
  case auto
  /// That, or no start; and reading only what the configuration names.
  case strict
}
