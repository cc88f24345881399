// What a rewrite function is before any worker has built it: source, runtime and limits, as configured.
// Immutable and shared by all workers. Follows spec/cloudfront-functions.md sections 3, 7 and 9.
import CQuickJS
public import KeyValueStores
import Synchronization

/// A CloudFront Function's code with the limits it runs under.
///
/// A value, free to share. `validate()` checks it; `Isolate` runs it.
public struct FunctionCode: Sendable {
  /// The JavaScript runtime a function was written for (`FunctionConfig.Runtime`).
  public enum Runtime: String, Sendable, CaseIterable {
    /// `cloudfront-js-1.0`: no `Buffer`, and `digest()` gives a byte string.
    case cloudfrontJS10 = "cloudfront-js-1.0"
    /// `cloudfront-js-2.0`: async handlers, `Buffer`, `rawQueryString()`.
    case cloudfrontJS20 = "cloudfront-js-2.0"
  }

  /// The limits of one function. Reaching one ends the run with `FunctionFailure`, and the request with 503.
  public struct Limits: Sendable, Equatable {
    /// Nanoseconds of thread CPU time one run may use. Default 1 ms; at least 10 µs.
    public var cpuNanoseconds: UInt64 = 1_000_000
    /// Nanoseconds of thread CPU time that building may use: the engine's start, compiling, top-level code. Default 30 ms: the
    /// functions of Functions/ take 0.3 to 1 ms, 40 KB of minified code 8 ms. Never less than `cpuNanoseconds`.
    public var loadCPUNanoseconds: UInt64 = 30_000_000
    /// Bytes one run may allocate, exact to the allocation; rounded up to 4,096. Default 2 MiB, at most 1 GiB.
    public var memoryBytes: Int = 2 << 20
    /// Bytes that top-level code may keep for all runs, beside `memoryBytes`. Default 2 MiB, at most 1 GiB.
    public var baseMemoryBytes: Int = 2 << 20
    /// Bytes of C stack for recursion; the thread needs about twice as much. Default 256 KiB.
    public var stackBytes: Int = 256 << 10
    /// Bytes of host memory for results of earlier runs, per isolate: an event in which everything that such a run read is the same gets
    /// its result without a run (Sources/CQuickJS/recall.c). Default 0: every event is run; at most 1 GiB.
    public var rememberedBytes: Int = 0

    /// The defaults.
    public init() {}
  }

  /// The name the configuration gives it, for messages.
  public let name: String
  /// UTF-8 JavaScript.
  public let source: [UInt8]
  /// The runtime it was written for.
  public let runtime: Runtime
  /// Its limits.
  public let limits: Limits
  /// What `cf.kvs()` reads where `Isolate.use` says nothing else; nil: the function has no store.
  public let store: KeyValueStore?
  /// Whether `Isolate.setEdgeLocation` may be asked for: the source names `edgeLocation`.
  public let readsEdgeLocation: Bool
  /// Tells values apart whose names are equal, as before and after a reload. Unique in the process.
  public let id: UInt64

  private static let lastID = Atomic<UInt64>(0)

  /// Makes a function of its source. Nothing is compiled yet.
  public init(
    name: String, source: [UInt8], runtime: Runtime = .cloudfrontJS20, limits: Limits = Limits(), store: KeyValueStore? = nil
  ) {
    self.name = name
    self.source = source
    self.runtime = runtime
    self.limits = limits
    self.store = store
    readsEdgeLocation = source.firstRange(of: Array("edgeLocation".utf8)) != nil
    id = Self.lastID.add(1, ordering: .relaxed).newValue
  }

  /// Builds the function once, on the calling thread, and tells what is wrong with it; nothing when it can serve.
  public func validate() -> [FunctionLoadError] {
    do throws(FunctionLoadError) {
      _ = try Isolate(self, on: try ThreadContext(for: self))
      return []
    } catch {
      return [error]
    }
  }

  /// The limits as the C side takes them, within its bounds; the store is this value's, which must outlive them.
  var cLimits: sk_limits {
    let page = 4096
    func pages(_ bytes: Int) -> Int { (min(max(bytes, page), 1 << 30) + page - 1) / page * page }
    return unsafe sk_limits(
      runtime: runtime == .cloudfrontJS10 ? SK_RUNTIME_1_0 : SK_RUNTIME_2_0,
      memory_limit: pages(limits.memoryBytes),
      base_limit: pages(limits.baseMemoryBytes),
      cpu_limit: max(limits.cpuNanoseconds, 10_000),
      load_cpu_limit: max(limits.loadCPUNanoseconds, limits.cpuNanoseconds, 1_000_000),
      recall_limit: min(max(limits.rememberedBytes, 0), 1 << 30),
      stack_limit: max(limits.stackBytes, 32 << 10),
      store: store?.unsafePointer)
  }
}

/// Why a function could not be built.
public struct FunctionLoadError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The function's name.
  public let function: String
  /// Line in its source, from 1; 0 when unknown.
  public let line: Int
  /// Column in that line, from 1; 0 when unknown.
  public let column: Int
  /// What is wrong, in the engine's words: `SyntaxError: …`.
  public let message: String

  /// A failure to load; line and column 0 when unknown.
  public init(function: String, line: Int, column: Int, message: String) {
    self.function = function
    self.line = line
    self.column = column
    self.message = message
  }

  /// `name:line:column: message`.
  public var description: String { line > 0 ? "\(function):\(line):\(column): \(message)" : "\(function): \(message)" }
}
