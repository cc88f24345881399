// The PROXY protocol's header as it is understood or refused, one row each (haproxy.org, proxy-protocol.txt, 2).
import Testing

@testable import Transport

/// Bytes of a header of version 2.
private func binary(_ command: UInt8, _ family: UInt8, _ rest: [UInt8], length: Int? = nil) -> [UInt8] {
  let length = length ?? rest.count
  return Array("\r\n\r\n\0\r\nQUIT\n".utf8) + [command, family, UInt8(length >> 8), UInt8(length & 255)] + rest
}
private let four: [UInt8] = [203, 0, 113, 7, 127, 0, 0, 1, 0x30, 0x39, 0, 80]
private let six: [UInt8] = [0x20, 1, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11) + [1] + [UInt8](repeating: 0, count: 15) + [1, 0x30, 0x39, 0, 80]

@Suite struct ProxyHeaderTests {
  static func read(_ bytes: [UInt8], limit: Int = 4096) -> ProxyHeader.Result { ProxyHeader.read(bytes.span, limit: limit) }

  /// A line and the source that it names; "-" for none told.
  static let goodLines: [(String, String)] = [
    ("PROXY TCP4 203.0.113.7 127.0.0.1 12345 80", "203.0.113.7:12345"), ("PROXY TCP4 255.255.255.255 0.0.0.0 0 65535", "255.255.255.255:0"),
    ("PROXY TCP6 2001:db8::1 ::1 12345 80", "[2001:db8::1]:12345"), ("PROXY TCP6 ffff:f:f:f:f:f:f:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535", "[ffff:f:f:f:f:f:f:ffff]:65535"),
    ("PROXY TCP6 ::ffff:203.0.113.7 ::1 1 2", "203.0.113.7:1"), ("PROXY UNKNOWN", "-"), ("PROXY UNKNOWN anything at all", "-"),
  ]
  @Test(arguments: goodLines) func lines(_ line: String, _ source: String) throws {
    let bytes = Array("\(line)\r\n".utf8)
    guard case .complete(let header) = Self.read(bytes + Array("GET / HTTP/1.1\r\n".utf8)) else {
      Issue.record("not understood")
      return
    }
    #expect(header.version == 1 && header.length == bytes.count)
    #expect(header.source?.description ?? "-" == source)
    for count in 0..<bytes.count { #expect(Self.read(Array(bytes[..<count])) == .incomplete) }
  }

  static let badLines = [
    "GET / HTTP/1.1", "proxy TCP4 1.2.3.4 1.2.3.4 1 2", "PROXY", "PROXY ", "PROXY  TCP4 1.2.3.4 1.2.3.4 1 2", "PROXY TCP4 1.2.3.4 1.2.3.4 1", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3",
    "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 ", "PROXY TCP4 1.2.3.4  1.2.3.4 1 2", "PROXY TCP4\t1.2.3.4 1.2.3.4 1 2", "PROXY TCP5 1.2.3.4 1.2.3.4 1 2", "PROXY UDP4 1.2.3.4 1.2.3.4 1 2", "PROXY unknown",
    "PROXY TCP4 ::1 ::1 1 2", "PROXY TCP6 1.2.3.4 1.2.3.4 1 2", "PROXY TCP4 1.2.3.4 ::1 1 2", "PROXY TCP6 [::1] ::1 1 2", "PROXY TCP4 1.2.3 1.2.3.4 1 2", "PROXY TCP4 1.2.3.256 1.2.3.4 1 2",
    "PROXY TCP4 01.2.3.4 1.2.3.4 1 2", "PROXY TCP4 1.2.3.4 1.2.3.4 65536 2", "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536", "PROXY TCP4 1.2.3.4 1.2.3.4 01 2", "PROXY TCP4 1.2.3.4 1.2.3.4 -1 2",
    "PROXY TCP4 1.2.3.4 1.2.3.4 +1 2", "PROXY TCP4 1.2.3.4 1.2.3.4 1 x", "PROXY TCP4 1.2.3.4 1.2.3.4  2", "PROXY TCP6 fe80::1%lo ::1 1 2", "PROXY UNKNOWN \u{1}", "PROXY UNKNOWN \(String(repeating: "x", count: 92))",
  ]
  @Test(arguments: badLines) func refusedLines(_ line: String) {
    #expect(Self.read(Array("\(line)\r\n".utf8)) == .malformed)
  }

  /// A line ends with CRLF, after 107 bytes at most.
  @Test func endsOfLines() {
    #expect(Self.read(Array("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n".utf8)) == .malformed)
    #expect(Self.read(Array("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rG".utf8)) == .malformed)
    #expect(Self.read(Array("PROXY UNKNOWN \(String(repeating: "x", count: 91))\r\n".utf8)) == .complete(ProxyHeader(version: 1, source: nil, length: 107)))
    #expect(Self.read(Array(String(repeating: "PROXY ", count: 18).utf8)) == .malformed)
  }

  /// Bytes and the source that they name; "-" for none told.
  static let goodBytes: [([UInt8], String)] = [
    (binary(0x21, 0x11, four), "203.0.113.7:12345"), (binary(0x21, 0x21, six), "[2001:db8::1]:12345"),
    (binary(0x21, 0x11, four + [4, 0, 0]), "203.0.113.7:12345"), (binary(0x21, 0x11, four + [1, 0, 2, 104, 50, 0x20, 0, 1, 7]), "203.0.113.7:12345"),
    (binary(0x20, 0x00, []), "-"), (binary(0x20, 0x11, four), "-"), (binary(0x20, 0xff, [1, 2, 3]), "-"), (binary(0x21, 0x00, []), "-"),
    (binary(0x21, 0x00, [9, 9]), "-"), (binary(0x21, 0x31, [UInt8](repeating: 0, count: 216)), "-"),
  ]
  @Test(arguments: goodBytes) func binaries(_ bytes: [UInt8], _ source: String) throws {
    guard case .complete(let header) = Self.read(bytes + Array("GET".utf8)) else {
      Issue.record("not understood")
      return
    }
    #expect(header.version == 2 && header.length == bytes.count)
    #expect(header.source?.description ?? "-" == source)
    for count in 0..<bytes.count { #expect(Self.read(Array(bytes[..<count])) == .incomplete) }
  }

  static let badBytes: [[UInt8]] = [
    Array("\r\n\r\n\0\r\nQUIX\n".utf8), Array("\r\nGET / HTTP/1.1\r\n".utf8), binary(0x11, 0x11, four), binary(0x31, 0x11, four), binary(0x22, 0x11, four), binary(0x2f, 0x11, four),
    binary(0x21, 0x12, four), binary(0x21, 0x22, six), binary(0x21, 0x10, four), binary(0x21, 0x41, four), binary(0x21, 0x11, []), binary(0x21, 0x11, Array(four.dropLast())),
    binary(0x21, 0x21, four), binary(0x21, 0x31, six), binary(0x21, 0x11, four + [1]), binary(0x21, 0x11, four + [1, 0]), binary(0x21, 0x11, four + [1, 0, 2, 0]), binary(0x21, 0x11, four + [1, 0, 1, 0, 0]),
  ]
  @Test(arguments: badBytes) func refusedBinaries(_ bytes: [UInt8]) { #expect(Self.read(bytes) == .malformed) }

  /// What is announced as longer than the limit is not waited for.
  @Test func theLimit() {
    let long = binary(0x21, 0x11, four + [4, 0, 100] + [UInt8](repeating: 0, count: 100))
    #expect(Self.read(long, limit: long.count) != .tooLong)
    #expect(Self.read(long, limit: long.count - 1) == .tooLong)
    #expect(Self.read(Array(long.prefix(16)), limit: long.count - 1) == .tooLong)
    #expect(Self.read(binary(0x20, 0, [], length: 65_535)) == .tooLong)
  }
}
