// Owns: what is told of reading a configuration again: to the log, to whoever asked for it, and on the status page. Pure values.
public import Telemetry

/// One problem of a configuration, at its place.
public struct ConfigurationProblem: Sendable, Equatable, CustomStringConvertible {
  /// The file, as `skerry check` names it.
  public var file: String
  /// From 1.
  public var line: Int
  /// From 1, in Unicode scalars.
  public var column: Int
  /// Whether the configuration cannot be served; otherwise it is a warning.
  public var isError: Bool
  /// One sentence without a full stop.
  public var text: String

  /// A problem at a place.
  public init(file: String, line: Int, column: Int, isError: Bool, text: String) {
    self.file = file
    self.line = line
    self.column = column
    self.isError = isError
    self.text = text
  }

  /// As `skerry check` prints it: `file:line:column: error|warning: text`.
  public var description: String { "\(file):\(line):\(column): \(isError ? "error" : "warning"): \(text)" }
}

/// What came of a reload.
public struct ReloadReport: Sendable {
  /// Which configuration serves now: 1 is that of the start, and each reload that succeeds makes it one more.
  public var generation: Int
  /// Whether the configuration was taken up.
  public var isDone: Bool
  /// Why not, where no problem of the file says it: an address that cannot be bound, a file that cannot be opened.
  public var reason: String?
  /// What `skerry check` would print of it.
  public var problems: [ConfigurationProblem]
  /// When it ended.
  public var time: Timestamp
  /// From the first look at the files to the moment when every worker served the new configuration.
  public var milliseconds: Int

  /// A report.
  public init(generation: Int, isDone: Bool, reason: String?, problems: [ConfigurationProblem], time: Timestamp, milliseconds: Int) {
    self.generation = generation
    self.isDone = isDone
    self.reason = reason
    self.problems = problems
    self.time = time
    self.milliseconds = milliseconds
  }
}
