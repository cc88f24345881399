// How environments come and go: concurrency, growth, reaping, resting, and what a timeout leaves behind.
import Distribution
import Foundation
import TestTools
import Testing

@testable import FunctionTier

extension TierTests {
  static let sleeper = ["index.js": "exports.handler = async (e) => { await new Promise(r => setTimeout(r, e.ms)); return process.pid }"]

  @Test func invocationsBeyondReservedConcurrencyAreThrottled() async throws {
    let tier = try Workbench.tier { $0.concurrency = 3 }
    defer { tier.stop() }
    let prepared = tier.prepare([
      try Workbench.function(Self.sleeper, name: "one") { $0.reservedConcurrency = 1 }, try Workbench.function(Self.sleeper, name: "off") { $0.reservedConcurrency = 0 },
      try Workbench.function(Self.sleeper, name: "free"),
    ])
    tier.adopt(prepared, log: nil)
    let (one, off, free) = (try #require(prepared.functions[0]), try #require(prepared.functions[1]), try #require(prepared.functions[2]))
    let first = Task { await tier.run(one, #"{"ms":400}"#) }
    #expect(try await until { tier.numbers.first { $0.function == "one" }?.numbers.concurrent == 1 })
    let second = await tier.run(one, #"{"ms":1}"#)
    #expect(second.failure?.kind == .throttled(.reserved))
    #expect(await tier.run(off).failure?.kind == .disabled)
    // Two are left for those without a part of their own.
    async let a = tier.run(free, #"{"ms":400}"#)
    async let b = tier.run(free, #"{"ms":400}"#)
    #expect(try await until { tier.numbers.first { $0.function == "free" }?.numbers.concurrent == 2 })
    #expect(await tier.run(free).failure?.kind == .throttled(.account))
    #expect(await a.text != nil)
    #expect(await b.text != nil)
    #expect(await first.value.text != nil)
  }

  @Test func environmentsGrowWithWhoWaitsAndAreReaped() async throws {
    let tier = try Workbench.tier { $0.idleMilliseconds = 100 }
    defer { tier.stop() }
    let function = try tier.take(try Workbench.function(Self.sleeper))
    async let a = tier.run(function, #"{"ms":600}"#)
    async let b = tier.run(function, #"{"ms":600}"#)
    async let c = tier.run(function, #"{"ms":600}"#)
    let outcomes = await [a, b, c]
    #expect(outcomes.allSatisfy { $0.text != nil }, "\(outcomes)")
    #expect(tier.numbers[0].numbers.mostConcurrent == 3)
    #expect(tier.numbers[0].numbers.initializations >= 2)
    #expect(try await until { tier.numbers[0].numbers.environments == 0 })
  }

  @Test func provisionedEnvironmentsAreThereBefore() async throws {
    let tier = try Workbench.tier { $0.idleMilliseconds = 10 }
    defer { tier.stop() }
    let function = try tier.take(try Workbench.function(["index.js": "exports.handler = async () => process.env.AWS_LAMBDA_INITIALIZATION_TYPE"]) { $0.provisionedConcurrency = 2 })
    #expect(try await until { tier.numbers[0].numbers.environments == 2 })
    let outcome = await tier.run(function)
    #expect(outcome.text == "\"provisioned-concurrency\"")
    #expect(!outcome.report.isColdStart)
  }

  @Test func newCodeHasEnvironmentsOfItsOwn() async throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let definition = try Workbench.function(["index.js": "let n = 0; exports.handler = async () => 'a' + ++n"])
    let function = try tier.take(definition)
    #expect(await tier.run(function).text == "\"a1\"")
    // What is the same keeps its environment, and what it knows.
    let same = try tier.take(definition)
    #expect(await tier.run(same).text == "\"a2\"")
    try "let n = 0; exports.handler = async () => 'b' + ++n".write(toFile: definition.codePath + "/index.js", atomically: false, encoding: .utf8)
    let newer = try tier.take(definition)
    #expect(await tier.run(newer).text == "\"b1\"")
    // Requests that began before still have theirs.
    #expect(await tier.run(function).text?.hasPrefix("\"a") == true)
  }

  @Test func aTimedOutTreeIsGone() async throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let code = """
      const { spawn } = require('child_process');
      exports.handler = async () => {
        for (let i = 0; i < 20; i++) spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
        for (;;);
      }
      """
    let function = try tier.take(try Workbench.function(["index.js": code]) { ($0.timeout, $0.memoryMB) = (.seconds(2), 1_769) })
    let outcome = await tier.run(function)
    #expect(outcome.failure?.kind == .timedOut, "\(outcome)")
    let began = ContinuousClock.now
    #expect(try await until { tier.sandboxCount == 0 })
    // 8 ms on a quiet machine (make bench).
    #expect(ContinuousClock.now - began < .seconds(5), "\(ContinuousClock.now - began)")
  }

  @Test func aFunctionThatDoesNotLoadRests() async throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let function = try tier.take(try Workbench.function(["index.js": "throw new Error('top')"]))
    for _ in 0...CrashLoop.patience { #expect(await tier.run(function).failure?.kind == .initialization) }
    let before = tier.startedSandboxes
    let outcome = await tier.run(function)
    #expect(outcome.failure?.errorMessage == "top")
    #expect(tier.startedSandboxes == before)
  }

  @Test func aProgramOfItsOwnSpeaksTheRuntimeAPI() async throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let program = """
      #!/usr/bin/python3
      import json, os, urllib.request
      base = "http://%s/2018-06-01/runtime/invocation/" % os.environ["AWS_LAMBDA_RUNTIME_API"]
      while True:
          with urllib.request.urlopen(base + "next") as answer:
              name = answer.headers["Lambda-Runtime-Aws-Request-Id"]
              event = json.load(answer)
          print("said")
          kind, body = ("error", {"errorType": "Mine", "errorMessage": "asked for"}) if event.get("fail") else ("response", [event, answer.headers["Lambda-Runtime-Invoked-Function-Arn"]])
          try:
              urllib.request.urlopen(base + "nonsense/response", b"{}")
          except urllib.error.HTTPError as error:
              assert error.code == 400
          urllib.request.urlopen(base + name + "/" + kind, json.dumps(body).encode()).read()
      """
    let definition = try Workbench.function(["bootstrap": program], .provided("provided.al2023"))
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: definition.codePath + "/bootstrap")
    let function = try tier.take(definition)
    let outcome = try await tier.runAndRest(function, #"{"a":1}"#)
    #expect(outcome.text == #"[{"a": 1}, "arn:aws:lambda:us-east-1:000000000000:function:echo"]"#, "\(outcome)")
    let failed = await tier.run(function, #"{"fail":1}"#)
    #expect(failed.failure == InvocationFailure(.unhandled, errorType: "Mine", errorMessage: "asked for"), "\(failed)")
    #expect(!failed.report.isColdStart)
    let broken = try tier.take(try Workbench.function(["bootstrap": "no program"], .provided("provided")))
    #expect(await tier.run(broken).failure != nil)
  }
}
