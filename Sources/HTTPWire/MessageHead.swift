// Owns: request and response heads as the parser leaves them: a few numbers about the start line, and the header section.
import Transport

/// How the end of a message body is found (RFC 9112, 6.3).
public enum BodyFraming: Equatable, BitwiseCopyable, Sendable {
  case none
  /// So many bytes, more than zero.
  case length(Int)
  case chunked
  /// Until the connection ends; responses only.
  case untilClose
}

/// A request method (RFC 9110, 9).
public enum Method: UInt8, BitwiseCopyable, CaseIterable, Sendable {
  case get, head, options, put, post, patch, delete
  /// Any other token; never CONNECT, which is refused.
  case other

  /// The method's token; empty for ``other``.
  public var text: StaticString {
    switch self {
    case .get: "GET"
    case .head: "HEAD"
    case .options: "OPTIONS"
    case .put: "PUT"
    case .post: "POST"
    case .patch: "PATCH"
    case .delete: "DELETE"
    case .other: ""
    }
  }
  /// GET or HEAD: may be sent again when a connection fails (spec/request-pipeline.md, 14).
  @inlinable public var isRetried: Bool { self == .get || self == .head }
}

/// The start line of a request and what its fields say about the message. Offsets count from the head's first byte.
public struct RequestLine: BitwiseCopyable, Sendable {
  /// The method.
  public internal(set) var method = Method.other
  var methodStart = 0, methodLength = 0
  /// The target in origin form, path and query, or `*`.
  var targetStart = 0, targetLength = 0
  /// The path within the target; a query, if there is one, begins one byte after it.
  var pathLength = 0
  /// The authority of an absolute-form target; it replaces Host (RFC 9112, 3.2.2).
  var authorityStart = 0, authorityLength = 0
  /// Whether the version is HTTP/1.0.
  public internal(set) var isHTTP10 = false
  /// Whether it came on a stream of HTTP/2.
  public internal(set) var isHTTP2 = false
  /// The protocol's version as Via has it (RFC 9110, 7.6.3).
  public var httpVersion: StaticString { isHTTP2 ? "2.0" : isHTTP10 ? "1.0" : "1.1" }
  /// Whether the viewer asked to close, or did not ask to keep, the connection.
  public internal(set) var wantsClose = false
  /// Expect: 100-continue.
  public internal(set) var expectsContinue = false
  /// Connection: upgrade together with an Upgrade field.
  public internal(set) var wantsUpgrade = false
  /// How the body ends.
  public internal(set) var framing = BodyFraming.none
  /// Bytes of the head on the wire.
  public internal(set) var length = 0
  /// Where the field lines begin.
  var lineEnd = 0
}

/// A request head that owns its bytes.
public struct RequestHead: ~Copyable {
  /// The start line.
  public internal(set) var line: RequestLine
  /// The fields.
  public var fields: HeaderSection

  /// The method as it was spelt.
  public var methodBytes: Span<UInt8> { @_lifetime(borrow self) get { fields.bytes.readable.slice(line.methodStart, line.methodLength) } }
  /// Path and query as they were sent, or set since; `*` for OPTIONS *.
  public var target: Span<UInt8> { @_lifetime(borrow self) get { fields.bytes.readable.slice(line.targetStart, line.targetLength) } }
  /// The path, without the query.
  public var path: Span<UInt8> { @_lifetime(borrow self) get { fields.bytes.readable.slice(line.targetStart, line.pathLength) } }
  /// Whether there is a `?`.
  public var hasQuery: Bool { line.targetLength > line.pathLength }
  /// The query without its `?`; empty when there is none.
  public var query: Span<UInt8> {
    @_lifetime(borrow self) get {
      guard hasQuery else { return fields.bytes.readable.slice(0, 0) }
      return fields.bytes.readable.slice(line.targetStart + line.pathLength + 1, line.targetLength - line.pathLength - 1)
    }
  }
  /// Path and query of this head as another of its start lines has them: as the viewer sent them.
  @_lifetime(borrow self) public func path(of other: RequestLine) -> Span<UInt8> { fields.bytes.readable.slice(other.targetStart, other.pathLength) }
  /// The query of another start line of this head.
  @_lifetime(borrow self) public func query(of other: RequestLine) -> Span<UInt8> {
    let length = max(0, other.targetLength - other.pathLength - 1)
    return fields.bytes.readable.slice(other.targetStart + other.targetLength - length, length)
  }
  /// Whom the request is for: Host, which an absolute-form target has replaced; empty in an HTTP/1.0 request without it.
  public var authority: Span<UInt8> {
    @_lifetime(borrow self) get {
      guard let host = fields.first(.host) else { return fields.bytes.readable.slice(0, 0) }
      return fields.value(host)
    }
  }

  /// Stores bytes behind the head, for as long as it lives.
  /// - Returns: where, for ``kept(_:_:)``.
  public mutating func keep(_ bytes: Span<UInt8>) -> Int {
    let start = fields.bytes.count
    fields.bytes.append(bytes)
    return start
  }
  /// Bytes that were stored.
  @_lifetime(borrow self) public func kept(_ start: Int, _ count: Int) -> Span<UInt8> { fields.bytes.readable.slice(start, count) }
  /// Whether the path is exactly `/`.
  public var isRoot: Bool { line.pathLength == 1 && path[0] == 47 }
  /// Replaces the path and keeps the query.
  public mutating func setPath(_ path: Span<UInt8>) {
    let start = fields.bytes.count
    fields.bytes.append(path)
    for i in (line.targetStart + line.pathLength)..<(line.targetStart + line.targetLength) {
      let byte = fields.bytes.readable[i]
      fields.bytes.append(byte)
    }
    line.targetStart = start
    line.pathLength = path.count
    line.targetLength = fields.bytes.count - start
  }

  /// Replaces path and query.
  /// - Parameters:
  ///   - path: begins with `/`; no space, control byte, `?` or `#`.
  ///   - query: without `?`; nil for none.
  public mutating func setTarget(path: [UInt8], query: [UInt8]?) {
    let start = fields.bytes.count
    fields.bytes.append(path.span)
    if let query {
      fields.bytes.append(63)
      fields.bytes.append(query.span)
    }
    line.targetStart = start
    line.pathLength = path.count
    line.targetLength = fields.bytes.count - start
  }
}

/// The status line of a response and what its fields say about the message.
public struct StatusLine: BitwiseCopyable, Sendable {
  /// Status code, 100–599.
  public var status = 0
  var reasonStart = 0, reasonLength = 0
  /// Whether the version is HTTP/1.0.
  public internal(set) var isHTTP10 = false
  /// Whether the connection ends after this message.
  public internal(set) var wantsClose = false
  /// How the body ends.
  public internal(set) var framing = BodyFraming.untilClose
  /// Content-Length as sent, −1 without one. For HEAD and 304 it describes a body that is not there.
  public internal(set) var contentLength = -1
  /// Bytes of the head on the wire.
  public internal(set) var length = 0
  var lineEnd = 0

  /// Says that nobody knows yet how long the body is.
  public mutating func frameWithoutLength() {
    contentLength = -1
    framing = .untilClose
  }
  /// Says that there is no body, whatever the fields say of one.
  public mutating func frameWithoutBody() { framing = .none }
  /// Says that the body has so many bytes.
  public mutating func frame(length: Int) {
    contentLength = length
    framing = length == 0 ? .none : .length(length)
  }
}

/// A response head that owns its bytes.
public struct ResponseHead: ~Copyable {
  /// The status line.
  public var line = StatusLine()
  /// The fields.
  public var fields = HeaderSection()

  /// An empty head, for a response that is made here.
  public init() {}
  /// An empty head with memory.
  public init(status: Int) {
    line.status = status
    line.framing = .none
    fields.bytes.acquire()
    fields.lines.acquire()
  }
  /// The origin's reason phrase, as it was sent.
  public var reason: Span<UInt8> { @_lifetime(borrow self) get { fields.bytes.readable.slice(line.reasonStart, line.reasonLength) } }
  /// Replaces the reason phrase; no control bytes.
  public mutating func setReason(_ reason: Span<UInt8>) {
    line.reasonStart = fields.bytes.count
    line.reasonLength = reason.count
    fields.bytes.append(reason)
  }
}
