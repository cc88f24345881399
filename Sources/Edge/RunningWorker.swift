// Owns: a worker as others see it: how to hand it a connection, how to run something on it, how to end it.
import Glibc
import CSystem
import Pipeline
import Telemetry
import TLS
import Transport

/// What other threads may do to a worker. Any thread.
struct WorkerHandle: Sendable {
  let number: Int
  let loop: EventLoop
  let isolation: WorkerIsolation

  /// Hands over an admitted connection.
  /// - Parameter listener: the TLS of the listener it came by; nil for a plain one.
  func serve(_ descriptor: Int32, _ peer: SocketAddress, _ listener: SecureListener?) {
    Task(executorPreference: loop) { await isolation.serve(descriptor, peer, listener) }
  }
  /// Closes a connection that met a limit.
  func refuse(_ descriptor: Int32, _ limit: Counter) {
    close(descriptor)
    count(limit)
  }
  /// Counts on the worker's thread.
  func count(_ counter: Counter) { Task(executorPreference: loop) { await isolation.with { $0.counters.add(counter) } } }

  /// Closes everything and ends the loop.
  func stop() {
    Task(executorPreference: loop) {
      await isolation.closeAll()
      loop.stop()
    }
  }
}

extension [WorkerHandle] {
  /// Runs something on every worker's thread and waits until it has run on all of them. Not on a worker's thread.
  func onAll(_ body: @escaping @Sendable (Worker) -> Void) {
    let done = eventfd(0, Int32(EFD_CLOEXEC))
    defer { close(done) }
    for handle in self {
      Task(executorPreference: handle.loop) {
        await handle.isolation.with { body($0) }
        _ = eventfd_write(done, 1)
      }
    }
    var finished: eventfd_t = 0
    while finished < count {
      var value: eventfd_t = 0
      if unsafe eventfd_read(done, &value) == 0 { finished += value }
    }
  }
}

/// A value that belongs to a loop's thread and is only carried by others.
struct OnLoop<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}
