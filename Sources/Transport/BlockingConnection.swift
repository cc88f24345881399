// Owns: one question and its answer over a connection of somebody who has nothing else to do: no loop. Blocks the calling thread, never longer
// than it is told. For commands, and for threads that may wait.
import Glibc
public import TLS

/// How long somebody waits for the other side.
public struct Patience: Sendable {
  /// For the connection, and for each further step, in milliseconds.
  public var stepMilliseconds: Int
  /// For everything together.
  public var end: ContinuousClock.Instant?
  /// A descriptor: once it is readable, nothing is waited for any more. -1 for none.
  public var givesUp: Int32

  /// - Parameter milliseconds: for each step; together as long as it takes.
  public init(milliseconds: Int, end: ContinuousClock.Instant? = nil, givesUp: Int32 = -1) {
    (stepMilliseconds, self.end, self.givesUp) = (milliseconds, end, givesUp)
  }

  /// Waits until a descriptor is ready.
  /// - Throws: ``IOFailure/timedOut``, or `.cancelled` when it is given up.
  func wait(for descriptor: Int32, _ events: Int32) throws(IOFailure) {
    let step = ContinuousClock.now + .milliseconds(stepMilliseconds), last = end.map { min($0, step) } ?? step
    while true {
      // poll(2) passes over a negative descriptor.
      var entries = [pollfd(fd: descriptor, events: Int16(events), revents: 0), pollfd(fd: givesUp, events: Int16(POLLIN), revents: 0)]
      let left = max(0, (last - .now).wholeMilliseconds)
      let count = unsafe poll(&entries, 2, Int32(clamping: left))
      if entries[1].revents != 0 { throw .cancelled }
      if count > 0 { return }
      if count < 0 && errno != EINTR { throw .system(errno) }
      if count == 0 && ContinuousClock.now >= last { throw .timedOut }
    }
  }
}

extension Duration {
  /// Rounded up: a wait that is told a little less would only be repeated.
  fileprivate var wholeMilliseconds: Int { Int(components.seconds) * 1_000 + Int((components.attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000) }
}

/// A connection that blocks. One thread at a time.
public final class BlockingConnection {
  private let descriptor: Int32
  /// How long it waits from now on.
  public var patience: Patience
  private var tls: TLSConnection?

  /// Connects.
  /// - Throws: ``IOFailure/system(_:)`` with the reason.
  public init(to address: SocketAddress, _ patience: Patience) throws(IOFailure) {
    self.patience = patience
    descriptor = Glibc.socket(address.family, SystemCalls.stream, 0)
    guard descriptor >= 0 else { throw .system(errno) }
    if unsafe address.withSocketAddress({ unsafe connect(descriptor, $0, $1) }) == 0 { return }
    guard errno == EINPROGRESS else { throw .system(errno) }
    try patience.wait(for: descriptor, POLLOUT)
    var code: Int32 = 0, length = socklen_t(MemoryLayout<Int32>.size)
    guard unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length) == 0, code == 0 else { throw .system(code == 0 ? errno : code) }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Secures it, once. The certificate's chain is verified, and that it is one for this name.
  /// - Parameters:
  ///   - name: a name or an address literal, lower case.
  ///   - identity: sessions are kept and resumed where it is the same.
  public func secure(with client: TLSClient, to name: String, identity: String) throws(TLSFailure) {
    let isAddress = SocketAddress(host: name, port: 0) != nil
    guard let tls = TLSConnection(client, name: isAddress ? nil : name, identity: identity, on: descriptor) else { throw TLSFailure(.closed, "no memory") }
    while true {
      let step = try tls.handshake()
      if step == .done { break }
      do throws(IOFailure) { try patience.wait(for: descriptor, step == .waitReadable ? POLLIN : POLLOUT) } catch {
        throw TLSFailure(error == .timedOut ? .timedOut : .closed, error == .timedOut ? "the handshake took too long" : "\(error)")
      }
      tls.bytesMayHaveCome()
    }
    guard tls.peerIs(anyOf: [name]) else {
      client.forget(identity)
      throw TLSFailure(.certificate, "its certificate is for \(tls.peerNames), not for \(name)")
    }
    self.tls = tls
  }

  /// Sends all of it.
  public func send(_ bytes: [UInt8]) throws(IOFailure) {
    var sent = 0
    while sent < bytes.count {
      let count = try sendSome(bytes.span.extracting(sent...))
      if count == 0 { try patience.wait(for: descriptor, POLLOUT) }
      sent += count
    }
  }

  private func sendSome(_ bytes: Span<UInt8>) throws(IOFailure) -> Int {
    if let tls {
      guard let count = tls.write(bytes) else { throw tls.systemError.map { IOFailure(code: $0) } ?? .tls }
      return count
    }
    let count = unsafe bytes.withUnsafeBufferPointer { unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    if count >= 0 { return count }
    guard errno == EAGAIN || errno == EINTR else { throw IOFailure(code: errno) }
    return 0
  }

  /// What comes next; empty at the end. An end over TLS that may be somebody else's is `.reset`.
  public func receive() throws(IOFailure) -> [UInt8] {
    var piece = [UInt8](repeating: 0, count: 16_384)
    while true {
      let count = try receiveSome(&piece)
      if let count { return Array(piece.prefix(count)) }
      try patience.wait(for: descriptor, POLLIN)
      tls?.bytesMayHaveCome()
    }
  }

  /// - Returns: nil when it is necessary to wait.
  private func receiveSome(_ piece: inout [UInt8]) throws(IOFailure) -> Int? {
    if let tls {
      let room = piece.count
      switch unsafe piece.withUnsafeMutableBytes({ piece in unsafe piece.baseAddress.map { unsafe tls.read(into: $0, room: room) } ?? .failed }) {
      case .bytes(let count): return count
      case .end: return 0
      case .wait: return nil
      case .truncated: throw .reset
      case .failed: throw tls.systemError.map { IOFailure(code: $0) } ?? .tls
      }
    }
    let count = unsafe recv(descriptor, &piece, piece.count, 0)
    if count >= 0 { return count }
    guard errno == EAGAIN || errno == EINTR else { throw IOFailure(code: errno) }
    return nil
  }

  /// Sends bytes and reads until the other side closes.
  /// - Parameter limit: the longest answer, in bytes.
  /// - Throws: ``IOFailure``; `.system(EMSGSIZE)` for a longer one, `.timedOut` when the other side says nothing for too long.
  public func exchange(_ bytes: [UInt8], limit: Int) throws(IOFailure) -> [UInt8] {
    try send(bytes)
    var answer: [UInt8] = []
    while case let piece = try receive(), !piece.isEmpty {
      answer += piece
      if answer.count > limit { throw .system(EMSGSIZE) }
    }
    return answer
  }
}
