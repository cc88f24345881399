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
  case failed(InvocationFailure?, InvocationReport, condition: String)

  var condition: String {
    switch self {
    case .succeeded: "Success"
    case .failed(_, _, let condition): condition
    }
  }
}

/// A record of an event's end.
struct EventRecord {
  let event: QueuedEvent
  let end: EventEnd
  let attempts: Int

  /// For onSuccess and onFailure.
  var invocation: JSONValue {
    var context: JSONObject = ["statusCode": .number(200)]
    let answer: JSONValue
    switch end {
    case .succeeded(let result, let report):
      context["executedVersion"] = .string(report.version)
      answer = Self.json(result)
    case .failed(let failure, let report, _):
      context["executedVersion"] = .string(report.version)
      if failure != nil { context["functionError"] = .string("Unhandled") }
      answer = failure.map { .object(["errorType": .string($0.errorType), "errorMessage": .string($0.errorMessage)]) } ?? .null
    }
    return .object([
      "version": .string("1.0"), "timestamp": .string(String(decoding: Timestamp.now.text, as: UTF8.self)),
      "requestContext": .object([
        "requestId": .string(event.requestID), "functionArn": .string("arn:aws:lambda:local:000000000000:function:\(event.function):\(event.qualifier ?? "$LATEST")"),
        "condition": .string(end.condition), "approximateInvokeCount": .number(attempts),
      ]),
      "requestPayload": Self.json(event.payload), "responseContext": .object(context), "responsePayload": answer,
    ])
  }

  /// For a dead-letter queue: the event, and why.
  var deadLetter: JSONValue {
    var attributes: JSONObject = ["RequestID": .string(event.requestID), "ErrorCode": .string(end.condition)]
    if case .failed(let failure?, _, _) = end { attributes["ErrorMessage"] = .string(failure.errorMessage) }
    return .object(["attributes": .object(attributes), "body": Self.json(event.payload)])
  }

  private static func json(_ text: [UInt8]) -> JSONValue {
    (try? JSONValue(parsing: text.span, replacesHalfPairs: true)) ?? .string(String(decoding: text, as: UTF8.self))
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
