// Owns: where a log goes, as a configuration says it. Pure values; any thread.

/// Where the lines of a log go.
public enum LogDestination: Sendable, Equatable, CustomStringConvertible {
  case standardOutput
  case standardError
  /// The absolute path of a file.
  case file(String)
  /// A syslog server, which gets every line as a message of its own (RFC 5424).
  case syslog(SyslogServer)

  /// As a sentence names it, and as it is written in a configuration where it can be.
  public var description: String {
    switch self {
    case .standardOutput: "-"
    case .standardError: "stderr"
    case .file(let path): path
    case .syslog(let server): "syslog \(server.address.description)"
    }
  }
}

/// A syslog server that takes datagrams (RFC 5424; over UDP RFC 5426), and what it is told of each message.
public struct SyslogServer: Sendable, Equatable {
  /// Where it listens.
  public enum Address: Sendable, Equatable, CustomStringConvertible {
    /// The absolute path of a Unix datagram socket.
    case unix(String)
    /// A host's name or address (IPv6 without brackets) and a port.
    case udp(host: String, port: Int)

    public var description: String {
      switch self {
      case .unix(let path): path
      case .udp(let host, let port): host.contains(":") ? "udp://[\(host)]:\(port)" : "udp://\(host):\(port)"
      }
    }
  }

  /// What kind of program speaks (RFC 5424, 6.2.1). The raw values of the cases are in the order of its numbers.
  public enum Facility: String, Sendable, CaseIterable {
    case kern, user, mail, daemon, auth, syslog, lpr, news, uucp, cron, authpriv, ftp, ntp, audit, alert, clock
    case local0, local1, local2, local3, local4, local5, local6, local7

    /// The facility's number.
    public var code: Int { Facility.allCases.firstIndex(of: self) ?? 16 }
  }

  /// Where it listens.
  public var address: Address
  /// Default `local0`. The severity is always "informational".
  public var facility: Facility
  /// APP-NAME: up to 48 printable ASCII characters. Default `skerry`.
  public var appName: String

  /// A server.
  public init(address: Address, facility: Facility = .local0, appName: String = "skerry") {
    self.address = address
    self.facility = facility
    self.appName = appName
  }
}
