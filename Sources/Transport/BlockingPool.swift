// Owns: a few threads for what would block a worker (file I/O), and the bounded queue in front of them. Results return to the caller's
// executor: a worker's task goes on where it was, through its loop's inbox.
// Rule of the lock: `state` guards the queue; it is held for a few moves only, never while a job runs.
import Glibc
import CSystem
import Synchronization

/// Why a job was not run.
public enum BlockingPoolFailure: Error, Equatable, Sendable {
  /// As many jobs wait as may; the request is answered with 503.
  case queueFull
  /// The pool has been stopped.
  case stopped
}

/// Threads that may block. Any thread may call any method.
public final class BlockingPool: Sendable {
  /// Limits.
  public struct Configuration: Sendable {
    /// Threads. Default 4.
    public var threads = 4
    /// Jobs that may wait for a thread; beyond, `queueFull`. Default 256.
    public var queueLimit = 256
    public init() {}
  }

  private struct State {
    var queue: [@Sendable () -> Void] = []
    var isStopped = false
  }

  private let configuration: Configuration
  private let state = Mutex(State())
  /// Counts jobs: every raise wakes one thread (EFD_SEMAPHORE).
  private let work: Int32
  private let threads = Mutex<[EventLoopThread]>([])

  /// Starts the threads.
  /// - Throws: ``IOFailure`` when the kernel gives no descriptor.
  public init(configuration: Configuration = Configuration()) throws(IOFailure) {
    self.configuration = configuration
    work = eventfd(0, Int32(EFD_CLOEXEC | EFD_SEMAPHORE))
    guard work >= 0 else { throw .system(errno) }
    for _ in 0..<max(configuration.threads, 1) {
      let thread = EventLoopThread { self.serve() }
      threads.withLock { $0.append(thread) }
    }
  }

  /// How many jobs wait for a thread.
  public var waiting: Int { state.withLock { $0.queue.count } }

  /// Runs a job on one of the threads and returns its result to the caller's executor.
  public nonisolated(nonsending) func run<Value: Sendable>(_ job: @escaping @Sendable () -> Value) async throws(BlockingPoolFailure) -> Value {
    let result: Result<Value, BlockingPoolFailure> = unsafe await suspended { waiter in
      let refusal = submit { unsafe waiter.resume(returning: .success(job())) }
      if let refusal { unsafe waiter.resume(returning: .failure(refusal)) }
    }
    return try result.get()
  }

  /// Has a job run on one of the threads, with nobody waiting for it.
  /// - Returns: why not; nil when it will be run.
  public func submit(_ job: @escaping @Sendable () -> Void) -> BlockingPoolFailure? {
    let refusal: BlockingPoolFailure? = state.withLock { state in
      if state.isStopped { return .stopped }
      if state.queue.count >= configuration.queueLimit { return .queueFull }
      state.queue.append(job)
      return nil
    }
    if refusal == nil { _ = eventfd_write(work, 1) }
    return refusal
  }

  private func serve() {
    while true {
      var value: eventfd_t = 0
      // The only way to fail is an interrupting signal.
      guard unsafe eventfd_read(work, &value) == 0 else { continue }
      let (job, isStopped) = state.withLock { state in
        (state.queue.isEmpty ? nil : state.queue.removeFirst(), state.isStopped)
      }
      if let job { job() } else if isStopped { return }
    }
  }

  /// Runs what waits, then ends the threads and waits for them. Jobs that come later are refused. Call once.
  public func stop() {
    state.withLock { $0.isStopped = true }
    let ending = threads.withLock { threads in
      defer { threads = [] }
      return threads
    }
    _ = eventfd_write(work, eventfd_t(ending.count))
    for thread in ending { thread.join() }
  }

  deinit { close(work) }
}
