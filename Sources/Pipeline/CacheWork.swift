// Owns: how a behavior's responses are cached, compiled; and what the cache has to do with one request.
import Distribution
import HTTPWire
import ObjectCache
import Origins
import Telemetry

/// How a behavior's responses are cached. Immutable, shared by all workers.
final class CompiledCache: Sendable {
  /// What its keys are made of, and how long what is stored is fresh.
  let plan: KeyPlan
  let rules: StoringRules
  /// Headers of the key that the proxy makes.
  let madeHeaders: [CloudFrontHeader]
  /// Whether requests that miss wait for each other, and stale objects are validated: not where cookies reach the origin
  /// (spec/request-pipeline.md, 14.1 and 14.2), by CloudFront's rules.
  let sharesFetches: Bool
  let cachesOptions: Bool
  /// Whether Accept-Encoding is in the key already, so that Vary need not have it.
  let normalisesCodings: Bool
  let compresses: Bool
  /// The response field of tags, in lower case.
  let tagHeader: [UInt8]
  /// Whether its keys hold the editions of their targets: where they hold more than the target, and unsafe methods count.
  let holdsEditions: Bool
  /// Whether an Authorization reaches the origin.
  let forwardsAuthorization: Bool

  /// Nil where nothing is cached: without a policy, or with one that allows no time at all.
  init?(_ behavior: Behavior, _ distribution: Distribution) {
    guard let policy = behavior.cachePolicy, policy.maxTTLSeconds > 0 else { return nil }
    plan = KeyPlan(policy, distribution: distribution.id)
    let times = distribution.errorResponses.map { ($0.errorCode, $0.errorCachingMinTTLSeconds) }
    rules = StoringRules(policy, errorTTLs: Dictionary(times) { first, _ in first })
    madeHeaders = policy.headers.compactMap { CloudFrontHeader(lowercasedName: $0) }
    sharesFetches = policy.mode == .rfc9111 || behavior.forwarding.cookies == .none
    tagHeader = Array(distribution.cacheTagHeader.lowercased().utf8)
    cachesOptions = behavior.cachedMethods.contains(.options)
    normalisesCodings = policy.enableAcceptEncodingGzip || policy.enableAcceptEncodingBrotli
    compresses = behavior.compress && normalisesCodings
    let hasMoreKeys = plan.holdsFields || cachesOptions || behavior.functions.viewerRequest != nil   // that may choose another origin
    holdsEditions = policy.mode == .rfc9111 && hasMoreKeys
    forwardsAuthorization = behavior.forwarding.forwards("authorization".utf8.span, isSafe: true)
  }

  /// Whether RFC 9111 decides, and not CloudFront's arithmetic.
  var followsRFC: Bool { rules.mode == .rfc9111 }
}

/// A stored response on its way to a viewer who gets it as it is.
struct CacheHit {
  let stored: StoredResponse
  /// A hit, or a stale one.
  let outcome: CacheOutcome
  /// When it was found, milliseconds since 1970.
  let now: Int64
}

/// What the cache has to do with one request. Belongs to its exchange.
final class CacheWork {
  let cache: CompiledCache
  /// What came of the look-up, for logs, counters and Cache-Status.
  var outcome = CacheOutcome.miss
  /// The response whose body is sent.
  var stored: StoredResponse?
  /// Reads its body from the beginning: made with it, so that a body that comes fast is not taken for one that nobody wants.
  var reader: BodyReader?
  /// Where the content of ``stored`` is to be had when it stands in slices.
  var slices: SlicedContent?
  /// The slice that is sent first.
  var firstSlice: StoredResponse?
  /// Whether no viewer waits: a stale response is refreshed.
  var isRefresh = false
  /// The parts of it that are sent; empty: all of it.
  var parts: [Range<Int>] = []
  /// What stands before each part and behind the last one; empty for a single one.
  var boundaries: [[UInt8]] = []
  /// Whether the origin is asked on behalf of the cache: the viewer's conditions and ranges are answered here.
  var isFilling = false
  /// What the origin is asked to validate.
  var validating: StoredResponse?
  /// When it was asked, milliseconds since 1970.
  var requestTime: Int64 = 0
  /// Why there is no answer of the origin; nil when there is one.
  var failure: Failure?
  /// What the request asks of the cache; nothing by CloudFront's rules.
  var demand = CacheDirectives()
  /// Its target's edition, once its key has been made: what is fetched for it is kept under that one, whatever happens meanwhile.
  var edition: UInt64?
  /// Whether what was fetched is kept.
  var isStored = false
  /// Until when what is served is fresh, milliseconds since 1970; nil when nothing stored is.
  var freshUntil: Int64?

  /// Why there is no answer of an origin.
  enum Failure: Equatable {
    case origin(OriginFailure)
    /// The viewer left, or its request was bad.
    case viewer
    /// A limit or a fault of this proxy.
    case here
    /// A function of an origin event.
    case function

    /// Whether it says something of the origin: then CloudFront's rules keep the error (spec 11.2).
    var isOrigins: Bool {
      guard case .origin(let failure) = self else { return false }
      switch failure.reason {
      case .noFreeConnection, .noDescriptor, .addressRefused, .files: return false
      default: return true
      }
    }
  }

  /// Fields that the cache answers itself.
  static let answeredHere = Conditions.names.union(FieldNameSet(.requestRange))

  init(_ cache: CompiledCache) { self.cache = cache }
}
