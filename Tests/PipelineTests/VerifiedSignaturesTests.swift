// What was verified is remembered by all its bytes and its key, and no more of it than the limit.
@testable import Pipeline
import TestTools
import TLS
import Testing

@Suite struct VerifiedSignaturesTests {
  private let key: PublicKey, other: PublicKey
  init() throws {
    key = try PublicKey(pem: Array(SignatureVectors.rsa.utf8))
    other = try PublicKey(pem: Array(SignatureVectors.rsa.utf8))
  }

  @Test func everythingCounts() {
    var known = VerifiedSignatures(limit: 8)
    let asked: [([UInt8], [UInt8], SignatureDigest, PublicKey, Bool)] = [
      ([1], [2], .sha1, key, true), ([1], [2, 2], .sha1, key, false), ([1, 1], [2], .sha1, key, false), ([], [1, 2], .sha1, key, false),
      ([1, 2], [], .sha1, key, false), ([1], [2], .sha256, key, false), ([1], [2], .sha1, other, false),
    ]
    var isKnown = known.has([1], [2], .sha1, key)
    #expect(!isKnown)
    _ = known.remember([1], [2], .sha1, key)
    for (signature, message, digest, key, expected) in asked {
      isKnown = known.has(signature, message, digest, key)
      #expect(isKnown == expected, "\(signature) \(message)")
    }
  }

  @Test func theLimit() {
    var known = VerifiedSignatures(limit: 8), forgotten = 0
    for i in 0..<100 as Range<UInt8> {
      if known.remember([i], [], .sha1, key) { forgotten += 1 }
      let isKnown = known.has([i], [], .sha1, key), isOldKnown = known.has([0], [], .sha1, key)
      #expect(isKnown && isOldKnown, "what is asked for stays")
      #expect(known.count <= 8)
    }
    let isKnown = known.has([50], [], .sha1, key)
    #expect(forgotten > 0 && !isKnown)
    known = VerifiedSignatures(limit: 0)
    _ = known.remember([1], [], .sha1, key)
    #expect(known.count == 0)
  }
}
