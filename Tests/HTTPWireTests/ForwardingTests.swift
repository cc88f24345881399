// What becomes of payload when it cannot be sent.
import Glibc
import Testing
import Transport

@testable import HTTPWire

@Suite struct ForwardingTests {
  /// Payload that could not be sent is gone all the same: whoever reads on must not take it for the next message.
  @Test(arguments: [false, true])
  func payloadIsConsumedEvenWhenSendingFails(asChunk: Bool) async throws {
    let loop = try EventLoop()
    let thread = loop.start()
    let left = await loop.perform { _ in
      var ends: [Int32] = [0, 0]
      unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends)
      let socket = Socket(loop: loop, descriptor: ends[0])
      var stream = Stream(socket), source = ByteBuffer(capacity: 64)
      source.append("payload, then the next request")
      socket.fail(.reset)
      do throws(IOFailure) {
        try stream.forward(7, from: &source, asChunk: asChunk)
        if !asChunk { Issue.record("a failed socket took bytes") }   // a small chunk only waits behind its size
      } catch { #expect(error == .reset) }
      socket.close()
      close(ends[1])
      return source.readable.text
    }
    loop.stop()
    thread.join()
    #expect(left == ", then the next request")
  }
}
