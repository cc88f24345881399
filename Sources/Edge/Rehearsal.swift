// Owns: a worker that serves nobody: a configuration made ready as for serving, without listeners, logs, probes or files of its own, so that
// single requests can be sent through the real pipeline (`skerry explain`). Functions of the function tier run in sandboxes as the proxy's.
public import Distribution
import FunctionTier
public import JSONText
public import Pipeline
import Telemetry
import Transport

/// One worker of a configuration, on a thread of its own.
public final class Rehearsal: Sendable {
  private let loop: EventLoop
  private let thread: EventLoopThread
  private let isolation: WorkerIsolation
  private let logs: LogWriter
  private let serving: ServingConfiguration
  private let functions: PrivateTier?
  /// Functions that are not run.
  private let leftOut: [LeftOut]

  /// An association with a function that was asked to be left out.
  private struct LeftOut: Sendable {
    var distribution: String, path: String, point: HookPoint, name: String
  }

  /// Makes the configuration ready. Blocks: on folders and code. Before the process has a second thread.
  /// - Parameters:
  ///   - configuration: checked. Its access log, its traces and the cache's folder are left alone, its origins are not probed.
  ///   - folder: where its file lies.
  ///   - runsFunctions: whether functions of the function tier are run; without, requests go on as if there were none.
  /// - Throws: ``StartFailure`` when something of it cannot be opened, or its functions cannot be run here.
  public init(_ configuration: Configuration, from folder: String, runsFunctions: Bool = true) throws(StartFailure) {
    var configuration = configuration
    leftOut = runsFunctions ? [] : Self.leaveFunctionsOut(of: &configuration)
    (configuration.cache.diskPath, configuration.cache.diskBytes) = (nil, 0)
    configuration.tracing = nil
    // Only what a request needs is started.
    for function in configuration.functions.indices { configuration.functions[function].tier.provisionedConcurrency = 0 }
    for site in configuration.distributions.indices {
      for origin in configuration.distributions[site].origins.indices { configuration.distributions[site].origins[origin].healthCheck = nil }
    }
    var running: PrivateTier?
    do {
      // Before there is a thread.
      let functions = runsFunctions ? try Self.tier(for: configuration, from: folder) : nil
      self.functions = functions
      running = functions
      let ready = functions.map { $0.tier.prepare(configuration.functions) }
      if let functions, let ready { functions.tier.adopt(ready, log: nil) }
      let diagnostics = try Diagnostics(.file("/dev/null"))
      let writer = try LogWriter(.file("/dev/null"), diagnostics: nil)
      let serving = try ServingConfiguration(configuration, files: try BlockingPool(), tier: ready?.functions ?? [])
      let loop = try EventLoop(), shared = SharedState(diagnostics)
      let ports = SecurePorts(configuration.listeners.compactMap { listener in SocketAddress(listener.address).map { ($0, listener.tls != nil) } })
      isolation = WorkerIsolation(loop) {
        let worker = Worker(number: 0, loop: loop, serving, shared, log: writer, functionLog: nil, diagnostics: diagnostics) { _ in }
        worker.securePorts = ports
        return worker
      }
      self.loop = loop
      self.serving = serving
      logs = writer
      thread = loop.start(name: "rehearsal")
    } catch {
      running?.end()
      throw StartFailure(description: "\(error)")
    }
  }

  /// Sends a request through the pipeline and tells what became of it.
  public func explain(_ request: ExplainedRequest) async -> JSONObject {
    let isolation = isolation
    var json = await Task(executorPreference: loop) { await isolation.explain(request) }.value
    let all = JSONValue.object(json), matched = all["behaviors"]?.array?.last?["path"]?.string
    let missing = leftOut.filter { $0.distribution == all["distribution"]?["id"]?.string && $0.path == matched }
    if !missing.isEmpty {
      json.append("functionsLeftOut", .array(missing.map { .object(["event": .string($0.point.rawValue), "name": .string($0.name)]) }))
    }
    return json
  }

  /// What runs the functions of a configuration; nil where it has none that are associated with a behavior. Versions and aliases are those that are
  /// published in its state folder.
  private static func tier(for configuration: Configuration, from folder: String) throws -> PrivateTier? {
    var published: Set<String> = [], isAny = false
    for reference in configuration.distributions.flatMap({ site in site.behaviors.flatMap { behavior in HookPoint.allCases.compactMap { behavior.functions[$0] } } }) {
      guard configuration.functions.indices.contains(reference.index), case let definition = configuration.functions[reference.index], !definition.runtime.isRewriteEngine else { continue }
      isAny = true
      if reference.qualifier != nil { published.insert(definition.name) }
    }
    guard isAny else { return nil }
    let settings = configuration.functionTierSettings
    if let problem = configuration.exposure(by: settings.interpreters, configurationFolder: folder) { throw StartFailure(description: "functions: \(problem)") }
    return try PrivateTier(settings.interpreters, published: settings.folder, of: published)
  }

  /// Takes functions of the function tier out of every behavior.
  private static func leaveFunctionsOut(of configuration: inout Configuration) -> [LeftOut] {
    var leftOut: [LeftOut] = []
    for site in configuration.distributions.indices {
      for index in configuration.distributions[site].behaviors.indices {
        let behavior = configuration.distributions[site].behaviors[index]
        for point in HookPoint.allCases {
          guard let reference = behavior.functions[point], configuration.functions.indices.contains(reference.index) else { continue }
          let definition = configuration.functions[reference.index]
          guard !definition.runtime.isRewriteEngine else { continue }
          configuration.distributions[site].behaviors[index].functions[point] = nil
          leftOut.append(LeftOut(distribution: configuration.distributions[site].id, path: behavior.pathPattern.text, point: point, name: definition.name))
        }
      }
    }
    return leftOut
  }

  /// Ends the worker. Blocks until it has.
  public func end() {
    loop.stop()
    thread.join()
    serving.close()
    functions?.end()
    _ = logs.close(deadlineMilliseconds: 100)
  }
}
