// Owns: which port redirect-to-https sends viewers to. CloudFront has 80 and 443 only; a laptop, or a proxy before this one, has others.
// A pure value.
public import Transport

/// The port of HTTPS beside each port of plain HTTP.
public struct SecurePorts: Sendable, Equatable {
  /// By port of plain HTTP.
  private var ports: [UInt16: UInt16] = [:]

  /// - Parameter listeners: what is listened on, in the configuration's order. Beside a plain listener stands the first TLS listener of the
  ///   same address, else the first of all.
  public init(_ listeners: [(address: SocketAddress, isSecure: Bool)] = []) {
    let secure = listeners.filter(\.isSecure).map(\.address)
    for (plain, isSecure) in listeners where !isSecure {
      guard ports[plain.port] == nil, let beside = secure.first(where: { $0.host == plain.host }) ?? secure.first else { continue }
      ports[plain.port] = beside.port
    }
  }

  /// Where a viewer finds over HTTPS what it asked for in the clear. A port in Host that is no listener's is another's, before this proxy,
  /// which is taken to have HTTPS where the world expects it.
  /// - Parameter host: as Host has it: without a port it means 80 (RFC 9110, 4.2.1).
  /// - Returns: the host, with a port unless that is 443.
  func authority(for host: String) -> String {
    var name = host[...], port: UInt16? = 80
    if let colon = host.lastIndex(of: ":"), !host.hasSuffix("]") {
      name = host[..<colon]
      let digits = host[host.index(after: colon)...]
      if !digits.isEmpty { port = UInt16(digits) }
    }
    let secure = port.flatMap { ports[$0] } ?? 443
    return secure == 443 ? String(name) : "\(name):\(secure)"
  }
}
