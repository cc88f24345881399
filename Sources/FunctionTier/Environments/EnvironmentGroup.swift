// Owns: the environments of one version of a function, and the invocations that wait for one. Confined to the supervisor's thread.

/// An invocation that has been let in.
final class PendingInvocation {
  let invocation: Invocation
  let answer: @Sendable (InvocationOutcome) -> Void
  /// Milliseconds of the loop when it came.
  let arrived: UInt64
  /// The end of its log lines, when asked for.
  private(set) var logTail: [UInt8] = []

  init(_ invocation: Invocation, arrived: UInt64, answer: @escaping @Sendable (InvocationOutcome) -> Void) {
    self.invocation = invocation
    self.answer = answer
    self.arrived = arrived
  }

  /// Keeps a line, and of all lines the end.
  func keep(_ line: Span<UInt8>) {
    let limit = invocation.logTailBytes
    guard limit > 0 else { return }
    for index in 0..<line.count { logTail.append(line[index]) }
    logTail.append(UInt8(ascii: "\n"))
    // Cut seldom: a long log is not moved for each of its lines.
    if logTail.count > limit * 2 { logTail.removeFirst(logTail.count - limit) }
  }

  /// The end of the lines, of the length asked for.
  var lastLines: [UInt8] { Array(logTail.suffix(invocation.logTailBytes)) }
}

/// The environments of one version of a function.
final class EnvironmentGroup {
  let revision: Revision
  let interpreter: Interpreter
  /// The function's name as log lines begin with it.
  let name: [UInt8]
  /// How long an invocation may take.
  let timeoutNanoseconds: UInt64
  let tally: FunctionTally
  /// All that have not been ended; among them those that are idle, the last used one last.
  var environments: [Environment] = []
  var idle: [Environment] = []
  /// Invocations that wait, in their order.
  var waiting: [PendingInvocation] = []
  var crashLoop = CrashLoop()
  /// How many are to be there always.
  var provisioned = 0
  /// Whether newer code has taken its place: it goes when its last invocation is over.
  var isSuperseded = false
  /// Whether it is being loaded before it is known whether it will serve: what of it is idle stays, superseded or not.
  var isOnTrial = false
  /// Whether it has been said that another version of the interpreter runs it.
  var versionIsTold = false
  /// Whether a look at those that wait is due.
  var growthIsScheduled = false

  init(_ revision: Revision, _ interpreter: Interpreter, _ tally: FunctionTally) {
    self.revision = revision
    self.interpreter = interpreter
    self.tally = tally
    name = Array(revision.function.utf8)
    timeoutNanoseconds = UInt64(max(revision.timeout.microseconds, 0)) * 1_000
  }

  /// How many are on their way to be idle for the first time.
  var starting: Int { environments.count { $0.life.phase == .booting || $0.life.phase == .ready || $0.life.phase == .initializing } }

  /// Forgets an environment that is ending.
  /// - Returns: whether it was one of these until now.
  func remove(_ environment: Environment) -> Bool {
    idle.removeAll { $0 === environment }
    guard let index = environments.firstIndex(where: { $0 === environment }) else { return false }
    environments.remove(at: index)
    return true
  }
}
