// How an origin is named in Host.
import Distribution
import Testing

@testable import Pipeline

@Suite struct AuthorityTests {
  @Test(arguments: [
    ("example.com", 80, "example.com"), ("example.com", 8080, "example.com:8080"), ("192.0.2.1", 80, "192.0.2.1"), ("2001:db8::1", 80, "[2001:db8::1]"), ("::1", 3000, "[::1]:3000"),
  ])
  func authority(_ name: String, _ port: Int, _ authority: String) {
    #expect(Origin.HTTPServer(domainName: name, httpPort: port).authority(isSecure: false) == authority)
  }
}
