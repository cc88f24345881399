// Owns: the admin address: /healthz and /metrics for whoever reaches it, /status, /redirects and /reload for whoever has its token or comes by its Unix
// socket (Documentation/operations.md). It speaks the same HTTP as the proxy and runs on the first worker's loop. Who may ask what is decided
// in AdminAccess.swift.
import Distribution
import FunctionTier
import Glibc
import HTTPWire
import JSONText
import ObjectCache
public import Pipeline
import Synchronization
public import Telemetry
public import Transport

/// What the admin address answers. Any thread.
/// Rule of the lock: it guards what a reload changes, and is held to read or write it.
public final class AdminPages: Sendable {
  private struct State {
    var facts: AdminFacts?
    var reload: ReloadReport?
  }
  private let workers: [WorkerIsolation]
  private let diagnostics: Diagnostics
  /// For what blocks.
  private let files: BlockingPool
  private let started = Timestamp.now
  private let state = Mutex(State())
  private let draining = Atomic<Bool>(false)
  private let connections = Atomic<Int>(0)
  private let requests = Atomic<Int>(0)
  /// Has the configuration read again, with a trial of what functions it changes or without, and tells what came of it.
  private let reload: @Sendable (_ triesFunctions: Bool) async -> ReloadReport

  /// Pages about these workers.
  public init(workers: [WorkerIsolation], files: BlockingPool, diagnostics: Diagnostics, reload: @escaping @Sendable (_ triesFunctions: Bool) async -> ReloadReport) {
    self.workers = workers
    self.files = files
    self.diagnostics = diagnostics
    self.reload = reload
  }

  /// Another configuration serves.
  public func adopt(_ facts: AdminFacts) { state.withLock { $0.facts = facts } }
  /// A reload has ended.
  public func adopt(_ report: ReloadReport) { state.withLock { $0.reload = report } }
  /// From now on /healthz answers 503.
  public func announceDrain() { draining.store(true, ordering: .relaxed) }

  /// Whether one more connection may be served (`limits.adminConnections`); if so it counts until ``WorkerIsolation/serveAdmin(_:_:_:)`` is done
  /// with it.
  public func admit() -> Bool {
    let limit = state.withLock { $0.facts?.configuration.limits.adminConnections ?? 1 }
    if connections.wrappingAdd(1, ordering: .relaxed).newValue <= limit { return true }
    connections.wrappingSubtract(1, ordering: .relaxed)
    return false
  }
  fileprivate func release() { connections.wrappingSubtract(1, ordering: .relaxed) }

  /// Requests whose answers are not written yet: Lambda's Invoke takes as long as its function. A drain waits for them.
  public var underway: Int { requests.load(ordering: .relaxed) }
  fileprivate func begin() { requests.wrappingAdd(1, ordering: .relaxed) }
  fileprivate func end() { requests.wrappingSubtract(1, ordering: .relaxed) }
  /// The answer is the connection's last: another process, or none, takes the next request.
  fileprivate var isDraining: Bool { draining.load(ordering: .relaxed) }

  // MARK: Pages

  struct Page: Sendable {
    var status = 200
    var contentType = "text/plain; charset=utf-8"
    /// Further field lines, each with its end.
    var fields = ""
    var body: String

    static func json(_ value: JSONValue, status: Int = 200) -> Page {
      Page(status: status, contentType: "application/json", body: value.indented() + "\n")
    }
    static func wrongMethod(allowed: String) -> Page { Page(status: 405, fields: "Allow: \(allowed)\r\n", body: "The method is not allowed here.\n") }
  }

  /// The answer to a request.
  func answer(_ request: AdminRequest) async -> Page {
    switch AdminAccess.judge(request, token: state.withLock { $0.facts?.token }) {
    case .allowed: return await page(request)
    case .foreignHost: return Page(status: 403, body: "This is not the admin address's name.\n")
    case .foreignPage: return Page(status: 403, body: "Pages of other origins may not ask here.\n")
    case .noToken where AdminAccess.isSigned(request) && InvokeRequest.isPath(request.path): return InvokeFailure.unknownCaller.page()
    case .noToken:
      return Page(
        status: 401, fields: "WWW-Authenticate: Bearer realm=\"skerry\"\r\n",
        body: "This needs the admin token: Authorization: Bearer and the text of the file that admin.token.file names.\n")
    }
  }

  private func page(_ request: AdminRequest) async -> Page {
    let reads = request.method == .read
    switch request.path {
    case "/healthz":
      guard reads else { return .wrongMethod(allowed: "GET, HEAD") }
      return Page(status: isDraining ? 503 : 200, body: isDraining ? "draining\n" : "ok\n")
    case "/metrics":
      guard reads else { return .wrongMethod(allowed: "GET, HEAD") }
      let format = MetricsPage.Format(accept: request.accept)
      return Page(contentType: "\(format.contentType)", body: await metrics(format))
    case "/status": return reads ? await status() : .wrongMethod(allowed: "GET, HEAD")
    case "/redirects": return reads ? await redirects() : .wrongMethod(allowed: "GET, HEAD")
    case "/reload":
      guard request.method == .post else { return .wrongMethod(allowed: "POST") }
      let report = await reload(!request.query.split(separator: "&").contains("unchecked"))
      return .json(report.json, status: report.isDone ? 200 : 422)
    case "/invalidations": return request.method == .post ? invalidate(request) : .wrongMethod(allowed: "POST")
    case "/explain": return request.method == .post ? await explain(request) : .wrongMethod(allowed: "POST")
    case let path where InvokeRequest.isPath(path): return request.method == .post ? await invoke(request) : .wrongMethod(allowed: "POST")
    default: return Page(status: 404, body: "There are /healthz, /metrics, /status, /redirects and, for POST, /reload, /invalidations, /explain and Lambda's Invoke here.\n")
    }
  }

  /// Lambda's Invoke.
  private func invoke(_ request: AdminRequest) async -> Page {
    do throws(InvokeFailure) {
      let asked = try InvokeRequest(
        path: request.path, query: request.query, type: request.invocationType, logType: request.logType, clientContext: request.clientContext)
      let facts = state.withLock { $0.facts }
      if let facts, facts.cannotRun(asked.function) { throw .cannotRun(asked.function) }
      guard let facts, let function = facts.function(asked.function)?.qualified(by: asked.qualifier), function.isThere else { throw .notFound(asked.function, asked.qualifier) }
      guard var payload = request.content else { throw .tooLarge(InvokeRequest.contentBytes) }
      if payload.isEmpty { payload = Array("{}".utf8) }
      try InvokeRequest.check(payload)
      if asked.kind == .dryRun { return Page(status: 204, fields: "X-Amz-Executed-Version: \(asked.qualifier ?? "$LATEST")\r\nx-amzn-RequestId: \(Invocation.newRequestID())\r\n", body: "") }
      if asked.kind == .event { return try await accept(QueuedEvent(function: asked.function, qualifier: asked.qualifier, clientContext: asked.clientContext, payload: payload), facts) }
      let invocation = Invocation(payload: payload, clientContext: asked.clientContext, logTailBytes: asked.wantsLog ? InvokeRequest.logBytes : 0)
      let outcome = await function.call(invocation)
      return Page(outcome, wantsLog: asked.wantsLog)
    } catch { return error.page() }
  }

  /// An event is accepted once it is on disk.
  private func accept(_ event: QueuedEvent, _ facts: AdminFacts) async throws(InvokeFailure) -> Page {
    guard event.payload.count <= InvokeRequest.eventContentBytes else { throw .tooLarge(InvokeRequest.eventContentBytes) }
    guard let queue = facts.events else { throw .notFound(event.function) }
    let outcome: Result<EventQueue.Refusal?, BlockingPoolFailure>
    do throws(BlockingPoolFailure) {
      outcome = .success(try await files.run { () -> EventQueue.Refusal? in
        do throws(EventQueue.Refusal) {
          try queue.accept(event)
          return nil
        } catch { return error }
      })
    } catch { outcome = .failure(error) }
    switch outcome {
    case .success(nil): return Page(status: 202, contentType: "application/json", fields: "x-amzn-RequestId: \(event.requestID)\r\n", body: "")
    case .success(.full), .failure: throw .queueIsFull
    case .success(.disk(let reason)):
      diagnostics.say(.error, key: "events", "an event was not accepted: \(reason)")
      throw InvokeFailure(status: 500, code: "ServiceException", message: "The event could not be kept.")
    }
  }

  /// Holds for all workers when this returns (spec/request-pipeline.md, 20).
  private func invalidate(_ request: AdminRequest) -> Page {
    func refused(_ status: Int, _ reason: String) -> Page {
      .json(.object(["outcome": .string("refused"), "reason": .string(reason)]), status: status)
    }
    let facts = state.withLock { $0.facts }
    guard let facts, let cache = facts.cache else { return refused(503, "there is no cache") }
    guard let content = request.content else { return refused(413, "the content has more than \(InvalidationRequest.contentBytes) bytes") }
    do throws(InvalidationRequest.Problem) {
      let asked = try InvalidationRequest(content, distributions: facts.configuration.distributions.map(\.id))
      guard cache.invalidate(asked.invalidations) else { return refused(429, "too many invalidations wait until the cache has been looked through (limits.cache.invalidations)") }
      return .json(.object(["outcome": .string("done"), "invalidations": .number(asked.invalidations.count)]))
    } catch { return refused(400, error.text) }
  }

  /// Sends a request through the first worker, origins included, and tells what became of it. Only methods that change nothing.
  private func explain(_ request: AdminRequest) async -> Page {
    func refused(_ status: Int, _ reason: String) -> Page { .json(.object(["outcome": .string("refused"), "reason": .string(reason)]), status: status) }
    guard let content = request.content else { return refused(413, "the content has more than \(InvalidationRequest.contentBytes) bytes") }
    do {
      let asked = try JSONValue(parsing: content)
      guard ["GET", "HEAD", "OPTIONS"].contains(asked["method"]?.string ?? "GET") else { return refused(400, "a running proxy explains GET, HEAD and OPTIONS only: the request is sent to its origin") }
      guard let worker = workers.first else { return refused(503, "there is no worker") }
      let explained = await worker.explain(try ExplainedRequest(asked)), host = asked["fields"]?.array?.first { $0.array?.first?.string?.lowercased() == "host" }?.array?.last?.string
      let handshake = state.withLock { $0.facts?.handshake }.flatMap { $0(asked["url"]?.string ?? "", host) }
      return .json(.object(JSONObject((handshake.map { [.init(name: "tls", value: $0)] } ?? []) + explained.members)))
    } catch let problem as ExplainProblem { return refused(400, problem.text) } catch { return refused(400, "the content is no JSON object") }
  }

  /// Whether a request's content is to be read: of nobody who may not ask.
  /// - Returns: how many bytes at most; nil for none.
  fileprivate func contentLimit(_ request: AdminRequest) -> Int? {
    let limit = request.path == "/invalidations" || request.path == "/explain" ? InvalidationRequest.contentBytes : InvokeRequest.isPath(request.path) ? InvokeRequest.contentBytes : nil
    guard let limit, request.method == .post, AdminAccess.judge(request, token: state.withLock { $0.facts?.token }) == .allowed else { return nil }
    return limit
  }

  private func snapshots() async -> [WorkerSnapshot] {
    var snapshots: [WorkerSnapshot] = []
    for worker in workers { snapshots.append(await worker.with { $0.counters.snapshot(worker: $0.number) }) }
    return snapshots
  }

  /// The same of all workers.
  private func originFacts() async -> [OriginFacts] { await workers.first?.with { $0.originFacts } ?? [] }

  private func metrics(_ format: MetricsPage.Format) async -> String {
    let snapshots = await snapshots()
    var usage = rusage()
    unsafe getrusage(0, &usage)   // RUSAGE_SELF
    let cpu = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1_000_000 + Int(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)
    let (facts, reload) = state.withLock { ($0.facts, $0.reload) }
    var process = ProcessFacts(
      build: BuildFacts.current(version: Version.text), start: started, cpuMicroseconds: UInt64(max(0, cpu)), accessLog: facts?.accessLog.statistics,
      functionLog: facts?.functionLog?.statistics, diagnostics: diagnostics.statistics, spans: facts?.spans?.statistics)
    process.origins = await originFacts()
    process.cache = facts?.cache.map { CacheFacts($0.status) }
    process.tier = facts?.tier?.facts
    process.events = facts?.events.map { EventFacts($0.statistics) }
    if let facts {
      process.configuration = ProcessFacts.Configuration(
        generation: facts.generation, lastReloadSucceeded: reload?.isDone ?? true, lastSuccess: facts.since)
    }
    return MetricsPage.render(snapshots, process: process, as: format)
  }

  private func redirects() async -> Page {
    guard let facts = state.withLock({ $0.facts }) else { return Page(status: 503, body: "starting\n") }
    return .json(RedirectsPage.json(facts.configuration, await snapshots()))
  }

  private func status() async -> Page {
    let (facts, reload) = state.withLock { ($0.facts, $0.reload) }
    guard let facts else { return Page(status: 503, body: "starting\n") }
    let status = Status(
      facts: facts, reload: reload, workers: await snapshots(), origins: await originFacts(), started: started, now: .now, process: getpid(),
      isDraining: isDraining)
    return .json(status.json)
  }
}

/// The program's version.
public enum Version {
  /// As in /metrics and `skerry --version`.
  public static let text = "0.1.0"
}

// MARK: - On the wire

extension WorkerIsolation {
  /// Serves a connection to the admin address, which has admitted it, until it ends.
  public func serveAdmin(_ descriptor: Int32, _ peer: SocketAddress, _ pages: AdminPages) async {
    defer { pages.release() }
    let loop = with { OnWorker($0.loop) }.value
    var limits = ViewerLimits()
    limits.parkAfterMilliseconds = limits.keepAliveTimeoutMilliseconds   // there is nobody to park with
    let context = WireContext(loop: loop, viewerLimits: limits)
    let isUnix = if case .unix = peer { true } else { false }
    let isLocal = isUnix && PeerUser.isOwn(descriptor)
    var viewer = ServerConnection(Socket(loop: loop, descriptor: descriptor), peer: peer, context)
    do throws(WireFailure) {
      while let request = try await viewer.nextRequest() {
        var asked = AdminRequest(request, isLocal: isLocal)
        if let limit = pages.contentLimit(asked) { asked.content = try await viewer.content(limit: limit) }
        try await viewer.discardBody()
        pages.begin()
        defer { pages.end() }
        let page = await pages.answer(asked)
        if pages.isDraining { viewer.closing = true }
        viewer.answer(page, isHead: request.line.method == .head)
        try await viewer.flush()
        if viewer.closing { break }
      }
    } catch { viewer.closing = true }
    viewer.close()
  }
}

/// A value of the worker's own thread, on its way through its actor.
private struct OnWorker<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}

extension AdminRequest {
  fileprivate init(_ request: borrowing RequestHead, isLocal: Bool) {
    self.isLocal = isLocal
    switch request.line.method {
    case .get, .head: method = .read
    case .post: method = .post
    default: method = .other
    }
    path = request.path.text
    query = request.hasQuery ? request.query.text : ""
    authority = request.authority.text
    func value(_ index: Int?) -> String? { index.map { request.fields.value($0).text } }
    origin = value(request.fields.first(.origin))
    // Of two, nobody knows which one counts: neither does.
    authorization = value(request.fields.first(.authorization).flatMap { request.fields.isOnly($0) ? $0 : nil })
    accept = value(request.fields.first(.accept)) ?? ""
    func named(_ name: String) -> String? { value(request.fields.first(named: name.utf8.span)) }
    fetchSite = value(request.fields.first(named: Self.fetchSiteName.span))
    (invocationType, logType, clientContext) = (named("x-amz-invocation-type"), named("x-amz-log-type"), named("x-amz-client-context"))
  }
  private static let fetchSiteName = Array("sec-fetch-site".utf8)
}

extension ServerConnection {
  /// Reads a request's content; nil when it is longer.
  fileprivate nonisolated(nonsending) mutating func content(limit: Int) async throws(WireFailure) -> [UInt8]? {
    var content: [UInt8] = []
    while true {
      let n = try await nextPayload()
      if n == 0 { return content }
      guard content.count + n <= limit else { return nil }
      for index in 0..<n { content.append(stream.input.readable[index]) }
      stream.input.consume(n)
    }
  }

  /// Puts a page on the wire.
  fileprivate mutating func answer(_ page: AdminPages.Page, isHead: Bool) {
    stream.beginOutput()
    stream.output.append(text: "HTTP/1.1 \(page.status) \(ReasonPhrase.of(page.status))\r\nServer: skerry\r\nContent-Type: \(page.contentType)\r\n")
    if page.status != 204 { stream.output.append(text: "Content-Length: \(page.body.utf8.count)\r\n") }
    stream.output.append(text: "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n")
    stream.output.append(text: page.fields)
    if closing { stream.output.append("Connection: close\r\n") }
    stream.output.append("\r\n")
    if !isHead { stream.output.append(text: page.body) }
  }
}
