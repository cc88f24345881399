// Owns: a connection whose load balancer has yet to say whose it is: until its PROXY header has come, or its time is over. Nothing behind
// the header is read, so whoever takes the connection over, TLS or not, finds it as if the load balancer were not there.
import CSystem
import Glibc

/// A connection that waits for its PROXY header. Confined to the loop's thread.
public final class AnnouncedConnection: EventHandler {
  /// Limits of the header.
  public struct Limits: Sendable {
    /// The longest header, in bytes.
    public var bytes: Int
    /// From the connection's beginning to the header's end.
    public var timeoutMilliseconds: Int
    /// Limits.
    public init(bytes: Int, timeoutMilliseconds: Int) {
      self.bytes = bytes
      self.timeoutMilliseconds = timeoutMilliseconds
    }
  }

  /// How the wait ended.
  public enum Outcome: Sendable {
    /// The header has come. The descriptor is the receiver's, out of the loop.
    case announced(ProxyHeader)
    /// No header, or a malformed one; closed.
    case malformed
    /// The header is longer than the limit; closed.
    case tooLong
    /// It did not come in time; closed.
    case timedOut
    /// The peer went, or ``cancel()`` was called; closed.
    case closed
  }

  private let loop: EventLoop
  private let limit: Int
  private var ended: ((AnnouncedConnection, Outcome) -> Void)?

  /// Takes over an accepted, non-blocking descriptor and waits for its header.
  /// - Parameter ended: called once, on the loop's thread, never before this returns.
  public init(_ descriptor: Int32, on loop: EventLoop, _ limits: Limits, ended: @escaping (AnnouncedConnection, Outcome) -> Void) {
    self.loop = loop
    limit = limits.bytes
    self.ended = ended
    super.init(descriptor: descriptor)
    loop.register(self, [.input, .peerFinished, .edgeTriggered])
    loop.setDeadline(self, after: limits.timeoutMilliseconds)
  }

  /// Ends the wait.
  public func cancel() { end(.closed) }

  override var isConnection: Bool { true }
  override func expired() { end(.timedOut) }

  override func ready(_ events: SystemCalls.Events) {
    guard ended != nil else { return }
    var bytes = [UInt8](repeating: 0, count: limit)
    let count = unsafe recv(descriptor, &bytes, limit, Int32(MSG_PEEK))
    guard count > 0 else {
      if count == 0 || errno != EAGAIN && errno != EINTR { end(.closed) }
      return
    }
    switch ProxyHeader.read(bytes.span.extracting(..<count), limit: limit) {
    case .incomplete: if events.peerFinished || events.broken { end(.closed) }
    case .malformed: end(.malformed)
    case .tooLong: end(.tooLong)
    case .complete(let header):
      let taken = unsafe recv(descriptor, &bytes, header.length, 0)
      end(taken == header.length ? .announced(header) : .closed)
    }
  }

  private func end(_ outcome: Outcome) {
    guard let ended else { return }
    self.ended = nil
    if case .announced = outcome { loop.forget(self) } else { loop.unregister(self) }
    ended(self, outcome)
  }
}
