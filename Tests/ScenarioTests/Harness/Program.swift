// One running program shared by the scenarios of a suite. Each scenario takes a **stage** of its own: a Host name, the
// distribution it selects, and that distribution's scripted origin, so that scenarios run side by side undisturbed.
import Testing

final class Program: Sendable {
  let skerry: Skerry
  private let script: ScriptedOrigin.Script?
  private let waiting: Watched<[(host: String, origin: ScriptedOrigin)]>

  /// The program of the suite the current test is in.
  static var current: Program {
    get throws {
      guard let program = running else { throw ScenarioFailure("the suite has no .program trait") }
      return program
    }
  }
  @TaskLocal fileprivate static var running: Program?

  fileprivate init(_ plan: Plan) throws {
    script = plan.script
    let stages = try (0..<plan.stages).map { (host: "stage\($0).test", origin: try ScriptedOrigin()) }
    waiting = Watched(stages)
    let distributions = stages.map {
      plan.distribution(Configuration.Distribution(hosts: [$0.host], origin: $0.origin.url))
    }
    skerry = try Skerry.start(
      configuration: Configuration(distributions: distributions, more: plan.more).yaml,
      files: plan.files, arguments: plan.arguments)
  }

  /// A stage nobody has used yet, whose origin plays `script`.
  func stage(_ script: @escaping ScriptedOrigin.Script) throws -> Stage {
    guard let (host, origin) = waiting.update({ $0.popLast() }) else {
      throw ScenarioFailure("the suite needs more stages in its .program trait")
    }
    origin.play(script)
    return Stage(host: host, origin: origin, skerry: skerry)
  }

  /// The next stage with the script the whole suite plays (for suites whose scenarios share one stage: `.serialized`).
  func sharedStage() throws -> Stage {
    if let stage = shared.current { return stage }
    guard let script else { throw ScenarioFailure("the suite's .program trait has no script") }
    let first = try stage(script)
    shared.update { $0 = first }
    return first
  }
  private let shared = Watched<Stage?>(nil)

  /// What a suite's program is started with.
  struct Plan: Sendable {
    var stages = 1
    var script: ScriptedOrigin.Script? = nil
    var distribution: @Sendable (Configuration.Distribution) -> Configuration.Distribution = { $0 }
    var more = ""
    var files: [String: String] = [:]
    var arguments: [String] = []
  }
}

/// A Host name, the distribution behind it, and its origin.
struct Stage: Sendable {
  let host: String
  let origin: ScriptedOrigin
  let skerry: Skerry

  func viewer() throws -> ScriptedViewer { try skerry.viewer() }
}

/// Takes a stage of the suite's program.
func stage(_ script: @escaping ScriptedOrigin.Script) throws -> Stage { try Program.current.stage(script) }

/// Runs the program around a suite.
struct RunningProgram: SuiteTrait, TestScoping {
  let plan: Program.Plan

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
  ) async throws {
    let program = try Program(plan)
    try await Program.$running.withValue(program) { try await function() }
    guard program.skerry.isRunning else {
      throw ScenarioFailure("the program died; it said:\n\(program.skerry.standardError)")
    }
    guard try program.skerry.terminate() == .status(0) else {
      throw ScenarioFailure("the program did not end well; it said:\n\(program.skerry.standardError)")
    }
  }
}

extension Trait where Self == RunningProgram {
  /// A program with `stages` distributions, each with a scripted origin of its own.
  /// With a `script`, the first of them is shared by the suite and plays it.
  static func program(
    stages: Int = 1, script: ScriptedOrigin.Script? = nil, more: String = "", files: [String: String] = [:], arguments: [String] = [],
    distribution: @escaping @Sendable (Configuration.Distribution) -> Configuration.Distribution = { $0 }
  ) -> Self {
    Self(plan: .init(
      stages: stages, script: script, distribution: distribution, more: more, files: files, arguments: arguments))
  }
}
