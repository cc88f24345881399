// Owns: the response head as the viewer gets it (spec/request-pipeline.md, 13).
import Distribution
import HTTPWire
import Telemetry
import Transport

extension Worker {
  /// What an origin's response never passes on: hop-by-hop fields and the names that are ours to write.
  private static let dropped = FieldNameSet.hopByHop.union(FieldNameSet(.via, .xCache, .xAmzCfId, .xAmzCfPop, .xAmzCf, .xEdge, .vary))

  /// Writes status line and fields. `Vary` is passed on as far as the behavior lets what it speaks of through.
  func composeResponseHead(_ response: borrowing Response, _ exchange: borrowing Exchange, _ closing: Bool, _ chunked: Bool, to out: inout ByteBuffer) {
    let status = response.head.line.status
    var dropped = Self.dropped
    // What 101 is to HTTP/1.1, 200 is to an extended CONNECT; the key has no answer there (RFC 8441, 5).
    let isConnect = status == 101 && exchange.received.isHTTP2
    writeStatusLine(response.head, isConnect ? 200 : status, to: &out)
    if status == 204 || status < 200 || chunked { dropped.add(.contentLength) }
    response.head.fields.copyLines(to: &out, except: dropped)
    if response.head.fields.has(.vary) { writeVary(response.head.fields, exchange.behavior.behavior.forwarding, to: &out) }
    if !response.head.fields.has(.date) { writeDate(to: &out) }
    if !response.head.fields.has(.server) { out.append("Server: CloudFront\r\n") }
    if chunked { out.append("Transfer-Encoding: chunked\r\n") }
    if exchange.received.isHTTP2 { return writeOwnLines(exchange, to: &out) }
    if status == 101 {
      out.append("Connection: Upgrade\r\nUpgrade: websocket\r\n")
    } else if closing {
      out.append("Connection: close\r\n")
    } else if exchange.received.isHTTP10 {
      out.append("Connection: keep-alive\r\n")
    }
    writeOwnLines(exchange, to: &out)
  }

  private func writeStatusLine(_ head: borrowing ResponseHead, _ status: Int, to out: inout ByteBuffer) {
    out.append("HTTP/1.1 ")
    out.append(decimal: status)
    out.append(32)
    if head.reason.count > 0 { out.append(head.reason) } else { out.append(ReasonPhrase.of(status)) }
    out.append("\r\n")
  }

  private func writeDate(to out: inout ByteBuffer) {
    out.append("Date: ")
    let date = loop.date
    out.append(date.span)
    out.append("\r\n")
  }

  private func writeOwnLines(_ exchange: borrowing Exchange, to out: inout ByteBuffer) {
    if exchange.result == .miss {
      let lines = exchange.site.site.missLines
      out.append(lines.span)
    } else {
      let via = exchange.site.site.via
      out.append("X-Cache: ")
      out.append(exchange.result.word)
      out.append(" from cloudfront\r\nVia: ")
      out.append(via.span)
      out.append("\r\nX-Amz-Cf-Pop: ")
      out.append(Site.pop)
      out.append("\r\nX-Amz-Cf-Id: ")
    }
    out.append(exchange.id)
    out.append("\r\n\r\n")
  }

  /// `Vary` names only what the behavior forwards, and Accept-Encoding.
  private func writeVary(_ fields: borrowing HeaderSection, _ rules: ForwardingRules, to out: inout ByteBuffer) {
    var kept: [String] = []
    for i in 0..<fields.count where fields[i].name == .vary {
      for part in fields.value(i).text.split(separator: ",") {
        let name = part.filter { $0 != " " && $0 != "\t" }
        if name == "*" || varies(name.lowercased(), rules) { kept.append(name) }
      }
    }
    if !kept.isEmpty { out.append(text: "Vary: \(kept.joined(separator: ", "))\r\n") }
  }

  private func varies(_ name: String, _ rules: ForwardingRules) -> Bool {
    switch name {
    case "accept-encoding", "origin": true
    case "cookie": rules.cookies != .none
    case "user-agent": rules.forwardsUserAgent || !rules.cloudFrontHeaders.isEmpty
    case "host": rules.forwardsHost
    default: rules.forwards(Array(name.utf8).span, isSafe: true)
    }
  }
}
