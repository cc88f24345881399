// skerry reload: has a running proxy read its configuration again.
import ArgumentParser
import ControlPlane
import Foundation
import JSONText

struct Reload: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Have a running proxy read its configuration again.",
    discussion: """
      Problems are printed as `skerry check` prints them. Exit status 1 if the configuration is refused; then the proxy goes on as it was.

      Examples:
        skerry reload
        skerry reload --config site/edge.yaml
      """)

  @OptionGroup var proxy: AdminArguments

  func run() throws {
    let answer = try proxy.client().request("POST", "/reload")
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
}
