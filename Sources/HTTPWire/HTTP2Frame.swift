// Owns: what frames look like (RFC 9113, 4.1 and 6; RFC 9218, 7.1), the codes of errors and settings, and taking a frame's header apart. Pure values.
import Transport

/// Types of frames.
enum FrameType {
  static let data: UInt8 = 0, headers: UInt8 = 1, priority: UInt8 = 2, reset: UInt8 = 3, settings: UInt8 = 4, pushPromise: UInt8 = 5, ping: UInt8 = 6
  static let goaway: UInt8 = 7, windowUpdate: UInt8 = 8, continuation: UInt8 = 9, priorityUpdate: UInt8 = 16
}

/// Flags of frames.
enum FrameFlag {
  static let endStream: UInt8 = 1, acknowledgement: UInt8 = 1, endHeaders: UInt8 = 4, padded: UInt8 = 8, priority: UInt8 = 32
}

/// Codes of errors (RFC 9113, 7).
enum HTTP2Error {
  static let none: UInt32 = 0, protocolError: UInt32 = 1, internalError: UInt32 = 2, flowControl: UInt32 = 3, settingsTimeout: UInt32 = 4
  static let streamClosed: UInt32 = 5, frameSize: UInt32 = 6, refusedStream: UInt32 = 7, cancel: UInt32 = 8, compression: UInt32 = 9
  static let calm: UInt32 = 11, inadequateSecurity: UInt32 = 12
  /// What is said of a stream for its peer's fault.
  static let faults = [protocolError, flowControl, streamClosed, frameSize]
}

/// Settings (RFC 9113, 6.5.2; RFC 8441, 3; RFC 9218, 2.1).
enum HTTP2Setting {
  static let headerTableSize: UInt16 = 1, enablePush: UInt16 = 2, concurrentStreams: UInt16 = 3, initialWindow: UInt16 = 4, frameSize: UInt16 = 5
  static let headerListSize: UInt16 = 6, enableConnect: UInt16 = 8, noOldPriorities: UInt16 = 9
}

/// A frame's header.
struct FrameHeader: BitwiseCopyable, Sendable {
  static let bytes = 9
  /// The most content that a frame may have as long as nothing else has been said; nothing else is said here.
  static let contentLimit = 16_384

  let length: Int
  let type: UInt8, flags: UInt8
  let id: Int32

  /// Takes nine bytes from `at` on.
  init(_ bytes: Span<UInt8>, _ at: Int) {
    let head = bytes.bigEndian(at), rest = bytes.bigEndian(at + 5)
    length = Int(head >> 8)
    type = UInt8(truncatingIfNeeded: head)
    flags = bytes[at + 4]
    id = Int32(truncatingIfNeeded: rest & 0x7fff_ffff)
  }

  func has(_ flag: UInt8) -> Bool { flags & flag != 0 }

  /// Appends a header.
  @inline(__always) static func append(_ length: Int, _ type: UInt8, _ flags: UInt8, _ id: Int32, to out: inout ByteBuffer) {
    out.append(bigEndian: UInt32(truncatingIfNeeded: length) << 8 | UInt32(type))
    out.append(flags)
    out.append(bigEndian: UInt32(bitPattern: id))
  }
}

extension Span where Element == UInt8 {
  /// Four bytes from `at` on as a number, the most significant first.
  @inline(__always) func bigEndian(_ at: Int) -> UInt32 {
    UInt32(self[at]) << 24 | UInt32(self[at + 1]) << 16 | UInt32(self[at + 2]) << 8 | UInt32(self[at + 3])
  }
  /// The stream that five bytes of priority make another depend on (6.3).
  var dependency: Int32 { Int32(truncatingIfNeeded: bigEndian(0) & 0x7fff_ffff) }
}
