// Which configuration a command is about, and how its problems are said.
import ArgumentParser
import Foundation

/// The optional CONFIG argument.
struct ConfigurationArgument: ParsableArguments {
  @Argument(help: "The configuration file; without it ./edge.yaml, else the built-in example.")
  var config: String?

  /// The file that was named, or the usual one.
  func path() throws -> String { try Self.path(config) }

  /// The file that was named, or the usual one.
  static func path(_ config: String?) throws -> String {
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
}
