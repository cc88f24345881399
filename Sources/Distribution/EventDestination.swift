// Who is told of the end of an event that nobody waits for. Values; any thread.
// Source: the AWS Lambda guide, "Asynchronous invocation: destinations"; files and URLs stand for AWS's queues.

/// Where a record of an event goes.
public enum EventDestination: Sendable, Equatable {
  /// A file, by its absolute path, to which lines of JSON are added.
  case file(String)
  /// A server to which it is posted.
  case server(EventServer)

  /// The server; nil for a file.
  public var server: EventServer? { if case .server(let server) = self { server } else { nil } }
}

/// A server that records are posted to.
public struct EventServer: Sendable, Equatable {
  /// Whether over TLS; then its certificate has to be one for ``host``.
  public var isSecure: Bool
  /// A name, or an address without brackets; lower case.
  public var host: String
  public var port: Int
  /// With its query; begins with `/`.
  public var path: String
  /// The absolute path of the authorities that are trusted, PEM; nil for the system's.
  public var certificateAuthority: String?

  /// Reads `http[s]://host[:port][/path]`; nil for anything else.
  public init?(url text: String, certificateAuthority: String? = nil) {
    guard text.utf8.allSatisfy({ $0 > 32 && $0 < 127 && $0 != UInt8(ascii: "#") }) else { return nil }
    let scheme = text.prefix { $0 != ":" }, marked = text.dropFirst(scheme.count)
    guard marked.hasPrefix("://") else { return nil }
    switch scheme.lowercased() {
    case "http": isSecure = false
    case "https": isSecure = true
    default: return nil
    }
    let rest = marked.dropFirst(3), authority = rest.prefix { $0 != "/" }, path = rest.dropFirst(authority.count)
    var host = authority
    port = isSecure ? 443 : 80
    if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") {
      guard let number = Int(authority[authority.index(after: colon)...]), 1...65535 ~= number else { return nil }
      (host, port) = (authority[..<colon], number)
    }
    let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
    if isBracketed { host = host.dropFirst().dropLast() }
    guard !host.isEmpty, isBracketed || !host.contains(":"), !host.contains(where: { "[]@?\\".contains($0) }) else { return nil }
    self.host = host.lowercased()
    self.path = path.isEmpty ? "/" : String(path)
    self.certificateAuthority = certificateAuthority
  }

  /// `host:port`, as in the Host field.
  public var authority: String { "\(host.contains(":") ? "[\(host)]" : host):\(port)" }
  /// As ``init(url:certificateAuthority:)`` reads it.
  public var url: String { "\(isSecure ? "https" : "http")://\(authority)\(path)" }
}
