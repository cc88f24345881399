// Steps 10 and 12: the functions of origin events, around each origin that is asked: a group's secondary, too, and when what is stored is
// validated (spec/lambda-at-edge.md, 1, 5 and 6).
import Distribution
import FunctionTier
import HTTPWire
import Origins
import Telemetry
import Transport

extension Worker {
  /// One origin, with the functions before and behind it.
  @inline(never) nonisolated(nonsending) func fetch(
    from assigned: Destination, through hooks: TierHooks, _ exchange: inout Exchange, _ viewer: inout ServerConnection
  ) async throws(FetchFailure) -> Response {
    if isGRPC(exchange) { return try await fetchOnceOutOfLine(from: assigned, &exchange, &viewer) }
    let ask = ask(exchange, assigned)
    var destination = assigned
    if let hook = hooks.originRequest {
      try await resolve(assigned, &exchange)
      switch try await askOriginRequest(hook, ask, &destination, &exchange, &viewer) {
      case .response(let change): return madeAtOrigin(change, assigned, &exchange)
      case .request(let change):
        let before = exchange.observer == nil ? nil : ask.request
        take(change, into: ask, &exchange)
        if let observer = exchange.observer, let before { observer.changed(before, to: ask.request, content: change.body?.count) }
      }
    }
    exchange.asked = ask
    defer { exchange.asked = nil }
    var response = try await fetchOnceOutOfLine(from: destination, &exchange, &viewer)
    guard let hook = hooks.originResponse, response.source != .tunnel else { return response }
    var event = event(hook, exchange, ask.request, eventResponse(response.head, .originResponse))
    event.request.body = nil
    switch await self.ask(hook, &event, &exchange) {
    case .failed(let failure):
      discard(response, &exchange)
      throw .function(failure)
    case .decided(.response(let change)):
      note(change, &response, &exchange)
      if let observer = exchange.observer { observer.sees(response.head, changedBy: .function) }
    case .decided(.request): break   // a response event decides about responses
    }
    return response
  }

  /// The configured origin's name is looked up first: where it has no address, the function is not asked (spec/lambda-at-edge.md, 1). Another name
  /// that the function gives is looked up when it is connected to.
  private nonisolated(nonsending) func resolve(_ assigned: Destination, _ exchange: inout Exchange) async throws(FetchFailure) {
    guard let pool = assigned.pool, exchange.observer == nil else { return }
    do throws(OriginFailure) { try await pool.resolve() } catch {
      exchange.origin = assigned.origin
      exchange.originPlace = assigned.origin.place
      throw .origin(error)
    }
  }

  /// - Parameter destination: becomes another one when the function chooses so.
  private nonisolated(nonsending) func askOriginRequest(
    _ hook: TierHook, _ ask: OriginAsk, _ destination: inout Destination, _ exchange: inout Exchange, _ viewer: inout ServerConnection
  ) async throws(FetchFailure) -> EventDecision {
    if hook.wantsBody(of: exchange) { try await holdBody(hook, &exchange, &viewer) }
    ask.request.body = eventBody(hook, exchange)
    defer { ask.request.body = nil }
    var event = event(hook, exchange, ask.request)
    let assigned = destination, original = ask.request.origin, behavior = exchange.behavior, viewerIsSecure = exchange.isSecure
    var chosen = assigned
    let answer = await self.ask(hook, &event, &exchange) { decision in
      guard case .request(let change) = decision, let origin = change.origin else { return nil }
      let host = (change.headers ?? ask.request.headers).value(of: "host")
      do throws(ChoiceFailure) {
        chosen = try self.destination(origin, host, instead: assigned, original, behavior, viewerIsSecure: viewerIsSecure)
        return nil
      } catch { return TierRefusal(choice: error.description) }
    }
    destination = chosen
    switch answer {
    case .failed(let failure): throw .function(failure)
    case .decided(let decision): return decision
    }
  }

  /// Changes the request to the origin as an origin-request function decided.
  private func take(_ change: RequestChange, into ask: OriginAsk, _ exchange: inout Exchange) {
    if let uri = change.uri { ask.request.uri = uri }
    if let query = change.querystring { ask.request.querystring = query }
    if let headers = change.headers { ask.request.headers = headers }
    if let origin = change.origin { ask.request.origin = origin }
    if let body = change.body {
      let held = exchange.held ?? HeldBody(shared.heldBodies)
      exchange.held = held
      held.replace(by: body)
      ask.bodyLength = body.count
    }
  }

  /// An origin-request function's answer stands for the origin's: it is stored as that would be.
  private func madeAtOrigin(_ change: ResponseChange, _ assigned: Destination, _ exchange: inout Exchange) -> Response {
    exchange.cacheWork?.failure = nil
    exchange.origin = assigned.origin
    exchange.originPlace = assigned.origin.place
    exchange.result = .lambdaGeneratedResponse
    exchange.detailedResult = "MissGeneratedResponse"
    exchange.failure = nil
    return made(change)
  }

  /// Changes an origin's answer as an origin-response function decided. What it says now is what counts: a status that was an error's may
  /// have become another.
  private func note(_ change: ResponseChange, _ response: inout Response, _ exchange: inout Exchange) {
    let before = response.head.line.status
    apply(change, to: &response, at: .originResponse, &exchange)
    guard change.status != before else { return }
    exchange.result = change.status >= 400 ? .error : .miss
    exchange.detailedResult = change.status >= 400 ? "OriginError" : ""
    exchange.failure = nil
    exchange.cacheWork?.failure = nil
  }
}
