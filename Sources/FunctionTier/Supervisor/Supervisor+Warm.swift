// Owns: the short way of an invocation: a worker that finds an idle environment gives it the event and reads the answer on its own loop. Two
// wake-ups and six system calls less than by way of the supervisor. In the supervisor's monitor, which is entered only when
// that needs no waiting: who does not come in goes the long way, and so does everything that is not an answer as it should be.
import Synchronization
import Transport

extension Supervisor {
  /// Events that are sent at once; longer ones may have to wait for room.
  static let warmEventBytes = 131_072

  /// Begins an invocation in an idle environment, on the caller's thread.
  /// - Parameter loop: the caller's, which waits for the answer.
  /// - Returns: what the caller is to hold until then, and to ``WarmInvocation/end()``; nil when it is to be posted.
  func runAtOnce(
    _ revision: Revision, _ invocation: Invocation, on loop: EventLoop, answer: @escaping @Sendable (InvocationOutcome) -> Void
  ) -> WarmInvocation? {
    guard invocation.payload.count <= Self.warmEventBytes, monitor.tryEnter() else { return nil }
    defer { monitor.leave() }
    guard !isStopping, let group = knownGroup(revision), group.waiting.isEmpty, !group.idle.isEmpty else { return nil }
    // The one that this loop asked last, where there is one: it is told of its answer already.
    let place = group.idle.lastIndex { $0.answers(to: loop) } ?? group.idle.count - 1
    let environment = group.idle[place]
    // What one that nobody watched has said is the supervisor's to judge.
    if !environment.answers(to: loop) && environment.hasSpoken { return nil }
    guard environment.canBeInvokedElsewhere, let line = environment.line(to: loop), ledger.enter(revision.function, event: invocation.payload.count) == nil else { return nil }
    group.idle.remove(at: place)
    noteEntry(group)
    direct.add(1, ordering: .relaxed)
    let pending = PendingInvocation(invocation, arrived: now, answer: answer)
    let deadline = begin(pending, group, environment)
    if environment.timerDue == 0 { post(.watchDeadline(environment.number)) }
    if !environment.invokeElsewhere(pending, deadline: deadline) { post(.takeUp(environment.number)) }
    return WarmInvocation(self, environment, pending, line)
  }

  /// The group of a version; most often that of the invocation before, which need not be looked up.
  private func knownGroup(_ revision: Revision) -> EnvironmentGroup? {
    if let lastGroup, lastGroup.revision == revision { return lastGroup }
    lastGroup = groups[revision]
    return lastGroup
  }

  /// Takes the answer to such an invocation.
  /// - Returns: whether there is nothing more to watch for: it has been answered, or is the supervisor's now.
  func collect(_ environment: Environment, _ pending: PendingInvocation) -> Bool {
    guard monitor.tryEnter() else {
      post(.takeUp(environment.number))
      return true
    }
    defer { monitor.leave() }
    // It may have been ended meanwhile: its deadline has come.
    guard environment.invocation === pending, let group = environment.group else { return true }
    switch environment.collect() {
    case .incomplete: return false
    case .unusual: post(.takeUp(environment.number))
    case .answer(let answer):
      environment.invocation = nil
      environment.deadline = .max
      environment.idleSince = now
      group.idle.append(environment)
      if !group.waiting.isEmpty { post(.serve(group.revision)) }
      finish(pending, group, environment, answer)
    }
    return true
  }
}

/// An invocation that runs without the supervisor. Confined to the loop of who asked for it.
final class WarmInvocation {
  private let supervisor: Supervisor
  private let environment: Environment
  private let pending: PendingInvocation
  private let line: WarmLine

  /// Waits for the answer to an invocation that has been begun.
  init(_ supervisor: Supervisor, _ environment: Environment, _ pending: PendingInvocation, _ line: WarmLine) {
    self.supervisor = supervisor
    self.environment = environment
    self.pending = pending
    self.line = line
    line.tell(self)
  }

  /// The environment has said something.
  func look() { if supervisor.collect(environment, pending) { end() } }

  /// It is over. Before the caller forgets it.
  func end() { line.forget(self) }
}
