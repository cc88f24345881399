// Owns: reading the configuration that `serve` serves, at the start and at each reload: problems as `check` prints them. Functions are built
// once to see whether they can be; those that have not changed since are not built again. One that cannot is a warning at the start, when nothing
// better serves; a reload that brings one is refused, and what serves goes on.
import ControlPlane
import ConfigurationFile
import Distribution
import Edge
import FunctionTier
import Synchronization
import Transport

/// The configuration of a running proxy. Any thread; read by one at a time.
/// Rule of the lock: it guards what is remembered of the last reading.
final class ServedConfiguration: Sendable {
  private let path: String
  private let remembered = Mutex<Remembered>(Remembered())
  private struct Remembered {
    var checked = FunctionCheck.Known()
    /// Functions that could not be built at the start, as they were; nil before it.
    var tolerated: [FunctionDefinition]?
    var archives = TierCheck.Known()
    /// Functions of the function tier whose code could not be taken or run at the start, and not since; nil before it.
    var toleratedCode: Set<String>?
    /// Versions and aliases that were not there at the start, as `function:name`; nil before it.
    var missing: Set<String>?
  }

  /// What may be broken or missing at the start; nil for whatever is.
  private let tolerates: Set<String>?

  /// - Parameter tolerates: what may be broken or missing at the start, because the process that this one replaces does without it, too; nil for whatever is.
  init(path: String, tolerates: Set<String>? = nil) { (self.path, self.tolerates) = (path, tolerates) }

  /// How Edge reads it.
  var source: ConfigurationSource { ConfigurationSource(path: path, folder: Files.folder(of: path)) { self.read().reading } }

  /// Reads it now. A function that cannot be built, code that cannot be taken, and a version or an alias that is not published, is an error, but for those that could not
  /// or were not at the start: their requests are answered with 503, as on CloudFront, until that changes, and the others are served.
  func read() -> (reading: ConfigurationReading, unreadable: String?) {
    let began = FileMoment.now
    var lacking: Set<String> = []
    let loaded = ConfigurationFile.load(path: path)
    var problems = loaded.diagnostics
    if let configuration = loaded.configuration {
      problems += remembered.withLock { TierCheck.exposure(configuration, file: path, &$0.archives) }
      problems += remembered.withLock { remembered in
        let broken = FunctionCheck.broken(configuration, &remembered.checked)
        let tolerated = remembered.tolerated ?? broken.map(\.definition).filter { mayLack($0.name) }
        remembered.tolerated = tolerated
        let unpublished = PublishedCheck.missing(loaded)
        let missing = remembered.missing ?? Set(unpublished.map(\.name).filter(mayLack))
        remembered.missing = missing
        let brokenCode = TierCheck.broken(configuration, &remembered.archives), names = Set(brokenCode.map(\.name))
        // One that was good once is not to be lost.
        let toleratedCode = (remembered.toleratedCode ?? names.filter(mayLack)).intersection(names)
        remembered.toleratedCode = toleratedCode
        problems += brokenCode.map { $0.found.told(as: toleratedCode.contains($0.name) ? .warning : .error) }
        problems += unpublished.map { $0.problem.told(as: missing.contains($0.name) ? .warning : .error) }
        lacking = toleratedCode.union(unpublished.map(\.name).filter(missing.contains)).union(broken.map(\.definition).filter(tolerated.contains).map(\.name))
        return broken.flatMap { function in
          function.found.map { $0.told(as: tolerated.contains(function.definition) ? .warning : .error) }
        }
      }
    }
    let isServed = !problems.contains { $0.severity == .error }
    let code = (loaded.draft?.functions ?? []).filter { !$0.runtime.isRewriteEngine }.flatMap { FunctionTier.codeFiles(of: $0) }
    var reading = ConfigurationReading(
      configuration: isServed ? loaded.configuration : nil, problems: problems.map(ConfigurationProblem.init), files: loaded.files.union(code), digest: loaded.digest,
      began: began)
    reading.tolerated = lacking
    reading.opened = loaded.opened.mapValues { ($0.line, $0.column) }
    return (reading, loaded.unreadable)
  }

  private func mayLack(_ name: String) -> Bool { tolerates?.contains(name) ?? true }
}

extension Diagnostic {
  fileprivate func told(as severity: Severity) -> Diagnostic {
    var diagnostic = self
    diagnostic.severity = severity
    return diagnostic
  }
}

extension ConfigurationProblem {
  fileprivate init(_ diagnostic: Diagnostic) {
    self.init(file: diagnostic.file, line: diagnostic.line, column: diagnostic.column, isError: diagnostic.severity == .error, text: diagnostic.text)
  }
}
