// skerry reload: has a running proxy read its configuration again.
import ArgumentParser
import ConfigurationFile
import ControlPlane
import Foundation
import JSONText

struct Reload: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Have a running proxy read its configuration again.",
    discussion: """
      Problems are printed as `skerry check` prints them. Exit status 1 if the configuration is refused; then the proxy goes on as it was.
      The syntax of handlers of the function tier is looked at here, before the proxy is asked; the proxy loads those that have changed once, in a
      sandbox, before it takes them up.

      Examples:
        skerry reload
        skerry reload --config site/edge.yaml
        skerry reload --unchecked
      """)

  @OptionGroup var proxy: AdminArguments
  @Flag(help: "Take up handlers of the function tier whatever they are: without a look at their syntax, and without loading them first.")
  var unchecked = false

  func run() throws {
    if !unchecked { try refuseSyntaxErrors() }
    let answer = try proxy.client().request("POST", unchecked ? "/reload?unchecked" : "/reload", timeoutMilliseconds: AdminClient.reloadMilliseconds)
    guard let report = try? JSONValue(parsing: answer.body), let outcome = report["outcome"]?.string else {
      throw Refusal("the proxy answers \(answer.status), which this command does not understand")
    }
    let problems = report["problems"]?.array ?? []
    let lines = problems.map { StatusText.problem($0) + "\n" }.joined()
    FileHandle.standardOutput.write(Data(lines.utf8))
    let generation = StatusText.number(report["generation"])
    guard outcome == "done" else {
      let errors = problems.count { $0["severity"]?.string == "error" }
      throw Finding("the reload is refused: \(report["reason"]?.string ?? "\(counted(errors, "error"))"); generation \(generation) goes on serving")
    }
    FileHandle.standardOutput.write(Data("generation \(generation) serves after \(StatusText.number(report["milliseconds"])) ms\n".utf8))
  }
  /// Where the configuration is known: a proxy that is named by its address may have another.
  private func refuseSyntaxErrors() throws {
    guard proxy.config != nil || proxy.admin == nil, let path = try? ConfigurationArgument.path(proxy.config) else { return }
    guard let configuration = ConfigurationFile.load(path: path).configuration else { return }   // the proxy says what is wrong with it
    let found = TierCheck.syntaxErrors(configuration)
    guard !found.isEmpty else { return }
    FileHandle.standardOutput.write(Data(found.map { $0.description + "\n" }.joined().utf8))
    throw Finding("the reload is not asked for: \(counted(found.count, "error")); the proxy goes on as it was (--unchecked asks all the same)")
  }
}
