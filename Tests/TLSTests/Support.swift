// Two ends of a connection without a network: a pair of sockets, and certificates made with the script that makes a laptop's.
import Foundation
import Glibc
import TestTools

@testable import TLS

/// An authority and certificates of it in a folder of their own: `localhost` and `localhost-ecdsa`.
final class MadeCertificates: Sendable {
  let folder: URL
  private static let made = Result { try MadeCertificates() }
  static func common() throws -> MadeCertificates { try made.get() }

  private init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("skerry-tls-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    try FileManager.default.copyItem(at: root.appendingPathComponent("Certs/generate"), to: folder.appendingPathComponent("generate"))
    try shell("./generate")
    // A chain whose flight does not fit a small buffer.
    try shell("cp localhost.pem long.pem; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do cat ca.pem >> long.pem; done; cp localhost.key long.key")
  }

  func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  struct ShellFailure: Error { let status: Int32 }
  /// Runs lines of the shell in the folder.
  func shell(_ lines: String) throws {
    let status = waitForEnd(of: try spawn(["/bin/sh", "-ec", lines], in: folder.path))
    guard status == 0 else { throw ShellFailure(status: status) }
  }

  func configuration(_ name: String = "localhost") -> TLSServer.Configuration {
    TLSServer.Configuration(certificates: [.init(chain: path(name + ".pem"), key: path(name + ".key"))])
  }
  func server(
    _ name: String = "localhost", _ tickets: TicketKeys? = TicketKeys(), _ change: (inout TLSServer.Configuration) -> Void = { _ in }) throws -> TLSServer {
    var configuration = configuration(name)
    change(&configuration)
    guard let tickets else { throw ShellFailure(status: -1) }
    return try TLSServer(configuration, tickets)
  }
  func client(_ versions: ClosedRange<TLSVersion> = .tls12 ... .tls13) throws -> TLSClient {
    var configuration = TLSClient.Configuration()
    configuration.versions = versions
    configuration.certificateAuthority = path("ca.pem")
    return try TLSClient(configuration)
  }
}

/// Two connected, non-blocking sockets, closed with this.
final class SocketPair: @unchecked Sendable {
  let first, second: Int32
  /// Whether ``first`` is closed by somebody else.
  var isFirstGiven = false

  init() {
    var ends: [Int32] = [0, 0]
    _ = unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends)
    (first, second) = (ends[0], ends[1])
  }
  deinit {
    if !isFirstGiven { close(first) }
    close(second)
  }

  /// Bytes that ``first`` may have on their way: as few as the system allows.
  func narrow() {
    var bytes: Int32 = 1
    _ = unsafe setsockopt(first, SOL_SOCKET, SO_SNDBUF, &bytes, socklen_t(MemoryLayout<Int32>.size))
  }
}

/// Both ends of one secured connection, stepped by hand on one thread.
final class Pair {
  let sockets = SocketPair()
  let server, client: TLSConnection

  init(_ server: TLSServer, _ client: TLSClient) throws {
    guard let accepting = TLSConnection(accepting: server, on: sockets.first),
      let connecting = TLSConnection(client, name: "localhost", identity: "localhost", on: sockets.second)
    else { throw TLSFailure(.closed, "no memory") }
    (self.server, self.client) = (accepting, connecting)
  }

  /// Shakes hands; `before` is called before each step. The client has heard of its ticket when this returns.
  func shake(before: () -> Void = {}) throws {
    var steps = 0, isDone = (false, false)
    while isDone != (true, true) {
      steps += 1
      guard steps < 100 else { throw TLSFailure(.timedOut, "the handshake does not end") }
      before()
      if !isDone.1 { isDone.1 = try step(client) == .done }
      before()
      if !isDone.0 { isDone.0 = try step(server) == .done }
    }
    before()
    _ = read(client)
  }

  func step(_ end: TLSConnection) throws -> TLSConnection.Step {
    end.bytesMayHaveCome()
    return try end.handshake()
  }

  func read(_ end: TLSConnection) -> TLSConnection.Read {
    end.bytesMayHaveCome()
    var room = [UInt8](repeating: 0, count: 16_384)
    return unsafe room.withUnsafeMutableBytes { room in
      guard let base = room.baseAddress else { return .failed }
      return unsafe end.read(into: base, room: room.count)
    }
  }

  func write(_ text: String, _ end: TLSConnection) -> Int? {
    let bytes = Array(text.utf8)
    return end.write(bytes.span)
  }
}

/// Seconds since 1970.
var now: Int { Int(Date().timeIntervalSince1970) }
