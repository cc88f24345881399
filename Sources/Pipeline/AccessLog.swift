// Owns: the access log's line: one JSON object per request, fields after CloudFront's (spec/request-pipeline.md, 21.1), described in
// Documentation/observability.md and chosen by `accessLog.fields`. Written by the worker into its own buffer; the writer's thread does the rest.
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
    if !logged.isEmpty { Self.writeLine(logged, exchange, viewer, microseconds, wallMilliseconds, to: &log) }
  }

  /// The exchange did not reach its end: whose doing was it?
  private func noteInterruption(_ exchange: inout Exchange, _ viewer: borrowing ServerConnection) {
    if exchange.result == .error { return }
    exchange.result = .error
    exchange.detailedResult = "ClientCommError"
    if !viewer.answerHasBegun { exchange.status = 0 }
  }

  private static func writeLine(
    _ fields: AccessLog.Fields, _ exchange: borrowing Exchange, _ viewer: borrowing ServerConnection, _ microseconds: Int, _ time: Int64,
    to log: inout LogBuffer
  ) {
    log.beginLine()
    if fields.contains(.time) { log.moment("time", Timestamp(milliseconds: time)) }
    if fields.contains(.requestId) { log.token("requestId", exchange.id) }
    if fields.contains(.clientIp) { writeClient(exchange, viewer, to: &log) }
    if fields.contains(.clientPort) { log.integer("clientPort", Int((exchange.client?.address ?? viewer.peer).port)) }
    if fields.contains(.method) { log.token("method", exchange.request.methodBytes) }
    if fields.contains(.host) { log.string("host", exchange.request.authority) }
    if fields.contains(.uri) { log.string("uri", exchange.request.path(of: exchange.received)) }
    if fields.contains(.query) { writeUnlessEmpty("query", exchange.request.query(of: exchange.received), to: &log) }
    if fields.contains(.protocol) { log.word("protocol", exchange.received.isHTTP2 ? "HTTP/2.0" : exchange.received.isHTTP10 ? "HTTP/1.0" : "HTTP/1.1") }
    if let tls = exchange.tls {
      if fields.contains(.sslProtocol) { log.string("sslProtocol", tls.version.rawValue.utf8.span) }
      if fields.contains(.sslCipher) { log.string("sslCipher", tls.cipher.utf8.span) }
    }
    if fields.contains(.status) { log.integer("status", exchange.status) }
    if fields.contains(.bytesSent) { log.integer("bytesSent", viewer.stream.bytesSent) }
    if fields.contains(.bytesReceived) { log.integer("bytesReceived", viewer.bytesOfRequest) }
    if fields.contains(.timeTakenMs) { log.decimal("timeTakenMs", thousandths: microseconds) }
    if fields.contains(.resultType) { log.word("resultType", exchange.result.word) }
    if exchange.detailedResult.utf8CodeUnitCount > 0, fields.contains(.detailedResultType) { log.word("detailedResultType", exchange.detailedResult) }
    if fields.contains(.distributionId) { log.field(exchange.behavior.distributionLogField) }
    if fields.contains(.behavior) { log.field(exchange.behavior.logField) }
    if exchange.attempts > 0 { writeOrigin(fields, exchange, to: &log) }
    if !exchange.functions.isEmpty { writeFunctions(fields, exchange, to: &log) }
    if let rule = exchange.followed, fields.contains(.redirectRule) { log.string("redirectRule", rule.place.utf8.span) }
    if fields.contains(.userAgent) { writeHeader("userAgent", .userAgent, exchange.request.fields, to: &log) }
    if fields.contains(.referer) { writeHeader("referer", .referer, exchange.request.fields, to: &log) }
    if fields.contains(.xForwardedFor) { writeHeader("xForwardedFor", .xForwardedFor, exchange.request.fields, to: &log) }
    if let failure = exchange.failure, fields.contains(.error) { log.string("error", Array(failure.utf8).span) }
    log.endLine()
  }

  private static func writeUnlessEmpty(_ name: StaticString, _ value: Span<UInt8>, to log: inout LogBuffer) {
    if value.count > 0 { log.string(name, value) }
  }

  private static func writeClient(_ exchange: borrowing Exchange, _ viewer: borrowing ServerConnection, to log: inout LogBuffer) {
    guard let client = exchange.client else { return log.token("clientIp", viewer.peerText.span) }
    let text = client.text
    log.token("clientIp", text.span)
  }

  private static func writeHeader(_ key: StaticString, _ name: FieldName, _ fields: borrowing HeaderSection, to log: inout LogBuffer) {
    if let i = fields.first(name) { log.string(key, fields.value(i)) }
  }

  private static func writeOrigin(_ fields: AccessLog.Fields, _ exchange: borrowing Exchange, to log: inout LogBuffer) {
    if let origin = exchange.origin, fields.contains(.origin) { log.field(origin.logField) }
    if exchange.originStatus > 0, fields.contains(.originStatus) { log.integer("originStatus", exchange.originStatus) }
    let line = exchange.timeline
    if line.originResponse > line.originRequest, fields.contains(.originFirstByteMs) {
      log.decimal("originFirstByteMs", thousandths: Int(line.originResponse - line.originRequest) / 1000)
    }
    if fields.contains(.originReused) { log.boolean("originReused", exchange.reusedConnection) }
    if exchange.attempts > 1, fields.contains(.originAttempts) { log.integer("originAttempts", exchange.attempts) }
  }

  private static func writeFunctions(_ fields: AccessLog.Fields, _ exchange: borrowing Exchange, to log: inout LogBuffer) {
    if fields.contains(.functions) {
      log.beginArray("functions")
      for report in exchange.functions { writeFunction(report, to: &log) }
      log.endArray()
    }
    if fields.contains(.viewerRequestLogData) { writeUnlessEmpty("viewer_request_log_data", exchange.requestLogData.span, to: &log) }
    if fields.contains(.viewerResponseLogData) { writeUnlessEmpty("viewer_response_log_data", exchange.responseLogData.span, to: &log) }
  }

  private static func writeFunction(_ report: FunctionReport, to log: inout LogBuffer) {
    log.beginObject()
    log.string("name", report.name.utf8.span)
    log.word("event", report.hook.word)
    log.word("outcome", report.outcome.word)
    log.integer("cpuMicroseconds", report.cpuMicroseconds)
    if let error = report.error { log.string("error", error.utf8.span) }
    log.endObject()
  }

  /// A request that was refused before it was one: what is known of it.
  func logRefusal(_ refusal: Refusal, _ viewer: borrowing ServerConnection) {
    counters.countRequest(distribution: MetricLabels.distributionLimit, status: refusal.status, result: .error)
    let fields = logged
    guard !fields.isEmpty else { return }
    let id = ids.text
    log.beginLine()
    if fields.contains(.time) { log.moment("time", Timestamp(milliseconds: wallMilliseconds)) }
    if fields.contains(.requestId) { log.token("requestId", id.span) }
    if fields.contains(.clientIp) { log.token("clientIp", viewer.peerText.span) }
    if fields.contains(.clientPort) { log.integer("clientPort", Int(viewer.peer.port)) }
    if fields.contains(.status) { log.integer("status", refusal.status) }
    if fields.contains(.resultType) { log.word("resultType", ResultType.error.word) }
    if fields.contains(.detailedResultType) { log.word("detailedResultType", "InvalidRequest") }
    if fields.contains(.error) { log.string("error", refusal.explanation.utf8.span) }
    log.endLine()
  }
}
