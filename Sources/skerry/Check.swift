// skerry check: validates a configuration and its functions.
import ArgumentParser
import ConfigurationFile
import Foundation

struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Validate a configuration and its functions.",
    discussion: """
      Each problem is one line, `file:line:column: error|warning: text`. Exit status 1 if there is any error.
      What CloudFront's runtime would refuse in a function is an error with `compatibility: cloudfront`, else a warning.

      Example:
        skerry check edge.yaml
      """)

  @OptionGroup var file: ConfigurationArgument

  func run() throws {
    let loaded = ConfigurationFile.load(path: try file.path())
    let functions = loaded.configuration.map { FunctionCheck.all($0) } ?? []
    let lines = (loaded.diagnostics + functions).map { $0.description + "\n" }.joined()
    FileHandle.standardOutput.write(Data(lines.utf8))
    if loaded.isUnreadable { throw ExitCode(2) }
    if loaded.hasErrors || functions.contains(where: { $0.severity == .error }) { throw ExitCode(1) }
  }
}
