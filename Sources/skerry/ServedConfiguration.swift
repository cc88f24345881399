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

  init(path: String) { self.path = path }

  /// How Edge reads it.
  var source: ConfigurationSource { ConfigurationSource(path: path, folder: Files.folder(of: path)) { self.read().reading } }

  /// Reads it now. A function that cannot be built, code that cannot be taken, and a version or an alias that is not published, is an error, but for those that could not
  /// or were not at the start: their requests are answered with 503, as on CloudFront, until that changes, and the others are served.
  func read() -> (reading: ConfigurationReading, unreadable: String?) {
    let began = FileMoment.now
    let loaded = ConfigurationFile.load(path: path)
    var problems = loaded.diagnostics
    if let configuration = loaded.configuration {
      problems += remembered.withLock { remembered in
        let broken = FunctionCheck.broken(configuration, &remembered.checked)
        let tolerated = remembered.tolerated ?? broken.map(\.definition)
        remembered.tolerated = tolerated
        let unpublished = PublishedCheck.missing(loaded)
        let missing = remembered.missing ?? Set(unpublished.map(\.name))
        remembered.missing = missing
        let brokenCode = TierCheck.broken(configuration, &remembered.archives), names = Set(brokenCode.map(\.name))
        // One that was good once is not to be lost.
        let toleratedCode = (remembered.toleratedCode ?? names).intersection(names)
        remembered.toleratedCode = toleratedCode
        problems += brokenCode.map { $0.found.told(as: toleratedCode.contains($0.name) ? .warning : .error) }
        problems += unpublished.map { $0.problem.told(as: missing.contains($0.name) ? .warning : .error) }
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
    reading.opened = loaded.opened.mapValues { ($0.line, $0.column) }
    return (reading, loaded.unreadable)
  }
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
