// A DNS server on loopback whose answers are a script (RFC 1035). UDP and, on the same port, TCP for truncated answers. Own thread.

import Glibc
import Synchronization

final class ScriptedNameServer: Sendable {
  enum Kind: UInt16 { case a = 1, aaaa = 28 }

  struct Question: Sendable {
    var name: String
    var kind: Kind
    /// How often this name and kind have been asked, counting this time.
    var count: Int
  }

  enum Reply: Sendable {
    case addresses([String], ttl: UInt32)
    /// A name without records of this kind.
    case noData
    case nxDomain
    case serverFailure
    case silence
    /// Cut off: ask again by TCP, which answers with these.
    case truncated(tcp: [String])
    /// Not DNS at all.
    case garbage
    /// A record that claims to be longer than the message.
    case malformed
    /// Somebody else's question answered.
    case otherName
  }

  let host: String
  let port: UInt16
  private let udp: Int32
  private let tcp: Int32
  private let script: @Sendable (Question) -> Reply
  private let counts = Mutex<[String: Int]>([:])
  private let stopped = Mutex(false)

  /// How many questions have been asked so far, of all kinds, for a name.
  func questions(for name: String) -> Int {
    counts.withLock { counts in counts.filter { $0.key.hasPrefix(name + "/") }.values.reduce(0, +) }
  }

  var address: String { "\(host):\(port)" }

  /// - Parameters:
  ///   - host: an address of 127.0.0.0/8.
  ///   - port: 0 for a free one.
  init(host: String = "127.0.0.1", port: UInt16 = 0, _ script: @escaping @Sendable (Question) -> Reply) {
    self.script = script
    self.host = host
    (udp, tcp, self.port) = ScriptedNameServer.bindPair(host, port)
    listen(tcp, 8)
    var timeout = timeval(tv_sec: 0, tv_usec: 20_000)
    unsafe setsockopt(udp, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    unsafe setsockopt(tcp, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    var thread = pthread_t()
    unsafe pthread_create(&thread, nil, { box in
      unsafe Unmanaged<ScriptedNameServer>.fromOpaque(box!).takeRetainedValue().serve()
      return nil
    }, Unmanaged.passRetained(self).toOpaque())
  }

  func stop() { stopped.withLock { $0 = true } }

  private func serve() {
    var buffer = [UInt8](repeating: 0, count: 2_048)
    while !stopped.withLock({ $0 }) {
      var peer = sockaddr_in(), size = socklen_t(MemoryLayout<sockaddr_in>.size)
      let length = buffer.count
      let count = unsafe withUnsafeMutablePointer(to: &peer) { peer in
        unsafe peer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe recvfrom(udp, &buffer, length, 0, $0, &size) }
      }
      if count > 0, let reply = answer(Array(buffer[..<count]), tcp: false) {
        _ = unsafe withUnsafePointer(to: &peer) { peer in
          unsafe peer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe sendto(udp, reply, reply.count, 0, $0, size) }
        }
      }
      serveTCP()
    }
    close(udp)
    close(tcp)
  }

  private func serveTCP() {
    var entry = pollfd(fd: tcp, events: Int16(POLLIN), revents: 0)
    guard unsafe poll(&entry, 1, 0) > 0 else { return }
    let connection = accept(tcp, nil, nil)
    defer { close(connection) }
    var buffer = [UInt8](repeating: 0, count: 2_048)
    var filled = 0
    while filled < 2 || filled < 2 + Int(buffer[0]) << 8 + Int(buffer[1]) {
      let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(connection, $0.baseAddress! + filled, 2_048 - filled) }
      if count <= 0 { return }
      filled += count
    }
    guard let reply = answer(Array(buffer[2..<filled]), tcp: true) else { return }
    let framed = [UInt8(reply.count >> 8), UInt8(reply.count & 255)] + reply
    _ = unsafe write(connection, framed, framed.count)
    usleep(20_000)
  }

  private func answer(_ query: [UInt8], tcp: Bool) -> [UInt8]? {
    guard query.count > 12 else { return nil }
    var position = 12
    var labels: [String] = []
    while position < query.count, query[position] != 0 {
      let end = position + 1 + Int(query[position])
      labels.append(String(decoding: query[position + 1..<end], as: UTF8.self))
      position = end
    }
    let name = labels.joined(separator: ".")
    guard let kind = Kind(rawValue: UInt16(query[position + 1]) << 8 | UInt16(query[position + 2])) else { return nil }
    let questionBytes = Array(query[12..<position + 5])
    let count = counts.withLock { counts in
      counts["\(name)/\(kind)", default: 0] += 1
      return counts["\(name)/\(kind)"] ?? 0
    }
    func message(flags: UInt16, question: [UInt8] = questionBytes, records: [[UInt8]] = []) -> [UInt8] {
      Array(query[0..<2]) + [UInt8(flags >> 8), UInt8(flags & 255), 0, 1, 0, UInt8(records.count), 0, 0, 0, 0] + question + records.joined()
    }
    func record(_ address: String, ttl: UInt32) -> [UInt8] {
      var data = [UInt8](repeating: 0, count: kind == .a ? 4 : 16)
      _ = unsafe inet_pton(kind == .a ? AF_INET : AF_INET6, address, &data)
      return [0xc0, 12, 0, UInt8(kind.rawValue), 0, 1] + [24, 16, 8, 0].map { UInt8(ttl >> $0 & 255) } + [0, UInt8(data.count)] + data
    }
    func matching(_ addresses: [String]) -> [String] { addresses.filter { $0.contains(":") == (kind == .aaaa) } }
    switch script(Question(name: name, kind: kind, count: count)) {
    case .addresses(let all, let ttl): return message(flags: 0x8180, records: matching(all).map { record($0, ttl: ttl) })
    case .noData: return message(flags: 0x8180)
    case .nxDomain: return message(flags: 0x8183)
    case .serverFailure: return message(flags: 0x8182)
    case .silence: return nil
    case .truncated(let all):
      return tcp ? message(flags: 0x8180, records: matching(all).map { record($0, ttl: 60) }) : message(flags: 0x8380)
    case .garbage: return Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)
    case .malformed: return message(flags: 0x8180, records: [record(kind == .a ? "192.0.2.1" : "::1", ttl: 60).dropLast(2)])
    case .otherName: return message(flags: 0x8180, question: [5] + Array("other".utf8) + [0, 0, UInt8(kind.rawValue), 0, 1])
    }
  }

  /// Both kinds of socket on one port: another test may hold the port of one kind, then the next one is tried.
  private static func bindPair(_ host: String, _ wanted: UInt16) -> (udp: Int32, tcp: Int32, port: UInt16) {
    while true {
      let udp = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0), tcp = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      let port = bindLoopback(udp, host, port: wanted)
      if bindLoopback(tcp, host, port: port) == port { return (udp, tcp, port) }
      close(udp)
      close(tcp)
    }
  }

  private static func bindLoopback(_ descriptor: Int32, _ host: String, port: UInt16) -> UInt16 {
    var one: Int32 = 1
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, 4)
    var address = sockaddr_in(
      sin_family: sa_family_t(AF_INET), sin_port: port.bigEndian, sin_addr: in_addr(s_addr: unsafe inet_addr(host)),
      sin_zero: (0, 0, 0, 0, 0, 0, 0, 0))
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    return unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        unsafe bind(descriptor, generic, size)
        unsafe getsockname(descriptor, generic, &size)
      }
      return unsafe UInt16(bigEndian: pointer.pointee.sin_port)
    }
  }
}
