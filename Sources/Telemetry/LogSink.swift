// Owns: the descriptor that a log's bytes go to, and how they go there: as a stream (file, pipe, terminal), or line by line as the
// messages of a syslog server (RFC 5424 in datagrams; over UDP as RFC 5426 says).
// Belongs to the writer's thread once that runs; every call may block, and nobody else waits for it.

internal import CSystem
internal import Glibc

/// A syslog server and what it is told about every message.
public struct SyslogTarget: Sendable, Equatable {
  /// Where it listens.
  public enum Address: Sendable, Equatable {
    /// A Unix datagram socket.
    case unix(String)
    /// A name is looked up when the log is opened, and again when it is reopened.
    case udp(host: String, port: Int)
  }
  /// Where it listens.
  public var address: Address
  /// RFC 5424, 6.2.1: 0 to 23.
  public var facility: Int
  /// APP-NAME and MSGID: printable ASCII without spaces.
  public var appName, messageID: String

  /// A server.
  public init(address: Address, facility: Int, appName: String, messageID: String) {
    self.address = address
    self.facility = facility
    self.appName = appName
    self.messageID = messageID
  }

  /// The severity of every message: informational.
  private static let severity = 6

  /// What stands before a message at a time: PRI, VERSION and the rest of the header, and no structured data (RFC 5424, 6.2).
  func header(at time: Timestamp, host: String, process: Int32) -> [UInt8] {
    Array("<\(facility * 8 + Self.severity)>1 ".utf8) + time.text + Array(" \(host) \(appName) \(process) \(messageID) - ".utf8)
  }
}

/// An open destination. A value, but its descriptor has one owner, who closes it.
struct LogSink: Sendable {
  /// What came of handing bytes over.
  enum Outcome: Equatable {
    /// So many bytes of the block are on their way.
    case wrote(Int)
    /// So many bytes, one line, can never be sent: errno says why.
    case refused(Int, Int32)
    /// Nothing was written; to be tried again.
    case failed(Int32)
  }

  let destination: LogWriter.Destination
  private(set) var descriptor: Int32
  /// What must be written before anything else: what is left of a file's first lines.
  private var preamble: [UInt8]
  /// Where UDP messages go.
  private var peer: SocketPeer?
  private let host = hostName()

  /// Opens a destination.
  /// - Parameter preamble: the lines at a file's beginning; on syslog there are none.
  init(_ destination: LogWriter.Destination, preamble: [UInt8]) throws(LogWriterFailure) {
    self.destination = destination
    self.preamble = preamble
    switch destination {
    case .standardOutput: descriptor = fcntl(1, F_DUPFD_CLOEXEC, 3)
    case .standardError: descriptor = fcntl(2, F_DUPFD_CLOEXEC, 3)
    case .file(let path): descriptor = Self.openFile(path)
    case .syslog(let target):
      self.preamble = []
      (descriptor, peer) = Self.openSocket(target.address)
    }
    if descriptor < 0 { throw .cannotOpen(path: destination.name, code: errno) }
  }

  /// A pipe that nobody reads from is an error, and not waited for.
  private static func openFile(_ path: String) -> Int32 {
    let descriptor = unsafe Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0o640)
    if descriptor >= 0 { _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK) }
    return descriptor
  }

  func close() { Glibc.close(descriptor) }

  /// Whether the file's name leads elsewhere by now, or nowhere: it was renamed or removed, as rotation does.
  var hasMoved: Bool {
    guard case .file(let path) = destination else { return false }
    var own = stat(), named = stat()
    guard unsafe fstat(descriptor, &own) == 0, own.st_mode & S_IFMT == S_IFREG else { return false }
    guard unsafe stat(path, &named) == 0 else { return errno == ENOENT }
    return own.st_ino != named.st_ino || own.st_dev != named.st_dev
  }

  /// Writes what must come first. Called by itself after opening, so that a file says what it holds before it holds anything.
  /// - Returns: errno when that failed; it is tried again before the next bytes.
  mutating func writePreamble() -> Int32 {
    while !preamble.isEmpty {
      let count = unsafe preamble.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count > 0 { preamble.removeFirst(count) } else if errno != EINTR { return errno }
    }
    return 0
  }

  /// Hands over bytes of a block, from one place to its end; as many as are taken at once.
  mutating func write(_ block: LogBlock, from offset: Int) -> Outcome {
    let code = writePreamble()
    if code != 0 { return .failed(code) }
    if case .syslog(let target) = destination { return send(block, from: offset, target) }
    let count = unsafe Glibc.write(descriptor, block.base + offset, block.count - offset)
    return count > 0 ? .wrote(count) : .failed(count < 0 ? errno : EIO)
  }

  /// Waits until the descriptor takes bytes again, at most so long.
  func waitUntilWritable(milliseconds: Int64) {
    var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    _ = unsafe poll(&entry, 1, Int32(clamping: milliseconds))
  }
}

// MARK: - Syslog

/// A socket address of any family, as the system takes it.
private struct SocketPeer: Sendable {
  var storage = sockaddr_storage()
  var length: socklen_t = 0
}

extension LogSink {
  /// One line as one message.
  private mutating func send(_ block: LogBlock, from offset: Int, _ target: SyslogTarget) -> Outcome {
    let end = block.endOfLine(from: offset), taken = min(end + 1, block.count) - offset
    let header = target.header(at: .now, host: host, process: getpid())
    if transmit(header, block, offset..<end) { return .wrote(taken) }
    switch errno {
    case EMSGSIZE: return .refused(taken, EMSGSIZE)
    // The server has been started anew: its socket is another one.
    case ECONNREFUSED, ENOTCONN, ECONNRESET, EPIPE:
      let code = errno
      guard reconnect(target) else { return .failed(code) }
      return transmit(header, block, offset..<end) ? .wrote(taken) : .failed(errno)
    case let code: return .failed(code)
    }
  }

  private mutating func transmit(_ header: [UInt8], _ block: LogBlock, _ line: Range<Int>) -> Bool {
    unsafe header.withUnsafeBytes { header in
      var parts = unsafe (
        iovec(iov_base: UnsafeMutableRawPointer(mutating: header.baseAddress), iov_len: header.count),
        iovec(iov_base: block.base + line.lowerBound, iov_len: line.count))
      return unsafe withUnsafeMutablePointer(to: &parts) { parts in
        var message = unsafe msghdr()
        unsafe message.msg_iov = UnsafeMutableRawPointer(parts).assumingMemoryBound(to: iovec.self)
        unsafe message.msg_iovlen = 2
        guard var peer else { return unsafe sendmsg(descriptor, &message, Self.flags) >= 0 }
        return unsafe withUnsafeMutablePointer(to: &peer.storage) { address in
          unsafe message.msg_name = UnsafeMutableRawPointer(address)
          unsafe message.msg_namelen = peer.length
          return unsafe sendmsg(descriptor, &message, Self.flags) >= 0
        }
      }
    }
  }
  /// A full queue is said, not waited for: the writer's thread must see a shutdown's deadline.
  private static let flags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)

  private mutating func reconnect(_ target: SyslogTarget) -> Bool {
    let (fresh, peer) = Self.openSocket(target.address)
    guard fresh >= 0 else { return false }
    Glibc.close(descriptor)
    (descriptor, self.peer) = (fresh, peer)
    return true
  }

  /// - Returns: −1 and errno when that failed.
  private static func openSocket(_ address: SyslogTarget.Address) -> (Int32, SocketPeer?) {
    switch address {
    case .unix(let path): (connectUnix(path), nil)
    case .udp(let host, let port): openUDP(host, port)
    }
  }

  private static func connectUnix(_ path: String) -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return -1 }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let fits = unsafe withUnsafeMutableBytes(of: &address.sun_path) { room in
      guard path.utf8.count < room.count else { return false }
      unsafe room.copyBytes(from: path.utf8)
      return true
    }
    let connected = unsafe fits && withUnsafePointer(to: &address) {
      unsafe connect(descriptor, UnsafeRawPointer($0).assumingMemoryBound(to: sockaddr.self), socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
    }
    if connected { return descriptor }
    let code = fits ? errno : ENAMETOOLONG
    Glibc.close(descriptor)
    errno = code
    return -1
  }

  /// Not connected: an unreachable server's ICMP messages would be taken for failures of later messages, which UDP does not promise anyway.
  private static func openUDP(_ host: String, _ port: Int) -> (Int32, SocketPeer?) {
    var hints = unsafe addrinfo()
    var found: UnsafeMutablePointer<addrinfo>? = nil
    unsafe hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
    guard unsafe getaddrinfo(host, String(port), &hints, &found) == 0, let first = unsafe found else {
      errno = EHOSTUNREACH
      return (-1, nil)
    }
    defer { unsafe freeaddrinfo(first) }
    var peer = SocketPeer()
    peer.length = unsafe first.pointee.ai_addrlen
    unsafe withUnsafeMutableBytes(of: &peer.storage) { room in
      unsafe room.copyMemory(from: UnsafeRawBufferPointer(start: first.pointee.ai_addr, count: Int(first.pointee.ai_addrlen)))
    }
    return unsafe (socket(first.pointee.ai_family, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0), peer)
  }
}

/// This machine's name as HOSTNAME has it (RFC 5424, 6.2.4): `-` without one.
private func hostName() -> String {
  var name = [CChar](repeating: 0, count: 256)
  guard unsafe gethostname(&name, name.count - 1) == 0 else { return "-" }
  let text = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
  return text.isEmpty || !text.allSatisfy({ (33...126).contains($0) }) ? "-" : String(decoding: text, as: UTF8.self)
}
