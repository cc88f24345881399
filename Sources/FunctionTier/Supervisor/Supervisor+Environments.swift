// Owns: how environments begin and end: cold, pre-warmed or provisioned; shut down or killed; and what follows when one is gone.
// The supervisor's thread.
import Distribution
import Glibc
import Synchronization
import Telemetry
import Transport

extension Supervisor {
  // MARK: Beginning

  /// Starts an environment for a group: a pre-warmed one when there is one.
  /// - Returns: whether one has been started.
  @discardableResult
  func start(_ group: EnvironmentGroup, isProvisioned: Bool = false) -> Bool {
    let key = PrewarmedPool.Key(group.interpreter, group.revision)
    if isStaged(group), let environment = pool.take(key), stage(group, in: environment) {
      environment.isProvisioned = isProvisioned
      assign(environment, to: group)
      // Not now: the processor is wanted by the function.
      loop.schedule(afterMilliseconds: Self.refillMilliseconds) { [unowned self] in refill() }
      return true
    }
    let code = (host: group.revision.code.folder, inside: Interpreter.codeFolder)
    var description = description(key, code)
    if group.interpreter == .provided {
      description.environment = group.revision.allVariables(logStream: logStream(group), isProvisioned: isProvisioned)
      description.environment["AWS_LAMBDA_RUNTIME_API"] = "127.0.0.1:9001"
      description.runtimeAPI = true
    }
    guard let environment = launch(description, staging: nil) else { return false }
    environment.isProvisioned = isProvisioned
    environment.group = group
    group.environments.append(environment)
    beginInit(environment)
    return true
  }
  /// Whether its code is little enough for a pre-warmed environment.
  func isStaged(_ group: EnvironmentGroup) -> Bool { group.revision.code.files.count <= StagingFolder.fileLimit }
  /// Whether there is a pre-warmed environment for it: then no room is needed.
  func isPrewarmed(_ group: EnvironmentGroup) -> Bool { isStaged(group) && pool.isReady(PrewarmedPool.Key(group.interpreter, group.revision)) }

  /// How long after one was taken a pre-warmed environment is replaced.
  static let refillMilliseconds = 30

  /// Starts an environment that has no function yet.
  func prewarm(_ key: PrewarmedPool.Key) {
    guard pool.refusal(key, now: now) == nil else { return }
    let number = nextNumber
    let staging: StagingFolder
    do throws(CodeProblem) { staging = try StagingFolder(path: "\(settings.folder)/staging/\(getpid())-\(number)") } catch {
      return diagnostics.say(.error, key: "staging", "functions: \(error.text)")
    }
    guard let environment = launch(description(key, (host: staging.path, inside: Interpreter.codeFolder)), staging: staging) else { return }
    environment.poolKey = key
    pool.add(environment, key)
    beginInit(environment)
  }

  private func description(_ key: PrewarmedPool.Key, _ code: (host: String, inside: String)) -> SandboxDescription {
    SandboxDescription(
      program: key.interpreter.command(memoryMB: key.memoryMB),
      readOnly: [code, (host: settings.folder + "/runtime", inside: Interpreter.runtimeFolder)] + settings.interpreters.shown(to: key.interpreter),
      environment: Interpreter.variables, memoryMB: key.memoryMB, temporaryMB: settings.temporaryMB, processes: settings.processes, network: key.network)
  }

  private func launch(_ description: SandboxDescription, staging: StagingFolder?) -> Environment? {
    do throws(SpawnFailure) {
      let environment = Environment(number: takeNumber(), try launcher.launch(description), staging: staging, speaksHTTP: description.runtimeAPI, on: loop, self)
      all[environment.number] = environment
      started.add(1, ordering: .relaxed)
      sandboxes.store(all.count, ordering: .relaxed)
      return environment
    } catch {
      diagnostics.say(.error, key: "function-spawn", "functions: \(error)")
      return nil
    }
  }

  /// INIT begins: of the interpreter, or of the function's code.
  private func beginInit(_ environment: Environment) {
    environment.initBegan = monotonicNanoseconds()
    environment.deadline = environment.initBegan + UInt64(settings.initMilliseconds) * 1_000_000
    watchDeadline(environment)
  }

  /// Gives a pre-warmed environment its function.
  private func assign(_ environment: Environment, to group: EnvironmentGroup) {
    environment.group = group
    environment.poolKey = nil
    ready.store(pool.ready, ordering: .relaxed)
    group.environments.append(environment)
    beginInit(environment)
    load(environment, group)
  }

  /// Puts code where a pre-warmed environment sees it.
  /// - Returns: false when it cannot be: the environment is ended, and one that sees the store itself is needed.
  private func stage(_ group: EnvironmentGroup, in environment: Environment) -> Bool {
    do throws(CodeProblem) {
      try environment.staging?.take(group.revision.code)
      return true
    } catch {
      diagnostics.say(.warning, key: "staging", "functions: \(error.text); the function is started without a pre-warmed environment")
      environment.poolKey = nil
      environment.kill()
      return false
    }
  }

  private func load(_ environment: Environment, _ group: EnvironmentGroup) {
    environment.load(group.revision.settings(logStream: logStream(group), isProvisioned: environment.isProvisioned))
  }

  /// `2026/11/21/[$LATEST]0123…`, as Lambda names them.
  private func logStream(_ group: EnvironmentGroup) -> String {
    let day = String(decoding: Timestamp.now.text.prefix(10).map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "/") : $0 }, as: UTF8.self)
    return "\(day)/[\(group.revision.version)]\(String(UInt64.random(in: .min ... .max), radix: 16))"
  }

  // MARK: Ending

  /// Lets an environment that does nothing end by itself.
  func end(_ environment: Environment) {
    leaveGroup(environment)
    environment.shutDown()
    // Held until it has vanished, so that this finds it.
    loop.schedule(afterMilliseconds: settings.shutdownMilliseconds) { [unowned self, number = environment.number] in
      if let environment = all[number] { environment.kill() }
    }
  }

  /// Ends an environment at once; the invocation that it runs has failed.
  func kill(_ environment: Environment, because failure: InvocationFailure) {
    let group = environment.group
    if let key = environment.poolKey { pool.noteFailure(key, failure, now: now) }
    leaveGroup(environment)
    environment.kill()
    guard let group else { return }
    fail(environment, of: group, failure)
  }

  /// What an environment that is lost was busy with has failed; its group may need another.
  private func fail(_ environment: Environment, of group: EnvironmentGroup, _ failure: InvocationFailure) {
    if let pending = environment.invocation {
      environment.invocation = nil
      finish(pending, group, environment, .failed(failure))
    } else if environment.initDuration == nil {
      initFailed(environment, group, failure)
    }
    grow(group)
  }

  private func leaveGroup(_ environment: Environment) {
    _ = pool.remove(environment)
    guard let group = environment.group, group.remove(environment) else { return }
    // Of all versions together: each counts its own in and out.
    if environment.initDuration != nil { group.tally.change { $0.environments -= 1 } }
  }

  /// It never got as far as to run anything.
  private func initFailed(_ environment: Environment, _ group: EnvironmentGroup, _ failure: InvocationFailure) {
    let duration = Duration.nanoseconds(monotonicNanoseconds() - environment.initBegan)
    write(Lines.initReport(duration, failure), group, group.waiting.first)
    group.crashLoop.noteFailure(failure, now: now)
    trialEnded(environment, failure.asTrial)
    if !environment.isForeseen { diagnostics.say(.warning, key: "function-init \(group.revision.function)", "function \(group.revision.function): it cannot be loaded: \(failure.errorType): \(failure.errorMessage)") }
    // Whoever it was started for gets to know; with a function that rests, all who wait.
    let refusal = group.crashLoop.refusal(now: now)
    let count = refusal == nil ? min(1, group.waiting.count) : group.waiting.count
    for pending in group.waiting.prefix(count) { finish(pending, group, nil, .failed(refusal ?? failure), failedINIT: (environment, duration)) }
    group.waiting.removeFirst(count)
  }
}

extension Supervisor: EnvironmentKeeper {
  func booted(_ environment: Environment) {
    guard let group = environment.group else {
      environment.deadline = .max
      if let key = environment.poolKey { pool.noteSuccess(key) }
      return ready.store(pool.ready, ordering: .relaxed)
    }
    load(environment, group)
  }

  func loaded(_ environment: Environment, _ failure: InvocationFailure?) {
    guard let group = environment.group else { return }
    environment.takeLastOutput()
    if let failure { return kill(environment, because: failure) }
    let duration = Duration.nanoseconds(monotonicNanoseconds() - environment.initBegan)
    environment.initDuration = duration
    environment.deadline = .max
    environment.limitCPU()
    group.crashLoop.noteSuccess()
    warnOfVersion(environment, group)
    group.tally.change {
      $0.initializations += 1
      $0.initMicroseconds += UInt64(max(duration.microseconds, 0))
      $0.environments += 1
    }
    becameIdle(environment, group)
    trialEnded(environment, .loaded)
  }

  /// A function that names one version and runs on another may find what it needs missing.
  private func warnOfVersion(_ environment: Environment, _ group: EnvironmentGroup) {
    guard !group.versionIsTold, group.interpreter.differs(environment.interpreterVersion, from: group.revision.runtime) else { return }
    group.versionIsTold = true
    let function = group.revision.function, runtime = group.revision.runtime.name
    diagnostics.say(.warning, key: "function-version \(function)", "function \(function): its runtime is \(runtime), and \(environment.interpreterVersion) is what runs it here (functionTier.nodejs, functionTier.python)")
  }

  func refused(_ environment: Environment, _ violation: String?) {
    guard let violation else {
      staleFrames.add(1, ordering: .relaxed)
      return
    }
    let requestID = environment.invocation?.invocation.requestID ?? "none"
    if let group = environment.group {
      diagnostics.say(.warning, key: "function-protocol \(group.revision.function)", "function \(group.revision.function): it wrote to file descriptor 3: \(violation)")
    }
    environment.takeLastOutput()
    kill(environment, because: .violation(requestID, violation))
  }

  func reached(_ limit: RuntimeAPI.Limit) { apiLimitsReached.withLock { $0[limit.rawValue] += 1 } }

  func mayHaveSpoken(_ number: Int) { post(.takeUp(number)) }

  func said(_ environment: Environment, _ line: Span<UInt8>) {
    guard let group = environment.group else {
      // Before it is anybody's, only the interpreter or the sandbox itself can say something.
      environment.lastWords = line.array
      return
    }
    if environment.initDuration == nil { environment.lastWords = line.array }
    if line.holds("JavaScript heap out of memory") { environment.ranOutOfHeap = true }
    let name = group.name
    log.write(function: name.span, line)
    // What it says while it is loaded interests whoever waits for it.
    (environment.invocation ?? (environment.initDuration == nil ? group.waiting.first : nil))?.keep(line)
  }

  func vanished(_ environment: Environment, _ end: SandboxEnd) {
    all[environment.number] = nil
    ended.withLock { $0[end.cause.place] += 1 }
    if end.cause == .abandoned { diagnostics.say(.error, key: "spawner", "functions: the process that starts sandboxes has ended, and every sandbox with it; another one takes its place") }
    if end.cause == .outOfWatches {
      diagnostics.say(
        .error, "functions: an environment of \(environment.group.map { String(decoding: $0.name, as: UTF8.self) } ?? "none") held more than \(Spawner.mostWatches) epoll watches when this user had none left: killed")
    }
    sandboxes.store(all.count, ordering: .relaxed)
    defer {
      trialMayGoOn()
      if isStopping && all.isEmpty { finishStopping() }
    }
    let requestID = environment.invocation?.invocation.requestID ?? environment.group?.waiting.first?.invocation.requestID ?? "none"
    let failure: InvocationFailure = switch end.cause {
    case .outOfMemory: .outOfMemory(requestID)
    // V8 aborts when its heap is full, and may be killed while it does.
    case .exited where environment.ranOutOfHeap, .killed where environment.ranOutOfHeap: .outOfMemory(requestID)
    case .exited where environment.initDuration == nil: .exited(requestID, (end.cause.exitWords ?? "") + environment.wordsInBrackets)
    case .exited: .exited(requestID, end.cause.exitWords)
    case .killed: .exited(requestID, "signal: killed")
    case .notStarted where environment.lastWords.starts(with: Self.entrypointWords): .entrypoint(requestID, environment.lastWords.dropFirst(Self.entrypointWords.count), environment.group?.revision.code)
    case .outOfWatches: .exited(requestID, "signal: killed (it held more than \(Spawner.mostWatches) epoll watches, and none were left)")
    case .notStarted(let why): .notStarted("the sandbox could not be started: \(why)\(environment.wordsInBrackets)")
    case .abandoned: .notStarted("the process that starts sandboxes is gone")
    }
    if let key = environment.poolKey, pool.remove(environment) {
      if isStopping { return }
      pool.noteFailure(key, failure, now: now)
      diagnostics.say(.warning, key: "function-prewarm", "functions: a sandbox that was to be ready for one is gone: \(failure.errorMessage)\(environment.wordsInBrackets)")
      return
    }
    guard let group = environment.group, group.environments.contains(where: { $0 === environment }) else { return }
    leaveGroup(environment)
    // By none of ours: the machine had no memory left, most likely.
    if end.cause == .exited(status: 128 + Int(SIGKILL)), !environment.ranOutOfHeap { trialEnded(environment, .omitted("its process was killed by something else")) }
    if environment.endedAfterAnswer { write("the program ended after its answer, before it asked for the next invocation: \(end.cause.exitWords ?? "signal: killed")", group, nil) }
    fail(environment, of: group, failure)
  }
  /// How bubblewrap begins what it says of a function's own program that it could not execute.
  private static let entrypointWords = Array("bwrap: execvp \(Interpreter.codeFolder)/bootstrap: ".utf8)
}

extension SandboxEnd.Cause {
  /// Its place in FunctionTierFacts.ends.
  fileprivate var place: Int {
    switch self {
    case .exited: 0
    case .killed: 1
    case .outOfMemory: 2
    case .notStarted: 3
    case .abandoned: 4
    case .outOfWatches: 5
    }
  }
}

extension Span<UInt8> {
  /// Whether a text is in it.
  fileprivate func holds(_ text: StaticString) -> Bool {
    let length = text.utf8CodeUnitCount
    guard count >= length else { return false }
    return (0...(count - length)).contains { start in (0..<length).allSatisfy { unsafe self[start + $0] == text.utf8Start[$0] } }
  }
}
