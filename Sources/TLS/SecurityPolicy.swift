// Owns: what a security policy's name means, as CloudFront documents it ("Supported protocols and ciphers between viewers and
// CloudFront"): the oldest version, and the ciphers in their order of preference. Pure values.

/// A version of TLS.
public enum TLSVersion: String, CaseIterable, Sendable, Comparable {
  case tls10 = "TLSv1"
  case tls11 = "TLSv1.1"
  case tls12 = "TLSv1.2"
  case tls13 = "TLSv1.3"

  /// As it stands on the wire (RFC 8446, 4.2.1).
  var wire: Int32 {
    switch self {
    case .tls10: 0x0301
    case .tls11: 0x0302
    case .tls12: 0x0303
    case .tls13: 0x0304
    }
  }

  /// The versions that a list of origin protocols means (`originSslProtocols`): from the oldest to the newest; where TLS 1.2 is among them,
  /// CloudFront speaks 1.3, too. Nil for an empty list.
  public static func range(origin versions: [TLSVersion]) -> ClosedRange<TLSVersion>? {
    guard let oldest = versions.min(), let newest = versions.max() else { return nil }
    return oldest ... (newest == .tls12 ? .tls13 : newest)
  }

  /// Whether it has been given up (RFC 8996): its handshakes are signed with SHA-1.
  public var isDeprecated: Bool { self < .tls12 }

  /// Older is less.
  public static func < (a: TLSVersion, b: TLSVersion) -> Bool { a.wire < b.wire }
}

/// CloudFront's names for what viewers may use (`MinimumProtocolVersion`).
public enum SecurityPolicy: String, CaseIterable, Sendable {
  case tls1 = "TLSv1"
  case tls1From2016 = "TLSv1_2016"
  case tls11From2016 = "TLSv1.1_2016"
  case tls12From2018 = "TLSv1.2_2018"
  case tls12From2019 = "TLSv1.2_2019"
  case tls12From2021 = "TLSv1.2_2021"
  case tls12From2025 = "TLSv1.2_2025"
  case tls13From2025 = "TLSv1.3_2025"

  /// The oldest version it allows.
  public var minimumVersion: TLSVersion {
    switch self {
    case .tls1, .tls1From2016: .tls10
    case .tls11From2016: .tls11
    case .tls12From2018, .tls12From2019, .tls12From2021, .tls12From2025: .tls12
    case .tls13From2025: .tls13
    }
  }

  /// One cipher and the policies that allow it.
  private struct Row {
    let name: String
    let isAllowed: @Sendable (SecurityPolicy) -> Bool
    init(_ name: String, _ isAllowed: @escaping @Sendable (SecurityPolicy) -> Bool) { (self.name, self.isAllowed) = (name, isAllowed) }
  }
  private static let all: @Sendable (SecurityPolicy) -> Bool = { _ in true }
  /// Authenticated encryption with forward secrecy.
  private static let modern: @Sendable (SecurityPolicy) -> Bool = { $0 != .tls13From2025 }
  private static let withChaCha: @Sendable (SecurityPolicy) -> Bool = { $0 != .tls13From2025 && $0 != .tls12From2025 }
  private static let until2019: @Sendable (SecurityPolicy) -> Bool = { [.tls1, .tls1From2016, .tls11From2016, .tls12From2018, .tls12From2019].contains($0) }
  private static let until2018: @Sendable (SecurityPolicy) -> Bool = { [.tls1, .tls1From2016, .tls11From2016, .tls12From2018].contains($0) }
  private static let until2016: @Sendable (SecurityPolicy) -> Bool = { [.tls1, .tls1From2016, .tls11From2016].contains($0) }

  /// CloudFront's table, in its order, without what OpenSSL 3 no longer has (3DES and RC4 of the two oldest policies).
  private static let table: [Row] = [
    Row("TLS_AES_128_GCM_SHA256", all), Row("TLS_AES_256_GCM_SHA384", all),
    Row("TLS_CHACHA20_POLY1305_SHA256") { $0 != .tls12From2025 },
    Row("ECDHE-ECDSA-AES128-GCM-SHA256", modern), Row("ECDHE-ECDSA-AES128-SHA256", until2019), Row("ECDHE-ECDSA-AES128-SHA", until2016),
    Row("ECDHE-ECDSA-AES256-GCM-SHA384", modern), Row("ECDHE-ECDSA-CHACHA20-POLY1305", withChaCha),
    Row("ECDHE-ECDSA-AES256-SHA384", until2019), Row("ECDHE-ECDSA-AES256-SHA", until2016),
    Row("ECDHE-RSA-AES128-GCM-SHA256", modern), Row("ECDHE-RSA-AES128-SHA256", until2019), Row("ECDHE-RSA-AES128-SHA", until2016),
    Row("ECDHE-RSA-AES256-GCM-SHA384", modern), Row("ECDHE-RSA-CHACHA20-POLY1305", withChaCha),
    Row("ECDHE-RSA-AES256-SHA384", until2019), Row("ECDHE-RSA-AES256-SHA", until2016),
    Row("AES128-GCM-SHA256", until2018), Row("AES256-GCM-SHA384", until2018), Row("AES128-SHA256", until2018),
    Row("AES256-SHA", until2016), Row("AES128-SHA", until2016),
  ]

  /// Its ciphers for TLS 1.3, in order of preference, by OpenSSL's names.
  public var suites: [String] { SecurityPolicy.table.filter { $0.name.hasPrefix("TLS_") && $0.isAllowed(self) }.map(\.name) }
  /// Its ciphers for TLS 1.2 and older, in order of preference, by OpenSSL's names; none for a policy of TLS 1.3 only.
  public var ciphers: [String] { SecurityPolicy.table.filter { !$0.name.hasPrefix("TLS_") && $0.isAllowed(self) }.map(\.name) }

  /// The versions and ciphers as contexts are made with them.
  var protocols: ProtocolChoice {
    // OpenSSL wants a list for the versions that are never spoken, too.
    let ciphers = self.ciphers.isEmpty ? SecurityPolicy.tls12From2021.ciphers : self.ciphers
    return ProtocolChoice(minimum: minimumVersion, maximum: .tls13, ciphers: ciphers.joined(separator: ":"), suites: suites.joined(separator: ":"))
  }
}

/// Versions and ciphers of a context, in OpenSSL's form.
struct ProtocolChoice {
  let minimum, maximum: TLSVersion
  let ciphers, suites: String

  /// What is spoken with origins: these versions, and the ciphers of the newest policy that has them.
  init(origin versions: ClosedRange<TLSVersion>) {
    let policy: SecurityPolicy = versions.lowerBound < .tls12 ? .tls1From2016 : .tls12From2018
    let like = policy.protocols
    self.init(minimum: versions.lowerBound, maximum: versions.upperBound, ciphers: like.ciphers, suites: like.suites)
  }

  init(minimum: TLSVersion, maximum: TLSVersion, ciphers: String, suites: String) {
    self.minimum = minimum
    self.maximum = maximum
    self.ciphers = ciphers
    self.suites = suites
  }
}
