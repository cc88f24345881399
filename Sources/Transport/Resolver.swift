// Owns: turning origin names into addresses on a worker, without blocking it: one look-up per name at a time, answers kept by their time to
// live within bounds, old answers while the name servers fail. Confined to its loop's thread (not Sendable).
// The decisions are ResolverCache's, the wire is c-ares' (ResolverChannel). RFC 1035; RFC 2308 for negative answers; RFC 8767 for stale ones.

/// Why a name has no addresses.
public enum ResolveFailure: Error, Equatable, Sendable {
  /// The name does not exist or has no address. Remembered for `negativeTTLSeconds`.
  case nameUnknown
  /// It cannot be a host name (RFC 1123, 2.1; underscores are let through).
  case invalidName
  /// The name servers failed or answered nonsense. Remembered for `failureTTLMilliseconds`.
  case serverFailure
  /// The name servers did not answer in time. Remembered like a failure.
  case timedOut
  /// As many look-ups are under way as may be.
  case tooManyLookups
  /// c-ares could not be started, or the resolver was closed.
  case unavailable
}

/// Resolves names on one event loop.
public final class Resolver {
  /// Limits and times; each named in Documentation/limits or observability.
  public struct Configuration: Sendable, Equatable {
    /// An answer is good for at least this long. Default 1 s.
    public var minimumTTLSeconds = 1
    /// An answer is good for at most this long. Default 1 h.
    public var maximumTTLSeconds = 3_600
    /// How long "no such name" is believed. Default 5 s.
    public var negativeTTLSeconds = 5
    /// How long nobody asks for a name again after the name servers failed. Default 1 s.
    public var failureTTLMilliseconds = 1_000
    /// How long past its time an answer may serve while the name servers fail. Default 1 day.
    public var staleLimitSeconds = 86_400
    /// How long a request waits for the name servers when an old answer is at hand. Default 300 ms.
    public var stalePatienceMilliseconds = 300
    /// How long a request waits for the name servers without one. Default 5 s.
    public var timeoutMilliseconds = 5_000
    /// How long one name server may take to answer one question; doubled in each round. Default 1 s.
    public var attemptTimeoutMilliseconds = 1_000
    /// How often each name server is asked. Default 3.
    public var attempts = 3
    /// Names remembered; beyond, the one longest unused is forgotten. Default 1,024.
    public var cachedNamesLimit = 1_024
    /// Look-ups under way; beyond, a request fails with `tooManyLookups`. Default 256.
    public var lookupsLimit = 256
    /// Name servers as `ADDRESS:PORT` separated by commas, used instead of those of the file; for tests.
    public var servers: String?
    /// The file that names the servers (resolv.conf(5)); looked at again when a name is asked for, at most once a second. Default /etc/resolv.conf.
    public var serversFile = "/etc/resolv.conf"
    /// The port of the servers that the file names. Default 53.
    public var serversPort: UInt16 = 53
    /// The defaults.
    public init() {}
  }

  /// What became of a call of `resolve`, or happened beside it; for counters.
  public enum Outcome: Sendable, CaseIterable {
    case cached, resolved, stale, negative, failed, timedOut, collapsed
    /// A name was forgotten because there were too many.
    case forgotten
    /// A look-up was refused because too many are under way.
    case refused
    /// The servers' file has changed and was read again.
    case serversChanged
  }

  /// A look-up under way: the tasks that wait for it and what they will find.
  @safe private final class Lookup {
    var waiters: [UnsafeContinuation<Void, Never>]
    var result: Result<ResolvedAddresses, ResolveFailure>?
    init() { unsafe waiters = [] }

    func conclude(_ result: Result<ResolvedAddresses, ResolveFailure>) {
      guard self.result == nil else { return }
      self.result = result
      let waiting = unsafe waiters
      unsafe waiters = []
      for unsafe waiter in unsafe waiting { unsafe waiter.resume() }
    }
  }

  /// Told of every outcome, on the loop's thread.
  public var observe: ((Outcome) -> Void)?

  private let loop: EventLoop
  private let configuration: Configuration
  private var channel: ResolverChannel
  /// Channels of earlier servers, until their look-ups have ended.
  private var former: [ResolverChannel] = []
  private var serversVersion: FileStamp?
  private var nextLookAtFile: UInt64 = 0
  private var cache: ResolverCache
  private var lookups: [String: Lookup] = [:]
  /// Questions that c-ares has not concluded, also those whose waiters have given up.
  private var questionsOpen = 0

  /// - Throws: `unavailable` when c-ares cannot be started or `servers` cannot be read.
  public init(loop: EventLoop, configuration: Configuration = Configuration()) throws(ResolveFailure) {
    self.loop = loop
    self.configuration = configuration
    cache = ResolverCache(configuration)
    serversVersion = FileStamp(of: configuration.serversFile)
    channel = try ResolverChannel(loop: loop, configuration)
  }

  deinit { close() }

  /// Ends all look-ups; every later call fails unless it needs none.
  public func close() {
    isClosed = true
    channel.close()
    for channel in former { channel.close() }
  }
  private var isClosed = false

  /// Takes up what the servers' file says now, if that has changed. Look-ups under way stay with the servers they were sent to.
  private func lookAtFile() {
    guard loop.now >= nextLookAtFile, configuration.servers == nil, !isClosed else { return }
    nextLookAtFile = loop.now + Self.fileIntervalMilliseconds
    for channel in former where channel.lookups == 0 { channel.close() }
    former.removeAll { $0.lookups == 0 }
    let version = FileStamp(of: configuration.serversFile)
    // A file that is gone or cannot be read is being replaced: what it said last goes on.
    guard version != serversVersion, version != nil, former.count < Self.formerLimit,
      let fresh = try? ResolverChannel(loop: loop, configuration)
    else { return }
    serversVersion = version
    former.append(channel)
    channel = fresh
    observe?(.serversChanged)
  }
  private static let fileIntervalMilliseconds: UInt64 = 1000
  /// Earlier sets of servers that may still be answering; while there are so many, a further change waits.
  private static let formerLimit = 4

  /// The addresses of a name. Call on the loop's thread; never blocks it. Literal addresses and `localhost` need no look-up.
  /// - Parameters:
  ///   - name: a host name or an address literal (IPv6 with or without brackets).
  public nonisolated(nonsending) func resolve(_ name: String) async throws(ResolveFailure) -> ResolvedAddresses {
    if let known = Resolver.withoutLookup(name) { return known }
    guard let key = Resolver.canonical(name) else { throw .invalidName }
    switch cache.find(key, now: loop.now) {
    case .fresh(let addresses):
      observe?(.cached)
      return addresses
    case .negative:
      observe?(.negative)
      throw .nameUnknown
    case .failing:
      observe?(.failed)
      throw .serverFailure
    case .stale(let addresses, mayAsk: false):
      observe?(.stale)
      return addresses
    case .stale(let old, mayAsk: true):
      do {
        return try await lookUp(key, patienceMilliseconds: configuration.stalePatienceMilliseconds)
      } catch {
        if error == .nameUnknown { throw error }
        observe?(.stale)
        return old
      }
    case .absent:
      return try await lookUp(key, patienceMilliseconds: configuration.timeoutMilliseconds)
    }
  }

  /// Waits for the look-up of the name that is under way, or starts one.
  private nonisolated(nonsending) func lookUp(
    _ key: String, patienceMilliseconds: Int
  ) async throws(ResolveFailure) -> ResolvedAddresses {
    let lookup: Lookup
    if let running = lookups[key] {
      observe?(.collapsed)
      lookup = running
    } else {
      lookup = try start(key, patienceMilliseconds)
    }
    if lookup.result == nil {
      unsafe await suspended { unsafe lookup.waiters.append($0) }
    }
    guard let result = lookup.result else { throw .timedOut }
    return try result.get()
  }

  private func start(_ key: String, _ patienceMilliseconds: Int) throws(ResolveFailure) -> Lookup {
    guard questionsOpen < configuration.lookupsLimit else {
      observe?(.refused)
      throw .tooManyLookups
    }
    lookAtFile()
    let lookup = Lookup()
    lookups[key] = lookup
    questionsOpen += 1
    let timer = loop.schedule(afterMilliseconds: patienceMilliseconds) { [weak self] in self?.giveUp(key, lookup) }
    channel.lookUp(key) { [weak self, loop] answer in
      loop.cancel(timer)
      self?.take(answer, for: key, lookup)
    }
    return lookup
  }

  /// The waiters' patience is over. The question stays open: a late answer still fills the cache.
  private func giveUp(_ key: String, _ lookup: Lookup) {
    guard lookup.result == nil else { return }
    observe?(.timedOut)
    if cache.storeFailure(for: key, now: loop.now) { observe?(.forgotten) }
    if lookups[key] === lookup { lookups[key] = nil }
    lookup.conclude(.failure(.timedOut))
  }

  private func take(_ answer: ResolverAnswer, for key: String, _ lookup: Lookup) {
    questionsOpen -= 1
    if lookups[key] === lookup { lookups[key] = nil }
    let late = lookup.result != nil
    let hasForgotten: Bool
    switch answer {
    case .addresses(let addresses, let ttl):
      hasForgotten = cache.store(addresses, ttlSeconds: ttl, for: key, now: loop.now)
      observe?(.resolved)
      lookup.conclude(.success(ResolvedAddresses(addresses: ResolvedAddresses.interleaved(addresses), isStale: false)))
    case .unknown:
      hasForgotten = cache.storeNegative(for: key, now: loop.now)
      observe?(.negative)
      lookup.conclude(.failure(.nameUnknown))
    case .failed:
      // A failure that comes after the waiters gave up tells nothing new.
      hasForgotten = late ? false : cache.storeFailure(for: key, now: loop.now)
      if !late { observe?(.failed) }
      lookup.conclude(.failure(.serverFailure))
    }
    if hasForgotten { observe?(.forgotten) }
  }

  // MARK: Names (pure)

  /// Address literals, and `localhost` with everything below it (RFC 6761, 6.3).
  static func withoutLookup(_ name: String) -> ResolvedAddresses? {
    if let address = SocketAddress(host: name, port: 0) { return ResolvedAddresses(addresses: [address], isStale: false) }
    let plain = (name.hasSuffix(".") ? String(name.dropLast()) : name).lowercased()
    guard plain == "localhost" || plain.hasSuffix(".localhost") else { return nil }
    let loopback = [SocketAddress.ipv6(high: 0, low: 1, port: 0), .ipv4(0x7f00_0001, port: 0)]
    return ResolvedAddresses(addresses: loopback, isStale: false)
  }

  /// A host name in lower case; nil if it is none: empty or longer than 253 bytes, a label empty or longer than 63, or anything but
  /// letters, digits, hyphens and underscores. What passes holds no NUL, which C would take for the end.
  static func canonical(_ name: String) -> String? {
    let bytes = name.utf8.last == UInt8(ascii: ".") ? name.utf8.dropLast() : name.utf8[...]
    guard !bytes.isEmpty, bytes.count <= 253 else { return nil }
    for label in bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) {
      guard !label.isEmpty, label.count <= 63, label.allSatisfy(isNameByte) else { return nil }
    }
    return name.lowercased()
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}
