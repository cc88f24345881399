// Origins that end or reset their connection right behind a response's head, before anything of it has gone to the viewer: that is no answer
// (spec/request-pipeline.md, 14). The program is stopped meanwhile, so that head and end reach it at once.
import Foundation
import Glibc
import Testing

extension Scenarios {
  @Suite struct ResetsBehindHeads {
    struct Row: Sendable, CustomTestStringConvertible {
      let what: String
      /// What the origin says before the end.
      let said: String
      var isReset = true
      /// nil: the viewer gets what was said.
      var status: Int? = 502
      var testDescription: String { what }
    }
    static let rows: [Row] = [
      Row(what: "a length, reset", said: "Content-Length: 10\r\n\r\n"),
      Row(what: "a length, closed", said: "Content-Length: 10\r\n\r\n", isReset: false),
      Row(what: "a part of the body, reset", said: "Content-Length: 10\r\n\r\n01234"),
      Row(what: "a part of the body, closed", said: "Content-Length: 10\r\n\r\n01234", isReset: false),
      Row(what: "chunks, reset", said: "Transfer-Encoding: chunked\r\n\r\n"),
      Row(what: "chunks, closed in the middle", said: "Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n", isReset: false),
      Row(what: "until the end, reset", said: "Connection: close\r\n\r\n01234"),
      Row(what: "until the end, closed", said: "Connection: close\r\n\r\n01234", isReset: false, status: nil),
      Row(what: "until the end, closed at once", said: "Connection: close\r\n\r\n", isReset: false, status: nil),
      Row(what: "whole, reset", said: "Content-Length: 5\r\n\r\n01234", status: nil),
      Row(what: "whole, closed", said: "Content-Length: 5\r\n\r\n01234", isReset: false, status: nil),
      Row(what: "whole chunks, closed", said: "Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n0\r\n\r\n", isReset: false, status: nil),
      Row(what: "no body, reset", said: "Content-Length: 0\r\n\r\n", status: nil),
    ]
    private static let uncached = "minTTL: 0, defaultTTL: 0, maxTTL: 0"

    /// Has the origin say its part and end while the program sees nothing of it.
    private func whileStopped(_ skerry: Skerry, _ origin: ScriptedOrigin, closed: Int = 1) throws {
      skerry.send(signal: SIGSTOP)
      // Every thread: one that is on its way to its stop would still take what it is told now.
      let threads = "/proc/\(skerry.process.identifier)/task"
      try eventually("the stop") {
        try FileManager.default.contentsOfDirectory(atPath: threads).allSatisfy {
          (try? fileText("\(threads)/\($0)/stat"))?.split(separator: ")").last?.hasPrefix(" T ") == true
        }
      }
      let port = ":" + String(format: "%04X", Int(origin.url.split(separator: ":").last ?? "") ?? 0)
      func standing() throws -> Int { try systemSockets().count { words in words[2].hasSuffix(port) && words[3] == "01" } }
      let before = try standing()   // another worker may have one, too, from an exchange before
      origin.go()
      try origin.waitForClosedConnections(closed)
      try eventually("the end to arrive in the kernel") { try standing() < before }
      skerry.send(signal: SIGCONT)
    }

    private func program(_ policy: String, _ row: Row, behavior: String = "", more: String = "", files: [String: String] = [:]) throws -> CacheProgram {
      try CacheProgram(policy: policy, behavior: behavior, more: more, files: files) { _, connection in
        try connection.waitForGo()
        try connection.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n" + row.said)
        if row.isReset { connection.reset() }
        throw StreamEnded(clean: true)
      }
    }

    @Test(arguments: rows, [Self.uncached, "maxTTL: 100", "cacheMode: rfc9111"]) func theViewerIsTold(_ row: Row, _ policy: String) throws {
      let program = try program(policy, row), viewer = try program.skerry.viewer()
      let before = try program.skerry.metrics()
      try viewer.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
      _ = try program.origin.waitForRequests(1)
      try whileStopped(program.skerry, program.origin)
      let response = try viewer.readResponse()
      #expect(response.status == row.status ?? 200)
      if row.status == nil { #expect("01234".hasPrefix(response.bodyText)) } else { try program.skerry.waitForMetric("skerry_origin_failures_total", since: before) }
    }

    @Test(arguments: [0, 2, 6]) func ofHTTP2Too(_ index: Int) throws {
      let program = try program(Self.uncached, Self.rows[index]), viewer = try HTTP2Viewer.open(program.skerry)
      try viewer.send(.headers(1, get(host: "a.test")))
      _ = try program.origin.waitForRequests(1)
      try whileStopped(program.skerry, program.origin)
      #expect(try viewer.answer(on: 1).status == 502)
    }

    /// The distribution's page for the error takes its place, as for any other, where the body turns out to be none before anything has been
    /// sent; once, should the page break off, too.
    @Test(arguments: [true, false]) func theErrorsPageTakesItsPlace(_ pageIsWhole: Bool) throws {
      let program = try CacheProgram(
        policy: Self.uncached, distribution: "errorResponses: [ { errorCode: 502, responsePagePath: /page, responseCode: 400 } ]"
      ) { request, connection in
        let isWhole = request.target == "/page" && pageIsWhole
        try connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nthe page\r\n\(isWhole ? "0" : "no number")\r\n\r\n")
      }
      let response = try program.skerry.viewer().exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
      #expect(response.status == (pageIsWhole ? 400 : 502) && response.fields["x-cache"] == "Error from cloudfront")
      if pageIsWhole { #expect(response.bodyText == "the page" && response.fields["connection"] == "close") }
      #expect(program.origin.requests.map(\.target) == ["/", "/page"])
    }

    /// A stale object stands in, as for any failure.
    @Test func whatIsStaleStandsIn() throws {
      let count = Watched(0)
      let program = try CacheProgram { _, connection in
        if count.update({ $0 += 1; return $0 }) == 1 { return try connection.send(answer("good", "Cache-Control: max-age=10")) }
        try connection.waitForGo()
        try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        connection.reset()
        throw StreamEnded(clean: true)
      }
      #expect(try program.get("/").bodyText == "good")
      try program.skerry.moveClock(to: 12)
      let viewer = try program.skerry.viewer()
      try viewer.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
      _ = try program.origin.waitForRequests(2)
      try whileStopped(program.skerry, program.origin)
      #expect(try viewer.readResponse().bodyText == "good")
    }

    /// A group asks its second origin when 502 is among its codes.
    @Test func aGroupFailsOver() throws {
      let second = try ScriptedOrigin { try $0.answerAll { _ in ok("second") } }
      let first = try ScriptedOrigin { connection in
        try connection.expectRequest()
        try connection.waitForGo()
        try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        connection.reset()
        throw StreamEnded(clean: true)
      }
      let skerry = try startSkerry(before: first) {
        $0.moreOrigins = "second: \(second.url)"
        $0.more = "originGroups:\n  both: { members: [app, second], statusCodes: [502] }\n"
        $0.target = "both"
      }
      let viewer = try skerry.viewer()
      try viewer.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
      _ = try first.waitForRequests(1)
      try whileStopped(skerry, first)
      #expect(try viewer.readResponse().bodyText == "second")
    }
  }
}
