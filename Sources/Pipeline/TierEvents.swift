// From heads to events, and from what a function decided back into heads (spec/lambda-at-edge.md, 2, 3 and 7).
import Distribution
import FunctionTier
import HTTPWire
import Transport

extension HeaderSection {
  /// The lines that functions see at an event.
  borrowing func visible(at point: HookPoint) -> EventHeaders {
    var headers = EventHeaders()
    for i in 0..<count where self[i].name != .dropped && !EventHeaderRules.isDisallowed(name(i), at: point) { headers.append(name(i), value(i)) }
    return headers
  }

  /// Puts what a function returned in the place of what it saw.
  /// - Parameter keepsLength: whether Content-Length is not the function's business.
  mutating func replaceVisible(by headers: EventHeaders, at point: HookPoint, keepsLength: Bool) {
    for i in 0..<count where self[i].name != .dropped && !EventHeaderRules.isDisallowed(name(i), at: point) {
      if !keepsLength || self[i].name != .contentLength { drop(i) }
    }
    for i in 0..<headers.count where !keepsLength || !headers.name(i).equalsLowercase("content-length") { append(headers.name(i), headers.value(i)) }
  }
}

extension Worker {
  /// An event of an exchange.
  func event(_ hook: TierHook, _ exchange: borrowing Exchange, _ request: consuming EventRequest, _ response: consuming EventResponse? = nil) -> Event {
    let site = exchange.site.site
    return Event(
      hook.point, hook.limits, distributionDomainName: site.domainName, distributionID: site.id, requestID: exchange.id.copied, request, response)
  }

  /// The viewer's request as events show it: as it came, and as an earlier function left it.
  func viewerEventRequest(_ exchange: borrowing Exchange, _ point: HookPoint, _ body: EventBody? = nil) -> EventRequest {
    EventRequest(
      clientIP: exchange.clientText, method: exchange.request.methodBytes.copied, uri: exchange.request.path.copied,
      querystring: exchange.request.hasQuery ? exchange.request.query.copied : [], headers: exchange.request.fields.visible(at: point), body: body)
  }

  /// The body as an event shows it; nil where the function is not given it.
  func eventBody(_ hook: TierHook, _ exchange: borrowing Exchange) -> EventBody? {
    guard hook.wantsBody(of: exchange), let held = exchange.held else { return nil }
    let limit = hook.limits.exposedBodyBytes
    return EventBody(Array(held.shown(limit)), isTruncated: held.bytes.count > limit)
  }

  /// A response as events show it.
  func eventResponse(_ head: borrowing ResponseHead, _ point: HookPoint) -> EventResponse {
    var reason = head.reason.copied
    if reason.isEmpty { reason.append(contentsOf: "\(ReasonPhrase.of(head.line.status))".utf8) }
    return EventResponse(status: head.line.status, statusDescription: reason, headers: head.fields.visible(at: point))
  }

  // MARK: Decisions

  /// Changes the viewer's request as a viewer-request function decided.
  func apply(_ change: RequestChange, to exchange: inout Exchange) {
    if change.uri != nil || change.querystring != nil {
      let path = change.uri ?? exchange.request.path.copied
      let query = change.querystring ?? (exchange.request.hasQuery ? exchange.request.query.copied : [])
      exchange.request.setTarget(path: path, query: query.isEmpty ? nil : query)
    }
    if let headers = change.headers { exchange.request.fields.replaceVisible(by: headers, at: .viewerRequest, keepsLength: false) }
    if let body = change.body { replaceBody(body, &exchange) }
  }

  /// The request gets another body.
  func replaceBody(_ body: [UInt8], _ exchange: inout Exchange) {
    let held = exchange.held ?? HeldBody(shared.heldBodies)
    exchange.held = held
    held.replace(by: body)
    exchange.request.frameBody(length: body.count)
  }

  /// A response that a request event's function made.
  func made(_ change: ResponseChange) -> Response {
    var response = Response(head: ResponseHead(status: change.status), .generated)
    response.isFunctionMade = true
    if let reason = change.statusDescription { response.head.setReason(reason.span) }
    if let headers = change.headers { for i in 0..<headers.count { response.head.fields.append(headers.name(i), headers.value(i)) } }
    response.replaceBody(ByteBuffer(copying: change.body ?? []))
    return response
  }

  /// Changes a response as a response event's function decided.
  func apply(_ change: ResponseChange, to response: inout Response, at point: HookPoint, _ exchange: inout Exchange) {
    if change.status != response.head.line.status {
      response.head.line.status = change.status
      response.head.setReason(Span())
    }
    if let reason = change.statusDescription { response.head.setReason(reason.span) }
    if let headers = change.headers { response.head.fields.replaceVisible(by: headers, at: point, keepsLength: true) }
    guard let body = change.body else { return }
    discardBody(&exchange)
    response.replaceBody(ByteBuffer(copying: body))
  }
}

extension ByteBuffer {
  /// A copy of some bytes.
  init(copying bytes: [UInt8]) {
    self.init(capacity: max(16, bytes.count))
    append(bytes.span)
  }
}
