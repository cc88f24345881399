// Every limit of the proxy by name, with its default.
// Immutable values; any thread may read them. What happens at each limit is in Documentation/configuration.md.
// Source: spec/request-pipeline.md 1; design/style.md rule 8.
public import KeyValueStores

/// The named limits; YAML has the same names below `limits:`, without the unit at the end.
public struct Limits: Sendable, Equatable {
  /// The longest request target in bytes. Beyond it: 414, connection closed.
  public var urlBytes = 8192
  /// The longest request head (request line and headers) in bytes. Beyond it: 494, connection closed.
  public var headBytes = 32768
  /// The most header fields of a request. Beyond it: 494, connection closed.
  public var headerCount = 100
  /// The most options in the Connection fields of a message: each takes a look at every field. Beyond it: 494, connection closed; in an
  /// origin's response 502.
  public var connectionOptions = 64
  /// The time from the first byte of a request to the end of its head. Beyond it: 408, connection closed.
  public var headerTimeout = Duration.seconds(10)
  /// How long a viewer's TLS handshake may take. Beyond it: closed.
  public var tlsHandshakeTimeout = Duration.seconds(10)
  /// How long nothing may move during a request: no byte of its body, or none taken of the response. Beyond it: 408 while the body
  /// is read, otherwise closed.
  public var idleTimeout = Duration.seconds(60)
  /// How long a connection may stay open between requests, and before its first. Beyond it: closed.
  public var keepAliveTimeout = Duration.seconds(60)
  /// The slowest rate in bytes per second at which a request body may arrive on average after the grace time.
  /// Slower: 408, connection closed. 0 sets no rate.
  public var minimumBodyRateBytesPerSecond = 240
  /// How long a body may be slower than `minimumBodyRateBytesPerSecond`.
  public var minimumBodyRateGrace = Duration.seconds(30)
  /// The longest rest of a body nobody wants, in bytes, that is read so that its connection can be kept: of a request that is answered
  /// without it, or of an origin's response that an error page or a function replaces. Beyond it: that connection is closed.
  public var discardedBodyBytes = 65_536
  /// How long the body of an origin's response that an error page replaces is waited for. Beyond it: the origin's connection is closed.
  public var errorBodyTimeout = Duration.milliseconds(250)
  /// How long an upgraded connection (WebSocket) may be silent in both directions. Beyond it: closed.
  public var tunnelIdleTimeout = Duration.seconds(600)
  /// The most configurations that reloads have replaced and that tunnels and streams of events of one worker still use. Beyond it: those of the oldest
  /// are closed.
  public var formerConfigurations = 32
  /// The most viewer connections of one worker. A further one is closed at once.
  public var connectionsPerWorker = 16384
  /// The most viewer connections from one address (an IPv6 /64 counts as one), trusted proxies aside. A further one is closed at once.
  public var connectionsPerClientAddress = 1024
  /// The longest PROXY header in bytes, on listeners that ask for one. Beyond it: closed.
  public var proxyHeaderBytes = 4096
  /// The time from a connection's beginning to the end of its PROXY header. Beyond it: closed.
  public var proxyHeaderTimeout = Duration.seconds(3)
  /// The most connections accepted by one worker at one listener that may wait for their PROXY header. A further one is closed at once.
  public var proxyHeadersWaiting = 1024
  /// The most connections to the admin address. A further one is closed at once. Viewers' connections do not count here, nor these there.
  public var adminConnections = 64
  /// The most requests on one viewer connection; the last response says `Connection: close`. 0 sets no limit.
  public var requestsPerConnection = 0
  /// The longest response head of an origin in bytes. Beyond it: 502.
  public var originHeadBytes = 32768
  /// The most header fields of an origin's response. Beyond it: 502.
  public var originHeaderCount = 100
  /// The most servers named by functions to which one worker keeps connections; the one unused longest makes room: its idle connections
  /// are closed.
  public var functionOriginsPerWorker = 256
  /// The most signatures of URLs and cookies that one worker remembers as good; those unused longest are forgotten, and verified anew. 0: none.
  public var verifiedSignaturesPerWorker = 1024
  /// The most clients of rate limits, of all workers and behaviors together, whose requests are counted; of 16 bytes each. The one that
  /// can soonest make all its requests again makes room.
  public var rateLimitBuckets = 65_536
  /// The limits of the rewrite engine.
  public var rewriteEngine = RewriteEngine()
  /// The limits of key value stores beyond CloudFront's.
  public var keyValueStores = KeyValueStore.Limits()
  /// The limits of name resolution.
  public var dns = DNS()
  /// The limits of the object cache beyond its size.
  public var cache = Cache()
  /// The limits of HTTP/2 connections.
  public var http2 = HTTP2()

  /// The defaults.
  public init() {}

  /// The limits of one run of a function in the rewrite engine, and of its isolates.
  public struct RewriteEngine: Sendable, Equatable {
    /// The CPU time of one run. Beyond it: 503, FunctionExecutionError.
    public var cpuTime = Duration.milliseconds(1)
    /// The memory of one run in bytes, over the isolate's base. Beyond it: 503, FunctionExecutionError.
    public var memoryBytes = 2 << 20
    /// The most isolates of one worker; the one unused longest makes room.
    public var isolatesPerWorker = 512
    /// How many runs in `throttleWindow` may be killed before the function is throttled (503, FunctionThrottledError).
    public var throttleKills = 100
    /// The time in which `throttleKills` are counted, and how long a function stays throttled.
    public var throttleWindow = Duration.seconds(10)
    /// The most requests of one worker that may wait for their turn because functions take long. A further one: 503,
    /// FunctionThrottledError.
    public var waitingRuns = 128
    /// Bytes of memory, per isolate, for results that need no second run because everything the first one read is the same. When they are
    /// full, they are forgotten. 0: every request is a run.
    public var rememberedBytes = 64 << 10

    /// The defaults.
    public init() {}
  }

  /// The limits of the object cache beyond its size. All workers share it.
  public struct Cache: Sendable, Equatable {
    /// The largest body that is kept whole, in bytes. A larger one is kept in slices where the origin's answer allows that, else not.
    public var objectBytes = 64 << 20
    /// The length of a slice, in bytes.
    public var sliceBytes = 4 << 20
    /// The longest key in bytes. A request with a longer one passes the cache.
    public var keyBytes = 16_384
    /// Bytes held of a body that is passed on and not kept, for its slowest reader; then the origin waits.
    public var windowBytes = 1 << 20
    /// Bytes that may still be missing of a body that nobody reads any more, and it is fetched to its end. Beyond: the fetch is given up.
    public var abandonedFillBytes = 1 << 20
    /// The fetches that may fail, one after the other, before all who wait for the object are answered with the failure.
    public var fillAttempts = 3
    /// Keys whose responses cannot be stored that are remembered as such; then they are forgotten.
    public var passMarks = 65_536
    /// The invalidations that may wait for the sweep through the cache. Further ones are refused: 429.
    public var invalidations = 3_000
    /// The objects that may wait to be written to disk. Further ones are not.
    public var diskWrites = 1_024
    /// The reads from disk that may wait. Further objects are fetched from the origin.
    public var diskReads = 256

    /// The defaults.
    public init() {}
  }

  /// The limits of name resolution on each worker.
  public struct DNS: Sendable, Equatable {
    /// The shortest time an answer is kept.
    public var minimumTTL = Duration.seconds(1)
    /// The longest time an answer is kept.
    public var maximumTTL = Duration.seconds(300)
    /// How long "no such name" is kept.
    public var negativeTTL = Duration.seconds(5)
    /// How long after its end an answer is still used while the resolver fails.
    public var staleTTL = Duration.seconds(3600)
    /// How long one resolution may take. Beyond it: a stale answer, else 502.
    public var timeout = Duration.seconds(5)
    /// The most names kept; the one unused longest makes room.
    public var names = 1024

    /// The defaults.
    public init() {}
  }

  /// The limits of one HTTP/2 connection beyond those that hold for every request. A flood ends the connection with ENHANCE_YOUR_CALM.
  public struct HTTP2: Sendable, Equatable {
    /// The most streams open at once. A further one is refused (REFUSED_STREAM).
    public var concurrentStreams = 128
    /// Bytes of a request's body held until the origin takes them: what the viewer may send ahead on one stream.
    public var streamWindowBytes = 262_144
    /// The same for all streams of a connection together.
    public var connectionWindowBytes = 1_048_576
    /// Bytes of a response held per stream until the viewer allows them to be sent; then the origin waits.
    public var sendBufferBytes = 65_536
    /// The most CONTINUATION frames of one field section.
    public var continuationFrames = 16
    /// The time in which the following are counted.
    public var floodInterval = Duration.seconds(10)
    /// The most streams that end unanswered, because the viewer resets them or breaks a rule (CVE-2023-44487).
    public var abandonedStreams = 200
    /// The most SETTINGS frames.
    public var settingsFrames = 50
    /// The most PING frames.
    public var pingFrames = 200
    /// The most WINDOW_UPDATE frames, beyond four for each DATA frame sent.
    public var windowUpdates = 1_000
    /// The most DATA frames without content that do not end their stream.
    public var emptyFrames = 100
    /// The most PRIORITY, PRIORITY_UPDATE and unknown frames.
    public var otherFrames = 1_000
    /// The most frames that are refused or passed over: HEADERS of streams that may not begin, and frames of streams that are over;
    /// beyond four for each stream that this side reset.
    public var ignoredFrames = 2_000
    /// How long a peer may take to acknowledge SETTINGS. Beyond it the connection ends with SETTINGS_TIMEOUT.
    public var settingsTimeout = Duration.seconds(10)

    /// The defaults.
    public init() {}
  }
}
