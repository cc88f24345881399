// Scenarios block on sockets, so each runs on a thread of its own instead of starving Swift's few pool threads.
import Foundation
import Testing

/// Runs every job of a task on a fresh thread: dear for a server, just right for a test that blocks.
final class ThreadPerJob: TaskExecutor {
  static let shared = ThreadPerJob()

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let executor = unsafe asUnownedTaskExecutor()
    startThread { unsafe job.runSynchronously(on: executor) }
  }
}

/// A thread with a stack small enough to have hundreds of them.
func startThread(_ body: @escaping @Sendable () -> Void) {
  let thread = Thread(block: body)
  thread.stackSize = 512 * 1024
  thread.start()
}

/// Gives each test case of a suite a thread on which it may block.
struct MayBlock: SuiteTrait, TestTrait, TestScoping {
  let isRecursive = true

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
  ) async throws {
    try await withTaskExecutorPreference(ThreadPerJob.shared) { try await function() }
  }
}

extension Trait where Self == MayBlock {
  static var mayBlock: Self { MayBlock() }
}
