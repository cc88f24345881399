// TLS with origins (issue 4, point 4): a python server as the origin, whose certificate is right or wrong, and which ends in every way.
import Foundation
import Testing

extension Scenarios {
  @Suite struct OriginTLS {
    /// Answers over TLS and tells what it saw. MODE: `answer`; `truncated` and `goodbye` (a body to the connection's end, without and with
    /// close_notify); `garbage` (no record after the head); `silent` (no handshake); `plain` (no TLS); `stale` (the first connection is reset
    /// by its second request); `mended` (the second connection and later ones are shown another one, of localhost).
    private static let server = """
      import os, socket, ssl, struct, sys, threading, time
      mode, chain, key, version = sys.argv[1:5]
      context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
      context.set_ciphers('DEFAULT@SECLEVEL=0')
      context.minimum_version = ssl.TLSVersion.TLSv1
      if version != 'any':
        context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
      context.load_cert_chain(chain, key)
      context.sni_callback = lambda tls, name, context: setattr(tls, 'asked', name)
      listening = socket.create_server(('127.0.0.1', 0), backlog=100)
      print('port', listening.getsockname()[1], file=sys.stderr, flush=True)
      def serve(raw, number):
        if mode == 'silent': time.sleep(60)
        if mode == 'plain': raw.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n'); raw.recv(1000); return
        if mode == 'mended' and number == 1: context.load_cert_chain(chain.replace('other.', 'localhost-ecdsa.'), key.replace('other.', 'localhost-ecdsa.'))
        try: tls = context.wrap_socket(raw, server_side=True)
        except Exception as e: print('handshake', e, file=sys.stderr, flush=True); return
        data, answered = b'', 0
        while True:
          while b'\\r\\n\\r\\n' not in data:
            more = tls.recv(65536)
            if not more: return
            data += more
          head, data = data.split(b'\\r\\n\\r\\n', 1)
          host = [l.split(b': ')[1] for l in head.split(b'\\r\\n') if l.lower().startswith(b'host:')][0].decode()
          text = 'sni=%s host=%s %s %s' % (getattr(tls, 'asked', None), host, tls.version(), 'resumed' if tls.session_reused else 'full')
          if mode == 'stale' and number == 0 and answered:
            tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)); tls.close(); return
          if mode in ('answer', 'stale', 'mended'):
            answered += 1
            tls.sendall(('HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%s' % (len(text), text)).encode())
            if b'close' in head.split(b'\\r\\n')[0]: tls.unwrap(); return
            continue
          tls.sendall(b'HTTP/1.1 200 OK\\r\\n' + (b'Content-Length: 9\\r\\n' if mode == 'garbage' else b'') + b'\\r\\npart')
          if mode == 'garbage': os.write(tls.fileno(), b'GARBAGE' * 10)
          if mode == 'goodbye': tls.unwrap()
          tls.close(); return
      count = 0
      while True:
        connection, _ = listening.accept()
        threading.Thread(target=serve, args=(connection, count), daemon=True).start()
        count += 1
      """

    private final class Origin {
      let process: ChildProcess
      let port: UInt16
      init(_ certificates: TestCertificates, _ mode: String = "answer", _ name: String = "localhost", version: String = "any") throws {
        (process, port) = try Tool.python(OriginTLS.server, [mode, certificates.path(name + ".pem"), certificates.path(name + ".key"), version])
      }
    }

    private func program(
      _ origin: Origin, _ certificates: TestCertificates, domainName: String = "localhost", settings: String = "", trust: String? = "ca.pem", policy: String = "AllViewerExceptHostHeader",
      protocolPolicy: String = "https-only", more: String = ""
    ) throws -> Skerry {
      try Skerry.secured(before: "http://127.0.0.1:1", certificates, more: more, arguments: ["--workers", "1"]) {
        $0.target = "over"
        $0.moreOrigins = """
          over:
            domainName: \(domainName)
            addresses: [127.0.0.1]
            httpsPort: \(origin.port)
            httpPort: \(origin.port)
            originProtocolPolicy: \(protocolPolicy)
          \(trust.map { "  certificateAuthority: " + certificates.path($0) } ?? "")
          \(settings.indented(by: 2))
          """
        $0.originRequestPolicy = policy
      }
    }
    private func get(_ skerry: Skerry, host: String = "a.test", path: String = "/", listener: Int = 1) throws -> Response {
      try skerry.viewer(listener).exchange("GET \(path) HTTP/1.1\r\nHost: \(host)\r\n\r\n")
    }
    private func error(_ skerry: Skerry) throws -> String {
      try skerry.waitForLogLine("with an error") { $0["error"] != nil }["error"]?.description ?? ""
    }

    // MARK: Names and trust

    @Test func verifiedAgainstItsName() throws {
      let certificates = try TestCertificates.common(), origin = try Origin(certificates)
      let skerry = try program(origin, certificates)
      #expect(try get(skerry).bodyText == "sni=localhost host=localhost:\(origin.port) TLSv1.3 full")
      // The connection is kept and carries the next request.
      #expect(try get(skerry).bodyText == "sni=localhost host=localhost:\(origin.port) TLSv1.3 full")
      let metrics = try skerry.metrics()
      #expect(metrics["skerry_origin_connections_total{kind=\"connected\"}"] == 1)
      #expect(metrics["skerry_origin_connections_total{kind=\"reused\"}"] == 1)
      #expect(metrics["skerry_origin_tls_handshakes_total{outcome=\"full\"}"] == 1)
    }

    @Test func anAddressIsVerifiedAndNotToldAsAName() throws {
      let certificates = try TestCertificates.common(), origin = try Origin(certificates)
      defer { withExtendedLifetime(origin) {} }
      #expect(try get(program(origin, certificates, domainName: "127.0.0.1")).bodyText == "sni=None host=127.0.0.1:\(origin.port) TLSv1.3 full")
    }

    @Test func theForwardedHostIsAskedFor() throws {
      let certificates = try TestCertificates.common(), origin = try Origin(certificates)
      let skerry = try program(origin, certificates, policy: "AllViewer")
      #expect(try get(skerry, host: "A.test:80").bodyText == "sni=a.test host=A.test:80 TLSv1.3 full")
      #expect(try get(skerry, host: "x.b.test").bodyText == "sni=x.b.test host=x.b.test TLSv1.3 full")
      // The certificate is for the origin's domain name: that will do, whatever the Host.
      #expect(try get(skerry, host: "else.test").bodyText == "sni=else.test host=else.test TLSv1.3 full")
      #expect(try skerry.metrics()["skerry_origin_connections_total{kind=\"reused\"}"] == 0)
      #expect(try get(skerry, host: "a.test").bodyText == "sni=a.test host=a.test TLSv1.3 full")
      #expect(try skerry.metrics()["skerry_origin_connections_total{kind=\"reused\"}"] == 1)
    }

    @Test func theCertificateMayBeTheHosts() throws {
      let certificates = try TestCertificates()
      try certificates.make("c", names: "DNS:c.test")
      let origin = try Origin(certificates, "answer", "c")
      let skerry = try program(origin, certificates, policy: "AllViewer")
      #expect(try get(skerry, host: "c.test").status == 200)
      #expect(try get(skerry, host: "d.test").status == 502)
      #expect(try error(skerry) == "TLS with localhost:\(origin.port) failed: its certificate is for c.test, not for d.test or localhost")
    }

    @Test(arguments: [("other", "ca.pem", "its certificate is for other.test, not for localhost"), ("old", "ca.pem", "certificate has expired"), ("self", "ca.pem", "self-signed certificate"), ("localhost", "", "unable to get local issuer certificate")])
    func whoIsNotTrusted(_ name: String, _ trust: String, _ reason: String) throws {
      let certificates = try TestCertificates()
      try certificates.make("other", names: "DNS:other.test")
      try certificates.make("old", names: "DNS:localhost", days: -1)
      try certificates.make("self", names: "DNS:localhost", isSelfSigned: true)
      let origin = try Origin(certificates, "answer", name)
      let skerry = try program(origin, certificates, trust: trust.isEmpty ? nil : trust)
      let response = try get(skerry)
      #expect(response.status == 502)
      #expect(!response.bodyText.contains(reason))
      #expect(try error(skerry) == "TLS with localhost:\(origin.port) failed: \(reason)")
      #expect(try skerry.metrics()["skerry_origin_failures_total{reason=\"tls_certificate\"}"] == 1)
    }

    // MARK: Versions

    @Test(arguments: [
      ("TLSv1", "[TLSv1]", "TLSv1"), ("TLSv1", "[TLSv1.2]", nil), ("TLSv1_1", "[TLSv1, TLSv1.1]", "TLSv1.1"), ("TLSv1_2", "[TLSv1.2]", "TLSv1.2"), ("any", "[TLSv1.2]", "TLSv1.3"),
      ("any", "[TLSv1.1]", "TLSv1.1"), ("TLSv1_2", "[TLSv1.3]", nil),
    ] as [(String, String, String?)])
    func versions(_ spoken: String, _ allowed: String, _ chosen: String?) throws {
      let certificates = try TestCertificates.common(), origin = try Origin(certificates, "answer", version: spoken)
      let skerry = try program(origin, certificates, settings: "originSslProtocols: \(allowed)")
      let response = try get(skerry)
      #expect(response.status == (chosen == nil ? 502 : 200))
      if let chosen { #expect(response.bodyText.hasSuffix(" \(chosen) full")) } else { #expect(try error(skerry).hasPrefix("TLS with localhost:\(origin.port) failed: ")) }
    }

    /// Old versions need OpenSSL's lowest level for their signatures; what an origin's certificate must be worth stays the same.
    @Test(arguments: [("[TLSv1]", "TLSv1"), ("[TLSv1, TLSv1.1, TLSv1.2]", "any"), ("[TLSv1.2]", "any")])
    func oldVersionsAreNoExcuseForWeakCertificates(_ allowed: String, _ spoken: String) throws {
      let certificates = try TestCertificates()
      try certificates.make("short", names: "DNS:localhost", key: "rsa -pkeyopt rsa_keygen_bits:1024")
      try certificates.make("sha1", names: "DNS:localhost", key: "rsa -pkeyopt rsa_keygen_bits:2048", digest: "sha1")
      for (name, reason) in [("short", "EE certificate key too weak"), ("sha1", "CA signature digest algorithm too weak")] {
        let origin = try Origin(certificates, "answer", name, version: spoken)
        let skerry = try program(origin, certificates, settings: "originSslProtocols: \(allowed)")
        #expect(try get(skerry).status == 502)
        #expect(try error(skerry) == "TLS with localhost:\(origin.port) failed: \(reason)")
      }
    }

    @Test(arguments: ["TLSv1_2", "TLSv1_3"])
    func sessionsAreResumed(_ version: String) throws {
      let certificates = try TestCertificates.common(), origin = try Origin(certificates, "answer", version: version)
      let skerry = try program(origin, certificates)
      #expect(try get(skerry, path: "/close").bodyText.hasSuffix("full"))
      #expect(try get(skerry, path: "/close").bodyText.hasSuffix("resumed"))
      #expect(try skerry.metrics()["skerry_origin_tls_handshakes_total{outcome=\"resumed\"}"] == 1)
    }

    @Test func whatTheViewerUsed() throws {
      let certificates = try TestCertificates.common(), secure = try Origin(certificates)
      let skerry = try program(secure, certificates, protocolPolicy: "match-viewer")
      let result = try Tool.curl(certificates, ["https://localhost:\(skerry.port)/"])
      #expect(result.text == "sni=localhost host=localhost:\(secure.port) TLSv1.3 full")
      #expect(try get(skerry).status == 502)   // the same port in the clear
    }

    // MARK: How it ends

    @Test func aBodyToTheEndNeedsAGoodbye() throws {
      let certificates = try TestCertificates.common()
      let ending = try Origin(certificates, "goodbye"), cutting = try Origin(certificates, "truncated")
      defer { withExtendedLifetime((ending, cutting)) {} }
      let whole = try program(ending, certificates)
      #expect(try get(whole).bodyText == "part")
      let cut = try program(cutting, certificates)
      let viewer = try cut.viewer(1)
      try viewer.send("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
      let (bytes, how) = viewer.readEnding(), text = String(wire: bytes)
      #expect(text.hasPrefix("HTTP/1.1 502 ") || how == .reset && !text.hasSuffix("0\r\n\r\n"), "as the end came with the head or later")
      try cut.waitForMetric("skerry_origin_failures_total{reason=\"closed_early\"}", since: Metrics(page: ""))
    }

    /// A reset is a reset, secured or not: an idle connection that the origin gave up costs nobody an answer.
    @Test func aStaleConnectionIsTriedAgain() throws {
      let certificates = try TestCertificates.common(), origin = try Origin(certificates, "stale")
      let skerry = try program(origin, certificates)
      #expect(try get(skerry).status == 200)
      #expect(try get(skerry).status == 200)
      #expect(try skerry.metrics()["skerry_origin_attempts_total{kind=\"stale_retry\"}"] == 1)
    }

    /// Who is not who it should be is not remembered: once it shows the right certificate it is served.
    @Test func theSessionOfAStrangerIsForgotten() throws {
      let certificates = try TestCertificates()
      try certificates.make("other", names: "DNS:other.test")
      let origin = try Origin(certificates, "mended", "other", version: "TLSv1_2")
      let skerry = try program(origin, certificates)
      #expect(try get(skerry).status == 502)
      #expect(try get(skerry).status == 200)
    }

    @Test func garbageAfterTheHandshake() throws {
      let certificates = try TestCertificates.common()
      let origin = try Origin(certificates, "garbage")
      defer { withExtendedLifetime(origin) {} }
      let skerry = try program(origin, certificates)
      let viewer = try skerry.viewer(1)
      try viewer.send("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
      let (bytes, how) = viewer.readEnding()
      #expect(String(wire: bytes).hasPrefix("HTTP/1.1 502 ") || how == .reset)
      try skerry.waitForMetric("skerry_origin_failures_total{reason=\"tls_handshake\"}", since: Metrics(page: ""))
    }

    @Test func theHandshakeHasTheConnectionTimeout() throws {
      let certificates = try TestCertificates.common(), origin = try Origin(certificates, "silent")
      let skerry = try program(origin, certificates, settings: "connectionTimeout: 300ms\nconnectionAttempts: 2")
      let began = ContinuousClock.now
      #expect(try get(skerry).status == 504)
      #expect(ContinuousClock.now - began >= .milliseconds(600))
      #expect(try skerry.metrics()["skerry_origin_failures_total{reason=\"connect_timeout\"}"] == 2)
    }

    @Test func plainHTTPIsNoTLS() throws {
      let certificates = try TestCertificates.common(), origin = try Origin(certificates, "plain")
      let skerry = try program(origin, certificates)
      #expect(try get(skerry).status == 502)
      #expect(try error(skerry) == "TLS with localhost:\(origin.port) failed: wrong version number")
    }

    // MARK: Chosen by functions

    @Test(arguments: [
      ("", "sni=localhost host=localhost:PORT"), ("hostHeader: 'a.test',", "sni=a.test host=a.test"), ("sni: 'x.b.test',", "sni=x.b.test host=localhost:PORT"),
      ("hostHeader: 'c.test', allowedCertificateNames: ['a.test'],", "sni=c.test host=c.test"), ("hostHeader: 'c.test', allowedCertificateNames: ['*.b.test'],", "sni=c.test host=c.test"),
    ])
    func functionsChooseHTTPS(_ parameters: String, _ seen: String) throws {
      let certificates = try TestCertificates.common(), origin = try Origin(certificates), assigned = try Origin(certificates)
      // The assigned origin's authority is trusted for what is changed of it.
      let code = "import cf from 'cloudfront'; function handler(event) { cf.updateRequestOrigin({ domainName: 'localhost', \(parameters) customOriginConfig: { port: \(origin.port), protocol: 'https', sslProtocols: ['TLSv1.2'] } }); return event.request; }"
      var distribution = Configuration.Distribution(isDefault: true, origin: "http://127.0.0.1:1")
      distribution.target = "over"
      distribution.moreOrigins = "over: { domainName: localhost, httpsPort: \(assigned.port), originProtocolPolicy: https-only, certificateAuthority: \(certificates.path("ca.pem")) }"
      distribution.behavior = "functions: { viewer-request: choose }"
      let more = "functions: { choose: { runtime: cloudfront-js-2.0, code: choose.js } }\nfunctionOrigins: any"
      let skerry = try Skerry.start(configuration: Configuration(distributions: [distribution], more: more).yaml, files: ["choose.js": code])
      let response = try get(skerry, listener: 0)
      #expect(response.bodyText == seen.replacing("PORT", with: "\(origin.port)") + " TLSv1.3 full", "\(skerry.standardError)")
    }
  }
}
