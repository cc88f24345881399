// Owns: what the main thread waits for: signals and messages of other threads, in one queue. Signals are blocked in every thread and read as
// bytes, so no handler runs in the middle of anything. (The rewrite engine's own timer signal is another matter: rewrite-engine.md.)
// Rule of the lock: it guards the list of messages, and is held to add to it or to take one.
import CSystem
import ControlPlane
import Distribution
import Glibc
import Synchronization

/// What happened.
enum Event: Sendable {
  case signal(Int32)
  /// A configuration has been made ready, or refused.
  case prepared(Reload.Outcome)
  /// Files that are watched have changed.
  case filesChanged
  /// A binary upgrade has come to its end.
  case upgraded(Upgrade.Outcome)
  /// Somebody wants a reload, and to know what came of it.
  case reloadAsked(ReloadRequest)
}

/// Who waits for a reload.
struct ReloadRequest: Sendable {
  /// Whether functions are loaded before they serve.
  let triesFunctions: Bool
  /// Told once.
  let answer: @Sendable (ReloadReport) -> Void
}

/// The main thread's queue. Any thread may post.
final class MainQueue: Sendable {
  private static let signals = [SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2]

  private let posted = Mutex<[Event]>([])
  private let wakeup: Int32, signalDescriptor: Int32

  /// Blocks the signals; threads that start later inherit that. A broken pipe and a file that may not grow are errors of a
  /// write, not the end of the process.
  init() throws(StartFailure) {
    var set = sigset_t()
    unsafe sigemptyset(&set)
    for signal in Self.signals { unsafe sigaddset(&set, signal) }
    unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)   // likewise a file that may not grow
    wakeup = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    signalDescriptor = unsafe sk_signal_descriptor(&set)
    guard wakeup >= 0, signalDescriptor >= 0 else { throw StartFailure(description: "the system has no descriptor left") }
  }

  deinit {
    close(wakeup)
    close(signalDescriptor)
  }

  /// Any thread.
  func post(_ event: Event) {
    posted.withLock { $0.append(event) }
    _ = eventfd_write(wakeup, 1)
  }

  /// The next event; nil when there was none for so long. The main thread's.
  /// - Parameter watch: files whose changes are events too.
  func next(milliseconds: Int, _ watch: FileWatch? = nil) -> Event? {
    let end = ContinuousClock.now + .milliseconds(milliseconds)
    while true {
      let number = sk_next_signal(signalDescriptor)
      if number > 0 { return .signal(number) }
      if let event = posted.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) { return event }
      watch?.readChanges()
      let due = watch?.dueMilliseconds
      if let watch, let due, due <= 0 {
        watch.clear()
        return .filesChanged
      }
      let left = ContinuousClock.now.duration(to: end).milliseconds
      if left <= 0 { return nil }
      var entries = [wakeup, signalDescriptor, watch?.descriptor ?? -1].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
      _ = unsafe poll(&entries, nfds_t(entries.count), Int32(clamping: min(left, due ?? left)))
      var value: eventfd_t = 0
      _ = unsafe eventfd_read(wakeup, &value)
    }
  }
}
