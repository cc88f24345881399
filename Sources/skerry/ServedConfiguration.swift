// Owns: reading the configuration that `serve` serves, at the start and at each reload: problems as `check` prints them. Functions are built
// once to see whether they can be; those that have not changed since are not built again. One that cannot is a warning at the start, when nothing
// better serves; a reload that brings one is refused, and what serves goes on.
import ControlPlane
import ConfigurationFile
import Distribution
import Edge
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
  }

  init(path: String) { self.path = path }

  /// How Edge reads it.
  var source: ConfigurationSource { ConfigurationSource(path: path, folder: Files.folder(of: path)) { self.read().reading } }

  /// Reads it now. A function that cannot be built is an error, but for those that could not at the start and are as they were: their requests are
  /// answered with 503, as on CloudFront, and the others are served.
  func read() -> (reading: ConfigurationReading, unreadable: String?) {
    let began = FileMoment.now
    let loaded = ConfigurationFile.load(path: path)
    var problems = loaded.diagnostics
    if let configuration = loaded.configuration {
      problems += remembered.withLock { remembered in
        let broken = FunctionCheck.broken(configuration, &remembered.checked)
        let tolerated = remembered.tolerated ?? broken.map(\.definition)
        remembered.tolerated = tolerated
        return broken.flatMap { function in
          function.found.map { found in
            var found = found
            found.severity = tolerated.contains(function.definition) ? .warning : .error
            return found
          }
        }
      }
    }
    let isServed = !problems.contains { $0.severity == .error }
    var reading = ConfigurationReading(
      configuration: isServed ? loaded.configuration : nil, problems: problems.map(ConfigurationProblem.init), files: loaded.files, digest: loaded.digest,
      began: began)
    for place in loaded.addresses { reading.addresses[place.address] = (place.line, place.column) }
    return (reading, loaded.unreadable)
  }
}

extension ConfigurationProblem {
  fileprivate init(_ diagnostic: Diagnostic) {
    self.init(file: diagnostic.file, line: diagnostic.line, column: diagnostic.column, isError: diagnostic.severity == .error, text: diagnostic.text)
  }
}
