// Owns: how a connection to a TLS listener begins: its handshake, within its time, or the end that is told to whoever speaks plain HTTP.
import HTTPWire
import Telemetry
import TLS
import Transport

extension Worker {
  /// Secures a new connection. One that cannot be secured has been closed when this returns.
  /// - Returns: whether requests may be read.
  nonisolated(nonsending) func secure(_ socket: Socket, _ peer: SocketAddress, _ listener: SecureListener) async -> Bool {
    socket.isOpening = true   // a drain need not wait long for it
    defer { socket.isOpening = false }
    do throws(TLSFailure) {
      try await socket.secure(as: listener.server, timeoutMilliseconds: tlsHandshakeTimeoutMilliseconds)
    } catch {
      await refuse(error, socket, peer)
      return false
    }
    counters.add(socket.tls?.isResumed == true ? .tlsResumed : .tlsFull)
    return true
  }

  private nonisolated(nonsending) func refuse(_ failure: TLSFailure, _ socket: Socket, _ peer: SocketAddress) async {
    if failure.kind == .plainHTTP {
      var viewer = ServerConnection(socket, peer: peer, context)
      await refuse(.refused(.plainHTTP), &viewer)
      return ended(viewer)
    }
    let isCancelled = socket.failure == .cancelled
    if !isCancelled { counters.add(failure.viewerCounter) }
    counters.add(isCancelled ? .closedByDrain : failure.kind == .closed ? .closedByViewer : .closedOnError)
    var viewer = ServerConnection(socket, peer: peer, context)
    // The viewer may have gone on in good faith (TLS 1.3: before its certificate is looked at); a reset would cost it the alert.
    if socket.failure == nil && failure.kind != .closed { await viewer.linger() }
    ended(viewer)
  }
}

extension Worker {
  /// Counts the end of a connection whose viewer broke TLS's rules after the handshake.
  /// - Returns: whether it did.
  func countViolation(_ socket: Socket) -> Bool {
    guard let violation = socket.tls?.violation else { return false }
    if violation.kind == .keyUpdates { counters.add(.limitTLSKeyUpdates) }
    counters.add(.closedOnTLS)
    return true
  }
}

extension TLSFailure {
  /// What is counted when a viewer's handshake fails so.
  fileprivate var viewerCounter: Counter {
    switch kind {
    case .malformed: .tlsMalformed
    case .plainHTTP: .tlsPlainHTTP
    case .version: .tlsVersion
    case .cipher: .tlsCipher
    case .applicationProtocol: .tlsApplicationProtocol
    case .certificate: .tlsClientCertificate
    case .alert: .tlsAlert
    case .closed: .tlsClosed
    case .timedOut: .limitTLSHandshakeTimeout
    case .keyUpdates: .limitTLSKeyUpdates
    }
  }
}
