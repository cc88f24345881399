// Owns: one environment: a sandbox, the frames and lines that come out of it, and the invocation it runs. What that means for others is the
// supervisor's to say (EnvironmentKeeper). Belongs to the supervisor's thread; between `invokeElsewhere` and its answer another thread, which is in
// the supervisor's monitor then, uses the socket and what is read from it (WarmInvocation.swift).
import Transport

/// Who is told what happens to environments.
protocol EnvironmentKeeper: AnyObject {
  /// The interpreter is up.
  func booted(_ environment: Environment)
  /// The code is loaded, or not.
  func loaded(_ environment: Environment, _ failure: InvocationFailure?)
  /// The invocation has ended. The environment is idle, will ask for the next one, or is on its way to its end.
  func answered(_ environment: Environment, _ answer: EnvironmentAnswer)
  /// It asks for the next invocation, some time after its answer: it is idle.
  func asked(_ environment: Environment)
  /// A frame about what is over, or of no bootstrap's making.
  func refused(_ environment: Environment, _ violation: String?)
  /// Its program asks its Runtime API for more than it may.
  func reached(_ limit: RuntimeAPI.Limit)
  /// It may have said something while nothing was asked of it. Any thread.
  func mayHaveSpoken(_ number: Int)
  /// A line of its output.
  func said(_ environment: Environment, _ line: Span<UInt8>)
  /// Its processes are gone.
  func vanished(_ environment: Environment, _ end: SandboxEnd)
}

/// What an environment answers to an invocation.
enum EnvironmentAnswer {
  case result([UInt8])
  case failed(InvocationFailure)
}

/// One environment.
final class Environment {
  /// Bytes of output taken in one turn of the loop.
  static let outputTurnBytes = 65_536
  /// Turns' worth of output that is waited for at an invocation's end.
  static let lastOutputTurns = 16
  /// The longest frame: a result of the limit, and room for one that is a little too long, which is told from nonsense.
  static let frameLimitBytes = Invocation.payloadLimitBytes + (1 << 20)

  let number: Int
  private let sandbox: any RunningSandbox
  private unowned let keeper: any EnvironmentKeeper
  private let loop: EventLoop
  private var control: DescriptorWatch?, output: DescriptorWatch?, errors: DescriptorWatch?, lifeline: DescriptorWatch?
  /// The ways to workers' loops that have asked it.
  private var lines: [WarmLine] = []
  private var inbound = ByteBuffer(), outbound = ByteBuffer()
  /// What a program that speaks HTTP is served; nil as long as its listener has not come, and for the others.
  private var api: RuntimeAPI?
  private let speaksHTTP: Bool
  private var outputLines = LineAssembler(), errorLines = LineAssembler()
  private var budget = OutputBudget()
  private(set) var life: EnvironmentLife
  /// Whether it ended after an answer, before it asked for the next invocation.
  private(set) var endedAfterAnswer = false
  /// The most memory used as far as known, in bytes.
  private(set) var peakBytes = 0

  /// Who it is for; nil for one that is kept ready for anyone.
  var group: EnvironmentGroup?
  /// Where code is linked to when it gets a function.
  let staging: StagingFolder?
  /// Nanoseconds of the monotonic clock: when it was started, or given its function; and how long that took.
  var initBegan: UInt64 = 0
  var initDuration: Duration?
  /// The invocation that runs.
  var invocation: PendingInvocation?
  /// Nanoseconds: when the invocation began, and when it, or loading, is to be over.
  var began: UInt64 = 0, deadline: UInt64 = .max
  /// Milliseconds of the loop when the timer for `deadline` fires; 0 for none.
  var timerDue: UInt64 = 0
  /// How many invocations there had been when it was set.
  var invocationsAtTimer = 0
  /// Milliseconds of the loop since when it is idle.
  var idleSince: UInt64 = 0
  /// How many invocations there had been when its memory was looked at last.
  private var invocationsLookedAt = -1
  /// Which kind of pre-warmed environment it is, as long as it is one.
  var poolKey: PrewarmedPool.Key?
  /// The last line it wrote before its code was loaded: bubblewrap's or the interpreter's, when it does not come up.
  var lastWords: [UInt8] = []
  /// The same for a message.
  var wordsInBrackets: String { lastWords.isEmpty ? "" : " (\(String(decoding: lastWords.prefix(200), as: UTF8.self)))" }
  /// Its interpreter's version, such as `20.20.2`; empty when it has not said.
  private(set) var interpreterVersion = ""
  /// Whether it said that its heap is full.
  var ranOutOfHeap = false
  /// Whether it is kept from running, as one that has been idle for a while.
  private(set) var isFrozen = false
  /// Whether it is one of those that are always kept.
  var isProvisioned = false
  /// Whether it was started to see if its function can be loaded, and not for an invocation.
  var isForeseen = false

  /// Begins to watch a sandbox that has been launched.
  /// - Parameter speaksHTTP: whether what is in it speaks the Runtime API and not frames.
  init(number: Int, _ sandbox: any RunningSandbox, staging: StagingFolder?, speaksHTTP: Bool, on loop: EventLoop, _ keeper: any EnvironmentKeeper) {
    self.number = number
    self.sandbox = sandbox
    self.staging = staging
    self.speaksHTTP = speaksHTTP
    life = EnvironmentLife(asksForInvocations: speaksHTTP)
    self.loop = loop
    self.keeper = keeper
    watchControl()
    output = DescriptorWatch(loop: loop, descriptor: sandbox.output) { [unowned self] _ in outputReady() }
    errors = DescriptorWatch(loop: loop, descriptor: sandbox.errors) { [unowned self] _ in errorsReady() }
    lifeline = DescriptorWatch(loop: loop, descriptor: sandbox.lifeline) { [unowned self] _ in lifelineReady() }
  }

  // MARK: Who watches its socket

  /// The supervisor's loop does, from now on.
  func watchControl() {
    guard control == nil else { return }
    for line in lines { line.close() }
    control = DescriptorWatch(loop: loop, descriptor: sandbox.control) { [unowned self] in controlReady($0) }
  }

  /// Nobody does, as long as nothing is asked of it: whoever asks watches for the answer. What becomes of its processes the lifeline says.
  func leaveControl() {
    guard !speaksHTTP, outbound.isEmpty else { return }
    control?.end()
    control = nil
  }

  /// Whether another loop is told of what it says. In the monitor.
  func answers(to loop: EventLoop) -> Bool { lines.contains { $0.isOpen(to: loop) } }

  /// Has another loop told of what it says. On that loop's thread, in the monitor.
  /// - Returns: nil when the system gives no descriptor for it.
  func line(to loop: EventLoop) -> WarmLine? {
    for line in lines where !line.leads(to: loop) { line.close() }
    if let line = lines.first(where: { $0.leads(to: loop) }) {
      line.open()
      return line
    }
    guard let line = WarmLine(sandbox.control, loop, unasked: { [keeper, number] in keeper.mayHaveSpoken(number) }) else { return nil }
    lines.append(line)
    return line
  }

  /// The supervisor goes on with what another thread has begun.
  func takeUp() {
    if life.phase == .idle && hasSpoken { return keeper.refused(self, Self.unasked) }
    guard life.phase == .invoking else { return }
    watchControl()
    if !outbound.isEmpty { flush() }
    takeFrames()
  }

  /// Whether it has said something that nobody has read: idle ones have nothing to say.
  var hasSpoken: Bool { !speaksHTTP && OutputReader.hasUnread(sandbox.control) }
  private static let unasked = "a frame, or a part of one, while nothing was asked of it"
  /// Whether a part of a frame has come.
  var hasSpokenInPart: Bool { !inbound.isEmpty }

  // MARK: What it is told

  /// Gives it its function.
  func load(_ settings: [UInt8]) {
    let serial = life.load()
    if speaksHTTP { return }
    Frame.write(.load, serial: serial, settings.span, to: &outbound)
    flush()
  }

  /// Gives it an invocation.
  /// - Parameter deadline: milliseconds since 1970.
  func invoke(_ pending: PendingInvocation, deadline: Double) {
    if isFrozen { thaw() }
    watchControl()
    invocation = pending
    budget = OutputBudget()
    let serial = life.invoke(pending.invocation.mark)
    if let api { return api.give(pending.invocation, serial: serial, deadline: deadline) }
    Frame.write(pending.invocation, serial: serial, deadline: deadline, to: &outbound)
    flush()
  }

  /// Whether another thread may give it an invocation.
  var canBeInvokedElsewhere: Bool { control == nil && life.phase == .idle && !speaksHTTP }

  /// Gives it an invocation, on a thread that is not the supervisor's and in its monitor.
  /// - Returns: false when not all of it could be sent: the supervisor is to take it up.
  func invokeElsewhere(_ pending: PendingInvocation, deadline: Double) -> Bool {
    if isFrozen { thaw() }
    invocation = pending
    budget = OutputBudget()
    Frame.write(pending.invocation, serial: life.invoke(pending.invocation.mark), deadline: deadline, to: &outbound)
    while !outbound.isEmpty {
      guard let sent = outbound.send(to: sandbox.control), sent > 0 else { return false }
    }
    outbound.releaseIfEmpty()
    return true
  }

  /// What another thread finds in the socket.
  enum Collected {
    case incomplete
    case answer(EnvironmentAnswer)
    /// Something else than the answer: the supervisor's to judge.
    case unusual
  }

  /// Reads the answer to what was given to it elsewhere; on the same thread, in the monitor.
  func collect() -> Collected {
    inbound.acquire()
    defer { inbound.releaseIfEmpty() }
    // To the end of what is there: it is told of once. A frame has a limit, and with it this.
    while true {
      switch inbound.receive(from: sandbox.control) {
      case .wouldBlock: return .incomplete
      case .end, .failed: return .unusual
      case .bytes: break
      }
      switch Frame.read(inbound.readable, limit: Self.frameLimitBytes) {
      case .incomplete: continue
      case .violation: return .unusual
      case .frame(let frame):
        guard frame.kind == .result || frame.kind == .failure, frame.serial == life.serial, inbound.count == Frame.headBytes + frame.bodyBytes else { return .unusual }
        return .answer(takeAnswer(frame))
      }
    }
  }

  private func takeAnswer(_ frame: Frame) -> EnvironmentAnswer {
    peakBytes = max(peakBytes, Int(frame.memoryKB) << 10)
    let body = inbound.readable.extracting(Frame.headBytes...).array
    inbound.removeAll()
    _ = life.receive(frame)
    takeLastOutput(endsWatches: false)
    return frame.kind == .result ? .result(body) : .failed(InvocationFailure(.unhandled, describing: body.span))
  }

  /// Its code is loaded: from now on it has its share of the processor.
  func limitCPU() { sandbox.limitCPU() }

  /// The function is to end by itself, because nothing more will come; what does not is killed later.
  func shutDown() {
    if isFrozen { thaw() }
    life.end()
    control?.end()
    Descriptors.finishWriting(sandbox.control)
  }

  /// Ends everything in it at once. It vanishes when all is gone.
  func kill() {
    life.end()
    control?.end()
    api?.end()
    sandbox.kill()
  }

  /// Keeps an idle one from running: what a function has left behind takes no processor time from those that work.
  /// - Returns: whether it does not run any more, and did before.
  func freeze() -> Bool {
    guard !isFrozen, life.phase == .idle, sandbox.canBeFrozen else { return false }
    isFrozen = true
    sandbox.freeze(true)
    return true
  }

  /// Lets it run again. On any thread that is in the monitor: what is sent to it afterwards it finds when it runs.
  private func thaw() {
    isFrozen = false
    sandbox.freeze(false)
  }

  /// Looks how much memory it has used, if it has done anything since.
  func lookAtMemory() {
    guard life.phase == .invoking || life.phase == .answered || invocationsLookedAt != life.invocations else { return }
    invocationsLookedAt = life.invocations
    peakBytes = max(peakBytes, sandbox.peakMemoryBytes)
  }

  /// Bytes of output that were not kept, of this invocation.
  var droppedOutputBytes: Int { budget.droppedBytes }

  private func flush() {
    guard let control, control.isWatching else { return }
    while !outbound.isEmpty {
      let sent = outbound.send(to: control.descriptor)
      // A broken connection is found by reading; nothing is to be done about it here.
      guard let sent, sent > 0 else { break }
    }
    control.wantsToWrite = !outbound.isEmpty
    outbound.releaseIfEmpty()
  }

  // MARK: What it says

  private func controlReady(_ readiness: DescriptorWatch.Readiness) {
    if readiness.isWritable && !outbound.isEmpty { flush() }
    guard readiness.isReadable, let control, control.isWatching else { return }
    if speaksHTTP { return takeListener() }
    inbound.acquire()
    switch inbound.receive(from: control.descriptor) {
    case .wouldBlock: break
    case .bytes: takeFrames()
    case .end, .failed:
      // The runtime has ended, or closed its descriptor: without it nothing can be asked of it. What became of it the lifeline says.
      control.end()
      if life.phase != .ending { sandboxLeft() }
    }
    inbound.releaseIfEmpty()
  }

  /// The first and only thing that comes over the control of a program that speaks HTTP.
  private func takeListener() {
    control?.end()
    guard let listener = sandbox.takeListener() else { return sandboxLeft() }
    api = RuntimeAPI(listener, arn: group?.revision.arn ?? "", on: loop, self)
  }

  /// The runtime does not listen any more. Most often it has just ended; if not, it is killed shortly.
  private func sandboxLeft() {
    let sandbox = sandbox
    loop.schedule(afterMilliseconds: Self.lastWordsMilliseconds) { sandbox.kill() }
  }
  /// How long a runtime that has closed its descriptor may take to end.
  static let lastWordsMilliseconds = 250

  private func takeFrames() {
    while life.phase != .ending && life.phase != .gone {
      switch Frame.read(inbound.readable, limit: Self.frameLimitBytes) {
      case .incomplete:
        if life.phase == .idle && hasSpokenInPart { keeper.refused(self, Self.unasked) }
        return
      case .violation(let what): return keeper.refused(self, what)
      case .frame(let frame):
        peakBytes = max(peakBytes, Int(frame.memoryKB) << 10)
        // Copied: whoever is told may give it the next invocation at once.
        let body = inbound.readable.extracting(Frame.headBytes..<(Frame.headBytes + frame.bodyBytes)).array
        inbound.consume(Frame.headBytes + frame.bodyBytes)
        // Each frame answers one question: what stands behind it and is none would spoil the answer to the next.
        if hasSpokenInPart {
          guard case .frame = Frame.read(inbound.readable, limit: Self.frameLimitBytes) else { return keeper.refused(self, "something behind an answer that is no answer") }
        }
        tell(life.receive(frame), body)
      }
    }
  }

  /// - Parameter type: what a failure is called beside the body.
  private func tell(_ event: EnvironmentLife.Event, _ body: [UInt8], type: String = "") {
    switch event {
    case .stale: keeper.refused(self, nil)
    case .violation(let what): keeper.refused(self, what)
    case .booted:
      interpreterVersion = String(decoding: body.prefix(16).filter { $0 == UInt8(ascii: ".") || ($0 >= 48 && $0 <= 57) }, as: UTF8.self)
      keeper.booted(self)
    case .loaded: keeper.loaded(self, nil)
    case .loadFailed: keeper.loaded(self, InvocationFailure(.initialization, describing: body.span, type: type))
    case .result:
      takeLastOutput()
      keeper.answered(self, .result(body))
      // It may have asked before it answered.
      if api?.isAsked == true { asks() }
    case .failed:
      takeLastOutput()
      keeper.answered(self, .failed(InvocationFailure(.unhandled, describing: body.span, type: type)))
      if api?.isAsked == true { asks() }
    }
  }

  private func asks() { if life.ask() { keeper.asked(self) } }

  private func lifelineReady() {
    guard let end = sandbox.end() else { return }
    // An answer whose program has not waited for ours counts.
    api?.readLast()
    takeLastOutput()
    for watch in [control, output, errors, lifeline] { watch?.end() }
    for line in lines { line.end() }
    lines = []
    api?.end()
    peakBytes = max(peakBytes, end.peakBytes)
    endedAfterAnswer = life.phase == .answered
    life.vanish()
    keeper.vanished(self, end)
  }

  // MARK: Output

  private func outputReady() { readOutput(of: output, &outputLines) }
  private func errorsReady() { readOutput(of: errors, &errorLines) }

  /// What was written before the answer belongs to it.
  /// - Parameter endsWatches: false on other threads than the supervisor's, which will see an end of output itself.
  func takeLastOutput(endsWatches: Bool = true) {
    // Most often there is nothing: one question instead of two reads.
    if OutputReader.hasBytes(sandbox.output, sandbox.errors) { readLastOutput(endsWatches) }
    outputLines.finish(keep)
    errorLines.finish(keep)
  }

  private func readLastOutput(_ endsWatches: Bool) {
    for _ in 0..<Self.lastOutputTurns where !readOutput(of: output, &outputLines, endsWatches: endsWatches) { break }
    for _ in 0..<Self.lastOutputTurns where !readOutput(of: errors, &errorLines, endsWatches: endsWatches) { break }
  }

  /// - Returns: whether there may be more.
  @discardableResult
  private func readOutput(of watch: DescriptorWatch?, _ lines: inout LineAssembler, endsWatches: Bool = true) -> Bool {
    guard let watch, watch.isWatching else { return false }
    switch OutputReader.read(watch.descriptor, { lines.take($0, limit: OutputReader.lineLimitBytes, keep) }) {
    case .some(let count) where count > 0: return count == OutputReader.bufferBytes
    case .some: return false
    case nil:
      if endsWatches { watch.end() }
      return false
    }
  }

  private func keep(_ line: Span<UInt8>) {
    if budget.admits(line.count) { keeper.said(self, line) }
  }
}

// What a program says in HTTP means the same as frames do.
extension Environment: RuntimeAPIOwner {
  func apiIsReady() {
    asks()
    guard life.phase == .booting else { return }
    say(.ready, 0)
    if life.phase == .initializing { say(.loaded, life.serial) }
  }

  func apiFailedToStart(_ error: ReportedError) {
    if life.phase == .booting { say(.ready, 0) }
    say(.lastFailure, life.serial, error.body, type: error.type)
  }

  func apiAnswered(_ serial: UInt32, _ body: [UInt8]) { say(.result, serial, body) }
  func apiFailed(_ serial: UInt32, _ error: ReportedError) { say(.failure, serial, error.body, type: error.type) }

  func apiReached(_ limit: RuntimeAPI.Limit) { keeper.reached(limit) }

  private func say(_ kind: Frame.Kind, _ serial: UInt32, _ body: [UInt8] = [], type: String = "") {
    tell(life.receive(Frame(kind: kind, serial: serial, memoryKB: 0, bodyBytes: body.count)), body, type: type)
  }
}
