// Owns: the access log's line: one JSON object per request, fields after CloudFront's (spec/request-pipeline.md, 21.1), described in
// Documentation/observability.md. Written by the worker into its own buffer; the writer's thread does the rest.
import Distribution
import HTTPWire
import Telemetry
import TLS
import Transport

extension Worker {
  /// Step 18: counts a request and logs it.
  func finish(_ exchange: inout Exchange, _ viewer: borrowing ServerConnection, _ failure: WireFailure?) {
    if failure != nil { noteInterruption(&exchange, viewer) }
    let now = monotonicNanoseconds()
    let microseconds = Int(now - exchange.timeline.received) / 1000
    counters.observe(.requestDuration, microseconds: microseconds)
    let line = exchange.timeline
    if line.originResponse > line.originRequest, line.originRequest > 0 {
      counters.observe(.originFirstByte, microseconds: Int(line.originResponse - line.originRequest) / 1000)
    }
    counters.add(.bytesReceived, viewer.bytesOfRequest)
    counters.add(.bytesSent, viewer.stream.bytesSent)
    counters.countRequest(distribution: exchange.site.site.metricsIndex, status: exchange.status, result: exchange.result)
    if logsRequests { Self.writeLine(exchange, viewer, microseconds, wallMilliseconds, to: &log) }
  }

  /// The exchange did not reach its end: whose doing was it?
  private func noteInterruption(_ exchange: inout Exchange, _ viewer: borrowing ServerConnection) {
    if exchange.result == .error { return }
    exchange.result = .error
    exchange.detailedResult = "ClientCommError"
    if !viewer.answerHasBegun { exchange.status = 0 }
  }

  private static func writeLine(
    _ exchange: borrowing Exchange, _ viewer: borrowing ServerConnection, _ microseconds: Int, _ time: Int64, to log: inout LogBuffer
  ) {
    log.beginLine(at: Timestamp(milliseconds: time))
    log.token("requestId", exchange.id)
    log.token("clientIp", viewer.peerText.span)
    log.integer("clientPort", Int(viewer.peer.port))
    log.token("method", exchange.request.methodBytes)
    log.string("host", exchange.request.authority)
    log.string("uri", exchange.request.path(of: exchange.received))
    let query = exchange.request.query(of: exchange.received)
    if query.count > 0 { log.string("query", query) }
    log.word("protocol", exchange.received.isHTTP2 ? "HTTP/2.0" : exchange.received.isHTTP10 ? "HTTP/1.0" : "HTTP/1.1")
    if let tls = exchange.tls {
      log.string("sslProtocol", tls.version.rawValue.utf8.span)
      log.string("sslCipher", tls.cipher.utf8.span)
    }
    log.integer("status", exchange.status)
    log.integer("bytesSent", viewer.stream.bytesSent)
    log.integer("bytesReceived", viewer.bytesOfRequest)
    log.decimal("timeTakenMs", thousandths: microseconds)
    log.word("resultType", exchange.result.word)
    if exchange.detailedResult.utf8CodeUnitCount > 0 { log.word("detailedResultType", exchange.detailedResult) }
    log.fields(exchange.behavior.logFields)
    if exchange.attempts > 0 { writeOrigin(exchange, to: &log) }
    if !exchange.functions.isEmpty { writeFunctions(exchange, to: &log) }
    if !exchange.requestLogData.isEmpty { log.string("viewer_request_log_data", exchange.requestLogData.span) }
    if !exchange.responseLogData.isEmpty { log.string("viewer_response_log_data", exchange.responseLogData.span) }
    writeHeader("userAgent", .userAgent, exchange.request.fields, to: &log)
    writeHeader("referer", .referer, exchange.request.fields, to: &log)
    writeHeader("xForwardedFor", .xForwardedFor, exchange.request.fields, to: &log)
    if let failure = exchange.failure { log.string("error", Array(failure.utf8).span) }
    log.endLine()
  }

  private static func writeHeader(_ key: StaticString, _ name: FieldName, _ fields: borrowing HeaderSection, to log: inout LogBuffer) {
    if let i = fields.first(name) { log.string(key, fields.value(i)) }
  }

  private static func writeOrigin(_ exchange: borrowing Exchange, to log: inout LogBuffer) {
    if let origin = exchange.origin { log.fields(origin.logFields) }
    if exchange.originStatus > 0 { log.integer("originStatus", exchange.originStatus) }
    let line = exchange.timeline
    if line.originResponse > line.originRequest { log.decimal("originFirstByteMs", thousandths: Int(line.originResponse - line.originRequest) / 1000) }
    log.boolean("originReused", exchange.reusedConnection)
    if exchange.attempts > 1 { log.integer("originAttempts", exchange.attempts) }
  }

  private static func writeFunctions(_ exchange: borrowing Exchange, to log: inout LogBuffer) {
    log.beginArray("functions")
    for report in exchange.functions {
      log.beginObject()
      log.string("name", report.name.utf8.span)
      log.word("event", report.hook.word)
      log.word("outcome", report.outcome.word)
      log.integer("cpuMicroseconds", report.cpuMicroseconds)
      if let error = report.error { log.string("error", error.utf8.span) }
      log.endObject()
    }
    log.endArray()
  }

  /// A request that was refused before it was one: what is known of it.
  func logRefusal(_ refusal: Refusal, _ viewer: borrowing ServerConnection) {
    counters.countRequest(distribution: MetricLabels.distributionLimit, status: refusal.status, result: .error)
    guard logsRequests else { return }
    let id = ids.text
    log.beginLine(at: Timestamp(milliseconds: wallMilliseconds))
    log.token("requestId", id.span)
    log.token("clientIp", viewer.peerText.span)
    log.integer("clientPort", Int(viewer.peer.port))
    log.integer("status", refusal.status)
    log.word("resultType", ResultType.error.word)
    log.word("detailedResultType", "InvalidRequest")
    log.string("error", refusal.explanation.utf8.span)
    log.endLine()
  }
}
