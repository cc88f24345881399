// Owns: one HTTP/2 connection (RFC 9113) of a server or a client: nghttp2's session, the connection's bytes, its streams and its end. It has
// no task: events of its socket and the end of a turn of the loop move it, so that an idle connection costs its memory only. What tasks say
// in a turn is gathered and written at its end in as few system calls as it takes. Its clocks are in HTTP2Session+Time.swift. Confined to the
// loop's thread.
import CNghttp2
public import Transport

/// Who is told what happens on a connection. Called on the loop's thread.
public protocol HTTP2SessionOwner: AnyObject {
  /// A request has come; a task is to be started that takes the stream.
  func began(_ stream: HTTP2Stream)
  /// Something that is counted.
  func noted(_ event: HTTP2Event)
  /// Of a client: a stream is gone, or the peer allows more of them, or none any more: there may be room for another, here or elsewhere.
  func roomChanged(_ session: HTTP2Session)
  /// The connection is closed.
  func ended(_ session: HTTP2Session, _ reason: HTTP2Session.EndReason)
}

/// One HTTP/2 connection.
@safe public final class HTTP2Session: TurnEnding {
  /// Why a connection ended.
  public enum EndReason: Sendable {
    /// The peer closed or broke it.
    case peer
    /// Nothing happened for as long as it may be idle.
    case idle
    /// After GOAWAY, when the last stream was done.
    case finished
    /// One side broke a rule or a limit.
    case error
  }

  // Error codes (RFC 9113, 7).
  static let noError: UInt32 = 0, protocolError: UInt32 = 1, internalError: UInt32 = 2, flowControlError: UInt32 = 3
  static let settingsTimeout: UInt32 = 4, streamClosed: UInt32 = 5, frameSizeError: UInt32 = 6, refusedStream: UInt32 = 7, cancel: UInt32 = 8, calm: UInt32 = 11, inadequateSecurity: UInt32 = 12
  /// What is said of a stream for its peer's fault.
  static let faults = [protocolError, flowControlError, streamClosed, frameSizeError]
  /// Bytes that are read from one connection before others have their turn.
  private static let bytesPerTurn = 262_144
  /// Bytes that may wait to be taken by the kernel before more is produced, or read.
  private static let outputBytes = 65_536
  /// How often so much is written to one connection before others have their turn.
  private static let writesPerTurn = 4
  /// Frames from this size on are sent from where they lie.
  private static let gatheredBytes = 8_192

  /// The loop.
  public let loop: EventLoop
  /// Whether this side answers.
  public let isServer: Bool
  /// Limits of the connection.
  public let limits: HTTP2Limits
  /// Whether the connection is protected: the scheme of requests.
  public let isSecure: Bool
  let headLimits: HeadLimits
  let times: ViewerLimits
  var stream: Stream
  /// The connection's socket.
  public let socket: Socket
  var session: OpaquePointer?
  /// Who is told of it.
  public weak var owner: (any HTTP2SessionOwner)?

  /// Who connected, for a server.
  public let peer: SocketAddress
  let peerText: [UInt8]
  /// Requests that began.
  public internal(set) var requests = 0

  var streams: [HTTP2Stream?] = []
  private var freePlaces: [Int] = []
  /// Streams that are open.
  public private(set) var streamCount = 0
  /// Tasks at work on streams, those of streams that are gone included.
  var taskCount = 0
  /// Streams whose answer is whole, and whose request is not, and since when; the oldest first (HTTP2Session+Time.swift).
  var rests: [(id: Int32, since: UInt64)] = []
  private var dirty: [HTTP2Stream] = []
  var gauge: FloodGauge
  /// The highest stream that the peer of a server, or a client, opened, and those that this side reset: frames that were under way are no fault of the peer's.
  var lastOpened: Int32 = 0
  var wasResetHere = RecentStreams()
  var largestWindow = 0, firstWindow = 0
  private var scanner: FrameScanner
  var block: FieldBlock?
  var blockStream: HTTP2Stream?

  private var isScheduled = false
  /// Whether there are, or may be, bytes to read that no event will tell of again.
  private(set) var hasMoreToRead = false
  /// Whether nghttp2 may have frames that nobody has taken yet.
  private var hasMoreToWrite = false
  /// Set when the peer has said all it will say.
  var peerIsDone = false
  var sawSettings = false
  /// GOAWAY has been announced; final: no further stream is taken.
  var isEnding = false, refusesFurther = false
  /// Only the end is awaited: what still comes is dropped.
  var isLingering = false
  /// FIN has been said.
  private var hasSaidEnd = false
  /// Set once.
  public private(set) var isClosed = false
  var endReason = EndReason.finished
  /// What the peer did wrong for the connection to end has been counted.
  var errorIsCounted = false

  // Since when something is waited for, in the loop's milliseconds (HTTP2Session+Time.swift).
  /// When anything last moved.
  var lastMove: UInt64 = 0
  /// When a block of fields, or a frame, began that is not whole, and the scanner's number for it; 0 for none.
  var unfinishedSince: UInt64 = 0
  private var unfinished = 0
  /// When our SETTINGS were said; 0 when they have been acknowledged.
  var settingsSince: UInt64 = 0
  /// Since when answers have waited here without moving, whatever the peer says meanwhile; 0 when none do.
  var stalledSince: UInt64 = 0
  /// When the peer was told that the connection is to end.
  var endingSince: UInt64 = 0
  /// Since when only the last words, and then the peer's, are waited for.
  var lingeringSince: UInt64 = 0

  /// Takes over a connection, with whatever bytes have been read from it, the client's preface included (RFC 9113, 3.4).
  /// - Returns: nil when there is no memory for it.
  public init?(
    _ stream: consuming Stream, isServer: Bool, isSecure: Bool = false, peer: SocketAddress, peerText: [UInt8], _ limits: HTTP2Limits,
    _ times: ViewerLimits, head: HeadLimits, owner: any HTTP2SessionOwner
  ) {
    socket = stream.socket
    loop = stream.socket.loop
    self.stream = stream
    self.isServer = isServer
    self.isSecure = isSecure
    self.peer = peer
    self.peerText = peerText
    self.limits = limits
    self.times = times
    headLimits = head
    self.owner = owner
    gauge = FloodGauge(limits)
    scanner = FrameScanner(isServer: isServer)
    lastMove = loop.now
    settingsSince = max(1, loop.now)
    var settings = sk_h2_settings(
      concurrentStreams: UInt32(limits.concurrentStreams), streamWindow: UInt32(limits.streamWindowBytes), sessionWindow: UInt32(limits.sessionWindowBytes),
      headerListSize: UInt32(head.headBytes))
    unsafe session = sk_h2_new(isServer ? 1 : 0, Unmanaged.passUnretained(self).toOpaque(), HTTP2Events.table, &settings)
    guard unsafe session != nil else { return nil }
    socket.isIdle = false
    socket.whenDisturbed = { [self] _ in disturbed() }   // until the socket is closed
    socket.whenExpired = { [self] in expired() }
    hasMoreToRead = true
    schedule()
    owner.noted(.sessionBegan)
  }

  deinit { if let session = unsafe session { unsafe sk_h2_delete(session) } }

  // MARK: The socket

  private func disturbed() {
    if socket.failure != nil || socket.isBroken { return close(.peer) }
    hasMoreToRead = hasMoreToRead || socket.isReadable
    schedule()
  }

  func schedule() {
    guard !isScheduled, !isClosed else { return }
    isScheduled = true
    loop.atEndOfTurn(self)
  }

  /// Reads, lets streams go on, writes: once in a turn of the loop in which something happened.
  public func turnEnds() {
    isScheduled = false
    guard !isClosed else { return }
    if hasMoreToRead { read() }
    while let next = dirty.popLast() { next.advance() }
    guard !isClosed else { return }
    guard write() else { return close(.peer) }
    endIfDone()
    if !isClosed { arm() }
  }

  private func read() {
    hasMoreToRead = false
    var budget = Self.bytesPerTurn
    if !stream.input.isEmpty { feed() }
    while budget > 0 {
      // Who does not take our frames is not listened to: neither do they pile up here.
      if stream.output.count >= Self.outputBytes { return postponeReading() }
      guard let result = try? stream.attemptRead() else { return peerEnded() }
      switch result {
      case .bytes:
        budget -= stream.input.count
        feed()
      case .wait: return
      case .end: return peerEnded()
      }
    }
    hasMoreToRead = true
    schedule()
  }

  /// Reading goes on when output has been taken (``write()``). Until then nothing of the peer's can be late.
  private func postponeReading() {
    hasMoreToRead = true
    if unfinishedSince > 0 { unfinishedSince = loop.now }
    if settingsSince > 0 { settingsSince = loop.now }
  }

  /// Lets nghttp2 look at what was read; its callbacks are HTTP2Events.
  private func feed() {
    var input = ByteBuffer()
    swap(&input, &stream.input)
    lastMove = loop.now
    if !isLingering && !hear(input.readable) { broken() }
    if unfinished != scanner.unfinished {
      unfinished = scanner.unfinished
      unfinishedSince = unfinished == 0 ? 0 : max(1, loop.now)
    }
    input.removeAll()
    swap(&input, &stream.input)
  }

  /// Hands bytes to nghttp2. It passes over DATA of streams that are closed and over what it does not know, so it is stopped before each
  /// such frame: whether a viewer's stream may have it (RFC 9113, 5.1), and whether it is one too many, is looked at here.
  /// - Returns: false when nothing more is to be heard.
  private func hear(_ bytes: Span<UInt8>) -> Bool {
    var start = 0, at = 0
    while let frame = scanner.next(bytes, &at) {
      let before = max(start, at - FrameScanner.headerBytes)
      guard receive(bytes.extracting(start..<before)) else { return false }
      start = before
      let limit: HTTP2Event?
      if frame.type != 0 {
        limit = gauge.frame(type: frame.type, isAcknowledgement: false, now: loop.now)
      } else if !mayBeUnderWay(frame.id) {
        if let session = unsafe session { unsafe sk_h2_terminate(session, Self.streamClosed) }
        return false
      } else {
        // What an origin still sends for viewers that left is no fault of the origin's.
        limit = isServer || scanner.payloadBytes == 0 ? gauge.mayBeIgnored(now: loop.now) : nil
      }
      guard let limit else { continue }
      exceeded(limit)
      if let session = unsafe session { unsafe sk_h2_terminate(session, Self.calm) }
      return false
    }
    return receive(bytes.extracting(start...))
  }

  private func receive(_ bytes: Span<UInt8>) -> Bool {
    guard !bytes.isEmpty, let session = unsafe session else { return true }
    return unsafe bytes.withUnsafeBufferPointer { unsafe sk_h2_receive(session, $0.baseAddress!, $0.count) } == 0
  }

  /// Whether a frame for a stream can be one that was sent before the peer knew that the stream is closed.
  func mayBeUnderWay(_ id: Int32) -> Bool {
    guard id > 0, id & 1 == 1, id <= lastOpened, let session = unsafe session else { return true }   // nghttp2 judges the others
    return unsafe sk_h2_has_stream(session, id) != 0 || wasResetHere.has(id)
  }

  /// nghttp2 gave up: whatever it has to say is said, nothing is heard any more.
  private func broken() {
    if !isLingering { terminate(Self.protocolError, .error) }   // unless an end has been said already
  }

  /// FIN: no request that has not been heard whole will be.
  private func peerEnded() {
    peerIsDone = true
    socket.keep()
    for case let stream? in streams where !stream.inboundEnded {
      stream.ended(Self.cancel)
      if stream.id > 0, let session = unsafe session { unsafe sk_h2_reset(session, stream.id, Self.cancel) }
    }
    if streamCount == 0 || isLingering || !isServer { close(isLingering ? endReason : .peer) }
  }

  /// Writes what there is to write, and what the kernel takes: as long as it takes everything it does not tell when it takes more.
  /// - Returns: false when the connection is broken.
  private func write() -> Bool {
    if hasSaidEnd { return true }
    let before = stream.bytesSent, hasWaited = !stream.output.isEmpty
    defer {
      if stream.bytesSent != before {
        lastMove = loop.now
        if hasWaited { stalledSince = 0 }
      }
    }
    hasMoreToWrite = true
    do throws(IOFailure) {
      for _ in 0..<Self.writesPerTurn {
        hasMoreToWrite = try !gather()
        guard try stream.attemptFlush() else { return true }
        guard hasMoreToWrite else { break }
      }
    } catch { return false }
    if hasMoreToWrite || hasMoreToRead { schedule() }
    return true
  }

  /// Takes frames from nghttp2 until enough wait to be written.
  /// - Returns: whether these were all.
  private func gather() throws(IOFailure) -> Bool {
    while stream.output.count < Self.outputBytes {
      var bytes: UnsafePointer<UInt8>?
      guard let session = unsafe session else { return true }
      let count = unsafe sk_h2_send(session, &bytes)
      guard count > 0, let start = unsafe bytes else { return true }
      let frame = unsafe UnsafeBufferPointer(start: start, count: count)
      if count >= Self.gatheredBytes {
        unsafe try stream.send(frame.span)
      } else {
        stream.beginOutput()
        unsafe stream.output.append(frame.span)
      }
    }
    return false
  }

  /// Whether everything that was said is on its way and there is nothing more to hear.
  private func endIfDone() {
    guard let session = unsafe session, stream.output.isEmpty, !hasMoreToWrite else { return }
    if peerIsDone && streamCount == 0 { return close(endReason == .error ? .error : .peer) }
    let isAlive = unsafe sk_h2_is_alive(session) != 0
    let isOver = isLingering || !isAlive
    let isDone = isEnding && refusesFurther && streamCount == 0
    guard isOver || isDone else { return }
    if isOver { failStreams(Self.cancel) }
    if peerIsDone { return close(endReason) }
    linger()
  }

  /// Says FIN and drops what still comes, so that the last words are not lost to a reset (RFC 9112, 9.6, is about the same).
  private func linger() {
    if !isLingering { lingeringSince = loop.now }
    isLingering = true
    if !hasSaidEnd { hasSaidEnd = socket.finishWriting() }   // again when there is room for close_notify
  }

  /// Lets go of all streams, and has nghttp2 do so: what it still thinks of them is nobody's business.
  private func failStreams(_ code: UInt32) {
    for case let stream? in streams {
      if stream.id > 0, let session = unsafe session { unsafe sk_h2_set_stream(session, stream.id, nil) }
      stream.ended(code)
    }
    streams.removeAll()
    freePlaces.removeAll()
    streamCount = 0
    blockStream = nil
  }

  func close(_ reason: EndReason) {
    guard !isClosed else { return }
    isClosed = true
    failStreams(Self.cancel)
    dirty.removeAll()
    socket.close()
    owner?.ended(self, reason)
  }

  /// Closes the connection now; whoever works on its streams is told.
  public func cancel() { close(.error) }

  // MARK: For streams

  func note(_ stream: HTTP2Stream) {
    guard !stream.isDirty else { return }
    stream.isDirty = true
    dirty.append(stream)
    schedule()
  }

  /// Content has been taken by who reads it: the peer may send as much again.
  func taken(_ count: Int, from stream: HTTP2Stream) {
    guard !isClosed, let session = unsafe session else { return }
    unsafe sk_h2_consumed(session, stream.id, stream.endCode == nil ? count : 0, count)
    schedule()
  }
  /// Content is not wanted by anybody.
  func dropped(_ count: Int, of stream: HTTP2Stream) {
    guard !isClosed, let session = unsafe session else { return }
    unsafe sk_h2_consumed(session, stream.id, 0, count)
    stream.unwantedBytes += count
    if stream.endIsSent && stream.unwantedBytes > times.discardedBodyBytes { unsafe sk_h2_reset(session, stream.id, Self.noError) }
    schedule()
  }

  func send(head: Span<UInt8>, of stream: HTTP2Stream, hasBody: Bool) {
    guard let session = unsafe session else { return }
    let code: Int32 = unsafe head.withUnsafeBufferPointer { bytes in
      guard let base = bytes.baseAddress else { return -1 }
      if isServer { return unsafe sk_h2_respond(session, stream.id, base, bytes.count, hasBody ? 1 : 0) }
      let pointer = unsafe Unmanaged.passUnretained(stream).toOpaque()
      return unsafe sk_h2_request(session, base, bytes.count, isSecure ? 1 : 0, hasBody ? 1 : 0, pointer)
    }
    if isServer {
      if code != 0 { unsafe sk_h2_reset(session, stream.id, Self.internalError) }
    } else if code > 0 {
      stream.id = code
      lastOpened = code
    } else {
      remove(stream)
      stream.ended(Self.internalError)
    }
  }
  func send(trailers: Span<UInt8>, of stream: HTTP2Stream) {
    guard let session = unsafe session else { return }
    unsafe trailers.withUnsafeBufferPointer { bytes in
      if let base = bytes.baseAddress { _ = unsafe sk_h2_trailers(session, stream.id, base, bytes.count) }
    }
  }
  /// An interim response, at once.
  func sendInterim(_ head: StaticString, of stream: HTTP2Stream) {
    guard !isClosed, stream.endCode == nil, let session = unsafe session else { return }
    _ = unsafe sk_h2_respond(session, stream.id, head.utf8Start, head.utf8CodeUnitCount, 0)
    schedule()
  }
  func resume(_ stream: HTTP2Stream) { if let session = unsafe session { unsafe sk_h2_resume(session, stream.id) } }

  /// A task that worked on a stream has ended.
  func taskEnded() {
    taskCount -= 1
    schedule()
  }

  /// Whoever worked on the stream is done with it.
  func abandonUnfinished(_ stream: HTTP2Stream, isBroken: Bool) {
    guard !isClosed, let session = unsafe session else { return }
    if isServer && !isBroken { return }   // what was finished is still sent; a rest of the request is refused then
    if !isServer && stream.id == 0 {
      remove(stream)
      return stream.ended(Self.cancel)
    }
    unsafe sk_h2_reset(session, stream.id, isServer ? Self.internalError : Self.cancel)
    schedule()
  }

  // MARK: For a client

  /// Whether another request can be sent on this connection.
  public var hasRoom: Bool {
    guard !isClosed, !isEnding, !isLingering, !peerIsDone, let session = unsafe session else { return false }
    return streamCount < min(limits.concurrentStreams, Int(unsafe sk_h2_peer_streams(session)))
  }

  /// Whether the peer has said that it takes no further requests; those that it took may go on.
  public internal(set) var isLeft = false

  /// A stream for a request that is to be sent.
  public func open() -> HTTP2Stream {
    let stream = HTTP2Stream(self, id: 0)
    add(stream)
    taskCount += 1
    stream.workBegins()
    return stream
  }

  func add(_ stream: HTTP2Stream) {
    stream.place = freePlaces.popLast() ?? streams.count
    if stream.place == streams.count { streams.append(stream) } else { streams[stream.place] = stream }
    streamCount += 1
  }
  func remove(_ stream: HTTP2Stream) {
    guard stream.place >= 0, stream.place < streams.count, streams[stream.place] === stream else { return }
    streams[stream.place] = nil
    freePlaces.append(stream.place)
    stream.place = -1
    streamCount -= 1
    lastMove = loop.now
    stalledSince = 0
    if !isServer { owner?.roomChanged(self) }
  }
}
