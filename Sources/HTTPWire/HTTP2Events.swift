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
        frame: { owner, stream, type, flags, id in unsafe session(owner).frameBegan(HTTP2Events.stream(stream), type, flags, id) },
        settings: { owner in unsafe session(owner).settingsHold() },
        begin: { owner, stream, id, _ in unsafe session(owner).blockBegan(unsafe HTTP2Events.stream(stream), id) },
        field: { owner, _, name, nameLength, value, valueLength in
          unsafe session(owner).field(UnsafeBufferPointer(start: name, count: nameLength).span, UnsafeBufferPointer(start: value, count: valueLength).span)
        },
        end: { owner, _, _, _, endsStream in unsafe session(owner).blockEnded(endsStream: endsStream != 0) },
        data: { _, stream, bytes, count in unsafe known(stream).received(UnsafeBufferPointer(start: bytes, count: count).span) },
        dataFrame: { owner, stream, content, endsStream in
          unsafe session(owner).dataFrame(HTTP2Events.stream(stream), content: content, endsStream: endsStream != 0)
        },
        pong: { owner in unsafe session(owner).pong() },
        goaway: { owner, _, _ in unsafe session(owner).goneAway() },
        violation: { owner, id, _ in unsafe session(owner).violated(id) },
        sentEnd: { owner, stream, id, peerIsDone in unsafe session(owner).sentEnd(known(stream), id, peerIsDone: peerIsDone != 0) },
        closed: { owner, stream, _, error in unsafe session(owner).streamClosed(known(stream), error) },
        supply: { owner, stream, into, room, supply in
          let (count, state) = unsafe session(owner).supply(known(stream), into, room)
          unsafe supply.pointee = state
          return count
        }))
    return unsafe UnsafePointer(table)
  }()

  private static func session(_ owner: UnsafeMutableRawPointer) -> HTTP2Session { unsafe Unmanaged<HTTP2Session>.fromOpaque(owner).takeUnretainedValue() }
  private static func known(_ stream: UnsafeMutableRawPointer) -> HTTP2Stream { unsafe Unmanaged<HTTP2Stream>.fromOpaque(stream).takeUnretainedValue() }
  private static func stream(_ pointer: UnsafeMutableRawPointer?) -> HTTP2Stream? {
    guard let pointer = unsafe pointer else { return nil }
    return unsafe known(pointer)
  }
}
