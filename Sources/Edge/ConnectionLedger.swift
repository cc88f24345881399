// Owns: how many connections there are, by worker and by client address; who may come in and which worker serves it.
// The kernel spreads connections by hash (SO_REUSEPORT), which is uneven for few: the one that accepts hands them to the idlest.
// One small lock, taken when a connection begins and when it ends, never during one.
import Synchronization
import Transport

/// Counts connections of all workers. Any thread.
final class ConnectionLedger: Sendable {
  private struct Books {
    var byWorker: [Int]
    var byAddress: [SocketAddress: Int] = [:]
  }
  private let books: Mutex<Books>

  init(workers: Int) { books = Mutex(Books(byWorker: Array(repeating: 0, count: workers))) }

  /// What becomes of a connection.
  enum Admission { case worker(Int), workersFull, addressFull }

  /// Admits a connection to the worker with the fewest, or says which limit it met.
  /// - Parameter accepting: the worker that accepted it; it is preferred among equals.
  func admit(_ peer: SocketAddress, accepting: Int, perWorker: Int, perAddress: Int) -> Admission {
    let address = Self.account(peer)
    return books.withLock { books in
      if case .unix = address {} else if books.byAddress[address, default: 0] >= perAddress { return .addressFull }
      var idlest = accepting
      for worker in books.byWorker.indices where books.byWorker[worker] < books.byWorker[idlest] { idlest = worker }
      guard books.byWorker[idlest] < perWorker else { return .workersFull }
      books.byWorker[idlest] += 1
      books.byAddress[address, default: 0] += 1
      return .worker(idlest)
    }
  }

  /// A connection has ended.
  func release(_ peer: SocketAddress, worker: Int) {
    let address = Self.account(peer)
    books.withLock { books in
      books.byWorker[worker] -= 1
      let left = books.byAddress[address, default: 1] - 1
      books.byAddress[address] = left > 0 ? left : nil
    }
  }

  /// Whom a connection is counted for: an IPv4 address, or the /64 of an IPv6 address, which one viewer has whole.
  private static func account(_ peer: SocketAddress) -> SocketAddress {
    if case .ipv6(let high, _, _) = peer { return .ipv6(high: high, low: 0, port: 0) }
    return peer.with(port: 0)
  }

  /// Connections open now.
  var open: Int { books.withLock { $0.byWorker.reduce(0, +) } }
}
