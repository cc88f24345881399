// Owns: the logs that a configuration names, and where its spans go: opened with it, kept through reloads while it names the same.
import ControlPlane
import Distribution
import Telemetry

/// The access log, the function log and the exporter of spans. Any thread.
struct Logs: Sendable {
  let access: LogWriter
  let functions: LogWriter?
  let spans: SpanExporter?
  private let accessPlace: Place, functionPlace: Place?

  /// What makes one writer another: where it writes, and what stands at a file's beginning.
  private struct Place: Equatable {
    let destination: LogWriter.Destination
    var preamble = ""
  }

  /// Opens them. With `accessLog: off` there is one that nothing is written to.
  /// - Parameter former: those of the configuration before: what goes to the same place in the same form goes on.
  init(_ configuration: Configuration, after former: Logs?, _ diagnostics: Diagnostics) throws(StartFailure) {
    let log = configuration.accessLog
    accessPlace = log.format == .off
      ? Place(destination: .standardOutput) : Place(destination: LogWriter.Destination(log.destination, messageID: "access"), preamble: log.preamble)
    functionPlace = configuration.functionLog.map { Place(destination: LogWriter.Destination($0, messageID: "function")) }
    access = try Self.open(accessPlace, .accessLog, log.destination, former?.accessPlace, former?.access, diagnostics)
    var functions: LogWriter?
    do throws(StartFailure) {
      if let functionPlace, let destination = configuration.functionLog {
        functions = try Self.open(functionPlace, .functionLog, destination, former?.functionPlace, former?.functions, diagnostics)
      }
      spans = try Self.exporter(configuration.tracing, former?.spans, diagnostics)
    } catch {
      if access !== former?.access { access.end(deadlineMilliseconds: 0) }
      if functions !== former?.functions { functions?.end(deadlineMilliseconds: 0) }
      throw error
    }
    self.functions = functions
  }

  private static func open(
    _ place: Place, _ part: OpenedPart, _ destination: LogDestination, _ former: Place?, _ writer: LogWriter?, _ diagnostics: Diagnostics
  ) throws(StartFailure) -> LogWriter {
    if place == former, let writer { return writer }
    do { return try LogWriter(place.destination, preamble: place.preamble, diagnostics: diagnostics) } catch {
      let name = part == .accessLog ? "access" : "function"
      throw StartFailure(description: "the \(name) log \(destination) cannot be opened: \(error)", part: part)
    }
  }

  private static func exporter(_ tracing: Tracing?, _ former: SpanExporter?, _ diagnostics: Diagnostics) throws(StartFailure) -> SpanExporter? {
    guard let tracing else { return nil }
    var settings = SpanExporter.Configuration(host: tracing.host, port: tracing.port, path: tracing.path, service: tracing.serviceName)
    settings.version = Version.text
    if let former, former.configuration == settings { return former }
    do { return try SpanExporter(settings, diagnostics: diagnostics) } catch { throw StartFailure(description: "tracing: \(error)") }
  }

  /// After a rotation.
  func reopen() {
    access.reopen()
    functions?.reopen()
  }

  /// Ends those that `other` does not have; nobody writes to them any more. Does not wait for it.
  func end(unlessIn other: Logs?, deadlineMilliseconds: Int64) {
    if access !== other?.access { access.end(deadlineMilliseconds: deadlineMilliseconds) }
    if functions !== other?.functions { functions?.end(deadlineMilliseconds: deadlineMilliseconds) }
    if spans !== other?.spans { spans?.end() }
  }

  /// Ends them and waits for it: the process ends.
  func close() {
    _ = access.close(deadlineMilliseconds: 2000)
    _ = functions?.close(deadlineMilliseconds: 500)
    spans?.close(deadlineMilliseconds: 1000)
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
