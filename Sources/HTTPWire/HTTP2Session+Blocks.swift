// Owns: blocks of fields (RFC 9113, 4.3 and 8): which stream they are for, whether it may begin, what message they make; and how streams end.
import Transport

extension HTTP2Session {
  func takeHeaders(_ header: FrameHeader, _ payload: Span<UInt8>) -> Bool {
    guard header.id > 0 else { return fail(HTTP2Error.protocolError) }
    var start = 0, end = payload.count
    if header.has(FrameFlag.padded) {
      guard end > 0 else { return fail(HTTP2Error.frameSize) }
      end -= Int(payload[0])
      start = 1
    }
    let priority = start
    if header.has(FrameFlag.priority) { start += 5 }   // out of use (5.3)
    guard start <= end else { return fail(HTTP2Error.protocolError) }
    blockDependsOnItself = start > priority + 4 && payload.extracting(priority...).dependency == header.id
    blockID = header.id
    blockEndsStream = header.has(FrameFlag.endStream)
    blockStream = nil
    guard let kind = beginBlock(header.id) else { return false }
    block = FieldBlock(kind, headLimits)
    return takeFragment(payload.extracting(start..<end), isLast: header.has(FrameFlag.endHeaders))
  }

  /// What a block is that begins on this stream; nil when the connection ends for it.
  private func beginBlock(_ id: Int32) -> FieldBlock.Kind? {
    if isServer && id > lastOpened && id & 1 == 1 { return beginStream(id) }
    if let stream = find(id) {
      guard !stream.inboundEnded else { return end(HTTP2Error.streamClosed) }
      blockStream = stream
      return stream.hasFinalHead ? .trailers : .response
    }
    guard id & 1 == 1, id <= lastOpened else { return end(HTTP2Error.protocolError) }
    guard wasResetHere.has(id) else { return end(HTTP2Error.streamClosed) }
    return passes(gauge.ignoredFrame(now: loop.now)) ? .ignored : nil
  }
  private func end(_ code: UInt32) -> FieldBlock.Kind? {
    _ = fail(code)
    return nil
  }

  private func beginStream(_ id: Int32) -> FieldBlock.Kind? {
    lastOpened = id
    let isFull = streamCount >= limits.concurrentStreams
    if isFull && settingsSince == 0 { return end(HTTP2Error.protocolError) }   // who has acknowledged the limit knows better (5.1.2)
    // A stream that was reset may still keep a task busy.
    guard !isFull, taskCount < 2 * limits.concurrentStreams, !refusesFurther else {
      owner?.noted(.limitStreams)
      wasResetHere.add(id)
      writeReset(id, HTTP2Error.refusedStream)
      return passes(gauge.ignoredFrame(now: loop.now)) ? .ignored : nil
    }
    let stream = HTTP2Stream(self, id: id)
    add(stream)
    blockStream = stream
    return .request
  }

  /// Takes a part of a block's bytes. A field that is not whole waits for the next one.
  func takeFragment(_ fragment: Span<UInt8>, isLast: Bool) -> Bool {
    guard var fields = block.take() else { return true }
    do throws(HPACKDecoder.Failure) {
      if blockRest.isEmpty {
        let taken = try decoder.decode(fragment, isLast: isLast, into: &fields)
        if taken < fragment.count { blockRest.append(fragment.extracting(taken...)) }
      } else {
        var all = ByteBuffer()
        swap(&all, &blockRest)
        all.append(fragment)
        let taken = try decoder.decode(all.readable, isLast: isLast, into: &fields)
        all.consume(taken)
        swap(&all, &blockRest)
      }
    } catch {
      if error == .tooMuch { return passes(.limitHeadDecoded) }
      return fail(HTTP2Error.compression)
    }
    guard isLast else {
      block = consume fields
      return true
    }
    blockRest.release()
    blockEnded(&fields)
    return true
  }

  private func blockEnded(_ fields: inout FieldBlock) {
    guard let stream = blockStream else { return }
    blockStream = nil
    stream.receivedUnindexed.formUnion(fields.neverIndexed)
    do throws(FieldBlock.Malformed) {
      if stream.hasFinalHead {
        guard blockEndsStream else { throw FieldBlock.Malformed() }   // trailers end a message (8.1)
        stream.receivedTrailers = try fields.endTrailers()
      } else if isServer {
        try requestEnded(&fields, stream)
      } else {
        guard try responseEnded(&fields, stream) else { return }
      }
    } catch { return reset(stream, HTTP2Error.protocolError) }
    if blockEndsStream { contentEnded(stream) }
  }

  private func requestEnded(_ fields: inout FieldBlock, _ stream: HTTP2Stream) throws(FieldBlock.Malformed) {
    guard !blockDependsOnItself else { throw FieldBlock.Malformed() }   // RFC 7540, 5.3.1
    switch try fields.endRequest(hasBody: !blockEndsStream) {
    case .request(let line):
      if !line.wantsUpgrade { stream.announcedLength = fields.contentLength }
      stream.request = RequestHead(line: line, fields: fields.takeFields())
    case .refused(let refusal): stream.refusal = refusal
    }
    stream.priority = fields.priority
    if !earlyPriorities.isEmpty { takeEarlyPriority(stream) }
    stream.hasFinalHead = true
    lastServed = stream.id
    requests += 1
    taskCount += 1
    stream.workBegins()
    guard let owner else { return }
    owner.noted(.streamBegan)
    owner.began(stream)
  }

  /// A PRIORITY_UPDATE may come before its stream, and says more than the request's own field (RFC 9218, 7).
  private func takeEarlyPriority(_ stream: HTTP2Stream) {
    if let last = earlyPriorities.last(where: { $0.id == stream.id }) { stream.priority = last.priority }
    earlyPriorities.removeAll { $0.id <= stream.id }
  }

  /// - Returns: whether it is the final response.
  private func responseEnded(_ fields: inout FieldBlock, _ stream: HTTP2Stream) throws(FieldBlock.Malformed) -> Bool {
    let line = try fields.endResponse(hasBody: !blockEndsStream)
    guard line.status >= 200 else {
      stream.receivedInterim()
      return false
    }
    let hasContent = !stream.isHead && line.status != 204 && line.status != 304
    stream.announcedLength = hasContent ? fields.contentLength : 0
    guard !blockEndsStream || stream.announcedLength <= 0 else { throw FieldBlock.Malformed() }
    stream.hasFinalHead = true
    var head = ResponseHead()
    head.line = line
    head.fields = fields.takeFields()
    stream.response = consume head
    stream.announceHead()
    return true
  }

  // MARK: Ends of streams

  /// Resets a stream.
  func reset(_ stream: HTTP2Stream, _ code: UInt32) {
    guard stream.endCode == nil, !isClosed else { return }
    writeReset(stream.id, code)
    streamClosed(stream, code)
  }

  /// A frame with END_STREAM has been written.
  func sentEnd(_ stream: HTTP2Stream) {
    stream.endIsSent = true
    lastMove = loop.now
    if stream.inboundEnded { streamClosed(stream, HTTP2Error.none) } else if isServer { rests.append((stream.id, loop.now)) }
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
      if let limit = gauge.abandonedStream(now: loop.now), !isOver { _ = passes(limit) }
    }
    stream.ended(code)
    if peerIsDone || isEnding { schedule() }
  }

  func exceeded(_ limit: HTTP2Event) {
    owner?.noted(limit)
    endReason = .error
    errorIsCounted = true
  }

  /// An error has been said. Here it is counted what the peer did wrong, unless it was one of the limits.
  func said(_ code: UInt32, on id: Int32) {
    if id == 0 {
      guard code != HTTP2Error.none, !errorIsCounted else { return }
      errorIsCounted = true
      endReason = .error
      owner?.noted(.sessionError)
    } else if HTTP2Error.faults.contains(code) {
      owner?.noted(.streamError)
    }
  }
}
