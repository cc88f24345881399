// What happens to a running program that is nobody's fault in it: files run out, clocks jump, name servers are dead, viewers dawdle by the
// thousand, it is told to end while viewers queue (issue 5, "Bad input" and point 2).
import Foundation
import Testing

extension Scenarios {
  @Suite struct BadDays {
    private func program(
      _ more: String = "", arguments: [String] = ["--workers", "2"], fileLimit: Int? = nil, within: [String] = []
    ) throws -> (Skerry, ScriptedOrigin) {
      let origin = try ScriptedOrigin { try $0.answerAll { ok($0.target) } }
      let configuration = Configuration(distributions: [.init(isDefault: true, origin: origin.url)], more: more)
      return (try Skerry.start(configuration: configuration.yaml, arguments: arguments, fileLimit: fileLimit, within: within), origin)
    }

    private static let request = "GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n"

    // MARK: Descriptors

    /// Accepting rests, which is said and counted; who has come in is served, and who waits comes in when there is room.
    @Test func filesRunOut() throws {
      let (skerry, _) = try program(arguments: ["--workers", "1"], fileLimit: 150)
      let viewers = try (0..<150).map { _ in try skerry.viewer() }
      try skerry.waitForStandardError(toHold: "accepts no connection for a while")
      let before = try skerry.metrics()
      #expect(before["skerry_limits_reached_total{limit=\"descriptors\"}"] > 0)
      #expect(try skerry.admin("/healthz").status == 200)
      // Origins have theirs.
      for viewer in viewers.prefix(5) { #expect(try viewer.exchange(Self.request).status == 200) }
      let last = viewers[149]
      try last.send(Self.request)
      #expect(try skerry.metrics()["skerry_connections_open"] < 150)
      for viewer in viewers.prefix(100) {
        viewer.reset()
        viewer.finishSending()
      }
      #expect(try last.readResponse().status == 200)
      #expect(try skerry.viewer().exchange(Self.request).status == 200)
    }

    // MARK: Slow viewers

    /// A thousand heads that never end are cut at their time, and hold up nobody.
    @Test func aThousandSlowHeads() throws {
      let (skerry, _) = try program("limits: { headerTimeout: 3s, connectionsPerClientAddress: 2000 }")
      let slow = try (0..<1000).map { _ in
        let viewer = try skerry.viewer()
        try viewer.send("GET /slow HTTP/1.1\r\nHost: a.te")
        return viewer
      }
      for _ in 0..<50 { #expect(try skerry.viewer().exchange(Self.request).status == 200) }
      for viewer in slow { #expect(try viewer.readResponse().status == 408) }
      #expect(try skerry.metrics()["skerry_limits_reached_total{limit=\"head_timeout\"}"] == 1000)
      #expect(try skerry.viewer().exchange(Self.request).status == 200)
    }

    // MARK: Clocks

    /// A library that adds to the wall clock what a file says, in seconds.
    private static let clock = """
      #define _GNU_SOURCE
      #include <dlfcn.h>
      #include <stdio.h>
      #include <stdlib.h>
      #include <time.h>
      int clock_gettime(clockid_t clock, struct timespec *time) {
        static int (*real)(clockid_t, struct timespec *);
        if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
        int result = real(clock, time);
        if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE) return result;
        FILE *file = fopen(getenv("CLOCK_FILE"), "r");
        long offset = 0;
        if (file) { if (fscanf(file, "%ld", &offset) != 1) offset = 0; fclose(file); }
        time->tv_sec += offset;
        return result;
      }
      """

    /// Timeouts are counted on a clock that does not jump; dates follow the one that does.
    @Test(arguments: [86_400 * 400, -86_400 * 400]) func theClockJumps(seconds: Int) throws {
      let folder = FileManager.default.temporaryDirectory.appendingPathComponent("clock-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: folder) }
      let source = folder.appendingPathComponent("clock.c").path, library = folder.appendingPathComponent("clock.so").path, file = folder.appendingPathComponent("offset").path
      try Self.clock.write(toFile: source, atomically: false, encoding: .utf8)
      try "0".write(toFile: file, atomically: false, encoding: .utf8)
      let made = try Tool.shell("$(command -v clang || command -v cc) -shared -fPIC -o \"$1\" \"$2\" -ldl", [library, source])
      try #require(made.exit == .status(0), "\(made.text)")
      let (skerry, _) = try program(
        "limits: { keepAliveTimeout: 30s, headerTimeout: 20s }", within: ["/usr/bin/env", "LD_PRELOAD=\(library)", "CLOCK_FILE=\(file)"])
      let idle = try skerry.viewer(), slow = try skerry.viewer()
      let first = try idle.exchange(Self.request)
      #expect(first.fields["date"]?.contains(" \(Calendar.current.component(.year, from: Date())) ") == true)
      try slow.send("GET /slow HTTP/1.1\r\n")
      try "\(seconds)".write(toFile: file, atomically: false, encoding: .utf8)
      let year = Calendar.current.component(.year, from: Date(timeIntervalSinceNow: Double(seconds)))
      try eventually("the date to follow") {
        try skerry.viewer().exchange(Self.request.replacing("/a", with: "/date")).fields["date"]?.contains(" \(year) ") == true
      }
      // Neither the idle nor the slow one has been waiting for a year.
      #expect(try idle.exchange(Self.request).status == 200)
      try slow.send("Host: a.test\r\n\r\n")
      #expect(try slow.readResponse().status == 200)
      let line = try skerry.waitForLogLine("of the other time") { $0["time"]?.description.hasPrefix("\(year)-") == true }
      #expect(line["status"] == .number(200))
      #expect((try? skerry.accessLog().allSatisfy { (Double($0["timeTakenMs"]?.description ?? "") ?? -1) < 20_000 }) == true)
    }

    // MARK: Names

    /// Name servers that do not answer: 502 after `dns.timeout`, while origins that need no name are served.
    @Test(.enabled(if: geteuid() == 0, "needs a /etc/resolv.conf of its own: root")) func theNameServersAreDead() throws {
      let folder = FileManager.default.temporaryDirectory.appendingPathComponent("names-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: folder) }
      let file = folder.appendingPathComponent("resolv.conf").path
      try "nameserver 127.77.0.53\n".write(toFile: file, atomically: false, encoding: .utf8)
      // It takes questions and never answers.
      let silent = try Tool.python("""
        import socket, sys, time
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.77.0.53", 53))
        print("port", 53, file=sys.stderr, flush=True)
        while True: s.recv(4096)
        """, [])
      defer { silent.process.signal(SIGKILL) }
      let origin = try ScriptedOrigin { try $0.answerAll { ok($0.target) } }
      let configuration = Configuration(
        distributions: [.init(isDefault: true, origin: origin.url), .init(hosts: ["named.test"], origin: "http://origin.invalid-name.test:80")],
        more: "limits: { dns: { timeout: 1s } }")
      let mount = ["/usr/bin/unshare", "-m", "/bin/sh", "-c", "mount --bind \(file) /etc/resolv.conf && exec \"$0\" \"$@\""]
      let skerry = try Skerry.start(configuration: configuration.yaml, arguments: ["--workers", "1"], within: mount)
      let waiting = try (0..<20).map { _ in
        let viewer = try skerry.viewer()
        try viewer.send("GET / HTTP/1.1\r\nHost: named.test\r\n\r\n")
        return viewer
      }
      for _ in 0..<20 { #expect(try skerry.viewer().exchange(Self.request).status == 200) }
      for viewer in waiting { #expect(try viewer.readResponse().status == 502) }
      let metrics = try skerry.metrics()
      // They asked together.
      #expect(metrics["skerry_name_lookups_total{outcome=\"timeout\"}"] >= 1 && metrics["skerry_name_lookups_total{outcome=\"collapsed\"}"] > 0)
      #expect(try skerry.viewer().exchange(Self.request).status == 200)
    }

    // MARK: The end

    /// Who has connected when the end is announced is answered, whether accepted or queued, whether its request has come or is coming.
    @Test func nothingQueuedIsRefused() throws {
      let (skerry, _) = try program("shutdownTimeout: 20s")
      // Stopped, it accepts nothing: the system queues.
      skerry.send(signal: SIGSTOP)
      let viewers = try (0..<200).map { number in
        let viewer = try skerry.viewer()
        if number % 2 == 0 { try viewer.send(Self.request) }
        return viewer
      }
      skerry.send(signal: SIGTERM)
      skerry.send(signal: SIGCONT)
      for (number, viewer) in viewers.enumerated() where number % 2 == 1 { try viewer.send(Self.request) }
      for viewer in viewers {
        let response = try viewer.readResponse()
        #expect(response.status == 200)
        // Workers may answer some before the main thread has read the signal; those connections end without having been told.
        if response.fields["connection"] != "close" { #expect(viewer.isClosedSilently()) }
      }
      #expect(try skerry.waitForExit() == .status(0))
    }

    /// The admin address says at once that the end has come, and goes on to say so.
    @Test func healthTurnsAtOnce() throws {
      let origin = try ScriptedOrigin { connection in
        try connection.expectRequest()
        try connection.waitForGo()
        try connection.send(ok("late"))
      }
      let skerry = try Skerry.start(configuration: Configuration(distributions: [.init(isDefault: true, origin: origin.url)], more: "shutdownTimeout: 20s").yaml)
      let busy = try skerry.viewer()
      try busy.send(Self.request)
      _ = try origin.waitForRequests(1)
      skerry.send(signal: SIGTERM)
      try eventually("503") { try skerry.admin("/healthz").status == 503 }
      #expect(try skerry.admin("/metrics").status == 200)
      origin.go()
      #expect(try busy.readResponse().bodyText == "late")
      #expect(try skerry.waitForExit() == .status(0))
    }
  }
}
