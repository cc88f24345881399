// One child process: started, heard (its stderr), signalled, waited for, and never left behind. With Socket.swift the only file of the
// harness that speaks to the system directly.
import Foundation
import Glibc

final class ChildProcess: Sendable {
  let identifier: pid_t
  /// Everything the child has written on stderr so far; `ended` once it has closed it.
  let standardError = Watched((text: "", ended: false))
  private let exit = Watched<Exit?>(nil)

  enum Exit: Sendable, Equatable { case status(Int32), signal(Int32) }

  /// Starts `arguments[0]`. Two threads live as long as the child: one hears its stderr, one waits for its end.
  init(_ arguments: [String], environment: [String: String] = [:]) throws {
    var pipeEnds: [Int32] = [0, 0]
    Socket.whileOpeningDescriptors.lock()
    defer { Socket.whileOpeningDescriptors.unlock() }
    guard unsafe pipe(&pipeEnds) == 0 else { throw ConnectionError.system(errno, during: "pipe") }
    for end in pipeEnds { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { close(pipeEnds[1]) }
    identifier = try ChildProcess.spawn(arguments, environment, standardError: pipeEnds[1])
    hear(pipeEnds[0])
    reap()
  }

  deinit { signal(SIGKILL) }

  func signal(_ number: Int32) { if exit.current == nil { kill(identifier, number) } }

  /// Waits for the child's end.
  func waitForExit(by deadline: Deadline = .generous) throws -> Exit {
    try exit.wait(for: "process \(identifier) to exit", by: deadline) { $0 }
  }
  var end: Exit? { exit.current }
  var hasExited: Bool { end != nil }

  /// CPU time of all threads so far.
  func cpuTime() throws -> Duration {
    var clock = clockid_t(), time = timespec()
    guard unsafe clock_getcpuclockid(identifier, &clock) == 0, unsafe clock_gettime(clock, &time) == 0 else {
      throw ScenarioFailure("the CPU time of process \(identifier) cannot be read")
    }
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
  }

  /// A figure of /proc/PID/status in bytes, such as `VmHWM` (the most memory ever resident) or `VmRSS`.
  func memory(_ figure: String) throws -> Int {
    let status = try fileText("/proc/\(identifier)/status")
    guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix(figure + ":") }),
      let kilobytes = line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ Int($0) })
    else { throw ScenarioFailure("no \(figure) in /proc/\(identifier)/status") }
    return kilobytes * 1024
  }

  private func hear(_ descriptor: Int32) {
    startThread { [standardError] in
      while true {
        var bytes = Bytes(repeating: 0, count: 4096)
        let count = unsafe read(descriptor, &bytes, bytes.count)
        if count < 0, errno == EINTR { continue }
        if count <= 0 { break }
        let text = String(decoding: bytes[..<count], as: UTF8.self)
        standardError.update { $0.text += text }
      }
      close(descriptor)
      standardError.update { $0.ended = true }
    }
  }

  private func reap() {
    startThread { [identifier, exit] in
      var status: Int32 = 0
      while unsafe waitpid(identifier, &status, 0) < 0, errno == EINTR {}
      let signal = status & 0x7f
      let end: Exit = signal == 0 ? .status(status >> 8 & 0xff) : .signal(signal)
      exit.update { $0 = end }
    }
  }

  private static func spawn(
    _ arguments: [String], _ environment: [String: String], standardError: Int32
  ) throws -> pid_t {
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_adddup2(&actions, standardError, 2)
    unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    unsafe posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)

    // Test threads may block signals; the child must not inherit that, or it would be deaf to SIGTERM.
    var attributes = posix_spawnattr_t()
    var noSignals = sigset_t()
    unsafe sigemptyset(&noSignals)
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    unsafe posix_spawnattr_setsigmask(&attributes, &noSignals)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

    var variables: [String] = environment.map { "\($0.key)=\($0.value)" }
    for name in ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH"] where environment[name] == nil {
      if let value = unsafe getenv(name) { unsafe variables.append("\(name)=\(String(cString: value))") }
    }
    let argumentVector = unsafe arguments.map { unsafe strdup($0) } + [nil]
    let environmentVector = unsafe variables.map { unsafe strdup($0) } + [nil]
    defer { unsafe (argumentVector + environmentVector).forEach { unsafe free($0) } }

    var child: pid_t = 0
    let result = unsafe posix_spawn(&child, arguments[0], &actions, &attributes, argumentVector, environmentVector)
    guard result == 0 else { throw ConnectionError.system(result, during: "starting \(arguments[0])") }
    return child
  }
}
