// Owns: the clocks of an HTTP/2 connection: what it waits for, how long at most, and what happens then; and its end, orderly or not (RFC 9113,
// 5.4.1 and 6.8). Several clocks may run; the loop knows of the one that runs out first. Confined to the loop's thread.
import Transport

extension HTTP2Session {
  /// How long a peer may go on opening streams after it was told that the connection is to end.
  private static let noticeMilliseconds = 1_000
  /// How long the rest of a request may take when its answer is whole. Some clients (curl 7.88) take a reset, though it says NO_ERROR
  /// (RFC 9113, 8.1), for a failure while they have a few bytes to send: those that come in time spare them.
  private static let restMilliseconds = 500

  /// What a connection waits for.
  private enum Clock {
    /// That the last words are taken, and the peer's FIN.
    case farewell
    /// The rest of a block of fields, or of a frame.
    case rest
    /// The acknowledgement of our SETTINGS.
    case settings
    /// The rest of a request that has been answered.
    case answered
    /// That the peer takes what it asked for.
    case stalled
    /// That the peer knows of the end.
    case notice
    /// A request.
    case idle
  }

  /// The clock that runs out first, and when.
  private func firstClock() -> (clock: Clock, end: UInt64)? {
    if isLingering { return (.farewell, lingeringSince + UInt64(times.lingerMilliseconds)) }
    var first: (clock: Clock, end: UInt64)?
    func look(_ clock: Clock, _ since: UInt64, _ milliseconds: Int) {
      let end = since + UInt64(milliseconds)
      if end < first?.end ?? .max { first = (clock, end) }
    }
    if unfinishedSince > 0 && !hasMoreToRead { look(.rest, unfinishedSince, times.headTimeoutMilliseconds) }
    // Who may not have got them, or has said FIN, cannot acknowledge them.
    if settingsSince > 0, stream.output.isEmpty, !hasMoreToRead, !peerIsDone { look(.settings, settingsSince, limits.settingsTimeoutMilliseconds) }
    if let first = rests.first { look(.answered, first.since, Self.restMilliseconds) }
    if stalledSince > 0 { look(.stalled, stalledSince, times.idleTimeoutMilliseconds) }
    if isEnding && !refusesFurther { look(.notice, endingSince, Self.noticeMilliseconds) }
    if streamCount == 0 && stalledSince == 0 {
      look(.idle, lastMove, sawSettings || !isServer ? times.keepAliveTimeoutMilliseconds : times.headTimeoutMilliseconds)
    }
    return first
  }

  /// Sets the deadline of what is waited for now.
  func arm() {
    let mayStall = !stream.output.isEmpty || streamCount - rests.count > taskCount
    if !mayStall { stalledSince = 0 } else if stalledSince == 0 { stalledSince = max(1, loop.now) }
    guard let end = firstClock()?.end else { return socket.keep() }
    socket.expire(afterMilliseconds: end > loop.now ? Int(end - loop.now) : 0)
  }

  func expired() {
    guard !isClosed else { return }
    guard let (clock, end) = firstClock(), end <= loop.now else { return arm() }   // something has moved since
    switch clock {
    case .farewell: close(endReason)
    case .rest:
      exceeded(.limitHeadTimeout)
      terminate(HTTP2Error.calm, .error)
    case .settings:
      exceeded(.limitSettingsTimeout)
      terminate(HTTP2Error.settingsTimeout, .error)
    case .answered: resetAnswered()
    case .stalled:
      exceeded(.limitStalled)
      if stream.output.isEmpty { terminate(HTTP2Error.calm, .error) } else { close(.error) }   // nothing more can be said
    case .notice: refuseFurther()
    case .idle:
      if !sawSettings && isServer { owner?.noted(.limitHeadTimeout) }
      terminate(HTTP2Error.none, .idle)
    }
  }

  private func resetAnswered() {
    let due = rests.prefix { $0.since + UInt64(Self.restMilliseconds) <= loop.now }
    for rest in due { if let stream = find(rest.id) { reset(stream, HTTP2Error.none) } }
    rests.removeAll { $0.since + UInt64(Self.restMilliseconds) <= loop.now }
  }

  /// Says an end, unless one has been said, and waits only for its being heard.
  func terminate(_ code: UInt32, _ reason: EndReason) {
    sayEnd(code)
    endReason = reason
    isLingering = true
    lingeringSince = loop.now
    schedule()
  }

  /// Begins an orderly end: streams that are open, or under way, are served (RFC 9113, 6.8).
  public func drain() {
    guard !isEnding, !isClosed else { return }
    isEnding = true
    endingSince = loop.now
    guard isServer else { return refuseFurther() }
    writeControl(FrameType.goaway, 0, UInt32(Int32.max), HTTP2Error.none)
    writeControl(FrameType.ping, 0, 0x736b_6572, 0x7279_2e2e)   // "skerry..": who answers it has read the frame before it
  }

  func refuseFurther() {
    guard isEnding, !refusesFurther else { return }
    refusesFurther = true
    writeControl(FrameType.goaway, 0, UInt32(bitPattern: lastServed), HTTP2Error.none)
  }

  /// Ends a connection whose TLS is not good enough (RFC 9113, 9.2).
  public func refuseSecurity() { terminate(HTTP2Error.inadequateSecurity, .error) }
}
