// Owns: handing a record to its destination: a line added to a file, or a POST to a server, over TLS where its URL says so. Blocks; any thread.
// Rule of the lock: `clients` guards the list of those that are free; held for a move.
import Distribution
import Glibc
import JSONText
import Synchronization
import TLS
import Transport

/// Who takes records to destinations.
final class Courier: Sendable {
  /// How long a server may take for everything: connection, handshake, and the head of its answer.
  static let deliveryMilliseconds = 10_000
  /// The longest head of an answer.
  static let answerBytes = 65_536
  /// TLS clients that are kept for the next record: making one reads all the authorities that are trusted, some 10 ms.
  static let clientsKept = 8

  private let ending = EndSignal()
  private let clients = Mutex<[Client]>([])

  /// Breaks off what is being delivered to servers, and what will be. Any thread.
  func giveUp() { ending.raise() }

  /// Hands a record over.
  /// - Returns: why it was not taken, with the destination's name; nil when it was.
  func deliver(_ record: JSONValue, to destination: EventDestination) -> String? {
    switch destination {
    case .file(let path): append(Array((record.compact + "\n").utf8), to: path).map { "\(path): \($0)" }
    case .server(let server): post(Array(record.compact.utf8), to: server).map { "\(server.isSecure ? "https://" : "")\(server.authority): \($0)" }
    }
  }

  // MARK: Files

  private func append(_ line: [UInt8], to path: String) -> String? {
    // A pipe that nobody reads would keep every event waiting.
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0o600)
    guard descriptor >= 0 else { return unsafe String(cString: strerror(errno)) }
    defer { close(descriptor) }
    guard unsafe write(descriptor, line, line.count) == line.count, fsync(descriptor) == 0 else { return unsafe String(cString: strerror(errno)) }
    return nil
  }

  // MARK: Servers

  private func post(_ content: [UInt8], to server: EventServer) -> String? {
    let end = ContinuousClock.now + .milliseconds(Self.deliveryMilliseconds)
    let addresses = addresses(of: server)
    guard !addresses.isEmpty else { return "there is no such host" }
    var problem: String?
    for (index, address) in addresses.enumerated() {
      // The first address that takes a connection gets the record; the others are for when it does not.
      let step = max(1, (end - .now).wholeMilliseconds / (addresses.count - index))
      do throws(IOFailure) {
        let connection = try BlockingConnection(to: address, Patience(milliseconds: step, end: end, givesUp: ending.descriptor))
        connection.patience.stepMilliseconds = Self.deliveryMilliseconds
        return post(content, to: server, over: connection)
      } catch { problem = error.words }
    }
    return problem
  }

  private func post(_ content: [UInt8], to server: EventServer, over connection: BlockingConnection) -> String? {
    let head = "POST \(server.path) HTTP/1.1\r\nHost: \(server.authority)\r\nUser-Agent: skerry\r\nContent-Type: application/json\r\nContent-Length: \(content.count)\r\nConnection: close\r\n\r\n"
    do {
      let client = server.isSecure ? try takeClient(server.certificateAuthority) : nil
      defer { if let client { keep(client) } }
      if let client { try connection.secure(with: client.client, to: server.host, identity: server.authority) }
      try connection.send(Array(head.utf8) + content)
      let line = try answerLine(connection)
      return line.hasPrefix("HTTP/1.") && line.dropFirst(8).hasPrefix(" 2") ? nil : "it answered \(String(line.dropFirst(9).prefix(100)).debugDescription)"
    } catch let failure as TLSFailure { return failure.reason } catch let failure as IOFailure { return failure.words } catch { return "\(error)" }
  }

  /// The first line of the last answer: interim ones (RFC 9110, 15.2) come before it.
  private func answerLine(_ connection: BlockingConnection) throws -> String {
    var bytes: [UInt8] = [], total = 0
    while true {
      if let end = bytes.firstRange(of: [13, 10, 13, 10]) {
        let line = String(decoding: bytes.prefix { $0 != 13 }, as: UTF8.self)
        guard line.hasPrefix("HTTP/1.1 1") else { return line }
        bytes.removeSubrange(..<end.upperBound)
        continue
      }
      let more = try connection.receive()
      total += more.count
      guard !more.isEmpty, total <= Self.answerBytes else { throw more.isEmpty ? IOFailure.reset : .system(EMSGSIZE) }
      bytes += more
    }
  }

  private func addresses(of server: EventServer) -> [SocketAddress] {
    let port = UInt16(clamping: server.port)
    if let literal = SocketAddress(host: server.host, port: port) { return [literal] }
    var hints = unsafe addrinfo(), found: UnsafeMutablePointer<addrinfo>?
    unsafe hints.ai_protocol = Int32(IPPROTO_TCP)
    guard unsafe getaddrinfo(server.host, nil, &hints, &found) == 0 else { return [] }
    defer { unsafe freeaddrinfo(found) }
    var addresses: [SocketAddress] = [], next = unsafe found
    while let entry = unsafe next, addresses.count < Self.addressLimit {
      var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
      if unsafe getnameinfo(entry.pointee.ai_addr, entry.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0,
        let address = SocketAddress(host: String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self), port: port)
      { addresses.append(address) }
      unsafe next = entry.pointee.ai_next
    }
    return addresses
  }
  /// The most addresses of a name that are tried.
  private static let addressLimit = 8

  // MARK: TLS

  /// A client, with what it trusts. Whoever has taken it is the only one who has it.
  private final class Client: @unchecked Sendable {
    let client: TLSClient
    let authority: String?, stamp: FileStamp?

    init(_ authority: String?, _ stamp: FileStamp?) throws(CertificateFailure) {
      var configuration = TLSClient.Configuration()
      configuration.certificateAuthority = authority
      client = try TLSClient(configuration)
      (self.authority, self.stamp) = (authority, stamp)
    }
  }

  private func takeClient(_ authority: String?) throws(TLSFailure) -> Client {
    let stamp = authority.flatMap { FileStamp(of: $0) }
    let free = clients.withLock { clients in clients.firstIndex { $0.authority == authority && $0.stamp == stamp }.map { clients.remove(at: $0) } }
    if let free { return free }
    do throws(CertificateFailure) { return try Client(authority, stamp) } catch {
      throw TLSFailure(.certificate, "\(authority ?? "the system's authorities"): \(error.reason)")
    }
  }

  private func keep(_ client: Client) {
    clients.withLock { clients in
      clients.append(client)
      if clients.count > Self.clientsKept { clients.removeFirst() }
    }
  }
}

extension IOFailure {
  /// One phrase.
  fileprivate var words: String {
    switch self {
    case .timedOut: "it does not answer"
    case .reset: "it closed the connection without an answer"
    case .cancelled: "this process ends"
    case .system(EMSGSIZE): "its answer's head is longer than \(Courier.answerBytes) bytes"
    case .system(let code): unsafe String(cString: strerror(code))
    case .tls: "the secured connection broke"
    }
  }
}
