// Owns: what is told to the service manager: that the process is ready, reloads, lives, ends, or is replaced (sd_notify(3), Type=notify and
// Type=notify-reload; sd_watchdog_enabled(3)). Without one, nothing. Any thread.
import CSystem
import Glibc
import Transport

/// The service manager, where there is one.
struct ServiceManager: Sendable {
  private let socket: Int32
  /// Within this time the manager wants to hear that the process lives (WatchdogSec=); nil when it does not ask.
  let watchdogMilliseconds: Int?

  /// The one that the environment names.
  /// - Parameter isSuccessor: whether this process replaces another. The manager has told that one's number, which this one's cannot be.
  init(isSuccessor: Bool) {
    socket = Self.variable("NOTIFY_SOCKET").flatMap(DatagramSocket.connected) ?? -1
    let isMeant = isSuccessor || Self.variable("WATCHDOG_PID").map { Int32($0) == getpid() } ?? true
    let microseconds = Self.variable("WATCHDOG_USEC").flatMap { Int($0) } ?? 0
    watchdogMilliseconds = socket >= 0 && isMeant && microseconds > 0 ? max(1, microseconds / 1000) : nil
  }

  private static func variable(_ name: String) -> String? { unsafe getenv(name).map { unsafe String(cString: $0) } }

  /// Every listener accepts, or a reload is over.
  func ready(_ status: String) { send("READY=1\nSTATUS=\(status)") }

  /// A reload begins.
  func reloading() {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    send("RELOADING=1\nMONOTONIC_USEC=\(time.tv_sec * 1_000_000 + time.tv_nsec / 1000)")
  }

  /// A drain begins.
  func stopping() { send("STOPPING=1\nSTATUS=draining") }

  /// Every worker's loop turns.
  func alive() { send("WATCHDOG=1") }

  /// Another process is the service from now on. What it has said itself was not heard: it was not the service yet.
  func replaced(by process: Int32) {
    send("MAINPID=\(process)\nREADY=1\nSTATUS=generation 1 serves\(watchdogMilliseconds == nil ? "" : "\nWATCHDOG=1")")
  }

  private func send(_ text: String) {
    guard socket >= 0 else { return }
    let bytes = Array(text.utf8)
    _ = unsafe Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL))
  }
}
