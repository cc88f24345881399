// Step 14: custom error responses (spec/request-pipeline.md, 11.1). The page comes through the behavior that matches its own path;
// no viewer function runs for it.
import Distribution
import HTTPWire
import Origins
import Telemetry
import Transport

extension Worker {
  /// The page that the distribution has for an error, if this is one.
  func errorPage(for response: borrowing Response, _ exchange: borrowing Exchange) -> ErrorResponse? {
    let status = response.head.line.status
    guard status >= 400, !response.isGenerated, !response.isFunctionMade, !isGRPC(exchange) else { return nil }
    return exchange.site.site.distribution.errorResponse(for: status)
  }

  /// Replaces an error by the page the distribution has for it. When that page cannot be had, the error stands as it is. Its connection is
  /// free before the page is asked for: a page must not wait for what it replaces.
  @inline(never) nonisolated(nonsending) func replace(
    _ response: consuming Response, by rule: ErrorResponse, _ exchange: inout Exchange, _ viewer: inout ServerConnection
  ) async -> Response {
    let status = response.head.line.status
    guard let path = rule.responsePagePath, var page = pageExchange(path, exchange, viewer) else { return response }
    // Out of the hot path: an error with a page of the distribution's.
    if let observer = exchange.observer { page.observer = observer.asksForPage(rule, page) }
    var response = response
    let isWhole = await takeBody(of: &response, &exchange)
    var replacement = await obtainOutOfLine(&page, &viewer)
    guard replacement.head.line.status < 400 else {
      discard(replacement, &page)
      if !isWhole { standIn(for: &response, exchange) }
      return response
    }
    if let observer = exchange.observer { observer.takesPage() }
    discard(response, &exchange)
    exchange.upstream = page.upstream.take()
    exchange.file = page.file.take()
    exchange.cacheWork = page.cacheWork
    replacement.head.line.status = rule.responseCode ?? status
    replacement.head.setReason(Span())
    replacement.head.fields.drop(FieldNameSet(.etag, .lastModified))
    replacement.isErrorPage = true
    exchange.reached(.errorPage)
    return replacement
  }

  /// Reads an answer's body into memory and hands its connection back.
  /// - Returns: false when the body is not worth that, or broke off: then the connection is closed and the body lost.
  private nonisolated(nonsending) func takeBody(of response: inout Response, _ exchange: inout Exchange) async -> Bool {
    guard response.source == .origin, var upstream = exchange.upstream.take() else { return true }
    response.source = .buffered
    let limits = configuration.configuration.limits
    let deadline = loop.now + UInt64(limits.errorBodyTimeout.milliseconds)
    var body = ByteBuffer(capacity: 512)
    do throws(WireFailure) {
      while let n = try await upstream.nextPayload(until: deadline), body.count + n <= limits.discardedBodyBytes {
        if n == 0 {
          upstream.finish()
          response.bytes = body
          if exchange.received.method != .head { response.head.setContentLength(response.bytes.count) }
          return true
        }
        body.append(upstream.stream.input, 0..<n)
        upstream.stream.input.consume(n)
      }
    } catch {
      counters.add(OriginFailure(reading: error, at: "").counter)
      return false
    }
    counters.add(.limitErrorBody)
    return false
  }

  /// Says in our own words what a lost body would have said.
  private func standIn(for response: inout Response, _ exchange: borrowing Exchange) {
    let status = response.head.line.status
    response.head.fields.drop(FieldNameSet(.contentType, .contentEncoding, .etag, .lastModified))
    response.head.fields.append("Content-Type", "text/html")
    response.replaceBody(errorPage(status, "The origin answered with status \(status).", exchange.id))
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
        FieldNameSet(.host, .contentLength, .expect, .range, .ifRange, .ifMatch, .ifNoneMatch, .ifModifiedSince, .ifUnmodifiedSince, .contentType)))
    bytes.append("Host: ")
    if exchange.request.authority.isEmpty { bytes.append("localhost") } else { bytes.append(exchange.request.authority) }
    bytes.append("\r\n\r\n")
    guard let request = RequestHead(parsing: bytes, context.viewerLimits.head) else { return nil }
    var page = Exchange(request, viewer, self)
    page.wantsHead = true
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

  /// Lets a body that comes from elsewhere go unsent. Its connection lives on if the rest is at hand and short.
  func discardBody(_ exchange: inout Exchange) {
    exchange.file = nil
    guard var upstream = exchange.upstream.take() else { return }
    var left = context.viewerLimits.discardedBodyBytes
    while left > 0, let n = try? upstream.payloadAtHand() {
      if n == 0 {
        upstream.finish()
        return
      }
      upstream.stream.input.consume(n)
      left -= n
    }
  }
}
