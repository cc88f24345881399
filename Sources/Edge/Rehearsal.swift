// Owns: a worker that serves nobody: a configuration made ready as for serving, without listeners, logs, probes or files of its own, so that
// single requests can be sent through the real pipeline (`skerry explain`).
public import Distribution
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

  /// Makes the configuration ready. Blocks: on folders and code.
  /// - Parameter configuration: checked. Its access log, its traces and the cache's folder are left alone, its origins are not probed.
  /// - Throws: ``StartFailure`` when something of it cannot be opened.
  public init(_ configuration: Configuration) throws(StartFailure) {
    var configuration = configuration
    (configuration.cache.diskPath, configuration.cache.diskBytes) = (nil, 0)
    configuration.tracing = nil
    for site in configuration.distributions.indices {
      for origin in configuration.distributions[site].origins.indices { configuration.distributions[site].origins[origin].healthCheck = nil }
    }
    do {
      let diagnostics = try Diagnostics(.file("/dev/null"))
      let writer = try LogWriter(.file("/dev/null"), diagnostics: nil)
      let serving = try ServingConfiguration(configuration, files: try BlockingPool())
      let loop = try EventLoop(), shared = SharedState(diagnostics)
      isolation = WorkerIsolation(loop) {
        Worker(number: 0, loop: loop, serving, shared, log: writer, functionLog: nil, diagnostics: diagnostics) { _ in }
      }
      self.loop = loop
      self.serving = serving
      logs = writer
      thread = loop.start(name: "rehearsal")
    } catch { throw StartFailure(description: "\(error)") }
  }

  /// Sends a request through the pipeline and tells what became of it.
  public func explain(_ request: ExplainedRequest) async -> JSONObject {
    let isolation = isolation
    return await Task(executorPreference: loop) { await isolation.explain(request) }.value
  }

  /// Ends the worker. Blocks until it has.
  public func end() {
    loop.stop()
    thread.join()
    serving.close()
    _ = logs.close(deadlineMilliseconds: 100)
  }
}
