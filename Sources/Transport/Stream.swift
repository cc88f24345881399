// Owns: a socket with its two buffers, as one task holds it. Data that is already buffered never suspends.
// The one place where bytes enter and leave a connection. A secured one differs here and nowhere above: the same three members branch to
// Stream+TLS.swift when the socket has TLS.

/// A socket with its buffers, owned by one task on the socket's loop.
public struct Stream: ~Copyable {
  /// The socket, shared with the loop only.
  public let socket: Socket
  /// Bytes received and not yet consumed.
  public var input = ByteBuffer()
  /// Bytes that the kernel has not taken yet.
  public var output = ByteBuffer()
  /// Bytes received and sent since the counters were last set; for logs and rates.
  public var bytesReceived = 0, bytesSent = 0
  private let inPlace = InPlace()

  /// Takes over a socket.
  public init(_ socket: Socket) { self.socket = socket }

  /// What an attempt to read without waiting brought.
  public enum ReadResult: Sendable { case bytes, end, wait }

  /// Reads once without waiting.
  /// - Parameter limit: the most bytes that may lie in ``input`` afterwards.
  public mutating func attemptRead(limit: Int = .max) throws(IOFailure) -> ReadResult {
    if let failure = socket.failure { throw failure }
    guard socket.isReadable else {
      input.releaseIfEmpty()
      return .wait
    }
    input.acquire()
    if let tls = socket.tls { return try attemptRead(tls, limit) }
    switch input.receive(from: socket.descriptor, limit: limit) {
    case .bytes(let n, let drained):
      if drained && !socket.peerFinished && !socket.isBroken { socket.isReadable = false }
      bytesReceived += n
      return .bytes
    case .end: return .end
    case .wouldBlock:
      socket.isReadable = false
      input.releaseIfEmpty()
      return .wait
    case .failed(let code): throw IOFailure(code: code)
    }
  }

  /// Waits for more bytes in ``input``.
  /// - Returns: false at the end of the stream.
  public nonisolated(nonsending) mutating func fill(timeoutMilliseconds: Int, limit: Int = .max) async throws(IOFailure) -> Bool {
    while true {
      switch try attemptRead(limit: limit) {
      case .bytes: return true
      case .end: return false
      case .wait: await socket.waitReadable(milliseconds: timeoutMilliseconds)
      }
    }
  }

  /// Gives ``output`` a block, so that appending need not allocate.
  @inline(__always) public mutating func beginOutput() { output.acquire() }

  /// Sends what it can of ``output`` without waiting.
  /// - Returns: whether everything went out.
  public mutating func attemptFlush() throws(IOFailure) -> Bool {
    if let failure = socket.failure { throw failure }
    if !output.isEmpty {
      if let tls = socket.tls { return try attemptFlush(tls) }
      guard let n = SystemCalls.send(socket.descriptor, output.readable) else { throw .reset }
      bytesSent += n
      output.consume(n)
      if !output.isEmpty { return false }
    }
    output.releaseIfEmpty()
    return true
  }

  /// Sends ``output`` whole.
  /// - Parameter timeoutMilliseconds: how long the peer may take no byte.
  public nonisolated(nonsending) mutating func flush(timeoutMilliseconds: Int) async throws(IOFailure) {
    while try !attemptFlush() { await socket.waitWritable(milliseconds: timeoutMilliseconds) }
  }

  /// Sends ``output`` and then `bytes` in one system call; what the kernel does not take is kept in ``output``.
  public mutating func send(_ bytes: Span<UInt8>) throws(IOFailure) {
    if let failure = socket.failure { throw failure }
    if let tls = socket.tls { return try send(bytes, tls) }
    let pending = output.count
    let sent = pending == 0 ? SystemCalls.send(socket.descriptor, bytes) : SystemCalls.send(socket.descriptor, output.readable, bytes)
    guard let sent else { throw .reset }
    bytesSent += sent
    output.consume(min(sent, pending))
    let taken = max(0, sent - pending)
    if taken < bytes.count {
      beginOutput()
      output.append(bytes.extracting(taken...))
    } else {
      output.releaseIfEmpty()
    }
  }
}
