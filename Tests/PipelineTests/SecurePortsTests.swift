// Where redirect-to-https sends viewers.
import HTTPWire
import Testing
import Transport

@testable import Pipeline

@Suite struct SecurePortsTests {
  private func ports(_ listeners: [(String, UInt16, Bool)]) throws -> SecurePorts {
    SecurePorts(try listeners.map { (address: try #require(SocketAddress(host: $0.0, port: $0.1)), isSecure: $0.2) })
  }

  @Test(arguments: [
    ("a.test:8080", "a.test:8443"), ("a.test", "a.test"), ("a.test:80", "a.test"), ("a.test:", "a.test"), ("a.test:9", "a.test"),
    ("[::1]:8080", "[::1]:8443"), ("[::1]", "[::1]"), ("127.0.0.1:8080", "127.0.0.1:8443"), ("a.test:99999", "a.test"),
  ])
  func laptop(_ host: String, _ authority: String) throws {
    #expect(try ports([("127.0.0.1", 8080, false), ("127.0.0.1", 8443, true)]).authority(for: host) == authority)
  }

  @Test(arguments: [("a.test", "a.test"), ("a.test:80", "a.test"), ("[::1]", "[::1]")])
  func usualPorts(_ host: String, _ authority: String) throws {
    #expect(try ports([("0.0.0.0", 80, false), ("0.0.0.0", 443, true)]).authority(for: host) == authority)
  }

  @Test func aPlainPort80BesideAnUnusualOne() throws {
    #expect(try ports([("0.0.0.0", 80, false), ("0.0.0.0", 8443, true)]).authority(for: "a.test") == "a.test:8443")
  }

  @Test func theListenerOfTheSameAddressFirst() throws {
    let ports = try ports([("127.0.0.1", 8081, true), ("127.0.0.2", 8080, false), ("127.0.0.2", 8443, true), ("127.0.0.3", 8090, false)])
    #expect(ports.authority(for: "a.test:8080") == "a.test:8443")
    #expect(ports.authority(for: "a.test:8090") == "a.test:8081")
  }

  @Test func withoutTLS() throws {
    #expect(try ports([("127.0.0.1", 8080, false)]).authority(for: "a.test:8080") == "a.test")
    #expect(SecurePorts().authority(for: "a.test:8080") == "a.test")
  }
}

extension SecurePorts {
  /// The authority as text.
  fileprivate func authority(for host: String) -> String {
    var out = ByteBuffer(capacity: 64)
    appendAuthority(for: Array(host.utf8).span, to: &out)
    return out.readable.text
  }
}
