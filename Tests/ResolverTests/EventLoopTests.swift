// The loop's own promises: deadlines, turns, and an end that leaves no task behind.
import Glibc
import Synchronization
import TestTools
import Testing

@testable import Transport

/// What tasks of one loop have seen; that loop's thread only.
private final class Seen: @unchecked Sendable {
  var turns: [(Int, UInt64)] = []
}

@Suite struct EventLoopTests {
  /// Runs a body on a loop that the system refuses to watch descriptors from some time on.
  private static func onARefusingLoop<Value: Sendable>(_ body: @escaping @Sendable (EventLoop, Refusal) async throws -> Value) async throws -> Value {
    let refusal = Refusal()
    let loop = try EventLoop {
      guard refusal.left.load(ordering: .relaxed) > 0 else { return 0 }
      refusal.left.subtract(1, ordering: .relaxed)
      return ENOSPC
    }
    loop.refused = { code in refusal.codes.withLock { $0.append(code) } }
    let thread = loop.start()
    defer {
      loop.stop()
      thread.join()
    }
    return try await loop.perform { _ in try await body(loop, refusal) }
  }
  private final class Refusal: Sendable {
    let left = Atomic(0), codes = Mutex<[Int32]>([])
  }

  /// A connection that the system does not watch would wait for ever: it is broken off, for both ends.
  @Test func aConnectionThatIsNotWatchedIsBrokenOff() async throws {
    let (failure, end, codes) = try await Self.onARefusingLoop { loop, refusal in
      var ends: [Int32] = [0, 0]
      unsafe socketpair(AF_UNIX, SystemCalls.stream, 0, &ends)
      refusal.left.store(1, ordering: .relaxed)
      let socket = Socket(loop: loop, descriptor: ends[0]), other = ends[1]
      await socket.waitReadable(milliseconds: 10_000)
      defer {
        socket.close()
        close(other)
      }
      var byte: UInt8 = 0
      return (socket.failure, unsafe recv(other, &byte, 1, Int32(MSG_DONTWAIT)), refusal.codes.withLock { $0 })
    }
    #expect(failure == nil && end == 0 && codes == [ENOSPC])
  }

  /// A handler that is gone before the loop has looked after it is not taken for the one that has its descriptor, and perhaps its place in memory, now.
  @Test func aHandlerThatIsGoneIsNotItsSuccessor() async throws {
    let codes = try await Self.onARefusingLoop { loop, refusal in
      for _ in 0..<64 {
        var ends: [Int32] = [0, 0]
        unsafe pipe(&ends)
        refusal.left.store(1, ordering: .relaxed)
        var watch: DescriptorWatch? = DescriptorWatch(loop: loop, descriptor: ends[0]) { _ in }
        watch?.end()
        watch = nil
        watch = DescriptorWatch(loop: loop, descriptor: ends[0]) { _ in }
        await loop.sleep(milliseconds: 1)
        watch?.end()
        for descriptor in ends { close(descriptor) }
      }
      return refusal.codes.withLock { $0 }
    }
    #expect(codes == [])
  }

  /// What is no connection is watched as soon as the system lets it be.
  @Test func whatIsNoConnectionIsTriedAgain() async throws {
    let codes = try await Self.onARefusingLoop { loop, refusal in
      var ends: [Int32] = [0, 0]
      unsafe pipe(&ends)
      refusal.left.store(2, ordering: .relaxed)
      _ = unsafe write(ends[1], [1], 1)
      unsafe await withUnsafeContinuation { waiter in
        var watch: DescriptorWatch?
        watch = DescriptorWatch(loop: loop, descriptor: ends[0]) { _ in
          watch?.end()
          watch = nil
          unsafe waiter.resume()
        }
      }
      for descriptor in ends { close(descriptor) }
      return refusal.codes.withLock { $0 }
    }
    #expect(codes == [ENOSPC, ENOSPC])
  }

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
