// Owns: a finished span, and how a batch of them is written as OTLP/JSON (https://opentelemetry.io/docs/specs/otlp/, "JSON Protobuf Encoding"):
// ids in hexadecimal, 64-bit numbers as strings. Pure: values in, bytes out.

/// A part of a request that took its time.
public struct TraceSpan: Sendable {
  /// What its part in a conversation is; raw values are the protocol's.
  public enum Kind: Int, Sendable {
    case `internal` = 1, server, client
  }
  /// What is said of it.
  public enum Value: Sendable {
    case text(String), number(Int), flag(Bool)
  }

  /// The trace it is part of.
  public var trace: TraceID
  /// Its own id, and its parent's; 0 for none.
  public var id, parent: SpanID
  /// What it is, in few words without variable parts.
  public var name: String
  /// Its part.
  public var kind: Kind
  /// Nanoseconds since 1970.
  public var start, end: UInt64
  /// What is said of it, by OpenTelemetry's names where it has one.
  public var attributes: [(name: String, value: Value)]
  /// Why it failed; nil when it did not.
  public var failure: String?

  /// A span.
  public init(
    trace: TraceID, id: SpanID, parent: SpanID, name: String, kind: Kind, start: UInt64, end: UInt64, attributes: [(name: String, value: Value)] = [],
    failure: String? = nil
  ) {
    self.trace = trace
    self.id = id
    self.parent = parent
    self.name = name
    self.kind = kind
    self.start = start
    self.end = end
    self.attributes = attributes
    self.failure = failure
  }
}

/// Writes an ExportTraceServiceRequest.
struct SpanDocument {
  private(set) var bytes: [UInt8] = []

  init(_ spans: [TraceSpan], service: String, version: String) {
    put(#"{"resourceSpans":[{"resource":{"attributes":["#)
    attribute("service.name", .text(service))
    put(",")
    attribute("service.version", .text(version))
    put(#"]},"scopeSpans":[{"scope":{"name":"skerry","version":"#)
    string(version)
    put(#"},"spans":["#)
    for (index, span) in spans.enumerated() {
      if index > 0 { put(",") }
      write(span)
    }
    put("]}]}]}")
  }

  private mutating func write(_ span: TraceSpan) {
    put(#"{"traceId":""#)
    bytes += span.trace.text
    put(#"","spanId":""#)
    bytes += hexadecimal(span.id)
    if span.parent != 0 {
      put(#"","parentSpanId":""#)
      bytes += hexadecimal(span.parent)
    }
    put(#"","name":"#)
    string(span.name)
    put(#","kind":\#(span.kind.rawValue),"startTimeUnixNano":"\#(span.start)","endTimeUnixNano":"\#(max(span.start, span.end))","attributes":["#)
    for (index, entry) in span.attributes.enumerated() {
      if index > 0 { put(",") }
      attribute(entry.name, entry.value)
    }
    put("]")
    if let failure = span.failure {
      put(#","status":{"code":2,"message":"#)
      string(failure)
      put("}")
    }
    put("}")
  }

  private mutating func attribute(_ name: String, _ value: TraceSpan.Value) {
    put(#"{"key":"#)
    string(name)
    switch value {
    case .text(let text):
      put(#","value":{"stringValue":"#)
      string(text)
      put("}}")
    case .number(let number): put(#","value":{"intValue":"\#(number)"}}"#)
    case .flag(let flag): put(#","value":{"boolValue":\#(flag)}}"#)
    }
  }

  private mutating func put(_ text: String) { bytes += text.utf8 }

  /// A JSON string; Swift's are valid UTF-8 whatever they were made from.
  private mutating func string(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
      case 0..<0x20:
        put("\\u00")
        bytes += hexadecimal(UInt64(byte)).suffix(2)
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}
