// Owns: what destinations are told of an event's end, in Lambda's form. Pure.
// Source: the AWS Lambda guide, "Asynchronous invocation: invocation records".
import Distribution
import JSONText
import Telemetry

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
