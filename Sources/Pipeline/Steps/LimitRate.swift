// Step 5: how many requests a client may make of a behavior (Documentation/protection.md).
import Distribution
import HTTPWire
import Telemetry
import Transport

/// A rate limit made ready.
struct CompiledRateLimit: Sendable {
  let limit: RateLimit
  let intervalNanoseconds: UInt64
  /// The header's name.
  let header: [UInt8]?
  let countsAddress: Bool
  /// Tells this limit's clients from those of others, the same after a reload.
  let scope: String

  init(_ limit: RateLimit, scope: String) {
    self.limit = limit
    self.scope = scope
    intervalNanoseconds = limit.intervalNanoseconds
    switch limit.key {
    case .clientIp: (header, countsAddress) = (nil, true)
    case .header(let name): (header, countsAddress) = (Array(name.utf8), false)
    case .clientIpAndHeader(let name): (header, countsAddress) = (Array(name.utf8), true)
    }
  }
}

extension Worker {
  /// A request too many: 429 with Retry-After.
  func limitRate(_ exchange: inout Exchange) -> Response? {
    guard let rate = exchange.behavior.rateLimit else { return nil }
    let verdict = shared.rateLimits.take(client(of: exchange, rate), at: exchange.timeline.received, every: rate.intervalNanoseconds, burst: rate.limit.burst)
    if verdict.forgot { counters.add(.limitRateLimitBuckets) }
    guard let wait = verdict.waitNanoseconds else { return nil }
    if rate.limit.isDryRun {
      counters.add(.rateLimitDryRun)
      return nil
    }
    counters.add(.refusedRate)
    var response = refuse(&exchange, rate.limit.statusCode, "Too many requests. Try again later.")
    exchange.result = .limitExceeded
    response.isGenerated = true   // no error page: it would cost what the limit is to save (spec/request-pipeline.md, 11.1)
    response.head.fields.append("Retry-After", String((wait + 999_999_999) / 1_000_000_000))
    response.head.fields.append("Cache-Control", "no-store")   // RFC 6585, 4
    return response
  }

  /// Who makes a request, as a hash with a seed of this process: nobody can choose another's bucket.
  private func client(of exchange: borrowing Exchange, _ rate: CompiledRateLimit) -> UInt64 {
    var hasher = Hasher()
    hasher.combine(rate.scope)
    let line = rate.header.flatMap { exchange.request.fields.first(named: $0.span) }
    if let line { unsafe exchange.request.fields.value(line).withUnsafeBytes { unsafe hasher.combine(bytes: $0) } }
    if rate.countsAddress || line == nil {
      switch exchange.clientAddress.unmapped {
      case .ipv4(let address, _): hasher.combine(address)
      case .ipv6(let high, _, _): hasher.combine(high)   // one viewer has the /64 whole
      case .unix: hasher.combine(0)
      }
    }
    hasher.combine(line != nil)
    return UInt64(truncatingIfNeeded: hasher.finalize())
  }
}
