// Owns: which addresses a request may be sent to (architecture.md, Trust). Pure: an address in, a reason or nothing out.
// Sources: the special-purpose registries of IANA (RFC 6890 and its updates), RFC 4291, 6052, 3056, 4380, 5214; clouds' documents on
// their metadata services; design/configuration.md, `functionOrigins`.
public import Transport

/// What kind of place an address is, from harmless to never.
public enum AddressKind: Int, Comparable, Sendable {
  /// Anyone's.
  case global
  /// Private, shared, documentation or benchmarking: somebody's inner network.
  case privateNetwork
  /// This machine.
  case loopback
  /// No host's address: unspecified, multicast, broadcast, reserved.
  case unusable
  /// The next neighbours only.
  case linkLocal
  /// Where a cloud tells a machine its secrets.
  case metadata

  /// Whether `a` is the less dangerous place.
  public static func < (a: AddressKind, b: AddressKind) -> Bool { a.rawValue < b.rawValue }
}

extension AddressKind {
  /// The kind of an address. An IPv6 address that stands for an IPv4 address (mapped, translated, tunnelled) is what that one is, if that
  /// is worse than what it is itself.
  public init(_ address: SocketAddress) {
    switch address {
    case .ipv4(let four, _): self = Self.kind(ofIPv4: four)
    case .ipv6(let high, let low, _):
      var kind = Self.kind(ofIPv6: high, low)
      for four in Self.embedded(in: high, low) { kind = max(kind, Self.kind(ofIPv4: four)) }
      self = kind
    case .unix: self = .unusable
    }
  }

  private static func kind(ofIPv4 address: UInt32) -> AddressKind {
    for row in four where (address ^ row.prefix) >> (32 - UInt32(row.bits)) == 0 { return row.kind }
    return .global
  }

  private static func kind(ofIPv6 high: UInt64, _ low: UInt64) -> AddressKind {
    for row in six {
      let highBits = min(row.bits, 64), lowBits = row.bits - highBits
      let differs = (high ^ row.high) >> UInt64(64 - highBits) != 0 || (lowBits > 0 && (low ^ row.low) >> UInt64(64 - lowBits) != 0)
      if !differs { return row.kind }
    }
    return .global
  }

  /// IPv4 addresses that an IPv6 address may lead to.
  private static func embedded(in high: UInt64, _ low: UInt64) -> [UInt32] {
    let last = UInt32(truncatingIfNeeded: low)
    if high == 0 {
      if low <= 1 { return [] }                              // :: and ::1 are themselves
      let upper = low >> 32                                  // ::a.b.c.d, ::ffff:a.b.c.d, ::ffff:0:a.b.c.d
      return upper == 0 || upper == 0xffff || upper == 0xffff_0000 ? [last] : []
    }
    if high >> 16 == 0x0064_ff9b_0001 {                      // local NAT64 (RFC 8215): its prefix may have 48, 56, 64 or 96 bits (RFC 6052, 2.2)
      let readings = [high << 16 | low >> 40 & 0xffff, high << 24 | low >> 32 & 0xff_ffff, low >> 24, low]
      // Only one of them is meant; so what is merely odd says nothing, what must never be reached does.
      return readings.map { UInt32(truncatingIfNeeded: $0) }.filter { kind(ofIPv4: $0) >= .linkLocal }
    }
    if high >> 32 == 0x0064_ff9b { return [last] }           // NAT64
    if high >> 48 == 0x2002 { return [UInt32(truncatingIfNeeded: high >> 16)] }   // 6to4
    if high >> 32 == 0x2001_0000 { return [UInt32(truncatingIfNeeded: high), ~last] }   // Teredo: server and client
    let interface = low >> 32                                // ISATAP
    return interface == 0x0000_5efe || interface == 0x0200_5efe ? [last] : []
  }

  /// First match wins.
  private static let four: [(prefix: UInt32, bits: Int, kind: AddressKind)] = [
    (0xa9fe_a9fe, 32, .metadata),         // 169.254.169.254: AWS, Google, Azure, OpenStack and others
    (0xa9fe_aa02, 32, .metadata),         // 169.254.170.2: ECS
    (0x6464_64c8, 32, .metadata),         // 100.100.100.200: Alibaba
    (0xc000_00c0, 32, .metadata),         // 192.0.0.192: Oracle
    (0xa83f_8110, 32, .metadata),         // 168.63.129.16: Azure
    (0xa9fe_0000, 16, .linkLocal),        // 169.254.0.0/16
    (0x0000_0000, 8, .unusable),          // 0.0.0.0/8: connecting there means this machine
    (0x7f00_0000, 8, .loopback),          // 127.0.0.0/8
    (0x0a00_0000, 8, .privateNetwork),    // 10.0.0.0/8
    (0xac10_0000, 12, .privateNetwork),   // 172.16.0.0/12
    (0xc0a8_0000, 16, .privateNetwork),   // 192.168.0.0/16
    (0x6440_0000, 10, .privateNetwork),   // 100.64.0.0/10, shared
    (0xc000_0000, 24, .privateNetwork),   // 192.0.0.0/24, protocol assignments
    (0xc000_0200, 24, .privateNetwork),   // 192.0.2.0/24, documentation
    (0xc633_6400, 24, .privateNetwork),   // 198.51.100.0/24, documentation
    (0xcb00_7100, 24, .privateNetwork),   // 203.0.113.0/24, documentation
    (0xc612_0000, 15, .privateNetwork),   // 198.18.0.0/15, benchmarking
    (0xe000_0000, 3, .unusable),          // 224.0.0.0/4 multicast, 240.0.0.0/4 reserved, 255.255.255.255
  ]

  /// First match wins.
  private static let six: [(high: UInt64, low: UInt64, bits: Int, kind: AddressKind)] = [
    (0xfd00_0ec2_0000_0000, 0, 32, .metadata),                           // fd00:ec2::/32: AWS (::254, ::253, ::23)
    (0xfd20_00ce_0000_0000, 0x254, 128, .metadata),                      // fd20:ce::254: Google
    (0, 0, 128, .unusable),                                              // ::
    (0, 1, 128, .loopback),                                              // ::1
    (0xfe80_0000_0000_0000, 0, 10, .linkLocal),                          // fe80::/10
    (0xfec0_0000_0000_0000, 0, 10, .privateNetwork),                     // fec0::/10, site-local
    (0xfc00_0000_0000_0000, 0, 7, .privateNetwork),                      // fc00::/7, unique local
    (0xff00_0000_0000_0000, 0, 8, .unusable),                            // ff00::/8, multicast
    (0x0100_0000_0000_0000, 0, 64, .unusable),                           // 100::/64, discard
    (0x2001_0db8_0000_0000, 0, 32, .privateNetwork),                     // 2001:db8::/32, documentation
    (0x3fff_0000_0000_0000, 0, 20, .privateNetwork),                     // 3fff::/20, documentation
    (0x2001_0002_0000_0000, 0, 48, .privateNetwork),                     // 2001:2::/48, benchmarking
    (0x0064_ff9b_0001_0000, 0, 48, .privateNetwork),                     // 64:ff9b:1::/48, local NAT64
  ]
}

/// Why an address may not be an origin.
public enum AddressRefusal: Equatable, Sendable {
  /// It is a listener or the admin address of this proxy.
  case own
  /// It is on this machine, which a function may not choose.
  case thisMachine
  /// It is of a kind that a function may not choose.
  case kind(AddressKind)

  /// The reason in words.
  public var explanation: String {
    switch self {
    case .own: "it is this proxy's own address"
    case .thisMachine, .kind(.loopback): "a function may not choose an address of this machine (functionOrigins: any allows it)"
    case .kind(.privateNetwork): "a function may not choose a private address (functionOrigins: any allows it)"
    case .kind(.linkLocal): "a function may not choose a link-local address"
    case .kind(.metadata): "a function may not choose the address of a metadata service"
    case .kind(.unusable), .kind(.global): "it is no host's address"
    }
  }
}

/// Which addresses may be origins. A value; pools are kept apart by it.
public enum AddressPolicy: Hashable, Sendable {
  /// The operator chose the origin: any address but this proxy's own.
  case configured
  /// A function chose it: public addresses; with `reachesPrivate` also this machine's and private ones. Metadata and link-local: never.
  case function(reachesPrivate: Bool)

  /// Why an address may not be connected to; nil when it may.
  /// - Parameter own: the listeners and the admin address, with the ports they really have.
  public func refusal(of address: SocketAddress, own: some Sequence<SocketAddress>) -> AddressRefusal? {
    if own.contains(where: { Self.leads(address, to: $0) }) { return .own }
    guard case .function(let reachesPrivate) = self else { return nil }
    let kind = AddressKind(address)
    return kind <= (reachesPrivate ? .loopback : .global) ? nil : .kind(kind)
  }

  /// Why a connection that has been made may not be used: only the system knows all addresses of this machine. Both ends have the same
  /// address then.
  public func refusal(of address: SocketAddress, from local: SocketAddress, own: some Sequence<SocketAddress>) -> AddressRefusal? {
    let address = address.unmapped, local = local.unmapped
    guard address.with(port: 0) == local.with(port: 0) else { return nil }
    if own.contains(where: { $0.port == address.port && $0.unmapped.coversAll(of: address) }) { return .own }
    return self == .function(reachesPrivate: false) ? .thisMachine : nil
  }

  /// Whether connecting to an address ends at a listener, as far as the addresses tell.
  private static func leads(_ address: SocketAddress, to listener: SocketAddress) -> Bool {
    let address = address.unmapped, listener = listener.unmapped
    if address == listener { return true }
    guard address.port == listener.port else { return false }
    // Every address of the machine, on one side or the other.
    return address.isUnspecified || listener.coversAll(of: address) && AddressKind(address) == .loopback
  }
}

extension SocketAddress {
  /// Whether a listener here has every address of the other one's family, and no other (IPV6_V6ONLY).
  fileprivate func coversAll(of other: SocketAddress) -> Bool {
    switch (self, other) {
    case (.ipv4(0, _), .ipv4), (.ipv6(0, 0, _), .ipv6): true
    default: false
    }
  }
}
