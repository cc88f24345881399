// Sandboxes of somebody else, and in other surroundings: an ordinary user, a container without user namespaces or with a masked /proc, a network
// with a world behind it. Each in a process of its own (Tests/sandbox-probe), made so by the system's tools.
import Foundation
import TestTools
import Testing

// One after the other: several take a user, or the machine, to its limits.
@Suite(.serialized, .runsPrograms, .enabled(if: geteuid() == 0, "only root can be everybody")) struct ElsewhereTests {
  static let world = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("World").path
  static let asNobody = somebody(65534)
  /// A user of a test's own: the kernel counts processes by user, whoever's sandbox they are in.
  private static func somebody(_ user: Int) -> [String] { ["/usr/bin/setpriv", "--reuid=\(user)", "--regid=65534", "--clear-groups"] }

  /// Runs the probe below `surroundings`; its lines.
  private func probe(_ surroundings: [String], _ words: [String], shown: [String: String] = [:]) throws -> [String] {
    let folder = "/tmp/skerry-elsewhere-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder + "/shown", withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for (name, text) in shown { try text.write(toFile: "\(folder)/shown/\(name)", atomically: false, encoding: .utf8) }
    // Where tests are built need not be where everybody may go.
    let program = folder + "/probe", built = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent().path
    // Not copied by this process: one that another test starts meanwhile would hold the file open to write, and it could not be executed.
    #expect(try wait(spawn(["/bin/cp", built + "/sandbox-probe", program])) == 0)
    let status = try wait(spawn(["/usr/bin/env", "TMP_RESOLVER=\(folder)/resolver"] + surroundings + [program, folder + "/shown"] + words, output: .file(folder + "/out"), errors: .file(folder + "/errors")))
    let errors = (try? String(contentsOfFile: folder + "/errors", encoding: .utf8)) ?? ""
    #expect(status == 0, "\(errors)")
    return try String(contentsOfFile: folder + "/out", encoding: .utf8).split(separator: "\n").map(String.init)
  }

  private func wait(_ child: pid_t) -> Int32 {
    var status: Int32 = -1
    unsafe waitpid(child, &status, 0)
    return status
  }

  /// A proxy that is killed takes everything with it.
  @Test func nothingIsLeftOfAKilledProxy() throws {
    let built = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent().path
    let mark = "\(getpid())\(UInt16.random(in: 0...9999))"
    let child = try spawn([built + "/sandbox-probe", "/tmp", "--", "/bin/sh", "-c", "setsid sleep \(mark) & exec sleep \(mark)"])
    func sleepers() throws -> Int {
      try FileManager.default.contentsOfDirectory(atPath: "/proc").count {
        (try? Data(contentsOf: URL(fileURLWithPath: "/proc/\($0)/cmdline"))).map { $0.elementsEqual("sleep\u{0}\(mark)\u{0}".utf8) } ?? false
      }
    }
    let deadline = ContinuousClock.now + .seconds(20)
    while try sleepers() < 2, ContinuousClock.now < deadline { usleep(5000) }
    #expect(try sleepers() == 2)
    kill(child, SIGKILL)
    _ = wait(child)
    while try sleepers() > 0, ContinuousClock.now < deadline { usleep(5000) }
    #expect(try sleepers() == 0)
  }

  /// Where no epoll watch is left for what starts sandboxes, they begin, are limited and end all the same.
  @Test(.enabled(if: compiler != nil, "no C compiler on the PATH"), arguments: [[], asNobody]) func withoutWatches(_ user: [String]) throws {
    let folder = "/tmp/skerry-deaf-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(try wait(spawn([Self.compiler ?? "", "-shared", "-fPIC", "-o", folder + "/deaf.so", Self.world + "/deaf.c", "-ldl"])) == 0)
    let deaf = user + ["/usr/bin/env", "LD_PRELOAD=\(folder)/deaf.so"]
    #expect(try Array(probe(deaf, ["--", "/bin/echo", "hello"]).dropFirst()) == ["output: hello", "end: exited(status: 0)"])
    #expect(try probe(deaf, ["memory=64", "--", "/usr/bin/python3", "-SE", "-c", "x = b'y' * 200000000; print(len(x))"]).last == "end: outOfMemory")
  }
  private static let compiler = ["clang", "cc"].lazy.compactMap { name in
    (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map { "\($0)/\(name)" }.first(where: FileManager.default.isExecutableFile)
  }.first

  /// Of what the kernel gives a user only a few of, nothing is taken from those who share the user: the proxy, and other functions.
  @Test func anOrdinaryUsersCounts() throws {
    let words = ["--", "/usr/bin/python3", "-S", "-E", "-c", "import ctypes; c = ctypes.CDLL(None, use_errno=True); print(c.inotify_init1(0) >= 0, c.inotify_init() >= 0, ctypes.get_errno())"]
    #expect(try probe(Self.somebody(64_110), words).contains("output: False False 1"))
    #expect(try probe([], words).contains("output: True True 0"))
    // Timers: the kernel counts those of all namespaces that a user has made.
    let timers = ["--", "/usr/bin/python3", "-S", "-E", "-c", "import ctypes; c = ctypes.CDLL(None); print(sum(c.timer_create(1, None, ctypes.byref(ctypes.c_void_p())) == 0 for _ in range(3000)))"]
    #expect(try probe(["/usr/bin/prlimit", "--sigpending=3000:3000"] + Self.somebody(64_111), timers).contains("output: 1500"))
    // (Sandboxes of other tests' spawners may have the same user for a while.)
    #expect(try inOneOfAFewTries { try probe([], timers).contains("output: 1024") })
    // Descriptors on their way through sockets count for the user: those of one sandbox are not as many as what starts sandboxes may have.
    let descriptors = ["--", "/usr/bin/python3", "-S", "-E", "-c", "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE))"]
    #expect(try probe(["/usr/bin/prlimit", "--nofile=1024:1024"] + Self.somebody(64_112), descriptors).contains("output: (512, 512)"))
    #expect(try probe(Self.somebody(64_112), descriptors).contains("output: (1024, 1024)"))
  }

  /// Who holds very many epoll watches in whatever processes and threads is found when there are none left; others are left alone, and who has a user
  /// of its own takes none from anybody.
  @Test(arguments: [(300, 1, "outOfWatches"), (150, 4, "outOfWatches"), (100, 4, "killed")]) func whoHoldsTheWatches(_ count: Int, _ processes: Int, _ end: String) throws {
    let program = """
      import os, select, sys, threading, time
      up, say = os.pipe()
      def take():
          events = [os.eventfd(0) for _ in range(\(count))]
          watching = [select.epoll() for _ in range(\(count))]
          for one in watching:
              for event in events: one.register(event, 0)
          os.write(say, b"u")
          time.sleep(60)
      for _ in range(\(processes)):
          if os.fork() == 0: take()
      for _ in range(\(processes)): os.read(up, 1)
      print("up", flush=True)
      time.sleep(60)
      """
    #expect(try probe(Self.somebody(64_000 + count), ["watchers", "--", "/usr/bin/python3", "-S", "-E", "-c", program]).last == "end: \(end)")
    #expect(try probe([], ["watchers", "--", "/usr/bin/python3", "-S", "-E", "-c", program]).last == "end: killed")
  }

  @Test func anOrdinaryUser() throws {
    let lines = try probe(Self.somebody(64_101), ["api", "processes=20", "--", "/bin/sh", "-c", "id -u; cat /var/task/word; ulimit -u 2>/dev/null || ulimit -p"], shown: ["word": "hello\n"])
    #expect(lines.first?.contains("all as this user") == true)
    #expect(Array(lines.dropFirst()) == ["output: 993", "output: hello", "output: 21", "listener: there", "end: exited(status: 0)"])
  }

  /// As below a service manager that allows ports below 1024 (Packaging/skerry.service): bubblewrap would end, and functions have nothing of it.
  @Test func aUserWithACapability() throws {
    let user = Self.somebody(64_104) + ["--inh-caps=+net_bind_service", "--ambient-caps=+net_bind_service"]
    let lines = try probe(user, ["--", "/bin/sh", "-c", "grep -c 'Cap[A-Z][a-z]*:.0*$' /proc/self/status"])
    #expect(Array(lines.dropFirst()) == ["output: 5", "end: exited(status: 0)"], "\(lines)")
  }

  @Test func anOrdinaryUsersForkBomb() throws {
    let program = try String(contentsOfFile: EscapeTests.folder + "/forks.py", encoding: .utf8)
    #expect(try probe(Self.somebody(64_102), ["processes=64", "--", "/usr/bin/python3", "-SE", "/var/task/forks.py"], shown: ["forks.py": program]).suffix(2) == ["output: contained", "end: exited(status: 0)"])
  }

  @Test func anOrdinaryUsersMemory() throws {
    let program = MemoryTests.allocate + "if os.fork() == 0: allocate(400)\ntime.sleep(20)"
    #expect(try probe(Self.somebody(64_103), ["--", "/usr/bin/python3", "-SE", "/var/task/a.py"], shown: ["a.py": program]).last == "end: outOfMemory")
  }

  /// As in a container whose runtime allows none.
  @Test func withoutUserNamespaces() throws {
    let container = ["/usr/bin/bwrap", "--unshare-user", "--disable-userns", "--uid", "1000", "--dev-bind", "/", "/"]
    let lines = try probe(container, ["--", "/usr/bin/true"])
    #expect(lines.count == 1)
    #expect(lines.first?.contains("no sandboxes: bwrap:") == true)
    #expect(lines.first?.contains("user namespaces are not allowed here") == true)
  }

  /// As in systemd's unit without the drop-in for functions (ProcSubset=pid).
  @Test func withoutTheSystemsPartOfProc() throws {
    let lines = try probe(["/usr/bin/bwrap", "--unshare-user", "--uid", "1000", "--dev-bind", "/", "/", "--tmpfs", "/proc/sys"], ["--", "/usr/bin/true"])
    #expect(lines.count == 1 && lines.first?.contains("no sandboxes: bwrap:") == true && lines.first?.contains("skerry-functions.conf") == true, "\(lines)")
  }

  /// As in a container with parts of /proc hidden: the kernel allows no other.
  @Test func withAMaskedProc() throws {
    let container = ["/usr/bin/bwrap", "--unshare-user", "--uid", "1000", "--dev-bind", "/", "/", "--ro-bind", "/dev/null", "/proc/keys"]
    let lines = try probe(container, ["--", "/bin/sh", "-c", "ls /proc 2>&1 | wc -l; echo done"])
    #expect(lines.first?.contains("no /proc inside") == true)
    #expect(Array(lines.dropFirst()) == ["output: 1", "output: done", "end: exited(status: 0)"])
  }

  /// Public addresses and the resolver; not this machine, its neighbours, or metadata.
  @Test(arguments: [[], asNobody]) func outbound(_ user: [String]) throws {
    let program = try String(contentsOfFile: Self.world + "/reaches.py", encoding: .utf8)
    let lines = try probe(
      ["/usr/bin/unshare", "-n", "-m", Self.world + "/run"] + user, ["network=outbound", "--", "/usr/bin/python3", "-SE", "/var/task/reaches.py"], shown: ["reaches.py": program])
    #expect(Array(lines.dropFirst()) == ["output: reached 203.0.113.80", "output: reached 198.51.100.1", "output: resolver names", "end: exited(status: 0)"])
  }

  /// The same for who names the interface, and so goes around routes: nothing that a plain connection does not reach.
  @Test(arguments: [[], asNobody]) func outboundByTheInterface(_ user: [String]) throws {
    let program = try String(contentsOfFile: Self.world + "/sneaks.py", encoding: .utf8)
    let lines = try probe(
      ["/usr/bin/unshare", "-n", "-m", Self.world + "/run"] + user, ["network=outbound", "--", "/usr/bin/python3", "-SE", "/var/task/sneaks.py"], shown: ["sneaks.py": program])
    let isPublic = lines.filter { $0.contains(" reached 203.0.113.80: ") }, isResolver = lines.filter { $0.contains(" reached 198.18.0.1: names") }
    #expect(isPublic.count == 6 && isResolver.count == 2 && lines.count == 1 + 6 + 2 + 1, "\(lines.joined(separator: "\n"))")
  }

  // MARK: Control groups

  /// Mounts of its own, without some of the hierarchies.
  private static func without(_ hierarchies: String) -> [String] {
    ["/usr/bin/unshare", "-m", "/bin/sh", "-c", "for one in \(hierarchies); do umount /sys/fs/cgroup/$one || exit 1; done; exec \"$@\"", "sh"]
  }
  static let ticking = ["--", "/usr/bin/python3", "-SEu", "-c", "import time\nwhile True: time.sleep(0.005); print('tick')"]
  static let hasGroups = ["/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory/cgroup.procs"].contains(where: FileManager.default.fileExists)
  static let hasBoth = ["/sys/fs/cgroup/unified/cgroup.procs", "/sys/fs/cgroup/freezer/cgroup.procs", "/sys/fs/cgroup/memory/cgroup.procs"].allSatisfy(FileManager.default.fileExists)

  /// By version 2, by version 1's freezer, and not at all: what is frozen does not run, and is killed all the same.
  @Test(.enabled(if: hasBoth, "not both versions of cgroups here"), arguments: [
    ("", nil), ("unified", nil), ("memory cpu pids freezer", "cgroup v2 without the controllers memory, cpu, pids"),
    ("unified freezer", "idle ones go on running (no cgroup of ours to freeze)"),
  ])
  func frozen(_ hierarchies: String, _ said: String?) throws {
    let lines = try probe(hierarchies.isEmpty ? [] : Self.without(hierarchies), ["freeze"] + Self.ticking), mayFreeze = hierarchies != "unified freezer"
    let report = lines.first ?? ""
    #expect(said.map { report.contains($0) } ?? (!report.contains("go on running") && !report.contains("without the controllers")), "\(report)")
    #expect(report.contains(hierarchies.contains("memory") ? "memory limits approximate" : "memory limits exact (cgroup v1)"), "\(report)")
    #expect(Array(lines.dropFirst()) == ["runs: true", "frozen: \(mayFreeze)", "thawed: true", "end: killed"])
  }

  /// A proxy and its helpers that are killed leave nothing, frozen or not.
  @Test(.enabled(if: hasBoth, "not both versions of cgroups here"), arguments: ["", "unified"]) func nothingFrozenIsLeft(_ hierarchies: String) throws {
    let built = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent().path
    let mark = "mark\(getpid())\(UInt16.random(in: 0...9999))", surroundings = hierarchies.isEmpty ? [] : Self.without(hierarchies)
    let program = ["--", "/bin/sh", "-c", "while true; do sleep 0.01; echo tick; done", mark]
    let child = try spawn(surroundings + [built + "/sandbox-probe", "/tmp", "freeze", "linger"] + program, output: .file("/tmp/skerry-\(mark)"))
    defer { unsafe unlink("/tmp/skerry-\(mark)") }
    func left() throws -> Int {
      try FileManager.default.contentsOfDirectory(atPath: "/proc").count { process in
        guard let words = try? Data(contentsOf: URL(fileURLWithPath: "/proc/\(process)/cmdline")) else { return false }
        return String(decoding: words, as: UTF8.self).hasPrefix("/bin/sh") && String(decoding: words, as: UTF8.self).contains("tick") && String(decoding: words, as: UTF8.self).hasSuffix("\(mark)\0")
      }
    }
    let deadline = ContinuousClock.now + .seconds(20)
    while !((try? String(contentsOfFile: "/tmp/skerry-\(mark)", encoding: .utf8)) ?? "").contains("thawed"), ContinuousClock.now < deadline { usleep(5000) }
    usleep(150_000)
    #expect(try left() > 0)
    kill(child, SIGKILL)
    _ = wait(child)
    while try left() > 0, ContinuousClock.now < deadline { usleep(5000) }
    #expect(try left() == 0)
  }

  /// Of a spawner that is killed no group of a sandbox stays until the next one begins: it would be met by a later one, frozen as it is. Of a proxy
  /// that is killed none at all.
  @Test(.enabled(if: hasGroups, "no cgroups here"), arguments: ["spawner", "proxy"]) func groupsOfWhoIsKilled(_ killed: String) throws {
    let built = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent().path
    let out = "/tmp/skerry-groups-\(UUID().uuidString)", deadline = ContinuousClock.now + .seconds(60)
    let program = ["--", "/usr/bin/python3", "-SEu", "-c", "import time\nmuch = [b'x' * (1 << 20) for _ in range(300)]\nwhile True: time.sleep(0.01); print('tick')"]
    let child = try spawn([built + "/sandbox-probe", "/tmp", "memory=600", "freeze", "linger"] + program, output: .file(out))
    defer {
      kill(child, SIGKILL)
      _ = wait(child)
      unsafe unlink(out)
    }
    func own(_ name: String, of parent: pid_t) -> pid_t? {
      let children = ((try? String(contentsOfFile: "/proc/\(parent)/task/\(parent)/children", encoding: .utf8)) ?? "").split(separator: " ").compactMap { pid_t($0) }
      return children.first { (try? String(contentsOfFile: "/proc/\($0)/comm", encoding: .utf8))?.hasPrefix(name) == true }
    }
    func groups(_ guardian: pid_t) throws -> [String] {
      #expect(try wait(spawn(["/usr/bin/find", "/sys/fs/cgroup", "-path", "*/skerry-\(guardian)*", "-type", "d"], output: .file(out + "-found"), errors: .file("/dev/null"))) >= 0)
      defer { unsafe unlink(out + "-found") }
      return try String(contentsOfFile: out + "-found", encoding: .utf8).split(separator: "\n").map(String.init)
    }
    while !((try? String(contentsOfFile: out, encoding: .utf8)) ?? "").contains("thawed"), ContinuousClock.now < deadline { usleep(5000) }
    let guardian = try #require(own("skerry-guardian", of: child)), spawner = try #require(own("skerry-spawner", of: guardian))
    #expect(try groups(guardian).contains { $0.hasSuffix("/1") })
    if killed == "spawner" {
      kill(spawner, SIGKILL)
      while ContinuousClock.now < deadline, own("skerry-spawner", of: guardian) == nil || own("skerry-spawner", of: guardian) == spawner { usleep(1000) }
      #expect(try groups(guardian).allSatisfy { $0.hasSuffix("/skerry-\(guardian)") })
    } else {
      kill(child, SIGKILL)
      while ContinuousClock.now < deadline, kill(guardian, 0) == 0 { usleep(1000) }
      #expect(try groups(guardian) == [])
    }
  }

  /// Parts of the spawner against what stands for a kernel (Tests/SandboxTests/Groups): what is written to the files of groups, and read from them; and
  /// epoll watches in such numbers that the kernel takes long to tell them: it is not waited for, and whose they are has very many.
  @Test(arguments: ["groups", "watchers"]) func againstAKernelOfOurOwn(_ name: String) throws {
    let folder = "/tmp/skerry-groups-\(UUID().uuidString)", sources = Self.world + "/../Groups"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(try wait(spawn(["/usr/bin/cc", "-Wall", "-Wextra", "-Werror", "-I", sources + "/../../../Sources/CSandbox/include", "-o", folder + "/groups", sources + "/\(name).c"], errors: .file(folder + "/errors"))) == 0)
    #expect(try wait(spawn([folder + "/groups", folder], errors: .file(folder + "/errors"))) == 0)
    #expect(try String(contentsOfFile: folder + "/errors", encoding: .utf8) == "")
  }

  /// The same network, without leave to use it.
  @Test func notOutbound() throws {
    let program = try String(contentsOfFile: Self.world + "/reaches.py", encoding: .utf8).replacingOccurrences(of: "open(\"/etc/resolv.conf\").read().split()[1]", with: "\"203.0.113.80\"")
    let lines = try probe(["/usr/bin/unshare", "-n", "-m", Self.world + "/run"], ["--", "/usr/bin/python3", "-SE", "/var/task/reaches.py"], shown: ["reaches.py": program])
    #expect(Array(lines.dropFirst()) == ["output: resolver [Errno 101] Network is unreachable", "end: exited(status: 0)"])
  }

  @Test func theHostsNetwork() throws {
    let program = try String(contentsOfFile: Self.world + "/reaches.py", encoding: .utf8)
    let lines = try probe(
      ["/usr/bin/unshare", "-n", "-m", Self.world + "/run"], ["network=host", "--", "/usr/bin/python3", "-SE", "/var/task/reaches.py"], shown: ["reaches.py": program])
    #expect(lines.contains("output: reached 127.0.0.1") && lines.contains("output: reached 10.0.0.1") && lines.contains("output: resolver names"))
  }
}
