// Owns: the request to an origin as functions of origin events see it and leave it: what would have been sent, line by line, and where it goes
// (spec/lambda-at-edge.md, 2 and 5). Confined to the exchange's task; there is none where a behavior has no such functions.
import Distribution
import FunctionTier
import HTTPWire
import Origins
import RewriteEngine
import Telemetry
import TLS
import Transport

/// A request on its way to an origin, with a function's hands on it.
final class OriginAsk {
  /// What functions see of it.
  var request: EventRequest
  /// Lines that they do not see, each whole.
  private var hidden: [UInt8] = []
  /// The body's length, when a function has replaced it.
  var bodyLength: Int?

  /// - Parameter fields: lines that have been written here, `Name: value CRLF`: the request's, which has none yet.
  init(_ request: consuming EventRequest, fields: Span<UInt8>) {
    request.headers = EventHeaders(lines: fields, seenAt: .originRequest, hidden: &hidden)
    self.request = request
  }

  /// Writes the head as the functions left it.
  func write(toward destination: Destination, to out: inout ByteBuffer) {
    let method = request.method, uri = request.uri, query = request.querystring, prefix = destination.origin.path
    out.append(method.span)
    out.append(32)
    if !prefix.isEmpty && uri.first == 47 { out.append(prefix.span) }
    out.append(uri.span)
    if !query.isEmpty {
      out.append(63)
      out.append(query.span)
    }
    out.append(" HTTP/1.1\r\n")
    let headers = request.headers, hidden = hidden
    if headers.first("host".utf8.span) == nil {
      let authority = destination.authority
      out.appendLine("Host".utf8.span, authority.span)
    }
    for i in 0..<headers.count {
      if bodyLength != nil, headers.name(i).equalsLowercase("content-length") || headers.name(i).equalsLowercase("transfer-encoding") { continue }
      out.appendLine(headers.name(i), headers.value(i))
    }
    if let bodyLength {
      out.append("Content-Length: ")
      out.append(decimal: bodyLength)
      out.append("\r\n")
    }
    out.append(hidden.span)
    for header in destination.origin.model.customHeaders { out.append(text: "\(header.name): \(header.value)\r\n") }
    out.append("\r\n")
  }
}

extension Worker {
  /// The request that a destination is about to get, without its custom headers: those stand beside it.
  func ask(_ exchange: borrowing Exchange, _ destination: Destination) -> OriginAsk {
    var fields = ByteBuffer(capacity: 2048)
    composeOriginFields(exchange, destination, lines: destination.bareLines, to: &fields)
    let rules = exchange.behavior.behavior.forwarding.queryStrings
    var query: [UInt8] = []
    if exchange.request.hasQuery { query = exchange.behavior.forwardsAllQuery ? exchange.request.query.copied : rules.filterQuery(exchange.request.query) }
    let request = EventRequest(
      clientIP: exchange.clientText, method: exchange.request.methodBytes.copied, uri: exchange.request.path.copied, querystring: query,
      origin: destination.eventOrigin(viewerIsSecure: exchange.isSecure))
    return OriginAsk(request, fields: fields.readable)
  }

  /// Where a request goes whose origin a function has changed. Addresses obey `functionOrigins`, as those that viewer functions choose.
  func destination(
    _ changed: EventOrigin, _ host: String?, instead assigned: Destination, _ original: EventOrigin?, _ behavior: CompiledBehavior, viewerIsSecure: Bool
  ) throws(ChoiceFailure) -> Destination {
    var update = OriginUpdate()
    let isSameKind = changed.kind == original?.kind
    if !isSameKind || changed.domainName != original?.domainName {
      update.domainName = changed.domainName
      // The certificate may be the server's or that of the Host it is sent.
      update.serverName = changed.domainName
      update.hostHeader = host ?? changed.domainName
    }
    update.originPath = changed.path
    if changed.customHeaders != original?.customHeaders { update.customHeaders = changed.customHeaders.fields }
    if changed.kind == .custom {
      if !isSameKind || changed.port != original?.port || changed.isHTTPS != original?.isHTTPS || changed.sslProtocols != original?.sslProtocols {
        update.endpoint = .init(port: changed.port, isHTTPS: changed.isHTTPS, tlsVersions: changed.sslProtocols)
      }
      update.keepAliveTimeoutSeconds = changed.keepAliveTimeoutSeconds
    } else if update.domainName != nil {
      update.endpoint = .init(port: 443, isHTTPS: true)
    }
    if let seconds = changed.readTimeoutSeconds { update.readTimeoutSeconds = seconds }
    update.responseCompletionTimeoutSeconds = changed.responseCompletionTimeoutSeconds
    return try updated(assigned, update, behavior, viewerIsSecure)
  }
}

extension EventHeaders {
  /// The lines as configuration has them.
  fileprivate var fields: [HeaderField] { (0..<count).map { HeaderField(name: name($0).text, value: value($0).text) } }
}

extension EventOrigin {
  /// A configured origin, or one that a function made. A folder is shown as a bucket of its name.
  init(_ model: Origin, viewerIsSecure: Bool) {
    let custom = EventHeaders(model.customHeaders.map { ($0.name, $0.value) })
    switch model.kind {
    case .folder: self.init(s3: "\(model.name.lowercased()).s3.amazonaws.com", path: model.originPath, customHeaders: custom, region: Site.region)
    case .http(let server):
      let isSecure = server.isSecure(viewerIsSecure: viewerIsSecure)
      self.init(
        custom: server.domainName, port: server.port(isSecure: isSecure), isHTTPS: isSecure, path: model.originPath, customHeaders: custom,
        sslProtocols: server.tls.versions.eventNames, keepAliveTimeoutSeconds: Int(model.keepAliveTimeout.components.seconds),
        readTimeoutSeconds: Int(model.readTimeout.components.seconds))
    }
  }
}

extension ClosedRange<TLSVersion> {
  /// As `sslProtocols` has them, which knows no TLS 1.3.
  fileprivate var eventNames: [String] { TLSVersion.allCases.filter { contains($0) && $0 != .tls13 }.map(\.rawValue) }
}
