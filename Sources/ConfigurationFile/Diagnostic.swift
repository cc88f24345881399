// What is wrong with a configuration, and where.
// A pure value; any thread. Source: design/configuration.md (`skerry check`).

/// One problem of a configuration file.
public struct Diagnostic: Sendable, Equatable, CustomStringConvertible {
  /// How bad it is.
  public enum Severity: String, Sendable {
    /// The configuration cannot be used.
    case error
    /// It can be used, but perhaps not as meant.
    case warning
  }

  /// The file as the caller named it, or as found beside it (`function.yaml`).
  public var file: String
  /// The line, from 1.
  public var line: Int
  /// The column in Unicode scalars, from 1.
  public var column: Int
  /// How bad it is.
  public var severity: Severity
  /// One sentence without a full stop.
  public var text: String

  /// A problem at a place.
  public init(file: String, line: Int, column: Int, severity: Severity, text: String) {
    self.file = file
    self.line = line
    self.column = column
    self.severity = severity
    self.text = text
  }

  /// `file:line:column: error|warning: text`, on one line.
  public var description: String { "\(file):\(line):\(column): \(severity.rawValue): \(text)" }
}

/// The problems found so far, and how much has been read. Confined to one call of `ConfigurationFile`, or to the reading of one
/// function's folder.
package final class Problems {
  /// The most problems reported; the rest is counted.
  static let maximumReported = 200
  /// The most YAML nodes read, aliases followed: an alias bomb ends here.
  static let maximumNodes = 100_000

  /// The absolute paths of files that were read, or looked for.
  package var files: Set<String> = []
  /// Versions and aliases that associations name.
  package var publishedNames: [PublishedName] = []
  /// What was reported, in that order.
  package private(set) var diagnostics: [Diagnostic] = []
  /// Whether any of it is an error.
  package private(set) var hasErrors = false
  private var unreported = 0
  private var nodes = 0

  /// Nothing reported yet.
  package init() {}

  /// Reports a problem.
  package func report(_ severity: Diagnostic.Severity, file: String, line: Int, column: Int, _ text: String) {
    hasErrors = hasErrors || severity == .error
    let diagnostic = Diagnostic(
      file: file, line: line, column: column, severity: severity, text: text.onOneLine)
    // One alias used twice would say the same thing twice.
    if diagnostics.contains(diagnostic) { return }
    if diagnostics.count < Problems.maximumReported {
      diagnostics.append(diagnostic)
    } else {
      unreported += 1
    }
  }

  /// Counts nodes as they are read; false, once reported, when there are too many.
  func admit(_ count: Int, file: String) -> Bool {
    if nodes > Problems.maximumNodes { return false }
    nodes += count
    if nodes <= Problems.maximumNodes { return true }
    report(
      .error, file: file, line: 1, column: 1,
      "the file has more than \(Problems.maximumNodes) values once its aliases are followed")
    return false
  }

  /// All problems, by file and place, in the order found where they share one.
  package func sorted(mainFile: String) -> [Diagnostic] {
    var sorted = diagnostics.enumerated().sorted { left, right in
      let (a, b) = (left.element, right.element)
      return (a.file == mainFile ? 0 : 1, a.file, a.line, a.column, left.offset)
        < (b.file == mainFile ? 0 : 1, b.file, b.line, b.column, right.offset)
    }.map(\.element)
    if unreported > 0, let last = sorted.last {
      sorted.append(
        Diagnostic(
          file: mainFile, line: last.line, column: last.column, severity: .error,
          text: "and \(unreported) further problems"))
    }
    return sorted
  }
}

extension String {
  /// Control characters made visible: a message is one line whatever the file contains.
  package var onOneLine: String {
    guard unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else { return self }
    var result = ""
    for scalar in unicodeScalars {
      result += scalar.properties.generalCategory == .control ? scalar.escaped(asASCII: true) : String(scalar)
    }
    return result
  }

  /// At most 60 characters of it, in quotes.
  package var quoted: String { count > 60 ? "\"\(prefix(57))…\"" : "\"\(self)\"" }
}
