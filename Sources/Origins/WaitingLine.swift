// Owns: the line of requests that wait for a connection to an origin: first come, first served; whoever gives up leaves it.
// Confined to the pool's thread.
import Transport

/// How a wait for a connection, or a stream of one, ended.
enum Turn<Awaited> {
  /// With what was waited for.
  case given(Awaited)
  /// Another connection may be made.
  case place
  /// Without: the time was over.
  case late
}

/// A request that waits.
@safe final class Waiter<Awaited> {
  /// Whether only a new connection will do.
  let mustBeNew: Bool
  private let identity: String?
  private(set) var turn: Turn<Awaited>?
  private var continuation: UnsafeContinuation<Void, Never>?

  init(mustBeNew: Bool, _ identity: OriginIdentity?) {
    self.mustBeNew = mustBeNew
    self.identity = identity?.label
    unsafe continuation = nil
  }

  /// Whether a connection that leads there will do.
  func accepts(_ identity: String?) -> Bool { !mustBeNew && self.identity == identity }

  /// Suspends until ``take(_:)``. Once.
  nonisolated(nonsending) func wait() async { unsafe await withUnsafeContinuation { unsafe continuation = $0 } }

  /// Ends the wait. Once; the line sees to that.
  func take(_ turn: Turn<Awaited>) {
    self.turn = turn
    unsafe continuation?.resume()
    unsafe continuation = nil
  }
}

/// Waiters in the order of their coming. Taking the first and giving up are cheap however long the line is.
struct WaitingLine<Awaited> {
  /// Places of those who left stay until there are more of them than of others.
  private var waiters: [Waiter<Awaited>?] = []
  /// Waiters before this index have left.
  private var first = 0
  /// How many wait.
  private(set) var count = 0

  mutating func append(_ waiter: Waiter<Awaited>) {
    waiters.append(waiter)
    count += 1
  }

  /// Takes the first out of the line whom `fits` holds for.
  mutating func popFirst(where fits: (Waiter<Awaited>) -> Bool = { _ in true }) -> Waiter<Awaited>? {
    guard count > 0 else { return nil }
    skipLeavers()
    guard let index = waiters[first...].firstIndex(where: { Self.waits($0) && $0.map(fits) == true }) else { return nil }
    count -= 1
    return waiters[index].take()
  }

  private static func waits(_ waiter: Waiter<Awaited>?) -> Bool { waiter.map { $0.turn == nil } ?? false }

  /// A waiter's time is over. One whose turn has come already keeps it.
  mutating func giveUp(_ waiter: Waiter<Awaited>) {
    guard waiter.turn == nil else { return }
    count -= 1
    waiter.take(.late)
    skipLeavers()
  }

  private mutating func skipLeavers() {
    while first < waiters.count, !Self.waits(waiters[first]) { first += 1 }
    guard first == waiters.count || waiters.count > 64 + 2 * count else { return }
    waiters.removeAll { !Self.waits($0) }
    first = 0
  }
}
