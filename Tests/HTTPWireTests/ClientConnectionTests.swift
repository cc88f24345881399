// The side toward an origin while a request is still being sent: who may interrupt it, and who gets the connection afterwards.
import Foundation
import Glibc
import HTTPWire
import TestTools
import Testing
import Transport

/// Remembers what became of a connection.
private final class Keeper: ConnectionKeeper {
  var reusable: Bool?
  func ended(_ socket: Socket, reusable: Bool, sent: Int, received: Int) {
    self.reusable = reusable
    socket.close()
  }
}

/// Runs a body on a loop of its own with one end of a pair of sockets; the other end is the origin's.
private func withPair<Value: Sendable>(_ body: @escaping @Sendable (EventLoop, Socket, Int32) async throws -> Value) async throws -> Value {
  try await onALoop { loop in
    var ends: [Int32] = [0, 0]
    unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends)
    _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
    defer { close(ends[1]) }
    return try await body(loop, Socket(loop: loop, descriptor: ends[0]), ends[1])
  }
}

@Suite struct ClientConnectionTests {
  /// What an origin says while the last bytes of a request wait, and whether they are sent nevertheless.
  static let interruptions: [([String], Bool)] = [
    (["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 102 Processing\r\n\r\n"], true), (["HTTP/1.1 10", "0 Continue\r\n\r\nHTT", "P/1.1 103 Early"], true),
    (["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 413 No\r\n"], false), (["HTTP/1.1 4"], false), (["nonsense, long enough\r\n"], false),
    (["HTTP/1.1 101 Switching Protocols\r\n\r\n"], false),
  ]

  @Test(arguments: interruptions) func onlyAFinalAnswerInterrupts(said: [String], isSent: Bool) async throws {
    let whole = try await withPair { loop, socket, origin in
      socket.whenDisturbed = { $0.nudge() }
      var connection = ClientConnection(socket, OriginLimits(), isReused: false, keeper: Keeper())
      for _ in 0..<100_000 { connection.stream.output.append("0123456789") }
      for (index, text) in said.enumerated() {
        loop.schedule(afterMilliseconds: 20 * (index + 1)) { _ = unsafe write(origin, Array(text.utf8), text.utf8.count) }
      }
      loop.schedule(afterMilliseconds: 20 * (said.count + 2)) {
        let origin = dup(origin)
        Thread.detachNewThread {
          defer { close(origin) }
          var bytes = [UInt8](repeating: 0, count: 65_536), left = 1_000_000
          while left > 0 {
            let n = unsafe read(origin, &bytes, bytes.count)
            if n <= 0 { return }
            left -= n
          }
        }
      }
      return try await connection.flushUnlessDone()
    }
    #expect(whole == isSent)
  }

  /// A connection that was not used is as good as before, unless the origin has ended it.
  @Test(arguments: [true, false]) func givingBack(isOpen: Bool) async throws {
    let reusable = try await withPair { loop, socket, origin in
      let keeper = Keeper()
      let connection = ClientConnection(socket, OriginLimits(), isReused: true, keeper: keeper)
      if !isOpen { shutdown(origin, Int32(SHUT_WR)) }
      await loop.sleep(milliseconds: 10)
      connection.giveBack()
      return keeper.reusable
    }
    #expect(reusable == isOpen)
  }
}
