// Owns: bytes in and out of a secured connection (RFC 8446, 5). Records are opened into `input` and sealed from `output`; what the kernel
// does not take stays in `output` in the clear, so that "nothing waits" means the same as on a plain connection.
public import TLS

extension Stream {
  /// Bytes of one record at most (RFC 8446, 5.1). Less than that behind waiting output is copied, to go in one record with it.
  private static let recordBytes = 16_384

  mutating func attemptRead(_ tls: TLSConnection, _ limit: Int) throws(IOFailure) -> ReadResult {
    if input.count >= limit { return .wait }
    if socket.peerFinished || socket.isBroken { tls.peerIsEnding() }
    let read = input.receive(from: tls, limit: limit)
    // Records that OpenSSL holds are announced by no further edge: the socket stays readable until they are opened.
    socket.isReadable = tls.hasMore
    switch read {
    case .bytes(let n):
      bytesReceived += n
      return .bytes
    case .wait:
      // Even with a part of a record at hand: the rest of it will be announced.
      socket.isReadable = false
      input.releaseIfEmpty()
      return .wait
    case .end:
      socket.isReadable = true
      return .end
    // A close without close_notify may be somebody else's: what came is not known to be whole (RFC 9112, 9.8).
    case .truncated: throw .reset
    case .failed: throw tls.systemError.map { IOFailure(code: $0) } ?? .tls
    }
  }

  /// Called with something in ``output``.
  mutating func attemptFlush(_ tls: TLSConnection) throws(IOFailure) -> Bool {
    while !output.isEmpty {
      guard let n = tls.write(output.readable) else { throw .reset }
      if n == 0 { return false }
      bytesSent += n
      output.consume(n)
    }
    output.releaseIfEmpty()
    return true
  }

  mutating func send(_ bytes: Span<UInt8>, _ tls: TLSConnection) throws(IOFailure) {
    if !output.isEmpty && output.count + bytes.count <= Self.recordBytes {
      output.append(bytes)
      _ = try attemptFlush(tls)
      return
    }
    var sent = 0
    let isFree = try output.isEmpty ? true : attemptFlush(tls)
    if isFree {
      while sent < bytes.count {
        guard let n = tls.write(bytes.extracting(sent...)) else { throw .reset }
        if n == 0 { break }
        sent += n
      }
    }
    bytesSent += sent
    if sent < bytes.count {
      beginOutput()
      output.append(bytes.extracting(sent...))
    }
  }
}

extension Socket {
  /// Secures the connection as its accepting side.
  /// - Parameter timeoutMilliseconds: how long the whole handshake may take.
  /// - Throws: ``TLSFailure``; the socket is then of use only for saying so in the clear (``TLSFailure/Kind/plainHTTP``), or for nothing.
  public nonisolated(nonsending) func secure(as server: TLSServer, timeoutMilliseconds: Int) async throws(TLSFailure) {
    guard let connection = TLSConnection(accepting: server, on: descriptor) else { throw TLSFailure(.closed, "no memory") }
    try await secure(connection, timeoutMilliseconds)
  }

  /// Secures the connection as its connecting side. The certificate's chain is verified; whose it is, the caller asks.
  /// - Parameters:
  ///   - name: the server's name, told to it unless it is an address.
  ///   - identity: sessions are kept and resumed where it is the same.
  public nonisolated(nonsending) func secure(
    with client: TLSClient, to name: String, identity: String, timeoutMilliseconds: Int
  ) async throws(TLSFailure) {
    let isAddress = SocketAddress(host: name, port: 0) != nil
    guard let connection = TLSConnection(client, name: isAddress ? nil : name, identity: identity, on: descriptor) else { throw TLSFailure(.closed, "no memory") }
    try await secure(connection, timeoutMilliseconds)
  }

  private nonisolated(nonsending) func secure(_ connection: TLSConnection, _ timeoutMilliseconds: Int) async throws(TLSFailure) {
    let deadline = loop.now + UInt64(timeoutMilliseconds)
    if isReadable { connection.bytesMayHaveCome() }
    tls = connection
    do throws(TLSFailure) {
      while true {
        if let failure { throw TLSFailure(failure == .timedOut ? .timedOut : .closed, "\(failure)") }
        if peerFinished || isBroken { connection.peerIsEnding() }
        let step = try connection.handshake()
        if step == .done { break }
        let now = loop.now
        guard now < deadline else { throw TLSFailure(.timedOut, "the handshake took too long") }
        if step == .waitReadable { await waitReadable(milliseconds: Int(deadline - now)) } else { await waitWritable(milliseconds: Int(deadline - now)) }
      }
    } catch {
      tls = nil
      throw error
    }
    isReadable = connection.hasMore
  }

  /// Whether a secured connection that is not in use has nothing but sessions and changes of keys to say; reads them.
  @inline(never) func absorbsMessages() -> Bool {
    guard let tls else { return false }
    var byte: UInt8 = 0
    guard unsafe tls.read(into: &byte, room: 1) == .wait, !tls.hasMore else { return false }
    isReadable = false
    return true
  }
}
