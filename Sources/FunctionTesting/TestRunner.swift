// Runs the cases of functions' folders, one after another. Belongs to the thread that made it.
import ConfigurationFile
import Foundation
import RewriteEngine

/// Runs test cases.
public final class TestRunner {
  /// Cases whose path and name do not contain this are left out; empty: all are run. Upper and lower case are the same.
  public var filter = ""

  let runner: FunctionRunner

  /// A runner for the calling thread. Nil: the system has no timer left.
  public init?() {
    guard let runner = FunctionRunner() else { return nil }
    self.runner = runner
  }

  /// Reads a function's folder and runs its cases.
  public func run(_ folder: FunctionFolder) -> FunctionResult {
    let clock = ContinuousClock(), start = clock.now
    var files: [CaseFileResult] = []
    var problem: FunctionSourceProblem?
    do throws(FunctionSourceProblem) {
      let source = try FunctionSource.load(path: folder.path)
      for path in folder.caseFiles { files.append(run(path, of: source)) }
      runner.keep([])
    } catch {
      problem = error
    }
    return FunctionResult(path: folder.path, files: files, problem: problem, time: clock.now - start)
  }

  private func run(_ path: String, of source: FunctionSource) -> CaseFileResult {
    let (file, diagnostics) = TestRunner.read(path, of: source)
    let results = (file?.cases ?? []).filter { wants($0, in: path) }.map { run($0, of: source) }
    return CaseFileResult(path: path, results: results, diagnostics: diagnostics)
  }

  /// Reads a case file; nil when it has errors.
  static func read(_ path: String, of source: FunctionSource) -> (file: CaseFile?, diagnostics: [Diagnostic]) {
    let problems = Problems()
    let reader = CaseReader(
      path: path, folder: source.folder, eventType: source.eventType, keyValueStore: source.keyValueStore, problems: problems)
    let file = reader.read()
    return (problems.hasErrors ? nil : file, problems.sorted(mainFile: path))
  }

  /// Whether the filter lets a case through.
  func wants(_ testCase: TestCase, in path: String) -> Bool {
    filter.isEmpty || "\(path): \(testCase.name)".lowercased().contains(filter.lowercased())
  }

  func run(_ testCase: TestCase, of source: FunctionSource) -> CaseResult {
    let clock = ContinuousClock(), start = clock.now
    let report = runner.run(source.code, on: testCase.event, nowMilliseconds: testCase.nowMilliseconds ?? TestRunner.nowMilliseconds())
    let differences = Matching.differences(of: report, from: testCase.expected)
    return CaseResult(testCase: testCase, report: report, differences: differences, time: clock.now - start)
  }

  static func nowMilliseconds() -> Int64 { Int64(Date().timeIntervalSince1970 * 1000) }
}
