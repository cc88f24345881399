// What RFC 9113 and RFC 7541 say MUST be refused, said to the program frame by frame: which error, and whether it ends a stream or the
// connection. After a stream's error the connection serves the next stream; after the connection's it ends. The order is the RFC's.
import Testing

/// One thing that is wrong.
struct Violation: Sendable, CustomTestStringConvertible {
  enum Verdict: Sendable {
    /// GOAWAY with one of these, then the end.
    case connection([ErrorCode])
    /// RST_STREAM on stream 1 with one of these; the connection lives.
    case stream([ErrorCode])
    /// Either of the two: a stream's error may be taken for the connection's (RFC 9113, 5.4.1).
    case streamOrConnection([ErrorCode])
    /// An answer on stream 1 with this status; the connection lives.
    case answer(Int)
    /// Nothing at all; the connection lives.
    case ignored
  }
  let name: String
  let frames: [Frame]
  let verdict: Verdict
  var testDescription: String { name }

  init(_ name: String, _ verdict: Verdict, _ frames: Frame...) { (self.name, self.verdict, self.frames) = (name, verdict, frames) }
  /// A request on stream 1 with these fields.
  init(_ name: String, _ verdict: Verdict, fields: [(String, String)]) {
    (self.name, self.verdict, self.frames) = (name, verdict, [.headers(1, fields)])
  }
}

private let host = "conform.test"

extension Violation {
  static let framing: [Violation] = [
    // 4.1 and 5.5: what is unknown is passed over.
    .init("4.1 a frame of an unknown type", .ignored, Frame(type: 0x42, flags: 0xff, stream: 0, payload: wire("whatever"))),
    .init("4.1 undefined flags", .ignored, Frame(type: 6, flags: 0xfe, payload: wire("12345678"))),
    .init("4.1 the reserved bit", .answer(200), Frame(type: 1, flags: 5, stream: 0x8000_0001, payload: HPACK.block(get(host: host)))),
    // 4.2
    .init("4.2 DATA longer than SETTINGS_MAX_FRAME_SIZE", .connection([.frameSizeError]), .headers(1, post(host: host), end: false), .data(1, bytes: 16_385)),
    .init("4.2 HEADERS longer than SETTINGS_MAX_FRAME_SIZE", .connection([.frameSizeError]), .headers(1, get(host: host, [("x", String(repeating: "x", count: 16_400))]))),
    // 4.3
    .init("4.3 a block that cannot be decoded", .connection([.compressionError]), .headers(1, block: [0x40])),
    .init("4.3 PRIORITY inside a header block", .connection([.protocolError]), .headers(1, get(host: host), whole: false), .priority(1)),
    .init("4.3 HEADERS of another stream inside a header block", .connection([.protocolError]), .headers(1, get(host: host), whole: false), .headers(3, get(host: host))),
    .init("5.5 an unknown frame inside a header block", .connection([.protocolError]), .headers(1, get(host: host), whole: false), Frame(type: 0x42, stream: 1)),

    // 5.1: states.
    .init("5.1 DATA on an idle stream", .connection([.protocolError]), .data(1, "x", end: true)),
    .init("5.1 RST_STREAM on an idle stream", .connection([.protocolError]), .reset(1)),
    .init("5.1 WINDOW_UPDATE on an idle stream", .connection([.protocolError]), .windowUpdate(1, 100)),
    .init("5.1 CONTINUATION on an idle stream", .connection([.protocolError]), .continuation(1, block: HPACK.block(get(host: host)))),
    .init("5.1 DATA after END_STREAM", .connection([.streamClosed]), .headers(1, get("/hold", host: host)), .data(1, "x", end: true)),
    .init("5.1 HEADERS after END_STREAM", .connection([.streamClosed]), .headers(1, get("/hold", host: host)), .headers(1, get(host: host))),
    .init("5.1 CONTINUATION after END_STREAM", .connection([.streamClosed, .protocolError]), .headers(1, get("/hold", host: host)), .continuation(1, block: [])),
    .init("5.1.1 an even stream", .connection([.protocolError]), .headers(2, get(host: host))),
    .init("5.1.1 a stream below one that was used", .connection([.protocolError, .streamClosed]), .headers(5, get(host: host)), .headers(3, get(host: host))),

    // 6.1 DATA
    .init("6.1 DATA on stream 0", .connection([.protocolError]), .data(0, "x")),
    .init("6.1 padding as long as the frame", .connection([.protocolError]), .headers(1, post(host: host), end: false), Frame(type: 0, flags: 9, stream: 1, payload: [6] + wire("abcde"))),
    // 6.2 HEADERS
    .init("6.2 HEADERS on stream 0", .connection([.protocolError]), .headers(0, get(host: host))),
    .init("6.2 padding longer than the block", .connection([.protocolError]), Frame(type: 1, flags: 13, stream: 1, payload: [200] + HPACK.block([(":method", "GET")]))),
    .init("6.2 padding that is fine", .answer(200), Frame(type: 1, flags: 13, stream: 1, payload: [3] + HPACK.block(get(host: host)) + [0, 0, 0])),
    .init("6.2 priority fields that are fine", .answer(200), Frame(type: 1, flags: 37, stream: 1, payload: [0, 0, 0, 0, 15] + HPACK.block(get(host: host)))),
    // 6.3 PRIORITY
    .init("6.3 PRIORITY on stream 0", .connection([.protocolError]), .priority(0)),
    .init("6.3 PRIORITY of four bytes", .connection([.frameSizeError]), Frame(type: 2, stream: 1, payload: [0, 0, 0, 0])),
    .init("6.3 PRIORITY of an idle stream", .ignored, .priority(1)),
    // RFC 7540, 5.3.1. RFC 9113 has dropped the rule with the priorities; who sends this has a fault all the same, and h2spec asks for it.
    .init("7540 5.3.1 PRIORITY of a stream that depends on itself", .connection([.protocolError]), .priority(1, on: 1)),
    .init("7540 5.3.1 HEADERS of a stream that depends on itself", .stream([.protocolError]),
      Frame(type: 1, flags: 37, stream: 1, payload: [0, 0, 0, 1, 15] + HPACK.block(get(host: host)))),
    // 6.4 RST_STREAM
    .init("6.4 RST_STREAM on stream 0", .connection([.protocolError]), .reset(0)),
    .init("6.4 RST_STREAM of three bytes", .connection([.frameSizeError]), .headers(1, post(host: host), end: false), Frame(type: 3, stream: 1, payload: [0, 0, 0])),
    // 6.5 SETTINGS
    .init("6.5 an acknowledgement with content", .connection([.frameSizeError]), Frame(type: 4, flags: 1, payload: [0, 1, 0, 0, 0, 0])),
    .init("6.5 SETTINGS on a stream", .connection([.protocolError]), Frame(type: 4, stream: 1)),
    .init("6.5 SETTINGS of five bytes", .connection([.frameSizeError]), Frame(type: 4, payload: [0, 1, 0, 0, 0])),
    .init("6.5.2 ENABLE_PUSH 2", .connection([.protocolError]), .settings([(2, 2)])),
    .init("6.5.2 INITIAL_WINDOW_SIZE 2^31", .connection([.flowControlError]), .settings([(4, 0x8000_0000)])),
    .init("6.5.2 MAX_FRAME_SIZE 16383", .connection([.protocolError]), .settings([(5, 16_383)])),
    .init("6.5.2 MAX_FRAME_SIZE 2^24", .connection([.protocolError]), .settings([(5, 1 << 24)])),
    .init("6.5.2 an unknown setting", .ignored, .settings([(0xff, 1)])),
    .init("RFC 8441, 3 ENABLE_CONNECT_PROTOCOL 1, then 0", .connection([.protocolError]), .settings([(8, 1)]), .settings([(8, 0)])),
    .init("RFC 9218, 2.1 NO_RFC7540_PRIORITIES 2", .connection([.protocolError]), .settings([(9, 2)])),
    // 6.6
    .init("6.6 PUSH_PROMISE from a client", .connection([.protocolError]), Frame(type: 5, flags: 4, stream: 1, payload: [0, 0, 0, 2] + HPACK.block(get(host: host)))),
    .init("8.4 PUSH_PROMISE on an open stream", .connection([.protocolError]), .headers(1, post(host: host), end: false),
      Frame(type: 5, flags: 4, stream: 1, payload: [0, 0, 0, 2] + HPACK.block(get(host: host)))),
    // 6.7 PING
    .init("6.7 PING on a stream", .connection([.protocolError]), Frame(type: 6, stream: 1, payload: wire("12345678"))),
    .init("6.7 PING of six bytes", .connection([.frameSizeError]), Frame(type: 6, payload: wire("123456"))),
    .init("6.7 an acknowledgement nobody asked for", .ignored, .ping(flags: 1)),
    // 6.8
    .init("6.8 GOAWAY on a stream", .connection([.protocolError]), Frame(type: 7, stream: 1, payload: Bytes(repeating: 0, count: 8))),
    .init("6.8 GOAWAY of four bytes", .connection([.frameSizeError]), Frame(type: 7, payload: [0, 0, 0, 0])),
    // 6.9 WINDOW_UPDATE
    .init("6.9 an increment of 0 for the connection", .connection([.protocolError]), .windowUpdate(0, 0)),
    .init("6.9 an increment of 0 for a stream", .streamOrConnection([.protocolError]), .headers(1, post("/hold", host: host), end: false), .windowUpdate(1, 0)),
    .init("6.9 WINDOW_UPDATE of three bytes", .connection([.frameSizeError]), Frame(type: 8, payload: [0, 0, 1])),
    .init("6.9.1 the connection's window above 2^31 - 1", .connection([.flowControlError]), .windowUpdate(0, 0x7fff_ffff)),
    .init("6.9.1 a stream's window above 2^31 - 1", .stream([.flowControlError]), .headers(1, post("/hold", host: host), end: false), .windowUpdate(1, 0x7fff_ffff)),
    .init("6.9.2 INITIAL_WINDOW_SIZE that makes a stream's window too large", .connection([.flowControlError]),
      .headers(1, post("/hold", host: host), end: false), .windowUpdate(1, 0x7fff_0000), .settings([(4, 0x7fff_ffff)])),
    // 6.10 CONTINUATION
    .init("6.10 CONTINUATION that is fine", .answer(200), .headers(1, Array(get(host: host).prefix(2)), whole: false),
      .continuation(1, block: HPACK.block(Array(get(host: host).dropFirst(2))))),
    .init("6.10 CONTINUATION after END_HEADERS", .connection([.protocolError, .streamClosed]), .headers(1, post(host: host), end: false), .continuation(1, block: [])),
    .init("6.10 CONTINUATION on stream 0", .connection([.protocolError]), .headers(1, get(host: host), whole: false), .continuation(0, block: [])),
    .init("6.10 CONTINUATION after DATA", .connection([.protocolError]), .headers(1, post(host: host), end: false), .data(1, "x"), .continuation(1, block: [])),
    .init("6.10 DATA inside a header block", .connection([.protocolError]), .headers(1, post(host: host), end: false, whole: false), .data(1, "x", end: true)),
  ]

  /// Blocks that are malformed below the level of fields (RFC 7541).
  static let compression: [Violation] = [
    .init("7541, 6.1 index 0", .connection([.compressionError]), .headers(1, block: [0x80])),
    .init("7541, 2.3.3 an index beyond both tables", .connection([.compressionError]), .headers(1, block: [0xff, 0x40])),
    .init("7541, 5.1 an integer that never ends", .connection([.compressionError]), .headers(1, block: [0xff] + Bytes(repeating: 0xff, count: 12))),
    .init("7541, 5.2 a string longer than the block", .connection([.compressionError]), .headers(1, block: [0x00, 0x05] + wire("abc"))),
    .init("7541, 5.2 Huffman padding of more than seven bits", .connection([.compressionError]), .headers(1, block: [0x00, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x84, 0x49, 0x50, 0x9f, 0xff])),
    .init("7541, 5.2 Huffman padding of zeros", .connection([.compressionError]), .headers(1, block: [0x00, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x83, 0x49, 0x50, 0x90])),
    .init("7541, 5.2 the end-of-string symbol", .connection([.compressionError]), .headers(1, block: [0x00, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x87, 0x49, 0x51, 0xff, 0xff, 0xff, 0xfa, 0x7f])),
    .init("7541, 4.2 a table larger than allowed", .connection([.compressionError]), .headers(1, block: [0x3f, 0xe2, 0x1f] + HPACK.block(get(host: host)))),
    .init("7541, 4.2 a change of the table's size behind a field", .connection([.compressionError]), .headers(1, block: HPACK.block(get(host: host)) + [0x20])),
  ]

  /// Messages that are malformed (RFC 9113, 8).
  static let messages: [Violation] = {
    let malformed = Verdict.stream([.protocolError])
    func without(_ name: String) -> [(String, String)] { get(host: host).filter { $0.0 != name } }
    return [
      .init("8.1 a second HEADERS that does not end the stream", malformed, .headers(1, post("/hold", host: host), end: false), .headers(1, [("x", "y")], end: false)),
      .init("8.1 trailers with a pseudo-header field", malformed, .headers(1, post("/hold", host: host), end: false), .headers(1, [(":path", "/")])),
      .init("8.1.1 content longer than Content-Length", malformed, .headers(1, post("/hold", host: host, [("content-length", "1")]), end: false), .data(1, "test", end: true)),
      .init("8.1.1 content shorter than Content-Length", malformed, .headers(1, post("/hold", host: host, [("content-length", "5")]), end: false), .data(1, "test", end: true)),
      .init("8.1.1 several DATA frames and another Content-Length", malformed, .headers(1, post("/hold", host: host, [("content-length", "9")]), end: false), .data(1, "test"), .data(1, "test", end: true)),
      .init("8.1.1 Content-Length without content", malformed, fields: post(host: host, [("content-length", "5")])),
      .init("8.1.1 two different Content-Lengths", malformed, fields: post(host: host, [("content-length", "0"), ("content-length", "1")])),
      .init("8.1.1 a Content-Length of letters", malformed, fields: post(host: host, [("content-length", "ten")])),
      .init("8.1.1 a Content-Length with a sign", malformed, fields: post(host: host, [("content-length", "+0")])),
      // 8.2.1
      .init("8.2.1 a name in upper case", malformed, fields: get(host: host, [("X-TEST", "ok")])),
      .init("8.2.1 a name with a space", malformed, fields: get(host: host, [("x test", "ok")])),
      .init("8.2.1 a name with a colon", malformed, fields: get(host: host, [("x:test", "ok")])),
      .init("8.2.1 a name with a line feed", malformed, fields: get(host: host, [("x\ntest", "ok")])),
      .init("8.2.1 a name above ASCII", malformed, fields: get(host: host, [("x\u{e9}", "ok")])),
      .init("8.2.1 an empty name", malformed, fields: get(host: host, [("", "ok")])),
      .init("8.2.1 a value with NUL", malformed, fields: get(host: host, [("x", "a\0b")])),
      .init("8.2.1 a value with CR LF", malformed, fields: get(host: host, [("x", "a\r\ny: b")])),
      .init("8.2.1 a value with LF", malformed, fields: get(host: host, [("x", "a\nb")])),
      .init("8.2.1 a value with CR", malformed, fields: get(host: host, [("x", "a\rb")])),
      .init("8.2.1 a value with a space in front", malformed, fields: get(host: host, [("x", " a")])),
      .init("8.2.1 a value with a tab behind", malformed, fields: get(host: host, [("x", "a\t")])),
      .init("8.2.1 obs-text is a value", .answer(200), fields: get(host: host, [("x", "\u{e9}")])),
      // 8.2.2
      .init("8.2.2 Connection", malformed, fields: get(host: host, [("connection", "keep-alive")])),
      .init("8.2.2 Keep-Alive", malformed, fields: get(host: host, [("keep-alive", "5")])),
      .init("8.2.2 Proxy-Connection", malformed, fields: get(host: host, [("proxy-connection", "keep-alive")])),
      .init("8.2.2 Transfer-Encoding", malformed, fields: post(host: host, [("transfer-encoding", "chunked")])),
      .init("8.2.2 Upgrade", malformed, fields: get(host: host, [("upgrade", "websocket")])),
      .init("8.2.2 TE: gzip", malformed, fields: get(host: host, [("te", "trailers, deflate;q=0.5")])),
      .init("8.2.2 TE: trailers", .answer(200), fields: get(host: host, [("te", "trailers")])),
      // 8.3
      .init("8.3 an unknown pseudo-header field", malformed, fields: get(host: host, [(":test", "ok")])),
      .init("8.3 a response's pseudo-header field", malformed, fields: get(host: host) + [(":status", "200")]),
      .init("8.3 a pseudo-header field behind another", malformed, fields: without(":path") + [("x", "y"), (":path", "/")]),
      .init("8.3.1 no :method", malformed, fields: without(":method")),
      .init("8.3.1 no :scheme", malformed, fields: without(":scheme")),
      .init("8.3.1 no :path", malformed, fields: without(":path")),
      .init("8.3.1 two :method", malformed, fields: get(host: host) + [(":method", "GET")]),
      .init("8.3.1 two :scheme", malformed, fields: get(host: host) + [(":scheme", "http")]),
      .init("8.3.1 two :path", malformed, fields: get(host: host) + [(":path", "/")]),
      .init("8.3.1 two :authority", malformed, fields: get(host: host) + [(":authority", host)]),
      .init("8.3.1 an empty :path", malformed, fields: without(":path") + [(":path", "")]),
      .init("8.3.1 a :path without slash", malformed, fields: get("x", host: host)),
      .init("8.3.1 * that is not OPTIONS", malformed, fields: get("*", host: host)),
      .init("8.3.1 a :path with a space", malformed, fields: get("/a b", host: host)),
      .init("8.3.1 a :path with a fragment", .answer(400), fields: get("/a#b", host: host)),
      .init("8.3.1 a :path with CR LF", malformed, fields: get("/a\r\nx: y", host: host)),
      .init("8.3.1 a :method with a space", malformed, fields: without(":method") + [(":method", "GET /")]),
      .init("8.3.1 an empty :scheme", malformed, fields: without(":scheme") + [(":scheme", "")]),
      .init("8.3.1 a :scheme that is none", malformed, fields: without(":scheme") + [(":scheme", "ht tp")]),
      .init("8.3.1 another scheme", .answer(400), fields: without(":scheme") + [(":scheme", "ftp")]),
      .init("8.3.1 Host that differs from :authority", malformed, fields: get(host: host, [("host", "other.test")])),
      .init("8.3.1 Host that does not", .answer(200), fields: get(host: host, [("host", host)])),
      .init("8.3.1 Host alone", .answer(200), fields: without(":authority") + [("host", host)]),
      .init("8.3.1 two Hosts", malformed, fields: without(":authority") + [("host", host), ("host", host)]),
      .init("8.3.1 neither Host nor :authority", malformed, fields: without(":authority")),
      .init("8.3.1 userinfo in :authority", malformed, fields: get(host: "me@" + host)),
      .init("8.3.1 a path in :authority", malformed, fields: get(host: host + "/x")),
      .init("8.5 CONNECT", .answer(400), fields: [(":method", "CONNECT"), (":authority", "conform.test:443")]),
      .init("8.5 CONNECT with :path", malformed, fields: [(":method", "CONNECT"), (":scheme", "http"), (":path", "/"), (":authority", host)]),
      .init("8441, 4 :protocol without CONNECT", malformed, fields: get(host: host) + [(":protocol", "websocket")]),
      .init("8441, 4 CONNECT for a protocol that is not served", .answer(400),
        fields: [(":method", "CONNECT"), (":scheme", "http"), (":path", "/"), (":authority", host), (":protocol", "connect-udp")]),
    ]
  }()
}

extension Scenarios {
  /// The suite's one stage: an origin that answers 200, and on /hold never.
  @Suite(.serialized, .program(
    script: { try $0.answerAll { $0.target == "/hold" ? "" : ok($0.target) } },
    distribution: { var other = $0; other.isDefault = true; return other }))
  struct Conformance {
    @Test(arguments: Violation.framing) func frames(_ violation: Violation) throws { try judge(violation) }
    @Test(arguments: Violation.compression) func headerBlocks(_ violation: Violation) throws { try judge(violation) }
    @Test(arguments: Violation.messages) func malformedMessages(_ violation: Violation) throws { try judge(violation) }

    private func judge(_ violation: Violation) throws {
      let stage = try Program.current.sharedStage()
      let viewer = try HTTP2Viewer.open(stage.skerry)
      viewer.sendUntilRefused(violation.frames)
      switch violation.verdict {
      case .connection(let codes):
        let code = try viewer.readEnding()
        #expect(code.map { codes.contains($0) } ?? false, "\(viewer.frames)")
        #expect(viewer.ending == .orderly)
      case .stream(let codes):
        let answer = try viewer.answer(on: 1)
        #expect(answer.reset.map { codes.contains($0) } ?? false, "\(viewer.frames)")
        try expectService(viewer)
      case .streamOrConnection(let codes):
        let answer = try viewer.answer(on: 1)
        #expect((answer.reset ?? answer.goAway).map { codes.contains($0) } ?? false, "\(viewer.frames)")
      case .answer(let status):
        #expect(try viewer.answer(on: 1).status == status, "\(viewer.frames)")
        try expectService(viewer)
      case .ignored: try expectService(viewer)
      }
    }

    private func expectService(_ viewer: HTTP2Viewer) throws {
      let answer = try viewer.exchange(101, get("/next", host: host))
      #expect(answer.status == 200 && String(wire: answer.body) == "/next", "\(viewer.frames)")
    }

    @Test func theFirstFrameIsSettings() throws {
      let viewer = try HTTP2Viewer(port: Program.current.sharedStage().skerry.port)
      try viewer.send(wire(HTTP2Viewer.preface) + Frame.ping().bytes)
      #expect(try viewer.readEnding() == .protocolError)
    }

    @Test func aPrefaceInPiecesIsStillOne() throws {
      let viewer = try HTTP2Viewer(port: Program.current.sharedStage().skerry.port)
      for byte in wire(HTTP2Viewer.preface) + Frame.settings([(1, 0)]).bytes + Frame.headers(1, get("/next", host: host)).bytes { try viewer.send([byte]) }
      #expect(try viewer.answer(on: 1).status == 200)
    }

    @Test func almostAPrefaceIsRefusedAsHTTP1() throws {
      let viewer = try Program.current.sharedStage().skerry.viewer()
      try viewer.send("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n")
      #expect(try viewer.readResponse().status == 505)
    }

    @Test func settingsAndPingsAreAcknowledged() throws {
      let viewer = try HTTP2Viewer.open(Program.current.sharedStage().skerry)
      try viewer.send(.ping("abcdefgh"))
      #expect(try viewer.wait("PING") { $0.type == 6 && $0.flags == 1 }.payload == wire("abcdefgh"))
      #expect(viewer.frames.contains { $0.type == 4 && $0.flags == 1 })
    }

    /// 5.1, closed: what follows a RST_STREAM of the viewer's own is an error of the stream or the connection.
    @Test(arguments: [Frame.data(1, "x", end: true), .headers(1, get(host: host))])
    func framesAfterTheViewersReset(_ frame: Frame) throws {
      let viewer = try HTTP2Viewer.open(Program.current.sharedStage().skerry)
      viewer.sendUntilRefused([.headers(1, post("/hold", host: host), end: false), .reset(1), frame])
      #expect(try viewer.readEnding() == .streamClosed)
    }

    /// 5.1, closed: after an exchange that is over.
    @Test(arguments: [Frame.data(1, "x", end: true), .headers(1, get(host: host))])
    func framesAfterTheEnd(_ frame: Frame) throws {
      let viewer = try HTTP2Viewer.open(Program.current.sharedStage().skerry)
      #expect(try viewer.exchange(1, get("/x", host: host)).status == 200)
      viewer.sendUntilRefused([frame])
      #expect([.streamClosed, .protocolError].contains(try viewer.readEnding()))
    }
  }
}
