// Who may ask what of the admin address.
import Testing
@testable import ControlPlane

@Suite struct AdminAccessTests {
  private static let token = Array("0123456789abcdef".utf8)

  struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    let request: AdminRequest
    let verdict: AdminVerdict
    var testDescription: String { name }

    init(_ name: String, _ verdict: AdminVerdict, _ change: (inout AdminRequest) -> Void) {
      var request = AdminRequest(path: "/status", authority: "127.0.0.1:9090", authorization: "Bearer 0123456789abcdef")
      change(&request)
      self.name = name
      self.request = request
      self.verdict = verdict
    }
  }

  static let cases: [Case] = [
    Case("the token", .allowed) { _ in },
    Case("the scheme in other letters", .allowed) { $0.authorization = "bEARER 0123456789abcdef" },
    Case("no token", .noToken) { $0.authorization = nil },
    Case("another token", .noToken) { $0.authorization = "Bearer 0123456789abcdee" },
    Case("a shorter one", .noToken) { $0.authorization = "Bearer 0123456789abcde" },
    Case("a longer one", .noToken) { $0.authorization = "Bearer 0123456789abcdef0" },
    Case("an empty one", .noToken) { $0.authorization = "Bearer " },
    Case("another scheme", .noToken) { $0.authorization = "Basic 0123456789abcdef" },
    Case("what is not there is asked for with a token too", .noToken) { ($0.path, $0.authorization) = ("/nothing", nil) },
    Case("the Unix socket", .allowed) { ($0.isLocal, $0.authorization) = (true, nil) },
    Case("health is open", .allowed) { ($0.path, $0.authorization) = ("/healthz", nil) },
    Case("metrics are open", .allowed) { ($0.path, $0.authorization) = ("/metrics", nil) },
    Case("localhost", .allowed) { $0.authority = "LocalHost:9090" },
    Case("IPv6", .allowed) { $0.authority = "[::1]:9090" },
    Case("no Host", .allowed) { $0.authority = "" },
    Case("another Host", .foreignHost) { $0.authority = "evil.test:9090" },
    Case("another Host asks for health", .foreignHost) { ($0.authority, $0.path) = ("evil.test", "/healthz") },
    Case("another Host, locally", .foreignHost) { ($0.authority, $0.isLocal) = ("evil.test", true) },
    Case("its own page", .allowed) { ($0.origin, $0.fetchSite) = ("http://127.0.0.1:9090", "same-origin") },
    Case("typed in", .allowed) { $0.fetchSite = "none" },
    Case("a page of another site", .foreignPage) { $0.origin = "https://evil.test" },
    Case("a page of another port", .foreignPage) { $0.origin = "http://127.0.0.1:8080" },
    Case("a page without an origin", .foreignPage) { $0.origin = "null" },
    Case("a form of another site", .foreignPage) { $0.fetchSite = "cross-site" },
    Case("a page of a neighbour", .foreignPage) { $0.fetchSite = "same-site" },
    Case("a page asks for metrics", .foreignPage) { ($0.path, $0.origin) = ("/metrics", "https://evil.test") },
    Case("a page, locally", .foreignPage) { ($0.isLocal, $0.origin) = (true, "https://evil.test") },
  ]

  @Test(arguments: cases) func judges(_ one: Case) { #expect(AdminAccess.judge(one.request, token: Self.token) == one.verdict) }

  @Test func withoutATokenNothingButTheSocketWillDo() {
    var request = AdminRequest(path: "/status", authorization: "Bearer ")
    #expect(AdminAccess.judge(request, token: nil) == .noToken)
    #expect(AdminAccess.judge(request, token: []) == .noToken)
    request.isLocal = true
    #expect(AdminAccess.judge(request, token: nil) == .allowed)
  }
}
