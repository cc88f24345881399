// Who a request is from behind trusted proxies.
import Distribution
import HTTPWire
import Testing
import Transport

@testable import Pipeline

@Suite struct ClientAddressTests {
  /// 10.0.0.0/8, 127.0.0.1 and 2001:db8::/32 are trusted.
  static let trusted: [AddressRange] = [
    AddressRange(ipv4: 0x0a00_0000, bits: 8, text: ""), AddressRange(ipv4: 0x7f00_0001, bits: 32, text: ""),
    AddressRange(high: 0x2001_0db8_0000_0000, low: 0, bits: 32, text: ""),
  ].compactMap { $0 }

  /// Peer, lines of X-Forwarded-For, who it is; "-" for the peer.
  static let rows: [(String, [String], String)] = [
    ("10.0.0.1", ["203.0.113.7"], "203.0.113.7:0"), ("127.0.0.1", ["203.0.113.7"], "203.0.113.7:0"), ("2001:db8::1", ["2a00::1"], "[2a00::1]:0"),
    ("127.0.0.2", ["203.0.113.7"], "-"), ("203.0.113.9", ["203.0.113.7"], "-"), ("2001:db9::1", ["203.0.113.7"], "-"), ("::ffff:10.0.0.1", ["203.0.113.7"], "203.0.113.7:0"),
    // The rightmost that is not trusted; what stands left of it is anyone's.
    ("10.0.0.1", ["1.1.1.1, 203.0.113.7"], "203.0.113.7:0"), ("10.0.0.1", ["1.1.1.1, 203.0.113.7, 10.9.9.9"], "203.0.113.7:0"), ("10.0.0.1", ["203.0.113.7,10.9.9.9 ,\t2001:db8::5"], "203.0.113.7:0"),
    ("10.0.0.1", ["1.1.1.1", "203.0.113.7", "10.9.9.9"], "203.0.113.7:0"), ("10.0.0.1", ["203.0.113.7, 10.1.1.1", "10.9.9.9, 127.0.0.1"], "203.0.113.7:0"),
    ("10.0.0.1", ["203.0.113.7, ::ffff:10.9.9.9"], "203.0.113.7:0"), ("10.0.0.1", ["203.0.113.7, [::ffff:10.9.9.9]:80"], "203.0.113.7:0"),
    // Only trusted ones: the leftmost.
    ("10.0.0.1", ["10.2.2.2, 10.3.3.3"], "10.2.2.2:0"),
    // Forms.
    ("10.0.0.1", ["203.0.113.7:4711"], "203.0.113.7:4711"), ("10.0.0.1", ["[2a00::1]"], "[2a00::1]:0"), ("10.0.0.1", ["[2a00::1]:4711"], "[2a00::1]:4711"), ("10.0.0.1", ["::ffff:203.0.113.7"], "203.0.113.7:0"),
    // What is no address ends the search: the last that was named counts, else the peer.
    ("10.0.0.1", ["unknown"], "-"), ("10.0.0.1", [""], "-"), ("10.0.0.1", ["203.0.113.7,"], "-"), ("10.0.0.1", ["203.0.113.7, unknown, 10.2.2.2"], "10.2.2.2:0"), ("10.0.0.1", ["unix:/tmp/x"], "-"),
    ("10.0.0.1", ["203.0.113.256"], "-"), ("10.0.0.1", ["\"[2a00::1]\""], "-"), ("10.0.0.1", ["203.0.113.7:99999"], "-"), ("10.0.0.1", ["2a00::1:80:"], "-"), ("10.0.0.1", [], "-"),
    ("10.0.0.1", ["203.0.113.7, " + Array(repeating: "10.2.2.2", count: 31).joined(separator: ", ")], "203.0.113.7:0"),
    ("10.0.0.1", ["203.0.113.7, " + Array(repeating: "10.2.2.2", count: 32).joined(separator: ", ")], "10.2.2.2:0"),
  ]
  @Test(arguments: rows) func finds(_ peer: String, _ lines: [String], _ client: String) throws {
    let peer = try #require(SocketAddress(host: peer, port: 5555))
    var fields = HeaderSection()
    fields.append("Host", "a.test")
    for line in lines { fields.append("X-Forwarded-For", line) }
    fields.append("X-Real-IP", "9.9.9.9")
    let found = ClientAddress.find(behind: peer, fields, trusted: Self.trusted)
    #expect(found?.address.description ?? "-" == client)
    if let found { #expect(String(decoding: found.text, as: UTF8.self) == found.address.host) }
  }
}
