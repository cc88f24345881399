// TLS with viewers (issue 4, point 1): real clients, certificates by name, policies, resumption, what is refused and how it is counted.
import Foundation
import Testing

extension Scenarios {
  @Suite struct ViewerTLS {
    private func origin() throws -> ScriptedOrigin {
      try ScriptedOrigin { try $0.answerAll { request in
        let interesting = request.fields.list.filter { $0.name.lowercased().hasPrefix("cloudfront-") }.map { "\($0.name)=\($0.value)" }
        return ok("\(request.target) \(request.bodyText.count) \(interesting.joined(separator: " "))")
      } }
    }
    private func program(listener: String? = nil, more: String = "", arguments: [String] = [], policy: String? = nil) throws -> (Skerry, TestCertificates, ScriptedOrigin) {
      let certificates = try TestCertificates.common(), origin = try origin()
      let skerry = try Skerry.secured(before: origin.url, certificates, listener: listener, more: more, arguments: arguments) {
        if let policy { $0.originRequestPolicy = policy }
      }
      return (skerry, certificates, origin)
    }
    private func handshakes(_ outcome: String) -> String { "skerry_tls_handshakes_total{outcome=\"\(outcome)\"}" }

    /// A handshake of openssl's, and a request.
    private func client(_ skerry: Skerry, _ certificates: TestCertificates, _ options: String, request: String = "GET / HTTP/1.1\\r\\nHost: a.test\\r\\nConnection: close\\r\\n\\r\\n") throws -> String {
      try Tool.shell("printf '\(request)' | openssl s_client -ign_eof -CAfile \"$2\" -connect 127.0.0.1:$1 \(options)", [String(skerry.port), certificates.path("ca.pem")]).text
    }

    // MARK: Real clients

    @Test func curlGetsWhatItAsksFor() throws {
      let (skerry, certificates, origin) = try program()
      let url = "https://localhost:\(skerry.port)"
      let result = try Tool.curl(certificates, ["-w", "%{http_code} %{ssl_verify_result} %{num_connects}\n", url + "/one", url + "/two"])
      #expect(result.text == "/one 0 200 0 1\n/two 0 200 0 0\n")
      #expect(result.exit == .status(0))
      let line = try skerry.waitForLogLine("of /two") { $0["uri"] == .text("/two") }
      #expect(line["sslProtocol"] == .text("TLSv1.3"))
      #expect(line["sslCipher"] == .text("TLS_AES_128_GCM_SHA256"))
      #expect(try skerry.metrics()[handshakes("full")] == 1)
      #expect(origin.connectionCount == 1)
    }

    /// Which HTTP is spoken: what the handshake chose, or what the viewer knows beforehand.
    @Test(arguments: [
      ("--http1.1", true, "1.1"), ("--http2", true, "2"), ("--no-alpn", true, "1.1"), ("--http1.1", false, "1.1"), ("--http2-prior-knowledge", false, "2"),
      ("--http2", false, "1.1"),   // the upgrade that RFC 9113 has given up is not followed
    ])
    func curlSpeaks(_ option: String, _ isSecure: Bool, _ version: String) throws {
      let (skerry, certificates, _) = try program()
      let url = isSecure ? "https://localhost:\(skerry.port)/x" : "http://localhost:\(skerry.ports[1])/x"
      let result = try Tool.curl(certificates, [option, "-w", "|%{http_version} %{http_code}", url])
      #expect(result.text.hasPrefix("/x 0") && result.text.hasSuffix("|\(version) 200"), "\(result.text)")
    }

    @Test(arguments: [("-alpn h2", "ALPN protocol: h2"), ("-alpn spdy/1,http/1.1", "ALPN protocol: http/1.1"), ("-alpn http/1.1,h2", "ALPN protocol: h2"), ("", "No ALPN negotiated")])
    func applicationProtocols(_ options: String, _ expected: String) throws {
      let (skerry, certificates, _) = try program()
      let text = try Tool.shell("openssl s_client -CAfile \"$2\" -connect 127.0.0.1:$1 \(options) </dev/null", [String(skerry.port), certificates.path("ca.pem")]).text
      #expect(text.contains(expected), "\(text)")
    }

    /// HTTP/2 is not spoken over what is too old for it (RFC 9113, 9.2): the viewer gets what it can have.
    @Test func oldVersionsHaveNoHTTP2() throws {
      let certificates = try TestCertificates.common()
      let (skerry, _, _) = try program(listener: certificates.listener(more: "minimumProtocolVersion: TLSv1"))
      for version in ["-tls1", "-tls1_1"] {
        let text = try client(skerry, certificates, "\(version) -cipher DEFAULT@SECLEVEL=0 -alpn h2,http/1.1")
        #expect(text.contains("ALPN protocol: http/1.1") && text.contains("HTTP/1.1 200 OK"), "\(text)")
        #expect(try client(skerry, certificates, "\(version) -cipher DEFAULT@SECLEVEL=0 -alpn h2").contains("no application protocol"))
      }
      #expect(try client(skerry, certificates, "-tls1_2 -alpn h2,http/1.1").contains("ALPN protocol: h2"))
    }

    @Test(arguments: ["", "--npn-list=http/1.1"])
    func h2loadMakesManyRequests(_ options: String) throws {
      let (skerry, _, _) = try program(arguments: ["--workers", "2"])
      let text = try Tool.shell("h2load -n 600 -c 6 -m 10 \(options) https://127.0.0.1:$1/x", [String(skerry.port)]).text
      #expect(text.contains("600 succeeded, 0 failed"), "\(text)")
      #expect(text.contains("Application protocol: \(options.isEmpty ? "h2" : "http/1.1")"), "\(text)")
      #expect(try skerry.metrics()[handshakes("full")] == 6)
    }

    @Test func plainHTTPOnTheTLSPort() throws {
      let (skerry, certificates, _) = try program()
      let result = try Tool.curl(certificates, ["-w", "|%{http_code}", "http://localhost:\(skerry.port)/x"])
      #expect(result.text.contains("This port speaks TLS") && result.text.hasSuffix("|400"), "\(result.text)")
    }

    @Test(arguments: ["--tlsv1.2 --tls-max 1.2", "--tlsv1.3"])
    func largeBodiesBothWays(_ version: String) throws {
      let certificates = try TestCertificates.common()
      let body = String(repeating: "0123456789abcdef", count: 200_000)
      let origin = try ScriptedOrigin { try $0.answerAll { ok($0.bodyText) } }
      let skerry = try Skerry.secured(before: origin.url, certificates)
      try body.write(to: skerry.folder.appendingPathComponent("body"), atomically: false, encoding: .utf8)
      let back = skerry.folder.appendingPathComponent("back").path
      let result = try Tool.curl(certificates, version.split(separator: " ").map(String.init) + ["--data-binary", "@" + skerry.folder.appendingPathComponent("body").path, "-o", back, "https://localhost:\(skerry.port)/"])
      #expect(result.exit == .status(0), "\(result.text)")
      #expect(try fileText(back) == body)
    }

    @Test func manyAtOnce() throws {
      let (skerry, certificates, _) = try program(arguments: ["--workers", "2"])
      let result = try Tool.shell(
        "i=0; while [ $i -lt 40 ]; do curl -sS --cacert \"$2\" https://localhost:$1/[1-5] >/dev/null & i=$((i+1)); done; wait; echo done", [String(skerry.port), certificates.path("ca.pem")])
      #expect(result.text == "done\n")
      #expect(try skerry.metrics()["skerry_requests_total{status=\"2xx\"}"] == 200)
    }

    // MARK: Versions, ciphers, certificates

    @Test func versionsOfTheDefaultPolicy() throws {
      let (skerry, certificates, _) = try program()
      for (options, expected) in [("-tls1_2", "Protocol  : TLSv1.2"), ("-tls1_3", "New, TLSv1.3")] {
        let text = try client(skerry, certificates, options + " -servername a.test")
        #expect(text.contains(expected) && text.contains("HTTP/1.1 200 OK"), "\(text)")
      }
      let refused = try client(skerry, certificates, "-tls1_1 -cipher DEFAULT@SECLEVEL=0")
      #expect(refused.contains("alert protocol version"), "\(refused)")
      let cipher = try client(skerry, certificates, "-tls1_2 -cipher ECDHE-RSA-AES256-SHA384:AES128-GCM-SHA256")
      #expect(cipher.contains("handshake failure"), "\(cipher)")
      try skerry.waitForMetric(handshakes("cipher"), since: Metrics(page: ""))
      #expect(try skerry.metrics()[handshakes("version")] == 1)
    }

    @Test(arguments: [
      ("TLSv1", "-tls1 -cipher DEFAULT@SECLEVEL=0", true), ("TLSv1.1_2016", "-tls1 -cipher DEFAULT@SECLEVEL=0", false),
      ("TLSv1.1_2016", "-tls1_1 -cipher DEFAULT@SECLEVEL=0", true), ("TLSv1.2_2018", "-tls1_2 -cipher AES128-SHA256", true),
      ("TLSv1.2_2019", "-tls1_2 -cipher AES128-SHA256", false), ("TLSv1.2_2019", "-tls1_2 -cipher ECDHE-RSA-AES256-SHA384", true),
      ("TLSv1.2_2021", "-tls1_2 -cipher ECDHE-RSA-AES256-SHA384", false), ("TLSv1.2_2021", "-tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305", true),
      ("TLSv1.2_2025", "-tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305", false), ("TLSv1.2_2025", "-ciphersuites TLS_CHACHA20_POLY1305_SHA256 -tls1_3", false),
      ("TLSv1.3_2025", "-tls1_2", false), ("TLSv1.3_2025", "-ciphersuites TLS_CHACHA20_POLY1305_SHA256 -tls1_3", true),
    ])
    func policies(_ policy: String, _ options: String, _ works: Bool) throws {
      let certificates = try TestCertificates.common()
      let (skerry, _, _) = try program(listener: certificates.listener(more: "minimumProtocolVersion: \(policy)"))
      let text = try client(skerry, certificates, options)
      #expect(text.contains("HTTP/1.1 200 OK") == works, "\(text)")
    }

    @Test func certificatesByName() throws {
      let certificates = try TestCertificates()
      for (name, names) in [("c", "DNS:c.test, DNS:www.d.test"), ("d", "DNS:*.d.test"), ("rsa", "DNS:c.test")] {
        try certificates.make(name, names: names, key: name == "rsa" ? "rsa -pkeyopt rsa_keygen_bits:2048" : "ec -pkeyopt ec_paramgen_curve:P-256")
      }
      let (skerry, _, _) = try program(listener: certificates.listener(["localhost", "localhost-ecdsa", "c", "d", "rsa"]))
      let cases = [
        ("-servername c.test", "CN = c"), ("-servername C.TEST", "CN = c"), ("-servername c.test.", "CN = c"), ("-servername c.test -sigalgs RSA-PSS+SHA256", "CN = rsa"), ("-servername www.d.test", "CN = c"),
        ("-servername x.d.test", "CN = d"), ("-servername a.test", "CN = localhost"), ("-servername nobody.test", "CN = localhost"), ("-noservername", "CN = localhost"),
      ]
      for (options, subject) in cases {
        let text = try Tool.shell("openssl s_client -CAfile \"$2\" -connect 127.0.0.1:$1 \(options)", [String(skerry.port), certificates.path("ca.pem")]).text
        #expect(text.contains("subject=\(subject)\n") || text.contains("subject=\(subject.replacing(" = ", with: "="))\n"), "\(options): \(text)")
        #expect(text.contains("Verify return code: 0 (ok)"), "\(options)")
      }
    }

    @Test func bothKindsOfKey() throws {
      let (skerry, certificates, _) = try program()
      let rsa = try client(skerry, certificates, "-servername localhost -sigalgs RSA-PSS+SHA256"), ecdsa = try client(skerry, certificates, "-servername localhost -sigalgs ECDSA+SHA256")
      #expect(rsa.contains("Peer signature type: RSA-PSS") && rsa.contains("200 OK"))
      #expect(ecdsa.contains("Peer signature type: ECDSA") && ecdsa.contains("200 OK"))
    }

    @Test func aStapledResponse() throws {
      let certificates = try TestCertificates.common()
      let made = try Tool.shell(
        """
        set -e; cd "$1"
        printf 'V\\t991231235959Z\\t\\t%s\\tunknown\\t/CN=localhost\\n' $(openssl x509 -in localhost.pem -noout -serial | cut -d= -f2) > index
        openssl ocsp -index index -rsigner ca.pem -rkey ca.key -CA ca.pem -issuer ca.pem -cert localhost.pem -no_nonce -ndays 5 -reqout request >/dev/null
        openssl ocsp -index index -rsigner ca.pem -rkey ca.key -CA ca.pem -reqin request -respout localhost.ocsp -ndays 5 >/dev/null
        """, [certificates.folder.path])
      #expect(made.exit == .status(0), "\(made.text)")
      let pair = "{ certificate: \(certificates.path("localhost.pem")), key: \(certificates.path("localhost.key")), ocspResponse: \(certificates.path("localhost.ocsp")) }"
      let (skerry, _, _) = try program(listener: "address: 127.0.0.1:0\ntls: { certificates: [\(pair)] }")
      let text = try client(skerry, certificates, "-status")
      #expect(text.contains("OCSP Response Status: successful") && text.contains("Cert Status: good"))
    }

    // MARK: Resumption

    @Test(arguments: ["-tls1_3", "-tls1_2"])
    func sessionsAreResumedByEveryWorker(_ version: String) throws {
      let (skerry, certificates, _) = try program(
        more: "originRequestPolicies: { tls: { headers: { allViewerAndCloudFront: [CloudFront-Viewer-TLS] } } }", arguments: ["--workers", "2"], policy: "tls")
      let session = skerry.folder.appendingPathComponent("session").path
      #expect(try client(skerry, certificates, "\(version) -sess_out \(session)").contains("200 OK"))
      for _ in 0..<6 {
        let text = try client(skerry, certificates, "\(version) -sess_in \(session)")
        #expect(text.contains("Reused, TLS") && text.contains("sessionResumed"), "\(text)")
      }
      #expect(try skerry.metrics()[handshakes("resumed")] == 6)
    }

    /// In TLS 1.2 a session is its name's (RFC 6066, 3).
    @Test(arguments: [("-servername a.test", "-servername A.Test", true), ("-servername a.test", "-servername x.b.test", false), ("-noservername", "-servername a.test", false), ("-servername a.test", "-noservername", false), ("-noservername", "-noservername", true)])
    func sessionsOfAnotherName(_ first: String, _ second: String, _ isResumed: Bool) throws {
      let (skerry, certificates, _) = try program()
      let session = skerry.folder.appendingPathComponent("session").path
      #expect(try client(skerry, certificates, "-tls1_2 \(first) -sess_out \(session)").contains("200 OK"))
      let host = second.contains("b.test") ? "x.b.test" : "a.test"
      let again = try client(skerry, certificates, "-tls1_2 \(second) -sess_in \(session)", request: "GET / HTTP/1.1\\r\\nHost: \(host)\\r\\nConnection: close\\r\\n\\r\\n")
      #expect(again.contains("Reused, TLS") == isResumed && again.contains("200 OK"), "\(again)")
    }

    @Test func noEarlyData() throws {
      let (skerry, certificates, _) = try program()
      let session = skerry.folder.appendingPathComponent("session").path
      #expect(try client(skerry, certificates, "-sess_out \(session)").contains("Max Early Data: 0"))
    }

    // MARK: What a policy can ask for

    @Test func headersThatTLSKnows() throws {
      let (skerry, certificates, _) = try program(
        more: """
        originRequestPolicies:
          tls: { headers: { allViewerAndCloudFront: [CloudFront-Viewer-TLS, CloudFront-Viewer-JA3-Fingerprint, CloudFront-Viewer-JA4-Fingerprint, CloudFront-Forwarded-Proto, CloudFront-Viewer-Http-Version] } }
        """, policy: "tls")
      let url = "https://localhost:\(skerry.port)/"
      let text = try Tool.curl(certificates, ["--http1.1", "-H", "CloudFront-Viewer-TLS: forged", url, url]).text
      #expect(text.contains("CloudFront-Viewer-TLS=TLSv1.3:TLS_AES_128_GCM_SHA256:fullHandshake"), "\(text)")
      #expect(text.contains("CloudFront-Viewer-TLS=TLSv1.3:TLS_AES_128_GCM_SHA256:connectionReused"))
      #expect(text.contains("CloudFront-Forwarded-Proto=https CloudFront-Viewer-Http-Version=1.1") || text.contains("CloudFront-Forwarded-Proto=https"))
      #expect(text.firstMatch(of: /CloudFront-Viewer-JA3-Fingerprint=[0-9a-f]{32}\b/) != nil)
      #expect(text.firstMatch(of: /CloudFront-Viewer-JA4-Fingerprint=t13d[0-9]{4}h1_[0-9a-f]{12}_[0-9a-f]{12}\b/) != nil, "\(text)")
      #expect(!text.contains("forged"))
      let plain = try Tool.curl(certificates, ["http://localhost:\(skerry.ports[1])/"]).text
      #expect(plain.contains("CloudFront-Forwarded-Proto=http ") || plain.hasSuffix("CloudFront-Forwarded-Proto=http"))
      #expect(!plain.contains("TLS") && !plain.contains("JA"))
    }

    @Test func httpsOnlyAndRedirects() throws {
      let certificates = try TestCertificates.common(), origin = try origin()
      let only = try Skerry.secured(before: origin.url, certificates) { $0.behavior = "viewerProtocolPolicy: https-only" }
      #expect(try Tool.curl(certificates, ["https://localhost:\(only.port)/x"]).text.hasPrefix("/x"))
      #expect(try Tool.curl(certificates, ["-o", "/dev/null", "-w", "%{http_code}", "http://localhost:\(only.ports[1])/x"]).text == "403")
      let moved = try Skerry.secured(before: origin.url, certificates) { $0.behavior = "viewerProtocolPolicy: redirect-to-https" }
      #expect(try Tool.curl(certificates, ["https://localhost:\(moved.port)/x"]).text.hasPrefix("/x"))
      // To the TLS listener's port beside the one that Host names; of any other port, and of none, nothing is known.
      func redirect(_ host: String) throws -> String {
        try Tool.curl(certificates, ["-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", "-H", "Host: \(host)", "http://localhost:\(moved.ports[1])/x?y"]).text
      }
      #expect(try redirect("localhost:\(moved.ports[1])") == "301 https://localhost:\(moved.port)/x?y")
      #expect(try redirect("a.test") == "301 https://a.test/x?y")
      #expect(try redirect("a.test:9") == "301 https://a.test/x?y")
      let followed = try Tool.curl(certificates, ["-L", "-w", " %{scheme} %{num_redirects}", "http://localhost:\(moved.ports[1])/x"])
      #expect(followed.text.hasPrefix("/x") && followed.text.lowercased().hasSuffix(" https 1"), "\(followed.text)")
    }

    @Test(arguments: [
      ("a.test", "a.test", 200), ("a.test", "A.Test:8443", 200), ("a.test", "x.b.test", 200), ("a.test", "c.test", 421), ("a.test", "b.test", 421), ("x.b.test", "x.b.test.", 200),
      ("nobody.test", "nobody.test", 200), ("nobody.test.", "nobody.test", 200), ("nobody.test.", "Nobody.Test.", 200), ("nobody.test", "somebody.test", 421), ("", "somebody.test", 200),
    ])
    func misdirected(_ name: String, _ host: String, _ status: Int) throws {
      let (skerry, certificates, _) = try program()
      let text = try client(
        skerry, certificates, name.isEmpty ? "-noservername" : "-servername \(name)", request: "GET / HTTP/1.1\\r\\nHost: \(host)\\r\\nConnection: close\\r\\n\\r\\n")
      #expect(text.contains("HTTP/1.1 \(status) "), "\(text)")
      #expect(try skerry.metrics()["skerry_requests_refused_total{reason=\"misdirected\"}"] == (status == 421 ? 1 : 0))
    }

    // MARK: Certificates of viewers

    @Test(arguments: ["required", "optional"])
    func viewersShowCertificates(_ mode: String) throws {
      let certificates = try TestCertificates()
      try certificates.make("viewer", names: "DNS:viewer.test")
      try certificates.make("stranger", names: "DNS:viewer.test", isSelfSigned: true)
      try certificates.make("old", names: "DNS:viewer.test", days: -1)
      let listener = certificates.listener(more: "viewerMtls: { mode: \(mode), trustStore: \(certificates.path("ca.pem")), advertiseTrustStoreCaNames: true }")
      let origin = try origin()
      let names = ["Present", "Serial-Number", "Issuer", "Subject", "Sha256", "Validity", "Pem"].map { "CloudFront-Viewer-Cert-" + $0 }
      let skerry = try Skerry.secured(
        before: origin.url, certificates, listener: listener,
        more: "originRequestPolicies: { mtls: { headers: { allViewerAndCloudFront: [\(names.joined(separator: ", "))] } } }") { $0.originRequestPolicy = "mtls" }
      let url = "https://localhost:\(skerry.port)/"
      func curl(_ name: String) throws -> Tool.Result { try Tool.curl(certificates, ["--cert", certificates.path(name + ".pem"), "--key", certificates.path(name + ".key"), url]) }
      let known = try curl("viewer")
      for part in [
        "Cert-Present=1", "Cert-Serial-Number=4a:3f:5c:92:d1:e8:7b:6c", "Cert-Issuer=CN=Skerry local authority,O=Skerry", "Cert-Subject=CN=viewer",
        "Cert-Pem=-----BEGIN%20CERTIFICATE-----%0AMII", "Cert-Validity=NotBefore=2",
      ] { #expect(known.text.contains(part), "\(part) in \(known.text)") }
      #expect(known.text.firstMatch(of: /Cert-Sha256=[0-9a-f]{64}\b/) != nil)
      for name in ["stranger", "old"] { #expect(try curl(name).exit != .status(0)) }
      let without = try Tool.curl(certificates, [url])
      #expect((without.exit == .status(0)) == (mode == "optional"), "\(without.text)")
      if mode == "optional" { #expect(without.text.contains("Cert-Present=0") && !without.text.contains("Subject")) }
      // openssl is told whose certificates are wanted, shows one, or is refused.
      let shown = try client(skerry, certificates, "-cert \(certificates.path("viewer.pem")) -key \(certificates.path("viewer.key"))")
      #expect(shown.contains("O = Skerry, CN = Skerry local authority") && shown.contains("HTTP/1.1 200 OK"), "\(shown)")
      let bare = try client(skerry, certificates, "")
      #expect(mode == "optional" ? bare.contains("HTTP/1.1 200 OK") : bare.contains("alert certificate required"), "\(bare)")
      _ = try eventually("the refusals to be counted") { try skerry.metrics()[handshakes("client_certificate")] == (mode == "optional" ? 2 : 4) ? true : nil }
    }

    /// Who has gone on in good faith is told why that was in vain.
    @Test func whoShowsNoCertificateIsToldSo() throws {
      let certificates = try TestCertificates.common()
      let (skerry, _, _) = try program(listener: certificates.listener(more: "viewerMtls: { trustStore: \(certificates.path("ca.pem")) }"))
      for _ in 0..<10 {
        let text = try Tool.curl(certificates, ["https://localhost:\(skerry.port)/"]).text
        #expect(text.contains("certificate required"), "\(text)")
      }
    }

    @Test func aResumedSessionKeepsItsCertificate() throws {
      let certificates = try TestCertificates()
      try certificates.make("viewer", names: "DNS:viewer.test")
      let origin = try origin()
      let skerry = try Skerry.secured(
        before: origin.url, certificates, listener: certificates.listener(more: "viewerMtls: { trustStore: \(certificates.path("ca.pem")) }"),
        more: "originRequestPolicies: { mtls: { headers: { allViewerAndCloudFront: [CloudFront-Viewer-Cert-Subject] } } }") { $0.originRequestPolicy = "mtls" }
      let session = skerry.folder.appendingPathComponent("session").path
      let key = "-cert \(certificates.path("viewer.pem")) -key \(certificates.path("viewer.key"))"
      #expect(try client(skerry, certificates, "\(key) -sess_out \(session)").contains("Cert-Subject=CN=viewer"))
      let again = try client(skerry, certificates, "-sess_in \(session)")
      #expect(again.contains("Reused, TLS") && again.contains("Cert-Subject=CN=viewer"), "\(again)")
    }

    @Test(arguments: ["-tls1_3", "-tls1_2"])
    func anOutdatedCertificateIsNotResumedPast(_ version: String) throws {
      let certificates = try TestCertificates()
      try certificates.make("viewer", names: "DNS:viewer.test")
      let made = try Tool.shell(
        """
        set -e; cd "$1"
        printf '[ca]\\ndefault_ca = x\\n[x]\\ndatabase = signed\\nserial = serial\\nnew_certs_dir = .\\ndefault_md = sha256\\npolicy = p\\n[p]\\ncommonName = supplied\\n' > ca.cnf
        : > signed; echo 01 > serial
        openssl req -new -key viewer.key -subj /CN=viewer -out viewer.csr
        openssl ca -config ca.cnf -batch -notext -cert ca.pem -keyfile ca.key -in viewer.csr -enddate $(date -u -d '+6 seconds' +%Y%m%d%H%M%SZ) -out viewer.pem
        """, [certificates.folder.path])
      #expect(made.exit == .status(0), "\(made.text)")
      let (skerry, _, _) = try program(listener: certificates.listener(more: "viewerMtls: { trustStore: \(certificates.path("ca.pem")) }"))
      let session = skerry.folder.appendingPathComponent("session").path
      // `certificates` are this scenario's own: the common authority is not the one that signed.
      func ask(_ options: String) throws -> String {
        try client(skerry, certificates, "\(version) -cert \(certificates.path("viewer.pem")) -key \(certificates.path("viewer.key")) \(options)")
      }
      #expect(try ask("-sess_out \(session)").contains("200 OK"))
      Thread.sleep(forTimeInterval: 7)
      let again = try ask("-sess_in \(session)")
      #expect(!again.contains("200 OK"), "\(again)")
    }

    /// A key that fits another certificate of the listener is no key for this one.
    @Test func aKeyOfAnotherCertificate() throws {
      let certificates = try TestCertificates.common()
      let pairs = [("localhost", "localhost"), ("localhost-ecdsa", "localhost")].map { "{ certificate: \(certificates.path($0 + ".pem")), key: \(certificates.path($1 + ".key")) }" }
      let error = #expect(throws: (any Error).self) { try program(listener: "address: 127.0.0.1:0\ntls: { certificates: [\(pairs.joined(separator: ", "))] }") }
      #expect("\(error.map { "\($0)" } ?? "")".contains("different key types"))
    }

    /// As the built-in example has it: HTTPS from the day on that its certificates are made.
    @Test func anOptionalListenerWaitsForItsCertificates() throws {
      let certificates = try TestCertificates(), origin = try origin()
      let listener = certificates.listener(["later"], more: "optional: true")
      let without = try Skerry.secured(before: origin.url, certificates, listener: listener)
      #expect(without.ports.count == 1)
      #expect(without.standardError.contains("warning: this listener is left out until its certificates are there"))
      try certificates.make("later", names: "DNS:localhost")
      let with = try Skerry.secured(before: origin.url, certificates, listener: listener)
      #expect(with.ports.count == 2 && !with.standardError.contains("warning: this listener"))
      #expect(try Tool.curl(certificates, ["https://localhost:\(with.port)/x"]).text.hasPrefix("/x"))
    }

    // MARK: Reload

    @Test(arguments: ["SIGHUP", "by itself"])
    func newCertificatesAreTakenUp(_ how: String) throws {
      let certificates = try TestCertificates()
      try certificates.make("c", names: "DNS:c.test")
      let (skerry, _, _) = try program(listener: certificates.listener(["c"]))
      func names() throws -> String {
        try Tool.shell("openssl s_client -connect 127.0.0.1:$1 </dev/null 2>/dev/null | openssl x509 -noout -ext subjectAltName", [String(skerry.port)]).text
      }
      #expect(try names().contains("c.test"))
      // A broken one is refused and the old one stays.
      let good = try fileText(certificates.path("c.pem"))
      try "broken".write(toFile: certificates.path("c.pem"), atomically: true, encoding: .utf8)
      if how == "SIGHUP" { skerry.send(signal: SIGHUP) }
      try skerry.waitForStandardError(toHold: "c.pem: no start line")
      #expect(try names().contains("c.test"))
      #expect(try skerry.metrics()["skerry_certificate_reloads_total{outcome=\"refused\"}"] == 1)
      try good.write(toFile: certificates.path("c.pem"), atomically: true, encoding: .utf8)
      try certificates.make("c", names: "DNS:e.test")
      _ = try Tool.shell("chmod 644 \"$1\"", [certificates.path("c.key")])
      if how == "SIGHUP" { skerry.send(signal: SIGHUP) }
      _ = try eventually("the new certificate") { try names().contains("e.test") ? true : nil }
      try skerry.waitForStandardError(toHold: "c.key can be read or changed by others")
      #expect(try Tool.curl(certificates, ["--resolve", "e.test:\(skerry.port):127.0.0.1", "https://e.test:\(skerry.port)/"]).exit == .status(0))
    }
  }
}
