// Owns: what a connection makes of the events that nghttp2 tells of (HTTP2Events.swift): which frames are one too many, which streams begin,
// what their fields say, how they end. Called from within `sk_h2_receive` and `sk_h2_send`, so nothing here may call those.
import CNghttp2
import Transport

extension HTTP2Session {
  func frameBegan(_ stream: HTTP2Stream?, _ type: UInt8, _ flags: UInt8, _ id: Int32) -> sk_h2_verdict {
    var limit: HTTP2Event?
    switch type {
    case 1 where stream == nil && !mayBeUnderWay(id): return SK_H2_CLOSED
    case 2 where id == 0: return SK_H2_BROKEN   // nghttp2 does not look at PRIORITY any more
    case 3: if let stream { stream.wasResetByPeer = true } else { limit = gauge.ignoredFrame(now: loop.now) }
    case 4: if flags & 1 == 0 { noteWindows() } else { settingsSince = 0 }
    default: break
    }
    guard let limit = limit ?? gauge.frame(type: type, isAcknowledgement: flags & 1 != 0, now: loop.now) else { return SK_H2_FINE }
    exceeded(limit)
    return SK_H2_CALM
  }

  /// SETTINGS are about to change the windows of all streams; the largest of them must bear it (RFC 9113, 6.9.2).
  private func noteWindows() {
    sawSettings = true
    guard let session = unsafe session else { return }
    largestWindow = 0
    for case let stream? in streams where stream.id > 0 { largestWindow = max(largestWindow, Int(unsafe sk_h2_window(session, stream.id))) }
    firstWindow = Int(unsafe sk_h2_first_window(session))
  }
  func settingsHold() {
    guard let session = unsafe session else { return }
    if !isServer { owner?.roomChanged(self) }
    guard largestWindow > 0, largestWindow + Int(unsafe sk_h2_first_window(session)) - firstWindow > Int(Int32.max) else { return }
    unsafe sk_h2_terminate(session, Self.flowControlError)
  }

  func exceeded(_ limit: HTTP2Event) {
    owner?.noted(limit)
    endReason = .error
    errorIsCounted = true
  }

  func blockBegan(_ stream: HTTP2Stream?, _ id: Int32) -> sk_h2_verdict {
    block = FieldBlock(headLimits)
    guard isServer, stream == nil else {
      blockStream = stream
      return SK_H2_FINE
    }
    lastOpened = max(lastOpened, id)
    // A stream that was reset may still keep a task busy.
    guard taskCount < 2 * limits.concurrentStreams, !refusesFurther else {
      owner?.noted(.limitStreams)
      wasResetHere.add(id)
      return SK_H2_REFUSE
    }
    let stream = HTTP2Stream(self, id: id)
    add(stream)
    if let session = unsafe session { unsafe sk_h2_set_stream(session, id, Unmanaged.passUnretained(stream).toOpaque()) }
    blockStream = stream
    return SK_H2_FINE
  }

  func field(_ name: Span<UInt8>, _ value: Span<UInt8>) -> sk_h2_verdict {
    do throws(FieldBlock.Malformed) { try block?.take(name, value) } catch { return SK_H2_MALFORMED }
    guard (block?.length ?? 0) > 8 * headLimits.headBytes else { return SK_H2_FINE }
    exceeded(.limitHeadDecoded)
    return SK_H2_CALM
  }

  func blockEnded(endsStream: Bool) -> sk_h2_verdict {
    defer { blockStream = nil }
    guard var whole = block.take(), let stream = blockStream else { return SK_H2_FINE }
    do throws(FieldBlock.Malformed) {
      if isServer && !stream.hasFinalHead {
        try requestEnded(&whole, stream, endsStream)
      } else if !isServer && !stream.hasFinalHead {
        let line = try whole.endResponse(hasBody: !endsStream)
        guard line.status >= 200 else {
          gauge.wasHeard()
          stream.receivedInterim()
          return SK_H2_FINE
        }
        stream.hasFinalHead = true
        var head = ResponseHead()
        head.line = line
        head.fields = whole.takeFields()
        stream.response = consume head
        stream.announceHead()
      } else {
        stream.receivedTrailers = whole.endTrailers()
      }
    } catch { return SK_H2_MALFORMED }
    gauge.wasHeard()
    if endsStream { stream.receivedEnd() }
    return SK_H2_FINE
  }

  private func requestEnded(_ block: inout FieldBlock, _ stream: HTTP2Stream, _ endsStream: Bool) throws(FieldBlock.Malformed) {
    switch try block.endRequest(hasBody: !endsStream) {
    case .request(let line): stream.request = RequestHead(line: line, fields: block.takeFields())
    case .refused(let refusal): stream.refusal = refusal
    }
    stream.hasFinalHead = true
    requests += 1
    taskCount += 1
    stream.workBegins()
    guard let owner else { return }
    owner.noted(.streamBegan)
    owner.began(stream)
  }

  func dataFrame(_ stream: HTTP2Stream?, content: Int, endsStream: Bool) -> sk_h2_verdict {
    gauge.wasHeard()
    if endsStream { stream?.receivedEnd() }
    guard content == 0, !endsStream, let limit = gauge.emptyFrame(now: loop.now) else { return SK_H2_FINE }
    exceeded(limit)
    return SK_H2_CALM
  }

  func pong() { if isEnding { refuseFurther() } }

  /// The peer takes no further requests here.
  func goneAway() {
    guard !isServer else { return }
    isLeft = true
    isEnding = true
    refusesFurther = true
    if !isServer { owner?.roomChanged(self) }
  }

  /// nghttp2 refused a stream, and told nobody of it. What follows for it was under way.
  func refused(_ id: Int32) {
    owner?.noted(.limitStreams)
    lastOpened = max(lastOpened, id)
    wasResetHere.add(id)
  }

  /// An error has been said. Here it is counted what the peer did wrong, whoever found it, unless it was one of the limits.
  func said(_ code: UInt32, on id: Int32) {
    if id == 0 {
      guard code != Self.noError, !errorIsCounted else { return }
      errorIsCounted = true
      endReason = .error
      owner?.noted(.sessionError)
    } else if Self.faults.contains(code) {
      owner?.noted(.streamError)
    }
  }

  func sentEnd(_ stream: HTTP2Stream, _ id: Int32, peerIsDone: Bool) {
    stream.endIsSent = true
    lastMove = loop.now
    if isServer && !peerIsDone { rests.append((id, loop.now)) }
  }

  func streamClosed(_ stream: HTTP2Stream, _ code: UInt32) {
    if blockStream === stream { blockStream = nil }
    remove(stream)
    if !rests.isEmpty { rests.removeAll { $0.id == stream.id } }
    if !stream.wasResetByPeer && !(stream.inboundEnded && stream.endIsSent) {
      wasResetHere.add(stream.id)
      gauge.streamsReset += 1
    }
    if isServer && !stream.endIsSent {
      owner?.noted(.streamReset)
      if let limit = gauge.abandonedStream(now: loop.now), let session = unsafe session {
        exceeded(limit)
        unsafe sk_h2_terminate(session, Self.calm)
      }
    }
    stream.ended(code)
    if peerIsDone || isEnding { schedule() }
  }

  func supply(_ stream: HTTP2Stream, _ into: UnsafeMutablePointer<UInt8>, _ room: Int) -> (Int, sk_h2_supply) {
    gauge.dataFramesSent += 1
    let (count, state) = unsafe stream.supply(into, room)
    if count > 0 { stalledSince = 0 }
    return (count, state)
  }
}
