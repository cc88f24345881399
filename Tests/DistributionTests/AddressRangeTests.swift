// Which addresses a range has: its edges, and IPv4 in IPv6.
import Distribution
import Testing

@Suite struct AddressRangeTests {
  /// Range, address, whether it is inside.
  static let ipv4: [(UInt32, Int, UInt32, Bool)] = [
    (0x0a00_0000, 8, 0x0a00_0000, true), (0x0a00_0000, 8, 0x0aff_ffff, true), (0x0a00_0000, 8, 0x09ff_ffff, false), (0x0a00_0000, 8, 0x0b00_0000, false),
    (0, 0, 0, true), (0, 0, .max, true), (0x7f00_0001, 32, 0x7f00_0001, true), (0x7f00_0001, 32, 0x7f00_0002, false), (0xc0a8_0180, 25, 0xc0a8_01ff, true), (0xc0a8_0180, 25, 0xc0a8_017f, false),
  ]
  @Test(arguments: ipv4) func ipv4Ranges(_ first: UInt32, _ bits: Int, _ address: UInt32, _ isInside: Bool) throws {
    #expect(try #require(AddressRange(ipv4: first, bits: bits, text: "")).contains(ipv4: address) == isInside)
  }

  static let ipv6: [(UInt64, UInt64, Int, UInt64, UInt64, Bool)] = [
    (0x2001_0db8_0000_0000, 0, 32, 0x2001_0db8_ffff_ffff, .max, true), (0x2001_0db8_0000_0000, 0, 32, 0x2001_0db9_0000_0000, 0, false),
    (0x2001_0db8_0000_0001, 0, 64, 0x2001_0db8_0000_0001, .max, true), (0x2001_0db8_0000_0001, 0, 64, 0x2001_0db8_0000_0000, 0, false),
    (0, 2, 127, 0, 3, true), (0, 2, 127, 0, 4, false), (0, 1, 128, 0, 1, true), (0, 1, 128, 1, 1, false), (0, 0, 0, .max, .max, true),
  ]
  @Test(arguments: ipv6) func ipv6Ranges(_ high: UInt64, _ low: UInt64, _ bits: Int, _ addressHigh: UInt64, _ addressLow: UInt64, _ isInside: Bool) throws {
    #expect(try #require(AddressRange(high: high, low: low, bits: bits, text: "")).contains(high: addressHigh, low: addressLow) == isInside)
  }

  /// `::/0` has every IPv4 address too; `0.0.0.0/0` no IPv6 address.
  @Test func families() throws {
    let all = try #require(AddressRange(high: 0, low: 0, bits: 0, text: "::/0")), four = try #require(AddressRange(ipv4: 0, bits: 0, text: "0.0.0.0/0"))
    #expect(all.contains(ipv4: 0x0102_0304) && four.contains(high: 0, low: 0xffff_0102_0304))
    #expect(!four.contains(high: 0, low: 1) && !four.contains(high: 1, low: 0xffff_0102_0304))
  }

  @Test func whatIsNoRange() {
    #expect(AddressRange(ipv4: 0x0a00_0001, bits: 8, text: "") == nil)
    #expect(AddressRange(ipv4: 0, bits: 33, text: "") == nil && AddressRange(ipv4: 0, bits: -1, text: "") == nil)
    #expect(AddressRange(high: 1, low: 0, bits: 63, text: "") == nil && AddressRange(high: 0, low: 1, bits: 127, text: "") == nil)
    #expect(AddressRange(high: 0, low: 0, bits: 129, text: "") == nil)
  }
}
