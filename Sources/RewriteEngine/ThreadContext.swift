// The kill timer of one worker thread. Unsafe: holds a C pointer; see Sources/CQuickJS/limit.c for the mechanism.
import CQuickJS

/// What all isolates of one thread share: the timer that ends a run over its CPU limit.
///
/// Not Sendable: make it, use it and let it go on one thread. It owns a POSIX timer whose signal is `SIGRTMIN + 4`;
/// the signal also arrives when no run is over its limit, so system calls of that thread may give `EINTR`
/// (`epoll_wait` always does, others are restarted), at most once per CPU limit.
@safe public final class ThreadContext {
  /// Valid as long as this object, which frees it.
  let pointer: OpaquePointer

  /// Makes the calling thread's context. Nil: the system has no timer left (`RLIMIT_SIGPENDING`).
  public init?() {
    guard let pointer = unsafe sk_thread_create() else { return nil }
    unsafe self.pointer = pointer
  }

  /// The same for building `code`, with a reason.
  convenience init(for code: FunctionCode) throws(FunctionLoadError) {
    guard let pointer = unsafe sk_thread_create() else {
      throw FunctionLoadError(function: code.name, line: 0, column: 0, message: "the system has no timer left")
    }
    unsafe self.init(pointer)
  }

  private init(_ pointer: OpaquePointer) { unsafe self.pointer = pointer }

  deinit { unsafe sk_thread_destroy(pointer) }
}
