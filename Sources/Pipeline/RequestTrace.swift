// Owns: what is recorded of a request while `tracing` is configured: its place in a trace (W3C Trace Context), and, when the trace is sampled,
// the spans of the request, its functions and its attempts at origins. Confined to the worker; without tracing there is none of it.
import Glibc
import Distribution
import HTTPWire
import Telemetry
import Transport

/// A worker's tracing.
final class Tracer {
  private let exporter: SpanExporter
  /// Of 2⁶⁴ traces that begin here so many are sampled.
  private let threshold: UInt64
  private var ids = TraceIDs()

  init(_ tracing: Tracing, _ exporter: SpanExporter) {
    self.exporter = exporter
    threshold = tracing.samplePerMillion >= 1_000_000 ? .max : UInt64(tracing.samplePerMillion) * (.max / 1_000_000)
  }

  /// A request has come: it goes on with the trace that it names, or begins one.
  func begin(_ fields: borrowing HeaderSection) -> RequestTrace {
    if let i = fields.first(.traceparent), fields.isOnly(i), let context = TraceContext(fields.value(i)) {
      return RequestTrace(context.trace, parent: context.parent, id: ids.next(), isSampled: context.isSampled, self)
    }
    return RequestTrace(ids.nextTrace(), parent: 0, id: ids.next(), isSampled: threshold == .max || ids.next() < threshold, self)
  }

  func nextID() -> SpanID { ids.next() }
  func submit(_ spans: [TraceSpan]) { exporter.submit(spans) }
}

/// One request's part of a trace.
final class RequestTrace {
  let trace: TraceID
  /// The viewer's span; 0 when the trace begins here.
  let parent: SpanID
  let isSampled: Bool
  private let id: SpanID
  private let tracer: Tracer
  /// What leads from the monotonic clock to the one on the wall, in nanoseconds.
  private let offset: UInt64
  private var spans: [TraceSpan] = []
  /// The attempt at an origin that is under way: its span, and since when.
  private var attempt: (id: SpanID, start: UInt64) = (0, 0)
  private var attempts = 0

  init(_ trace: TraceID, parent: SpanID, id: SpanID, isSampled: Bool, _ tracer: Tracer) {
    self.trace = trace
    self.parent = parent
    self.id = id
    self.isSampled = isSampled
    self.tracer = tracer
    offset = isSampled ? wallNanoseconds() &- monotonicNanoseconds() : 0
  }

  /// Whether the viewer's trace goes on: then what its tracestate says still holds.
  var continues: Bool { parent != 0 }

  /// What an origin is told: it works for the attempt that is under way.
  var outgoing: [UInt8] { TraceContext(trace: trace, parent: attempt.id == 0 ? id : attempt.id, isSampled: isSampled).text }

  /// An attempt at an origin begins.
  func beginAttempt() {
    attempts += 1
    attempt = (tracer.nextID(), isSampled ? monotonicNanoseconds() : 0)
  }

  /// The attempt's answer has begun, or there is none.
  func endAttempt(at place: String, status: Int, isReused: Bool, failure: String?) {
    guard isSampled, attempt.start > 0 else { return }
    var attributes: [(name: String, value: TraceSpan.Value)] = [("server.address", .text(place)), ("skerry.connection.reused", .flag(isReused))]
    if status > 0 { attributes.append(("http.response.status_code", .number(status))) }
    if attempts > 1 { attributes.append(("http.request.resend_count", .number(attempts - 1))) }
    add("origin", .client, id: attempt.id, from: attempt.start, to: monotonicNanoseconds(), attributes, failure ?? (status >= 500 ? "status \(status)" : nil))
    attempt.start = 0
  }

  /// A function has run.
  func add(_ report: FunctionReport, from start: UInt64, to end: UInt64) {
    guard isSampled else { return }
    let attributes: [(name: String, value: TraceSpan.Value)] = [
      ("faas.name", .text(report.name)), ("skerry.function.outcome", .text("\(report.outcome.word)")), ("skerry.function.cpu_us", .number(report.cpuMicroseconds)),
    ]
    add("\(report.hook.word)", .internal, id: tracer.nextID(), from: start, to: end, attributes, report.error)
  }

  /// The request has ended: its spans are handed over.
  func finish(_ name: String, from start: UInt64, to end: UInt64, _ attributes: [(name: String, value: TraceSpan.Value)], _ failure: String?) {
    guard isSampled else { return }
    spans.append(
      TraceSpan(
        trace: trace, id: id, parent: parent, name: name, kind: .server, start: start &+ offset, end: end &+ offset, attributes: attributes, failure: failure))
    tracer.submit(spans)
    spans = []
  }

  private func add(
    _ name: String, _ kind: TraceSpan.Kind, id: SpanID, from start: UInt64, to end: UInt64, _ attributes: [(name: String, value: TraceSpan.Value)], _ failure: String?
  ) {
    guard spans.count < Self.spanLimit else { return }
    spans.append(
      TraceSpan(trace: trace, id: id, parent: self.id, name: name, kind: kind, start: start &+ offset, end: end &+ offset, attributes: attributes, failure: failure))
  }
  /// Spans of one request beside its own: a group's members with all their attempts, and its functions, are fewer.
  private static let spanLimit = 32
}

extension Worker {
  /// Ends a request's part of its trace.
  func finishTrace(_ trace: RequestTrace, _ exchange: borrowing Exchange, at end: UInt64) {
    guard trace.isSampled else { return }
    let line = exchange.received, method = "\(line.method.text)", pattern = exchange.behavior.behavior.pathPattern.text
    func cut(_ bytes: Span<UInt8>) -> TraceSpan.Value { .text(bytes.slice(0, min(bytes.count, Self.attributeLimit)).text) }
    var attributes: [(name: String, value: TraceSpan.Value)] = [
      ("http.request.method", .text(method.isEmpty ? "_OTHER" : method)), ("url.scheme", .text(exchange.isSecure ? "https" : "http")),
      ("url.path", cut(exchange.request.path(of: line))), ("http.route", .text(pattern)), ("network.protocol.version", .text("\(line.httpVersion)")),
      ("client.address", .text(String(decoding: exchange.clientText, as: UTF8.self))), ("skerry.request_id", .text(exchange.id.text)),
      ("skerry.distribution", .text(exchange.site.site.distribution.id)), ("skerry.result_type", .text("\(exchange.result.word)")),
    ]
    if exchange.status > 0 { attributes.append(("http.response.status_code", .number(exchange.status))) }
    if !logging.hidden.contains(.host) { attributes.append(("server.address", cut(exchange.request.authority))) }
    if !logging.hidden.contains(.userAgent), let agent = exchange.request.fields.first(.userAgent) { attributes.append(("user_agent.original", cut(exchange.request.fields.value(agent)))) }
    let failed = exchange.status == 0 || exchange.status >= 500
    trace.finish(
      "\(method.isEmpty ? "HTTP" : method) \(pattern)", from: exchange.timeline.received, to: end, attributes,
      failed ? exchange.failure ?? "status \(exchange.status)" : nil)
  }

  /// Bytes of a value that a span holds.
  private static let attributeLimit = 1_024
}

/// Time on the wall in nanoseconds since 1970.
private func wallNanoseconds() -> UInt64 {
  var time = timespec()
  unsafe clock_gettime(CLOCK_REALTIME, &time)
  return UInt64(max(0, time.tv_sec)) * 1_000_000_000 + UInt64(time.tv_nsec)
}
