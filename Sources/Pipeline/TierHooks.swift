// Owns: the functions of the function tier that a behavior names, made ready. Immutable, shared by all workers.
import Distribution
import FunctionTier
import HTTPWire
import Telemetry

/// The functions of the tier of one behavior; there is none of these where a behavior has none.
final class TierHooks: Sendable {
  let viewerRequest, originRequest, originResponse, viewerResponse: TierHook?

  /// Nil when no association is the tier's.
  init?(_ behavior: Behavior, _ functions: TierFunctions, _ labels: MetricLabels) {
    func hook(_ point: HookPoint) -> TierHook? { behavior.functions[point].flatMap { TierHook(point, $0, functions, labels) } }
    (viewerRequest, originRequest) = (hook(.viewerRequest), hook(.originRequest))
    (originResponse, viewerResponse) = (hook(.originResponse), hook(.viewerResponse))
    if viewerRequest == nil && originRequest == nil && originResponse == nil && viewerResponse == nil { return nil }
  }

  /// Whether a function is told of what goes to an origin or comes from it.
  var seesOrigins: Bool { originRequest != nil || originResponse != nil }
}

/// One association with a function of the tier.
final class TierHook: Sendable {
  let point: HookPoint
  /// As metrics and logs have the event.
  let event: FunctionHook
  let name: String
  /// Nil when it could not be prepared: then it is not run.
  let function: TierFunction?
  /// Its place among the numbers of functions.
  let place: Int
  let limits: LambdaEdgeLimits
  private let includesBody: Bool

  /// The histogram of the time that requests wait for it.
  var step: Histogram {
    switch point {
    case .viewerRequest: .viewerRequestStep
    case .originRequest: .originRequestStep
    case .originResponse: .originResponseStep
    case .viewerResponse: .viewerResponseStep
    }
  }

  init?(_ point: HookPoint, _ reference: FunctionReference, _ functions: TierFunctions, _ labels: MetricLabels) {
    guard functions.definitions.indices.contains(reference.index), !functions.definitions[reference.index].runtime.isRewriteEngine else { return nil }
    let definition = functions.definitions[reference.index]
    self.point = point
    event = FunctionHook(point)
    name = definition.name
    function = functions.functions.indices.contains(reference.index) ? functions.functions[reference.index]?.qualified(by: reference.qualifier) : nil
    place = labels.functions.place(of: definition.name)
    limits = LambdaEdgeLimits(at: point, functions.generation)
    includesBody = definition.tier.includeBody && (point == .viewerRequest || point == .originRequest)
  }

  /// Whether the function is given the body of a request: of methods that have one (spec/lambda-at-edge.md, 4).
  func wantsBody(of exchange: borrowing Exchange) -> Bool {
    guard includesBody else { return false }
    switch exchange.received.method {
    case .put, .post, .patch, .delete: return true
    default: return false
    }
  }
}

/// A configuration's functions, as behaviors find them.
struct TierFunctions {
  var definitions: [FunctionDefinition] = []
  /// By definition: what the tier made of it; nil for the rewrite engine's, and for what could not be prepared.
  var functions: [TierFunction?] = []
  /// Which of AWS's limits hold at viewer events.
  var generation = LambdaEdgeLimits.Generation.current
}

extension FunctionHook {
  /// The same in the words of metrics.
  init(_ point: HookPoint) {
    switch point {
    case .viewerRequest: self = .viewerRequest
    case .originRequest: self = .originRequest
    case .originResponse: self = .originResponse
    case .viewerResponse: self = .viewerResponse
    }
  }
}
