// Owns: public keys that say whether a signature is right: those of signed URLs and cookies. Immutable; any thread. Unsafe only at the calls
// into OpenSSL. Source: spec/request-pipeline.md, 16; RFC 8017, 8.2 (RSA, PKCS #1 v1.5); FIPS 186-5 (ECDSA).
import COpenSSL

/// The digest that a signature was made over.
public enum SignatureDigest: Sendable {
  case sha1, sha256
}

/// Why a text is no public key that can be used.
public struct PublicKeyFailure: Error, Equatable, Sendable {
  /// In words, as the end of a sentence.
  public let reason: String
}

/// A public key: RSA of 2048 to 4096 bits, or ECDSA on the curve P-256.
@safe public final class PublicKey: @unchecked Sendable, Equatable {
  /// Sizes of RSA keys in bits: a shorter one is no protection, a longer one costs too much time with each signature.
  public static let rsaBits = 2048...4096

  /// What kind of key it is.
  public enum Kind: Sendable, Equatable {
    case rsa(bits: Int), ecdsaP256
  }
  /// Its kind.
  public let kind: Kind
  private let pem: [UInt8]
  private let key: OpaquePointer

  /// Reads a key.
  /// - Parameter pem: with `-----BEGIN PUBLIC KEY-----`.
  /// - Throws: when there is none, or one that cannot be used here.
  public init(pem: [UInt8]) throws(PublicKeyFailure) {
    var kind = sk_key_other, bits: Int32 = 0, why = sk_tls_text()
    guard let key = unsafe sk_public_key_read(pem, pem.count, &kind, &bits, &why) else { throw PublicKeyFailure(reason: why.text) }
    switch kind {
    case sk_key_rsa where Self.rsaBits.contains(Int(bits)): self.kind = .rsa(bits: Int(bits))
    case sk_key_ecdsa: self.kind = .ecdsaP256
    default:
      unsafe sk_public_key_free(key)
      let found = kind == sk_key_rsa ? "RSA with \(bits) bits" : "a key of another kind"
      throw PublicKeyFailure(reason: "it is \(found); RSA with 2048 to 4096 bits and ECDSA on P-256 can be used")
    }
    self.pem = pem
    unsafe self.key = key
  }

  deinit { unsafe sk_public_key_free(key) }

  /// Whether a signature is this key's. Takes some 20 µs (RSA) or 60 µs (ECDSA). Any thread.
  /// - Parameters:
  ///   - signature: as RSA makes it; of ECDSA in DER.
  ///   - message: what was signed; not its digest.
  public func verifies(_ signature: [UInt8], of message: [UInt8], _ digest: SignatureDigest) -> Bool {
    unsafe sk_public_key_verifies(key, digest == .sha256 ? 1 : 0, message, message.count, signature, signature.count) == 1
  }

  /// Whether two were read from the same text.
  public static func == (a: PublicKey, b: PublicKey) -> Bool { a.pem == b.pem }
}
