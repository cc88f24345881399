// What an unsafe method changed is not served any more, whatever else its key holds (RFC 9111, 4.4; Documentation/cache.md, "Freshness").
import Foundation
import Testing

extension Scenarios {
  @Suite struct CacheUnsafeMethods {
    /// A program whose keys hold more than the target; the answers are numbered. A POST's says where what it made is.
    private func program(_ policy: String = "headers: [x-a], cookies: [c]", behavior: String = "", location: String = "X: 1", cache: String = "{}", more: String = "", files: [String: String] = [:]) throws -> CacheProgram {
      let count = Watched(0)
      return try CacheProgram(policy: "cacheMode: rfc9111, \(policy)", behavior: behavior, cache: cache, more: more, files: files) { request, connection in
        let number = count.update { $0 += 1; return $0 }
        let status = request.target.hasSuffix("/refused") && request.method != "GET" ? "409 X" : "200 OK"
        try connection.send(answer("\(number)", "Cache-Control: max-age=60", request.method == "GET" ? "X: 1" : location, status: status))
      }
    }
    private static let others = [["X-A: 1"], ["X-A: 2"], ["X-A: 1", "Cookie: c=1"], ["Cookie: c=2; d=3"], ["X: 1"]]

    private func caches(_ program: CacheProgram, _ path: String) throws -> [String] {
      try Self.others.map { fields in
        let lines = fields.map { $0 + "\r\n" }.joined()
        return try program.skerry.viewer().exchange("GET \(path) HTTP/1.1\r\nHost: a.test\r\n\(lines)Connection: close\r\n\r\n").cache
      }
    }

    /// Every stored response for the target, by all values of headers and cookies, and no other target's.
    @Test(arguments: ["POST", "PUT", "DELETE", "PATCH"]) func allHeadersAndCookies(_ method: String) throws {
      let program = try program(), missed = Self.others.map { _ in "Miss" }, hit = Self.others.map { _ in "Hit" }
      for path in ["/a", "/b", "/refused"] { #expect(try caches(program, path) == missed) }
      for path in ["/a", "/b", "/refused"] { #expect(try caches(program, path) == hit) }
      #expect(try program.get("/a", "Content-Length: 0", "X-A: 9", method: method).status == 200)
      #expect(try program.get("/refused", "Content-Length: 0", "X-A: 9", method: method).status == 409)
      #expect(try caches(program, "/a") == missed)
      #expect(try caches(program, "/a") == hit)
      for path in ["/b", "/refused"] { #expect(try caches(program, path) == hit) }
      #expect(try program.skerry.metrics()["skerry_cache_events_total{event=\"target_invalidated\"}"] == 1)
    }

    /// What Location names, of a behavior with another policy.
    @Test func whatItNamesElsewhere() throws {
      let count = Watched(0)
      let program = try CacheProgram(
        policy: "cacheMode: rfc9111",
        more: "  items: { cacheMode: rfc9111, headers: [x-a], queryStrings: all }",
        distribution: "behaviors: [ { path: \"/items/*\", origin: app, allowedMethods: [GET, HEAD], cachePolicy: items } ]"
      ) { request, connection in
        let number = count.update { $0 += 1; return $0 }
        try connection.send(answer("\(number)", "Cache-Control: max-age=60", request.method == "POST" ? "Location: /items/1?b" : "X: 1"))
      }
      for path in ["/items/1?b", "/items/2"] { for value in ["1", "2"] { #expect(try program.get(path, "X-A: \(value)").cache == "Miss") } }
      _ = try program.get("/items", "Content-Length: 0", method: "POST")
      for value in ["1", "2"] {
        #expect(try program.get("/items/1?b", "X-A: \(value)").cache == "Miss")
        #expect(try program.get("/items/2", "X-A: \(value)").cache == "Hit")
      }
    }

    /// OPTIONS has stored responses of its own; a function's choice of the origin is in the key.
    @Test func whateverElseIsInTheKey() throws {
      let code = "import cf from 'cloudfront'; function handler(event) { if (event.request.headers['x-o']) cf.updateRequestOrigin({ originPath: '/' + event.request.headers['x-o'].value }); return event.request; }"
      let program = try program(
        "queryStrings: all", behavior: "cachedMethods: [GET, HEAD, OPTIONS]\nfunctions: { viewer-request: f }",
        more: "functions: { f: { runtime: cloudfront-js-2.0, code: f.js } }", files: ["f.js": code])
      func ask() throws -> [String] {
        [try program.get("/a", "X-O: 1").cache, try program.get("/a", "X-O: 2").cache, try program.get("/a").cache, try program.get("/a", method: "OPTIONS").cache]
      }
      #expect(try ask() == ["Miss", "Miss", "Miss", "Miss"])
      #expect(try ask() == ["Hit", "Hit", "Hit", "Hit"])
      _ = try program.get("/a", "Content-Length: 0", method: "POST")
      #expect(try ask() == ["Miss", "Miss", "Miss", "Miss"])
    }

    /// A fetch that began before the change is not kept after it, whatever is in the key.
    @Test(arguments: ["X-Nothing: 1", "headers: [x-a]", "vary"]) func aFetchUnderWayIsNotKept(_ kind: String) throws {
      let count = Watched(0)
      let program = try CacheProgram(policy: kind.hasPrefix("headers") ? "cacheMode: rfc9111, \(kind)" : "cacheMode: rfc9111") { request, connection in
        let number = count.update { $0 += 1; return $0 }
        if number == 1 { try connection.waitForGo() }
        try connection.send(answer("\(number)", "Cache-Control: max-age=60", kind == "vary" ? "Vary: X-A" : "X: 1"))
      }
      let viewer = try program.skerry.viewer()
      try viewer.send("GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n")
      _ = try program.origin.waitForRequests(1)
      #expect(try program.get("/a", "Content-Length: 0", method: "POST").bodyText == "2")
      program.origin.go()
      #expect(try viewer.readResponse().bodyText == "1")
      #expect(try program.get("/a").bodyText == "3")
      #expect(try program.get("/a").bodyText == "3")
    }

    /// Nor is it when the answer varies by more than those that have been stored meanwhile, and makes a new list of variants: be it a change or
    /// an invalidation by the operator.
    @Test(arguments: ["POST", "admin"]) func aVariantUnderWayIsNotKept(_ how: String) throws {
      let count = Watched(0)
      let program = try CacheProgram(policy: "cacheMode: rfc9111") { request, connection in
        let number = count.update { $0 += 1; return $0 }
        if number == 2 { try connection.waitForGo() }
        try connection.send(answer("\(number)", "Cache-Control: max-age=60", number == 2 ? "Vary: X-A, X-B" : "Vary: X-A"))
      }
      #expect(try program.get("/a", "X-A: 1").bodyText == "1")
      let viewer = try program.skerry.viewer()
      try viewer.send("GET /a HTTP/1.1\r\nHost: a.test\r\nX-A: 2\r\n\r\n")
      _ = try program.origin.waitForRequests(2)
      if how == "POST" { _ = try program.get("/a", "Content-Length: 0", method: "POST") } else { try program.invalidate(#"{"paths": ["/a"]}"#) }
      _ = try program.get("/a", "X-A: 3")
      program.origin.go()
      #expect(try viewer.readResponse().bodyText == "2")
      #expect(try program.get("/a", "X-A: 2").bodyText != "2")
    }

    /// What was changed stays changed for the next process that finds the responses on disk.
    @Test func aRestartBringsNothingBack() throws {
      let place = "/tmp/skerry-disk-\(UUID().uuidString)"
      try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: false)
      defer { try? FileManager.default.removeItem(atPath: place) }
      let program = try program(cache: "{ disk: { path: \(place), size: 64MiB } }")
      _ = try caches(program, "/a") + caches(program, "/b")
      try eventually("the files") { try program.skerry.metrics()["skerry_cache_events_total{event=\"disk_written\"}"] == 10 }
      _ = try program.get("/a", "Content-Length: 0", method: "POST")
      try eventually("what was written down") { FileManager.default.contents(atPath: place + "/editions")?.contains { $0 != 0 } == true }   // a file is made before it is written
      program.skerry.send(signal: 9)
      _ = try program.skerry.waitForExit()
      let next = try Skerry.start(configuration: program.configuration)
      func cache(_ path: String) throws -> String { try next.viewer().exchange("GET \(path) HTTP/1.1\r\nHost: a.test\r\nX-A: 2\r\nConnection: close\r\n\r\n").cache }
      try eventually("the folder's index") { try next.metrics()["skerry_cache_disk_objects"] == 10 }
      #expect(try cache("/b") == "Hit")
      #expect(try cache("/a") == "Miss")
    }
  }
}
