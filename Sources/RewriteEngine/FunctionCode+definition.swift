// Owns: from a function as the configuration defines it to code the engine can build.
public import Distribution
public import KeyValueStores

/// The configuration's limits of the engine: inside `FunctionCode`, `Limits` is another type.
public typealias EngineLimits = Limits.RewriteEngine

extension FunctionCode {
  /// The code of a function that reads `store`; nil for one of the function tier. Pure; any thread.
  public init?(of definition: FunctionDefinition, _ limits: EngineLimits, store: KeyValueStore? = nil) {
    let runtime: Runtime
    switch definition.runtime {
    case .cloudfrontJS1: runtime = .cloudfrontJS10
    case .cloudfrontJS2: runtime = .cloudfrontJS20
    default: return nil
    }
    var own = Limits()
    own.cpuNanoseconds = UInt64(max(1, limits.cpuTime.milliseconds)) * 1_000_000
    own.memoryBytes = limits.memoryBytes
    own.rememberedBytes = limits.rememberedBytes
    self.init(name: definition.name, source: definition.source, runtime: runtime, limits: own, store: store)
  }
}
