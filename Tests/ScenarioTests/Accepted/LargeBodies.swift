// Bodies of any size stream both ways in bounded memory, and whoever is slow slows the other side down.
import Foundation
import Testing

extension Scenarios {
  @Suite struct LargeBodies {
    /// 200 MB, or 2 GB when asked for (SKERRY_LONG=1).
    static let size = ProcessInfo.processInfo.environment["SKERRY_LONG"] == "1" ? 2 << 30 : 200 << 20
    /// What the whole process may have resident while any body passes through it.
    static let memoryLimit = 64 << 20
    static let block = Bytes((0..<65_536).map { UInt8(truncatingIfNeeded: $0 * 7 >> 3) })

    /// The most that a connection on its way through the program finds room for in the kernel: tcp_rmem and tcp_wmem, tcp(7).
    private static func kernelBuffers() throws -> Int {
      try ["rmem", "wmem"].map { try fileText("/proc/sys/net/ipv4/tcp_\($0)").split(whereSeparator: \.isWhitespace).last.flatMap { Int($0) } ?? 0 }
        .reduce(0, +)
    }

    @Test func aLargeDownload() throws {
      let origin = try ScriptedOrigin { connection in
        try connection.expectRequest()
        try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(Self.size)\r\n\r\n")
        for _ in 0..<Self.size / Self.block.count { try connection.send(Self.block) }
        try connection.waitForEnd()
      }
      let skerry = try startSkerry(before: origin)
      let viewer = try skerry.viewer()
      try viewer.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
      #expect(try viewer.readHead().fields["content-length"] == "\(Self.size)")
      for _ in 0..<Self.size / Self.block.count {
        guard try viewer.read(exactly: Self.block.count) == Self.block else { throw ScenarioFailure("the body was altered") }
      }
      try origin.verify()
      #expect(try skerry.peakMemory() < Self.memoryLimit)
    }

    @Test func aLargeUpload() throws {
      let origin = try ScriptedOrigin { connection in
        var head = ""
        while !head.holds("\r\n\r\n") { head += String(wire: try connection.read(exactly: 1)) }
        for _ in 0..<Self.size / Self.block.count {
          guard try connection.read(exactly: Self.block.count) == Self.block else { throw ScenarioFailure("the body was altered") }
        }
        try connection.send(ok("received"))
        try connection.waitForEnd()
      }
      let skerry = try startSkerry(before: origin)
      let viewer = try skerry.viewer()
      try viewer.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: \(Self.size)\r\n\r\n")
      for _ in 0..<Self.size / Self.block.count { try viewer.send(Self.block) }
      #expect(try viewer.readResponse().bodyText == "received")
      try origin.verify()
      #expect(try skerry.peakMemory() < Self.memoryLimit)
    }

    @Test func aViewerThatDoesNotReadStopsTheOrigin() throws {
      let stalledAfter = Watched<Int?>(nil)
      let origin = try ScriptedOrigin { connection in
        connection.limitSendBuffer(to: 65_536)
        try connection.expectRequest()
        try connection.send("HTTP/1.1 200 OK\r\n\r\n")
        let taken = try connection.sendUntilBlocked(Self.block)
        stalledAfter.update { $0 = taken }
        try connection.waitForEnd()
      }
      let skerry = try startSkerry(before: origin)
      let viewer = try skerry.viewer(receiveBuffer: 65_536)
      try viewer.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
      let taken = try stalledAfter.wait(for: "the origin to be stopped") { $0 }
      // What was taken lies in the kernel's buffers and in one body buffer.
      #expect(try taken < Self.kernelBuffers() + 1 << 20)
      #expect(try skerry.peakMemory() < Self.memoryLimit)
    }

    @Test func anOriginThatDoesNotReadStopsTheViewer() throws {
      let origin = try ScriptedOrigin { connection in
        _ = try connection.read(exactly: 1)
        try connection.waitUntilStopped()
      }
      let skerry = try startSkerry(before: origin)
      let viewer = try skerry.viewer()
      try viewer.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: \(Self.size)\r\n\r\n")
      #expect(try viewer.sendUntilBlocked(Self.block) < 20 << 20)
      #expect(try skerry.peakMemory() < Self.memoryLimit)
      origin.stop()
    }

    @Test func manySlowReadersAtOnce() throws {
      let body = 4 << 20
      let origin = try ScriptedOrigin { connection in
        while try connection.nextRequest() != nil {
          try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(body)\r\n\r\n")
          for _ in 0..<body / Self.block.count { try connection.send(Self.block) }
        }
      }
      let skerry = try startSkerry(before: origin)
      let viewers = try (0..<64).map { _ in try skerry.viewer(receiveBuffer: 65_536) }
      for viewer in viewers { try viewer.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n") }
      for viewer in viewers { #expect(try viewer.readHead().status == 200) }
      // All have begun; they take turns, a little at a time.
      for _ in 0..<body / Self.block.count {
        for viewer in viewers {
          guard try viewer.read(exactly: Self.block.count) == Self.block else { throw ScenarioFailure("the body was altered") }
        }
      }
      #expect(try skerry.peakMemory() < Self.memoryLimit)
    }

    @Test func manyUploadsToASlowOrigin() throws {
      let body = 2 << 20, uploads = 32
      let origin = try ScriptedOrigin { connection in
        connection.limitReceiveBuffer(to: 65_536)
        // Reads a little at a time, so that the program waits for it again and again.
        var head = ""
        while !head.holds("\r\n\r\n") { head += String(wire: try connection.read(exactly: 1)) }
        for _ in 0..<body / 16_384 {
          guard try connection.read(exactly: 16_384) == Bytes(Self.block.prefix(16_384)) else { throw ScenarioFailure("the body was altered") }
        }
        try connection.send(ok("received"))
        try connection.waitForEnd()
      }
      let skerry = try startSkerry(before: origin)
      let viewers = try (0..<uploads).map { _ in try skerry.viewer() }
      for viewer in viewers { try viewer.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: \(body)\r\n\r\n") }
      for _ in 0..<body / 16_384 {
        for viewer in viewers { try viewer.send(Bytes(Self.block.prefix(16_384))) }
      }
      for viewer in viewers { #expect(try viewer.readResponse().bodyText == "received") }
      try origin.verify()
      #expect(try skerry.peakMemory() < Self.memoryLimit)
    }
  }
}
