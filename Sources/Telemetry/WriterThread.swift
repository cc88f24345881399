// Owns: starting the one kind of thread that Telemetry has, and waking and awaiting it by eventfd.
// A signal is never delivered to such a thread: workers, timers and the drain logic have their own.

internal import CSystem
internal import Glibc

/// Starts a detached thread with all signals blocked.
/// - Returns: false when the system has no thread to give.
func startThread(name: String, _ body: @escaping @Sendable () -> Void) -> Bool {
  final class Start {
    let name: String
    let body: @Sendable () -> Void
    init(name: String, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }
  var attributes = pthread_attr_t()
  unsafe pthread_attr_init(&attributes)
  defer { unsafe pthread_attr_destroy(&attributes) }
  unsafe pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
  unsafe pthread_attr_setstacksize(&attributes, 262_144)
  // The thread inherits the mask, so that not even its first instructions can be interrupted.
  var all = sigset_t()
  var previous = sigset_t()
  unsafe sigfillset(&all)
  unsafe pthread_sigmask(SIG_SETMASK, &all, &previous)
  defer { unsafe pthread_sigmask(SIG_SETMASK, &previous, nil) }
  let start = unsafe Unmanaged.passRetained(Start(name: name, body: body))
  var thread = pthread_t()
  let result = unsafe pthread_create(&thread, &attributes, { argument in
    guard let argument = unsafe argument else { return nil }
    let start = unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
    unsafe pthread_setname_np(pthread_self(), start.name)
    start.body()
    return nil
  }, start.toOpaque())
  if result != 0 { unsafe start.release() }
  return result == 0
}

/// A flag that one thread raises and another waits for; raised twice it is still one. Any thread.
struct Wakeup: ~Copyable, Sendable {
  private let descriptor: Int32

  /// - Returns: nil when the process has no descriptor left.
  init?() {
    descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    if descriptor < 0 { return nil }
  }

  deinit { close(descriptor) }

  func raise() { _ = eventfd_write(descriptor, 1) }

  /// Waits until the flag is raised, and lowers it; or until the time is over (nil: no limit).
  /// - Returns: whether it was raised.
  @discardableResult
  func wait(milliseconds: Int64?) -> Bool {
    let deadline = milliseconds.map { monotonicMilliseconds() + $0 }
    while true {
      var value: eventfd_t = 0
      if unsafe eventfd_read(descriptor, &value) == 0 { return true }
      var left: Int32 = -1
      if let deadline {
        left = Int32(clamping: deadline - monotonicMilliseconds())
        if left <= 0 { return false }
      }
      var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      _ = unsafe poll(&entry, 1, left)
    }
  }
}
