// What must hold for the reader of PROXY headers whatever bytes it is given. Pure functions; any thread may call them.
import Transport

/// The properties of the PROXY protocol's header.
public enum ProxyHeaderChecks {
  /// The limit that the checks read with.
  static let limit = 300

  /// A verdict is the same however many bytes stand behind, and never comes before the bytes it is about.
  public static func header(_ bytes: [UInt8]) throws(BrokenProperty) {
    let verdict = read(bytes)
    func expect(_ holds: Bool, _ property: String) throws(BrokenProperty) {
      if !holds { throw BrokenProperty(property: property, bytes: bytes) }
    }
    switch verdict {
    case .incomplete: try expect(bytes.count < limit, "no header longer than its limit is waited for")
    case .malformed, .tooLong: try expect(read(bytes + [0x0d, 0x0a]) == verdict, "what is refused stays refused")
    case .complete(let header):
      try expect(header.length <= min(bytes.count, limit) && header.length >= 15, "a header has as many bytes as it says")
      try expect(read(Array(bytes[..<header.length])) == verdict, "a header does not depend on what follows")
      try expect(read(bytes + [0x20]) == verdict, "a header does not depend on what follows")
      for count in stride(from: 0, to: header.length, by: max(1, header.length / 20)) {
        try expect(read(Array(bytes[..<count])) == .incomplete, "a header is not complete before its last byte")
      }
      try expect(header == reference(Array(bytes[..<header.length])), "a header means what a simple reader makes of it")
    }
  }

  private static func read(_ bytes: [UInt8]) -> ProxyHeader.Result { ProxyHeader.read(bytes.span, limit: limit) }

  /// The meaning of a good header, written anew and simply; nil for one that is not good.
  private static func reference(_ bytes: [UInt8]) -> ProxyHeader? {
    var header = ProxyHeader(version: bytes[0] == 13 ? 2 : 1, source: nil, length: bytes.count)
    if header.version == 1 {
      let words = String(decoding: bytes.dropLast(2), as: UTF8.self).split(separator: " ", omittingEmptySubsequences: false)
      guard words[0] == "PROXY", bytes.suffix(2) == [13, 10] else { return nil }
      if words[1] == "UNKNOWN" { return header }
      guard words.count == 6, words[1] == "TCP4" || words[1] == "TCP6", let port = UInt16(words[4]), String(port) == words[4], UInt16(words[5]) != nil else { return nil }
      guard (words[1] == "TCP6") == words[2].contains(":"), words[2].contains(":") == words[3].contains(":") else { return nil }
      header.source = SocketAddress(host: String(words[2]), port: port)?.unmapped
      return header.source == nil ? nil : header
    }
    guard bytes[12] & 0x0f == 1 else { return header }
    func number(_ range: Range<Int>) -> UInt64 { bytes[range].reduce(0) { $0 << 8 | UInt64($1) } }
    switch bytes[13] {
    case 0x11: header.source = .ipv4(UInt32(number(16..<20)), port: UInt16(number(24..<26)))
    case 0x21: header.source = SocketAddress.ipv6(high: number(16..<24), low: number(24..<32), port: UInt16(number(48..<50))).unmapped
    case 0x00, 0x31: break
    default: return nil
    }
    return header
  }
}
