// skerry check: validates a configuration and its functions.
import ArgumentParser
import ConfigurationFile
import Foundation

struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Validate a configuration and its functions.",
    discussion: """
      Each problem is one line, `file:line:column: error|warning: text`. Exit status 1 if there is any error.
      Code of Lambda@Edge functions is read (archives are unpacked) and the syntax of the handler's file looked at; it is not run.
      Warnings tell of what is probably not meant: behaviors and origin groups no request reaches, headers and cookies that a function reads
      and no policy forwards, cookies that keep the cache from sharing, answers without security headers.
      What CloudFront's runtime would refuse in a function is an error with `compatibility: cloudfront`, else a warning.

      Example:
        skerry check edge.yaml
      """)

  @OptionGroup var file: ConfigurationArgument

  func run() throws {
    let path = try file.path()
    let loaded = ConfigurationFile.load(path: path)
    var problems = loaded.diagnostics + DistributionCheck.all(loaded, file: path)
    problems += (loaded.draft.map { FunctionCheck.all($0) + TierCheck.all($0, file: path) } ?? []) + PublishedCheck.missing(loaded).map(\.problem) + PublishedCheck.changed(loaded)
    let lines = problems.map { $0.description + "\n" }.joined()
    FileHandle.standardOutput.write(Data(lines.utf8))
    if let unreadable = loaded.unreadable { throw Refusal(unreadable) }
    let errors = problems.count { $0.severity == .error }
    if errors > 0 { throw Finding("\(path) has \(counted(errors, "error"))") }
  }
}
