// Owns: the way of an invocation: let in or throttled, given to an environment or waiting for one, and answered, with its lines and numbers.
// The supervisor's thread.
import Synchronization
import Telemetry
import Transport

extension Supervisor {
  /// An invocation came.
  func invoke(_ group: EnvironmentGroup, _ pending: PendingInvocation) {
    if isStopping { return refuse(pending, group, .notStarted("the proxy ends")) }
    let bytes = pending.invocation.payload.count
    if bytes > Invocation.payloadLimitBytes {
      let text = "\(bytes) byte payload is too large; \(Invocation.payloadLimitBytes) are the most"
      return refuse(pending, group, InvocationFailure(.tooLarge, errorType: "RequestEntityTooLarge", errorMessage: text))
    }
    if let kind = ledger.enter(group.revision.function, event: bytes) {
      if kind == .throttled(.account), !ledger.hasRoom(for: bytes) {
        diagnostics.say(
          .warning, key: "function-events", "functions: the events of \(ledger.total) invocations hold \(ledger.bytes) bytes, of functionTier.eventMemory's \(ledger.byteLimit): further ones are throttled")
      }
      return refuse(pending, group, .refused(kind, group.revision.function))
    }
    noteEntry(group)
    if group.environments.isEmpty, let refusal = group.crashLoop.refusal(now: now) { return finish(pending, group, nil, .failed(refusal)) }
    if let environment = group.idle.popLast() { return run(pending, group, environment) }
    group.waiting.append(pending)
    grow(group)
  }

  func noteEntry(_ group: EnvironmentGroup) {
    group.tally.change {
      $0.concurrent += 1
      $0.mostConcurrent = max($0.mostConcurrent, $0.concurrent)
    }
  }

  /// Starts environments for those who wait: the first at once, further ones when they have waited so long that those there are do not suffice.
  func grow(_ group: EnvironmentGroup) {
    guard let oldest = group.waiting.first, !isStopping else { return }
    let starting = group.starting
    if group.environments.isEmpty || now >= oldest.arrived + settings.patienceMilliseconds {
      let patient = group.environments.isEmpty ? 1 : group.waiting.count { now >= $0.arrived + settings.patienceMilliseconds }
      for _ in 0..<max(0, min(patient - starting, settings.startsAtOnce - starting)) {
        guard hasRoom || isPrewarmed(group) || makeRoom(for: group) else { break }
        if !start(group) && group.environments.isEmpty { return failWaiting(group) }
      }
    }
    guard !group.growthIsScheduled else { return }
    group.growthIsScheduled = true
    loop.schedule(afterMilliseconds: Int(settings.patienceMilliseconds) + 1) { [unowned self] in
      group.growthIsScheduled = false
      expireWaiting(group)
      grow(group)
    }
  }

  /// No environment can be had: nobody will come for those who wait.
  private func failWaiting(_ group: EnvironmentGroup) {
    let waiting = group.waiting
    group.waiting = []
    for pending in waiting { finish(pending, group, nil, .failed(.notStarted("no environment can be started: the proxy's messages say why"))) }
  }

  /// Ends a pre-warmed environment of another kind, or else an idle one of some other function, so that one more can be started. One of the kind that is
  /// wanted is on its way, if it is not ready.
  /// - Returns: whether there will be room; it is there once the environment has vanished.
  private func makeRoom(for group: EnvironmentGroup) -> Bool {
    let key = PrewarmedPool.Key(group.interpreter, group.revision)
    if let spare = pool.spare(besides: key) {
      end(spare)
      return true
    }
    if isStaged(group), pool.has(key) { return false }
    let candidates = groups.values.compactMap { group in group.environments.count > group.provisioned ? group.idle.first : nil }
    guard let oldest = candidates.min(by: { $0.idleSince < $1.idleSince }) else { return false }
    end(oldest)
    return true
  }

  private func expireWaiting(_ group: EnvironmentGroup) {
    while let oldest = group.waiting.first, now >= oldest.arrived + settings.waitMilliseconds {
      group.waiting.removeFirst()
      finish(oldest, group, nil, .failed(.notStarted("no environment was free within \(settings.waitMilliseconds) ms")))
    }
  }

  /// Gives an idle environment an invocation.
  private func run(_ pending: PendingInvocation, _ group: EnvironmentGroup, _ environment: Environment) {
    if environment.hasSpoken {
      group.waiting.insert(pending, at: 0)
      environment.takeUp()
      serveWaiting(group)
      return grow(group)
    }
    let deadline = begin(pending, group, environment)
    watchDeadline(environment)
    environment.invoke(pending, deadline: deadline)
  }

  /// An environment is about to run an invocation.
  /// - Returns: when that is to be over, in milliseconds since 1970.
  func begin(_ pending: PendingInvocation, _ group: EnvironmentGroup, _ environment: Environment) -> Double {
    writeStart(pending, group)
    let timeout = group.timeoutNanoseconds
    environment.began = monotonicNanoseconds()
    environment.deadline = environment.began + timeout
    return wallMilliseconds() + Double(timeout) / 1_000_000
  }

  func answered(_ environment: Environment, _ answer: EnvironmentAnswer) {
    guard let group = environment.group, let pending = environment.invocation else { return }
    environment.invocation = nil
    // What goes on after its answer may do so for as long as the invocation might have taken.
    if environment.life.phase != .answered { environment.deadline = .max }
    finish(pending, group, environment, answer)
    if environment.life.phase == .idle { return becameIdle(environment, group) }
    if environment.life.phase == .answered { return }
    // The runtime has said that it cannot go on.
    kill(environment, because: .exited(pending.invocation.requestID, nil))
  }

  func asked(_ environment: Environment) {
    guard let group = environment.group else { return }
    environment.deadline = .max
    becameIdle(environment, group)
  }

  /// Whoever waits longest is next.
  func becameIdle(_ environment: Environment, _ group: EnvironmentGroup) {
    if !group.waiting.isEmpty { return run(group.waiting.removeFirst(), group, environment) }
    environment.leaveControl()
    environment.idleSince = now
    group.idle.append(environment)
  }

  /// Gives idle environments to those who wait.
  func serveWaiting(_ group: EnvironmentGroup) {
    while !group.waiting.isEmpty, let environment = group.idle.popLast() { run(group.waiting.removeFirst(), group, environment) }
  }

  // MARK: Deadlines

  /// Has ``deadlinePassed(_:)`` called when the environment's deadline has come. One timer per environment, however many invocations: one that
  /// fires too early is set anew.
  func watchDeadline(_ environment: Environment) {
    setTimer(environment, milliseconds: Int((environment.deadline - min(environment.deadline, monotonicNanoseconds())) / 1_000_000) + 1)
  }

  private func setTimer(_ environment: Environment, milliseconds: Int) {
    let due = now + UInt64(milliseconds)
    guard environment.timerDue == 0 || due < environment.timerDue else { return }
    environment.timerDue = due
    environment.invocationsAtTimer = environment.life.invocations
    loop.schedule(afterMilliseconds: milliseconds) { [unowned self, number = environment.number] in
      guard let environment = all[number], environment.timerDue == due else { return }
      environment.timerDue = 0
      if environment.deadline != .max {
        if monotonicNanoseconds() >= environment.deadline { deadlinePassed(environment) } else { watchDeadline(environment) }
      } else if let group = environment.group, environment.life.invocations != environment.invocationsAtTimer {
        // One that is in use keeps a timer that fires no later than any invocation's deadline that begins meanwhile: workers cannot set one.
        setTimer(environment, milliseconds: max(1, group.revision.timeout.wholeMilliseconds))
      }
    }
  }

  private func deadlinePassed(_ environment: Environment) {
    environment.deadline = .max
    if environment.life.phase == .ending || environment.life.phase == .gone { return }
    environment.takeLastOutput()
    if environment.life.phase == .answered, let group = environment.group {
      lingered.add(1, ordering: .relaxed)
      write("the program was ended: it had answered, and did not ask for the next invocation within \(Lines.seconds(group.revision.timeout)) seconds of this one's beginning", group, nil)
      return kill(environment, because: .timedOut("none", group.revision.timeout))
    }
    guard let pending = environment.invocation, let group = environment.group else {
      let failure = InvocationFailure(
        .initialization, errorType: InvocationFailure.timedOutType, errorMessage: "the function's code was not loaded within \(Lines.seconds(.milliseconds(settings.initMilliseconds))) seconds")
      return kill(environment, because: failure)
    }
    if environment.hasSpokenInPart { write("a part of an answer has come: was it the function that wrote to file descriptor 3?", group, pending) }
    kill(environment, because: .timedOut(pending.invocation.requestID, group.revision.timeout))
  }

  // MARK: Answers

  /// An invocation that was let in is over.
  /// - Parameters:
  ///   - environment: the one that ran it; nil when none did.
  ///   - failedINIT: the one that was to run it and did not load the function, and how long that took.
  /// On the supervisor's thread, or in the monitor.
  func finish(
    _ pending: PendingInvocation, _ group: EnvironmentGroup, _ environment: Environment?, _ answer: EnvironmentAnswer,
    failedINIT: (environment: Environment, duration: Duration)? = nil
  ) {
    ledger.leave(group.revision.function, event: pending.invocation.payload.count)
    var report = report(pending, group)
    if let environment { complete(&report, environment, group) }
    if let failedINIT {
      report.duration = failedINIT.duration
      note(failedINIT.environment, in: &report)
    }
    var failure: InvocationFailure?
    if case .failed(let reason) = answer { failure = environment == nil ? reason.addressed(to: report.requestID) : reason }
    // `provided` sends what it likes; bootstraps of ours do not send what is too long.
    if case .result(let bytes) = answer, bytes.count > Invocation.payloadLimitBytes {
      failure = .tooLarge
    }
    // Whoever looks for the request of an invocation that nothing ran finds it, too.
    if environment == nil { writeStart(pending, group) }
    writeEnd(pending, group, environment, report, failure)
    report.logTail = pending.lastLines
    let outcome: InvocationOutcome
    if let failure { outcome = .failed(failure, report) } else if case .result(let bytes) = answer { outcome = .result(bytes, report) } else { return }
    count(outcome, group, environment)
    pending.answer(outcome)
  }

  /// An invocation is not let in.
  private func refuse(_ pending: PendingInvocation, _ group: EnvironmentGroup, _ failure: InvocationFailure) {
    let outcome = InvocationOutcome.failed(failure, report(pending, group))
    group.tally.count(outcome)
    pending.answer(outcome)
  }

  private func report(_ pending: PendingInvocation, _ group: EnvironmentGroup) -> InvocationReport {
    var report = InvocationReport()
    report.requestID = pending.invocation.requestID
    report.version = group.revision.version
    report.memorySizeMB = group.revision.memoryMB
    return report
  }

  private func complete(_ report: inout InvocationReport, _ environment: Environment, _ group: EnvironmentGroup) {
    report.durationMicroseconds = Int64((monotonicNanoseconds() - environment.began) / 1_000)
    if environment.life.invocations == 1 && !environment.isProvisioned && !environment.isForeseen { report.initDuration = environment.initDuration }
    note(environment, in: &report)
  }

  /// What an environment has taken.
  private func note(_ environment: Environment, in report: inout InvocationReport) {
    report.billedMilliseconds = Int((report.durationMicroseconds + (report.initMicroseconds ?? 0)).wholeMilliseconds)
    if environment.peakBytes == 0 { environment.lookAtMemory() }
    report.maxMemoryUsedMB = (environment.peakBytes + (1 << 20) - 1) >> 20
  }

  private func count(_ outcome: InvocationOutcome, _ group: EnvironmentGroup, _ environment: Environment?) {
    let report = outcome.report
    group.tally.change {
      $0.concurrent -= 1
      $0.results[InvocationResult(outcome).rawValue] += 1
      guard let environment else { return }
      $0.begun += 1
      $0.durationMicroseconds += UInt64(max(report.durationMicroseconds, 0))
      if report.isColdStart { $0.coldStarts += 1 }
      $0.peakBytes = max($0.peakBytes, UInt64(environment.peakBytes))
      $0.droppedOutputBytes += UInt64(environment.droppedOutputBytes)
    }
  }

  // MARK: Lines

  private func writeStart(_ pending: PendingInvocation, _ group: EnvironmentGroup) {
    write(group, pending) { Lines.start(pending.invocation.requestID, version: group.revision.version, to: &$0) }
  }

  private func writeEnd(_ pending: PendingInvocation, _ group: EnvironmentGroup, _ environment: Environment?, _ report: InvocationReport, _ failure: InvocationFailure?) {
    if let dropped = environment?.droppedOutputBytes, dropped > 0 {
      write("\(dropped) bytes of output were not kept: \(OutputBudget.limitBytes) are the most of one invocation", group, pending)
    }
    switch failure?.kind {
    case .timedOut: write(Lines.timedOut(report.requestID, group.revision.timeout), group, pending)
    // What a handler throws our bootstraps say; a program of its own only reports it.
    case .unhandled where group.interpreter != .provided: break
    case .some: write("\(failure?.errorMessage ?? "")\t\(failure?.errorType ?? "")".replacing("\n", with: "\r"), group, pending)
    case nil: break
    }
    write(group, pending) { Lines.end(report.requestID, to: &$0) }
    write(group, pending) { Lines.report(report, failure, to: &$0) }
  }

  /// Writes a line of every invocation.
  private func write(_ group: EnvironmentGroup, _ pending: PendingInvocation, _ compose: (inout ByteBuffer) -> Void) {
    guard log.isOn || pending.invocation.logTailBytes > 0 else { return }
    var line = ByteBuffer()
    line.acquireSmall()
    compose(&line)
    let name = group.name
    log.write(function: name.span, line.readable)
    pending.keep(line.readable)
  }

  /// Writes a line of our own.
  func write(_ line: @autoclosure () -> String, _ group: EnvironmentGroup, _ pending: PendingInvocation?) {
    guard log.isOn || (pending?.invocation.logTailBytes ?? 0) > 0 else { return }
    let bytes = Array(line().utf8), name = group.name
    log.write(function: name.span, bytes.span)
    pending?.keep(bytes.span)
  }
}

extension InvocationFailure {
  /// The ledger says no.
  fileprivate static func refused(_ kind: Kind, _ function: String) -> InvocationFailure {
    switch kind {
    case .disabled: InvocationFailure(kind, errorType: "TooManyRequestsException", errorMessage: "\(function) is disabled: its reserved concurrency is 0")
    default: InvocationFailure(kind, errorType: "TooManyRequestsException", errorMessage: "Rate Exceeded.")
    }
  }
}
