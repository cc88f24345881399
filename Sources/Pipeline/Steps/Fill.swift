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
    var response = response, freshness = freshness
    work.isStored = true
    let length: Int? = switch response.head.line.framing {
    case .length(let length): length
    case .none: 0
    case .chunked, .untilClose: nil
    }
    let compressor = compressor(for: response.head, length ?? 0, work, exchange)
    if let compressor {
      Compression.apply(compressor.coding, to: &response.head)
      freshness.flags.insert(.compressed)
    }
    if response.isFunctionMade { freshness.flags.insert(.functionMade) }
    let lines = StoredLines(response.head, freshness, tagHeader: work.cache.tagHeader)
    let sharing: FillLeader.Sharing = freshness.flags.contains(.unshared) ? .keepForLater : .share
    let job = FillJob(leader, compressor)
    let stored: StoredResponse
    if let content = contentAtHand(&response, &exchange, compressor) {
      stored = leader.complete(lines.head, lines: lines.bytes.readable, tags: lines.tags.span, content: content.readable, sharing: sharing)
    } else {
      stored = leader.begin(
        lines.head, lines: lines.bytes.readable, tags: lines.tags.span, length: compressor == nil ? length : nil, sharing: sharing)
      let reader = stored.body.map { BodyReader($0) }
      if work.isRefresh { job.anchor = reader } else { work.reader = reader }
      job.upstream = exchange.upstream.take()
      job.file = exchange.file.take()
      startJob(job)
    }
    work.stored = stored
    response.source = .cached
    response.bytes = ByteBuffer()
    response.head.setLength(stored.length)
    return select(from: response, work, &exchange)
  }

  func compressor(for head: borrowing ResponseHead, _ length: Int, _ work: CacheWork, _ exchange: borrowing Exchange) -> Compressor? {
    guard work.cache.compresses, let coding = Compression.coding(for: head, accepted: work.cache.plan.coding(exchange.request)) else { return nil }
    return Compressor(coding, length: length)
  }

  /// Content up to this size is compressed in one go.
  private static let compressedAtOnceBytes = 32_768

  /// The content, when it has come whole with its head: most objects are small.
  /// - Returns: nil when a task has to fetch the rest.
  private func contentAtHand(_ response: inout Response, _ exchange: inout Exchange, _ compressor: Compressor?) -> ByteBuffer? {
    switch response.source {
    case .generated, .buffered: return compressed(response.bytes.readable, compressor)
    case .file: return exchange.file == nil ? ByteBuffer() : nil
    case .origin: break
    case .tunnel, .cached, .stored, .plainRedirect: return nil
    }
    guard exchange.upstream?.wholeBodyIsAtHand == true, var upstream = exchange.upstream.take() else { return nil }
    guard compressor == nil || upstream.stream.input.count <= Self.compressedAtOnceBytes, let count = try? upstream.payloadAtHand() else {
      exchange.upstream = consume upstream
      return nil
    }
    let content = compressed(upstream.stream.input.readable.extracting(..<count), compressor)
    upstream.stream.input.consume(count)
    upstream.finish()
    return content
  }

  /// A copy of the content, or what compressing makes of it; nil when that fails.
  private func compressed(_ content: Span<UInt8>, _ compressor: Compressor?) -> ByteBuffer? {
    var bytes = ByteBuffer(capacity: max(16, content.count))
    guard let compressor else {
      bytes.append(content)
      return bytes
    }
    guard compressor.run(content, isLast: true, into: &bytes) else { return nil }
    return bytes
  }
}

/// Fetches the body of what is being stored.
final class FillJob: BackgroundJob {
  private let leader: FillLeader
  private let compressor: Compressor?
  /// Keeps a body wanted that is fetched for viewers to come.
  var anchor: BodyReader?
  var upstream: ClientConnection?
  var file: FileBody?

  init(_ leader: FillLeader, _ compressor: Compressor?) {
    self.leader = leader
    self.compressor = compressor
  }

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
        let failure = upstream.isOverdue ? OriginFailure(.completionTimeout, at: "") : OriginFailure(error, upstream.streamFailure, at: "") ?? OriginFailure(reading: error, at: "")
        worker.counters.add(failure.counter)
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
      if n == 0 { return await pass(Span(), isLast: true) }
      var passed = 0
      while passed < n {
        let count = compressor == nil ? n : min(n - passed, Self.compressedBytes)
        guard await pass(upstream.stream.input.readable.extracting(passed..<passed + count), isLast: false) else { return false }
        passed += count
      }
      upstream.stream.input.consume(n)
      if stint.isOver(after: n) { await Task.yield() }
    }
  }

  /// Bytes that are compressed before others on the worker have their turn: usually less than half a millisecond, 1.5 at most.
  private static let compressedBytes = 16_384

  nonisolated(nonsending) private func fetch(from file: inout FileBody) async -> Bool {
    var piece = ByteBuffer()
    while await file.read(into: &piece) > 0 {
      var passed = 0
      while passed < piece.count {
        let count = compressor == nil ? piece.count : min(piece.count - passed, Self.compressedBytes)
        guard await pass(piece.readable.extracting(passed..<passed + count), isLast: false) else { return false }
        passed += count
      }
      piece.removeAll()
    }
    guard !file.isBroken else { return false }
    return await pass(Span(), isLast: true)
  }

  /// Hands bytes to the store, compressed where that is wanted.
  /// - Returns: false when nobody wants the rest any more, or it cannot be compressed.
  nonisolated(nonsending) private func pass(_ bytes: Span<UInt8>, isLast: Bool) async -> Bool {
    let next: FillLeader.Next
    if let compressor {
      var out = ByteBuffer()
      guard compressor.run(bytes, isLast: isLast, into: &out) else { return false }
      next = out.isEmpty ? .goOn : leader.append(out.readable)
      if !isLast { await Task.yield() }
    } else {
      next = bytes.isEmpty ? .goOn : leader.append(bytes)
    }
    if next == .wait && anchor != nil {   // it turned out too large to be kept
      anchor = nil
      return false
    }
    if next == .wait { await leader.roomIsFree() }
    return next != .abandoned
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
  private let edition: UInt64?

  init?(_ leader: FillLeader, _ exchange: borrowing Exchange, _ context: WireContext) {
    self.leader = leader
    site = exchange.site
    behavior = exchange.behavior
    route = exchange.route
    peer = exchange.peer
    tls = exchange.tls
    edition = exchange.cacheWork?.edition
    request = exchange.request.again(context, range: nil)
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
    work.isRefresh = true
    work.edition = edition
    exchange.cacheWork = work
    let response = await worker.lead(leader, cache, work, &exchange, &nobody)
    worker.discard(response, &exchange)
    nobody.close()
  }
}

extension RequestHead {
  /// The same request for the cache's own purposes: without conditions and content, of this range.
  /// - Returns: nil when it would be larger than a request may be.
  func again(_ context: WireContext, range: Range<Int>?) -> RequestHead? {
    var bytes = ByteBuffer(capacity: 2048)
    bytes.append(methodBytes)   // OPTIONS has objects of its own
    bytes.append(32)
    bytes.append(target)
    bytes.append(" HTTP/1.1\r\n")
    fields.copyLines(to: &bytes, except: FieldNameSet.hopByHop.union(Conditions.names).union(FieldNameSet(.contentLength, .expect)))
    if !fields.has(.host) { bytes.append("Host: localhost\r\n") }
    if let range { bytes.append(text: "Range: bytes=\(range.lowerBound)-\(range.upperBound - 1)\r\n") }
    bytes.append("\r\n")
    var limits = context.viewerLimits.head
    limits.headBytes += 1024
    limits.targetBytes = limits.headBytes
    return RequestHead(parsing: bytes, limits)
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
