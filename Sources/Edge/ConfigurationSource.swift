// Owns: how a running proxy gets at a configuration without knowing how one is written down. The program says how (skerry/Serve.swift).
public import ControlPlane
public import Distribution
public import Transport

/// What came of reading a configuration.
public struct ConfigurationReading: Sendable {
  /// The configuration; nil when it cannot be served.
  public var configuration: Configuration?
  /// What is wrong with it, by place.
  public var problems: [ConfigurationProblem]
  /// Where the parts of it stand of which only serving shows whether they can be had.
  public var opened: [OpenedPart: (line: Int, column: Int)] = [:]
  /// The absolute path of every file that was read, or would have been if it were there.
  public var files: Set<String>
  /// The SHA-256 of the file that operators know it by, in hexadecimal digits.
  public var digest: String
  /// When it began.
  public var began: FileMoment
  /// Functions that cannot be built or taken, and versions and aliases that are not there (`function:name`), which are no errors because it has been so
  /// from the start.
  public var tolerated: Set<String> = []

  /// A reading.
  public init(configuration: Configuration?, problems: [ConfigurationProblem], files: Set<String>, digest: String, began: FileMoment) {
    self.digest = digest
    self.began = began
    self.configuration = configuration
    self.problems = problems
    self.files = files
  }
}

extension StartFailure {
  /// The same as a problem of a configuration.
  /// - Parameters:
  ///   - reading: what the configuration was read with.
  ///   - file: what problems call its file.
  /// - Returns: nil when it has no place in it.
  public func problem(of reading: ConfigurationReading, in file: String) -> ConfigurationProblem? {
    part.flatMap { reading.opened[$0] }.map { ConfigurationProblem(file: file, line: $0.line, column: $0.column, isError: true, text: description) }
  }
}

/// Where configurations come from.
public struct ConfigurationSource: Sendable {
  /// What operators know it by: the file's path.
  public var path: String
  /// The absolute path of the folder it lies in.
  public var folder: String
  /// Reads it now. Blocks; called on any thread, by one at a time.
  public var read: @Sendable () -> ConfigurationReading

  /// A source.
  public init(path: String, folder: String, read: @escaping @Sendable () -> ConfigurationReading) {
    self.path = path
    self.folder = folder
    self.read = read
  }
}
