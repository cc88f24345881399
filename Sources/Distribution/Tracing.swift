// Owns: what a configuration says of tracing. Pure values; any thread.

/// Where the spans of requests go, and of which requests.
public struct Tracing: Sendable, Equatable {
  /// The collector's name or address (IPv6 without brackets), its port, and the path of its endpoint; always plain HTTP.
  public var host: String, port: Int, path: String
  /// Of the traces that begin here, so many in a million are recorded. Default 1 %.
  public var samplePerMillion: Int
  /// What `service.name` says. Default `skerry`.
  public var serviceName: String

  /// Tracing to a collector.
  public init(host: String, port: Int = 4_318, path: String = "/v1/traces", samplePerMillion: Int = 10_000, serviceName: String = "skerry") {
    self.host = host
    self.port = port
    self.path = path
    self.samplePerMillion = samplePerMillion
    self.serviceName = serviceName
  }
}
