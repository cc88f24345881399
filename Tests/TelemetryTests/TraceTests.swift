// Trace context, and spans on their way to a collector.

import Glibc
import Testing

@testable import Telemetry

@Suite struct TraceContextTests {
  private static let trace = "0af7651916cd43dd8448eb211c80319c", parent = "b7ad6b7169203331"

  /// Value, then what it says; nil for what is ignored (W3C Trace Context, 3.2.2).
  static let values: [(String, Bool?)] = [
    ("00-\(trace)-\(parent)-01", true), ("00-\(trace)-\(parent)-00", false), ("00-\(trace)-\(parent)-03", true), ("00-\(trace)-\(parent)-fe", false),
    // A version to come may say more, behind a hyphen.
    ("01-\(trace)-\(parent)-01", true), ("cc-\(trace)-\(parent)-01-what", true), ("cc-\(trace)-\(parent)-01what", nil), ("cc-\(trace)-\(parent)-01-", true),
    ("00-\(trace)-\(parent)-01-what", nil), ("00-\(trace)-\(parent)-01-", nil), ("ff-\(trace)-\(parent)-01", nil),
    ("00-00000000000000000000000000000000-\(parent)-01", nil), ("00-\(trace)-0000000000000000-01", nil),
    ("00-\(trace.uppercased())-\(parent)-01", nil), ("00-\(trace)-\(parent.uppercased())-01", nil), ("0A-\(trace)-\(parent)-01", nil),
    ("00-\(trace.dropLast())-\(parent)-01", nil), ("00-\(trace)-\(parent)-1", nil), ("00-\(trace)-\(parent)", nil), ("00-\(trace)-\(parent)-", nil),
    ("00_\(trace)-\(parent)-01", nil), ("00-\(trace)_\(parent)-01", nil), ("00-\(trace)-\(parent)_01", nil), ("00-\(trace)-\(parent)-0g", nil),
    ("0-\(trace)-\(parent)-01", nil), (" 00-\(trace)-\(parent)-01", nil), ("", nil), ("-", nil), (String(repeating: "0", count: 55), nil),
  ]
  @Test(arguments: values) func reads(_ text: String, _ sampled: Bool?) {
    let context = TraceContext(Array(text.utf8).span)
    #expect(context?.isSampled == sampled)
    guard let context else { return }
    #expect(String(decoding: context.text, as: UTF8.self) == "00-\(Self.trace)-\(Self.parent)-\(context.isSampled ? "01" : "00")")
  }

  @Test func idsAreNew() {
    var ids = TraceIDs(), others = TraceIDs()
    #expect(Set((0..<1_000).flatMap { _ in [ids.next(), others.next()] }).count == 2_000)
  }
}

@Suite struct SpanTests {
  private static func span(_ number: UInt64 = 1) -> TraceSpan {
    TraceSpan(
      trace: TraceID(high: 1, low: 0xabc), id: number, parent: 0, name: "GET \"/*\"\n", kind: .server, start: 1_795_227_606_123_000_000, end: 1,
      attributes: [("a", .text("é\\\u{1}")), ("n", .number(-7)), ("b", .flag(true))])
  }

  @Test func writesJSON() {
    var child = Self.span(2)
    (child.parent, child.failure, child.attributes, child.kind) = (1, "no", [], .client)
    let text = String(decoding: SpanDocument([Self.span(), child], service: "a \"b\"", version: "1").bytes, as: UTF8.self)
    #expect(text == #"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"a \"b\""}},"#
      + #"{"key":"service.version","value":{"stringValue":"1"}}]},"scopeSpans":[{"scope":{"name":"skerry","version":"1"},"spans":["#
      + #"{"traceId":"00000000000000010000000000000abc","spanId":"0000000000000001","name":"GET \"/*\"\u000a","kind":2,"#
      + #""startTimeUnixNano":"1795227606123000000","endTimeUnixNano":"1795227606123000000","attributes":[{"key":"a","value":{"stringValue":"é\\\u0001"}},"#
      + #"{"key":"n","value":{"intValue":"-7"}},{"key":"b","value":{"boolValue":true}}]},"#
      + #"{"traceId":"00000000000000010000000000000abc","spanId":"0000000000000002","parentSpanId":"0000000000000001","name":"GET \"/*\"\u000a","kind":3,"#
      + #""startTimeUnixNano":"1795227606123000000","endTimeUnixNano":"1795227606123000000","attributes":[],"status":{"code":2,"message":"no"}}]}]}]}"#)
  }

  /// A collector that takes connections and says nothing: what has no room is dropped, the rest fails at its time, and nobody waits.
  @Test func aCollectorThatSaysNothing() throws {
    let collector = ListeningCollector()
    let errors = TemporaryFile(), diagnostics = try Diagnostics(.file(errors.path))
    var configuration = SpanExporter.Configuration(host: "127.0.0.1", port: collector.port, path: "/v1/traces", service: "s")
    (configuration.queueLimitSpans, configuration.intervalMilliseconds, configuration.timeoutMilliseconds) = (3, 0, 50)
    (configuration.attempts, configuration.retryDelayMilliseconds) = (2, 1)
    let exporter = try SpanExporter(configuration, diagnostics: diagnostics)
    exporter.submit([Self.span(1), Self.span(2), Self.span(3), Self.span(4)])
    #expect(exporter.statistics.dropped == 4)
    exporter.submit([Self.span()])
    for _ in 0..<1_000 where exporter.statistics.failed == 0 { usleep(5_000) }
    #expect(exporter.statistics.failed == 1 && exporter.statistics.exported == 0)
    exporter.close(deadlineMilliseconds: 5_000)
    exporter.submit([Self.span()])
    #expect(exporter.statistics.dropped == 5)
    #expect(diagnostics.close(deadlineMilliseconds: 5_000))
    #expect(errors.text.contains("spans are lost: the collector at 127.0.0.1 port \(configuration.port) did not answer in time"))
  }

  /// A collector that asks for time gets what it asks for, within a limit, in the place of the usual delay; and a delay lasts, whatever is handed over
  /// meanwhile.
  @Test func aCollectorThatAsksForTime() throws {
    let collector = ListeningCollector()
    var configuration = SpanExporter.Configuration(host: "127.0.0.1", port: collector.port, path: "/v1/traces", service: "s")
    (configuration.intervalMilliseconds, configuration.attempts, configuration.retryDelayMilliseconds) = (0, 5, 3_600_000)
    configuration.retryAfterLimitMilliseconds = 1
    let exporter = try SpanExporter(configuration, diagnostics: nil)
    exporter.submit([Self.span(1)])
    let connection = try #require(collector.accept())
    defer { close(connection) }
    // Would it wait its hour, the next attempt would not come.
    for asked in ["0", "4000000000"] {
      try #require(collector.hasRequest(on: connection, milliseconds: 20_000))
      collector.answer("503 Busy\r\nretry-after: \(asked)", on: connection)
    }
    try #require(collector.hasRequest(on: connection, milliseconds: 20_000))
    exporter.submit([Self.span(2)])
    collector.answer("503 Busy\r\nRetry-After: soon", on: connection)
    #expect(!collector.hasRequest(on: connection, milliseconds: 300))
    exporter.end()
    for _ in 0..<2 {
      try #require(collector.hasRequest(on: connection, milliseconds: 20_000))
      collector.answer("200 OK", on: connection)
    }
    exporter.close(deadlineMilliseconds: 20_000)
    #expect(exporter.statistics.exported == 2 && exporter.statistics.failed == 0)
  }

  /// What no later attempt would change is not tried again (OTLP, "Retryable Response Codes").
  @Test(arguments: ["400 Bad Request", "413 Too Large", "500 No", "501 No"]) func aCollectorThatRefuses(status: String) throws {
    let collector = ListeningCollector()
    var configuration = SpanExporter.Configuration(host: "127.0.0.1", port: collector.port, path: "/v1/traces", service: "s")
    (configuration.intervalMilliseconds, configuration.retryDelayMilliseconds) = (0, 3_600_000)
    let exporter = try SpanExporter(configuration, diagnostics: nil)
    exporter.submit([Self.span()])
    let connection = try #require(collector.accept())
    defer { close(connection) }
    collector.answer(status, on: connection)
    for _ in 0..<1_000 where exporter.statistics.failed == 0 { usleep(5_000) }
    #expect(exporter.statistics.failed == 1 && exporter.statistics.exported == 0)
    exporter.close(deadlineMilliseconds: 20_000)
  }
}

/// A socket that listens, as a collector's; who connects there is answered by hand.
private final class ListeningCollector {
  private let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
  let port: Int

  init() {
    var address = sockaddr_in(), length = socklen_t(MemoryLayout<sockaddr_in>.size)
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let descriptor = self.descriptor
    unsafe withUnsafeMutablePointer(to: &address) {
      let any = unsafe UnsafeMutableRawPointer($0).assumingMemoryBound(to: sockaddr.self)
      _ = unsafe bind(descriptor, any, length)
      _ = unsafe getsockname(descriptor, any, &length)
    }
    listen(descriptor, 8)
    port = Int(UInt16(bigEndian: address.sin_port))
  }

  deinit { close(descriptor) }

  /// The next connection; nil when none comes for a long time.
  func accept() -> Int32? {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard unsafe poll(&entry, 1, 20_000) > 0 else { return nil }
    return Glibc.accept(descriptor, nil, nil)
  }
  /// Whether a request comes.
  func hasRequest(on connection: Int32, milliseconds: Int32) -> Bool {
    var entry = pollfd(fd: connection, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&entry, 1, milliseconds) > 0
  }
  /// Reads a request, which is one short message, and answers it.
  func answer(_ status: String, on connection: Int32) {
    var bytes = [UInt8](repeating: 0, count: 65_536), text = ""
    while !text.hasSuffix("}]}]}]}") {
      let count = unsafe recv(connection, &bytes, bytes.count, 0)
      guard count > 0 else { return }
      text += String(decoding: bytes[..<count], as: UTF8.self)
    }
    let answer = Array("HTTP/1.1 \(status)\r\nContent-Length: 0\r\n\r\n".utf8)
    _ = unsafe send(connection, answer, answer.count, Int32(MSG_NOSIGNAL))
  }
}
