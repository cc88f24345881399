// What is left when everybody who could look after sandboxes is killed: nothing, however and whenever.
import Foundation
import TestTools
import Testing

@Suite(.runsPrograms, .enabled(if: geteuid() == 0, "only root can be everybody")) struct OrphanTests {
  /// The proxy, its guardian and its spawner, killed at once while a sandbox begins: before bubblewrap has started anything, while what it started waits
  /// for it, while it waits for the spawner, and when the program runs.
  @Test(arguments: [0, 64_120]) func allAreKilledWhileASandboxBegins(_ user: Int) throws {
    let folder = "/tmp/skerry-orphans-\(UUID().uuidString)", built = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent().path
    try FileManager.default.createDirectory(atPath: folder + "/shown", withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(try wait(spawn(["/bin/cp", built + "/sandbox-probe", folder + "/probe"])) == 0)
    let somebody = user == 0 ? [] : ["/usr/bin/setpriv", "--reuid=\(user)", "--regid=65534", "--clear-groups"]
    for attempt in 0..<48 {
      let mark = "\(getpid())\(user)\(100 + attempt)"
      let proxy = try spawn(somebody + [folder + "/probe", folder + "/shown", "--", "/bin/sleep", "9\(mark)"], output: .file(folder + "/out"), errors: .file(folder + "/errors"))
      let deadline = ContinuousClock.now + .seconds(20)
      var helpers: [pid_t] = []
      while ContinuousClock.now < deadline {
        helpers = children(of: proxy).flatMap { [$0] + children(of: $0) }
        if helpers.count == 2, !children(of: helpers[1]).isEmpty, !processes(with: mark).isEmpty { break }
      }
      #expect(helpers.count == 2)
      // Not a time that anything is to take: where in a beginning of some 20 ms it hits.
      usleep(UInt32(attempt % 24) * 1000)
      for one in attempt.isMultiple(of: 2) ? [helpers[0], helpers[1], proxy] : [proxy, helpers[1], helpers[0]] { kill(one, SIGKILL) }
      _ = try wait(proxy)
      let end = ContinuousClock.now + .seconds(10)
      while !processes(with: mark).isEmpty, ContinuousClock.now < end { usleep(2000) }
      let left = processes(with: mark)
      #expect(left.isEmpty, "attempt \(attempt)")
      for process in left { kill(process, SIGKILL) }
    }
  }

  // MARK: What is left all the same

  static let hasBoth = ["/sys/fs/cgroup/unified/cgroup.procs", "/sys/fs/cgroup/cpu/cgroup.procs"].allSatisfy(FileManager.default.fileExists)

  /// Whose groups they are. `earlier`: of a version that took no locks.
  enum Owner: CaseIterable { case gone, goneAndItsNumberIsAnothers, livesElsewhere, livesHere, earlier }

  /// The next one to start ends what is in groups whose owner is gone, and only that: a number says nothing, since it may be another process's by now, or
  /// count in another container.
  @Test(.enabled(if: hasBoth, "not both versions of cgroups here"), arguments: ["cpu", "unified"], Owner.allCases) func theNextOneEndsWhatIsLeft(_ hierarchy: String, _ owner: Owner) throws {
    let folder = "/tmp/skerry-left-\(UUID().uuidString)", built = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent().path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.copyItem(atPath: "/bin/sleep", toPath: folder + "/skerry-guardian")
    let left = try spawn(["/bin/sleep", "1000"]), namesake = try spawn([owner == .earlier ? folder + "/skerry-guardian" : "/bin/sleep", "1000"])
    defer { for one in [left, namesake] { kill(one, SIGKILL); _ = try? wait(one) } }
    let comm = "/proc/\(namesake)/comm", deadline = ContinuousClock.now + .seconds(10)
    while owner == .earlier, try String(contentsOfFile: comm, encoding: .utf8) != "skerry-guardian\n", ContinuousClock.now < deadline { usleep(1000) }
    // 4,194,303 is the last number that a kernel gives, and hardly ever given.
    let group = "/sys/fs/cgroup/\(hierarchy)/skerry-\(owner == .gone ? 4_194_303 : owner == .livesElsewhere ? 4_194_302 : namesake)"
    defer { for path in [group + "/3", group] { unsafe rmdir(path) } }
    // Other tests' spawners look for what is left, too: not before it is all there.
    var lock: Int32 = -1
    repeat {
      close(lock)
      unsafe mkdir(group, 0o755)
      lock = unsafe open(group, O_RDONLY | O_CLOEXEC)
    } while (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) != 0 || !FileManager.default.fileExists(atPath: group)) && ContinuousClock.now < deadline
    defer { close(lock) }
    try FileManager.default.createDirectory(atPath: group + "/3", withIntermediateDirectories: true)
    try "\(left)".write(toFile: group + "/3/cgroup.procs", atomically: false, encoding: .utf8)
    if owner != .livesHere && owner != .livesElsewhere { #expect(flock(lock, LOCK_UN) == 0) }
    #expect(try wait(spawn([built + "/sandbox-probe", "/tmp", "leftovers", "--"], output: .file(folder + "/said"))) == 0)
    let lives = owner != .gone && owner != .goneAndItsNumberIsAnothers
    while !lives, FileManager.default.fileExists(atPath: group), ContinuousClock.now < deadline { usleep(1000) }
    #expect(FileManager.default.fileExists(atPath: group) == lives)
    var status: Int32 = 0
    #expect(unsafe waitpid(left, &status, WNOHANG) == (lives ? 0 : left))
    #expect(kill(namesake, 0) == 0)
  }

  private func wait(_ child: pid_t) throws -> Int32 {
    var status: Int32 = -1
    unsafe waitpid(child, &status, 0)
    return status
  }

  private func children(of process: pid_t) -> [pid_t] {
    let list = (try? String(contentsOfFile: "/proc/\(process)/task/\(process)/children", encoding: .utf8)) ?? ""
    return list.split(separator: " ").compactMap { pid_t($0) }
  }

  /// Those that were to run the program, from the proxy on.
  private func processes(with mark: String) -> [pid_t] {
    ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { pid_t($0) }.filter { process in
      guard let words = try? Data(contentsOf: URL(fileURLWithPath: "/proc/\(process)/cmdline")) else { return false }
      let text = String(decoding: words, as: UTF8.self)
      return text.hasSuffix("/bin/sleep\u{0}9\(mark)\u{0}")
    }
  }
}
