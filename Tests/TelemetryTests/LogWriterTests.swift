// The writer's thread: order, a full queue, a full disk, rotation, shutdown.

import Glibc
import Testing

@testable import Telemetry

private func append(_ text: String, to log: inout LogBuffer) {
  log.beginLine()
  log.string("v", text.utf8Array.span)
  log.endLine()
}

/// A named pipe: a destination whose reader can be slow. It has no reader problems, as it is opened for both directions.
private final class NamedPipe {
  let path: String
  let descriptor: Int32

  init() {
    let file = TemporaryFile()
    path = file.path + "-pipe"
    unsafe mkfifo(path, 0o600)
    descriptor = unsafe open(path, O_RDWR | O_NONBLOCK)
  }

  deinit {
    close(descriptor)
    unsafe unlink(path)
  }

  /// Everything that arrives until `quiet` milliseconds pass without anything.
  func drain(quiet: Int32 = 300) -> [UInt8] {
    var result: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 65_536)
    while true {
      var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      if unsafe poll(&entry, 1, quiet) <= 0 { return result }
      let count = unsafe read(descriptor, &part, part.count)
      if count > 0 { result += part[..<count] }
    }
  }
}

private func waitUntil(_ condition: () -> Bool) -> Bool {
  for _ in 0..<500 {
    if condition() { return true }
    usleep(10_000)
  }
  return false
}

@Suite struct LogWriterTests {
  @Test func writesEveryLineOfOneBufferInOrder() throws {
    let file = TemporaryFile()
    let writer = try LogWriter(.file(file.path), diagnostics: nil)
    var log = writer.makeBuffer()
    for index in 0..<5_000 { append("\(index)", to: &log) }
    log.flush()
    #expect(writer.close(deadlineMilliseconds: 5_000))
    let lines = file.text.split(separator: "\n")
    #expect(lines.count == 5_000)
    for (index, line) in lines.enumerated() { #expect(line.hasSuffix("\"v\":\"\(index)\"}")) }
    #expect(writer.statistics.linesWritten == 5_000)
    #expect(writer.statistics.bytesWritten == UInt64(file.bytes.count))
  }

  @Test func handsOverByItselfWhenHalfFullAndNotBefore() throws {
    let file = TemporaryFile()
    let writer = try LogWriter(.file(file.path), diagnostics: nil)
    var log = writer.makeBuffer()
    append("waits", to: &log)
    usleep(50_000)
    #expect(file.bytes.isEmpty)
    let lines = LogBuffer.handOverBytes / 100 + 1
    for _ in 0..<lines { append(String(repeating: "x", count: 100), to: &log) }
    #expect(waitUntil { file.bytes.count >= LogBuffer.handOverBytes })
    log.flush()
    #expect(writer.close(deadlineMilliseconds: 5_000))
    #expect(writer.statistics.linesWritten == UInt64(lines) + 1)
  }

  @Test func aBufferThatGoesAwayLosesNothing() throws {
    let file = TemporaryFile()
    let writer = try LogWriter(.file(file.path), diagnostics: nil)
    do {
      var log = writer.makeBuffer()
      append("last words", to: &log)
    }
    #expect(writer.close(deadlineMilliseconds: 5_000))
    #expect(file.text.contains("last words"))
  }

  @Test func linesFromManyThreadsStayWhole() async throws {
    let file = TemporaryFile()
    var configuration = LogWriter.Configuration()
    configuration.queueLimitBlocks = 256   // every flush takes a place
    let writer = try LogWriter(.file(file.path), configuration: configuration, diagnostics: nil)
    await withTaskGroup(of: Void.self) { group in
      for thread in 0..<4 {
        group.addTask {
          var log = writer.makeBuffer()
          for index in 0..<500 {
            append("\(thread)-\(index)", to: &log)
            if index % 17 == 0 { log.flush() }
          }
        }
      }
    }
    #expect(writer.close(deadlineMilliseconds: 5_000))
    let lines = file.text.split(separator: "\n")
    #expect(lines.count == 2_000)
    #expect(lines.allSatisfy { $0.hasPrefix("{\"v\":") && $0.hasSuffix("\"}") })
    #expect(Set(lines).count == 2_000)
  }

  @Test func dropsAndCountsWhenTheQueueIsFull() throws {
    let pipe = NamedPipe(), errors = TemporaryFile()
    let diagnostics = try Diagnostics(.file(errors.path))
    var configuration = LogWriter.Configuration()
    configuration.queueLimitBlocks = 3
    let writer = try LogWriter(.file(pipe.path), configuration: configuration, diagnostics: diagnostics)
    var log = writer.makeBuffer()
    var appended: UInt64 = 0
    // The pipe takes 64 KiB; then the writer hangs, three blocks wait, and the rest is lost.
    while writer.statistics.linesDropped == 0, appended < 10_000 {
      append(String(repeating: "x", count: 1_000), to: &log)
      appended += 1
    }
    let dropped = writer.statistics.linesDropped
    #expect(dropped > 0 && dropped < appended)
    let read = pipe.drain()
    log.flush()
    let rest = pipe.drain()
    let lines = UInt64((read + rest).count { $0 == UInt8(ascii: "\n") })
    #expect(lines + dropped == appended)
    writer.close(deadlineMilliseconds: 1_000)
    #expect(diagnostics.close(deadlineMilliseconds: 1_000))
    #expect(errors.text.contains("warning log \(pipe.path): the writer does not keep up; \(dropped) lines dropped so far"))
  }

  @Test func aFullDiskIsCountedReportedAndGivenUpOnlyAtTheDeadline() throws {
    let errors = TemporaryFile()
    let diagnostics = try Diagnostics(.file(errors.path))
    var configuration = LogWriter.Configuration()
    configuration.retryDelayMilliseconds = 5
    let writer = try LogWriter(.file("/dev/full"), configuration: configuration, diagnostics: diagnostics)
    var log = writer.makeBuffer()
    append("a", to: &log)
    append("b", to: &log)
    log.flush()
    #expect(waitUntil { writer.statistics.writeErrors >= 3 })
    #expect(writer.statistics.linesDropped == 0)
    #expect(!writer.close(deadlineMilliseconds: 50))
    #expect(waitUntil { writer.statistics.linesDropped == 2 })
    #expect(writer.statistics.linesWritten == 0)
    diagnostics.close(deadlineMilliseconds: 1_000)
    #expect(errors.text.contains("error log /dev/full: cannot write: No space left on device; trying again"))
    #expect(errors.text.split(separator: "\n").count == 1)
  }

  @Test func goesOnWhereItStoppedWhenTheDiskHasRoomAgain() throws {
    // A symbolic link that first leads to the full disk: reopening it is what an operator does.
    let file = TemporaryFile(), link = file.path + "-link"
    unsafe symlink("/dev/full", link)
    defer { unsafe unlink(link) }
    var configuration = LogWriter.Configuration()
    configuration.retryDelayMilliseconds = 5
    let writer = try LogWriter(.file(link), configuration: configuration, diagnostics: nil)
    var log = writer.makeBuffer()
    append("kept", to: &log)
    log.flush()
    #expect(waitUntil { writer.statistics.writeErrors > 0 })
    unsafe unlink(link)
    unsafe symlink(file.path, link)
    writer.reopen()
    #expect(writer.close(deadlineMilliseconds: 5_000))
    #expect(file.text.contains("\"kept\""))
    #expect(writer.statistics.linesWritten == 1)
  }

  @Test func reopensAfterRotation() throws {
    let file = TemporaryFile(), rotated = file.path + ".1"
    defer { unsafe unlink(rotated) }
    let writer = try LogWriter(.file(file.path), diagnostics: nil)
    var log = writer.makeBuffer()
    append("old", to: &log)
    log.flush()
    #expect(waitUntil { writer.statistics.linesWritten == 1 })
    unsafe rename(file.path, rotated)
    writer.reopen()
    #expect(waitUntil { unsafe access(file.path, F_OK) == 0 })
    append("new", to: &log)
    log.flush()
    #expect(writer.close(deadlineMilliseconds: 5_000))
    #expect(file.text.contains("new") && !file.text.contains("old"))
  }

  @Test func linesAfterCloseAreCountedAsDropped() throws {
    let file = TemporaryFile()
    let writer = try LogWriter(.file(file.path), diagnostics: nil)
    #expect(writer.close(deadlineMilliseconds: 1_000))
    #expect(!writer.close(deadlineMilliseconds: 1_000))
    var log = writer.makeBuffer()
    append("late", to: &log)
    log.flush()
    #expect(writer.statistics.linesDropped == 1)
    #expect(file.bytes.isEmpty)
  }

  @Test func saysWhyAFileCannotBeOpened() {
    #expect(throws: LogWriterFailure.cannotOpen(path: "/nowhere/access.log", code: ENOENT)) {
      _ = try LogWriter(.file("/nowhere/access.log"), diagnostics: nil)
    }
  }

  @Test func findsLineStartsAndCountsLines() {
    let block = LogBlock(line: "one\ntwo\nthree\n".utf8Array)
    for (offset, start, lines) in [(0, 0, 3), (2, 0, 3), (4, 4, 2), (6, 4, 2), (14, 14, 0)] {
      #expect(block.startOfLine(containing: offset) == start)
      #expect(block.lines(from: offset) == lines)
    }
  }
}

@Suite struct DiagnosticsTests {
  @Test func writesTimeLevelAndText() {
    let line = Diagnostics.line(.warning, "a\nforged \u{1b}[31mline\u{7f}", at: Timestamp(milliseconds: 1_795_227_606_123))
    #expect(String(decoding: line, as: UTF8.self) == "2026-11-21T02:20:06.123Z warning a forged  [31mline \n")
    #expect(Diagnostics.line(.info, String(repeating: "x", count: 9_999), at: Timestamp(milliseconds: 0)).count == 24 + 6 + 4_096 + 1)
  }

  @Test func limitsTheRatePerKey() {
    var limiter = RateLimiter(intervalMilliseconds: 1_000, keyLimit: 2)
    let steps: [(key: String, at: Int64, RateLimiter.Verdict)] = [
      ("a", 0, .admit(suppressed: 0)), ("a", 999, .suppress), ("b", 999, .admit(suppressed: 0)), ("a", 999, .suppress),
      ("a", 1_000, .admit(suppressed: 2)), ("a", 1_999, .suppress),
      // Both places are taken by busy keys: strangers share one.
      ("c", 1_500, .admit(suppressed: 0)), ("d", 1_600, .suppress),
      ("b", 2_100, .admit(suppressed: 0)),
      // The quiet ones have left: a stranger gets a place of its own.
      ("e", 9_000, .admit(suppressed: 0)), ("e", 9_001, .suppress),
    ]
    for (key, at, verdict) in steps { #expect(limiter.admit(key, at: at) == verdict, "\(key) at \(at)") }
  }

  @Test func threadsShareIt() async throws {
    let file = TemporaryFile()
    let diagnostics = try Diagnostics(.file(file.path))
    await withTaskGroup(of: Void.self) { group in
      for thread in 0..<8 { group.addTask { for index in 0..<20 { diagnostics.say(.info, "\(thread)/\(index)") } } }
    }
    #expect(diagnostics.close(deadlineMilliseconds: 5_000))
    #expect(Set(file.text.split(separator: "\n").map { $0.dropFirst(25) }).count == 160)
  }
}
