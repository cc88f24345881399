// Owns: the operating system's thread under an event loop.
import Glibc

/// A thread that runs one closure; `join` waits for its end. Any thread may join, once.
@safe public final class EventLoopThread: Sendable {
  /// Stack of a worker thread. The rewrite engine's own stack limit stays well below it (rewrite-engine.md).
  public static let stackBytes = 4 << 20

  private final class Body {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }
  private let thread: pthread_t

  /// Starts the thread.
  public init(_ run: @escaping @Sendable () -> Void) {
    var attributes = pthread_attr_t()
    unsafe pthread_attr_init(&attributes)
    unsafe pthread_attr_setstacksize(&attributes, Self.stackBytes)
    var thread = pthread_t()
    let argument = unsafe Unmanaged.passRetained(Body(run)).toOpaque()
    let code = unsafe pthread_create(&thread, &attributes, { raw in
      guard let raw = unsafe raw else { return nil }
      unsafe Unmanaged<Body>.fromOpaque(raw).takeRetainedValue().run()
      return nil
    }, argument)
    precondition(code == 0, "the system gives no thread")
    unsafe pthread_attr_destroy(&attributes)
    self.thread = thread
  }

  /// Waits for the thread to end.
  public func join() { pthread_join(thread, nil) }
}

/// Isolation to a loop, for code that has no actor of its own there; see ``EventLoop/perform(_:)``.
public actor LoopIsolation {
  private let loop: EventLoop
  /// The loop.
  public nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

  fileprivate init(_ loop: EventLoop) { self.loop = loop }

  fileprivate func run<Value, Failure: Error>(
    _ body: @Sendable (isolated LoopIsolation) async throws(Failure) -> Value
  ) async -> Result<Value, Failure> {
    do throws(Failure) { return .success(try await body(self)) } catch { return .failure(error) }
  }
}

extension EventLoop {
  /// Runs something on this loop, isolated to it, so that what it waits for may be the loop's. Any thread.
  public func perform<Value: Sendable, Failure: Error>(
    _ body: @escaping @Sendable (isolated LoopIsolation) async throws(Failure) -> Value
  ) async throws(Failure) -> Value {
    let isolation = LoopIsolation(self)
    return try await Task(executorPreference: self) { await isolation.run(body) }.value.get()
  }
}
