// Owns: what a viewer's TLS tells a policy that asks: version, cipher and handshake, fingerprints, the viewer's certificate; and whether
// a Host may be served on it at all. Source: spec/request-pipeline.md, 12; CloudFront's documentation of viewer mTLS headers.
import Distribution
import HTTPWire
import TLS
import Transport

extension Worker {
  /// The value of a CloudFront-* header that TLS knows.
  func tlsHeader(_ header: CloudFrontHeader, _ tls: TLSConnection, _ exchange: borrowing Exchange) -> String? {
    switch header {
    case .viewerTLS: "\(tls.version.rawValue):\(tls.cipher):\(exchange.handshake)"
    case .viewerJA3Fingerprint: tls.fingerprints?.ja3
    case .viewerJA4Fingerprint: tls.fingerprints?.ja4
    case .viewerCertificatePresent: tls.asksCertificate ? (tls.peerCertificate(.sha256) == nil ? "0" : "1") : nil
    case .viewerCertificateSerialNumber: tls.viewerCertificate(.serialNumber)
    case .viewerCertificateIssuer: tls.viewerCertificate(.issuer)
    case .viewerCertificateSubject: tls.viewerCertificate(.subject)
    case .viewerCertificateSHA256: tls.viewerCertificate(.sha256)
    case .viewerCertificateValidity: tls.viewerCertificate(.validity)
    case .viewerCertificatePEM: tls.viewerCertificate(.pem).map(urlEncoded)
    default: nil
    }
  }

  private func urlEncoded(_ text: String) -> String {
    var result = ""
    for byte in text.utf8 {
      let isPlain = (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == UInt8(ascii: "-")
      if isPlain { result.unicodeScalars.append(Unicode.Scalar(byte)) } else { result += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true) }
    }
    return result
  }

  /// A viewer that asked for one name in its handshake may ask for another in a request only where the certificate it was shown is for both
  /// (RFC 9110, 7.4, 15.5.20). One that named none in its handshake may ask for any.
  func isMisdirected(_ exchange: borrowing Exchange) -> Bool {
    guard let tls = exchange.tls, !tls.serverName.isEmpty else { return false }
    let authority = exchange.request.authority
    let named = tls.serverName, served = tls.servedAuthority
    if authority.count == 0 || authority.equalsIgnoringCase(named.span) || authority.equals(served.span) { return false }
    let host = ServerNaming.name(ofHost: authority.text).lowercased()
    guard host == String(decoding: named, as: UTF8.self) || tls.mayServe(host) else { return true }
    tls.servedAuthority = authority.copied
    return false
  }
}

extension TLSConnection {
  /// A part of the viewer's certificate where one was asked for, fit for a header: distinguished names may hold anything.
  fileprivate func viewerCertificate(_ part: CertificatePart) -> String? {
    guard asksCertificate, let text = peerCertificate(part) else { return nil }
    return part == .pem || HeaderRules.isFieldValue(text) ? text : nil
  }
}
