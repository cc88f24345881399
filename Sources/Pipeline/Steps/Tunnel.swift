// After 101: bytes both ways until either side ends (RFC 9110, 7.8). One task looks at both sockets in turn; each wakes it.
import HTTPWire
import Telemetry
import Transport

extension Worker {
  /// Copies both ways. A side that finishes is told to the other; the tunnel ends when both have, when one breaks, or when nothing
  /// moves for `limits.tunnelIdleTimeout`.
  nonisolated(nonsending) func tunnel(
    _ exchange: inout Exchange, _ viewer: inout ServerConnection
  ) async throws(WireFailure) {
    guard var upstream = exchange.upstream.take() else { return }
    try await viewer.flush()
    viewer.closing = true
    counters.add(.upgrades)
    counters.move(.tunnelsOpen, by: 1)
    defer { counters.move(.tunnelsOpen, by: -1) }
    let viewerSocket = viewer.stream.socket, originSocket = upstream.stream.socket
    let wake: (Socket) -> Void = { _ in viewerSocket.nudge() }
    viewerSocket.whenDisturbed = wake
    originSocket.whenDisturbed = wake
    let site = exchange.site
    site.longExchanges.began(viewerSocket)
    defer {
      site.longExchanges.ended(viewerSocket)
      viewerSocket.whenDisturbed = nil
      originSocket.whenDisturbed = nil
    }
    var upward = TunnelDirection(), downward = TunnelDirection(), stint = Stint()
    do throws(IOFailure) {
      while !upward.isDone || !downward.isDone {
        let movedUp = try upward.move(from: &viewer.stream, to: &upstream.stream)
        let movedDown = try downward.move(from: &upstream.stream, to: &viewer.stream)
        if stint.isOver(after: 0) { await Task.yield() }
        if movedUp || movedDown { continue }
        await viewerSocket.waitReadable(milliseconds: tunnelIdleMilliseconds)
        if viewerSocket.failure == .timedOut { counters.add(.limitIdleTimeout) }
      }
    } catch { throw .io(error) }
  }
}

/// One direction of a tunnel.
private struct TunnelDirection {
  var isDone = false

  /// Moves one piece, if that is possible without waiting. Reads only when everything read before is gone: that is the back-pressure.
  /// - Returns: whether anything moved.
  mutating func move(from source: inout Stream, to sink: inout Stream) throws(IOFailure) -> Bool {
    if isDone { return false }
    var moved = false
    if !sink.output.isEmpty {
      let before = sink.output.count
      guard try sink.attemptFlush() else { return sink.output.count < before }
      moved = true
    }
    if source.input.isEmpty {
      switch try source.attemptRead() {
      case .wait: return moved
      case .end:
        isDone = sink.socket.finishWriting()
        return isDone
      case .bytes: break
      }
    }
    try sink.send(source.input.readable)
    source.input.removeAll()
    return true
  }
}
