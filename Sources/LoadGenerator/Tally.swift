// Owns: what one worker has counted. Confined to its worker's thread until the test is over; then a value that is handed over.
import Histogram
import Transport

/// Latencies in nanoseconds: three digits from 100 ns to an hour; more counts as an hour.
typealias Latencies = Histogram<UInt64>

extension Histogram where Count == UInt64 {
  /// An empty one.
  static var standard: Latencies { Latencies(lowestDiscernibleValue: 100, highestTrackableValue: 3_600_000_000_000, numberOfSignificantValueDigits: .three) }
  /// Takes a latency in.
  @inline(__always) mutating func take(_ nanoseconds: UInt64) { record(Swift.min(nanoseconds, 3_600_000_000_000)) }
}

/// What has been seen of one rule.
struct RuleTally: Sendable {
  var asked: UInt32 = 0, wrong: UInt32 = 0
  /// How often the request that it is for got its answer.
  var own: UInt32 = 0
  /// Of the requests that it is for, in nanoseconds.
  var fastest = UInt64.max, total: UInt64 = 0, timed: UInt32 = 0

  mutating func add(_ other: RuleTally) {
    asked += other.asked
    wrong += other.wrong
    own += other.own
    fastest = min(fastest, other.fastest)
    total += other.total
    timed += other.timed
  }
}

/// An answer that was not what it should have been.
public struct WrongAnswer: Sendable, Equatable {
  /// The rule it is about, its place in the plan's rules; nil for none.
  public var rule: Int?
  /// What was asked for.
  public var request: String
  /// What should have come, and what came.
  public var expected: String, got: String
}

/// What happened in a part of the time, for plots: its percentiles are those of a sample. (A histogram of hundreds of kilobytes for each part
/// would keep the worker from sending while it is added up.)
struct IntervalTally: Sendable {
  /// Latencies that are kept.
  static let sampleLimit = 4_096
  private(set) var sample: [UInt64] = []
  private(set) var maximum: UInt64 = 0
  var answers = 0, failures = 0
  private var seen: UInt64 = 0, random: UInt64 = 0x9e37_79b9_7f4a_7c15

  /// Takes a latency in: of all that come, each has the same chance to be kept (Vitter's algorithm R).
  mutating func take(_ nanoseconds: UInt64) {
    maximum = max(maximum, nanoseconds)
    seen += 1
    if sample.count < Self.sampleLimit { return sample.append(nanoseconds) }
    random ^= random << 13   // xorshift64 (Marsaglia)
    random ^= random >> 7
    random ^= random << 17
    let place = random.multipliedFullWidth(by: seen).high
    if place < UInt64(Self.sampleLimit) { sample[Int(place)] = nanoseconds }
  }

  mutating func add(_ other: IntervalTally) {
    sample += other.sample
    maximum = max(maximum, other.maximum)
    answers += other.answers
    failures += other.failures
  }

  /// Begins the next part.
  mutating func reset() {
    sample.removeAll(keepingCapacity: true)
    (maximum, answers, failures, seen) = (0, 0, 0, 0)
  }
}

/// What one worker has counted.
struct Tally: Sendable {
  /// From the time a request was due to its whole answer, or to when it was given up.
  var latencies = Latencies.standard
  /// How late requests were sent that had a connection waiting for them: the generator's own fault.
  var lateness = Latencies.standard
  /// The second target's.
  var otherLatencies = Latencies.standard
  /// By status.
  var statuses = [Int](repeating: 0, count: 600)
  /// By kind.
  var failures = [Int](repeating: 0, count: LoadFailure.Kind.allCases.count)
  var failureWords = [String](repeating: "", count: LoadFailure.Kind.allCases.count)
  var sent = 0, answered = 0, warmUp = 0
  /// Due before the end and not sent, as no connection was free.
  var unsent = 0
  var bytesReceived = 0, bytesSent = 0, contentBytes = 0
  /// Connections that were made, and requests that were sent again because theirs had been closed while it was idle.
  var connections = 0, resent = 0
  /// By number of redirects that were followed.
  var hops = [Int](repeating: 0, count: LoadOptions.hopsLimit + 1)
  var wrong = 0
  var wrongAnswers: [WrongAnswer] = []
  var rules: [RuleTally] = []
  /// Statuses that a log had otherwise, by "logged → now".
  var changedStatuses: [String: Int] = [:]
  var differences = Differences()
  /// When the last answer came.
  var end: UInt64 = 0

  mutating func add(_ other: Tally) {
    latencies.add(other.latencies)
    lateness.add(other.lateness)
    otherLatencies.add(other.otherLatencies)
    for index in statuses.indices { statuses[index] += other.statuses[index] }
    for index in failures.indices {
      failures[index] += other.failures[index]
      if failureWords[index].isEmpty { failureWords[index] = other.failureWords[index] }
    }
    sent += other.sent
    answered += other.answered
    warmUp += other.warmUp
    unsent += other.unsent
    bytesReceived += other.bytesReceived
    bytesSent += other.bytesSent
    contentBytes += other.contentBytes
    connections += other.connections
    resent += other.resent
    for index in hops.indices { hops[index] += other.hops[index] }
    wrong += other.wrong
    wrongAnswers = Array((wrongAnswers + other.wrongAnswers).prefix(LoadOptions.examplesLimit))
    if rules.isEmpty { rules = other.rules } else { for index in other.rules.indices { rules[index].add(other.rules[index]) } }
    changedStatuses.merge(other.changedStatuses, uniquingKeysWith: +)
    differences.add(other.differences)
    end = max(end, other.end)
  }

  mutating func note(_ wrongAnswer: @autoclosure () -> WrongAnswer) {
    wrong += 1
    if wrongAnswers.count < LoadOptions.examplesLimit { wrongAnswers.append(wrongAnswer()) }
  }
}
