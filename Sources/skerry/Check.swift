// skerry check: validates a configuration and its functions.
import ArgumentParser
import ConfigurationFile
import Foundation

struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Validate a configuration and its functions.",
    discussion: """
      Each problem is one line, `file:line:column: error|warning: text`. Exit status 1 if there is any error.

      Example:
        skerry check edge.yaml
      """)

  @OptionGroup var file: ConfigurationArgument

  func run() throws {
    let loaded = ConfigurationFile.load(path: try file.path())
    let lines = loaded.diagnostics.map { $0.description + "\n" }.joined()
    FileHandle.standardOutput.write(Data(lines.utf8))
    if loaded.isUnreadable { throw ExitCode(2) }
    if loaded.hasErrors { throw ExitCode(1) }
  }
}
