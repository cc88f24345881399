// How the cache asks the origin: once for many, again when something is stale, and what it does when that fails.
import Foundation
import Testing

extension Scenarios {
  @Suite struct CacheValidation {
    @Test func a304MakesTheStoredResponseGoodAgain() throws {
      let program = try CacheProgram { request, connection in
        guard request.fields["if-none-match"] == nil else {
          return try connection.send("HTTP/1.1 304 Not Modified\r\nETag: \"v\"\r\nCache-Control: max-age=20\r\nX-New: 1\r\n\r\n")
        }
        try connection.send(answer("body", "Cache-Control: max-age=10", "ETag: \"v\"", "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", "X-Old: 1"))
      }
      #expect(try program.get("/").cache == "Miss")
      try program.skerry.moveClock(to: 11)
      let renewed = try program.get("/")
      #expect(renewed.cache == "RefreshHit" && renewed.bodyText == "body" && renewed.status == 200)
      #expect(renewed.fields["x-new"] == "1" && renewed.fields["x-old"] == "1" && renewed.fields["cache-control"] == "max-age=20" && renewed.fields["age"] == "0")
      #expect(program.origin.requests.last?.fields["if-none-match"] == "\"v\"")
      #expect(program.origin.requests.last?.fields["if-modified-since"] == "Sun, 06 Nov 1994 08:49:37 GMT")
      try program.skerry.moveClock(to: 30)
      #expect(try program.get("/").cache == "Hit")
      #expect(program.origin.requests.count == 2)
    }

    @Test func anObjectThatMustBeValidatedIsEachTime() throws {
      let program = try CacheProgram { request, connection in
        if request.fields["if-none-match"] != nil { return try connection.send("HTTP/1.1 304 Not Modified\r\n\r\n") }
        try connection.send(answer("body", "Cache-Control: no-cache", "ETag: \"v\""))
      }
      #expect(try program.get("/").cache == "Miss")
      for _ in 0..<2 { #expect(try program.get("/").cache == "RefreshHit") }
      #expect(program.origin.requests.count == 3)
    }

    /// RFC 9111, 3.2: what the 304 says replaces what was stored, but what frames and codes the content.
    @Test func a304SaysWhatHasChanged() throws {
      let program = try CacheProgram { request, connection in
        guard request.fields["if-none-match"] == nil else {
          return try connection.send("HTTP/1.1 304 Not Modified\r\nETag: \"v\"\r\nContent-Type: text/new\r\nContent-Length: 99\r\nContent-Encoding: x\r\nConnection: x-hop\r\nX-Hop: 1\r\nX-A: new\r\n\r\n")
        }
        try connection.send(answer("body", "Cache-Control: max-age=10", "ETag: \"v\"", "Content-Type: text/old", "X-A: old", "X-A: older", "X-B: 1"))
      }
      _ = try program.get("/")
      try program.skerry.moveClock(to: 11)
      for expected in ["RefreshHit", "Hit"] {
        let response = try program.get("/")
        #expect(response.cache == expected && response.bodyText == "body" && response.fields["content-length"] == "4" && response.fields["content-encoding"] == nil)
        #expect(response.fields["content-type"] == "text/new" && response.fields.all("x-a") == ["new"] && response.fields["x-b"] == "1" && response.fields["x-hop"] == nil)
      }
    }

    /// RFC 9111, 4.1: what varies by more than its key tells apart is served to nobody but the one who asked, be it said by a 304 or in answer to HEAD.
    @Test(arguments: ["GET", "HEAD"], ["X: 1", "Vary: X-A"]) func aRenewalThatVariesByMoreIsNobodyElses(_ method: String, _ former: String) throws {
      let count = Watched(0)
      let program = try CacheProgram(policy: "cacheMode: rfc9111") { request, connection in
        let tag = "ETag: \"v\"", vary = "Vary: X-A, X-B", number = count.update { $0 += 1; return $0 }
        if request.method == "HEAD" { return try connection.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n\(tag)\r\n\(vary)\r\nContent-Length: 1\r\n\r\n") }
        if request.fields["if-none-match"] != nil { return try connection.send("HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=60\r\n\(tag)\r\n\(vary)\r\n\r\n") }
        try connection.send(answer("\(number)", "Cache-Control: max-age=10", tag, number == 1 ? former : vary))
      }
      #expect(try program.get("/", "X-A: 1", "X-B: 1").bodyText == "1")
      try program.skerry.moveClock(to: 12)
      let renewed = try program.get("/", "X-A: 1", "X-B: 1", method: method)
      #expect(renewed.status == 200 && renewed.fields["vary"] == "X-A, X-B")
      #expect(try program.get("/", "X-A: 1", "X-B: 2").bodyText == "3")
      #expect(try program.get("/", "X-A: 1", "X-B: 2").cache == "Hit")
    }

    /// What a 304 forbids to keep goes to the one who asked, with what it says, and to nobody else.
    @Test(arguments: ["no-store", "private"], ["cloudfront", "rfc9111"]) func a304ThatForbidsKeepingSaysSo(_ word: String, _ mode: String) throws {
      let program = try CacheProgram(policy: "cacheMode: \(mode)") { request, connection in
        guard request.fields["if-none-match"] == nil else {
          return try connection.send("HTTP/1.1 304 Not Modified\r\nETag: \"v\"\r\nCache-Control: \(word)\r\nX-A: new\r\nAge: 3\r\n\r\n")
        }
        try connection.send(answer(String(repeating: "body", count: 20_000), "Cache-Control: max-age=10", "ETag: \"v\"", "X-A: old"))
      }
      _ = try program.get("/")
      try program.skerry.moveClock(to: 12)
      let renewed = try program.get("/")
      #expect(renewed.cache == "RefreshHit" && renewed.bodyText.utf8.count == 80_000)
      #expect(renewed.fields.all("cache-control") == [word] && renewed.fields.all("x-a") == ["new"] && renewed.fields["age"] == "3")
      let next = try program.get("/")
      #expect(next.cache == "Miss" && next.fields["x-a"] == "old")
      #expect(program.origin.requests.last?.fields["if-none-match"] == nil)
    }

    /// RFC 9111, 4.3.4: a 304 with a strong tag renews what has that tag. By CloudFront's rules what has none is renewed, too.
    @Test(arguments: ["rfc9111", "cloudfront"]) func a304WithATagWhereNoneWas(_ mode: String) throws {
      let changed = "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", count = Watched(0)
      let program = try CacheProgram(policy: "cacheMode: \(mode)") { request, connection in
        let number = count.update { $0 += 1; return $0 }
        if request.fields["if-modified-since"] != nil { return try connection.send("HTTP/1.1 304 Not Modified\r\nETag: \"v\"\r\n\r\n") }
        try connection.send(answer("\(number)", "Cache-Control: max-age=10", changed))
      }
      #expect(try program.get("/").bodyText == "1")
      try program.skerry.moveClock(to: 12)
      #expect(try program.get("/").bodyText == (mode == "rfc9111" ? "3" : "1"))
    }

    /// A response to OPTIONS is refreshed by OPTIONS.
    @Test func theRefreshHasTheMethodOfTheRequest() throws {
      let program = try CacheProgram(behavior: "cachedMethods: [GET, HEAD, OPTIONS]") { request, connection in
        try connection.send(answer(request.method, "Cache-Control: max-age=10, stale-while-revalidate=30"))
      }
      #expect(try program.get("/", method: "OPTIONS").bodyText == "OPTIONS")
      try program.skerry.moveClock(to: 12)
      #expect(try program.get("/", method: "OPTIONS").bodyText == "OPTIONS")
      _ = try program.origin.waitForRequests(2)
      try eventually("the refreshed answer") { try program.get("/", method: "OPTIONS").cacheStatus.contains("ttl=9") || program.get("/", method: "OPTIONS").fields["age"] == "0" }
      #expect(program.origin.requests.map(\.method) == ["OPTIONS", "OPTIONS"])
      #expect(try program.get("/", method: "OPTIONS").bodyText == "OPTIONS")
    }

    /// RFC 5861, 3; spec 3.3.
    @Test func whatIsStaleIsServedWhileItIsRefreshed() throws {
      let count = Watched(0)
      let program = try CacheProgram { _, connection in
        let number = count.update { $0 += 1; return $0 }
        if number > 1 { try connection.waitForGo() }
        try connection.send(answer("answer \(number)", "Cache-Control: max-age=10, stale-while-revalidate=30"))
      }
      #expect(try program.get("/").bodyText == "answer 1")
      try program.skerry.moveClock(to: 12)
      for _ in 0..<3 { #expect(try program.get("/").bodyText == "answer 1") }   // the origin has not answered yet
      _ = try program.origin.waitForRequests(2)
      program.origin.go()
      try eventually("the new answer") { try program.get("/").bodyText == "answer 2" }
      #expect(program.origin.requests.count == 2)
      try program.skerry.moveClock(to: 70)
      #expect(try program.get("/").bodyText == "answer 3")
    }

    /// Spec 3.3: an expired object still serves while the origin fails, which is asked again after the error's time only.
    @Test func whatIsStaleStandsInForAnOriginThatFails() throws {
      let count = Watched(0)
      let program = try CacheProgram(policy: "queryStrings: all") { request, connection in
        let number = count.update { $0 += 1; return $0 }
        if number < 3 { return try connection.send(answer("good", request.target == "/?a" ? "Cache-Control: max-age=10" : "Cache-Control: max-age=10, stale-if-error=0")) }
        if number == 4 {
          connection.reset()
          throw StreamEnded(clean: false)
        }
        try connection.send(answer("bad", status: "503 X"))
      }
      #expect(try program.get("/?a").bodyText == "good")
      #expect(try program.get("/?b").bodyText == "good")
      try program.skerry.moveClock(to: 12)
      #expect(try program.get("/?a").bodyText == "good")
      #expect(try program.get("/?a").cache == "Hit")
      #expect(count.current == 3)
      #expect(try program.get("/?b").status >= 500)
      try program.skerry.moveClock(to: 40)
      #expect(try program.get("/?a").bodyText == "good")
      #expect(count.current >= 5)
    }
  }

  @Suite struct CacheCollapsing {
    /// Spec 14.1: everybody waits for the first; the body is passed on as it comes.
    @Test func oneFetchIsForAll() throws {
      let program = try CacheProgram { _, connection in
        try connection.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 10\r\n\r\n01234")
        try connection.waitForGo()
        try connection.send("56789")
      }
      let viewers = try (0..<5).map { _ in try program.skerry.viewer() }
      for viewer in viewers { try viewer.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n") }
      for viewer in viewers {
        _ = try viewer.readHead()
        #expect(try viewer.read(exactly: 5) == wire("01234"))
      }
      program.origin.go()
      for viewer in viewers { #expect(try viewer.read(exactly: 5) == wire("56789")) }
      #expect(program.origin.requests.count == 1)
      #expect(try program.get("/").cache == "Hit")
    }

    /// Not where cookies reach the origin.
    @Test func cookiesAreAskedForOneByOne() throws {
      let program = try CacheProgram(policy: "cookies: [a]") { _, connection in
        try connection.waitForGo()
        try connection.send(answer("x", "Cache-Control: max-age=60"))
      }
      let viewers = try (0..<3).map { _ in try program.skerry.viewer() }
      for viewer in viewers { try viewer.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n") }
      _ = try program.origin.waitForRequests(3)
      program.origin.go()
      for viewer in viewers { #expect(try viewer.readResponse().bodyText == "x") }
      #expect(try program.get("/").cache == "Hit")
    }

    /// The first viewer leaves before the origin has answered: another request asks in its place.
    @Test func whoWaitsTakesThePlaceOfWhoLeft() throws {
      let program = try CacheProgram { _, connection in
        try connection.waitForGo()
        try connection.send(answer("x", "Cache-Control: max-age=60"))
      }
      var first: ScriptedViewer? = try program.skerry.viewer()
      try first?.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
      _ = try program.origin.waitForRequests(1)
      let second = try program.skerry.viewer()
      try second.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
      first?.reset()
      first = nil
      _ = try program.origin.waitForRequests(2)
      program.origin.go()
      #expect(try second.readResponse().bodyText == "x")
    }

    @Test func whatMayNotBeSharedIsNot() throws {
      let count = Watched(0)
      let program = try CacheProgram { _, connection in
        let number = count.update { $0 += 1; return $0 }
        if number == 1 { try connection.waitForGo() }
        try connection.send(answer("\(number)", "Cache-Control: private"))
      }
      let viewers = try (0..<3).map { _ in try program.skerry.viewer() }
      for viewer in viewers { try viewer.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n") }
      _ = try program.origin.waitForRequests(1)
      program.origin.go()
      #expect(Set(try viewers.map { try $0.readResponse().bodyText }) == ["1", "2", "3"])
    }
  }

  /// Issue 6: incomplete bodies are never stored.
  @Suite struct CacheCompleteness {
    private static let bodies: [(what: String, bytes: String, isReset: Bool, isStored: Bool)] = [
      ("too short", "Content-Length: 10\r\n\r\n01234", false, false), ("whole", "Content-Length: 5\r\n\r\n01234", false, true),
      ("chunks without an end", "Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n", false, false),
      ("a broken chunk", "Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\nzz\r\n", false, false),
      ("whole chunks", "Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n0\r\n\r\n", false, true),
      ("ended by a clean close", "Connection: close\r\n\r\n01234", false, true), ("ended by a reset", "Connection: close\r\n\r\n01234", true, false),
    ]

    @Test(arguments: Self.bodies.indices) func whatIsNotWholeIsNotStored(_ index: Int) throws {
      let row = Self.bodies[index]
      let program = try CacheProgram { _, connection in
        try connection.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n")
        try connection.send(row.bytes)
        if !row.isStored { try connection.waitForGo() }   // what ends before the viewer has anything is no answer: ResetsBehindHeads
        if row.isReset { connection.reset() }
        throw StreamEnded(clean: true)
      }
      let viewer = try program.skerry.viewer()
      try viewer.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
      if !row.isStored {
        _ = try viewer.readHead()
        program.origin.go()
      }
      if row.isStored { #expect(try viewer.readResponse().bodyText == "01234", "\(row.what)") } else { _ = viewer.readEnding() }
      let requests = program.origin.requests.count
      let again = try program.skerry.viewer()
      try again.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
      if row.isStored { #expect(try again.readResponse().cache == "Hit", "\(row.what)") } else {
        _ = try program.origin.waitForRequests(requests + 1)
      }
    }
  }

  /// RFC 9111.
  @Suite struct CacheByTheRFC {
    private func program(_ fields: String..., answer: @escaping @Sendable (Request, Int) -> String = { _, number in "answer \(number)" }) throws -> CacheProgram {
      let count = Watched(0), lines = fields.map { $0 + "\r\n" }.joined()
      return try CacheProgram(policy: "cacheMode: rfc9111, queryStrings: all", requestPolicy: "AllViewer") { request, connection in
        let number = count.update { $0 += 1; return $0 }, body = answer(request, number)
        try connection.send("HTTP/1.1 200 OK\r\n\(lines)Content-Length: \(wire(body).count)\r\n\r\n\(body)")
      }
    }

    /// 4.1
    @Test func variantsStandSideBySide() throws {
      let program = try program("Cache-Control: max-age=60", "Vary: Accept-Language")
      #expect(try program.get("/", "Accept-Language: de").bodyText == "answer 1")
      #expect(try program.get("/", "Accept-Language: en").bodyText == "answer 2")
      #expect(try program.get("/", "Accept-Language: de").bodyText == "answer 1")
      #expect(try program.get("/", "Accept-Language: en").cache == "Hit")
      #expect(try program.get("/").bodyText == "answer 3")
      #expect(try program.get("/", "Accept-Language: fr").cacheStatus.contains("fwd=vary-miss"))
    }

    /// 5.2.1
    @Test func theRequestIsHeard() throws {
      let program = try program("Cache-Control: max-age=60")
      #expect(try program.get("/", "Cache-Control: only-if-cached").status == 504)
      #expect(try program.get("/", "Cache-Control: only-if-cached", "If-Match: \"v\"").status == 504)
      #expect(try program.get("/").bodyText == "answer 1")
      #expect(try program.get("/", "Cache-Control: only-if-cached").bodyText == "answer 1")
      #expect(try program.get("/", "Cache-Control: no-cache").bodyText == "answer 2")
      #expect(try program.get("/", "Pragma: no-cache").bodyText == "answer 3")
      #expect(try program.get("/").bodyText == "answer 3")
      #expect(try program.get("/x", "Cache-Control: no-store").bodyText == "answer 4")
      #expect(try program.get("/x").bodyText == "answer 5")
      try program.skerry.moveClock(to: 70)
      #expect(try program.get("/", "Cache-Control: max-stale=30").bodyText == "answer 3")
      #expect(try program.get("/").bodyText == "answer 6")
    }

    /// 4.4
    @Test func anUnsafeMethodMakesTheStoredResponseInvalid() throws {
      let program = try program("Cache-Control: max-age=60", "Location: /b?c")
      #expect(try program.get("/a").bodyText == "answer 1")
      #expect(try program.get("/b?c").bodyText == "answer 2")
      #expect(try program.get("/d").bodyText == "answer 3")
      #expect(try program.get("/a", "Content-Length: 0", method: "POST").bodyText == "answer 4")
      #expect(try program.get("/a").bodyText == "answer 5")
      #expect(try program.get("/b?c").bodyText == "answer 6")
      #expect(try program.get("/d").bodyText == "answer 3")
    }

    /// A field that does not reach the origin tells variants apart all the same, and Vary stays; by CloudFront's rules neither.
    @Test(arguments: ["rfc9111", "cloudfront"]) func variantsByWhatIsNotForwarded(_ mode: String) throws {
      let count = Watched(0)
      let program = try CacheProgram(policy: "cacheMode: \(mode)") { _, connection in
        let number = count.update { $0 += 1; return $0 }
        try connection.send(answer("\(number)", "Cache-Control: max-age=60", "Vary: X-A"))
      }
      let first = try program.get("/", "X-A: 1"), second = try program.get("/", "X-A: 2")
      let isRFC = mode == "rfc9111"
      #expect(second.bodyText == (isRFC ? "2" : "1") && first.fields["vary"] == (isRFC ? "X-A" : nil))
      #expect(try program.get("/", "X-A: 1").bodyText == "1")
    }

    /// All variants of it, whatever the request's own values.
    @Test func anUnsafeMethodTakesAllVariantsAlong() throws {
      let program = try program("Cache-Control: max-age=60", "Vary: X-A")
      for value in ["1", "2"] { #expect(try program.get("/", "X-A: \(value)").cache == "Miss" && program.get("/", "X-A: \(value)").cache == "Hit") }
      _ = try program.get("/", "Content-Length: 0", method: "POST")
      for value in ["1", "2", "3"] { #expect(try program.get("/", "X-A: \(value)").cache == "Miss" && program.get("/", "X-A: \(value)").cache == "Hit") }
    }

    /// References are resolved as RFC 3986, 5.2 says; those of other hosts, and what is none, name nothing here.
    @Test(arguments: [
      ("c", "/a/c"), ("./c", "/a/c"), ("../c", "/c"), ("../../../c", "/c"), (".", "/a/"), ("..", "/"), ("/x/./y/../c?d", "/x/c?d"), ("?d", "/a/b?d"),
      ("http://a.test/c", "/c"), ("HTTP://A.test", nil), ("http://b.test/a/c", nil), ("//b.test/c", nil), ("x:/c", nil),
    ]) func anUnsafeMethodNamesOthers(_ reference: String, _ target: String?) throws {
      let program = try CacheProgram(policy: "cacheMode: rfc9111, queryStrings: all") { request, connection in
        try connection.send(answer("x", "Cache-Control: max-age=60", request.method == "POST" ? "Location: \(reference)" : "X: 1"))
      }
      let paths = ["/a/c", "/c", "/a/", "/", "/x/c?d", "/a/b?d"]
      for path in paths { _ = try program.get(path) }
      _ = try program.get("/a/b", "Content-Length: 0", method: "POST")
      for path in paths { #expect(try program.get(path).cache == (path == target ? "Miss" : "Hit"), "\(path)") }
    }

    /// 4.3.5: what a HEAD that had to be passed on says of the stored response renews it, or makes it invalid.
    @Test(arguments: [
      ("ETag: \"v\"", true), ("ETag: W/\"v\"", true), ("ETag: \"w\"", false), ("Last-Modified: Sun, 06 Nov 1994 08:49:38 GMT", false),
      ("Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", true), ("Content-Length: 5", false), ("Content-Length: 4", true), ("X: 1", true),
    ]) func aHEADSaysWhatTheStoredResponseIsWorth(_ line: String, _ isSame: Bool) throws {
      let program = try CacheProgram(policy: "cacheMode: rfc9111") { request, connection in
        if request.method == "HEAD" { return try connection.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=20\r\nX-New: 1\r\n\(line)\r\n\r\n") }
        try connection.send(answer("body", "Cache-Control: max-age=10", "ETag: \"v\"", "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT"))
      }
      _ = try program.get("/")
      try program.skerry.moveClock(to: 11)
      let head = try program.get("/", method: "HEAD")
      #expect(head.cache == "Miss" && head.fields["x-new"] == "1")
      try program.skerry.moveClock(to: 25)
      let after = try program.get("/")
      #expect(after.cache == (isSame ? "Hit" : "Miss") && after.bodyText == "body" && after.fields["x-new"] == (isSame ? "1" : nil))
      #expect(program.origin.requests.count == (isSame ? 2 : 3))
    }

    /// In every coding; a relative reference; not what is another host's.
    @Test func anUnsafeMethodFindsEveryCoding() throws {
      let count = Watched(0)
      let program = try CacheProgram(policy: "cacheMode: rfc9111, queryStrings: all, enableAcceptEncodingGzip: true, enableAcceptEncodingBrotli: true") { request, connection in
        let number = count.update { $0 += 1; return $0 }
        let location = request.method == "POST" ? "Content-Location: c?d" : "X: 1"
        try connection.send(answer("\(number)", "Cache-Control: max-age=60", location, "Location: http://other.test/a/e"))
      }
      let codings = ["Accept-Encoding: gzip", "Accept-Encoding: br", "Accept-Encoding: br, gzip", "X: 1"]
      for coding in codings { _ = try program.get("/a/b", coding) }
      for path in ["/a/c?d", "/a/e"] { _ = try program.get(path, codings[0]) }
      #expect(try program.get("/a/b", "Content-Length: 0", method: "POST").bodyText == "7")
      for coding in codings { #expect(try program.get("/a/b", coding).cache == "Miss") }
      #expect(try program.get("/a/c?d", codings[0]).cache == "Miss")
      #expect(try program.get("/a/e", codings[0]).cache == "Hit")
    }

    /// 3.5
    @Test func whatIsForOneIsNotKeptForAll() throws {
      let program = try program("Cache-Control: max-age=60")
      #expect(try program.get("/", "Authorization: a").bodyText == "answer 1")
      #expect(try program.get("/", "Authorization: b").bodyText == "answer 2")
      let open = try self.program("Cache-Control: max-age=60, public")
      #expect(try open.get("/", "Authorization: a").bodyText == "answer 1")
      #expect(try open.get("/", "Authorization: b").bodyText == "answer 1")
    }
  }
}

extension Scenarios {
  /// Spec 9.
  @Suite struct CacheCompression {
    private static let text = String(repeating: "All happy families are alike. ", count: 200)

    private func program(_ fields: String..., body: String = text, behavior: String = "compress: true") throws -> CacheProgram {
      let lines = fields.map { $0 + "\r\n" }.joined()
      return try CacheProgram(policy: "enableAcceptEncodingGzip: true, enableAcceptEncodingBrotli: true, queryStrings: all", behavior: behavior) { request, connection in
        let wire = wire(body)
        if request.target.hasPrefix("/slow") {   // in pieces
          try connection.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n\(lines)Content-Length: \(wire.count)\r\n\r\n")
          for start in stride(from: 0, to: wire.count, by: 1 + wire.count / 7) { try connection.send(Bytes(wire[start..<min(wire.count, start + 1 + wire.count / 7)])) }
        } else {
          try connection.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n\(lines)Content-Length: \(wire.count)\r\n\r\n\(body)")
        }
      }
    }

    private func unpacked(_ response: Response, _ tool: [String]) throws -> String {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
      process.arguments = ["-c", "import sys,\(tool[0]) as m; sys.stdout.buffer.write(m.decompress(sys.stdin.buffer.read()))"]
      let input = Pipe(), output = Pipe()
      process.standardInput = input
      process.standardOutput = output
      try process.run()
      input.fileHandleForWriting.write(Data(response.body))
      try input.fileHandleForWriting.close()
      return String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    }

    @Test(arguments: ["/a", "/slow"]) func aVariantIsCompressedOnce(path: String) throws {
      let sums = ["Content-MD5", "Digest", "Content-Digest", "Repr-Digest"]   // of the content as it was
      let program = try program("Content-Type: text/html; charset=utf-8", "ETag: \"v\"", "Content-MD5: x", "Digest: x", "content-digest: x", "Repr-Digest: x")
      for expected in ["Miss", "Hit"] {
        let response = try program.get(path, "Accept-Encoding: gzip")
        #expect(response.cache == expected && response.fields["content-encoding"] == "gzip")
        #expect(response.fields["etag"] == "W/\"v\"" && response.fields["vary"] == "Accept-Encoding")
        #expect(response.body.count < 500 && sums.allSatisfy { response.fields[$0.lowercased()] == nil })
        #expect(try unpacked(response, ["gzip"]) == Self.text)
      }
      let brotli = try program.get(path, "Accept-Encoding: gzip, deflate, br")
      #expect(brotli.cache == "Miss" && brotli.fields["content-encoding"] == "br" && brotli.body.count < 300)
      #expect(try program.get(path, "Accept-Encoding: br, gzip").body == program.get(path, "Accept-Encoding: gzip, br").body)
      let plain = try program.get(path)
      #expect(plain.cache == "Miss" && plain.fields["content-encoding"] == nil && plain.bodyText == Self.text && plain.fields["etag"] == "\"v\"")
      #expect(sums.allSatisfy { plain.fields[$0.lowercased()] == "x" })
      #expect(program.origin.requests.count == 3)
      let range = try program.get(path, "Accept-Encoding: gzip", "Range: bytes=0-1")
      #expect(range.status == 206 && range.body == [0x1f, 0x8b])
    }

    @Test(arguments: [["Content-Type: image/png"], ["Content-Type: text/html", "Content-Encoding: identity"], ["Content-Type: text/html", "Cache-Control: no-transform"], []])
    func whatIsNotWorthItStaysAsItIs(_ fields: [String]) throws {
      let lines = fields.joined(separator: "\r\n")
      let program = try program(fields.isEmpty ? "X: 1" : lines)
      let response = try program.get("/", "Accept-Encoding: gzip")
      #expect(response.bodyText == Self.text && response.fields["content-encoding"] != "gzip")
    }

    /// What may not be stored is compressed for its viewer all the same, and the next one's is fetched anew.
    @Test func whatIsNotStoredIsCompressedToo() throws {
      let program = try program("Content-Type: text/html", "Cache-Control: no-store", "ETag: \"v\"")
      for path in ["/a", "/a", "/slow"] {
        let response = try program.get(path, "Accept-Encoding: gzip")
        #expect(response.cache == "Miss" && response.fields["content-encoding"] == "gzip" && response.fields["etag"] == "W/\"v\"" && response.fields["age"] == nil)
        #expect(try unpacked(response, ["gzip"]) == Self.text && !response.cacheStatus.contains("stored"))
      }
      #expect(try program.get("/a").bodyText == Self.text)
      #expect(program.origin.requests.count == 4)
      #expect(try program.skerry.metrics()["skerry_cache_objects"] == 0)
    }

    @Test func shortContentAndOtherBehaviorsStayAsTheyAre() throws {
      let short = try program("Content-Type: text/html", body: String(repeating: "x", count: 999))
      #expect(try short.get("/", "Accept-Encoding: gzip").fields["content-encoding"] == nil)
      let off = try program("Content-Type: text/html", behavior: "")
      #expect(try off.get("/", "Accept-Encoding: gzip").bodyText == Self.text)
    }
  }
}
