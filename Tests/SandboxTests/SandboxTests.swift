// A sandbox's life as the supervisor sees it: what the program is given, how it ends, what remains.
import Distribution
import Foundation
import FunctionTier
import TestTools
import Testing

@Suite(.runsPrograms) struct SandboxTests {
  let workshop = Workshop.shared

  @Test func theReportSaysWhatHolds() {
    let report = workshop.spawner.report
    #expect(report.problem == nil)
    #expect(report.description.hasPrefix("sandboxes: memory limits "))
    #expect(report.hasOwnUsers == (geteuid() == 0))
  }

  @Test func aProgramGetsWhatItWasGivenAndNothingElse() throws {
    let came = try workshop.run(["/bin/sh", "-c", "cat /var/task/word; env | sort; ls /proc/self/fd; pwd; exit 7"], files: ["word": "hello\n"]) {
      $0.environment["LAMBDA_TASK_ROOT"] = "/var/task"
    }
    #expect(came.output.split(separator: "\n") == ["hello", "HOME=/tmp", "LAMBDA_TASK_ROOT=/var/task", "PATH=/usr/bin:/bin", "PWD=/var/task", "0", "1", "2", "3", "4", "/var/task"])
    #expect(came.end?.cause == .exited(status: 7))
    #expect((came.end?.peakBytes ?? 0) > 100_000)
  }

  @Test func controlIsDescriptor3() throws {
    let sandbox = try workshop.sandbox(["/bin/sh", "-c", "read word <&3; echo \"got $word\" >&3"])
    _ = unsafe write(sandbox.control, "pearl\n", 6)
    var bytes = [UInt8](repeating: 0, count: 64)
    var wait = pollfd(fd: sandbox.control, events: Int16(POLLIN), revents: 0)
    unsafe poll(&wait, 1, 10_000)
    let length = unsafe read(sandbox.control, &bytes, bytes.count)
    #expect(String(decoding: bytes.prefix(max(0, length)), as: UTF8.self) == "got pearl\n")
    #expect(sandbox.waitForEnd()?.cause == .exited(status: 0))
  }

  @Test(arguments: [("/nowhere/program", "execvp"), ("/var/task/text", "execvp")]) func aProgramThatIsNone(_ path: String, _ words: String) throws {
    let came = try workshop.run([path], files: ["text": "no program"])
    guard case .notStarted = came.end?.cause else { return #expect(Bool(false), "\(String(describing: came.end))") }
    #expect(came.errors.contains(words))
  }

  @Test func aFolderOutsideOfTheRootsIsNotShown() throws {
    try FileManager.default.createDirectory(atPath: workshop.folder + "/secret", withIntermediateDirectories: true)
    let link = workshop.folder + "/shown/link-\(UUID().uuidString)"
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: workshop.folder + "/secret")
    for host in [workshop.folder + "/secret", "/etc", workshop.folder + "/shown/../secret", link, workshop.folder + "/shown-not", workshop.folder + "/shown/missing"] {
      let came = try workshop.run(["/usr/bin/true"]) { $0.readOnly = [(host, "/var/task")] }
      guard case .notStarted(let text) = came.end?.cause else { Issue.record("\(host): \(String(describing: came.end))"); continue }
      #expect(text.contains("cannot be shown"))
    }
  }

  /// What could not be shown is said before anything is forked, rather than left out.
  @Test func tooManyRootsAreRefused() throws {
    let many = (0..<17).map { "/tmp/root-\($0)" }, long = "/tmp/" + String(repeating: "x", count: 512)
    #expect { try SpawnerInWaiting(roots: many) } throws: { "\($0)".contains("17 folders and files are to be shown in sandboxes, and 16 can be") }
    #expect { try SpawnerInWaiting(roots: [long]) } throws: { "\($0)".contains("\(long) cannot be shown in sandboxes: its path is longer than 511 bytes") }
    #expect { try SpawnerInWaiting(roots: ["tmp"]) } throws: { "\($0)".contains("tmp cannot be shown in sandboxes: its path is not absolute") }
    _ = try SpawnerInWaiting(roots: Array(many.prefix(16)))
  }

  /// Of those that are killed while they begin nothing stays open, of which the spawner would be told without end.
  @Test func killedWhileTheyBegin() throws {
    let workshop = Workshop.hasty
    for attempt in 0..<60 {
      let sandbox = try workshop.sandbox(["/bin/sleep", "1000"])
      usleep(UInt32(attempt % 20) * 500)   // not a time that anything is to take: where in a beginning of some ms it hits
      sandbox.kill()
      #expect(sandbox.waitForEnd() != nil)
    }
    let open = try #require(workshop.spawnersDescriptors)
    #expect(!open.contains { $0.contains("pidfd") }, "\(open)")
  }

  @Test func killedWithAllItsDescendants() throws {
    let daemons = "for i in $(seq 20); do setsid sh -c 'trap \"\" TERM INT HUP; echo up; exec sleep 1000' & done; trap '' TERM; wait"
    let sandbox = try workshop.sandbox(["/bin/sh", "-c", daemons])
    var seen = 0
    let deadline = ContinuousClock.now + .seconds(20)
    while seen < 20, ContinuousClock.now < deadline {
      var bytes = [UInt8](repeating: 0, count: 1024)
      var wait = pollfd(fd: sandbox.output, events: Int16(POLLIN), revents: 0)
      unsafe poll(&wait, 1, 1000)
      let length = unsafe read(sandbox.output, &bytes, bytes.count)
      if length > 0 { seen += bytes.prefix(length).count { $0 == UInt8(ascii: "\n") } }
    }
    #expect(seen == 20)
    sandbox.kill()
    sandbox.kill()
    #expect(sandbox.waitForEnd()?.cause == .killed)
    // Whoever could write is gone: the pipe is at its end.
    var byte: UInt8 = 0
    #expect(unsafe read(sandbox.output, &byte, 1) == 0)
  }

  @Test func killedBeforeItIsUp() throws {
    let sandbox = try workshop.sandbox(["/bin/sleep", "1000"])
    sandbox.kill()
    #expect(sandbox.waitForEnd()?.cause == .killed)
  }

  @Test func lettingGoKills() throws {
    var sandbox: Sandbox? = try workshop.sandbox(["/bin/sh", "-c", "echo up; exec sleep 1000"])
    let output = dup(try #require(sandbox).output)
    defer { close(output) }
    var wait = pollfd(fd: output, events: Int16(POLLIN), revents: 0), bytes = [UInt8](repeating: 0, count: 64)
    unsafe poll(&wait, 1, 10_000)
    #expect(unsafe read(output, &bytes, bytes.count) == 3)
    sandbox = nil
    unsafe poll(&wait, 1, 10_000)
    #expect(unsafe read(output, &bytes, bytes.count) == 0)
  }

  @Test func theRuntimeAPIsListener() throws {
    let client = """
      import socket
      s = socket.create_connection(("127.0.0.1", 9001))
      s.sendall(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\n\\r\\n")
      print(s.recv(100).decode())
      """
    let sandbox = try workshop.sandbox(["/usr/bin/python3", "-S", "-E", "/var/task/client.py"], files: ["client.py": client]) { $0.runtimeAPI = true }
    var wait = pollfd(fd: sandbox.control, events: Int16(POLLIN), revents: 0)
    unsafe poll(&wait, 1, 10_000)
    let listener = try #require(sandbox.takeListener())
    wait = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
    unsafe poll(&wait, 1, 10_000)
    let connection = accept(listener, nil, nil)
    #expect(connection >= 0)
    _ = unsafe write(connection, "HTTP/1.1 200 OK\r\n\r\n", 19)
    close(connection)
    close(listener)
    #expect(sandbox.readAll(seconds: 10).output.contains("200 OK"))
  }

  @Test func theRuntimeAPINeverOnTheHostsNetwork() throws {
    let came = try workshop.run(["/usr/bin/true"]) {
      $0.network = .host
      $0.runtimeAPI = true
    }
    guard case .notStarted(let text) = came.end?.cause else { return #expect(Bool(false)) }
    #expect(text.contains("a network of the sandbox's own"))
  }
}
