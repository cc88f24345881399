// Owns: the logs that a configuration names: opened with it, kept through reloads while it names the same.
import Distribution
import Telemetry

/// The access log and the function log. Any thread.
struct Logs: Sendable {
  let access: LogWriter
  let functions: LogWriter?
  private let accessDestination: LogWriter.Destination, functionDestination: LogWriter.Destination?

  /// Opens them.
  /// - Parameter former: those of the configuration before: what goes to the same place goes on.
  init(_ configuration: Configuration, after former: Logs?, _ diagnostics: Diagnostics) throws(StartFailure) {
    accessDestination = LogWriter.Destination(path: configuration.accessLog.path)
    functionDestination = switch configuration.functionLog {
    case .off: nil
    case .standardError: .standardError
    case .path(let path): LogWriter.Destination(path: path)
    }
    access = try Self.open(accessDestination, "access", former?.accessDestination, former?.access, diagnostics)
    guard let functionDestination else {
      functions = nil
      return
    }
    do throws(StartFailure) {
      functions = try Self.open(functionDestination, "function", former?.functionDestination, former?.functions, diagnostics)
    } catch {
      if access !== former?.access { access.end(deadlineMilliseconds: 0) }
      throw error
    }
  }

  private static func open(
    _ destination: LogWriter.Destination, _ name: String, _ former: LogWriter.Destination?, _ writer: LogWriter?, _ diagnostics: Diagnostics
  ) throws(StartFailure) -> LogWriter {
    if destination == former, let writer { return writer }
    do { return try LogWriter(destination, diagnostics: diagnostics) } catch {
      throw StartFailure(description: "the \(name) log cannot be opened: \(error)")
    }
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
  }

  /// Ends them and waits for it: the process ends.
  func close() {
    _ = access.close(deadlineMilliseconds: 2000)
    _ = functions?.close(deadlineMilliseconds: 500)
  }
}
