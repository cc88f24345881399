// Owns: which trailer fields are passed on (RFC 9110, 6.5). They follow content only where the next hop speaks HTTP/2, whichever version they
// came by; a hop of HTTP/1.1 gets none (6.5.1 lets them be discarded). What frames, routes, authenticates, modifies or describes a message
// must have stood in its head.
import Transport

/// Field lines that came behind content and the empty line behind them, as they came. Few messages have any: a connection moves from hand to
/// hand with every request, so it holds no more of them than a reference.
final class TrailerSection {
  var bytes = ByteBuffer()
}

enum Trailers {
  /// Such fields that no other rule of ours knows, so that they have no `FieldName`.
  private static let barred: [StaticString] = ["content-range", "retry-after", "www-authenticate"]

  /// Whether a field with a name that no other rule knows may follow content.
  static func mayPass(_ name: Span<UInt8>) -> Bool { !barred.contains { name.equalsLowercase($0) } }

  /// The field lines that may be passed on; none when there are more of them than a head may have.
  /// - Parameter section: whole field lines and the empty line behind them, at most ``BodyDecoder/maximumTrailerBytes``; the decoder has checked them.
  static func allowed(_ section: borrowing ByteBuffer, _ limits: HeadLimits) -> ByteBuffer {
    var lines = ByteBuffer()
    var start = 0, count = 0
    let bytes = section.readable
    while start < bytes.count {
      let end = min(bytes.count, bytes.next(10, from: start) + 1), colon = bytes.next(58, from: start)
      if colon < end {
        count += 1
        let name = bytes.extracting(start..<colon)
        if FieldName(name) == .other && mayPass(name) { lines.append(bytes.extracting(start..<end)) }
      }
      start = end
    }
    return count > limits.fieldLines ? ByteBuffer() : lines
  }
}
