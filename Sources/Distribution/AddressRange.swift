// Ranges of IP addresses: which proxies' X-Forwarded-For is believed.
// Pure values; any thread. Source: RFC 4632 (CIDR), RFC 4291 section 2.3.

/// A range of IP addresses, `10.0.0.0/8` or `2001:db8::/32`, or one address.
public struct AddressRange: Sendable, Equatable {
  /// As it is written in a configuration.
  public let text: String
  /// The first address; an IPv4 address is the IPv6 address it is mapped to (::ffff:0:0/96).
  private let high: UInt64, low: UInt64
  /// The bits that all its addresses share, of 128.
  private let highMask: UInt64, lowMask: UInt64

  /// A range of IPv6 addresses.
  /// - Parameters:
  ///   - bits: how many all its addresses share, 0–128.
  ///   - text: as it is written.
  /// - Returns: nil when `bits` is out of range, or the address has bits set that are not shared.
  public init?(high: UInt64, low: UInt64, bits: Int, text: String) {
    guard (0...128).contains(bits) else { return nil }
    highMask = bits >= 64 ? .max : bits == 0 ? 0 : ~(.max >> UInt64(bits))
    lowMask = bits <= 64 ? 0 : bits == 128 ? .max : ~(.max >> UInt64(bits - 64))
    guard high & ~highMask == 0, low & ~lowMask == 0 else { return nil }
    self.high = high
    self.low = low
    self.text = text
  }

  /// A range of IPv4 addresses; `bits` is 0–32.
  public init?(ipv4 address: UInt32, bits: Int, text: String) {
    guard (0...32).contains(bits) else { return nil }
    self.init(high: 0, low: 0xffff_0000_0000 | UInt64(address), bits: 96 + bits, text: text)
  }

  /// Whether an IPv6 address is in the range; an IPv4 address in its mapped form.
  public func contains(high: UInt64, low: UInt64) -> Bool { high & highMask == self.high && low & lowMask == self.low }
  /// Whether an IPv4 address is in the range.
  public func contains(ipv4 address: UInt32) -> Bool { contains(high: 0, low: 0xffff_0000_0000 | UInt64(address)) }
}
