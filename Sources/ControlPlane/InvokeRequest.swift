// Owns: Lambda's Invoke as it is asked for and answered: the request's parts out of path, query and fields; the answer's status, fields and
// body out of an outcome. Pure. Source: spec/api.md 1.3; the AWS Lambda API reference, Invoke.
import Distribution
import FunctionTier
import JSONText

/// A request to invoke a function: `POST /2015-03-31/functions/{FunctionName}/invocations?Qualifier=…`.
struct InvokeRequest: Equatable {
  /// Whether the caller waits.
  enum Kind: String {
    case requestResponse = "RequestResponse", event = "Event", dryRun = "DryRun"
  }

  /// The name, without what an ARN has around it.
  let function: String
  /// A version or an alias.
  let qualifier: String?
  let kind: Kind
  /// Whether the end of the log is wanted.
  let wantsLog: Bool
  /// A JSON object; empty for none.
  let clientContext: [UInt8]

  private static let beginning = "/2015-03-31/functions/", end = "/invocations"
  /// The longest content: that of a synchronous invocation. One of an event has a limit of its own.
  static let contentBytes = Invocation.payloadLimitBytes, eventContentBytes = 1 << 20
  /// Bytes of the end of the log that are told.
  static let logBytes = 4096

  /// Whether a path is this request's.
  static func isPath(_ path: String) -> Bool { path.hasPrefix(beginning) && path.hasSuffix(end) && path.utf8.count > beginning.utf8.count + end.utf8.count }

  /// Reads a request.
  /// - Parameters:
  ///   - path: one of which ``isPath(_:)`` is true; percent-encoded.
  ///   - query: without `?`.
  init(path: String, query: String, type: String?, logType: String?, clientContext: String?) throws(InvokeFailure) {
    var parts = Self.decoded(path.dropFirst(Self.beginning.count).dropLast(Self.end.count)).split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    // arn:aws:lambda:region:account:function:name[:qualifier], account:function:name[:qualifier], name[:qualifier]
    if let place = parts.firstIndex(of: "function"), place + 1 < parts.count { parts.removeFirst(place + 1) }
    guard let name = parts.first, !name.isEmpty, parts.count <= 2, name.utf8.count <= Self.nameBytes else {
      throw InvokeFailure(status: 400, code: "ValidationException", message: "1 validation error detected: FunctionName must be a function's name, alone, with :qualifier behind it, or as an ARN")
    }
    function = name
    let named = query.split(separator: "&").first { $0.hasPrefix("Qualifier=") }.map { Self.decoded($0.dropFirst(10)) }
    let attached = parts.count > 1 ? parts[1] : nil
    if let named, let attached, named != attached { throw .parameter("The derived qualifier from the function name does not match the specified qualifier.") }
    let qualifier = named ?? attached
    // What is answered says it again, in a field: nothing but Lambda's own characters.
    guard qualifier?.utf8.allSatisfy({ byte in byte.isAlphanumeric || "$_-".utf8.contains(byte) }) ?? true, qualifier?.utf8.count ?? 0 <= Self.qualifierBytes else {
      throw .parameter("Qualifier must be at most \(Self.qualifierBytes) letters, digits, $, _ and -")
    }
    self.qualifier = qualifier == "$LATEST" || qualifier?.isEmpty == true ? nil : qualifier
    guard let kind = Kind(rawValue: type ?? "RequestResponse") else { throw .parameter("InvocationType must be RequestResponse, Event or DryRun") }
    self.kind = kind
    guard logType == nil || logType == "None" || logType == "Tail" else { throw .parameter("LogType must be None or Tail") }
    wantsLog = logType == "Tail" && kind == .requestResponse
    guard let clientContext else {
      self.clientContext = []
      return
    }
    guard let context = Base64.decoded(Array(clientContext.utf8)), context.first != 0xEF, (try? JSONValue(parsing: context))?.object != nil, context.count <= Self.clientContextBytes else {
      throw .parameter("X-Amz-Client-Context must be a JSON object in base64")
    }
    self.clientContext = context
  }
  private static let clientContextBytes = 3_583, qualifierBytes = 128, nameBytes = 170

  /// Whether a payload is JSON.
  static func check(_ payload: [UInt8]) throws(InvokeFailure) {
    // RFC 8259, 8.1: a reader may ignore it. Those of functions do not.
    if payload.starts(with: [0xEF, 0xBB, 0xBF]) { throw .content("a byte order mark stands before it") }
    do throws(JSONFailure) {
      var reader = try JSONReader(payload.span, maximumDepth: depthLimit, replacesHalfPairs: true)
      while try reader.next() != .end {}
    } catch { throw .content(error.text) }
  }
  private static let depthLimit = 1_000

  private static func decoded(_ text: Substring) -> String {
    var bytes: [UInt8] = [], rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// Why an Invoke is refused, as the API says it.
struct InvokeFailure: Error, Equatable {
  let status: Int
  /// The exception's name.
  let code: String
  let message: String
  /// Of a throttle.
  var reason: String?

  static func parameter(_ message: String) -> InvokeFailure { InvokeFailure(status: 400, code: "InvalidParameterValueException", message: message) }
  static func notFound(_ function: String, _ qualifier: String? = nil) -> InvokeFailure {
    InvokeFailure(status: 404, code: "ResourceNotFoundException", message: "Function not found: \(FunctionARN.text(function, qualifier))")
  }
  /// It is there, and its code was not to be had at the start.
  static func cannotRun(_ function: String) -> InvokeFailure {
    InvokeFailure(status: 502, code: "ServiceException", message: "Function \(FunctionARN.text(function)) could not be made ready: skerry check and the proxy's standard error say why; mend it and reload.")
  }
  /// Neither the admin token nor a signature that names it.
  static let unknownCaller = InvokeFailure(
    status: 403, code: "UnrecognizedClientException",
    message: "The security token included in the request is invalid: the access key id must be the admin token, the text of the file that admin.token.file names.")
  static func content(_ problem: String) -> InvokeFailure {
    InvokeFailure(status: 400, code: "InvalidRequestContentException", message: "Could not parse request body into json: \(problem)")
  }
  static func tooLarge(_ limit: Int) -> InvokeFailure {
    InvokeFailure(status: 413, code: "RequestTooLargeException", message: "Request must be smaller than \(limit) bytes for the InvokeFunction operation")
  }
  static let queueIsFull = InvokeFailure(status: 429, code: "TooManyRequestsException", message: "The queue of events is full.")

  /// An outcome that is no function's own error; nil for one that is.
  init?(_ failure: InvocationFailure) {
    switch failure.kind {
    case .throttled(let reason): self.init(status: 429, code: "TooManyRequestsException", message: "Rate Exceeded.", reason: reason.rawValue)
    case .disabled: self.init(status: 429, code: "TooManyRequestsException", message: "Rate Exceeded.", reason: ThrottleReason.reserved.rawValue)
    case .notStarted where failure.errorType == InvocationFailure.notFoundType:
      self.init(status: 404, code: "ResourceNotFoundException", message: failure.errorMessage)
    case .notStarted: self.init(status: 502, code: "ServiceException", message: failure.errorMessage)
    default: return nil
    }
  }

  init(status: Int, code: String, message: String, reason: String? = nil) {
    (self.status, self.code, self.message, self.reason) = (status, code, message, reason)
  }

  /// - Parameter requestID: what the answer is to be called; a new one where nothing has been invoked.
  func page(_ requestID: String = Invocation.newRequestID()) -> AdminPages.Page {
    var object: JSONObject = ["Type": .string(status < 500 ? "User" : "Server"), "Message": .string(message)]
    if let reason { object["Reason"] = .string(reason) }
    return AdminPages.Page(
      status: status, contentType: "application/json", fields: "x-amzn-ErrorType: \(code)\r\nx-amzn-RequestId: \(requestID)\r\n" + (status == 429 ? "Retry-After: 1\r\n" : ""),
      body: JSONValue.object(object).compact)
  }
}

extension AdminPages.Page {
  /// What a synchronous invocation gave: its result, or the function's error, with 200 both.
  init(_ outcome: InvocationOutcome, wantsLog: Bool) {
    var fields = "X-Amz-Executed-Version: \(outcome.report.version)\r\nx-amzn-RequestId: \(outcome.report.requestID)\r\n", content: [UInt8]
    switch outcome {
    case .result(let json, _): content = json
    case .failed(let failure, _):
      if let refused = InvokeFailure(failure) {
        self = refused.page(outcome.report.requestID)
        return
      }
      fields += "X-Amz-Function-Error: Unhandled\r\n"
      content = Array(JSONValue.object(failure.answer).compact.utf8)
    }
    if wantsLog { fields += "X-Amz-Log-Result: \(String(decoding: Base64.encoded(outcome.report.logTail), as: UTF8.self))\r\n" }
    self.init(status: 200, contentType: "application/json", fields: fields, body: String(decoding: content, as: UTF8.self))
  }
}

extension UInt8 {
  /// An ASCII letter or digit.
  fileprivate var isAlphanumeric: Bool { (48...57).contains(self) || (65...90).contains(self) || (97...122).contains(self) }
}
