// Owns: what a connection says (RFC 9113, 4 to 6): heads, content within the peer's windows in the order of their streams' priorities, and the frames
// that keep a connection going. All of it is written behind what waits in the connection's output, frame by frame, in the order of saying.
import Transport

extension HTTP2Session {
  /// Heads of ours up to this size are sent.
  private static let headBytes = 1 << 20
  /// Fields that mean something to one connection of HTTP/1.1 only (8.2.2).
  private static let connectionFields = FieldNameSet(.connection, .keepAlive, .proxyConnection, .transferEncoding, .upgrade)

  // MARK: The connection's own frames

  /// What each side says first (3.4), and the window of the whole connection.
  func introduce() {
    if !isServer { stream.output.append(Self.preface) }
    var settings: [(UInt16, Int)] = [
      (HTTP2Setting.initialWindow, limits.streamWindowBytes), (HTTP2Setting.headerListSize, headLimits.headBytes), (HTTP2Setting.noOldPriorities, 1),
    ]
    if isServer {
      settings += [(HTTP2Setting.concurrentStreams, limits.concurrentStreams), (HTTP2Setting.enableConnect, 1)]
    } else {
      settings += [(HTTP2Setting.enablePush, 0)]
    }
    stream.beginOutput()
    FrameHeader.append(settings.count * 6, FrameType.settings, 0, 0, to: &stream.output)
    for (setting, value) in settings {
      stream.output.append(UInt8(setting >> 8))
      stream.output.append(UInt8(setting & 0xff))
      stream.output.append(bigEndian: UInt32(value))
    }
    taken = limits.sessionWindowBytes - Self.standardWindow   // a smaller one comes about by not giving back
    if taken > 0 { writeWindowUpdate() }
  }

  /// Writes a frame of a number of words for stream 0, or another.
  func writeControl(_ type: UInt8, _ flags: UInt8, _ words: UInt32..., on id: Int32 = 0) {
    guard !isOver, !isClosed else { return }
    stream.beginOutput()
    FrameHeader.append(4 * words.count, type, flags, id, to: &stream.output)
    for word in words { stream.output.append(bigEndian: word) }
    schedule()
  }

  func writeReset(_ id: Int32, _ code: UInt32) {
    writeControl(FrameType.reset, 0, code, on: id)
    said(code, on: id)
  }

  /// GOAWAY for good: nothing is said behind it.
  func sayEnd(_ code: UInt32) {
    guard !isOver, !isClosed else { return }
    writeControl(FrameType.goaway, 0, UInt32(bitPattern: lastServed), code)
    isOver = true
    said(code, on: 0)
  }

  // MARK: Windows for the peer (6.9)

  /// Bytes of the connection's window have been taken, or were not wanted.
  func credit(_ count: Int) {
    taken += count
    if 2 * taken >= limits.sessionWindowBytes { writeWindowUpdate() }
  }
  private func writeWindowUpdate() {
    writeControl(FrameType.windowUpdate, 0, UInt32(taken))
    receiveWindow += taken
    taken = 0
  }
  /// The same for one stream's.
  func credit(_ count: Int, _ stream: HTTP2Stream) {
    stream.taken += count
    guard 2 * stream.taken >= limits.streamWindowBytes, !stream.inboundEnded else { return }
    writeControl(FrameType.windowUpdate, 0, UInt32(stream.taken), on: stream.id)
    stream.receiveWindow += stream.taken
    stream.taken = 0
  }

  /// What a new stream's peer may send: until it has acknowledged our SETTINGS it may count on the standard's window.
  var firstReceiveWindow: Int { settingsSince == 0 ? limits.streamWindowBytes : max(Self.standardWindow, limits.streamWindowBytes) }

  func settingsAreAcknowledged() {
    let before = firstReceiveWindow
    settingsSince = 0
    guard before != firstReceiveWindow else { return }
    for case let stream? in streams { stream.receiveWindow += firstReceiveWindow - before }
  }

  // MARK: Heads and trailers

  /// Sends a head that stands there as HTTP/1.1 writes it.
  func send(head: Span<UInt8>, of stream: HTTP2Stream, hasBody: Bool) {
    // A client's peer that has left, or has said meanwhile how few it takes, has not looked at this one.
    if !isServer && (isOver || peerHasLeft || streamCount > peerStreams) { return refuse(stream, HTTP2Error.refusedStream) }
    guard !isOver else { return }
    guard head.count <= Self.headBytes else { return refuse(stream, HTTP2Error.internalError) }
    if !isServer { number(stream) }
    let start = beginBlock(stream.id, endsStream: !hasBody)
    if isServer { encodeStatus(head) } else { encodeRequestLine(head, stream) }
    encodeLines(head, from: head.next(13, from: 0) + 2, hiding: stream.unindexed.names)
    endBlock(start)
    if hasBody { enqueue(stream) } else { sentEnd(stream) }
  }

  /// Ends a stream whose head is not sent.
  private func refuse(_ stream: HTTP2Stream, _ code: UInt32) {
    if isServer { return reset(stream, code) }
    remove(stream)   // its peer has not heard of it
    stream.ended(code)
  }

  /// An interim response, at once.
  func sendInterim(_ head: StaticString, of stream: HTTP2Stream) {
    guard !isClosed, !isOver, stream.endCode == nil else { return }
    let start = beginBlock(stream.id, endsStream: false)
    head.withUTF8Buffer { unsafe encodeStatus($0.span) }
    endBlock(start)
    schedule()
  }

  private func send(trailers: Span<UInt8>, of stream: HTTP2Stream) {
    let start = beginBlock(stream.id, endsStream: true)
    encodeLines(trailers, from: 0, hiding: stream.unindexed.names)
    endBlock(start)
  }

  /// A client's streams have the odd numbers (5.1.1).
  private func number(_ stream: HTTP2Stream) {
    lastOpened = lastOpened == 0 ? 1 : lastOpened + 2
    stream.id = lastOpened
    stream.sendWindow = firstWindow
    place(stream)
  }

  private func encodeStatus(_ head: Span<UInt8>) { encoder.status(head.slice(9, 3), &stream.output) }   // behind "HTTP/1.1 "

  private func encodeRequestLine(_ head: Span<UInt8>, _ request: HTTP2Stream) {
    let methodEnd = head.next(32, from: 0), targetEnd = head.next(32, from: methodEnd + 1)
    request.isHead = head.extracting(..<methodEnd).equalsLowercase("head")
    encoder.method(head.extracting(..<methodEnd), &stream.output)
    encoder.scheme(isSecure: isSecure, &stream.output)
    forEachLine(head, from: head.next(13, from: 0) + 2) { _, known, value in
      if known == .host { encoder.authority(value, isSecret: request.unindexed.names.has(.host), &stream.output) }
    }
    encoder.path(head.extracting((methodEnd + 1)..<targetEnd), isSecret: request.unindexed.path, &stream.output)
  }

  /// - Parameter hidden: names of fields that are never indexed (RFC 7541, 6.2.3).
  private func encodeLines(_ text: Span<UInt8>, from start: Int, hiding hidden: FieldNameSet) {
    forEachLine(text, from: start) { name, known, value in
      if Self.connectionFields.has(known) || known == .host && !isServer { return }   // Host became :authority
      encoder.field(name, known, value, isSecret: hidden.has(known), &stream.output)
    }
  }

  /// Calls `body` for each line `name: value CRLF` up to an empty one or the end. The text is our own and well-formed.
  @inline(__always) private func forEachLine(_ text: Span<UInt8>, from start: Int, _ body: (Span<UInt8>, FieldName, Span<UInt8>) -> Void) {
    var at = start
    while at < text.count && text[at] != 13 {
      let colon = text.next(58, from: at)
      guard colon > at, colon < text.count else { return }
      let end = text.next(13, from: colon)
      guard end < text.count else { return }
      let name = text.extracting(at..<colon)
      at = end + 2
      body(name, FieldName(name), Self.value(text, colon + 1, end))
    }
  }

  /// A value without the whitespace around it, which most often is one space in front.
  @inline(__always) @_lifetime(copy text) private static func value(_ text: Span<UInt8>, _ start: Int, _ end: Int) -> Span<UInt8> {
    let isUsual = end - start > 1 && text[start] == 32 && text[start + 1] > 32 && text[end - 1] > 32
    return isUsual ? text.extracting((start + 1)..<end) : text.extracting(start..<end).trimmed()
  }

  /// Begins a HEADERS frame.
  /// - Returns: where it begins in the output.
  private func beginBlock(_ id: Int32, endsStream: Bool) -> Int {
    stream.beginOutput()
    let start = stream.output.count
    FrameHeader.append(0, FrameType.headers, FrameFlag.endHeaders | (endsStream ? FrameFlag.endStream : 0), id, to: &stream.output)
    encoder.begin(&stream.output)
    return start
  }

  /// Enters the frame's length; a block that is too long for one frame goes on in others (6.10).
  private func endBlock(_ start: Int) {
    let length = stream.output.count - start - FrameHeader.bytes
    guard length <= FrameHeader.contentLimit else { return splitBlock(start) }
    stream.output.replace(start + 1, by: UInt8(length >> 8))
    stream.output.replace(start + 2, by: UInt8(length & 0xff))
  }

  private func splitBlock(_ start: Int) {
    var frame = ByteBuffer(capacity: 1 << 15)
    frame.append(stream.output.readable.extracting(start...))
    let header = FrameHeader(frame.readable, 0)
    frame.consume(FrameHeader.bytes)
    stream.output.truncate(to: start)
    var type = header.type
    while !frame.isEmpty {
      let n = min(frame.count, FrameHeader.contentLimit)
      var flags = n == frame.count ? FrameFlag.endHeaders : 0
      if type == FrameType.headers { flags |= header.flags & FrameFlag.endStream }
      FrameHeader.append(n, type, flags, header.id, to: &stream.output)
      stream.output.append(frame, 0..<n)
      frame.consume(n)
      type = FrameType.continuation
    }
  }

  // MARK: Content

  /// Lets a stream send what it has, when its windows allow it.
  func enqueue(_ stream: HTTP2Stream) {
    guard stream.queueLevel < 0, !stream.isStarved, stream.endCode == nil, stream.headIsSent, stream.hasSupply, !stream.endIsSent else { return }
    guard stream.sendWindow > 0 || !stream.hasContent else { return }
    queue.add(stream)
    schedule()
  }

  /// The connection's window is open again.
  func endStarvation() {
    guard !starved.isEmpty else { return }
    let streams = starved
    starved = []
    for stream in streams {
      stream.isStarved = false
      enqueue(stream)
    }
  }

  func change(_ stream: HTTP2Stream, to priority: HTTP2Priority) {
    let isQueued = stream.queueLevel >= 0
    if isQueued { queue.remove(stream) }
    stream.priority = priority
    if isQueued { queue.add(stream) }
  }

  /// Writes DATA frames until enough waits to be sent.
  /// - Returns: whether that was all that may be sent now.
  func gather() -> Bool {
    while !isOver, let next = queue.first {
      guard stream.output.count < Self.outputBytes else { return false }
      writeContent(next)
    }
    return true
  }

  private func writeContent(_ source: HTTP2Stream) {
    let count = min(source.contentCount, FrameHeader.contentLimit, max(0, source.sendWindow), sendWindow)
    let isLast = count == source.contentCount && source.isFinished
    guard count > 0 || isLast else {
      queue.remove(source)
      if source.hasContent && source.sendWindow > 0 {
        source.isStarved = true
        starved.append(source)
      }
      return
    }
    let hasTrailers = isLast && source.hasTrailers
    if count > 0 || !hasTrailers {
      gauge.dataFramesSent += 1
      stream.beginOutput()
      FrameHeader.append(count, FrameType.data, isLast && !hasTrailers ? FrameFlag.endStream : 0, source.id, to: &stream.output)
      source.supply(count, to: &stream.output)
      sendWindow -= count
      source.sendWindow -= count
      if count > 0 { stalledSince = 0 }
    }
    if hasTrailers {
      var lines = source.takeTrailers()
      send(trailers: lines.readable, of: source)
      lines.release()
    }
    if isLast {
      queue.remove(source)
      sentEnd(source)
    } else if !source.hasSupply || source.sendWindow <= 0 {
      queue.remove(source)
    } else if source.priority.isIncremental {
      queue.giveWay(source)
    }
  }
}
