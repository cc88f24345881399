// Environments that are always kept: of what serves, divided by what it gets (issue 7, point 4).
import Distribution
import Foundation
import Telemetry
import TestTools
import Testing

@testable import FunctionTier

@Suite struct ProvisionTests {
  @Test(arguments: [
    (10, [1: 1.0], [1: 10]), (10, [1: 0.9, 2: 0.1], [1: 9, 2: 1]), (10, [1: 0.5, 2: 0.5], [1: 5, 2: 5]), (5, [1: 0.95, 2: 0.05], [1: 4, 2: 1]),
    (1, [1: 0.9, 2: 0.1], [1: 1, 2: 1]), (2, [1: 1, 2: 0], [1: 1, 2: 1]), (7, [1: 0.6, 2: 0.4], [1: 4, 2: 3]), (3, [1: 0.34, 2: 0.33, 3: 0.33], [1: 1, 2: 1, 3: 1]),
    (4, [1: 0.98, 2: 0.01, 3: 0.01], [1: 2, 2: 1, 3: 1]), (0, [1: 1], [:]), (100, [1: 0.333, 2: 0.667], [1: 33, 2: 67]), (4, [1: 0.25, 2: 0.75], [1: 1, 2: 3]),
  ] as [(Int, [Int: Double], [Int: Int])])
  func divided(_ count: Int, _ shares: [Int: Double], _ parts: [Int: Int]) { #expect(Provision.divide(count, shares) == parts) }

  private func near(_ shares: [Int: Double], _ expected: [Int: Double]) -> Bool {
    shares.keys == expected.keys && shares.allSatisfy { abs($0.value - (expected[$0.key] ?? 0)) < 1e-9 }
  }

  @Test func sharesOfAnAlias() {
    var alias = FunctionAlias(name: "live", version: 1)
    #expect(near(alias.shares, [1: 1]))
    alias.weights = [2: 0.2, 3: 0.3]
    #expect(near(alias.shares, [1: 0.5, 2: 0.2, 3: 0.3]))
    alias.weights = [2: 1]
    #expect(near(alias.shares, [2: 1]))
    alias.weights = [2: 0.3]
    alias.canary = Canary(version: 4, share: 0.1, milliseconds: 1)
    #expect(near(alias.shares, [1: 0.63, 2: 0.27, 4: 0.1]))
    alias.canary?.share = 0.4
    #expect(near(alias.shares, [1: 0.42, 2: 0.18, 4: 0.4]))
    alias.weights = [:]
    alias.canary = Canary(version: 4, share: 0.1, milliseconds: 1)
    for (phase, shares) in [(Canary.Phase.before, [1: 0.9, 4: 0.1]), (.shifting, [1: 0.9, 4: 0.1]), (.after, [1: 0, 4: 1])] {
      alias.canary?.phase = phase
      #expect(near(alias.shares, shares), "\(phase)")
    }
  }
}

extension TierTests {
  static let version = ["index.js": "exports.handler = async (e, c) => [c.functionVersion, process.env.AWS_LAMBDA_INITIALIZATION_TYPE]"]

  @Test func whatServesIsProvisioned() async throws {
    let tier = try Workbench.tier { ($0.idleMilliseconds, $0.startsAtOnce) = (10, 1) }
    defer { tier.stop() }
    let definition = try Workbench.function(Self.version) { $0.provisionedConcurrency = 2 }
    func numbers() -> FunctionTally.Numbers { tier.numbers[0].numbers }
    for comment in ["one", "two"] {
      try (Self.version["index.js", default: ""] + "// \(comment)").write(toFile: definition.codePath + "/index.js", atomically: false, encoding: .utf8)
      _ = try tier.versions.publish(definition, description: comment)
    }
    try tier.versions.point("echo", alias: "live", to: 1)
    let prepared = tier.prepare([definition], associated: ["echo": ["live"]])
    tier.adopt(prepared, log: nil)
    let live = try #require(prepared.functions[0]?.qualified(by: "live"))
    #expect(try await until { numbers().provisionedReady == 2 })
    #expect(numbers().provisioned == 2 && numbers().environments == 2)
    #expect(await tier.run(live).text == #"["1","provisioned-concurrency"]"#)
    // Pointed elsewhere, they follow; those of before are not kept.
    try tier.versions.point("echo", alias: "live", to: 2)
    #expect(try await until { tier.sandboxCount == 2 && numbers().initializations == 4 && numbers().provisionedReady == 2 })
    #expect(await tier.run(live).text == #"["2","provisioned-concurrency"]"#)
    // A canary's both versions, in proportion.
    try tier.versions.point("echo", alias: "live", to: 2, weights: [1: 0.1])
    #expect(try await until { numbers().initializations == 5 && tier.sandboxCount == 2 && numbers().provisionedReady == 2 })
    // Nothing any more.
    tier.adopt(tier.prepare([try Workbench.function(Self.version)]), log: nil)
    #expect(try await until { tier.sandboxCount == 0 })
    #expect(numbers().provisioned == 0 && numbers().provisionedReady == 0)
  }

  @Test func provisionsAreBounded() async throws {
    let tier = try Workbench.tier { $0.concurrency = 3 }
    defer { tier.stop() }
    let prepared = tier.prepare([
      try Workbench.function(Self.version, name: "one") { ($0.provisionedConcurrency, $0.reservedConcurrency) = (4, 2) },
      try Workbench.function(Self.version, name: "two") { $0.provisionedConcurrency = 4 }, try Workbench.function(Self.version, name: "three") { $0.provisionedConcurrency = 1 },
    ])
    tier.adopt(prepared, log: nil)
    #expect(try await until { tier.numbers.map(\.numbers.provisionedReady) == [2, 0, 1] })
    #expect(tier.numbers.map(\.function) == ["one", "three", "two"] && tier.numbers.map(\.numbers.provisioned) == [2, 0, 1])
  }

  /// Those that are kept leave room for others.
  @Test func provisionsLeaveRoom() async throws {
    let tier = try Workbench.tier { ($0.environments, $0.prewarmed) = (3, 0) }
    defer { tier.stop() }
    let prepared = tier.prepare([try Workbench.function(Self.version, name: "kept") { $0.provisionedConcurrency = 3 }, try Workbench.function(Self.version, name: "other")])
    tier.adopt(prepared, log: nil)
    #expect(try await until { tier.numbers.first { $0.function == "kept" }?.numbers.provisionedReady == 2 })
    #expect(await tier.run(try #require(prepared.functions[1])).text == #"["$LATEST","on-demand"]"#)
  }

  // MARK: Frozen

  /// What a function leaves behind counts on, 100 times a second: a thread, or a worker's `setInterval`.
  static let counting: [(FunctionRuntime, [String: String])] = [
    (.python("python3.12"), ["index.py": """
      import threading, time
      count = 0
      def run():
          global count
          while True:
              time.sleep(0.01)
              count += 1
      threading.Thread(target=run, daemon=True).start()
      def handler(event, context): return count
      """]),
    (.nodejs("nodejs20.x"), ["index.js": """
      const { Worker } = require('worker_threads'), counted = new Int32Array(new SharedArrayBuffer(4));
      new Worker(`const { workerData } = require('worker_threads'); setInterval(() => Atomics.add(workerData, 0, 1), 10)`, { eval: true, workerData: counted });
      exports.handler = async () => Atomics.load(counted, 0);
      """]),
  ]
  static let mayFreeze = Workbench.spawner?.facts.freezes == true

  @Test(.enabled(if: mayFreeze, "no cgroups of ours to freeze"), arguments: counting.indices, [UInt64(1), 0])
  func idleEnvironmentsAreFrozen(_ index: Int, _ freezeMilliseconds: UInt64) async throws {
    let tier = try Workbench.tier { $0.freezeMilliseconds = freezeMilliseconds }, (runtime, files) = Self.counting[index]
    defer { tier.stop() }
    let function = try tier.take(try Workbench.function(files, runtime))
    _ = await tier.run(function)
    let before = Int(await tier.run(function).text ?? "") ?? -1
    let froze = freezeMilliseconds > 0
    if froze { #expect(try await until { tier.facts.froze == 1 && tier.facts.frozen == 1 }) }
    // The time that passes is what this is about.
    let began = ContinuousClock.now
    try await Task.sleep(for: .milliseconds(froze ? 2_000 : 2_500))
    let after = await tier.run(function), elapsed = Int((ContinuousClock.now - began) / .milliseconds(10))
    let counted = (Int(after.text ?? "") ?? -1) - before
    // It counts for the second until it is looked after, and not for the two that follow.
    // (How often it counts when nothing keeps it is the machine's to say.)
    if froze { #expect(counted < 150, "\(counted) of \(elapsed)") } else { #expect(counted > 0 && tier.facts.froze == 0, "\(counted) of \(elapsed)") }
    #expect(after.report.duration < .seconds(2))
    // One that is used runs again.
    if froze { #expect(try await until { tier.facts.froze == 2 }) }
  }

  /// SHUTDOWN and a kill reach what is frozen.
  @Test(.enabled(if: mayFreeze, "no cgroups of ours to freeze")) func frozenEnvironmentsEnd() async throws {
    let tier = try Workbench.tier { ($0.freezeMilliseconds, $0.idleMilliseconds) = (1, 2_500) }
    let function = try tier.take(try Workbench.function(Self.counting[0].1, .python("python3.12")))
    _ = await tier.run(function)
    #expect(try await until { tier.facts.frozen == 1 })
    // By itself: its descriptor was closed, and it ran to see it.
    #expect(try await until { tier.sandboxCount == 0 })
    #expect(tier.facts.ended[0] == 1 && tier.facts.ended[1] == 0, "\(tier.facts.ended)")
    _ = await tier.run(function)
    #expect(try await until { tier.facts.froze == 2 && tier.facts.frozen == 1 })
    tier.stop()
    #expect(tier.sandboxCount == 0)
  }

  /// Who is invoked again and again is never frozen.
  @Test(.enabled(if: mayFreeze, "no cgroups of ours to freeze")) func environmentsInUseAreNotFrozen() async throws {
    let tier = try Workbench.tier { $0.freezeMilliseconds = 700 }
    defer { tier.stop() }
    let function = try tier.take(try Workbench.function(["index.js": "exports.handler = async () => 1"]))
    let end = ContinuousClock.now + .seconds(3)
    while ContinuousClock.now < end {
      _ = await tier.run(function)
      try await Task.sleep(for: .milliseconds(50))
    }
    #expect(tier.facts.froze == 0)
  }

  // MARK: Files that cannot be read

  /// What cannot be read is not what is not there: neither does a new version take its place, nor is its code removed.
  @Test func versionsThatCannotBeReadStay() throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let definition = try Workbench.function(Self.version, name: "kept")
    _ = try tier.versions.publish(definition, description: "")
    let file = tier.versions.watchedFolder + "/kept.json"
    try FileManager.default.moveItem(atPath: file, toPath: file + "-aside")
    try FileManager.default.createSymbolicLink(atPath: file, withDestinationPath: file)
    try "// other".write(toFile: definition.codePath + "/other.js", atomically: false, encoding: .utf8)
    #expect(throws: CodeProblem.self) { _ = try tier.versions.publish(definition, description: "") }
    #expect(throws: CodeProblem.self) { try tier.versions.readAll() }
    #expect(unsafe rename(file + "-aside", file) == 0)
    #expect(try tier.versions.publish(definition, description: "") == 2)
  }
}
