// Owns: how a task of a loop waits. The standard library's `withUnsafeContinuation` first asks the runtime whether the task is where it
// should be: 200 instructions under the task's lock, of a task that never left its loop's actor. This form does not ask.
import Synchronization

/// Suspends the calling task until the continuation that `body` is given is resumed. On the thread of the loop whose actor the caller is
/// isolated to; `body` runs there before anything else does.
@inline(__always) nonisolated(nonsending) func suspended<Value>(_ body: (UnsafeContinuation<Value, Never>) -> Void) async -> Value {
  unsafe await _unsafeInheritExecutor_withUnsafeContinuation(body)
}

/// Where one task of a loop waits until it is woken: for what is no event of a socket. Confined to the loop's thread.
public final class Pause {
  private var waiter = WaiterSlot()
  /// Nobody waits.
  public init() {}
  /// Waits for ``wake()``. One task at a time.
  public nonisolated(nonsending) func wait() async { unsafe await suspended { unsafe waiter.park($0) } }
  /// Lets the task that waits go on; nothing when none does.
  public func wake() { waiter.wake() }
}

/// Where one task of a loop waits until any thread wakes it. A wake that comes before the wait ends the next one at once.
public final class Wakeup: Sendable {
  private struct State {
    var waiter = WaiterSlot()
    var isSignalled = false
  }
  private let state = Mutex(State())

  /// Nobody waits.
  public init() {}

  /// Waits for ``wake()``. One task at a time, on its loop's thread; it goes on there.
  public nonisolated(nonsending) func wait() async {
    unsafe await suspended { waiter in
      let isAwake = state.withLock { state in
        guard !state.isSignalled else {
          state.isSignalled = false
          return true
        }
        unsafe state.waiter.park(waiter)
        return false
      }
      if isAwake { unsafe waiter.resume() }
    }
  }

  /// Lets the task that waits go on, or the next one that would wait. Any thread.
  public func wake() {
    var woken = state.withLock { state in
      guard !state.waiter.isEmpty else {
        state.isSignalled = true
        return WaiterSlot()
      }
      defer { state.waiter = WaiterSlot() }
      return state.waiter
    }
    woken.wake()
  }
}
