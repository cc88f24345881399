// Owns: the process's signals. They are blocked in every thread and taken by the main thread one at a time, so no handler runs
// in the middle of anything. (The rewrite engine's own timer signal is another matter: rewrite-engine.md.)
import Glibc

/// SIGTERM, SIGINT, SIGHUP and SIGUSR1 as a queue.
enum Signals {
  private static func set() -> sigset_t {
    var set = sigset_t()
    unsafe sigemptyset(&set)
    for signal in [SIGTERM, SIGINT, SIGHUP, SIGUSR1] { unsafe sigaddset(&set, signal) }
    return set
  }

  /// Blocks them; threads that start later inherit that. A broken pipe is an error of a write, not the end of the process.
  static func prepare() {
    var signals = set()
    unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)   // likewise a file that may not grow
  }

  /// Waits for the next one, or so long.
  static func wait(milliseconds: Int) -> Int32? {
    var signals = set()
    var time = timespec(tv_sec: milliseconds / 1000, tv_nsec: milliseconds % 1000 * 1_000_000)
    let signal = unsafe sigtimedwait(&signals, nil, &time)
    return signal > 0 ? signal : nil
  }
}
