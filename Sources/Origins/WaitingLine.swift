// Owns: the line of requests that wait for a connection to an origin: first come, first served; whoever gives up leaves it.
// Confined to the pool's thread.
import Transport

/// A request that waits.
@safe final class Waiter {
  /// How its wait ended.
  enum Turn {
    /// A connection was given back.
    case connection(Socket)
    /// A connection was closed: another may be made in its place.
    case place
    /// Its time was over.
    case late
  }
  /// Whether only a new connection will do.
  let mustBeNew: Bool
  private let identity: String?
  private(set) var turn: Turn?
  private var continuation: UnsafeContinuation<Void, Never>?

  init(mustBeNew: Bool, _ identity: OriginIdentity?) {
    self.mustBeNew = mustBeNew
    self.identity = identity?.label
    unsafe continuation = nil
  }

  /// Whether a connection that is given back will do.
  func accepts(_ socket: Socket, _ identity: String?) -> Bool { !mustBeNew && self.identity == identity }

  /// Suspends until ``take(_:)``. Once.
  nonisolated(nonsending) func wait() async { unsafe await withUnsafeContinuation { unsafe continuation = $0 } }

  /// Ends the wait. Once; the line sees to that.
  func take(_ turn: Turn) {
    self.turn = turn
    unsafe continuation?.resume()
    unsafe continuation = nil
  }
}

/// Waiters in the order of their coming. Taking the first and giving up are cheap however long the line is: all waiters of a line have
/// the same patience, so those who gave up stand at its front.
struct WaitingLine {
  private var waiters: [Waiter?] = []
  /// Waiters before this index have left.
  private var first = 0
  /// How many wait.
  private(set) var count = 0

  mutating func append(_ waiter: Waiter) {
    waiters.append(waiter)
    count += 1
  }

  /// Takes the first out of the line.
  mutating func popFirst() -> Waiter? {
    skipLeavers()
    guard first < waiters.count else { return nil }
    count -= 1
    defer { first += 1 }
    return waiters[first].take()
  }

  /// A waiter's time is over. One whose turn has come already keeps it.
  mutating func giveUp(_ waiter: Waiter) {
    guard waiter.turn == nil else { return }
    count -= 1
    waiter.take(.late)
    skipLeavers()
  }

  private mutating func skipLeavers() {
    while first < waiters.count, waiters[first]?.turn != nil { first += 1 }
    if first == waiters.count {
      waiters.removeAll(keepingCapacity: true)
      first = 0
    } else if first > 64, first > waiters.count / 2 {
      waiters.removeFirst(first)
      first = 0
    }
  }
}
