// Owns: which port redirect-to-https sends viewers to. CloudFront has 80 and 443 only; a laptop, or a proxy before this one, has others.
// A pure value.
import HTTPWire
public import Transport

/// The port of HTTPS beside each port of plain HTTP.
public struct SecurePorts: Sendable, Equatable {
  /// Port of plain HTTP and port of HTTPS.
  private var ports: [(plain: UInt16, secure: UInt16)] = []

  /// - Parameter listeners: what is listened on, in the configuration's order. Beside a plain listener stands the first TLS listener of the
  ///   same address, else the first of all.
  public init(_ listeners: [(address: SocketAddress, isSecure: Bool)] = []) {
    let secure = listeners.filter(\.isSecure).map(\.address)
    for (plain, isSecure) in listeners where !isSecure {
      guard !ports.contains(where: { $0.plain == plain.port }) else { continue }
      guard let beside = secure.first(where: { $0.host == plain.host }) ?? secure.first else { continue }
      ports.append((plain.port, beside.port))
    }
  }

  /// Whether the same ports lead to the same ports.
  public static func == (a: SecurePorts, b: SecurePorts) -> Bool { a.ports.elementsEqual(b.ports, by: ==) }

  /// Appends where a viewer finds over HTTPS what it asked for in the clear: the host, with a port unless that is 443. A port in Host that is no
  /// listener's is another's, before this proxy, which is taken to have HTTPS where the world expects it.
  /// - Parameter host: as Host has it: without a port it means 80 (RFC 9110, 4.2.1).
  func appendAuthority(for host: Span<UInt8>, to out: inout ByteBuffer) {
    var end = host.count
    while end > 0 && host[end - 1].isDigit { end -= 1 }
    let hasPort = end > 0 && host[end - 1] == 58   // an IPv6 address ends with a bracket
    out.append(hasPort ? host.extracting(..<(end - 1)) : host)
    let port = hasPort && end < host.count ? Self.port(host.extracting(end...)) : 80
    let secure = ports.first { $0.plain == port }?.secure ?? 443
    guard secure != 443 else { return }
    out.append(":")
    out.append(decimal: Int(secure))
  }

  /// A number of decimal digits; 0 when there is no such port.
  private static func port(_ digits: Span<UInt8>) -> UInt16 {
    var value = 0
    for i in 0..<digits.count { value = min(value * 10 + Int(digits[i] - 48), 1 << 16) }
    return UInt16(exactly: value) ?? 0
  }
}
