// The function tier as the rest of the house sees it: functions are prepared with a configuration, adopted with it, and invoked.
// It lives as long as the process; reloads only change what is prepared. Any thread.
public import Distribution
import Glibc
import Synchronization
public import Telemetry
import Transport

/// Why the function tier could not be started.
public struct TierFailure: Error, Sendable, CustomStringConvertible {
  /// One sentence.
  public let description: String
}

/// The function tier.
public final class FunctionTier: Sendable {
  /// Its settings; named in Documentation/configuration.md.
  public struct Configuration: Sendable, Equatable {
    /// The absolute path of the folder of code, versions, runtimes and staging areas: below the proxy's state folder.
    public var folder: String
    /// The programs that run functions.
    public var interpreters: Interpreters
    /// The most invocations at once, of all functions together, those that wait for an environment included. Further ones are throttled.
    public var concurrency = 1_000
    /// The most environments. Idle ones make room; with none idle, invocations wait. Default 100.
    public var environments = 100
    /// How many environments of each kind are started before they are asked for. Default 1.
    public var prewarmed = 1
    /// How long an environment may be idle before it is ended. Default 5 minutes.
    public var idleMilliseconds: UInt64 = 300_000
    /// How long INIT may take. Beyond it: 503, and the environment is killed. Default 10 s.
    public var initMilliseconds = 10_000
    /// How long an invocation waits for one of a function's environments before another one is started. Default 5 ms.
    public var patienceMilliseconds: UInt64 = 5
    /// Environments of one function that may be starting at once. Default 4.
    public var startsAtOnce = 4
    /// How long an invocation may wait for an environment in all. Beyond it: 503. Default 20 s.
    public var waitMilliseconds: UInt64 = 20_000
    /// How long an environment may take to end by itself. Beyond it, it is killed. Default 500 ms.
    public var shutdownMilliseconds = 500
    /// The size of an environment's /tmp in MB. Default 512.
    public var temporaryMB = 512
    /// The most processes and threads of an environment. Default 256.
    public var processes = 256

    /// The defaults.
    public init(folder: String, interpreters: Interpreters = Interpreters()) {
      self.folder = folder
      self.interpreters = interpreters
    }
  }

  /// What is wrong with a function that was to be prepared.
  public struct Problem: Error, Sendable, Equatable {
    /// Its place among the definitions.
    public var index: Int
    /// One sentence without a full stop, with the file inside of the code where one is to blame.
    public var text: String
  }

  /// The functions of a configuration, made ready.
  public struct Prepared: Sendable {
    /// By definition: nil for the rewrite engine's, and for those that have a problem.
    public var functions: [TierFunction?] = []
    /// What is wrong with some of them.
    public var problems: [Problem] = []
    var adoption = Adoption()
  }

  private let configuration: Configuration
  private let supervisor: Supervisor
  private let store: CodeStore
  private let tallies = Mutex<[String: FunctionTally]>([:])

  /// Starts the supervisor's thread.
  /// - Parameters:
  ///   - spawner: born with ``Configuration/folder`` and the interpreters' folders among its roots.
  ///   - diagnostics: told of functions that cannot be loaded, and of sandboxes that cannot be started.
  /// - Throws: ``TierFailure`` when the folder cannot be written or the system gives no loop.
  public convenience init(_ configuration: Configuration, spawner: Spawner, diagnostics: Diagnostics) throws(TierFailure) {
    try self.init(configuration, launcher: spawner, diagnostics: diagnostics)
  }

  init(_ configuration: Configuration, launcher: any SandboxLauncher, diagnostics: Diagnostics) throws(TierFailure) {
    self.configuration = configuration
    do throws(CodeProblem) {
      store = try CodeStore(folder: configuration.folder + "/code")
      try Bootstraps.write(to: configuration.folder + "/runtime")
      Staging.clear(configuration.folder + "/staging")
    } catch { throw TierFailure(description: "functions: \(error.text)") }
    do throws(IOFailure) { supervisor = try Supervisor(configuration, launcher, diagnostics) } catch {
      throw TierFailure(description: "functions: no event loop: \(error)")
    }
  }

  /// Reads the code of a configuration's functions and keeps a copy. Blocks. Nothing changes for what serves until it is adopted.
  public func prepare(_ definitions: [FunctionDefinition]) -> Prepared {
    var prepared = Prepared()
    for (index, definition) in definitions.enumerated() {
      guard !definition.runtime.isRewriteEngine else {
        prepared.functions.append(nil)
        continue
      }
      do throws(CodeProblem) {
        let interpreter = try Interpreter(definition.runtime, configuration.interpreters)
        let code = try store.keep(try CodeSource(path: definition.codePath, handler: definition.tier.handler))
        let revision = Revision(definition, version: "$LATEST", code), tally = tally(of: definition.name)
        prepared.functions.append(TierFunction(name: definition.name, qualifier: nil, revision, interpreter, tally, self))
        prepared.adoption.revisions.append((revision, interpreter, tally, definition.tier.provisionedConcurrency))
        prepared.adoption.reserved[definition.name] = definition.tier.reservedConcurrency
      } catch {
        prepared.functions.append(nil)
        prepared.problems.append(Problem(index: index, text: error.text))
      }
    }
    return prepared
  }

  /// A configuration serves now: environments of functions that it does not have are ended once they are idle, and those it wants kept ready are
  /// started.
  /// - Parameter log: where lines go; nil for nowhere.
  public func adopt(_ prepared: Prepared, log: LogWriter?) {
    supervisor.post(.log(log))
    supervisor.post(.adopt(prepared.adoption))
  }

  /// Invokes a function.
  /// - Parameter answer: called once, on the supervisor's thread: it must not block.
  public func invoke(_ function: TierFunction, _ invocation: Invocation, answer: @escaping @Sendable (InvocationOutcome) -> Void) {
    supervisor.post(.invoke(function.revision, function.interpreter, function.tally, invocation, answer))
  }

  /// The numbers of all functions so far, by name.
  public var numbers: [(function: String, numbers: FunctionTally.Numbers)] {
    tallies.withLock { Array($0.values) }.map { ($0.function, $0.current) }.sorted { $0.0 < $1.0 }
  }

  /// How many environments are ready for a function that has none yet.
  public var ready: Int { supervisor.ready.load(ordering: .relaxed) }

  /// Kills everything, and waits for it, at most about a second: the process ends. Not on the supervisor's thread. Later invocations are refused.
  public func stop() {
    let done = EndSignal()
    supervisor.post(.stop { done.raise() })
    done.wait(milliseconds: Self.stopMilliseconds)
    supervisor.join()
  }
  /// How long the end of everything is waited for.
  static let stopMilliseconds = 1_000

  private func tally(of function: String) -> FunctionTally {
    tallies.withLock { known in
      if let tally = known[function] { return tally }
      let tally = FunctionTally(function: function)
      known[function] = tally
      return tally
    }
  }
}
