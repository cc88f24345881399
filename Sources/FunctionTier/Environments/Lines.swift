// Owns: the words of the lines around an invocation, and of failures that the sandbox and not the handler is the cause of. They are Lambda's
// (spec/lambda-at-edge.md, 10). Pure.
import Telemetry
import Transport

enum Lines {
  /// `START RequestId: … Version: …`
  static func start(_ requestID: String, version: String, to line: inout ByteBuffer) {
    line.append("START RequestId: ")
    line.append(text: requestID)
    line.append(" Version: ")
    line.append(text: version)
  }

  /// `END RequestId: …`
  static func end(_ requestID: String, to line: inout ByteBuffer) {
    line.append("END RequestId: ")
    line.append(text: requestID)
  }

  /// `REPORT RequestId: …` with its numbers; `Status` and `Error Type` when the sandbox ended it.
  static func report(_ report: InvocationReport, _ failure: InvocationFailure?, to line: inout ByteBuffer) {
    line.append("REPORT RequestId: ")
    line.append(text: report.requestID)
    line.append("\tDuration: ")
    append(hundredths: report.durationMicroseconds / 10, to: &line)
    line.append(" ms\tBilled Duration: ")
    line.append(decimal: report.billedMilliseconds)
    line.append(" ms\tMemory Size: ")
    line.append(decimal: report.memorySizeMB)
    line.append(" MB\tMax Memory Used: ")
    line.append(decimal: report.maxMemoryUsedMB)
    line.append(" MB")
    if let microseconds = report.initMicroseconds {
      line.append("\tInit Duration: ")
      append(hundredths: microseconds / 10, to: &line)
      line.append(" ms")
    }
    switch failure?.kind {
    case .timedOut, .initialization, .outOfMemory, .exited, .protocolViolation, .notStarted:
      line.append("\tStatus: ")
      line.append(text: failure?.status ?? "")
    default: break
    }
  }

  private static func append(hundredths value: Int64, to line: inout ByteBuffer) {
    let value = Int(max(value, 0))
    line.append(decimal: value / 100)
    line.append(UInt8(ascii: "."))
    line.append(UInt8(truncatingIfNeeded: 48 + value % 100 / 10))
    line.append(UInt8(truncatingIfNeeded: 48 + value % 10))
  }

  /// What is said of loading that failed.
  static func initReport(_ duration: Duration, _ failure: InvocationFailure) -> String {
    "INIT_REPORT Init Duration: \(milliseconds(duration)) ms\tPhase: init\tStatus: \(failure.status)"
  }

  /// `<time> <request id> Task timed out after N.NN seconds`
  static func timedOut(_ requestID: String, _ timeout: Duration) -> String {
    "\(Timestamp.now.text.text) \(requestID) Task timed out after \(seconds(timeout)) seconds"
  }

  /// Milliseconds with two places.
  static func milliseconds(_ duration: Duration) -> String { hundredths(duration.microseconds / 10) }
  /// Seconds with two places.
  static func seconds(_ duration: Duration) -> String { hundredths(duration.microseconds / 10_000) }

  private static func hundredths(_ value: Int64) -> String {
    let rest = value % 100
    return "\(value / 100).\(rest < 10 ? "0" : "")\(rest)"
  }
}

extension Duration {
  /// Whole microseconds.
  var microseconds: Int64 { components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000 }
  /// Whole milliseconds, rounded up.
  var wholeMilliseconds: Int { Int(microseconds.wholeMilliseconds) }
}

extension Int64 {
  /// Microseconds in whole milliseconds, rounded up.
  var wholeMilliseconds: Int64 { (self + 999) / 1_000 }
}

extension [UInt8] {
  fileprivate var text: String { String(decoding: self, as: UTF8.self) }
}

extension InvocationFailure {
  /// What REPORT lines say of it.
  fileprivate var status: String { errorType == Self.timedOutType ? "timeout" : "error\tError Type: \(errorType)" }

  /// The same for another invocation: our own messages begin with the request's id.
  func addressed(to requestID: String) -> InvocationFailure {
    guard kind == .exited || kind == .outOfMemory || kind == .protocolViolation || errorType == Self.invalidEntrypointType, let place = errorMessage.firstRange(of: " Error: ") else { return self }
    var failure = self
    failure.errorMessage = "RequestId: \(requestID)\(errorMessage[place.lowerBound...])"
    return failure
  }

  /// Its result is too long.
  static let tooLarge = InvocationFailure(
    .tooLarge, errorType: tooLargeType, errorMessage: "Response payload size exceeded maximum allowed payload size (\(Invocation.payloadLimitBytes) bytes).")

  /// It took longer than its timeout.
  static func timedOut(_ requestID: String, _ timeout: Duration) -> InvocationFailure {
    InvocationFailure(
      .timedOut, errorType: timedOutType, errorMessage: "RequestId: \(requestID) Error: Task timed out after \(Lines.seconds(timeout)) seconds")
  }

  /// Its process ended; `status` says how, in words (`exit status 1`, `signal: killed`).
  static func exited(_ requestID: String, _ status: String?) -> InvocationFailure {
    InvocationFailure(
      .exited, errorType: "Runtime.ExitError",
      errorMessage: "RequestId: \(requestID) Error: Runtime exited \(status.map { "with error: \($0)" } ?? "without providing a reason")")
  }

  /// It was killed because it used too much memory.
  static func outOfMemory(_ requestID: String) -> InvocationFailure {
    InvocationFailure(
      .outOfMemory, errorType: "Runtime.OutOfMemory", errorMessage: "RequestId: \(requestID) Error: Runtime exited with error: signal: killed")
  }

  /// It wrote to the proxy's descriptor.
  static func violation(_ requestID: String, _ what: String) -> InvocationFailure {
    InvocationFailure(
      .protocolViolation, errorType: "Runtime.ProtocolError",
      errorMessage: "RequestId: \(requestID) Error: the function wrote to file descriptor 3, which is the runtime's: \(what)")
  }
}
