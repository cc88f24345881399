// Owns: the thread that looks after every environment: which are started, which invocation gets which, and what is said and counted of it.
// Everything in here belongs to that thread, but for `post`: others leave orders in its mailbox (architecture.md, "Threads and ownership").
import Distribution
import Synchronization
import Telemetry
import Transport

/// What the supervisor is asked to do.
enum SupervisorOrder: Sendable {
  case invoke(Revision, Interpreter, FunctionTally, Invocation, @Sendable (InvocationOutcome) -> Void)
  case adopt(Adoption)
  case log(LogWriter?)
  case stop(@Sendable () -> Void)
}

/// What a configuration asks of the supervisor.
struct Adoption: Sendable {
  /// What may be invoked, with how many environments are to be kept of each.
  var revisions: [(revision: Revision, interpreter: Interpreter, tally: FunctionTally, provisioned: Int)] = []
  /// Reserved concurrency by function.
  var reserved: [String: Int] = [:]
}

/// The supervisor.
final class Supervisor: @unchecked Sendable {
  /// Limits and times; see FunctionTier.Configuration.
  let settings: FunctionTier.Configuration
  let loop: EventLoop
  let launcher: any SandboxLauncher
  let diagnostics: Diagnostics
  private let mailbox: Mailbox<SupervisorOrder>
  private var thread: EventLoopThread?
  private var ear: DescriptorWatch?

  var groups: [Revision: EnvironmentGroup] = [:]
  /// Environments that have no function yet.
  var pool: PrewarmedPool
  /// Every environment with something left of it, by number.
  var all: [Int: Environment] = [:]
  var ledger: ConcurrencyLedger
  var log = FunctionTierLog()
  private(set) var nextNumber = 1
  /// Frames about what was over.
  var staleFrames: UInt64 = 0
  /// Pre-warmed environments that are up; for anyone to look at.
  let ready = Atomic<Int>(0)
  private var whenStopped: (@Sendable () -> Void)?
  var isStopping = false

  /// Starts the thread.
  init(_ settings: FunctionTier.Configuration, _ launcher: any SandboxLauncher, _ diagnostics: Diagnostics) throws(IOFailure) {
    self.settings = settings
    self.launcher = launcher
    self.diagnostics = diagnostics
    loop = try EventLoop()
    mailbox = try Mailbox()
    pool = PrewarmedPool(size: settings.prewarmed)
    ledger = ConcurrencyLedger(limit: settings.concurrency)
    ear = mailbox.empty(on: loop) { [unowned self] in take($0) }
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
      invoke(group(revision, interpreter, tally), PendingInvocation(invocation, arrived: loop.now, answer: answer))
    case .adopt(let adoption): adopt(adoption)
    case .log(let writer): log.adopt(writer)
    case .stop(let done): stop(done)
    }
  }

  /// The group of a version, made when it is wanted for the first time.
  private func group(_ revision: Revision, _ interpreter: Interpreter, _ tally: FunctionTally) -> EnvironmentGroup {
    if let group = groups[revision] { return group }
    let group = EnvironmentGroup(revision, interpreter, tally)
    groups[revision] = group
    return group
  }

  private func adopt(_ adoption: Adoption) {
    for group in groups.values { (group.isCurrent, group.provisioned) = (false, 0) }
    for name in Set(groups.keys.map(\.function)).union(adoption.reserved.keys) { ledger.reserve(name, adoption.reserved[name]) }
    var keys: Set<PrewarmedPool.Key> = []
    for (revision, interpreter, tally, provisioned) in adoption.revisions {
      let group = group(revision, interpreter, tally)
      (group.isCurrent, group.provisioned) = (true, provisioned)
      if interpreter.canBePrewarmed { keys.insert(PrewarmedPool.Key(interpreter, revision)) }
    }
    for environment in pool.adopt(keys) { end(environment) }
    for group in groups.values where !group.isCurrent { retire(group) }
    refill()
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
    for group in groups.values {
      retireIdle(group)
      if !group.isCurrent && group.environments.isEmpty && group.waiting.isEmpty { groups[group.revision] = nil }
    }
    for environment in all.values { environment.lookAtMemory() }
    refill()
  }

  /// Ends environments that nobody has used for long, the one unused longest first.
  private func retireIdle(_ group: EnvironmentGroup) {
    while let oldest = group.idle.first, group.environments.count > group.provisioned,
      loop.now >= oldest.idleSince + settings.idleMilliseconds || !group.isCurrent
    { end(oldest) }
  }

  private func retire(_ group: EnvironmentGroup) {
    for environment in group.idle { end(environment) }
  }

  /// Brings pools and provisioned environments to their numbers.
  func refill() {
    guard !isStopping else { return }
    for group in groups.values where group.provisioned > group.environments.count && group.crashLoop.refusal(now: loop.now) == nil {
      for _ in group.environments.count..<group.provisioned where hasRoom { start(group, isProvisioned: true) }
    }
    for key in pool.missing where hasRoom { prewarm(key) }
  }

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
