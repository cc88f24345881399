// Owns: the access log's JSON records: one object per request, fields after CloudFront's (spec/request-pipeline.md, 21.1), described in
// Documentation/observability.md and chosen by `accessLog.fields`.
import Distribution
import HTTPWire
import Telemetry
import TLS
import Transport

extension Worker {
  /// Writes the record of a request. Nothing is masked, and nothing asks whether it is: the compiler makes this and the next of one body.
  static func writeLine(
    _ plan: LogPlan, _ exchange: borrowing Exchange, _ viewer: borrowing ServerConnection, _ microseconds: Int, _ now: Timestamp, to log: inout LogBuffer
  ) { compose(plan, nil, exchange, viewer, microseconds, now, to: &log) }

  /// Writes the record of a request without what is masked.
  static func writeMaskedLine(
    _ plan: LogPlan, _ details: LogDetails, _ exchange: borrowing Exchange, _ viewer: borrowing ServerConnection, _ microseconds: Int, _ now: Timestamp,
    to log: inout LogBuffer
  ) { compose(plan, details, exchange, viewer, microseconds, now, to: &log) }

  @inline(__always) private static func compose(
    _ plan: LogPlan, _ details: LogDetails?, _ exchange: borrowing Exchange, _ viewer: borrowing ServerConnection, _ microseconds: Int, _ now: Timestamp,
    to log: inout LogBuffer
  ) {
    let fields = plan.fields, hidden: LogPlan.Hidden = details == nil ? [] : plan.hidden
    log.beginLine()
    if fields.contains(.time) { log.moment("time", now) }
    if fields.contains(.requestId) { log.token("requestId", exchange.id) }
    if fields.contains(.clientIp) { writeClient(exchange, viewer, to: &log) }
    if fields.contains(.clientPort) { log.integer("clientPort", Int((exchange.client?.address ?? viewer.peer).port)) }
    if fields.contains(.method) { log.token("method", exchange.request.methodBytes) }
    if fields.contains(.host) { write("host", exchange.request.authority, hidden: hidden.contains(.host), to: &log) }
    if fields.contains(.uri) { log.string("uri", exchange.request.path(of: exchange.received)) }
    if fields.contains(.query) { writeQuery(details, exchange.request.query(of: exchange.received), to: &log) }
    if fields.contains(.protocol) { log.word("protocol", exchange.received.isHTTP2 ? "HTTP/2.0" : exchange.received.isHTTP10 ? "HTTP/1.0" : "HTTP/1.1") }
    if let tls = exchange.tls {
      if fields.contains(.sslProtocol) { log.string("sslProtocol", tls.version.rawValue.utf8.span) }
      if fields.contains(.sslCipher) { log.string("sslCipher", tls.cipher.utf8.span) }
    }
    if fields.contains(.status) { log.integer("status", exchange.status) }
    if fields.contains(.bytesSent) { log.integer("bytesSent", viewer.stream.bytesSent) }
    if fields.contains(.bytesReceived) { log.integer("bytesReceived", viewer.bytesOfRequest) }
    if fields.contains(.timeTakenMs) { log.decimal("timeTakenMs", thousandths: microseconds) }
    if fields.contains(.timeToFirstByteMs), let first = exchange.timeline.firstByteMicroseconds { log.decimal("timeToFirstByteMs", thousandths: first) }
    if fields.contains(.resultType) { log.word("resultType", exchange.result.word) }
    if fields.contains(.responseResultType) { log.word("responseResultType", (exchange.resultAtStart ?? exchange.result).word) }
    if exchange.detailedResult.utf8CodeUnitCount > 0, fields.contains(.detailedResultType) { log.word("detailedResultType", exchange.detailedResult) }
    if fields.contains(.distributionId) { log.field(exchange.behavior.distributionLogField) }
    if fields.contains(.behavior) { log.field(exchange.behavior.logField) }
    if exchange.attempts > 0 { writeOrigin(fields, exchange, to: &log) }
    if !exchange.functions.isEmpty { writeFunctions(fields, exchange, to: &log) }
    if exchange.redirectRule >= 0, fields.contains(.redirectRule) { writeRule(exchange, to: &log) }
    if fields.contains(.userAgent) { writeHeader("userAgent", .userAgent, exchange.request.fields, hidden: hidden.contains(.userAgent), to: &log) }
    if fields.contains(.referer) { writeReferer(details, hidden, exchange.request.fields, to: &log) }
    if fields.contains(.cookie) { writeUnlessEmpty("cookie", loggedCookies(plan, details, exchange.request.fields).span, to: &log) }
    if fields.contains(.xForwardedFor) { writeHeader("xForwardedFor", .xForwardedFor, exchange.request.fields, hidden: hidden.contains(.forwardedFor), to: &log) }
    if let answer = exchange.answer { writeAnswer(plan, answer, to: &log) }
    if let trace = exchange.trace, fields.contains(.traceId) { log.token("traceId", trace.trace.text.span) }
    if let failure = exchange.failure, fields.contains(.error) { log.string("error", Array(failure.utf8).span) }
    log.endLine()
  }

  private static func writeRule(_ exchange: borrowing Exchange, to log: inout LogBuffer) {
    guard let place = exchange.behavior.redirects?.place(of: Int(exchange.redirectRule)) else { return }
    log.string("redirectRule", place.readable)
  }

  private static func writeUnlessEmpty(_ name: StaticString, _ value: Span<UInt8>, to log: inout LogBuffer) {
    if value.count > 0 { log.string(name, value) }
  }

  @inline(__always) private static func write(_ name: StaticString, _ value: Span<UInt8>, hidden: Bool, to log: inout LogBuffer) {
    if hidden { log.string(name, LogMask.replacement.utf8.span) } else { log.string(name, value) }
  }

  @inline(__always) private static func writeQuery(_ details: LogDetails?, _ query: Span<UInt8>, to log: inout LogBuffer) {
    if let details { writeUnlessEmpty("query", details.mask.query(query).span, to: &log) } else { writeUnlessEmpty("query", query, to: &log) }
  }

  @inline(__always) private static func writeReferer(
    _ details: LogDetails?, _ hidden: LogPlan.Hidden, _ fields: borrowing HeaderSection, to log: inout LogBuffer
  ) {
    guard let details, !hidden.contains(.referer) else {
      return writeHeader("referer", .referer, fields, hidden: hidden.contains(.referer), to: &log)
    }
    if let i = fields.first(.referer) { log.string("referer", details.mask.url(fields.value(i)).span) }
  }

  private static func writeClient(_ exchange: borrowing Exchange, _ viewer: borrowing ServerConnection, to log: inout LogBuffer) {
    guard let client = exchange.client else { return log.token("clientIp", viewer.peerText.span) }
    let text = client.text
    log.token("clientIp", text.span)
  }

  @inline(__always) private static func writeHeader(_ key: StaticString, _ name: FieldName, _ fields: borrowing HeaderSection, hidden: Bool, to log: inout LogBuffer) {
    if let i = fields.first(name) { write(key, fields.value(i), hidden: hidden, to: &log) }
  }

  private static func writeOrigin(_ fields: AccessLog.Fields, _ exchange: borrowing Exchange, to log: inout LogBuffer) {
    if let origin = exchange.origin, fields.contains(.origin) { log.field(origin.logField) }
    if exchange.originStatus > 0, fields.contains(.originStatus) { log.integer("originStatus", exchange.originStatus) }
    if let first = exchange.timeline.originFirstByteMicroseconds, fields.contains(.originFirstByteMs) { log.decimal("originFirstByteMs", thousandths: first) }
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
    if let duration = report.durationMicroseconds {
      log.integer("durationMicroseconds", duration)
      log.boolean("coldStart", report.isColdStart)
      if !report.invocationID.isEmpty { log.token("awsRequestId", report.invocationID.utf8.span) }
    } else {
      log.integer("cpuMicroseconds", report.cpuMicroseconds)
    }
    if let error = report.error { log.string("error", error.utf8.span) }
    log.endObject()
  }

  private static func writeAnswer(_ plan: LogPlan, _ answer: AnswerFacts, to log: inout LogBuffer) {
    let fields = plan.fields, type = answer.contentType
    if fields.contains(.contentType), !type.isEmpty { write("contentType", type.span, hidden: plan.hidden.contains(.contentType), to: &log) }
    if fields.contains(.contentLength), answer.contentLength >= 0 { log.integer("contentLength", answer.contentLength) }
    if fields.contains(.rangeStart), answer.rangeStart >= 0 { log.integer("rangeStart", answer.rangeStart) }
    if fields.contains(.rangeEnd), answer.rangeEnd >= 0 { log.integer("rangeEnd", answer.rangeEnd) }
  }

  /// The record of a request that was refused before it was one.
  func writeRefusedLine(_ refusal: Refusal, _ viewer: borrowing ServerConnection, _ now: Timestamp) {
    let fields = logging.fields, id = ids.text
    log.beginLine()
    if fields.contains(.time) { log.moment("time", now) }
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
