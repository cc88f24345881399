// Owns: a viewer's first message taken apart (RFC 8446, 4.1.2), and its fingerprints. Pure; input from outside never traps.
// JA3 is described in "TLS Fingerprinting with JA3 and JA3S" (Salesforce), JA4 in FoxIO's JA4 technical details.

/// What fingerprints are made of.
struct ClientHello: Equatable {
  var legacyVersion: UInt16 = 0
  var ciphers: [UInt16] = []
  /// Types in the order of the message.
  var extensions: [UInt16] = []
  var groups: [UInt16] = []
  var pointFormats: [UInt8] = []
  var signatureAlgorithms: [UInt16] = []
  var versions: [UInt16] = []
  /// The first application protocol's name.
  var applicationProtocol: [UInt8] = []

  init() {}

  /// Nil when the message is not a well-formed ClientHello.
  /// - Parameter message: with its header of four bytes.
  init?(message: Span<UInt8>) {
    var reader = WireReader(message)
    guard reader.byte() == 1, let body = reader.vector(lengthBytes: 3) else { return nil }
    reader = WireReader(body)
    guard let version = reader.word(), reader.take(32) != nil, reader.vector(lengthBytes: 1) != nil,
      let ciphers = reader.vector(lengthBytes: 2), reader.vector(lengthBytes: 1) != nil
    else { return nil }
    legacyVersion = version
    self.ciphers = WireReader.words(ciphers)
    guard reader.remaining > 0 else { return }
    guard let all = reader.vector(lengthBytes: 2) else { return nil }
    reader = WireReader(all)
    while reader.remaining > 0 {
      guard let type = reader.word(), let content = reader.vector(lengthBytes: 2) else { return nil }
      extensions.append(type)
      take(type, content)
    }
  }

  private mutating func take(_ type: UInt16, _ content: Span<UInt8>) {
    var reader = WireReader(content)
    switch type {
    case Self.supportedGroups: groups = reader.words(lengthBytes: 2)
    case 11: pointFormats = reader.bytes(lengthBytes: 1)
    case Self.signatures: signatureAlgorithms = reader.words(lengthBytes: 2)
    case Self.alpn:
      guard let list = reader.vector(lengthBytes: 2) else { return }
      reader = WireReader(list)
      applicationProtocol = reader.bytes(lengthBytes: 1)
    case 43: versions = reader.words(lengthBytes: 1)
    default: break
    }
  }

  private static let serverName: UInt16 = 0, supportedGroups: UInt16 = 10, signatures: UInt16 = 13, alpn: UInt16 = 16

  /// Values that are sent to keep servers tolerant (RFC 8701) are no part of a fingerprint.
  static func isGREASE(_ value: UInt16) -> Bool { value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff }

  // MARK: Fingerprints

  /// MD5 of version, ciphers, extensions, groups and point formats.
  var ja3: String { Digest.md5(Array(ja3Text.utf8)).hexadecimal }

  var ja3Text: String {
    func list(_ values: [UInt16]) -> String { values.filter { !Self.isGREASE($0) }.map(String.init).joined(separator: "-") }
    let formats = pointFormats.map { String($0) }.joined(separator: "-")
    return "\(legacyVersion),\(list(ciphers)),\(list(extensions)),\(list(groups)),\(formats)"
  }

  /// `t13d1516h2_8daaf6152771_e5627efa2ab1`
  var ja4: String {
    let ciphers = ciphers.filter { !Self.isGREASE($0) }, extensions = extensions.filter { !Self.isGREASE($0) }
    let version = versions.filter { !Self.isGREASE($0) }.max() ?? legacyVersion
    let name = extensions.contains(Self.serverName) ? "d" : "i"
    func two(_ count: Int) -> String { (count < 10 ? "0" : "") + String(min(count, 99)) }
    let head = "t\(Self.versionWord(version))\(name)\(two(ciphers.count))\(two(extensions.count))\(protocolWord)"
    let sorted = extensions.filter { $0 != Self.serverName && $0 != Self.alpn }.sorted().map(Self.four)
    let signatures = signatureAlgorithms.filter { !Self.isGREASE($0) }.map(Self.four)
    let details = sorted.joined(separator: ",") + (signatures.isEmpty ? "" : "_" + signatures.joined(separator: ","))
    return "\(head)_\(Self.short(ciphers.sorted().map(Self.four).joined(separator: ",")))_\(Self.short(extensions.isEmpty ? "" : details))"
  }

  /// First and last character of the first protocol, in hexadecimal when they are no letters or digits.
  private var protocolWord: String {
    guard let first = applicationProtocol.first, let last = applicationProtocol.last else { return "00" }
    func isPlain(_ byte: UInt8) -> Bool { (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) }
    if isPlain(first) && isPlain(last) { return String(decoding: [first, last], as: UTF8.self) }
    return String([first].hexadecimal.prefix(1) + [last].hexadecimal.suffix(1))
  }

  private static func versionWord(_ version: UInt16) -> String {
    switch version {
    case 0x0304: "13"
    case 0x0303: "12"
    case 0x0302: "11"
    case 0x0301: "10"
    case 0x0300: "s3"
    case 0x0002: "s2"
    default: "00"
    }
  }
  private static func four(_ value: UInt16) -> String { [UInt8(value >> 8), UInt8(value & 0xff)].hexadecimal }
  /// Twelve digits of SHA-256; zeros for nothing.
  private static func short(_ text: String) -> String {
    text.isEmpty ? "000000000000" : String(Digest.sha256(Array(text.utf8)).hexadecimal.prefix(12))
  }
}

/// Reads big-endian numbers and vectors with their length in front, never past the end.
private struct WireReader: ~Escapable {
  private let bytes: Span<UInt8>
  private var position = 0

  @_lifetime(copy bytes)
  init(_ bytes: Span<UInt8>) { self.bytes = bytes }

  var remaining: Int { bytes.count - position }

  mutating func byte() -> UInt8? {
    guard remaining > 0 else { return nil }
    defer { position += 1 }
    return bytes[position]
  }
  mutating func word() -> UInt16? {
    guard let high = byte(), let low = byte() else { return nil }
    return UInt16(high) << 8 | UInt16(low)
  }
  @_lifetime(copy self)
  mutating func take(_ count: Int) -> Span<UInt8>? {
    guard remaining >= count else { return nil }
    defer { position += count }
    return bytes.extracting(position..<position + count)
  }
  @_lifetime(copy self)
  mutating func vector(lengthBytes: Int) -> Span<UInt8>? {
    var length = 0
    for _ in 0..<lengthBytes {
      guard let next = byte() else { return nil }
      length = length << 8 | Int(next)
    }
    return take(length)
  }
  static func words(_ bytes: Span<UInt8>) -> [UInt16] {
    (0..<bytes.count / 2).map { UInt16(bytes[$0 * 2]) << 8 | UInt16(bytes[$0 * 2 + 1]) }
  }
  /// A vector of numbers; none when it is cut short.
  mutating func words(lengthBytes: Int) -> [UInt16] {
    guard let content = vector(lengthBytes: lengthBytes) else { return [] }
    return Self.words(content)
  }
  mutating func bytes(lengthBytes: Int) -> [UInt8] {
    guard let content = vector(lengthBytes: lengthBytes) else { return [] }
    return (0..<content.count).map { content[$0] }
  }
}
