// The short form of an event in a case file, completed to AWS's form. Pure; any thread.
// Source: design/configuration.md, "A case file"; spec/cloudfront-functions.md section 2.
import ConfigurationFile
import Distribution
import HTTPWire
import JSONText
import RewriteEngine

/// Makes events of `request:` and `response:`.
struct Shorthand {
  /// The viewer of a case that names none (RFC 5737).
  private static let viewerAddress = "203.0.113.1"

  /// The event; what is wrong is reported, and the event is good for nothing then.
  func event(_ type: FunctionEvent, request: Value, response: Value?) -> TestEvent? {
    var address = Shorthand.viewerAddress
    var query: String?
    guard let requestObject = self.request(request, &address, &query) else { return nil }
    var document: JSONObject = [
      "version": .string("1.0"),
      "context": .object([
        "distributionDomainName": .string("d111111abcdef8.cloudfront.net"),
        "distributionId": .string("EDFDVBD6EXAMPLE"),
        "eventType": .string(type.name),
        "requestId": .string("4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ=="),
      ]),
      "viewer": .object(["ip": .string(address)]),
      "request": .object(requestObject),
    ]
    if let response {
      guard let responseObject = self.response(response) else { return nil }
      document["response"] = .object(responseObject)
    }
    return TestEvent(document: document, type: type, query: query)
  }

  private func request(_ value: Value, _ address: inout String, _ query: inout String?) -> JSONObject? {
    guard let section = value.section("request") else { return nil }
    defer { section.finish() }
    let method = section.optional("method")?.nonEmptyText() ?? "GET"
    let uri = section.optional("uri").flatMap(uri) ?? "/"
    if let ip = section.optional("ip")?.nonEmptyText("an IP address") { address = ip }
    var parameters = JSONObject()
    if let given = section.optional("querystring") {
      if given.isMapping {
        parameters = fields(given, lowerCase: false)
        query = Query.text(parameters)
        if parameters.isEmpty { query = nil }
      } else if let text = given.text("a query or a mapping of its parameters") {
        parameters = Query.object(text)
        query = text
      }
    }
    return [
      "method": .string(method), "uri": .string(uri), "querystring": .object(parameters),
      "headers": .object(section.optional("headers").map { fields($0, lowerCase: true) } ?? [:]),
      "cookies": .object(section.optional("cookies").map { fields($0, lowerCase: false) } ?? [:]),
    ]
  }

  private func uri(_ value: Value) -> String? {
    guard let uri = value.nonEmptyText("a path") else { return nil }
    if !uri.hasPrefix("/") { value.error("uri begins with /") }
    if uri.contains("?") { value.error("uri has no query; put it into querystring") }
    return uri
  }

  private func response(_ value: Value) -> JSONObject? {
    guard let section = value.section("response") else { return nil }
    defer { section.finish() }
    let status = section.optional("statusCode")?.wholeNumber(100...599) ?? 200
    return [
      "statusCode": .number(status),
      "statusDescription": .string(section.optional("statusDescription")?.text() ?? "\(ReasonPhrase.of(status))"),
      "headers": .object(section.optional("headers").map { fields($0, lowerCase: true) } ?? [:]),
      "cookies": .object(section.optional("cookies").map { fields($0, lowerCase: false) } ?? [:]),
    ]
  }

  /// `{ name: value }` with values as text, a list of texts, or CloudFront's own form.
  private func fields(_ value: Value, lowerCase: Bool) -> JSONObject {
    var object = JSONObject()
    for entry in value.section(value.name)?.entries ?? [] {
      let name = lowerCase ? entry.name.lowercasedASCII : entry.name
      if object[name] != nil { entry.key.error("\(name.quoted) is there twice; several values are a list") }
      object.append(name, field(entry.value))
    }
    return object
  }

  private func field(_ value: Value) -> JSONValue {
    if value.isList {
      let occurrences = (value.items(of: "a value") ?? []).map { occurrence($0) }
      guard case .object(var field)? = occurrences.first else {
        value.error("\(value.name) needs a value")
        return .null
      }
      if occurrences.count > 1 { field["multiValue"] = .array(occurrences) }
      return .object(field)
    }
    guard value.isMapping, let section = value.section(value.name) else { return occurrence(value) }
    defer { section.finish() }
    var field = JSONObject()
    for key in ["value", "attributes"] {
      if let text = section.optional(key)?.text() { field[key] = .string(text) }
    }
    if let several = section.optional("multiValue") {
      let occurrences = (several.items(of: "a value") ?? []).map { occurrence($0) }
      if field["value"] == nil { field["value"] = occurrences.first?["value"] }
      field["multiValue"] = .array(occurrences)
    }
    if field["value"] == nil { value.error("\(value.name) needs value") }
    return .object(field)
  }

  /// `{value}`, perhaps with attributes.
  private func occurrence(_ value: Value) -> JSONValue {
    guard value.isMapping, let section = value.section(value.name) else {
      return .object(["value": .string(value.text() ?? "")])
    }
    var object = JSONObject()
    object["value"] = .string(section.required("value")?.text() ?? "")
    if let text = section.optional("attributes")?.text() { object["attributes"] = .string(text) }
    section.finish()
    return .object(object)
  }
}

extension String {
  /// In lower case, ASCII letters only: names of headers (spec/cloudfront-functions.md section 2.3).
  var lowercasedASCII: String {
    String(decoding: utf8.map { (0x41...0x5A).contains($0) ? $0 + 32 : $0 }, as: UTF8.self)
  }
}
