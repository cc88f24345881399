// Owns: one worker thread of a load test: its slots, each a task that sends one request at a time, and the clock that says when the next is due.
// Requests are dealt out to the workers one by one, so that all of them keep one schedule. Confined to its loop's thread.
import Histogram
import Transport

/// A request that is to be sent now.
struct Ticket {
  /// Its number, of all workers'.
  var index: Int
  /// When it was due, in nanoseconds of the monotonic clock.
  var due: UInt64
  /// Whether a connection was waiting for it: then whatever it is late is the generator's fault.
  var wasAwaited = false
}

/// One request at a time, to one target or to two.
final class Slot {
  let channels: [Channel]
  let pause = Pause()
  /// What it was given while it waited.
  var ticket: Ticket?

  init(_ channels: [Channel]) { self.channels = channels }
}

/// What one thread has to itself.
final class LoadWorker {
  let loop: EventLoop
  let plan: LoadPlan
  let options: LoadOptions
  private let schedule: Schedule
  private let monitor: LoadMonitor
  /// The number of the next request, and the distance to the one after: there are so many workers.
  private var next: Int
  private let step: Int
  private(set) var slots: [Slot] = []
  private var shared: [SharedConnection] = []
  private let sides: [TargetSide]
  private var timer: PreciseTimer?
  /// Slots that wait for a request, the one that has waited longest first, from `waitingStart` on.
  private var waiting: [Slot] = [], waitingStart = 0
  private var start: UInt64 = .max, end: UInt64 = .max
  private var isStopped = false
  /// Slots that are at work, and who waits for the last of them.
  private var running = 0
  private let allDone = Pause()
  private let begun = Pause()

  var tally = Tally()
  private var interval = IntervalTally(), intervalIndex = 0
  /// When the present part of the time ends.
  private var intervalEnd: UInt64 = 0
  private let intervalNanoseconds: UInt64
  private let measuredFrom: UInt64

  /// - Parameters:
  ///   - number: of so many workers.
  ///   - sides: the target, and the other one where there are two.
  init(
    number: Int, of workers: Int, _ options: LoadOptions, _ plan: LoadPlan, _ monitor: LoadMonitor, _ sides: [TargetSide], _ loop: EventLoop
  ) throws(LoadProblem) {
    self.loop = loop
    self.plan = plan
    self.options = options
    self.monitor = monitor
    self.sides = sides
    schedule = Schedule(options, plan)
    next = number
    step = workers
    intervalNanoseconds = UInt64(options.intervalMilliseconds) * 1_000_000
    measuredFrom = UInt64(options.warmUpMilliseconds) * 1_000_000
    if plan.hasRules { tally.rules = Array(repeating: RuleTally(), count: plan.rules.count) }
    makeSlots(number, workers)
    do throws(IOFailure) { timer = try PreciseTimer(on: loop) { [unowned self] in timeHasCome() } } catch { throw LoadProblem("the system has no timer left") }
  }

  private func makeSlots(_ number: Int, _ workers: Int) {
    let connections = options.connections / workers + (number < options.connections % workers ? 1 : 0)
    for _ in 0..<connections {
      let connections = options.version == .http2 ? sides.map { SharedConnection($0) } : []
      shared += connections
      for _ in 0..<options.streams {
        slots.append(Slot(sides.enumerated().map { Channel($0.element, connections.isEmpty ? nil : connections[$0.offset]) }))
      }
    }
  }

  // MARK: Time

  /// Waits until the test begins.
  /// - Parameter start: nanoseconds of the monotonic clock.
  nonisolated(nonsending) func wait(until start: UInt64) async {
    self.start = start
    intervalEnd = start + intervalNanoseconds
    end = options.durationMilliseconds.map { start + UInt64($0) * 1_000_000 } ?? .max
    running = slots.count
    timer?.set(at: start)
    await begun.wait()
    tick()
  }

  /// Waits for the last slot's end.
  nonisolated(nonsending) func finish() async {
    if running > 0 { await allDone.wait() }
    countUnsent()
    closeIntervals(through: intervalIndex)
    for slot in slots { for channel in slot.channels { channel.close() } }
    for connection in shared { connection.close() }
    timer?.close()
    for slot in slots {
      for channel in slot.channels {
        tally.bytesSent += channel.sent
        tally.bytesReceived += channel.received
      }
    }
    tally.connections = sides.reduce(0) { $0 + $1.connections }
  }

  /// A slot has nothing more to do.
  func slotEnded() {
    running -= 1
    if running == 0 { allDone.wake() }
  }

  /// Hands in parts of the time that are over, also when nothing comes, and looks whether the test is to end.
  private func tick() {
    let now = MonotonicClock.nanoseconds
    if monitor.isStopped, !isStopped {
      isStopped = true
      end = min(end, now)
      wakeAll()
    }
    enterInterval(at: now)
    guard running > 0 else { return }
    loop.schedule(afterMilliseconds: Self.tickMilliseconds) { [weak self] in self?.tick() }
  }
  private static let tickMilliseconds = 50

  private func enterInterval(at now: UInt64) {
    guard now >= intervalEnd else { return }
    closeIntervals(through: Int((now - start) / intervalNanoseconds) - 1)
    intervalEnd = start + UInt64(intervalIndex + 1) * intervalNanoseconds
  }

  private func closeIntervals(through last: Int) {
    while intervalIndex <= last {
      monitor.take(interval, of: intervalIndex, workers: step)
      interval.reset()
      intervalIndex += 1
    }
  }

  // MARK: Requests that are due

  /// The next request for a slot; it waits until one is due.
  /// - Returns: nil at the end of the test.
  nonisolated(nonsending) func nextTicket(for slot: Slot) async -> Ticket? {
    let now = MonotonicClock.nanoseconds
    guard !isStopped, now < end else { return nil }
    if schedule.isClosed {
      guard next < schedule.count else { return nil }
      return take(due: now, isAwaited: false)
    }
    guard let due = due else { return nil }
    if due <= now { return take(due: due, isAwaited: false) }
    if waitingStart == waiting.count { timer?.set(at: due) }
    waiting.append(slot)
    await slot.pause.wait()
    defer { slot.ticket = nil }
    return slot.ticket
  }

  /// When this worker's next request is due.
  private var due: UInt64? { schedule.due(next).map { start + $0 } }

  private func take(due: UInt64, isAwaited: Bool) -> Ticket {
    defer { next += step }
    return Ticket(index: next, due: due, wasAwaited: isAwaited)
  }

  /// The timer has come: the start, or requests are due and slots wait for them.
  private func timeHasCome() {
    begun.wake()
    let now = MonotonicClock.nanoseconds
    while waitingStart < waiting.count {
      guard let due, !isStopped else { return wakeAll() }
      guard due <= now else {
        timer?.set(at: due)
        return
      }
      let slot = waiting[waitingStart]
      waitingStart += 1
      if waitingStart >= Self.placesKept || waitingStart == waiting.count {
        waiting.removeFirst(waitingStart)
        waitingStart = 0
      }
      slot.ticket = take(due: due, isAwaited: true)
      slot.pause.wake()
    }
  }
  private static let placesKept = 1024

  private func wakeAll() {
    let slots = waiting[waitingStart...]
    (waiting, waitingStart) = ([], 0)
    for slot in slots { slot.pause.wake() }
  }

  /// What was due before the end and found no free connection has waited until now, at least.
  private func countUnsent() {
    guard !schedule.isClosed else { return }
    let now = MonotonicClock.nanoseconds
    while let due, due < min(end, now) {
      tally.unsent += 1
      if due >= start + measuredFrom { tally.latencies.take(now - due) }
      next += step
      tally.end = max(tally.end, min(end, now))
    }
  }

  // MARK: What is measured

  /// A request has its answer, or was given up.
  /// - Returns: whether it counts: it was not due in the warm-up.
  func measured(_ ticket: Ticket, until now: UInt64, hasAnswer: Bool) -> Bool {
    enterInterval(at: now)
    if ticket.due < start + measuredFrom {
      tally.warmUp += 1
      return false
    }
    let latency = now > ticket.due ? now - ticket.due : 0
    tally.latencies.take(latency)
    interval.take(latency)
    if hasAnswer {
      interval.answers += 1
      tally.answered += 1
    } else {
      interval.failures += 1
    }
    tally.end = now
    return true
  }
}

extension LoadOptions {
  /// How long the parts of the time are.
  var intervalMilliseconds: Int { max(Self.shortestIntervalMilliseconds, (durationMilliseconds ?? 0) / Self.intervalsWanted) }
}
