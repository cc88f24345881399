// Owns: whether a response is compressed before it is stored (spec/request-pipeline.md, 9), and the compressing, piece by piece.
// The decision is pure; a compressor belongs to one task.
import CCompression
public import Distribution
public import HTTPWire
public import Transport

/// A content coding that the cache makes itself (RFC 9110, 8.4.1).
public enum ContentCoding: Sendable {
  case gzip, brotli

  /// Its name in Content-Encoding.
  public var name: StaticString { self == .gzip ? "gzip" : "br" }
}

/// Which responses are compressed.
public enum Compression {
  /// The shortest and the longest content that is compressed, in bytes.
  public static let sizes = 1_000...10_000_000
  /// How hard it is tried (0–9 and 0–11): from there on each step costs more time than it saves bytes (Documentation/cache.md).
  static let gzipLevel = 5, brotliLevel = 5

  /// The coding in which a response is stored.
  /// - Parameter accepted: what the key says of the viewer.
  /// - Returns: nil when it is stored as it came.
  public static func coding(for head: borrowing ResponseHead, accepted: AcceptEncoding) -> ContentCoding? {
    guard accepted != .identity, [200, 403, 404].contains(head.line.status), case .length(let length) = head.line.framing, sizes.contains(length),
      !head.fields.has(.contentEncoding), let type = head.fields.first(.contentType), isWorthIt(head.fields.value(type)),
      !CacheDirectives(head.fields).has(.noTransform)
    else { return nil }
    return accepted == .gzip ? .gzip : .brotli
  }

  /// Changes a head as its content is: coding, a weak entity tag, Vary. A tag that is none goes.
  public static func apply(_ coding: ContentCoding, to head: inout ResponseHead) {
    head.fields.append("Content-Encoding", coding.name)
    head.fields.drop(FieldNameSet(.contentLength, .contentMD5))
    for name in digests { head.fields.drop(named: name.utf8.span) }
    if let line = head.fields.first(.etag) {
      let tag = head.fields.value(line).characters
      head.fields.drop(.etag)
      if tag.hasPrefix("W/") { head.fields.append("ETag", tag) } else if tag.hasPrefix("\"") { head.fields.append("ETag", "W/\(tag)") }
    }
    addVary(to: &head.fields)
  }

  /// Fields with a checksum of the content as it was coded (RFC 9530, 2 and 3; RFC 3230): of what is compressed here they are not.
  public static let digests = ["content-digest", "repr-digest", "digest"]

  /// Says that the response is another for another Accept-Encoding.
  public static func addVary(to fields: inout HeaderSection) {
    for i in 0..<fields.count where fields[i].name == .vary {
      let names = fields.value(i).text.lowercased()
      if names.contains("accept-encoding") || names.contains("*") { return }
    }
    fields.append("Vary", "Accept-Encoding")
  }

  /// Whether a media type is among CloudFront's.
  static func isWorthIt(_ contentType: Span<UInt8>) -> Bool {
    let type = contentType.extracting(..<contentType.next(59, from: 0)).trimmed().text.lowercased()
    return types.contains(type)
  }

  private static let types: Set<String> = {
    let table = [
      ("application/", """
        dash+xml eot font font-sfnt javascript json opentype otf pdf pkcs7-mime protobuf rss+xml truetype ttf vnd.apple.mpegurl vnd.mapbox-vector-tile
        vnd.ms-fontobject wasm xhtml+xml xml x-font-opentype x-font-truetype x-font-ttf x-httpd-cgi x-javascript x-mpegurl x-opentype x-otf x-perl x-ttf
        """),
      ("font/", "eot opentype otf ttf"), ("image/", "svg+xml"),
      ("text/", "css csv html javascript js plain richtext tab-separated-values xml x-component x-java-source x-script"), ("", "vnd.apple.mpegurl"),
    ]
    return Set(table.flatMap { family, names in names.split { $0 == " " || $0 == "\n" }.map { family + $0 } })
  }()
}

/// Compresses one body. Owned by one task.
@safe public final class Compressor {
  /// What it makes.
  public let coding: ContentCoding
  private let compressor: OpaquePointer
  /// How much comes out at a time, before it is passed on.
  private static let roomBytes = 16_384

  /// A compressor; nil without memory.
  /// - Parameter length: of the content.
  public init?(_ coding: ContentCoding, length: Int) {
    let isGzip = coding == .gzip
    guard
      let compressor = unsafe sk_compressor_make(
        Int32(isGzip ? SK_CODING_GZIP : SK_CODING_BROTLI), Int32(isGzip ? Compression.gzipLevel : Compression.brotliLevel), length)
    else { return nil }
    self.coding = coding
    unsafe self.compressor = compressor
  }
  deinit { unsafe sk_compressor_free(compressor) }

  /// Compresses a piece; what is ready is appended to `out`, which may be nothing yet.
  /// - Parameters:
  ///   - bytes: the caller bounds them, and so the time this takes.
  ///   - isLast: nothing follows.
  /// - Returns: false when it failed: then there is no body.
  public func run(_ bytes: Span<UInt8>, isLast: Bool, into out: inout ByteBuffer) -> Bool {
    var taken = 0, room = [UInt8](repeating: 0, count: Self.roomBytes)
    while true {
      let piece = bytes.extracting(taken...)
      var inCount = piece.count, outCount = room.count
      let result = unsafe piece.withUnsafeBufferPointer { source in
        unsafe room.withUnsafeMutableBufferPointer { room in
          guard let base = room.baseAddress else { return Int32(-1) }
          return unsafe sk_compressor_run(compressor, source.baseAddress, &inCount, base, &outCount, isLast ? 1 : 0)
        }
      }
      guard result >= 0 else { return false }
      taken += inCount
      out.append(room.span.extracting(..<outCount))
      if result == 1 { return true }
      if taken == bytes.count && outCount < room.count && !isLast { return true }
      if inCount == 0 && outCount == 0 { return !isLast }
    }
  }
}
