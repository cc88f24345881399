// Owns: the heart of one worker thread: an epoll loop that is also the executor of every task and actor bound to it.
// Everything here is confined to the loop's thread except `enqueue` and `stop`, which go through the locked inbox.
// Code that waits on a loop must be isolated to an actor of that loop and prefer it as its task's executor: the workers' tasks are, and
// so is what `perform` runs. With only one of the two the runtime enqueues the task anew at every call that could be isolated,
// `withUnsafeContinuation` among them: between "nothing is there" and the wait for it the sockets would have their turn, and what they
// bring would be missed.
import CSystem
import Glibc
import Synchronization

/// Anything registered with a loop by its descriptor. Subclasses are final, so that a dispatch is one indirect call.
public class EventHandler {
  /// The descriptor, closed by the loop when the handler is unregistered.
  public final let descriptor: Int32
  /// When ``expired()`` is called, in the loop's milliseconds; `.max` for never.
  public internal(set) final var deadline: UInt64 = .max

  init(descriptor: Int32) { self.descriptor = descriptor }
  func ready(_ events: SystemCalls.Events) {}
  func expired() {}
  /// Whether it is a connection with somebody who waits: broken off at once when the system does not watch it. Others are tried again.
  var isConnection: Bool { false }
}

/// Who gathers what the tasks of a turn say and hands it on once: a connection that carries many streams.
public protocol TurnEnding: AnyObject {
  /// The tasks of a turn have run; the sockets are asked next.
  func turnEnds()
}

/// One epoll loop, one thread, and the executor of what runs there.
@safe public final class EventLoop: SerialExecutor, TaskExecutor, @unchecked Sendable {
  /// Events taken from the kernel at once.
  static let eventBatch = 512
  /// Turns for what is still to do when the loop is stopped, such as a task's last words.
  static let lastTurns = 64
  /// Places of tasks that have left the queue before they are given back, when the queue never empties.
  static let queuePlacesKept = 1024
  /// Longest sleep of the loop; also how often ``everySecond`` work is due.
  static let longestWaitMilliseconds: UInt64 = 1000

  /// How long until the system is asked again to watch what it has refused to.
  static let secondAskMilliseconds = 1000

  private let epoll: Int32
  /// For tests: with which errno value a descriptor is not watched; 0 for none.
  private let refusing: (() -> Int32)?
  private let wakeup: Int32
  private var thread: pthread_t
  private var handlers: [EventHandler?]
  /// What has deadlines but no descriptor: its number is -1 - its place here.
  private var placeholders: [EventHandler?] = []
  private var freePlaces: [Int] = []
  private var turnEnders: [any TurnEnding] = []
  private var events: [epoll_event]
  /// What is to run, and what runs in this turn.
  private var jobs = JobList(), running = JobList()
  private let inbox = Mutex<[UnownedJob]>([])
  private let stopping = Atomic<Bool>(false)
  private var closing: [Int32] = []
  /// What the system does not watch, to be looked after in this turn or the next.
  private let unwatched = Mutex<[Unwatched]>([])
  private let someAreUnwatched = Atomic<Bool>(false)
  /// Keeps the handler, so that no other one has its place in memory meanwhile; only the loop's thread looks at it.
  private struct Unwatched: @unchecked Sendable {
    let handler: EventHandler, interest: Interest, code: Int32
  }
  private var nextDeadline: UInt64 = .max
  private var timers = TimerHeap()
  /// Tasks that wait for a turn of the loop each, from `queueStart` on.
  private var queue: [UnsafeContinuation<Void, Never>] = unsafe []
  private var queueStart = 0

  /// Counts how often the kernel was asked for events.
  public private(set) var turn: UInt64 = 0
  /// Milliseconds of the monotonic clock, read once per turn of the loop: coarse, for deadlines.
  public private(set) var now: UInt64 = 0
  /// Seconds since 1970, refreshed like ``now``.
  public private(set) var wallSeconds: Int = 0
  /// The 29 bytes of a Date header (RFC 9110, 5.6.7), renewed once a second.
  public private(set) var date: [UInt8] = []
  /// Called on the loop's thread when the system does not watch a descriptor, with an errno value: ENOSPC when the user's epoll watches are used up
  /// (`fs.epoll.max_user_watches`), by whatever process. A connection is then broken off; anything else is tried again after a second.
  public var refused: ((Int32) -> Void)?
  /// Called on the loop's thread about once a second.
  public var everySecond: (() -> Void)?
  /// Held by the loop's thread whenever it does not wait for events. Set before the loop runs; nil, as for workers: nobody else has anything of the thread's.
  public var monitor: Monitor?

  /// A loop that does not run yet.
  /// - Throws: ``IOFailure`` when the kernel gives no descriptor.
  public convenience init() throws(IOFailure) { try self.init(refusing: nil) }

  init(refusing: (() -> Int32)?) throws(IOFailure) {
    self.refusing = refusing
    epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    wakeup = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
    guard epoll >= 0, wakeup >= 0 else { throw .system(errno) }
    thread = pthread_self()
    handlers = Array(repeating: nil, count: 1024)
    unsafe events = Array(repeating: epoll_event(), count: Self.eventBatch)
    jobs.reserve(1024)
    let code = watch(wakeup, [.input])
    guard code == 0 else { throw .system(code) }
    readClocks()
  }

  deinit {
    close(epoll)
    close(wakeup)
  }

  // MARK: Registration

  struct Interest: OptionSet {
    let rawValue: UInt32
    static let input = Interest(rawValue: 0x001)
    static let output = Interest(rawValue: 0x004)
    static let peerFinished = Interest(rawValue: 0x2000)
    static let edgeTriggered = Interest(rawValue: 1 << 31)
  }

  /// Registers a handler, once for the life of its descriptor.
  func register(_ handler: EventHandler, _ interest: Interest) {
    let index = Int(handler.descriptor)
    if index >= handlers.count { handlers.append(contentsOf: repeatElement(nil, count: index - handlers.count + 1024)) }
    handlers[index] = handler
    watch(handler, interest)
  }

  /// A number for a handler without a descriptor.
  func numberWithoutDescriptor() -> Int32 {
    if let place = freePlaces.popLast() { return Int32(-1 - place) }
    placeholders.append(nil)
    return Int32(-placeholders.count)
  }
  /// Registers a handler without a descriptor, for its deadline.
  func registerWithoutDescriptor(_ handler: EventHandler) { placeholders[-1 - Int(handler.descriptor)] = handler }

  /// Changes what a level-triggered handler waits for.
  func update(_ handler: EventHandler, _ interest: Interest) {
    // One that is not watched yet is to be watched for this.
    if modify(handler, interest) == ENOENT { watch(handler, interest) }
  }

  /// - Returns: 0, or an errno value.
  private func modify(_ handler: EventHandler, _ interest: Interest) -> Int32 {
    var event = unsafe epoll_event()
    unsafe event.events = interest.rawValue
    unsafe event.data.fd = handler.descriptor
    return unsafe epoll_ctl(epoll, EPOLL_CTL_MOD, handler.descriptor, &event) == 0 ? 0 : errno
  }

  /// Has the kernel say nothing of a handler that stays registered. Any thread.
  func silence(_ handler: EventHandler) { epoll_ctl(epoll, EPOLL_CTL_DEL, handler.descriptor, nil) }
  /// The opposite of ``silence(_:)``. Any thread.
  func listen(_ handler: EventHandler, _ interest: Interest) { watch(handler, interest) }

  private func watch(_ handler: EventHandler, _ interest: Interest) {
    let code = watch(handler.descriptor, interest)
    // Tried again for what was wanted of it later.
    if code == EEXIST { _ = modify(handler, interest) }
    guard code != 0, code != EEXIST else { return }
    let one = Unwatched(handler: handler, interest: interest, code: code)
    unwatched.withLock { $0.append(one) }
    someAreUnwatched.store(true, ordering: .releasing)
    _ = eventfd_write(wakeup, 1)
  }

  /// - Returns: 0, or an errno value.
  private func watch(_ descriptor: Int32, _ interest: Interest) -> Int32 {
    if let code = refusing?(), code != 0 { return code }
    var event = unsafe epoll_event()
    unsafe event.events = interest.rawValue
    unsafe event.data.fd = descriptor
    return unsafe epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0 ? 0 : errno
  }

  /// Nobody would ever hear of these again.
  private func lookAfterUnwatched() {
    guard someAreUnwatched.exchange(false, ordering: .acquiring) else { return }
    let all = unwatched.withLock { all in
      defer { all = [] }
      return all
    }
    for one in all {
      // It may be unregistered, and its number another's.
      let handler = one.handler
      guard handlers[Int(handler.descriptor)] === handler else { continue }
      refused?(one.code)
      if handler.isConnection {
        shutdown(handler.descriptor, Int32(SHUT_RDWR))
        handler.ready(SystemCalls.Events(raw: 0x201d))
      } else {
        schedule(afterMilliseconds: Self.secondAskMilliseconds) { [weak self, weak handler] in
          guard let self, let handler, handlers[Int(handler.descriptor)] === handler else { return }
          watch(handler, one.interest)
        }
      }
    }
  }

  /// Forgets a handler and closes its descriptor at the end of this turn: a number may not be reused inside a batch of events.
  func unregister(_ handler: EventHandler) {
    guard forget(handler) else { return }
    closing.append(handler.descriptor)
  }

  /// Forgets a handler and leaves its descriptor open: for descriptors that a library owns.
  @discardableResult func forget(_ handler: EventHandler) -> Bool {
    let index = Int(handler.descriptor)
    if index < 0 { return forgetPlace(-1 - index, handler) }
    guard index < handlers.count, handlers[index] === handler else { return false }
    handlers[index] = nil
    handler.deadline = .max
    epoll_ctl(epoll, EPOLL_CTL_DEL, handler.descriptor, nil)
    return true
  }

  /// - Returns: false: there is nothing to close.
  private func forgetPlace(_ place: Int, _ handler: EventHandler) -> Bool {
    guard placeholders[place] === handler else { return false }
    placeholders[place] = nil
    handler.deadline = .max
    freePlaces.append(place)
    return false
  }

  // MARK: Deadlines and timers

  /// Sets when a handler's ``EventHandler/expired()`` is called, `milliseconds` from now. Costs two stores; nothing is ordered until it is due.
  @inline(__always) func setDeadline(_ handler: EventHandler, after milliseconds: Int) {
    let deadline = now &+ UInt64(truncatingIfNeeded: milliseconds)
    handler.deadline = deadline
    if deadline < nextDeadline { nextDeadline = deadline }
  }

  /// Calls `action` once on the loop's thread after so many milliseconds.
  @discardableResult public func schedule(afterMilliseconds milliseconds: Int, _ action: @escaping () -> Void) -> TimerID {
    timers.add(at: now + UInt64(max(1, milliseconds)), action)
  }
  /// Forgets a timer; one that has fired or is unknown is no error.
  public func cancel(_ timer: TimerID) { timers.cancel(timer) }

  /// Suspends the calling task, which runs on this loop, for so many milliseconds.
  public nonisolated(nonsending) func sleep(milliseconds: Int) async {
    unsafe await suspended { (waiter: UnsafeContinuation<Void, Never>) in
      schedule(afterMilliseconds: milliseconds) { unsafe waiter.resume() }
    }
  }

  /// Suspends the calling task until everything else that is ready had its turn: of the tasks that wait here one goes on in each
  /// turn of the loop, in their order.
  public nonisolated(nonsending) func queueForTurn() async {
    unsafe await suspended { waiter in unsafe queue.append(waiter) }
  }
  /// How many tasks wait in ``queueForTurn()``.
  public var queuedTasks: Int { unsafe queue.count - queueStart }

  private func resumeQueued() {
    guard queuedTasks > 0 else { return }
    let next = unsafe queue[queueStart]
    queueStart += 1
    if queuedTasks == 0 || queueStart == Self.queuePlacesKept {
      unsafe queue.removeFirst(queueStart)
      queueStart = 0
    }
    unsafe next.resume()
  }

  /// Deadlines are usually moved before they are due, so they are only looked at when the earliest one ever set has come.
  private func expireDeadlines() {
    guard now >= nextDeadline else { return }
    var earliest = UInt64.max
    for index in handlers.indices { expire(handlers[index], &earliest) }
    for place in placeholders.indices { expire(placeholders[place], &earliest) }
    nextDeadline = max(earliest, now + 100)   // a look at every handler at most ten times a second
  }

  private func expire(_ handler: EventHandler?, _ earliest: inout UInt64) {
    guard let handler else { return }
    if handler.deadline <= now {
      handler.deadline = .max
      handler.expired()
    }
    earliest = min(earliest, handler.deadline)
  }

  // MARK: Executor

  /// Any thread.
  public func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    if isCurrent { return jobs.append(job) }
    inbox.withLock { $0.append(job) }
    _ = eventfd_write(wakeup, 1)
  }
  /// The serial executor of the worker's actor.
  public func asUnownedSerialExecutor() -> UnownedSerialExecutor { unsafe UnownedSerialExecutor(ordinary: self) }
  /// Whether the caller runs on this loop's thread.
  public func isIsolatingCurrentContext() -> Bool? { isCurrent }
  /// Stops the program when the caller does not run on this loop's thread.
  public func checkIsolated() { precondition(isCurrent, "not on the event loop's thread") }
  @inline(__always) private var isCurrent: Bool { pthread_equal(pthread_self(), thread) != 0 }

  /// Runs what is there now. What that brings about has the next turn, after the sockets': so `Task.yield()` lets everything else go first,
  /// and no task can starve the sockets.
  private func runJobs() {
    let serial = unsafe asUnownedSerialExecutor(), task = unsafe asUnownedTaskExecutor()
    swap(&jobs, &running)
    for next in 0..<running.count { unsafe running[next].runSynchronously(isolatedTo: serial, taskExecutor: task) }
    running.removeAll()
  }

  /// Runs what came to be run since there were so many.
  private func runJobs(from first: Int) {
    let serial = unsafe asUnownedSerialExecutor(), task = unsafe asUnownedTaskExecutor()
    let end = jobs.count
    for next in first..<end { unsafe jobs[next].runSynchronously(isolatedTo: serial, taskExecutor: task) }
    jobs.remove(first..<end)
  }

  /// Has `ender` called once when the tasks of this turn have run (or of the next, while sockets are being asked).
  public func atEndOfTurn(_ ender: any TurnEnding) { turnEnders.append(ender) }

  private func endTurn() {
    let enders = turnEnders
    turnEnders.removeAll(keepingCapacity: true)
    for ender in enders {
      let first = jobs.count
      ender.turnEnds()
      guard jobs.count > first else { continue }
      // The tasks it woke, and what they say, while all that is in the processor's caches: hundreds of streams of several connections would put
      // each other out of them. Only these tasks and only once: what they bring about has the next turn.
      runJobs(from: first)
      guard turnEnders.last === ender else { continue }
      turnEnders.removeLast()
      ender.turnEnds()
    }
  }

  // MARK: Running

  /// Runs the loop on the calling thread until ``stop()``.
  public func run() {
    thread = pthread_self()
    monitor?.enter()
    while !stopping.load(ordering: .relaxed) {
      runJobs()
      if !turnEnders.isEmpty { endTurn() }
      closeForgotten()
      waitForEvents()
    }
    for _ in 0..<Self.lastTurns where !jobs.isEmpty || !turnEnders.isEmpty {
      runJobs()
      endTurn()
    }
    closeForgotten()
    monitor?.leave()
    sk_blocks_forget()
  }

  /// Runs the loop on a thread of its own. Call once.
  /// - Returns: what ``join(_:)`` waits for.
  /// - Parameter name: the thread's name for the system's tools, at most 15 bytes.
  public func start(name: String = "loop") -> EventLoopThread {
    thread = 0   // no longer the caller's: what it enqueues from here on goes through the inbox
    return EventLoopThread {
      unsafe pthread_setname_np(pthread_self(), name)
      self.run()
    }
  }

  /// Makes ``run()`` return after the work at hand. Any thread.
  public func stop() {
    stopping.store(true, ordering: .relaxed)
    _ = eventfd_write(wakeup, 1)
  }

  private func closeForgotten() {
    guard !closing.isEmpty else { return }
    for descriptor in closing { close(descriptor) }
    closing.removeAll(keepingCapacity: true)
  }

  private func waitForEvents() {
    let isIdle = jobs.isEmpty && queuedTasks == 0 && turnEnders.isEmpty
    let timeout = isIdle ? millisecondsToWait() : 0
    turn &+= 1
    monitor?.leave()
    let count = Int(unsafe epoll_wait(epoll, &events, Int32(Self.eventBatch), timeout))
    monitor?.enter()
    readClocks()
    var index = 0
    while index < count {
      let descriptor = unsafe events[index].data.fd, raw = unsafe events[index].events
      index += 1
      if descriptor == wakeup { takeInbox() } else { handlers[Int(descriptor)]?.ready(SystemCalls.Events(raw: raw)) }
    }
    if someAreUnwatched.load(ordering: .relaxed) { lookAfterUnwatched() }
    expireDeadlines()
    while let action = timers.takeDue(now: now) { action() }
    resumeQueued()
  }

  private func millisecondsToWait() -> Int32 {
    let next = min(nextDeadline, timers.earliest)
    return next <= now ? 0 : Int32(truncatingIfNeeded: min(next - now, Self.longestWaitMilliseconds))
  }

  private func takeInbox() {
    var value: eventfd_t = 0
    unsafe eventfd_read(wakeup, &value)
    let taken = inbox.withLock { queue in
      defer { queue.removeAll() }
      return queue
    }
    for job in taken { jobs.append(job) }
  }

  private func readClocks() {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
    now = UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
    unsafe clock_gettime(CLOCK_REALTIME_COARSE, &time)
    guard time.tv_sec != wallSeconds else { return }
    wallSeconds = time.tv_sec
    date = Array(HTTPDate.text(wallSeconds).utf8)
    everySecond?()
  }
}
