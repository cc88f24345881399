// Owns: the access log's records in CloudFront's own form: columns in the order of the line `#Fields` (spec/request-pipeline.md, 21.1), which
// `accessLog.fields` may choose; described in Documentation/observability.md.
import Distribution
import HTTPWire
import Telemetry
import TLS
import Transport

extension Worker {
  /// Writes the record of a request.
  static func writeColumns(
    _ plan: LogPlan, _ details: LogDetails, _ exchange: borrowing Exchange, _ viewer: borrowing ServerConnection, _ microseconds: Int, _ now: Timestamp,
    to log: inout LogBuffer
  ) {
    log.beginRecord()
    for column in details.columns {
      switch column {
      case .date: log.column(dateOf: now)
      case .time: log.column(timeOf: now)
      case .edgeLocation: log.column(Site.pop)
      case .bytesSent: log.column(viewer.stream.bytesSent)
      case .client: writeClientColumn(exchange, viewer, to: &log)
      case .method: log.column(encoding: exchange.request.methodBytes)
      case .uri: log.column(encoding: exchange.request.path(of: exchange.received))
      case .status: log.column(status: exchange.status)
      case .query: writeQueryColumn(details.mask, exchange.request.query(of: exchange.received), to: &log)
      case .resultType: log.column(exchange.result.word)
      case .requestID: log.column(exchange.id)
      case .bytesReceived: log.column(viewer.bytesOfRequest)
      case .timeTaken: log.column(milliseconds: microseconds / 1000)
      case .responseResultType: log.column((exchange.resultAtStart ?? exchange.result).word)
      case .clientPort: log.column(Int((exchange.client?.address ?? viewer.peer).port))
      case .timeToFirstByte: log.column(milliseconds: exchange.timeline.firstByteMicroseconds.map { $0 / 1000 } ?? -1)
      case .detailedResultType: log.column(exchange.detailedResult.utf8CodeUnitCount > 0 ? exchange.detailedResult : exchange.result.word)
      case .fieldEncryption, .encryptedFields: log.missing()
      case .domain, .host, .referer, .userAgent, .cookie, .forwardedFor: writeHeaderColumn(column, plan, details, exchange, to: &log)
      case .scheme, .sslProtocol, .sslCipher, .protocolVersion: writeProtocolColumn(column, exchange, to: &log)
      case .contentType, .contentLength, .rangeStart, .rangeEnd: writeAnswerColumn(column, plan, exchange.answer, to: &log)
      case .behavior, .requestLogData, .responseLogData, .originFirstByte, .distribution, .trace: writeFurtherColumn(column, exchange, to: &log)
      }
    }
    log.endRecord()
  }

  private static func writeClientColumn(_ exchange: borrowing Exchange, _ viewer: borrowing ServerConnection, to log: inout LogBuffer) {
    guard let client = exchange.client else { return log.column(viewer.peerText.span) }
    let text = client.text
    log.column(text.span)
  }

  private static func writeQueryColumn(_ mask: LogMask, _ query: Span<UInt8>, to log: inout LogBuffer) {
    if !mask.query.isEmpty { log.column(encoding: mask.query(query).span) } else { log.column(encoding: query) }
  }

  private static func writeHeaderColumn(
    _ column: AccessLog.W3CField, _ plan: LogPlan, _ details: LogDetails, _ exchange: borrowing Exchange, to log: inout LogBuffer
  ) {
    switch column {
    case .domain:
      let domain = exchange.site.site.domainName
      if exchange.site.site.origins.isEmpty { log.missing() } else { log.column(domain.span) }   // no distribution answers this Host
    case .host: write(exchange.request.authority, hidden: plan.hidden.contains(.host), to: &log)
    case .userAgent: write(.userAgent, exchange.request.fields, hidden: plan.hidden.contains(.userAgent), to: &log)
    case .forwardedFor: write(.xForwardedFor, exchange.request.fields, hidden: plan.hidden.contains(.forwardedFor), to: &log)
    case .cookie where plan.showsCookies: log.column(encoding: loggedCookies(plan, details, exchange.request.fields).span)
    case .referer:
      if !details.mask.query.isEmpty, !plan.hidden.contains(.referer), let i = exchange.request.fields.first(.referer) {
        log.column(encoding: details.mask.url(exchange.request.fields.value(i)).span)
      } else {
        write(.referer, exchange.request.fields, hidden: plan.hidden.contains(.referer), to: &log)
      }
    default: log.missing()
    }
  }

  private static func write(_ name: FieldName, _ fields: borrowing HeaderSection, hidden: Bool, to log: inout LogBuffer) {
    if let i = fields.first(name) { write(fields.value(i), hidden: hidden, to: &log) } else { log.missing() }
  }

  private static func write(_ value: Span<UInt8>, hidden: Bool, to log: inout LogBuffer) {
    if hidden && value.count > 0 { log.column(LogMask.replacement.utf8.span) } else { log.column(encoding: value) }
  }

  private static func writeProtocolColumn(_ column: AccessLog.W3CField, _ exchange: borrowing Exchange, to log: inout LogBuffer) {
    switch column {
    case .scheme:
      let isSocket = exchange.status == 101
      log.column(exchange.isSecure ? isSocket ? "wss" : "https" : isSocket ? "ws" : "http")
    case .protocolVersion: log.column(exchange.received.isHTTP2 ? "HTTP/2.0" : exchange.received.isHTTP10 ? "HTTP/1.0" : "HTTP/1.1")
    case .sslProtocol: if let tls = exchange.tls { log.column(tls.version.rawValue.utf8.span) } else { log.missing() }
    default: if let tls = exchange.tls { log.column(tls.cipher.utf8.span) } else { log.missing() }
    }
  }

  private static func writeAnswerColumn(_ column: AccessLog.W3CField, _ plan: LogPlan, _ answer: AnswerFacts?, to log: inout LogBuffer) {
    guard let answer else { return log.missing() }
    switch column {
    case .contentType:
      let type = answer.contentType
      write(type.span, hidden: plan.hidden.contains(.contentType), to: &log)
    case .contentLength: log.column(answer.contentLength)
    case .rangeStart: log.column(answer.rangeStart)
    default: log.column(answer.rangeEnd)
    }
  }

  private static func writeFurtherColumn(_ column: AccessLog.W3CField, _ exchange: borrowing Exchange, to log: inout LogBuffer) {
    switch column {
    case .behavior:
      let pattern = exchange.behavior.behavior.pathPattern.text
      log.column(encoding: pattern.utf8.span)
    case .requestLogData: log.column(encoding: exchange.requestLogData.span)
    case .responseLogData: log.column(encoding: exchange.responseLogData.span)
    case .originFirstByte: log.column(milliseconds: exchange.timeline.originFirstByteMicroseconds.map { $0 / 1000 } ?? -1)
    case .distribution:
      let id = exchange.site.site.id
      log.column(encoding: id.span)
    default: if let trace = exchange.trace { log.column(trace.trace.text.span) } else { log.missing() }
    }
  }

  /// The record of a request that was refused before it was one: what is known of it.
  func writeRefusedColumns(_ refusal: Refusal, _ viewer: borrowing ServerConnection, _ now: Timestamp) {
    let id = ids.text
    log.beginRecord()
    for column in logDetails.columns {
      switch column {
      case .date: log.column(dateOf: now)
      case .time: log.column(timeOf: now)
      case .edgeLocation: log.column(Site.pop)
      case .client: log.column(viewer.peerText.span)
      case .clientPort: log.column(Int(viewer.peer.port))
      case .requestID: log.column(id.span)
      case .status: log.column(status: refusal.status)
      case .resultType, .responseResultType: log.column(ResultType.error.word)
      case .detailedResultType: log.column("InvalidRequest")
      default: log.missing()
      }
    }
    log.endRecord()
  }
}
