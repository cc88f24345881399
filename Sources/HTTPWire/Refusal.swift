// Owns: every reason for which a message is refused, the status it is answered with and the words that say it.
// The one place where a malformed message becomes a status code.

/// Why a message was refused. The raw value is the reason's name in counters and logs.
public enum Refusal: String, Error, CaseIterable, Sendable {
  case requestLine, target, targetTooLong, version, connectMethod
  case headTooLarge, tooManyFields, connectionOptions, fieldLine, host
  case contentLength, transferEncoding, transferCoding, framingConflict
  case chunk, headTimeout, plainHTTP
  case statusLine, interimResponses, unaskedSwitch

  /// The status that answers a refused *request*. A refused response is a 502 whatever the reason.
  public var status: Int {
    switch self {
    case .targetTooLong: 414
    case .headTooLarge, .tooManyFields, .connectionOptions: 494
    case .version: 505
    case .transferCoding: 501
    case .headTimeout: 408
    default: 400
    }
  }

  /// The reason in words, with the rule it stands on.
  public var explanation: String {
    switch self {
    case .requestLine: "The request line is malformed (RFC 9112, 3)."
    case .target: "The request target is malformed (RFC 9112, 3.2)."
    case .targetTooLong: "The request target is longer than limits.urlBytes."
    case .version: "Only HTTP/1.0 and HTTP/1.1 are spoken here."
    case .connectMethod: "CONNECT is not served."
    case .headTooLarge: "The head is larger than limits.headBytes."
    case .tooManyFields: "There are more header fields than limits.headerCount."
    case .connectionOptions: "Connection has more options than limits.connectionOptions."
    case .fieldLine: "A header field line is malformed (RFC 9112, 5)."
    case .host: "Host is missing, repeated or invalid (RFC 9112, 3.2)."
    case .contentLength: "Content-Length is repeated or malformed (RFC 9112, 6.3)."
    case .transferEncoding: "Transfer-Encoding is malformed or not allowed here (RFC 9112, 6.1)."
    case .transferCoding: "A transfer coding other than chunked is not understood (RFC 9112, 6.1)."
    case .framingConflict: "Transfer-Encoding and Content-Length stand in one message (RFC 9112, 6.3)."
    case .chunk: "A chunk is malformed (RFC 9112, 7.1)."
    case .plainHTTP: "This port speaks TLS, and the request came in plain HTTP. Ask for https:// here, or use the port for http://."
    case .headTimeout: "The head did not arrive within limits.headerTimeout."
    case .statusLine: "The status line is malformed (RFC 9112, 4)."
    case .unaskedSwitch: "101 answers a request that asked for no other protocol (RFC 9110, 15.2.2)."
    case .interimResponses: "There are more interim responses than are believed."
    }
  }
}
