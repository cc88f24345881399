// Owns: events that nobody waits for. What is accepted lies on disk before its sender is told so, and leaves when it has come to its end and
// the destinations know: a crash loses nothing, and may run an event once more.
// One thread of its own runs and settles them; `accept` blocks and is for threads that may. Rule of the lock: a few moves at a time.
public import Distribution
import Dispatch
import JSONText
import Synchronization
public import Telemetry
import Transport

/// The durable queue of events.
public final class EventQueue: Sendable {
  /// Limits.
  public struct Configuration: Sendable {
    /// The most events that may wait. A further one is refused: 429. Default 10,000.
    public var events = 10_000
    /// The most that run at once. Default 16.
    public var running = 16
    /// How long an event waits that was throttled, could not be started, or lies in a file that cannot be read; it grows twofold up to ``longestWaitMilliseconds``.
    public var firstWaitMilliseconds: Int64 = 1_000
    public var longestWaitMilliseconds: Int64 = 300_000
    /// How long destinations that are being told of something may take when the process ends. Then they are broken off: what they have not taken
    /// is on disk, and the next process tells them. Default 1 s, and never longer than what is left of `shutdownTimeout`.
    public var farewellMilliseconds = 1_000

    /// The defaults.
    public init() {}
  }

  /// Why an event was not accepted.
  public enum Refusal: Error, Equatable, Sendable {
    /// As many wait as may.
    case full
    /// The disk did not take it, in one sentence.
    case disk(String)
  }

  /// What has happened so far.
  public struct Statistics: Sendable, Equatable {
    /// Now.
    public var waiting = 0, running = 0
    /// Since the process began; `undelivered`: records that a destination did not take in time: they are lost; `unreadable`: how often a file
    /// of an event or a record could not be read, which is tried again.
    public var accepted = 0, succeeded = 0, failed = 0, retried = 0, undelivered = 0, unreadable = 0
    /// Now: records that a destination has not taken yet.
    public var untold = 0
  }

  private struct Waiting {
    var name: QueuedName
    /// What its file is called: its name, unless the disk did not take the last one.
    var file: String
    var due: Int64 = 0
    /// The wait that came before, where it could not be started.
    var wait: Int64 = 0

    init(_ name: QueuedName) { (self.name, file) = (name, name.text) }

    /// The same, to be tried now.
    var now: Waiting {
      var entry = self
      entry.due = 0
      return entry
    }

    /// The same, waiting longer than the last time.
    func later(_ now: Int64, _ configuration: Configuration) -> Waiting {
      var entry = self
      entry.wait = min(max(wait * 2, configuration.firstWaitMilliseconds), configuration.longestWaitMilliseconds)
      entry.due = now + entry.wait
      return entry
    }
  }
  private struct Running {
    var entry: Waiting
    var event: QueuedEvent
    var outcome: InvocationOutcome
    /// Whether it was begun, and counts in its function's share.
    var hasShare = true
  }
  private struct State {
    var waiting: [Waiting] = []
    /// And what waits until an event of its function ends.
    var shares: EventShares<Waiting>
    var ended: [Running] = []
    var functions: [String: (function: TierFunction, settings: AsynchronousInvocation)] = [:]
    var statistics = Statistics()
    /// Events on their way to the disk.
    var beingKept = 0
    var isStopped = false

    init(_ configuration: Configuration) { shares = EventShares(mostRunning: configuration.running) }
    /// All that lie on disk and do not run.
    var resting: Int { waiting.count + shares.held }
  }

  private let folder: DurableFolder
  private let configuration: Configuration
  private let diagnostics: Diagnostics
  private let state: Mutex<State>
  private let work = DispatchSemaphore(value: 0)
  private let thread = Mutex<EventLoopThread?>(nil)
  private let outbox: Outbox

  /// Takes up what a folder holds from an earlier process, and begins.
  /// - Throws: ``Refusal/disk(_:)`` when the folder cannot be made.
  public init(folder: String, _ configuration: Configuration = Configuration(), diagnostics: Diagnostics) throws(Refusal) {
    self.folder = DurableFolder(folder)
    self.configuration = configuration
    state = Mutex(State(configuration))
    self.diagnostics = diagnostics
    let work = work
    outbox = try Outbox(folder: folder + "-untold", diagnostics) { work.signal() }
    for text in try DurableFolder.open(folder) {
      if let name = QueuedName(text) {
        state.withLock { $0.waiting.append(Waiting(name)) }
      } else {
        _ = self.folder.remove(text)   // never acknowledged
      }
    }
    let thread = EventLoopThread { [self] in serve() }
    self.thread.withLock { $0 = thread }
  }

  /// A configuration serves now: events of its functions are run by what it says.
  public func adopt(_ functions: [TierFunction?], _ definitions: [FunctionDefinition]) {
    state.withLock { state in
      state.functions = [:]
      for (function, definition) in zip(functions, definitions) { if let function { state.functions[definition.name] = (function, definition.tier.asynchronous) } }
    }
    work.signal()
  }

  /// Keeps an event: when this returns it is on disk. Blocks.
  public func accept(_ event: QueuedEvent) throws(Refusal) {
    let name = QueuedName(received: Self.now, requestID: event.requestID)
    let isFull = state.withLock { state in
      if state.resting + state.statistics.running + state.beingKept >= configuration.events { return true }
      state.beingKept += 1
      return false
    }
    if isFull { throw .full }
    defer { state.withLock { $0.beingKept -= 1 } }
    do throws(FolderProblem) { try folder.write(event.content, as: name.text) } catch { throw .disk(error.text) }
    state.withLock { state in
      state.waiting.append(Waiting(name))
      state.statistics.accepted += 1
    }
    work.signal()
  }

  /// What has happened so far.
  public var statistics: Statistics {
    let outbox = outbox.statistics
    return state.withLock { state in
      var statistics = state.statistics
      statistics.waiting = state.resting
      (statistics.untold, statistics.undelivered) = (outbox.untold, outbox.undelivered)
      statistics.unreadable += outbox.unreadable
      return statistics
    }
  }

  /// Ends its thread: what waits is run by the next process. Before the function tier is stopped. Waits for destinations, no longer than
  /// ``Configuration/farewellMilliseconds``; a name that is being looked up is not waited for.
  /// - Parameter end: the moment after which nothing is waited for.
  public func stop(by end: ContinuousClock.Instant? = nil) {
    state.withLock { $0.isStopped = true }
    work.signal()
    thread.withLock { thread in
      defer { thread = nil }
      return thread
    }?.join()
    let last = ContinuousClock.now + .milliseconds(configuration.farewellMilliseconds)
    outbox.stop(by: end.map { min($0, last) } ?? last)
  }

  // MARK: The thread

  private enum Step {
    case begin(Waiting)
    case settle(Running)
    case wait(milliseconds: Int64)
    case end
  }

  private func serve() {
    while true {
      let letters = outbox.sendDue(Self.now)
      switch state.withLock({ next(&$0) }) {
      case .end: return
      case .wait(let milliseconds): _ = work.wait(timeout: .now() + .milliseconds(Int(min(milliseconds, letters))))
      case .begin(let entry): begin(entry)
      case .settle(let run): settle(run)
      }
    }
  }

  /// The longest sleep: what changes wakes the thread.
  private static let idleMilliseconds: Int64 = 60_000

  private func next(_ state: inout State) -> Step {
    if state.isStopped { return .end }
    if let run = state.ended.popLast() { return .settle(run) }
    let now = Self.now
    guard state.statistics.running < configuration.running, !state.functions.isEmpty else { return .wait(milliseconds: Self.idleMilliseconds) }
    guard let index = state.waiting.indices.min(by: { state.waiting[$0].due < state.waiting[$1].due }) else { return .wait(milliseconds: Self.idleMilliseconds) }
    guard state.waiting[index].due <= now else { return .wait(milliseconds: min(state.waiting[index].due - now, Self.idleMilliseconds)) }
    let entry = state.waiting.remove(at: index)
    state.statistics.running += 1
    return .begin(entry)
  }

  private func begin(_ entry: Waiting) {
    let content: [UInt8]
    switch folder.read(entry.file) {
    case .content(let bytes): content = bytes
    // A process that has replaced this one has run it.
    case .gone: return state.withLock { $0.statistics.running -= 1 }
    case .unreadable(let problem):
      diagnostics.say(.error, key: "event file", "a queued event cannot be read: \(problem); it is tried again")
      return state.withLock { state in
        state.statistics.running -= 1
        state.statistics.unreadable += 1
        state.waiting.append(entry.later(Self.now, configuration))
      }
    }
    guard let event = QueuedEvent(content: content) else {
      diagnostics.say(.error, "the queued event \(entry.file) is no event: it stays where it is and is not run")
      return state.withLock { $0.statistics.running -= 1 }
    }
    guard let (function, settings) = state.withLock({ $0.functions[event.function] }) else {
      return ended(Running(entry: entry, event: event, outcome: .failed(InvocationFailure(.notStarted, errorType: InvocationFailure.notFoundType, errorMessage: "there is no function \(event.function)"), InvocationReport()), hasShare: false))
    }
    if Self.now - entry.name.received >= Int64(settings.maximumAge.milliseconds) {
      let failure = InvocationFailure(.notStarted, errorType: "EventAgeExceeded", errorMessage: "it waited longer than maximumEventAge")
      return ended(Running(entry: entry, event: event, outcome: .failed(failure, InvocationReport()), hasShare: false))
    }
    let isHeld = state.withLock { state in
      if state.shares.begin(entry, of: event.function) { return false }
      state.statistics.running -= 1
      return true
    }
    if isHeld { return }
    function.qualified(by: event.qualifier).invoke(Invocation(payload: event.payload, requestID: event.requestID, clientContext: event.clientContext)) { [self] outcome in
      ended(Running(entry: entry, event: event, outcome: outcome))
    }
  }

  private func ended(_ run: Running) {
    state.withLock { $0.ended.append(run) }
    work.signal()
  }

  private func settle(_ run: Running) {
    let settings = state.withLock { $0.functions[run.event.function]?.settings } ?? AsynchronousInvocation()
    let age = Self.now - run.entry.name.received, maximumAge = Int64(settings.maximumAge.milliseconds)
    let waits = run.outcome.isQueueing && age < maximumAge
    state.withLock { state in
      state.statistics.running -= 1
      if waits {
        let resting = run.hasShare ? state.shares.throttled(run.entry, of: run.event.function) : [run.entry]
        state.waiting += resting.map { $0.later(Self.now, configuration) }
      } else if run.hasShare {
        state.waiting += state.shares.ran(run.event.function).map(\.now)
      }
    }
    if waits { return }
    switch run.outcome {
    case .result(let result, let report):
      finish(run, .succeeded(result, report), settings, attempts: run.entry.name.attempts + 1)
    case .failed(let failure, _) where failure.kind == .disabled:
      // Nothing will run it: it is not kept until it is too old.
      finish(run, .notRun(failure, condition: "ZeroReservedConcurrency"), settings, attempts: run.entry.name.attempts)
    case .failed(let failure, _) where run.outcome.isQueueing:
      finish(run, .notRun(failure, condition: "EventAgeExceeded"), settings, attempts: run.entry.name.attempts)
    case .failed(let failure, let report):
      let attempts = run.entry.name.attempts + 1
      if attempts > settings.retries { return finish(run, .failed(failure, report, condition: "RetriesExhausted"), settings, attempts: attempts) }
      let delay = Int64(settings.retryDelay.milliseconds) * Int64(attempts)
      if age + delay >= maximumAge { return finish(run, .failed(failure, report, condition: "EventAgeExceeded"), settings, attempts: attempts) }
      var entry = run.entry
      (entry.name.attempts, entry.due, entry.wait) = (attempts, Self.now + delay, 0)
      // The count is part of the name: one step that a crash cannot halve.
      if folder.rename(entry.file, entry.name.text) {
        entry.file = entry.name.text
      } else {
        diagnostics.say(.error, key: "event file", "a queued event's file \(entry.file) cannot be renamed: a crash would begin its tries anew")
      }
      state.withLock { $0.statistics.retried += 1 }
      putBack(entry)
    }
  }

  private func putBack(_ entry: Waiting) { state.withLock { $0.waiting.append(entry) } }

  /// Tells the destinations, then forgets the event.
  private func finish(_ run: Running, _ end: EventEnd, _ settings: AsynchronousInvocation, attempts: Int) {
    let record = EventRecord(event: run.event, end: end, attempts: attempts)
    var told: [(EventDestination, JSONValue)] = []
    switch end {
    case .succeeded:
      state.withLock { $0.statistics.succeeded += 1 }
      if let destination = settings.onSuccess { told.append((destination, record.invocation)) }
    case .failed, .notRun:
      state.withLock { $0.statistics.failed += 1 }
      if let destination = settings.onFailure { told.append((destination, record.invocation)) }
      if let destination = settings.deadLetter { told.append((destination, record.deadLetter)) }
    }
    for (destination, record) in told { outbox.tell(destination, record, of: "\(run.event.function) (\(run.event.requestID))", Self.now) }
    if !folder.remove(run.entry.file) {
      diagnostics.say(.error, key: "event file", "the file \(run.entry.file) of an event that is over cannot be removed: the next process will run it once more")
    }
  }

  /// Milliseconds since 1970.
  private static var now: Int64 { Timestamp.now.milliseconds }
}

extension InvocationOutcome {
  /// Whether it is nobody's error: the event waits and is run later.
  fileprivate var isQueueing: Bool {
    guard case .failed(let failure, _) = self else { return false }
    return switch failure.kind {
    case .throttled, .notStarted: true
    default: false
    }
  }
}
