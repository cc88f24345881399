// Runs the cases of functions' folders, one after another. Belongs to the thread that made it.
import Distribution
import Foundation
import FunctionTier
import KeyValueStores
import RewriteEngine

/// Runs test cases.
public final class TestRunner {
  /// Cases whose path and name do not contain this are left out; empty: all are run. Upper and lower case are the same.
  public var filter = ""

  private let runner: FunctionRunner
  /// For functions of the function tier; made for the first of them.
  private var tierRunner: TierRunner?

  /// A runner for the calling thread. Nil: the system has no timer left.
  public init?() {
    guard let runner = FunctionRunner() else { return nil }
    self.runner = runner
  }

  /// Runs the cases of a function's folder.
  public func run(_ folder: LoadedFolder) -> FunctionResult {
    let clock = ContinuousClock(), start = clock.now
    // What it built for the folder before is not needed any more.
    runner.keep([])
    if let tier = folder.tier { return run(folder, of: tier, since: start) }
    let files = folder.files.map { file in
      CaseFileResult(
        path: file.path, results: wanted(file).map { run($0, of: folder.source, nowMilliseconds: TestRunner.nowMilliseconds()) },
        diagnostics: file.diagnostics)
    }
    return FunctionResult(path: folder.path, files: files, problem: folder.problem, time: clock.now - start)
  }

  private func run(_ folder: LoadedFolder, of tier: TierSource, since start: ContinuousClock.Instant) -> FunctionResult {
    do throws(FunctionSourceProblem) {
      let runner = if let tierRunner { tierRunner } else { try TierRunner() }
      tierRunner = runner
      runner.prepare([tier.definition])
      let files = folder.files.map { file in
        CaseFileResult(path: file.path, results: wanted(file).map { run($0, of: tier, runner) }, diagnostics: file.diagnostics)
      }
      return FunctionResult(path: folder.path, files: files, problem: nil, time: ContinuousClock().now - start)
    } catch {
      return FunctionResult(path: folder.path, files: [], problem: error, time: ContinuousClock().now - start)
    }
  }

  private func run(_ testCase: TestCase, of tier: TierSource, _ runner: TierRunner) -> CaseResult {
    let clock = ContinuousClock(), start = clock.now
    var report = FunctionReport()
    if let edge = testCase.edge {
      let run = runner.run(tier.definition.name, edge.payload)
      report.logs = run.logs
      report.error = run.error.map { FunctionError(function: tier.definition.name, text: $0) }
      if report.error == nil {
        do throws(EventFailure) { (report.output, report.origin) = try edge.output(run.output) } catch {
          report.error = FunctionError(function: tier.definition.name, text: error.sentence)
        }
      }
    }
    return CaseResult(testCase: testCase, report: report, differences: Matching.differences(of: report, from: testCase.expected), time: clock.now - start)
  }

  /// The cases of a file that the filter lets through.
  func wanted(_ file: LoadedFolder.File) -> [TestCase] {
    let cases = file.cases?.cases ?? []
    if filter.isEmpty { return cases }
    let wanted = filter.lowercased()
    return cases.filter { "\(file.path): \($0.name)".lowercased().contains(wanted) }
  }

  /// Runs a case and judges it.
  func run(_ testCase: TestCase, of source: FunctionSource?, nowMilliseconds: Int64, inspecting: Bool = false) -> CaseResult {
    let clock = ContinuousClock(), start = clock.now
    guard let source else { return CaseResult(testCase: testCase, report: FunctionReport(), differences: [], time: .zero) }
    var code = source.code
    var store: KeyValueStore?
    if !testCase.entries.isEmpty {
      let data = source.storeData ?? StoreData(StoreData.labels(source.storeName ?? "rules", for: code.source))
      let changed = data.changed(by: testCase.entries)
      // Top-level code may ask for the store, so a function that has none is built anew.
      if code.store == nil { code = code.reading(changed) } else { store = changed }
    }
    let report = runner.run(
      code, on: testCase.event, store: store, nowMilliseconds: testCase.nowMilliseconds ?? nowMilliseconds, inspecting: inspecting)
    let differences = Matching.differences(of: report, from: testCase.expected)
    return CaseResult(testCase: testCase, report: report, differences: differences, time: clock.now - start)
  }

  static func nowMilliseconds() -> Int64 { Int64(Date().timeIntervalSince1970 * 1000) }
}
