// An event out of its JSON: for test events that people write. Wider than what functions may return: it is shown as it is. Pure; any thread.
import Distribution
import JSONText

extension Event {
  /// Reads `{"Records":[{"cf":{"config":…,"request":…}}]}`; what is left out gets a default.
  /// - Returns: nil when it is no event of Lambda@Edge: other functions have other events.
  public init?(parsing payload: [UInt8]) {
    guard let cf = (try? JSONValue(parsing: payload.span, replacesHalfPairs: true))?["Records"]?.array?.first?["cf"],
      let hook = cf["config"]?["eventType"]?.string.flatMap({ HookPoint(rawValue: $0) }), let request = cf["request"]
    else { return nil }
    func text(_ value: JSONValue?, _ other: String) -> [UInt8] { Array((value?.string ?? other).utf8) }
    func headers(_ value: JSONValue?) -> EventHeaders { value.flatMap { try? EventHeaders($0, "headers") } ?? EventHeaders() }
    let body = request["body"].map { body in
      EventBody(Base64.decoded(text(body["data"], "")) ?? [], isTruncated: body["inputTruncated"] == .boolean(true))
    }
    var response: EventResponse?
    if hook == .originResponse || hook == .viewerResponse {
      let status = cf["response"]?["status"]
      response = EventResponse(
        status: status?.string.flatMap { Int($0) } ?? status?.double.flatMap { Int(exactly: $0) } ?? 200, statusDescription: text(cf["response"]?["statusDescription"], ""),
        headers: headers(cf["response"]?["headers"]))
    }
    self.init(
      hook, LambdaEdgeLimits(at: hook), distributionDomainName: text(cf["config"]?["distributionDomainName"], "d111111abcdef8.cloudfront.net"),
      distributionID: text(cf["config"]?["distributionId"], "EDFDVBD6EXAMPLE"), requestID: text(cf["config"]?["requestId"], "-"),
      EventRequest(
        clientIP: text(request["clientIp"], "203.0.113.1"), method: text(request["method"], "GET"), uri: text(request["uri"], "/"),
        querystring: text(request["querystring"], ""), headers: headers(request["headers"]), body: body, origin: request["origin"].flatMap(EventOrigin.init(shown:))), response)
    _ = self.payload()
  }
}

extension EventOrigin {
  /// An origin as an event has it.
  init?(shown json: JSONValue) {
    func number(_ value: JSONValue?, _ other: Int) -> Int { value?.double.flatMap { Int(exactly: $0) } ?? other }
    if let custom = json["custom"], let name = custom["domainName"]?.string {
      self.init(
        custom: name, port: number(custom["port"], 443), isHTTPS: custom["protocol"]?.string != "http", path: custom["path"]?.string ?? "",
        customHeaders: custom["customHeaders"].flatMap { try? EventHeaders($0, "customHeaders") } ?? EventHeaders(),
        sslProtocols: custom["sslProtocols"]?.array?.compactMap(\.string) ?? ["TLSv1.2"], keepAliveTimeoutSeconds: number(custom["keepaliveTimeout"], 5),
        readTimeoutSeconds: number(custom["readTimeout"], 30))
    } else if let s3 = json["s3"], let name = s3["domainName"]?.string {
      self.init(
        s3: name, path: s3["path"]?.string ?? "", customHeaders: s3["customHeaders"].flatMap { try? EventHeaders($0, "customHeaders") } ?? EventHeaders(),
        region: s3["region"]?.string ?? "", readTimeoutSeconds: s3["readTimeout"].map { number($0, 30) })
    } else {
      return nil
    }
  }
}
