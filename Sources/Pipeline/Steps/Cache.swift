// Steps 8 and 9: the key, the look-up, and waiting for who fetches the same (spec/request-pipeline.md, 3 and 14.1). What the answer of an
// origin becomes is in Store.swift; what a viewer gets of a stored response in CachedResponse.swift.
import Distribution
import HTTPWire
import ObjectCache
import Telemetry
import Transport

extension Worker {
  /// The answer to a request: from the cache where the behavior has one, else from the origin.
  @inline(__always) nonisolated(nonsending) func obtain(_ exchange: inout Exchange, _ viewer: inout ServerConnection) async -> Response {
    guard let cache = exchange.behavior.cache else { return await fetch(&exchange, &viewer) }
    if let response = findHit(cache, &exchange) { return response }
    return await obtain(through: cache, &exchange, &viewer)
  }

  /// The same for an error's page.
  @inline(never) nonisolated(nonsending) func obtainOutOfLine(_ exchange: inout Exchange, _ viewer: inout ServerConnection) async -> Response {
    await obtain(&exchange, &viewer)
  }

  /// Most requests of a cache: what is stored is fresh, and goes to the viewer as it is. Nothing is parsed or allocated.
  /// - Returns: nil when there is more to it; nothing has happened then.
  @inline(never) private func findHit(_ cache: CompiledCache, _ exchange: inout Exchange) -> Response? {
    guard exchange.received.method == .get, !exchange.hasBody, !exchange.received.wantsUpgrade, exchange.behavior.sendsStoredHeads,
      exchange.request.fields.present.isDisjoint(with: cache.followsRFC ? Self.heardByRFC : Conditions.names), !exchange.wantsHead,
      !logging.wantsAnswer, cacheKeyClients.isEmpty
    else { return nil }
    let store = configuration.store, now = wallMilliseconds
    let found = withKey(cache, exchange) { key, _ in store.find(key.readable, store.hash(of: key.readable)) }
    guard let found, found.kind == .response, found.status < 400, !found.marks.contains(.via), found.freshness.isServed(at: now),
      let length = found.length
    else { return nil }
    exchange.reached(.lookup)
    exchange.hit = CacheHit(stored: found, outcome: now < found.freshness.freshUntil ? .hit : .stale, now: now)
    exchange.result = .hit
    return Response(found, length: length)
  }
  private static let heardByRFC = Conditions.names.union(FieldNameSet(.cacheControl, .pragma))

  @inline(never) private nonisolated(nonsending) func obtain(
    through cache: CompiledCache, _ exchange: inout Exchange, _ viewer: inout ServerConnection
  ) async -> Response {
    let work = CacheWork(cache)
    exchange.cacheWork = work
    guard isCached(exchange.received.method, cache) && !exchange.hasBody else {
      work.outcome = .method
      let response = await fetchOutOfLine(&exchange, &viewer)
      if cache.followsRFC { invalidate(response.head, &exchange, cache) }
      return response
    }
    if cache.followsRFC { work.demand = RequestFacts(exchange.request.fields, isAuthorized: false).directives }
    if exchange.received.wantsUpgrade || !exchange.request.fields.present.isDisjoint(with: Self.originsConditions) {
      return await pass(&exchange, &viewer)
    }
    // A HEAD that misses is the origin's to answer, and nothing is stored of that.
    if exchange.received.method == .head { return await answerHead(cache, &exchange, &viewer) }
    return await answerFromCache(cache, work, &exchange, &viewer)
  }

  /// Conditions that a cache does not evaluate (RFC 9111, 4.3.2): such a request goes to the origin.
  private static let originsConditions = FieldNameSet(.ifMatch, .ifUnmodifiedSince)

  private func isCached(_ method: Method, _ cache: CompiledCache) -> Bool {
    switch method {
    case .get, .head: true
    case .options: cache.cachesOptions
    default: false
    }
  }

  /// Past the cache: nothing of the answer is stored.
  private nonisolated(nonsending) func pass(_ exchange: inout Exchange, _ viewer: inout ServerConnection) async -> Response {
    if let work = exchange.cacheWork {
      work.outcome = .bypass
      work.isFilling = false
      work.validating = nil
      if work.demand.has(.onlyIfCached) { return nothingCached(&exchange) }
      if work.cache.compresses {
        let response = await fetchOutOfLine(&exchange, &viewer)
        return work.failure == nil ? passOn(response, work, &exchange) : response
      }
    }
    return await fetchOutOfLine(&exchange, &viewer)
  }

  /// RFC 9111, 5.2.1.7.
  private func nothingCached(_ exchange: inout Exchange) -> Response {
    refuse(&exchange, 504, "The request is to be answered from the cache only, which has no usable response.")
  }

  // MARK: Looking up

  /// Look-ups of one request: the object, its variant, and again when what was waited for turns out to be something else.
  private static let lookupsLimit = 6

  private nonisolated(nonsending) func answerFromCache(
    _ cache: CompiledCache, _ work: CacheWork, _ exchange: inout Exchange, _ viewer: inout ServerConnection
  ) async -> Response {
    for _ in 0..<Self.lookupsLimit {
      let found = lookUp(cache, work, exchange)
      exchange.reached(.lookup)
      if let observer = exchange.observer {
        let key = withKey(cache, exchange) { key, _ in ReadableKey(key.readable) }
        observer.looked(up: key, exchange.behavior.behavior.cachePolicy, found: found, now: wallMilliseconds)
      }
      switch found {
      case .hit(let stored):
        guard let response = await serveAnyKind(stored, work, wallMilliseconds < stored.freshness.freshUntil ? .hit : .stale, &exchange) else { break }
        return response
      case .stale(let stored, let leader):
        if let leader { refresh(leader, exchange) }
        guard let response = await serveAnyKind(stored, work, .stale, &exchange) else { break }
        return response
      case .lead(let leader):
        if work.demand.has(.onlyIfCached) { return nothingCached(&exchange) }
        return await lead(leader, cache, work, &exchange, &viewer)
      case .follow(let follower):
        if work.demand.has(.onlyIfCached) { return nothingCached(&exchange) }
        guard cache.sharesFetches else { return await pass(&exchange, &viewer) }
        switch await outcome(of: follower, viewer) {
        case .response(let stored):
          if stored.kind != .response || stored.freshness.flags.contains(.unshared) { continue }
          guard let response = serve(stored, work, .collapsed, &exchange) else { break }
          return response
        case .lead(let leader): return await lead(leader, cache, work, &exchange, &viewer)
        case .again: continue   // it was found on disk and stands in memory now
        case .failed: return refuse(&exchange, 502, "The origin could not be reached or did not answer in a way that is understood.", "OriginCommError")
        case .pass, nil: return await pass(&exchange, &viewer)
        }
      case .pass: return await pass(&exchange, &viewer)
      }
    }
    return await pass(&exchange, &viewer)
  }

  /// Waits for what another request fetches; nil when the viewer has left.
  private nonisolated(nonsending) func outcome(of follower: FillFollower, _ viewer: borrowing ServerConnection) async -> FillFollower.Outcome? {
    let socket = viewer.stream.socket
    let before = socket.whenDisturbed
    socket.whenDisturbed = { socket in
      before?(socket)
      if socket.isBroken || socket.failure != nil { follower.nudge() }
    }
    defer { socket.whenDisturbed = before }
    while viewer.isAlive { if let outcome = await follower.wait() { return outcome } }
    return nil
  }

  /// Makes the request's key in memory that the worker keeps for it.
  /// - Parameter coding: instead of what the viewer accepts.
  func withKey<Result>(
    _ cache: CompiledCache, _ exchange: borrowing Exchange, coding: AcceptEncoding? = nil, _ body: (inout ByteBuffer, KeyPlaces) -> Result
  ) -> Result {
    var made: [CloudFrontHeader: String] = [:]
    for header in cache.madeHeaders { made[header] = viewerHeader(header, exchange) }
    var key = ByteBuffer()
    swap(&key, &cacheKey)
    defer { swap(&key, &cacheKey) }
    key.removeAll()
    let places = cache.plan.append(exchange.request, chosenOrigin: exchange.route?.identity, coding: coding, to: &key) { made[$0] }
    if cache.holdsEditions { appendEdition(places, exchange, to: &key) }
    return body(&key, places)
  }

  /// The target's edition, the same for all keys of one request.
  private func appendEdition(_ places: KeyPlaces, _ exchange: borrowing Exchange, to key: inout ByteBuffer) {
    let edition = exchange.cacheWork?.edition ?? configuration.store.edition(of: key.readable, places)
    exchange.cacheWork?.edition = edition
    if edition != 0 { KeyPlan.append(edition: edition, to: &key) }
  }

  private func lookUp(_ cache: CompiledCache, _ work: CacheWork, _ exchange: borrowing Exchange) -> Lookup {
    let store = configuration.store, now = wallMilliseconds, demand = work.demand
    func use(_ stored: StoredResponse) -> Use { stored.kind == .variants ? .fresh : stored.freshness.use(demand, at: now) }
    return withKey(cache, exchange) { key, places in
      let found = store.lookup(key.readable, store.hash(of: key.readable), places, now: now, use)
      guard case .hit(let list) = found, list.kind == .variants else { return found }
      VaryNames(list).appendVariant(of: exchange.request, to: &key)
      if work.outcome == .miss { work.outcome = .variantMiss }
      return store.lookup(key.readable, store.hash(of: key.readable), places, now: now, use)
    }
  }

  /// HEAD of an object that GET stored.
  private nonisolated(nonsending) func answerHead(
    _ cache: CompiledCache, _ exchange: inout Exchange, _ viewer: inout ServerConnection
  ) async -> Response {
    if let work = exchange.cacheWork, let stored = find(cache, exchange), stored.length != nil {
      let now = wallMilliseconds
      let outcome: CacheOutcome = now < stored.freshness.freshUntil ? .hit : .stale
      if stored.freshness.use(work.demand, at: now) != .validate, let response = await serveAnyKind(stored, work, outcome, &exchange) { return response }
    }
    exchange.cacheWork?.requestTime = wallMilliseconds
    let response = await pass(&exchange, &viewer)
    if cache.followsRFC, let work = exchange.cacheWork { compareStored(with: response.head, work, exchange) }
    return response
  }

  /// The stored response to a request, however old; of variants the one for it.
  func find(_ cache: CompiledCache, _ exchange: borrowing Exchange) -> StoredResponse? {
    let store = configuration.store
    return withKey(cache, exchange) { key, _ in
      guard let found = store.find(key.readable, store.hash(of: key.readable)), found.kind == .variants else {
        return store.find(key.readable, store.hash(of: key.readable))
      }
      VaryNames(found).appendVariant(of: exchange.request, to: &key)
      return store.find(key.readable, store.hash(of: key.readable))
    }
  }

  // MARK: Invalidation by unsafe methods

  /// RFC 9111, 4.4: what an unsafe method changed is no longer served: the target, and what Location and Content-Location name of the same
  /// host, whatever else its keys hold.
  private func invalidate(_ head: borrowing ResponseHead, _ exchange: inout Exchange, _ cache: CompiledCache) {
    guard !exchange.isSafe, exchange.received.method != .options, (200..<400).contains(head.line.status) else { return }
    drop(cache, exchange)
    for name in ["Location", "Content-Location"] {
      guard let line = head.fields.first(named: name.utf8.span),
        let target = OwnTarget(head.fields.value(line), host: exchange.request.authority, path: exchange.request.path)
      else { continue }
      let path = exchange.request.path.copied, query = exchange.request.hasQuery ? exchange.request.query.copied : nil
      exchange.request.setTarget(path: target.path, query: target.query)
      if let other = behavior(of: exchange.site.site, path: exchange.request.path).cache, other.followsRFC { drop(other, exchange) }
      exchange.request.setTarget(path: path, query: query)
    }
  }

  /// Makes invalid what is stored of a request's target. A list of variants goes with it: without that none of them is found.
  private func drop(_ cache: CompiledCache, _ exchange: borrowing Exchange) {
    let store = configuration.store
    if cache.holdsEditions { return withKey(cache, exchange) { key, places in store.renewEdition(of: key.readable, places) } }
    for coding in cache.plan.codings {
      withKey(cache, exchange, coding: coding) { key, _ in store.invalidate(key.readable, store.hash(of: key.readable)) }
    }
  }
}

/// A reference to something on the same host (RFC 9111, 4.4): an absolute URL, an absolute path, or one beside the request's own.
struct OwnTarget {
  let path: [UInt8]
  let query: [UInt8]?

  init?(_ reference: Span<UInt8>, host: Span<UInt8>, path base: Span<UInt8>) {
    var rest = reference.copied[...]
    if let scheme = [Array("http://".utf8), Array("https://".utf8)].first(where: { rest.starts(with: $0) }) {
      rest = rest.dropFirst(scheme.count)
      let authority = rest.prefix { $0 != 47 && $0 != 63 && $0 != 35 }
      guard Array(authority).span.equalsIgnoringCase(host) else { return nil }
      rest = rest.dropFirst(authority.count)
      if rest.first != 47 { rest = [47] + rest }
    } else if let first = rest.first, first != 47, !rest.prefix(while: { $0 != 47 && $0 != 63 && $0 != 35 }).contains(58) {
      let base = base.copied   // RFC 3986, 5.2.2 and 5.2.3
      let folder = base.prefix((base.lastIndex(of: 47) ?? -1) + 1)
      rest = first == 63 ? base + rest : first == 35 ? base[...] : folder + rest
    }
    guard rest.first == 47, !rest.starts(with: [47, 47]) else { return nil }
    rest = rest.prefix { $0 != 35 }
    let written = rest.prefix { $0 != 63 }
    path = Self.withoutDotSegments(written)
    query = rest.count > written.count ? Array(rest.dropFirst(written.count + 1)) : nil
    guard path.allSatisfy({ $0 > 32 && $0 != 127 }), query?.allSatisfy({ $0 > 32 && $0 != 127 }) ?? true else { return nil }
  }

  /// RFC 3986, 5.2.4, of a path that begins with a slash.
  private static func withoutDotSegments(_ path: ArraySlice<UInt8>) -> [UInt8] {
    var kept: [ArraySlice<UInt8>] = []
    var isFolder = false
    for segment in path.split(separator: 47, omittingEmptySubsequences: false) {
      isFolder = segment.elementsEqual([46]) || segment.elementsEqual([46, 46])
      if !isFolder { kept.append(segment) } else if segment.count == 2 && kept.count > 1 { kept.removeLast() }
    }
    if isFolder { kept.append([]) }
    return Array(kept.joined(separator: [47]))
  }
}

extension Route {
  /// What tells an origin that a function chose from any other: its name, path and the lines its requests get.
  var identity: [UInt8] { Array("\(primary.origin.name) ".utf8) + primary.origin.path + [10] + primary.lines }
}
