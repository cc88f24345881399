// Owns: the spans that wait to be sent, and the one thread that sends them, in batches, to an OTLP collector over HTTP. Workers hand spans over
// and never wait: what has no room in the queue, and what the collector does not take, is counted and lost.
//
// Rule of the lock: `state` guards the queue and is held for moves of spans only, never over a system call.

internal import Synchronization

/// Sends spans to a collector. Any thread may call any method. It lives until `close` is called: the thread holds it.
public final class SpanExporter: Sendable {
  /// Where spans go, and the limits; each named in Documentation/observability.md.
  public struct Configuration: Sendable, Equatable {
    /// The collector's name or address, its port, and the path of the request.
    public var host: String, port: Int, path: String
    /// What `service.name` says.
    public var service: String
    /// The program's version.
    public var version = ""
    /// Spans that may wait; beyond, they are dropped and counted. Default 4,096.
    public var queueLimitSpans = 4_096
    /// Spans of one request to the collector. Default 512.
    public var batchLimitSpans = 512
    /// How long spans may wait for others to go with. Default 1 s.
    public var intervalMilliseconds: Int64 = 1_000
    /// How long the collector may take to be connected to, and again to answer. Default 5 s.
    public var timeoutMilliseconds: Int64 = 5_000
    /// How often a batch is sent before it is given up, and how long the exporter waits in between. Default 3 times, 1 s.
    public var attempts = 3, retryDelayMilliseconds: Int64 = 1_000
    /// The longest that the collector may ask it to wait instead (Retry-After). Default 30 s.
    public var retryAfterLimitMilliseconds: Int64 = 30_000

    /// A collector.
    public init(host: String, port: Int, path: String, service: String) {
      self.host = host
      self.port = port
      self.path = path
      self.service = service
    }
  }

  private struct State {
    var queue: [TraceSpan] = []
    var isClosing = false
  }

  /// As it was made.
  public let configuration: Configuration
  private let diagnostics: Diagnostics?
  private let state = Mutex(State())
  private let work: Wakeup
  private let finished: Wakeup
  private let exported = Atomic<UInt64>(0)
  private let dropped = Atomic<UInt64>(0)
  private let failed = Atomic<UInt64>(0)

  /// Starts the thread; the collector is first spoken to when there is a span.
  public init(_ configuration: Configuration, diagnostics: Diagnostics?) throws(LogWriterFailure) {
    self.configuration = configuration
    self.diagnostics = diagnostics
    guard let work = Wakeup(), let finished = Wakeup() else { throw .outOfResources }
    self.work = work
    self.finished = finished
    guard startThread(name: "spans", { self.run() }) else { throw .outOfResources }
  }

  /// What has become of the spans so far.
  public var statistics: SpanStatistics {
    var result = SpanStatistics()
    result.exported = exported.load(ordering: .relaxed)
    result.dropped = dropped.load(ordering: .relaxed)
    result.failed = failed.load(ordering: .relaxed)
    return result
  }

  /// Hands over the spans of a request. Never blocks.
  public func submit(_ spans: [TraceSpan]) {
    let limit = configuration.queueLimitSpans
    let (accepted, isFirst) = state.withLock { state in
      guard !state.isClosing, state.queue.count + spans.count <= limit else { return (false, false) }
      state.queue += spans
      return (true, state.queue.count == spans.count)
    }
    if !accepted { dropped.add(UInt64(spans.count), ordering: .relaxed) } else if isFirst { work.raise() }
  }

  /// Sends what waits, once, and ends the thread. Blocks the calling thread; call it at the end of a drain.
  /// - Parameter deadlineMilliseconds: how long that may take; what is left then is lost with the process.
  public func close(deadlineMilliseconds: Int64) {
    end()
    finished.wait(milliseconds: deadlineMilliseconds)
  }

  /// Like ``close(deadlineMilliseconds:)`` without waiting: a reload sends spans elsewhere.
  public func end() {
    state.withLock { $0.isClosing = true }
    work.raise()
  }

  // MARK: The exporter's thread

  private func run() {
    var client = CollectorClient(configuration)
    while true {
      work.wait(milliseconds: nil)
      if !isClosing { work.wait(milliseconds: configuration.intervalMilliseconds) }   // others may come; a close comes too
      while true {
        let batch = nextBatch()
        if batch.isEmpty { break }
        export(batch, &client)
      }
      if isClosing { break }
    }
    client.close()
    finished.raise()
  }

  private var isClosing: Bool { state.withLock { $0.isClosing } }

  private func nextBatch() -> [TraceSpan] {
    let limit = configuration.batchLimitSpans
    return state.withLock { state in
      let batch = Array(state.queue.prefix(limit))
      state.queue.removeFirst(batch.count)
      return batch
    }
  }

  private func export(_ batch: [TraceSpan], _ client: inout CollectorClient) {
    let document = SpanDocument(batch, service: configuration.service, version: configuration.version).bytes
    var attempt = 1
    while true {
      let answer = client.post(document)
      if case .status(200..<300) = answer {
        exported.add(UInt64(batch.count), ordering: .relaxed)
        return
      }
      if !answer.mayPass || attempt >= configuration.attempts || isClosing {
        failed.add(UInt64(batch.count), ordering: .relaxed)
        diagnostics?.say(.warning, key: "spans", "spans are lost: the collector at \(configuration.host) port \(configuration.port) \(answer.sentence)")
        return
      }
      attempt += 1
      pause(milliseconds: client.retryAfterMilliseconds.map(allowed) ?? configuration.retryDelayMilliseconds)
    }
  }

  /// What of the time that the collector asks for it is given.
  private func allowed(_ milliseconds: Int64) -> Int64 {
    let limit = configuration.retryAfterLimitMilliseconds
    if milliseconds > limit {
      diagnostics?.say(.warning, key: "spans-rest", "the collector at \(configuration.host) port \(configuration.port) asks for \(milliseconds / 1000) s of rest, and is asked again after \(limit / 1000) s")
    }
    return min(milliseconds, limit)
  }

  /// Waits, whatever is handed over meanwhile; ends at once when the exporter does.
  private func pause(milliseconds: Int64) {
    let end = monotonicMilliseconds() + milliseconds
    while !isClosing && monotonicMilliseconds() < end { work.wait(milliseconds: end - monotonicMilliseconds()) }
  }
}
