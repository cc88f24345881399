// Owns: what is told to the service manager: that the process is ready, reloads, ends, or is replaced (sd_notify(3), Type=notify and
// Type=notify-reload). Without one, nothing. The main thread's.
import CSystem
import Glibc
import Transport

/// The service manager, where there is one.
struct ServiceManager {
  private let socket: Int32

  /// The one that the environment names.
  init() {
    guard let path = unsafe getenv("NOTIFY_SOCKET").map({ unsafe String(cString: $0) }) else {
      socket = -1
      return
    }
    socket = DatagramSocket.connected(to: path) ?? -1
  }

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

  /// Another process is the service from now on. What it has said itself was not heard: it was not the service yet.
  func replaced(by process: Int32) { send("MAINPID=\(process)\nREADY=1\nSTATUS=generation 1 serves") }

  private func send(_ text: String) {
    guard socket >= 0 else { return }
    let bytes = Array(text.utf8)
    _ = unsafe Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL))
  }
}
