// Which certificate is shown for a name, what a policy's name means.
import Testing
@testable import TLS

struct SelectionTests {
  @Test(arguments: [
    ("www.example.com", "www.example.com", true), ("www.example.com", "example.com", false), ("*.example.com", "www.example.com", true),
    ("*.example.com", "example.com", false), ("*.example.com", "a.b.example.com", false), ("*.example.com", ".example.com", false),
    ("WWW.Example.com", "www.example.com", true), ("www.example.com", "www.example.com.", true), ("127.0.0.1", "127.0.0.1", true),
    ("*.0.0.1", "127.0.0.1", false), ("::1", "::1", true), ("w*.example.com", "www.example.com", false), ("*", "localhost", false),
  ])
  func cover(_ name: String, _ host: String, _ covered: Bool) { #expect(CertificateNames([name]).covers(host) == covered) }

  @Test(arguments: [
    (nil, [0, 1]), ("a.test", [0, 1]), ("www.b.test", [2]), ("x.b.test", [3, 4]), ("unknown.test", [0, 1]), ("x.y.b.test", [0, 1]), ("d.test", [5]),
  ] as [(String?, [Int])])
  func choice(_ name: String?, _ chosen: [Int]) {
    let certificates: [(names: CertificateNames, kind: KeyKind)] = [
      (CertificateNames(["a.test", "d.test"]), .rsa), (CertificateNames(["a.test", "d.test"]), .ecdsa),
      (CertificateNames(["www.b.test"]), .rsa),
      (CertificateNames(["*.b.test"]), .ecdsa), (CertificateNames(["*.b.test"]), .rsa), (CertificateNames(["*.d.test"]), .rsa),
      (CertificateNames(["a.test"]), .rsa),
    ]
    #expect(CertificateNames.choice(among: certificates, for: name == "d.test" ? "x.d.test" : name) == chosen)
  }

  /// Rows of CloudFront's table.
  @Test(arguments: [
    (SecurityPolicy.tls1, TLSVersion.tls10, 19), (.tls1From2016, .tls10, 19), (.tls11From2016, .tls11, 19), (.tls12From2018, .tls12, 13),
    (.tls12From2019, .tls12, 10), (.tls12From2021, .tls12, 6), (.tls12From2025, .tls12, 4), (.tls13From2025, .tls13, 0),
  ])
  func policy(_ policy: SecurityPolicy, _ minimum: TLSVersion, _ ciphers: Int) {
    #expect(policy.minimumVersion == minimum)
    #expect(policy.ciphers.count == ciphers)
    #expect(policy.suites.first == "TLS_AES_128_GCM_SHA256")
    #expect(policy.suites.contains("TLS_CHACHA20_POLY1305_SHA256") == (policy != .tls12From2025))
  }
}
