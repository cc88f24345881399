// Owns: what the resolver remembers of names, and the decisions about it: how long an answer is good, when an old one may still serve,
// when a failing name is asked for again, and which name is forgotten when there are too many.
// A value without I/O or clock: time comes from outside, in the loop's milliseconds.

/// The addresses of a name, in the order in which they should be tried (RFC 8305, 4: address families alternate, IPv6 first).
public struct ResolvedAddresses: Sendable, Equatable {
  /// At least one; ports are 0.
  public let addresses: [SocketAddress]
  /// Whether the answer is past its time to live and serves because the name servers fail.
  public let isStale: Bool

  init(addresses: [SocketAddress], isStale: Bool) {
    self.addresses = addresses
    self.isStale = isStale
  }

  /// The same addresses with a port to connect to.
  public func with(port: UInt16) -> [SocketAddress] { addresses.map { $0.with(port: port) } }

  /// Orders addresses so that the families take turns, IPv6 first; within a family the given order stays. Duplicates are dropped.
  static func interleaved(_ addresses: [SocketAddress]) -> [SocketAddress] {
    var seen: Set<SocketAddress> = []
    let unique = addresses.filter { seen.insert($0).inserted }
    let six = unique.filter { $0.isIPv6 }, four = unique.filter { !$0.isIPv6 }
    return (0..<max(six.count, four.count)).flatMap { index in
      [index < six.count ? six[index] : nil, index < four.count ? four[index] : nil].compactMap { $0 }
    }
  }
}

extension SocketAddress {
  var isIPv6: Bool { if case .ipv6 = self { true } else { false } }
}

struct ResolverCache {
  enum Finding: Equatable {
    /// Nothing is known: ask.
    case absent
    /// Within its time to live.
    case fresh(ResolvedAddresses)
    /// Past its time to live. `mayAsk` is false for a while after the name servers failed: then it serves without asking.
    case stale(ResolvedAddresses, mayAsk: Bool)
    /// The name does not exist or has no address.
    case negative
    /// The name servers failed a moment ago and there is nothing else.
    case failing
  }

  private struct Entry {
    var addresses: [SocketAddress] = []
    /// Until when the answer (or, without addresses, the negative answer) is good.
    var expires: UInt64 = 0
    /// Until when an expired answer may serve while the name servers fail.
    var staleUntil: UInt64 = 0
    /// After a failure: when the name servers may be asked again.
    var askAgain: UInt64 = 0
    var isNegative = false
    var lastUsed: UInt64 = 0
  }

  private let configuration: Resolver.Configuration
  private var entries: [String: Entry] = [:]
  private var uses: UInt64 = 0

  init(_ configuration: Resolver.Configuration) { self.configuration = configuration }

  /// How many names are remembered.
  var count: Int { entries.count }

  mutating func find(_ name: String, now: UInt64) -> Finding {
    guard var entry = entries[name] else { return .absent }
    uses += 1
    entry.lastUsed = uses
    entries[name] = entry
    if entry.isNegative { return now < entry.expires ? .negative : .absent }
    if !entry.addresses.isEmpty {
      if now < entry.expires { return .fresh(ResolvedAddresses(addresses: entry.addresses, isStale: false)) }
      if now < entry.staleUntil {
        return .stale(ResolvedAddresses(addresses: entry.addresses, isStale: true), mayAsk: now >= entry.askAgain)
      }
    }
    return now < entry.askAgain ? .failing : .absent
  }

  /// Remembers an answer for its time to live, kept within the bounds.
  /// - Returns: whether another name had to be forgotten.
  mutating func store(_ addresses: [SocketAddress], ttlSeconds: Int, for name: String, now: UInt64) -> Bool {
    let ttl = min(max(ttlSeconds, configuration.minimumTTLSeconds), configuration.maximumTTLSeconds)
    var entry = Entry()
    entry.addresses = ResolvedAddresses.interleaved(addresses)
    entry.expires = now + UInt64(ttl) * 1000
    entry.staleUntil = entry.expires + UInt64(max(configuration.staleLimitSeconds, 0)) * 1000
    return insert(entry, for: name)
  }

  /// Remembers that a name does not exist or has no address; forgets older addresses, as this is an answer.
  mutating func storeNegative(for name: String, now: UInt64) -> Bool {
    var entry = Entry()
    entry.isNegative = true
    entry.expires = now + UInt64(configuration.negativeTTLSeconds) * 1000
    return insert(entry, for: name)
  }

  /// Remembers that the name servers failed: older addresses go on serving, and nobody asks again for a while.
  mutating func storeFailure(for name: String, now: UInt64) -> Bool {
    var entry = entries[name] ?? Entry()
    entry.askAgain = now + UInt64(configuration.failureTTLMilliseconds)
    return insert(entry, for: name)
  }

  private mutating func insert(_ new: Entry, for name: String) -> Bool {
    let isFull = entries[name] == nil && entries.count >= configuration.cachedNamesLimit
    if isFull, let oldest = entries.min(by: { $0.value.lastUsed < $1.value.lastUsed })?.key { entries[oldest] = nil }
    uses += 1
    var entry = new
    entry.lastUsed = uses
    entries[name] = entry
    return isFull
  }
}
