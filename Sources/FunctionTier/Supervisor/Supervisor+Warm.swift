// Owns: the short way of an invocation: a worker that finds an idle environment gives it the event and reads the answer on its own loop. Two
// threads less are woken than by way of the supervisor: 100 of 200 µs on a busy machine. In the supervisor's monitor, which is entered only when
// that needs no waiting: who does not come in goes the long way, and so does everything that is not an answer as it should be.
import Synchronization
import Transport

extension Supervisor {
  /// Events that are sent at once; longer ones may have to wait for room.
  static let warmEventBytes = 131_072

  /// Begins an invocation in an idle environment, on the caller's thread.
  /// - Returns: what the caller is to ``WarmInvocation/watch(on:)``; nil when it is to be posted.
  func runAtOnce(_ revision: Revision, _ invocation: Invocation, answer: @escaping @Sendable (InvocationOutcome) -> Void) -> WarmInvocation? {
    guard invocation.payload.count <= Self.warmEventBytes, monitor.tryEnter() else { return nil }
    defer { monitor.leave() }
    guard !isStopping, let group = groups[revision], group.waiting.isEmpty, let environment = group.idle.last, environment.canBeInvokedElsewhere,
      ledger.enter(revision.function) == nil
    else { return nil }
    group.idle.removeLast()
    noteEntry(group)
    direct.add(1, ordering: .relaxed)
    let pending = PendingInvocation(invocation, arrived: now, answer: answer)
    let deadline = begin(pending, group, environment)
    if environment.timerDue == 0 { post(.watchDeadline(environment.number)) }
    if environment.invokeElsewhere(pending, deadline: deadline) { return WarmInvocation(self, environment, pending) }
    post(.takeUp(environment.number))
    return WarmInvocation(self, nil, pending)
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
  private let environment: Environment?
  private let pending: PendingInvocation
  private var descriptor: DescriptorWatch?

  /// - Parameter environment: nil when the supervisor has it already.
  init(_ supervisor: Supervisor, _ environment: Environment?, _ pending: PendingInvocation) {
    self.supervisor = supervisor
    self.environment = environment
    self.pending = pending
  }

  /// Waits for the answer on the caller's loop, whose thread this is.
  func watch(on loop: EventLoop) {
    guard let environment else { return }
    descriptor = DescriptorWatch(loop: loop, descriptor: environment.descriptor) { [supervisor, pending, unowned self] _ in
      if supervisor.collect(environment, pending) { end() }
    }
  }

  /// It is over. Before the caller forgets it.
  func end() { descriptor?.end() }
}
