// Owns: reading what a certificate's file says, without keeping it. Unsafe only where text goes to and comes from OpenSSL.
import COpenSSL

/// Why files are of no use for TLS.
public struct CertificateFailure: Error, Equatable, Sendable {
  /// The path of the file that is at fault.
  public let path: String
  /// What is wrong with it, in OpenSSL's words.
  public let reason: String
}

/// The first certificate of a PEM file.
public struct Certificate: Sendable, Equatable {
  /// The names it is for.
  public let names: CertificateNames
  /// The kind of its key.
  public let kind: KeyKind
  /// Its last second, since 1970.
  public let expires: Int64

  /// Reads a file. Blocks; off the workers' threads.
  public init(path: String) throws(CertificateFailure) {
    var kind = sk_key_other, expires: Int64 = 0, why = sk_tls_text()
    let found = NameList()
    let done = unsafe sk_certificate_names(
      path, Unmanaged.passUnretained(found).toOpaque(),
      { context, name in unsafe Unmanaged<NameList>.fromOpaque(context).takeUnretainedValue().names.append(String(cString: name)) },
      &kind, &expires, &why)
    guard done == 1 else { throw CertificateFailure(path: path, reason: why.text) }
    names = CertificateNames(found.names)
    self.expires = expires
    self.kind = switch kind {
    case sk_key_rsa: .rsa
    case sk_key_ecdsa: .ecdsa
    case sk_key_ed25519: .ed25519
    default: .other
    }
  }

  private final class NameList { var names: [String] = [] }
}

extension sk_tls_text {
  /// The words.
  var text: String {
    var copy = self
    return unsafe withUnsafeBytes(of: &copy) { bytes in
      unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
  }
}

/// Protocol names in the form of RFC 7301, 3.1: each behind its length.
func wireForm(of protocols: [String]) -> [UInt8] { protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } }

/// Digests that fingerprints and scopes are made of.
package enum Digest {
  /// 32 bytes.
  package static func sha256(_ bytes: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    unsafe sk_digest_sha256(bytes, bytes.count, &digest)
    return digest
  }
  static func md5(_ bytes: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 16)
    unsafe sk_digest_md5(bytes, bytes.count, &digest)
    return digest
  }
}

extension [UInt8] {
  /// Two digits for each byte.
  var hexadecimal: String { map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
}
