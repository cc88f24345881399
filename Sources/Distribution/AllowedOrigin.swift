// One entry of a CORS policy's list of allowed origins.
// Source: spec/request-pipeline.md 6.

/// An allowed origin: `*`, or `[scheme://]host[:port]` with wildcards in the leftmost label and in the port.
public struct AllowedOrigin: Sendable, Equatable {
  /// As it was written.
  public let text: String
  /// The scheme in lower case; nil allows any.
  let scheme: [UInt8]?
  /// The host in lower case; a wildcard's begins with its dot.
  let host: [UInt8]
  /// Whether the leftmost label is `*`.
  let isWildcard: Bool
  /// The port's pattern, with `*`; nil allows only an origin without a port.
  let port: [UInt8]?

  /// Whether it is `*`, every origin.
  public var isEvery: Bool { text == "*" }

  /// Every origin.
  public static let every = AllowedOrigin(text: "*", scheme: nil, host: [], isWildcard: true, port: nil)

  private init(text: String, scheme: [UInt8]?, host: [UInt8], isWildcard: Bool, port: [UInt8]?) {
    self.text = text
    self.scheme = scheme
    self.host = host
    self.isWildcard = isWildcard
    self.port = port
  }

  /// An allowed origin; nil when the text is not of the form above.
  public init?(_ text: String) {
    if text == "*" {
      self = .every
      return
    }
    var rest = Substring(text.lowercased())
    var scheme: [UInt8]?
    if let colon = rest.range(ofFirst: "://") {
      let name = rest[..<colon.lowerBound]
      guard name == "http" || name == "https" else { return nil }
      scheme = Array(name.utf8)
      rest = rest[colon.upperBound...]
    }
    var port: [UInt8]?
    if let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("]") {
      let digits = rest[rest.index(after: colon)...]
      guard !digits.isEmpty, digits.utf8.count <= 5,
        digits.utf8.allSatisfy({ ($0 >= 0x30 && $0 <= 0x39) || $0 == UInt8(ascii: "*") })
      else { return nil }
      port = Array(digits.utf8)
      rest = rest[..<colon]
    }
    let isWildcard = rest.hasPrefix("*.")
    if isWildcard { rest = rest.dropFirst() }
    let host = Array(rest.utf8)
    // A wildcard needs a domain of its own below it: `*.com` would be half the world.
    let labels = rest.split(separator: ".", omittingEmptySubsequences: true)
    guard !rest.isEmpty, !rest.contains("*"), labels.count >= (isWildcard ? 2 : 1),
      host.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") })
    else { return nil }
    self.init(text: text, scheme: scheme, host: host, isWildcard: isWildcard, port: port)
  }

  /// Whether the value of an `Origin` request header is allowed.
  public func allows(_ origin: String) -> Bool {
    if isEvery { return true }
    var rest = Substring(origin.lowercased())
    guard let colon = rest.range(ofFirst: "://") else { return false }
    if let scheme, !rest[..<colon.lowerBound].utf8.elementsEqual(scheme) { return false }
    rest = rest[colon.upperBound...]
    var originPort: Substring?
    if let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("]") {
      originPort = rest[rest.index(after: colon)...]
      rest = rest[..<colon]
    }
    switch (port, originPort) {
    case (nil, nil): break
    case (let port?, let originPort?):
      guard PathPattern(String(decoding: port, as: UTF8.self)).matches(Array(originPort.utf8).span) else { return false }
    default: return false
    }
    let bytes = Array(rest.utf8)
    if isWildcard { return bytes.count > host.count && bytes.suffix(host.count).elementsEqual(host) }
    return bytes == host
  }
}

extension Substring {
  /// The range of the first occurrence of a text, if any.
  func range(ofFirst text: String) -> Range<Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
      start = index(after: start)
    }
    return nil
  }
}
