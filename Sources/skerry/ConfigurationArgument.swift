// Which configuration a command is about, and how its problems are said.
import ArgumentParser
import ConfigurationFile
import Distribution
import Foundation

/// The optional CONFIG argument.
struct ConfigurationArgument: ParsableArguments {
  @Argument(help: "The configuration file; without it ./edge.yaml, else the built-in example.")
  var config: String?

  /// The file that was named, or the usual one.
  func path() throws -> String {
    if let path = config ?? ConfigurationArgument.usual() { return path }
    throw Refusal("no configuration: name one, or make an edge.yaml here (the built-in example was not found beside the program)")
  }

  /// `edge.yaml` in the current directory, or the example that stands beside the program's sources.
  static func usual() -> String? {
    if FileManager.default.fileExists(atPath: "edge.yaml") { return "edge.yaml" }
    var folder = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
    if let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") {
      folder = URL(fileURLWithPath: own).deletingLastPathComponent()
    }
    for _ in 0..<5 {
      let example = folder.appendingPathComponent("Functions/edge.yaml").path
      if FileManager.default.fileExists(atPath: example) { return example }
      folder.deleteLastPathComponent()
    }
    return nil
  }

  /// Reads the file; problems go to stderr. A function that cannot be built is a warning here: its requests are answered with 503, as
  /// on CloudFront, and the others are served.
  /// - Throws: ``Refusal`` when it cannot be served.
  func load() throws -> Configuration {
    let path = try path()
    let loaded = ConfigurationFile.load(path: path)
    if let unreadable = loaded.unreadable { throw Refusal(unreadable) }
    for diagnostic in loaded.diagnostics { StandardError.say(diagnostic.description) }
    guard let configuration = loaded.configuration else {
      throw Refusal("\(path) has \(counted(loaded.diagnostics.count { $0.severity == .error }, "error")) and is not served")
    }
    for diagnostic in FunctionCheck.diagnostics(configuration, .warning) { StandardError.say(diagnostic.description) }
    return configuration
  }
}
