// Owns: what is counted of one function of the tier, and the numbers shown of all. Rule of the lock: held for a few additions.
import Synchronization

/// How an invocation ended, for counting.
public enum InvocationResult: Int, CaseIterable, Sendable {
  case succeeded, unhandled, timedOut, outOfMemory, exited, initialization, protocolViolation, tooLarge, throttled, disabled, notStarted

  /// The word in metrics.
  public var word: StaticString {
    switch self {
    case .succeeded: "succeeded"
    case .unhandled: "unhandled_error"
    case .timedOut: "timed_out"
    case .outOfMemory: "out_of_memory"
    case .exited: "exited"
    case .initialization: "initialization_error"
    case .protocolViolation: "protocol_error"
    case .tooLarge: "response_too_large"
    case .throttled: "throttled"
    case .disabled: "disabled"
    case .notStarted: "not_started"
    }
  }

  init(_ outcome: InvocationOutcome) {
    guard case .failed(let failure, _) = outcome else {
      self = .succeeded
      return
    }
    self = switch failure.kind {
    case .unhandled: .unhandled
    case .timedOut: .timedOut
    case .outOfMemory: .outOfMemory
    case .exited: .exited
    case .initialization: .initialization
    case .protocolViolation: .protocolViolation
    case .tooLarge: .tooLarge
    case .throttled: .throttled
    case .disabled: .disabled
    case .notStarted: .notStarted
    }
  }
}

/// The numbers of one function. Any thread.
public final class FunctionTally: Sendable {
  /// The numbers of one moment.
  public struct Numbers: Sendable {
    /// Invocations by ``InvocationResult``.
    public var results = [UInt64](repeating: 0, count: InvocationResult.allCases.count)
    /// Sums over invocations that were begun, in microseconds.
    public var durationMicroseconds: UInt64 = 0
    /// How many of them were begun.
    public var begun: UInt64 = 0
    /// Environments that loaded the function, and how long they took in sum, in microseconds.
    public var initializations: UInt64 = 0, initMicroseconds: UInt64 = 0
    /// Invocations that were their environment's first.
    public var coldStarts: UInt64 = 0
    /// The most memory an environment of it has used, in bytes.
    public var peakBytes: UInt64 = 0
    /// Invocations that run or wait now, and the most there have been.
    public var concurrent = 0, mostConcurrent = 0
    /// Environments that are loaded now, of all its versions.
    public var environments = 0
    /// Environments that are to be kept always, of all versions that serve; and those of them that are up, counted once a second.
    public var provisioned = 0, provisionedReady = 0
    /// Bytes of output that were not kept.
    public var droppedOutputBytes: UInt64 = 0
  }

  /// The function's name.
  public let function: String
  private let numbers = Mutex(Numbers())

  init(function: String) { self.function = function }

  /// The numbers so far.
  public var current: Numbers { numbers.withLock { $0 } }

  func change(_ body: (inout Numbers) -> Void) { numbers.withLock { body(&$0) } }

  func count(_ outcome: InvocationOutcome) { change { $0.results[InvocationResult(outcome).rawValue] += 1 } }
}
