// Owns: the thread that looks after every environment: which are started, which invocation gets which, and what is said and counted of it.
// Everything in here belongs to that thread, but for `post`: others leave orders in its mailbox (architecture.md, "Threads and ownership").
// The thread holds `monitor` whenever it is awake. A worker that enters it meanwhile may use an idle environment (Supervisor+Warm.swift), and
// touches neither the loop nor what has it do something: watches and timers.
import Distribution
import Synchronization
import Telemetry
import Transport

/// What the supervisor is asked to do.
enum SupervisorOrder: Sendable {
  case invoke(Revision, Interpreter, FunctionTally, Invocation, @Sendable (InvocationOutcome) -> Void)
  case adopt(Adoption)
  case provide([ProvisionedVersion])
  case tryOut([Trial], @Sendable ([TrialOutcome]) -> Void)
  case endTrials(forGood: Bool)
  case log(LogWriter?)
  /// A worker has begun an invocation in an environment of this number that the supervisor is to go on with; or whose deadline it is to watch.
  case takeUp(Int)
  case watchDeadline(Int)
  /// A worker has left an environment idle that others wait for.
  case serve(Revision)
  case stop(@Sendable () -> Void)
}

/// What a configuration asks of the supervisor.
struct Adoption: Sendable {
  /// What may be invoked.
  var revisions: [(revision: Revision, interpreter: Interpreter, tally: FunctionTally)] = []
  /// Reserved concurrency by function.
  var reserved: [String: Int] = [:]
}

/// The supervisor.
final class Supervisor: @unchecked Sendable {
  /// Limits and times; see FunctionTier.Configuration.
  let settings: FunctionTier.Configuration
  let loop: EventLoop
  let monitor = Monitor()
  let launcher: any SandboxLauncher
  let diagnostics: Diagnostics
  private let mailbox: Mailbox<SupervisorOrder>
  private var thread: EventLoopThread?
  private var ear: DescriptorWatch?

  var groups: [Revision: EnvironmentGroup] = [:]
  /// The one of them that a worker used last.
  var lastGroup: EnvironmentGroup?
  /// Environments that have no function yet.
  var pool: PrewarmedPool
  /// Every environment with something left of it, by number.
  var all: [Int: Environment] = [:]
  var ledger: ConcurrencyLedger
  var log = FunctionTierLog()
  private(set) var nextNumber = 1
  /// Frames about what was over, and invocations that workers ran themselves; for anyone to look at.
  let staleFrames = Atomic<UInt64>(0), direct = Atomic<UInt64>(0)
  /// Environments that were killed because they did not ask for the next invocation in time; the same.
  let lingered = Atomic<UInt64>(0)
  /// How often an environment was frozen, and how many are; the same.
  let froze = Atomic<UInt64>(0), frozen = Atomic<Int>(0)
  /// Sandboxes that have ended, by FunctionTierFacts.ends.
  let ended = Mutex([UInt64](repeating: 0, count: FunctionTierFacts.ends.count))
  /// How often limits of Runtime APIs were reached, by FunctionTierFacts.apiLimits.
  let apiLimitsReached = Mutex([UInt64](repeating: 0, count: FunctionTierFacts.apiLimits.count))
  /// Pre-warmed environments that are up; for anyone to look at.
  let ready = Atomic<Int>(0)
  /// Sandboxes with something left of them, and those that there have been; the same.
  let sandboxes = Atomic<Int>(0), started = Atomic<Int>(0)
  /// Functions that were loaded before they served: those that did, did not, and were not tried to their end.
  let trialCounts = Mutex<[UInt64]>([0, 0, 0])
  /// Those that are being loaded now; and whether none will be any more.
  var trialRound: TrialRound?
  var takesNoTrials = false
  /// Called about once a second.
  private let everySecond: @Sendable () -> Void
  /// Rings when somebody has published something.
  private var alarm: FolderAlarm?
  private var whenStopped: (@Sendable () -> Void)?
  var isStopping = false

  /// Starts the thread.
  /// - Parameters:
  ///   - published: the folder in which versions are published.
  ///   - republished: called on the supervisor's thread when something changes there.
  ///   - everySecond: called there about once a second.
  init(
    _ settings: FunctionTier.Configuration, _ launcher: any SandboxLauncher, _ diagnostics: Diagnostics, published: String,
    republished: @escaping @Sendable () -> Void, everySecond: @escaping @Sendable () -> Void
  ) throws(IOFailure) {
    self.everySecond = everySecond
    self.settings = settings
    self.launcher = launcher
    self.diagnostics = diagnostics
    loop = try EventLoop()
    mailbox = try Mailbox()
    pool = PrewarmedPool(size: settings.prewarmed)
    ledger = ConcurrencyLedger(limit: settings.concurrency, byteLimit: settings.eventBytes)
    ear = mailbox.empty(on: loop) { [unowned self] in take($0) }
    alarm = FolderAlarm(published, on: loop, republished)
    loop.monitor = monitor
    loop.refused = { [diagnostics, launcher] in
      diagnostics.sayUnwatched($0, "functions' environments answer late")
      launcher.endWatchers()
    }
    loop.everySecond = { [unowned self] in lookAfterAll() }
    thread = loop.start(name: "functions")
  }

  /// Leaves an order. Any thread; never blocks.
  func post(_ order: SupervisorOrder) { mailbox.post(order) }

  /// Ends the thread, once everything has been stopped. Not on that thread.
  func join() {
    loop.stop()
    thread?.join()
  }

  private func take(_ order: SupervisorOrder) {
    switch order {
    case .invoke(let revision, let interpreter, let tally, let invocation, let answer):
      invoke(group(revision, interpreter, tally), PendingInvocation(invocation, arrived: now, answer: answer))
    case .adopt(let adoption): adopt(adoption)
    case .provide(let plan): provide(plan)
    case .tryOut(let trials, let done): tryOut(trials, done: done)
    case .endTrials(let forGood): endTrials(forGood: forGood)
    case .log(let writer): log.adopt(writer)
    case .takeUp(let number): all[number]?.takeUp()
    case .watchDeadline(let number): if let environment = all[number], environment.deadline != .max { watchDeadline(environment) }
    case .serve(let revision): if let group = groups[revision] { serveWaiting(group) }
    case .stop(let done): stop(done)
    }
  }

  /// The group of a version, made when it is wanted for the first time.
  func group(_ revision: Revision, _ interpreter: Interpreter, _ tally: FunctionTally) -> EnvironmentGroup {
    if let group = groups[revision] { return group }
    let group = EnvironmentGroup(revision, interpreter, tally)
    groups[revision] = group
    return group
  }

  private func adopt(_ adoption: Adoption) {
    // Published versions stay as long as they are used; of the newest code there is only one.
    for group in groups.values { (group.isSuperseded, group.isOnTrial) = (group.revision.version == "$LATEST", false) }
    for name in Set(groups.keys.map(\.function)).union(adoption.reserved.keys) { ledger.reserve(name, adoption.reserved[name]) }
    var keys: Set<PrewarmedPool.Key> = []
    for (revision, interpreter, tally) in adoption.revisions {
      group(revision, interpreter, tally).isSuperseded = false
      if interpreter.canBePrewarmed { keys.insert(PrewarmedPool.Key(interpreter, revision)) }
    }
    for environment in pool.adopt(keys) { end(environment) }
    for group in groups.values where group.isSuperseded { retire(group) }
    refill()
  }

  /// How many environments are kept, from now on; those that are kept no more end when they have been idle for long, as others do.
  private func provide(_ plan: [ProvisionedVersion]) {
    for group in groups.values where group.provisioned > 0 {
      group.provisioned = 0
      group.tally.change { ($0.provisioned, $0.provisionedReady) = (0, 0) }
    }
    for entry in plan {
      group(entry.version.revision, entry.version.interpreter, entry.tally).provisioned = entry.count
      entry.tally.change { $0.provisioned += entry.count }
    }
    refill()
  }

  /// How many of those that are to be kept are up, by function.
  private func countProvisioned() {
    var ready: [String: (tally: FunctionTally, count: Int)] = [:]
    for group in groups.values where group.provisioned > 0 {
      ready[group.revision.function, default: (group.tally, 0)].count += min(group.provisioned, group.environments.count - group.starting)
    }
    for (tally, count) in ready.values { tally.change { $0.provisionedReady = count } }
  }

  /// The process ends: nothing is started any more, and everything is killed.
  private func stop(_ done: @escaping @Sendable () -> Void) {
    isStopping = true
    for group in groups.values {
      for pending in group.waiting { finish(pending, group, nil, .failed(.notStarted("the proxy ends"))) }
      group.waiting = []
    }
    for environment in all.values where environment.life.phase != .gone { kill(environment, because: .notStarted("the proxy ends")) }
    log.flush()
    whenStopped = done
    if all.isEmpty { finishStopping() }
  }

  func finishStopping() {
    whenStopped?()
    whenStopped = nil
  }

  // MARK: Once a second

  private func lookAfterAll() {
    log.flush()
    everySecond()
    for group in groups.values {
      retireIdle(group)
      freezeIdle(group)
      if group.isSuperseded && group.environments.isEmpty && group.waiting.isEmpty {
        groups[group.revision] = nil
        lastGroup = nil
      }
    }
    var count = 0
    for environment in all.values {
      environment.lookAtMemory()
      if environment.isFrozen { count += 1 }
    }
    frozen.store(count, ordering: .relaxed)
    countProvisioned()
    refill()
  }

  /// Ends environments that nobody has used for long, the one unused longest first.
  private func retireIdle(_ group: EnvironmentGroup) {
    while let oldest = group.idle.first, group.environments.count > group.provisioned,
      now >= oldest.idleSince + settings.idleMilliseconds || group.isSuperseded && !group.isOnTrial
    { end(oldest) }
  }

  /// Freezes environments that nobody has used for a while: those that follow each other within it are never.
  private func freezeIdle(_ group: EnvironmentGroup) {
    guard settings.freezeMilliseconds > 0 else { return }
    for environment in group.idle where now >= environment.idleSince + settings.freezeMilliseconds && environment.freeze() { froze.add(1, ordering: .relaxed) }
  }

  func retire(_ group: EnvironmentGroup) {
    for environment in group.idle { end(environment) }
  }

  /// Brings pools and provisioned environments to their numbers.
  func refill() {
    guard !isStopping else { return }
    for group in groups.values where group.provisioned > group.environments.count && group.crashLoop.refusal(now: now) == nil {
      for _ in group.environments.count..<group.provisioned where hasRoom { start(group, isProvisioned: true) }
    }
    // Who waits for an environment comes before who may come.
    let left = groups.values.contains { !$0.waiting.isEmpty } ? 1 : 0
    for key in pool.missing where all.count + left < settings.environments { prewarm(key) }
  }

  /// Milliseconds of the monotonic clock, coarse: what the loop calls now, for any thread in the monitor.
  var now: UInt64 { coarseMilliseconds() }

  /// Whether one more environment may be started.
  var hasRoom: Bool { all.count < settings.environments }

  func takeNumber() -> Int {
    nextNumber += 1
    return nextNumber - 1
  }
}

extension InvocationFailure {
  /// It was not begun.
  static func notStarted(_ why: String) -> InvocationFailure { InvocationFailure(.notStarted, errorType: "Sandbox.NotStarted", errorMessage: why) }
}
