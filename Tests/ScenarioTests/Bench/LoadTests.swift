// `skerry bench` against scripted servers and the real proxy (issue 8, point 3).
import Foundation
import JSONText
import Testing

extension Scenarios {
  @Suite struct LoadTests {
    private func bench(_ arguments: String...) throws -> Tool.Command { try Tool.run([Skerry.binary(), "bench"] + arguments) }
    private func json(_ command: Tool.Command) throws -> JSONValue { try JSONValue(parsing: command.text) }

    private static let rules = "/old\t/new\n/docs/*\t/manual/:splat\t302\n/u/:id\thttps://users.test/:id\t308\n^/item/(\\d+)$\t/items/$1\t301\tregex\n/gone\t-\t410\n/app\t/login\t303\t!cookie:session\n"

    @Test(arguments: ["--http1.1", "--http2"]) func everyRuleIsVerified(_ version: String) throws {
      let origin = try ScriptedOrigin { try $0.answerAll { ok("origin \($0.target)") } }
      let skerry = try startSkerry(before: origin, files: ["rules.tsv": Self.rules, "wrong.tsv": Self.rules.replacingOccurrences(of: "/items/$1", with: "/things/$1")]) {
        $0.behavior = "redirects: rules.tsv"
      }
      let url = "http://127.0.0.1:\(skerry.port)", folder = skerry.folder.path
      let good = try bench(url, "--rules", folder + "/rules.tsv", version, "-c", "4", "--json")
      #expect(good.exit == .status(0), "\(good.errors)\(good.text)")
      let report = try json(good)
      #expect(report["rules"]?["asked"]?.double == 6 && report["wrong"]?.double == 0 && report["failed"]?.double == 0)
      let bad = try bench(url, "--rules", folder + "/wrong.tsv", version, "-c", "4")
      #expect(bad.exit == .status(1) && bad.errors == "skerry: 3 answers were wrong\n", "\(bad.errors)")
      #expect(bad.text.contains("wrong.tsv:4: \(url)/item/0 answers 301 to /items/0, not 301 to /things/0"))
    }

    /// Also in a table of few rules, and whatever is told of the warm-up.
    @Test func slowRulesAreListed() throws {
      let origin = try ScriptedOrigin { connection in
        try connection.answerAll { request in
          if request.target == "/late" { Thread.sleep(forTimeInterval: 0.2) }
          return request.target == "/a" || request.target == "/late" ? "HTTP/1.1 301 M\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n" : ok("x")
        }
      }
      let folder = FileManager.default.temporaryDirectory.appendingPathComponent("bench-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: folder) }
      try "/a\t/b\n/late\t/b\n".write(toFile: folder.path + "/rules.tsv", atomically: false, encoding: .utf8)
      let report = try json(try bench(origin.url, "--rules", folder.path + "/rules.tsv", "-c", "1", "--json"))
      #expect(report["rules"]?["slow"]?.array?.compactMap { $0["line"]?.double } == [2])
      let warm = try json(try bench(origin.url, "--rate", "50", "--warmup", "400ms", "--duration", "400ms", "-c", "1", "--json"))
      #expect(warm["requests"]?.double == warm["answers"]?.double && warm["warmUpRequests"]?.double ?? 0 > 0)
      #expect(warm["statuses"]?["200"]?.double == warm["answers"]?.double)
    }

    /// The time of a test goes on when the server does not: a rate that was not held is not told as if it had been.
    @Test func aServerThatStopsAnswering() throws {
      let answered = Watched<Int>(0)
      let origin = try ScriptedOrigin { connection in
        while try connection.nextRequest() != nil {
          if answered.current == 10 { return try connection.waitUntilStopped() }
          answered.update { $0 += 1 }
          try connection.send(ok("x"))
        }
      }
      let command = try bench(origin.url, "--rate", "50", "--duration", "2s", "--timeout", "500ms", "-c", "1", "--json"), report = try json(command)
      #expect(command.exit == .status(1) && report["failed"]?.double ?? 0 > 0, "\(command.text)")
      #expect(report["answersPerSecond"]?.double ?? 50 < 30, "\(report["answersPerSecond"] ?? .null)")
    }

    /// What was followed is told to its end.
    @Test func whatIsWrongAtTheEndOfAWay() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { $0.target == "/a" ? "HTTP/1.1 301 M\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n" : "HTTP/1.1 503 S\r\nContent-Length: 0\r\n\r\n" } }
      let command = try bench(origin.url + "/a", "--follow", "-n", "1", "-c", "1")
      #expect(command.exit == .status(1) && command.text.contains("/a answers 301 to /b, in the end 503, not a status below 500"), "\(command.text)")
      let folder = FileManager.default.temporaryDirectory.appendingPathComponent("bench-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: folder) }
      try "/a\t/b\n".write(toFile: folder.path + "/rules.tsv", atomically: false, encoding: .utf8)
      let rules = try bench(origin.url, "--rules", folder.path + "/rules.tsv", "-c", "1")
      #expect(rules.text.contains("/ax answers 503, not a status below 500"), "\(rules.text)")
      for option in ["--duration", "--timeout"] { #expect(try bench(origin.url, option, "0s").errors.hasPrefix("skerry: \(option) ")) }
    }

    /// Options that do nothing are told.
    @Test(arguments: [["--speed", "2"], ["--country", "DE"], ["--rules", "r.tsv", "--country", "Germany"], ["--diff-ignore", "x"]]) func optionsWithoutTheirs(_ options: [String]) throws {
      let command = try Tool.run([Skerry.binary(), "bench", "http://127.0.0.1:1/"] + options)
      #expect(command.exit == .status(2) && command.errors.hasPrefix("skerry: \(options.count > 2 ? options[2] : options[0]) "), "\(command.errors)")
    }

    /// Latencies of an open loop are those of a queue: this one is simulated with the times that the server really took. A closed loop's, or
    /// those of one that measures from the sending, are far below: nine requests in ten do not see a stall themselves.
    @Test func percentilesAreThoseOfAQueue() throws {
      let taken = Watched<[Double]>([])
      let origin = try ScriptedOrigin { connection in
        var index = 0
        try connection.answerAll { _ in
          let begin = DispatchTime.now().uptimeNanoseconds
          Thread.sleep(forTimeInterval: index % 20 == 19 ? 0.15 : 0.002)
          index += 1
          taken.update { $0.append(Double(DispatchTime.now().uptimeNanoseconds - begin) / 1e6) }
          return ok("x")
        }
      }
      let command = try bench(origin.url, "--rate", "50", "-n", "100", "-c", "1", "--json")
      #expect(command.exit == .status(0), "\(command.errors)")
      let report = try json(command), latency = try #require(report["latency"])
      let late = report["generator"]?["lateness"]?["max"]?.double ?? 0   // a machine that runs all tests at once wakes nobody in time
      var latencies: [Double] = [], free = 0.0
      for (index, service) in taken.current.enumerated() {
        free = max(Double(index) * 20, free) + service
        latencies.append(free - Double(index) * 20)
      }
      latencies.sort()
      for (name, place) in [("p75", 74), ("p90", 89), ("p95", 94), ("p99", 98)] {
        let wanted = latencies[place], got = latency[name]?.double ?? 0
        #expect(got > 0.95 * wanted, "\(name): \(got) ms, in the queue \(wanted) ms")
        #expect(got < 1.05 * wanted + 100 + 5 * late, "\(name): \(got) ms, in the queue \(wanted) ms")
      }
    }

    /// A server that stops answering: what waits has failed, what was due counts, and the test ends.
    @Test func aServerThatFallsSilent() throws {
      let origin = try ScriptedOrigin { connection in
        for _ in 0..<(connection.number == 0 ? 5 : 0) {
          try connection.expectRequest()
          try connection.send(ok("x"))
        }
        try connection.waitUntilStopped()
      }
      let command = try bench(origin.url, "--rate", "20", "--duration", "1500ms", "-c", "1", "--timeout", "300ms", "--json")
      origin.stop()
      #expect(command.exit == .status(1), "\(command.errors)")
      let report = try json(command)
      #expect(report["answers"]?.double == 5 && report["failures"]?.array?.first?["kind"]?.string == "timeout")
      #expect(report["latency"]?["max"]?.double ?? 0 >= 300 && report["latency"]?["count"]?.double == 30)
    }

    @Test func overTLS() throws {
      let certificates = try TestCertificates.common(), origin = try ScriptedOrigin { try $0.answerAll { _ in ok("x") } }
      let skerry = try Skerry.secured(before: origin.url, certificates)
      for version in ["--http1.1", "--http2"] {
        let command = try bench("https://localhost:\(skerry.port)/", "--cacert", certificates.path("ca.pem"), version, "-n", "20", "-c", "2", "--json")
        #expect(command.exit == .status(0), "\(command.errors)")
        #expect(try json(command)["statuses"]?["200"]?.double == 20)
      }
      let stranger = try bench("https://localhost:\(skerry.port)/", "-n", "1", "-c", "1")
      #expect(stranger.exit == .status(1) && stranger.errors.hasPrefix("skerry: localhost:\(skerry.port) cannot be reached: "))
      #expect(try bench("https://localhost:\(skerry.port)/", "--insecure", "-n", "1", "-c", "1").exit == .status(0))
      #expect(try bench("http://127.0.0.1:1/", "--insecure").exit == .status(2))
    }

    @Test(arguments: ["json", "w3c"]) func logsAreReplayed(_ format: String) throws {
      let origin = try ScriptedOrigin { try $0.answerAll { $0.target == "/none" ? "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n" : ok("x") } }
      let skerry = try startSkerry(before: origin, accessLog: "{ path: access.log, format: \(format) }"), viewer = try skerry.viewer()
      for target in ["/a%20b?x=1", "/none", "/a"] { _ = try viewer.exchange("GET \(target) HTTP/1.1\r\nHost: a.test\r\n\r\n") }
      let log = skerry.folder.path + "/access.log"
      _ = try eventually("three lines") { try fileText(log).split(separator: "\n").count { !$0.hasPrefix("#") } == 3 ? true : nil }
      let other = try ScriptedOrigin { try $0.answerAll { _ in ok("y") } }
      let command = try bench(other.url, "--replay", log, "--speed", "100", "-c", "1", "--json")
      #expect(command.exit == .status(0), "\(command.errors)")
      #expect(other.requests.map(\.target).sorted() == ["/a", "/a%20b?x=1", "/none"] && other.requests.allSatisfy { $0.fields["host"] == "a.test" })
      #expect(try json(command)["changedStatuses"]?["404 → 200"]?.double == 1)
      // Of a log that knows no statuses none has changed.
      let short = skerry.folder.path + "/short.log"
      try "#Fields: date time cs-method cs-uri-stem\n2026-11-21\t10:00:00\tGET\t/a\n".write(toFile: short, atomically: false, encoding: .utf8)
      #expect(try json(bench(other.url, "--replay", short, "-c", "1", "--json"))["changedStatuses"] == nil)
    }

    @Test func redirectsAreFollowed() throws {
      let origin = try ScriptedOrigin { connection in
        try connection.answerAll { request in
          var next = ["/a": "/b", "/b": "c?x", "/loop": "/loop", "/away": "http://other.test/"][request.target]
          if request.target.hasPrefix("/n"), let number = Int(request.target.dropFirst(2)), number < 20 { next = "/n\(number + 1)" }
          return next.map { "HTTP/1.1 302 F\r\nLocation: \($0)\r\nContent-Length: 0\r\n\r\n" } ?? ok("end")
        }
      }
      let command = try bench(origin.url + "/a", "--follow", "--expect", "200", "-n", "3", "-c", "1", "--json")
      #expect(command.exit == .status(0), "\(command.errors)")
      #expect(try json(command)["hops"]?.array?.compactMap(\.double).prefix(3) == [0, 0, 3])
      #expect(origin.requests.map(\.target).prefix(3) == ["/a", "/b", "/c?x"])
      let longest = try bench(origin.url + "/n0", "--follow", "--expect", "200", "-n", "1", "-c", "1", "--json")
      #expect(try longest.exit == .status(0) && json(longest)["hops"]?.array?.last?.double == 1, "\(longest.errors)")
      // Another host's answer is nobody's business here.
      let away = try bench(origin.url + "/away", "--follow", "--expect", "302", "-n", "1", "-c", "1", "--json")
      #expect(try away.exit == .status(0) && json(away)["hops"]?.array?.first?.double == 1, "\(away.errors)")
      let loop = try bench(origin.url + "/loop", "--follow", "-n", "1", "-c", "1")
      #expect(loop.exit == .status(1) && loop.text.contains("too many redirects: 1"))
    }

    @Test func twoTargetsAreCompared() throws {
      func origin(_ place: String) throws -> ScriptedOrigin {
        try ScriptedOrigin { try $0.answerAll { request in
          request.target == "/old" ? "HTTP/1.1 301 M\r\nLocation: \(place)\r\nDate: \(place)\r\nContent-Length: 0\r\n\r\n" : ok("same")
        } }
      }
      let first = try origin("/new"), second = try origin("/other"), same = try origin("/new")
      let folder = FileManager.default.temporaryDirectory.appendingPathComponent("bench-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: folder) }
      let rules = folder.path + "/rules.tsv"
      try "# from\tto\n/old\t/new\n".write(toFile: rules, atomically: false, encoding: .utf8)
      let command = try bench(first.url, "--diff", second.url, "--rules", rules, "-c", "1", "--json")
      #expect(command.exit == .status(1) && command.errors == "skerry: 3 answers differ\n", "\(command.errors)")
      #expect(try json(command)["other"]?["latency"]?["count"]?.double == json(command)["other"]?["compared"]?.double)
      let difference = try #require(try json(command)["other"]?["differences"]?.array?.first)
      #expect(difference["line"]?.double == 2 && difference["part"]?.string == "location" && difference["first"]?.string == "/new" && difference["second"]?.string == "/other")
      #expect(try bench(first.url, "--diff", same.url, "--rules", rules, "-c", "1").exit == .status(0))
    }

    /// A connection that the server closes after an answer, with or without saying so, costs no request.
    @Test(arguments: ["Connection: close\r\n", ""]) func connectionsThatEnd(_ field: String) throws {
      let origin = try ScriptedOrigin { connection in
        try connection.expectRequest()
        try connection.send(ok("x", fields: field))
      }
      let command = try bench(origin.url, "-n", "5", "-c", "1", "--json")
      #expect(command.exit == .status(0), "\(command.errors)\(command.text)")
      #expect(try json(command)["connectionsMade"]?.double == 5)
    }

    @Test func whatIsSaidOfBadUsage() throws {
      let cases: [(arguments: [String], status: Int32, sentence: String)] = [
        (["http://8.8.8.8/"], 2, "skerry: 8.8.8.8 (8.8.8.8) is neither this machine nor a private address; --yes-i-own-this says that it may be loaded\n"),
        (["http://127.0.0.1:1/", "-c", "1"], 1, "skerry: 127.0.0.1:1 cannot be reached: Connection refused\n"),
        (["ftp://x"], 2, "skerry: ftp://x is no http:// or https:// URL\n"),
        (["http://127.0.0.1/", "--rules", "/nope"], 2, "skerry: /nope cannot be read: there is no such file\n"),
        (["http://127.0.0.1/", "--duration", "soon"], 2, "skerry: --duration takes a time such as 10s, 500ms or 2m, of a day at most, not \"soon\"\n"),
        ([], 2, "skerry: name what is to be loaded, such as http://127.0.0.1:8080/, or two reports with --compare\n"),
      ]
      for (arguments, status, sentence) in cases {
        let command = try Tool.run([Skerry.binary(), "bench"] + arguments)
        #expect(command.exit == .status(status) && command.errors == sentence, "\(arguments): \(command.errors)")
      }
    }
  }
}
