// Path patterns: which paths a behavior is for.
// A pure value; matching allocates nothing and takes time linear in the path for each `*`-free piece.
// Source: spec/request-pipeline.md 2.

/// A path pattern: `*` is any number of any bytes, `/` among them; `?` is exactly one; the rest stands for itself,
/// case matters, and a leading `/` makes no difference.
public struct PathPattern: Sendable, Equatable {
  /// The pattern as it was written.
  public let text: String
  /// The pattern without its leading slash.
  public let bytes: [UInt8]
  /// Whether it matches every path.
  public let isCatchAll: Bool
  /// What every path that matches begins with, after its slash; 0 when that is not one byte.
  private let firstByte: UInt8

  /// The pattern that every path matches.
  public static let all = PathPattern("*")

  /// The pattern of a text; `problem(in:)` tells whether CloudFront would take it. Any text makes a usable pattern.
  public init(_ text: String) {
    self.text = text
    var bytes = Array(text.utf8)
    if bytes.first == UInt8(ascii: "/") { bytes.removeFirst() }
    self.bytes = bytes
    isCatchAll = bytes == [UInt8(ascii: "*")]
    firstByte = bytes.first.map { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") ? 0 : $0 } ?? 0
  }

  /// Whether a path that begins with this byte, after its slash, may match; any byte for an empty one.
  func mayMatch(pathBeginningWith byte: UInt8) -> Bool { firstByte == 0 || firstByte == byte }

  /// Whether a path matches.
  /// - Parameter normalizedPath: the path after normalisation, with or without its leading slash, without a query.
  public func matches(_ normalizedPath: Span<UInt8>) -> Bool {
    if isCatchAll { return true }
    let end = normalizedPath.count
    let path = end > 0 && normalizedPath[0] == UInt8(ascii: "/") ? 1 : 0
    if firstByte != 0 && (path == end || normalizedPath[path] != firstByte) { return false }
    return PathPattern.matches(bytes, normalizedPath, from: path, anyBytes: nil)
  }

  /// Whether this pattern matches every path that another one matches. Never true where it does not; where this pattern has a
  /// `?`, it may be false although it does (`?*` and `*a`).
  ///
  /// The other pattern is read as if it were a path. Its `?` is a byte that only `?` and `*` match, its `*` one that only `*`
  /// matches: what this pattern's `*` takes may be replaced by anything, and by nothing.
  public func covers(_ other: PathPattern) -> Bool {
    PathPattern.matches(PathPattern.ordered(bytes), PathPattern.ordered(other.bytes).span, from: 0, anyBytes: UInt8(ascii: "*"))
  }

  /// The same pattern in the one form that `covers` compares: of neighbouring wildcards every `?` first, then a single `*`.
  private static func ordered(_ bytes: [UInt8]) -> [UInt8] {
    // Nearly all have it: no wildcard stands behind a `*`.
    var previous = UInt8(0), isOrdered = true
    for byte in bytes {
      if previous == UInt8(ascii: "*") && (byte == previous || byte == UInt8(ascii: "?")) { isOrdered = false }
      previous = byte
    }
    if isOrdered { return bytes }
    var ordered: [UInt8] = []
    for byte in bytes {
      if byte == UInt8(ascii: "*") && ordered.last == byte { continue }
      if byte == UInt8(ascii: "?") && ordered.last == UInt8(ascii: "*") { ordered.insert(byte, at: ordered.count - 1) } else { ordered.append(byte) }
    }
    return ordered
  }

  /// - Parameter anyBytes: the byte of the path that only `*` matches; nil: there is none.
  @inline(__always) static func matches(_ bytes: [UInt8], _ normalizedPath: Span<UInt8>, from start: Int, anyBytes: UInt8?) -> Bool {
    let end = normalizedPath.count
    var path = start
    var position = 0
    // Where to go on after a mismatch: behind the last `*`, one byte further in the path. Giving up on an earlier `*`
    // is safe: whatever it could still match, the last one can match too. So the work is at most pattern × path.
    var afterStar = -1
    var starPath = 0
    while path < end {
      if position < bytes.count && bytes[position] == UInt8(ascii: "*") {
        position += 1
        afterStar = position
        starPath = path
      } else if position < bytes.count
        && (bytes[position] == UInt8(ascii: "?") && normalizedPath[path] != anyBytes || bytes[position] == normalizedPath[path])
      {
        position += 1
        path += 1
      } else if afterStar >= 0 {
        starPath += 1
        path = starPath
        position = afterStar
      } else {
        return false
      }
    }
    while position < bytes.count && bytes[position] == UInt8(ascii: "*") { position += 1 }
    return position == bytes.count
  }

  /// What CloudFront would say against a pattern, or nil. At most 255 characters of a fixed set.
  public static func problem(in text: String) -> String? {
    if text.isEmpty { return "a path pattern cannot be empty" }
    if text.utf8.count > 255 { return "a path pattern has at most 255 characters" }
    for scalar in text.unicodeScalars where !isAllowed(scalar) {
      return "a path pattern cannot contain '\(scalar.escaped(asASCII: true))'"
    }
    return nil
  }

  private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "A"..."Z", "a"..."z", "0"..."9": true
    case "_", "-", ".", "*", "$", "/", "~", "\"", "'", "@", ":", "+", "&", "?": true
    default: false
    }
  }
}
