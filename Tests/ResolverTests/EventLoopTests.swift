// The loop's own promises: deadlines, turns, and an end that leaves no task behind.
import Glibc
import Testing

@testable import Transport

/// Runs a body on a loop and thread of its own.
private func onALoop<Value: Sendable>(_ body: @escaping @Sendable (EventLoop) async throws -> Value) async throws -> Value {
  let loop = try EventLoop()
  let thread = loop.start()
  defer {
    loop.stop()
    thread.join()
  }
  return try await loop.perform { _ in try await body(loop) }
}

@Suite struct EventLoopTests {
  /// Bytes that came in time are in time, however late the loop gets round to them.
  @Test func aDeadlineThatIsSeenLateDoesNotFail() async throws {
    let failure = try await onALoop { loop in
      var ends: [Int32] = [0, 0]
      unsafe socketpair(AF_UNIX, SystemCalls.stream, 0, &ends)
      let socket = Socket(loop: loop, descriptor: ends[0]), other = ends[1]
      await loop.sleep(milliseconds: 5)   // the news of the new socket
      loop.schedule(afterMilliseconds: 1) {
        _ = unsafe write(other, [1], 1)
        usleep(200_000)   // a busy worker: the deadline passes before anybody looks
      }
      await socket.waitReadable(milliseconds: 50)
      let failure = socket.failure
      socket.close()
      close(other)
      return failure
    }
    #expect(failure == nil)
  }

  /// A busy task gives way to the sockets, not only to other tasks.
  @Test func aTaskThatYieldsLetsTheSocketsHaveTheirTurn() async throws {
    let turns = try await onALoop { loop in
      var ends: [Int32] = [0, 0]
      unsafe socketpair(AF_UNIX, SystemCalls.stream, 0, &ends)
      let socket = Socket(loop: loop, descriptor: ends[0]), other = ends[1]
      await loop.sleep(milliseconds: 5)
      _ = unsafe write(other, [1], 1)
      var turns = 0
      while !socket.isReadable && turns < 100_000 {
        await Task.yield()
        turns += 1
      }
      socket.close()
      close(other)
      return turns
    }
    #expect(turns == 1)
  }

  /// What a task does after it has stopped its loop is done.
  @Test func aStoppedLoopEndsItsTasks() async throws {
    let loop = try EventLoop()
    let thread = loop.start()
    await loop.perform { _ in
      loop.stop()
      for _ in 0..<5 { await Task.yield() }
    }
    thread.join()
  }
}
