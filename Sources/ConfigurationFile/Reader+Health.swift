// An origin's health and bounds: ejection, health checks, requests in flight.
// Source: Documentation/origins.md; Distribution/OriginHealth.swift has the meaning and default of each.
import Distribution

extension Reader {
  func readHealth(_ section: Section, _ origin: inout Origin) {
    let ejection = section.optional("ejection"), check = section.optional("healthCheck"), bound = section.optional("maxRequestsInFlight")
    let length = section.optional("queueLength"), timeout = section.optional("queueTimeout")
    if case .folder = origin.kind, let value = ejection ?? check ?? bound ?? length ?? timeout {
      value.error("a folder has no \(value.name)")
      return
    }
    if let ejection {
      if ejection.plainText == "off" { origin.ejectsAddresses = false } else { origin.ejection = ejectionPolicy(ejection) }
    }
    origin.healthCheck = check.flatMap(healthCheck)
    if let bound {
      guard let requests = bound.wholeNumber(1...1_000_000) else { return }
      var requestBound = RequestBound(requests: requests)
      if let number = length?.wholeNumber(0...1_000_000) { requestBound.queueLength = number }
      if let time = timeout?.duration(.milliseconds(1) ... .seconds(3600)) { requestBound.queueTimeout = time }
      origin.requestBound = requestBound
    } else if let value = length ?? timeout {
      value.error("\(value.name) needs maxRequestsInFlight")
    }
  }

  private func ejectionPolicy(_ value: Value) -> EjectionPolicy? {
    guard let section = value.section("ejection") else { return nil }
    defer { section.finish() }
    let times = Duration.milliseconds(1) ... .seconds(86400), defaults = EjectionPolicy()
    var policy = defaults
    policy.consecutiveFailures = section.wholeNumber("consecutiveFailures", 1...1_000_000, default: defaults.consecutiveFailures)
    policy.failurePercent = section.wholeNumber("failurePercent", 1...100, default: defaults.failurePercent)
    policy.minimumRequests = section.wholeNumber("minimumRequests", 1...1_000_000, default: defaults.minimumRequests)
    policy.window = section.duration("window", times, default: defaults.window)
    policy.time = section.duration("time", times, default: defaults.time)
    policy.maximumTime = section.duration("maximumTime", times, default: max(defaults.maximumTime, policy.time))
    policy.slowStart = section.duration("slowStart", .zero ... .seconds(86400), default: defaults.slowStart)
    if policy.maximumTime < policy.time { value.error("maximumTime cannot be shorter than time") }
    return policy
  }

  private func healthCheck(_ value: Value) -> HealthCheck? {
    guard let section = value.section("healthCheck") else { return nil }
    defer { section.finish() }
    let pathValue = section.required("path"), path = pathValue?.nonEmptyText("a path such as /healthz") ?? "/"
    if let pathValue, !(path.hasPrefix("/") && path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") })) {
      pathValue.error("a health check's path begins with / and has only visible ASCII, no #")
    }
    var check = HealthCheck(path: path)
    check.interval = section.duration("interval", .milliseconds(100) ... .seconds(3600), default: check.interval)
    check.timeout = section.duration("timeout", .milliseconds(1) ... .seconds(60), default: check.timeout)
    check.healthyThreshold = section.wholeNumber("healthyThreshold", 1...1000, default: check.healthyThreshold)
    check.unhealthyThreshold = section.wholeNumber("unhealthyThreshold", 1...1000, default: check.unhealthyThreshold)
    if let expected = section.optional("expectedStatus") {
      let items = expected.isList ? expected.items(of: "an entry") ?? [] : [expected]
      check.expectedStatus = items.compactMap(statuses)
      if items.isEmpty { expected.error("at least one status is needed") }
    }
    return check
  }

  /// `200`, or `200-399`.
  private func statuses(_ value: Value) -> ClosedRange<Int>? {
    let parts = (value.plainText ?? "").split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
    guard (1...2).contains(parts.count), let first = parts[0], let last = parts[parts.count - 1], first <= last, first >= 100, last <= 599 else {
      value.mismatch("a status such as 200, or a range such as 200-399")
      return nil
    }
    return first...last
  }
}
