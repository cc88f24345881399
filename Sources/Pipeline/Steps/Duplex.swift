// An answer that begins while the request is still on its way, HTTP/2 on both sides: a gRPC call that streams both ways. Both bodies go on,
// each at the pace of who takes it; the answer's end is the end (RFC 9113, 8.1).
import HTTPWire
import Telemetry
import Transport

extension Worker {
  /// Whether the request's content goes on while the answer's comes.
  func isDuplex(_ exchange: inout Exchange, _ viewer: borrowing ServerConnection) -> Bool {
    guard !viewer.bodyIsDone else { return false }
    return exchange.upstream?.goesBothWays == true
  }

  /// Moves both bodies until the answer's is whole. One task looks at both sides in turn; each wakes it.
  nonisolated(nonsending) func relayBothWays(_ exchange: inout Exchange, _ viewer: inout ServerConnection) async throws(WireFailure) {
    guard var upstream = exchange.upstream.take() else { return }
    let viewerSocket = viewer.stream.socket, originSocket = upstream.stream.socket
    viewerSocket.dependent = originSocket
    let wake: (Socket) -> Void = { _ in viewerSocket.nudge() }
    viewerSocket.whenDisturbed = wake
    originSocket.whenDisturbed = wake
    defer {
      viewerSocket.dependent = nil
      viewerSocket.whenDisturbed = nil
      originSocket.whenDisturbed = nil
    }
    var turns = 0
    while true {
      let movedUp = try moveUp(&viewer, &upstream)
      var movedDown = false
      do throws(WireFailure) {
        guard let n = try moveDown(&viewer, &upstream) else { break }
        movedDown = n
      } catch {
        noteBrokenBody(error, upstream.streamFailure, &exchange, viewer)
        throw .io(.cancelled)
      }
      turns += 1
      if turns % 64 == 0 { await Task.yield() }
      if movedUp || movedDown { continue }
      await viewerSocket.waitReadable(milliseconds: tunnelIdleMilliseconds)
    }
    upstream.passTrailers(to: &viewer)
    upstream.finish()
    try await viewer.flush()
  }

  /// Content of the request, when all before it has been taken.
  private func moveUp(_ viewer: inout ServerConnection, _ upstream: inout ClientConnection) throws(WireFailure) -> Bool {
    guard !upstream.requestIsWhole, try upstream.flushAtOnce(), let n = try viewer.payloadAtHand() else { return false }
    if n == 0 {
      upstream.requestIsWhole = true
      upstream.endRequest(of: &viewer)
    } else {
      try upstream.forward(n, from: &viewer.stream.input, asChunk: false)
    }
    return true
  }

  /// Content of the answer, when all before it has been taken.
  /// - Returns: whether anything moved; nil at the answer's end.
  private func moveDown(_ viewer: inout ServerConnection, _ upstream: inout ClientConnection) throws(WireFailure) -> Bool? {
    guard try viewer.flushAtOnce(), let n = try upstream.payloadAtHand() else { return false }
    if n == 0 { return nil }
    try viewer.forward(n, from: &upstream.stream.input, asChunk: false)
    return true
  }
}

extension ClientConnection {
  /// Whether the request is not whole and may go on beside its answer.
  var goesBothWays: Bool { substream != nil && !requestIsWhole }
}
