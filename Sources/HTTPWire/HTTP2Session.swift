// Owns: one HTTP/2 connection (RFC 9113) of a server or a client: its bytes, its streams and its end. It has no task: events of its socket and
// the end of a turn of the loop move it, so that an idle connection costs its memory only. What tasks say in a turn is gathered and written at
// its end in as few system calls as it takes. What comes is looked at in HTTP2Session+Reception.swift and +Blocks.swift, what is said written in
// +Sending.swift; the clocks are in +Time.swift. Confined to the loop's thread.
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
public final class HTTP2Session: TurnEnding {
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

  /// Bytes that are read from one connection before others have their turn.
  private static let bytesPerTurn = 262_144
  /// Bytes that may wait to be taken by the kernel before more is produced, or read.
  static let outputBytes = 65_536
  /// How often so much is written to one connection before others have their turn.
  private static let writesPerTurn = 4
  /// Windows as long as nothing has been said of them (RFC 9113, 6.9.2).
  static let standardWindow = 65_535
  /// So many PRIORITY_UPDATE frames of streams that have not begun are remembered.
  static let earlyPrioritiesLimit = 16

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
  /// Who is told of it.
  public weak var owner: (any HTTP2SessionOwner)?

  /// Who connected, for a server.
  public let peer: SocketAddress
  let peerText: [UInt8]
  /// Requests that began.
  public internal(set) var requests = 0

  var streams: [HTTP2Stream?] = []
  private var freePlaces: [Int] = []
  /// By number: where the newest stream lies that may have it.
  private var places = [UInt16](repeating: 0, count: HTTP2Session.placesCount)
  private static let placesCount = 128
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

  // What comes (HTTP2Session+Reception.swift).
  /// Bytes of the client's preface that are still to come.
  var prefaceToGo: Int
  /// How many frames have come, a block of fields counted as one.
  var framesTaken = 0
  var content: ContentFrame?
  /// The block that is not whole: its fields so far, a rest of its bytes, its stream's number, and the stream if it still wants it.
  var block: FieldBlock?
  var blockRest = ByteBuffer()
  var blockID: Int32 = 0
  var blockEndsStream = false, blockDependsOnItself = false
  var blockStream: HTTP2Stream?
  var decoder = HPACKDecoder()
  /// What the peer may still send, and how much of it has been taken since it was last told (RFC 9113, 6.9).
  var receiveWindow = HTTP2Session.standardWindow, taken = 0
  /// What the peer said of priorities of streams before they began.
  var earlyPriorities: [(id: Int32, priority: HTTP2Priority)] = []
  var oldPrioritiesAreOff: UInt32 = 0
  var connectIsEnabled: UInt32 = 0
  /// The last stream that the peer's GOAWAY names.
  var peerLast = Int32.max

  // What is said (HTTP2Session+Sending.swift).
  var encoder = HPACKEncoder()
  var queue = SendQueue()
  /// Streams that wait for the connection's window alone.
  var starved: [HTTP2Stream] = []
  /// What may still be sent, and on a new stream.
  var sendWindow = HTTP2Session.standardWindow, firstWindow = HTTP2Session.standardWindow
  /// Streams that the peer allows at once; as many as here until it says so.
  var peerStreams: Int
  /// The highest stream of the peer's whose request was handed on.
  var lastServed: Int32 = 0

  private var isScheduled = false
  /// Whether there are, or may be, bytes to read that no event will tell of again.
  private(set) var hasMoreToRead = false
  /// Whether there may be content to write that nobody has looked at yet.
  private var hasMoreToWrite = false
  /// Whether the kernel has not taken all that was there at the end of the last turn.
  private var outputWaits = false
  /// Set when the peer has said all it will say.
  var peerIsDone = false
  var sawSettings = false
  /// GOAWAY has been said for good: nothing is heard or said any more. The peer has said GOAWAY.
  var isOver = false, peerHasLeft = false
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
  public init(
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
    prefaceToGo = isServer ? Self.preface.utf8CodeUnitCount : 0
    peerStreams = limits.concurrentStreams
    lastMove = loop.now
    settingsSince = max(1, loop.now)
    socket.isIdle = false
    socket.whenDisturbed = { [self] _ in disturbed() }   // until the socket is closed
    socket.whenExpired = { [self] in expired() }
    hasMoreToRead = true
    introduce()
    schedule()
    owner.noted(.sessionBegan)
  }

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

  /// Looks at what was read. A frame that is not whole stays there.
  private func feed() {
    var input = ByteBuffer()
    swap(&input, &stream.input)
    lastMove = loop.now
    if isLingering || isOver {
      input.removeAll()
    } else if let taken = hear(input.readable) {
      input.consume(taken)
    } else {
      input.removeAll()
      terminate(HTTP2Error.protocolError, .error)   // unless an end has been said already
    }
    let now = unfinishedFrame(input.count)
    if unfinished != now {
      unfinished = now
      unfinishedSince = unfinished == 0 ? 0 : max(1, loop.now)
    }
    if input.isEmpty { input.removeAll() }
    swap(&input, &stream.input)
  }

  /// FIN: no request that has not been heard whole will be.
  private func peerEnded() {
    peerIsDone = true
    socket.keep()
    for case let stream? in streams where !stream.inboundEnded {
      if stream.id > 0 { reset(stream, HTTP2Error.cancel) } else { stream.ended(HTTP2Error.cancel) }
    }
    if streamCount == 0 || isLingering || !isServer { close(isLingering ? endReason : .peer) }
  }

  /// Writes what there is to write, and what the kernel takes: as long as it takes everything it does not tell when it takes more.
  /// - Returns: false when the connection is broken.
  private func write() -> Bool {
    if hasSaidEnd { return true }
    let before = stream.bytesSent
    defer {
      if stream.bytesSent != before {
        lastMove = loop.now
        if outputWaits { stalledSince = 0 }
      }
      outputWaits = !stream.output.isEmpty
    }
    hasMoreToWrite = true
    do throws(IOFailure) {
      for _ in 0..<Self.writesPerTurn {
        hasMoreToWrite = !gather()
        guard try stream.attemptFlush() else { return true }
        guard hasMoreToWrite else { break }
      }
    } catch { return false }
    if hasMoreToWrite || hasMoreToRead { schedule() }
    return true
  }

  /// Whether everything that was said is on its way and there is nothing more to hear.
  private func endIfDone() {
    guard stream.output.isEmpty, !hasMoreToWrite else { return }
    if peerIsDone && streamCount == 0 { return close(endReason == .error ? .error : .peer) }
    let isDone = streamCount == 0 && (peerHasLeft || isEnding && refusesFurther)
    guard isLingering || isOver || isDone else { return }
    failStreams(HTTP2Error.cancel)
    if peerIsDone { return close(endReason) }
    linger()
  }

  /// Says FIN and drops what still comes, so that the last words are not lost to a reset (RFC 9112, 9.6, is about the same).
  private func linger() {
    if !isLingering { lingeringSince = loop.now }
    isLingering = true
    if !hasSaidEnd { hasSaidEnd = socket.finishWriting() }   // again when there is room for close_notify
  }

  /// Lets go of all streams.
  private func failStreams(_ code: UInt32) {
    for case let stream? in streams { stream.ended(code) }
    streams.removeAll()
    freePlaces.removeAll()
    queue.removeAll()
    starved.removeAll()
    streamCount = 0
    blockStream = nil
    content = nil
  }

  func close(_ reason: EndReason) {
    guard !isClosed else { return }
    isClosed = true
    failStreams(HTTP2Error.cancel)
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
    if stream.endCode == nil { credit(count, stream) }
    credit(count)
  }
  /// Content is not wanted by anybody.
  func dropped(_ count: Int, of stream: HTTP2Stream) {
    credit(count)
    stream.unwantedBytes += count
    if stream.endIsSent && stream.unwantedBytes > times.discardedBodyBytes { reset(stream, HTTP2Error.none) }
  }

  /// A task that worked on a stream has ended.
  func taskEnded() {
    taskCount -= 1
    schedule()
  }

  /// Whoever worked on the stream is done with it.
  func abandonUnfinished(_ stream: HTTP2Stream, isBroken: Bool) {
    guard !isClosed else { return }
    if isServer && !isBroken { return }   // what was finished is still sent; a rest of the request is refused then
    if !isServer && stream.id == 0 {
      remove(stream)
      return stream.ended(HTTP2Error.cancel)
    }
    reset(stream, isServer ? HTTP2Error.internalError : HTTP2Error.cancel)
  }

  // MARK: For a client

  /// Whether another request can be sent on this connection.
  public var hasRoom: Bool {
    guard !isClosed, !isEnding, !isLingering, !isOver, !peerIsDone, lastOpened < Int32.max - 1_000 else { return false }
    return streamCount < min(limits.concurrentStreams, peerStreams)
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
    place(stream)
  }
  /// Remembers where a stream lies that has got its number.
  func place(_ stream: HTTP2Stream) { places[Int(stream.id >> 1) % Self.placesCount] = UInt16(truncatingIfNeeded: stream.place) }
  /// The open stream with a number.
  func find(_ id: Int32) -> HTTP2Stream? {
    let place = Int(places[Int(id >> 1) % Self.placesCount])
    if place < streams.count, let stream = streams[place], stream.id == id { return stream }
    for case let stream? in streams where stream.id == id { return stream }
    return nil
  }
  func remove(_ stream: HTTP2Stream) {
    guard stream.place >= 0, stream.place < streams.count, streams[stream.place] === stream else { return }
    streams[stream.place] = nil
    freePlaces.append(stream.place)
    if stream.queueLevel >= 0 { queue.remove(stream) }
    if stream.isStarved { starved.removeAll { $0 === stream } }
    stream.place = -1
    streamCount -= 1
    lastMove = loop.now
    stalledSince = 0
    if !isServer { owner?.roomChanged(self) }
  }
}
