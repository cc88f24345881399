// A function as the configuration defines it: its runtime, its code and its limits.
// Immutable values; any thread may read them. The code of the rewrite engine is held here, read by ConfigurationFile.
// Source: spec/cloudfront-functions.md, spec/lambda-at-edge.md, design/configuration.md.
public import KeyValueStores

/// One function.
public struct FunctionDefinition: Sendable, Equatable {
  /// Its name; unique in a configuration.
  public var name: String
  /// What it runs on.
  public var runtime: FunctionRuntime
  /// The absolute path of its code: a file for the rewrite engine; a folder or a .zip for the function tier.
  public var codePath: String
  /// The bytes of its code for the rewrite engine; empty for the function tier.
  public var source: [UInt8]
  /// The name of the key value store it reads, if any: one of `Configuration.keyValueStores`.
  public var keyValueStore: String?
  /// What it is for.
  public var comment: String?
  /// What only the function tier uses.
  public var tier: FunctionTierSettings

  /// A function.
  public init(
    name: String, runtime: FunctionRuntime, codePath: String, source: [UInt8] = [], keyValueStore: String? = nil,
    comment: String? = nil, tier: FunctionTierSettings = FunctionTierSettings()
  ) {
    self.name = name
    self.runtime = runtime
    self.codePath = codePath
    self.source = source
    self.keyValueStore = keyValueStore
    self.comment = comment
    self.tier = tier
  }

  /// The most bytes of code CloudFront accepts for one function: 10,240.
  public static let cloudFrontSourceBytes = 10_240
}

/// What a function runs on.
public enum FunctionRuntime: Sendable, Hashable {
  /// `cloudfront-js-1.0`, in the rewrite engine.
  case cloudfrontJS1
  /// `cloudfront-js-2.0`, in the rewrite engine.
  case cloudfrontJS2
  /// `nodejs20.x` and its kin, by full name, in the function tier.
  case nodejs(String)
  /// `python3.12` and its kin, by full name, in the function tier.
  case python(String)
  /// `provided`, `provided.al2`, …: an executable called `bootstrap`, in the function tier.
  case provided(String)

  /// Whether the rewrite engine runs it (rather than the function tier).
  public var isRewriteEngine: Bool {
    switch self {
    case .cloudfrontJS1, .cloudfrontJS2: true
    case .nodejs, .python, .provided: false
    }
  }

  /// The name as it is written in a configuration.
  public var name: String {
    switch self {
    case .cloudfrontJS1: "cloudfront-js-1.0"
    case .cloudfrontJS2: "cloudfront-js-2.0"
    case .nodejs(let name), .python(let name), .provided(let name): name
    }
  }
}

/// What a function of the function tier may reach over the network.
public enum FunctionNetwork: String, Sendable, CaseIterable {
  /// Nothing.
  case none
  /// Public addresses.
  case outbound
  /// Whatever this machine reaches.
  case host
}

/// Settings that only the function tier uses; `design/configuration.md` has the names.
public struct FunctionTierSettings: Sendable, Equatable {
  /// Variables that a runtime sets, whatever ``environment`` says: Lambda's reserved ones.
  public static let reservedVariables: Set<String> = [
    "_HANDLER", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_RUNTIME_API",
  ]
  /// The handler, `file.function`. Default `index.handler`.
  public var handler: String
  /// Its memory in MB, 128–10,240. Default 128.
  public var memoryMB: Int
  /// How long one invocation may take, up to 30 s. Default 5 s.
  public var timeout: Duration
  /// Whether it is given the request's body.
  public var includeBody: Bool
  /// What it may reach over the network. Default nothing.
  public var network: FunctionNetwork
  /// Environment variables, sorted by name; extended mode only.
  public var environment: [HeaderField]
  /// The most invocations at once; 0 disables the function, nil sets no limit of its own.
  public var reservedConcurrency: Int?
  /// How many environments are kept ready. Default 0.
  public var provisionedConcurrency: Int
  /// What becomes of events that nobody waits for.
  public var asynchronous = AsynchronousInvocation()

  /// The settings given; the defaults are Lambda@Edge's.
  public init(
    handler: String = "index.handler", memoryMB: Int = 128, timeout: Duration = .seconds(5), includeBody: Bool = false,
    network: FunctionNetwork = .none, environment: [HeaderField] = [], reservedConcurrency: Int? = nil,
    provisionedConcurrency: Int = 0
  ) {
    self.handler = handler
    self.memoryMB = memoryMB
    self.timeout = timeout
    self.includeBody = includeBody
    self.network = network
    self.environment = environment
    self.reservedConcurrency = reservedConcurrency
    self.provisionedConcurrency = provisionedConcurrency
  }
}

/// A key value store: its name, the file of its data, and the data.
public struct KeyValueStoreDefinition: Sendable, Equatable {
  /// Its name; unique in a configuration.
  public var name: String
  /// The absolute path of `{"data":[{"key":…,"value":…}]}`.
  public var path: String
  /// The data as it was read with the configuration. It knows the store's id.
  public var store: KeyValueStore
  /// Whether it stands in a function's folder and not in the configuration.
  public var isOwn: Bool

  /// A key value store.
  public init(name: String, path: String, store: KeyValueStore, isOwn: Bool = false) {
    self.name = name
    self.path = path
    self.store = store
    self.isOwn = isOwn
  }
}
