// Owns: a lock over what belongs to one loop's thread and may for moments be used by others. Unsafe code, because the system's lock is a pointer.
import Glibc

/// A lock that a loop's thread holds whenever it does not sleep (``EventLoop/monitor``). Another thread that enters meanwhile may use what
/// belongs to the loop's, but not the loop itself. Not recursive.
@safe public final class Monitor: @unchecked Sendable {
  private let lock: UnsafeMutablePointer<pthread_mutex_t>

  /// Nobody is in it.
  public init() {
    unsafe lock = .allocate(capacity: 1)
    unsafe lock.initialize(to: pthread_mutex_t())
    unsafe pthread_mutex_init(lock, nil)
  }

  deinit {
    unsafe pthread_mutex_destroy(lock)
    unsafe lock.deallocate()
  }

  /// Waits until nobody is in it.
  public func enter() { unsafe pthread_mutex_lock(lock) }
  /// Enters if nobody is in it now. Never waits.
  public func tryEnter() -> Bool { unsafe pthread_mutex_trylock(lock) == 0 }
  /// Who has entered leaves.
  public func leave() { unsafe pthread_mutex_unlock(lock) }
}
