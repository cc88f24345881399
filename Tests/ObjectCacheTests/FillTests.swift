// One fetch for all who ask at once: in small steps by one thread, and by several loops in thousands of rounds. Nobody sleeps to wait.
import Synchronization
import TestTools
import Testing
import Transport

@testable import ObjectCache

@Suite struct FillTests {
  private func pair(_ store: ObjectStore, _ path: String = "/a") throws -> (FillLeader, FillFollower) {
    guard case .lead(let leader) = store.ask(path), case .follow(let follower) = store.ask(path) else { throw Wrong() }
    return (leader, follower)
  }
  struct Wrong: Error {}

  @Test func aFollowerGetsWhatTheLeaderBrings() throws {
    let store = ObjectStore()
    let (leader, follower) = try pair(store)
    #expect(follower.outcome() == nil)
    let response = leader.complete(.fresh(), lines: Span(), content: bytes("x").span)
    guard case .response(let got) = follower.outcome() else { throw Wrong() }
    #expect(got === response && store.status.collapsed == 1 && store.status.fills == 0)
  }

  /// Whoever comes while the body grows reads it from the beginning.
  @Test func aBodyIsReadAsItComes() throws {
    let store = ObjectStore()
    let (leader, follower) = try pair(store)
    let response = leader.begin(.fresh(), lines: Span(), length: nil)
    let own = BodyReader(try #require(response.body))
    #expect(own.atHand() == .wait && response.length == nil)
    #expect(leader.append(bytes("one ").span) == .goOn)
    #expect(own.atHand() == .bytes(4))
    guard case .response(let got) = follower.outcome(), case .follow(let late) = store.ask("/a"), case .response(let same) = late.outcome() else { throw Wrong() }
    #expect(got === response && same === response)
    #expect(leader.append(bytes("two").span) == .goOn)
    leader.finish()
    #expect(got.allContent == bytes("one two") && own.atHand() == .bytes(4) && response.length == 7)
    guard case .hit(let kept) = store.ask("/a") else { throw Wrong() }
    #expect(Array(copying: kept.content) == bytes("one two"), "small bodies stand beside their head")
  }

  @Test func aPartOfABody() throws {
    let store = ObjectStore()
    let (leader, _) = try pair(store)
    let content = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 >> 3) }
    let response = leader.complete(.fresh(), lines: Span(), content: content.span)
    for range in [0..<1, 65_535..<65_537, 199_999..<200_000, 100_000..<100_000] {
      let reader = BodyReader(try #require(response.body), range)
      var got: [UInt8] = []
      while case .bytes = reader.atHand() {
        reader.take { bytes in
          got += Array(copying: bytes)
          return bytes.count
        }
      }
      #expect(got == Array(content[range]) && reader.atHand() == .end)
    }
  }

  /// A leader without an answer hands over to one who waits; after a few no more are asked to try.
  @Test func aFailedLeaderIsFollowedByOne() throws {
    let store = ObjectStore()
    let (leader, first) = try pair(store)
    guard case .follow(let second) = store.ask("/a") else { throw Wrong() }
    leader.fail()
    guard case .lead(let next) = first.outcome() else { throw Wrong() }
    #expect(second.outcome() == nil)
    next.fail()
    guard case .lead(let third) = second.outcome(), case .follow(let last) = store.ask("/a") else { throw Wrong() }
    third.fail()
    guard case .failed = last.outcome() else { throw Wrong() }
    guard case .lead = store.ask("/a") else { throw Wrong() }
  }

  /// A leader that is forgotten has failed; a follower that was to lead and left is passed over.
  @Test func whoLeavesIsPassedOver() throws {
    let store = ObjectStore()
    var (leader, first): (FillLeader?, FillFollower?) = try pair(store)
    guard case .follow(let second) = store.ask("/a") else { throw Wrong() }
    _ = leader
    leader = nil
    _ = first
    first = nil
    guard case .lead(let next) = second.outcome() else { throw Wrong() }
    next.decline()
    #expect(store.status.fills == 0)
  }

  @Test func aBodyThatBreaksOffIsNotKept() throws {
    let store = ObjectStore()
    let (leader, follower) = try pair(store)
    _ = leader.begin(.fresh(), lines: Span(), length: 10)
    _ = leader.append(bytes("half").span)
    guard case .response(let response) = follower.outcome(), let body = response.body else { throw Wrong() }
    leader.fail()
    let reader = BodyReader(body)
    #expect(reader.atHand() == .bytes(4))
    reader.take { $0.count }
    #expect(reader.atHand() == .broken && !store.has("/a") && store.status.fills == 0)
  }

  /// Fewer bytes than were announced are no whole body.
  @Test func aBodyThatIsTooShortIsNotKept() throws {
    let store = ObjectStore()
    let (leader, _) = try pair(store)
    let reader = BodyReader(try #require(leader.begin(.fresh(), lines: Span(), length: 10).body))
    _ = leader.append(bytes("half").span)
    leader.finish()
    reader.take { $0.count }
    #expect(reader.atHand() == .broken && !store.has("/a"))
  }

  @Test func nobodyWantsItAnyMore() throws {
    var configuration = ObjectStore.Configuration()
    configuration.abandonedFillBytes = 1_000
    let store = ObjectStore(configuration)
    guard case .lead(let leader) = store.ask("/a"), case .lead(let other) = store.ask("/b") else { throw Wrong() }
    var reader: BodyReader? = BodyReader(try #require(leader.begin(.fresh(), lines: Span(), length: 10_000).body))
    let piece = [UInt8](repeating: 1, count: 1_000)
    #expect(leader.append(piece.span) == .goOn)
    _ = reader
    reader = nil
    #expect(leader.append(piece.span) == .abandoned, "8,000 bytes are missing")
    leader.fail()
    // A little more is fetched to the end, so that the next one has it.
    reader = BodyReader(try #require(other.begin(.fresh(), lines: Span(), length: 3_000).body))
    #expect(other.append(piece.span) == .goOn)
    _ = reader
    reader = nil
    #expect(other.append(piece.span) == .goOn && other.append(piece.span) == .goOn)
    other.finish()
    #expect(store.has("/b") && store.status.abandonedFills == 1)
  }

  /// Nobody has read yet: the viewer's task may not have had its turn.
  @Test func theFirstReaderMayBeLate() throws {
    let store = ObjectStore()
    guard case .lead(let leader) = store.ask("/a") else { throw Wrong() }
    let response = leader.begin(.fresh(), lines: Span(), length: 50_000_000)
    let piece = [UInt8](repeating: 1, count: 100_000)
    #expect(leader.append(piece.span) == .goOn)
    let reader = BodyReader(try #require(response.body))
    #expect(reader.atHand() == .bytes(100_000))
  }

  /// More than may be kept is passed on through a window: the writer waits for the slowest, memory stays bounded, nothing is kept.
  @Test(arguments: [nil, 3_000_000]) func aBodyThatIsTooLargeIsPassedOn(_ length: Int?) async throws {
    var configuration = ObjectStore.Configuration()
    configuration.objectBytes = 500_000
    configuration.windowBytes = 200_000
    let store = ObjectStore(configuration)
    guard case .lead(let leader) = store.ask("/a") else { throw Wrong() }
    let response = leader.begin(.fresh(), lines: Span(), length: length)
    let readers = [BodyReader(try #require(response.body)), BodyReader(try #require(response.body))]
    var got = [0, 0], sent = 0, right = true
    while sent < 3_000_000 {
      let piece = (sent..<sent + 10_000).map { UInt8(truncatingIfNeeded: $0 >> 4) }
      var next = leader.append(piece.span)
      sent += piece.count
      while next == .wait {
        #expect(store.status.usedBytes < store.status.indexBytes + 1_000_000)
        for index in 0...1 {
          while case .bytes = readers[index].atHand() {
            readers[index].take { bytes in
              for place in 0..<bytes.count where bytes[place] != UInt8(truncatingIfNeeded: (got[index] + place) >> 4) { right = false }
              got[index] += bytes.count
              return bytes.count
            }
          }
        }
        await leader.roomIsFree()
        next = .goOn
      }
    }
    leader.finish()
    for index in 0...1 {
      while case .bytes = readers[index].atHand() {
        readers[index].take { bytes in
          got[index] += bytes.count
          return bytes.count
        }
      }
      #expect(got[index] == 3_000_000 && readers[index].atHand() == .end)
    }
    #expect(right && !store.has("/a") && store.status.windows == 1)
  }

  // MARK: Races

  /// Four loops ask for the same few keys at once, in thousands of rounds: every asker gets every byte of a right answer, whatever the
  /// leader does, and each key is fetched by one at a time.
  @Test(.timeLimit(.minutes(1))) func manyLoops() async throws {
    let rounds = 1_200, loops = 4
    var configuration = ObjectStore.Configuration()
    configuration.memoryBytes = 4 << 20   // small: objects leave all the time
    configuration.fillAttempts = .max
    let store = ObjectStore(configuration)
    let fetching = (0..<8).map { _ in Counter() }
    let results = try await withThrowingTaskGroup(of: Tally.self) { group in
      for number in 0..<loops {
        group.addTask {
          try await onALoop { loop in
            var tally = Tally()
            for round in 0..<rounds {
              await Self.ask(round, number, store, fetching, &tally)
              store.put("/passing/\(number)/\(round)", [UInt8](repeating: 1, count: 4_000))
            }
            return tally
          }
        }
      }
      return try await group.reduce(into: Tally()) { $0.add($1) }
    }
    #expect(results.wrong == 0 && results.atOnce == 0, "\(results) \(store.status)")
    #expect(results.whole + results.broken + results.passed == rounds * loops)
    #expect(results.whole > rounds && results.led > 100 && results.followed > 0)
    #expect(store.status.fills == 0)
    #expect(store.status.usedBytes <= configuration.memoryBytes)
  }

  final class Counter: Sendable { let fetching = Atomic<Int>(0) }
  struct Tally: Sendable {
    var whole = 0, broken = 0, passed = 0, wrong = 0, led = 0, followed = 0, atOnce = 0
    mutating func add(_ other: Tally) {
      whole += other.whole
      broken += other.broken
      passed += other.passed
      wrong += other.wrong
      led += other.led
      followed += other.followed
      atOnce += other.atOnce
    }
  }

  private static let contents: [[UInt8]] = [10, 40_000, 150_000, 5, 70_000, 33_000, 1, 500_000].enumerated().map { key, count in (0..<count).map { byte(key, $0) } }
  private static func length(_ key: Int) -> Int { contents[key].count }
  private static func byte(_ key: Int, _ place: Int) -> UInt8 { UInt8(truncatingIfNeeded: place &* 7 &+ key) }

  private nonisolated(nonsending) static func ask(_ round: Int, _ loop: Int, _ store: ObjectStore, _ fetching: [Counter], _ tally: inout Tally) async {
    let key = round / 5 % 8
    // Fresh for some rounds only, so that the same keys are fetched again and again.
    var lookup = store.ask("/\(key)", now: Int64(round))
    while true {
      switch lookup {
      case .hit(let response), .stale(let response, nil): return await read(response, key, &tally)
      case .stale(let response, .some(let leader)):
        await lead(leader, key, round, loop, fetching, &tally)
        return await read(response, key, &tally)
      case .pass: return tally.passed += 1
      case .lead(let leader):
        tally.led += 1
        return await lead(leader, key, round, loop, fetching, &tally)
      case .follow(let follower):
        tally.followed += 1
        if round % 11 == loop { return tally.passed += 1 }   // leaves at once
        var outcome = await follower.wait()
        while outcome == nil { outcome = await follower.wait() }
        switch outcome {
        case .response(let response): return await read(response, key, &tally)
        case .lead(let leader): lookup = .lead(leader)
        case .pass, .failed, .again, nil: return tally.passed += 1
        }
      }
    }
  }

  /// Fetches in one of many ways.
  private nonisolated(nonsending) static func lead(
    _ leader: FillLeader, _ key: Int, _ round: Int, _ loop: Int, _ fetching: [Counter], _ tally: inout Tally
  ) async {
    if fetching[key].fetching.add(1, ordering: .relaxed).oldValue != 0 { tally.atOnce += 1 }
    for _ in 0..<round % 3 { await Task.yield() }
    let length = length(key), content = contents[key]
    let head = StoredHead.fresh(until: Int64(round) + 3)
    func done() { fetching[key].fetching.subtract(1, ordering: .relaxed) }
    switch (round &* 31 &+ loop &* 7) % 10 {
    case 0:
      done()
      leader.fail()
      tally.broken += 1
    case 1:
      done()
      leader.decline()
      tally.passed += 1
    case 2, 3, 4:
      done()
      await read(leader.complete(head, lines: Span(), content: content.span), key, &tally)
    case let way:
      let response = leader.begin(head, lines: Span(), length: way < 8 ? length : nil)
      let reader = response.body.map { BodyReader($0) }
      _ = reader
      var sent = 0
      while sent < length {
        let n = min(length - sent, 16_384)
        if way == 9 && sent > 20_000 { break }
        let piece = Array(content[sent..<sent + n])
        if leader.append(piece.span) == .abandoned { break }
        sent += n
        if sent % 3 == 0 { await Task.yield() }
      }
      done()
      if sent == length { leader.finish() } else { leader.fail() }
      await read(response, key, &tally)
    }
  }

  private nonisolated(nonsending) static func read(_ response: StoredResponse, _ key: Int, _ tally: inout Tally) async {
    var count = 0, wrong = false
    func look(_ bytes: Span<UInt8>) {
      for place in stride(from: 0, to: bytes.count, by: 97) where bytes[place] != byte(key, count + place) { wrong = true }
      count += bytes.count
    }
    guard let body = response.body else {
      look(response.content)
      if wrong || count != length(key) { tally.wrong += 1 }
      return tally.whole += 1
    }
    let reader = BodyReader(body)
    while true {
      switch reader.atHand() {
      case .wait: await reader.wait()
      case .bytes:
        reader.take { bytes in
          look(bytes)
          return bytes.count
        }
      case .end:
        if wrong || count != length(key) { tally.wrong += 1 }
        return tally.whole += 1
      case .broken: return tally.broken += 1
      }
    }
  }
}
