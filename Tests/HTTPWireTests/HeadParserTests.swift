// Heads as the parser understands or refuses them, one line each. The wire's behaviour around them is Tests/ScenarioTests' matter.
import HTTPWire
import Testing
import Transport

@Suite struct HeadParserTests {
  static func parse(_ text: String, _ limits: HeadLimits = HeadLimits()) -> HeadResult {
    var buffer = ByteBuffer(capacity: 64)
    buffer.append(text: text)
    return HeadParser.request(buffer, limits).0
  }

  static let host = "Host: a.test\r\n"
  static func options(_ count: Int) -> String { "Connection: \((0..<count).map { "o\($0)" }.joined(separator: ","))\r\n" }

  @Test(arguments: [
    ("GET / HTTP/1.1\r\n\(host)\r\n", HeadResult.complete),
    ("GET / HTTP/1.0\r\n\r\n", .complete),
    ("OPTIONS * HTTP/1.1\r\n\(host)\r\n", .complete),
    ("GET http://a.test:80/x?y HTTP/1.1\r\n\(host)\r\n", .complete),
    ("GET / HTTP/1.1\r\n\(host)", .incomplete),
    ("GET / HT", .incomplete),
    ("GET * HTTP/1.1\r\n\(host)\r\n", .refused(.target)),
    ("GET /#x HTTP/1.1\r\n\(host)\r\n", .refused(.target)),
    ("GET ftp://a.test/ HTTP/1.1\r\n\(host)\r\n", .refused(.target)),
    ("GET /  HTTP/1.1\r\n\(host)\r\n", .refused(.requestLine)),
    ("GET / HTTP/1.1\n\(host)\r\n", .refused(.requestLine)),
    ("GET / http/1.1\r\n\(host)\r\n", .refused(.requestLine)),
    ("GET / HTTP/2.0\r\n\(host)\r\n", .refused(.version)),
    ("GET / HTTP/1.2\r\n\(host)\r\n", .refused(.version)),
    ("CONNECT a.test:443 HTTP/1.1\r\n\(host)\r\n", .refused(.connectMethod)),
    ("G@T / HTTP/1.1\r\n\(host)\r\n", .refused(.requestLine)),
    ("GET / HTTP/1.1\r\n\r\n", .refused(.host)),
    ("GET / HTTP/1.1\r\n\(host)\(host)\r\n", .refused(.host)),
    ("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", .refused(.host)),
    ("GET / HTTP/1.1\r\n\(host)\(options(64))\r\n", .complete),
    ("GET / HTTP/1.1\r\n\(host)\(options(65))\r\n", .refused(.connectionOptions)),
    ("GET / HTTP/1.1\r\n\(host)\(options(33))\(options(32))\r\n", .refused(.connectionOptions)),
    ("GET / HTTP/1.1\r\n\(host)Connection: \(String(repeating: ", ", count: 1000))close\r\n\r\n", .complete),
    ("GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", .refused(.host)),
    ("GET / HTTP/1.1\r\n\(host)A : b\r\n\r\n", .refused(.fieldLine)),
    ("GET / HTTP/1.1\r\n\(host)A: b\r\n c\r\n\r\n", .refused(.fieldLine)),
    ("GET / HTTP/1.1\r\n\(host)A: b\nC: d\r\n\r\n", .refused(.fieldLine)),
    ("GET / HTTP/1.1\r\n\(host)A: b\rC: d\r\n\r\n", .refused(.fieldLine)),
    ("GET / HTTP/1.1\r\n\(host)A: \0\r\n\r\n", .refused(.fieldLine)),
    ("GET / HTTP/1.1\r\n\(host)Content-Length: 1\r\nContent-Length: 1\r\n\r\n", .refused(.contentLength)),
    ("GET / HTTP/1.1\r\n\(host)Content-Length: +1\r\n\r\n", .refused(.contentLength)),
    ("GET / HTTP/1.1\r\n\(host)Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", .refused(.framingConflict)),
    ("GET / HTTP/1.1\r\n\(host)Transfer-Encoding: gzip\r\n\r\n", .refused(.transferCoding)),
    ("GET / HTTP/1.1\r\n\(host)Transfer-Encoding: chunked, chunked\r\n\r\n", .refused(.transferEncoding)),
    ("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", .refused(.transferEncoding)),
  ])
  func requests(_ text: String, _ expected: HeadResult) { #expect(Self.parse(text) == expected) }

  /// Whatever comes later, a head that is refused is refused by what has come; one that is whole was never refused on the way.
  @Test func everyPrefixOfAGoodHeadIsIncomplete() {
    let head = "POST /a?b=c HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\nX-Long-Name-Of-A-Field:   value  \r\n\r\n"
    for count in 0..<head.utf8.count {
      #expect(Self.parse(String(decoding: head.utf8.prefix(count), as: UTF8.self)) == .incomplete, "after \(count) bytes")
    }
    #expect(Self.parse(head) == .complete)
  }

  @Test func limits() {
    let small = HeadLimits(targetBytes: 10, headBytes: 100, fieldLines: 3)
    #expect(Self.parse("GET /123456789 HTTP/1.1\r\n\(Self.host)\r\n", small) == .complete)
    #expect(Self.parse("GET /1234567890 HTTP/1.1\r\n\(Self.host)\r\n", small) == .refused(.targetTooLong))
    #expect(Self.parse("GET / HTTP/1.1\r\n\(Self.host)A: 1\r\nB: 2\r\nC: 3\r\n\r\n", small) == .refused(.tooManyFields))
    #expect(Self.parse("GET / HTTP/1.1\r\n\(Self.host)A: " + String(repeating: "x", count: 100), small) == .refused(.headTooLarge))
  }

  @Test func fieldsAreFoundWhateverTheirLength() {
    // Values that end before, at and after the sixteen bytes the scanner takes at once.
    for length in 0...40 {
      let value = String(repeating: "v", count: length)
      var buffer = ByteBuffer(capacity: 64)
      buffer.append(text: "GET / HTTP/1.1\r\nHost: a.test\r\nX-\(value): \(value)\t\r\n\r\n")
      let (result, _, fields) = HeadParser.request(buffer)
      #expect(result == .complete)
      #expect(fields.last?.0 == "X-\(value)" && fields.last?.1 == value)
    }
  }

  /// Every known name is recognised in any case, and no neighbour of it is.
  @Test(arguments: FieldName.allCases.filter { $0.text.utf8CodeUnitCount > 0 })
  func names(_ name: FieldName) {
    let text = "\(name.text)"
    func recognised(_ text: String) -> FieldName {
      let bytes = Array(text.utf8)
      return FieldName(bytes.span)
    }
    #expect(recognised(text) == name)
    #expect(recognised(text.uppercased()) == name)
    #expect(recognised(text + "x") != name)
    #expect(recognised(String(text.dropLast())) != name)
  }
}
