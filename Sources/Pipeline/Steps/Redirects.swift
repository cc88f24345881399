// Step 5: the behavior's table of redirects (architecture.md; Documentation/redirects.md). The first rule that matches answers; without one the
// request goes on.
import Distribution
import HTTPWire
import RedirectRules
import Telemetry
import Transport

/// A table of redirects made ready.
final class CompiledRedirects: Sendable {
  let definition: RedirectDefinition
  let table: RedirectTable
  /// Its place among the counters.
  let metricsIndex: Int
  /// Which reading of the file it is.
  let edition: Int
  /// `rules.tsv:`, for the log.
  private let name: [UInt8]

  init(_ definition: RedirectDefinition, metricsIndex: Int) {
    self.definition = definition
    table = definition.table
    self.metricsIndex = metricsIndex
    edition = ObjectIdentifier(definition.table).hashValue
    name = Array("\(definition.name):".utf8)
  }

  /// Where a rule stands: `rules.tsv:17`.
  func place(of rule: Int) -> ByteBuffer {
    var place = ByteBuffer()
    place.acquireSmall()
    let name = name
    place.append(name.span)
    place.append(decimal: table.line(rule))
    return place
  }
}

extension Worker {
  /// Answers a request that a rule is for. Only for behaviors that have a table.
  func followRedirects(_ redirects: CompiledRedirects, _ exchange: inout Exchange) -> Response? {
    let table = redirects.table
    exchange.reached(.redirectRules)
    guard table.reads.isEmpty else { return followConditions(redirects, &exchange) }
    guard let rule = table.firstMatch(exchange.request.path) else { return nil }
    took(rule, of: redirects, &exchange)
    if let status = table.plainStatus(rule), exchange.behavior.sendsStoredHeads, exchange.request.query.count == 0, exchange.observer == nil, !logging.wantsAnswer {
      exchange.result = .redirect
      return Response(plainRedirect: status)
    }
    return answer(table.answer(rule, exchange.request.path, query: exchange.request.query, .none), &exchange)
  }

  @inline(never) private func followConditions(_ redirects: CompiledRedirects, _ exchange: inout Exchange) -> Response? {
    let table = redirects.table, facts = facts(table.reads, exchange)
    guard let rule = table.firstMatch(exchange.request.path, facts) else { return nil }
    took(rule, of: redirects, &exchange)
    return answer(table.answer(rule, exchange.request.path, query: exchange.request.query, facts), &exchange)
  }

  @inline(__always) private func took(_ rule: Int, of redirects: CompiledRedirects, _ exchange: inout Exchange) {
    counters.countRedirect(redirects.metricsIndex, rule: rule, of: redirects.table.count, edition: redirects.edition)
    exchange.redirectRule = Int32(truncatingIfNeeded: rule)
  }

  @inline(never) private func answer(_ answer: RedirectTable.Answer, _ exchange: inout Exchange) -> Response {
    switch answer {
    case .redirect(let status, let location): return redirect(status, location, &exchange)
    case .refusal(let status): return refuse(&exchange, status, status == 410 ? "The page is gone." : status == 451 ? "The page is unavailable for legal reasons." : "There is no such page.")
    case .unfit:
      counters.add(.limitRedirectLocation)
      return refuse(&exchange, 414, "The place that a redirect rule makes of this URL is none, or too long.", "InvalidRequest")
    }
  }

  private func redirect(_ status: Int, _ location: [UInt8], _ exchange: inout Exchange) -> Response {
    exchange.result = .redirect
    var response = Response(head: ResponseHead(status: status), .generated)
    let name: StaticString = "Location"
    name.withUTF8Buffer { unsafe response.head.fields.append($0.span, location.span) }
    response.head.setContentLength(0)
    response.isGenerated = true
    return response
  }

  /// Writes the head of a redirect to a place that stands in the table, in one go. (What ``composeResponseHead(_:_:_:_:to:)`` makes of one
  /// that has been made is the same.)
  func composePlainRedirect(_ status: Int, _ exchange: borrowing Exchange, _ closing: Bool, to out: inout ByteBuffer) {
    guard let redirects = exchange.behavior.redirects else { return }
    out.append(Self.beginning(status))
    redirects.table.withPlainTarget(Int(exchange.redirectRule)) { out.append($0) }
    out.append("\r\nContent-Length: 0\r\nDate: ")
    let date = loop.date, lines = exchange.site.site.redirectLines
    out.append(date.span)
    out.append("\r\nServer: CloudFront\r\n")
    if !exchange.received.isHTTP2 {
      if closing { out.append("Connection: close\r\n") } else if exchange.received.isHTTP10 { out.append("Connection: keep-alive\r\n") }
    }
    out.append(lines.span)
    out.append(exchange.id)
    out.append("\r\n\r\n")
  }

  @inline(__always) private static func beginning(_ status: Int) -> StaticString {
    switch status {
    case 301: "HTTP/1.1 301 Moved Permanently\r\nLocation: "
    case 302: "HTTP/1.1 302 Found\r\nLocation: "
    case 303: "HTTP/1.1 303 See Other\r\nLocation: "
    case 307: "HTTP/1.1 307 Temporary Redirect\r\nLocation: "
    default: "HTTP/1.1 308 Permanent Redirect\r\nLocation: "
    }
  }

  /// What the table's conditions look at.
  private func facts(_ reads: RedirectFacts.Kinds, _ exchange: borrowing Exchange) -> RedirectFacts {
    var facts = RedirectFacts()
    if reads.contains(.host) {
      let length = HostTable.nameLength(exchange.request.authority)
      facts.host = exchange.request.authority.extracting(..<length).copied.map(\.lowercased)
    }
    if reads.contains(.method) { facts.method = exchange.request.methodBytes.copied }
    facts.isSecure = exchange.isSecure
    if reads.contains(.query), exchange.request.hasQuery { facts.query = exchange.request.query.copied }
    if reads.contains(.cookies) { facts.cookies = values(of: .cookie, in: exchange.request.fields, between: [59, 32]) }
    if reads.contains(.languages) { facts.languages = values(of: .acceptLanguage, in: exchange.request.fields, between: [44]) }
    if reads.contains(.country) { facts.country = Array((viewerHeader(.viewerCountry, exchange) ?? "").utf8) }
    return facts
  }

  /// The values of every line with a name, joined.
  private func values(of name: FieldName, in fields: borrowing HeaderSection, between separator: [UInt8]) -> [UInt8] {
    var joined: [UInt8] = []
    for i in 0..<fields.count where fields[i].name == name {
      if !joined.isEmpty { joined.append(contentsOf: separator) }
      joined.append(contentsOf: fields.value(i).copied)
    }
    return joined
  }
}
