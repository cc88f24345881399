// What a load test shows while it runs, and how a person ends it early.
import Dispatch
import Foundation
import LoadGenerator
import Synchronization

/// One line on the terminal that is written anew twice a second.
final class LiveProgress: Sendable {
  private let monitor: LoadMonitor
  private let seconds: Double?
  private let began = DispatchTime.now()
  private let isOver = Atomic<Bool>(false)

  init(_ monitor: LoadMonitor, _ options: LoadOptions) {
    self.monitor = monitor
    seconds = options.durationMilliseconds.map { Double($0) / 1000 }
    Thread.detachNewThread { [self] in
      while !isOver.load(ordering: .relaxed) {
        Thread.sleep(forTimeInterval: 0.5)
        show()
      }
    }
  }

  private func show() {
    let now = monitor.now, elapsed = Double(DispatchTime.now().uptimeNanoseconds - began.uptimeNanoseconds) / 1e9
    let time = String(format: "%.1f", elapsed) + (seconds.map { String(format: "/%.0f s", $0) } ?? " s")
    var line = "\(time)  \(now.answers) answers"
    if now.failures > 0 { line += ", \(now.failures) failed" }
    if now.latest.answers > 0 { line += String(format: "  p50 %.2f ms  p99 %.2f ms  max %.2f ms", Double(now.latest.p50) / 1e6, Double(now.latest.p99) / 1e6, Double(now.latest.maximum) / 1e6) }
    if !isOver.load(ordering: .relaxed) { FileHandle.standardError.write(Data("\r\u{1B}[K\(line)".utf8)) }
  }

  func end() {
    isOver.store(true, ordering: .relaxed)
    FileHandle.standardError.write(Data("\r\u{1B}[K".utf8))
  }
}

/// Calls something at the first Ctrl-C; a second one ends the program as ever.
final class Interruption {
  private let source: any DispatchSourceSignal

  init(_ act: @escaping @Sendable () -> Void) {
    signal(SIGINT, SIG_IGN)
    source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
    source.setEventHandler {
      act()
      signal(SIGINT, SIG_DFL)
    }
    source.resume()
  }

  func end() {
    source.cancel()
    signal(SIGINT, SIG_DFL)
  }
}

/// Waits on this thread for what others do.
func blocking<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) -> Value {
  let done = DispatchSemaphore(value: 0), result = Mutex<Value?>(nil)
  Task.detached {
    let value = await body()
    result.withLock { $0 = value }
    done.signal()
  }
  while true {
    done.wait()
    if let value = result.withLock({ $0 }) { return value }
  }
}
