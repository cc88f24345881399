// From what a handler returned to a decision: read strictly, held against the event, and refused where Lambda@Edge would
// (spec/lambda-at-edge.md, 5 to 9). What a function returns as it was shown is not read again. Pure; any thread.
import Distribution
import HTTPWire
import JSONText

extension Event {
  /// Reads what the handler returned for this event, whose payload has been made.
  /// - Throws: what makes it a validation error: 502.
  public func decision(on result: [UInt8]) throws(EventFailure) -> EventDecision {
    if isUnchanged(result) { return response.map { .response(ResponseChange(status: $0.status)) } ?? .request(RequestChange()) }
    let returned = try ReturnedObject(result, shown: self)
    if hook == .originResponse || hook == .viewerResponse { return .response(try responseChange(returned)) }
    guard returned.status.isPresent else { return .request(try requestChange(returned)) }
    return .response(try generatedResponse(returned))
  }

  /// Whether the handler returned what it was shown, to the letter: most often it does so when it has nothing to change.
  private func isUnchanged(_ result: [UInt8]) -> Bool {
    !writtenObject.isEmpty && result.span.equals(text.span.extracting(writtenObject))
  }

  // MARK: Requests

  private func requestChange(_ returned: ReturnedObject) throws(EventFailure) -> RequestChange {
    guard returned.isRequest else {
      throw EventFailure("The function returned an object that is neither a request nor a response", detail: returned.hint)
    }
    try require(returned.method, is: request.method, "method")
    try require(returned.clientIP, is: request.clientIP, "clientIp")
    var change = RequestChange()
    change.uri = try changedURI(returned)
    change.querystring = try changedQuery(returned)
    if change.uri != nil || change.querystring != nil {
      let query = change.querystring ?? request.querystring
      let length = (change.uri ?? request.uri).count + (query.isEmpty ? 0 : query.count + 1)
      if length >= Self.targetLimit { throw EventFailure("The uri and the querystring together must be shorter than \(Self.targetLimit) characters") }
    }
    change.headers = try changedHeaders(returned)
    if let headers = change.headers, headers.byteCount > Self.requestHeadersLimit {
      throw EventFailure("The headers exceed the maximum size", detail: "\(headers.byteCount) of \(Self.requestHeadersLimit) bytes")
    }
    change.body = try replacedBody(returned)
    change.origin = try changedOrigin(returned, change.headers ?? request.headers)
    if hook == .originRequest, let headers = change.headers { try checkSent(headers, change.origin ?? request.origin) }
    return change
  }

  /// What goes to the origin names one host (RFC 9112, 3.2), and nothing twice that the origin is to get from the configuration alone.
  private func checkSent(_ headers: EventHeaders, _ origin: EventOrigin?) throws(EventFailure) {
    let host = Array("host".utf8)
    if let line = headers.first(host.span) {
      guard headers.value(line).isHost, headers.first(host.span, from: line + 1) == nil else {
        throw EventFailure("The Host header must name one host", header: host.span)
      }
    }
    guard let custom = origin?.customHeaders else { return }
    for i in 0..<custom.count where headers.first(custom.name(i)) != nil && request.headers.first(custom.name(i)) == nil { throw .custom(custom.name(i)) }
  }

  /// Path and query are shorter than this.
  private static let targetLimit = 8192
  /// The most bytes of names and values in the headers of a request that a function returns: as many as a viewer may send.
  private static let requestHeadersLimit = 32_768

  /// A field that functions may not change, and may leave out.
  private func require(_ member: ReturnedObject.Member, is original: [UInt8], _ name: String) throws(EventFailure) {
    switch member {
    case .absent: return
    case .text(let text) where original.isUnchanged(in: text): return
    default: throw EventFailure("The \(name) of a request is read-only")
    }
  }

  private func changedURI(_ returned: ReturnedObject) throws(EventFailure) -> [UInt8]? {
    switch returned.uri {
    case .absent: return nil
    case .text(let text):
      if request.uri.isUnchanged(in: text) { return nil }
      guard text.first == UInt8(ascii: "/") else { throw EventFailure("The uri must begin with /") }
      guard Self.isClean(text), !text.contains(UInt8(ascii: "?")) else {
        throw EventFailure("The uri must have no spaces, control characters, ? or #")
      }
      return text
    default: throw EventFailure("The uri must be a string")
    }
  }

  private func changedQuery(_ returned: ReturnedObject) throws(EventFailure) -> [UInt8]? {
    switch returned.querystring {
    case .absent: return nil
    case .text(let text):
      if request.querystring.isUnchanged(in: text) { return nil }
      guard Self.isClean(text) else { throw EventFailure("The querystring must have no spaces, control characters or #") }
      return text
    default: throw EventFailure("The querystring must be a string")
    }
  }

  private static func isClean(_ text: [UInt8]) -> Bool { text.allSatisfy { $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "#") } }

  private func replacedBody(_ returned: ReturnedObject) throws(EventFailure) -> [UInt8]? {
    switch returned.body {
    case .absent: return nil
    case .value(let range): return try replacedBody(JSONValue(returned.json, range))
    default: throw Self.noBodyObject
    }
  }

  private static var noBodyObject: EventFailure { .body("is not an object", "that of a request has action, encoding and data") }

  private func replacedBody(_ body: JSONValue) throws(EventFailure) -> [UInt8]? {
    guard body.object != nil else { throw Self.noBodyObject }
    // null is as good as nothing.
    func member(_ name: String) -> JSONValue? { body[name].flatMap { $0 == .null ? nil : $0 } }
    switch member("action")?.string {
    case "read-only": return nil
    case "replace": break
    case nil where member("action") == nil: return nil
    default: throw EventFailure("The body's action is neither read-only nor replace")
    }
    guard request.body != nil else { throw .body("cannot be replaced by a function that is not given it", "includeBody has it given, of PUT, POST, PATCH and DELETE requests") }
    guard let text = (member("data") ?? .string("")).string else { throw EventFailure("The body's data is not a string") }
    let data = Array(text.utf8)
    switch member("encoding")?.string ?? (member("encoding") == nil ? "base64" : "") {
    case "text":
      guard data.count <= limits.replacedTextBytes else { throw .size("The body exceeds", data.count, of: limits.replacedTextBytes) }
      return data
    case "base64":
      guard data.count <= limits.replacedBase64Bytes else { throw .size("The body exceeds", data.count, of: limits.replacedBase64Bytes, "characters in base64") }
      guard let bytes = Base64.decoded(data) else { throw Self.noBase64("without another encoding its data is read as that") }
      return bytes
    default: throw EventFailure("The body's encoding is neither text nor base64")
    }
  }

  private func changedOrigin(_ returned: ReturnedObject, _ headers: EventHeaders) throws(EventFailure) -> EventOrigin? {
    guard hook == .originRequest else { return nil }
    var changed: EventOrigin?
    switch returned.origin {
    case .absent, .shown: break
    case .value(let range): changed = try EventOrigin(JSONValue(returned.json, range), request.origin)
    default: throw .origin("origin", "must be an object")
    }
    if changed == request.origin { changed = nil }
    guard let origin = changed else { return nil }
    for i in 0..<origin.customHeaders.count where headers.first(origin.customHeaders.name(i)) != nil {
      throw .custom(origin.customHeaders.name(i))
    }
    return origin
  }

  // MARK: Headers

  /// The lines that the function returned, if they are others than it was shown.
  private func changedHeaders(_ returned: ReturnedObject) throws(EventFailure) -> EventHeaders? {
    let shown = self.headers, headers: EventHeaders
    switch returned.headers {
    case .absent, .shown: return nil
    case .lines(let lines): headers = lines.restoring(shown)
    case .invalid(let failure): throw failure
    }
    // The proxy shows none of them; a test event may.
    for i in 0..<headers.count where EventHeaderRules.isDisallowed(headers.name(i), at: hook) && !headers.agrees(with: shown, on: headers.name(i)) {
      throw .disallowed(headers.name(i))
    }
    for name in EventHeaderRules.readOnly(at: hook) where !headers.agrees(with: shown, on: name.span) { throw .readOnly(name.span) }
    return headers == shown ? nil : headers
  }

  // MARK: Responses

  /// An answer that a request event's function made.
  private func generatedResponse(_ returned: ReturnedObject) throws(EventFailure) -> ResponseChange {
    var response = ResponseChange(status: try status(returned), statusDescription: try description(returned))
    var headers: EventHeaders
    switch returned.headers {
    case .absent: headers = EventHeaders()
    case .shown: headers = self.headers
    case .lines(let lines): headers = lines
    case .invalid(let failure): throw failure
    }
    for i in 0..<headers.count where EventHeaderRules.isDisallowed(headers.name(i), at: hook) { throw .disallowed(headers.name(i)) }
    for name in EventHeaderRules.readOnly(at: .originResponse) where headers.first(name.span) != nil { throw .readOnly(name.span) }
    headers.remove("content-length".utf8.span)   // of what is sent it is counted here
    response.headers = headers
    let written = try writtenBody(returned)
    try check(headers, written)
    response.body = try decoded(written, returned)
    if response.status == 204, hook == .viewerRequest, response.body?.isEmpty == false { throw .body("must be empty in a response with status 204") }
    return response
  }

  /// A response that a response event's function changed.
  private func responseChange(_ returned: ReturnedObject) throws(EventFailure) -> ResponseChange {
    guard returned.status.isPresent else { throw .status("the object has no status\(returned.hint.map { "; " + $0 } ?? "")") }
    var change = ResponseChange(status: response?.status ?? 200)
    // What the origin answered need not be what a function may return: 304, for one.
    if !isStatus(returned.status, change.status) {
      change.status = try status(returned)
      if hook == .viewerResponse { throw .status("a viewer-response function cannot change it") }
    }
    change.statusDescription = try description(returned)
    if let original = response?.statusDescription, let text = change.statusDescription, original.isUnchanged(in: text) { change.statusDescription = nil }
    change.headers = try changedHeaders(returned)
    let written = try writtenBody(returned)
    if written != nil && hook == .viewerResponse { throw .body("cannot be replaced by a viewer-response function") }
    // What stays as it was is no response of the function's making.
    if change.headers != nil || written != nil { try check(change.headers ?? self.headers, written) }
    change.body = try decoded(written, returned)
    return change
  }

  private func isStatus(_ member: ReturnedObject.Member, _ status: Int) -> Bool {
    switch member {
    case .text(let text): String(decoding: text, as: UTF8.self) == String(status)
    case .number(let text): Double(text) == Double(status)
    default: false
    }
  }

  private func status(_ returned: ReturnedObject) throws(EventFailure) -> Int {
    var status: Int?
    switch returned.status {
    case .text(let text) where text.count == 3 && text.allSatisfy { $0 >= 48 && $0 <= 57 }: status = Int(String(decoding: text, as: UTF8.self))
    case .number(let text): status = Double(text).flatMap { Int(exactly: $0) }
    default: break
    }
    guard let status, 200...599 ~= status else { throw .status("it must be a string of three digits, from 200 to 599") }
    return status
  }

  private func description(_ returned: ReturnedObject) throws(EventFailure) -> [UInt8]? {
    switch returned.statusDescription {
    case .absent: return nil
    case .text(let text) where text.count <= Self.descriptionLimit && text.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 9 }: return text
    default: throw EventFailure("The statusDescription must be a string of one line")
    }
  }

  /// The longest reason phrase in bytes.
  private static let descriptionLimit = 1024

  /// The body as it was written.
  private func writtenBody(_ returned: ReturnedObject) throws(EventFailure) -> [UInt8]? {
    switch returned.body {
    case .absent: return nil
    case .text(let text): return text
    default: throw .body("is not a string", "that of a response is one, with bodyEncoding beside it")
    }
  }

  private func decoded(_ written: [UInt8]?, _ returned: ReturnedObject) throws(EventFailure) -> [UInt8]? {
    guard let written else { return nil }
    switch returned.bodyEncoding {
    case .absent: return written
    case .text(let text) where text == Array("text".utf8): return written
    case .text(let text) where text == Array("base64".utf8):
      guard let bytes = Base64.decoded(written) else { throw Self.noBase64("bodyEncoding says that it is") }
      return bytes
    default: throw EventFailure("The bodyEncoding is neither text nor base64")
    }
  }

  private static func noBase64(_ why: String) -> EventFailure { .body("is not valid base64", why + "; padded, without line breaks") }

  private func check(_ headers: EventHeaders, _ body: [UInt8]?) throws(EventFailure) {
    let size = headers.byteCount + (body?.count ?? 0)
    guard size <= limits.responseBytes else { throw .size("The headers and the body exceed", size, of: limits.responseBytes) }
  }
}
