// The bound on an origin's requests: first come, first served, across workers; nobody is forgotten and no place is lost.
@testable import Origins
import Distribution
import Synchronization
import Testing
import Transport

/// What the tasks of a test have seen.
private final class Seen: Sendable {
  let order = Mutex<[Int]>([])
  let inside = Atomic<Int>(0), most = Atomic<Int>(0), entered = Atomic<Int>(0)
}

@Suite struct RequestGateTests {
  private func bound(_ requests: Int, queue: Int = 100, timeout: Duration = .seconds(600)) -> RequestBound {
    var bound = RequestBound(requests: requests)
    bound.queueLength = queue
    bound.queueTimeout = timeout
    return bound
  }

  @Test func firstComeFirstServed() async throws {
    let loop = try EventLoop(), thread = loop.start(), gate = RequestGate(bound(1)), seen = Seen()
    defer {
      loop.stop()
      thread.join()
    }
    let first = await loop.perform { _ in await gate.enter(on: loop) }
    #expect(first == .entered)
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<20 {
        group.addTask {
          await loop.perform { _ in
            let entry = await gate.enter(on: loop)
            #expect(entry == .entered)
            seen.order.withLock { $0.append(number) }
            gate.leave()
          }
        }
        while gate.numbers.waiting < number + 1 { await Task.yield() }
      }
      gate.leave()
    }
    #expect(seen.order.withLock { $0 } == Array(0..<20))
    #expect(gate.numbers == (0, 0))
  }

  @Test func fullAndLate() async throws {
    let loop = try EventLoop(), thread = loop.start(), gate = RequestGate(bound(1, queue: 1, timeout: .milliseconds(50)))
    defer {
      loop.stop()
      thread.join()
    }
    let entries = await loop.perform { _ in [await gate.enter(on: loop), await gate.enter(on: loop)] }
    #expect(entries == [.entered, .late] && gate.numbers == (1, 0))
    gate.adopt(bound(1, queue: 0))
    let refused = await loop.perform { _ in await gate.enter(on: loop) }
    #expect(refused == .full)
    gate.leave()
    #expect(gate.numbers == (0, 0))
  }

  /// Several loops at once: never more in flight than may be, and everyone comes in.
  @Test func workersShareIt() async throws {
    let loops = try (0..<3).map { _ in try EventLoop() }, threads = loops.map { $0.start() }
    defer {
      for loop in loops { loop.stop() }
      for thread in threads { thread.join() }
    }
    let gate = RequestGate(bound(4)), seen = Seen()
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<90 {
        let loop = loops[number % 3]
        group.addTask {
          await loop.perform { _ in
            for _ in 0..<20 {
              guard await gate.enter(on: loop) == .entered else { continue }
              seen.most.max(seen.inside.wrappingAdd(1, ordering: .relaxed).newValue, ordering: .relaxed)
              await Task.yield()
              seen.inside.wrappingSubtract(1, ordering: .relaxed)
              seen.entered.wrappingAdd(1, ordering: .relaxed)
              gate.leave()
            }
          }
        }
      }
    }
    #expect(seen.most.load(ordering: .relaxed) == 4 && seen.entered.load(ordering: .relaxed) == 1800 && gate.numbers == (0, 0))
  }

  /// More room lets the next ones in at once; less room holds the next ones back.
  @Test func theBoundMayChange() async throws {
    let loop = try EventLoop(), thread = loop.start(), gate = RequestGate(bound(1)), seen = Seen()
    defer {
      loop.stop()
      thread.join()
    }
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask {
          await loop.perform { _ in
            #expect(await gate.enter(on: loop) == .entered)
            seen.entered.wrappingAdd(1, ordering: .relaxed)
          }
        }
      }
      while gate.numbers != (1, 3) { await Task.yield() }
      gate.adopt(bound(3))
      while seen.entered.load(ordering: .relaxed) != 3 { await Task.yield() }
      #expect(gate.numbers == (3, 1))
      gate.adopt(bound(1))
      for left in [2, 1] {
        gate.leave()
        #expect(gate.numbers == (left, 1))
      }
      gate.leave()
    }
    #expect(seen.entered.load(ordering: .relaxed) == 4 && gate.numbers == (1, 0))
  }
}
