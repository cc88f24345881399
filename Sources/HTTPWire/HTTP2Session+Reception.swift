// Owns: what a connection makes of the frames that come (RFC 9113, 4 to 6): which are whole, which are allowed where, which are one too many.
// Content is passed on as it comes; of any other frame nothing is looked at before it is whole.
import Transport

/// A DATA frame on its way.
struct ContentFrame {
  /// Whose content it is; nil when nobody wants it.
  let stream: HTTP2Stream?
  /// Bytes that are still to come: of content, and of padding behind it.
  var content: Int, padding: Int
  let isEmpty: Bool
  let endsStream: Bool
}

extension HTTP2Session {
  static let preface: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

  /// Takes all frames that are whole.
  /// - Returns: how many bytes were taken; nil when nothing more is to be heard.
  func hear(_ bytes: Span<UInt8>) -> Int? {
    var at = 0
    while at < bytes.count {
      if prefaceToGo > 0 {
        guard takePreface(bytes[at]) else { return nil }
        at += 1
        continue
      }
      if content != nil {
        takeContent(bytes, &at)
        if isOver { return nil }
        continue
      }
      guard bytes.count - at >= FrameHeader.bytes else { return at }
      let header = FrameHeader(bytes, at)
      guard mayCome(header) else { return nil }
      let start = at + FrameHeader.bytes
      if header.type == FrameType.data {
        let isPadded = header.has(FrameFlag.padded)
        if isPadded && header.length == 0 {
          _ = fail(HTTP2Error.frameSize)
          return nil
        }
        guard !isPadded || start < bytes.count else { return at }
        guard beginContent(header, padding: isPadded ? Int(bytes[start]) + 1 : 0) else { return nil }
        at = isPadded ? start + 1 : start
        takeContent(bytes, &at)
      } else {
        guard bytes.count - start >= header.length else { return at }
        at = start + header.length
        guard take(header, bytes.slice(start, header.length)) else { return nil }
      }
      if isOver { return nil }
      if block == nil { framesTaken += 1 }
    }
    return at
  }

  /// The number of what has begun and is not whole, the content of DATA aside; 0 for nothing. A block of fields is one thing.
  func unfinishedFrame(_ rest: Int) -> Int { prefaceToGo > 0 || block != nil || rest > 0 ? framesTaken + 1 : 0 }

  private func takePreface(_ byte: UInt8) -> Bool {
    let expected = unsafe Self.preface.utf8Start[Self.preface.utf8CodeUnitCount - prefaceToGo]
    prefaceToGo -= 1
    return byte == expected || fail(HTTP2Error.protocolError)
  }

  /// Ends the connection for its peer's fault.
  func fail(_ code: UInt32) -> Bool {
    sayEnd(code)
    return false
  }
  /// Ends the connection when a limit is exceeded.
  func passes(_ limit: HTTP2Event?) -> Bool {
    guard let limit else { return true }
    exceeded(limit)
    return fail(HTTP2Error.calm)
  }

  /// What can be said of a frame by its header alone: the first one is SETTINGS (3.4), in a block of fields comes nothing else (4.3).
  private func mayCome(_ header: FrameHeader) -> Bool {
    guard header.length <= FrameHeader.contentLimit else { return fail(HTTP2Error.frameSize) }
    if block != nil {
      guard header.type == FrameType.continuation, header.id == blockID else { return fail(HTTP2Error.protocolError) }
    } else if !sawSettings {
      guard header.type == FrameType.settings, !header.has(FrameFlag.acknowledgement) else { return fail(HTTP2Error.protocolError) }
    }
    return true
  }

  private func take(_ header: FrameHeader, _ payload: Span<UInt8>) -> Bool {
    guard passes(gauge.frame(type: header.type, isAcknowledgement: header.has(FrameFlag.acknowledgement), now: loop.now)) else { return false }
    switch header.type {
    case FrameType.headers: return takeHeaders(header, payload)
    case FrameType.continuation: return block != nil ? takeFragment(payload, isLast: header.has(FrameFlag.endHeaders)) : fail(HTTP2Error.protocolError)
    case FrameType.priority:
      guard header.id > 0 else { return fail(HTTP2Error.protocolError) }
      guard header.length == 5 else { return fail(HTTP2Error.frameSize) }
      // What it says is out of use (5.3); but nothing depends on itself (RFC 7540, 5.3.1).
      return payload.dependency != header.id || fail(HTTP2Error.protocolError)
    case FrameType.reset: return takeReset(header, payload)
    case FrameType.settings: return takeSettings(header, payload)
    case FrameType.pushPromise: return fail(HTTP2Error.protocolError)   // never allowed here (8.4)
    case FrameType.ping: return takePing(header, payload)
    case FrameType.goaway: return takeGoaway(header, payload)
    case FrameType.windowUpdate: return takeWindowUpdate(header, payload)
    case FrameType.priorityUpdate: return takePriorityUpdate(header, payload)
    default: return true   // unknown ones are passed over (4.1)
    }
  }

  // MARK: Streams that are not there

  /// Whether a stream has not begun.
  private func isIdle(_ id: Int32) -> Bool { id & 1 == 0 || id > lastOpened }

  /// Whether a frame for a stream that is over can be one that was sent before the peer knew that (5.1).
  private func mayBeUnderWay(_ id: Int32) -> Bool { wasResetHere.has(id) || fail(HTTP2Error.streamClosed) }

  // MARK: DATA

  private func beginContent(_ header: FrameHeader, padding: Int) -> Bool {
    guard header.id > 0, !isIdle(header.id), padding <= header.length else { return fail(HTTP2Error.protocolError) }
    guard header.length <= receiveWindow else { return fail(HTTP2Error.flowControl) }
    receiveWindow -= header.length
    let length = header.length - padding
    var stream = find(header.id)
    if let known = stream {
      guard !known.inboundEnded else { return fail(HTTP2Error.streamClosed) }
      if !admit(length, header.length, to: known) { stream = nil }
    } else {
      guard mayBeUnderWay(header.id) else { return false }
      // What an origin still sends for viewers that left is no fault of the origin's.
      guard !isServer && length > 0 || passes(gauge.ignoredFrame(now: loop.now)) else { return false }
    }
    content = ContentFrame(
      stream: stream, content: length, padding: max(0, padding - 1), isEmpty: length == 0, endsStream: header.has(FrameFlag.endStream))
    if padding > 0 { credit(1) }
    return true
  }

  /// Whether a stream may get so much content; resets it when not.
  private func admit(_ content: Int, _ length: Int, to stream: HTTP2Stream) -> Bool {
    stream.receiveWindow -= length
    stream.receivedLength += content
    if stream.receiveWindow < 0 {
      reset(stream, HTTP2Error.flowControl)
    } else if !stream.hasFinalHead || stream.announcedLength >= 0 && stream.receivedLength > stream.announcedLength {
      reset(stream, HTTP2Error.protocolError)
    }
    return stream.endCode == nil
  }

  private func takeContent(_ bytes: Span<UInt8>, _ at: inout Int) {
    guard var frame = content else { return }
    let n = min(frame.content, bytes.count - at)
    if n > 0 {
      if let stream = frame.stream { stream.received(bytes.slice(at, n)) } else { credit(n) }
      frame.content -= n
      at += n
    }
    let padding = min(frame.padding, bytes.count - at)
    if frame.content == 0 && padding > 0 {
      credit(padding)
      frame.padding -= padding
      at += padding
    }
    guard frame.content == 0 && frame.padding == 0 else { return content = frame }
    content = nil
    guard let stream = frame.stream, stream.endCode == nil else { return }
    if frame.endsStream { contentEnded(stream) } else if frame.isEmpty { _ = passes(gauge.emptyFrame(now: loop.now)) }
  }

  /// The peer has said all it has to say on a stream: as much as it announced (8.1.1).
  func contentEnded(_ stream: HTTP2Stream) {
    guard stream.announcedLength < 0 || stream.receivedLength == stream.announcedLength else { return reset(stream, HTTP2Error.protocolError) }
    stream.receivedEnd()
    if stream.endIsSent { streamClosed(stream, HTTP2Error.none) }
  }

  // MARK: Other frames of streams

  private func takeReset(_ header: FrameHeader, _ payload: Span<UInt8>) -> Bool {
    guard header.length == 4 else { return fail(HTTP2Error.frameSize) }
    guard header.id > 0, !isIdle(header.id) else { return fail(HTTP2Error.protocolError) }
    guard let stream = find(header.id) else { return passes(gauge.ignoredFrame(now: loop.now)) }
    stream.wasResetByPeer = true
    streamClosed(stream, payload.bigEndian(0))
    return true
  }

  private func takeWindowUpdate(_ header: FrameHeader, _ payload: Span<UInt8>) -> Bool {
    guard header.length == 4 else { return fail(HTTP2Error.frameSize) }
    let increment = Int(payload.bigEndian(0) & 0x7fff_ffff)
    if header.id == 0 {
      guard increment > 0 else { return fail(HTTP2Error.protocolError) }
      guard sendWindow + increment <= Int(Int32.max) else { return fail(HTTP2Error.flowControl) }
      sendWindow += increment
      endStarvation()
      return true
    }
    guard !isIdle(header.id) else { return fail(HTTP2Error.protocolError) }
    guard let stream = find(header.id) else { return true }
    if increment == 0 {
      reset(stream, HTTP2Error.protocolError)
    } else if stream.sendWindow + increment > Int(Int32.max) {
      reset(stream, HTTP2Error.flowControl)
    } else {
      stream.sendWindow += increment
      enqueue(stream)
    }
    return true
  }

  private func takePriorityUpdate(_ header: FrameHeader, _ payload: Span<UInt8>) -> Bool {
    guard isServer, header.id == 0 else { return fail(HTTP2Error.protocolError) }
    guard header.length >= 4 else { return fail(HTTP2Error.frameSize) }
    let id = Int32(truncatingIfNeeded: payload.bigEndian(0) & 0x7fff_ffff)
    guard id > 0 else { return fail(HTTP2Error.protocolError) }
    var priority = HTTP2Priority()
    priority.read(payload.extracting(4...))
    if let stream = find(id) { change(stream, to: priority) } else if id > lastOpened && earlyPriorities.count < Self.earlyPrioritiesLimit {
      earlyPriorities.append((id, priority))
    }
    return true
  }

  // MARK: Frames of the connection

  private func takeSettings(_ header: FrameHeader, _ payload: Span<UInt8>) -> Bool {
    guard header.id == 0 else { return fail(HTTP2Error.protocolError) }
    if header.has(FrameFlag.acknowledgement) {
      guard header.length == 0 else { return fail(HTTP2Error.frameSize) }
      settingsAreAcknowledged()
      return true
    }
    guard header.length % 6 == 0 else { return fail(HTTP2Error.frameSize) }
    for at in stride(from: 0, to: payload.count, by: 6) {
      let setting = UInt16(payload[at]) << 8 | UInt16(payload[at + 1])
      guard take(setting, payload.bigEndian(at + 2)) else { return false }
    }
    sawSettings = true
    writeControl(FrameType.settings, FrameFlag.acknowledgement)
    if !isServer { owner?.roomChanged(self) }
    return true
  }

  private func take(_ setting: UInt16, _ value: UInt32) -> Bool {
    switch setting {
    case HTTP2Setting.headerTableSize: encoder.limit(to: Int(value))
    case HTTP2Setting.enablePush: return value <= (isServer ? 1 : 0) || fail(HTTP2Error.protocolError)
    case HTTP2Setting.concurrentStreams: peerStreams = Int(value)
    case HTTP2Setting.initialWindow: return value <= UInt32(Int32.max) && changeWindows(Int(value)) || fail(HTTP2Error.flowControl)
    case HTTP2Setting.frameSize: return value >= 16_384 && value < 1 << 24 || fail(HTTP2Error.protocolError)
    case HTTP2Setting.enableConnect:   // never taken back (RFC 8441, 3)
      guard value <= 1, value >= connectIsEnabled else { return fail(HTTP2Error.protocolError) }
      connectIsEnabled = value
    case HTTP2Setting.noOldPriorities:
      guard value <= 1, !sawSettings || value == oldPrioritiesAreOff else { return fail(HTTP2Error.protocolError) }
      oldPrioritiesAreOff = value
    default: break
    }
    return true
  }

  /// The windows of all streams change with the one that new streams have; none may become too large (6.9.2).
  private func changeWindows(_ size: Int) -> Bool {
    let change = size - firstWindow
    firstWindow = size
    for case let stream? in streams where stream.id > 0 {
      stream.sendWindow += change
      guard stream.sendWindow <= Int(Int32.max) else { return false }
      if change > 0 { enqueue(stream) }
    }
    return true
  }

  private func takePing(_ header: FrameHeader, _ payload: Span<UInt8>) -> Bool {
    guard header.id == 0 else { return fail(HTTP2Error.protocolError) }
    guard header.length == 8 else { return fail(HTTP2Error.frameSize) }
    if !header.has(FrameFlag.acknowledgement) {
      writeControl(FrameType.ping, FrameFlag.acknowledgement, payload.bigEndian(0), payload.bigEndian(4))
    } else if isEnding {
      refuseFurther()
    }
    return true
  }

  private func takeGoaway(_ header: FrameHeader, _ payload: Span<UInt8>) -> Bool {
    guard header.id == 0 else { return fail(HTTP2Error.protocolError) }
    guard header.length >= 8 else { return fail(HTTP2Error.frameSize) }
    let last = Int32(truncatingIfNeeded: payload.bigEndian(0) & 0x7fff_ffff)
    guard last <= peerLast else { return fail(HTTP2Error.protocolError) }   // never more than was said before (6.8)
    peerLast = last
    peerHasLeft = true
    guard !isServer else { return true }
    // The peer takes no further requests here, and has not looked at those above the last it names (6.8).
    isLeft = true
    isEnding = true
    refusesFurther = true
    for case let stream? in streams where stream.id > last { streamClosed(stream, HTTP2Error.refusedStream) }
    owner?.roomChanged(self)
    return true
  }
}
