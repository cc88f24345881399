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

  init(_ definition: RedirectDefinition, metricsIndex: Int) {
    self.definition = definition
    table = definition.table
    self.metricsIndex = metricsIndex
    edition = ObjectIdentifier(definition.table).hashValue
  }
}

/// Which rule answered.
struct FollowedRule {
  let redirects: CompiledRedirects
  let rule: Int
  /// `rules.tsv:17`, for the log.
  var place: String { "\(redirects.definition.name):\(redirects.table.line(rule))" }
}

extension Worker {
  /// Answers a request that a rule is for. Only for behaviors that have a table.
  func followRedirects(_ redirects: CompiledRedirects, _ exchange: inout Exchange) -> Response? {
    let table = redirects.table, reads = table.reads
    let facts = reads.isEmpty ? RedirectFacts.none : facts(reads, exchange)
    exchange.reached(.redirectRules)
    guard let rule = table.firstMatch(exchange.request.path, facts) else { return nil }
    let answer = table.answer(rule, exchange.request.path, query: exchange.request.query, facts)
    counters.countRedirect(redirects.metricsIndex, rule: rule, of: table.count, edition: redirects.edition)
    exchange.followed = FollowedRule(redirects: redirects, rule: rule)
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
