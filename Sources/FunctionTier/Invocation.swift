// What goes into one invocation of a function of the tier, and what comes out of it. Pure values; any thread.
// Source: spec/lambda-at-edge.md, 8–10; the words of errors and reasons are Lambda's.
import Glibc
import Synchronization

/// One invocation.
public struct Invocation: Sendable {
  /// The event: JSON, as the handler shall get it.
  public var payload: [UInt8]
  /// AwsRequestId: a UUID in its 36 characters.
  public var requestID: String
  /// The client context of Lambda's Invoke API: a JSON object; empty for none.
  public var clientContext: [UInt8]
  /// What keeps a caller at one version of an alias with weights: equal keys have equal versions. Empty for a choice at random.
  public var stickyKey: [UInt8]
  /// How many bytes of the end of this invocation's log lines are wanted back. Default 0.
  public var logTailBytes: Int

  /// An invocation.
  public init(
    payload: [UInt8], requestID: String = Invocation.newRequestID(), clientContext: [UInt8] = [], stickyKey: [UInt8] = [], logTailBytes: Int = 0
  ) {
    self.payload = payload
    self.requestID = requestID
    self.clientContext = clientContext
    self.stickyKey = stickyKey
    self.logTailBytes = logTailBytes
  }

  /// What is known of it before it begins by nobody whom it is given to.
  var mark: UInt32 { requestID.utf8.span.hashIgnoringCase }

  /// The largest event and the largest result, in bytes: Lambda's limit of a synchronous invocation. A larger event is refused with
  /// ``InvocationFailure/Kind/tooLarge``, a larger result with `Function.ResponseSizeTooLarge`.
  public static let payloadLimitBytes = 6 << 20

  /// A random UUID (RFC 9562, version 4) in lower case.
  public static func newRequestID() -> String {
    let random = Entropy.twoWords()
    let high = random.0 & 0xFFFF_FFFF_FFFF_0FFF | 0x4000, low = random.1 & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    return unsafe String(unsafeUninitializedCapacity: 36) { bytes in
      var place = 0
      for nibble in 0..<32 {
        if nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20 {
          unsafe bytes[place] = UInt8(ascii: "-")
          place += 1
        }
        let value = UInt8(truncatingIfNeeded: (nibble < 16 ? high : low) >> UInt64(60 - nibble % 16 * 4) & 15)
        unsafe bytes[place] = value < 10 ? 48 + value : 87 + value
        place += 1
      }
      return 36
    }
  }
}

/// Random numbers for request ids: one system call for sixteen of them.
private enum Entropy {
  private static let spare = Mutex<[UInt64]>([])

  /// Two that nobody else gets. Any thread.
  static func twoWords() -> (UInt64, UInt64) {
    spare.withLock { words in
      if words.count < 2 {
        var fresh = SIMD32<UInt64>()
        _ = unsafe getentropy(&fresh, MemoryLayout.size(ofValue: fresh))
        words.removeAll(keepingCapacity: true)
        for place in fresh.indices { words.append(fresh[place]) }
      }
      return (words.removeLast(), words.removeLast())
    }
  }
}

/// How an invocation ended. An invocation always ends, and never throws.
public enum InvocationOutcome: Sendable {
  /// The handler's result: JSON as the runtime wrote it, not looked at here.
  case result([UInt8], InvocationReport)
  /// There is no result.
  case failed(InvocationFailure, InvocationReport)

  /// What it took.
  public var report: InvocationReport {
    switch self {
    case .result(_, let report), .failed(_, let report): report
    }
  }
}

/// Why an invocation has no result.
public struct InvocationFailure: Error, Sendable, Equatable {
  /// Where the fault lies.
  public enum Kind: Sendable, Equatable {
    /// The handler threw, or its promise was rejected.
    case unhandled
    /// It took longer than its timeout. The environment is gone.
    case timedOut
    /// It used more memory than it has. The environment is gone.
    case outOfMemory
    /// Its process ended. The environment is gone.
    case exited
    /// Its code could not be loaded: a syntax error, a missing handler, a failure or timeout of its top-level code.
    case initialization
    /// The runtime did not keep to the protocol: the function wrote to its descriptor. The environment is gone.
    case protocolViolation
    /// The result is larger than ``Invocation/payloadLimitBytes``.
    case tooLarge
    /// As many invocations as may run already, for this reason.
    case throttled(ThrottleReason)
    /// The function's reserved concurrency is 0.
    case disabled
    /// It was not begun: there is no such version, no sandbox to run it in, or the proxy ends.
    case notStarted
  }

  /// Where the fault lies.
  public var kind: Kind
  /// Lambda's `errorType`: the class of what was thrown, or `Runtime.…`, `Sandbox.…`.
  public var errorType: String
  /// The `errorType` when there is no such version or alias, or no such function.
  public static let notFoundType = "ResourceNotFoundException"
  /// The `errorType` of a result that is longer than ``Invocation/payloadLimitBytes``: bootstraps do not send it.
  static let tooLargeType = "Function.ResponseSizeTooLarge"
  /// The `errorType` of what a runtime reports without saying what it is.
  static let unknownType = "Runtime.Unknown"
  /// The `errorType` of a program that cannot be run.
  static let invalidEntrypointType = "Runtime.InvalidEntrypoint"
  /// The `errorType` of what took too long, an invocation or loading.
  static let timedOutType = "Sandbox.Timedout"
  /// Lambda's `errorMessage`.
  public var errorMessage: String
  /// The stack's lines, if any; what the function says of itself.
  public var trace: [String]
  /// What the runtime calls them: `trace`, or Python's `stackTrace`.
  public var traceName = "trace"

  /// A failure.
  public init(_ kind: Kind, errorType: String, errorMessage: String, trace: [String] = []) {
    self.kind = kind
    self.errorType = errorType
    self.errorMessage = errorMessage
    self.trace = trace
  }
}

/// Why an invocation was throttled; the raw value is Lambda's `Reason`.
public enum ThrottleReason: String, Sendable {
  /// The function's reserved concurrency is in use.
  case reserved = "ReservedFunctionConcurrentInvocationLimitExceeded"
  /// The concurrency of all functions together is in use.
  case account = "ConcurrentInvocationLimitExceeded"
}

/// What one invocation took: the REPORT line's numbers.
public struct InvocationReport: Sendable, Equatable {
  /// AwsRequestId.
  public var requestID = ""
  /// `$LATEST` or a number.
  public var version = "$LATEST"
  /// From the moment the handler had the event to its result, in microseconds.
  public var durationMicroseconds: Int64 = 0
  /// The duration, and that of INIT when it was part of this, in whole milliseconds, rounded up.
  public var billedMilliseconds = 0
  /// What the function may use.
  public var memorySizeMB = 0
  /// The most the environment has used so far; 0 when nobody knows.
  public var maxMemoryUsedMB = 0
  /// How long INIT took, when this invocation was its environment's first, in microseconds.
  public var initMicroseconds: Int64?
  /// The end of the log lines, when asked for: at most ``Invocation/logTailBytes``.
  public var logTail: [UInt8] = []

  /// The lines of ``logTail`` that the function wrote: without START, END, REPORT and INIT_REPORT.
  public var functionLines: [String] {
    let words = ["START RequestId: ", "END RequestId: ", "REPORT RequestId: ", "INIT_REPORT Init Duration: "]
    return String(decoding: logTail, as: UTF8.self).split(separator: "\n").map(String.init).filter { line in !words.contains { line.hasPrefix($0) } }
  }

  /// Whether the environment was made for this invocation.
  public var isColdStart: Bool { initMicroseconds != nil }

  /// ``durationMicroseconds`` as a duration. Off the hot path, as the next: a Duration's parts are divisions of 128 bits.
  public var duration: Duration {
    get { .microseconds(durationMicroseconds) }
    set { durationMicroseconds = newValue.microseconds }
  }
  /// ``initMicroseconds`` as a duration.
  public var initDuration: Duration? {
    get { initMicroseconds.map { .microseconds($0) } }
    set { initMicroseconds = newValue?.microseconds }
  }

  /// Nothing yet.
  public init() {}
}
