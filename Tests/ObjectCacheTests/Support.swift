// What the decisions' tests share: heads from text, keys as text.

import Distribution
import HTTPWire
import Transport

@testable import ObjectCache

/// 2026-11-21T15:00:00Z, in milliseconds.
let noon: Int64 = 1_795_273_200_000
let noonDate = "Sat, 21 Nov 2026 15:00:00 GMT"

func buffer(_ text: String) -> ByteBuffer {
  var buffer = ByteBuffer(capacity: max(1, text.utf8.count))
  buffer.append(text: text)
  return buffer
}

/// A request: `GET /path`, and its field lines.
func request(_ line: String, _ fields: [String] = []) throws -> RequestHead {
  let text = "\(line) HTTP/1.1\r\nHost: www.example.com\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n"
  guard let head = RequestHead(parsing: buffer(text), HeadLimits()) else { throw BadTest(what: text) }
  return head
}

func response(_ status: Int, _ fields: [String] = []) throws -> ResponseHead {
  let text = "HTTP/1.1 \(status) X\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n"
  guard let head = ResponseHead(parsing: buffer(text)) else { throw BadTest(what: text) }
  return head
}

struct BadTest: Error { let what: String }

/// The bytes of a request's key.
func key(_ plan: KeyPlan, _ line: String, _ fields: [String] = [], made: [CloudFrontHeader: String] = [:]) throws -> [UInt8] {
  let head = try request(line, fields)
  var key = ByteBuffer(capacity: 64)
  _ = plan.append(head, to: &key) { made[$0] }
  return bytes(key.readable)
}

func bytes(_ span: Span<UInt8>) -> [UInt8] { (0..<span.count).map { span[$0] } }
