// Owns: a log's file descriptor and the one thread that writes to it. Workers hand blocks of lines over and never wait.
//
// Rule of the lock: `state` guards the queue, the recycled blocks and the requests to the thread; it is held for a few moves only, never
// over a system call. Full queue: the block's lines are dropped, counted and reported once per second. Failed write: the error is counted
// and reported, and the same bytes are tried again until they are written, the log is reopened or the shutdown deadline passes.

internal import CSystem
internal import Glibc
internal import Synchronization

/// Why a log could not be opened.
public enum LogWriterFailure: Error, Equatable {
  /// The file could not be opened for appending; `code` is errno.
  case cannotOpen(path: String, code: Int32)
  /// No thread or descriptor was left.
  case outOfResources
}

/// Writes log lines to a file, standard output or standard error from a thread of its own.
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
    public init() {}
  }

  /// Where lines go.
  public enum Destination: Sendable, Equatable {
    case standardOutput
    case standardError
    /// Created if missing (mode 0640), always appended to.
    case file(String)

    /// `"-"` is standard output, anything else a path; as `accessLog.path` reads.
    public init(path: String) { self = path == "-" ? .standardOutput : .file(path) }
  }

  /// What has become of the lines so far.
  public struct Statistics: Sendable, Equatable {
    public var linesWritten: UInt64 = 0
    public var bytesWritten: UInt64 = 0
    /// Lines lost because the queue was full or the shutdown deadline passed.
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
  ///   - diagnostics: where drops and failed writes are reported; nil for the log that diagnostics themselves go to.
  public init(_ destination: Destination, configuration: Configuration = Configuration(), diagnostics: Diagnostics?) throws(LogWriterFailure) {
    self.destination = destination
    self.configuration = configuration
    self.diagnostics = diagnostics
    guard let work = Wakeup(), let finished = Wakeup() else { throw .outOfResources }
    self.work = work
    self.finished = finished
    let descriptor = try LogWriter.open(destination)
    if !startThread(name: "log", { self.run(descriptor) }) {
      Glibc.close(descriptor)
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
    diagnostics?.say(.warning, key: "log-queue-full", "\(name): the writer does not keep up; \(total) lines dropped so far")
  }

  private var name: String {
    switch destination {
    case .standardOutput: "log to standard output"
    case .standardError: "log to standard error"
    case .file(let path): "log \(path)"
    }
  }
}

// MARK: - The writer's thread

extension LogWriter {
  private func run(_ opened: Int32) {
    var descriptor = opened
    while true {
      let (batch, closing) = state.withLock { state in
        let batch = state.queue
        state.queue = []
        return (batch, state.closingDeadline != nil)
      }
      reopenIfAsked(&descriptor)
      for block in batch {
        write(block, &descriptor)
        recycle(block)
      }
      if batch.isEmpty {
        if closing { break }
        work.wait(milliseconds: nil)
      }
    }
    Glibc.close(descriptor)
    finished.raise()
  }

  /// Writes a whole block, however long it takes, unless the log is closing and its deadline has passed.
  private func write(_ block: LogBlock, _ descriptor: inout Int32) {
    var offset = 0
    while offset < block.count {
      let result = unsafe Glibc.write(descriptor, block.base + offset, block.count - offset)
      if result > 0 {
        offset += result
        bytesWritten.add(UInt64(result), ordering: .relaxed)
        continue
      }
      let code = result < 0 ? errno : EIO
      if code == EINTR { continue }
      if code == EAGAIN {
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        _ = unsafe poll(&entry, 1, Int32(clamping: configuration.retryDelayMilliseconds))
      } else {
        countError("cannot write", code)
        work.wait(milliseconds: configuration.retryDelayMilliseconds)
      }
      if reopenIfAsked(&descriptor) { offset = block.startOfLine(containing: offset) }
      if deadlineHasPassed {
        let lost = block.lines(from: offset)
        linesDropped.add(UInt64(lost), ordering: .relaxed)
        linesWritten.add(UInt64(block.lines - lost), ordering: .relaxed)
        return
      }
    }
    linesWritten.add(UInt64(block.lines), ordering: .relaxed)
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

  /// Opens the destination again if someone asked; the old descriptor stays when that fails.
  /// - Returns: whether the descriptor is a new one.
  @discardableResult
  private func reopenIfAsked(_ descriptor: inout Int32) -> Bool {
    let asked = state.withLock { state in
      defer { state.reopenRequested = false }
      return state.reopenRequested
    }
    guard asked else { return false }
    do {
      let fresh = try LogWriter.open(destination)
      Glibc.close(descriptor)
      descriptor = fresh
      return true
    } catch {
      if case .cannotOpen(_, let code) = error { countError("cannot reopen", code) }
      return false
    }
  }

  private func countError(_ what: String, _ code: Int32) {
    writeErrors.add(1, ordering: .relaxed)
    diagnostics?.say(.error, key: "log-write-error", "\(name): \(what): \(errorText(code)); trying again")
  }

  private static func open(_ destination: Destination) throws(LogWriterFailure) -> Int32 {
    let descriptor: Int32
    let path: String
    switch destination {
    case .standardOutput: (path, descriptor) = ("standard output", fcntl(1, F_DUPFD_CLOEXEC, 3))
    case .standardError: (path, descriptor) = ("standard error", fcntl(2, F_DUPFD_CLOEXEC, 3))
    case .file(let file): (path, descriptor) = (file, unsafe Glibc.open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o640))
    }
    if descriptor < 0 { throw .cannotOpen(path: path, code: errno) }
    return descriptor
  }
}

/// The system's sentence for an errno value.
func errorText(_ code: Int32) -> String {
  unsafe strerrordesc_np(code).map { unsafe String(cString: $0) } ?? "error \(code)"
}
