// skerry test: runs the test cases of functions.
import ArgumentParser
import Foundation
import FunctionTesting

struct Test: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run the test cases of functions.",
    discussion: """
      Runs tests/*.yaml of every function's folder (index.js and function.yaml) under PATH. Exit status 1 if a case failed,
      2 if a function or a case file could not be read.

      Examples:
        skerry test                              all functions under Functions/
        skerry test Functions/redirects          one of them
        skerry test --filter query               cases whose file or name contains a word
        skerry test --watch                      again and again, whenever a file changes
        skerry test --update                     makes failed cases expect what the function does now
        skerry test --isolation --seed 42        every case twice, shuffled: does anything pass from run to run?
        skerry test --junit results.xml          also writes a report for CI

      A case in Functions/redirects/tests/old.yaml:
        - name: old pages move
          request: { uri: /old/42, querystring: "a=1", headers: { host: www.example.com } }
          expect:
            response: { statusCode: 301, headers: { location: /products/42 } }
      """)

  @Argument(help: "Folders of functions, or single case files. Default: Functions/.")
  var paths: [String] = []
  @Option(help: "Run only cases whose file or name contains this, in upper or lower case.")
  var filter: String?
  @Flag(help: "Stay, and run again what changes.")
  var watch = false
  @Flag(help: "Rewrite the expectations of failed cases in their files.")
  var update = false
  @Flag(help: "Run every case twice in an order drawn by lot, and report what differs between the two.")
  var isolation = false
  @Option(help: "The order of --isolation: the same number, the same order.")
  var seed: UInt64?
  @Option(help: "Write the results to this file as JUnit XML.")
  var junit: String?

  func validate() throws {
    if isolation && (update || watch) { throw ValidationError("--isolation goes with neither --update nor --watch") }
    if watch && (update || junit != nil) { throw ValidationError("--watch goes with neither --update nor --junit") }
    if seed != nil && !isolation { throw ValidationError("--seed is for --isolation") }
  }

  private var searched: [String] { paths.isEmpty ? ["Functions"] : paths }

  func run() throws {
    guard let runner = TestRunner() else { throw Refusal("the system has no timer left") }
    runner.filter = filter ?? ""
    let console = TestConsole(isColoured: isatty(1) == 1 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil)
    let folders = try find()
    // Before the first run: what changes during it is not to be missed.
    let folderWatch = watch ? FolderWatch(searched) : nil
    let summary = isolation ? try runTwice(folders, runner, console) : try runOnce(folders, runner, console)
    if watch {
      guard let folderWatch else { throw Refusal("the system has no inotify watch left (fs.inotify.max_user_instances)") }
      stay(folderWatch, runner, console)
    }
    if summary.broken > 0 { throw Refusal("\(summary.broken == 1 ? "1 file or function" : "\(summary.broken) files or functions") could not be read") }
    if summary.failed > 0 { throw Finding(Self.sentence(summary)) }
  }

  private static func sentence(_ summary: TestSummary) -> String {
    let failed = summary.failed - summary.leaks, leaks = counted(summary.leaks, "difference") + " between two runs"
    if failed == 0 { return leaks }
    return counted(failed, "case") + " failed" + (summary.leaks > 0 ? ", \(leaks)" : "")
  }

  private func find() throws -> [FunctionFolder] {
    do throws(FunctionSourceProblem) { return try FunctionFolder.find(under: searched) } catch { throw Refusal(error) }
  }

  private func show(_ result: FunctionResult, _ console: TestConsole) {
    for problem in console.problems(of: result) { StandardError.say(problem) }
    say(console.text(for: result))
  }

  private func say(_ text: String) { FileHandle.standardOutput.write(Data(text.utf8)) }

  @discardableResult
  private func runOnce(_ folders: [FunctionFolder], _ runner: TestRunner, _ console: TestConsole) throws -> TestSummary {
    var summary = TestSummary(), results: [FunctionResult] = [], problems: [String] = []
    for folder in folders {
      var loaded = LoadedFolder(folder)
      var result = runner.run(loaded)
      if update, result.results.contains(where: { !$0.passed }) {
        let outcome = loaded.update(result)
        summary.updated += outcome.updated
        problems += outcome.problems
        loaded = LoadedFolder(folder)
        result = runner.run(loaded)
      }
      summary.add(result)
      if junit != nil { results.append(result) }
      show(result, console)
    }
    for problem in problems { StandardError.say(problem) }
    say(console.text(for: summary))
    try writeReport(results)
    return summary
  }

  private func runTwice(_ folders: [FunctionFolder], _ runner: TestRunner, _ console: TestConsole) throws -> TestSummary {
    let seed = seed ?? UInt64.random(in: 0...UInt64(UInt32.max))
    say("every case twice, in the order of --seed \(seed)\n")
    let (results, findings) = runner.runTwice(folders.map(LoadedFolder.init), seed: seed)
    var summary = TestSummary()
    for result in results {
      summary.add(result)
      show(result, console)
    }
    for finding in findings { say(console.text(for: finding)) }
    summary.add(findings)
    say(console.text(for: summary))
    try writeReport(results, findings)
    return summary
  }

  private func writeReport(_ results: [FunctionResult], _ findings: [IsolationFinding] = []) throws {
    guard let junit else { return }
    do { try Data(JUnitReport.text(results, findings: findings).utf8).write(to: URL(fileURLWithPath: junit)) } catch {
      throw Refusal("\(junit) cannot be written")
    }
  }

  /// Runs what changes until the process is ended.
  private func stay(_ folderWatch: FolderWatch, _ runner: TestRunner, _ console: TestConsole) -> Never {
    while true {
      let changed = folderWatch.waitForChanges().map(\.simplified)
      let folders = (try? FunctionFolder.find(under: searched)) ?? []
      // A file of the folder, or a folder it is in: one that is new had no watch for what was put into it.
      let touched = folders.filter { folder in
        changed.contains { $0.hasPrefix(folder.path + "/") || "\(folder.path)/".hasPrefix($0 + "/") }
      }
      if !touched.isEmpty { _ = try? runOnce(touched, runner, console) }
    }
  }
}
