// What a function is told: one event of Lambda@Edge, and its JSON (spec/lambda-at-edge.md, 2 to 5). Values; any thread.
public import Distribution

/// A request as an event shows it.
public struct EventRequest: Sendable {
  /// The viewer's address.
  public var clientIP: [UInt8]
  /// The method.
  public var method: [UInt8]
  /// The path.
  public var uri: [UInt8]
  /// The query without its `?`.
  public var querystring: [UInt8]
  /// The header lines, without those that functions do not see.
  public var headers: EventHeaders
  /// The body, where the function is given it.
  public var body: EventBody?
  /// The origin that is about to be asked; in origin events only.
  public var origin: EventOrigin?

  /// A request.
  public init(
    clientIP: [UInt8], method: [UInt8], uri: [UInt8], querystring: [UInt8] = [], headers: EventHeaders = EventHeaders(), body: EventBody? = nil,
    origin: EventOrigin? = nil
  ) {
    self.clientIP = clientIP
    self.method = method
    self.uri = uri
    self.querystring = querystring
    self.headers = headers
    self.body = body
    self.origin = origin
  }
}

/// A request's body as an event shows it.
public struct EventBody: Sendable {
  /// Its bytes, up to ``LambdaEdgeLimits/exposedBodyBytes``.
  public var bytes: [UInt8]
  /// Whether more follow.
  public var isTruncated: Bool

  /// A body.
  public init(_ bytes: [UInt8], isTruncated: Bool = false) {
    self.bytes = bytes
    self.isTruncated = isTruncated
  }
}

/// A response as an event shows it.
public struct EventResponse: Sendable {
  /// Its status.
  public var status: Int
  /// The reason phrase.
  public var statusDescription: [UInt8]
  /// The header lines, without those that functions do not see.
  public var headers: EventHeaders

  /// A response.
  public init(status: Int, statusDescription: [UInt8] = [], headers: EventHeaders = EventHeaders()) {
    self.status = status
    self.statusDescription = statusDescription
    self.headers = headers
  }
}

/// One event.
public struct Event: Sendable {
  /// When in a request's life it is.
  public var hook: HookPoint
  /// What is allowed then.
  public var limits: LambdaEdgeLimits
  /// `config`.
  public var distributionDomainName, distributionID, requestID: [UInt8]
  /// The request.
  public var request: EventRequest
  /// The response; in response events only.
  public var response: EventResponse?

  /// The payload as it was written last, and where in it stands what a function most often returns as it is.
  private(set) var text: [UInt8] = []
  private(set) var writtenHeaders = 0..<0, writtenOrigin = 0..<0, writtenObject = 0..<0

  /// An event.
  public init(
    _ hook: HookPoint, _ limits: LambdaEdgeLimits, distributionDomainName: [UInt8], distributionID: [UInt8], requestID: [UInt8],
    _ request: EventRequest, _ response: EventResponse? = nil
  ) {
    self.hook = hook
    self.limits = limits
    self.distributionDomainName = distributionDomainName
    self.distributionID = distributionID
    self.requestID = requestID
    self.request = request
    self.response = response
  }

  /// The headers that the function may change.
  var headers: EventHeaders { response?.headers ?? request.headers }

  /// The payload of the invocation: `{"Records":[{"cf":…}]}`.
  public mutating func payload() -> [UInt8] {
    let body = (request.body?.bytes.count ?? 0) / 3 * 4
    var json = EventText(
      capacity: 1024 + body + 2 * (request.headers.byteCount + (response?.headers.byteCount ?? 0)) + 32 * (request.headers.count + (response?.headers.count ?? 0)))
    json.append("{\"Records\":[{\"cf\":{\"config\":{\"distributionDomainName\":")
    json.append(quoted: distributionDomainName.span)
    json.append(",\"distributionId\":")
    json.append(quoted: distributionID.span)
    json.append(",\"eventType\":\"")
    json.append(hook.rawValue.utf8.span)
    json.append("\",\"requestId\":")
    json.append(quoted: requestID.span)
    json.append("},\"request\":")
    writeRequest(to: &json)
    if let response { write(response, to: &json) }
    json.append("}}]}")
    text = json.array
    return text
  }

  private mutating func writeRequest(to json: inout EventText) {
    let begin = json.count
    json.append("{")
    if let body = request.body { write(body, to: &json) }
    json.append("\"clientIp\":")
    json.append(quoted: request.clientIP.span)
    json.append(",\"headers\":")
    let start = json.count
    request.headers.write(to: &json)
    if response == nil { writtenHeaders = start..<json.count }
    json.append(",\"method\":")
    json.append(quoted: request.method.span)
    if let origin = request.origin {
      json.append(",\"origin\":")
      let start = json.count
      origin.write(to: &json)
      writtenOrigin = start..<json.count
    }
    json.append(",\"querystring\":")
    json.append(quoted: request.querystring.span)
    json.append(",\"uri\":")
    json.append(quoted: request.uri.span)
    json.append("}")
    if response == nil { writtenObject = begin..<json.count }
  }

  private func write(_ body: EventBody, to json: inout EventText) {
    json.append("\"body\":{\"action\":\"read-only\",\"data\":\"")
    json.append(Base64.encoded(body.bytes).span)
    json.append("\",\"encoding\":\"base64\",\"inputTruncated\":")
    json.append(body.isTruncated ? "true" : "false")
    json.append("},")
  }

  private mutating func write(_ response: EventResponse, to json: inout EventText) {
    json.append(",\"response\":")
    let begin = json.count
    json.append("{\"headers\":")
    let start = json.count
    response.headers.write(to: &json)
    writtenHeaders = start..<json.count
    json.append(",\"status\":\"")
    json.append(decimal: response.status)
    json.append("\",\"statusDescription\":")
    json.append(quoted: response.statusDescription.span)
    json.append("}")
    writtenObject = begin..<json.count
  }
}

/// What is to be done after a function has run. What is nil stays as it was.
public enum EventDecision: Sendable, Equatable {
  /// The request goes on its way.
  case request(RequestChange)
  /// This is the answer: made by a request event's function, or changed by a response event's.
  case response(ResponseChange)
}

/// A request as a function returned it.
public struct RequestChange: Sendable, Equatable {
  /// The path: begins with `/`; no space, control byte, `?` or `#`.
  public var uri: [UInt8]?
  /// The query without its `?`; empty for none.
  public var querystring: [UInt8]?
  /// All the header lines that functions see.
  public var headers: EventHeaders?
  /// What takes the body's place.
  public var body: [UInt8]?
  /// Where the request goes.
  public var origin: EventOrigin?

  /// A request that is changed in these parts.
  public init(uri: [UInt8]? = nil, querystring: [UInt8]? = nil, headers: EventHeaders? = nil, body: [UInt8]? = nil, origin: EventOrigin? = nil) {
    self.uri = uri
    self.querystring = querystring
    self.headers = headers
    self.body = body
    self.origin = origin
  }
}

/// A response as a function returned it.
public struct ResponseChange: Sendable, Equatable {
  /// 200–599.
  public var status: Int
  /// The reason phrase.
  public var statusDescription: [UInt8]?
  /// All the header lines that functions see.
  public var headers: EventHeaders?
  /// The body; nil: none of its own.
  public var body: [UInt8]?

  /// A response with these parts.
  public init(status: Int, statusDescription: [UInt8]? = nil, headers: EventHeaders? = nil, body: [UInt8]? = nil) {
    self.status = status
    self.statusDescription = statusDescription
    self.headers = headers
    self.body = body
  }
}
