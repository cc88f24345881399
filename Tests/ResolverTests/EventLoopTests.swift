// The loop's own promises: deadlines, turns, and an end that leaves no task behind.
import Glibc
import Testing

@testable import Transport

@Suite struct EventLoopTests {
  /// Bytes that came in time are in time, however late the loop gets round to them.
  @Test func aDeadlineThatIsSeenLateDoesNotFail() async throws {
    let loop = try EventLoop()
    let thread = loop.start()
    let failure = await Task(executorPreference: loop) { () -> IOFailure? in
      var ends: [Int32] = [0, 0]
      unsafe socketpair(AF_UNIX, SystemCalls.stream, 0, &ends)
      let socket = Socket(loop: loop, descriptor: ends[0]), other = ends[1]
      await loop.sleep(milliseconds: 5)   // the news of the new socket
      loop.schedule(afterMilliseconds: 1) {
        _ = unsafe write(other, [1], 1)
        usleep(200_000)   // a busy worker: the deadline passes before anybody looks
      }
      await socket.waitReadable(milliseconds: 50)
      let failure = socket.failure
      socket.close()
      close(other)
      return failure
    }.value
    loop.stop()
    thread.join()
    #expect(failure == nil)
  }
}
