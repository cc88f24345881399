// Owns: what is remembered of one request whose way is to be explained. It sees the pipeline's own steps and decides nothing: whatever it tells
// was decided by the code that serves requests. Without one, a step tests a reference that is nil. Confined to the worker's thread.
// The form of what it tells: Documentation/explain.md.
import CSystem
import Distribution
import FunctionTier
import Glibc
import HTTPWire
import JSONText
import ObjectCache
import RedirectRules
import RewriteEngine
import Telemetry
import Transport

/// Sees one request walk through its steps.
final class Explanation {
  /// Whether the viewer is taken to use HTTPS.
  let isSecure: Bool
  /// What every origin answers instead of being asked; nil where they are asked.
  private let standIn: [UInt8]?

  /// The request as it was when the last step began, and that step.
  private var request = RequestState()
  private var step = Step.received
  private var response = ResponseState()

  private var timeline: [JSONValue] = []
  private var distribution = JSONValue.null, behaviors: [JSONValue] = [], redirects = JSONValue.null
  private var rootObject: [Change] = []
  private var functions: [FunctionRun] = []
  private var lookups: [JSONValue] = [], freshness = JSONValue.null
  private var attempts: [JSONObject] = []
  private var policy = JSONValue.null
  private var outcome: JSONObject = [:]
  private var standIns: [Socket] = []
  /// The page that the distribution has for an error: the rule, what was seen of asking for it, and whether it was taken.
  private var page: (rule: ErrorResponse, seen: Explanation, isTaken: Bool)?

  /// What one run of a function came to, as far as it is known.
  private struct FunctionRun {
    var json: JSONObject
    var isRequest: Bool
    var changes: [Change] = []
  }

  init(isSecure: Bool, standIn: [UInt8]?) {
    self.isSecure = isSecure
    self.standIn = standIn
  }

  // MARK: What it sees

  /// A step begins: what has changed since the last one began is that one's work.
  func took(_ next: Step, _ exchange: borrowing Exchange, nanoseconds: UInt64) {
    let now = RequestState(exchange.request)
    if next != .received { credit(request.changes(to: now)) }
    request = now
    timeline.append(.object(["step": .string("\(next)"), "microseconds": .number(Int(nanoseconds / 1000))]))
    switch next {
    case .distributionChosen: describeDistribution(exchange)
    case .behaviorChosen: describeBehaviors(exchange)
    case .redirectRules: describeRedirects(exchange)
    case .sending, .sent: describeOutcome(exchange)
    default: break
    }
    step = next
  }

  private func credit(_ changes: [Change]) {
    guard !changes.isEmpty else { return }
    switch step {
    case .rootObject: rootObject += changes
    default: if let index = functions.lastIndex(where: \.isRequest) { functions[index].changes += changes }
    }
  }

  /// A function has run; its words and its cost.
  func ran(_ report: FunctionReport, fuel: UInt64?, logs: [String] = []) {
    var json: JSONObject = [
      "event": .string("\(report.hook.word)"), "name": .string(report.name), "outcome": .string("\(report.outcome.word)"),
      "fuel": fuel.map { .number(Int(clamping: $0)) } ?? .null, "cpuMicroseconds": .number(report.cpuMicroseconds), "logs": .array(logs.map { .string($0) }),
    ]
    if let duration = report.durationMicroseconds { json.append("durationMicroseconds", .number(duration)) }
    if let error = report.error { json.append("error", .string(error)) }
    functions.append(FunctionRun(json: json, isRequest: report.hook == .viewerRequest || report.hook == .originRequest))
  }

  /// The request after the last function.
  func sees(_ request: borrowing RequestHead) {
    let now = RequestState(request)
    credit(self.request.changes(to: now))
    self.request = now
  }

  /// The last function has changed the request to an origin.
  /// - Parameter content: bytes of the body that it gave; nil when it left it alone.
  func changed(_ before: EventRequest, to after: EventRequest, content: Int?) {
    guard let last = functions.indices.last else { return }
    func fields(_ headers: EventHeaders) -> [(name: String, value: String)] { (0..<headers.count).map { (headers.name($0).text, headers.value($0).text) } }
    func target(_ request: EventRequest) -> String {
      request.uri.span.text + (request.querystring.isEmpty ? "" : "?" + request.querystring.span.text)
    }
    func place(_ request: EventRequest) -> String? { request.origin.map { "\($0.isHTTPS ? "https" : "http")://\($0.domainName):\($0.port)\($0.path)" } }
    func change(_ part: String, _ old: String?, _ new: String?) { if old != new { functions[last].changes.append(Change(part: part, before: old, after: new)) } }
    change("uri", target(before), target(after))
    change("origin", place(before), place(after))
    if let content { change("body", nil, "\(content) bytes") }
    functions[last].changes += Change.between(fields(before.headers), fields(after.headers))
  }
  /// Bytes of a function's log that are shown, of its end.
  static let logBytes = 64 << 10

  /// A response's head before a step that may change it.
  func sees(_ head: borrowing ResponseHead) { response = ResponseState(head) }
  /// The same head after a function, or a policy.
  func sees(_ head: borrowing ResponseHead, changedBy cause: Cause) {
    let now = ResponseState(head), changes = response.changes(to: now)
    response = now
    switch cause {
    case .function: if let last = functions.indices.last, !functions[last].isRequest { functions[last].changes += changes }
    case .policy(let name): policy = .object(["name": .string(name), "changes": .array(changes.map(\.json))])
    }
  }
  enum Cause { case function, policy(String) }

  /// The cache was asked for a key.
  func looked(up key: ReadableKey?, _ policy: CachePolicy?, found: Lookup, now: Int64) {
    var json: JSONObject = [:]
    let parts = (key?.parts ?? []).map { part -> JSONValue in
      .object(["part": .string(part.source), "value": part.value.map { .string($0) } ?? .null, "from": .string(Self.source(of: part.source, policy))])
    }
    json.append("key", .array(parts))
    let (word, stored): (String, StoredResponse?) = switch found {
    case .hit(let stored): ("stored", stored)
    case .stale(let stored, _): ("stored, stale", stored)
    case .lead: ("nothing usable: this request asks the origin", nil)
    case .follow: ("another request is asking the origin: this one waits for it", nil)
    case .pass: ("known not to be storable: every request asks the origin", nil)
    }
    json.append("found", .string(word))
    if let stored { json.append("freshness", Self.describe(stored.freshness, now)) }
    lookups.append(.object(json))
  }

  /// An answer has been judged: whether it is stored, and for how long.
  func judged(_ facts: ResponseFacts, _ decision: Freshness?, _ policy: CachePolicy?, now: Int64) {
    var json: JSONObject = ["status": .number(facts.status)]
    var said: [String] = []
    let directives = facts.directives
    if let value = directives.sharedMaxAge { said.append("s-maxage=\(value)") }
    if let value = directives.maxAge { said.append("max-age=\(value)") }
    for (flag, word) in [(CacheDirectives.Flags.noStore, "no-store"), (.noCache, "no-cache"), (.private, "private"), (.public, "public"), (.mustRevalidate, "must-revalidate")]
    where directives.has(flag) { said.append(word) }
    if let value = directives.staleWhileRevalidate { said.append("stale-while-revalidate=\(value)") }
    if let value = directives.staleIfError { said.append("stale-if-error=\(value)") }
    if case .at(let seconds) = facts.expires { said.append("Expires in \(seconds - Int(now / 1000)) s") }
    if facts.expires == .invalid { said.append("Expires in the past") }
    if facts.age > 0 { said.append("Age \(facts.age)") }
    if facts.variesByAnything { said.append("Vary: *") }
    json.append("originSays", .array(said.map { .string($0) }))
    if let policy {
      json.append("policy", .object([
        "name": .string(policy.name), "mode": .string(policy.mode.rawValue), "minTTL": .number(policy.minTTLSeconds), "defaultTTL": .number(policy.defaultTTLSeconds),
        "maxTTL": .number(policy.maxTTLSeconds),
      ]))
    }
    json.append("isStored", .boolean(decision != nil))
    if let decision { json.append("freshness", Self.describe(decision, now)) }
    freshness = .object(json)
  }

  /// A request stands ready to be sent to an origin.
  func sends(_ sent: Span<UInt8>, to destination: Destination, _ exchange: borrowing Exchange) {
    let lines = sent.text.split(separator: "\r\n", omittingEmptySubsequences: true).map(String.init)
    let names = lines.dropFirst().map { String($0.prefix { $0 != ":" }) }, known = Set(names.map { $0.lowercased() })
    var json: JSONObject = ["name": .string(destination.origin.name), "place": .string(Self.place(of: destination))]
    json.append("requestLine", .string(lines.first ?? ""))
    json.append("fields", .array(zip(lines.dropFirst(), names).map { line, name in
      .object(["line": .string(line), "from": .string(source(ofField: name.lowercased(), destination, exchange.behavior.behavior))])
    }))
    let withheld = RequestState(exchange.request).fields.map(\.name).filter { !known.contains($0.lowercased()) }
    json.append("withheld", .array(withheld.map { .string($0) }))
    attempts.append(json)
  }

  /// An origin's answer has come, or a file.
  func received(_ head: borrowing ResponseHead, from destination: Destination?) {
    sees(head)
    if let destination { attempts.append(["name": .string(destination.origin.name), "place": .string(Self.place(of: destination))]) }
    guard !attempts.isEmpty else { return }
    attempts[attempts.count - 1].append("status", .number(head.line.status))
    attempts[attempts.count - 1].append("answerFields", .array(response.fields.map { .string("\($0.name): \($0.value)") }))
    if standIn != nil, destination == nil { attempts[attempts.count - 1].append("isStandIn", .boolean(true)) }
  }

  /// A connection that gives the answer that stands for an origin's; nil where origins are asked.
  func connection(on loop: EventLoop) -> Socket? {
    guard let standIn else { return nil }
    var ends: [Int32] = [-1, -1]
    guard unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else { return nil }
    _ = unsafe standIn.withUnsafeBytes { unsafe Glibc.send(ends[1], $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    // Kept until the end: what is sent to it must be taken.
    standIns.append(Socket(loop: loop, descriptor: ends[1]))
    return Socket(loop: loop, descriptor: ends[0])
  }

  /// The distribution's page for an error is asked for, which is a request of its own.
  /// - Returns: what sees that one. Its stand-in is a page that is there.
  func asksForPage(_ rule: ErrorResponse, _ page: borrowing Exchange) -> Explanation {
    let seen = Explanation(isSecure: isSecure, standIn: standIn == nil ? nil : Array("HTTP/1.1 200 Stand-in\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n".utf8))
    seen.describeBehaviors(page)
    seen.request = RequestState(page.request)
    self.page = (rule, seen, false)
    return seen
  }
  /// The page is what the viewer gets.
  func takesPage() { page?.isTaken = true }

  // MARK: What it tells

  /// Everything that was seen.
  /// - Parameter answer: the viewer's: head as it was sent, and how much content followed.
  func json(answer head: String, contentBytes: Int) -> JSONObject {
    for socket in standIns { socket.close() }
    standIns = []
    var json: JSONObject = ["distribution": distribution, "behaviors": .array(behaviors)]
    if redirects != .null { json.append("redirects", redirects) }
    json.append("functions", .array(functions.map { run in
      var object = run.json
      object.append("changes", .array(run.changes.map(\.json)))
      return .object(object)
    }))
    if !rootObject.isEmpty { json.append("defaultRootObject", .array(rootObject.map(\.json))) }
    if !lookups.isEmpty || freshness != .null {
      json.append("cache", .object(["lookups": .array(lookups), "storing": freshness]))
    }
    json.append("origin", .array(attempts.map { .object($0) }))
    if let page { json.append("errorPage", page.seen.json(ofPage: page.rule, isTaken: page.isTaken)) }
    if policy != .null { json.append("responseHeadersPolicy", policy) }
    for member in outcome.members { json.append(member.name, member.value) }
    let lines = head.split(separator: "\r\n").map(String.init)
    json.append("answer", .object([
      "statusLine": .string(lines.first ?? ""), "fields": .array(lines.dropFirst().map { .string($0) }), "contentBytes": .number(contentBytes),
    ]))
    json.append("steps", .array(timeline))
    return json
  }

  /// What was seen of asking for an error's page.
  private func json(ofPage rule: ErrorResponse, isTaken: Bool) -> JSONValue {
    for socket in standIns { socket.close() }
    standIns = []
    var json: JSONObject = [
      "errorCode": .number(rule.errorCode), "path": .string(rule.responsePagePath ?? ""), "responseCode": .number(rule.responseCode ?? rule.errorCode), "isTaken": .boolean(isTaken),
      "behaviors": .array(behaviors),
    ]
    if !lookups.isEmpty || freshness != .null { json.append("cache", .object(["lookups": .array(lookups), "storing": freshness])) }
    json.append("origin", .array(attempts.map { .object($0) }))
    return .object(json)
  }

  private func describeDistribution(_ exchange: borrowing Exchange) {
    let model = exchange.site.site.distribution
    let domain = exchange.site.site.domainName
    distribution = .object([
      "id": .string(model.id), "domainName": .string(String(decoding: domain, as: UTF8.self)), "host": .string(exchange.request.authority.text),
      "aliases": .array(model.aliases.map { .string($0) }), "isDefault": .boolean(model.isDefault),
    ])
  }

  /// The first that matches was taken: all before it do not.
  private func describeBehaviors(_ exchange: borrowing Exchange) {
    let chosen = exchange.behavior.index
    for (index, behavior) in exchange.site.site.behaviors.enumerated().prefix(chosen + 1) {
      var json: JSONObject = ["path": .string(behavior.behavior.pathPattern.text), "isMatch": .boolean(index == chosen)]
      if index == chosen { describe(behavior.behavior, exchange.site.site.distribution, to: &json) }
      behaviors.append(.object(json))
    }
  }

  private func describe(_ behavior: Behavior, _ distribution: Distribution, to json: inout JSONObject) {
    let target: String = switch behavior.target {
    case .origin(let index): "origin \(distribution.origins[index].name)"
    case .group(let index): "origin group \(distribution.originGroups[index].name)"
    }
    json.append("target", .string(target))
    json.append("viewerProtocolPolicy", .string(behavior.viewerProtocolPolicy.rawValue))
    json.append("cachePolicy", behavior.cachePolicy.map { .string($0.name) } ?? .null)
    json.append("originRequestPolicy", behavior.originRequestPolicy.map { .string($0.name) } ?? .null)
    json.append("responseHeadersPolicy", behavior.responseHeadersPolicy.map { .string($0.name) } ?? .null)
  }

  private func describeRedirects(_ exchange: borrowing Exchange) {
    guard let table = exchange.behavior.redirects else { return }
    redirects = .object(["table": .string(table.definition.name), "rules": .number(table.table.count), "rule": .null])
  }

  private func describeOutcome(_ exchange: borrowing Exchange) {
    if exchange.redirectRule >= 0, let table = exchange.behavior.redirects {
      let number = Int(exchange.redirectRule), rule = table.table.rule(number)
      redirects = .object([
        "table": .string(table.definition.name), "rules": .number(table.table.count), "rule": .string(table.place(of: number).readable.text), "from": .string(rule.from), "to": .string(rule.to),
      ])
    }
    outcome = ["resultType": .string("\(exchange.result.word)"), "requestId": .string(exchange.id.text)]
    if exchange.detailedResult.utf8CodeUnitCount > 0 { outcome.append("detailedResultType", .string("\(exchange.detailedResult)")) }
    if let failure = exchange.failure { outcome.append("failure", .string(failure)) }
    if exchange.attempts > 1 { outcome.append("originAttempts", .number(exchange.attempts)) }
    if let work = exchange.cacheWork {
      outcome.append("cacheOutcome", .object(["word": .string("\(work.outcome.word)"), "meaning": .string(work.outcome.meaning), "isStored": .boolean(work.isStored)]))
    }
    if exchange.route != nil, let origin = exchange.origin { outcome.append("originChosenByFunction", .string(origin.name)) }
  }

  private static func place(of destination: Destination) -> String {
    switch destination.origin.model.kind {
    case .folder(let path): "folder \(path)"
    case .http(let server): "\(server.httpVersion == .http2 ? "HTTP/2 " : "")\(String(decoding: destination.authority, as: UTF8.self)) (\(server.originProtocolPolicy.rawValue))"
    }
  }

  /// What every request to an origin gets from this proxy.
  private static let ownFields: Set<String> = ["via", "cdn-loop", "connection", "x-forwarded-for", "x-amz-cf-id", "traceparent", "tracestate", "transfer-encoding"]

  /// Who brought a field of a request to an origin into it.
  private func source(ofField name: String, _ destination: Destination, _ behavior: Behavior) -> String {
    let custom = destination.origin.model.customHeaders
    if custom.contains(where: { $0.name.lowercased() == name }) { return "customHeaders of origin \(destination.origin.name)" }
    if Self.ownFields.contains(name) { return "always" }
    if let run = functions.last(where: { run in run.isRequest && run.changes.contains { $0.part == name } }) { return "function \(run.json["name"]?.string ?? "")" }
    if name == "accept-encoding", behavior.forwarding.acceptsGzip || behavior.forwarding.acceptsBrotli { return "cachePolicy \(behavior.cachePolicy?.name ?? ""): enableAcceptEncoding" }
    if name == "if-none-match" || name == "if-modified-since", response.fields.isEmpty { return "the viewer, or the cache validates what it has" }
    if let policy = behavior.cachePolicy, policy.headers.contains(name) || name == "cookie" && policy.cookies == .all { return "cachePolicy \(policy.name)" }
    if name == "host", !behavior.forwarding.forwardsHost { return "the origin's own name: no policy forwards Host" }
    if name == "user-agent", !behavior.forwarding.forwardsUserAgent { return "always: no policy forwards the viewer's" }
    if let policy = behavior.originRequestPolicy { return "originRequestPolicy \(policy.name)" }
    return behavior.cachePolicy == nil || name != "cookie" ? "always" : "cachePolicy \(behavior.cachePolicy?.name ?? "")"
  }

  /// Which setting brought a part into the key.
  private static func source(of part: String, _ policy: CachePolicy?) -> String {
    let name = policy?.name ?? ""
    switch part {
    case "distribution", "method", "path": return "always"
    case "query": return "cachePolicy \(name): queryStrings"
    case "cookies": return "cachePolicy \(name): cookies"
    case "accept-encoding": return "cachePolicy \(name): enableAcceptEncoding"
    case "origin": return "a function chose the origin"
    default: return part.hasPrefix("header ") ? "cachePolicy \(name): headers" : "the stored response's Vary"
    }
  }

  /// Seconds from now; negative for what is past.
  private static func describe(_ freshness: Freshness, _ now: Int64) -> JSONValue {
    func seconds(_ time: Int64) -> JSONValue { time == .max ? .string("no end") : .number(String(Double((time - now) / 100) / 10)) }
    var json: JSONObject = ["ageSeconds": .number(freshness.ageSeconds(at: now)), "freshForSeconds": seconds(freshness.freshUntil)]
    if freshness.revalidatableUntil > freshness.freshUntil { json.append("servedStaleWhileRefreshedForSeconds", seconds(freshness.revalidatableUntil)) }
    if freshness.usableOnErrorUntil > freshness.freshUntil { json.append("servedWhenOriginFailsForSeconds", seconds(freshness.usableOnErrorUntil)) }
    let words: [(Freshness.Flags, String)] = [
      (.mustRevalidate, "never served stale"), (.noConditional, "fetched anew without conditions"), (.isError, "an error"), (.unshared, "each request asks for itself"),
      (.heuristic, "its freshness is a guess"), (.compressed, "compressed here"),
    ]
    let flags = words.filter { freshness.flags.contains($0.0) }.map { JSONValue.string($0.1) }
    if !flags.isEmpty { json.append("flags", .array(flags)) }
    return .object(json)
  }
}

/// One thing that became another.
private struct Change {
  var part: String
  /// nil for what was not there, or is no more.
  var before: String?, after: String?

  var json: JSONValue {
    .object(["part": .string(part), "before": before.map { .string($0) } ?? .null, "after": after.map { .string($0) } ?? .null])
  }

  /// How lists of fields differ, by name: several lines of one name are compared as a whole.
  static func between(_ before: [(name: String, value: String)], _ after: [(name: String, value: String)]) -> [Change] {
    func byName(_ fields: [(name: String, value: String)]) -> [String: String] {
      Dictionary(fields.map { ($0.name.lowercased(), $0.value) }) { $0 + "\n" + $1 }
    }
    let old = byName(before), new = byName(after)
    return Set(old.keys).union(new.keys).sorted().filter { old[$0] != new[$0] }.map { Change(part: $0, before: old[$0], after: new[$0]) }
  }
}

/// A request at one moment.
private struct RequestState {
  private var method = "", target = ""
  private(set) var fields: [(name: String, value: String)] = []

  init() {}
  init(_ request: borrowing RequestHead) {
    method = request.methodBytes.text
    target = request.target.text
    fields = request.fields.all
  }

  func changes(to now: RequestState) -> [Change] {
    (target == now.target ? [] : [Change(part: "uri", before: target, after: now.target)]) + Change.between(fields, now.fields)
  }
}

/// A response's head at one moment.
private struct ResponseState {
  private var status = 0
  private(set) var fields: [(name: String, value: String)] = []

  init() {}
  init(_ head: borrowing ResponseHead) {
    status = head.line.status
    fields = head.fields.all
  }

  func changes(to now: ResponseState) -> [Change] {
    (status == now.status ? [] : [Change(part: "status", before: String(status), after: String(now.status))]) + Change.between(fields, now.fields)
  }
}

extension HeaderSection {
  /// Every line that is kept.
  fileprivate var all: [(name: String, value: String)] {
    var lines: [(name: String, value: String)] = []
    for index in 0..<count where self[index].name != .dropped { lines.append((name(index).text, value(index).text)) }
    return lines
  }
}
