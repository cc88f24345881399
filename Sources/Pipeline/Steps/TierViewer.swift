// Steps 6 and 15 where a behavior's viewer functions are the function tier's (spec/lambda-at-edge.md, 1 and 6).
import Distribution
import FunctionTier
import HTTPWire
import Telemetry
import Transport

extension Worker {
  /// The viewer-request function may change the request or answer it.
  @inline(never) nonisolated(nonsending) func askViewerRequest(_ hook: TierHook, _ exchange: inout Exchange, _ viewer: inout ServerConnection) async -> Response? {
    if hook.wantsBody(of: exchange) {
      do throws(FetchFailure) { try await holdBody(hook, &exchange, &viewer) } catch {
        switch error {
        case .viewer(let failure): return answerViewerFailure(failure, &exchange)
        case .function(let refusal): return answer(refusal, &exchange)
        case .origin: break   // none is asked for it
        }
      }
    }
    var event = event(hook, exchange, viewerEventRequest(exchange, .viewerRequest, eventBody(hook, exchange)))
    switch await ask(hook, &event, &exchange) {
    case .failed(let failure): return answer(failure, &exchange)
    case .decided(.request(let change)):
      apply(change, to: &exchange)
      if let observer = exchange.observer { observer.sees(exchange.request) }
      return nil
    case .decided(.response(let change)):
      exchange.result = .lambdaGeneratedResponse
      exchange.detailedResult = ResultType.lambdaGeneratedResponse.word
      var response = made(change)
      response.isGenerated = true
      return response
    }
  }

  /// The viewer-response function may change the headers of what the viewer gets, unless that is an error (400 and above), an error page,
  /// or a viewer-request function's answer.
  @inline(never) nonisolated(nonsending) func askViewerResponse(_ hook: TierHook, _ response: consuming Response, _ exchange: inout Exchange) async -> Response {
    guard !response.isGenerated, !response.isErrorPage, response.source != .tunnel, response.head.line.status < 400, exchange.result != .error, !isGRPC(exchange)
    else { return response }
    var event = event(hook, exchange, viewerEventRequest(exchange, .viewerResponse), eventResponse(response.head, .viewerResponse))
    switch await ask(hook, &event, &exchange) {
    case .decided(.response(let change)):
      apply(change, to: &response, at: .viewerResponse, &exchange)
      return response
    case .failed(let failure):
      discard(response, &exchange)
      return answer(failure, &exchange)
    case .decided(.request): return response   // a response event decides about responses
    }
  }
}
