// Owns: who may ask what of the admin address: decisions about one request, as a pure function of what it says and how it came.
// What browsers say of where a request comes from: Fetch Metadata (https://www.w3.org/TR/fetch-metadata/) and RFC 6454.
import Transport

/// What a request to the admin address says of itself.
struct AdminRequest: Sendable {
  /// GET, HEAD, POST or anything else.
  enum Method: Sendable { case read, post, other }

  var method = Method.read
  var path = "/"
  /// Without `?`.
  var query = ""
  /// Host, with its port; empty where an HTTP/1.0 request has none.
  var authority = ""
  /// Origin and Sec-Fetch-Site, which browsers send and pages cannot change.
  var origin: String?, fetchSite: String?
  /// Authorization.
  var authorization: String?
  /// Accept; empty without one.
  var accept = ""
  /// X-Amz-Invocation-Type, X-Amz-Log-Type and X-Amz-Client-Context, of requests to Lambda's API.
  var invocationType: String?, logType: String?, clientContext: String?
  /// What it carries, where a page takes something; nil: more than the page takes.
  var content: [UInt8]? = []
  /// Whether it came over the Unix socket from this process's own user or root.
  var isLocal = false
}

/// What becomes of a request.
enum AdminVerdict: Equatable {
  case allowed
  /// 403: it names another host than this address: somebody's DNS points here.
  case foreignHost
  /// 403: a page of another origin makes a browser ask.
  case foreignPage
  /// 401: it has no token, or another.
  case noToken
}

enum AdminAccess {
  /// Paths that whoever reaches the address may read.
  static let open: Set<String> = ["/healthz", "/metrics"]

  /// Decides. The token is compared in a time that does not depend on where it differs.
  static func judge(_ request: AdminRequest, token: [UInt8]?) -> AdminVerdict {
    guard isOwnName(request.authority) else { return .foreignHost }
    if let site = request.fetchSite, site != "same-origin" && site != "none" { return .foreignPage }
    if let origin = request.origin, origin.lowercased() != "http://" + request.authority.lowercased() { return .foreignPage }
    if open.contains(request.path) || request.isLocal { return .allowed }
    guard let token, let authorization = request.authorization else { return .noToken }
    return carries(authorization, token) ? .allowed : .noToken
  }

  /// Which names the admin address answers to: address literals and localhost. A name that somebody else's DNS points here is none.
  static func isOwnName(_ authority: String) -> Bool {
    if authority.isEmpty { return true }
    var host = authority
    if let colon = host.lastIndex(of: ":"), !host.hasSuffix("]") { host = String(host[..<colon]) }
    return host.lowercased() == "localhost" || SocketAddress(host: host, port: 0) != nil
  }

  /// Whether Authorization has the token: as a bearer's (RFC 6750, 2.1), or, from AWS's programs, as the access key id. The signature of those
  /// is not looked at: they sign with whatever secret they were given.
  private static func carries(_ authorization: String, _ token: [UInt8]) -> Bool {
    let given: [UInt8]
    if authorization.prefix(7).lowercased() == "bearer " {
      given = Array(authorization.dropFirst(7).utf8)
    } else if authorization.hasPrefix(signed) {
      given = Array(authorization.dropFirst(signed.count).utf8.prefix { $0 != UInt8(ascii: "/") })
    } else {
      return false
    }
    guard !token.isEmpty else { return false }
    var difference = UInt8(given.count == token.count ? 0 : 1)
    for (index, byte) in token.enumerated() { difference |= byte ^ (index < given.count ? given[index] : ~byte) }
    return difference == 0
  }
  /// Whether it comes from AWS's programs.
  static func isSigned(_ request: AdminRequest) -> Bool { request.authorization?.hasPrefix("AWS4-") ?? false }
  private static let signed = "AWS4-HMAC-SHA256 Credential="
}
