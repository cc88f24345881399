// Owns: what a load test is sent to: the parts of its URL, its addresses, and whether it may be loaded without being asked twice. Pure but for
// the look-up of names, which runs on a worker's loop.
import Origins
import Transport

/// Why a load test cannot begin, or came to nothing.
public struct LoadProblem: Error, Equatable, Sendable {
  /// One sentence without a full stop.
  public var text: String
  /// Whether it is the target's: nobody answers there.
  public var isTargets = false
  /// A problem.
  public init(_ text: String, isTargets: Bool = false) {
    self.text = text
    self.isTargets = isTargets
  }
}

/// A server that is asked.
public struct LoadTarget: Sendable, Equatable {
  /// Whether it is spoken to over TLS.
  public let isSecure: Bool
  /// Its name or address, without brackets, in lower case.
  public let host: String
  /// Its port.
  public let port: UInt16
  /// Path and query of the URL, as a request has them: `/` at least.
  public let path: String
  /// Whom requests say they are for.
  public let authority: String

  /// Reads `http://host[:port]/path` or `https://…`. What cannot stand in a request is percent-encoded, a fragment left out.
  /// - Throws: ``LoadProblem`` in words for who typed it.
  public init(_ url: String) throws(LoadProblem) {
    let lower = url.lowercased()
    guard let scheme = ["http://", "https://"].first(where: lower.hasPrefix) else { throw LoadProblem("\(url) is no http:// or https:// URL") }
    isSecure = scheme == "https://"
    let rest = url.dropFirst(scheme.count)
    let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    guard !authority.isEmpty, !authority.contains("@"), authority.allSatisfy({ $0.isASCII && $0 > " " }) else { throw LoadProblem("\(url) has no host that could be asked") }
    var name = authority[...], number: UInt16 = isSecure ? 443 : 80
    if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") {
      guard let given = UInt16(authority[authority.index(after: colon)...]), given > 0 else { throw LoadProblem("\(url) has no port that could be asked") }
      (name, number) = (authority[..<colon], given)
    }
    if name.hasPrefix("["), name.hasSuffix("]") { name = name.dropFirst().dropLast() }
    guard !name.isEmpty else { throw LoadProblem("\(url) has no host that could be asked") }
    host = name.lowercased()
    port = number
    self.authority = String(authority)
    let target = rest.dropFirst(authority.count).prefix { $0 != "#" }
    path = URLText.encoded(target.first == "/" ? String(target) : "/" + target)
  }

  /// The URL of a path here.
  public func url(_ path: String) -> String { (isSecure ? "https://" : "http://") + authority + path }

  /// Its addresses. On the loop's thread.
  nonisolated(nonsending) func addresses(on loop: EventLoop) async throws(LoadProblem) -> [SocketAddress] {
    if let address = SocketAddress(host: host, port: port) { return [address] }
    do throws(ResolveFailure) {
      let resolver = try Resolver(loop: loop)
      defer { resolver.close() }
      return try await resolver.resolve(host).with(port: port)
    } catch { throw LoadProblem("\(host) has no address: \(error)") }
  }

  /// The first of some addresses that may belong to somebody else: neither this machine nor a private network.
  static func stranger(among addresses: [SocketAddress]) -> SocketAddress? {
    addresses.first { address in
      let kind = AddressKind(address)
      return kind != .loopback && kind != .privateNetwork || isOfDocumentation(address)
    }
  }

  /// Addresses of examples (RFC 5737, 3849, 9637) are nobody's private network.
  private static func isOfDocumentation(_ address: SocketAddress) -> Bool {
    switch address {
    case .ipv4(let four, _): [0xc0_0002, 0xc6_3364, 0xcb_0071].contains(four >> 8)
    case .ipv6(let high, _, _): high >> 32 == 0x2001_0db8 || high >> 44 == 0x3fff0
    case .unix: false
    }
  }
}
