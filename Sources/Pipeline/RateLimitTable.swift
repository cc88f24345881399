// Owns: the buckets of all clients of all behaviors with a rate limit, shared by the workers: what a client gets does not depend on whose
// connections its requests came by. It survives reloads.
//
// A table of fixed size, in sets of eight places: a client's bucket lies in one set, in any of its places. Where none is free, one that is full
// makes room (to forget it changes nothing), else the one that will be full first: that client begins anew, which is counted.
// Rule of the locks: one for each shard, held for a look at one set (some 20 ns), never two at once.
import Distribution
import Synchronization

/// Buckets by client. Any thread.
final class RateLimitTable: Sendable {
  /// Buckets of one set.
  static let ways = 8
  /// Locks; a power of two.
  static let shardCount = 64

  private struct Shard {
    /// Who a place belongs to, by hash; 0 for nobody.
    var clients: [UInt64] = []
    var buckets: [TokenBucket] = []
  }
  /// A lock of its own for each part of the table.
  private final class Locked: Sendable {
    let shard = Mutex(Shard())
  }
  private let shards: [Locked] = (0..<shardCount).map { _ in Locked() }

  init() {}

  /// What becomes of a request.
  struct Verdict: Equatable {
    /// Until there is a token; nil: the request has one.
    var waitNanoseconds: UInt64?
    /// Whether a bucket that was not full was forgotten for this one.
    var forgot = false
  }

  /// Makes room for so many buckets, some more or less. With another size than before all are forgotten; so they are with 0, for no memory at all.
  func resize(to places: Int) {
    let sets = places == 0 ? 0 : max(1, places / (Self.ways * Self.shardCount)), count = sets * Self.ways
    for locked in shards {
      locked.shard.withLock { shard in
        guard shard.clients.count != count else { return }
        shard.clients = [UInt64](repeating: 0, count: count)
        shard.buckets = [TokenBucket](repeating: TokenBucket(), count: count)
      }
    }
  }

  /// Takes a token of a client.
  /// - Parameters:
  ///   - client: a hash of who it is and which limit it is about, with a seed that nobody knows.
  ///   - now: monotonic nanoseconds.
  func take(_ client: UInt64, at now: UInt64, every interval: UInt64, burst: Int) -> Verdict {
    let client = client == 0 ? 1 : client
    return shards[Int(client & UInt64(Self.shardCount - 1))].shard.withLock { shard in
      guard !shard.clients.isEmpty else { return Verdict() }
      let sets = UInt64(shard.clients.count / Self.ways)
      let first = Int((client >> 6) % sets) * Self.ways
      var place = first, forgot = false
      while place < first + Self.ways && shard.clients[place] != client { place += 1 }
      if place == first + Self.ways {
        place = first
        for other in first..<first + Self.ways where shard.buckets[other].fullAt < shard.buckets[place].fullAt { place = other }
        forgot = shard.buckets[place].fullAt > now
        shard.clients[place] = client
        shard.buckets[place] = TokenBucket()
      }
      return Verdict(waitNanoseconds: shard.buckets[place].take(at: now, every: interval, burst: burst), forgot: forgot)
    }
  }
}
