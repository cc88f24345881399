// Owns: every way an origin can fail a request, the status that says so to the viewer, the words for the log, and whether
// another attempt makes sense. The one place where a failure becomes a status (spec/request-pipeline.md, 14, 21.1).
public import HTTPWire
public import Telemetry
public import TLS
public import Transport

/// Why an attempt at an origin failed.
public struct OriginFailure: Error, Equatable, Sendable {
  /// The kinds of failure.
  public enum Reason: Equatable, Sendable {
    case nameUnknown, nameServers, addressRefused(AddressRefusal), tls(TLSFailure), noFreeConnection, noDescriptor
    /// Too many requests wait for the origin, or its turn did not come in time (`maxRequestsInFlight`).
    case queueFull, queueTimeout
    case connectRefused, connectUnreachable, connectTimeout
    case write, readTimeout, completionTimeout, closedEarly
    case malformedHead(Refusal), malformedBody
    case streamRefused, streamReset(UInt32), brokenHTTP2
    case files(Int)
  }
  /// What happened.
  public let reason: Reason
  /// Where it happened, in words for the log: an address or a name.
  public let place: String

  /// A failure at a place.
  public init(_ reason: Reason, at place: String) {
    self.reason = reason
    self.place = place
  }

  /// The status that answers the viewer.
  public var status: Int {
    switch reason {
    case .connectTimeout, .readTimeout, .completionTimeout: 504
    case .noFreeConnection, .noDescriptor, .queueFull, .queueTimeout: 503
    case .files(let status): status
    default: 502
    }
  }

  /// Whether the origin could not be reached at all; a group fails over for this when 503 is among its codes.
  public var isConnectFailure: Bool {
    switch reason {
    case .nameUnknown, .nameServers, .connectRefused, .connectUnreachable, .connectTimeout, .noFreeConnection, .noDescriptor, .queueFull, .queueTimeout: true
    default: false
    }
  }

  /// Whether it says that the address which was connected to does not work; not how its requests are shared out, nor what a stream alone met with.
  public var isIll: Bool {
    switch reason {
    case .write, .readTimeout, .closedEarly, .malformedHead, .malformedBody, .brokenHTTP2, .streamReset: true
    default: false
    }
  }

  /// Whether the same request may have better luck on another connection.
  public var isWorthRetrying: Bool {
    switch reason {
    case .connectRefused, .connectUnreachable, .connectTimeout, .write, .readTimeout, .closedEarly, .streamRefused: true
    default: false
    }
  }

  /// CloudFront's word in x-edge-detailed-result-type.
  public var detailedResult: StaticString {
    switch reason {
    case .nameUnknown, .nameServers: "OriginDnsError"
    case .addressRefused, .tls, .noFreeConnection, .noDescriptor, .queueFull, .queueTimeout, .connectRefused, .connectUnreachable, .connectTimeout:
      "OriginConnectError"
    case .write: "OriginWriteError"
    case .readTimeout, .completionTimeout: "OriginReadError"
    case .closedEarly, .streamRefused, .streamReset: "OriginCommError"
    case .malformedHead(.headTooLarge), .malformedHead(.tooManyFields), .malformedHead(.connectionOptions): "OriginHeaderTooBigError"
    case .malformedHead, .malformedBody, .brokenHTTP2: "OriginInvalidResponseError"
    case .files: "OriginError"
    }
  }

  /// The reason in words, for the log.
  public var explanation: String {
    switch reason {
    case .nameUnknown: "the name \(place) does not exist or has no address"
    case .nameServers: "the name servers failed for \(place)"
    case .addressRefused(let refusal): "\(place) may not be an origin: \(refusal.explanation)"
    case .tls(let failure): "TLS with \(place) failed: \(failure.reason)"
    case .noFreeConnection: "no connection to \(place) became free within connectionTimeout, or too many requests wait for one"
    case .queueFull: "as many requests wait for \(place) as may (queueLength)"
    case .queueTimeout: "\(place) had as many requests as it may (maxRequestsInFlight) for queueTimeout"
    case .noDescriptor: "the process has no file left for a connection to \(place)"
    case .connectRefused: "\(place) refused the connection"
    case .connectUnreachable: "\(place) cannot be reached"
    case .connectTimeout: "no connection to \(place) within connectionTimeout"
    case .write: "\(place) did not take the request"
    case .readTimeout: "\(place) sent nothing within readTimeout"
    case .completionTimeout: "\(place) did not give a whole answer within responseCompletionTimeout"
    case .closedEarly: "\(place) closed the connection before its response was complete"
    case .malformedHead(let refusal): "\(place) sent a malformed response. \(refusal.explanation)"
    case .malformedBody: "\(place) sent a malformed body"
    case .streamRefused: "\(place) refused the request's stream"
    case .streamReset(let code): "\(place) reset the request's stream: \(Self.errorName(code))"
    case .brokenHTTP2: "\(place) broke a rule of HTTP/2, or a limit"
    case .files(let status): "reading the file failed with status \(status) at \(place)"
    }
  }

  /// What is counted.
  public var counter: Counter {
    switch reason {
    case .nameUnknown: .originNameUnknown
    case .nameServers: .originNameFailure
    case .addressRefused: .originAddressRefused
    case .tls(let failure): failure.kind == .certificate ? .originCertificateFailure : .originHandshakeFailure
    case .noFreeConnection: .originNoFreeConnection
    case .queueFull: .limitOriginQueue
    case .queueTimeout: .limitOriginQueueTimeout
    case .noDescriptor: .limitDescriptors
    case .connectRefused: .originConnectRefused
    case .connectUnreachable: .originConnectUnreachable
    case .connectTimeout: .originConnectTimeout
    case .write: .originWriteFailure
    case .readTimeout: .originReadTimeout
    case .completionTimeout: .originCompletionTimeout
    case .closedEarly: .originClosedEarly
    case .malformedHead(.headTooLarge), .malformedHead(.tooManyFields), .malformedHead(.connectionOptions): .limitOriginHead
    case .malformedHead: .originMalformedHead
    case .malformedBody: .originMalformedBody
    case .streamRefused: .originStreamRefused
    case .streamReset, .brokenHTTP2: .originStreamReset
    case .files: .fileFailed
    }
  }

  /// RFC 9113, 7.
  private static func errorName(_ code: UInt32) -> String {
    let names = [
      "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM",
      "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
    ]
    return code < names.count ? names[Int(code)] : "error \(code)"
  }

  /// What it means that a request broke off whose stream of HTTP/2 failed; nil when it broke off for another reason.
  public init?(_ failure: WireFailure, _ streamFailure: StreamFailure?, at place: String) {
    guard failure == .io(.reset), let streamFailure else { return nil }
    switch streamFailure {
    case .refused: self.init(.streamRefused, at: place)
    case .reset(let code): self.init(.streamReset(code), at: place)
    case .broken: self.init(.brokenHTTP2, at: place)
    }
  }

  /// What a failed TLS handshake means.
  public init(securing failure: TLSFailure, at place: String) {
    self.init(failure.kind == .timedOut ? .connectTimeout : .tls(failure), at: place)
  }

  /// What a failed connection attempt means.
  public init(connecting failure: IOFailure, at place: String) {
    switch failure {
    case .timedOut: self.init(.connectTimeout, at: place)
    case .system(let code) where code == 23 || code == 24: self.init(.noDescriptor, at: place)   // ENFILE, EMFILE
    case .system(let code) where code == 101 || code == 113: self.init(.connectUnreachable, at: place)   // ENETUNREACH, EHOSTUNREACH
    default: self.init(.connectRefused, at: place)
    }
  }

  /// What a failure while the request was sent means.
  public init(writing failure: WireFailure, at place: String) {
    switch failure {
    case .refused: self.init(reading: failure, at: place)
    case .io, .tooSlow: self.init(.write, at: place)
    }
  }

  /// What a failure while the answer was read means.
  public init(reading failure: WireFailure, at place: String) {
    switch failure {
    case .refused(.chunk): self.init(.malformedBody, at: place)
    case .refused(let refusal): self.init(.malformedHead(refusal), at: place)
    case .io(.timedOut), .tooSlow: self.init(.readTimeout, at: place)
    case .io(.tls): self.init(.tls(TLSFailure(.malformed, "a malformed record, or an alert")), at: place)
    case .io: self.init(.closedEarly, at: place)
    }
  }
}
