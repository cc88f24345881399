// Owns: opening the logs that a configuration asks for.
import Distribution
import Telemetry

enum Logs {
  /// Opens the access log. With `accessLog: off` it is there, and nothing is written to it.
  static func openAccessLog(_ configuration: Configuration, _ diagnostics: Diagnostics) throws(LogWriterFailure) -> LogWriter {
    let log = configuration.accessLog
    if log.format == .off { return try LogWriter(.standardOutput, diagnostics: diagnostics) }
    return try LogWriter(LogWriter.Destination(log.destination, messageID: "access"), preamble: log.preamble, diagnostics: diagnostics)
  }

  /// Opens the function log; nil when there is none.
  static func openFunctionLog(_ configuration: Configuration, _ diagnostics: Diagnostics) throws(LogWriterFailure) -> LogWriter? {
    guard let destination = configuration.functionLog else { return nil }
    return try LogWriter(LogWriter.Destination(destination, messageID: "function"), diagnostics: diagnostics)
  }
}

extension LogWriter.Destination {
  /// A configuration's destination.
  /// - Parameter messageID: MSGID of syslog messages.
  init(_ destination: LogDestination, messageID: String) {
    switch destination {
    case .standardOutput: self = .standardOutput
    case .standardError: self = .standardError
    case .file(let path): self = .file(path)
    case .syslog(let server):
      let address: SyslogTarget.Address = switch server.address {
      case .unix(let path): .unix(path)
      case .udp(let host, let port): .udp(host: host, port: port)
      }
      self = .syslog(SyslogTarget(address: address, facility: server.facility.code, appName: server.appName, messageID: messageID))
    }
  }
}
