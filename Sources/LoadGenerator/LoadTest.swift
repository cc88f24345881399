// Owns: a load test from its beginning to its end: the workers' threads and loops, the one moment at which all begin, and their sums.
import Glibc
import CSystem  // after Glibc: see csystem.c
import HTTPWire
import Synchronization
import Transport

/// A load test.
public struct LoadTest: Sendable {
  private let options: LoadOptions
  private let plan: LoadPlan
  private let monitor: LoadMonitor

  /// - Parameters:
  ///   - plan: what is asked, more than nothing.
  ///   - monitor: sees it run, and may end it.
  public init(_ options: LoadOptions, _ plan: LoadPlan, _ monitor: LoadMonitor) {
    self.options = options
    self.plan = plan
    self.monitor = monitor
  }

  /// Runs it. Any thread but a loop's; returns when the last answer has come or was given up.
  /// - Throws: ``LoadProblem`` when it cannot begin: a name without address, a target that is somebody else's, no connection.
  public func run() async throws(LoadProblem) -> LoadReport {
    Descriptors.prepare()
    guard plan.count > 0 else { throw LoadProblem("there is nothing to ask for") }
    let workers = max(1, min(options.workers, options.connections))
    var seats: [Seat] = []
    defer { for seat in seats { seat.end() } }
    for _ in 0..<workers {
      do throws(IOFailure) { seats.append(try Seat()) } catch { throw LoadProblem("the system has no descriptor left") }
    }
    let targets = [options.target] + (options.other.map { [$0] } ?? [])
    let addresses = try await look(up: targets, on: seats[0].loop)
    for (number, seat) in seats.enumerated() {
      let (options, plan, monitor) = (options, plan, monitor)
      try await seat.prepare { loop throws(LoadProblem) in
        var sides: [TargetSide] = []
        for (target, addresses) in zip(targets, addresses) { sides.append(try TargetSide(target, addresses, loop, options)) }
        return try LoadWorker(number: number, of: workers, options, plan, monitor, sides, loop)
      }
    }
    let usage = CPUUsage.now
    let line = StartLine(workers: workers)
    var tally = Tally()
    await withTaskGroup(of: Tally.self) { group in
      for seat in seats { group.addTask { await seat.run(from: line) } }
      for await part in group { tally.add(part) }
    }
    let used = CPUUsage.now.since(usage)
    return LoadReport(options, plan, tally, monitor.intervals, workers: workers, start: line.start, cpu: used)
  }

  private func look(up targets: [LoadTarget], on loop: EventLoop) async throws(LoadProblem) -> [[SocketAddress]] {
    var all: [[SocketAddress]] = []
    for target in targets {
      let found = try await loop.perform { _ throws(LoadProblem) in try await target.addresses(on: loop) }
      if !options.ownsTarget, let stranger = LoadTarget.stranger(among: found) {
        throw LoadProblem("\(target.host) (\(stranger.host)) is neither this machine nor a private address; --yes-i-own-this says that it may be loaded")
      }
      all.append(found)
    }
    return all
  }
}

/// Where workers wait until all of them are there: their threads may have waited for a processor until then, which is nobody's latency.
private final class StartLine: Sendable {
  private struct State {
    var missing: Int
    var start: UInt64 = 0
    var waiting: [Wakeup] = []
  }
  private let state: Mutex<State>
  /// From the last worker's arrival to the first request.
  private static let leadNanoseconds: UInt64 = 1_000_000

  init(workers: Int) { state = Mutex(State(missing: workers)) }

  /// The moment at which all begin, once there is one.
  var start: UInt64 { state.withLock { $0.start } }

  /// A worker is ready; on its own thread.
  nonisolated(nonsending) func arrive() async -> UInt64 {
    let own = Wakeup()
    let waiting = state.withLock { state in
      state.missing -= 1
      state.waiting.append(own)
      if state.missing == 0 { state.start = MonotonicClock.nanoseconds + Self.leadNanoseconds }
      return state.missing == 0 ? state.waiting : []
    }
    for wakeup in waiting { wakeup.wake() }
    await own.wait()
    return start
  }
}

/// CPU time of the whole process.
struct CPUUsage: Sendable {
  var user = 0.0, system = 0.0

  static var now: CPUUsage {
    var usage = rusage()
    unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    return CPUUsage(user: seconds(usage.ru_utime), system: seconds(usage.ru_stime))
  }

  func since(_ earlier: CPUUsage) -> CPUUsage { CPUUsage(user: user - earlier.user, system: system - earlier.system) }
}

/// A worker's thread.
private final class Seat: Sendable {
  let loop: EventLoop
  private let thread: EventLoopThread
  private let isolation: LoadIsolation

  init() throws(IOFailure) {
    loop = try EventLoop()
    thread = loop.start(name: "bench")
    isolation = LoadIsolation(loop)
  }

  /// Makes the worker and its connections.
  func prepare(_ make: @escaping @Sendable (EventLoop) throws(LoadProblem) -> LoadWorker) async throws(LoadProblem) {
    let (loop, isolation) = (loop, isolation)
    try await Task(executorPreference: loop) { await isolation.prepare(make) }.value.get()
  }
  /// The whole test.
  func run(from line: StartLine) async -> Tally {
    let isolation = isolation
    return await Task(executorPreference: loop) { await isolation.run(from: line) }.value
  }
  func end() {
    loop.stop()
    thread.join()
  }
}

/// The isolation of a worker: its executor is the loop.
private actor LoadIsolation {
  private let loop: EventLoop
  private var worker: LoadWorker?
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

  init(_ loop: EventLoop) { self.loop = loop }

  func prepare(_ make: @Sendable (EventLoop) throws(LoadProblem) -> LoadWorker) async -> Result<Void, LoadProblem> {
    _ = FieldName("date".utf8.span)   // the table of names is made when the first is read: no answer's latency
    do throws(LoadProblem) {
      let worker = try make(loop)
      self.worker = worker
      for slot in worker.slots {
        for channel in slot.channels {
          do throws(LoadFailure) { try await channel.prepare() } catch { throw LoadProblem("\(worker.options.target.authority) cannot be reached: \(error.text)", isTargets: true) }
        }
      }
      return .success(())
    } catch { return .failure(error) }
  }

  func run(from line: StartLine) async -> Tally {
    guard let worker else { return Tally() }
    await worker.wait(until: await line.arrive())
    for index in worker.slots.indices { Task(executorPreference: loop) { await self.serve(index) } }
    await worker.finish()
    self.worker = nil
    return worker.tally
  }

  private func serve(_ slot: Int) async {
    guard let worker else { return }
    await worker.serve(worker.slots[slot])
  }
}
