// Step 13, the body: what has come with the head is stored at once; the rest is fetched by a task of its own on the worker, at the origin's
// pace, so that no viewer's pace or end is the others' business. Stale objects are refreshed by such a task, too.
import Distribution
import HTTPWire
import ObjectCache
import Origins
import Telemetry
import TLS
import Transport

/// Work of a worker that no viewer waits for. Confined to its thread.
class BackgroundJob {
  nonisolated(nonsending) func run(on worker: Worker) async {}
}

extension Worker {
  /// Stores an answer and serves this request from what is stored.
  func store(
    _ response: consuming Response, _ freshness: Freshness, _ leader: FillLeader, _ work: CacheWork, _ exchange: inout Exchange
  ) -> Response {
    var response = response
    work.isStored = true
    let lines = StoredLines(response.head, freshness)
    let sharing: FillLeader.Sharing = freshness.flags.contains(.unshared) ? .keepForLater : .share
    work.stored = storeAtOnce(&response, lines, sharing, leader, &exchange) ?? beginFill(&response, lines, sharing, leader, &exchange)
    guard let stored = work.stored else { return response }
    response.source = .cached
    response.head.setLength(stored.length)
    return select(from: response, work, &exchange)
  }

  /// Stores what has come whole with its head: most objects are small.
  private func storeAtOnce(
    _ response: inout Response, _ lines: borrowing StoredLines, _ sharing: FillLeader.Sharing, _ leader: FillLeader, _ exchange: inout Exchange
  ) -> StoredResponse? {
    switch response.source {
    case .generated, .buffered:
      return leader.complete(lines.head, lines: lines.bytes.readable, tags: lines.tags.span, content: response.bytes.readable, sharing: sharing)
    case .file where exchange.file == nil:
      return leader.complete(lines.head, lines: lines.bytes.readable, tags: lines.tags.span, content: Span(), sharing: sharing)
    case .origin:
      guard exchange.upstream?.wholeBodyIsAtHand == true, var upstream = exchange.upstream.take() else { return nil }
      let stored = storeBuffered(&upstream, lines, sharing, leader)
      upstream.finish()
      return stored
    default: return nil
    }
  }

  /// All of the body stands in the connection's buffer.
  private func storeBuffered(
    _ upstream: inout ClientConnection, _ lines: borrowing StoredLines, _ sharing: FillLeader.Sharing, _ leader: FillLeader
  ) -> StoredResponse? {
    guard let atHand = try? upstream.payloadAtHand() else { return nil }
    let stored = leader.complete(
      lines.head, lines: lines.bytes.readable, tags: lines.tags.span, content: upstream.stream.input.readable.extracting(..<atHand), sharing: sharing)
    upstream.stream.input.consume(atHand)
    return stored
  }

  private func beginFill(
    _ response: inout Response, _ lines: borrowing StoredLines, _ sharing: FillLeader.Sharing, _ leader: FillLeader, _ exchange: inout Exchange
  ) -> StoredResponse? {
    let length: Int? = if case .length(let length) = response.head.line.framing { length } else { nil }
    let stored = leader.begin(lines.head, lines: lines.bytes.readable, tags: lines.tags.span, length: length, sharing: sharing)
    let job = FillJob(leader)
    job.upstream = exchange.upstream.take()
    job.file = exchange.file.take()
    startJob(job)
    return stored
  }
}

/// Fetches the body of what is being stored.
final class FillJob: BackgroundJob {
  private let leader: FillLeader
  var upstream: ClientConnection?
  var file: FileBody?

  init(_ leader: FillLeader) { self.leader = leader }

  nonisolated(nonsending) override func run(on worker: Worker) async {
    if var upstream = upstream.take() {
      do throws(WireFailure) {
        if try await fetch(from: &upstream) {
          leader.finish()
          upstream.finish()
        } else {
          worker.counters.add(.cacheFillAbandoned)
          leader.fail()
        }
      } catch {
        worker.counters.add((OriginFailure(error, upstream.streamFailure, at: "") ?? OriginFailure(reading: error, at: "")).counter)
        worker.counters.add(.cacheFillBroken)
        leader.fail()
      }
    } else if var file = file.take() {
      if await fetch(from: &file) { leader.finish() } else {
        worker.counters.add(.cacheFillBroken)
        leader.fail()
      }
    }
  }

  /// - Returns: false when nobody wants the rest any more.
  /// - Throws: when the body breaks off: too short, badly framed, reset, or late (spec/request-pipeline.md, 14).
  nonisolated(nonsending) private func fetch(from upstream: inout ClientConnection) async throws(WireFailure) -> Bool {
    var stint = Stint()
    while true {
      guard let n = try upstream.payloadAtHand() else {
        await upstream.waitForPayload()
        continue
      }
      if n == 0 { return true }
      let next = leader.append(upstream.stream.input.readable.extracting(..<n))
      upstream.stream.input.consume(n)
      if next == .abandoned { return false }
      if next == .wait { await leader.roomIsFree() }
      if stint.isOver(after: n) { await Task.yield() }
    }
  }

  nonisolated(nonsending) private func fetch(from file: inout FileBody) async -> Bool {
    var piece = ByteBuffer()
    while await file.read(into: &piece) > 0 {
      let next = leader.append(piece.readable)
      piece.removeAll()
      if next == .abandoned { return false }
      if next == .wait { await leader.roomIsFree() }
    }
    return !file.isBroken
  }
}

// MARK: - Refreshing what is stale

extension Worker {
  /// Has a stale response validated or fetched anew while it is served (RFC 5861, 3). The request is this viewer's, without its conditions.
  func refresh(_ leader: FillLeader, _ exchange: borrowing Exchange) {
    guard let job = RefreshJob(leader, exchange, context) else { return leader.fail() }
    startJob(job)
  }
}

/// Refreshes a stale response.
final class RefreshJob: BackgroundJob {
  private let leader: FillLeader
  private var request: RequestHead?
  private let site: WorkerSite
  private let behavior: CompiledBehavior
  private let route: Route?
  private let peer: SocketAddress
  private let tls: TLSConnection?

  init?(_ leader: FillLeader, _ exchange: borrowing Exchange, _ context: WireContext) {
    self.leader = leader
    site = exchange.site
    behavior = exchange.behavior
    route = exchange.route
    peer = exchange.peer
    tls = exchange.tls
    var bytes = ByteBuffer(capacity: 2048)
    bytes.append("GET ")
    bytes.append(exchange.request.target)
    bytes.append(" HTTP/1.1\r\n")
    exchange.request.fields.copyLines(to: &bytes, except: FieldNameSet.hopByHop.union(Conditions.names).union(FieldNameSet(.contentLength, .expect)))
    if !exchange.request.fields.has(.host) { bytes.append("Host: localhost\r\n") }
    bytes.append("\r\n")
    var limits = context.viewerLimits.head
    limits.headBytes += 1024
    limits.targetBytes = limits.headBytes
    request = RequestHead(parsing: bytes, limits)
    if request == nil { return nil }
  }

  nonisolated(nonsending) override func run(on worker: Worker) async {
    guard let request = request.take(), let cache = behavior.cache else { return leader.fail() }
    // A viewer that never leaves, and takes nothing.
    var nobody = ServerConnection(Socket(loop: worker.loop, substream: Substream()), peer: peer, worker.context)
    var exchange = Exchange(request, nobody, worker, onBehalfOf: tls)
    exchange.site = site
    exchange.behavior = behavior
    exchange.route = route
    let work = CacheWork(cache)
    exchange.cacheWork = work
    let response = await worker.lead(leader, cache, work, &exchange, &nobody)
    worker.discard(response, &exchange)
    nobody.close()
  }
}

extension ResponseHead {
  /// Frames the message by a length, or says that nobody knows it yet.
  mutating func setLength(_ length: Int?) {
    if let length { return setContentLength(length) }
    fields.drop(FieldNameSet(.contentLength, .transferEncoding))
    line.frameWithoutLength()
  }
}
