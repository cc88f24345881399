// Owns: the one thread that writes a log (to its LogSink). Workers hand blocks of lines over and never wait.
//
// Rule of the lock: `state` guards the queue, the recycled blocks and the requests to the thread; it is held for a few moves only, never
// over a system call. Full queue: the block's lines are dropped, counted and reported once per second. Failed write: the error is counted
// and reported, and the same bytes are tried again until they are written, the log is reopened or the shutdown deadline passes.
// A file that was renamed or removed is opened anew: rotation needs no signal, only up to a second.

internal import CSystem
internal import Glibc
internal import Synchronization

/// Why a log could not be opened.
public enum LogWriterFailure: Error, Equatable, CustomStringConvertible {
  /// The destination could not be opened; `code` is errno.
  case cannotOpen(path: String, code: Int32)
  /// No thread or descriptor was left.
  case outOfResources

  public var description: String {
    switch self {
    case .cannotOpen(_, let code): errorText(code)
    case .outOfResources: "the system has no thread or file descriptor left"
    }
  }
}

/// Writes log lines to a file, a standard stream or a syslog server from a thread of its own.
///
/// Any thread may call any method. It lives until `close` is called: the thread holds it.
public final class LogWriter: Sendable {
  /// Limits; each named in Documentation/observability.md.
  public struct Configuration: Sendable {
    /// Blocks (96 KiB each) that may wait for the writer; beyond, lines are dropped and counted. Default 192 (18 MiB).
    public var queueLimitBlocks = 192
    /// How long the writer waits before it tries a failed write again. Default 250 ms.
    public var retryDelayMilliseconds: Int64 = 250
    /// Written blocks kept for reuse instead of being freed. Default 16.
    public var recycledBlocksLimit = 16
    /// How often at most the writer looks whether its file was renamed. Default 1 s.
    public var rotationCheckMilliseconds: Int64 = 1_000
    public init() {}
  }

  /// Where lines go.
  public enum Destination: Sendable, Equatable {
    case standardOutput
    case standardError
    /// Created if missing (mode 0640), always appended to.
    case file(String)
    /// Every line is a message.
    case syslog(SyslogTarget)

    /// What messages about it call it.
    var name: String {
      switch self {
      case .standardOutput: "to standard output"
      case .standardError: "to standard error"
      case .file(let path): path
      case .syslog(let target):
        switch target.address {
        case .unix(let path): "syslog at \(path)"
        case .udp(let host, let port): "syslog at \(host) port \(port)"
        }
      }
    }
  }

  /// What has become of the lines so far.
  public struct Statistics: Sendable, Equatable {
    public var linesWritten: UInt64 = 0
    public var bytesWritten: UInt64 = 0
    /// Lines lost because the queue was full, a syslog server cannot take them or the shutdown deadline passed.
    public var linesDropped: UInt64 = 0
    /// Lines lost because they were longer than `LogBuffer.lineLimitBytes`.
    public var linesTooLong: UInt64 = 0
    /// Writes and reopenings that failed (each retry counts).
    public var writeErrors: UInt64 = 0
    public init() {}
  }

  private struct State {
    var queue: [LogBlock] = []
    /// Queued blocks and the ones the thread is writing.
    var outstanding = 0
    var recycled: [LogBlock] = []
    var reopenRequested = false
    /// Set by `close`: the moment on the monotonic clock after which nothing is tried again.
    var closingDeadline: Int64?
  }

  private let destination: Destination
  /// The lines at the beginning of a file.
  private let preamble: [UInt8]
  private let configuration: Configuration
  private let diagnostics: Diagnostics?
  private let state = Mutex(State())
  private let work: Wakeup
  private let finished: Wakeup
  private let linesWritten = Atomic<UInt64>(0)
  private let bytesWritten = Atomic<UInt64>(0)
  private let linesDropped = Atomic<UInt64>(0)
  private let linesTooLong = Atomic<UInt64>(0)
  private let writeErrors = Atomic<UInt64>(0)

  /// Opens the destination and starts the thread.
  /// - Parameters:
  ///   - preamble: whole lines that every file begins with, however often it is opened; the standard streams have them once.
  ///   - diagnostics: where drops and failed writes are reported; nil for the log that diagnostics themselves go to.
  public init(
    _ destination: Destination, preamble: String = "", configuration: Configuration = Configuration(), diagnostics: Diagnostics?
  ) throws(LogWriterFailure) {
    self.destination = destination
    self.preamble = Array(preamble.utf8)
    self.configuration = configuration
    self.diagnostics = diagnostics
    guard let work = Wakeup(), let finished = Wakeup() else { throw .outOfResources }
    self.work = work
    self.finished = finished
    let sink = try LogSink(destination, preamble: self.preamble)
    if !startThread(name: "log", { self.run(sink) }) {
      sink.close()
      throw .outOfResources
    }
  }

  /// A buffer to build lines in; each thread needs its own.
  public func makeBuffer() -> LogBuffer { LogBuffer(writer: self) }

  /// The numbers so far.
  public var statistics: Statistics {
    var result = Statistics()
    result.linesWritten = linesWritten.load(ordering: .relaxed)
    result.bytesWritten = bytesWritten.load(ordering: .relaxed)
    result.linesDropped = linesDropped.load(ordering: .relaxed)
    result.linesTooLong = linesTooLong.load(ordering: .relaxed)
    result.writeErrors = writeErrors.load(ordering: .relaxed)
    return result
  }

  /// Asks the thread to open the path anew (after log rotation). Lines before the call may still go to either file, each line whole.
  public func reopen() {
    state.withLock { $0.reopenRequested = true }
    work.raise()
  }

  /// Writes what is queued, ends the thread and closes the file. Buffers must have been flushed. Later lines are dropped and counted.
  /// Blocks the calling thread; call it at the end of a drain.
  /// - Parameters:
  ///   - deadlineMilliseconds: how long writing may be tried; what is left then is counted as dropped.
  /// - Returns: whether every line handed over had been written when this returned.
  @discardableResult
  public func close(deadlineMilliseconds: Int64) -> Bool {
    guard end(deadlineMilliseconds: deadlineMilliseconds) else { return false }
    // A write that hangs (a stopped reader of a pipe) cannot be called off; the thread is then left behind, and ends with the process.
    let ended = finished.wait(milliseconds: deadlineMilliseconds + 50)
    return ended && linesDropped.load(ordering: .relaxed) == 0
  }

  /// Like ``close(deadlineMilliseconds:)`` without waiting for the end: a reload has given the lines another place to go.
  /// - Returns: false when it was ending already.
  @discardableResult
  public func end(deadlineMilliseconds: Int64) -> Bool {
    let first = state.withLock { state in
      if state.closingDeadline != nil { return false }
      state.closingDeadline = monotonicMilliseconds() + deadlineMilliseconds
      return true
    }
    if first { work.raise() }
    return first
  }

  // MARK: Hand-over (worker threads)

  /// Queues a filled block and gives an empty one back; when the queue is full, empties the same block, and its lines are lost.
  func exchange(_ block: LogBlock) -> LogBlock {
    let replacement: LogBlock? = state.withLock { state in
      guard LogWriter.accept(block, &state, limit: configuration.queueLimitBlocks) else { return block }
      return state.recycled.popLast()
    }
    if replacement === block {
      drop(block)
      return block
    }
    work.raise()
    return replacement ?? LogBlock(capacityBytes: LogBlock.standardCapacityBytes)
  }

  /// Queues a block made for the occasion.
  func submit(_ block: LogBlock) {
    let accepted = state.withLock { LogWriter.accept(block, &$0, limit: configuration.queueLimitBlocks) }
    if accepted { work.raise() } else { drop(block) }
  }

  func countTooLong() { linesTooLong.add(1, ordering: .relaxed) }

  private static func accept(_ block: LogBlock, _ state: inout State, limit: Int) -> Bool {
    guard state.outstanding < limit, state.closingDeadline == nil else { return false }
    state.queue.append(block)
    state.outstanding += 1
    return true
  }

  private func drop(_ block: LogBlock) {
    let total = linesDropped.add(UInt64(block.lines), ordering: .relaxed).newValue
    block.count = 0
    block.lines = 0
    diagnostics?.say(.warning, key: "log-queue-full", "log \(destination.name): the writer does not keep up; \(total) lines dropped so far")
  }
}

// MARK: - The writer's thread

extension LogWriter {
  private func run(_ opened: LogSink) {
    var sink = opened, lastLook = monotonicMilliseconds()
    _ = sink.writePreamble()
    while true {
      let (batch, closing) = state.withLock { state in
        let batch = state.queue
        state.queue = []
        return (batch, state.closingDeadline != nil)
      }
      reopenIfAsked(&sink)
      if !batch.isEmpty { followRotation(&sink, &lastLook) }
      for block in batch {
        write(block, &sink)
        recycle(block)
      }
      if batch.isEmpty {
        if closing { break }
        work.wait(milliseconds: nil)
      }
    }
    sink.close()
    finished.raise()
  }

  /// Writes a whole block, however long it takes, unless the log is closing and its deadline has passed.
  private func write(_ block: LogBlock, _ sink: inout LogSink) {
    var offset = 0, refused = 0
    while offset < block.count {
      switch sink.write(block, from: offset) {
      case .wrote(let count):
        offset += count
        bytesWritten.add(UInt64(count), ordering: .relaxed)
        continue
      case .refused(let count, let code):
        offset += count
        refused += 1
        linesDropped.add(1, ordering: .relaxed)
        report("cannot take a line", code)
        continue
      case .failed(EINTR): continue
      case .failed(EAGAIN): sink.waitUntilWritable(milliseconds: configuration.retryDelayMilliseconds)
      case .failed(let code):
        countError("cannot write", code)
        work.wait(milliseconds: configuration.retryDelayMilliseconds)
      }
      if reopenIfAsked(&sink) { offset = block.startOfLine(containing: offset) }
      if deadlineHasPassed {
        let lost = block.lines(from: offset)
        linesDropped.add(UInt64(lost), ordering: .relaxed)
        linesWritten.add(UInt64(block.lines - lost - refused), ordering: .relaxed)
        return
      }
    }
    linesWritten.add(UInt64(block.lines - refused), ordering: .relaxed)
  }

  private var deadlineHasPassed: Bool {
    let deadline = state.withLock { $0.closingDeadline }
    return deadline.map { monotonicMilliseconds() >= $0 } ?? false
  }

  private func recycle(_ block: LogBlock) {
    block.count = 0
    block.lines = 0
    let limit = configuration.recycledBlocksLimit
    state.withLock { state in
      state.outstanding -= 1
      if block.capacityBytes == LogBlock.standardCapacityBytes, state.recycled.count < limit { state.recycled.append(block) }
    }
  }

  /// Opens the destination again if someone asked for it.
  /// - Returns: whether the sink is a new one.
  @discardableResult
  private func reopenIfAsked(_ sink: inout LogSink) -> Bool {
    let asked = state.withLock { state in
      defer { state.reopenRequested = false }
      return state.reopenRequested
    }
    return asked && reopen(&sink)
  }

  /// Opens the destination again; the old descriptor stays when that fails.
  private func reopen(_ sink: inout LogSink) -> Bool {
    do throws(LogWriterFailure) {
      let isFile = if case .file = destination { true } else { false }
      let fresh = try LogSink(destination, preamble: isFile ? preamble : [])
      sink.close()
      sink = fresh
      _ = sink.writePreamble()
      return true
    } catch {
      if case .cannotOpen(_, let code) = error { countError("cannot reopen", code) }
      return false
    }
  }

  private func followRotation(_ sink: inout LogSink, _ lastLook: inout Int64) {
    let now = monotonicMilliseconds()
    guard now - lastLook >= configuration.rotationCheckMilliseconds else { return }
    lastLook = now
    if sink.hasMoved { _ = reopen(&sink) }
  }

  private func countError(_ what: String, _ code: Int32) {
    writeErrors.add(1, ordering: .relaxed)
    report("\(what): \(errorText(code)); trying again")
  }

  private func report(_ what: String, _ code: Int32) { report("\(what): \(errorText(code))") }

  private func report(_ what: String) {
    diagnostics?.say(.error, key: "log-write-error", "log \(destination.name): \(what)")
  }
}

/// The system's sentence for an errno value.
func errorText(_ code: Int32) -> String {
  unsafe strerrordesc_np(code).map { unsafe String(cString: $0) } ?? "error \(code)"
}
