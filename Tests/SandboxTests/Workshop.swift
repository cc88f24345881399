// Sandboxes for tests: started, listened to, and waited for. One spawner for the whole run.
import Distribution
import Foundation
import FunctionTier

/// A spawner with a folder of its own, whose `task` is shown at /var/task.
final class Workshop: Sendable {
  let folder: String
  let spawner: Spawner

  static let shared = Workshop()
  /// Started without cgroups.
  static let watched = Workshop("watched", usesControlGroups: false)
  /// For those that are killed while they begin.
  static let hasty = Workshop("hasty")

  private init(_ name: String = "shared", usesControlGroups: Bool = true) {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("skerry-sandboxes-\(getpid())-\(name)").resolvingSymlinksInPath().path
    try? FileManager.default.createDirectory(atPath: folder + "/shown", withIntermediateDirectories: true)
    unsafe setenv("SKERRY_TEST_SECRET", "pearl-of-the-proxy", 1)
    // Nobody but this user may enter: what is shown must be seen inside all the same.
    try? FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: folder)
    guard let spawner = try? Spawner(roots: [folder + "/shown"], usesControlGroups: usesControlGroups) else { preconditionFailure("no spawner") }
    self.spawner = spawner
  }

  /// What the spawner has open, in the words of /proc; nil when it is not found.
  var spawnersDescriptors: [String]? {
    func names(_ folder: String) -> [String] { (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] }
    for process in names("/proc") where (try? String(contentsOfFile: "/proc/\(process)/comm", encoding: .utf8)) == "skerry-spawner\n" {
      let open = names("/proc/\(process)/fd").compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/fd/\($0)") }
      if open.contains(folder + "/shown") { return open }
    }
    return nil
  }

  /// A folder with these files, to be shown.
  func task(_ files: [String: String]) throws -> String {
    let path = folder + "/shown/" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    for (name, text) in files { try text.write(toFile: path + "/" + name, atomically: false, encoding: .utf8) }
    return path
  }

  /// A sandbox of a program, with `files` at /var/task.
  func sandbox(_ program: [String], files: [String: String] = [:], _ change: (inout SandboxDescription) -> Void = { _ in }) throws -> Sandbox {
    var description = SandboxDescription(program: program, readOnly: [(try task(files), "/var/task")], environment: ["PATH": "/usr/bin:/bin", "HOME": "/tmp"])
    change(&description)
    return try spawner.spawn(description)
  }

  /// Runs a program to its end: what it wrote, and how it ended. Killed after `seconds`.
  func run(
    _ program: [String], files: [String: String] = [:], seconds: Double = 20, _ change: (inout SandboxDescription) -> Void = { _ in }
  ) throws -> (output: String, errors: String, end: SandboxEnd?) {
    let sandbox = try sandbox(program, files: files, change)
    let (output, errors) = sandbox.readAll(seconds: seconds)
    return (output, errors, sandbox.waitForEnd(seconds: 5))
  }

  /// Runs a Python program given as text.
  func python(_ text: String, seconds: Double = 20, _ change: (inout SandboxDescription) -> Void = { _ in }) throws -> (output: String, errors: String, end: SandboxEnd?) {
    try run(["/usr/bin/python3", "-S", "-E", "/var/task/hostile.py"], files: ["hostile.py": text], seconds: seconds, change)
  }
}

extension Sandbox {
  /// What it writes until nobody is left who could; it is killed after `seconds`.
  func readAll(seconds: Double) -> (output: String, errors: String) {
    var texts: [[UInt8]] = [[], []], isOpen = [true, true]
    let deadline = ContinuousClock.now + .seconds(seconds)
    while isOpen.contains(true) {
      if ContinuousClock.now > deadline { kill() }
      var waits = [pollfd(fd: isOpen[0] ? output : -1, events: Int16(POLLIN), revents: 0), pollfd(fd: isOpen[1] ? errors : -1, events: Int16(POLLIN), revents: 0)]
      unsafe poll(&waits, 2, 50)
      for place in 0..<2 where waits[place].revents != 0 {
        var bytes = [UInt8](repeating: 0, count: 65536)
        let length = unsafe read(place == 0 ? output : errors, &bytes, bytes.count)
        if length > 0 { texts[place] += bytes.prefix(length) } else if length == 0 { isOpen[place] = false }
      }
    }
    return (String(decoding: texts[0], as: UTF8.self), String(decoding: texts[1], as: UTF8.self))
  }

  func waitForEnd(seconds: Double = 10) -> SandboxEnd? {
    var wait = pollfd(fd: lifeline, events: Int16(POLLIN), revents: 0)
    unsafe poll(&wait, 1, Int32(seconds * 1000))
    return end()
  }
}
