// Owns: which signatures were found good, so that the cookies of a visit are not verified with every request: an RSA key takes some 20 µs for it.
// Confined to a worker's thread. What is compared are all bytes of signature and message, and the key itself.
import TLS

/// Signatures that were good, the newest ones: in two halves, of which the older is forgotten when the younger is full.
struct VerifiedSignatures {
  private struct Signed: Hashable {
    let signature: [UInt8]
    let message: [UInt8]
    let isSHA256: Bool
  }
  private var young: [Signed: PublicKey] = [:], old: [Signed: PublicKey] = [:]
  /// How many are remembered at most.
  var limit: Int

  init(limit: Int) { self.limit = limit }

  /// How many are remembered.
  var count: Int { young.count + old.count }

  /// Whether a signature is known to be good.
  mutating func has(_ signature: [UInt8], _ message: [UInt8], _ digest: SignatureDigest, _ key: PublicKey) -> Bool {
    let signed = Signed(signature: signature, message: message, isSHA256: digest == .sha256)
    if let known = young[signed] { return known === key }
    guard let known = old[signed], known === key else { return false }
    _ = keep(signed, key)
    return true
  }

  /// Remembers a signature that was good.
  /// - Returns: whether others were forgotten for it.
  mutating func remember(_ signature: [UInt8], _ message: [UInt8], _ digest: SignatureDigest, _ key: PublicKey) -> Bool {
    keep(Signed(signature: signature, message: message, isSHA256: digest == .sha256), key)
  }

  private mutating func keep(_ signed: Signed, _ key: PublicKey) -> Bool {
    guard limit > 0 else { return false }
    var forgets = false
    if young.count >= max(1, limit / 2) {
      forgets = !old.isEmpty
      old = young
      young = [:]
    }
    old[signed] = nil
    young[signed] = key
    return forgets
  }
}
