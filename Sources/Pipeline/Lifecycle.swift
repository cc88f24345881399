// The life of a request. Its steps stand here in their order; each is a function in a file of its own name under Steps/.
// A step decides with pure functions of Distribution and acts through Origins, RewriteEngine and FunctionTier. A step that returns a response
// ends the way to the origin; what follows — error pages, the viewer-response function, response headers — is the same for all.
import HTTPWire
import Telemetry
import Transport

extension Worker {
  /// Serves the requests of one connection, one after another, until either side has had enough.
  nonisolated(nonsending) func serve(_ viewer: consuming ServerConnection) async {
    var pipelined = 0
    do throws(WireFailure) {
      while let request = try await viewer.nextRequest() {
        try await serve(request, &viewer)
        if viewer.closing { break }
        if viewer.hasMore {   // nothing makes this task wait then: others must have their turn
          pipelined += 1
          if pipelined % Self.pipelinedRequestsInOneGo == 0 { await Task.yield() }
        }
      }
      if viewer.speaksHTTP2 { return beginHTTP2(viewer) }
      countEnd(viewer)
      if !viewer.isParked, await !viewer.finish() { counters.add(.limitIdleTimeout) }
    } catch {
      await refuse(error, &viewer)
    }
    ended(viewer)
  }

  /// Pipelined requests that are answered before the others on the worker have their turn.
  private static let pipelinedRequestsInOneGo = 8

  /// Serves one request: walks through the steps, sends what came of it, logs and counts.
  @inline(__always) nonisolated(nonsending) func serve(_ request: consuming RequestHead, _ viewer: inout ServerConnection) async throws(WireFailure) {
    var exchange = Exchange(request, viewer, self)
    counters.move(.requestsInFlight, by: 1)
    defer { counters.move(.requestsInFlight, by: -1) }
    let response = await answer(&exchange, &viewer)
    endConnectionIfDue(response, &viewer)
    do throws(WireFailure) { try await send(response, &exchange, &viewer) } catch {
      // What broke off must not be taken for whole, as an orderly end would say of a body without a length.
      if viewer.answerHasBegun { viewer.stream.socket.resetOnClose() }
      finish(&exchange, viewer, error)
      throw error
    }
    finish(&exchange, viewer, nil)
  }

  /// Counts why a connection ends that ends in order.
  private func countEnd(_ viewer: borrowing ServerConnection) {
    if viewer.isParked && !isDraining || countViolation(viewer.stream.socket) { return }
    let isCancelled = viewer.isParked || viewer.stream.socket.failure == .cancelled
    counters.add(viewer.closing ? .closedAfterResponse : isCancelled ? .closedByDrain : .closedByViewer)
  }

  /// Whether this answer is the connection's last: a drain, an error that ends it, or as many requests as one connection may carry.
  @inline(__always) private func endConnectionIfDue(_ response: borrowing Response, _ viewer: inout ServerConnection) {
    if isDraining { viewer.closing = true }
    guard viewer.substream == nil else { return }
    endConnection(after: response, &viewer)
    if viewer.requests >= requestsPerConnection {
      counters.add(.limitRequestsPerConnection)
      viewer.closing = true
    }
  }

  /// Ends the connection behind an error that ends it.
  @inline(__always) func endConnection(after response: borrowing Response, _ viewer: inout ServerConnection) {
    let status = response.head.line.status
    if status >= 400 && !response.isGenerated && viewer.substream == nil && Self.endsConnection(status) { viewer.closing = true }
  }

  /// Whether an error ends the viewer's connection, be it the origin's or made here (spec/request-pipeline.md, 11.1).
  private static func endsConnection(_ status: Int) -> Bool {
    switch status {
    case 400, 405, 414, 416, 500, 501: true
    default: false
    }
  }

  /// Walks through the steps.
  @inline(__always) nonisolated(nonsending) func answer(_ exchange: inout Exchange, _ viewer: inout ServerConnection) async -> Response {
    var response: Response
    if let early = chooseDistribution(&exchange) { response = early } else
    if let early = chooseBehavior(&exchange) { response = early } else
    if let early = checkViewerProtocol(&exchange) { response = early } else
    if let early = checkMethod(&exchange) { response = early } else
    if let redirects = exchange.behavior.redirects, let early = followRedirects(redirects, &exchange) { response = early } else
    if exchange.behavior.isProtected, let early = protect(&exchange) { response = early } else
    if let index = exchange.behavior.viewerRequest,
      let early = runViewerRequest(&exchange, viewer, since: monotonicNanoseconds(), mayRun: await hasTurn(index, exchange)) { response = early } else
    if let hook = exchange.behavior.tier?.viewerRequest, let early = await askViewerRequest(hook, &exchange, &viewer) { response = early } else {
      applyDefaultRootObject(&exchange)
      if let last = countForward(&exchange) { response = last } else { response = await obtain(&exchange, &viewer) }
    }
    if let page = errorPage(for: response, exchange) { response = await replace(response, by: page, &exchange, &viewer) }
    if let index = exchange.behavior.viewerResponse {
      if let observer = exchange.observer { observer.sees(response.head) }
      response = runViewerResponse(response, &exchange, since: monotonicNanoseconds(), mayRun: await hasTurn(index, exchange))
      if let observer = exchange.observer { observer.sees(response.head, changedBy: .function) }
    }
    if let hook = exchange.behavior.tier?.viewerResponse {
      if let observer = exchange.observer { observer.sees(response.head) }
      response = await askViewerResponse(hook, response, &exchange)
      if let observer = exchange.observer { observer.sees(response.head, changedBy: .function) }
    }
    applyResponseHeadersPolicy(&response, &exchange)
    return response
  }
}
