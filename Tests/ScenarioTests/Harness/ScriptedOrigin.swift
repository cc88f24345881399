// An origin that plays a script to every connection and remembers every byte it was sent.
import TestTools

final class ScriptedOrigin: Sendable {
  /// What to do with one connection. When it returns or throws, the connection is closed.
  typealias Script = @Sendable (OriginConnection) throws -> Void

  /// What has arrived so far.
  struct Record: Sendable {
    /// The bytes of each connection, in the order of their acceptance.
    var connections: [Bytes] = []
    var closedConnections = 0
    var requests: [Request] = []
    /// What scripts objected to. `verify` reports it.
    var failures: [String] = []
    var isStopped = false
    var mayGo = false
  }
  let record = Watched(Record())
  private let listening: Socket
  private let sockets = Watched<[Socket]>([])
  private let script: Watched<Script?>

  /// Listens at once, until `stop` or the end of the test run; connections wait in the backlog until there is a script.
  /// - Parameter other: another origin, whose port this one has too, at `host`.
  init(besides other: ScriptedOrigin? = nil, host: String = "127.0.0.1", _ script: Script? = nil) throws {
    self.host = host
    listening = try Socket.listening(port: other?.port ?? 0, host: host)
    port = listening.port
    self.script = Watched(script)
    if script != nil { acceptConnections() }
  }
  let port: UInt16
  private let host: String
  var url: String { "http://127.0.0.1:\(port)" }

  /// Gives a waiting origin its script.
  func play(_ script: @escaping Script) {
    self.script.update { $0 = script }
    acceptConnections()
  }

  /// Refuses new connections and ends the ones there are. The port stays its own: no other test's origin answers there.
  func stop() {
    record.update { $0.isStopped = true }
    listening.shutDown()
    if let held = try? Socket.holding(port: port, host: host) { sockets.update { $0.append(held) } }
    sockets.update { $0.forEach { $0.shutDown() } }
  }

  /// Lets the scripts that wait in `waitForGo` continue.
  func go() { record.update { $0.mayGo = true } }

  // MARK: What it saw

  var connectionCount: Int { record.current.connections.count }
  var requests: [Request] { record.current.requests }
  /// Every byte of every connection, for showing that something is not among them.
  var everything: String { String(wire: record.current.connections.joined()) }

  /// What has arrived since an earlier `record.current`, all connections together.
  func bytes(since earlier: Record) -> String {
    let now = record.current.connections
    return String(wire: now.enumerated().flatMap { index, bytes in
      bytes.dropFirst(index < earlier.connections.count ? earlier.connections[index].count : 0)
    })
  }

  func waitForRequests(_ count: Int) throws -> [Request] {
    try record.wait(for: "\(count) request(s) at the origin") { $0.requests.count >= count ? $0.requests : nil }
  }
  func waitForConnections(_ count: Int) throws {
    try record.wait(for: "\(count) connection(s) at the origin") { $0.connections.count >= count ? true : nil }
  }
  func waitForClosedConnections(_ count: Int) throws {
    try record.wait(for: "\(count) ended connection(s) at the origin") { $0.closedConnections >= count ? true : nil }
  }
  /// Throws what any script objected to.
  func verify() throws {
    let failures = record.current.failures
    guard failures.isEmpty else { throw ScenarioFailure("at the origin: " + failures.joined(separator: "; ")) }
  }

  // MARK: Playing

  private func acceptConnections() {
    startThread { [listening, record, sockets, script] in
      while let socket = try? listening.accept() {
        let number = record.update { record in
          record.connections.append([])
          return record.connections.count - 1
        }
        sockets.update { $0.append(socket) }
        guard let script = script.current else { return }
        startThread { [record, sockets] in
          let connection = OriginConnection(number: number, socket: socket, record: record)
          do { try script(connection) } catch {
            record.update { $0.failures.append("connection \(number): \(error)") }
          }
          connection.end()
          sockets.update { $0.removeAll { $0 === socket } }
          record.update { $0.closedConnections += 1 }
        }
      }
    }
  }
}

/// One connection at a scripted origin; used by its own thread only.
final class OriginConnection {
  /// 0 for the first connection the origin accepted.
  let number: Int
  private let socket: Socket
  private let reader: MessageReader
  private let record: Watched<ScriptedOrigin.Record>
  /// More than this of one connection is not remembered.
  static let recordedBytes = 1 << 20

  init(number: Int, socket: Socket, record: Watched<ScriptedOrigin.Record>) {
    (self.number, self.socket, self.record) = (number, socket, record)
    reader = MessageReader(socket) { bytes in
      record.update { if $0.connections[number].count < Self.recordedBytes { $0.connections[number] += bytes } }
    }
  }

  // MARK: Reading

  /// The next request; with `line`, its request line must be this one.
  @discardableResult
  func expectRequest(_ line: String? = nil) throws -> Request {
    let request = try reader.readRequest()
    record.update { $0.requests.append(request) }
    if let line, request.line != line {
      throw ScenarioFailure("expected \(line.visible), got \(request.line.visible)")
    }
    return request
  }

  /// The next request, or nil when the program has closed the connection instead (idle, or done with it).
  func nextRequest() throws -> Request? {
    do { return try expectRequest() } catch let ended as StreamEnded where ended.clean { return nil }
    catch ConnectionError.reset { return nil }
  }

  /// The first bytes of a request, without any of its body.
  func expectHead() throws { _ = try reader.readRequestHead() }

  func read(exactly count: Int) throws -> Bytes { try reader.read(exactly: count) }
  func readSome() throws -> Bytes { try reader.readSome() }
  func readChunk() throws -> Bytes? { try reader.readChunk() }

  /// Waits until the program ends its side.
  func waitForEnd() throws {
    do { while try !reader.readSome().isEmpty {} } catch ConnectionError.reset {}
  }

  /// Reads nothing and waits until the scenario stops the origin.
  func waitUntilStopped() throws { try record.wait(for: "the scenario to stop the origin") { $0.isStopped ? true : nil } }

  /// Waits until the scenario calls the origin's `go`.
  func waitForGo() throws { try record.wait(for: "the scenario's go") { $0.mayGo ? true : nil } }

  // MARK: Writing

  func send(_ text: String) throws { try socket.send(wire(text)) }
  func send(_ bytes: Bytes) throws { try socket.send(bytes) }
  func send(_ text: String, inPiecesOf size: Int) throws {
    let bytes = wire(text)
    for start in stride(from: 0, to: bytes.count, by: size) {
      try socket.send(Bytes(bytes[start..<min(bytes.count, start + size)]))
    }
  }
  func sendUntilBlocked(_ bytes: Bytes) throws -> Int { try socket.sendUntilBlocked(bytes) }
  func limitSendBuffer(to bytes: Int32) { socket.limitBuffers(send: bytes) }
  func limitReceiveBuffer(to bytes: Int32) { socket.limitBuffers(receive: bytes) }

  func finishSending() { socket.finishSending() }
  /// Makes the end of the script a reset instead of an orderly close.
  func reset() {
    socket.resetWhenClosed()
    willReset = true
  }
  private var willReset = false

  fileprivate func end() { if !willReset { socket.finishSending() } }

  /// Answers every request of the connection, until the program closes it.
  func answerAll(_ answer: (Request) throws -> String) throws {
    while let request = try nextRequest() { try send(answer(request)) }
  }
}

/// A plain 200 with a body.
func ok(_ body: String = "", fields: String = "") -> String {
  "HTTP/1.1 200 OK\r\n\(fields)Content-Length: \(wire(body).count)\r\n\r\n\(body)"
}
