// `skerry test --isolation`: every case twice, in an order drawn by lot, all in the same isolates. What a case comes to must not depend
// on what ran before it. Belongs to the thread of its runner.
import JSONText

/// A case that came out differently the second time, or that left something behind.
public struct IsolationFinding: Sendable {
  /// The case file.
  public let path: String
  /// The case.
  public let testCase: TestCase
  /// What differed: `output`, `logs`, …; or `heap`, when the run left something behind.
  public let what: String
  /// That of the first run, as text.
  public let first: String
  /// That of the second run.
  public let second: String
}

extension TestRunner {
  /// Runs every case of some folders twice.
  /// - Parameter seed: what the order is made of; the same seed gives the same order.
  public func runTwice(_ folders: [LoadedFolder], seed: UInt64) -> (results: [FunctionResult], findings: [IsolationFinding]) {
    let clock = ContinuousClock(), start = clock.now
    // The time is the same for all runs: what a function makes of it is not what is looked for.
    let now = TestRunner.nowMilliseconds()
    // Functions of the function tier keep their state from run to run, as Lambda's do.
    let cases = folders.map { folder in folder.files.map { folder.tier == nil ? wanted($0) : [] } }
    var order: [Place] = []
    for (folder, files) in cases.enumerated() {
      for (file, cases) in files.enumerated() { order += cases.indices.map { Place(folder: folder, file: file, testCase: $0) } }
    }
    var generator = SplitMix64(state: seed)
    let sequence = (order + order).shuffled(using: &generator)
    var first: [Place: CaseResult] = [:], findings: [IsolationFinding] = []
    for place in sequence {
      let testCase = cases[place.folder][place.file][place.testCase], path = folders[place.folder].files[place.file].path
      let result = run(testCase, of: folders[place.folder].source, nowMilliseconds: now, inspecting: true)
      if !result.report.leftNoState {
        findings.append(IsolationFinding(path: path, testCase: testCase, what: "heap", first: "put back", second: "something was left behind"))
      }
      if let before = first[place] {
        findings += before.report.differences(from: result.report).map {
          IsolationFinding(path: path, testCase: testCase, what: $0.what, first: $0.first, second: $0.second)
        }
        // Of the two runs the one that failed counts.
        if !before.passed { continue }
      }
      first[place] = result
    }
    let time = (clock.now - start) / max(1, folders.count)
    let results = folders.enumerated().map { index, folder in
      let files = folder.files.enumerated().map { number, file in
        CaseFileResult(
          path: file.path, results: cases[index][number].indices.compactMap { first[Place(folder: index, file: number, testCase: $0)] },
          diagnostics: file.diagnostics)
      }
      return FunctionResult(path: folder.path, files: files, problem: folder.problem, time: time)
    }
    return (results, findings)
  }

  /// Where a case stands among all.
  private struct Place: Hashable {
    var folder, file, testCase: Int
  }
}

extension FunctionReport {
  /// What is not the same in another run. The CPU time never is; a run that was ended early stops anywhere.
  fileprivate func differences(from other: FunctionReport) -> [(what: String, first: String, second: String)] {
    var pairs = [
      ("error", error?.description ?? "none", other.error?.description ?? "none"),
      ("output", output?.oneLine ?? "none", other.output?.oneLine ?? "none"),
      ("origin", origin?.oneLine ?? "none", other.origin?.oneLine ?? "none"),
    ]
    if error == nil || other.error == nil {
      pairs.append(("logs", logs.joined(separator: "\n"), other.logs.joined(separator: "\n")))
      pairs.append(("fuel", String(fuel), String(other.fuel)))
    }
    return pairs.filter { !$0.1.utf8.elementsEqual($0.2.utf8) }.map { (what: $0.0, first: $0.1, second: $0.2) }
  }
}

/// A generator whose numbers a seed decides (Steele, Lea and Flood 2014).
struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
