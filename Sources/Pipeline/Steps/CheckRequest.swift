// Step 4: viewer protocol policy, then allowed methods (spec/request-pipeline.md, 8); and step 7, the default root object (10).
import Distribution
import HTTPWire
import Telemetry
import Transport

extension Worker {
  /// Plain HTTP where the behavior wants HTTPS: 403, or a redirect.
  func checkViewerProtocol(_ exchange: inout Exchange) -> Response? {
    if exchange.isSecure { return nil }
    switch exchange.behavior.viewerProtocolPolicy {
    case .allowAll: return nil
    case .httpsOnly: break
    case .redirectToHTTPS:
      let method = exchange.received.method, hasHost = exchange.request.authority.count > 0
      if !hasHost { break }   // an HTTP/1.0 viewer that does not say where it is
      if method == .get || method == .head { return redirectToHTTPS(&exchange, 301) }
      if !exchange.received.isHTTP10 { return redirectToHTTPS(&exchange, 307) }
    }
    counters.add(.refusedHTTPSOnly)
    return refuse(&exchange, 403, "This content is served over HTTPS only.")
  }

  private static func title(_ status: Int) -> StaticString { status == 301 ? "301 Moved Permanently" : "307 Temporary Redirect" }

  private func redirectToHTTPS(_ exchange: inout Exchange, _ status: Int) -> Response {
    exchange.result = .redirect
    var page = ByteBuffer()
    page.acquireSmall()
    page.append("<html>\r\n<head><title>")
    page.append(Self.title(status))
    page.append("</title></head>\r\n<body>\r\n<center><h1>")
    page.append(Self.title(status))
    page.append("</h1></center>\r\n<hr><center>CloudFront</center>\r\n</body>\r\n</html>\r\n")
    var location = ByteBuffer()
    location.acquire()
    location.append("https://")
    securePorts.appendAuthority(for: exchange.request.authority, to: &location)
    location.append(exchange.request.target)
    var response = Response(status: status, contentType: "text/html", body: page)
    response.head.fields.append("Location", location.readable)
    response.isGenerated = true
    return response
  }

  /// A method that the behavior does not list, or GET with a body: 403.
  func checkMethod(_ exchange: inout Exchange) -> Response? {
    guard let method = MethodSet(exchange.received.method), exchange.behavior.allowedMethods.contains(method) else {
      counters.add(.refusedMethod)
      return refuse(&exchange, 403, "This distribution is not configured to allow the HTTP request method that was used for this request.", "InvalidRequestMethod")
    }
    if exchange.received.method == .get && exchange.received.framing != .none {
      counters.add(.refusedGetWithBody)
      return refuse(&exchange, 403, "A GET request has no body here.", "InvalidRequest")
    }
    return nil
  }

  /// `/` becomes the default root object; nothing else does.
  func applyDefaultRootObject(_ exchange: inout Exchange) {
    guard let object = exchange.site.site.defaultRootObject else { return }
    guard exchange.request.isRoot else { return }
    exchange.reached(.rootObject)
    exchange.request.setPath(([47] + object).span)
  }
}

extension MethodSet {
  /// A method as a set; nil for one that no behavior can allow.
  init?(_ method: Method) {
    switch method {
    case .get: self = .get
    case .head: self = .head
    case .options: self = .options
    case .put: self = .put
    case .post: self = .post
    case .patch: self = .patch
    case .delete: self = .delete
    case .other: return nil
    }
  }
}

extension Span where Element == UInt8 {
  /// A copy of the bytes. Off the hot path.
  var copied: [UInt8] {
    var copy: [UInt8] = []
    copy.reserveCapacity(count)
    for i in 0..<count { copy.append(self[i]) }
    return copy
  }
}
