// Owns: a timer of a loop that is as exact as the kernel's (timerfd_create(2)), for who must act at a time and not merely not before it: the
// loop's own timers go by the milliseconds of a coarse clock.
import Glibc
import CSystem  // after Glibc: see csystem.c

/// The monotonic clock, precise. Any thread.
public enum MonotonicClock {
  /// Nanoseconds since some moment of the past.
  @inline(__always) public static var nanoseconds: UInt64 { SystemCalls.monotonicNanoseconds() }
}

/// A timer on a loop. Confined to the loop's thread.
public final class PreciseTimer: EventHandler {
  private let loop: EventLoop
  private let fired: () -> Void

  /// A timer that is not set.
  /// - Parameter fired: called on the loop's thread each time it is due.
  /// - Throws: the system's error when it has no descriptor to give.
  public init(on loop: EventLoop, fired: @escaping () -> Void) throws(IOFailure) {
    let descriptor = timerfd_create(CLOCK_MONOTONIC, Int32(O_NONBLOCK | O_CLOEXEC))
    guard descriptor >= 0 else { throw .system(errno) }
    self.loop = loop
    self.fired = fired
    super.init(descriptor: descriptor)
    loop.register(self, [.input])
  }

  /// Sets it, in the place of what it was set to before.
  /// - Parameter nanoseconds: of ``MonotonicClock``; what has passed is due at once.
  public func set(at nanoseconds: UInt64) {
    let due = max(1, nanoseconds)   // zero would take the setting back
    var setting = itimerspec()
    setting.it_value.tv_sec = Int(due / 1_000_000_000)
    setting.it_value.tv_nsec = Int(due % 1_000_000_000)
    unsafe timerfd_settime(descriptor, Int32(1), &setting, nil)   // TFD_TIMER_ABSTIME
  }

  /// Ends it and gives its descriptor back.
  public func close() { loop.unregister(self) }

  override func ready(_ events: SystemCalls.Events) {
    var times: UInt64 = 0
    guard unsafe read(descriptor, &times, 8) == 8 else { return }
    fired()
  }
}
