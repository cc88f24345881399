// Owns: how many requests an origin has at once, and the line of those that wait: first come, first served, whichever worker they are on.
// Any thread. Rule of the lock: it is held to count and to queue, never while somebody is woken.
import Distribution
import Synchronization
import Transport

/// The way in to an origin with a bound. Shared by workers.
final class RequestGate: Sendable {
  /// What became of a request at the gate.
  enum Entry: Equatable { case entered, full, late }

  /// A request that waits; guarded by the gate's lock.
  private struct Waiter {
    let number: UInt64
    let wake: Wake
  }
  /// A task to be resumed, on whichever thread it runs.
  @safe private struct Wake: @unchecked Sendable {
    let continuation: UnsafeContinuation<Bool, Never>
    func callAsFunction(_ entered: Bool) { unsafe continuation.resume(returning: entered) }
  }
  private struct Books {
    var bound: RequestBound
    var inFlight = 0
    var nextNumber: UInt64 = 0
    /// In the order of their coming, from `first` on.
    var line: [Waiter] = []
    var first = 0
    var waiting: Int { line.count - first }

    mutating func popFirst() -> Waiter? {
      guard waiting > 0 else { return nil }
      let waiter = line[first]
      first += 1
      if first == line.count || first > 64 && first * 2 > line.count {
        line.removeFirst(first)
        first = 0
      }
      return waiter
    }
    mutating func remove(_ number: UInt64) -> Waiter? {
      guard let index = line[first...].firstIndex(where: { $0.number == number }) else { return nil }
      return line.remove(at: index)
    }
  }
  private let books: Mutex<Books>

  init(_ bound: RequestBound) { books = Mutex(Books(bound: bound)) }

  /// Takes up a changed bound: who waits has the room there is.
  func adopt(_ bound: RequestBound) {
    let woken = books.withLock { books in
      books.bound = bound
      var woken: [Waiter] = []
      while books.inFlight < bound.requests, let next = books.popFirst() {
        books.inFlight += 1
        woken.append(next)
      }
      return woken
    }
    for waiter in woken { waiter.wake(true) }
  }

  /// Requests in flight, and waiting.
  var numbers: (inFlight: Int, waiting: Int) { books.withLock { ($0.inFlight, $0.waiting) } }

  /// Waits for its turn. Who has entered leaves, once.
  /// - Parameters:
  ///   - loop: the caller's.
  ///   - left: how many milliseconds the request has left, where that is bounded.
  nonisolated(nonsending) func enter(on loop: EventLoop, within left: Int? = nil) async -> Entry {
    enum Look { case entered, full, wait(UInt64, milliseconds: Int) }
    let look: Look = books.withLock { books in
      if books.waiting == 0, books.inFlight < books.bound.requests {
        books.inFlight += 1
        return .entered
      }
      guard books.waiting < books.bound.queueLength else { return .full }
      books.nextNumber += 1
      return .wait(books.nextNumber, milliseconds: min(books.bound.queueTimeout.milliseconds, left ?? .max))
    }
    switch look {
    case .entered: return .entered
    case .full: return .full
    case .wait(let number, let milliseconds):
      let timer = loop.schedule(afterMilliseconds: milliseconds) { [self] in books.withLock { $0.remove(number) }?.wake(false) }
      let entered = unsafe await withUnsafeContinuation { continuation in
        let wake = unsafe Wake(continuation: continuation)
        // There may be room since the first look.
        let isFree = books.withLock { books in
          if books.waiting == 0, books.inFlight < books.bound.requests {
            books.inFlight += 1
            return true
          }
          books.line.append(Waiter(number: number, wake: wake))
          return false
        }
        if isFree { wake(true) }
      }
      loop.cancel(timer)
      return entered ? .entered : .late
    }
  }

  /// A request that has entered is over: the next has its place.
  func leave() {
    let next = books.withLock { books in
      let next = books.inFlight <= books.bound.requests ? books.popFirst() : nil
      if next == nil { books.inFlight -= 1 }
      return next
    }
    next?.wake(true)
  }
}
