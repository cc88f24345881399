// What one run of a function came to, and the counts of many. Plain values.
import CQuickJS

/// The event that runs a function (spec/cloudfront-functions.md section 1).
public enum FunctionEvent: Sendable { case viewerRequest, viewerResponse }

/// One step of writing a function's header changes back.
public enum HeaderEdit: Sendable { case removal, addition }

/// What a function decided.
public enum FunctionOutcome: Sendable {
  /// Go on with the request, changed as told.
  case request
  /// Viewer request: answer this. Viewer response: the response, changed as told.
  case response
  /// The function failed: 503, `FunctionExecutionError` (spec section 5).
  case executionError
  /// It returned what it may not: 502, `FunctionValidationError` (spec section 5).
  case validationError
}

/// Why a run failed.
public enum FunctionFailure: Sendable {
  /// An exception left the handler, or its promise was rejected.
  case exception
  /// Over `Limits.cpuNanoseconds`.
  case cpuLimit
  /// Over `Limits.memoryBytes`.
  case memoryLimit
  /// The handler's promise can never settle, or took too many steps.
  case pendingPromise
  /// The returned value is not allowed.
  case invalidResult
  /// The isolate was used on a thread that is not its own: a mistake of the caller's.
  case wrongThread

  init?(_ failure: sk_failure) {
    switch failure {
    case SK_FAILURE_EXCEPTION: self = .exception
    case SK_FAILURE_CPU_LIMIT: self = .cpuLimit
    case SK_FAILURE_MEMORY_LIMIT: self = .memoryLimit
    case SK_FAILURE_PENDING: self = .pendingPromise
    case SK_FAILURE_INVALID: self = .invalidResult
    case SK_FAILURE_WRONG_THREAD: self = .wrongThread
    default: return nil
    }
  }
}

/// The short answer of one run; texts are read from the isolate until `finish()`.
public struct Invocation: Sendable {
  /// What the function decided.
  public let outcome: FunctionOutcome
  /// Why it failed; nil for `.request` and `.response`.
  public let failure: FunctionFailure?
  /// `.request`: whether `Isolate.withURI` differs from what was set. Unchanged parts are to be sent as received.
  public let uriChanged: Bool
  /// `.request`: whether `Isolate.withQuery` differs from what was set.
  public let queryChanged: Bool
  /// `.request`: whether there is a `?` at all; meaningful when `queryChanged`.
  public let hasQuery: Bool
  /// `.response`: the status to send.
  public let status: UInt16
  /// `.response`: whether `status` differs from the one set; always true for a generated response.
  public let statusChanged: Bool
  /// `.response`: whether `Isolate.withStatusDescription` has one.
  public let hasStatusDescription: Bool
  /// `.response`: whether `Isolate.withBody` replaces the body (an empty one removes it).
  public let hasBody: Bool
  /// Headers to be replaced, see `Isolate.forEachHeaderEdit`.
  public let headerEditCount: Int
  /// `.request`: whether the function chose an origin, see `Isolate.originChoice`.
  public let hasOriginChoice: Bool
  /// Thread CPU time of the run, without `stolenNanoseconds`.
  public let cpuNanoseconds: UInt64
  /// What the thread was charged while the machine stood still in the middle of the run, as far as the CPU limit's timer
  /// noticed: how much too late it came (Sources/CQuickJS/limit.c).
  public let stolenNanoseconds: UInt64
  /// The engine's steps: the same on every machine.
  public let fuel: UInt64
  /// The most memory the run had.
  public let memoryBytes: Int
  /// Calls that read the key-value store (`KvsReadRequests`), and those of them that failed (`KvsReadErrors`).
  public let storeReads, storeReadErrors: UInt32
  /// Whether there was no run: an earlier one read the same, and its result, cost, fuel and memory are given again.
  public let isRecalled: Bool
  /// Whether all remembered results made room for this one (`Limits.rememberedBytes`).
  public let forgotOthers: Bool

  init(_ result: borrowing sk_result) {
    switch unsafe result.outcome {
    case SK_REQUEST: outcome = .request
    case SK_RESPONSE: outcome = .response
    case SK_VALIDATION_ERROR: outcome = .validationError
    default: outcome = .executionError
    }
    failure = unsafe FunctionFailure(result.failure)
    uriChanged = unsafe result.uri_changed
    queryChanged = unsafe result.query_changed
    hasQuery = unsafe result.has_query
    status = unsafe result.status
    statusChanged = unsafe result.status_changed
    hasStatusDescription = unsafe result.has_status_description
    hasBody = unsafe result.has_body
    headerEditCount = unsafe result.edit_count
    hasOriginChoice = unsafe result.origin != nil
    cpuNanoseconds = unsafe result.cpu_nanoseconds
    stolenNanoseconds = unsafe result.stolen_nanoseconds
    fuel = unsafe result.fuel
    memoryBytes = unsafe result.memory_bytes
    storeReads = unsafe result.store_reads
    storeReadErrors = unsafe result.store_read_errors
    isRecalled = unsafe result.recalled
    forgotOthers = unsafe result.forgot
  }
}
