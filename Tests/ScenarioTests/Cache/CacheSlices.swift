// Objects larger than the cache keeps whole: fetched, kept and served in slices (issue 6, point 3; spec/request-pipeline.md, 14.3).
import Foundation
import Testing

extension Scenarios {
  @Suite struct CacheSlices {
    private static let content = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 7) }
    private static let limits = "limits: { cache: { objectBytes: 100KiB, sliceBytes: 32KiB } }"

    /// An origin that has ranges of a content whose tag may change.
    private func program(tag: Watched<String> = Watched("\"v\""), content: [UInt8] = Self.content, fields: String = "Accept-Ranges: bytes\r\n", policy: String = "") throws -> CacheProgram {
      try CacheProgram(policy: policy, more: Self.limits) { request, connection in
        let head = "ETag: \(tag.current)\r\nCache-Control: max-age=60\r\n\(fields)"
        guard let match = request.fields["range"]?.wholeMatch(of: /bytes=([0-9]+)-([0-9]+)/), let first = Int(match.1), let last = Int(match.2) else {
          try connection.send("HTTP/1.1 200 OK\r\n\(head)Content-Length: \(content.count)\r\n\r\n")
          return try connection.send(content)
        }
        let part = Bytes(content[first...min(last, content.count - 1)])
        try connection.send("HTTP/1.1 206 Partial Content\r\n\(head)Content-Range: bytes \(first)-\(first + part.count - 1)/\(content.count)\r\nContent-Length: \(part.count)\r\n\r\n")
        try connection.send(part)
      }
    }
    private func ranges(_ program: CacheProgram) -> [String] { program.origin.requests.map { $0.fields["range"] ?? "all" } }

    @Test func partsAreFetchedAndKeptInSlices() throws {
      let program = try program()
      let first = try program.get("/", "Range: bytes=10-19")
      #expect(first.status == 206 && first.body == Array(Self.content[10..<20]) && first.fields["content-range"] == "bytes 10-19/300000" && first.cache == "Miss")
      #expect(ranges(program) == ["all", "bytes=0-32767"])
      let second = try program.get("/", "Range: bytes=0-32767")
      #expect(second.cache == "Hit" && second.body == Array(Self.content[..<32_768]) && second.fields["age"] != nil)
      let across = try program.get("/", "Range: bytes=32760-70000")
      #expect(across.body == Array(Self.content[32_760...70_000]))
      #expect(ranges(program) == ["all", "bytes=0-32767", "bytes=32768-65535", "bytes=65536-98303"])
      for _ in 0..<2 {
        let all = try program.get("/")
        #expect(all.status == 200 && all.body == Self.content && all.fields["content-length"] == "300000" && all.cache == "Hit")
      }
      #expect(ranges(program).count == 11 && ranges(program).last == "bytes=294912-299999")
      let end = try program.get("/", "Range: bytes=-5"), head = try program.get("/", method: "HEAD"), several = try program.get("/", "Range: bytes=0-0,299999-")
      #expect(end.body == Array(Self.content.suffix(5)) && end.cache == "Hit" && head.fields["content-length"] == "300000" && head.cache == "Hit")
      #expect(several.status == 206 && several.bodyText.contains("bytes 299999-299999/300000"))
      #expect(try program.get("/", "If-None-Match: \"v\"").status == 304 && program.get("/", "Range: bytes=300000-").status == 416)
      #expect(ranges(program).count == 11)
    }

    /// The content changes at the origin: slices of two states are never mixed; who is in the middle is cut off, who comes next gets the new one.
    @Test func twoStatesAreNeverMixed() throws {
      let tag = Watched("\"v\""), program = try program(tag: tag)
      _ = try program.get("/", "Range: bytes=0-9")
      tag.update { $0 = "\"w\"" }
      let viewer = try program.skerry.viewer()
      try viewer.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
      _ = viewer.readEnding()   // the first slice of "v", and then nothing that is not of it
      let next = try program.get("/", "Range: bytes=40000-40009")
      #expect(next.body == Array(Self.content[40_000..<40_010]) && next.fields["etag"] == "\"w\"")
      #expect(try program.get("/", "Range: bytes=0-9").fields["etag"] == "\"w\"")
    }

    /// A head that has expired is validated; what its slices held is good for as long as the tag is, and is served when the origin fails.
    @Test func anExpiredHeadIsValidated() throws {
      let state = Watched("valid"), tag = Watched("\"v\"")
      let program = try CacheProgram(more: Self.limits) { request, connection in
        if state.current == "failing" { return try connection.send(answer("no", status: "503 Service Unavailable")) }
        let head = "ETag: \(tag.current)\r\nCache-Control: max-age=10, stale-while-revalidate=5\r\nAccept-Ranges: bytes\r\n"
        if request.fields["if-none-match"] == tag.current { return try connection.send("HTTP/1.1 304 Not Modified\r\n\(head)X-New: 1\r\n\r\n") }
        guard request.fields["range"] != nil else { return try connection.send(Array("HTTP/1.1 200 OK\r\n\(head)Content-Length: 300000\r\n\r\n".utf8) + Self.content) }
        try connection.send(Array("HTTP/1.1 206 Partial Content\r\n\(head)Content-Range: bytes 0-32767/300000\r\nContent-Length: 32768\r\n\r\n".utf8) + Self.content[..<32_768])
      }
      #expect(try program.get("/", "Range: bytes=10-19").cache == "Miss")
      try program.skerry.moveClock(to: 16)
      let renewed = try program.get("/", "Range: bytes=20-29")
      #expect(renewed.cache == "RefreshHit" && renewed.status == 206 && renewed.body == Array(Self.content[20..<30]) && renewed.fields["x-new"] == "1")
      #expect(program.origin.requests.map { $0.fields["if-none-match"] ?? $0.fields["range"] ?? "all" } == ["all", "bytes=0-32767", "\"v\""])
      #expect(try program.get("/", "Range: bytes=20-29").cache == "Hit")
      // Served while it is validated, of which no viewer knows.
      try program.skerry.moveClock(to: 28)
      #expect(try program.get("/", "Range: bytes=0-9").cache == "Hit")
      try program.skerry.moveClock(to: 37)
      #expect(try program.get("/", "Range: bytes=0-9").body == Array(Self.content[..<10]))
      #expect(program.origin.requests.filter { $0.fields["if-none-match"] != nil }.count == 2 && program.origin.requests.count == 4)
      state.update { $0 = "failing" }
      try program.skerry.moveClock(to: 60)
      let stale = try program.get("/", "Range: bytes=0-9")
      #expect(stale.status == 206 && stale.body == Array(Self.content[..<10]) && stale.cacheStatus.contains("hit; ttl=-"))
      state.update { $0 = "valid" }
      tag.update { $0 = "\"w\"" }
      try program.skerry.moveClock(to: 80)
      let other = try program.get("/", "Range: bytes=0-9")
      #expect(other.status == 206 && other.fields["etag"] == "\"w\"" && other.cache == "Miss")
    }

    /// Without a strong tag, or ranges at the origin, it is passed on as it was before.
    @Test(arguments: [("W/\"v\"", "Accept-Ranges: bytes\r\n"), ("\"v\"", ""), ("\"v\"", "Accept-Ranges: none\r\n")])
    func whatCannotBeSlicedIsPassedOn(_ tag: String, _ fields: String) throws {
      let program = try program(tag: Watched(tag), fields: fields)
      for _ in 0..<2 { #expect(try program.get("/", "Range: bytes=10-19").body == Array(Self.content[10..<20])) }
      #expect(try program.get("/").body == Self.content)
      #expect(!ranges(program).contains("bytes=0-32767"))
    }

    /// One fetch of a slice for all who want it.
    @Test func slicesAreFetchedOnce() throws {
      let program = try program()
      _ = try program.get("/", "Range: bytes=0-9")
      let viewers = try (0..<4).map { _ in try program.skerry.viewer() }
      for viewer in viewers { try viewer.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n") }
      for viewer in viewers { #expect(try viewer.readResponse().body == Self.content) }
      #expect(Set(ranges(program)).count == ranges(program).count && ranges(program).count == 11)
    }

    /// An invalidation takes head and slices along.
    @Test func slicesAreInvalidated() throws {
      let program = try program()
      _ = try program.get("/a", "Range: bytes=0-9")
      try program.invalidate(#"{"paths":["/a"]}"#)
      #expect(try program.get("/a", "Range: bytes=0-9").cache == "Miss")
      #expect(ranges(program) == ["all", "bytes=0-32767", "all", "bytes=0-32767"])
    }
  }
}
