// What becomes of a viewer's Accept-Encoding under a cache policy with compressed variants.
// A pure function; any thread. Source: spec/request-pipeline.md 3.2.

/// The Accept-Encoding that stands in the cache key and goes to the origin.
public enum AcceptEncoding: String, Sendable, CaseIterable {
  /// Both formats.
  case brotliAndGzip = "br,gzip"
  /// Only gzip.
  case gzip
  /// Only Brotli.
  case brotli = "br"
  /// The viewer takes neither: nothing in the key, `identity` to the origin.
  case identity

  /// The normalised value of a viewer's header. Every other coding is dropped, as is a coding with a weight of zero.
  /// - Parameters:
  ///   - value: the header's value; when the viewer sent none, none is sent on and this is not asked.
  ///   - gzip: whether the policy has gzip as a variant.
  ///   - brotli: whether the policy has Brotli as a variant.
  public init(normalizing value: Span<UInt8>, gzip: Bool, brotli: Bool) {
    let codings = AcceptEncoding.codings(in: value)
    switch (codings.gzip && gzip, codings.brotli && brotli) {
    case (true, true): self = .brotliAndGzip
    case (true, false): self = .gzip
    case (false, true): self = .brotli
    case (false, false): self = .identity
    }
  }

  /// Which of the two codings a header's value accepts. (RFC 9110 section 12.5.3.)
  private static func codings(in value: Span<UInt8>) -> (gzip: Bool, brotli: Bool) {
    var found = (gzip: false, brotli: false)
    for element in value.copied.split(separator: UInt8(ascii: ",")) {
      let parts = element.split(separator: UInt8(ascii: ";"), maxSplits: 1)
      guard let coding = parts.first?.trimmingSpaces(), !(parts.count > 1 && isZeroWeight(parts[1])) else { continue }
      let name = coding.map(lowercased)
      if name.elementsEqual("gzip".utf8) { found.gzip = true }
      if name.elementsEqual("br".utf8) { found.brotli = true }
    }
    return found
  }

  /// Whether a parameter is `q=0`, `q=0.0` and so on.
  private static func isZeroWeight(_ parameter: ArraySlice<UInt8>) -> Bool {
    let bytes = parameter.trimmingSpaces()
    guard bytes.count >= 3, lowercased(bytes[bytes.startIndex]) == UInt8(ascii: "q") else { return false }
    let weight = bytes.dropFirst().trimmingSpaces().dropFirst().trimmingSpaces()
    return weight.first == UInt8(ascii: "0")
      && weight.dropFirst().allSatisfy { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "0") }
  }
}
