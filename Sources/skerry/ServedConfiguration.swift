// Owns: reading the configuration that `serve` serves, at the start and at each reload: problems as `check` prints them. Functions are built
// once to see whether they can be; those that have not changed since are not built again.
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
  private let checked = Mutex<FunctionCheck.Known>(FunctionCheck.Known())

  init(path: String) { self.path = path }

  /// How Edge reads it.
  var source: ConfigurationSource { ConfigurationSource(path: path, folder: Files.folder(of: path)) { self.read().reading } }

  /// Reads it now. A function that cannot be built is a warning here: its requests are answered with 503, as on CloudFront, and the others are
  /// served. So is an association with a version or an alias that is not there yet: once it is published, it is used.
  func read() -> (reading: ConfigurationReading, unreadable: String?) {
    let began = FileMoment.now
    let loaded = ConfigurationFile.load(path: path)
    var problems = loaded.diagnostics + PublishedCheck.diagnostics(loaded, .warning)
    if let configuration = loaded.configuration {
      problems += checked.withLock { FunctionCheck.diagnostics(configuration, .warning, &$0) }
    }
    let code = (loaded.draft?.functions ?? []).filter { !$0.runtime.isRewriteEngine }.flatMap { FunctionTier.codeFiles(of: $0) }
    let reading = ConfigurationReading(
      configuration: loaded.configuration, problems: problems.map(ConfigurationProblem.init), files: loaded.files.union(code), digest: loaded.digest,
      began: began)
    return (reading, loaded.unreadable)
  }
}

extension ConfigurationProblem {
  fileprivate init(_ diagnostic: Diagnostic) {
    self.init(file: diagnostic.file, line: diagnostic.line, column: diagnostic.column, isError: diagnostic.severity == .error, text: diagnostic.text)
  }
}
