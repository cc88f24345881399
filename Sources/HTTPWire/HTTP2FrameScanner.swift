// Owns: where frames begin and end in a connection's input (RFC 9113, 4.1), which nghttp2 does not tell: for frames that it passes over without a
// word, and for those that do not end. A pure value.

/// Finds the frames in a connection's input that nghttp2 may pass over, DATA and what it does not know, and knows what is not whole.
struct FrameScanner: Sendable {
  static let headerBytes = 9
  private static let data: UInt8 = 0, headers: UInt8 = 1, pushPromise: UInt8 = 5, continuation: UInt8 = 9, priorityUpdate: UInt8 = 16
  private static let endHeaders: UInt8 = 4
  /// Bytes to the next frame header, and behind that one.
  private var toGo: Int, toGoNext = 0
  private var header: UInt64 = 0
  private var headerCount = 0
  private var isInData = false, isInBlock = false
  /// How many things have begun: frames, but a block of fields with its CONTINUATION frames is one. The client's preface is the first.
  private var begun = 1

  init(isServer: Bool) { toGo = isServer ? 24 : 0 }

  /// The number of what has begun and is not whole, the payload of DATA aside; 0 for nothing.
  var unfinished: Int { isInBlock || headerCount > 0 || toGo > 0 && !isInData ? begun : 0 }
  /// How long the frame is whose header was found last.
  var payloadBytes: Int { toGo }

  /// Goes on from `at` behind the header of the next DATA or unknown frame.
  /// - Returns: the frame's type and stream; nil when the bytes end first.
  mutating func next(_ bytes: Span<UInt8>, _ at: inout Int) -> (type: UInt8, id: Int32)? {
    while at < bytes.count {
      if toGo > 0 {
        let n = min(toGo, bytes.count - at)
        toGo -= n
        at += n
        continue
      }
      if headerCount == 0 && !isInBlock { begun += 1 }
      // Three bytes of length; type, flags and stream in the six behind.
      if headerCount < 3 { toGoNext = toGoNext << 8 | Int(bytes[at]) } else { header = header << 8 | UInt64(bytes[at]) }
      headerCount += 1
      at += 1
      guard headerCount == Self.headerBytes else { continue }
      toGo = toGoNext
      let type = UInt8(truncatingIfNeeded: header >> 40), flags = UInt8(truncatingIfNeeded: header >> 32)
      let id = Int32(truncatingIfNeeded: header & 0x7fff_ffff)
      (headerCount, header, toGoNext) = (0, 0, 0)
      isInData = type == Self.data
      if type == Self.headers || type == Self.pushPromise || type == Self.continuation { isInBlock = flags & Self.endHeaders == 0 }
      if isInData || type > Self.continuation && type != Self.priorityUpdate { return (type, id) }
    }
    return nil
  }
}
