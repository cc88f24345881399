// What becomes of invocations nobody waits for: how often they are tried, and who is told. Values; any thread.
// Source: spec/api.md 1.3; the AWS Lambda guide, "Asynchronous invocation".

/// How a function's queued events are tried, and who is told of their end.
public struct AsynchronousInvocation: Sendable, Equatable {
  /// How often an event is tried again after the function's own error, 0–2. Default 2.
  public var retries = 2
  /// How long before the first retry; twice as long before the second. Default 60 s.
  public var retryDelay = Duration.seconds(60)
  /// How old an event may become that could not be run, or not yet, 60 s–6 h. Default 6 h.
  public var maximumAge = Duration.seconds(21_600)
  /// Who is told of events that succeeded, and of those that failed for good.
  public var onSuccess: EventDestination?, onFailure: EventDestination?
  /// Who is given events that failed for good.
  public var deadLetter: EventDestination?

  /// The defaults.
  public init() {}
}

/// Where a record of an event goes.
public enum EventDestination: Sendable, Equatable {
  /// A file, by its absolute path, to which lines of JSON are added.
  case file(String)
  /// A server to which it is posted, in the clear.
  case http(host: String, port: Int, path: String)

  /// Reads `http://host[:port][/path]`; nil for anything else.
  public init?(url text: String) {
    guard text.hasPrefix("http://") else { return nil }
    let rest = text.dropFirst(7), authority = rest.prefix { $0 != "/" }, path = rest.dropFirst(authority.count)
    var host = authority, port = 80
    if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") {
      guard let number = Int(authority[authority.index(after: colon)...]), 1...65535 ~= number else { return nil }
      (host, port) = (authority[..<colon], number)
    }
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    guard !host.isEmpty, text.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else { return nil }
    self = .http(host: String(host), port: port, path: path.isEmpty ? "/" : String(path))
  }
}
