// One child process: started, heard (its stderr), signalled, waited for, and never left behind. With Socket.swift the only file of the
// harness that speaks to the system directly.
import Foundation
import Glibc
import TestTools

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
    var variables = environment
    for name in ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH"] where environment[name] == nil {
      variables[name] = ProcessInfo.processInfo.environment[name]
    }
    identifier = try spawn(arguments, environment: variables, errors: .descriptor(pipeEnds[1]))
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
      let status = waitForEnd(of: identifier)
      exit.update { $0 = status < 0 ? .signal(-status) : .status(status) }
    }
  }
}
