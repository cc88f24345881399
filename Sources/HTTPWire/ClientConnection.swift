// Owns: this side of an HTTP/1.1 connection to an origin (RFC 9112): one request at a time, a strict reading of the answer.
import CSystem
public import Transport

/// A connection to an origin while one request runs on it. Closed by `deinit` unless it was given back with ``intoIdle()``.
public struct ClientConnection: ~Copyable {
  /// The bytes.
  public var stream: Stream
  private let context: WireContext
  private let limits: OriginLimits
  private var decoder = BodyDecoder()
  private var saysClose = false
  private var answered = false
  private var kept = false

  /// Takes over a connected socket, new or from a pool.
  public init(_ socket: Socket, _ context: WireContext, _ limits: OriginLimits) {
    stream = Stream(socket)
    self.context = context
    self.limits = limits
  }

  deinit { if !kept { stream.socket.close() } }

  /// Whether any byte of the answer has come: then the request must not be sent again.
  public var hasReceived: Bool { stream.bytesReceived > 0 }

  /// Sends the request bytes that wait in `stream.output`.
  public nonisolated(nonsending) mutating func flush() async throws(WireFailure) {
    do { try await stream.flush(timeoutMilliseconds: limits.writeTimeoutMilliseconds) } catch { throw .io(error) }
  }

  /// Puts payload of the request's body behind what waits and sends what the kernel takes at once.
  public mutating func forward(_ n: Int, from source: inout ByteBuffer, asChunk: Bool) throws(WireFailure) {
    do { try stream.forward(n, from: &source, asChunk: asChunk) } catch { throw .io(error) }
  }

  /// Waits for the head of the final answer; interim answers (1xx, but 101) are absorbed.
  /// - Parameter hasNoBody: the request was HEAD.
  /// - Throws: ``WireFailure/refused(_:)`` for a malformed head, ``WireFailure/io(_:)`` when it does not come.
  public nonisolated(nonsending) mutating func readHead(hasNoBody: Bool) async throws(WireFailure) -> ResponseHead {
    var head = ResponseHead()
    head.fields.acquireTable(context.tables)
    var interim = 0
    while true {
      switch parseResponse(stream.input.readable, hasNoBody: hasNoBody, limits.head, &head.line, &head.fields) {
      case .complete where head.line.status < 200 && head.line.status != 101:
        interim += 1
        stream.input.consume(head.line.length)
        if interim > limits.interimResponses { throw give(back: &head, .refused(.interimResponses)) }
      case .complete:
        take(&head)
        return head
      case .refused(let refusal): throw give(back: &head, .refused(refusal))
      case .incomplete:
        if let failure = await readMoreOfHead() { throw give(back: &head, .io(failure)) }
      }
    }
  }

  private nonisolated(nonsending) mutating func readMoreOfHead() async -> IOFailure? {
    do {
      let more = try await stream.fill(timeoutMilliseconds: limits.readTimeoutMilliseconds, limit: limits.head.headBytes + BlockPool.blockSize)
      return more ? nil : .reset
    } catch { return error }
  }

  private func give(back head: inout ResponseHead, _ failure: WireFailure) -> WireFailure {
    head.release(context)
    return failure
  }

  private mutating func take(_ head: inout ResponseHead) {
    answered = true
    saysClose = head.line.wantsClose
    decoder = BodyDecoder(head.line.status == 101 ? .untilClose : head.line.framing)
    head.fields.bytes = stream.input.split(head.line.length, stream.socket.loop.pool)
  }

  /// Whether the answer's body has been read to its end.
  public var bodyIsDone: Bool { decoder.isDone }

  /// Payload of the answer's body that can be had without waiting.
  /// - Returns: how many bytes of it stand at the front of `stream.input`; 0 at the end; nil when it is necessary to wait.
  /// - Throws: when the body is malformed or ends early.
  public mutating func payloadAtHand() throws(WireFailure) -> Int? { try stream.payloadAtHand(&decoder) }

  /// Waits until ``payloadAtHand()`` has something to say, at most the read timeout: then that throws.
  public nonisolated(nonsending) mutating func waitForPayload() async {
    await stream.socket.waitReadable(milliseconds: limits.readTimeoutMilliseconds)
  }

  /// Whether the connection may carry another request: the answer is whole, nothing is left over, nobody said close.
  public var isReusable: Bool { answered && decoder.isDone && !saysClose && stream.input.isEmpty && stream.output.isEmpty && stream.socket.failure == nil }

  /// Gives the memory back and the socket to who keeps idle connections.
  public consuming func intoIdle() -> Socket {
    kept = true
    stream.releaseBuffers()
    return stream.socket
  }
}
