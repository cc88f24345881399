// Which URLs the Resource of a custom policy stands for.
// A pure value; any thread. Takes time in proportion to pattern × URL at worst: match only what a trusted key has signed.
// Source: spec/request-pipeline.md 16.

/// A pattern of URLs. `*` is any number of any bytes and `?` is one byte, each within its section: scheme, host, path or query. A `*` at the end of
/// the path stands for the query too, one at the end of the host for path and query; `*` alone is every URL.
///
/// A `?` behind the path may begin the query or stand for one byte: either reading will do.
public struct ResourcePattern: Sendable, Equatable {
  /// The parts of a pattern that has them; nil for `*`.
  private let parts: Parts?
  private struct Parts: Equatable {
    /// Host without regard to letter case.
    var scheme: [UInt8], host: [UInt8]
    /// Path and query; nil when the pattern ends with its host.
    var rest: [UInt8]?
  }
  /// Whether it can match anything.
  private let isPattern: Bool

  /// A pattern; one that is neither `*` nor has a scheme matches nothing.
  public init(_ text: String) {
    let bytes = Array(text.utf8)
    guard text != "*" else {
      (parts, isPattern) = (nil, true)
      return
    }
    guard let mark = bytes.firstRange(of: Array("://".utf8)) else {
      (parts, isPattern) = (nil, false)
      return
    }
    let behind = bytes[mark.upperBound...], host = behind.prefix { $0 != UInt8(ascii: "/") }
    let rest = behind.dropFirst(host.count)
    parts = Parts(scheme: Array(bytes[..<mark.lowerBound]), host: host.map(lowercased), rest: rest.isEmpty ? nil : Array(rest))
    isPattern = true
  }

  /// Whether a URL is one of them.
  public func matches(_ url: SignedURL) -> Bool {
    guard isPattern else { return false }
    guard let parts else { return true }
    guard Self.fits(parts.scheme, Array(url.scheme.utf8)), Self.fits(parts.host, url.host.map(lowercased)) else { return false }
    guard let rest = parts.rest else { return parts.host.last == UInt8(ascii: "*") || url.path == [UInt8(ascii: "/")] && url.query == nil }
    guard Self.fits(rest, url.path, url.query) else { return false }
    // An origin may take the dots in `/open/../secret` for what they are: then the pattern must be for that place too.
    if NormalizedPath.isNormal(url.path.span) || Self.isPlain(rest) { return true }
    return Self.fits(rest, NormalizedPath.normalize(url.path.span), url.query)
  }

  private static func isPlain(_ pattern: [UInt8]) -> Bool { !pattern.contains(UInt8(ascii: "*")) && !pattern.dropFirst().contains(UInt8(ascii: "?")) }

  /// Path and query against a pattern in which any `?`, or none, begins the query.
  private static func fits(_ pattern: [UInt8], _ path: [UInt8], _ query: [UInt8]?) -> Bool {
    if fits(pattern, path) && (query == nil || pattern.last == UInt8(ascii: "*")) { return true }
    for (place, byte) in pattern.enumerated() where byte == UInt8(ascii: "?") {
      if fits(Array(pattern[..<place]), path) && fits(Array(pattern[(place + 1)...]), query ?? []) { return true }
    }
    return false
  }

  private static func fits(_ pattern: [UInt8], _ text: [UInt8]) -> Bool { PathPattern.matches(pattern, text.span, from: 0, anyBytes: nil) }
}
