// Owns: one viewer's way through a body: where it stands, and the sending of what is there. Owned by the viewer's task; what it learns from
// others comes through the body's lock and a wakeup.
public import Transport

/// Reads a body at its own pace, while it still comes or from the cache. Owned by one task; ``nudge()`` may be called from any thread.
public final class BodyReader {
  private let body: ObjectBody
  private let wakeup = Wakeup()
  private var view = ObjectBody.View()
  private var pieceIndex = 0
  private let isRegistered: Bool
  private let end: Int
  /// Where in the body it stands.
  public private(set) var position: Int

  /// A reader of a body or a part of it.
  /// - Parameter range: the bytes wanted; nil for all.
  public init(_ body: ObjectBody, _ range: Range<Int>? = nil) {
    self.body = body
    position = range?.lowerBound ?? 0
    end = range?.upperBound ?? .max
    let isGrowing = body.view.phase == .growing
    isRegistered = isGrowing
    view = isGrowing ? body.join(self) : body.view
  }
  deinit { if isRegistered { body.leave(self) } }

  /// What is at hand.
  public enum AtHand: Sendable, Equatable {
    /// So many bytes in one run.
    case bytes(Int)
    /// All has been read.
    case end
    /// More will come: ``wait()``.
    case wait
    /// It breaks off here.
    case broken
  }

  /// What can be read without waiting.
  public func atHand() -> AtHand { atHand(nil) }

  private func atHand(_ wakeup: Wakeup?) -> AtHand {
    if position >= end { return .end }
    if position >= view.length && view.phase == .growing {
      view = body.update(self, wakeup)
      pieceIndex = 0
    }
    guard position < view.length else {
      switch view.phase {
      case .growing: return .wait
      case .complete: return .end
      case .failed: return .broken
      }
    }
    guard let piece = findPiece() else { return .broken }
    return .bytes(min(piece.start + piece.capacity, view.length, end) - position)
  }

  private func findPiece() -> BodyPiece? {
    while pieceIndex < view.pieces.count {
      let piece = view.pieces[pieceIndex]
      if position < piece.start + piece.capacity { return position >= piece.start ? piece : nil }
      pieceIndex += 1
    }
    return nil
  }

  /// Waits until there is more to be said than ``AtHand/wait``, or somebody nudged.
  public nonisolated(nonsending) func wait() async {
    guard atHand(wakeup) == .wait else { return }
    await wakeup.wait()
  }
  /// Ends a wait: the viewer has left. Any thread.
  public func nudge() { wakeup.wake() }

  /// Looks at bytes that are at hand and passes as many of them as `take` says.
  public func take<Failure: Error>(_ take: (Span<UInt8>) throws(Failure) -> Int) throws(Failure) {
    guard case .bytes(let n) = atHand(), let piece = findPiece() else { return }
    position += min(n, try take(piece.bytes(position - piece.start, n)))
  }

  /// Sends everything to a viewer, as it comes and as the viewer takes it.
  /// - Parameters:
  ///   - asChunks: framed as chunks (RFC 9112, 7.1), with the last one.
  ///   - timeoutMilliseconds: how long the viewer may take no byte.
  /// - Returns: whether it is whole; false when the body broke off: what was sent must not be taken for all of it.
  /// - Throws: what became of the viewer's connection.
  public nonisolated(nonsending) func send(
    to stream: inout Stream, asChunks: Bool = false, timeoutMilliseconds: Int
  ) async throws(IOFailure) -> Bool {
    var sinceYield = 0
    let socket = stream.socket
    while true {
      if let failure = socket.failure { throw failure }
      switch atHand() {
      case .end:
        if asChunks {
          stream.beginOutput()
          stream.output.append("0\r\n\r\n")
        }
        try await stream.flush(timeoutMilliseconds: timeoutMilliseconds)
        return true
      case .broken: return false
      case .wait:
        try await stream.flush(timeoutMilliseconds: timeoutMilliseconds)
        await wait(for: socket)
      case .bytes(let n):
        let count = min(n, Self.bytesInOneGo)
        try sendPiece(count, to: &stream, asChunks)
        try await stream.flush(timeoutMilliseconds: timeoutMilliseconds)
        sinceYield += count
        if sinceYield >= Self.bytesInOneGo {
          sinceYield = 0
          await Task.yield()
        }
      }
    }
  }
  /// Bytes that are sent before others have their turn.
  private static let bytesInOneGo = 1 << 20

  /// Waits for more of the body, or for the viewer's end.
  private nonisolated(nonsending) func wait(for socket: Socket) async {
    let before = socket.whenDisturbed
    socket.whenDisturbed = { [wakeup] socket in
      before?(socket)
      if socket.isBroken || socket.failure != nil { wakeup.wake() }
    }
    if socket.failure == nil && !socket.isBroken { await wait() }
    socket.whenDisturbed = before
    if socket.isBroken { socket.fail(.reset) }
  }

  private func sendPiece(_ count: Int, to stream: inout Stream, _ asChunks: Bool) throws(IOFailure) {
    if asChunks {
      stream.beginOutput()
      stream.output.append(hexadecimal: count)
      stream.output.append("\r\n")
    }
    var failure: IOFailure?
    take { bytes in
      let piece = bytes.extracting(..<count)
      do throws(IOFailure) { try stream.send(piece) } catch { failure = error }
      return count
    }
    if let failure { throw failure }
    if asChunks {
      stream.beginOutput()
      stream.output.append("\r\n")
    }
  }
}
