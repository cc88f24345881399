// Owns: what a socket is when it is no socket of the system's but one stream of a connection that carries many. Whoever works on a
// connection through `Stream` need not know: bytes, waiting, deadlines and failures are the same.

/// One stream of a connection that carries many. Confined to its loop's thread. Subclasses say with `Socket.announce` what happens to it.
open class Substream {
  /// A stream; its socket is made with it.
  public init() {}

  /// Moves bytes that have come to `input`, without waiting.
  /// - Parameters:
  ///   - limit: the most bytes that may lie in `input` afterwards.
  ///   - isDrained: set when nothing more is there; the next bytes are announced.
  open func receive(into input: inout ByteBuffer, limit: Int, isDrained: inout Bool) -> Stream.ReadResult { .end }

  /// Takes bytes to be sent, as many as there is room for: when that is not all, room is announced. nil when the stream is gone.
  open func send(_ bytes: Span<UInt8>) -> Int? { nil }

  /// No more bytes will be sent; what was taken still is.
  open func finishWriting() {}

  /// Its socket has been closed. What was finished is still sent; what was not must not be taken for whole.
  /// - Parameter reset: whether it broke off.
  open func closed(reset: Bool) {}
}
