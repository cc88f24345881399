// Versions and aliases: the rules, the files, canaries, and functions that are invoked by them.
import Distribution
import Foundation
import Testing

@testable import FunctionTier

@Suite struct VersionTests {
  private func version(_ code: String) -> PublishedVersion {
    PublishedVersion(
      number: 0, code: code, runtime: "nodejs20.x", handler: "index.handler", memoryMB: 128, timeoutMilliseconds: 5_000, network: .none, environment: ["A": "b"],
      description: "", published: "2026-11-21T00:00:00.000Z")
  }

  @Test func versionsAreNumberedAndAliasesPointToThem() throws {
    var versions = FunctionVersions(function: "f")
    var numbers: [Int] = []
    for code in ["a", "a", "b", "a"] { numbers.append(try versions.publish(version(code))) }
    #expect(numbers == [1, 1, 2, 3])
    try versions.point("live", to: 1)
    try versions.point("live", to: 2)
    let back = try versions.rollBack("live", at: "now")
    #expect(back == 1)
    #expect(versions.alias("live")?.previous == 2)
    // A share that was given is taken back: what was there before is there again.
    var shared = versions
    try shared.point("live", to: 2, weights: [3: 0.1])
    try shared.point("live", to: 2, weights: [3: 0.5])
    #expect(FunctionVersions(shared.json) == shared)
    let before = try shared.rollBack("live", at: "now")
    #expect(before == 2)
    #expect(shared.alias("live")?.weights == [3: 0.1])
    // What an alias points to stays.
    let refused: [(inout FunctionVersions) throws -> Void] = [
      { try $0.remove(1) }, { try $0.point("live", to: 9) }, { try $0.point("3", to: 1) }, { try $0.point("a b", to: 1) }, { try $0.point("live", to: 1, weights: [1: 0.5]) },
      { try $0.point("live", to: 1, weights: [2: 0.7, 3: 0.7]) }, { _ = try $0.rollBack("none", at: "now") },
    ]
    for body in refused {
      var copy = versions
      #expect(throws: CodeProblem.self) { try body(&copy) }
      #expect(copy == versions)
    }
    try versions.remove(3)
    let fourth = try versions.publish(version("c"))
    #expect(fourth == 4)
    #expect(FunctionVersions(versions.json) == versions)
  }

  @Test func weightsShareInvocationsOut() throws {
    var versions = FunctionVersions(function: "f")
    for code in ["a", "b", "c"] { _ = try versions.publish(version(code)) }
    try versions.point("live", to: 1, weights: [2: 0.25, 3: 0.25])
    let alias = try #require(versions.alias("live"))
    #expect([0, 0.24, 0.25, 0.49, 0.5, 0.99].map { alias.version(at: $0) } == [2, 2, 3, 3, 1, 1])
    #expect(FunctionVersions(versions.json) == versions)
    // Keys spread evenly, and each stays where it is.
    let points = (0..<4_000).map { RevisionTable.point(of: Array("viewer \($0)".utf8)) }
    for tenth in 0..<10 { #expect((300...500).contains(points.count { Int($0 * 10) == tenth })) }
    #expect(RevisionTable.point(of: [1, 2]) == RevisionTable.point(of: [1, 2]))
  }

  @Test func aPartOfTheRequestKeepsAViewerAtAVersion() {
    let event = Array(#"{"Records":[{"cf":{"request":{"clientIp":"1.2.3.4","headers":{"x-user":[{"key":"X-User","value":"u"}],"cookie":[{"key":"Cookie","value":"a=1"},{"value":"b=1; sid=s=2","key":"cookie"}]}}}}]}"#.utf8)
    for (text, key) in [("client-ip", "1.2.3.4"), ("header:X-User", "u"), ("cookie:sid", "s=2"), ("cookie:id", ""), ("header:none", "")] {
      let part = StickyKey(text)
      #expect(part.map { String(decoding: $0.key(of: event), as: UTF8.self) } == key, "\(text)")
      #expect(part?.key(of: Array("{".utf8)) == [])
    }
    for text in ["", "ip", "header", "client-ip:x"] { #expect(StickyKey(text) == nil, "\(text)") }
  }

  @Test func aCanaryTakesOverOrIsRolledBack() throws {
    var canary = Canary(version: 2, share: 0.5, milliseconds: 1_000)
    (canary.phase, canary.until, canary.leastInvocations, canary.errorRate, canary.p95Milliseconds) = (.shifting, 1_000, 10, 0.1, 50)
    func record(_ failures: Int, of count: Int, milliseconds: Double = 1) -> Canary.Record {
      var record = Canary.Record()
      for index in 0..<count { record.note(failed: index < failures, milliseconds: milliseconds) }
      return record
    }
    #expect(canary.step(record(0, of: 100), now: 999) == nil)
    #expect(canary.step(record(0, of: 100), now: 1_000) == .promote)
    // At the end a few say what they say, and what nobody has asked anything proves nothing.
    #expect(canary.step(record(2, of: 3), now: 1_000) == .rollBack("2 of 3 invocations failed, where 10 % may"))
    #expect(canary.step(record(0, of: 3, milliseconds: 51), now: 1_000) == .rollBack("its 95th percentile is 51 ms, where 50 are the most"))
    #expect(canary.step(record(0, of: 0), now: 1_000) == .rollBack("nobody has invoked it in its time"))
    #expect(canary.step(record(9, of: 9), now: 500) == nil)
    #expect(canary.step(record(1, of: 10), now: 500) == nil)
    #expect(canary.step(record(2, of: 10), now: 500) == .rollBack("2 of 10 invocations failed, where 10 % may"))
    #expect(canary.step(record(0, of: 10, milliseconds: 50.5), now: 500) == .rollBack("its 95th percentile is 50.5 ms, where 50 are the most"))
    // The nearest rank: of twenty the nineteenth, so that one of them may be slow.
    for (slow, count, isRolledBack) in [(1, 20, false), (2, 20, true), (1, 21, false), (1, 19, true), (5, 100, false), (6, 100, true), (1, 40, false), (3, 40, true)] {
      var mixed = Canary.Record()
      for index in 0..<count { mixed.note(failed: false, milliseconds: index < slow ? 300 : 1) }
      #expect((canary.step(mixed, now: 500) != nil) == isRolledBack, "\(slow) of \(count)")
    }
    canary.after = "hook"
    // Where nobody has asked it anything, its hook says whether it is good.
    for count in [0, 100] { #expect(canary.step(record(0, of: count), now: 1_000) == .checkAfter) }

    var versions = FunctionVersions(function: "f")
    for code in ["a", "b"] { _ = try versions.publish(version(code)) }
    try versions.point("live", to: 1)
    try versions.begin(Canary(version: 2, share: 0.5, milliseconds: 1), under: "live")
    #expect(versions.alias("live")?.version(at: 0.1) == 1)
    versions.advance("live", .shift(until: 9), at: "now")
    let parts = [0.1, 0.6].map { point in versions.alias("live")?.version(at: point) }
    #expect(parts == [2, 1])
    #expect(FunctionVersions(versions.json) == versions)
    func shares(_ versions: FunctionVersions) -> [Int?] { [0.1, 0.6].map { versions.alias("live")?.version(at: $0) } }
    var promoted = versions, checked = versions
    promoted.advance("live", .promote, at: "now")
    #expect(shares(promoted) == [2, 2])
    #expect(promoted.alias("live")?.previous == 1)
    checked.advance("live", .checkAfter, at: "now")
    #expect(checked.alias("live")?.version(at: 0.6) == 2)
    var asked = checked
    let back = try asked.rollBack("live", at: "now")
    #expect(back == 1)
    checked.advance("live", .rollBack("no"), at: "now")
    #expect(checked.alias("live")?.version(at: 0.1) == 1)
    #expect(checked.alias("live")?.lastCanary == "version 2 was rolled back at now: no")
    versions.advance("live", .rollBack("no"), at: "now")
    #expect(versions.alias("live")?.version(at: 0.1) == 1)
  }

  /// A hook's answer is about the canary it was asked for, not about one that was begun meanwhile.
  @Test func aStepIsOfItsCanary() throws {
    var versions = FunctionVersions(function: "f")
    for code in ["a", "b", "c"] { _ = try versions.publish(version(code)) }
    try versions.point("live", to: 1)
    var canary = Canary(version: 2, share: 0.1, milliseconds: 1_000)
    canary.before = "slow"
    try versions.begin(canary, under: "live")
    let first = try #require(versions.alias("live")?.canary)
    canary.version = 3
    try versions.begin(canary, under: "live")
    let begun = versions
    for step in [Canary.Step.shift(until: 9), .checkAfter, .promote, .rollBack("no")] {
      versions.advance("live", step, of: first, at: "now")
      #expect(versions == begun)
    }
    versions.advance("live", .shift(until: 9), of: canary, at: "now")
    #expect(versions.alias("live")?.canary?.phase == .shifting)
    // Asked twice, by the process that is being replaced and by the one that takes over: once is enough.
    versions.advance("live", .shift(until: 10), of: canary, at: "now")
    #expect(versions.alias("live")?.canary?.until == 9)
  }

  /// What an alias shared out before a canary it shares out beside it, and after it.
  @Test func aCanaryLeavesSharesAsTheyWere() throws {
    var versions = FunctionVersions(function: "f")
    for code in ["a", "b", "c"] { _ = try versions.publish(version(code)) }
    try versions.point("live", to: 1, weights: [2: 0.3], sticky: .clientIP)
    let canary = Canary(version: 3, share: 0.1, milliseconds: 1_000)
    func at(_ point: Double) -> Int? { versions.alias("live")?.version(at: point) }
    try versions.begin(canary, under: "live")
    #expect([0.05, 0.2, 0.5].map(at) == [2, 2, 1])
    versions.advance("live", .shift(until: 9), at: "now")
    // It takes its share of each, and who is not in it stays where he was.
    #expect([0.02, 0.05, 0.2, 0.31, 0.36, 0.38, 0.5].map(at) == [3, 2, 2, 3, 3, 1, 1])
    let points = (0..<10_000).map { at((Double($0) + 0.5) / 10_000) }
    #expect([1, 2, 3].map { number in points.count { $0 == number } } == [6_300, 2_700, 1_000])
    #expect(FunctionVersions(versions.json) == versions)
    var promoted = versions
    promoted.advance("live", .promote, at: "now")
    #expect(promoted.alias("live")?.version(at: 0.2) == 3)
    _ = try promoted.rollBack("live", at: "now")
    #expect(promoted.alias("live")?.weights == [2: 0.3])
    versions.advance("live", .rollBack("no"), at: "now")
    #expect([0.05, 0.2, 0.5].map(at) == [2, 2, 1] && versions.alias("live")?.weights == [2: 0.3])
    for (version, milliseconds) in [(2, Int64(1_000)), (3, Canary.longestMilliseconds + 1), (3, .max), (3, 0)] {
      var copy = versions
      #expect(throws: CodeProblem.self) { try copy.begin(Canary(version: version, share: 0.1, milliseconds: milliseconds), under: "live") }
    }
    // What keeps a viewer where he is stays until it is taken away.
    try versions.point("live", to: 2)
    #expect(versions.alias("live")?.stickiness == .clientIP)
    try versions.point("live", to: 2, sticky: .some(nil))
    #expect(versions.alias("live")?.stickiness == nil)
  }

  @Test func whatIsPublishedIsThereAgain() throws {
    let folder = "\(Workbench.root)/\(UUID().uuidString)"
    let definition = try Workbench.function(["index.js": "1"], name: "a/b")
    let store = try VersionStore(folder: folder)
    #expect(try store.publish(definition, description: "first") == 1)
    try store.point("a/b", alias: "live", to: 1)
    // Half a file of a process that was killed.
    try "{".write(toFile: folder + "/versions/x.json.999", atomically: false, encoding: .utf8)
    let again = try VersionStore(folder: folder)
    #expect(again.all == store.all)
    again.removeUnusedCode()
    #expect(Set(try FileManager.default.contentsOfDirectory(atPath: folder + "/versions")) == [".lock", "a%2fb.json"])
    #expect(again.all.map(\.function) == ["a/b"])
    let version = try #require(again.versions(of: "a/b").version(1))
    #expect(try again.stored(version, named: "a/b").1.files == ["index.js"])
    // Both change it, and neither loses what the other did.
    try store.point("a/b", alias: "one", to: 1)
    try again.point("a/b", alias: "two", to: 1)
    #expect(again.versions(of: "a/b").aliases.map(\.name) == ["live", "one", "two"])
    try "{".write(toFile: folder + "/versions/x.json", atomically: false, encoding: .utf8)
    #expect(throws: CodeProblem.self) { _ = try VersionStore(folder: folder) }
  }

  @Test func functionsAreInvokedByVersionAndAlias() async throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let definition = try Workbench.function(["index.js": "exports.handler = async (e, c) => 'one ' + c.functionVersion"])
    let function = try tier.take(definition)
    // By another process, as a command is.
    let store = try VersionStore(folder: tier.versions.folder)
    #expect(try store.publish(definition, description: "") == 1)
    try "exports.handler = async (e, c) => { if (e.fail) throw new Error('no'); return 'two ' + c.functionVersion }".write(
      toFile: definition.codePath + "/index.js", atomically: false, encoding: .utf8)
    #expect(try store.publish(definition, description: "") == 2)
    try store.point("echo", alias: "live", to: 1)
    func answer(_ qualifier: String?, _ payload: String = "{}") async -> String? { await tier.run(function.qualified(by: qualifier), payload).text }
    while tier.versions.versions(of: "echo").alias("live") == nil { try await Task.sleep(for: .milliseconds(2)) }
    #expect(await answer(nil) == "\"one $LATEST\"")
    #expect(await answer("1") == "\"one 1\"")
    #expect(await answer("2") == "\"two 2\"")
    #expect(await answer("live") == "\"one 1\"")
    let missing = await tier.run(function.qualified(by: "7"))
    #expect(missing.failure?.errorMessage == "function echo has no version 7")
    // A canary that fails is taken back by itself.
    var canary = Canary(version: 2, share: 1, milliseconds: 60_000)
    (canary.leastInvocations, canary.before) = (3, "echo:1")
    try store.begin(canary, of: "echo", under: "live")
    while await answer("live") != "\"two 2\"" { try await Task.sleep(for: .milliseconds(20)) }
    while await answer("live") != "\"one 1\"" { _ = await tier.run(function.qualified(by: "live"), #"{"fail":1}"#) }
    #expect(tier.versions.versions(of: "echo").alias("live")?.lastCanary?.contains("invocations failed") == true)
    // One that somebody has ended leaves nothing behind for the next of the same version.
    (canary.leastInvocations, canary.errorRate) = (3, 0.4)
    try store.begin(canary, of: "echo", under: "live")
    while await answer("live") != "\"two 2\"" { try await Task.sleep(for: .milliseconds(20)) }
    _ = await tier.run(function.qualified(by: "live"), #"{"fail":1}"#)
    #expect(try store.rollBack("echo", alias: "live") == 1)
    while await answer("live") != "\"one 1\"" { try await Task.sleep(for: .milliseconds(20)) }
    try store.begin(canary, of: "echo", under: "live")
    while await answer("live") != "\"two 2\"" { try await Task.sleep(for: .milliseconds(20)) }
    _ = await tier.run(function.qualified(by: "live"), #"{"fail":1}"#)
    _ = await answer("live")
    #expect(await answer("live") == "\"two 2\"")
    #expect(tier.versions.versions(of: "echo").alias("live")?.canary?.phase == .shifting)
  }

  /// What a canary has done counts on after a restart: one that always fails does not take over because of it.
  @Test func aRestartForgetsNothingOfACanary() async throws {
    let folder = "\(Workbench.root)/\(UUID().uuidString)"
    let definition = try Workbench.function(["index.js": "exports.handler = async () => 'good'"])
    let store = try VersionStore(folder: folder)
    #expect(try store.publish(definition, description: "") == 1)
    try "exports.handler = async () => { throw new Error('bad') }".write(toFile: definition.codePath + "/index.js", atomically: false, encoding: .utf8)
    #expect(try store.publish(definition, description: "") == 2)
    try store.point("echo", alias: "live", to: 1)
    var canary = Canary(version: 2, share: 1, milliseconds: 600_000)
    canary.leastInvocations = 12
    try store.begin(canary, of: "echo", under: "live")
    for (count, isLast) in [(6, false), (5, false), (1, true)] {
      let tier = try Workbench.tier { $0.folder = folder }
      defer { tier.stop() }
      let live = try tier.take(definition).qualified(by: "live")
      while tier.versions.versions(of: "echo").alias("live")?.canary?.phase == .before { try await Task.sleep(for: .milliseconds(5)) }
      for _ in 0..<count { #expect(await tier.run(live).failure?.errorMessage == "bad") }
      #expect((tier.versions.versions(of: "echo").alias("live")?.canary == nil) == false || isLast)
      if isLast {
        var waits = 0
        while tier.versions.versions(of: "echo").alias("live")?.canary != nil, waits < 1_000 { (waits, _) = (waits + 1, try await Task.sleep(for: .milliseconds(5))) }
        #expect(tier.versions.versions(of: "echo").alias("live")?.lastCanary?.contains("12 of 12 invocations failed, where 5 % may") == true)
      }
    }
    // Nothing is left of it.
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/canaries") == [".lock"])
  }

  /// What fails because the proxy ends says nothing of a canary: neither its hook nor its invocations.
  @Test func anEndSaysNothingOfACanary() async throws {
    let tier = try Workbench.tier()
    let definition = try Workbench.function(["index.js": "exports.handler = async (e) => { if (e.phase) await new Promise(r => setTimeout(r, 60000)) }"]) { $0.timeout = .seconds(30) }
    let function = try tier.take(definition), store = try VersionStore(folder: tier.versions.folder)
    for number in 1...2 {
      if number == 2 { try "exports.handler = async () => 2".write(toFile: definition.codePath + "/index.js", atomically: false, encoding: .utf8) }
      #expect(try store.publish(definition, description: "") == number)
    }
    try store.point("echo", alias: "live", to: 1)
    while tier.versions.versions(of: "echo").alias("live") == nil { try await Task.sleep(for: .milliseconds(2)) }
    #expect(await tier.run(function.qualified(by: "live"), #"{"phase":""}"#).text == "null")
    var canary = Canary(version: 2, share: 0.5, milliseconds: 60_000)
    canary.before = "echo:1"
    try store.begin(canary, of: "echo", under: "live")
    while tier.numbers[0].numbers.concurrent == 0 { try await Task.sleep(for: .milliseconds(2)) }
    tier.stop()
    let after = try VersionStore(folder: tier.versions.folder).versions(of: "echo").alias("live")
    #expect(after?.canary?.phase == .before && after?.lastCanary == nil, "\(String(describing: after))")
  }

  /// A file in the store that is not as it was published is not run; publishing the same again mends it.
  @Test func codeThatChangedInTheStoreIsNotRun() async throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let definition = try Workbench.function(["index.js": "exports.handler = async () => 'as published'"])
    let function = try tier.take(definition), store = try VersionStore(folder: tier.versions.folder)   // as a command's
    for number in 1...2 {
      if number == 2 { try "exports.handler = async () => 'the second'".write(toFile: definition.codePath + "/index.js", atomically: false, encoding: .utf8) }
      #expect(try store.publish(definition, description: "") == number)
    }
    while tier.versions.versions(of: "echo").version(2) == nil { try await Task.sleep(for: .milliseconds(2)) }
    func file(_ number: Int) throws -> String { tier.versions.folder + "/code/" + (try #require(tier.versions.versions(of: "echo").version(number))).code + "/index.js" }
    for number in 1...2 {
      try FileManager.default.removeItem(atPath: file(number))
      try "exports.handler = async () => 'something else'".write(toFile: file(number), atomically: false, encoding: .utf8)
    }
    let failure = await tier.run(function.qualified(by: "1")).failure
    let path = try file(1).dropLast("/index.js".count)
    #expect(failure?.errorMessage == "the code of version 1 of echo is not as it was published: \(path) has changed", "\(String(describing: failure))")
    #expect(VersionStore.changedCode(in: tier.versions.folder, of: "echo", ["1", nil, "none"]) == ["the code of version 1 of echo is not as it was published: \(path) has changed"])
    #expect(try store.publish(definition, description: "") == 2)
    #expect(await tier.run(function.qualified(by: "2")).text == "\"the second\"")
    #expect(VersionStore.changedCode(in: tier.versions.folder, of: "echo", ["2"]).isEmpty)
  }
}
