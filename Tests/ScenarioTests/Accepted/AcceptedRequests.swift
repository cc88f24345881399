// Requests that are good HTTP/1.1 or HTTP/1.0, and what exactly arrives at the origin (RFC 9112 2, 3, 5, 6, 7).
import Foundation
import Testing

/// One request: what the viewer writes, and what the origin must be told.
struct Passage: Sendable, CustomTestStringConvertible {
  let what: String
  /// `HOST` stands for the stage's Host name.
  let viewer: String
  /// The request line at the origin.
  let line: String
  /// Fields the origin must see with these values (all lines of the name, in order), or, with nil, must not see.
  var fields: [(name: String, values: [String]?)] = []
  var body = ""

  init(_ what: String, _ viewer: String, arrivesAs line: String, _ fields: [(String, [String]?)] = [], body: String = "") {
    (self.what, self.viewer, self.line, self.body) = (what, viewer, line, body)
    self.fields = fields.map { (name: $0.0, values: $0.1) }
  }
  var testDescription: String { what }
}

extension Scenarios {
  @Suite(.program(stages: 120))
  struct AcceptedRequests {
    @Test(arguments: Passage.targets + Passage.fields + Passage.bodies + Passage.versions)
    func arrivesAtTheOrigin(_ passage: Passage) throws {
      let stage = try stage { try $0.answerAll { _ in ok("done") } }
      func forStage(_ text: String) -> String { text.replacingOccurrences(of: "HOST", with: stage.host) }

      // The viewer sends it in one piece, and again in many small ones.
      for pieces in [[1 << 20], [1, 2, 3]] {
        let viewer = try stage.viewer()
        try viewer.send(forStage(passage.viewer), inPiecesOf: pieces)
        let response = try viewer.readResponse(to: String(passage.line.prefix { $0 != " " }))
        #expect(response.status == 200)
      }

      // The origin has been told the same twice, and just that.
      let requests = try stage.origin.waitForRequests(2)
      try stage.origin.verify()
      for request in requests {
        #expect(request.line == passage.line)
        #expect(request.bodyText == passage.body)
        for (name, values) in passage.fields {
          #expect(request.fields.all(name) == (values ?? []).map(forStage), "\(name) in \(request.fields)")
        }
      }
    }
  }
}

private func request(_ line: String, _ fields: String = "", _ body: String = "") -> String {
  "\(line)\r\nHost: HOST\r\n\(fields)\r\n\(body)"
}

extension Passage {
  /// Targets, byte for byte (RFC 9112 3.2; the raw path goes to the origin, spec/request-pipeline.md 2).
  static let targets: [Passage] = [
    "/", "/?", "/?x", "/a//b/../c%2F?x=%41", "//", "//double/", "/./a/../b", "/%7Euser/;p=1?a=b&a=c&&=", "/a?b?c=d/../e",
    "/%00%ff%zz%", "/a%20b+c", "/:@!$&'()*,;=-._~", "/[x]", "/a|b", "/index.html?redirect=http://other.test/",
  ].map { Passage("target \($0)", request("GET \($0) HTTP/1.1"), arrivesAs: "GET \($0) HTTP/1.1") } + [
    .init("absolute form replaces Host", "GET http://HOST/a?b HTTP/1.1\r\nHost: other.test\r\n\r\n",
      arrivesAs: "GET /a?b HTTP/1.1", [("Host", ["HOST"])]),
    .init("absolute form, upper-case scheme", "GET HTTP://HOST/a HTTP/1.1\r\nHost: HOST\r\n\r\n", arrivesAs: "GET /a HTTP/1.1"),
    .init("absolute form without a path", "GET http://HOST HTTP/1.1\r\nHost: HOST\r\n\r\n", arrivesAs: "GET / HTTP/1.1"),
    .init("absolute form with only a query", "GET http://HOST?a=b HTTP/1.1\r\nHost: HOST\r\n\r\n", arrivesAs: "GET /?a=b HTTP/1.1"),
    .init("absolute form with a port", "GET http://HOST:8080/a HTTP/1.1\r\nHost: HOST\r\n\r\n", arrivesAs: "GET /a HTTP/1.1"),
    .init("OPTIONS *", request("OPTIONS * HTTP/1.1"), arrivesAs: "OPTIONS * HTTP/1.1"),
    .init("OPTIONS of an absolute form without a path (RFC 9112 3.2.4)", "OPTIONS http://HOST HTTP/1.1\r\nHost: HOST\r\n\r\n",
      arrivesAs: "OPTIONS * HTTP/1.1"),
    // No URI by RFC 3986, but CloudFront passes it (spec/cloudfront-functions.md 2.6, rule 6).
    .init("non-ASCII target", request("GET /caf\u{e9}?\u{ff} HTTP/1.1"), arrivesAs: "GET /caf\u{e9}?\u{ff} HTTP/1.1"),
    .init("UTF-8 in the target", request("GET /caf\u{c3}\u{a9} HTTP/1.1"), arrivesAs: "GET /caf\u{c3}\u{a9} HTTP/1.1"),
    .init("a URL of 8,192 bytes", request("GET /\(String(repeating: "x", count: 8191)) HTTP/1.1"),
      arrivesAs: "GET /\(String(repeating: "x", count: 8191)) HTTP/1.1"),
  ]

  static let fields: [Passage] = [
    .init("one empty line first (RFC 9112 2.2)", "\r\n" + request("GET /a HTTP/1.1"), arrivesAs: "GET /a HTTP/1.1"),
    .init("a Host with a port", "GET /a HTTP/1.1\r\nHost: HOST:80\r\n\r\n",
      arrivesAs: "GET /a HTTP/1.1"),
    .init("white space around values is not part of them", request("GET /a HTTP/1.1", "A:b\r\nB: \t b c \t\r\nC:\td\r\n"),
      arrivesAs: "GET /a HTTP/1.1", [("A", ["b"]), ("B", ["b c"]), ("C", ["d"])]),
    .init("empty values", request("GET /a HTTP/1.1", "A:\r\nB:  \r\n"), arrivesAs: "GET /a HTTP/1.1", [("A", [""]), ("B", [""])]),
    .init("obs-text", request("GET /a HTTP/1.1", "A: caf\u{e9} \u{80}\u{ff}\r\n"), arrivesAs: "GET /a HTTP/1.1", [("A", ["caf\u{e9} \u{80}\u{ff}"])]),
    .init("every token character in a name", request("GET /a HTTP/1.1", "!#$%&'*+-.^_`|~0aZ: b\r\n"),
      arrivesAs: "GET /a HTTP/1.1", [("!#$%&'*+-.^_`|~0aZ", ["b"])]),
    .init("colons, quotes and commas in a value", request("GET /a HTTP/1.1", "A: \"b:c\", d;e=f:\r\n"),
      arrivesAs: "GET /a HTTP/1.1", [("A", ["\"b:c\", d;e=f:"])]),
    .init("repeated fields stay in order", request("GET /a HTTP/1.1", "A: 1\r\nB: x\r\na: 2\r\nA: 3\r\n"),
      arrivesAs: "GET /a HTTP/1.1", [("A", ["1", "2", "3"])]),
    .init("fields named by Connection end here (RFC 9110 7.6.1)",
      request("GET /a HTTP/1.1", "Connection: X-Hop, keep-alive\r\nX-Hop: 1\r\nX-End: 2\r\nKeep-Alive: timeout=5\r\n"),
      arrivesAs: "GET /a HTTP/1.1", [("X-Hop", nil), ("Keep-Alive", nil), ("X-End", ["2"])]),
    .init("Connection may not name framing away",
      request("POST /a HTTP/1.1", "Connection: content-length, host\r\nContent-Length: 5\r\n", "hello"),
      arrivesAs: "POST /a HTTP/1.1", [("Host", ["HOST"])], body: "hello"),
    .init("hop-by-hop and proxy fields are removed (spec/request-pipeline.md 12)",
      request("GET /a HTTP/1.1", "TE: trailers\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: x\r\nUpgrade: h2c\r\nX-Real-IP: 1\r\nX-Forwarded-Proto: x\r\nX-Edge-A: b\r\n"),
      arrivesAs: "GET /a HTTP/1.1",
      ["TE", "Proxy-Connection", "Proxy-Authorization", "Upgrade", "X-Real-IP", "X-Forwarded-Proto", "X-Edge-A"].map { ($0, nil) }),
    .init("a head of just under 32,768 bytes",
      request("GET /a HTTP/1.1", (1...32).map { "Field-\($0): \(String(repeating: "x", count: 1000))\r\n" }.joined()),
      arrivesAs: "GET /a HTTP/1.1", [("Field-32", [String(repeating: "x", count: 1000)])]),
    .init("ninety fields", request("GET /a HTTP/1.1", (1...90).map { "F\($0): \($0)\r\n" }.joined()),
      arrivesAs: "GET /a HTTP/1.1", [("F1", ["1"]), ("F90", ["90"])]),
  ]

  static let bodies: [Passage] = [
    .init("Content-Length", request("POST /a HTTP/1.1", "Content-Length: 5\r\n", "hello"), arrivesAs: "POST /a HTTP/1.1", body: "hello"),
    .init("Content-Length with leading zeros", request("POST /a HTTP/1.1", "Content-Length: 0005\r\n", "hello"), arrivesAs: "POST /a HTTP/1.1", body: "hello"),
    .init("Content-Length: 0", request("PUT /a HTTP/1.1", "Content-Length: 0\r\n"), arrivesAs: "PUT /a HTTP/1.1"),
    .init("DELETE with a body", request("DELETE /a HTTP/1.1", "Content-Length: 2\r\n", "hi"), arrivesAs: "DELETE /a HTTP/1.1", body: "hi"),
    .init("POST without a body", request("POST /a HTTP/1.1"), arrivesAs: "POST /a HTTP/1.1"),
    .init("chunks", request("POST /a HTTP/1.1", "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n1\r\n \r\n005\r\nworld\r\n0\r\n\r\n"),
      arrivesAs: "POST /a HTTP/1.1", body: "hello world"),
    .init("chunk sizes in both cases", request("PATCH /a HTTP/1.1", "Transfer-Encoding: CHUNKED\r\n", "a\r\n0123456789\r\nB\r\n0123456789a\r\n00\r\n\r\n"),
      arrivesAs: "PATCH /a HTTP/1.1", body: "01234567890123456789a"),
    .init("no chunks but the last", request("POST /a HTTP/1.1", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n"), arrivesAs: "POST /a HTTP/1.1"),
    .init("chunk extensions are ignored",
      request("POST /a HTTP/1.1", "Transfer-Encoding: chunked\r\n", "5;a\r\nhello\r\n1;b=c;d=\"e;\\\"\"\r\n!\r\n0;last\r\n\r\n"),
      arrivesAs: "POST /a HTTP/1.1", body: "hello!"),
    .init("white space before an extension (RFC 9112 7.1.1)",
      request("POST /a HTTP/1.1", "Transfer-Encoding: chunked\r\n", "5 ; a = b\r\nhello\r\n0\r\n\r\n"), arrivesAs: "POST /a HTTP/1.1", body: "hello"),
    .init("trailers", request("POST /a HTTP/1.1", "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n", "5\r\nhello\r\n0\r\nX-Sum: 1\r\nEmpty:\r\n\r\n"),
      arrivesAs: "POST /a HTTP/1.1", [("X-Sum", nil)], body: "hello"),
    .init("a trailer never becomes a header (RFC 9110 6.5.1)",
      request("POST /a HTTP/1.1", "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\nHost: evil.test\r\nContent-Length: 3\r\nAuthorization: x\r\n\r\n"),
      arrivesAs: "POST /a HTTP/1.1", [("Host", ["HOST"]), ("Authorization", nil)], body: "hello"),
    .init("bytes of every value in a body",
      request("POST /a HTTP/1.1", "Content-Length: 256\r\n", String(wire: (0...255).map { UInt8($0) })),
      arrivesAs: "POST /a HTTP/1.1", body: String(wire: (0...255).map { UInt8($0) })),
    .init("a body that looks like a request",
      request("POST /a HTTP/1.1", "Content-Length: 40\r\n", "GET /inside HTTP/1.1\r\nHost: other.te\r\n\r\n"),
      arrivesAs: "POST /a HTTP/1.1", body: "GET /inside HTTP/1.1\r\nHost: other.te\r\n\r\n"),
  ]

  /// The version is the sender's own at each hop (RFC 9110 6.2).
  static let versions: [Passage] = [
    .init("HTTP/1.0 becomes HTTP/1.1 on the next hop", "GET /a HTTP/1.0\r\nHost: HOST\r\n\r\n", arrivesAs: "GET /a HTTP/1.1"),
    .init("HTTP/1.0 with a body", "POST /a HTTP/1.0\r\nHost: HOST\r\nContent-Length: 5\r\n\r\nhello", arrivesAs: "POST /a HTTP/1.1", body: "hello"),
    .init("HTTP/1.0 in absolute form without Host", "GET http://HOST/a HTTP/1.0\r\n\r\n", arrivesAs: "GET /a HTTP/1.1", [("Host", ["HOST"])]),
    .init("HTTP/1.0 with keep-alive", "GET /a HTTP/1.0\r\nHost: HOST\r\nConnection: keep-alive\r\n\r\n", arrivesAs: "GET /a HTTP/1.1"),
  ]
}
