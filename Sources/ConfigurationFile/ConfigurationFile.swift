// Reading a configuration: from YAML to the model, with every problem found on the way.
// Runs once at start and at each reload, off the request path; any thread. Reads the file, the code of functions and
// what stands beside it, and looks whether other named files are there.
// Source: design/configuration.md. What each key means is in Documentation/configuration.md.
public import Distribution
import Foundation
import TLS

/// What came of reading a configuration.
public struct LoadedConfiguration: Sendable {
  /// The configuration; nil when any problem is an error.
  public var configuration: Configuration?
  /// All problems, by place.
  public var diagnostics: [Diagnostic]
  /// Why the file itself could not be read, as one sentence: exit status 2 also for `check`.
  public var unreadable: String?
  /// The absolute path of every file that was read, or would have been if it were there: what a change of can make another configuration.
  public var files: Set<String> = []
  /// The SHA-256 of the file, in hexadecimal digits; empty when it cannot be read.
  public var digest = ""
  /// Where the parts stand of which only serving shows whether they can be had.
  public var opened: [OpenedPart: DistributionPlaces.Place] = [:]
  /// What could be read in spite of errors: for tests and for `check`, never to be served.
  public var draft: Configuration?
  /// Where the parts of each distribution stand.
  public var places: [DistributionPlaces] = []

  /// Versions and aliases that associations name: whether they are there, the function tier's store knows.
  public var publishedNames: [PublishedName] = []

  /// Whether any problem is an error.
  public var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }
}

/// Where the parts of a distribution stand in its file: for what is said of a whole configuration.
public struct DistributionPlaces: Sendable {
  /// Line and column, from 1.
  public struct Place: Sendable {
    public var line: Int, column: Int
  }
  /// Of its behaviors, the default one last.
  public var behaviors: [Place] = []
  /// Of its origin groups.
  public var groups: [Place] = []
}

/// A version or an alias of a function that an association names, and where.
public struct PublishedName: Sendable, Equatable {
  /// The function's name.
  public var function: String
  /// A number, or an alias's name.
  public var qualifier: String
  /// The place in the configuration.
  public var file: String, line: Int, column: Int
}

/// Reads configuration files.
public enum ConfigurationFile {
  /// Reads the file at a path; relative paths in it are taken from its folder. Blocks on the file system.
  /// - Parameter path: absolute or relative to the current directory; diagnostics name the file as given here.
  public static func load(path: String) -> LoadedConfiguration {
    switch Files.read(path, maximumBytes: SourceText.maximumBytes) {
    case .success(let bytes):
      var loaded = parse(bytes: bytes, fileName: path, folder: Files.folder(of: path))
      loaded.files.insert(Files.absolute(path))
      loaded.digest = Digest.sha256(bytes).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
      return loaded
    case .failure(let problem):
      let diagnostic = Diagnostic(
        file: path, line: 1, column: 1, severity: .error, text: "the configuration cannot be read: \(problem.text)")
      return LoadedConfiguration(
        configuration: nil, diagnostics: [diagnostic], unreadable: "\(path) cannot be read: \(problem.text)", files: [Files.absolute(path)])
    }
  }

  /// Reads a configuration from text.
  /// - Parameters:
  ///   - text: the YAML.
  ///   - fileName: what diagnostics call it.
  ///   - folder: the absolute path of the folder that relative paths are taken from.
  public static func parse(text: String, fileName: String, folder: String) -> LoadedConfiguration {
    parse(bytes: Array(text.utf8), fileName: fileName, folder: folder)
  }

  /// Reads a configuration from bytes, which need not be UTF-8 (that is an error with a place).
  public static func parse(bytes: [UInt8], fileName: String, folder: String) -> LoadedConfiguration {
    let problems = Problems()
    var draft: Configuration?, opened: [OpenedPart: DistributionPlaces.Place] = [:], places: [DistributionPlaces] = []
    if let root = SourceText.compose(bytes, file: fileName, problems: problems) {
      let reader = Reader(fileName: fileName, folder: folder, problems: problems)
      draft = reader.configuration(Value(node: root, name: "the file", file: fileName, problems: problems))
      opened = reader.opened
      places = reader.places
    }
    return LoadedConfiguration(
      configuration: problems.hasErrors ? nil : draft, diagnostics: problems.sorted(mainFile: fileName), files: problems.files, opened: opened, draft: draft,
      places: places, publishedNames: problems.publishedNames)
  }
}
