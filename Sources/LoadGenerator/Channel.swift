// Owns: the way to one target for one request at a time: a connection of HTTP/1.1 that is kept between requests, or a stream of an HTTP/2
// connection that several share. Confined to its worker's loop.
import HTTPWire
import TLS
import Transport

/// What an answer is wanted for.
struct Wanted: OptionSet {
  let rawValue: UInt8
  static let location = Wanted(rawValue: 1)
  /// Every field, and a hash of the content.
  static let everything = Wanted(rawValue: 2)
}

/// What a worker's channels to one target have in common.
final class TargetSide {
  let target: LoadTarget
  let addresses: [SocketAddress]
  let loop: EventLoop
  let options: LoadOptions
  /// The limits of answers.
  let limits: OriginLimits
  private let tls: TLSClient?
  /// Connections that were made.
  var connections = 0

  init(_ target: LoadTarget, _ addresses: [SocketAddress], _ loop: EventLoop, _ options: LoadOptions) throws(LoadProblem) {
    self.target = target
    self.addresses = addresses
    self.loop = loop
    self.options = options
    var limits = OriginLimits()
    limits.readTimeoutMilliseconds = options.timeoutMilliseconds
    limits.writeTimeoutMilliseconds = options.timeoutMilliseconds
    self.limits = limits
    guard target.isSecure else {
      tls = nil
      return
    }
    var configuration = TLSClient.Configuration()
    configuration.certificateAuthority = options.certificateAuthority
    configuration.verifies = options.verifiesCertificate
    configuration.applicationProtocols = [options.version == .http2 ? "h2" : "http/1.1"]
    do throws(CertificateFailure) { tls = try TLSClient(configuration) } catch { throw LoadProblem("\(error.path) cannot be used: \(error.reason)") }
  }

  /// A new connection, secured where it is to be.
  nonisolated(nonsending) func connect() async throws(LoadFailure) -> Socket {
    let socket = try await open()
    connections += 1
    guard let tls else { return socket }
    do throws(TLSFailure) {
      try await socket.secure(with: tls, to: target.host, identity: target.authority, timeoutMilliseconds: options.timeoutMilliseconds)
      guard let secured = socket.tls, !options.verifiesCertificate || secured.peerIs(anyOf: [target.host]) else {
        throw TLSFailure(.certificate, "its certificate is for \(socket.tls?.peerNames ?? "nobody"), not for \(target.host)")
      }
      if options.version == .http2, secured.applicationProtocol != "h2" { throw TLSFailure(.applicationProtocol, "it does not speak HTTP/2") }
    } catch {
      socket.close()
      throw LoadFailure(.tls, error.reason)
    }
    return socket
  }

  private nonisolated(nonsending) func open() async throws(LoadFailure) -> Socket {
    guard addresses.count > 1 else {
      do throws(IOFailure) { return try await Socket.connect(to: addresses[0], on: loop, timeoutMilliseconds: options.timeoutMilliseconds) } catch {
        throw LoadFailure(connecting: error)
      }
    }
    var race = AddressRace.Configuration()
    race.timeoutMilliseconds = options.timeoutMilliseconds
    do throws(ConnectFailure) { return try await AddressRace.connect(to: addresses, on: loop, configuration: race).socket } catch {
      throw LoadFailure(connecting: error.reason)
    }
  }
}

/// One request at a time to one target.
final class Channel: ConnectionKeeper {
  private let side: TargetSide
  private let shared: SharedConnection?
  private var kept: Socket?
  /// Bytes on the wire.
  private(set) var sent = 0, received = 0

  /// - Parameter shared: the HTTP/2 connection whose streams are used; nil for HTTP/1.1.
  init(_ side: TargetSide, _ shared: SharedConnection?) {
    self.side = side
    self.shared = shared
  }

  /// Makes the connection, so that it is there when the time begins.
  nonisolated(nonsending) func prepare() async throws(LoadFailure) {
    if let shared { return try await shared.prepare() }
    if side.options.keepsAlive { kept = try await side.connect() }
  }

  /// A request has ended on a connection.
  func ended(_ socket: Socket, reusable: Bool, sent: Int, received: Int) {
    self.sent += sent
    self.received += received
    if reusable && shared == nil && side.options.keepsAlive { kept = socket } else { socket.close() }
  }

  /// Closes what is kept.
  func close() {
    kept?.close()
    kept = nil
  }

  private nonisolated(nonsending) func open() async throws(LoadFailure) -> ClientConnection {
    if let shared {
      let (stream, isReused) = try await shared.open()
      return ClientConnection(stream, side.limits, isReused: isReused, keeper: self)
    }
    if let socket = kept {
      kept = nil
      if socket.isQuiet { return ClientConnection(socket, side.limits, isReused: true, keeper: self) }
      socket.close()
    }
    return ClientConnection(try await side.connect(), side.limits, isReused: false, keeper: self)
  }

  /// Sends a request and reads its whole answer. On a connection that had been closed while it was idle it is sent once more on another.
  /// - Parameter resent: counts those.
  nonisolated(nonsending) func ask(
    isHead: Bool, hasContent: Bool, _ wanted: Wanted, resent: inout Int, _ write: (_ head: Bool, inout ByteBuffer) -> Void
  ) async throws(LoadFailure) -> Answer {
    var isAgain = false
    while true {
      do throws(Attempt) { return try await attempt(isHead, hasContent, wanted, write) } catch {
        guard error.mayRepeat, !isAgain else { throw error.failure }
        isAgain = true
        resent += 1
      }
    }
  }

  /// How an attempt failed.
  private struct Attempt: Error {
    let failure: LoadFailure
    /// Whether the server has most likely not seen it.
    let mayRepeat: Bool
  }

  private nonisolated(nonsending) func attempt(
    _ isHead: Bool, _ hasContent: Bool, _ wanted: Wanted, _ write: (_ head: Bool, inout ByteBuffer) -> Void
  ) async throws(Attempt) -> Answer {
    var connection: ClientConnection
    do throws(LoadFailure) { connection = try await open() } catch { throw Attempt(failure: error, mayRepeat: false) }
    var answer = Answer()
    do throws(WireFailure) {
      connection.stream.beginOutput()
      write(true, &connection.stream.output)
      connection.headIsWhole(hasBody: hasContent)
      if hasContent {
        connection.stream.beginOutput()
        write(false, &connection.stream.output)
      }
      if try !connection.flushAtOnce() { try await connection.flush() }
      if hasContent { connection.requestEnds(trailers: ByteBuffer()) }
      connection.requestIsWhole = true
      let head = try await connection.readHead(hasNoBody: isHead)
      answer.status = head.line.status
      if !wanted.isEmpty { Self.look(at: head, wanted, &answer) }
      try await drain(&connection, wanted, &answer)
    } catch {
      let mayRepeat = connection.isReused && !connection.hasReceived && error != .io(.timedOut) || connection.streamFailure == .refused
      throw Attempt(failure: LoadFailure(error, connection.streamFailure), mayRepeat: mayRepeat)
    }
    connection.finish()
    return answer
  }

  private static func look(at head: borrowing ResponseHead, _ wanted: Wanted, _ answer: inout Answer) {
    if wanted.contains(.location), let place = head.fields.first(.location) { answer.location = Array(head.fields.value(place).text.utf8) }
    guard wanted.contains(.everything) else { return }
    for index in 0..<head.fields.count { answer.fields.append((head.fields.name(index).text.lowercased(), head.fields.value(index).text)) }
  }

  /// Reads the content to its end, within the time an answer may take.
  private nonisolated(nonsending) func drain(_ connection: inout ClientConnection, _ wanted: Wanted, _ answer: inout Answer) async throws(WireFailure) {
    let deadline = side.loop.now + UInt64(side.options.timeoutMilliseconds)
    while true {
      guard let count = try connection.payloadAtHand() else {
        if side.loop.now >= deadline { throw .io(.timedOut) }
        await connection.waitForPayload()
        continue
      }
      if count == 0 { return }
      if wanted.contains(.everything) { Self.hash(connection.stream.input.readable.extracting(..<count), &answer.contentHash) }
      answer.contentBytes += count
      connection.stream.input.consume(count)
    }
  }

  private static func hash(_ bytes: Span<UInt8>, _ hash: inout UInt64) {
    for index in 0..<bytes.count { hash = (hash ^ UInt64(bytes[index])) &* 0x100_0000_01b3 }
  }
}
