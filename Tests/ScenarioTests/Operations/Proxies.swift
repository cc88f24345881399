// Behind a load balancer: PROXY headers on listeners that ask for them, and X-Forwarded-For of proxies that are trusted.
import Testing

extension Scenarios {
  @Suite struct Proxies {
    /// What the origin sees of the viewer, and what a function sees.
    private func start(_ listener: String, more: String = "", arguments: [String] = ["--workers", "2"]) throws -> Skerry {
      let origin = try ScriptedOrigin { connection in
        try connection.answerAll { ok("\($0.fields["x-forwarded-for"] ?? "-") | \($0.fields["cloudfront-viewer-address"] ?? "-") | \($0.fields["x-ip"] ?? "-")") }
      }
      var distribution = Configuration.Distribution(isDefault: true, origin: origin.url)
      distribution.originRequestPolicy = "AllViewerAndCloudFrontHeaders-2022-06"
      distribution.behavior = "functions: { viewer-request: f }"
      let functions = "functions:\n  f: { runtime: cloudfront-js-2.0, code: f.js }\n"
      let yaml = Configuration(distributions: [distribution], more: functions + more).yaml.replacing("  - address: 127.0.0.1:0\n", with: "  - \(listener)\n", maxReplacements: 1)
      return try Skerry.start(
        configuration: yaml, files: ["f.js": "function handler(event) { event.request.headers['x-ip'] = { value: event.viewer.ip }; return event.request; }"],
        arguments: arguments)
    }
    private static let asking = "{ address: 127.0.0.1:0, proxyProtocol: true }"
    private static let get = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"

    /// A header of version 2 for 203.0.113.7:12345, or none told.
    private static func binary(named: Bool) -> Bytes {
      Bytes("\r\n\r\n\0\r\nQUIT\n".utf8) + (named ? [0x21, 0x11, 0, 15, 203, 0, 113, 7, 127, 0, 0, 1, 0x30, 0x39, 0, 80, 4, 0, 0] : [0x20, 0, 0, 0])
    }

    // MARK: PROXY headers

    static let headers: [(Bytes, String)] = [
      (wire("PROXY TCP4 203.0.113.7 127.0.0.1 12345 80\r\n"), "203.0.113.7 | 203.0.113.7:12345 | 203.0.113.7"), (binary(named: true), "203.0.113.7 | 203.0.113.7:12345 | 203.0.113.7"),
      (wire("PROXY TCP6 2001:db8::7 ::1 12345 80\r\n"), "2001:db8::7 | 2001:db8::7:12345 | 2001:db8::7"),
    ]
    @Test(arguments: headers) func theHeaderSaysWhoItIs(header: Bytes, seen: String) throws {
      let skerry = try start(Self.asking)
      let viewer = try skerry.viewer()
      try viewer.send(header + wire(Self.get))
      for round in 0..<3 {
        if round > 0 { try viewer.send(Self.get) }
        #expect(try viewer.readResponse().bodyText == seen)
      }
      let line = try skerry.waitForLogLine("of the request") { _ in true }
      #expect(line["clientIp"] == .text(String(seen.prefix { $0 != " " })) && line["clientPort"] == .number(12345))
      #expect(try skerry.metrics()["skerry_proxy_headers_total{outcome=\"named\"}"] == 1)
    }

    @Test(arguments: [wire("PROXY UNKNOWN\r\n"), binary(named: false)]) func aHeaderThatNamesNobody(header: Bytes) throws {
      let skerry = try start(Self.asking)
      let viewer = try skerry.viewer(from: "127.0.0.9")
      try viewer.send(header + wire(Self.get))
      #expect(try viewer.readResponse().bodyText.hasPrefix("127.0.0.9 | 127.0.0.9:"))
      #expect(try skerry.metrics()["skerry_proxy_headers_total{outcome=\"unnamed\"}"] == 1)
    }

    /// Byte by byte; nothing behind the header is lost.
    @Test func aHeaderInPieces() throws {
      let skerry = try start(Self.asking)
      for header in Self.headers.map(\.0) {
        let viewer = try skerry.viewer()
        for byte in header + wire(Self.get) { try viewer.send([byte]) }
        #expect(try viewer.readResponse().status == 200)
      }
    }

    @Test(arguments: [
      ("no header", wire("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"), "skerry_proxy_headers_total{outcome=\"malformed\"}"),
      ("half a header", wire("PROXY TCP4 203.0.113.7 127.0"), "skerry_limits_reached_total{limit=\"proxy_header_timeout\"}"),
      ("nothing", [], "skerry_limits_reached_total{limit=\"proxy_header_timeout\"}"),
      ("a long header", Bytes("\r\n\r\n\0\r\nQUIT\n".utf8) + [0x20, 0, 4, 0], "skerry_limits_reached_total{limit=\"proxy_header\"}"),
      ("a bad header", wire("PROXY TCP4 203.0.113.7 127.0.0.1 12345\r\n"), "skerry_proxy_headers_total{outcome=\"malformed\"}"),
    ] as [(String, Bytes, String)]) func whatIsNoHeaderIsClosed(what: String, bytes: Bytes, metric: String) throws {
      let skerry = try start(Self.asking, more: "limits: { proxyHeaderBytes: 200, proxyHeaderTimeout: 500ms }")
      let viewer = try skerry.viewer()
      if !bytes.isEmpty { try viewer.send(bytes) }
      #expect(viewer.isClosedSilently())
      try eventually("the refusal to be counted") { try skerry.metrics()[metric] == 1 }
      #expect(try skerry.metrics()["skerry_connections_accepted_total"] == 0)
      #expect(try skerry.accessLog().isEmpty)
    }

    /// A header is for the listener that asks for it: elsewhere it is no request.
    @Test func aHeaderThatWasNotAskedFor() throws {
      let skerry = try start("address: 127.0.0.1:0")
      #expect(try skerry.viewer().exchange("PROXY TCP4 203.0.113.7 127.0.0.1 12345 80\r\n\(Self.get)", to: "GET").status == 400)
    }

    @Test func limitsAreOfTheNamedAddress() throws {
      let skerry = try start(Self.asking, more: "limits: { connectionsPerClientAddress: 1 }")
      func connect(_ address: String) throws -> ScriptedViewer {
        let viewer = try skerry.viewer()
        try viewer.send("PROXY TCP4 \(address) 127.0.0.1 12345 80\r\n\(Self.get)")
        return viewer
      }
      let first = try connect("203.0.113.7"), other = try connect("203.0.113.8")
      #expect(try first.readResponse().status == 200)
      #expect(try other.readResponse().status == 200)
      #expect(try connect("203.0.113.7").isClosedSilently())
      try eventually("the limit to be counted") { try skerry.metrics()["skerry_limits_reached_total{limit=\"connections_per_address\"}"] == 1 }
      first.finishSending()
      _ = first.readEnding()
      try eventually("room for another") { (try? connect("203.0.113.7").readResponse().status) == 200 }
    }

    @Test func onlySoManyWaitForTheirHeader() throws {
      let skerry = try start(Self.asking, more: "limits: { proxyHeadersWaiting: 2, proxyHeaderTimeout: 60s }", arguments: ["--workers", "1"])
      let waiting = try (0..<2).map { _ in try skerry.viewer() }
      #expect(try skerry.viewer().isClosedSilently())
      #expect(try skerry.metrics()["skerry_limits_reached_total{limit=\"proxy_headers_waiting\"}"] == 1)
      for viewer in waiting {
        try viewer.send("PROXY UNKNOWN\r\n\(Self.get)")
        #expect(try viewer.readResponse().status == 200)
      }
      // A drain does not wait for headers.
      let late = try skerry.viewer()
      try eventually("it to be accepted") { try skerry.metrics()["skerry_proxy_headers_total{outcome=\"unnamed\"}"] == 2 }
      let start = ContinuousClock.now
      try skerry.terminate()
      #expect(ContinuousClock.now - start < .seconds(30))
      withExtendedLifetime(late) {}
    }

    // MARK: Trusted proxies

    @Test(arguments: [
      ("127.0.0.1", "203.0.113.7", "203.0.113.7, 127.0.0.1 | 203.0.113.7:0 | 203.0.113.7"), ("127.0.0.1", "1.1.1.1, 203.0.113.7, 10.1.1.1", "1.1.1.1, 203.0.113.7, 10.1.1.1, 127.0.0.1 | 203.0.113.7:0 | 203.0.113.7"),
      ("127.0.0.9", "203.0.113.7", "203.0.113.7, 127.0.0.9 | 127.0.0.9 | 127.0.0.9"), ("127.0.0.1", "nonsense", "nonsense, 127.0.0.1 | 127.0.0.1 | 127.0.0.1"),
    ]) func forwardedFor(peer: String, field: String, seen: String) throws {
      let skerry = try start("address: 127.0.0.1:0", more: "trustedProxies: [127.0.0.1, 10.0.0.0/8]")
      let viewer = try skerry.viewer(from: peer)
      let response = try viewer.exchange("GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: \(field)\r\n\r\n").bodyText
      #expect(response.replacing(/(127\.0\.0\.[0-9]):[0-9]+/) { $0.1 } == seen)
      let line = try skerry.waitForLogLine("of the request") { _ in true }
      #expect(line["clientIp"] == .text(String(seen.split(separator: " ").last ?? "")) && line["xForwardedFor"] == .text(field))
      // Each request of a connection speaks for itself.
      #expect(try viewer.exchange(Self.get).bodyText.hasSuffix("| \(peer)"))
    }

    /// One proxy has the connections of many viewers.
    @Test func trustedProxiesAreNoClients() throws {
      let skerry = try start("address: 127.0.0.1:0", more: "trustedProxies: [127.0.0.1]\nlimits: { connectionsPerClientAddress: 1 }")
      let viewers = try (0..<3).map { _ in try skerry.viewer() }
      for viewer in viewers { #expect(try viewer.exchange(Self.get).status == 200) }
      let other = try skerry.viewer(from: "127.0.0.9")
      #expect(try other.exchange(Self.get).status == 200)
      #expect(try skerry.viewer(from: "127.0.0.9").isClosedSilently())
    }

    /// Both: the PROXY header names a proxy that is trusted.
    @Test func aTrustedProxyBehindALoadBalancer() throws {
      let skerry = try start(Self.asking, more: "trustedProxies: [10.0.0.0/8]")
      let viewer = try skerry.viewer()
      try viewer.send("PROXY TCP4 10.1.2.3 127.0.0.1 12345 80\r\nGET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n")
      #expect(try viewer.readResponse().bodyText == "203.0.113.7, 10.1.2.3 | 203.0.113.7:0 | 203.0.113.7")
    }
  }
}
