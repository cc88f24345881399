// TLS on an event loop, where the socket takes no more: what has to wait does, and goes on when there is room.
import Foundation
import Glibc
import TestTools
import Testing

@testable import TLS
@testable import Transport

/// A client on a thread of its own.
private final class Peer: @unchecked Sendable {
  private let sockets: SocketPair
  private let done = DispatchSemaphore(value: 0)
  private var heard = (bytes: 0, end: TLSConnection.Read.wait)

  /// Shakes hands, then reads to the end.
  /// - Parameter pause: seconds between its ClientHello and its first read, and again before it reads what comes after the handshake.
  init(_ sockets: SocketPair, _ client: @escaping @Sendable () throws -> TLSClient, pause: Double) {
    self.sockets = sockets
    Thread.detachNewThread { [self] in
      heard.end = (try? run(try client(), pause)) ?? .failed
      done.signal()
    }
  }

  private func run(_ client: TLSClient, _ pause: Double) throws -> TLSConnection.Read {
    guard let connection = TLSConnection(client, name: "localhost", identity: "localhost", on: sockets.second) else { return .failed }
    var isFirst = true
    while try connection.handshake() != .done {
      if isFirst { Thread.sleep(forTimeInterval: pause) }
      isFirst = false
      waitForBytes(connection)
    }
    Thread.sleep(forTimeInterval: pause)
    var room = [UInt8](repeating: 0, count: 16_384)
    while true {
      let read = unsafe room.withUnsafeMutableBytes { room in unsafe room.baseAddress.map { unsafe connection.read(into: $0, room: room.count) } ?? .failed }
      switch read {
      case .bytes(let n): heard.bytes += n
      case .wait: waitForBytes(connection)
      default: return read
      }
    }
  }

  private func waitForBytes(_ connection: TLSConnection) {
    var entry = pollfd(fd: sockets.second, events: Int16(POLLIN), revents: 0)
    _ = unsafe poll(&entry, 1, 5000)
    connection.bytesMayHaveCome()
  }

  /// What it got and how that ended.
  func end() -> (bytes: Int, end: TLSConnection.Read) {
    _ = done.wait(timeout: .now() + 20)
    return heard
  }
}

@Suite struct SocketTests {
  /// The handshake's second flight waits for a viewer that does not read yet.
  @Test func aHandshakeGoesOnWhenThereIsRoom() async throws {
    let certificates = try MadeCertificates.common(), server = try certificates.server("long"), sockets = SocketPair()
    sockets.narrow()
    sockets.isFirstGiven = true
    let peer = Peer(sockets, { try certificates.client() }, pause: 0.2)
    try await onALoop { loop in
      let socket = Socket(loop: loop, descriptor: sockets.first)
      try await socket.secure(as: server, timeoutMilliseconds: 5000)
      await socket.sayGoodbye(timeoutMilliseconds: 5000)
      socket.close()
    }
    #expect(peer.end().end == .end)
  }

  /// close_notify is no less due to a viewer who reads slowly: without it the answer is not known to be whole.
  @Test(arguments: [TLSVersion.tls12, .tls13])
  func aSlowViewerHearsTheEnd(_ version: TLSVersion) async throws {
    let certificates = try MadeCertificates.common(), server = try certificates.server(), sockets = SocketPair()
    sockets.isFirstGiven = true
    let peer = Peer(sockets, { try certificates.client(version ... version) }, pause: 0.3)
    let finishedAtOnce = try await onALoop { loop in
      let socket = Socket(loop: loop, descriptor: sockets.first)
      try await socket.secure(as: server, timeoutMilliseconds: 5000)
      var stream = Stream(socket)
      let answer = [UInt8](repeating: 1, count: 20_000)
      try stream.send(answer.span)
      try await stream.flush(timeoutMilliseconds: 5000)
      sockets.narrow()   // all has been taken, and there is no room for more
      let finishedAtOnce = socket.finishWriting()
      await socket.sayGoodbye(timeoutMilliseconds: 5000)
      #expect(socket.failure == nil)
      socket.close()
      return finishedAtOnce
    }
    #expect(!finishedAtOnce)
    let (bytes, end) = peer.end()
    #expect(bytes == 20_000)
    #expect(end == .end)
  }

  /// A viewer who never reads is given up.
  @Test func whoReadsNothingIsGivenUp() async throws {
    let certificates = try MadeCertificates.common(), server = try certificates.server(), sockets = SocketPair()
    sockets.isFirstGiven = true
    let peer = Peer(sockets, { try certificates.client() }, pause: 1)
    let failure = try await onALoop { loop in
      let socket = Socket(loop: loop, descriptor: sockets.first)
      try await socket.secure(as: server, timeoutMilliseconds: 5000)
      var stream = Stream(socket)
      let answer = [UInt8](repeating: 1, count: 20_000)
      try stream.send(answer.span)
      sockets.narrow()
      await socket.sayGoodbye(timeoutMilliseconds: 100)
      let failure = socket.failure
      socket.close()
      return failure
    }
    #expect(failure == .timedOut)
    #expect(peer.end().end != .end)
  }
}
