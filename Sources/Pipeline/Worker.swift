// Owns: everything one worker thread has to itself: its loop, the configuration it serves, origin pools, isolates, counters, log.
// Confined to that thread; only the actor below is Sendable.
import Distribution
public import HTTPWire
import Glibc
import CSystem  // after Glibc: see Transport
import Origins
import RewriteEngine
public import Telemetry
public import TLS
public import Transport

/// One worker's world. Not Sendable: it lives on its loop's thread.
public final class Worker {
  /// The worker's number, from 0.
  public let number: Int
  /// The worker's loop.
  public let loop: EventLoop
  /// What its connections share.
  public let context: WireContext
  /// Its numbers.
  public let counters: WorkerCounters
  var log: LogBuffer
  private var writers: (log: LogWriter, functionLog: LogWriter?)
  /// Traces requests; nil for no tracing.
  private(set) var tracer: Tracer?
  /// What the access log says, and of which requests.
  var logging = LogPlan()
  var logDetails = LogDetails()
  var configuration: ServingConfiguration
  var sites: [WorkerSite] = []
  let unknownSite: WorkerSite
  let connector: Connector
  /// Connections to servers that functions named.
  var functionPools: FunctionPools
  var ids = RequestIDs()
  var requestsPerConnection = Int.max
  var tunnelIdleMilliseconds = 600_000
  var tlsHandshakeTimeoutMilliseconds = 10_000
  /// What kind of device the last User-Agent that was asked about speaks of: at most ``ViewerDevice/textLimit`` bytes of it.
  var lastAgent: [UInt8] = [], lastDevice = ViewerDevice.desktop
  /// Sees the request that comes next.
  var observer: Explanation?
  /// Where redirect-to-https sends viewers.
  public var securePorts = SecurePorts()
  /// Whose X-Forwarded-For is believed.
  var trustedProxies: [AddressRange] = []
  /// What the workers have in common.
  let shared: SharedState
  /// Where viewers are.
  var viewerPlaces = ViewerPlaces()
  /// Signatures of URLs and cookies that were good.
  var verifiedSignatures = VerifiedSignatures(limit: 0)
  /// Set when the process is to end: answers then say Connection: close.
  public internal(set) var isDraining = false
  /// Connections at work or waiting; the drain ends those that wait.
  var connections: [ObjectIdentifier: Socket] = [:]
  /// Viewers' HTTP/2 connections.
  var sessions: [ObjectIdentifier: HTTP2Session] = [:]
  private let released: (SocketAddress) -> Void
  /// Gives a parked connection a task again; set by the isolation.
  var resume: (ParkedConnection) -> Void = { _ in }
  /// The checks of origins; the first worker's.
  private var healthCheckers: [HealthChecker] = []
  /// Gives a health check a task; set by the isolation.
  var startQuestion: (HealthChecker.Question) -> Void = { _ in }
  /// Gives a stream of an HTTP/2 connection a new task; set by the isolation.
  var startStream: (HTTP2Stream) -> Void = { _ in }
  /// Gives work that no viewer waits for a task of its own; set by the isolation.
  var startJob: (BackgroundJob) -> Void = { _ in }
  /// Whether responses say what the cache did, and to whom they say the key.
  var saysCacheStatus = true, cacheKeyClients: [AddressRange] = []
  /// The memory of the key that is being looked up.
  var cacheKey = ByteBuffer()
  /// Tasks without a stream (HTTP2.swift), and whether there are to be any.
  var idleStreamTasks: [StreamTask] = [], keepsStreamTasks = true
  private var parkedSinceTrim = 0
  /// The configuration's functions, by their index in it; nil for those of the function tier.
  private(set) var functions: [WorkerFunction?] = []
  /// Distributions of earlier configurations that are still in use.
  private var formerSites = FormerSites()
  /// Functions of earlier configurations whose isolates are still there: requests may ask for them.
  private var formerFunctions: [WorkerFunction] = []
  /// What functions say; nil when that goes nowhere.
  var functionLog: FunctionLog?
  let diagnostics: Diagnostics
  /// Made on the loop's thread, where the engine's timer belongs.
  private(set) var isolatePool: IsolatePool?
  /// The turn of the loop in which a function took long the last time (Turns.swift).
  var lastLongTurn = UInt64.max

  /// A worker on a loop that does not run yet, or on the loop's thread.
  /// - Parameters:
  ///   - shared: what it has in common with the other workers of the process.
  ///   - functionLog: where what functions say goes; nil for nowhere.
  ///   - released: told when a connection has ended.
  public init(
    number: Int, loop: EventLoop, _ configuration: ServingConfiguration, _ shared: SharedState, log: LogWriter, functionLog: LogWriter?,
    diagnostics: Diagnostics, released: @escaping (SocketAddress) -> Void
  ) {
    self.number = number
    self.loop = loop
    self.configuration = configuration
    self.shared = shared
    self.log = log.makeBuffer()
    writers = (log, functionLog)
    self.functionLog = functionLog.map { FunctionLog(writer: $0) }
    self.released = released
    self.diagnostics = diagnostics
    counters = WorkerCounters(labels: configuration.labels)
    context = WireContext(loop: loop, viewerLimits: ViewerLimits())
    connector = Connector(loop: loop, Resolver.Configuration(configuration.configuration.limits.dns), counters)
    unknownSite = WorkerSite()
    functionPools = FunctionPools(limit: 1, OriginLimits(), context, counters, connector)
    adopt(configuration)
    loop.everySecond = { [unowned self] in self.everySecond() }
  }

  /// Serves a configuration from the next request on. What is the same in it as before goes on: connections to origins, built functions and their
  /// throttles. The rest ends with the last request that began with it.
  public func adopt(_ configuration: ServingConfiguration) {
    self.configuration = configuration
    if number == 0 { configuration.adoptLimits() }
    counters.adopt(configuration.labels)
    let limits = configuration.configuration.limits, originLimits = OriginLimits(limits)
    context.viewerLimits = ViewerLimits(limits)
    requestsPerConnection = limits.requestsPerConnection > 0 ? limits.requestsPerConnection : .max
    tunnelIdleMilliseconds = limits.tunnelIdleTimeout.milliseconds
    tlsHandshakeTimeoutMilliseconds = limits.tlsHandshakeTimeout.milliseconds
    trustedProxies = configuration.configuration.trustedProxies
    saysCacheStatus = configuration.configuration.cache.saysStatus
    cacheKeyClients = configuration.configuration.cache.statusKeyClients
    logging = LogPlan(configuration.configuration.accessLog)
    logDetails = LogDetails(configuration.configuration.accessLog)
    shared.adopt(configuration.configuration)
    viewerPlaces.removeAll()
    verifiedSignatures.limit = limits.verifiedSignaturesPerWorker
    connector.adopt(Resolver.Configuration(limits.dns))
    adoptFunctions(configuration)
    adoptSites(configuration, originLimits)
    if !functionPools.serves(limit: limits.functionOriginsPerWorker, originLimits) {
      functionPools.retire()
      functionPools = FunctionPools(limit: limits.functionOriginsPerWorker, originLimits, context, counters, connector)
    }
  }

  /// Functions that are the same stay, and others keep the throttle of their name.
  private func adoptFunctions(_ configuration: ServingConfiguration) {
    isolatePool?.configuration.maximumIsolates = configuration.configuration.limits.rewriteEngine.isolatesPerWorker
    let former = Dictionary(functions.compactMap { $0 }.map { ($0.code.name, $0) }) { first, _ in first }
    var left = former
    functions = configuration.functions.map { code in
      guard let code else { return nil }
      if let same = former[code.name], same.code.id == code.id {
        left[code.name] = nil
        return same
      }
      return WorkerFunction(code, place: configuration.labels.functions.place(of: code.name), former[code.name]?.throttle ?? FunctionThrottle())
    }
    formerFunctions += left.values
  }

  private func adoptSites(_ configuration: ServingConfiguration, _ limits: OriginLimits) {
    let former = Dictionary(sites.map { ($0.site.distribution.id, $0) }) { first, _ in first }
    let old = sites
    sites = configuration.sites.map { WorkerSite($0, self, limits, former: former[$0.distribution.id]) }
    let kept = Set(sites.flatMap(\.allPools).map { ObjectIdentifier($0) })
    for pool in old.flatMap(\.allPools) where !kept.contains(ObjectIdentifier(pool)) { pool.retire() }
    if number == 0 { startHealthChecks() }
    let cut = formerSites.replaced(old, limit: configuration.configuration.limits.formerConfigurations)
    guard cut > 0 else { return }
    counters.add(.limitFormerConfigurations, cut)
    diagnostics.say(.warning, key: "former", "\(cut) tunnels and streams of worker \(number) have been closed: they began under configurations that too many others have followed (limits.formerConfigurations)")
  }

  /// The first worker asks origins how they are, for all workers.
  private func startHealthChecks() {
    for checker in healthCheckers { checker.stop() }
    healthCheckers = sites.flatMap { site in
      site.site.distribution.origins.compactMap { origin in
        shared.state(of: origin, in: site.site.distribution.id).flatMap { state in
          HealthChecker(origin, state, context, counters, connector) { [unowned self] in startQuestion($0) }
        }
      }
    }
    // In the loop's next turn: this may be before it runs.
    for checker in healthCheckers { loop.schedule(afterMilliseconds: 1) { checker.run() } }
  }

  /// What is known of origins, for metrics.
  public var originFacts: [OriginFacts] { shared.facts(at: loop.now) }

  /// Lets go of the isolates of functions that no request can ask for any more.
  private func dropFormerFunctions() {
    var left: [WorkerFunction] = []
    while var function = formerFunctions.popLast() {
      if isKnownUniquelyReferenced(&function) { isolatePool?.drop(function.code) } else { left.append(function) }
    }
    formerFunctions = left
  }

  /// Addresses that may never be origins: this proxy's own.
  public func forbid(_ addresses: [SocketAddress]) { connector.forbidden = Set(addresses) }

  /// The isolate of a function, built on its first use here.
  /// - Throws: what is wrong with the function's code.
  func isolates(_ code: FunctionCode) throws(FunctionLoadError) -> Isolate {
    if isolatePool == nil {
      var limits = IsolatePool.Configuration()
      limits.maximumIsolates = configuration.configuration.limits.rewriteEngine.isolatesPerWorker
      isolatePool = IsolatePool(configuration: limits)
    }
    guard let isolatePool else { throw FunctionLoadError(function: code.name, line: 0, column: 0, message: "the system has no timer left") }
    let builds = isolatePool.builds
    defer { if isolatePool.builds != builds { lastLongTurn = loop.turn } }
    return try isolatePool.isolate(for: code)
  }

  /// Who sees the request that has come; only that one.
  @inline(__always) func takeObserver() -> Explanation? {
    guard let next = observer else { return nil }
    observer = nil
    return next
  }

  /// Milliseconds since 1970, for log lines and the cache.
  var wallMilliseconds: Int64 {
    WallClock.milliseconds
  }

  /// Begins to serve a connection; the task ends with it.
  /// - Parameter listener: the TLS of the listener it came by; nil for a plain one.
  nonisolated(nonsending) func connected(_ descriptor: Int32, _ peer: SocketAddress, _ listener: SecureListener?) async {
    let socket = Socket(loop: loop, descriptor: descriptor)
    connections[ObjectIdentifier(socket)] = socket
    counters.add(.connectionsAccepted)
    counters.move(.connectionsOpen, by: 1)
    if let listener {
      guard await secure(socket, peer, listener) else { return }
      if socket.tls?.applicationProtocol == "h2" { return beginHTTP2(ServerConnection(socket, peer: peer, context)) }
    }
    await serve(ServerConnection(socket, peer: peer, context))
  }

  /// A connection's task is done with it: it is closed, or parked until something happens to it.
  func ended(_ viewer: consuming ServerConnection) {
    if viewer.isParked && !isDraining { return park(viewer.park()) }
    let peer = viewer.peer, socket = viewer.stream.socket
    viewer.close()
    forget(socket, peer)
  }

  /// A connection is closed.
  func forget(_ socket: Socket, _ peer: SocketAddress) {
    connections[ObjectIdentifier(socket)] = nil
    counters.move(.connectionsOpen, by: -1)
    released(peer)
  }

  /// Keeps a silent connection without a task. Bytes give it one again; its end, or the keep-alive timeout, closes it.
  private func park(_ parked: ParkedConnection) {
    let socket = parked.socket, limits = context.viewerLimits
    parkedSinceTrim += 1
    socket.isIdle = true
    socket.expire(afterMilliseconds: max(0, limits.keepAliveTimeoutMilliseconds - limits.parkAfterMilliseconds))
    socket.whenDisturbed = { [unowned self] socket in
      guard socket.isReadable || socket.failure != nil || socket.isBroken else { return }
      socket.whenDisturbed = nil
      socket.isIdle = false
      if socket.failure == nil {
        socket.keep()
        return resume(parked)
      }
      counters.add(socket.failure == .timedOut ? .closedIdle : .closedByDrain)
      socket.close()
      forget(socket, parked.peer)
    }
  }

  /// Gives memory of many parked connections back to the system: the allocator would keep it.
  private func everySecond() {
    flushLog()
    if !formerSites.isEmpty { formerSites.purge() }
    if !formerFunctions.isEmpty { dropFormerFunctions() }
    guard parkedSinceTrim >= Self.parkedBeforeTrim else { return }
    parkedSinceTrim = 0
    malloc_trim(0)
  }
  /// Connections parked before the allocator is asked to give memory back.
  private static let parkedBeforeTrim = 256

  /// Stops keeping connections: those that wait for a request are closed now, the others after their answer.
  public func drain() {
    isDraining = true
    for socket in connections.values where socket.isIdle { socket.cancelIdle() }
    for session in sessions.values { session.drain() }
    loop.schedule(afterMilliseconds: Self.openingMilliseconds) { [weak self] in
      for socket in self?.connections.values ?? [:].values where socket.isOpening { socket.cancelIdle() }
    }
  }
  /// How long a drain waits for TLS handshakes: who has come in is served.
  private static let openingMilliseconds = 1000
  /// Closes every connection.
  public func closeAll() {
    for checker in healthCheckers { checker.stop() }
    endStreamTasks()
    for socket in connections.values {
      socket.dependent?.fail(.cancelled)
      socket.cancelIdle()
    }
  }
  /// How many connections are open.
  public var openConnections: Int { connections.count }
  /// Writes to other logs from here on.
  public func adopt(log: LogWriter, functionLog: LogWriter?, spans: SpanExporter?) {
    tracer = configuration.configuration.tracing.flatMap { tracing in spans.map { Tracer(tracing, $0) } }
    flushLog()
    if log !== writers.log { self.log = log.makeBuffer() }
    if functionLog !== writers.functionLog { self.functionLog = functionLog.map { FunctionLog(writer: $0) } }
    writers = (log, functionLog)
  }
  /// Hands the logs' last lines to their writers.
  public func flushLog() {
    log.flush()
    functionLog?.flush()
  }
}

/// The isolation of a worker: its executor is the loop, so what it awaits resumes on the loop's thread.
public actor WorkerIsolation {
  private let loop: EventLoop
  let worker: Worker
  /// The loop.
  public nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

  /// Takes a worker over, before its loop runs.
  public init(_ loop: EventLoop, _ make: @Sendable () -> Worker) {
    self.loop = loop
    let worker = make()
    self.worker = worker
    worker.resume = { [unowned self] parked in
      let parked = OnThisLoop(value: parked)
      Task(executorPreference: loop) { await self.resume(parked) }
    }
    worker.startQuestion = { [unowned self] question in
      let question = OnThisLoop(value: question)
      Task(executorPreference: loop) { await self.ask(question) }
    }
    worker.startStream = { [unowned self] stream in
      let stream = OnThisLoop(value: stream)
      Task(executorPreference: loop) { await self.serveStreams(stream) }
    }
    worker.startJob = { [unowned self] job in
      let job = OnThisLoop(value: job)
      Task(executorPreference: loop) { await self.run(job) }
    }
  }

  private func run(_ job: OnThisLoop<BackgroundJob>) async { await job.value.run(on: worker) }
  private func ask(_ question: OnThisLoop<HealthChecker.Question>) async { await question.value.ask() }
  private func serveStreams(_ first: OnThisLoop<HTTP2Stream>) async { await worker.serveStreams(first.value) }
  private func resume(_ parked: OnThisLoop<ParkedConnection>) async { await worker.serve(ServerConnection(parked.value, worker.context)) }

  /// Serves a connection until it ends.
  public func serve(_ descriptor: Int32, _ peer: SocketAddress, _ listener: SecureListener? = nil) async {
    await worker.connected(descriptor, peer, listener)
  }
  /// Closes every connection and lets their tasks end and log what they were about; bounded, 10 ms apart.
  public func closeAll() async {
    worker.closeAll()
    for _ in 0..<Self.turnsToEnd where worker.openConnections > 0 { await loop.sleep(milliseconds: 10) }
    worker.flushLog()
  }
  private static let turnsToEnd = 50

  /// Runs something on the worker's thread.
  public func with<Result: Sendable>(_ body: @Sendable (Worker) throws -> Result) rethrows -> Result { try body(worker) }
}

/// A value of the loop's own thread on its way into a task on the same thread.
private struct OnThisLoop<Value>: @unchecked Sendable { let value: Value }

extension ViewerLimits {
  /// The limits of a configuration.
  init(_ limits: Limits) {
    self.init()
    head = HeadLimits(targetBytes: limits.urlBytes, headBytes: limits.headBytes, fieldLines: limits.headerCount, connectionOptions: limits.connectionOptions)
    headTimeoutMilliseconds = limits.headerTimeout.milliseconds
    keepAliveTimeoutMilliseconds = limits.keepAliveTimeout.milliseconds
    idleTimeoutMilliseconds = limits.idleTimeout.milliseconds
    minimumBodyBytesPerSecond = limits.minimumBodyRateBytesPerSecond
    bodyRateGraceMilliseconds = limits.minimumBodyRateGrace.milliseconds
    discardedBodyBytes = limits.discardedBodyBytes
    http2 = HTTP2Limits(limits.http2)
  }
}

extension HTTP2Limits {
  /// The limits of a configuration.
  init(_ limits: Limits.HTTP2) {
    self.init()
    concurrentStreams = limits.concurrentStreams
    streamWindowBytes = limits.streamWindowBytes
    sessionWindowBytes = limits.connectionWindowBytes
    sendBufferBytes = limits.sendBufferBytes
    continuationFrames = limits.continuationFrames
    intervalMilliseconds = limits.floodInterval.milliseconds
    abandonedStreams = limits.abandonedStreams
    settingsFrames = limits.settingsFrames
    pingFrames = limits.pingFrames
    windowUpdates = limits.windowUpdates
    emptyFrames = limits.emptyFrames
    otherFrames = limits.otherFrames
    ignoredFrames = limits.ignoredFrames
    settingsTimeoutMilliseconds = limits.settingsTimeout.milliseconds
  }
}

extension OriginLimits {
  /// The limits of a configuration.
  init(_ limits: Limits) {
    self.init()
    head = HeadLimits(headBytes: limits.originHeadBytes, fieldLines: limits.originHeaderCount, connectionOptions: limits.connectionOptions)
    writeTimeoutMilliseconds = limits.idleTimeout.milliseconds
  }
}

extension Resolver.Configuration {
  /// The limits of a configuration.
  init(_ limits: Limits.DNS) {
    self.init()
    minimumTTLSeconds = limits.minimumTTL.milliseconds / 1000
    maximumTTLSeconds = limits.maximumTTL.milliseconds / 1000
    negativeTTLSeconds = limits.negativeTTL.milliseconds / 1000
    staleLimitSeconds = limits.staleTTL.milliseconds / 1000
    timeoutMilliseconds = limits.timeout.milliseconds
    cachedNamesLimit = limits.names
  }
}

/// Monotonic time in nanoseconds, precise: for durations.
@inline(__always) func monotonicNanoseconds() -> UInt64 {
  var time = timespec()
  unsafe clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
