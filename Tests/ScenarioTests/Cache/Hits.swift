// What the cache gives without asking the origin, and when it asks again: spec/request-pipeline.md, 3, 11.2, 14.2; issue 6.
import Foundation
import Testing

extension Scenarios {
  @Suite struct CacheHits {
    /// Every answer tells which one it is.
    private func counting(_ fields: String = "Cache-Control: max-age=60", policy: String = "queryStrings: all") throws -> CacheProgram {
      let count = Watched(0)
      return try CacheProgram(policy: policy) { request, connection in
        let number = count.update { $0 += 1; return $0 }
        try connection.send(answer("answer \(number)", fields))
      }
    }

    @Test func aHitNeverReachesTheOrigin() throws {
      let program = try counting()
      let first = try program.get("/a"), second = try program.get("/a")
      #expect(first.cache == "Miss" && first.bodyText == "answer 1" && first.fields["age"] == nil)
      #expect(second.cache == "Hit" && second.bodyText == "answer 1" && second.fields["age"] == "0")
      #expect(second.fields["cache-control"] == "max-age=60" && second.fields["content-length"] == "8")
      #expect(first.cacheStatus == "skerry; fwd=uri-miss; fwd-status=200; stored" && second.cacheStatus.hasPrefix("skerry; hit; ttl="))
      #expect(program.origin.requests.count == 1)
      let metrics = try program.skerry.metrics()
      #expect(metrics[#"skerry_cache_requests_total{distribution="E0",behavior="*",outcome="hit"}"#] == 1)
      #expect(metrics[#"skerry_cache_requests_total{distribution="E0",behavior="*",outcome="miss"}"#] == 1)
      #expect(metrics[#"skerry_cache_hit_bytes_total{distribution="E0",behavior="*"}"#] > 100)
      let line = try program.skerry.waitForLogLine("of the hit") { $0["resultType"]?.description == "Hit" }
      #expect(line["origin"] == nil && line["status"]?.description == "200")
    }

    /// What is sent as it is stored is what would be sent if it had been read: with a log that tells of heads it is.
    @Test func aHitIsTheSameHoweverItIsSent() throws {
      var heads: [[String]] = []
      for log in ["[uri, status, resultType, origin]", "all"] {
        let program = try CacheProgram(policy: "queryStrings: all", log: log) { request, connection in
          let fields = request.target == "/?server" ? ["Server: mine", "Date: Sun, 06 Nov 1994 08:49:37 GMT"] : request.target == "/?via" ? ["Via: 1.1 other"] : []
          let body = request.target == "/?large" ? String(repeating: "x", count: 200_000) : request.target == "/?empty" ? "" : "content"
          let lines = (["Cache-Control: max-age=60", "X-A: 1", "Connection: x-b", "X-B: 2"] + fields).joined(separator: "\r\n")
          try connection.send(answer(body, lines, status: request.target == "/?204" ? "203 Odd Reason" : "200 OK"))
        }
        var seen: [String] = []
        for query in ["", "server", "via", "large", "empty", "204"] {
          for version in ["1.1", "1.0"] {
            _ = try program.get("/?\(query)")
            let response = try program.skerry.viewer().exchange("GET /?\(query) HTTP/\(version)\r\nHost: a.test\r\n\r\n")
            #expect(response.cache == "Hit")
            let own = ["x-amz-cf-id", "date", "age", "cache-status"]
            seen.append(response.line + " \(response.body.count) " + response.fields.list.filter { !own.contains($0.name.lowercased()) || $0.value.contains("1994") }.map { "\($0.name): \($0.value)" }.sorted().joined(separator: "; "))
            #expect(response.fields.all("date").count == 1 && response.fields.all("age").count == 1 && response.cacheStatus.hasPrefix("skerry; hit; ttl="))
          }
        }
        heads.append(seen)
      }
      #expect(heads[0] == heads[1])
    }

    @Test func anObjectAgesAndIsFetchedAgain() throws {
      let program = try counting()
      #expect(try program.get("/a").cache == "Miss")
      try program.skerry.moveClock(to: 55)
      let old = try program.get("/a")
      #expect(old.cache == "Hit" && (Int(old.fields["age"] ?? "") ?? 0) >= 55)
      try program.skerry.moveClock(to: 61)
      let new = try program.get("/a")
      #expect(new.cache == "Miss" && new.bodyText == "answer 2" && new.cacheStatus.contains("fwd=stale"))
      #expect(try program.get("/a").bodyText == "answer 2")
    }

    @Test func theKeyIsWhatThePolicySays() throws {
      let program = try counting(policy: "queryStrings: [v], headers: [x-a], cookies: { allExcept: [id] }")
      #expect(try program.get("/a?v=1&x=1").bodyText == "answer 1")
      #expect(try program.get("/a?x=2&v=1").cache == "Hit")
      #expect(try program.get("/a?v=2").bodyText == "answer 2")
      #expect(try program.get("/a?v=1", "X-A: 1").bodyText == "answer 3")
      #expect(try program.get("/a?v=1", "X-A: 1", "X-B: 1").cache == "Hit")
      #expect(try program.get("/a?v=1", "Cookie: t=1; id=5").bodyText == "answer 4")
      #expect(try program.get("/a?v=1", "Cookie: id=6; t=1").cache == "Hit")
      #expect(try program.get("/A?v=1").bodyText == "answer 5")
      #expect(try program.get("/a?v=1", method: "OPTIONS").bodyText == "answer 6")
      #expect(try program.get("/a?v=1", method: "OPTIONS").bodyText == "answer 7")   // not cached unless cachedMethods says so
    }

    @Test func whatIsNotToBeKeptIsNot() throws {
      for directive in ["no-store", "private"] {
        let program = try counting("Cache-Control: \(directive)")
        #expect(try program.get("/a").bodyText == "answer 1")
        let second = try program.get("/a")
        #expect(second.cache == "Miss" && second.bodyText == "answer 2")
      }
      let program = try counting("Set-Cookie: a=b\r\nCache-Control: max-age=60")
      #expect(try program.get("/a").fields["set-cookie"] == nil)
      #expect(try program.get("/a").cache == "Hit")
    }

    @Test func theKeyIsSaidToWhomTheConfigurationNames() throws {
      let program = try CacheProgram(policy: "queryStrings: all", cache: "{ cacheStatusKeyFor: [127.0.0.2] }") { _, connection in
        try connection.send(answer("x", "Cache-Control: max-age=60"))
      }
      #expect(try !program.get("/a?b=\"").cacheStatus.contains("key="))
      let viewer = try program.skerry.viewer(from: "127.0.0.2")
      let response = try viewer.exchange("GET /a?b=\" HTTP/1.1\r\nHost: a.test\r\n\r\n")
      #expect(response.cacheStatus.hasSuffix(#"key="distribution=E0 method=GET path=/a query=b=\"""#))
    }

    /// Spec 11.2: 10 seconds, or what errorResponses says; what says nothing of its time may not be kept.
    @Test func errorsAreKeptForAWhile() throws {
      let count = Watched(0)
      let program = try CacheProgram(distribution: "errorResponses: [ { errorCode: 500, errorCachingMinTTL: 100 } ]") { request, connection in
        let number = count.update { $0 += 1; return $0 }
        try connection.send(answer("\(number)", status: "\(request.target.dropFirst()) X"))
      }
      #expect(try program.get("/404").bodyText == "1")
      let again = try program.get("/404")
      #expect(again.bodyText == "1" && again.status == 404 && again.cache == "Error" && again.fields["age"] != nil)
      #expect(try program.get("/403").bodyText == "2")
      #expect(try program.get("/403").bodyText == "3")
      #expect(try program.get("/500").bodyText == "4")
      try program.skerry.moveClock(to: 12)
      #expect(try program.get("/404").bodyText == "5")
      #expect(try program.get("/500").bodyText == "4")
    }

    /// A failure of the origin is an error like another.
    @Test func anOriginThatIsNotThereIsNotAskedByEverybody() throws {
      let program = try CacheProgram { _, connection in
        connection.reset()
        throw StreamEnded(clean: false)
      }
      #expect(try program.get("/a").status == 502)
      let connections = program.origin.connectionCount
      #expect(try program.get("/a").status == 502)
      #expect(program.origin.connectionCount == connections)
    }

    @Test func viewerFunctionsRunOnEveryHit() throws {
      let code = """
        function handler(event) {
          if (event.response) { event.response.headers['x-seen'] = { value: String(event.response.statusCode) }; return event.response; }
          event.request.uri = event.request.uri.toLowerCase();
          return event.request;
        }
        """
      let program = try CacheProgram(
        behavior: "functions: { viewer-request: f, viewer-response: f }", more: "functions: { f: { runtime: cloudfront-js-2.0, code: f.js } }", files: ["f.js": code]
      ) { _, connection in try connection.send(answer("x", "Cache-Control: max-age=60")) }
      #expect(try program.get("/a").fields["x-seen"] == "200")
      let hit = try program.get("/A")
      #expect(hit.cache == "Hit" && hit.fields["x-seen"] == "200")
      #expect(program.origin.requests.map(\.target) == ["/a"])
    }

    /// An unkeyed credential that a request policy forwards: CloudFront keeps the answer for all, and so does this (Documentation/cache.md).
    @Test func aCredentialThatIsForwardedAndNotInTheKey() throws {
      let count = Watched(0)
      let answerer: CacheProgram.Answer = { request, connection in
        let number = count.update { $0 += 1; return $0 }
        try connection.send(answer("answer \(number) for \(request.fields["authorization"] ?? "nobody")", "Cache-Control: max-age=60"))
      }
      let open = try CacheProgram(requestPolicy: "AllViewer", answerer)
      #expect(try open.get("/", "Authorization: a").bodyText == "answer 1 for a")
      #expect(try open.get("/", "Authorization: b").bodyText == "answer 1 for a")
      let keyed = try CacheProgram(policy: "headers: [authorization]", requestPolicy: "AllViewer", answerer)
      #expect(try keyed.get("/", "Authorization: a").bodyText == "answer 2 for a")
      #expect(try keyed.get("/", "Authorization: b").bodyText == "answer 3 for b")
      let none = try CacheProgram(answerer)
      #expect(try none.get("/", "Authorization: a").bodyText == "answer 4 for nobody")
    }

    @Test func tagsAreInvalidatedByTheHeaderThatTheDistributionNames() throws {
      for (setting, header) in [("", "Cache-Tag"), ("cacheTagHeader: Surrogate-Key", "surrogate-key")] {
        let count = Watched(0)
        let program = try CacheProgram(distribution: setting) { request, connection in
          let number = count.update { $0 += 1; return $0 }
          try connection.send(answer("\(number)", "Cache-Control: max-age=60", "\(header): red, \(request.target.dropFirst())", "X-Tag: x"))
        }
        for path in ["/blue", "/green"] { _ = try program.get(path) }
        try program.invalidate(#"{"tags":["green","x"]}"#)
        #expect(try program.get("/blue").bodyText == "1" && program.get("/green").bodyText == "3")
        try program.invalidate(#"{"tags":["red"]}"#)
        #expect(try program.get("/blue").bodyText == "4" && program.get("/green").bodyText == "5")
      }
    }

    /// A smaller cache by reload: what is too much leaves; a larger one takes more again.
    @Test func theSizeFollowsAReload() throws {
      let program = try CacheProgram(policy: "queryStrings: all", cache: "{ memory: 32MiB }") { _, connection in
        try connection.send(answer(String(repeating: "x", count: 100_000), "Cache-Control: max-age=600"))
      }
      for number in 0..<40 { _ = try program.get("/?\(number)") }
      #expect(try program.skerry.metrics()["skerry_cache_objects"] == 40)
      try program.skerry.reload(program.configuration.replacing("memory: 32MiB", with: "memory: 2MiB"))
      try eventually("the rest to leave") { try program.skerry.metrics()["skerry_cache_bytes"] <= Double(2 << 20) }
      let few = try program.skerry.metrics()
      #expect(few["skerry_cache_limit_bytes"] == Double(2 << 20) && few["skerry_cache_objects"] >= 3 && few["skerry_cache_objects"] < 20)
      try program.skerry.reload(program.configuration.replacing("memory: 32MiB", with: "memory: 64MiB"))
      for number in 0..<40 { _ = try program.get("/?\(number)") }
      #expect(try program.skerry.metrics()["skerry_cache_objects"] == 40)
    }

    @Test func serverTimingOfHits() throws {
      let program = try CacheProgram(
        behavior: "responseHeadersPolicy: timed", more: "responseHeadersPolicies: { timed: { serverTiming: 100 } }"
      ) { _, connection in try connection.send(answer("x", "Cache-Control: max-age=60", "Server-Timing: db;dur=50")) }
      let miss = try program.get("/").fields.all("server-timing").joined(separator: ","), hit = try program.get("/").fields.all("server-timing").joined(separator: ",")
      #expect(miss.hasPrefix("db;dur=50,cdn-cache-miss,") && miss.contains("cdn-upstream-fbl;dur="))
      #expect(hit.hasPrefix("cdn-cache-hit,cdn-pop;") && hit.contains("cdn-hit-layer;desc=\"EDGE\"") && hit.contains("cdn-downstream-fbl;dur=") && !hit.contains("db;") && !hit.contains("upstream"))
    }

    /// What an answer could show to others although it is not in the key ("cache poisoning").
    @Test func whatIsNotInTheKeyDoesNotReachTheOrigin() throws {
      let program = try counting(policy: "queryStrings: [v], headers: [x-key], enableAcceptEncodingGzip: true")
      _ = try program.get(
        "/a?v=1&utm=evil", "X-Forwarded-Host: evil", "X-Original-URL: /evil", "X-HTTP-Method-Override: evil", "Cookie: evil=1", "Referer: evil", "User-Agent: evil",
        "Accept: evil", "Accept-Encoding: evil, gzip", "Authorization: evil", "Forwarded: host=evil", "X-Forwarded-Proto: evil", "CloudFront-Viewer-Country: evil",
        "Origin: evil", "If-None-Match: evil", "Range: evil", "Connection: x-key", "X-Key: evil")
      #expect(!program.origin.everything.contains("evil"))
      #expect(try program.get("/a?v=1", "Accept-Encoding: gzip").cache == "Hit")   // Connection took X-Key out of the first request, here and there alike
    }

    @Test func headIsAnsweredFromGet() throws {
      let program = try counting()
      #expect(try program.get("/a", method: "HEAD").cache == "Miss")
      #expect(try program.get("/a").bodyText == "answer 2")
      let head = try program.get("/a", method: "HEAD")
      #expect(head.cache == "Hit" && head.fields["content-length"] == "8" && head.body.isEmpty)
      #expect(program.origin.requests.map(\.method) == ["HEAD", "GET"])
    }
  }

  /// RFC 9110, 13 and 14; spec 14.2 and 14.3.
  @Suite struct CacheConditions {
    private static let date = "Sun, 06 Nov 1994 08:49:37 GMT"
    private static let table: [(fields: [String], status: Int, body: String?, range: String?)] = [
      (["If-None-Match: \"v\""], 304, nil, nil), (["If-None-Match: W/\"v\""], 304, nil, nil), (["If-None-Match: \"x\""], 200, "0123456789", nil),
      (["If-Modified-Since: \(date)"], 304, nil, nil), (["If-None-Match: \"x\"", "If-Modified-Since: \(date)"], 200, "0123456789", nil),
      (["Range: bytes=2-4"], 206, "234", "bytes 2-4/10"), (["Range: bytes=-2"], 206, "89", "bytes 8-9/10"), (["Range: bytes=10-"], 416, nil, "bytes */10"),
      (["Range: bytes=4-2"], 200, "0123456789", nil), (["Range: bytes=5-6,1-2"], 200, "0123456789", nil), (["Range: lines=1-2"], 200, "0123456789", nil),
      (["Range: bytes=0-0", "If-Range: \"v\""], 206, "0", "bytes 0-0/10"), (["Range: bytes=0-0", "If-Range: \"x\""], 200, "0123456789", nil),
      (["Range: bytes=0-0", "If-Range: \(date)"], 206, "0", "bytes 0-0/10"), (["Range: bytes=0-0", "If-None-Match: \"v\""], 304, nil, nil),
    ]

    /// The same on a miss and on a hit, and the origin sees none of it.
    @Test func areAnsweredByTheCache() throws {
      let program = try CacheProgram(policy: "queryStrings: all") { _, connection in
        try connection.send(answer("0123456789", "Cache-Control: max-age=60", "ETag: \"v\"", "Last-Modified: \(Self.date)", "Content-Type: text/plain"))
      }
      for (index, row) in Self.table.enumerated() {
        for expected in ["Miss", "Hit"] {
          let lines = row.fields.map { $0 + "\r\n" }.joined()
          let response = try program.skerry.viewer().exchange("GET /?\(index) HTTP/1.1\r\nHost: a.test\r\n\(lines)\r\n")
          #expect(response.status == row.status, "\(row.fields) on a \(expected)")
          #expect(response.fields["content-range"] == row.range)
          if let body = row.body { #expect(response.bodyText == body) }
          if row.status != 416 { #expect(response.cache == expected && response.fields["etag"] == "\"v\"") }
          if row.status == 304 { #expect(response.fields["content-type"] == nil && response.fields["cache-control"] == "max-age=60") }
        }
      }
      #expect(program.origin.requests.count == Self.table.count)
      let sent = program.origin.everything.lowercased()
      #expect(!sent.holds("\r\nrange:") && !sent.holds("\r\nif-"))
    }

    @Test func severalRangesAreOneMultipartBody() throws {
      let program = try CacheProgram { _, connection in try connection.send(answer("0123456789", "Cache-Control: max-age=60", "Content-Type: a/b")) }
      for _ in 0..<2 {
        let response = try program.get("/", "Range: bytes=0-1,4-4,-1")
        #expect(response.status == 206)
        let type = try #require(response.fields["content-type"])
        #expect(type.hasPrefix("multipart/byteranges; boundary="))
        let boundary = type.split(separator: "=").last ?? ""
        let parts = [("bytes 0-1/10", "01"), ("bytes 4-4/10", "4"), ("bytes 9-9/10", "9")]
        let expected = parts.map { "--\(boundary)\r\nContent-Type: a/b\r\nContent-Range: \($0)\r\n\r\n\($1)\r\n" }.joined() + "--\(boundary)--\r\n"
        #expect(response.bodyText == expected)
      }
    }

    /// What may not be stored is not sent again either when the viewer has it.
    @Test func aMissThatIsNotStoredIsConditionalToo() throws {
      let program = try CacheProgram { _, connection in try connection.send(answer("x", "Cache-Control: no-store", "ETag: \"v\"")) }
      #expect(try program.get("/", "If-None-Match: \"v\"").status == 304)
      #expect(try program.get("/", "If-None-Match: \"w\"").status == 200)
    }

    @Test func ifMatchIsTheOrigins() throws {
      let program = try CacheProgram { _, connection in try connection.send(answer("", status: "412 Precondition Failed")) }
      #expect(try program.get("/", "If-Match: \"v\"").status == 412)
      #expect(program.origin.requests.first?.fields["if-match"] == "\"v\"")
    }
  }
}
