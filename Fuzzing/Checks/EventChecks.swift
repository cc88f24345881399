// What must hold for results of Lambda@Edge functions whatever bytes they are. Pure functions; any thread may call them.
import Distribution
import Foundation
import FunctionTier
import JSONText

/// The properties of the reader of results.
public enum EventChecks {
  /// A result, at each of the four events: what is taken can be put into a message as it is.
  public static func result(_ bytes: [UInt8]) throws(BrokenProperty) {
    for hook in HookPoint.allCases { try result(bytes, event(hook)) }
  }

  private static func result(_ bytes: [UInt8], _ event: Event) throws(BrokenProperty) {
    func require(_ property: String, _ holds: Bool) throws(BrokenProperty) {
      if !holds { throw BrokenProperty(property: "\(event.hook.rawValue): \(property)", bytes: bytes) }
    }
    let decision: EventDecision
    do throws(EventFailure) { decision = try event.decision(on: bytes) } catch {
      try require("a failure is said in one line", !(error.log + error.page).utf8.contains { $0 == 10 || $0 == 13 })
      try require("a failure is said briefly", error.log.utf8.count < 1_000 && error.page.utf8.count < 300)
      return
    }
    try require("somebody else sees an object, too", foreignObject(bytes))
    switch decision {
    case .request(let change):
      try require("only request events go on", event.hook == .viewerRequest || event.hook == .originRequest)
      let uri = change.uri ?? event.request.uri, query = change.querystring ?? event.request.querystring
      try require("a uri is one", uri.first == 47 && uri.allSatisfy { $0 > 32 && $0 != 127 && $0 != 35 && $0 != 63 })
      try require("a query is one", query.allSatisfy { $0 > 32 && $0 != 127 && $0 != 35 })
      try require("a target has a limit", uri.count + query.count < 8192)
      try require("a body has a limit", change.body.map { $0.count <= event.limits.replacedBase64Bytes } ?? true)
      if let headers = change.headers { try check(headers, event, require) }
      if let origin = change.origin {
        try require("an origin is chosen at origin-request", event.hook == .originRequest)
        try require("an origin has a name", !origin.domainName.isEmpty && origin.domainName.utf8.allSatisfy { $0 > 32 && $0 < 127 && $0 != 58 && $0 != 47 })
        try require("an origin has a port", 1...65535 ~= origin.port)
        try require("an origin's path is one", origin.path.isEmpty || origin.path.hasPrefix("/") && !origin.path.hasSuffix("/") && origin.path.utf8.allSatisfy { $0 > 32 && $0 < 127 })
        try lines(origin.customHeaders, require)
      }
    case .response(let change):
      try require("a status is one", 200...599 ~= change.status)
      try require("a reason is one line", change.statusDescription?.allSatisfy { $0 >= 32 && $0 != 127 || $0 == 9 } ?? true)
      try require("a response has a limit", (change.headers?.byteCount ?? 0) + (change.body?.count ?? 0) <= event.limits.responseBytes)
      if let headers = change.headers { try check(headers, event, isGenerated: event.response == nil, require) }
      if event.hook == .viewerResponse { try require("viewers' answers keep status and body", change.status == 200 && change.body == nil) }
    }
  }

  private typealias Require = (String, Bool) throws(BrokenProperty) -> Void

  private static func check(_ headers: EventHeaders, _ event: Event, isGenerated: Bool = false, _ require: Require) throws(BrokenProperty) {
    try lines(headers, require)
    for i in 0..<headers.count { try require("no header is disallowed", !EventHeaderRules.isDisallowed(headers.name(i), at: event.hook)) }
    try require("Via stays", headers.value(of: "via") == (isGenerated ? nil : "1.1 a"))
  }

  private static func lines(_ headers: EventHeaders, _ require: Require) throws(BrokenProperty) {
    for i in 0..<headers.count {
      let name = headers.name(i), value = headers.value(i)
      try require("a name is a token", HeaderRules.isToken(String(decoding: (0..<name.count).map { name[$0] }, as: UTF8.self)))
      for k in 0..<value.count { try require("a value is one line", value[k] >= 32 && value[k] != 127 || value[k] == 9) }
    }
  }

  private static func foreignObject(_ bytes: [UInt8]) -> Bool {
    // Swift's own reader takes numbers and halves of pairs that Foundation does not.
    guard let object = try? JSONSerialization.jsonObject(with: Data(bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes)) else {
      return (try? JSONValue(parsing: bytes.span, replacesHalfPairs: true)) != nil || bytes.contains(UInt8(ascii: "{"))
    }
    return object is [String: Any]
  }

  private static func event(_ hook: HookPoint) -> Event {
    let isOrigin = hook == .originRequest || hook == .originResponse, isResponse = hook == .originResponse || hook == .viewerResponse
    var event = Event(
      hook, LambdaEdgeLimits(at: hook), distributionDomainName: Array("d.cloudfront.net".utf8), distributionID: Array("D".utf8), requestID: Array("i".utf8),
      EventRequest(
        clientIP: Array("203.0.113.7".utf8), method: Array("POST".utf8), uri: Array("/a".utf8), querystring: Array("b".utf8),
        headers: EventHeaders([("Host", "h"), ("Via", "1.1 a")]), body: EventBody(Array("old".utf8)),
        origin: isOrigin ? EventOrigin(custom: "o.example", port: 80, isHTTPS: false) : nil),
      isResponse ? EventResponse(status: 200, headers: EventHeaders([("Via", "1.1 a"), ("Content-Type", "text/html")])) : nil)
    _ = event.payload()
    return event
  }
}
