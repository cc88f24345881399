// One worker's connections to one origin: who waits is served in turn, each request is counted once, and a pool that retires keeps nothing.
import Distribution
import Glibc
import HTTPWire
import Telemetry
import Testing
import Transport

@testable import Origins

/// A pool on a loop of its own, before a server that answers whatever it is sent with 200.
@safe private final class Bench: @unchecked Sendable {
  let loop: EventLoop
  let counters = WorkerCounters()
  let pool: OriginPool
  /// What the tasks of a test have seen, in order; the loop's thread only.
  var order: [String] = []
  private let thread: EventLoopThread
  private let listening: Int32

  /// - Parameter streams: how many an HTTP/2 connection may carry; there may be two of those.
  init(connections: Int, waiting: Int = 10, timeout: Duration = .seconds(5), streams: Int = 1) throws {
    loop = try EventLoop()
    listening = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    let port = Self.listen(listening)
    let server = Origin.HTTPServer(domainName: "127.0.0.1", httpPort: Int(port))
    var limits = ViewerLimits()
    limits.http2.concurrentStreams = streams
    var origin = Origin(
      name: "app", kind: .http(server), connectionTimeout: timeout, connectionsPerWorker: connections, waitingRequestsPerWorker: waiting)
    origin.http2ConnectionsPerWorker = 2
    pool = OriginPool(
      origin, server, OriginLimits(), WireContext(loop: loop, viewerLimits: limits), counters,
      Connector(loop: loop, Resolver.Configuration(), counters))
    thread = loop.start()
  }

  private static func listen(_ descriptor: Int32) -> UInt16 {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(descriptor, $0, size)
        unsafe getsockname(descriptor, $0, &size)
      }
    }
    Glibc.listen(descriptor, 64)
    return UInt16(bigEndian: address.sin_port)
  }

  /// Runs a body on the loop, then ends it.
  func run(_ body: @escaping @Sendable (Bench) async throws -> Void) async throws {
    defer {
      loop.stop()
      thread.join()
      close(listening)
    }
    try await loop.perform { _ in try await body(self) }
  }

  nonisolated(nonsending) func connection(_ mustBeNew: Bool = false) async throws(OriginFailure) -> ClientConnection {
    if !mustBeNew, let idle = pool.takeIdle() { return idle }
    var hasWaited = false
    return try await pool.connect(mustBeNew: mustBeNew, hasWaited: &hasWaited)
  }

  /// A stream of a connection that leads to somebody.
  nonisolated(nonsending) func stream(to name: String) async throws(OriginFailure) -> ClientConnection {
    var hasWaited = false
    return try await pool.openHTTP2(OriginIdentity(serverName: name, alsoAccepted: []), mustBeNew: false, hasWaited: &hasWaited)
  }

  /// One whole request: then its connection can be used again.
  nonisolated(nonsending) func exchange(on connection: consuming ClientConnection) async throws(WireFailure) {
    connection.stream.output.append("GET / HTTP/1.1\r\n\r\n")
    try await connection.flush()
    connection.requestIsWhole = true
    answerOnce()
    _ = try await connection.readHead(hasNoBody: false)
    connection.finish()
  }

  private var accepted: [Int32] = []

  /// Answers on every connection that has been accepted so far or waits to be.
  private func answerOnce() {
    while true {
      var entry = pollfd(fd: listening, events: Int16(POLLIN), revents: 0)
      guard unsafe poll(&entry, 1, 0) > 0 else { break }
      accepted.append(accept(listening, nil, nil))
    }
    let text = Array("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".utf8)
    var request = [UInt8](repeating: 0, count: 1024)
    for descriptor in accepted {
      let count = unsafe recv(descriptor, &request, 1024, Int32(MSG_DONTWAIT))
      if count > 0 { _ = unsafe send(descriptor, text, text.count, Int32(MSG_NOSIGNAL)) }
    }
  }

  /// A task that wants a connection, notes its name when it has one, and gives it back after a while.
  func ask(_ name: String, mustBeNew: Bool = false, keepsFor milliseconds: Int = 5) -> Task<Void, Never> {
    Task(executorPreference: loop) {
      await self.loop.perform { _ in
        do {
          let connection = try await self.connection(mustBeNew)
          self.order.append(name)
          await self.loop.sleep(milliseconds: milliseconds)
          try await self.exchange(on: connection)
        } catch { self.order.append("\(name) failed") }
      }
    }
  }

  /// A task that wants a stream, notes its name when it has one, and gives it back.
  func askForStream(_ name: String, to server: String) -> Task<Void, Never> {
    Task(executorPreference: loop) {
      await self.loop.perform { _ in
        do {
          _ = try await self.stream(to: server)
          self.order.append(name)
        } catch { self.order.append("\(name) failed") }
      }
    }
  }

  /// Waits until so many requests wait.
  nonisolated(nonsending) func settle(_ count: Int) async { while pool.waitingRequests != count { await loop.sleep(milliseconds: 1) } }

  func count(_ counter: Counter) -> UInt64 { counters.snapshot(worker: 0)[counter] }
  func count(_ gauge: Gauge) -> Int64 { counters.snapshot(worker: 0)[gauge] }
}

@Suite struct OriginPoolTests {
  @Test func whoWaitsIsServedInTurn() async throws {
    try await Bench(connections: 1).run { bench in
      let connection = try await bench.connection()
      var waiting: [Task<Void, Never>] = []
      for number in 1...5 {
        waiting.append(bench.ask("\(number)", mustBeNew: number == 3))
        await bench.settle(number)
      }
      try await bench.exchange(on: connection)
      for task in waiting { await task.value }
      #expect(bench.order == ["1", "2", "3", "4", "5"])
      #expect(bench.count(.limitOriginConnections) == 5)
      #expect(bench.count(.originConnected) == 2)   // the third wanted a new one
      #expect(bench.count(.originConnectionsOpen) == 1)
    }
  }

  /// What is given back while somebody waits is theirs, not the next comer's.
  @Test func nobodyOvertakesWhoWaits() async throws {
    try await Bench(connections: 1).run { bench in
      let connection = try await bench.connection()
      let waiting = bench.ask("waiting", keepsFor: 20)
      await bench.settle(1)
      try await bench.exchange(on: connection)
      #expect(bench.pool.takeIdle() == nil ? true : false)
      let late = bench.ask("late")
      await late.value
      await waiting.value
      #expect(bench.order == ["waiting", "late"])
    }
  }

  /// The place of a stream is for the first who wants to go where its connection leads.
  @Test func streamsGoToWhoWantsToGoThere() async throws {
    try await Bench(connections: 1, timeout: .seconds(2)).run { bench in
      let a = try await bench.stream(to: "a.test"), b = try await bench.stream(to: "b.test")
      var waiting: [Task<Void, Never>] = []
      for (index, name) in ["b1", "a1", "b2", "a2"].enumerated() {
        waiting.append(bench.askForStream(name, to: "\(name.prefix(1)).test"))
        await bench.settle(index + 1)
      }
      a.giveBack()
      await waiting[1].value
      await waiting[3].value
      #expect(bench.order == ["a1", "a2"])
      b.giveBack()
      for task in waiting { await task.value }
      #expect(bench.order == ["a1", "a2", "b1", "b2"])
      #expect(bench.count(.originConnected) == 2)
    }
  }

  /// Connections of a pool that goes are not open any more, though they cannot tell it.
  @Test func http2ConnectionsGoWithTheirPool() async throws {
    try await Bench(connections: 1).run { bench in
      guard case .http(let server) = bench.pool.origin.kind else { return }
      let other = OriginPool(
        bench.pool.origin, server, OriginLimits(), WireContext(loop: bench.loop, viewerLimits: ViewerLimits()), bench.counters,
        Connector(loop: bench.loop, Resolver.Configuration(), bench.counters))
      var hasWaited = false
      try await other.openHTTP2(mustBeNew: false, hasWaited: &hasWaited).giveBack()
      #expect(bench.count(.originConnectionsOpen) == 1)
      _ = consume other
      #expect(bench.count(.originConnectionsOpen) == 0)
    }
  }

  @Test func theLineIsBoundedAndItsTimeToo() async throws {
    try await Bench(connections: 1, waiting: 2, timeout: .milliseconds(700)).run { bench in
      let connection = try await bench.connection()
      let first = bench.ask("1")
      await bench.settle(1)
      let second = bench.ask("2")
      await bench.settle(2)
      await bench.ask("3").value
      await first.value
      await second.value
      #expect(bench.order == ["3 failed", "1 failed", "2 failed"])
      #expect(bench.count(.limitOriginConnections) == 2)
      #expect(bench.count(.limitOriginWaiters) == 1)
      // The line is empty: whoever gave up is not served.
      try await bench.exchange(on: connection)
      await bench.ask("next").value
      #expect(bench.order.last == "next")
      #expect(bench.count(.originConnected) == 1)
    }
  }

  @Test func aClosedConnectionMakesRoomForTheNext() async throws {
    try await Bench(connections: 1).run { bench in
      let waiting: Task<Void, Never>
      do {
        let connection = try await bench.connection()
        waiting = bench.ask("waiting")
        await bench.settle(1)
        _ = consume connection   // not finished: closed
      }
      await waiting.value
      #expect(bench.order == ["waiting"])
      #expect(bench.count(.originConnected) == 2)
      #expect(bench.count(.originConnectionsOpen) == 1)
    }
  }

  /// The configuration that wanted it is gone: idle connections are closed now, the others when their request has ended.
  @Test func aRetiredPoolKeepsNothing() async throws {
    try await Bench(connections: 4).run { bench in
      let one = try await bench.connection()
      let two = try await bench.connection()
      try await bench.exchange(on: one)
      #expect(bench.count(.originConnectionsIdle) == 1)
      #expect(bench.count(.originConnectionsOpen) == 2)
      bench.pool.retire()
      #expect(bench.count(.originConnectionsIdle) == 0)
      #expect(bench.count(.originConnectionsOpen) == 1)
      try await bench.exchange(on: two)
      #expect(bench.count(.originConnectionsIdle) == 0)
      #expect(bench.count(.originConnectionsOpen) == 0)
      // A request that began before still gets its connection.
      await bench.ask("late").value
      #expect(bench.order == ["late"])
      #expect(bench.count(.originConnectionsOpen) == 0)
    }
  }
}
