// Owns: reading the header with which a load balancer announces whose connection it passes on: the PROXY protocol, versions 1 and 2
// (haproxy.org, proxy-protocol.txt). One pass over a span, strict, nothing allocated. A pure function; any thread.

/// What a PROXY header says.
public struct ProxyHeader: Equatable, Sendable {
  /// Its version, 1 or 2.
  public var version: Int
  /// Who connected to the load balancer; nil when that is not told (`UNKNOWN`, `LOCAL`: the load balancer itself, a Unix socket): then
  /// the connection's own address counts.
  public var source: SocketAddress?
  /// Its bytes on the wire; what follows is the connection's content.
  public var length: Int

  /// A header that says this.
  public init(version: Int, source: SocketAddress?, length: Int) {
    self.version = version
    self.source = source
    self.length = length
  }

  /// What came of reading a header from the bytes at hand.
  public enum Result: Equatable, Sendable {
    case complete(ProxyHeader)
    /// More bytes are needed.
    case incomplete
    /// No header stands here, or a malformed one.
    case malformed
    /// It is longer than the limit.
    case tooLong
  }

  /// The longest header of version 1, with its CRLF.
  static let longestText = 107

  /// Reads a header from the front of some bytes.
  /// - Parameter limit: the longest header that is believed, in bytes; at least ``longestText``.
  public static func read(_ bytes: Span<UInt8>, limit: Int) -> Result {
    if bytes.isEmpty { return .incomplete }
    return bytes[0] == 13 ? readBinary(bytes, limit) : readText(bytes)
  }

  // MARK: Version 1

  /// `PROXY TCP4|TCP6 SOURCE DESTINATION PORT PORT CRLF`, or `PROXY UNKNOWN …CRLF`.
  private static func readText(_ bytes: Span<UInt8>) -> Result {
    guard bytes.begins(with: "PROXY ") else { return .malformed }
    var end = 0
    while end < bytes.count, end < longestText, bytes[end] >= 32 { end += 1 }
    if end >= longestText - 1 { return .malformed }
    guard end + 1 < bytes.count else { return end == bytes.count || bytes[end] == 13 ? .incomplete : .malformed }
    guard bytes[end] == 13, bytes[end + 1] == 10 else { return .malformed }
    var words = Words(line: bytes.extracting(..<end), at: 6)
    let family = words.next()
    let isFour = family.spells("TCP4")
    if !isFour && !family.spells("TCP6") {
      return family.spells("UNKNOWN") ? .complete(ProxyHeader(version: 1, source: nil, length: end + 2)) : .malformed
    }
    let source = words.next(), destination = words.next(), sourcePort = words.next(), destinationPort = words.next()
    guard words.areAtEnd, let address = source.address(isFour: isFour), destination.address(isFour: isFour) != nil,
      let port = sourcePort.port, destinationPort.port != nil
    else { return .malformed }
    return .complete(ProxyHeader(version: 1, source: address.with(port: port).unmapped, length: end + 2))
  }

  /// The words of a line, one space between them.
  private struct Words: ~Escapable {
    private let line: Span<UInt8>
    private var place: Int

    @_lifetime(copy line) init(line: Span<UInt8>, at place: Int) {
      self.line = line
      self.place = place
    }

    /// Whether all words have been taken.
    var areAtEnd: Bool { place == line.count + 1 }

    /// The next word; empty when there is none.
    @_lifetime(copy self) mutating func next() -> Span<UInt8> {
      guard place < line.count else {
        place = line.count + 2
        return Span()
      }
      let start = place
      while place < line.count && line[place] != 32 { place += 1 }
      defer { place += 1 }
      return line.extracting(start..<place)
    }
  }

  // MARK: Version 2

  private static let signature: StaticString = "\r\n\r\n\0\r\nQUIT\n"
  /// Signature, version and command, family and transport, length of what follows.
  private static let fixedLength = 16

  private static func readBinary(_ bytes: Span<UInt8>, _ limit: Int) -> Result {
    guard bytes.begins(with: signature) else { return .malformed }
    guard bytes.count >= fixedLength else { return .incomplete }
    let command = bytes[12], family = bytes[13]
    guard command == 0x20 || command == 0x21 else { return .malformed }
    let length = fixedLength + bytes.number(at: 14, bytes: 2)
    if length > limit { return .tooLong }
    guard bytes.count >= length else { return .incomplete }
    var header = ProxyHeader(version: 2, source: nil, length: length)
    if command == 0x20 { return .complete(header) }   // LOCAL: whatever else it says is to be ignored
    // Bytes of the addresses: none told, IPv4, IPv6 or Unix, and a stream.
    let sizes: [UInt8: Int] = [0x00: 0, 0x11: 12, 0x21: 36, 0x31: 216]
    guard let size = sizes[family] else { return .malformed }
    let rest = fixedLength + size
    guard rest <= length, family == 0 || additionsFit(bytes.extracting(rest..<length)) else { return .malformed }
    switch family {
    case 0x11: header.source = .ipv4(UInt32(bytes.number(at: 16, bytes: 4)), port: UInt16(bytes.number(at: 24, bytes: 2)))
    case 0x21:
      let source = SocketAddress.ipv6(high: bytes.word(at: 16), low: bytes.word(at: 24), port: UInt16(bytes.number(at: 48, bytes: 2)))
      header.source = source.unmapped
    default: break
    }
    return .complete(header)
  }

  /// Whether type, length and value follow each other to the end. What they say is nobody's matter here.
  private static func additionsFit(_ bytes: Span<UInt8>) -> Bool {
    var i = 0
    while i < bytes.count {
      guard i + 3 <= bytes.count else { return false }
      i += 3 + bytes.number(at: i + 1, bytes: 2)
    }
    return i == bytes.count
  }
}

extension Span where Element == UInt8 {
  /// Whether the bytes begin with a text, as far as there are any.
  fileprivate func begins(with text: StaticString) -> Bool {
    text.withUTF8Buffer { text in
      for i in 0..<Swift.min(count, text.count) where unsafe self[i] != text[i] { return false }
      return true
    }
  }

  /// Whether the bytes are a text.
  fileprivate func spells(_ text: StaticString) -> Bool { count == text.utf8CodeUnitCount && begins(with: text) }

  /// An address literal in its plain form.
  fileprivate func address(isFour: Bool) -> SocketAddress? {
    guard count > 0, count <= 45 else { return nil }
    var text = ""
    for i in 0..<count {
      guard self[i] > 32, self[i] < 127 else { return nil }
      text.unicodeScalars.append(Unicode.Scalar(self[i]))
    }
    guard !text.hasPrefix("["), let address = SocketAddress(host: text, port: 0) else { return nil }
    if case .ipv4 = address { return isFour ? address : nil }
    return isFour ? nil : address
  }

  /// A decimal port without sign or leading zeros.
  fileprivate var port: UInt16? {
    guard count > 0, count <= 5, count == 1 || self[0] != 48 else { return nil }
    var port = 0
    for i in 0..<count {
      guard self[i] >= 48, self[i] <= 57 else { return nil }
      port = port * 10 + Int(self[i] - 48)
    }
    return UInt16(exactly: port)
  }

  /// A number in network order.
  fileprivate func number(at start: Int, bytes: Int) -> Int {
    var number = 0
    for i in 0..<bytes { number = number << 8 | Int(self[start + i]) }
    return number
  }
  fileprivate func word(at start: Int) -> UInt64 {
    var word: UInt64 = 0
    for i in 0..<8 { word = word << 8 | UInt64(self[start + i]) }
    return word
  }
}
