// Owns: what is counted of tracing. Values.

/// What has become of spans so far.
public struct SpanStatistics: Sendable, Equatable {
  /// Taken by the collector.
  public var exported: UInt64 = 0
  /// Lost because the queue was full.
  public var dropped: UInt64 = 0
  /// Lost because the collector could not be reached or refused them.
  public var failed: UInt64 = 0
  /// Nothing so far.
  public init() {}

  static let name = "skerry_trace_spans_total"
  static let help = "Spans of sampled requests, by what became of them; nothing without tracing."
  /// The label's values, what they mean, and the numbers.
  static let outcomes: [(outcome: String, meaning: String, value: @Sendable (SpanStatistics) -> UInt64)] = [
    ("exported", "taken by the collector", { $0.exported }),
    ("dropped", "lost: as many spans as may wait for the exporter", { $0.dropped }),
    ("failed", "lost: the collector could not be reached, or refused them", { $0.failed }),
  ]
}
