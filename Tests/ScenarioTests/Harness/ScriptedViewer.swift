// A viewer that does exactly what it is told, byte by byte, and reads like the strictest browser.

final class ScriptedViewer {
  private let socket: Socket
  private let reader: MessageReader

  init(port: UInt16, from source: String = "127.0.0.1", receiveBuffer: Int32? = nil) throws {
    socket = try Socket.connected(to: port, from: source, receiveBuffer: receiveBuffer)
    reader = MessageReader(socket)
  }

  /// Takes over a connection.
  init(_ socket: Socket) {
    self.socket = socket
    reader = MessageReader(socket)
  }

  // MARK: Writing

  func send(_ text: String) throws { try socket.send(wire(text)) }
  func send(_ bytes: Bytes) throws { try socket.send(bytes) }

  /// Sends in pieces of these sizes, over and over; each piece is a packet of its own (TCP_NODELAY).
  func send(_ text: String, inPiecesOf sizes: [Int]) throws {
    let bytes = wire(text)
    var start = 0, piece = 0
    while start < bytes.count {
      let end = min(bytes.count, start + sizes[piece % sizes.count])
      try socket.send(Bytes(bytes[start..<end]))
      (start, piece) = (end, piece + 1)
    }
  }

  /// Sends until the program closes the connection or stops taking bytes; never an error.
  func sendUntilRefused(_ text: String) { try? socket.send(wire(text)) }
  func sendUntilBlocked(_ bytes: Bytes) throws -> Int { try socket.sendUntilBlocked(bytes) }

  func finishSending() { socket.finishSending() }
  func reset() { socket.resetWhenClosed() }

  // MARK: Reading

  /// The next final response; interim ones (1xx) before it are put in `interim`.
  func readResponse(to method: String = "GET", interim: inout [Response]) throws -> Response {
    while true {
      let response = try reader.readResponse(to: method)
      guard (100..<200).contains(response.status), response.status != 101 else { return response }
      interim.append(response)
    }
  }
  func readResponse(to method: String = "GET") throws -> Response {
    var interim: [Response] = []
    return try readResponse(to: method, interim: &interim)
  }
  func readHead() throws -> Response { try reader.readResponseHead() }
  func read(exactly count: Int) throws -> Bytes { try reader.read(exactly: count) }
  func readSome(atMost limit: Int = 65_536) throws -> Bytes { try reader.readSome(atMost: limit) }
  func readChunk() throws -> Bytes? { try reader.readChunk() }

  /// Send a request and read its response.
  func exchange(_ request: String, to method: String? = nil) throws -> Response {
    try send(request)
    return try readResponse(to: method ?? String(request.prefix { $0 != " " }))
  }

  /// How the program ended the connection, after whatever bytes came before.
  enum Ending: Equatable { case orderly, reset, stillOpen }
  func readEnding(within limit: Duration = .seconds(20)) -> (bytes: Bytes, ending: Ending) {
    reader.deadline = limit
    var bytes: Bytes = []
    do {
      while true {
        let more = try reader.readSome()
        if more.isEmpty { return (bytes, .orderly) }
        bytes += more
      }
    } catch ConnectionError.timedOut { return (bytes, .stillOpen) } catch { return (bytes, .reset) }
  }

  /// Whether the connection is closed, with nothing more said. (A reset counts: the viewer may have sent too much.)
  func isClosedSilently() -> Bool {
    let (bytes, ending) = readEnding()
    return bytes.isEmpty && ending != .stillOpen
  }
}
