// Replacing the program while it serves, and sockets that it is started with (issue 5, point 1): nobody who connects is refused.
import Foundation
import TestTools
import Testing

extension Scenarios {
  @Suite struct Upgrades {
    private func origin() throws -> ScriptedOrigin {
      try ScriptedOrigin { connection in
        while let request = try connection.nextRequest() {
          if request.target == "/slow" { try connection.waitForGo() }
          try connection.send(ok(request.target))
        }
      }
    }

    private func get(_ port: UInt16, _ path: String = "/") throws -> Response {
      try ScriptedViewer(port: port).exchange("GET \(path) HTTP/1.1\r\nHost: a.test\r\n\r\n")
    }

    /// The names of the processes whose child a process is, the nearest first.
    private func processNames(above process: pid_t) throws -> [String] {
      var names: [String] = [], next = process
      while true {
        let fields = try fileText("/proc/\(next)/stat").split(separator: ")").last?.split(separator: " ") ?? []
        next = fields.count > 1 ? pid_t(fields[1]) ?? 0 : 0
        guard next > 0 else { return names }
        names.append(try fileText("/proc/\(next)/comm").trimmingCharacters(in: .newlines))
      }
    }

    /// The process that took over, by what the old one said.
    private func successor(of skerry: Skerry) throws -> pid_t {
      let said = try skerry.process.standardError.wait(for: "the successor") { output in
        output.text.firstMatch(of: /process ([0-9]+) serves; this one drains/).map { String($0.1) }
      }
      return try #require(pid_t(said))
    }

    /// Asks again and again, each time on a new connection, from another thread.
    private final class Asker: Sendable {
      struct Tally: Sendable { var answers = 0, failures: [String] = [], isOver = false, hasEnded = false }
      let tally = Watched(Tally())
      init(_ port: UInt16) {
        startThread { [tally] in
          while !tally.current.isOver {
            do {
              let status = try ScriptedViewer(port: port).exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").status
              if status == 200 { tally.update { $0.answers += 1 } } else { tally.update { $0.failures.append("\(status)") } }
            } catch { tally.update { $0.failures.append("\(error)") } }
          }
          tally.update { $0.hasEnded = true }
        }
      }
      func answers(_ count: Int) throws { try tally.wait(for: "\(count) answers") { $0.answers >= count || !$0.failures.isEmpty ? true : nil } }
      func end() throws -> Tally {
        tally.update { $0.isOver = true }
        return try tally.wait(for: "the asker's end") { $0.hasEnded ? $0 : nil }
      }
    }

    @Test(arguments: [1, 3]) func nobodyIsRefused(workers: Int) throws {
      let origin = try origin()
      let configuration = Configuration(distributions: [.init(isDefault: true, origin: origin.url)], more: "shutdownTimeout: 20s")
      let skerry = try Skerry.start(configuration: configuration.yaml, arguments: ["--workers", "\(workers)"])
      let busy = try skerry.viewer(), idle = try skerry.viewer()
      _ = try idle.exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
      try busy.send("GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n")
      try eventually("the slow request to arrive") { origin.requests.contains { $0.target == "/slow" } }
      let asker = Asker(skerry.port)
      try asker.answers(20)
      skerry.send(signal: SIGUSR2)
      let new = try successor(of: skerry)
      defer { kill(new, SIGKILL) }
      try asker.answers(asker.tally.current.answers + 50)
      // A service manager looks after its own children only: it is nobody's in between, while those who started it are still there.
      let parents = try processNames(above: new)
      #expect(!parents.contains { $0.hasPrefix("skerry") }, "\(parents)")
      // What the old one had begun it ends.
      #expect(idle.isClosedSilently())
      origin.go()
      #expect(try busy.readResponse().bodyText == "/slow")
      #expect(try skerry.waitForExit() == .status(0))
      try asker.answers(asker.tally.current.answers + 50)
      let tally = try asker.end()
      #expect(tally.failures == [])
      // The admin address went along, and speaks for the new one.
      #expect(try skerry.admin("/healthz").status == 200)
      kill(new, SIGTERM)
      try eventually("the new one to end") { kill(new, 0) != 0 }
    }

    @Test func oneUpgradeAfterAnother() throws {
      let origin = try origin()
      let skerry = try Skerry.start(configuration: Configuration(distributions: [.init(isDefault: true, origin: origin.url)]).yaml, arguments: ["--workers", "2"])
      skerry.send(signal: SIGUSR2)
      let second = try successor(of: skerry)
      defer { kill(second, SIGKILL) }
      #expect(try skerry.waitForExit() == .status(0))
      kill(second, SIGUSR2)
      let third = try skerry.process.standardError.wait(for: "the third process") { output in
        output.text.matches(of: /process ([0-9]+) serves; this one drains/).dropFirst().first.flatMap { pid_t(String($0.1)) }
      }
      defer { kill(third, SIGKILL) }
      try eventually("the second to end") { kill(second, 0) != 0 }
      #expect(try get(skerry.port).status == 200)
      kill(third, SIGTERM)
      try eventually("the third to end") { kill(third, 0) != 0 }
    }

    @Test func aNewProcessThatFailsChangesNothing() throws {
      let origin = try origin()
      let configuration = Configuration(distributions: [.init(isDefault: true, origin: origin.url)])
      let skerry = try Skerry.start(configuration: configuration.yaml)
      try skerry.write("nonsense: 1")
      skerry.send(signal: SIGUSR2)
      try skerry.waitForStandardError(toHold: "upgrade failed: ")
      #expect(skerry.standardError.contains("this process goes on serving"))
      #expect(try get(skerry.port).status == 200)
      #expect(skerry.isRunning)
      try skerry.reload(configuration.yaml)
    }

    /// A listener that the new configuration has no more: the old process ends it in order.
    /// What serves is not lost to code that has been broken since; what did not serve before is no reason to stay.
    @Test(arguments: ["cloudfront-js-2.0", "nodejs20.x"]) func aNewProcessLacksNoMoreThanTheOldOne(_ runtime: String) throws {
      let origin = try origin(), isTier = runtime.hasPrefix("nodejs")
      let good = isTier ? "exports.handler = async () => ({ status: '201' });" : "function handler(event) { return { statusCode: 201 } }", file = isTier ? "f/index.js" : "f.js"
      let configuration = Configuration(
        distributions: [.init(isDefault: true, origin: origin.url, behavior: "functions: { viewer-request: f }")], more: "shutdownTimeout: 20s\nfunctions:\n  f: { runtime: \(runtime), code: \(isTier ? "f" : file) }")
      func spoil(_ folder: URL) throws {
        let place = folder.appendingPathComponent(file).path
        if isTier { try FileManager.default.moveItem(atPath: place, toPath: folder.appendingPathComponent("f/other.js").path) } else { try "function handler(".write(toFile: place, atomically: false, encoding: .utf8) }
      }
      let skerry = try Skerry.start(configuration: configuration.yaml, files: [file: good])
      #expect(try get(skerry.port).status == 201)
      try spoil(skerry.folder)
      skerry.send(signal: SIGUSR2)
      try skerry.waitForStandardError(toHold: "upgrade failed: ")
      #expect(skerry.standardError.contains(isTier ? "/f:1:1: error: there is no index.js" : "f.js:1:"))
      #expect(try get(skerry.port).status == 201)
      let broken = try Skerry.start(configuration: configuration.yaml, files: [file: good], prepare: spoil)
      #expect(try get(broken.port).status == 503)
      broken.send(signal: SIGUSR2)
      let new = try successor(of: broken)
      defer { kill(new, SIGKILL) }
      #expect(try get(broken.port).status == 503)
    }

    @Test func aListenerThatIsNotWanted() throws {
      let origin = try origin()
      var configuration = Configuration(distributions: [.init(isDefault: true, origin: origin.url)])
      let spare = try Socket.listening().port
      configuration.listeners.append("address: 127.0.0.1:\(spare)")
      let skerry = try Skerry.start(configuration: configuration.yaml, arguments: ["--workers", "2"])
      #expect(try get(spare).status == 200)
      configuration.listeners.removeLast()
      try skerry.write(configuration.yaml)
      skerry.send(signal: SIGUSR2)
      let new = try successor(of: skerry)
      defer { kill(new, SIGKILL) }
      #expect(try skerry.waitForExit() == .status(0))
      #expect(try get(skerry.port).status == 200)
      #expect(try !isListening(new, at: spare))
    }

    /// systemd's socket activation, and what it is told. With a user of its own, as the packaged unit has it, the process may not bind beside what
    /// root has bound, even if that has SO_REUSEPORT.
    @Test(arguments: geteuid() == 0 ? [false, true] : [false]) func sockets(asAnotherUser: Bool) throws {
      let origin = try origin()
      let held = try Socket.listening()   // a port that is ours; the script below listens there
      let port = held.port
      held.shutDown()
      let yaml = Configuration(distributions: [.init(isDefault: true, origin: origin.url)], listeners: ["address: 127.0.0.1:\(port)"]).yaml
      let folder = FileManager.default.temporaryDirectory.appendingPathComponent("skerry-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: folder) }
      try yaml.write(to: folder.appendingPathComponent("edge.yaml"), atomically: false, encoding: .utf8)
      let script = """
        import os, shutil, socket, sys
        port, binary, folder, user = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
        config, notify = folder + "/edge.yaml", folder + "/n"
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        manager.bind(notify)
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if user:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            binary = shutil.copy(binary, folder + "/program")
        listening.bind(("127.0.0.1", port))
        listening.listen(16)
        stray = socket.socket()
        early = socket.create_connection(("127.0.0.1", port))
        early.sendall(b"GET /early HTTP/1.1\\r\\nHost: a.test\\r\\nConnection: close\\r\\n\\r\\n")
        child = os.fork()
        if child == 0:
            high = [os.dup2(s.fileno(), 50 + i) for i, s in enumerate([listening, stray])]
            for i, fd in enumerate(high): os.dup2(fd, 3 + i)
            for fd in high: os.close(fd)
            os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="2", LISTEN_FDNAMES="web:stray", NOTIFY_SOCKET=notify)
            if user:
                os.chmod(folder, 0o777)
                os.chmod(notify, 0o777)
                os.setgroups([])
                os.setresgid(user, user, user)
                os.setresuid(user, user, user)
            os.execv(binary, [binary, "serve", config, "--workers", "2"])
        print("port", child, file=sys.stderr, flush=True)
        def say(text): print(text.replace("\\n", " "), file=sys.stderr, flush=True)
        while True:
            message = manager.recv(4096).decode()
            say("notified " + message)
            if "READY=1" in message and early:
                say("early " + early.recv(100).decode().split("\\r\\n")[0])
                early = None
            if "STOPPING=1" in message:
                say("exit %d" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
                # The socket is the manager's still: who connects between two runs of the service waits in it.
                late = socket.create_connection(("127.0.0.1", port), timeout=5)
                listening.settimeout(5)
                say("late came from %d" % (listening.accept()[1][1] - late.getsockname()[1]))
                break
        """
      let process = try ChildProcess(
        [Tool.interpreter, "-c", script, "\(port)", try Skerry.binary(), folder.path, asAnotherUser ? "65534" : "0"])
      func hear(_ text: String) throws { try process.standardError.wait(for: text) { $0.text.contains(text) ? true : nil } }
      try hear("notified READY=1")
      // Who had connected before it was there is served.
      try hear("early HTTP/1.1 200 OK")
      try hear("stray, which the service manager gives, is no socket that listens")
      for _ in 0..<4 { #expect(try get(port).status == 200) }
      let child = try #require(process.standardError.current.text.firstMatch(of: /port ([0-9]+)/).flatMap { pid_t(String($0.1)) })
      kill(child, SIGHUP)
      try hear("notified RELOADING=1 MONOTONIC_USEC=")
      try hear("notified READY=1 STATUS=generation 2 serves")
      kill(child, SIGTERM)
      try hear("notified STOPPING=1")
      try hear("exit 0")
      try hear("late came from 0")
    }
  }
}
