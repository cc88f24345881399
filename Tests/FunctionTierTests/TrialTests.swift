// Loading what a reload brings before it is taken up: what is found, what is kept, what is left of what is not taken up (issue 7).
import Distribution
import Foundation
import Telemetry
import func TestTools.until
import Testing

@testable import FunctionTier

@Suite struct FaultPlaceTests {
  private static func failure(_ trace: [String], python: Bool = false) -> InvocationFailure {
    var failure = InvocationFailure(.initialization, errorType: "", errorMessage: "", trace: trace)
    if python { failure.traceName = "stackTrace" }
    return failure
  }

  /// Traces, of Python or not, and what they tell.
  static let traces: [(trace: [String], python: Bool, place: String?)] = [
    (["/var/task/index.js:3", "exports.handler = async ( => 1", "                          ^^", "", "SyntaxError: Unexpected token '=>'"], false, "index.js 3 27"),
    (["file:///var/task/a/b.mjs:2", "const 😀 = (;", "          ^"], false, "a/b.mjs 2 10"),
    (["/var/task/index.js:4", "", "", "", "SyntaxError: Unexpected end of input"], false, "index.js 4 1"), (["/var/task/index.js:4"], false, "index.js 4 1"),
    (["TypeError: no", "    at f (/var/runtime/nodejs.js:1:2)", "    at Object.<anonymous> (/var/task/lib/a.js:2:7)", "    at /var/task/index.js:9:9"], false, "lib/a.js 2 7"),
    (["Error: no", "    at file:///var/task/index.mjs:12:34"], false, "index.mjs 12 34"), (["Error", "    at /var/task/a:b.js:12:34"], false, "a:b.js 12 34"),
    (["Error: Cannot find module 'x'", "Require stack:", "- /var/task/index.js", "    at Object.<anonymous> (/var/task/index.js:2:1)"], false, "index.js 2 1"),
    (["Error: no", "    at file:///var/runtime/nodejs.js:12:34"], false, nil), ([], false, nil), (["/var/task/", "/var/task/:1", "/var/task/a:0", "/var/task/a:-1:1", "/var/task/a:1:0", "/var/task/a:99999999999999999999"], false, nil),
    (["  File \"/var/task/index.py\" Line 2\n    def\n"], true, "index.py 2 1"),
    (["  File \"/var/task/index.py\", line 3, in <module>\n    import a\n", "  File \"/var/task/lib/a.py\", line 5, in f\n    1 / 0\n", "  File \"/usr/lib/python3/json.py\", line 7, in g\n"], true, "lib/a.py 5 1"),
    (["  File \"/var/task/index.py\" in nothing\n  12"], true, nil), (["  File \"/var/task/index.py"], true, nil), (["  File \"/usr/lib/a.py\", line 3"], true, nil),
  ]

  @Test(arguments: traces.indices) func aTraceTellsAPlace(_ index: Int) {
    let (trace, python, place) = Self.traces[index]
    #expect(FaultPlace(Self.failure(trace, python: python)).map { "\($0.path) \($0.line) \($0.column)" } == place)
  }
}

extension TierTests {
  private func good(_ name: String, _ change: (inout FunctionTierSettings) -> Void = { _ in }) throws -> FunctionDefinition {
    try Workbench.function(["index.js": "let n = 0; exports.handler = async () => '\(name) ' + ++n"], name: name, change)
  }

  private func prepare(_ tier: FunctionTier, _ definitions: [FunctionDefinition]) -> FunctionTier.Prepared {
    tier.prepare(definitions, associated: Dictionary(uniqueKeysWithValues: definitions.map { ($0.name, [nil]) }))
  }

  @Test func whatHasBeenTriedIsWarm() async throws {
    let tier = try Workbench.tier { $0.freezeMilliseconds = 1 }
    defer { tier.stop() }
    let definition = try good("f"), prepared = prepare(tier, [definition])
    #expect(tier.tryOut(prepared, log: nil) == FunctionTier.TrialReport())
    #expect(tier.sandboxCount == 1 && tier.facts.trials == [1, 0, 0])
    // It stays though nothing serves that it could be a part of, and the supervisor looks after everything meanwhile.
    if Self.mayFreeze { #expect(try await until { tier.facts.frozen == 1 }) }
    tier.adopt(prepared, log: nil)
    let outcome = await tier.run(try #require(prepared.functions[0]))
    #expect(outcome.text == "\"f 1\"" && !outcome.report.isColdStart && !outcome.log.contains("Init Duration"), "\(outcome)")
    #expect(tier.startedSandboxes == 1 && tier.numbers[0].numbers.coldStarts == 0)
    // The same is not tried again, nor when only its invocations may take longer.
    var longer = definition
    longer.tier.timeout = .seconds(9)
    for definition in [definition, longer] { #expect(tier.tryOut(prepare(tier, [definition]), log: nil) == FunctionTier.TrialReport()) }
    #expect(tier.facts.trials == [1, 0, 0])
    var other = definition
    other.tier.environment = [.init(name: "A", value: "1")]
    _ = tier.tryOut(prepare(tier, [other]), log: nil)
    #expect(tier.facts.trials == [2, 0, 0])
    tier.forgetTrials()
    #expect(try await until { tier.sandboxCount == 1 })
  }

  /// What no behavior associates with its newest code is not tried.
  @Test func onlyWhatServesIsTried() throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let definition = try good("f")
    for associated in [[:], ["f": ["live"]], ["g": [nil]]] as [[String: Set<String?>]] {
      #expect(tier.tryOut(tier.prepare([definition], associated: associated), log: nil) == FunctionTier.TrialReport())
    }
    #expect(tier.facts.trials == [0, 0, 0] && tier.startedSandboxes == 0)
    #expect(tier.tryOut(tier.prepare([definition], associated: ["f": ["live", nil]]), log: nil) == FunctionTier.TrialReport())
    #expect(tier.facts.trials == [1, 0, 0])
  }

  /// Each that does not load is named, with what its author reads in the log; the others' environments end with it.
  @Test func whatDoesNotLoadIsNamed() async throws {
    let tier = try Workbench.tier { $0.initMilliseconds = 2_000 }
    defer { tier.stop() }
    let codes = Self.unloadable.map(\.code) + ["throw new TypeError('first\\nsecond \\u001b[31m')", "require('fs').writeSync(3, 'nonsense and more of it'); for (;;);", "exports.handler = async () => 1"]
    let definitions = try codes.enumerated().map { try Workbench.function(["index.js": $1], name: "f\($0)") }
    let report = tier.tryOut(prepare(tier, definitions), log: nil)
    #expect(report.untried == [] && tier.facts.trials == [1, 6, 0])
    #expect(report.faults.map(\.function) == ["f0", "f1", "f2", "f3", "f4", "f5"])
    #expect(
      report.faults.map(\.text) == [
        "function f0 cannot be loaded: Runtime.UserCodeSyntaxError: SyntaxError: Unexpected token '=>'", "function f1 cannot be loaded: Runtime.HandlerNotFound: index.handler is undefined or not exported",
        "function f2 cannot be loaded: Sandbox.Timedout: the function's code was not loaded within 2.00 seconds", "function f3 cannot be loaded: Runtime.ExitError: Runtime exited with error: exit status 3",
        "function f4 cannot be loaded: TypeError: first second  [31m",
        "function f5 cannot be loaded: Runtime.ProtocolError: the function wrote to file descriptor 3, which is the runtime's: a frame of the unknown kind 1702063717",
      ])
    #expect(report.faults.map { String($0.file.dropFirst(definitions[0].codePath.count)) } == ["/index.js", "", "", "", "/index.js", ""])
    #expect(report.faults.map(\.column) == [27, 1, 1, 1, 7, 1] && report.faults.allSatisfy { $0.line == 1 })
    tier.forgetTrials()
    #expect(try await until { tier.sandboxCount == 0 })
  }

  /// Idle ones make no room for a trial, and what is not tried is no fault.
  @Test func withoutRoomNothingIsTried() async throws {
    let tier = try Workbench.tier { $0.environments = 2 }
    defer { tier.stop() }
    let report = tier.tryOut(prepare(tier, [try good("a"), try good("b") { $0.reservedConcurrency = 0 }, try good("c"), try good("d")]), log: nil)
    #expect(report.faults == [] && tier.facts.trials == [2, 0, 2])
    #expect(
      report.untried.map(\.text) == [
        "function b is taken up untried: its reserved concurrency is 0", "function d is taken up untried: there is no room for one more environment (functionTier.environments)",
      ])
  }

  /// Programs of their own, too: loaded when they ask for an invocation.
  @Test func programsAreTried() async throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let client = "#!/usr/bin/python3\nimport os, sys, urllib.request as r\nbase = 'http://%s/2018-06-01/runtime/' % os.environ['AWS_LAMBDA_RUNTIME_API']\n"
    let codes = [
      client + "r.urlopen(r.Request(base + 'init/error', b'{\"errorType\":\"My.Own\",\"errorMessage\":\"no pearls\"}')).read()\nsys.exit(1)\n", "#!/bin/sh\nexit 3\n", "#!/no/such/interpreter\n",
      client + "r.urlopen(base + 'invocation/next').read()\n",
    ]
    let definitions = try codes.enumerated().map { number, code in
      let definition = try Workbench.function(["bootstrap": code], .provided("provided.al2023"), name: "f\(number)")
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: definition.codePath + "/bootstrap")
      return definition
    }
    let report = tier.tryOut(prepare(tier, definitions), log: nil)
    #expect(
      report.faults.map(\.text) == [
        "function f0 cannot be loaded: My.Own: no pearls", "function f1 cannot be loaded: Runtime.ExitError: Runtime exited with error: exit status 3",
        "function f2 cannot be loaded: Runtime.InvalidEntrypoint: fork/exec /var/task/bootstrap: no such file or directory: what runs it (\"#!/no/such/interpreter\") is not in the sandbox, or may not be executed",
      ])
    #expect(report.untried == [] && tier.facts.trials == [1, 3, 0])
  }

  /// What was loaded for an earlier reload and has never been asked makes room; what has been asked does not.
  @Test func whatNobodyAskedMakesRoom() async throws {
    let tier = try Workbench.tier { $0.environments = 3 }
    defer { tier.stop() }
    let names = ["a", "b", "c"]
    let first = prepare(tier, try names.map { try good($0) })
    #expect(tier.tryOut(first, log: nil) == FunctionTier.TrialReport())
    tier.adopt(first, log: nil)
    #expect(await tier.run(try #require(first.functions[1])).text == "\"b 1\"")
    let second = prepare(tier, try names.map { try good($0) { $0.memoryMB = 256 } })
    let report = tier.tryOut(second, log: nil)
    #expect(report.untried.map(\.function) == ["c"] && report.faults == [] && tier.facts.trials == [5, 0, 1], "\(report)")
    #expect(await tier.run(try #require(first.functions[1])).text == "\"b 2\"")
  }

  /// So does what is on its way to its end.
  @Test func whatEndsMakesRoom() async throws {
    let tier = try Workbench.tier { $0.environments = 2 }
    defer { tier.stop() }
    for memoryMB in [128, 256, 384] {
      let prepared = prepare(tier, [try good("a") { $0.memoryMB = memoryMB }])
      #expect(tier.tryOut(prepared, log: nil) == FunctionTier.TrialReport())
      tier.adopt(prepared, log: nil)
      #expect(await tier.run(try #require(prepared.functions[0])).text == "\"a 1\"")
    }
    #expect(tier.facts.trials == [3, 0, 0])
  }

  /// Where environments are always kept, what was tried is the first of them.
  @Test func whatWasTriedIsProvisioned() async throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let prepared = prepare(tier, [try Workbench.function(Self.version) { $0.provisionedConcurrency = 2 }])
    #expect(tier.tryOut(prepared, log: nil) == FunctionTier.TrialReport())
    tier.adopt(prepared, log: nil)
    #expect(try await until { tier.numbers[0].numbers.provisionedReady == 2 })
    #expect(tier.startedSandboxes == 2)
    for _ in 0..<2 { #expect(await tier.run(try #require(prepared.functions[0])).text == #"["$LATEST","provisioned-concurrency"]"#) }
  }

  private struct NoSandboxes: SandboxLauncher {
    func launch(_ description: SandboxDescription) throws(SpawnFailure) -> any RunningSandbox { throw SpawnFailure(description: "none here") }
    func endWatchers() {}
  }

  /// Where there are no sandboxes, and when the process ends.
  @Test func whereNothingCanBeTried() async throws {
    let nowhere = try FunctionTier(FunctionTier.Configuration(folder: "\(Workbench.root)/\(UUID().uuidString)"), launcher: NoSandboxes(), diagnostics: try Diagnostics())
    defer { nowhere.stop() }
    #expect(nowhere.tryOut(prepare(nowhere, [try good("f")]), log: nil).untried.map(\.text) == ["function f is taken up untried: no environment can be started: the proxy's messages say why"])
    let tier = try Workbench.tier { $0.initMilliseconds = 60_000 }
    defer { tier.stop() }
    let endless = prepare(tier, [try Workbench.function(["index.js": "for (;;);"])])
    async let asked = tier.tryOut(endless, log: nil)
    #expect(try await until { tier.sandboxCount == 1 })
    tier.forgetTrials(forGood: true)
    #expect(await asked.untried.map(\.text) == ["function echo is taken up untried: the proxy ends"])
    #expect(tier.tryOut(endless, log: nil).untried.map(\.text) == ["function echo is taken up untried: the proxy ends"])
    #expect(try await until { tier.sandboxCount == 0 })
  }

  /// All together have a time; those that are not done by then are named, and nothing of them is left.
  @Test func theTimeOfAllTogether() async throws {
    let tier = try Workbench.tier { ($0.trialMilliseconds, $0.trialsAtOnce) = (3_000, 2) }
    defer { tier.stop() }
    let endless = ["index.js": "for (;;);"]
    let report = tier.tryOut(prepare(tier, [try good("a"), try Workbench.function(endless, name: "b"), try Workbench.function(endless, name: "c"), try good("d")]), log: nil)
    #expect(report.faults.map(\.text) == ["b", "c", "d"].map { "function \($0) was not loaded within 3.00 seconds, which all functions that a reload changes have together (functionTier.trialTimeout)" })
    #expect(tier.startedSandboxes == 3 && tier.facts.trials == [1, 3, 0])
    tier.forgetTrials()
    #expect(try await until { tier.sandboxCount == 0 })
    // 0: none.
    let without = try Workbench.tier { $0.trialMilliseconds = 0 }
    defer { without.stop() }
    #expect(without.tryOut(prepare(without, [try Workbench.function(endless)]), log: nil) == FunctionTier.TrialReport() && without.startedSandboxes == 0)
  }
}
