// A test event in AWS's form (spec/cloudfront-functions.md sections 2 and 12): read, completed for the engine, and handed over.
// The function sees the JSON as it is written; the engine is told the same in the form of the wire, because what a function changed is
// judged by what came in. A pure value; any thread.
internal import ConfigurationFile
import Distribution
public import JSONText
public import RewriteEngine

/// Why a text is no event, and where.
public struct TestEventProblem: Error, Sendable {
  /// The line, from 1.
  public var line = 1
  /// The column in Unicode scalars, from 1.
  public var column = 1
  /// One sentence without a full stop.
  public var text: String
}

/// One event to run a function with.
public struct TestEvent: Sendable {
  /// The event object, exactly as the function sees it (without `rawQueryString`, which the engine adds).
  public let document: JSONObject
  /// Which hook point it is for.
  public let type: FunctionEvent
  /// The query as it would stand behind the `?`; nil when there is none.
  let query: String?
  /// What was read otherwise than it is written: a sentence each, without a full stop.
  public private(set) var remarks: [String] = []

  /// What a viewer request finds in `cf.edgeLocation`.
  var edgeLocation = EdgeLocation()

  /// A place of the edge. The default is what a proxy of Skerry's says of itself.
  struct EdgeLocation: Sendable, Equatable {
    var name = "SKY", serverAddress = "127.0.0.1", region = "local"
  }

  /// The longest event read, in bytes. CloudFront takes 40,960.
  public static let maximumBytes = 1 << 20

  /// An event whose parts are known.
  init(document: JSONObject, type: FunctionEvent, query: String?) {
    (self.document, self.type, self.query) = (document, type, query)
  }

  /// Reads an event from JSON.
  /// - Parameter expected: the type when the event does not say it itself, as `function.yaml` has it.
  public init(parsing json: [UInt8], expected: FunctionEvent? = nil) throws(TestEventProblem) {
    let value: JSONValue
    do throws(JSONFailure) { value = try JSONValue(parsing: json) } catch {
      let place = TextPosition(of: error.offset, in: json.span)
      throw TestEventProblem(line: place.line, column: place.column, text: error.text)
    }
    guard case .object(let document) = value else {
      throw TestEventProblem(text: "an event is an object with version, context, viewer and request")
    }
    try self.init(document, expected: expected)
  }

  init(_ document: JSONObject, expected: FunctionEvent?) throws(TestEventProblem) {
    let type: FunctionEvent
    if let name = document["context"]?["eventType"]?.string {
      guard let named = FunctionEvent(name: name) else { throw TestEventProblem(text: TestEvent.wrongType(name)) }
      type = named
    } else {
      type = expected ?? (document["response"] == nil ? .viewerRequest : .viewerResponse)
    }
    let (event, misspelt) = document.spelledAsReal()
    let given = event["request"]?["querystring"]
    let query = given?.string ?? given?.object.map(Query.text)
    self.init(document: event, type: type, query: query?.isEmpty == true ? nil : query)
    remarks = misspelt.map { "multivalue of \($0) is taken for multiValue, which real events have" }
  }

  private static func wrongType(_ name: String) -> String {
    if HookPoint(rawValue: name) != nil { return "\(name) events belong to the function tier; this function is the rewrite engine's" }
    let names = ["viewer-request", "viewer-response"]
    return "context.eventType cannot be \(name.quoted)\(Suggestion.text(for: name, among: names))"
  }

  // MARK: Handing over

  /// Gives the event to an isolate, which then can `run`.
  func fill(_ isolate: Isolate) {
    isolate.begin(type)
    lend(JSONValue.object(document).compact) { isolate.setDocument($0) }
    let request = document["request"]
    lend(request?["method"]?.string) { isolate.setMethod($0) }
    lend(request?["uri"]?.string) { isolate.setURI($0) }
    lend(query) { isolate.setQuery($0) }
    TestEvent.forEachOccurrence(request?["headers"]) { name, occurrence in
      lend(name, occurrence["value"]?.string) { isolate.addRequestHeader($0, $1) }
    }
    var cookies: [String] = []
    TestEvent.forEachOccurrence(request?["cookies"]) { name, occurrence in
      if let value = occurrence["value"]?.string { cookies.append("\(name)=\(value)") }
    }
    if !cookies.isEmpty { lend("cookie", cookies.joined(separator: "; ")) { isolate.addRequestHeader($0, $1) } }
    if type == .viewerResponse { return fillResponse(isolate) }
    let (name, address, region) = (Array(edgeLocation.name.utf8), Array(edgeLocation.serverAddress.utf8), Array(edgeLocation.region.utf8))
    isolate.setEdgeLocation(name: name.span, serverAddress: address.span, region: region.span)
  }

  private func fillResponse(_ isolate: Isolate) {
    let response = document["response"]
    let status = response?["statusCode"]?.double.flatMap { UInt16(exactly: $0) } ?? 0
    lend(response?["statusDescription"]?.string ?? "") { isolate.setStatus(status, description: $0) }
    TestEvent.forEachOccurrence(response?["headers"]) { name, occurrence in
      lend(name, occurrence["value"]?.string) { isolate.addResponseHeader($0, $1) }
    }
    TestEvent.forEachOccurrence(response?["cookies"]) { name, occurrence in
      guard let value = occurrence["value"]?.string else { return }
      let attributes = occurrence["attributes"]?.string ?? ""
      lend("set-cookie", "\(name)=\(value)" + (attributes.isEmpty ? "" : "; " + attributes)) { isolate.addResponseHeader($0, $1) }
    }
  }

  /// Every `{value}` of a set of headers, cookies or parameters, in its order.
  static func forEachOccurrence(_ set: JSONValue?, _ body: (_ name: String, _ occurrence: JSONObject) -> Void) {
    for member in set?.object?.members ?? [] {
      let several = member.value["multiValue"]?.array?.compactMap(\.object) ?? []
      for occurrence in several.isEmpty ? [member.value.object].compactMap({ $0 }) : several { body(member.name, occurrence) }
    }
  }
}

extension FunctionEvent {
  /// The event of a CloudFront name, `viewer-request` or `viewer-response`.
  public init?(name: String) {
    switch name {
    case "viewer-request": self = .viewerRequest
    case "viewer-response": self = .viewerResponse
    default: return nil
    }
  }

  /// CloudFront's name of it.
  public var name: String { self == .viewerRequest ? "viewer-request" : "viewer-response" }
}

/// Lends the bytes of a text, if there is one.
private func lend(_ text: String?, to body: (Span<UInt8>) -> Void) {
  guard let text else { return }
  body(Array(text.utf8).span)
}

private func lend(_ name: String, _ value: String?, to body: (Span<UInt8>, Span<UInt8>) -> Void) {
  guard let value else { return }
  let bytes = (name: Array(name.utf8), value: Array(value.utf8))
  body(bytes.name.span, bytes.value.span)
}
