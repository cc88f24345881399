// Owns: the response head as the viewer gets it (spec/request-pipeline.md, 13).
import Distribution
import HTTPWire
import ObjectCache
import Telemetry
import Transport

extension Worker {
  /// What an origin's response never passes on: hop-by-hop fields and the names that are ours to write.
  private static let dropped = FieldNameSet.hopByHop.union(FieldNameSet(.via, .xCache, .xAmzCfId, .xAmzCfPop, .xAmzCf, .xEdge))

  /// Writes status line and fields.
  func composeResponseHead(_ response: borrowing Response, _ exchange: borrowing Exchange, _ closing: Bool, _ chunked: Bool, to out: inout ByteBuffer) {
    let status = response.head.line.status
    var dropped = Self.dropped
    // What 101 is to HTTP/1.1, 200 is to an extended CONNECT; the key has no answer there (RFC 8441, 5).
    let isConnect = status == 101 && exchange.received.isHTTP2
    writeStatusLine(response.head, isConnect ? 200 : status, to: &out)
    if status == 204 || status < 200 || chunked { dropped.add(.contentLength) }
    response.head.fields.copyLines(to: &out, except: dropped)
    if !response.head.fields.has(.date) { writeDate(to: &out) }
    if !response.head.fields.has(.server) { out.append("Server: CloudFront\r\n") }
    if chunked { out.append("Transfer-Encoding: chunked\r\n") }
    if let work = exchange.cacheWork { writeCacheStatus(work, exchange, to: &out) }
    if exchange.received.isHTTP2 { return writeOwnLines(response.head.fields, exchange, to: &out) }
    if status == 101 {
      out.append("Connection: Upgrade\r\nUpgrade: websocket\r\n")
    } else if closing {
      out.append("Connection: close\r\n")
    } else if exchange.received.isHTTP10 {
      out.append("Connection: keep-alive\r\n")
    }
    writeOwnLines(response.head.fields, exchange, to: &out)
  }

  /// Writes the head of a stored response as it was stored, with what is said to this viewer. (What ``composeResponseHead(_:_:_:_:to:)``
  /// makes of one that has been read is the same.)
  func composeStoredHead(_ hit: CacheHit, _ exchange: borrowing Exchange, _ closing: Bool, length: Int, to out: inout ByteBuffer) {
    let stored = hit.stored
    out.append(stored.head)
    out.append("Age: ")
    out.append(decimal: stored.freshness.ageSeconds(at: hit.now))
    if stored.status != 204 {
      out.append("\r\nContent-Length: ")
      out.append(decimal: length)
    }
    out.append("\r\n")
    if !stored.marks.contains(.server) { out.append("Server: CloudFront\r\n") }
    if saysCacheStatus {
      out.append("Cache-Status: skerry; ")
      writeHit(freshFor: stored.freshness.freshUntil - hit.now, to: &out)
      out.append("\r\n")
    }
    if !exchange.received.isHTTP2 {
      if closing { out.append("Connection: close\r\n") } else if exchange.received.isHTTP10 { out.append("Connection: keep-alive\r\n") }
    }
    let lines = exchange.site.site.hitLines
    out.append(lines.span)
    out.append(exchange.id)
    out.append("\r\n\r\n")
  }

  private func writeStatusLine(_ head: borrowing ResponseHead, _ status: Int, to out: inout ByteBuffer) {
    out.append("HTTP/1.1 ")
    out.append(decimal: status)
    out.append(32)
    if head.reason.count > 0 { out.append(head.reason) } else { out.append(ReasonPhrase.of(status)) }
    out.append("\r\n")
  }

  private func writeDate(to out: inout ByteBuffer) {
    out.append("Date: ")
    let date = loop.date
    out.append(date.span)
    out.append("\r\n")
  }

  /// X-Cache, Via, X-Amz-Cf-Pop and X-Amz-Cf-Id. Via continues the origin's (RFC 9110, 7.6.3).
  private func writeOwnLines(_ fields: borrowing HeaderSection, _ exchange: borrowing Exchange, to out: inout ByteBuffer) {
    if exchange.result == .miss && !fields.has(.via) {
      let lines = exchange.site.site.missLines
      out.append(lines.span)
    } else if exchange.result == .hit && !fields.has(.via) {
      let lines = exchange.site.site.hitLines
      out.append(lines.span)
    } else {
      let via = exchange.site.site.via
      out.append("X-Cache: ")
      out.append(exchange.result.word)
      out.append(" from cloudfront\r\nVia: ")
      fields.appendValues(of: .via, to: &out)
      out.append("1.1")
      out.append(via.span)
      out.append("\r\nX-Amz-Cf-Pop: ")
      out.append(Site.pop)
      out.append("\r\nX-Amz-Cf-Id: ")
    }
    out.append(exchange.id)
    out.append("\r\n\r\n")
  }
}
