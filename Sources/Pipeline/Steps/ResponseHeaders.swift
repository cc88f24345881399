// Step 16: the behavior's response headers policy (spec/request-pipeline.md, 6): remove, CORS, security and custom, Server-Timing.
import Distribution
import HTTPWire
import Telemetry

extension Worker {
  /// Applies the policy, to every response: the origin's, a function's, an error.
  func applyResponseHeadersPolicy(_ response: inout Response, _ exchange: inout Exchange) {
    guard let compiled = exchange.behavior.headers else { return }
    if let observer = exchange.observer { observer.sees(response.head) }
    for name in compiled.removed { response.head.fields.drop(named: name.span) }
    applyCORS(compiled.policy, &response.head.fields, exchange)
    for line in compiled.added {
      if let existing = response.head.fields.first(named: line.name.span) {
        guard line.override else { continue }
        response.head.fields.drop(existing)
        response.head.fields.drop(named: line.name.span)
      }
      response.head.fields.append(line.name.span, line.value.span)
    }
    addServerTiming(compiled, &response, exchange)
    exchange.reached(.responseHeaders)
    if let observer = exchange.observer { observer.sees(response.head, changedBy: .policy(compiled.policy.name)) }
  }

  private func applyCORS(_ policy: ResponseHeadersPolicy, _ fields: inout HeaderSection, _ exchange: borrowing Exchange) {
    guard let cors = policy.cors, let origin = exchange.request.fields.first(.origin) else { return }
    let asksMethod = exchange.request.fields.first(.accessControlRequestMethod) != nil
    let asksHeaders = exchange.request.fields.first(.accessControlRequestHeaders)
    var sent = false
    for name in CORSDecision.headerNames where fields.first(named: Array(name.utf8).span) != nil { sent = true }
    let decision = cors.decision(
      requestOrigin: exchange.request.fields.value(origin).text, isPreflight: exchange.received.method == .options && asksMethod,
      requestHeaders: asksHeaders.map { exchange.request.fields.value($0).text }, originSentCORSHeaders: sent)
    if decision.removesOriginHeaders { for name in CORSDecision.headerNames { fields.drop(named: Array(name.utf8).span) } }
    for header in decision.headers { fields.append(header.name, header.value) }
    if decision.variesByOrigin { fields.append("Vary", "Origin") }
  }

  /// `Server-Timing` for the sampled share of responses, or when the request says `Pragma: server-timing`. What was made here is no
  /// miss: no origin was asked, or it had nothing to say.
  private func addServerTiming(_ compiled: CompiledResponseHeaders, _ response: inout Response, _ exchange: borrowing Exchange) {
    guard compiled.policy.serverTimingSamplingPercent != nil else { return }
    guard asksForTiming(exchange.request.fields) || Int.random(in: 0..<1_000_000) < compiled.timingSamplesPerMillion else { return }
    let isOrigins = exchange.originStatus != 0 && (response.source != .generated || exchange.result == .miss)
    let outcome = exchange.cacheWork?.outcome, isHit = outcome == .hit || outcome == .stale || outcome == .collapsed
    var metrics = isHit ? ["cdn-cache-hit"] : outcome == .refreshHit ? ["cdn-cache-refresh"] : isOrigins ? ["cdn-cache-miss"] : []
    if isHit || outcome == .refreshHit { response.head.fields.drop(named: "server-timing".utf8.span) }   // what the origin measured was another request
    metrics += ["cdn-pop;desc=\"\(Site.pop)\"", "cdn-rid;desc=\"\(exchange.id.text)\""]
    let line = exchange.timeline
    if isHit { metrics.append("cdn-hit-layer;desc=\"EDGE\"") }
    metrics.append("cdn-downstream-fbl;dur=\((monotonicNanoseconds() - line.received) / 1_000_000)")
    if line.originResponse > line.originRequest && line.originRequest > 0 {
      metrics.append("cdn-upstream-layer;desc=\"EDGE\"")
      metrics.append("cdn-upstream-fbl;dur=\((line.originResponse - line.originRequest) / 1_000_000)")
    }
    response.head.fields.append("Server-Timing", metrics.joined(separator: ","))
  }

  /// Whether `server-timing` is among the members of Pragma.
  private func asksForTiming(_ fields: borrowing HeaderSection) -> Bool {
    guard fields.present.has(.pragma) else { return false }
    for i in 0..<fields.count where fields[i].name == .pragma {
      for member in fields.value(i).text.lowercased().split(separator: ",") where member.filter({ $0 != " " && $0 != "\t" }) == "server-timing" { return true }
    }
    return false
  }
}
