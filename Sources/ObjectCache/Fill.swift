// Owns: one fetch for all who want the same object at once (spec/request-pipeline.md, 14.1): who fetches, who waits, what they are told.
//
//   waiting ──begin/complete/renew──▶ answered      everybody gets the response; its body may still grow
//      │ ├────────decline───────────▶ passed        each fetches for itself
//      │ ├────────found─────────────▶ found         it was on disk; look up again
//      │ └─fail─▶ one follower becomes the leader, a few times at most
//      └──────────────────────fail──▶ failed
//
// The lock guards `state`; it is held for a few moves, and nothing is woken under it that could come back here.
import Synchronization
import Transport

/// A fetch under way. Any thread.
final class Fill: Sendable {
  enum Phase: Sendable {
    case waiting, answered(StoredResponse), passed, failed
    /// It has been found on disk and stands in memory now: ask again.
    case found
  }

  /// Where a follower waits.
  final class Seat: Sendable { let wakeup = Wakeup() }

  private struct State {
    var phase = Phase.waiting
    var seats: [Seat] = []
    /// The one that is to lead.
    var chosen: Seat?
    var failures = 0
  }

  let store: ObjectStore
  let key: [UInt8]
  let hash: UInt64
  let places: KeyPlaces
  /// The newest invalidation when it began.
  let sequence: UInt64
  /// What it is to replace; it may be validated.
  let stale: StoredResponse?
  /// Whether what it brings is kept.
  var isKept: Bool { mayBeKept.load(ordering: .acquiring) }
  private let mayBeKept: Atomic<Bool>
  private let state = Mutex(State())

  init(
    _ store: ObjectStore, _ key: Span<UInt8>, _ hash: UInt64, _ places: KeyPlaces, sequence: UInt64, stale: StoredResponse?, isKept: Bool = true
  ) {
    self.store = store
    mayBeKept = Atomic(isKept)
    self.key = unsafe key.withUnsafeBufferPointer { unsafe Array($0) }
    self.hash = hash
    self.places = places
    self.sequence = sequence
    self.stale = stale
  }

  func isFor(_ other: Span<UInt8>) -> Bool {
    guard key.count == other.count else { return false }
    for index in 0..<key.count where key[index] != other[index] { return false }
    return true
  }
  /// What it brings is not to be kept: its target has been changed since it began.
  func forbid() { mayBeKept.store(false, ordering: .sequentiallyConsistent) }
  /// How many wait to be told.
  var followers: Int { state.withLock { $0.seats.count } }

  // MARK: Leading

  /// Tells everybody, now and later.
  func settle(_ phase: Phase) {
    let seats = state.withLock { state in
      guard case .waiting = state.phase else { return [Seat]() }
      state.phase = phase
      state.chosen = nil
      defer { state.seats.removeAll() }
      return state.seats
    }
    for seat in seats { seat.wakeup.wake() }
  }

  /// It is not on disk, or cannot be used: the first of those who wait fetches it.
  /// - Returns: whether somebody does.
  func handOver() -> Bool { leaderFailed(attempts: nil) }

  /// The leader got no answer. One of those who wait takes its place, as long as that is worth it.
  /// - Parameter attempts: how many may fail; nil when none has been made.
  /// - Returns: whether another leads now. (What the lock saw: that one may have brought an answer before this returns.)
  func leaderFailed(attempts: Int?) -> Bool {
    let (woken, goesOn): ([Seat], Bool) = state.withLock { state in
      guard case .waiting = state.phase else { return ([], false) }
      if attempts != nil { state.failures += 1 }
      if state.failures < attempts ?? .max, let first = state.seats.first {
        state.chosen = first
        return ([first], true)
      }
      state.phase = .failed
      return (state.seats, false)
    }
    for seat in woken { seat.wakeup.wake() }
    return goesOn
  }
  /// Whether there is no answer and nobody asks for one any more.
  var hasFailed: Bool { state.withLock { if case .failed = $0.phase { true } else { false } } }

  // MARK: Following

  enum Told: Sendable { case nothing, lead, phase(Phase) }

  /// Takes a seat when there is something to wait for.
  func sit() -> Seat {
    let seat = Seat()
    state.withLock { state in if case .waiting = state.phase { state.seats.append(seat) } }
    return seat
  }
  /// What there is to say to one who waits; who is told to lead has given up the seat.
  func ask(_ seat: Seat) -> Told {
    state.withLock { state in
      guard case .waiting = state.phase else { return .phase(state.phase) }
      guard state.chosen === seat else { return .nothing }
      state.chosen = nil
      state.seats.removeAll { $0 === seat }
      return .lead
    }
  }
  /// One who waits leaves. When it was the one to lead, the next one is.
  /// - Returns: whether nobody is left who could lead.
  func stand(_ seat: Seat) -> Bool {
    let (next, isLast): (Seat?, Bool) = state.withLock { state in
      state.seats.removeAll { $0 === seat }
      guard case .waiting = state.phase, state.chosen === seat else { return (nil, false) }
      state.chosen = state.seats.first
      if state.seats.isEmpty { state.phase = .failed }
      return (state.chosen, state.seats.isEmpty)
    }
    next?.wakeup.wake()
    return isLast
  }
}
