// Owns: what is known of a load test while it runs: the workers hand in each part of the time when it is over, a person's terminal reads it. One
// lock, held for the length of sorting a sample.
import Synchronization

/// Watches a load test, and may end it. Any thread.
public final class LoadMonitor: Sendable {
  /// What happened in a part of the time.
  public struct Interval: Sendable, Equatable {
    /// Requests that were answered, and that were not.
    public var answers = 0, failures = 0
    /// Latencies in nanoseconds; 0 without answers.
    public var p50: UInt64 = 0, p99: UInt64 = 0, maximum: UInt64 = 0
  }

  private struct State {
    var whole: [Interval] = []
    var open: [Int: (tally: IntervalTally, workers: Int)] = [:]
    var answers = 0, failures = 0
    var latest = Interval()
  }
  private let state = Mutex(State())
  private let stopping = Atomic<Bool>(false)

  /// Nothing has happened.
  public init() {}

  /// Ends the test early; what was measured until then is reported.
  public func stop() { stopping.store(true, ordering: .relaxed) }
  /// Whether the test is to end.
  public var isStopped: Bool { stopping.load(ordering: .relaxed) }

  /// A part of the time is over for a worker.
  func take(_ tally: IntervalTally, of interval: Int, workers: Int) {
    state.withLock { state in
      state.answers += tally.answers
      state.failures += tally.failures
      var sum = state.open[interval] ?? (IntervalTally(), 0)
      sum.tally.add(tally)
      sum.workers += 1
      guard sum.workers == workers else { return state.open[interval] = sum }
      state.open[interval] = nil
      let whole = Interval(sum.tally)
      while state.whole.count <= interval { state.whole.append(Interval()) }
      state.whole[interval] = whole
      state.latest = whole
    }
  }

  /// Answers and failures so far, and the last part of the time that is over.
  public var now: (answers: Int, failures: Int, latest: Interval) { state.withLock { ($0.answers, $0.failures, $0.latest) } }
  /// Every part of the time, those that not all workers have handed in included.
  var intervals: [Interval] {
    state.withLock { state in
      var all = state.whole
      for (index, part) in state.open {
        while all.count <= index { all.append(Interval()) }
        all[index] = Interval(part.tally)
      }
      return all
    }
  }
}

extension LoadMonitor.Interval {
  init(_ tally: IntervalTally) {
    answers = tally.answers
    failures = tally.failures
    guard !tally.sample.isEmpty else { return }
    let sorted = tally.sample.sorted()
    p50 = sorted[(sorted.count - 1) / 2]
    p99 = sorted[(sorted.count - 1) * 99 / 100]
    maximum = tally.maximum
  }
}
