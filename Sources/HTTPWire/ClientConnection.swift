// Owns: this side of an HTTP/1.1 connection to an origin (RFC 9112): one request at a time, a strict reading of the answer; or of one stream of
// an HTTP/2 connection.
import CSystem
public import Transport

/// Who keeps connections that are not in use. Called on the connection's loop.
public protocol ConnectionKeeper: AnyObject {
  /// A request has ended on this connection.
  /// - Parameters:
  ///   - reusable: whether another may follow; if not, the keeper closes the socket.
  ///   - sent: bytes that this request sent, heads and framing included.
  ///   - received: bytes that came for it, whether or not anybody wanted them.
  func ended(_ socket: Socket, reusable: Bool, sent: Int, received: Int)
}

/// A connection to an origin while one request runs on it. However that ends, `deinit` hands the socket to its keeper.
public struct ClientConnection: ~Copyable {
  /// The bytes.
  public var stream: Stream
  private let limits: OriginLimits
  private var decoder = BodyDecoder()
  /// The answer's trailer section as it came; HTTP/1.1 only.
  private var trailerSection: TrailerSection?
  private var saysClose = false
  private var answered = false
  private var reusable = false
  private var interim = 0, continues = 0
  /// Whether the request has been sent to its last byte. Without that the origin may take another request's head for the rest of a body.
  public var requestIsWhole = false
  /// Whether the connection has carried a request before: then the origin may have closed it in the meantime.
  public let isReused: Bool
  private let keeper: any ConnectionKeeper
  /// The stream, when this is one of an HTTP/2 connection.
  public let substream: HTTP2Stream?
  /// When the answer must be whole, in the loop's milliseconds, and what fires then.
  private var bound: (time: UInt64, timer: TimerID)?

  /// Takes a stream of an HTTP/2 connection, new or one that carries others.
  public init(_ substream: HTTP2Stream, _ limits: OriginLimits, isReused: Bool, keeper: any ConnectionKeeper) {
    stream = Stream(substream.takeSocket())
    self.limits = limits
    self.isReused = isReused
    self.keeper = keeper
    self.substream = substream
  }

  /// Takes over a connected socket, new or from a pool.
  public init(_ socket: Socket, _ limits: OriginLimits, isReused: Bool, keeper: any ConnectionKeeper) {
    stream = Stream(socket)
    self.limits = limits
    self.isReused = isReused
    self.keeper = keeper
    substream = nil
  }

  deinit {
    // Before anybody else may have the connection.
    if let bound { stream.socket.loop.cancel(bound.timer) }
    keeper.ended(stream.socket, reusable: reusable, sent: stream.bytesSent, received: stream.bytesReceived)
  }

  /// The request is to be over in so many milliseconds: what is not breaks off then. Once.
  public mutating func mustBeOver(afterMilliseconds milliseconds: Int) {
    let loop = stream.socket.loop
    bound = (loop.now + UInt64(max(0, milliseconds)), loop.schedule(afterMilliseconds: milliseconds) { [weak socket = stream.socket] in socket?.fail(.timedOut) })
  }
  /// Whether the request should be over by now.
  public var isOverdue: Bool { bound.map { stream.socket.loop.now >= $0.time } ?? false }

  /// Whether any byte of the answer has come: then the request must not be sent again.
  public var hasReceived: Bool { stream.bytesReceived > 0 || substream.map { $0.hasFinalHead || $0.interimResponses > 0 } ?? false }

  /// How the stream of an HTTP/2 connection failed; nil when it did not, or went with its connection.
  public var streamFailure: StreamFailure? { substream?.failure }

  /// A request's head stands whole in `stream.output`.
  /// - Parameter hasBody: whether content follows.
  public mutating func headIsWhole(hasBody: Bool) {
    guard let substream else { return }
    stream.bytesSent += stream.output.count
    substream.submit(head: &stream.output)
    if !hasBody { substream.finish() }
  }
  /// The request's content is whole. `trailers`, field lines in text, follow where there can be some.
  public mutating func requestEnds(trailers: consuming ByteBuffer) { substream?.finish(trailers: trailers) }
  /// The field lines behind the answer's content that may be passed on, as text.
  public mutating func takeTrailers() -> ByteBuffer {
    var lines = ByteBuffer()
    if let substream {
      swap(&lines, &substream.receivedTrailers)
      return lines
    }
    if let trailerSection { return Trailers.allowed(trailerSection.bytes, limits.head) }
    return lines
  }

  /// Sends the request bytes that wait in `stream.output`.
  public nonisolated(nonsending) mutating func flush() async throws(WireFailure) {
    do { try await stream.flush(timeoutMilliseconds: limits.writeTimeoutMilliseconds) } catch { throw .io(error) }
  }

  /// Sends what the kernel takes of it, without waiting.
  /// - Returns: whether everything went out.
  public mutating func flushAtOnce() throws(WireFailure) -> Bool {
    do { return try stream.attemptFlush() } catch { throw .io(error) }
  }

  /// Puts payload of the request's body behind what waits and sends what the kernel takes at once.
  public mutating func forward(_ n: Int, from source: inout ByteBuffer, asChunk: Bool) throws(WireFailure) {
    do { try stream.forward(n, from: &source, asChunk: asChunk) } catch { throw .io(error) }
  }

  /// Sends what waits, or returns early when the origin has something to say. Somebody nudges the socket when it can be written to.
  public nonisolated(nonsending) mutating func flushUnlessAnswered() async throws(WireFailure) {
    while true {
      do throws(IOFailure) { if try stream.attemptFlush() { return } } catch { throw .io(error) }
      if stream.socket.isReadable { return }
      await stream.socket.waitReadable(milliseconds: limits.writeTimeoutMilliseconds)   // nudged when it can be written to
    }
  }

  /// Sends what waits, to its last byte. Interim answers that come in the meantime are absorbed.
  /// - Returns: false when a final answer, or the end, has begun to arrive instead: then a rest may be unsent.
  public nonisolated(nonsending) mutating func flushUnlessDone() async throws(WireFailure) -> Bool {
    while true {
      try await flushUnlessAnswered()
      if stream.output.isEmpty { return true }
      if try answerHasBegun() { return false }
    }
  }

  /// Looks at what the origin has sent while the request is still on its way, without waiting. Interim answers are absorbed.
  /// - Returns: whether a final answer, or the end, has begun to arrive; ``readHead(hasNoBody:)`` reads it. A head of which there is
  ///   too little to know is none yet.
  public mutating func answerHasBegun() throws(WireFailure) -> Bool {
    if let substream {
      try checkInterim(substream)
      if let failure = stream.socket.failure { throw .io(failure) }
      return substream.hasFinalHead
    }
    guard stream.socket.isReadable || !stream.input.isEmpty else { return false }
    do throws(IOFailure) { if stream.socket.isReadable, try stream.attemptRead() == .end { return true } } catch { throw .io(error) }
    var head = ResponseHead()
    head.fields.lines.acquire()
    while !stream.input.isEmpty {
      switch parseResponse(stream.input.readable, hasNoBody: false, limits.head, &head.line, &head.fields) {
      case .complete where head.line.status < 200 && head.line.status != 101: break
      case .complete, .refused: return true
      case .incomplete: return isFinal(stream.input.readable)
      }
      try absorb(head)
    }
    return false
  }

  /// Passes over an interim answer. There is no end to them, or a second 100: that is no answer (spec/request-pipeline.md, 14).
  private mutating func absorb(_ head: borrowing ResponseHead) throws(WireFailure) {
    interim += 1
    if head.line.status == 100 { continues += 1 }
    stream.input.consume(head.line.length)
    if interim > limits.interimResponses || continues > 1 { throw .refused(.interimResponses) }
  }

  /// Whether the beginning of a head, `HTTP/1.x s…`, is that of a final answer.
  private func isFinal(_ bytes: Span<UInt8>) -> Bool { bytes.count > 9 && bytes[9] != 49 }

  /// Waits for the head of the final answer; interim answers (1xx, but 101) are absorbed.
  /// - Parameter hasNoBody: the request was HEAD.
  /// - Throws: ``WireFailure/refused(_:)`` for a malformed head, ``WireFailure/io(_:)`` when it does not come.
  public nonisolated(nonsending) mutating func readHead(hasNoBody: Bool) async throws(WireFailure) -> ResponseHead {
    if let substream { return try await readHead(substream, hasNoBody) }
    var head = ResponseHead()
    head.fields.lines.acquire()
    while true {
      switch parseResponse(stream.input.readable, hasNoBody: hasNoBody, limits.head, &head.line, &head.fields) {
      case .complete where head.line.status < 200 && head.line.status != 101: try absorb(head)
      case .complete:
        take(&head)
        if head.line.framing == .chunked && chunksAreMalformed { throw .refused(.chunk) }
        if stream.socket.isReadable { try checkEnding() }   // there is more, or the end
        return head
      case .refused(let refusal): throw .refused(refusal)
      case .incomplete:
        if let failure = await readMoreOfHead() { throw .io(failure) }
      }
    }
  }

  private nonisolated(nonsending) mutating func readHead(_ substream: HTTP2Stream, _ hasNoBody: Bool) async throws(WireFailure) -> ResponseHead {
    while true {
      try checkInterim(substream)
      if var head = substream.response.take() {
        answered = true
        stream.bytesReceived += head.line.length
        decoder = head.line.framing == .none ? BodyDecoder() : BodyDecoder(.untilClose)   // DATA frames have no framing inside
        if hasNoBody { head.line.framing = .none }   // the end of the stream may still come in a frame of its own
        if let failure = stream.socket.failure, head.line.framing != .none { throw .io(failure) }
        return head
      }
      if let failure = stream.socket.failure { throw .io(failure) }
      await stream.socket.waitReadable(milliseconds: limits.readTimeoutMilliseconds)
    }
  }

  private func checkInterim(_ substream: HTTP2Stream) throws(WireFailure) {
    if substream.interimResponses > limits.interimResponses { throw .refused(.interimResponses) }
  }

  private nonisolated(nonsending) mutating func readMoreOfHead() async -> IOFailure? {
    do {
      let more = try await stream.fill(timeoutMilliseconds: limits.readTimeoutMilliseconds, limit: limits.head.headBytes + ByteBuffer.blockSize)
      return more ? nil : .reset
    } catch { return error }
  }

  private mutating func take(_ head: inout ResponseHead) {
    answered = true
    saysClose = head.line.wantsClose
    decoder = BodyDecoder(head.line.status == 101 ? .untilClose : head.line.framing)
    head.fields.bytes = stream.input.split(head.line.length)
  }

  /// Whether what has come of the body is malformed from the start: while nothing has been passed on, that can still be said.
  private var chunksAreMalformed: Bool {
    var decoder = decoder
    return decoder.next(stream.input.readable) == .malformed
  }

  /// Sees whether an origin that has ended or broken the connection has given all of a body. One that lacks something is no answer: while
  /// nothing of it has been passed on, that can still be said. Of bodies that do not fit into a buffer's block it is said later.
  @inline(never) private mutating func checkEnding() throws(WireFailure) {
    while stream.socket.peerFinished || stream.socket.isBroken {
      var rest = decoder, place = 0, needsMore = false
      while !needsMore {
        switch rest.next(stream.input.readable.extracting(place...)) {
        case .framing(let n), .trailers(let n), .payload(let n): place += n
        case .done: return
        case .malformed: throw .refused(.chunk)
        case .incomplete: needsMore = true
        }
      }
      guard stream.input.count < ByteBuffer.blockSize else { return }
      do throws(IOFailure) {
        switch try stream.attemptRead(limit: ByteBuffer.blockSize) {
        case .bytes: break
        case .wait: return
        case .end:
          if rest.endsAtClose { return }
          throw .reset
        }
      } catch { throw .io(error) }
    }
  }

  /// Whether the answer's body has been read to its end.
  public var bodyIsDone: Bool { decoder.isDone }

  /// Whether the answer's body, framed by its length, has been received to its end.
  public var wholeBodyIsAtHand: Bool { decoder.knownRemaining.map { $0 <= stream.input.count } ?? false }

  /// Payload of the answer's body that can be had without waiting.
  /// - Returns: how many bytes of it stand at the front of `stream.input`; 0 at the end; nil when it is necessary to wait.
  /// - Throws: when the body is malformed or ends early.
  public mutating func payloadAtHand() throws(WireFailure) -> Int? { try stream.payloadAtHand(&decoder, &trailerSection) }

  /// Waits until ``payloadAtHand()`` has something to say, at most the read timeout: then that throws.
  public nonisolated(nonsending) mutating func waitForPayload() async {
    // Bytes may have come while the task waited for the viewer; their edge is not announced again.
    guard !stream.socket.isReadable, stream.socket.failure == nil else { return }
    await stream.socket.waitReadable(milliseconds: limits.readTimeoutMilliseconds)
  }

  /// Like ``payloadAtHand()``, but waits a while for a body that is not wanted for long.
  /// - Parameter deadline: in the loop's milliseconds; nil is returned when nothing has come until then.
  public nonisolated(nonsending) mutating func nextPayload(until deadline: UInt64) async throws(WireFailure) -> Int? {
    while true {
      if let n = try payloadAtHand() { return n }
      let now = stream.socket.loop.now
      guard now < deadline else { return nil }
      await stream.socket.waitReadableSoftly(milliseconds: Int(deadline - now))
    }
  }

  /// Hands the connection back unused: nothing was sent on it.
  public consuming func giveBack() { reusable = stream.socket.isQuiet }

  /// Ends the request and hands the connection back. It may carry another request when this one and its answer are whole, nothing is
  /// left over and nobody said close.
  public consuming func finish() {
    let isClean = stream.input.isEmpty && stream.output.isEmpty && stream.socket.failure == nil
    reusable = requestIsWhole && answered && decoder.isDone && !saysClose && isClean
    stream.input.release()
    stream.output.release()
  }
}
