// Owns: what destinations are told of an event's end, in Lambda's form, and the telling. Blocks; the queue's thread.
// Source: the AWS Lambda guide, "Asynchronous invocation: invocation records".
import Distribution
import Glibc
import JSONText
import Telemetry
import Transport

/// How an event ended.
enum EventEnd: Sendable {
  case succeeded([UInt8], InvocationReport)
  /// The function failed the last time it was run.
  case failed(InvocationFailure, InvocationReport, condition: String)
  /// It was not run the last time it was to be.
  case notRun(InvocationFailure, condition: String)

  var condition: String {
    switch self {
    case .succeeded: "Success"
    case .failed(_, _, let condition), .notRun(_, let condition): condition
    }
  }
}

/// A record of an event's end.
struct EventRecord {
  let event: QueuedEvent
  let end: EventEnd
  /// How often the function has been run.
  let attempts: Int

  /// For onSuccess and onFailure. What was not run has no response.
  var invocation: JSONValue {
    var record: JSONObject = [
      "version": .string("1.0"), "timestamp": .string(String(decoding: Timestamp.now.text, as: UTF8.self)),
      "requestContext": .object([
        "requestId": .string(event.requestID), "functionArn": .string(FunctionARN.text(event.function, event.qualifier ?? "$LATEST")),
        "condition": .string(end.condition), "approximateInvokeCount": .number(attempts),
      ]),
      "requestPayload": Self.json(event.payload),
    ]
    switch end {
    case .succeeded(let result, let report): record.append(Self.context(report), Self.json(result))
    case .failed(let failure, let report, _): record.append(Self.context(report, error: "Unhandled"), .object(failure.answer))
    case .notRun: break
    }
    return .object(record)
  }

  private static func context(_ report: InvocationReport, error: String? = nil) -> JSONObject {
    var context: JSONObject = ["statusCode": .number(200), "executedVersion": .string(report.version)]
    if let error { context.append("functionError", .string(error)) }
    return context
  }

  /// For a dead-letter queue: the event, and why, with the attributes of Lambda's messages: the status of the invocation, and 1 KB of the message.
  var deadLetter: JSONValue {
    var attributes: JSONObject = ["RequestID": .string(event.requestID)]
    switch end {
    case .succeeded: break
    case .failed(let failure, _, _): attributes.append(status: 200, failure)
    case .notRun(let failure, _): attributes.append(status: 429, failure)
    }
    return .object(["attributes": .object(attributes), "body": Self.json(event.payload)])
  }

  private static func json(_ text: [UInt8]) -> JSONValue {
    (try? JSONValue(parsing: text.span, replacesHalfPairs: true)) ?? .string(String(decoding: text, as: UTF8.self))
  }
}

extension JSONObject {
  fileprivate mutating func append(_ context: JSONObject, _ payload: JSONValue) {
    append("responseContext", .object(context))
    append("responsePayload", payload)
  }

  fileprivate mutating func append(status: Int, _ failure: InvocationFailure) {
    append("ErrorCode", .number(status))
    append("ErrorMessage", .string(String(decoding: Array(failure.errorMessage.utf8.prefix(1_024)), as: UTF8.self)))
  }
}

extension EventDestination {
  /// How long a server may take for each step.
  private static let timeoutMilliseconds = 10_000
  private static let answerBytes = 65_536

  /// Hands a record over.
  /// - Returns: why it was not taken; nil when it was.
  func deliver(_ record: JSONValue) -> String? {
    switch self {
    case .file(let path): Self.append(Array((record.compact + "\n").utf8), to: path)
    case .http(let host, let port, let path): Self.post(Array(record.compact.utf8), host, port, path)
    }
  }

  private static func append(_ line: [UInt8], to path: String) -> String? {
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return "\(path): \(unsafe String(cString: strerror(errno)))" }
    defer { close(descriptor) }
    guard unsafe write(descriptor, line, line.count) == line.count, fsync(descriptor) == 0 else { return "\(path): \(unsafe String(cString: strerror(errno)))" }
    return nil
  }

  private static func post(_ content: [UInt8], _ host: String, _ port: Int, _ path: String) -> String? {
    let name = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    guard let address = address(host, port) else { return "\(name): no such host" }
    do throws(IOFailure) {
      let connection = try BlockingConnection(to: address, timeoutMilliseconds: timeoutMilliseconds)
      let head = "POST \(path) HTTP/1.1\r\nHost: \(name)\r\nUser-Agent: skerry\r\nContent-Type: application/json\r\nContent-Length: \(content.count)\r\nConnection: close\r\n\r\n"
      let answer = String(decoding: try connection.exchange(Array(head.utf8) + content, limit: answerBytes).prefix(12), as: UTF8.self)
      return answer.hasPrefix("HTTP/1.") && answer.dropFirst(9).hasPrefix("2") ? nil : "\(name): it answered \(answer.dropFirst(9))"
    } catch { return "\(name): \(error)" }
  }

  private static func address(_ host: String, _ port: Int) -> SocketAddress? {
    if let literal = SocketAddress(host: host, port: UInt16(clamping: port)) { return literal }
    var hints = unsafe addrinfo(), found: UnsafeMutablePointer<addrinfo>?
    guard unsafe getaddrinfo(host, nil, &hints, &found) == 0, let first = unsafe found else { return nil }
    defer { unsafe freeaddrinfo(found) }
    var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    guard unsafe getnameinfo(first.pointee.ai_addr, first.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0 else { return nil }
    return SocketAddress(host: String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self), port: UInt16(clamping: port))
  }
}
