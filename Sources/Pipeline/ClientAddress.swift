// Owns: who a request is from when trusted proxies stand before this one: the rightmost address of X-Forwarded-For that is none of theirs.
// What stands further left may have been written by anyone.
public import Distribution
import HTTPWire
public import Transport

/// A viewer that a trusted proxy names.
final class ClientAddress: Sendable {
  /// Its address; the port is 0 unless the proxy told it.
  let address: SocketAddress
  /// The address in text, for logs and functions.
  let text: [UInt8]

  /// Entries of X-Forwarded-For that are looked at: there are no longer chains of proxies.
  static let entriesLimit = 32

  /// Looks for the viewer behind trusted proxies.
  /// - Parameters:
  ///   - peer: who is connected.
  ///   - fields: of the request.
  ///   - trusted: whose X-Forwarded-For is believed.
  /// - Returns: nil when the peer is not trusted, or names nobody.
  static func find(behind peer: SocketAddress, _ fields: borrowing HeaderSection, trusted: [AddressRange]) -> ClientAddress? {
    guard trusted.contains(peer) else { return nil }
    var found: SocketAddress?, entries = 0
    var line = fields.count - 1
    while line >= 0 {
      if fields[line].name == .xForwardedFor {
        let value = fields.value(line)
        var end = value.count
        while end >= 0 {
          var start = end
          while start > 0 && value[start - 1] != 44 { start -= 1 }
          entries += 1
          guard entries <= entriesLimit, let address = address(value.extracting(start..<end)) else { return found.map { ClientAddress($0) } }
          if !trusted.contains(address) { return ClientAddress(address) }
          found = address
          end = start - 1
        }
      }
      line -= 1
    }
    return found.map { ClientAddress($0) }
  }

  private init(_ address: SocketAddress) {
    let address = address.unmapped
    self.address = address
    text = Array(address.host.utf8)
  }

  /// An entry: `203.0.113.7`, `2001:db8::1`, `[2001:db8::1]`, either with a port.
  private static func address(_ entry: Span<UInt8>) -> SocketAddress? {
    let entry = entry.trimmed()
    guard entry.count > 1, entry.count <= 53 else { return nil }
    let text = entry.text
    if let address = SocketAddress(host: text, port: 0) { return address }
    guard let address = SocketAddress(text), text.hasPrefix("[") || text.firstIndex(of: ":") == text.lastIndex(of: ":") else { return nil }
    if case .unix = address { return nil }
    return address
  }
}

extension [AddressRange] {
  /// Whether an address is in one of the ranges; a Unix socket's peer is in none.
  public func contains(_ address: SocketAddress) -> Bool {
    switch address {
    case .ipv4(let four, _): contains { $0.contains(ipv4: four) }
    case .ipv6(let high, let low, _): contains { $0.contains(high: high, low: low) }
    case .unix: false
    }
  }
}

extension SocketAddress {
  /// Address and port as CloudFront-Viewer-Address has them, without brackets: `2001:db8::1:443`.
  var unbracketed: String { "\(host):\(port)" }
}
