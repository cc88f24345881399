// Owns: an event that nobody waits for, as it lies in its file: one line about it, then the payload as it came. Pure.
import JSONText

/// An event that is to be run once, later.
public struct QueuedEvent: Sendable, Equatable {
  /// The function's name, and the version or alias that was asked for.
  public var function: String, qualifier: String?
  /// AwsRequestId, for all its tries.
  public var requestID: String
  /// A JSON object; empty for none.
  public var clientContext: [UInt8]
  /// JSON.
  public var payload: [UInt8]

  /// An event.
  public init(function: String, qualifier: String? = nil, requestID: String = Invocation.newRequestID(), clientContext: [UInt8] = [], payload: [UInt8]) {
    self.function = function
    self.qualifier = qualifier
    self.requestID = requestID
    self.clientContext = clientContext
    self.payload = payload
  }

  /// As it is written.
  var content: [UInt8] {
    let about: JSONObject = [
      "function": .string(function), "qualifier": qualifier.map { .string($0) } ?? .null, "requestId": .string(requestID),
      "clientContext": .string(String(decoding: Base64.encoded(clientContext), as: UTF8.self)),
    ]
    return Array((JSONValue.object(about).compact + "\n").utf8) + payload
  }

  /// Reads what was written; nil for anything else.
  init?(content: [UInt8]) {
    guard let end = content.firstIndex(of: 10), let about = try? JSONValue(parsing: Array(content[..<end])), let function = about["function"]?.string,
      let requestID = about["requestId"]?.string, let context = Base64.decoded(Array((about["clientContext"]?.string ?? "").utf8))
    else { return nil }
    self.init(function: function, qualifier: about["qualifier"]?.string, requestID: requestID, clientContext: context, payload: Array(content[(end + 1)...]))
  }
}

/// The name of a queued event's file: when it came, what it is called, and how often it has been tried: `1763750000000-<request id>.1`.
struct QueuedName: Equatable {
  var received: Int64
  var requestID: String
  var attempts: Int

  var text: String { "\(received)-\(requestID).\(attempts)" }

  init(received: Int64, requestID: String, attempts: Int = 0) {
    (self.received, self.requestID, self.attempts) = (received, requestID, attempts)
  }

  init?(_ text: String) {
    guard let dash = text.firstIndex(of: "-"), let dot = text.lastIndex(of: "."), dash < dot, let received = Int64(text[..<dash]),
      let attempts = Int(text[text.index(after: dot)...]), attempts >= 0
    else { return nil }
    self.init(received: received, requestID: String(text[text.index(after: dash)..<dot]), attempts: attempts)
  }
}
