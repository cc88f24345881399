// skerry test: runs the test cases of functions.
import ArgumentParser
import Foundation
import FunctionTesting

struct Test: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run the test cases of functions.",
    discussion: """
      Runs tests/*.yaml of every function's folder (index.js and function.yaml) under PATH. Exit status 1 if a case failed.

      Examples:
        skerry test                              all functions under Functions/
        skerry test Functions/redirects          one of them
        skerry test --filter "query"             cases whose path or name contains a word

      A case:
        - name: old pages move
          request: { uri: /old/42, querystring: "a=1", headers: { host: www.example.com } }
          expect:
            response: { statusCode: 301, headers: { location: /products/42 } }
      """)

  @Argument(help: "Folders of functions, or single case files. Default: Functions/.")
  var paths: [String] = []
  @Option(help: "Run only cases whose file or name contains this, in upper or lower case.")
  var filter: String?

  func run() throws {
    let folders: [FunctionFolder]
    do throws(FunctionSourceProblem) { folders = try FunctionFolder.find(under: paths.isEmpty ? ["Functions"] : paths) } catch {
      throw Refusal(error)
    }
    guard let runner = TestRunner() else { throw Refusal("the system has no timer left") }
    runner.filter = filter ?? ""
    let console = TestConsole(isColoured: isatty(1) == 1 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil)
    var summary = TestSummary()
    for folder in folders {
      let result = runner.run(folder)
      summary.add(result)
      FileHandle.standardOutput.write(Data(console.text(for: result).utf8))
    }
    FileHandle.standardOutput.write(Data(console.text(for: summary).utf8))
    if summary.broken > 0 { throw ExitCode(2) }
    if summary.failed > 0 { throw ExitCode(1) }
  }
}
