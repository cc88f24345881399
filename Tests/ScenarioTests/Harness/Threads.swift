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

/// Lets so many in; the others wait in their order. Each scenario runs the program, an origin and often curl or Python beside it: all of
/// them at once are thousands of threads, which prove nothing but patience.
actor Turnstile {
  static let scenarios = Turnstile(places: 8)
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

/// Gives each test case of a suite a thread on which it may block, when its turn has come.
struct MayBlock: SuiteTrait, TestTrait, TestScoping {
  let isRecursive = true

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
  ) async throws {
    await Turnstile.scenarios.enter()
    let result: Result<Void, any Error>
    do { result = .success(try await withTaskExecutorPreference(ThreadPerJob.shared) { try await function() }) } catch { result = .failure(error) }
    await Turnstile.scenarios.leave()
    try result.get()
  }
}

extension Trait where Self == MayBlock {
  static var mayBlock: Self { MayBlock() }
}
