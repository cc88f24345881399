// Objects larger than the cache keeps whole (spec/request-pipeline.md, 14 and 14.3): their head is stored, their content fetched and kept in
// slices of one length, each by a range request of its own, and put together for the viewer. Only of content with a strong entity tag, from
// an origin that says it has ranges: slices are kept under the tag, so that two states of a content are never mixed (RFC 9110, 15.3.7.3).
import Distribution
import HTTPWire
import ObjectCache
import Origins
import Telemetry
import Transport

/// Content that stands in slices. Belongs to its request.
struct SlicedContent {
  let etag: [UInt8]
  let length: Int
  let sliceBytes: Int

  /// - Returns: nil when what is stored is not the head of such content.
  init?(_ stored: StoredResponse, sliceBytes: Int) {
    guard stored.kind == .sliced, !stored.etag.isEmpty, let length = Int(stored.content.text) else { return nil }
    etag = stored.head.extracting(stored.etag).copied
    self.length = length
    self.sliceBytes = sliceBytes
  }

  /// The slice that a byte lies in.
  func slice(at place: Int) -> Range<Int> {
    let start = place / sliceBytes * sliceBytes
    return start..<min(start + sliceBytes, length)
  }
}

extension Worker {
  /// Whether content that is too large to be kept whole can be fetched in slices: it is of one state that has a name, and the origin has ranges.
  func maySlice(_ head: borrowing ResponseHead, _ exchange: borrowing Exchange) -> Bool {
    guard head.line.status == 200, exchange.received.method == .get, let line = head.fields.first(.etag), head.fields.value(line).count > 0, head.fields.value(line)[0] == 34,
      let ranges = head.fields.first(named: "accept-ranges".utf8.span)
    else { return false }
    return head.fields.value(ranges).equalsLowercase("bytes")
  }

  /// The answer that a stored response gives, be its content whole or in slices.
  /// - Returns: nil when it gives none after all.
  nonisolated(nonsending) func serveAnyKind(
    _ stored: StoredResponse, _ work: CacheWork, _ outcome: CacheOutcome, _ exchange: inout Exchange
  ) async -> Response? {
    stored.kind == .sliced ? await serveSliced(stored, work, outcome, &exchange) : serve(stored, work, outcome, &exchange)
  }

  /// Answers from slices; the first one is at hand, or on its way, before the viewer hears anything.
  /// - Returns: nil when the origin does not give it; then the head is forgotten.
  nonisolated(nonsending) func serveSliced(
    _ stored: StoredResponse, _ work: CacheWork, _ outcome: CacheOutcome, _ exchange: inout Exchange
  ) async -> Response? {
    guard let slices = SlicedContent(stored, sliceBytes: configuration.store.configuration.sliceBytes), var head = head(of: stored) else { return nil }
    head.setContentLength(slices.length)
    work.stored = stored
    work.slices = slices
    work.freshUntil = stored.freshness.freshUntil
    work.isFilling = false
    work.outcome = outcome
    exchange.result = outcome == .refreshHit ? .refreshHit : outcome.isFromCache ? .hit : .miss
    exchange.failure = nil
    let response = select(from: Response(head: head, .cached), work, &exchange)
    guard response.source == .cached, exchange.received.method == .get, !work.isRefresh, let first = work.parts.first?.lowerBound ?? (slices.length > 0 ? 0 : nil) else { return response }
    guard let slice = await slice(of: slices, at: first, work, exchange) else {
      configuration.store.remove(stored.key, stored.hash)
      work.outcome = .miss
      exchange.result = .miss
      work.slices = nil
      work.parts = []
      work.boundaries = []
      return nil
    }
    work.firstSlice = slice
    if work.outcome == .miss { exchange.result = .miss }
    return response
  }

  /// Sends a part of what stands in slices.
  nonisolated(nonsending) func sendSliced(
    _ slices: SlicedContent, _ part: Range<Int>?, _ work: CacheWork, _ exchange: inout Exchange, _ viewer: inout ServerConnection
  ) async throws(WireFailure) {
    let part = part ?? 0..<slices.length
    var place = part.lowerBound
    while place < part.upperBound {
      let whole = slices.slice(at: place), end = min(whole.upperBound, part.upperBound)
      var found = work.firstSlice.take()
      if found == nil { found = await slice(of: slices, at: place, work, exchange) }
      guard let found else {
        if let stored = work.stored { configuration.store.remove(stored.key, stored.hash) }
        exchange.result = .error
        exchange.detailedResult = "OriginCommError"
        exchange.failure = "the origin did not give a slice of what it gave before"
        throw .io(.cancelled)
      }
      viewer.stream.beginOutput()
      try await send(found, place - whole.lowerBound..<end - whole.lowerBound, work, &exchange, &viewer, false)
      place = end
    }
  }

  /// The slice that a byte lies in: stored, being fetched by another, or fetched now; its body may still be on its way.
  private nonisolated(nonsending) func slice(of slices: SlicedContent, at place: Int, _ work: CacheWork, _ exchange: borrowing Exchange) async -> StoredResponse? {
    let range = slices.slice(at: place), store = configuration.store, now = wallMilliseconds
    for _ in 0..<Self.sliceAttempts {
      let found = withKey(work.cache, exchange) { key, places in
        KeyPlan.appendSlice(range, of: slices.etag.span, to: &key)
        return store.lookup(key.readable, store.hash(of: key.readable), places, now: now) { _ in .fresh }
      }
      switch found {
      case .hit(let stored), .stale(let stored, _): return stored
      case .lead(let leader): return await fetch(range, of: slices, leader, work, exchange)
      case .follow(let follower):
        switch await follower.wait() {
        case .response(let stored): return stored
        case .lead(let leader): return await fetch(range, of: slices, leader, work, exchange)
        case .again, nil: continue
        case .pass, .failed: return nil
        }
      case .pass: return nil
      }
    }
    return nil
  }
  private static let sliceAttempts = 6

  /// Fetches a slice for all who want it.
  /// - Returns: nil when the origin's answer is not this part of this content.
  private nonisolated(nonsending) func fetch(
    _ slice: Range<Int>, of slices: SlicedContent, _ leader: FillLeader, _ work: CacheWork, _ exchange: borrowing Exchange
  ) async -> StoredResponse? {
    work.outcome = .miss
    guard let request = exchange.request.again(context, range: slice) else { return nil }
    // A viewer that never leaves: others may wait for the same slice.
    var nobody = ServerConnection(Socket(loop: loop, substream: Substream()), peer: exchange.peer, context)
    var inner = Exchange(request, nobody, self, onBehalfOf: exchange.tls)
    inner.site = exchange.site
    inner.behavior = exchange.behavior
    inner.route = exchange.route
    let own = CacheWork(work.cache)
    inner.cacheWork = own
    let response = await fetchOutOfLine(&inner, &nobody)
    nobody.close()
    guard own.failure == nil, isPart(response.head, slice, of: slices) else {
      leader.fail()
      discard(response, &inner)
      return nil
    }
    // Under its tag it stays what it is; how long it is served is the head's business.
    let freshness = Freshness(receivedAt: wallMilliseconds, freshUntil: .max)
    _ = store(response, freshness, leader, own, &inner)
    work.reader = own.reader   // a body that somebody wants, until the viewer's own reader has come
    return own.stored
  }

  /// Whether an answer is exactly this part of this content.
  private func isPart(_ head: borrowing ResponseHead, _ slice: Range<Int>, of slices: SlicedContent) -> Bool {
    guard head.line.status == 206, let etag = head.fields.first(.etag), head.fields.value(etag).equals(slices.etag.span),
      let line = head.fields.first(named: "content-range".utf8.span), !head.fields.has(.contentEncoding)
    else { return false }
    let expected = "bytes \(slice.lowerBound)-\(slice.upperBound - 1)/\(slices.length)"
    guard head.fields.value(line).equals(expected.utf8.span) else { return false }
    if case .length(let length) = head.line.framing { return length == slice.count }
    return false
  }
}
