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
    var path = end > 0 && normalizedPath[0] == UInt8(ascii: "/") ? 1 : 0
    if firstByte != 0 && (path == end || normalizedPath[path] != firstByte) { return false }
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
        && (bytes[position] == UInt8(ascii: "?") || bytes[position] == normalizedPath[path])
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
