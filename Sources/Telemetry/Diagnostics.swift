// Owns: the operational messages on standard error: one line each, `2026-11-21T02:20:06.123Z level text`.
// Any thread; never blocks the caller (a LogWriter's thread does the writing). Rate-limited per key, so that a failing disk or origin
// cannot flood the log: the first message of a key in a second is written, the rest are counted and the count is told by the next one.

import Glibc
internal import Synchronization

/// The program's log of operational messages.
public final class Diagnostics: Sendable {
  public enum Level: String, Sendable {
    case info, warning, error
  }

  /// At most one message per key in this time.
  public static let intervalMilliseconds: Int64 = 1_000
  /// Keys remembered at a time; while more than these are busy, the others share the key "other".
  public static let keyLimit = 256
  /// Bytes of one message; the rest is cut off.
  public static let messageLimitBytes = 4_096
  /// Messages that may wait for the writer; beyond, they are dropped and counted.
  public static let queueLimitMessages = 1_024

  private let writer: LogWriter
  private let limiter = Mutex(RateLimiter(intervalMilliseconds: intervalMilliseconds, keyLimit: keyLimit))

  /// - Parameters:
  ///   - destination: standard error but for tests.
  public init(_ destination: LogWriter.Destination = .standardError) throws(LogWriterFailure) {
    var configuration = LogWriter.Configuration()
    configuration.queueLimitBlocks = Diagnostics.queueLimitMessages
    configuration.recycledBlocksLimit = 0
    writer = try LogWriter(destination, configuration: configuration, diagnostics: nil)
  }

  /// Writes a message that must not be lost to rate limiting (start, reload, drain). Any thread; never blocks.
  public func say(_ level: Level, _ text: String) { write(level, text, at: .now) }

  /// Writes a message unless its key had one within the last second. Any thread; never blocks.
  /// - Parameters:
  ///   - key: what is the same in all messages of this kind; not shown.
  public func say(_ level: Level, key: String, _ text: @autoclosure () -> String) {
    let now = monotonicMilliseconds()
    switch limiter.withLock({ $0.admit(key, at: now) }) {
    case .suppress: break
    case .admit(suppressed: 0): write(level, text(), at: .now)
    case .admit(let suppressed): write(level, text() + " (\(suppressed) like this not shown)", at: .now)
    }
  }

  /// Says that the system watches no further descriptor, at most once a second.
  /// - Parameters:
  ///   - code: an errno value.
  ///   - consequence: what becomes of those who needed one.
  public func sayUnwatched(_ code: Int32, _ consequence: @autoclosure () -> String) {
    say(
      .error, key: "unwatched",
      code == ENOSPC
        ? "this user's epoll watches are used up (sysctl fs.epoll.max_user_watches), by this process or others of the same user, functions of the function tier included: \(consequence())"
        : "the system watches no further descriptor (\(unsafe String(cString: strerror(code)))): \(consequence())")
  }

  /// Writes what is queued and ends. See `LogWriter.close`.
  @discardableResult
  public func close(deadlineMilliseconds: Int64) -> Bool { writer.close(deadlineMilliseconds: deadlineMilliseconds) }

  /// What has become of the messages; for the metrics page.
  public var statistics: LogWriter.Statistics { writer.statistics }

  private func write(_ level: Level, _ text: String, at time: Timestamp) {
    writer.submit(LogBlock(line: Diagnostics.line(level, text, at: time)))
  }

  /// A message's line. Control characters (a line break above all: whoever could write one could forge a message) become spaces.
  static func line(_ level: Level, _ text: String, at time: Timestamp) -> [UInt8] {
    var line = time.text
    line.append(UInt8(ascii: " "))
    line.append(contentsOf: level.rawValue.utf8)
    line.append(UInt8(ascii: " "))
    line.append(contentsOf: text.utf8.prefix(messageLimitBytes).lazy.map { $0 < 0x20 || $0 == 0x7f ? UInt8(ascii: " ") : $0 })
    line.append(UInt8(ascii: "\n"))
    return line
  }
}

/// Decides which messages of a key are written. A value; time comes from outside.
struct RateLimiter {
  enum Verdict: Equatable {
    /// Write it, and say how many were held back before it.
    case admit(suppressed: Int)
    case suppress
  }

  let intervalMilliseconds: Int64
  let keyLimit: Int
  private var entries: [String: (last: Int64, suppressed: Int)] = [:]

  init(intervalMilliseconds: Int64, keyLimit: Int) {
    self.intervalMilliseconds = intervalMilliseconds
    self.keyLimit = keyLimit
  }

  mutating func admit(_ wanted: String, at now: Int64) -> Verdict {
    var key = wanted
    if entries[key] == nil, entries.count >= keyLimit {
      entries = entries.filter { now - $0.value.last < intervalMilliseconds }
      if entries.count >= keyLimit { key = "other" }
    }
    if let entry = entries[key] {
      if now - entry.last < intervalMilliseconds {
        entries[key] = (entry.last, entry.suppressed + 1)
        return .suppress
      }
      entries[key] = (now, 0)
      return .admit(suppressed: entry.suppressed)
    }
    entries[key] = (now, 0)
    return .admit(suppressed: 0)
  }
}
