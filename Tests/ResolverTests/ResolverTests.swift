// The resolver on a real loop against a scripted name server.

import Foundation
import Glibc
import Synchronization
import Testing

@testable import Transport

/// A resolver on its own loop and thread, which asks a scripted server; `use` runs its body there.
final class ResolverBench: Sendable {
  let loop: EventLoop
  let server: ScriptedNameServer
  private let thread: EventLoopThread
  let outcomes = Mutex<[Resolver.Outcome]>([])

  init(_ script: @escaping @Sendable (ScriptedNameServer.Question) -> ScriptedNameServer.Reply = { _ in .silence }) throws {
    server = ScriptedNameServer(script)
    loop = try EventLoop()
    thread = loop.start()
  }

  func stop() {
    loop.stop()
    thread.join()
    server.stop()
  }

  func use<Value: Sendable>(
    _ configure: (inout Resolver.Configuration) -> Void = { _ in }, _ body: @escaping @Sendable (Resolver) async throws -> Value
  ) async throws -> Value {
    var configuration = Resolver.Configuration()
    configuration.servers = server.address
    configuration.attemptTimeoutMilliseconds = 100
    configuration.attempts = 2
    configure(&configuration)
    let made = configuration
    return try await loop.perform { _ in
      let resolver = try Resolver(loop: self.loop, configuration: made)
      resolver.observe = { outcome in self.outcomes.withLock { $0.append(outcome) } }
      defer { resolver.close() }
      return try await body(resolver)
    }
  }

  func seen(_ outcome: Resolver.Outcome) -> Int { outcomes.withLock { $0.count { $0 == outcome } } }
}

/// A resolver that child tasks share: each comes to its loop.
private struct OnLoop: @unchecked Sendable {
  let resolver: Resolver
  let loop: EventLoop
  func resolve(_ name: String) async throws(ResolveFailure) -> ResolvedAddresses {
    try await loop.perform { _ async throws(ResolveFailure) in try await resolver.resolve(name) }
  }
}

private func failure<Value>(_ body: () async throws(ResolveFailure) -> Value) async -> ResolveFailure? {
  do {
    _ = try await body()
    return nil
  } catch { return error }
}

@Suite(.serialized) struct ResolverTests {
  @Test func asksForBothFamiliesAndCachesTheAnswer() async throws {
    let bench = try ResolverBench { _ in .addresses(["192.0.2.1", "192.0.2.2", "2001:db8::1"], ttl: 60) }
    defer { bench.stop() }
    let hosts = try await bench.use { resolver in
      let first = try await resolver.resolve("App.Example")
      let second = try await resolver.resolve("app.example")
      return [first, second].map { $0.addresses.map(\.host) }
    }
    #expect(hosts[0] == ["2001:db8::1", "192.0.2.1", "192.0.2.2"])
    #expect(hosts[1] == hosts[0])
    #expect(bench.server.questions(for: "app.example") == 2)
    #expect(bench.outcomes.withLock { $0 } == [.resolved, .cached])
  }

  @Test func asksAgainWhenTheTimeToLiveIsOver() async throws {
    let bench = try ResolverBench { .addresses(["192.0.2.\($0.count)"], ttl: 0) }
    defer { bench.stop() }
    let hosts = try await bench.use { resolver in
      let first = try await resolver.resolve("short.example")
      await bench.loop.sleep(milliseconds: 1_100)
      let second = try await resolver.resolve("short.example")
      return [first, second].map { $0.addresses[0].host }
    }
    #expect(hosts == ["192.0.2.1", "192.0.2.2"])
  }

  static let failures: [(ScriptedNameServer.Reply, ResolveFailure)] = [
    (.nxDomain, .nameUnknown), (.noData, .nameUnknown), (.serverFailure, .serverFailure), (.silence, .serverFailure),
    (.garbage, .serverFailure), (.malformed, .serverFailure), (.otherName, .serverFailure),
  ]

  @Test(arguments: failures) func failsClearlyAndRemembersIt(_ reply: ScriptedNameServer.Reply, _ expected: ResolveFailure) async throws {
    let bench = try ResolverBench { _ in reply }
    defer { bench.stop() }
    let (failures, questions) = try await bench.use { resolver in
      let first = await failure { () async throws(ResolveFailure) in try await resolver.resolve("broken.example") }
      let asked = bench.server.questions(for: "broken.example")
      let second = await failure { () async throws(ResolveFailure) in try await resolver.resolve("broken.example") }
      return ([first, second], bench.server.questions(for: "broken.example") - asked)
    }
    #expect(failures[0] == expected)
    #expect(failures[1] == expected)
    #expect(questions == 0)
  }

  @Test func givesUpAfterItsTimeoutAndTakesALateAnswer() async throws {
    let bench = try ResolverBench { question in
      if question.count == 1 { return .silence }
      return .addresses(["192.0.2.9"], ttl: 60)
    }
    defer { bench.stop() }
    let (first, second) = try await bench.use({
      $0.attemptTimeoutMilliseconds = 300
      $0.timeoutMilliseconds = 50
    }) { resolver in
      let first = await failure { () async throws(ResolveFailure) in try await resolver.resolve("late.example") }
      await bench.loop.sleep(milliseconds: 700)
      return (first, try await resolver.resolve("late.example").addresses.map(\.host))
    }
    #expect(first == .timedOut)
    #expect(second == ["192.0.2.9"])
    #expect(bench.outcomes.withLock { $0 } == [.timedOut, .resolved, .cached])
  }

  @Test func servesOldAddressesWhileTheServersFail() async throws {
    let bench = try ResolverBench { $0.count == 1 ? .addresses(["192.0.2.1"], ttl: 1) : .serverFailure }
    defer { bench.stop() }
    let answers = try await bench.use { resolver in
      var answers = [try await resolver.resolve("old.example")]
      await bench.loop.sleep(milliseconds: 1_100)
      answers.append(try await resolver.resolve("old.example"))
      answers.append(try await resolver.resolve("old.example"))
      return answers
    }
    #expect(answers.map(\.isStale) == [false, true, true])
    #expect(answers.map { $0.addresses.map(\.host) } == Array(repeating: ["192.0.2.1"], count: 3))
    #expect(bench.outcomes.withLock { $0 } == [.resolved, .failed, .stale, .stale])
  }

  @Test func waitsOnlyBrieflyWhenAnOldAnswerIsAtHand() async throws {
    let bench = try ResolverBench { $0.count == 1 ? .addresses(["192.0.2.1"], ttl: 1) : .silence }
    defer { bench.stop() }
    let milliseconds = try await bench.use({
      $0.attemptTimeoutMilliseconds = 2_000
      $0.stalePatienceMilliseconds = 100
    }) { resolver in
      _ = try await resolver.resolve("slow.example")
      await bench.loop.sleep(milliseconds: 1_100)
      let start = SystemCalls.monotonicNanoseconds()
      #expect(try await resolver.resolve("slow.example").isStale)
      return (SystemCalls.monotonicNanoseconds() - start) / 1_000_000
    }
    #expect((80..<1_000).contains(milliseconds))
  }

  @Test func believesThatANameIsGone() async throws {
    let bench = try ResolverBench { $0.count == 1 ? .addresses(["192.0.2.1"], ttl: 1) : .nxDomain }
    defer { bench.stop() }
    let second = try await bench.use { resolver in
      _ = try await resolver.resolve("gone.example")
      await bench.loop.sleep(milliseconds: 1_100)
      return await failure { () async throws(ResolveFailure) in try await resolver.resolve("gone.example") }
    }
    #expect(second == .nameUnknown)
  }

  @Test func asksOnceForMany() async throws {
    let bench = try ResolverBench { _ in
      usleep(30_000)
      return .addresses(["192.0.2.1"], ttl: 60)
    }
    defer { bench.stop() }
    let count = try await bench.use({
      $0.attemptTimeoutMilliseconds = 30_000
    }) { resolver in
      let shared = OnLoop(resolver: resolver, loop: bench.loop)
      async let a = shared.resolve("busy.example")
      async let b = shared.resolve("busy.example")
      async let c = shared.resolve("busy.example")
      return try await [a, b, c].count
    }
    #expect(count == 3)
    #expect(bench.server.questions(for: "busy.example") == 2)
    #expect(bench.seen(.collapsed) == 2)
  }

  @Test func refusesMoreLookUpsThanItsLimit() async throws {
    let bench = try ResolverBench()
    defer { bench.stop() }
    let failures = try await bench.use({
      $0.lookupsLimit = 1
    }) { resolver in
      let shared = OnLoop(resolver: resolver, loop: bench.loop)
      async let first = failure { () async throws(ResolveFailure) in try await shared.resolve("one.example") }
      await bench.loop.sleep(milliseconds: 20)
      let second = await failure { () async throws(ResolveFailure) in try await resolver.resolve("two.example") }
      let third = await failure { () async throws(ResolveFailure) in try await resolver.resolve("one.invalid name") }
      let firstFailure = await first
      return [firstFailure, second, third]
    }
    #expect(failures == [.serverFailure, .tooManyLookups, .invalidName])
    #expect(bench.seen(.refused) == 1)
  }

  @Test func asksByTCPWhenTheAnswerIsTruncated() async throws {
    let bench = try ResolverBench { _ in .truncated(tcp: ["192.0.2.7", "2001:db8::7"]) }
    defer { bench.stop() }
    let hosts = try await bench.use({
      $0.attemptTimeoutMilliseconds = 30_000   // not what is tried here: a machine that runs everything at once may pause for seconds
    }) { try await $0.resolve("long.example").addresses.map(\.host) }
    #expect(hosts == ["2001:db8::7", "192.0.2.7"])
  }

  @Test func readsTheHostsFile() async throws {
    let bench = try ResolverBench()
    defer { bench.stop() }
    // The machine's own entry for itself; a machine without one has nothing to test here.
    guard let name = ResolverTests.nameInHostsFile() else { return }
    let hosts = try await bench.use { try await $0.resolve(name).addresses.map(\.host) }
    #expect(hosts.contains("127.0.0.1"))
    #expect(bench.server.questions(for: name) == 0)
  }

  @Test func endsLookUpsWhenClosed() async throws {
    let bench = try ResolverBench()
    defer { bench.stop() }
    let failures = try await bench.use({
      $0.attemptTimeoutMilliseconds = 60_000
    }) { resolver in
      let shared = OnLoop(resolver: resolver, loop: bench.loop)
      async let first = failure { () async throws(ResolveFailure) in try await shared.resolve("one.example") }
      await bench.loop.sleep(milliseconds: 20)
      resolver.close()
      let firstFailure = await first
      let second = await failure { () async throws(ResolveFailure) in try await resolver.resolve("two.example") }
      return [firstFailure, second]
    }
    #expect(failures == [.serverFailure, .serverFailure])
  }

  @Test func refusesServersItCannotRead() async throws {
    let bench = try ResolverBench()
    defer { bench.stop() }
    await #expect(throws: ResolveFailure.unavailable) { try await bench.use({ $0.servers = "not a server" }) { _ in } }
  }

  /// The machine's network has changed: another file names other servers.
  @Test func takesUpServersThatHaveChanged() async throws {
    let first = ScriptedNameServer { _ in .addresses(["192.0.2.1"], ttl: 0) }
    let second = ScriptedNameServer(host: "127.0.0.2", port: first.port) { _ in .addresses(["192.0.2.2"], ttl: 0) }
    let file = "/tmp/resolv-\(getpid()).conf"
    @Sendable func write(_ server: ScriptedNameServer) throws {
      try "nameserver \(server.host)\noptions ndots:1\n".write(toFile: file, atomically: true, encoding: .utf8)
    }
    try write(first)
    let bench = try ResolverBench()
    defer {
      bench.stop()
      first.stop()
      second.stop()
      unsafe unlink(file)
    }
    let hosts = try await bench.use({
      $0.servers = nil
      $0.minimumTTLSeconds = 0
      $0.serversFile = file
      $0.serversPort = first.port
    }) { resolver in
      var hosts: [String] = []
      for server in [nil, nil, second, nil, first] {
        if let server { try write(server) }
        await bench.loop.sleep(milliseconds: 1_100)
        hosts.append(try await resolver.resolve("moved.example").addresses[0].host)
      }
      // A file that is gone says nothing new.
      unsafe unlink(file)
      await bench.loop.sleep(milliseconds: 1_100)
      hosts.append(try await resolver.resolve("moved.example").addresses[0].host)
      return hosts
    }
    #expect(hosts == ["192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.2", "192.0.2.1", "192.0.2.1"])
    #expect(bench.seen(.serversChanged) == 2)
  }

  private static func nameInHostsFile() -> String? {
    let descriptor = unsafe open("/etc/hosts", O_RDONLY)
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 4_096)
    let count = unsafe read(descriptor, &bytes, bytes.count)
    let words = String(decoding: bytes[..<max(count, 0)], as: UTF8.self).split(separator: "\n")
      .filter { $0.hasPrefix("127.0.0.1") }.flatMap { $0.split(whereSeparator: \.isWhitespace).dropFirst() }
    return words.map(String.init).first { !$0.contains("localhost") }
  }
}
