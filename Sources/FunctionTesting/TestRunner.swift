// Runs the cases of functions' folders, one after another. Belongs to the thread that made it.
import ConfigurationFile
import Foundation
import KeyValueStores
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
      path: path, folder: source.folder, eventType: source.eventType, storeName: source.storeName, problems: problems)
    let file = reader.read()
    return (problems.hasErrors ? nil : file, problems.sorted(mainFile: path))
  }

  /// Whether the filter lets a case through.
  func wants(_ testCase: TestCase, in path: String) -> Bool {
    filter.isEmpty || "\(path): \(testCase.name)".lowercased().contains(filter.lowercased())
  }

  func run(_ testCase: TestCase, of source: FunctionSource) -> CaseResult {
    let clock = ContinuousClock(), start = clock.now
    let report = report(testCase, of: source, nowMilliseconds: TestRunner.nowMilliseconds())
    let differences = Matching.differences(of: report, from: testCase.expected)
    return CaseResult(testCase: testCase, report: report, differences: differences, time: clock.now - start)
  }

  /// Runs a case without judging it.
  func report(_ testCase: TestCase, of source: FunctionSource, nowMilliseconds: Int64, inspecting: Bool = false) -> FunctionReport {
    var code = source.code
    var store: KeyValueStore?
    if !testCase.entries.isEmpty {
      let changed = (source.storeData ?? StoreData(name: "rules")).changed(by: testCase.entries)
      // Top-level code may ask for the store, so a function that has none is built anew.
      if code.store == nil { code = code.reading(changed) } else { store = changed }
    }
    return runner.run(
      code, on: testCase.event, store: store, nowMilliseconds: testCase.nowMilliseconds ?? nowMilliseconds, inspecting: inspecting)
  }

  static func nowMilliseconds() -> Int64 { Int64(Date().timeIntervalSince1970 * 1000) }
}
