// Which addresses a function may choose: every way to write the ones it may not.
import Testing
import Transport

@testable import Origins

@Suite struct AddressPolicyTests {
  /// Address and kind.
  static let kinds: [(String, AddressKind)] = [
    ("8.8.8.8", .global), ("1.1.1.1", .global), ("172.15.255.255", .global), ("172.32.0.0", .global), ("100.63.255.255", .global),
    ("100.128.0.0", .global), ("192.0.1.0", .global), ("198.17.255.255", .global), ("198.20.0.0", .global), ("169.253.0.1", .global),
    ("223.255.255.255", .global), ("11.0.0.0", .global), ("2606:4700::1111", .global), ("2a00::1", .global),
    ("10.0.0.1", .privateNetwork), ("10.255.255.255", .privateNetwork), ("172.16.0.1", .privateNetwork), ("172.31.255.255", .privateNetwork),
    ("192.168.0.1", .privateNetwork), ("100.64.0.1", .privateNetwork), ("100.127.255.255", .privateNetwork), ("192.0.0.8", .privateNetwork),
    ("192.0.2.1", .privateNetwork), ("198.51.100.1", .privateNetwork), ("203.0.113.1", .privateNetwork), ("198.18.0.1", .privateNetwork), ("198.19.255.255", .privateNetwork),
    ("fc00::1", .privateNetwork), ("fdff:ffff::1", .privateNetwork), ("fec0::1", .privateNetwork), ("2001:db8::1", .privateNetwork), ("3fff::1", .privateNetwork), ("64:ff9b:1::808:808", .privateNetwork),
    ("127.0.0.1", .loopback), ("127.255.255.255", .loopback), ("::1", .loopback),
    ("0.0.0.0", .unusable), ("0.1.2.3", .unusable), ("::", .unusable), ("224.0.0.1", .unusable), ("239.255.255.250", .unusable),
    ("240.0.0.1", .unusable), ("255.255.255.255", .unusable), ("ff02::1", .unusable), ("100::1", .unusable),
    ("169.254.0.1", .linkLocal), ("169.254.255.255", .linkLocal), ("fe80::1", .linkLocal), ("febf::1", .linkLocal),
    ("169.254.169.254", .metadata), ("169.254.170.2", .metadata), ("fd00:ec2::254", .metadata), ("fd00:ec2::253", .metadata), ("fd20:ce::254", .metadata),
    ("100.100.100.200", .metadata), ("192.0.0.192", .metadata), ("168.63.129.16", .metadata),
    // IPv4 in IPv6: mapped, compatible, translated, NAT64, 6to4, Teredo, ISATAP.
    ("::ffff:127.0.0.1", .loopback), ("::ffff:7f00:1", .loopback), ("::127.0.0.1", .loopback), ("::ffff:0:127.0.0.1", .loopback), ("64:ff9b::127.0.0.1", .loopback),
    ("2002:7f00:1::", .loopback), ("2002:7f00:1::1", .loopback), ("2001:0:808:808::80ff:fffe", .loopback), ("2001:0:7f00:1::f7f7:f7f7", .loopback), ("2a00::5efe:127.0.0.1", .loopback), ("2a00::200:5efe:127.0.0.1", .loopback),
    ("::ffff:169.254.169.254", .metadata), ("::169.254.169.254", .metadata), ("64:ff9b::a9fe:a9fe", .metadata), ("2002:a9fe:a9fe::1", .metadata), ("64:ff9b:1::169.254.169.254", .metadata),
    // A local NAT64's own prefix: of 48, 56, 64 or 96 bits (RFC 6052, 2.2), with a suffix too. What it never may lead to counts, wherever it stands.
    ("64:ff9b:1:a9fe:a9:fe00::", .metadata), ("64:ff9b:1:a9fe:a9:fe00:1234:5678", .metadata), ("64:ff9b:1:ffa9:fe:a9fe::", .metadata), ("64:ff9b:1:1234:a9:fea9:fe00:0", .metadata),
    ("64:ff9b:1:2:3:4:a9fe:aa02", .metadata), ("64:ff9b:1:a9fe:1:100::", .linkLocal), ("64:ff9b:1:808:8:800::", .privateNetwork), ("64:ff9b:1:ff08:8:808::", .privateNetwork),
    ("64:ff9b:1:0:8:808:800:0", .privateNetwork), ("64:ff9b:1::127.0.0.1", .privateNetwork), ("64:ff9b:2:a9fe:a9:fe00::", .unusable),
    ("::ffff:10.0.0.1", .privateNetwork), ("64:ff9b::10.0.0.1", .privateNetwork), ("2002:c0a8:1::1", .privateNetwork), ("::ffff:0.0.0.0", .unusable), ("::2", .unusable),
    ("::ffff:8.8.8.8", .global), ("64:ff9b::8.8.8.8", .global), ("2002:808:808::1", .global),
  ]

  @Test(arguments: kinds) func kind(_ host: String, _ kind: AddressKind) throws {
    #expect(AddressKind(try #require(SocketAddress(host: host, port: 80))) == kind)
  }

  /// Kind by kind: what each chooser may reach.
  @Test(arguments: [
    ("8.8.8.8", true, true), ("10.0.0.1", false, true), ("127.0.0.1", false, true), ("::1", false, true), ("::ffff:127.0.0.1", false, true), ("0.0.0.0", false, false),
    ("169.254.1.1", false, false), ("169.254.169.254", false, false), ("::ffff:169.254.169.254", false, false), ("fd00:ec2::254", false, false), ("fe80::1", false, false), ("224.0.0.1", false, false),
  ])
  func choosers(_ host: String, _ publicOnly: Bool, _ any: Bool) throws {
    let address = try #require(SocketAddress(host: host, port: 80))
    #expect((AddressPolicy.function(reachesPrivate: false).refusal(of: address, own: []) == nil) == publicOnly)
    #expect((AddressPolicy.function(reachesPrivate: true).refusal(of: address, own: []) == nil) == any)
    #expect(AddressPolicy.configured.refusal(of: address, own: []) == nil)
  }

  /// Listener, address, whether connecting there ends at the listener.
  @Test(arguments: [
    ("127.0.0.1:80", "127.0.0.1:80", true), ("127.0.0.1:80", "127.0.0.1:81", false), ("127.0.0.1:80", "127.0.0.2:80", false), ("127.0.0.1:80", "[::ffff:127.0.0.1]:80", true),
    ("127.0.0.1:80", "0.0.0.0:80", true), ("127.0.0.1:80", "[::]:80", true), ("127.0.0.1:80", "[::ffff:0.0.0.0]:80", true), ("127.0.0.1:80", "0.0.0.0:81", false),
    ("0.0.0.0:80", "127.0.0.1:80", true), ("0.0.0.0:80", "127.9.9.9:80", true), ("0.0.0.0:80", "[::ffff:127.0.0.1]:80", true), ("[::]:80", "[::1]:80", true),
    // A listener serves the addresses of its own family only (IPV6_V6ONLY): what listens on the other one is another program.
    ("0.0.0.0:80", "[::1]:80", false), ("[::]:80", "127.0.0.1:80", false), ("[::]:80", "[::ffff:127.0.0.1]:80", false),
    ("0.0.0.0:80", "127.0.0.1:8080", false), ("0.0.0.0:80", "8.8.8.8:80", false), ("8.8.8.8:80", "8.8.8.8:80", true), ("[::1]:80", "127.0.0.1:80", false),
  ])
  func ownAddresses(_ listener: String, _ address: String, _ isOwn: Bool) throws {
    let listener = try #require(SocketAddress(listener)), address = try #require(SocketAddress(address))
    for policy in [AddressPolicy.configured, .function(reachesPrivate: true)] {
      let refusal = policy.refusal(of: address, own: [listener])
      #expect((refusal == .own) == isOwn)
    }
  }

  /// A connection whose ends have one address never left the machine.
  @Test(arguments: [
    ("203.0.113.5:80", "203.0.113.5:40000", AddressRefusal.own, AddressRefusal.own), ("203.0.113.5:81", "203.0.113.5:40000", nil, AddressRefusal.thisMachine),
    ("203.0.113.5:80", "203.0.113.6:40000", nil, nil), ("[2a00::1]:80", "[2a00::1]:40000", nil, AddressRefusal.thisMachine),
    ("[::ffff:203.0.113.5]:80", "203.0.113.5:40000", AddressRefusal.own, AddressRefusal.own),
  ])
  func connected(_ address: String, _ local: String, _ configured: AddressRefusal?, _ chosen: AddressRefusal?) throws {
    let address = try #require(SocketAddress(address)), local = try #require(SocketAddress(local))
    let own: [SocketAddress] = [.ipv4(0, port: 80)]
    #expect(AddressPolicy.configured.refusal(of: address, from: local, own: own) == configured)
    #expect(AddressPolicy.function(reachesPrivate: false).refusal(of: address, from: local, own: own) == chosen)
    #expect(AddressPolicy.function(reachesPrivate: true).refusal(of: address, from: local, own: own) == configured)
  }
}
