// Step 14: custom error responses (spec/request-pipeline.md, 11.1). The page comes through the behavior that matches its own path;
// no viewer function runs for it.
import Distribution
import HTTPWire
import Telemetry
import Transport

extension Worker {
  /// Replaces an error by the page the distribution has for it. When that page cannot be had, the error stands as it is.
  nonisolated(nonsending) func applyErrorResponse(
    _ response: consuming Response, _ exchange: inout Exchange, _ viewer: inout ServerConnection
  ) async -> Response {
    let status = response.head.line.status
    guard status >= 400, !response.isGenerated, let rule = exchange.site.site.distribution.errorResponse(for: status),
      let path = rule.responsePagePath
    else { return response }
    guard var page = pageExchange(path, exchange, viewer) else { return response }
    var replacement = await fetch(&page, &viewer)
    guard replacement.head.line.status < 400 else {
      discard(replacement, &page)
      return response
    }
    discard(response, &exchange)
    exchange.upstream = page.upstream.take()
    exchange.file = page.file.take()
    replacement.head.line.status = rule.responseCode ?? status
    replacement.head.setReason(Span())
    replacement.head.fields.drop(FieldNameSet(.etag, .lastModified))
    replacement.isErrorPage = true
    exchange.reached(.errorPage)
    return replacement
  }

  /// The request for the page: the viewer's own fields, without what speaks of its body or of conditions.
  private func pageExchange(_ path: String, _ exchange: borrowing Exchange, _ viewer: borrowing ServerConnection) -> Exchange? {
    var bytes = ByteBuffer(capacity: 1024)
    bytes.append(exchange.received.method == .head ? "HEAD " : "GET ")
    bytes.append(text: path)
    bytes.append(" HTTP/1.1\r\n")
    exchange.request.fields.copyLines(
      to: &bytes,
      except: FieldNameSet.hopByHop.union(
        FieldNameSet(.contentLength, .expect, .range, .ifRange, .ifMatch, .ifNoneMatch, .ifModifiedSince, .ifUnmodifiedSince, .contentType)))
    if !exchange.request.fields.has(.host) { bytes.append("Host: localhost\r\n") }
    bytes.append("\r\n")
    guard let request = RequestHead(parsing: bytes, context) else { return nil }
    var page = Exchange(request, viewer, self)
    page.site = exchange.site
    page.behavior = behavior(of: exchange.site.site, path: page.request.path)
    return page
  }
}

extension Worker {
  /// Lets a response go unsent.
  func discard(_ response: consuming Response, _ exchange: inout Exchange) {
    discardBody(&exchange)
  }

  /// Bytes of an unwanted body that are read so that its connection can be kept.
  private static var discardedBytes: Int { 65_536 }

  /// Lets a body that comes from elsewhere go unsent. Its connection lives on if the rest is at hand and short.
  func discardBody(_ exchange: inout Exchange) {
    exchange.file = nil
    guard var upstream = exchange.upstream.take() else { return }
    var left = Self.discardedBytes
    while left > 0, let n = try? upstream.payloadAtHand() {
      if n == 0 { return upstream.finish() }
      upstream.stream.input.consume(n)
      left -= n
    }
  }
}
