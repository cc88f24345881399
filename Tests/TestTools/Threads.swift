// Owns: the threads of tests that take long. Swift's pool has one thread a processor, and a test that waits in it for a socket, a child or
// a disk, or computes for seconds, keeps every test that awaits something from going on: those failed for times that their neighbours used.
import Foundation
public import Testing

/// Runs every job of a task on a fresh thread: dear for a server, just right for a test that blocks.
private final class ThreadPerJob: TaskExecutor {
  static let shared = ThreadPerJob()

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let executor = unsafe asUnownedTaskExecutor()
    startThread(stackSize: 8 << 20) { unsafe job.runSynchronously(on: executor) }
  }
}

/// A thread with a stack small enough to have hundreds of them.
public func startThread(stackSize: Int = 512 << 10, _ body: @escaping @Sendable () -> Void) {
  let thread = Thread(block: body)
  thread.stackSize = stackSize
  thread.start()
}

/// Lets so many in; the others wait in their order.
private actor Turnstile {
  private var free: Int
  private var waiting: [CheckedContinuation<Void, Never>] = []

  init(places: Int) { free = places }

  func enter() async {
    if free > 0 { free -= 1 } else { await withCheckedContinuation { waiting.append($0) } }
  }
  func leave() {
    if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
  }
}

/// Gives each test case of a suite a thread on which it may block, and compute.
public struct MayBlock: SuiteTrait, TestTrait, TestScoping {
  /// Where its turn is waited for.
  fileprivate var turnstile: Turnstile?
  public let isRecursive = true

  public func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
  ) async throws {
    await turnstile?.enter()
    let result: Result<Void, any Error>
    do { result = .success(try await withTaskExecutorPreference(ThreadPerJob.shared) { try await function() }) } catch { result = .failure(error) }
    await turnstile?.leave()
    try result.get()
  }
}

extension Trait where Self == MayBlock {
  /// A thread of its own.
  public static var mayBlock: Self { MayBlock() }
  /// A thread of its own when its turn has come, for what runs the program, an origin and often curl or Python beside it: all of them at
  /// once are thousands of threads, which prove nothing but patience. Eight at a time.
  public static var runsPrograms: Self { MayBlock(turnstile: programs) }
}
private let programs = Turnstile(places: 8)
