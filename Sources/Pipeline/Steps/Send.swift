// Step 17: the response as the viewer gets it (spec/request-pipeline.md, 13; RFC 9112, 6), and its body.
import Distribution
import HTTPWire
import Origins
import Telemetry
import Transport

extension Worker {
  /// Sends a response whole: head and the body at hand in one call, the rest as it comes, with back-pressure.
  nonisolated(nonsending) func send(
    _ response: consuming Response, _ exchange: inout Exchange, _ viewer: inout ServerConnection
  ) async throws(WireFailure) {
    settleConnect(&response, &exchange)
    exchange.status = response.head.line.status
    if !viewer.bodyIsShort && exchange.status != 101 { viewer.closing = true }
    settleBody(&response, &exchange)
    let hasNoBody = exchange.received.method == .head || exchange.status == 204 || exchange.status == 304
    let chunked = chooseFraming(&response, &exchange, &viewer)
    viewer.stream.beginOutput()
    if let hit = exchange.hit {
      composeStoredHead(hit, exchange, viewer.closing, length: response.head.line.contentLength, to: &viewer.stream.output)
    } else if response.source == .plainRedirect {
      composePlainRedirect(exchange.status, exchange, viewer.closing, to: &viewer.stream.output)
    } else {
      composeResponseHead(response, exchange, viewer.closing, chunked, to: &viewer.stream.output)
    }
    viewer.headIsWhole()
    viewer.answerHasBegun = true
    exchange.reached(.sending)
    if logging.wantsAnswer { exchange.answer = AnswerFacts(response.head) }
    let isDuplex = viewer.substream != nil && isDuplex(&exchange, viewer)
    switch response.source {
    case .generated, .buffered, .plainRedirect:
      if !hasNoBody { try viewer.forward(response.bytes.count, from: &response.bytes, asChunk: false) }
      try await viewer.flush()
    case .origin where isDuplex: try await relayBothWays(&exchange, &viewer)
    case .origin: if try !passOnAtOnce(&exchange, &viewer, chunked) { try await relay(&exchange, &viewer, chunked) }
    case .tunnel: try await tunnel(&exchange, &viewer)
    case .file: try await sendFile(&exchange, &viewer, hasNoBody)
    case .cached: try await sendCached(&exchange, &viewer, hasNoBody, chunked)
    case .stored: if try !sendStoredAtOnce(exchange.hit, &viewer) { try await sendStored(&exchange, &viewer) }
    }
    viewer.answerIsWhole()
    exchange.reached(.sent)
    // A short rest of the request's body is read after the answer, which must not wait for it.
    if !viewer.closing && !viewer.bodyIsDone { do throws(WireFailure) { try await viewer.discardBody() } catch { viewer.closing = true } }
  }

  /// To an extended CONNECT any 2xx says that the tunnel stands (RFC 9113, 8.5; RFC 8441, 5): a page must not say so.
  @inline(__always) private func settleConnect(_ response: inout Response, _ exchange: inout Exchange) {
    if exchange.received.isHTTP2 && exchange.received.wantsUpgrade { refuseUnlessSwitched(&response, &exchange) }
  }
  private func refuseUnlessSwitched(_ response: inout Response, _ exchange: inout Exchange) {
    guard response.source != .tunnel, response.head.line.status / 100 == 2 else { return }
    discardBody(&exchange)
    response = refuse(&exchange, 502, "The origin did not switch to the WebSocket protocol.", "OriginInvalidResponseError")
  }

  /// Makes body and framing agree with the final status, which a function or an error page may have changed: 204, 205 and 304 have no body;
  /// any other status without one says so, but a 304 of ours: it would say that the content is empty (RFC 9110, 8.6).
  private func settleBody(_ response: inout Response, _ exchange: inout Exchange) {
    let status = exchange.status
    if status == 304, response.source == .generated || response.source == .buffered { response.head.fields.drop(.contentLength) }
    if status == 101 || exchange.received.method == .head { return }
    let hasBody = response.head.line.framing != .none
    if status == 204 || status == 304 || status == 205 && hasBody {
      guard hasBody else { return }
      discardBody(&exchange)
      if status == 205 { response.head.setContentLength(0) } else { response.head.fields.drop(.contentLength) }
      response.source = .generated
      response.bytes = ByteBuffer()
      response.head.line.frame(length: 0)
    } else if !hasBody && response.head.line.contentLength != 0 {
      response.head.setContentLength(0)
    }
  }

  /// Decides how the viewer finds the end of the body: as the origin said, in chunks, or (HTTP/1.0) by the connection's end.
  private func chooseFraming(_ response: inout Response, _ exchange: inout Exchange, _ viewer: inout ServerConnection) -> Bool {
    switch response.head.line.framing {
    case .none, .length: return false
    case .chunked, .untilClose:
      guard response.source == .origin || response.source == .cached, !exchange.received.isHTTP2 else { return false }
      if exchange.received.isHTTP10 {
        viewer.closing = true
        return false
      }
      return true
    }
  }

  /// Sends an origin's body that has arrived with its head, without waiting: most bodies are small.
  /// - Returns: whether all of it is on its way; if not, ``relay(_:_:_:)`` goes on where this stopped.
  private func passOnAtOnce(_ exchange: inout Exchange, _ viewer: inout ServerConnection, _ chunked: Bool) throws(WireFailure) -> Bool {
    guard !chunked, exchange.upstream?.wholeBodyIsAtHand == true, var upstream = exchange.upstream.take() else { return false }
    while let n = try upstream.payloadAtHand(), n > 0 { try viewer.forward(n, from: &upstream.stream.input, asChunk: false) }
    upstream.finish()
    return try viewer.flushAtOnce()
  }

  /// Streams an origin's body. One that breaks off ends the viewer's connection so that it cannot be taken for whole.
  private nonisolated(nonsending) func relay(
    _ exchange: inout Exchange, _ viewer: inout ServerConnection, _ chunked: Bool
  ) async throws(WireFailure) {
    guard var upstream = exchange.upstream.take() else { return try await viewer.flush() }
    viewer.stream.socket.dependent = upstream.stream.socket
    var lasts = false
    defer {
      if lasts { exchange.site.longExchanges.ended(viewer.stream.socket) }
      viewer.stream.socket.dependent = nil
    }
    var stint = Stint()
    while true {
      let atHand: Int?
      do throws(WireFailure) { atHand = try upstream.payloadAtHand() } catch {
        if viewer.takeBackAnswer() {
          let streamFailure = upstream.streamFailure
          viewer.stream.socket.dependent = nil
          _ = consume upstream   // a page must not wait for what it replaces
          return try await sendInstead(of: error, streamFailure, &exchange, &viewer)
        }
        noteBrokenBody(error, upstream.streamFailure, &exchange, viewer)
        throw .io(.cancelled)
      }
      guard let n = atHand else {
        try await viewer.flush()
        if !lasts {   // perhaps a stream of events
          lasts = true
          exchange.site.longExchanges.began(viewer.stream.socket)
        }
        await upstream.waitForPayload()
        continue
      }
      if n == 0 { break }
      try viewer.forward(n, from: &upstream.stream.input, asChunk: chunked)
      if viewer.stream.output.count > Self.gatheredBytes { try await viewer.flush() }
      if stint.isOver(after: n) { await Task.yield() }
    }
    if chunked {
      viewer.stream.beginOutput()
      viewer.stream.output.append("0\r\n\r\n")
    }
    viewer.stream.socket.dependent = nil   // what follows is no business of the origin's
    viewer.trailers = upstream.takeTrailers()
    upstream.finish()
    try await viewer.flush()
  }

  /// The body broke off before anything of the answer was sent: the viewer is told so in its place.
  @inline(never) private nonisolated(nonsending) func sendInstead(
    of failure: WireFailure, _ streamFailure: StreamFailure?, _ exchange: inout Exchange, _ viewer: inout ServerConnection
  ) async throws(WireFailure) {
    let place = exchange.origin?.name ?? ""
    try await sendInstead(
      fail(&exchange, OriginFailure(failure, streamFailure, at: place) ?? OriginFailure(reading: failure, at: place)), &exchange, &viewer)
  }
  /// Sends an error in the place of an answer that was taken back: with the distribution's page for it, unless that is what broke off.
  nonisolated(nonsending) func sendInstead(
    _ response: consuming Response, _ exchange: inout Exchange, _ viewer: inout ServerConnection
  ) async throws(WireFailure) {
    var response = response
    exchange.cacheWork?.stored = nil
    exchange.hit = nil
    if !exchange.hasTakenBack, let page = errorPage(for: response, exchange) {
      exchange.hasTakenBack = true
      response = await replace(response, by: page, &exchange, &viewer)
    }
    applyResponseHeadersPolicy(&response, &exchange)
    endConnection(after: response, &viewer)
    try await send(response, &exchange, &viewer)
  }

  func noteBrokenBody(_ failure: WireFailure, _ streamFailure: StreamFailure?, _ exchange: inout Exchange, _ viewer: borrowing ServerConnection) {
    guard viewer.isAlive else { return }
    let place = exchange.origin?.name ?? ""
    let failure = isTooLate(exchange)
      ? OriginFailure(.completionTimeout, at: place) : OriginFailure(failure, streamFailure, at: place) ?? OriginFailure(reading: failure, at: place)
    counters.add(failure.counter)
    exchange.failure = failure.explanation
    exchange.detailedResult = failure.detailedResult
    exchange.breakOff()
  }

  /// A generated body that comes from a folder.
  private nonisolated(nonsending) func sendFile(
    _ exchange: inout Exchange, _ viewer: inout ServerConnection, _ hasNoBody: Bool
  ) async throws(WireFailure) {
    guard var file = exchange.file.take(), !hasNoBody else { return try await viewer.flush() }
    var piece = ByteBuffer()
    while true {
      let n = await file.read(into: &piece)
      guard n > 0 else { break }
      try viewer.forward(n, from: &piece, asChunk: false)
      try await viewer.flush()
    }
    if file.isBroken { throw .io(.cancelled) }
    try await viewer.flush()
  }
}
