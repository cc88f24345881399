// Owns: nghttp2's calls, turned into methods of `HTTP2Session`. One of the few files with unsafe code: the owner's and the streams' pointers
// are unretained; the session outlives nghttp2's, and holds its streams until nghttp2 has said that they are closed.
import CNghttp2
import Transport

enum HTTP2Events {
  /// The callbacks; they capture nothing.
  nonisolated(unsafe) static let table: UnsafePointer<sk_h2_events> = {
    let table = UnsafeMutablePointer<sk_h2_events>.allocate(capacity: 1)   // for the life of the process
    unsafe table.initialize(
      to: sk_h2_events(
        frame: { owner, stream, type, flags, id in unsafe at(owner) { unsafe $0.frameBegan(HTTP2Events.stream(stream), type, flags, id) } },
        settings: { owner in unsafe at(owner) { $0.settingsHold() } },
        begin: { owner, stream, id, _ in unsafe at(owner) { unsafe $0.blockBegan(HTTP2Events.stream(stream), id) } },
        field: { owner, name, nameLength, value, valueLength in
          unsafe at(owner) {
            unsafe $0.field(UnsafeBufferPointer(start: name, count: nameLength).span, UnsafeBufferPointer(start: value, count: valueLength).span)
          }
        },
        end: { owner, _, _, _, endsStream in unsafe at(owner) { $0.blockEnded(endsStream: endsStream != 0) } },
        data: { _, stream, bytes, count in unsafe known(stream).received(UnsafeBufferPointer(start: bytes, count: count).span) },
        dataFrame: { owner, stream, content, endsStream in
          unsafe at(owner) { unsafe $0.dataFrame(HTTP2Events.stream(stream), content: content, endsStream: endsStream != 0) }
        },
        pong: { owner in unsafe at(owner) { $0.pong() } },
        goaway: { owner, _, _ in unsafe at(owner) { $0.goneAway() } },
        refused: { owner, id in unsafe at(owner) { $0.refused(id) } },
        said: { owner, id, code in unsafe at(owner) { $0.said(code, on: id) } },
        sentEnd: { owner, stream, id, peerIsDone in unsafe at(owner) { unsafe $0.sentEnd(known(stream), id, peerIsDone: peerIsDone != 0) } },
        closed: { owner, stream, _, error in unsafe at(owner) { unsafe $0.streamClosed(known(stream), error) } },
        supply: { owner, stream, into, room, supply in
          let (count, state) = unsafe at(owner) { unsafe $0.supply(known(stream), into, room) }
          unsafe supply.pointee = state
          return count
        }))
    return unsafe UnsafePointer(table)
  }()

  /// Lends the session. Its references are not counted: a request brings some thirty calls.
  @inline(__always) private static func at<Result>(_ owner: UnsafeMutableRawPointer, _ body: (HTTP2Session) -> Result) -> Result {
    unsafe Unmanaged<HTTP2Session>.fromOpaque(owner)._withUnsafeGuaranteedRef(body)
  }
  private static func known(_ stream: UnsafeMutableRawPointer) -> HTTP2Stream { unsafe Unmanaged<HTTP2Stream>.fromOpaque(stream).takeUnretainedValue() }
  private static func stream(_ pointer: UnsafeMutableRawPointer?) -> HTTP2Stream? {
    guard let pointer = unsafe pointer else { return nil }
    return unsafe known(pointer)
  }
}
