// The origin a function chose, with the names of the helpers' own parameters (spec/cloudfront-functions.md section 10.2). Pure.
import Distribution
import JSONText
import RewriteEngine

extension OriginChoice {
  /// `{domainName, …}`, `{originId, …}` or `{originIds, failoverCriteria}`; what was not given is not there.
  var json: JSONValue {
    switch self {
    case .update(let update): update.json
    case .select(let origin): origin.json
    case .group(let primary, let secondary, let statusCodes):
      .object([
        "originIds": .array([primary.json, secondary.json]),
        "failoverCriteria": .object(["statusCodes": .array(statusCodes.map { .number($0) })]),
      ])
    }
  }
}

extension OriginSelection {
  fileprivate var json: JSONValue {
    var object: JSONObject = ["originId": .string(id)]
    object["hostHeader"] = hostHeader.map { .string($0) }
    object["sni"] = serverName.map { .string($0) }
    if !allowedCertificateNames.isEmpty { object["allowedCertificateNames"] = .array(allowedCertificateNames.map { .string($0) }) }
    return .object(object)
  }
}

extension OriginUpdate {
  fileprivate var json: JSONValue {
    var object = JSONObject()
    object["domainName"] = domainName.map { .string($0) }
    object["hostHeader"] = hostHeader.map { .string($0) }
    object["originPath"] = originPath.map { .string($0) }
    object["customHeaders"] = customHeaders.map { headers in
      .object(JSONObject(headers.map { .init(name: $0.name, value: .string($0.value)) }))
    }
    object["connectionAttempts"] = connectionAttempts.map { .number($0) }
    var timeouts = JSONObject()
    timeouts["readTimeout"] = readTimeoutSeconds.map { .number($0) }
    timeouts["responseCompletionTimeout"] = responseCompletionTimeoutSeconds.map { .number($0) }
    timeouts["keepAliveTimeout"] = keepAliveTimeoutSeconds.map { .number($0) }
    timeouts["connectionTimeout"] = connectionTimeoutSeconds.map { .number($0) }
    if !timeouts.isEmpty { object["timeouts"] = .object(timeouts) }
    var endpoint = JSONObject()
    if let own = self.endpoint {
      endpoint["port"] = .number(own.port)
      endpoint["protocol"] = .string(own.isHTTPS ? "https" : "http")
      endpoint["sslProtocols"] = .array(own.tlsVersions.map { .string($0) })
    }
    endpoint["ipAddressType"] = addressFamily.map { .string($0 == .ipv4 ? "ipv4" : $0 == .ipv6 ? "ipv6" : "dualstack") }
    if !endpoint.isEmpty { object["customOriginConfig"] = .object(endpoint) }
    object["sni"] = serverName.map { .string($0) }
    if !allowedCertificateNames.isEmpty { object["allowedCertificateNames"] = .array(allowedCertificateNames.map { .string($0) }) }
    return .object(object)
  }
}
