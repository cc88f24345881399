// Owns: a worker as others see it: how to hand it a connection, how to end it.
import ControlPlane
import Glibc
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
}

/// A worker whose thread runs.
final class RunningWorker {
  private let handle: WorkerHandle
  private let thread: EventLoopThread
  private let listeners: OnLoop<[Listener]>
  let addresses: [SocketAddress]

  /// Starts accepting and the thread. The listeners have been made by this thread and are the loop's from here on.
  init(_ handle: WorkerHandle, _ listeners: [Listener], forbidden: [SocketAddress], _ securePorts: SecurePorts) {
    self.handle = handle
    addresses = listeners.map(\.address)
    for listener in listeners { listener.start() }
    self.listeners = OnLoop(listeners)
    Task(executorPreference: handle.loop) {
      await handle.isolation.with { worker in
        worker.forbid(forbidden)
        worker.securePorts = securePorts
      }
    }
    thread = handle.loop.start(name: "worker \(handle.number)")
  }

  /// Accepts what is queued, stops listening, ends what is idle.
  func drain() {
    let listeners = self.listeners
    let handle = self.handle
    Task(executorPreference: handle.loop) {
      await handle.isolation.with { worker in
        for listener in listeners.value { listener.close() }
        worker.drain()
      }
    }
  }

  /// Closes everything and ends the thread.
  func stop() {
    let handle = self.handle
    Task(executorPreference: handle.loop) {
      await handle.isolation.closeAll()
      handle.loop.stop()
    }
    thread.join()
  }
}

/// A value that belongs to a loop's thread and is only carried by others.
struct OnLoop<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}

/// The admin address on the first worker's loop.
final class AdminListener {
  private let listener: OnLoop<Listener>
  private let pages: AdminPages
  let address: SocketAddress

  init(_ listener: Listener, _ pages: AdminPages, _ handle: WorkerHandle) {
    self.listener = OnLoop(listener)
    self.pages = pages
    address = listener.address
  }

  /// Before the loop's thread runs or on it.
  func start() { listener.value.start() }
  /// /healthz answers 503 from now on.
  func announceDrain() { pages.announceDrain() }
  /// Removes a Unix socket's path: the process ends.
  func removePath() { if case .unix(let path) = address { unsafe unlink(path) } }
  /// The address as a URL.
  var url: String {
    if case .unix = address { return address.description }
    return "http://\(address)"
  }
}
