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
    if let substream = socket.substream { return read(from: substream, limit) }
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

  private mutating func read(from substream: Substream, _ limit: Int) -> ReadResult {
    let before = input.count
    var isDrained = false
    let result = substream.receive(into: &input, limit: limit, isDrained: &isDrained)
    if isDrained { socket.isReadable = false }
    bytesReceived += input.count - before
    return result
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
  @inline(__always) public mutating func beginOutput() { if socket.substream == nil { output.acquire() } else { output.acquireSmall() } }

  /// Sends what it can of ``output`` without waiting.
  /// - Returns: whether everything went out.
  public mutating func attemptFlush() throws(IOFailure) -> Bool {
    if let failure = socket.failure { throw failure }
    if !output.isEmpty {
      if let tls = socket.tls { return try attemptFlush(tls) }
      guard let n = socket.send(output.readable) else { throw .reset }
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
    let sent = pending == 0 ? socket.send(bytes) : socket.send(output.readable, bytes)
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

extension Stream {
  /// Whether ``sendFile(_:offset:count:)`` can be used: a plain socket of the system's.
  public var sendsFiles: Bool { socket.tls == nil && socket.substream == nil }

  /// Sends what it can of ``output``, saying that more follows at once, so that a head does not travel in a packet of its own.
  /// - Returns: whether everything went out.
  public mutating func attemptFlushBeforeMore() throws(IOFailure) -> Bool {
    guard sendsFiles, !output.isEmpty else { return try attemptFlush() }
    if let failure = socket.failure { throw failure }
    guard let n = SystemCalls.sendMore(socket.descriptor, output.readable) else { throw .reset }
    bytesSent += n
    output.consume(n)
    output.releaseIfEmpty()
    return output.isEmpty
  }

  /// Sends bytes of a file without copying them (sendfile(2)), as many as the kernel takes now. Only where ``sendsFiles``, and with nothing
  /// left in ``output``.
  /// - Returns: how many were taken; 0 when it is necessary to wait until the socket is writable.
  public mutating func sendFile(_ file: Int32, offset: Int, count: Int) throws(IOFailure) -> Int {
    precondition(sendsFiles && output.isEmpty, "a file is sent on a plain socket, behind everything else")
    if let failure = socket.failure { throw failure }
    guard let n = SystemCalls.sendFile(socket.descriptor, file, offset: offset, count: count) else { throw .reset }
    bytesSent += n
    return n
  }
}

extension Socket {
  /// Bytes that were taken, 0 when none can be now, nil when the connection has failed.
  @inline(__always) func send(_ bytes: Span<UInt8>) -> Int? {
    if let substream { return substream.send(bytes) }
    return SystemCalls.send(descriptor, bytes)
  }
  /// The same for two runs of bytes in one call.
  func send(_ first: Span<UInt8>, _ second: Span<UInt8>) -> Int? {
    guard let substream else { return SystemCalls.send(descriptor, first, second) }
    guard let taken = substream.send(first) else { return nil }
    return taken < first.count ? taken : substream.send(second).map { taken + $0 }
  }
}
