// The service manager's watchdog (WatchdogSec=): signs of life while every worker's loop turns, and none while one does not (issue 5, operations.md).
import Foundation
import Testing

extension Scenarios {
  @Suite struct Watchdog {
    /// What the manager and the script have in common: a socket that tells who speaks, and a child that was told of it.
    private static let manager = """
      import ctypes, os, signal, socket, struct, subprocess, sys
      binary, folder, port, watcher = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
      notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
      notify.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
      notify.bind(folder + "/n")
      notify.settimeout(60)
      def hear():
          text, extra, _, _ = notify.recvmsg(4096, 1024)
          return text.decode(), struct.unpack("iii", extra[0][2][:12])[0]
      def wait_for(text, process=None):
          while True:
              said, speaker = hear()
              if text in said.split("\\n") and process in (None, speaker): return said, speaker
      def threads(process):
          names = {open(f"/proc/{process}/task/{t}/comm").read().strip(): int(t) for t in os.listdir(f"/proc/{process}/task")}
          return names
      def say(text): print(text, file=sys.stderr, flush=True)
      def begin():
          variables = dict(os.environ, NOTIFY_SOCKET=folder + "/n", WATCHDOG_USEC="1000000")
          # What stands before "serve" runs in the child, so that it knows its number.
          own = f"WATCHDOG_PID={watcher}" if watcher else "WATCHDOG_PID=$$"
          return subprocess.Popen(["/bin/sh", "-c", f'{own} exec "{binary}" serve "{folder}/edge.yaml" --workers 2'], env=variables, stderr=subprocess.PIPE, text=True)
      child = begin()
      wait_for("READY=1")
      """

    /// Starts a program under a script that plays the manager.
    private func play(_ script: String, watcher: String = "") throws -> (output: String, exit: ChildProcess.Exit) {
      let origin = try ScriptedOrigin { _ in }
      let held = try Socket.listening()
      let port = held.port
      held.shutDown()
      let yaml = Configuration(distributions: [.init(isDefault: true, origin: origin.url)], accessLog: "off").yaml
        .replacing("admin:\n  address: 127.0.0.1:0", with: "admin:\n  address: 127.0.0.1:\(port)")
      let folder = FileManager.default.temporaryDirectory.appendingPathComponent("skerry-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: folder) }
      try yaml.write(to: folder.appendingPathComponent("edge.yaml"), atomically: false, encoding: .utf8)
      let process = try ChildProcess([Tool.interpreter, "-c", Self.manager + "\n" + script, try Skerry.binary(), folder.path, "\(port)", watcher])
      let exit = try process.waitForExit()
      let output = try process.standardError.wait(for: "the script's last words") { $0.ended ? $0.text : nil }
      return (output, exit)
    }

    @Test func signsOfLifeOverReloadsAndUpgrades() throws {
      let played = try play(
        """
        for _ in range(2): wait_for("WATCHDOG=1", child.pid)
        child.send_signal(signal.SIGHUP)
        wait_for("STATUS=generation 2 serves", child.pid)
        wait_for("WATCHDOG=1", child.pid)
        child.send_signal(signal.SIGUSR2)
        while True:
            said, speaker = hear()
            if said.startswith("MAINPID="): break
        # Up to here the manager has listened to the old process only, and takes no word of it from here on.
        say("with the change: " + " ".join(said.split("\\n")[1:2] + ["WATCHDOG=1"] if "WATCHDOG=1" in said.split("\\n") else ["no sign"]))
        new = int(said.split("\\n")[0].split("=")[1])
        speakers = [wait_for("WATCHDOG=1")[1] for _ in range(3)]
        say("afterwards: " + " ".join("new" if s == new else "old" if s == child.pid else str(s) for s in speakers))
        os.kill(new, signal.SIGTERM)
        wait_for("STOPPING=1", new)
        say("old one: %d" % child.wait())
        """)
      #expect(played.exit == .status(0))
      #expect(played.output.contains("with the change: READY=1 WATCHDOG=1"), "\(played.output)")
      #expect(played.output.contains("afterwards: new new new"), "\(played.output)")
      #expect(played.output.contains("old one: 0"), "\(played.output)")
    }

    /// One worker's thread is stopped, as a debugger does it: the others serve, and there is no sign of life until it goes on.
    @Test func aWorkerThatStands() throws {
      let played = try play(
        """
        wait_for("WATCHDOG=1", child.pid)
        libc = ctypes.CDLL(None, use_errno=True)
        libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
        def trace(request, thread):
            if libc.ptrace(request, thread, None, None) != 0: raise OSError(ctypes.get_errno(), "ptrace")
        worker, watchdog = threads(child.pid)["worker 1"], threads(child.pid)["watchdog"]
        trace(0x4206, worker)   # PTRACE_SEIZE
        trace(0x4207, worker)   # PTRACE_INTERRUPT
        os.waitpid(worker, 0x40000000)   # __WALL
        def hear_error(text):
            for line in child.stderr:
                say(line.rstrip())
                if text in line: return
        hear_error("worker 1 has not turned for 1000 ms")
        notify.setblocking(False)
        while True:   # what had been said before
            try: hear()
            except BlockingIOError: break
        def looks():
            lines = open(f"/proc/{child.pid}/task/{watchdog}/status").read().splitlines()
            return int([l for l in lines if l.startswith("voluntary_ctxt_switches")][0].split()[1])
        begun = looks()
        while looks() < begun + 3: os.sched_yield()
        try: say("meanwhile: " + hear()[0])
        except BlockingIOError: say("meanwhile: silence")
        notify.settimeout(60)
        trace(17, worker)   # PTRACE_DETACH
        hear_error("worker 1 turns again")
        wait_for("WATCHDOG=1", child.pid)
        say("and again")
        asked = socket.create_connection(("127.0.0.1", port))
        asked.sendall(b"GET /metrics HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\nConnection: close\\r\\n\\r\\n")
        page = b"".join(iter(lambda: asked.recv(65536), b"")).decode()
        say([l for l in page.splitlines() if l.startswith('skerry_limits_reached_total{limit="watchdog"}')][0])
        child.send_signal(signal.SIGTERM)
        rest = child.stderr.read()
        say("ended: %d" % child.wait())
        """)
      #expect(played.exit == .status(0))
      #expect(played.output.contains("meanwhile: silence"), "\(played.output)")
      #expect(played.output.contains("and again"), "\(played.output)")
      #expect(played.output.split(separator: "\n").count { $0.contains("worker 1 has not turned") } == 1, "\(played.output)")
      #expect(played.output.contains(/limit="watchdog"} [1-9]/), "\(played.output)")
      #expect(played.output.contains("ended: 0"), "\(played.output)")
    }

    /// The variables of a manager are not meant for whom it has not started.
    @Test func nobodyAsked() throws {
      let played = try play(
        """
        say("watchdog" if "watchdog" in threads(child.pid) else "none")
        child.send_signal(signal.SIGTERM)
        child.stderr.read()
        child.wait()
        """, watcher: "1")
      #expect(played.output.contains("none"), "\(played.output)")
    }
  }
}
