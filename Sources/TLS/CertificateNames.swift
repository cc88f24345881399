// Owns: which names a certificate covers, and which of several certificates is shown for a name. Pure values and functions over them.
// Source: RFC 6125, 6.4; RFC 6066, 3.

/// The names of one certificate, lower case: DNS names, wildcards (`*.example.com`) and IP addresses.
public struct CertificateNames: Sendable, Equatable {
  /// In the certificate's order.
  public let names: [String]

  /// Names in any case.
  public init(_ names: [String]) { self.names = names.map { $0.lowercased() } }

  /// How well a name is covered.
  enum Cover: Int, Comparable {
    case none, wildcard, exact
    static func < (a: Cover, b: Cover) -> Bool { a.rawValue < b.rawValue }
  }

  /// - Parameter name: lower case, without a trailing dot or port.
  func cover(_ name: String) -> Cover {
    if names.contains(name) { return .exact }
    // A wildcard stands for exactly one label, the leftmost (RFC 6125, 6.4.3).
    guard let dot = name.firstIndex(of: "."), dot != name.startIndex, !CertificateNames.isAddress(name) else { return .none }
    return names.contains("*" + name[dot...]) ? .wildcard : .none
  }

  /// Whether a host may be served under this certificate.
  /// - Parameter host: lower case, without port; one trailing dot is ignored.
  public func covers(_ host: String) -> Bool { cover(host.hasSuffix(".") ? String(host.dropLast()) : host) != .none }

  private static func isAddress(_ name: String) -> Bool {
    name.contains(":") || name.utf8.allSatisfy { $0 == UInt8(ascii: ".") || (48...57).contains($0) }
  }

  /// The certificates that are shown for a name: those that cover it best, at most one of each kind of key, the first of them in the list.
  /// - Parameters:
  ///   - certificates: each one's names and kind of key.
  ///   - name: lower case; nil when the viewer named none.
  /// - Returns: indices in the order of the list; those of the first certificate's names when no certificate covers the name.
  static func choice(among certificates: [(names: CertificateNames, kind: KeyKind)], for name: String?) -> [Int] {
    let covers = certificates.map { certificate in name.map { certificate.names.cover($0) } ?? .none }
    let best = covers.max() ?? .none
    guard best != .none else {
      // The default: the first, and others for exactly the same names with another kind of key.
      guard let first = certificates.first else { return [] }
      return oneOfEachKind(certificates.indices.filter { Set(certificates[$0].names.names) == Set(first.names.names) }, certificates)
    }
    return oneOfEachKind(certificates.indices.filter { covers[$0] == best }, certificates)
  }

  private static func oneOfEachKind(_ indices: [Int], _ certificates: [(names: CertificateNames, kind: KeyKind)]) -> [Int] {
    var kinds: Set<KeyKind> = []
    return indices.filter { kinds.insert(certificates[$0].kind).inserted }
  }
}

/// What kind of key a certificate has. OpenSSL shows one of each kind beside the others.
public enum KeyKind: Sendable, Hashable { case rsa, ecdsa, ed25519, other }
