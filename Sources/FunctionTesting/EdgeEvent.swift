// An event of Lambda@Edge in a case, its short form, and what came of it in the form that cases are compared in. Pure; any thread.
// Source: design/configuration.md, "A case file"; spec/lambda-at-edge.md, 2 to 6.
import ConfigurationFile
import Distribution
import FunctionTier
import HTTPWire
import JSONText

/// An event that a function of the function tier is invoked with.
struct EdgeEvent: Sendable {
  /// As it is handed over.
  let payload: [UInt8]
  /// What its results are judged by; nil when it is not one of Lambda@Edge: then any result will do.
  let event: Event?
  /// The origin that it shows, as it is written there: returned as it is, it is no choice, whatever the configuration of whoever made the event allows.
  private let shownOrigin: JSONValue?

  /// An event in a file.
  init(payload: [UInt8]) {
    self.payload = payload
    event = Event(parsing: payload)
    shownOrigin = Self.request(payload)?["origin"]
  }

  init(_ event: Event) {
    var event = event
    payload = event.payload()
    self.event = event
    shownOrigin = Self.request(payload)?["origin"]
  }

  private static func request(_ payload: [UInt8]) -> JSONObject? {
    (try? JSONValue(parsing: payload.span, replacesHalfPairs: true))?["Records"]?.array?.first?["cf"]?["request"]?.object
  }

  /// The request, in the form that cases are compared in.
  var document: JSONObject {
    guard let request = Self.request(payload) else { return [:] }
    return ["request": .object(Self.compared(request))]
  }

  // MARK: What came of it

  /// `{"request": …}` or `{"response": …}` with headers as `{value, multiValue}`; what is neither is told as it is. And the origin that was chosen, as
  /// it was returned, with custom headers as `{name: value}`; nil when it stays.
  /// - Throws: what the proxy would not take.
  func output(_ result: JSONValue?) throws(EventFailure) -> (output: JSONValue?, origin: JSONValue?) {
    guard let event else { return (result.map { .object(["result": $0]) }, nil) }
    var judged = result ?? .null
    if var object = judged.object, let origin = object["origin"], origin == shownOrigin {
      object["origin"] = nil
      judged = .object(object)
    }
    let decision = try event.decision(on: Array(judged.compact.utf8))
    guard let object = result?.object else { return (nil, nil) }
    switch decision {
    case .request(let change): return (.object(["request": .object(Self.compared(object))]), change.origin == nil ? nil : object["origin"].map(Self.chosen))
    case .response: return (.object(["response": .object(Self.compared(object))]), nil)
    }
  }

  private static func chosen(_ origin: JSONValue) -> JSONValue {
    var chosen = JSONObject()
    for kind in origin.object?.members ?? [] {
      guard var fields = kind.value.object else { continue }
      if let headers = fields["customHeaders"]?.object {
        fields["customHeaders"] = .object(JSONObject(headers.members.map { header in
          let values = (header.value.array ?? []).map { $0["value"] ?? .null }
          return .init(name: header.name, value: values.count == 1 ? values[0] : .array(values))
        }))
      }
      chosen[kind.name] = .object(fields)
    }
    return .object(chosen)
  }

  private static func compared(_ message: JSONObject) -> JSONObject {
    var compared = JSONObject()
    for member in message.members {
      switch member.name {
      case "headers": compared["headers"] = .object(fields(member.value))
      case "status":
        compared["status"] = member.value
        if let status = member.value.string.flatMap({ Int($0) }) { compared["statusCode"] = .number(status) } else { compared["statusCode"] = member.value }
      case "body" where message["bodyEncoding"]?.string == "base64": compared["body"] = .object(["encoding": .string("base64"), "data": member.value])
      case "bodyEncoding", "clientIp": continue
      default: compared[member.name] = member.value
      }
    }
    return compared
  }

  private static func fields(_ headers: JSONValue) -> JSONObject {
    var fields = JSONObject()
    for member in headers.object?.members ?? [] {
      let occurrences = (member.value.array ?? []).map { JSONValue.object(["value": $0["value"] ?? .null]) }
      guard case .object(var field)? = occurrences.first else { continue }
      if occurrences.count > 1 { field["multiValue"] = .array(occurrences) }
      fields[member.name] = .object(field)
    }
    return fields
  }
}

/// Makes events of `request:` and `response:`.
struct EdgeShorthand {
  /// The event; what is wrong is reported, and the event is good for nothing then.
  func event(_ hook: HookPoint, request: Value?, response: Value?) -> EdgeEvent? {
    var section: Section?
    if let request {
      section = request.section("request")
      if section == nil { return nil }
    }
    let shown = self.request(hook, section)
    var answer: EventResponse?
    if let response, let section = response.section("response") {
      let status = (section.optional("status") ?? section.optional("statusCode"))?.wholeNumber(100...599) ?? 200
      answer = EventResponse(
        status: status, statusDescription: Array((section.optional("statusDescription")?.text() ?? "\(ReasonPhrase.of(status))").utf8),
        headers: section.optional("headers").map(headers) ?? EventHeaders())
      section.finish()
    }
    return EdgeEvent(
      Event(
        hook, LambdaEdgeLimits(at: hook), distributionDomainName: Array("d111111abcdef8.cloudfront.net".utf8), distributionID: Array("EDFDVBD6EXAMPLE".utf8),
        requestID: Array("4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ==".utf8), shown, answer))
  }

  /// A request; what it does not say is as in a plain one.
  private func request(_ hook: HookPoint, _ section: Section?) -> EventRequest {
    defer { section?.finish() }
    let isOrigin = hook == .originRequest || hook == .originResponse
    var shown = EventRequest(
      clientIP: Array((section?.optional("ip")?.nonEmptyText("an IP address") ?? "203.0.113.1").utf8),
      method: Array((section?.optional("method")?.nonEmptyText() ?? "GET").utf8), uri: Array((section?.optional("uri").flatMap(uri) ?? "/").utf8),
      querystring: Array((section?.optional("querystring").flatMap(query) ?? "").utf8), headers: section?.optional("headers").map(headers) ?? EventHeaders())
    if let body = section?.optional("body")?.text() { shown.body = EventBody(Array(body.utf8)) }
    if let origin = section?.optional("origin") {
      if !isOrigin { origin.error("only events of origins have one") }
      shown.origin = self.origin(origin)
    } else if isOrigin {
      shown.origin = EventOrigin(custom: "origin.example.com", port: 443, isHTTPS: true)
    }
    return shown
  }

  private func uri(_ value: Value) -> String? {
    guard let uri = value.nonEmptyText("a path") else { return nil }
    if !uri.hasPrefix("/") { value.error("uri begins with /") }
    if uri.contains("?") { value.error("uri has no query; put it into querystring") }
    return uri
  }

  private func query(_ value: Value) -> String? {
    guard value.isMapping else { return value.text("a query or a mapping of its parameters") }
    return (value.section("querystring")?.entries ?? []).map { "\($0.name)=\($0.value.text() ?? "")" }.joined(separator: "&")
  }

  /// `{ name: value }` with values as text or as a list of texts.
  private func headers(_ value: Value) -> EventHeaders {
    var headers = EventHeaders()
    for entry in value.section(value.name)?.entries ?? [] {
      let texts = entry.value.isList ? (entry.value.items(of: "a value") ?? []).compactMap { $0.text() } : [entry.value.text() ?? ""]
      for text in texts { headers.append(entry.name.utf8.span, text.utf8.span) }
    }
    return headers
  }

  private func origin(_ value: Value) -> EventOrigin? {
    guard let section = value.section("origin") else { return nil }
    defer { section.finish() }
    let name = section.required("domainName")?.nonEmptyText("a name") ?? ""
    var origin = EventOrigin(custom: name, port: section.optional("port")?.wholeNumber(1...65535) ?? 443, isHTTPS: section.optional("protocol")?.text() != "http")
    if let path = section.optional("path")?.text() { origin.path = path }
    if let custom = section.optional("customHeaders") { origin.customHeaders = headers(custom) }
    return origin
  }
}

extension EventFailure {
  /// As cases and `skerry invoke` tell of it.
  var sentence: String { "Validation error: \(log)" }
}
