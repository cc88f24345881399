// What a test run came to. Pure values; any thread.
public import ConfigurationFile

/// One case that was run.
public struct CaseResult: Sendable {
  /// The case.
  public let testCase: TestCase
  /// What the function did.
  public let report: FunctionReport
  /// Where that is not what was expected; nothing when the case passed.
  let differences: [Difference]
  /// How long it took.
  public let time: Duration

  /// Whether all was as expected.
  public var passed: Bool { differences.isEmpty }
}

/// One case file that was run, or could not be.
public struct CaseFileResult: Sendable {
  /// The file.
  public let path: String
  /// Its cases, in their order; none when the file has errors.
  public let results: [CaseResult]
  /// What is wrong with the file.
  public let diagnostics: [Diagnostic]

  /// Whether its cases could not be read.
  public var isBroken: Bool { diagnostics.contains { $0.severity == .error } }
}

/// One function's folder.
public struct FunctionResult: Sendable {
  /// The folder.
  public let path: String
  /// Its case files.
  public let files: [CaseFileResult]
  /// Why none of its cases could be run.
  public let problem: FunctionSourceProblem?
  /// How long it took.
  public let time: Duration

  /// Its cases.
  public var results: [CaseResult] { files.flatMap(\.results) }
  /// Whether anything could not be read.
  public var isBroken: Bool { problem != nil || files.contains(where: \.isBroken) }
}

/// Counts of a whole run.
public struct TestSummary: Sendable, Equatable {
  /// Folders looked at.
  public var functions = 0
  /// Cases that were as expected.
  public var passed = 0
  /// Cases that were not.
  public var failed = 0
  /// Things that differed between two runs of a case (`--isolation`); they count as failed.
  public var leaks = 0
  /// Cases whose expectations were rewritten (`--update`).
  public var updated = 0
  /// Functions and case files that could not be read.
  public var broken = 0
  /// How long it took.
  public var time = Duration.zero

  /// Nothing yet.
  public init() {}

  /// Adds a function's results.
  public mutating func add(_ result: FunctionResult) {
    functions += 1
    passed += result.results.count(where: \.passed)
    failed += result.results.count { !$0.passed }
    broken += (result.problem == nil ? 0 : 1) + result.files.count(where: \.isBroken)
    time += result.time
  }

  /// Adds what an isolation test found.
  public mutating func add(_ findings: [IsolationFinding]) {
    leaks += findings.count
    failed += findings.count
  }
}
