// The loop's own promises: deadlines, turns, and an end that leaves no task behind.
import Glibc
import TestTools
import Testing

@testable import Transport

/// What tasks of one loop have seen; that loop's thread only.
private final class Seen: @unchecked Sendable {
  var turns: [(Int, UInt64)] = []
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

  /// Who queues for a turn goes on in the order of coming, one in each turn.
  @Test func queuedTasksGoOnOneATurn() async throws {
    let order = try await onALoop { loop in
      let seen = Seen()
      let tasks = (0..<5).map { number in
        Task(executorPreference: loop) {
          await loop.perform { _ in
            await loop.queueForTurn()
            seen.turns.append((number, loop.turn))
          }
        }
      }
      for task in tasks { await task.value }
      return seen.turns.map { ($0.0, $0.1 - seen.turns[0].1) }
    }
    #expect(order.map(\.0) == [0, 1, 2, 3, 4])
    #expect(zip(order, order.dropFirst()).allSatisfy { $0.1 < $1.1 })
  }

  /// The queue gives its places back although it never empties.
  @Test func aQueueThatNeverEmptiesStaysShort() async throws {
    let left = try await onALoop { loop in
      let tasks = (0..<3).map { _ in
        Task(executorPreference: loop) {
          await loop.perform { _ in for _ in 0..<EventLoop.queuePlacesKept { await loop.queueForTurn() } }
        }
      }
      for task in tasks { await task.value }
      return loop.queuedTasks
    }
    #expect(left == 0)
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
