// Bodies on their way to an origin that answers early, fails, or belongs to a group.
import Glibc
import TestTools
import Testing

extension Scenarios {
  @Suite struct Uploads {
    /// A request whose body may be on its way to the primary already is not sent to the secondary.
    @Test(arguments: ["POST", "OPTIONS"])
    func aRequestWithABodyDoesNotFailOver(method: String) throws {
      let primary = try ScriptedOrigin { try $0.answerAll { _ in "HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\nsick" } }
      let secondary = try ScriptedOrigin { try $0.answerAll { ok("secondary \($0.bodyText)") } }
      let skerry = try startSkerry(before: primary) {
        $0.moreOrigins = "second: \(secondary.url)"
        $0.more = "originGroups:\n  ha: { members: [app, second], statusCodes: [503] }\n"
        $0.target = "ha"
      }
      let viewer = try skerry.viewer()
      let response = try viewer.exchange("\(method) / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello")
      #expect(response.status == 503 && response.bodyText == "sick")
      #expect(primary.requests.map(\.bodyText) == ["hello"])
      #expect(secondary.connectionCount == 0)
      // The viewer's connection is in order, and a request without a body does fail over.
      #expect(try viewer.exchange("OPTIONS / HTTP/1.1\r\nHost: a.test\r\n\r\n").bodyText == "secondary ")
    }

    /// The origin says no to a large body and reads no more of it, while the viewer only looks for an answer when it has sent all.
    @Test func anEarlyRefusalReachesAViewerThatStillSends() throws {
      let origin = try ScriptedOrigin { connection in
        connection.limitReceiveBuffer(to: 65_536)
        _ = try connection.readSome()
        try connection.send("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
        try connection.waitUntilStopped()
      }
      let skerry = try startSkerry(before: origin)
      let viewer = try skerry.viewer()
      try viewer.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000000\r\n\r\n")
      let isSending = Watched(true)
      nonisolated(unsafe) let sender = viewer
      startThread {
        let block = String(repeating: "x", count: 65_536)
        for _ in 0..<200 where isSending.current { unsafe sender.sendUntilRefused(block) }
        isSending.update { $0 = false }
      }
      let response = try viewer.readResponse()
      #expect(response.status == 413 && response.bodyText == "big")
      #expect(response.fields["connection"] == "close")
      isSending.update { $0 = false }
      #expect(viewer.readEnding().ending != .stillOpen)
      origin.stop()
      #expect(try skerry.viewer().exchange("GET /_ HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 502)
    }

    /// Interim answers are no answers: the body goes on.
    @Test func interimAnswersDuringAnUploadAreAbsorbed() throws {
      let origin = try ScriptedOrigin { connection in
        var seen = ""
        while !seen.holds("first half") { seen += String(wire: try connection.readSome()) }
        try connection.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        while !seen.holds("second half") { seen += String(wire: try connection.readSome()) }
        try connection.send(ok("got both"))
        try connection.waitForEnd()
      }
      let skerry = try startSkerry(before: origin)
      let viewer = try skerry.viewer()
      try viewer.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 21\r\n\r\nfirst half")
      try eventually("the first half to arrive") { origin.everything.holds("first half") }
      // The interim answers have come when the origin's bytes are counted… which is at the end; so a little later will do.
      usleep(50_000)
      try viewer.send("second half")
      #expect(try viewer.readResponse().bodyText == "got both")
    }

    /// Half of an interim answer is no final one.
    @Test(arguments: ["HTT", "HTTP/1.1 1", "HTTP/1.1 100 Conti", "HTTP/1.1 103 Early Hints\r\nLink"])
    func anInterimAnswerInTwoPieces(first: String) throws {
      let interim = first.hasPrefix("HTTP/1.1 103") ? "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" : "HTTP/1.1 100 Continue\r\n\r\n"
      let origin = try ScriptedOrigin { connection in
        var seen = ""
        while !seen.holds("first half") { seen += String(wire: try connection.readSome()) }
        try connection.send(first)
        usleep(50_000)
        try connection.send(String(interim.unicodeScalars.dropFirst(first.unicodeScalars.count).map(Character.init)))
        while !seen.holds("second half") { seen += String(wire: try connection.readSome()) }
        try connection.send(ok("got both"))
        try connection.waitForEnd()
      }
      let skerry = try startSkerry(before: origin) { $0.originSettings = "readTimeout: 3" }
      let viewer = try skerry.viewer()
      try viewer.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 21\r\n\r\nfirst half")
      try eventually("the first half to arrive") { origin.everything.holds("first half") }
      usleep(100_000)
      try viewer.send("second half")
      let response = try viewer.readResponse()
      #expect(response.bodyText == "got both" && response.fields["connection"] == nil)
    }

    /// The body is read whole, its last bytes wait for an origin that takes none and says 1xx instead: they are sent when it takes them.
    @Test func interimAnswersWhileTheLastBytesWait() throws {
      let origin = try ScriptedOrigin { connection in
        connection.limitReceiveBuffer(to: 4096)
        try connection.expectHead()
        var seen: Bytes = []
        try connection.waitForGo()
        for _ in 0..<7 {   // one of them while nothing but the last bytes waits
          try connection.send("HTTP/1.1 102 Processing\r\n\r\n")
          usleep(50_000)
        }
        while seen.suffix(5) != wire("0\r\n\r\n") { seen += try connection.readSome() }
        try connection.send(ok("got all"))
        try connection.waitForEnd()
      }
      let skerry = try startSkerry(before: origin) { $0.originSettings = "readTimeout: 3" }
      let viewer = try skerry.viewer()
      try viewer.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n")
      _ = try origin.waitForConnections(1)
      // Piece by piece until the system's buffers are full and a piece is left with the program.
      let piece = "2000\r\n" + String(repeating: "x", count: 0x2000) + "\r\n"
      var queued = -1
      for _ in 0..<2000 {
        try viewer.send(piece)
        usleep(5_000)
        if try bytesInTheSystem(toward: origin.port) == queued {
          usleep(200_000)
          if try bytesInTheSystem(toward: origin.port) == queued { break }
        }
        queued = try bytesInTheSystem(toward: origin.port)
      }
      try viewer.send("0\r\n\r\n")
      usleep(50_000)
      origin.go()
      #expect(try viewer.readResponse().bodyText == "got all")
    }

    /// Bytes on their way to a port of this machine that nobody has read yet.
    private func bytesInTheSystem(toward port: UInt16) throws -> Int {
      let hexadecimal = String(port, radix: 16, uppercase: true)
      let suffix = ":" + String(repeating: "0", count: 4 - hexadecimal.count) + hexadecimal
      var bytes = 0
      for line in try fileText("/proc/net/tcp").split(separator: "\n").dropFirst() {
        let words = line.split(separator: " "), queues = words[4].split(separator: ":").map { Int($0, radix: 16) ?? 0 }
        if words[2].hasSuffix(suffix) { bytes += queues[0] }
        if words[1].hasSuffix(suffix) && words[3] == "01" { bytes += queues[1] }
      }
      return bytes
    }

    @Test func interimAnswersWithoutEndDuringAnUploadAreAFailure() throws {
      let origin = try ScriptedOrigin { connection in
        _ = try connection.readSome()
        try? connection.send(String(repeating: "HTTP/1.1 102 Processing\r\n\r\n", count: 1000))
        try connection.waitForEnd()
      }
      let skerry = try startSkerry(before: origin)
      let viewer = try skerry.viewer()
      try viewer.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 20\r\n\r\nfirst half")
      let response = try viewer.readResponse()
      #expect(response.status == 502 && response.fields["connection"] == "close")
      #expect(try skerry.metrics()["skerry_origin_failures_total{reason=\"malformed_head\"}"] == 1)
    }

    /// Whatever was read for an origin that broke is gone: none of it is taken for the viewer's next request.
    @Test func nothingOfABodyIsReadAsARequestWhenTheOriginBreaks() throws {
      let origin = try ScriptedOrigin { connection in
        _ = try connection.readSome()
        connection.reset()
      }
      let skerry = try startSkerry(before: origin)
      let viewer = try skerry.viewer()
      let smuggled = String(repeating: "GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n", count: 4000)
      viewer.sendUntilRefused("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: \(wire(smuggled).count)\r\n\r\n\(smuggled)")
      if let response = try? viewer.readResponse() {
        #expect(response.status == 502 && response.fields["connection"] == "close")
      }
      #expect(viewer.readEnding().ending != .stillOpen)
      #expect(!origin.requests.contains { $0.target == "/smuggled" })
      #expect(try skerry.metrics()["skerry_requests_total"] == 1)
    }
  }
}
