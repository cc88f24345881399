// HTTP/2 frames (RFC 9113, 4.1) and header blocks (RFC 7541) written by hand, so that anything can be said that a well-behaved library
// would not say. Of what the program says only the status of a response is decoded.

struct Frame: Sendable, Equatable, CustomStringConvertible {
  var type: UInt8
  var flags: UInt8 = 0
  var stream: UInt32 = 0
  var payload: Bytes = []
  /// What the length field says when it is not the truth.
  var declaredLength: Int?

  var bytes: Bytes {
    let n = declaredLength ?? payload.count
    return [UInt8(n >> 16 & 255), UInt8(n >> 8 & 255), UInt8(n & 255), type, flags] + big(stream, 4) + payload
  }

  var description: String {
    let name = type < Frame.names.count ? Frame.names[Int(type)] : "type \(type)"
    let code = errorCode.map { " \($0) \(String(wire: payload.dropFirst(8)))" } ?? ""
    return "\(name)\(code) on \(stream), flags \(flags), \(payload.count) bytes"
  }
  private static let names = ["DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING", "GOAWAY", "WINDOW_UPDATE", "CONTINUATION"]

  static let endStream: UInt8 = 1, acknowledgement: UInt8 = 1, endHeaders: UInt8 = 4, padded: UInt8 = 8, priority: UInt8 = 32

  /// The code of RST_STREAM or GOAWAY (RFC 9113, 7).
  var errorCode: ErrorCode? {
    let start = type == 3 ? 0 : type == 7 ? 4 : -1
    guard start >= 0, payload.count >= start + 4 else { return nil }
    return ErrorCode(rawValue: payload[start..<start + 4].reduce(0) { $0 << 8 | UInt32($1) })
  }
  /// The increment of a WINDOW_UPDATE.
  var increment: Int { payload.reduce(0) { $0 << 8 | Int($1) } }

  // MARK: Frames

  static func data(_ stream: UInt32, _ text: String = "", end: Bool = false) -> Frame {
    Frame(type: 0, flags: end ? endStream : 0, stream: stream, payload: wire(text))
  }
  static func data(_ stream: UInt32, bytes: Int, end: Bool = false) -> Frame {
    Frame(type: 0, flags: end ? endStream : 0, stream: stream, payload: Bytes(repeating: 120, count: bytes))
  }
  static func headers(_ stream: UInt32, _ fields: [(String, String)], end: Bool = true, whole: Bool = true) -> Frame {
    headers(stream, block: HPACK.block(fields), end: end, whole: whole)
  }
  static func headers(_ stream: UInt32, block: Bytes, end: Bool = true, whole: Bool = true) -> Frame {
    Frame(type: 1, flags: (end ? endStream : 0) | (whole ? endHeaders : 0), stream: stream, payload: block)
  }
  static func continuation(_ stream: UInt32, block: Bytes, whole: Bool = true) -> Frame {
    Frame(type: 9, flags: whole ? endHeaders : 0, stream: stream, payload: block)
  }
  /// HEADERS whose first field has 900 bytes still to come.
  static func dripping(_ stream: UInt32, _ fields: [(String, String)] = []) -> Frame {
    let block = HPACK.block(fields) + [0] + HPACK.string("x") + HPACK.integer(900, prefix: 7)
    return Frame(type: 1, flags: endStream | endHeaders, stream: stream, payload: block, declaredLength: block.count + 900)
  }
  static func reset(_ stream: UInt32, _ code: ErrorCode = .cancel) -> Frame { Frame(type: 3, stream: stream, payload: big(code.rawValue, 4)) }
  static func settings(_ values: [(UInt16, UInt32)] = []) -> Frame {
    Frame(type: 4, payload: values.flatMap { big(UInt32($0.0), 2) + big($0.1, 4) })
  }
  static let settingsAcknowledgement = Frame(type: 4, flags: acknowledgement)
  static func ping(_ text: String = "12345678", flags: UInt8 = 0) -> Frame { Frame(type: 6, flags: flags, payload: wire(text)) }
  static func goAway(last: UInt32 = 0, _ code: ErrorCode = .noError) -> Frame { Frame(type: 7, payload: big(last, 4) + big(code.rawValue, 4)) }
  static func windowUpdate(_ stream: UInt32, _ increment: UInt32) -> Frame { Frame(type: 8, stream: stream, payload: big(increment, 4)) }
  static func priority(_ stream: UInt32, on other: UInt32 = 0) -> Frame { Frame(type: 2, stream: stream, payload: big(other, 4) + [15]) }
  /// RFC 9218, 7.1.
  static func priorityUpdate(_ stream: UInt32, _ value: String) -> Frame { Frame(type: 16, payload: big(stream, 4) + wire(value)) }
}

/// RFC 9113, 7.
enum ErrorCode: UInt32, Sendable {
  case noError = 0, protocolError, internalError, flowControlError, settingsTimeout, streamClosed, frameSizeError, refusedStream
  case cancel, compressionError, connectError, enhanceYourCalm, inadequateSecurity, http11Required
}

/// The lowest `count` bytes of a number, the highest first.
func big(_ value: UInt32, _ count: Int) -> Bytes { (0..<count).map { UInt8(value >> UInt32(8 * (count - 1 - $0)) & 255) } }

/// The least of RFC 7541 that it takes to speak, and to hear a status.
enum HPACK {
  /// Literal fields without indexing and without Huffman code (RFC 7541, 6.2.2).
  static func block(_ fields: [(String, String)]) -> Bytes {
    fields.flatMap { [0] + string($0.0) + string($0.1) }
  }
  static func string(_ text: String) -> Bytes { integer(wire(text).count, prefix: 7) + wire(text) }
  static func integer(_ value: Int, prefix: Int) -> Bytes {
    let most = 1 << prefix - 1
    if value < most { return [UInt8(value)] }
    var bytes = [UInt8(most)], rest = value - most
    while rest >= 128 {
      bytes.append(UInt8(rest & 127 | 128))
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  /// The status at the front of a response's block: indexed, or a literal with the indexed name. The table must be empty (SETTINGS_HEADER_TABLE_SIZE 0).
  static func status(_ block: Bytes) -> Int? {
    var bytes = block[...]
    while let first = bytes.first, first & 0xe0 == 0x20 { bytes = bytes.dropFirst() }   // updates of the table's size
    guard let first = bytes.first else { return nil }
    if first & 0x80 != 0 { return [8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500][Int(first & 0x7f)] }
    let index = first & 0x40 != 0 ? first & 0x3f : first & 0x0f
    guard (8...14).contains(index), bytes.count > 2 else { return nil }
    let length = bytes[bytes.startIndex + 1], value = bytes.dropFirst(2).prefix(Int(length & 0x7f))
    if length & 0x80 == 0 { return Int(String(wire: value)) }
    return digits(value)
  }

  /// Digits in Huffman code (RFC 7541, appendix B): 0 to 2 have five bits, the others six.
  private static func digits(_ bytes: ArraySlice<UInt8>) -> Int? {
    let bits = bytes.flatMap { byte in (0..<8).map { Int(byte >> UInt8(7 - $0) & 1) } }
    var at = 0, number = 0
    for _ in 0..<3 {
      guard at + 5 <= bits.count else { return nil }
      let five = bits[at..<at + 5].reduce(0) { $0 << 1 | $1 }
      if five < 3 { (number, at) = (number * 10 + five, at + 5); continue }
      guard at + 6 <= bits.count else { return nil }
      let six = five << 1 | bits[at + 5]
      guard (0x19...0x1f).contains(six) else { return nil }
      (number, at) = (number * 10 + six - 0x19 + 3, at + 6)
    }
    return number
  }
}

/// The pseudo-header fields of a GET, and others.
func get(_ path: String = "/", host: String, _ more: [(String, String)] = []) -> [(String, String)] {
  [(":method", "GET"), (":scheme", "http"), (":path", path), (":authority", host)] + more
}
func post(_ path: String = "/", host: String, _ more: [(String, String)] = []) -> [(String, String)] {
  [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", host)] + more
}
