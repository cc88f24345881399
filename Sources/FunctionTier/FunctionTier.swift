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
    /// The most bytes of their events, all together. Further invocations are throttled, too. Default 256 MiB.
    public var eventBytes = 256 << 20
    /// The most environments. Idle ones make room; with none idle, invocations wait. Default 100.
    public var environments = 100
    /// How many environments of each kind are started before they are asked for. Default 1.
    public var prewarmed = 1
    /// How long an environment may be idle before it is ended. Default 5 minutes.
    public var idleMilliseconds: UInt64 = 300_000
    /// How long an environment is idle before it is frozen, which is looked after once a second; 0: never. Default 1 s.
    public var freezeMilliseconds: UInt64 = 1_000
    /// How long INIT may take. Beyond it: 503, and the environment is killed. Default 10 s.
    public var initMilliseconds = 10_000
    /// How long loading what a reload changes may take, all functions together; 0: nothing is loaded before it serves. Beyond it the reload is refused.
    /// Default 30 s.
    public var trialMilliseconds = 30_000
    /// How many of them are loaded at once. Default 4.
    public var trialsAtOnce = 4
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
    var provisions: [Provision] = []
    var candidates: [Candidate] = []
  }

  let configuration: Configuration
  let supervisor: Supervisor
  /// What is published.
  public let versions: VersionStore
  private let revisions: RevisionTable
  private let canaries: CanaryKeeper
  /// For what would block: files of versions, and the code of those that are wanted for the first time.
  private let helper: BlockingPool
  /// Its jobs that may wait. Beyond: a canary is looked at a second later, and a version that is wanted for the first time has no environment.
  static let jobLimit = 64
  private let store: CodeStore
  private let lease: FolderLease?
  private let tallies = Mutex<[String: FunctionTally]>([:])
  /// The functions of the configuration that serves, by name.
  private let served = Mutex<[String: TierFunction]>([:])
  /// The newest code that serves with it, by name; nil before the first.
  let newest = Mutex<[String: Revision]?>(nil)
  /// What is to be kept of them.
  private let provisions = Mutex<[Provision]>([])
  private let diagnostics: Diagnostics

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
    self.diagnostics = diagnostics
    let records: CanaryRecords
    do throws(CodeProblem) {
      versions = try VersionStore(folder: configuration.folder)
      store = try CodeStore(folder: configuration.folder + "/code")
      try Bootstraps.write(to: configuration.folder + "/runtime")
      let published = versions
      records = try CanaryRecords(folder: configuration.folder + "/canaries")
      lease = FolderLease(configuration.folder) {
        published.removeUnusedCode()
        records.removeAll(but: published.all.flatMap { versions in versions.aliases.filter { $0.canary != nil }.map { (versions.function, $0.name) } })
        Staging.clear(configuration.folder + "/staging")
      }
    } catch { throw TierFailure(description: "functions: \(error.text)") }
    do throws(IOFailure) {
      var settings = BlockingPool.Configuration()
      (settings.threads, settings.queueLimit) = (1, Self.jobLimit)
      helper = try BlockingPool(configuration: settings)
      revisions = RevisionTable(versions, configuration.interpreters, helper, diagnostics)
      let canaries = CanaryKeeper(versions, records, helper, diagnostics), looker = Looker()
      self.canaries = canaries
      supervisor = try Supervisor(
        configuration, launcher, diagnostics, published: versions.watchedFolder, republished: { canaries.reread { looker.tier.withLock { $0 }?.tier?.provide() } }, everySecond: { looker.look() })
      looker.tier.withLock { $0 = WeakTier(tier: self) }
    } catch { throw TierFailure(description: "functions: no event loop: \(error)") }
  }

  fileprivate func lookAfterCanaries() {
    canaries.look { [weak self] name, event, answer in self?.invoke(named: name, event, answer) }
  }

  /// Invokes a function by its name, with a version or an alias behind a colon, as a canary's hook.
  private func invoke(named text: String, _ event: [UInt8], _ answer: @escaping @Sendable (InvocationOutcome) -> Void) {
    let parts = text.split(separator: ":", maxSplits: 1).map(String.init), invocation = Invocation(payload: event)
    guard let name = parts.first, let function = served.withLock({ $0[name] }) else { return answer(refusal(invocation, "the configuration has no function \(text)")) }
    invoke(parts.count > 1 ? function.qualified(by: parts[1]) : function, invocation, answer: answer)
  }

  private func refusal(_ invocation: Invocation, _ why: String) -> InvocationOutcome {
    var report = InvocationReport()
    report.requestID = invocation.requestID
    return .failed(InvocationFailure(.notStarted, errorType: InvocationFailure.notFoundType, errorMessage: why), report)
  }

  /// Reads the code of a configuration's functions and keeps a copy. Blocks. Nothing changes for what serves until it is adopted.
  /// - Parameter associated: of each function what serves (``Distribution/Configuration/associatedQualifiers``): that is what is provisioned; of one that is
  ///   not there the newest code.
  public func prepare(_ definitions: [FunctionDefinition], associated: [String: Set<String?>] = [:]) -> Prepared {
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
        prepared.adoption.revisions.append((revision, interpreter, tally))
        prepared.provisions.append(
          Provision(
            function: definition.name, count: definition.tier.provisionedConcurrency, reserved: definition.tier.reservedConcurrency,
            qualifiers: associated[definition.name] ?? [nil], newest: Resolution(revision: revision, interpreter: interpreter), tally: tally))
        if associated[definition.name]?.contains(nil) == true {
          let trial = Trial(revision: revision, interpreter: interpreter, tally: tally, isProvisioned: definition.tier.provisionedConcurrency > 0)
          prepared.candidates.append(Prepared.Candidate(definition: definition, trial: trial))
        }
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
    served.withLock { served in served = Dictionary(prepared.functions.compactMap { function in function.map { ($0.name, $0) } }) { $1 } }
    provisions.withLock { $0 = prepared.provisions }
    newest.withLock { $0 = Dictionary(prepared.candidates.map { ($0.definition.name, $0.trial.revision) }) { $1 } }
    supervisor.post(.log(log))
    supervisor.post(.adopt(prepared.adoption))
    provide()
  }

  /// Has those environments kept that are to be there always, of what serves now. Blocks: code is looked for in the store.
  fileprivate func provide() {
    // One at a time: what is posted last is what holds now.
    provisions.withLock { wanted in
      let plan = Provision.plan(wanted, limit: FunctionTierOptions.mostProvisioned(environments: configuration.environments, concurrency: configuration.concurrency), revisions, { versions.versions(of: $0) }) { diagnostics.say(.warning, key: $0, $0) }
      supervisor.post(.provide(plan))
    }
  }

  /// Invokes a function.
  /// - Parameter answer: called once, on any thread: it must not block.
  public func invoke(_ function: TierFunction, _ invocation: Invocation, answer: @escaping @Sendable (InvocationOutcome) -> Void) {
    _ = invoke(function, invocation, on: nil, answer: answer)
  }

  /// Invokes a function.
  /// - Parameters:
  ///   - loop: the caller's, when it runs on one and can wait for an idle environment's answer itself.
  ///   - answer: called once, on the supervisor's thread, the caller's or one of its own: it must not block.
  /// - Returns: what the caller then has to hold until it has the answer; nil when it need not.
  func invoke(
    _ function: TierFunction, _ invocation: Invocation, on loop: EventLoop?, answer: @escaping @Sendable (InvocationOutcome) -> Void
  ) -> WarmInvocation? {
    guard let qualifier = function.qualifier, qualifier != "$LATEST" else {
      if let loop, let warm = supervisor.runAtOnce(function.revision, invocation, on: loop, answer: answer) { return warm }
      supervisor.post(.invoke(function.revision, function.interpreter, function.tally, invocation, answer))
      return nil
    }
    do throws(CodeProblem) {
      let choice = try revisions.choose(function.name, qualifier, invocation)
      var answer = answer
      if let alias = choice.canaryOf {
        answer = { [canaries, answer] outcome in
          canaries.note(outcome, function.name, alias, String(choice.number))
          answer(outcome)
        }
      }
      if let found = revisions.known(choice) {
        if let loop, let warm = supervisor.runAtOnce(found.revision, invocation, on: loop, answer: answer) { return warm }
        supervisor.post(.invoke(found.revision, found.interpreter, function.tally, invocation, answer))
        return nil
      }
      revisions.learn(choice) { [self, answer] result in
        switch result {
        case .success(let found): supervisor.post(.invoke(found.revision, found.interpreter, function.tally, invocation, answer))
        case .failure(let problem): refuse(function, invocation, problem, answer)
        }
      }
    } catch { refuse(function, invocation, error, answer) }
    return nil
  }

  private func refuse(_ function: TierFunction, _ invocation: Invocation, _ problem: CodeProblem, _ answer: @Sendable (InvocationOutcome) -> Void) {
    let outcome = refusal(invocation, problem.text)
    function.tally.count(outcome)
    answer(outcome)
  }

  /// The numbers of all functions so far, by name.
  public var numbers: [(function: String, numbers: FunctionTally.Numbers)] {
    tallies.withLock { Array($0.values) }.map { ($0.function, $0.current) }.sorted { $0.0 < $1.0 }
  }

  /// The process has no epoll watches left: environments that hold very many, and share them with it, are killed. At most once a second; any thread.
  public func watchesAreUsedUp() { supervisor.launcher.endWatchers() }

  /// How many environments are ready for a function that has none yet.
  public var ready: Int { supervisor.ready.load(ordering: .relaxed) }

  /// How many sandboxes there are, those that are ending included; and how many there have been.
  var sandboxCount: Int { supervisor.sandboxes.load(ordering: .relaxed) }
  var startedSandboxes: Int { supervisor.started.load(ordering: .relaxed) }

  /// Kills everything, and waits for it, at most about a second, and for the code of one version that is being looked at: the process ends. Not on the supervisor's thread. Later invocations are refused.
  public func stop() {
    // First what goes on to the supervisor.
    revisions.end()
    helper.stop()
    canaries.stop()
    let done = EndSignal()
    supervisor.post(.stop { done.raise() })
    done.wait(milliseconds: Self.stopMilliseconds)
    supervisor.join()
    served.withLock { $0 = [:] }
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

/// What the supervisor's clock reaches the tier by, which owns the supervisor.
private struct WeakTier: Sendable {
  weak var tier: FunctionTier?
}

private final class Looker: Sendable {
  let tier = Mutex<WeakTier?>(nil)
  func look() { tier.withLock { $0 }?.tier?.lookAfterCanaries() }
}
