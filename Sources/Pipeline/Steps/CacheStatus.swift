// What the cache says of itself: the field Cache-Status (RFC 9211), and the numbers of each behavior.
import Distribution
import HTTPWire
import ObjectCache
import Telemetry
import Transport

extension Worker {
  /// Counts what came of asking the cache.
  func countCache(_ work: CacheWork, _ exchange: borrowing Exchange, bytes: Int) {
    counters.countCache(exchange.behavior.place, work.outcome, bytes: bytes)
  }

  /// `Cache-Status: skerry; …`, unless `cache.cacheStatus` is off; the key for those of `cache.cacheStatusKeyFor` only: it names what is in it.
  func writeCacheStatus(_ work: CacheWork, _ exchange: borrowing Exchange, to out: inout ByteBuffer) {
    guard saysCacheStatus else { return }
    out.append("Cache-Status: skerry; ")
    switch work.outcome {
    case .hit, .stale: writeHit(freshFor: (work.freshUntil ?? 0) - wallMilliseconds, to: &out)
    case .refreshHit: out.append("fwd=stale; fwd-status=304")
    case .miss, .collapsed: out.append("fwd=uri-miss")
    case .variantMiss: out.append("fwd=vary-miss")
    case .expired: out.append(work.demand == CacheDirectives() ? "fwd=stale" : "fwd=request")
    case .method: out.append("fwd=method")
    case .bypass: out.append("fwd=bypass")
    }
    if work.outcome == .collapsed { out.append("; collapsed") } else if !work.outcome.isFromCache && exchange.originStatus > 0 {
      out.append("; fwd-status=")
      out.append(decimal: exchange.originStatus)
    }
    if work.isStored { out.append("; stored") }
    if !cacheKeyClients.isEmpty && cacheKeyClients.contains(exchange.client?.address ?? exchange.peer) { writeKey(work, exchange, to: &out) }
    out.append("\r\n")
  }

  /// - Parameter milliseconds: how long it is still fresh.
  func writeHit(freshFor milliseconds: Int64, to out: inout ByteBuffer) {
    out.append("hit; ttl=")
    let seconds = milliseconds / 1000
    if seconds < 0 { out.append(45) }
    out.append(decimal: Int(min(abs(seconds), Int64(CacheDirectives.longest))))
  }

  /// As an sf-string (RFC 8941, 3.3.3): the readable key is visible ASCII.
  private func writeKey(_ work: CacheWork, _ exchange: borrowing Exchange, to out: inout ByteBuffer) {
    let text = withKey(work.cache, exchange) { key, _ in ReadableKey(key.readable)?.description ?? "" }
    out.append("; key=\"")
    for byte in text.utf8 {
      if byte == 34 || byte == 92 { out.append(92) }
      out.append(byte)
    }
    out.append("\"")
  }
}
