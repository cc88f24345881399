// Invocations that a worker runs in an idle environment itself: the same outcomes as by way of the supervisor, and the supervisor where it is needed.
import Distribution
import Foundation
import Glibc
import Telemetry
import TestTools
import Testing
import Transport

@testable import FunctionTier

extension TierTests {
  /// One handler for everything: the event says what it does.
  static let versatile = ["index.js": """
    let n = 0
    const acts = {
      count: async () => ++n,
      large: async () => 'x'.repeat(3e6),
      tooLarge: async () => 'x'.repeat(8e6),
      fails: async () => { throw new TypeError('boom', { cause: new Error('the reason') }) },
      loops: async () => { for (;;); },
      exits: async () => process.exit(7),
      forges: async () => { require('fs').writeSync(3, 'nonsense and more of it'); return 1 },
      prints: async () => { console.log('said ' + ++n); return n },
      mutters: async () => { require('child_process').spawn('/bin/sh', ['-c', 'sleep 0.1; printf half >&3'], { stdio: ['ignore', 1, 2, 3] }); return 0 },
      crashes: async () => { setTimeout(() => { throw new Error('later') }, 5); await new Promise(r => setTimeout(r, 100)) },
    }
    exports.handler = (event) => acts[event]()
    """]

  /// What is asked of an environment that is idle, in this order, and what comes of it.
  static let warm: [(act: String, result: String?, type: String?)] = [
    ("count", "1", nil), ("count", "2", nil), ("fails", nil, "TypeError"), ("count", "3", nil), ("prints", "4", nil),
    ("tooLarge", nil, "Function.ResponseSizeTooLarge"), ("count", "5", nil),
    ("loops", nil, "Sandbox.Timedout"), ("count", "1", nil), ("exits", nil, "Runtime.ExitError"), ("count", "1", nil),
    ("forges", nil, "Runtime.ProtocolError"), ("count", "1", nil), ("crashes", nil, "Error"), ("count", "1", nil), ("count", "2", nil),
  ]

  @Test func whatIsIdleIsAskedDirectly() async throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let function = try tier.take(try Workbench.function(Self.versatile) { ($0.timeout, $0.memoryMB) = (.milliseconds(700), 512) })
    try await onALoop { loop in
      for (index, step) in Self.warm.enumerated() {
        // The supervisor is done with what came before, however busy the machine is.
        tier.supervisor.monitor.enter()
        tier.supervisor.monitor.leave()
        let outcome = await function.call(Invocation(payload: Array("\"\(step.act)\"".utf8), logTailBytes: 4096), on: loop)
        #expect(outcome.text == step.result, "\(index) \(step.act): \(outcome)")
        #expect(outcome.failure?.errorType == step.type, "\(index) \(step.act): \(outcome)")
        #expect(outcome.log.hasPrefix("START ") && outcome.log.contains("\nEND ") && outcome.log.contains("\nREPORT "), "\(step.act): \(outcome.log)")
        if step.act == "prints" { #expect(outcome.log.contains("said 4\nEND "), "\(outcome.log)") }
        if step.act == "fails" { #expect(outcome.log.contains(#""cause":{"errorType":"Error","errorMessage":"the reason""#), "\(outcome.log)") }
      }
    }
    let numbers = tier.numbers[0].numbers
    #expect(numbers.concurrent == 0 && numbers.mostConcurrent == 1)
    #expect(numbers.results.reduce(0, +) == UInt64(Self.warm.count))
    // Five found none idle: the first, and those after one that was ended. The next may find the supervisor still awake.
    #expect((6...11).contains(tier.facts.direct), "\(tier.facts.direct)")
  }

  /// What is written to descriptor 3 between invocations ends the environment: the next one has another, and its own answer. So it is
  /// whoever gave it the invocation, a worker (as from the second one on) or the supervisor.
  @Test(arguments: [true, false]) func whoSpeaksUnaskedIsEnded(_ isWarm: Bool) async throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let function = try tier.take(try Workbench.function(Self.versatile) { $0.memoryMB = 512 })
    try await onALoop { loop in
      func ask(_ act: String) async -> InvocationOutcome { await function.call(Invocation(payload: Array("\"\(act)\"".utf8)), on: loop) }
      if isWarm { _ = await ask("count") }
      tier.supervisor.monitor.enter()
      tier.supervisor.monitor.leave()
      #expect(await ask("mutters").text == "0")
      // The worker watches; one that the supervisor has asked nobody watches until it is asked again.
      func isNoticed() -> Bool {
        tier.supervisor.monitor.enter()
        defer { tier.supervisor.monitor.leave() }
        return isWarm ? tier.sandboxCount == 0 : tier.supervisor.groups.values.contains { $0.idle.contains { $0.hasSpoken } }
      }
      for _ in 0..<1_000 where !isNoticed() { try await Task.sleep(for: .milliseconds(10)) }
      #expect(isNoticed())
      let outcome = await ask("count")
      #expect(outcome.text == "1", "\(outcome)")
    }
  }

  @Test func aLongAnswerComesInPieces() async throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let function = try tier.take(try Workbench.function(Self.versatile) { $0.memoryMB = 512 })
    try await onALoop { loop in
      for _ in 0..<3 { #expect(await function.call(Invocation(payload: Array("\"large\"".utf8)), on: loop).text?.utf8.count == 3_000_002) }
      // And a long event, which does not go at once.
      let echo = try tier.take(try Workbench.function(["index.js": "exports.handler = async (e) => e.length"], name: "long"))
      for _ in 0..<3 { #expect(await echo.call(Invocation(payload: [34] + Array(repeating: 97, count: 130_000) + [34]), on: loop).text == "130000") }
    }
    #expect((1...4).contains(tier.facts.direct), "\(tier.facts.direct)")
  }

  /// Loops that ask at once: each has its own answers, the concurrency is kept, and nothing stays behind.
  @Test func loopsShareWhatIsIdle() async throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let function = try tier.take(try Workbench.function(["index.js": "exports.handler = async (e) => e"]) { $0.memoryMB = 512 })
    await withTaskGroup(of: Void.self) { group in
      for worker in 0..<4 {
        group.addTask {
          try? await onALoop { loop in
            for number in 0..<200 {
              let outcome = await function.call(Invocation(payload: Array("[\(worker),\(number)]".utf8)), on: loop)
              #expect(outcome.text == "[\(worker),\(number)]", "\(outcome)")
            }
          }
        }
      }
    }
    let numbers = tier.numbers[0].numbers
    // How many went which way is chance: those who wait for an environment keep the supervisor awake.
    #expect(numbers.concurrent == 0 && numbers.results[InvocationResult.succeeded.rawValue] == 800)
  }

  /// A loop's line to an environment has a descriptor of its own, which may be silenced and opened as often as one likes, and goes with the environment.
  @Test func linesEndWithTheirEnvironment() async throws {
    var pair: [Int32] = [0, 0]
    #expect(unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &pair) == 0)
    let (ours, theirs) = (pair[0], pair[1])
    defer { close(theirs) }
    try await onALoop { loop in
      let line = try #require(WarmLine(ours, loop) {})
      for _ in 0..<3 {
        #expect(line.isOpen(to: loop) && line.leads(to: loop))
        for _ in 0..<2 { line.close() }
        #expect(!line.isOpen(to: loop) && line.leads(to: loop))
        for _ in 0..<2 { line.open() }
      }
      close(ours)
      var byte: UInt8 = 0
      #expect(unsafe recv(theirs, &byte, 1, 0) == -1 && errno == EAGAIN)
      line.end()
      var turns = 0
      while turns < 10, unsafe recv(theirs, &byte, 1, 0) != 0 {
        await loop.queueForTurn()
        turns += 1
      }
      #expect(turns < 10, "its descriptor is open still")
    }
  }

  /// kill -9 of the process that starts sandboxes: what runs fails, and later invocations have another one.
  @Test func aKilledSpawnerIsReplaced() async throws {
    func own(_ name: String, of parent: Int32) -> [Int32] {
      let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(parent)/task")) ?? []
      let children = tasks.flatMap { ((try? String(contentsOfFile: "/proc/\(parent)/task/\($0)/children", encoding: .utf8)) ?? "").split(separator: " ").compactMap { Int32($0) } }
      return children.filter { (try? String(contentsOfFile: "/proc/\($0)/comm", encoding: .utf8))?.hasPrefix(name) == true }
    }
    let others = Set(own("skerry-guardian", of: getpid()))
    var configuration = FunctionTier.Configuration(folder: "\(Workbench.root)/\(UUID().uuidString)")
    configuration.prewarmed = 1
    let tier = try FunctionTier(configuration, spawner: try Spawner(roots: [Workbench.root] + Interpreters().roots), diagnostics: try Diagnostics())
    defer { tier.stop() }
    let guardian = try #require(own("skerry-guardian", of: getpid()).first { !others.contains($0) })
    let function = try tier.take(try Workbench.function(Self.sleeper))
    for _ in 0..<2 {
      #expect(await tier.run(function, #"{"ms":1}"#).text != nil)
      let running = Task { await tier.run(function, #"{"ms":20000}"#) }
      while tier.numbers[0].numbers.concurrent == 0 { try await Task.sleep(for: .milliseconds(5)) }
      kill(try #require(own("skerry-spawner", of: guardian).first), SIGKILL)
      let outcome = await running.value
      #expect(outcome.failure?.kind == .notStarted && outcome.failure?.errorMessage.contains("the process that starts sandboxes is gone") == true, "\(outcome)")
      // Those that were up at that moment may be given out once more before it shows that they are gone.
      let end = ContinuousClock.now + .seconds(60)
      while await tier.run(function, #"{"ms":1}"#).text == nil, ContinuousClock.now < end {}
      #expect(ContinuousClock.now < end)
    }
    #expect(tier.facts.ended[4] >= 2)
  }
}
