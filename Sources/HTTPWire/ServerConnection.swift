// Owns: the viewer's side of an HTTP/1.1 connection (RFC 9112): heads, bodies, keep-alive, and an orderly end; or of one stream of an
// HTTP/2 connection, which has one request and is otherwise the same to who serves it.
// Owned by the connection's task; no state of it is shared but the socket's readiness.
import CSystem
public import Transport

/// Why an exchange on a connection cannot go on.
public enum WireFailure: Error, Equatable, Sendable {
  /// The peer sent what is refused.
  case refused(Refusal)
  /// Bytes could not be moved.
  case io(IOFailure)
  /// A body came more slowly than the minimum rate.
  case tooSlow
}

/// What all connections of a worker share.
public final class WireContext {
  /// The worker's loop.
  public let loop: EventLoop
  /// Limits toward viewers.
  public var viewerLimits: ViewerLimits
  /// A context for one worker.
  public init(loop: EventLoop, viewerLimits: ViewerLimits) {
    self.loop = loop
    self.viewerLimits = viewerLimits
  }
}

/// A connection that waits for a request without a task of its own.
public struct ParkedConnection {
  /// The socket; its `whenDisturbed` wakes whoever parked it.
  public let socket: Socket
  /// Who connected.
  public let peer: SocketAddress
  let peerText: [UInt8]
  let requests: Int
}

/// A connection from a viewer, owned by one task.
public struct ServerConnection: ~Copyable {
  /// The bytes.
  public var stream: Stream
  /// Who connected.
  public let peer: SocketAddress
  /// The viewer's address in text, for logs.
  public let peerText: [UInt8]
  /// Whether the connection ends after the present exchange.
  public var closing = false
  /// Requests read so far.
  public private(set) var requests: Int
  /// What the worker's connections share.
  public let context: WireContext
  private var decoder = BodyDecoder()
  /// The present request's trailer section as it came; HTTP/1.1 only.
  private var trailerSection: TrailerSection?
  private var owesContinue = false
  private var bodyBegan: UInt64 = 0
  private var bodyBytes = 0
  /// When payload last came.
  private var lastMove: UInt64 = 0
  private var headBytes = 0

  /// The stream, when this is one of an HTTP/2 connection: it carries one request.
  public let substream: HTTP2Stream?
  /// Field lines that follow the answer's content, as text; they reach viewers of HTTP/2 only.
  public var trailers = ByteBuffer()
  /// Set when ``nextRequest()`` returned nil because the viewer speaks HTTP/2 with prior knowledge (RFC 9113, 3.3): its preface stands in
  /// the input, and ``takeStream()`` hands both over.
  public private(set) var speaksHTTP2 = false
  /// Set when ``nextRequest()`` returned nil only because the connection has been idle for a while: it is to be parked.
  public private(set) var isParked = false

  /// Takes over an accepted socket.
  public init(_ socket: Socket, peer: SocketAddress, _ context: WireContext) {
    self.init(ParkedConnection(socket: socket, peer: peer, peerText: Array(peer.host.utf8), requests: 0), context)
  }

  /// Takes up a connection again.
  public init(_ parked: ParkedConnection, _ context: WireContext) {
    stream = Stream(parked.socket)
    peer = parked.peer
    peerText = parked.peerText
    requests = parked.requests
    self.context = context
    substream = nil
  }

  /// Takes over a stream of an HTTP/2 connection.
  public init(_ substream: HTTP2Stream, _ context: WireContext) {
    stream = Stream(substream.takeSocket())
    peer = substream.session.peer
    peerText = substream.session.peerText
    requests = 1
    self.context = context
    self.substream = substream
  }

  // MARK: Requests

  /// The request of an HTTP/2 stream; nil when it was taken before.
  /// - Throws: ``WireFailure/refused(_:)`` for one that is answered without being a request.
  public mutating func takeRequest() throws(WireFailure) -> RequestHead? {
    guard let substream else { return nil }
    if let refusal = substream.refusal { throw .refused(refusal) }
    guard let request = substream.request.take() else { return nil }
    decoder = request.line.framing == .none ? BodyDecoder() : BodyDecoder(.untilClose)   // DATA frames have no framing inside
    owesContinue = request.line.expectsContinue && request.line.framing != .none
    bodyBegan = stream.socket.loop.now
    lastMove = bodyBegan
    headBytes = request.line.length
    return request
  }

  /// Whether the input begins with HTTP/2's preface (RFC 9113, 3.4), as far as it has come; and whether it has come whole.
  private func preface() -> (begins: Bool, isWhole: Bool) {
    let text: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    let n = min(stream.input.count, text.utf8CodeUnitCount)
    let begins = text.withUTF8Buffer { unsafe stream.input.readable.extracting(..<n).equals($0.span.extracting(..<n)) }
    return (begins, begins && n == text.utf8CodeUnitCount)
  }

  /// Gives the connection's bytes away: to an HTTP/2 session.
  public consuming func takeStream() -> Stream { return stream }

  /// Waits for the next request.
  /// - Returns: nil when the viewer is done: closed, or idle for too long.
  /// - Throws: ``WireFailure/refused(_:)`` for a head that is malformed, too large or too slow.
  public nonisolated(nonsending) mutating func nextRequest() async throws(WireFailure) -> RequestHead? {
    let limits = context.viewerLimits
    answerHasBegun = false
    var arrival = firstBytes()
    while arrival == .wait {
      // No buffer is held now. A connection that stays idle is to be parked, so that it costs no task either.
      await stream.socket.waitReadableSoftly(milliseconds: min(limits.parkAfterMilliseconds, limits.keepAliveTimeoutMilliseconds))
      isParked = !stream.socket.isReadable && stream.socket.failure == nil
      arrival = isParked ? .end : firstBytes()
    }
    guard arrival == .bytes else { return nil }
    let deadline = stream.socket.loop.now + UInt64(limits.headTimeoutMilliseconds)
    var line = RequestLine()
    var fields = HeaderSection()
    fields.lines.acquire()
    var mayBeEmptyLine = true
    while true {
      if mayBeEmptyLine { mayBeEmptyLine = skipEmptyLine() }
      let result = mayBeEmptyLine ? .incomplete : parseRequest(stream.input.readable, limits.head, &line, &fields)
      if result == .complete { break }
      if case .refused(let refusal) = result {
        let (begins, isWhole) = requests == 0 && stream.socket.tls == nil ? preface() : (false, false)
        if !begins { throw .refused(refusal) }
        speaksHTTP2 = isWhole
        if isWhole { return nil }
      }
      if stream.input.count >= limits.head.headBytes + 4 { throw .refused(.headTooLarge) }
      guard try await readMoreOfHead(limits, deadline) else { return nil }
    }
    return take(line, fields)
  }

  /// Whether bytes of a further request are there, or may be, so that ``nextRequest()`` need not wait.
  public var hasMore: Bool { !stream.input.isEmpty || stream.socket.isReadable }

  /// Bytes of the present request so far: head and payload.
  public var bytesOfRequest: Int { headBytes + bodyBytes }

  /// Whether a request has begun to arrive, without waiting. A failure is an end.
  private mutating func firstBytes() -> Stream.ReadResult {
    if !stream.input.isEmpty { return .bytes }
    return (try? stream.attemptRead(limit: ByteBuffer.blockSize)) ?? .end
  }

  /// One empty line before a request is skipped (RFC 9112, 2.2).
  /// - Returns: whether it takes more bytes to know if there is one.
  private mutating func skipEmptyLine() -> Bool {
    guard !stream.input.isEmpty else { return true }
    guard stream.input.readable[0] == 13 else { return false }
    if stream.input.count == 1 { return true }
    if stream.input.readable[1] == 10 { stream.input.consume(2) }
    return false
  }

  private nonisolated(nonsending) mutating func readMoreOfHead(_ limits: ViewerLimits, _ deadline: UInt64) async throws(WireFailure) -> Bool {
    while true {
      do throws(IOFailure) {
        switch try stream.attemptRead(limit: limits.head.headBytes + 4) {
        case .bytes: return true
        case .end: return false
        case .wait: break
        }
      } catch { throw .io(error) }
      let now = stream.socket.loop.now
      guard now < deadline else { throw .refused(.headTimeout) }
      await stream.socket.waitReadableSoftly(milliseconds: Int(deadline - now))
    }
  }

  /// Takes the head's bytes out of the input, where the offsets of `line` and `fields` point.
  private mutating func take(_ line: RequestLine, _ fields: consuming HeaderSection) -> RequestHead {
    requests += 1
    fields.bytes = stream.input.split(line.length)
    stream.input.releaseIfEmpty()
    decoder = BodyDecoder(line.framing)
    trailerSection = nil
    owesContinue = line.expectsContinue && line.framing != .none
    closing = closing || line.wantsClose
    bodyBegan = stream.socket.loop.now
    lastMove = bodyBegan
    bodyBytes = 0
    headBytes = line.length
    stream.bytesSent = 0
    var head = RequestHead(line: line, fields: fields)
    if line.authorityLength > 0 { head.settleAbsoluteTarget() }
    return head
  }

  // MARK: Request bodies

  /// Whether the request's body has been read to its end.
  public var bodyIsDone: Bool { decoder.isDone }
  /// The viewer waits for 100 before it sends its body.
  public var waitsForContinue: Bool { owesContinue }

  /// Waits until ``payloadAtHand()`` has something to say, or something else woke the task. Says 100 Continue first if that is owed.
  /// - Throws: ``WireFailure/tooSlow`` when the body falls below the minimum rate.
  public nonisolated(nonsending) mutating func waitForPayload() async throws(WireFailure) {
    let limits = context.viewerLimits
    if owesContinue { try await sendContinue(limits) }
    let now = stream.socket.loop.now
    let rate = limits.minimumBodyBytesPerSecond
    let due = rate == 0 ? UInt64.max : bodyBegan + UInt64(limits.bodyRateGraceMilliseconds + bodyBytes / rate * 1000)
    let idleEnd = lastMove + UInt64(limits.idleTimeoutMilliseconds)
    guard now < due, now < idleEnd else { throw .tooSlow }
    // Bytes may have come while the task waited for something else; their edge is not announced again.
    guard !stream.socket.isReadable, stream.socket.failure == nil else { return }
    await stream.socket.waitReadableSoftly(milliseconds: Int(min(due, idleEnd) - now))
  }

  /// Waits for payload of the request's body.
  /// - Returns: how many bytes of it stand at the front of `stream.input`; the caller takes and consumes them. 0 at the end.
  /// - Throws: ``WireFailure/tooSlow`` when the body falls below the minimum rate.
  public nonisolated(nonsending) mutating func nextPayload() async throws(WireFailure) -> Int {
    while true {
      if let n = try payloadAtHand() { return n }
      try await waitForPayload()
    }
  }

  /// Like ``nextPayload()`` without waiting: nil when it would have to.
  public mutating func payloadAtHand() throws(WireFailure) -> Int? {
    let n = try stream.payloadAtHand(&decoder, &trailerSection)
    if let n {
      bodyBytes += n
      lastMove = stream.socket.loop.now
    }
    return n
  }

  private nonisolated(nonsending) mutating func sendContinue(_ limits: ViewerLimits) async throws(WireFailure) {
    owesContinue = false
    if let substream { return substream.session.sendInterim("HTTP/1.1 100 Continue\r\n\r\n", of: substream) }
    stream.beginOutput()
    stream.output.append("HTTP/1.1 100 Continue\r\n\r\n")
    try await flush()
  }

  /// Time that passed while the other side was slow does not count against the viewer's rate.
  public mutating func excuse(since began: UInt64) {
    bodyBegan += stream.socket.loop.now - began
    lastMove = stream.socket.loop.now
  }

  /// The rate is judged from now on: the body was not asked for before.
  public mutating func restartBodyClock() {
    bodyBegan = stream.socket.loop.now
    lastMove = bodyBegan
  }

  /// Whether what is left of the body may be read and dropped, so that the connection can be kept.
  public var bodyIsShort: Bool {
    guard !decoder.isDone else { return true }
    guard !owesContinue, let rest = decoder.knownRemaining else { return false }
    return rest <= context.viewerLimits.discardedBodyBytes
  }

  /// Decides about a body that nobody wants: a short rest is read so that the connection lives, else it ends after the answer.
  public nonisolated(nonsending) mutating func discardBody() async throws(WireFailure) {
    guard bodyIsShort else {
      closing = true
      return
    }
    while true {
      let n = try await nextPayload()
      if n == 0 { return }
      stream.input.consume(n)
    }
  }

  // MARK: Answers

  /// Whether bytes of an answer to the present request have been sent: then no other answer can follow.
  public var answerHasBegun = false
  /// Whether the viewer can still be answered.
  public var isAlive: Bool { stream.socket.failure == nil && !stream.socket.isBroken }

  /// A head stands whole in `stream.output`; content follows.
  public mutating func headIsWhole() {
    guard let substream else { return }
    stream.bytesSent += stream.output.count
    substream.submit(head: &stream.output)
  }
  /// Takes back an answer of which nothing has been sent, so that another can be given in its place.
  /// - Returns: whether that could be done.
  public mutating func takeBackAnswer() -> Bool {
    guard answerHasBegun, isAlive, substream != nil || stream.bytesSent == 0 else { return false }
    if let substream, !substream.takeBackHead() { return false }
    stream.output.removeAll()
    stream.bytesSent = 0
    answerHasBegun = false
    return true
  }
  /// The field lines behind the request's content that may be passed on, as text.
  public mutating func takeRequestTrailers() -> ByteBuffer {
    var lines = ByteBuffer()
    if let substream {
      swap(&lines, &substream.receivedTrailers)
      return lines
    }
    if let trailerSection { return Trailers.allowed(trailerSection.bytes, context.viewerLimits.head) }
    return lines
  }
  /// The answer is whole; `trailers` follow where there can be some.
  public mutating func answerIsWhole() {
    var lines = ByteBuffer()
    swap(&lines, &trailers)
    substream?.finish(trailers: lines)
  }

  /// Puts payload behind what waits to be sent, framed as a chunk if asked, and sends what the kernel takes at once.
  /// - Parameter n: bytes at the front of `source`; they are consumed.
  public mutating func forward(_ n: Int, from source: inout ByteBuffer, asChunk: Bool) throws(WireFailure) {
    do { try stream.forward(n, from: &source, asChunk: asChunk) } catch { throw .io(error) }
  }

  /// Sends what the kernel takes of what waits, without waiting.
  /// - Returns: whether everything went out.
  public mutating func flushAtOnce() throws(WireFailure) -> Bool {
    do { return try stream.attemptFlush() } catch { throw .io(error) }
  }

  /// Sends all that waits.
  public nonisolated(nonsending) mutating func flush() async throws(WireFailure) {
    do { try await stream.flush(timeoutMilliseconds: context.viewerLimits.idleTimeoutMilliseconds) } catch { throw .io(error) }
  }

  /// Ends the answers: says close_notify where the connection is secured, waiting as for bytes of an answer, and lingers when the viewer may
  /// still be sending a body that nobody read.
  /// - Returns: false when the viewer took no byte for the idle timeout.
  public nonisolated(nonsending) mutating func finish() async -> Bool {
    guard substream == nil, stream.socket.failure == nil else { return true }
    await stream.socket.sayGoodbye(timeoutMilliseconds: context.viewerLimits.idleTimeoutMilliseconds)
    if stream.socket.failure == .timedOut { return false }
    if !decoder.isDone && stream.socket.failure == nil { await linger() }
    return true
  }

  /// Ends a connection whose peer may still be sending: says FIN, then reads and drops what comes, within limits, so that the
  /// answer is not lost to a reset (RFC 9112, 9.6).
  public nonisolated(nonsending) mutating func linger() async {
    guard substream == nil else { return }
    await stream.socket.sayGoodbye(timeoutMilliseconds: context.viewerLimits.idleTimeoutMilliseconds)
    _ = stream.socket.finishWriting()
    let loop = stream.socket.loop
    let end = loop.now + UInt64(context.viewerLimits.lingerMilliseconds)
    stream.input.removeAll()
    var dropped = 0
    while loop.now < end, dropped < 1 << 20 {
      guard let more = try? await stream.fill(timeoutMilliseconds: Int(end - loop.now)), more else { return }
      dropped += stream.input.count
      stream.input.removeAll()
    }
  }

  /// Gives everything back but what a silent connection needs to be remembered by.
  public consuming func park() -> ParkedConnection {
    return ParkedConnection(socket: stream.socket, peer: peer, peerText: peerText, requests: requests)
  }

  /// Gives the memory back and closes the socket.
  public consuming func close() {
    stream.socket.close()
  }
}

extension RequestHead {
  /// The authority of an absolute-form target replaces Host, for everybody who looks at the head from here on (RFC 9112, 3.2.2).
  fileprivate mutating func settleAbsoluteTarget() {
    completeAbsoluteTarget()
    var host = ByteBuffer(capacity: 64)
    host.append(fields.bytes.readable.slice(line.authorityStart, line.authorityLength))
    fields.drop(.host)
    let name: StaticString = "Host"
    name.withUTF8Buffer { name in unsafe fields.append(name.span, host.readable) }
  }

  /// An absolute-form target without a path means `/` (RFC 9112, 3.2.1), or `*` for OPTIONS without a query (3.2.4).
  private mutating func completeAbsoluteTarget() {
    guard line.pathLength == 0 else { return }
    let start = fields.bytes.count
    fields.bytes.append(line.method == .options && line.targetLength == 0 ? 42 : 47)
    for i in line.targetStart..<(line.targetStart + line.targetLength) {
      let byte = fields.bytes.readable[i]
      fields.bytes.append(byte)
    }
    line.targetStart = start
    line.targetLength += 1
    line.pathLength = 1
  }
}
