// The path that behaviors are matched against: RFC 3986 section 6.2.2 with multiple slashes merged.
// Pure functions over bytes, linear in the path. The origin is sent the raw path, never this one.
// Source: spec/request-pipeline.md 2; RFC 3986 sections 2.3, 5.2.4, 6.2.2.

/// Normalisation of request paths.
public enum NormalizedPath {
  /// Whether normalisation would leave a path as it is; true for nearly all of them. Allocates nothing.
  /// - Parameter raw: the path as it was received, without a query.
  public static func isNormal(_ raw: Span<UInt8>) -> Bool {
    for index in 0..<raw.count where raw[index] <= UInt8(ascii: "/") {   // no letter, no digit
      let byte = raw[index]
      if byte == UInt8(ascii: "/") {
        let next = index + 1 < raw.count ? raw[index + 1] : 0
        if next == UInt8(ascii: "/") { return false }
        // Any segment that begins with a dot is looked at closely only when it is `.` or `..`.
        if next == UInt8(ascii: ".") && isDotSegment(raw, from: index + 1) { return false }
      } else if byte == UInt8(ascii: "%"), unreservedByte(raw, at: index) != nil {
        return false
      }
    }
    return true
  }

  /// The normalised path: unreserved bytes percent-decoded once, `//` merged, then `.` and `..` segments removed.
  ///
  /// `..` above the root stays at the root. A path that does not begin with `/` (such as `*`) is only decoded.
  /// - Parameter raw: the path as it was received, without a query.
  public static func normalize(_ raw: Span<UInt8>) -> [UInt8] {
    var decoded: [UInt8] = []
    decoded.reserveCapacity(raw.count)
    var index = 0
    while index < raw.count {
      let byte = raw[index]
      if byte == UInt8(ascii: "%"), let plain = unreservedByte(raw, at: index) {
        decoded.append(plain)
        index += 3
      } else {
        decoded.append(byte)
        index += 1
      }
    }
    return decoded.first == UInt8(ascii: "/") ? withoutDotSegments(decoded) : decoded
  }

  /// An absolute path with its empty and dot segments removed; the output never outgrows the input.
  private static func withoutDotSegments(_ path: [UInt8]) -> [UInt8] {
    let slash = UInt8(ascii: "/")
    var output: [UInt8] = []
    output.reserveCapacity(path.count)
    var start = 1
    while start <= path.count {
      let end = path[start...].firstIndex(of: slash) ?? path.count
      let segment = path[start..<end]
      let isLast = end == path.count
      if segment.elementsEqual([UInt8(ascii: "."), UInt8(ascii: ".")]) {
        while let last = output.popLast(), last != slash {}
        if isLast { output.append(slash) }
      } else if segment.elementsEqual([UInt8(ascii: ".")]) || segment.isEmpty {
        if isLast { output.append(slash) }
      } else {
        output.append(slash)
        output.append(contentsOf: segment)
      }
      start = end + 1
    }
    return output
  }

  /// Whether the segment from `start` is `.` or `..`.
  private static func isDotSegment(_ raw: Span<UInt8>, from start: Int) -> Bool {
    var end = start
    while end < raw.count && end - start < 3 && raw[end] != UInt8(ascii: "/") {
      if raw[end] != UInt8(ascii: ".") { return false }
      end += 1
    }
    return end - start < 3
  }

  /// The unreserved byte that the three bytes from a `%` stand for; nil for any other byte and for malformed ones.
  private static func unreservedByte(_ raw: Span<UInt8>, at index: Int) -> UInt8? {
    guard index + 2 < raw.count, let high = hexDigit(raw[index + 1]), let low = hexDigit(raw[index + 2]) else {
      return nil
    }
    let byte = high << 4 | low
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
      UInt8(ascii: "~"):
      return byte
    default: return nil
    }
  }

  static func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
