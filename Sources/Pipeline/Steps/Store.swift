// Step 13: what becomes of the origin's answer to a request that leads: stored, shared with those who wait, used to renew what is stale,
// or replaced by it (spec/request-pipeline.md, 3.3, 11.2, 14.2; RFC 9111, 3, 4.2.4 and 4.3).
import Distribution
import HTTPWire
import ObjectCache
import Origins
import Telemetry
import Transport

extension Worker {
  /// Asks the origin on behalf of everybody who waits for the same.
  nonisolated(nonsending) func lead(
    _ leader: FillLeader, _ cache: CompiledCache, _ work: CacheWork, _ exchange: inout Exchange, _ viewer: inout ServerConnection
  ) async -> Response {
    work.isFilling = true
    work.requestTime = wallMilliseconds
    work.failure = nil
    if let stale = leader.stale, stale.kind != .variants {
      work.outcome = .expired
      let isUseful = cache.sharesFetches && !stale.freshness.flags.contains(.noConditional) && stale.length != nil
      if isUseful && !(stale.etag.isEmpty && stale.lastModified.isEmpty) { work.validating = stale }
    }
    var response = await fetchOutOfLine(&exchange, &viewer)
    if let stale = work.validating {
      work.validating = nil
      if response.head.line.status == 304 && work.failure == nil {
        let renewed = renew(stale, with: response.head, leader, work, exchange)
        discard(response, &exchange)
        if let renewed, let answer = await serveAnyKind(renewed, work, .refreshHit, &exchange) { return answer }
        response = await fetchOutOfLine(&exchange, &viewer)
        if renewed != nil { return response }   // the origin did not give the content that it had just called valid
      }
    }
    return await settle(response, leader, work, &exchange, &viewer)
  }

  /// Decides what is stored of an answer that is no 304.
  private nonisolated(nonsending) func settle(
    _ response: consuming Response, _ leader: FillLeader, _ work: CacheWork, _ exchange: inout Exchange, _ viewer: inout ServerConnection
  ) async -> Response {
    let now = wallMilliseconds, status = response.head.line.status
    if work.failure == .viewer || response.source == .tunnel {
      leader.fail()
      return response
    }
    if work.failure == .function {   // no origin's answer, and nobody else's function's
      leader.decline()
      return response
    }
    if status >= 500, let stale = leader.stale, stale.kind != .variants,
      stale.freshness.servesOnError(isUnreachable: work.failure != nil, to: work.demand, at: now) {
      return await standIn(stale, for: response, leader, work, &exchange)
    }
    if let failure = work.failure, work.cache.followsRFC || !failure.isOrigins {
      leader.fail()
      return response
    }
    let facts = ResponseFacts(response.head)
    let request = RequestFacts(exchange.request.fields, isAuthorized: work.cache.forwardsAuthorization && exchange.request.fields.has(.authorization))
    let decision = exchange.received.method == .head ? nil : work.cache.rules.freshness(of: facts, to: request, requestTime: work.requestTime, now: now)
    if let observer = exchange.observer { observer.judged(facts, decision, exchange.behavior.behavior.cachePolicy, now: now) }
    guard let freshness = decision else {
      forget(leader.stale, status)
      leader.decline(passUntil: now + Self.passMilliseconds)
      return passOn(response, work, &exchange)
    }
    if isTooLarge(response.head) {
      if maySlice(response.head, exchange), !freshness.flags.contains(.unshared), !(work.cache.followsRFC && response.head.fields.has(.vary)) {
        return await slice(response, freshness, leader, work, &exchange, &viewer)
      }
      leader.decline(passUntil: now + Self.largePassMilliseconds)
      return await fetchLarge(response, work, &exchange, &viewer)
    }
    guard let leader = leaderOfVariant(leader, response.head, work, exchange, now) else { return passOn(response, work, &exchange) }
    return store(response, freshness, leader, work, &exchange)
  }

  /// An answer that is not stored, compressed where it is worth it: then it goes through the store's memory, on its way to one viewer.
  func passOn(_ response: consuming Response, _ work: CacheWork, _ exchange: inout Exchange) -> Response {
    guard work.cache.compresses, exchange.received.method == .get, response.source == .origin || response.source == .file,
      case .length(let length) = response.head.line.framing, compressor(for: response.head, length, work, exchange) != nil
    else { return select(from: response, work, &exchange) }
    let now = wallMilliseconds
    let passed = store(response, Freshness(receivedAt: now, freshUntil: now), configuration.store.leaderOfOne(), work, &exchange)
    work.isStored = false
    return passed
  }

  /// How long those who come next do not wait for each other when an answer could not be stored.
  private static let passMilliseconds: Int64 = 1_000
  /// The same for objects that are too large.
  private static let largePassMilliseconds: Int64 = 60_000

  /// What an answer that is not stored has superseded is not served any more. Errors of the server supersede nothing.
  private func forget(_ stale: StoredResponse?, _ status: Int) {
    guard let stale, status < 500 else { return }
    configuration.store.remove(stale.key, stale.hash)
  }

  // MARK: Large objects

  private func isTooLarge(_ head: borrowing ResponseHead) -> Bool {
    guard case .length(let length) = head.line.framing else { return false }
    return length > configuration.store.configuration.objectBytes
  }

  /// Stores the head of content that is kept in slices. A viewer who wants a part of it gets it from them; one who wants all gets the answer
  /// at hand.
  private nonisolated(nonsending) func slice(
    _ response: consuming Response, _ freshness: Freshness, _ leader: FillLeader, _ work: CacheWork, _ exchange: inout Exchange,
    _ viewer: inout ServerConnection
  ) async -> Response {
    var lines = StoredLines(response.head, freshness, tagHeader: work.cache.tagHeader)
    lines.head.kind = .sliced
    let length = Array(String(response.head.line.contentLength).utf8)
    let stored = leader.complete(lines.head, lines: lines.bytes.readable, tags: lines.tags.span, content: length.span)
    work.isStored = true
    guard exchange.request.fields.has(.range) else { return select(from: response, work, &exchange) }
    discard(response, &exchange)
    if let sliced = await serveSliced(stored, work, .miss, &exchange) { return sliced }
    return await fetchOutOfLine(&exchange, &viewer)
  }

  /// A part of what is too large to be stored comes from the origin, which is asked once more.
  private nonisolated(nonsending) func fetchLarge(
    _ response: consuming Response, _ work: CacheWork, _ exchange: inout Exchange, _ viewer: inout ServerConnection
  ) async -> Response {
    guard exchange.request.fields.has(.range) else { return select(from: response, work, &exchange) }
    discard(response, &exchange)
    work.isFilling = false
    return await fetchOutOfLine(&exchange, &viewer)
  }

  // MARK: Stale instead of an error

  /// Spec 3.3 and RFC 5861: the stale response, which is not validated again for a while.
  private nonisolated(nonsending) func standIn(
    _ stale: StoredResponse, for response: consuming Response, _ leader: FillLeader, _ work: CacheWork, _ exchange: inout Exchange
  ) async -> Response {
    var head = stale.description
    head.freshness.recheckAfter = wallMilliseconds + Int64(work.cache.rules.errorTTL(response.head.line.status)) * 1000
    let renewed = leader.renew(head, lines: stale.head, tags: stale.tags)
    guard let instead = await serveAnyKind(renewed, work, .stale, &exchange) else { return response }
    discard(response, &exchange)
    return instead
  }

  // MARK: 304

  /// The stored response is still the one (RFC 9111, 4.3.4).
  /// - Returns: what is to be served; nil when the 304 speaks of something else.
  private func renew(
    _ stale: StoredResponse, with fresh: borrowing ResponseHead, _ leader: FillLeader, _ work: CacheWork, _ exchange: borrowing Exchange
  ) -> StoredResponse? {
    if let line = fresh.fields.first(.etag) {
      let tag = fresh.fields.value(line), head = stale.head
      if stale.etag.isEmpty ? work.cache.followsRFC && tag.isStrongTag : tag.opaqueTag != head.extracting(stale.etag).opaqueTag { return nil }
    }
    guard var head = self.head(of: stale) else { return nil }
    // One without Date is of now (RFC 9110, 6.6.1), as its stored lines say then.
    head.fields.drop(fresh.fields.has(.date) ? FieldNameSet(.age) : FieldNameSet(.age, .date))
    head.fields.update(from: fresh.fields, isCompressed: stale.freshness.flags.contains(.compressed))
    let facts = ResponseFacts(head), now = wallMilliseconds
    let request = RequestFacts(exchange.request.fields, isAuthorized: work.cache.forwardsAuthorization && exchange.request.fields.has(.authorization))
    let decision = work.cache.rules.freshness(of: facts, to: request, requestTime: work.requestTime, now: now)
    let isKept = decision != nil && hasItsPlace(head, work, exchange)
    if !isKept && stale.kind == .sliced { return nil }   // no slice may be kept either: the origin is asked for all
    var freshness = decision ?? Freshness(receivedAt: now, initialAge: Int64(facts.age) * 1000, freshUntil: now)
    if stale.freshness.flags.contains(.compressed) {
      freshness.flags.insert(.compressed)
      Compression.addVary(to: &head.fields)
    }
    var lines = StoredLines(head, freshness, tagHeader: work.cache.tagHeader)
    lines.head.kind = stale.kind
    guard isKept else {   // good for this request alone
      configuration.store.remove(stale.key, stale.hash)
      leader.decline()
      return configuration.store.leaderOfOne(renewing: stale).renew(lines.head, lines: lines.bytes.readable)
    }
    return leader.renew(
      lines.head, lines: lines.bytes.readable, tags: lines.tags.span, sharing: freshness.flags.contains(.unshared) ? .keepForLater : .share)
  }

  /// Whether the key that a renewed response stands under tells apart what it says it varies by: it may say more than it did (RFC 9111, 4.1).
  private func hasItsPlace(_ head: borrowing ResponseHead, _ work: CacheWork, _ exchange: borrowing Exchange) -> Bool {
    guard work.cache.followsRFC, head.fields.has(.vary) else { return true }
    let names = varyNames(head.fields, work.cache).names, store = configuration.store
    return names.isEmpty || withKey(work.cache, exchange) { key, _ in
      guard let list = store.find(key.readable, store.hash(of: key.readable)), list.kind == .variants else { return false }
      return names.allSatisfy(VaryNames(list).names.contains)
    }
  }

  // MARK: HEAD

  /// What an answer to HEAD says of what GET stored (RFC 9111, 4.3.5): it is still the one, and is renewed, or it is not served any more.
  func compareStored(with fresh: borrowing ResponseHead, _ work: CacheWork, _ exchange: borrowing Exchange) {
    guard fresh.line.status == 200, work.failure == nil, let stored = find(work.cache, exchange), stored.kind == .response, stored.status == 200 else { return }
    let store = configuration.store, now = wallMilliseconds
    guard agrees(fresh, with: stored) else { return store.remove(stored.key, stored.hash) }
    guard case .lead(let leader) = store.lookup(stored.key, stored.hash, stored.places, now: now, { _ in .validate }) else { return }
    guard leader.stale === stored, renew(stored, with: fresh, leader, work, exchange) != nil else { return leader.decline() }
  }

  /// Whether what both say of the content is the same.
  private func agrees(_ fresh: borrowing ResponseHead, with stored: StoredResponse) -> Bool {
    func isOther(_ name: FieldName, _ place: Range<Int>, _ isSame: (Span<UInt8>, Span<UInt8>) -> Bool) -> Bool {
      guard !place.isEmpty, let line = fresh.fields.first(name) else { return false }
      let head = stored.head
      return !isSame(fresh.fields.value(line), head.extracting(place))
    }
    if isOther(.etag, stored.etag, { $0.opaqueTag == $1.opaqueTag }) || isOther(.lastModified, stored.lastModified, { $0.equals($1) }) { return false }
    guard !stored.freshness.flags.contains(.compressed), let line = fresh.fields.first(.contentLength), let length = stored.length else { return true }
    return Int(fresh.fields.value(line).text) == length
  }

  // MARK: Vary

  /// By RFC 9111's rules a response that varies stands under its variant's key, and a list of names under the object's.
  /// - Returns: who stores it; nil when somebody else does.
  private func leaderOfVariant(
    _ leader: FillLeader, _ head: borrowing ResponseHead, _ work: CacheWork, _ exchange: borrowing Exchange, _ now: Int64
  ) -> FillLeader? {
    guard work.cache.followsRFC, head.fields.has(.vary) || work.outcome == .variantMiss || leader.stale != nil else { return leader }
    return variant(leader, head, work, exchange, now)
  }
}

extension Span where Element == UInt8 {
  /// An entity tag without `W/`.
  fileprivate var opaqueTag: [UInt8] { isStrongTag ? copied : extracting(2...).copied }
  fileprivate var isStrongTag: Bool { !(count > 2 && self[0] == 87 && self[1] == 47) }
}

extension HeaderSection {
  /// What a 304 says replaces what was stored, but what says how the stored content is coded and framed (RFC 9111, 3.2).
  /// - Parameter isCompressed: the content was compressed here: its tag is a weak one, and a checksum would be another's.
  mutating func update(from fresh: borrowing HeaderSection, isCompressed: Bool) {
    var kept = FieldNameSet.hopByHop.union(FieldNameSet(.contentLength, .contentEncoding, .xCache, .xAmzCfId, .xAmzCfPop, .xAmzCf, .xEdge))
    if isCompressed { kept = kept.union(FieldNameSet(.etag, .contentMD5)) }
    let alsoKept = isCompressed ? ["content-range"] + Compression.digests : ["content-range"]
    var lines: [Int] = []
    for i in 0..<fresh.count where !kept.has(fresh[i].name) {
      let name = fresh.name(i)
      if !alsoKept.contains(where: { name.equalsIgnoringCase($0.utf8.span) }) { lines.append(i) }
    }
    for i in lines { drop(named: fresh.name(i)) }
    for i in lines { append(fresh.name(i), fresh.value(i)) }
  }
}

/// A head as it is stored: the status line and the fields that are as good for the next viewer, each line whole.
struct StoredLines: ~Copyable {
  var bytes = ByteBuffer(capacity: 1024)
  var head: StoredHead
  /// The tags, separated by spaces.
  private(set) var tags: [UInt8] = []

  /// Not stored: what ends at this hop, what is written for each viewer, and fields that no-cache or private names.
  private static let dropped = FieldNameSet.hopByHop.union(
    FieldNameSet(.contentLength, .age, .xCache, .xAmzCfId, .xAmzCfPop, .xAmzCf, .xEdge))

  init(_ response: borrowing ResponseHead, _ freshness: Freshness, tagHeader: [UInt8]) {
    head = StoredHead(status: response.line.status, freshness: freshness)
    bytes.append("HTTP/1.1 ")
    bytes.append(decimal: response.line.status)
    bytes.append(32)
    if response.reason.count > 0 { bytes.append(response.reason) } else { bytes.append(ReasonPhrase.of(response.line.status)) }
    bytes.append("\r\n")
    var unwanted: [[UInt8]] = []
    CacheDirectives.forEachNamedField(response.fields) { unwanted.append($0.copied) }
    for i in 0..<response.fields.count where !Self.dropped.has(response.fields[i].name) {
      let name = response.fields.name(i), value = response.fields.value(i)
      if unwanted.contains(where: { name.equalsIgnoringCase($0.span) }) { continue }
      let start = bytes.count + name.count + 2
      bytes.appendLine(name, value)
      switch response.fields[i].name {
      case .etag where head.etag.isEmpty: head.etag = start..<start + value.count
      case .lastModified where head.lastModified.isEmpty: head.lastModified = start..<start + value.count
      case .server: head.marks.insert(.server)
      case .via: head.marks.insert(.via)
      default: break
      }
      if name.equalsIgnoringCase(tagHeader.span) { note(tags: value) }
    }
    if !response.fields.has(.date) { bytes.append(text: "Date: \(HTTPDate.text(Int(freshness.receivedAt / 1000)))\r\n") }
  }

  private mutating func note(tags value: Span<UInt8>) {
    for tag in value.copied.split(whereSeparator: { $0 == 44 || $0 == 32 || $0 == 9 }) {
      if !tags.isEmpty { tags.append(32) }
      tags += tag
    }
  }
}
