// What one viewer, or one origin, may do to the others of its worker: nothing that they notice. Each flood would last as long as its
// sender likes; beside it another viewer is served at once.
import Glibc
import TestTools
import Testing

extension Scenarios {
  @Suite(.serialized) struct Fairness {
    /// CPU time of the program, worth many turns of its worker's loop; a flood that gives no way takes more every time.
    static let patience = Duration.milliseconds(40)

    /// Asks nine times on one connection while something else goes on. What counts is the CPU time that the program takes until the answer
    /// is there, and the least of the nine: neither depends much on what else the machine does.
    private func expectPromptAnswers(_ skerry: Skerry) throws {
      let viewer = try skerry.viewer()
      let times = try (0..<9).map { _ in
        let start = try skerry.cpuTime()
        let response = try viewer.exchange("GET /beside HTTP/1.1\r\nHost: a.test\r\n\r\n")
        #expect(response.status < 400)
        return try skerry.cpuTime() - start
      }
      #expect((times.min() ?? .zero) < Self.patience, "\(times)")
    }

    /// An upload in chunks of one byte: each costs the worker as much as a chunk of thousands.
    @Test func anUploadInTinyChunks() throws {
      let origin = try ScriptedOrigin { connection in
        if try connection.readSome().starts(with: wire("POST")) { return try connection.waitForEnd() }
        try connection.send(ok("beside"))
        try connection.answerAll { _ in ok("beside") }
      }
      let skerry = try startSkerry(before: origin, arguments: ["--workers", "1"])
      let uploader = try skerry.viewer()
      try uploader.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n")
      let flood = Flood(String(repeating: "1\r\nx\r\n", count: 10_000)) { try uploader.send($0) }
      defer { flood.stop() }
      try eventually("the flood to arrive") { origin.record.current.connections.contains { $0.count > 10_000 } }
      try expectPromptAnswers(skerry)
    }

    /// Requests that are answered without an origin, each of which is already there when the one before is done.
    @Test func pipelinedRequestsThatNeedNoOrigin() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok("beside") } }
      let skerry = try startSkerry(
        before: origin, more: "functions:\n  f: { runtime: cloudfront-js-2.0, code: f.js }\n",
        files: ["f.js": "function handler(event) { for (let i = 0; i < 5000; i++); return { statusCode: 302, headers: { location: { value: '/' } } }; }"],
        arguments: ["--workers", "1"]
      ) { $0.behavior = "functions: { viewer-request: f }" }
      let viewer = try skerry.viewer()
      let requests = String(repeating: "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", count: 2000)
      let flood = Flood(requests) { try viewer.send($0) }
      let drain = Flood("") { _ in if try viewer.readSome().isEmpty { throw ConnectionError.reset } }
      defer {
        flood.stop()
        drain.stop()
      }
      usleep(200_000)
      try expectPromptAnswers(skerry)
    }
  }
}

/// Does something with a text again and again, as fast as it goes, on a thread of its own, until it fails or is stopped.
private final class Flood: Sendable {
  private let stopped = Watched(false)

  init(_ text: String, _ act: @escaping (Bytes) throws -> Void) {
    nonisolated(unsafe) let act = act
    let bytes = wire(text)
    startThread { [stopped] in
      while !stopped.current, (try? unsafe act(bytes)) != nil {}
    }
  }
  func stop() { stopped.update { $0 = true } }
}
