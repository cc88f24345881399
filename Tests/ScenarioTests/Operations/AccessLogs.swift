// The access log in its forms: CloudFront's columns, masks, a sample, syslog; and when it cannot be written (issue 5, point 3).
import Foundation
import Testing

extension Scenarios {
  @Suite struct AccessLogs {
    private func program(_ accessLog: String, fileSizeLimit: Int? = nil, files: [String: String] = [:], more: String = "") throws -> Skerry {
      let origin = try ScriptedOrigin { connection in
        try connection.answerAll { request in
          request.target.hasPrefix("/part")
            ? "HTTP/1.1 206 Partial Content\r\nContent-Type: text/plain; a=b\r\nContent-Range: bytes 2-5/10\r\nContent-Length: 4\r\n\r\nabcd"
            : request.target == "/error" ? "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n" : ok("hello")
        }
      }
      return try startSkerry(before: origin, more: more, accessLog: accessLog, files: files, fileSizeLimit: fileSizeLimit)
    }

    private func records(_ skerry: Skerry, _ count: Int, of file: String = "access.log") throws -> [[String: String]] {
      try eventually("\(count) records") {
        let records = try skerry.columns(of: file)
        return records.count >= count ? records : nil
      }
    }

    // MARK: CloudFront's form

    @Test func cloudFrontsColumns() throws {
      let skerry = try program("{ path: access.log, format: w3c }")
      let viewer = try skerry.viewer()
      let answer = try viewer.exchange(
        "GET /part%20one?q=a%20b&c=\"d\" HTTP/1.1\r\nHost: www.a.test\r\nUser-Agent: A \"b\" (c)\r\nReferer: http://r.test/?x=y z\r\nX-Forwarded-For: 203.0.113.9\r\nCookie: s=1\r\n\r\n")
      _ = try skerry.viewer().exchange("GET / HTTP/1.1\r\n\r\n")
      let text = try eventually("two records") { () -> String? in
        let text = try fileText(skerry.folder.appendingPathComponent("access.log").path)
        return text.split(separator: "\n").count == 4 ? text : nil
      }
      #expect(text.hasPrefix("#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip "))
      let records = try skerry.columns()
      let record = try #require(records.first { $0["sc-status"] == "206" })
      #expect(record.count == 33)
      let expected = [
        "x-edge-location": "SKY50-C1", "c-ip": "127.0.0.1", "cs-method": "GET", "cs(Host)": "e0.cloudfront.net", "cs-uri-stem": "/part%2520one",
        "cs(Referer)": "http://r.test/?x=y%20z", "cs(User-Agent)": "A%20%22b%22%20(c)", "cs-uri-query": "q=a%2520b&c=%22d%22", "cs(Cookie)": "-",
        "x-edge-result-type": "Miss", "x-edge-request-id": answer.fields["x-amz-cf-id"] ?? "", "x-host-header": "www.a.test", "cs-protocol": "http",
        "x-forwarded-for": "203.0.113.9", "ssl-protocol": "-", "ssl-cipher": "-", "x-edge-response-result-type": "Miss", "cs-protocol-version": "HTTP/1.1",
        "fle-status": "-", "fle-encrypted-fields": "-", "x-edge-detailed-result-type": "Miss", "sc-content-type": "text/plain;%20a=b",
        "sc-content-len": "4", "sc-range-start": "2", "sc-range-end": "5",
      ]
      for (name, value) in expected { #expect(record[name] == value, "\(name)") }
      for name in ["sc-bytes", "cs-bytes", "c-port"] { #expect(Int(record[name] ?? "") ?? 0 > 0, "\(name)") }
      let taken = try #require(Double(record["time-taken"] ?? "")), first = try #require(Double(record["time-to-first-byte"] ?? ""))
      #expect(taken >= first && taken < 20 && record["time-taken"]?.contains(".") == true)
      #expect(record["date"]?.wholeMatch(of: /20\d\d-\d\d-\d\d/) != nil && record["time"]?.wholeMatch(of: /\d\d:\d\d:\d\d/) != nil)
      let refused = try #require(records.first { $0["sc-status"] == "400" })
      #expect(refused["cs-method"] == "-" && refused["x-edge-detailed-result-type"] == "InvalidRequest" && refused["cs(Host)"] == "-")
    }

    /// A pipe that nobody reads from is told, not waited for.
    @Test func aPipeWithoutAReader() throws {
      let configuration = Configuration(distributions: [.init(isDefault: true, origin: "http://127.0.0.1:1")], accessLog: "{ path: pipe }")
      #expect { try Skerry.start(configuration: configuration.yaml, prepare: { folder in _ = try Tool.shell("mkfifo $1/pipe", [folder.path]) }) } throws: {
        "\($0)".contains("pipe cannot be opened: No such device or address")
      }
    }

    /// Who leaves before there is an answer has got no status.
    @Test func aViewerThatLeft() throws {
      let origin = try ScriptedOrigin { connection in
        try connection.expectRequest()
        try connection.waitForEnd()
      }
      let skerry = try startSkerry(before: origin, accessLog: "{ path: access.log, format: w3c }")
      var viewer = Optional(try skerry.viewer())
      try viewer?.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
      _ = try origin.waitForRequests(1)
      viewer?.reset()
      viewer = nil
      let record = try records(skerry, 1)[0]
      #expect(record["sc-status"] == "000" && record["sc-bytes"] == "0", "\(record)")
      #expect(record["x-edge-result-type"] == "Error" && record["x-edge-detailed-result-type"] == "ClientHungUpRequest")
      // What was made in vain is not what was sent.
      for column in ["sc-content-type", "sc-content-len", "time-to-first-byte"] { #expect(record[column] == "-", "\(record)") }
    }

    @Test func chosenColumnsInTheirOrder() throws {
      let skerry = try program("{ path: access.log, format: w3c, fields: [sc-status, cs(Cookie), cache-behavior-path-pattern, cs-uri-stem] }")
      _ = try skerry.viewer().exchange("GET /a HTTP/1.1\r\nHost: a.test\r\nCookie: a=b; c=d\r\nCookie: e=f\r\n\r\n")
      _ = try records(skerry, 1)
      #expect(try fileText(skerry.folder.appendingPathComponent("access.log").path) == """
        #Version: 1.0
        #Fields: sc-status cs(Cookie) cache-behavior-path-pattern cs-uri-stem
        200\ta=b;%20c=d;%20e=f\t*\t/a

        """)
    }

    /// A file that was renamed is left, with a signal at once and without one soon; each file begins with its header.
    @Test(arguments: [true, false]) func rotation(withSignal: Bool) throws {
      let skerry = try program("{ path: access.log, format: w3c }")
      let viewer = try skerry.viewer()
      _ = try viewer.exchange("GET /old HTTP/1.1\r\nHost: a.test\r\n\r\n")
      #expect(try records(skerry, 1)[0]["cs-uri-stem"] == "/old")
      let folder = skerry.folder
      try FileManager.default.moveItem(at: folder.appendingPathComponent("access.log"), to: folder.appendingPathComponent("access.log.1"))
      if withSignal {
        skerry.send(signal: SIGUSR1)
        try eventually("the new file") { (try? fileText(folder.appendingPathComponent("access.log").path))?.hasPrefix("#Version: 1.0\n#Fields: ") == true }
      }
      try eventually("a record in the new file") {
        _ = try viewer.exchange("GET /new HTTP/1.1\r\nHost: a.test\r\n\r\n")
        return try !skerry.columns().isEmpty
      }
      #expect(try skerry.columns().allSatisfy { $0["cs-uri-stem"] == "/new" })
      #expect(try skerry.columns(of: "access.log.1").first?["cs-uri-stem"] == "/old")
    }

    // MARK: What stays hidden

    private static let secrets = "GET /a?x=1&token=secret1&y=2 HTTP/1.1\r\nHost: a.test\r\nCookie: a=1; session=secret2\r\n"
      + "Referer: http://r.test/p?token=secret3&z=3\r\nAuthorization: Basic secret4\r\nUser-Agent: secret5\r\nX-Forwarded-For: secret6\r\n\r\n"
    private static let mask = "mask: { cookies: [session], headers: [Authorization, user-agent, x-forwarded-for], query: [token] }"

    @Test func masksInJSON() throws {
      let skerry = try program("{ path: access.log, fields: all, \(Self.mask) }")
      _ = try skerry.viewer().exchange(Self.secrets)
      let line = try skerry.waitForLogLine("of the request") { _ in true }
      #expect(line["query"] == .text("x=1&token=***&y=2"))
      #expect(line["cookie"] == .text("a=1; session=***"))
      #expect(line["referer"] == .text("http://r.test/p?token=***&z=3"))
      #expect(line["userAgent"] == .text("***") && line["xForwardedFor"] == .text("***"))
      #expect(line["contentLength"] == .number(5))
      #expect(try !fileText(skerry.folder.appendingPathComponent("access.log").path).contains("secret"))
    }

    @Test func masksInColumns() throws {
      let skerry = try program("{ path: access.log, format: w3c, includeCookies: true, \(Self.mask) }")
      _ = try skerry.viewer().exchange(Self.secrets)
      let record = try records(skerry, 1)[0]
      #expect(record["cs-uri-query"] == "x=1&token=***&y=2" && record["cs(Cookie)"] == "a=1;%20session=***")
      #expect(record["cs(Referer)"] == "http://r.test/p?token=***&z=3" && record["cs(User-Agent)"] == "***" && record["x-forwarded-for"] == "***")
      #expect(try !fileText(skerry.folder.appendingPathComponent("access.log").path).contains("secret"))
    }

    /// Cookies are not in a log that nobody asked to show them.
    @Test func cookiesOnlyWhenAsked() throws {
      let skerry = try program("{ path: access.log }")
      _ = try skerry.viewer().exchange(Self.secrets)
      let line = try skerry.waitForLogLine("of the request") { _ in true }
      #expect(line["cookie"] == nil && line["contentType"] == nil && line["uri"] == .text("/a"))
      #expect(try !fileText(skerry.folder.appendingPathComponent("access.log").path).contains("secret2"))
    }

    // MARK: A sample

    @Test func aSampleAndEveryFailure() throws {
      let skerry = try program("{ path: access.log, sample: 10%, fields: [status] }")
      let viewer = try skerry.viewer()
      let all = 600
      for _ in 0..<all / 20 { try viewer.send(String(repeating: "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", count: 20)); for _ in 0..<20 { _ = try viewer.readResponse() } }
      for _ in 0..<5 { _ = try skerry.viewer().exchange("GET /error HTTP/1.1\r\nHost: a.test\r\n\r\n") }
      let lines = try eventually("the failures") { () -> [[String: LogValue]]? in
        let lines = try skerry.accessLog()
        return lines.count { $0["status"] == .number(500) } == 5 ? lines : nil
      }
      // 60 of 600 are expected; six standard deviations of 7.3 to each side.
      #expect((16...104).contains(lines.count - 5))
      #expect(try skerry.metrics()["skerry_requests_total"] == Double(all + 5))
    }

    // MARK: Elsewhere

    @Test func syslog() throws {
      let socket = try DatagramSocket()
      let skerry = try program("{ syslog: { address: \"udp://127.0.0.1:\(socket.port)\", facility: daemon, appName: edge }, fields: [uri, status] }")
      _ = try skerry.viewer().exchange("GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n")
      let message = try socket.receive()
      #expect(message.wholeMatch(of: /<30>1 \S+Z \S+ edge \d+ access - \{"uri":"\/a","status":200\}/) != nil, "\(message)")
    }

    @Test func standardError() throws {
      let skerry = try program("{ path: stderr, fields: [uri] }")
      _ = try skerry.viewer().exchange("GET /on-stderr HTTP/1.1\r\nHost: a.test\r\n\r\n")
      try skerry.waitForStandardError(toHold: #"{"uri":"/on-stderr"}"#)
    }

    // MARK: When it cannot be written

    /// A reader that reads nothing: requests are answered as ever, lines are lost, counted and said.
    @Test func aStuckPipe() throws {
      let pipe = FileManager.default.temporaryDirectory.appendingPathComponent("skerry-pipe-\(UUID().uuidString)").path
      unsafe mkfifo(pipe, 0o600)
      defer { unsafe unlink(pipe) }
      let reader = unsafe open(pipe, O_RDWR | O_NONBLOCK)
      defer { close(reader) }
      let skerry = try program("{ path: \(pipe) }")
      let viewer = try skerry.viewer(), before = try skerry.metrics()
      let long = String(repeating: "\\", count: 4_000)   // two bytes each in the log
      let request = "GET / HTTP/1.1\r\nHost: a.test\r\nUser-Agent: \(long)\r\nReferer: \(long)\r\n\r\n"
      try eventually("lines to be dropped", by: .after(.seconds(60))) {
        for _ in 0..<100 { try viewer.send(request) }
        for _ in 0..<100 { #expect(try viewer.readResponse().status == 200) }
        return try skerry.metrics()["skerry_log_lines_dropped_total{log=\"access\"}"] > before["skerry_log_lines_dropped_total{log=\"access\"}"]
      }
      try skerry.waitForStandardError(toHold: "the writer does not keep up")
      #expect(try viewer.exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 200)
      #expect(try skerry.terminate() == .status(0))
    }

    /// A file that may not grow: what waits is written once the operator has made room.
    @Test func aFullDisk() throws {
      let skerry = try program("{ path: access.log, fields: [uri] }", fileSizeLimit: 4)   // 2 KiB
      let viewer = try skerry.viewer(), before = try skerry.metrics()
      let folder = skerry.folder
      for number in 0..<150 { _ = try viewer.exchange("GET /\(number)/of-a-length-that-fills-the-file HTTP/1.1\r\nHost: a.test\r\n\r\n") }
      try skerry.waitForMetric("skerry_log_write_errors_total{log=\"access\"}", by: 2, since: before)
      try skerry.waitForStandardError(toHold: "access.log: cannot write: File too large; trying again")
      #expect(try viewer.exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 200)
      for round in 1..<9 {
        let file = folder.appendingPathComponent("access.log"), done = try skerry.metrics()["skerry_log_lines_written_total{log=\"access\"}"] == 151
        if done { break }
        try FileManager.default.moveItem(at: file, to: folder.appendingPathComponent("access.log.\(round)"))
        skerry.send(signal: SIGUSR1)
        try eventually("a new file that is full, or holds the rest") {
          let written = try skerry.metrics()["skerry_log_lines_written_total{log=\"access\"}"]
          return ((try? fileText(file.path).utf8.count) ?? 0) == 2_048 || written == 151
        }
      }
      #expect(try skerry.metrics()["skerry_log_lines_dropped_total{log=\"access\"}"] == 0)
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasPrefix("access.log") }
      let lines = try names.flatMap { try fileText(folder.appendingPathComponent($0).path).split(separator: "\n") }
      for number in 0..<150 { #expect(lines.contains { $0 == "{\"uri\":\"/\(number)/of-a-length-that-fills-the-file\"}" }, "\(number)") }
      #expect(try skerry.terminate() == .status(0))
    }

    /// Places that cannot be written, by the setting, and the column of what is wrong with it.
    static let unwritable: [(text: String, column: Int, reason: String)] = [
      ("{ path: missing/access.log }", 9, "No such file or directory"), ("{ path: \".\" }", 9, "Is a directory"),
      ("{ path: edge.yaml/log }", 9, "Not a directory"), ("{ path: /proc/none }", 9, "No such file or directory"),
      ("{ syslog: missing.sock }", 11, "No such file or directory"), ("{ syslog: { facility: user, address: missing.sock } }", 11, "No such file or directory"),
    ]

    /// The program does not start, and says why and where.
    @Test(arguments: ["access", "function"], unwritable)
    func anUnwritableLog(name: String, setting: (text: String, column: Int, reason: String)) throws {
      let key = "\(name)Log: "
      do {
        _ = name == "access" ? try program(setting.text) : try program("{ path: access.log }", more: key + setting.text)
        Issue.record("it started")
      } catch let failure as ScenarioFailure {
        let place = try Regex("edge\\.yaml:\\d+:\(key.utf8.count + setting.column): error: the \(name) log .* cannot be opened: \(setting.reason)")
        #expect(failure.description.contains(place), "\(failure)")
      }
    }

    /// A reload with one is refused, with the place, and what serves goes on.
    @Test func anUnwritableLogOfAReload() throws {
      let skerry = try program("{ path: access.log }")
      let before = try fileText(skerry.folder.appendingPathComponent("edge.yaml").path)
      try skerry.write(before.replacing("path: access.log", with: "path: missing/access.log"))
      skerry.send(signal: SIGHUP)
      try skerry.waitForStandardError(toHold: "reload refused: the access log ")
      #expect(skerry.standardError.contains(/edge\.yaml:\d+:\d+: error: the access log .*missing\/access\.log cannot be opened: No such file/), "\(skerry.standardError)")
      #expect(try skerry.viewer().exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 200)
    }
  }
}

/// A UDP socket on a free port.
private final class DatagramSocket {
  private let descriptor: Int32
  let port: UInt16

  init() throws {
    let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    self.descriptor = descriptor
    var address = sockaddr_in(), length = socklen_t(MemoryLayout<sockaddr_in>.size), limit = timeval(tv_sec: 20, tv_usec: 0)
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let bound = unsafe withUnsafeMutablePointer(to: &address) {
      let any = unsafe UnsafeMutableRawPointer($0).assumingMemoryBound(to: sockaddr.self)
      return unsafe bind(descriptor, any, length) == 0 && getsockname(descriptor, any, &length) == 0
    }
    port = UInt16(bigEndian: address.sin_port)
    guard bound else { throw ScenarioFailure("no free UDP port") }
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit { close(descriptor) }

  func receive() throws -> String {
    var bytes = Bytes(repeating: 0, count: 65_536)
    let count = unsafe recv(descriptor, &bytes, bytes.count, 0)
    guard count > 0 else { throw ScenarioFailure("no datagram came") }
    return String(decoding: bytes[..<count], as: UTF8.self)
  }
}
