// Owns: the signs of life that a service manager may ask for (WatchdogSec=): given at half of its interval while every worker's loop turns, by a
// thread of its own, as the main thread may wait long: for a log that is slow to end, and for the workers themselves.
import CSystem
import Glibc
import Synchronization
import Telemetry
import Transport

/// Looks after the workers for the service manager. Ends with ``end()``.
final class Watchdog {
  private let thread: EventLoopThread
  private let ending: Int32

  /// Begins.
  /// - Returns: nil when the manager does not ask for it.
  /// - Throws: ``StartFailure`` when the system has no descriptor left.
  init?(_ manager: ServiceManager, _ handles: [WorkerHandle], _ diagnostics: Diagnostics) throws(StartFailure) {
    guard let interval = manager.watchdogMilliseconds else { return nil }
    let ending = eventfd(0, Int32(EFD_CLOEXEC))
    guard ending >= 0 else { throw StartFailure(description: "the system has no descriptor left") }
    self.ending = ending
    thread = EventLoopThread {
      unsafe pthread_setname_np(pthread_self(), "watchdog")
      var round = Round(handles, interval, diagnostics)
      var entry = pollfd(fd: ending, events: Int16(POLLIN), revents: 0)
      while true {
        let ready = unsafe poll(&entry, 1, Int32(clamping: max(1, interval / 2)))
        if ready > 0 { return }
        if ready == 0 && round.everybodyTurns() { manager.alive() }
      }
    }
  }

  /// No further sign of life.
  func end() {
    _ = eventfd_write(ending, 1)
    thread.join()
    close(ending)
  }
}

/// The looks at the workers, one after another. The watchdog's thread's.
private struct Round {
  /// A worker's answer.
  final class Answer: Sendable {
    let hasCome = Atomic(false)
  }
  /// What is known of a worker.
  struct Watched {
    let handle: WorkerHandle
    let answer = Answer()
    /// Looks in a row that found no answer.
    var missed = 0

    /// One question at a time: who does not turn gathers none.
    func ask() { Task(executorPreference: handle.loop) { [answer] in answer.hasCome.store(true, ordering: .relaxed) } }
  }

  /// Looks in a row that find that a worker has not turned, two within the manager's interval: from then on there is no sign of life.
  private static let patience = 2
  private var workers: [Watched]
  private let interval: Int
  private let diagnostics: Diagnostics

  init(_ handles: [WorkerHandle], _ interval: Int, _ diagnostics: Diagnostics) {
    workers = handles.map { Watched(handle: $0) }
    self.interval = interval
    self.diagnostics = diagnostics
    for worker in workers { worker.ask() }
  }

  /// Looks which workers have turned since the last time.
  /// - Returns: whether none has stood for a whole interval.
  mutating func everybodyTurns() -> Bool {
    for place in workers.indices { look(at: place) }
    return workers.allSatisfy { $0.missed < Self.patience }
  }

  private mutating func look(at place: Int) {
    let worker = workers[place]
    guard worker.answer.hasCome.exchange(false, ordering: .relaxed) else {
      workers[place].missed += 1
      if workers[place].missed == Self.patience { tell(worker.handle) }
      return
    }
    workers[place].missed = 0
    if worker.missed >= Self.patience { diagnostics.say(.info, "worker \(worker.handle.number) turns again") }
    worker.ask()
  }

  private func tell(_ handle: WorkerHandle) {
    diagnostics.say(.error, "worker \(handle.number) has not turned for \(interval) ms: until it does, the service manager gets no sign of life (WatchdogSec=)")
    // By a worker that turns: one that stands may never count it. (Pages of numbers ask every worker, and wait for this one, too.)
    (workers.first { $0.missed < Self.patience }?.handle ?? handle).count(.limitWatchdog)
  }
}
