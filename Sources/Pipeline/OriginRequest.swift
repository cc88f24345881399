// Owns: the request as the origin gets it (spec/request-pipeline.md, 5 and 12). One pass over the viewer's lines, then ours.
import Distribution
import HTTPWire
import ObjectCache
import Transport

extension Worker {
  /// Writes the request head for an origin.
  func composeOriginRequest(_ exchange: borrowing Exchange, _ destination: Destination, to out: inout ByteBuffer) {
    if let asked = exchange.asked { return asked.write(toward: destination, to: &out) }
    writeRequestLine(exchange.request, destination.origin, exchange.behavior, to: &out)
    composeOriginFields(exchange, destination, lines: destination.lines, to: &out)
    out.append("\r\n")
  }

  /// Writes the field lines.
  /// - Parameter lines: the destination's own.
  @inline(__always) func composeOriginFields(_ exchange: borrowing Exchange, _ destination: Destination, lines: [UInt8], to out: inout ByteBuffer) {
    let behavior = exchange.behavior
    writeViewerLines(exchange, behavior, destination, to: &out)
    out.append(lines.span)
    writeOwnLines(exchange, behavior, instead: destination.origin.customNames, to: &out)
    if let work = exchange.cacheWork, let stored = work.validating { writeValidators(stored, to: &out) }
  }

  /// What the stored response is validated with (RFC 9111, 4.3.1).
  private func writeValidators(_ stored: StoredResponse, to out: inout ByteBuffer) {
    let head = stored.head
    if !stored.etag.isEmpty { out.appendLine("If-None-Match".utf8.span, head.extracting(stored.etag)) }
    if !stored.lastModified.isEmpty { out.appendLine("If-Modified-Since".utf8.span, head.extracting(stored.lastModified)) }
  }

  private func writeRequestLine(_ request: borrowing RequestHead, _ origin: CompiledOrigin, _ behavior: CompiledBehavior, to out: inout ByteBuffer) {
    out.append(request.methodBytes)
    out.append(32)
    let prefix = origin.path
    if !prefix.isEmpty && request.path[0] == 47 { out.append(prefix.span) }
    if behavior.forwardsAllQuery || !request.hasQuery {
      out.append(request.target)
    } else {
      out.append(request.path)
      let query = behavior.behavior.forwarding.queryStrings.filterQuery(request.query)
      if !query.isEmpty {
        out.append(63)
        out.append(query.span)
      }
    }
    out.append(" HTTP/1.1\r\n")
  }

  /// The viewer's fields that are forwarded, but those that the origin's own replace. Host goes first when the origin may see it, as RFC 9110, 7.2 asks.
  private func writeViewerLines(_ exchange: borrowing Exchange, _ behavior: CompiledBehavior, _ destination: Destination, to out: inout ByteBuffer) {
    let origin = destination.origin
    var kept = exchange.isSafe ? behavior.keptWhenSafe : behavior.keptOtherwise
    if let work = exchange.cacheWork, work.isFilling { kept.remove(CacheWork.answeredHere) }
    kept.remove(origin.customNames)
    if exchange.trace != nil { kept.remove(FieldNameSet(.traceparent)) }   // written anew
    if !behavior.forwardsHost || destination.replacesHost {
      kept.remove(FieldNameSet(.host))
    } else if !exchange.request.fields.has(.host) {   // an HTTP/1.0 viewer may leave it out, HTTP/1.1 may not (RFC 9112, 3.2)
      let authority = destination.authority
      out.append("Host: ")
      out.append(authority.span)
      out.append("\r\n")
    }
    switch behavior.unknownNames {
    case .keep where origin.otherCustomNames.isEmpty:
      kept.add(.other)
      exchange.request.fields.copyLines(to: &out, only: kept)
    case .keep: exchange.request.fields.copyLines(to: &out, only: kept) { !origin.replaces($0) }
    case .drop: exchange.request.fields.copyLines(to: &out, only: kept)
    case .ask:
      let isSafe = exchange.isSafe
      exchange.request.fields.copyLines(to: &out, only: kept) { behavior.behavior.forwarding.forwards($0, isSafe: isSafe) && !origin.replaces($0) }
    }
  }

  /// What this hop says itself: Via, X-Forwarded-For, the request's id, framing.
  /// - Parameter custom: fields that the origin's own replace: the viewer's are not continued.
  private func writeOwnLines(_ exchange: borrowing Exchange, _ behavior: CompiledBehavior, instead custom: FieldNameSet, to out: inout ByteBuffer) {
    let present = exchange.request.fields.present.subtracting(custom), peer = exchange.peerText
    if present.isDisjoint(with: Self.continued) && !exchange.received.isHTTP10 {
      let lines = exchange.site.site.hopLines(exchange.received)
      out.append(lines.span)
    } else {
      writeContinuedLines(exchange, to: &out)
    }
    if present.has(.xForwardedFor) { exchange.request.fields.appendValues(of: .xForwardedFor, to: &out) }
    out.append(peer.span)
    out.append("\r\nX-Amz-Cf-Id: ")
    out.append(exchange.id)
    out.append("\r\n")
    if let trace = exchange.trace, !custom.has(.traceparent), behavior.keptWhenSafe.has(.traceparent) { write(trace, to: &out) }
    if exchange.bodyFraming == .chunked { out.append("Transfer-Encoding: chunked\r\n") }
    if !behavior.forwardsNoCookies && present.has(.cookie) { writeCookies(exchange.request.fields, behavior, to: &out) }
    if behavior.allowsGRPC && isGRPC(exchange) { out.append("TE: trailers\r\n") }
    if behavior.writesExtraLines { writeExtraLines(exchange, present, behavior.behavior.forwarding, to: &out) }
  }

  /// The trace goes on from here (W3C Trace Context, 3.2).
  private func write(_ trace: RequestTrace, to out: inout ByteBuffer) {
    out.append("traceparent: ")
    out.append(trace.outgoing.span)
    out.append("\r\n")
  }

  /// Only WebSocket upgrades pass, and only where the behavior forwards what the handshake needs (spec/request-pipeline.md, 15).
  func isWebSocket(_ exchange: borrowing Exchange) -> Bool {
    guard exchange.received.wantsUpgrade, exchange.received.method == .get, let i = exchange.request.fields.first(.upgrade) else { return false }
    return exchange.request.fields.value(i).equalsLowercase("websocket")
  }

  /// A gRPC call where the behavior lets it through as one (spec/request-pipeline.md, 15).
  func isGRPC(_ exchange: borrowing Exchange) -> Bool {
    guard exchange.behavior.allowsGRPC, exchange.received.isHTTP2, exchange.received.method == .post, let i = exchange.request.fields.first(.contentType)
    else { return false }
    return exchange.request.fields.value(i).startsWithLowercase("application/grpc")
  }

  /// One Cookie line, sorted by name (spec/request-pipeline.md, 3). The usual case, one line that is forwarded whole, allocates nothing.
  private func writeCookies(_ fields: borrowing HeaderSection, _ behavior: CompiledBehavior, to out: inout ByteBuffer) {
    guard let line = fields.first(.cookie) else { return }
    var cookies = CookiePairs()
    let value = fields.value(line)
    if behavior.forwardsAllCookies && fields.isOnly(line) && cookies.read(value) {
      cookies.sort(value)
      cookies.write(value, to: &out)
    } else {
      writeFilteredCookies(fields, behavior.behavior.forwarding, to: &out)
    }
  }

  private func writeFilteredCookies(_ fields: borrowing HeaderSection, _ rules: ForwardingRules, to out: inout ByteBuffer) {
    var all = ByteBuffer(capacity: 256)
    for i in 0..<fields.count where fields[i].name == .cookie {
      if !all.isEmpty { all.append("; ") }
      all.append(fields.value(i))
    }
    let kept = rules.cookies.filterCookies(all.readable)
    if kept.isEmpty { return }
    out.append("Cookie: ")
    out.append(kept.span)
    out.append("\r\n")
  }

  /// Fields of the viewer's that this hop continues, and the upgrade it may pass on: without them its lines are always the same.
  private static let continued = FieldNameSet(.via, .cdnLoop, .upgrade)

  /// The lines of ``Site/hopLines(_:)`` when they are not always the same.
  private func writeContinuedLines(_ exchange: borrowing Exchange, to out: inout ByteBuffer) {
    let via = exchange.site.site.via
    out.append("Via: ")
    exchange.request.fields.appendValues(of: .via, to: &out)
    out.append(exchange.received.httpVersion)
    out.append(via.span)
    out.append("\r\nCDN-Loop: ")
    exchange.request.fields.appendValues(of: .cdnLoop, to: &out)
    out.append(Site.loopName)
    if isWebSocket(exchange) { out.append("\r\nConnection: Upgrade\r\nUpgrade: websocket") } else { out.append("\r\nConnection: Keep-Alive") }
    out.append("\r\nX-Forwarded-For: ")
  }

  private func writeExtraLines(_ exchange: borrowing Exchange, _ present: FieldNameSet, _ rules: ForwardingRules, to out: inout ByteBuffer) {
    if present.has(.acceptEncoding), rules.acceptsGzip || rules.acceptsBrotli { writeAcceptEncoding(exchange.request.fields, rules, to: &out) }
    writeCloudFrontHeaders(exchange, rules, to: &out)
  }

  /// The normalised Accept-Encoding (spec/request-pipeline.md, 3.2).
  private func writeAcceptEncoding(_ fields: borrowing HeaderSection, _ rules: ForwardingRules, to out: inout ByteBuffer) {
    guard let i = fields.first(.acceptEncoding) else { return }
    let value = AcceptEncoding(normalizing: fields.value(i), gzip: rules.acceptsGzip, brotli: rules.acceptsBrotli)
    out.append("Accept-Encoding: ")
    out.append(text: value.rawValue)
    out.append("\r\n")
  }

  private func writeCloudFrontHeaders(_ exchange: borrowing Exchange, _ rules: ForwardingRules, to out: inout ByteBuffer) {
    for header in rules.cloudFrontHeaders {
      guard let value = viewerHeader(header, exchange) else { continue }
      out.append(text: header.rawValue)
      out.append(": ")
      out.append(text: value)
      out.append("\r\n")
    }
  }

  /// The value of a CloudFront-* header: what the connection tells, else the configuration's fixture, else nothing.
  func viewerHeader(_ header: CloudFrontHeader, _ exchange: borrowing Exchange) -> String? {
    switch header {
    case .forwardedProto: exchange.isSecure ? "https" : "http"
    case .viewerHTTPVersion: "\(exchange.received.httpVersion)"
    case .viewerAddress: exchange.clientAddress.unbracketed
    case .viewerHeaderCount: String(exchange.receivedFields)
    case .viewerHeaderOrder: headerOrder(exchange)
    default:
      geoHeader(header, exchange) ?? deviceHeader(header, exchange) ?? exchange.tls.flatMap { tlsHeader(header, $0, exchange) }
    }
  }

  /// The names of the viewer's fields as they came, cut off at a limit of CloudFront's.
  private func headerOrder(_ exchange: borrowing Exchange) -> String {
    var names = ""
    for i in 0..<exchange.receivedFields {
      if i > 0 { names += ":" }
      names += exchange.request.fields.name(i).text
    }
    return String(decoding: names.utf8.prefix(Self.headerOrderLimit), as: UTF8.self)
  }
  private static let headerOrderLimit = 7_680

  /// CloudFront-Is-…-Viewer, by User-Agent.
  private func deviceHeader(_ header: CloudFrontHeader, _ exchange: borrowing Exchange) -> String? {
    guard let kind = ViewerDevice(asked: header) else { return nil }
    guard let agent = exchange.request.fields.first(.userAgent) else { return kind == .desktop ? "true" : "false" }
    return device(exchange.request.fields.value(agent)).contains(kind) ? "true" : "false"
  }

  /// Policies ask for all six kinds at once, and a connection's requests have one User-Agent: the last answer is kept.
  private func device(_ agent: Span<UInt8>) -> ViewerDevice {
    let agent = agent.extracting(..<min(agent.count, ViewerDevice.textLimit))
    let last = lastAgent   // a class cannot lend its bytes
    if agent.equals(last.span) { return lastDevice }
    lastAgent = agent.copied
    lastDevice = ViewerDevice(userAgent: agent)
    return lastDevice
  }
}
