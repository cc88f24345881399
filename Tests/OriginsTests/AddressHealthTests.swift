// Ejection and return of addresses, and which gets the next request, in virtual time.
@testable import Origins
import Distribution
import TestTools
import Testing
import Transport

@Suite struct AddressHealthTests {
  private var policy: EjectionPolicy {
    var policy = EjectionPolicy()
    policy.consecutiveFailures = 3
    policy.failurePercent = 50
    policy.minimumRequests = 10
    policy.window = .seconds(10)
    policy.time = .seconds(5)
    policy.maximumTime = .seconds(15)
    policy.slowStart = .seconds(10)
    return policy
  }

  /// One request, begun and ended at a time.
  private func request(_ health: inout AddressHealth, _ success: Bool?, at now: UInt64) -> AddressHealth.Change? {
    let isTrial = health.begin(at: now)
    let change = success.flatMap { health.note(success: $0, wasTrial: isTrial, at: now, policy) }
    health.end(wasTrial: isTrial, at: now)
    return change
  }

  @Test func failuresInARow() {
    var health = AddressHealth()
    for success in [false, false, true, false, false] { #expect(request(&health, success, at: 0) == nil) }
    #expect(request(&health, false, at: 0) == .ejected(milliseconds: 5000, why: .inARow(3)))
    #expect(health.share(at: 4999, policy) == 0 && health.share(at: 5000, policy) == 1)
  }

  @Test func aShareOfTheRequestsOfAWindow() {
    var health = AddressHealth()
    for success in [true, false, true, false, true, false, true, false, true] { #expect(request(&health, success, at: 0) == nil) }
    #expect(request(&health, false, at: 9_999) == .ejected(milliseconds: 5000, why: .share(failures: 5, requests: 10)))
    health = AddressHealth()
    for second in 0..<100 as Range<UInt64> {
      #expect(request(&health, second % 2 == 0, at: second * 2000) == nil, "too few in a window")
    }
  }

  @Test func theTrialAndTheWayBack() {
    var health = AddressHealth()
    for _ in 0..<3 { _ = request(&health, false, at: 0) }
    let isTrial = health.begin(at: 5000)
    #expect(isTrial && health.condition == .tried)
    #expect(health.share(at: 5000, policy) == 0, "one trial at a time")
    let change = health.note(success: true, wasTrial: true, at: 5100, policy)
    health.end(wasTrial: true, at: 5100)
    #expect(change == .returned)
    #expect(health.share(at: 5100, policy) == 0.1 && health.share(at: 10_100, policy) == 0.5 && health.share(at: 20_000, policy) == 1)
    #expect(request(&health, true, at: 15_100) == nil && health.condition == .good)
  }

  /// Each ejection is twice as long as the one before, up to the longest; a trial that comes to nothing is made again.
  @Test func longerAndLonger() {
    var health = AddressHealth(), now: UInt64 = 0
    for _ in 0..<2 { _ = request(&health, false, at: now) }
    var expected = [5000, 10_000, 15_000, 15_000]
    var change = request(&health, false, at: now)
    while let milliseconds = expected.first {
      if case .ejected(milliseconds, _)? = change {} else { Issue.record("\(String(describing: change)), not \(milliseconds)") }
      expected.removeFirst()
      now += UInt64(milliseconds)
      #expect(request(&health, nil, at: now) == nil && health.condition == .ejected(until: now))
      change = request(&health, false, at: now)
      if !expected.isEmpty { #expect(change != nil) }
    }
    #expect(request(&health, true, at: now + 15_000) == .returned)
  }

  /// What was good to the end of its return is ejected for the shortest time again; what fails before that, for longer than the last time.
  @Test(arguments: [true, false]) func theNextTimeAfterAReturn(cameToItsEnd: Bool) {
    var health = AddressHealth()
    for _ in 0..<3 { _ = request(&health, false, at: 0) }
    #expect(request(&health, true, at: 5_000) == .returned)
    let later: UInt64 = cameToItsEnd ? 15_000 : 14_999
    #expect(request(&health, true, at: later) == nil && health.condition == (cameToItsEnd ? .good : .returning(since: 5_000)))
    for _ in 0..<2 { #expect(request(&health, false, at: later) == nil) }
    #expect(request(&health, false, at: later) == .ejected(milliseconds: cameToItsEnd ? 5_000 : 10_000, why: .inARow(3)))
  }

  /// What began before the ejection says nothing after it; in panic a success brings an address back before its time.
  @Test func lateResultsAndPanic() {
    var health = AddressHealth()
    let early = health.begin(at: 0)
    for _ in 0..<3 { _ = request(&health, false, at: 0) }
    let late = health.note(success: true, wasTrial: early, at: 100, policy)
    #expect(!early && late == nil && health.share(at: 100, policy) == 0)
    #expect(request(&health, false, at: 200) == nil, "still the same ejection")
    #expect(request(&health, true, at: 300) == .returned)
  }

  @Test func checks() {
    var health = AddressHealth(), check = HealthCheck(path: "/")
    check.unhealthyThreshold = 3
    check.healthyThreshold = 2
    var changes: [AddressHealth.Change?] = []
    for (second, success) in [true, false, false, true, false, false, false, false, true, false, true, true, true].enumerated() {
      changes.append(health.check(success: success, at: UInt64(second) * 1000, check))
    }
    #expect(changes == [nil, nil, nil, nil, nil, nil, .down, nil, nil, nil, nil, .up, nil])
    #expect(health.share(at: 11_000, policy) == 0.1, "it comes back slowly")
    health.forgetChecks()
    #expect(!health.isDown)
  }
}

@Suite struct AddressBoardTests {
  private let addresses = (1...4).map { SocketAddress.ipv4(0x0a00_0000 + $0, port: 80) }
  private func shares(_ board: AddressBoard, _ count: Int = 10_000, at now: UInt64 = 0) -> [Double] {
    var numbers = SplitMix(seed: 7), hits = [SocketAddress: Int]()
    for _ in 0..<count { hits[board.choose(addresses, at: now, using: &numbers).address, default: 0] += 1 }
    return addresses.map { Double(hits[$0] ?? 0) / Double(count) }
  }

  @Test func allAlike() { for share in shares(AddressBoard(EjectionPolicy())) { #expect(abs(share - 0.25) < 0.02) } }

  /// The busiest of four is never the less busy of two.
  @Test func theLessBusyOfTwo() {
    var board = AddressBoard(EjectionPolicy())
    for (index, address) in addresses.enumerated() { for _ in 0..<index { _ = board.update(address, at: 0) { $0.begin(at: 0) } } }
    let found = shares(board)
    #expect(abs(found[0] - 0.5) < 0.02 && abs(found[1] - 1 / 3) < 0.02 && abs(found[2] - 1 / 6) < 0.02 && found[3] == 0)
  }

  /// As many requests in flight everywhere, within a few, whatever the order in which they end.
  @Test func loadStaysEven() {
    var board = AddressBoard(EjectionPolicy()), numbers = SplitMix(seed: 7), running: [SocketAddress] = []
    for step in 0..<20_000 {
      let address = board.choose(addresses, at: 0, using: &numbers).address
      _ = board.update(address, at: 0) { $0.begin(at: 0) }
      running.append(address)
      if step >= 100 {
        let ended = running.remove(at: Int.random(in: 0..<running.count, using: &numbers))
        board.update(ended, at: 0) { $0.end(wasTrial: false, at: 0) }
      }
    }
    for (_, health) in board.all { #expect(abs(health.inFlight - 25) <= 6) }
  }

  private func eject(_ board: inout AddressBoard, _ address: SocketAddress, at now: UInt64 = 0) {
    let policy = board.policy
    board.update(address, at: now) { for _ in 0..<policy.consecutiveFailures { _ = $0.note(success: false, wasTrial: false, at: now, policy) } }
  }

  @Test func ejectedOnesGetNothingAndReturningOnesLittle() {
    var board = AddressBoard(EjectionPolicy())
    eject(&board, addresses[0])
    var found = shares(board)
    #expect(found[0] == 0 && abs(found[1] - 1 / 3) < 0.02)
    let policy = board.policy
    board.update(addresses[0], at: 10_000) {
      let isTrial = $0.begin(at: 10_000)
      _ = $0.note(success: true, wasTrial: isTrial, at: 10_000, policy)
      $0.end(wasTrial: isTrial, at: 10_000)
    }
    found = shares(board, at: 15_000)
    #expect(found[0] > 0.1 && found[0] < 0.19, "half of its share")
    #expect(board.order(addresses, from: addresses[2], at: 0) == [addresses[2], addresses[0], addresses[1], addresses[3]])
  }

  @Test func panic() {
    var board = AddressBoard(EjectionPolicy()), numbers = SplitMix(seed: 7)
    #expect(!board.isWhollyEjected([], at: 0) && !board.isWhollyEjected(addresses, at: 0))
    for address in addresses { eject(&board, address) }
    #expect(board.isWhollyEjected(addresses, at: 0) && !board.isWhollyEjected(addresses, at: 10_000))
    #expect(board.choose(addresses, at: 0, using: &numbers).isPanic)
    for share in shares(board) { #expect(abs(share - 0.25) < 0.02) }
  }

  /// What the name has lost is not shown for ever, and is remembered: a name may have its addresses by turns.
  @Test func addressesThatTheNameHasLost() {
    var board = AddressBoard(EjectionPolicy())
    func fail(_ address: SocketAddress) { board.update(address, at: 0, isCheck: true) { _ = $0.check(success: false, at: 0, HealthCheck(path: "/")) } }
    for address in addresses.prefix(3) { for _ in 0..<HealthCheck(path: "/").unhealthyThreshold { fail(address) } }
    _ = board.update(addresses[2], at: 0) { $0.begin(at: 0) }
    board.list([addresses[0]])
    #expect(board.all.map(\.address) == [addresses[0], addresses[2]], "one is still asked")
    fail(addresses[1])
    #expect(board.all.map(\.address) == [addresses[0], addresses[2]], "a check is no request")
    board.update(addresses[2], at: 0) { $0.end(wasTrial: false, at: 0) }
    board.list([addresses[0]])
    #expect(board.all.map(\.address) == [addresses[0]])
    board.list(addresses)
    #expect(board.all.count == 3 && board.all.allSatisfy { $0.health.share(at: 0, board.policy) == 0 })
    board.list([])
    _ = board.update(addresses[1], at: 0) { $0.begin(at: 0) }
    board.update(addresses[1], at: 0) { $0.end(wasTrial: false, at: 0) }
    #expect(board.all.map(\.address) == [addresses[1]], "a request has used it")
  }

  @Test func addressesAreForgotten() {
    var board = AddressBoard(EjectionPolicy())
    for number in 0..<1000 as Range<UInt32> { _ = board.update(.ipv4(number, port: 80), at: UInt64(number)) { $0.begin(at: 0) } }
    #expect(board.all.count == 1000, "none with a request")
    for number in 0..<1000 as Range<UInt32> { board.update(.ipv4(number, port: 80), at: UInt64(number)) { $0.end(wasTrial: false, at: 0) } }
    for number in 2000..<4000 as Range<UInt32> { board.update(.ipv4(number, port: 80), at: UInt64(number)) { _ in } }
    #expect(board.all.count == 1000)
  }
}
