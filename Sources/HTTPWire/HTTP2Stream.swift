// Owns: one stream of an HTTP/2 connection (RFC 9113, 5): what came and has not been taken, what is to be sent and has not been asked for.
// Both are bounded: the first by the window that is given back only for what was taken, the second by `sendBufferBytes`.
// The task that works on the stream sees a `Stream` and its `Socket`; the session sees this. Confined to the loop's thread.
public import Transport

/// How a stream failed that carried a request to an origin.
public enum StreamFailure: Equatable, Sendable {
  /// The origin has done nothing about the request (REFUSED_STREAM, or GOAWAY without it): it may be sent again (RFC 9113, 8.7).
  case refused
  /// The origin reset it, with this code (7).
  case reset(UInt32)
  /// The origin broke a rule, or a limit, of HTTP/2.
  case broken
}

/// One stream of an HTTP/2 connection.
public final class HTTP2Stream: Substream {
  /// The connection.
  public let session: HTTP2Session
  /// The stream's number (RFC 9113, 5.1.1); 0 until a request has been submitted.
  public internal(set) var id: Int32
  /// Its socket, from the beginning of a task's work on the stream until that task closes it. Each holds the other meanwhile.
  private(set) var socket: Socket?
  /// Its place among the session's streams.
  var place = -1

  // What came.
  /// The request, until it is taken; or why there is none.
  var request: RequestHead?
  var refusal: Refusal?
  /// The final response, until it is taken.
  var response: ResponseHead?
  var hasFinalHead = false
  /// Interim responses that came.
  private(set) var interimResponses = 0
  private var inbound = ByteBuffer()
  private(set) var inboundEnded = false
  /// Field lines behind the content, as text.
  var receivedTrailers = ByteBuffer()
  /// Fields that its peer forbade to index, and those that are not to be indexed here because another hop's peer did.
  var receivedUnindexed = NeverIndexed(), unindexed = NeverIndexed()
  /// The other hop's stream of the same exchange.
  weak var counterpart: HTTP2Stream?

  /// How much content the peer announced, -1 for nothing said of it; and how much has come.
  var announcedLength = -1, receivedLength = 0
  /// Whether an origin was asked for a head alone.
  var isHead = false
  /// What the peer may still send, and how much of it has been taken since it was last told (RFC 9113, 6.9).
  var receiveWindow: Int, taken = 0
  var wasResetByPeer = false
  /// Content that nobody wanted.
  var unwantedBytes = 0

  // What is to be sent.
  /// A head in text that waits for the end of the turn.
  private var head = ByteBuffer()
  private var outbound = ByteBuffer()
  private var trailers = ByteBuffer()
  private(set) var headIsSent = false
  /// Whether the task has said all it has to say.
  private(set) var isFinished = false
  private var wantsRoom = false
  /// What the peer has room for (RFC 9113, 6.9).
  var sendWindow: Int
  var priority = HTTP2Priority()
  /// Its line among those with something to send, -1 when it is in none; and whether it waits for the connection's window.
  var queueLevel = -1, isStarved = false
  /// A frame with END_STREAM went out.
  var endIsSent = false

  /// How the stream ended; nil while it lives.
  public private(set) var endCode: UInt32?
  /// Whether it is in the session's list of those with something to do.
  var isDirty = false

  init(_ session: HTTP2Session, id: Int32) {
    self.session = session
    self.id = id
    receiveWindow = session.firstReceiveWindow
    sendWindow = session.firstWindow
    super.init()
  }

  /// A task is about to work on the stream: it takes the socket, and must close it.
  func workBegins() { socket = Socket(loop: session.loop, substream: self) }

  // MARK: For the task

  /// The socket for the task that works on this stream.
  func takeSocket() -> Socket { socket ?? Socket(loop: session.loop, substream: self) }

  public override func receive(into input: inout ByteBuffer, limit: Int, isDrained: inout Bool) -> Stream.ReadResult {
    let room = limit == .max ? inbound.count : max(0, limit - input.count)
    let n = min(inbound.count, room)
    if n == 0 {
      if inbound.isEmpty && inboundEnded { return .end }
      isDrained = inbound.isEmpty
      return .wait
    }
    if input.isEmpty && n == inbound.count { swap(&input, &inbound) } else {
      input.append(inbound, 0..<n)
      inbound.consume(n)
    }
    inbound.releaseIfEmpty()
    isDrained = inbound.isEmpty && !inboundEnded
    session.taken(n, from: self)
    return .bytes
  }

  /// Content up to so many bytes is likely to be all there is.
  private static let fewBytes = 2_048

  public override func send(_ bytes: Span<UInt8>) -> Int? {
    guard endCode == nil else { return nil }
    let n = min(bytes.count, session.limits.sendBufferBytes - outbound.count)
    wantsRoom = n < bytes.count
    if n > 0 {
      if n <= Self.fewBytes { outbound.acquireSmall() } else { outbound.acquire() }
      outbound.append(bytes.extracting(..<n))
      session.note(self)
    }
    return max(0, n)
  }

  /// Hands over a head in text; it goes out at the end of the turn, together with what follows at once.
  func submit(head text: inout ByteBuffer) {
    swap(&head, &text)
    text.release()   // what stood there before: nothing
    session.note(self)
  }

  /// Takes back a head that waits for the end of the turn, and what stands behind it.
  /// - Returns: false when it is gone, or the stream has ended.
  func takeBackHead() -> Bool {
    guard endCode == nil, !headIsSent, !isFinished else { return false }
    head.release()
    outbound.release()
    return true
  }

  /// Nothing more is to be sent but these field lines.
  func finish(trailers lines: consuming ByteBuffer = ByteBuffer()) {
    guard !isFinished else { return }
    isFinished = true
    trailers = lines
    session.note(self)
  }
  public override func finishWriting() { finish() }

  public override func closed(reset: Bool) {
    socket = nil
    session.taskEnded()
    let held = inbound.count
    inbound.release()
    if held > 0 { session.dropped(held, of: self) }   // of a stream that has ended, too: the connection's window outlives it
    guard endCode == nil else { return }
    session.abandonUnfinished(self, isBroken: reset || !isFinished)
  }

  /// Why the stream ended before its answer was whole, when there is more to say than that the connection is gone.
  var failure: StreamFailure? {
    guard let endCode else { return nil }
    if endCode == HTTP2Error.refusedStream { return .refused }
    if wasResetByPeer { return .reset(endCode) }
    return HTTP2Error.faults.contains(endCode) || session.endReason == .error ? .broken : nil
  }

  // MARK: For the session

  /// Content has come.
  func received(_ bytes: Span<UInt8>) {
    guard let socket, endCode == nil else { return session.dropped(bytes.count, of: self) }
    inbound.acquire()
    inbound.append(bytes)
    socket.announce(.readable)
  }
  /// No more comes.
  func receivedEnd() {
    inboundEnded = true
    socket?.announce(.readable)
  }
  /// An interim response has come. It is not passed on, but who waits may have seen enough of them.
  func receivedInterim() {
    interimResponses += 1
    socket?.nudge()
  }
  /// A head has come: wakes who waits for it.
  func announceHead() { socket?.announce(.readable) }

  // What can be sent behind the head.
  var contentCount: Int { outbound.count }
  var hasContent: Bool { !outbound.isEmpty }
  var hasTrailers: Bool { !trailers.isEmpty }
  var hasSupply: Bool { hasContent || isFinished }

  /// Carries out what the task has asked for since the last turn.
  func advance() {
    isDirty = false
    guard endCode == nil else { return }
    if head.isEmpty { return session.enqueue(self) }
    headIsSent = true
    var text = ByteBuffer()   // a class cannot lend what it holds
    swap(&text, &head)
    session.send(head: text.readable, of: self, hasBody: !isFinished || hasContent || hasTrailers)
  }

  /// Moves content to where it is sent from.
  func supply(_ count: Int, to output: inout ByteBuffer) {
    output.append(outbound, 0..<count)
    outbound.consume(count)
    outbound.releaseIfEmpty()
    guard wantsRoom, outbound.isEmpty else { return }
    wantsRoom = false
    socket?.announce(.writable)
  }

  func takeTrailers() -> ByteBuffer {
    var lines = ByteBuffer()
    swap(&lines, &trailers)
    return lines
  }

  /// The session has let go of the stream.
  func ended(_ code: UInt32) {
    guard endCode == nil else { return }
    endCode = code
    head.release()
    outbound.release()
    let isWhole = code == HTTP2Error.none && inboundEnded
    guard let socket else { return }
    if isWhole { socket.announce(.writable) } else { socket.announce(.broken) }
  }
}
