// Where lines go: a file with its first lines, followed when it is renamed; a syslog server.

import Glibc
import Testing

@testable import Telemetry

private func append(_ text: String, to log: inout LogBuffer) {
  log.beginRecord()
  log.column(encoding: Array(text.utf8).span)
  log.endRecord()
  log.flush()
}

private func waitUntil(_ condition: () -> Bool) -> Bool {
  for _ in 0..<1_000 {
    if condition() { return true }
    usleep(5_000)
  }
  return false
}

/// A syslog server on a socket of its own.
private final class Server {
  let descriptor: Int32
  let path = TemporaryFile().path + "-socket"
  var port = 0

  init(isUnix: Bool) {
    descriptor = socket(isUnix ? AF_UNIX : AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    if isUnix { bindUnix() } else { bindUDP() }
    var limit = timeval(tv_sec: 5, tv_usec: 0)
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit {
    close(descriptor)
    unsafe unlink(path)
  }

  private func bindUnix() {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
    unsafe unlink(path)
    _ = unsafe withUnsafePointer(to: &address) {
      unsafe bind(descriptor, UnsafeRawPointer($0).assumingMemoryBound(to: sockaddr.self), socklen_t(MemoryLayout<sockaddr_un>.size))
    }
  }

  private func bindUDP() {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    unsafe withUnsafeMutablePointer(to: &address) {
      let any = unsafe UnsafeMutableRawPointer($0).assumingMemoryBound(to: sockaddr.self)
      _ = unsafe bind(descriptor, any, length)
      _ = unsafe getsockname(descriptor, any, &length)
    }
    port = Int(UInt16(bigEndian: address.sin_port))
  }

  func receive() -> String {
    var bytes = [UInt8](repeating: 0, count: 65_536)
    let count = unsafe recv(descriptor, &bytes, bytes.count, 0)
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
  }

  var target: LogWriter.Destination {
    let address: SyslogTarget.Address = port == 0 ? .unix(path) : .udp(host: "127.0.0.1", port: port)
    return .syslog(SyslogTarget(address: address, facility: 16, appName: "skerry", messageID: "access"))
  }
}

@Suite struct LogSinkTests {
  @Test func everyFileBeginsWithItsFirstLines() throws {
    let file = TemporaryFile(), rotated = TemporaryFile()
    let writer = try LogWriter(.file(file.path), preamble: "#One\n#Two\n", diagnostics: nil)
    #expect(waitUntil { file.text == "#One\n#Two\n" })
    var log = writer.makeBuffer()
    append("first", to: &log)
    #expect(waitUntil { writer.statistics.linesWritten == 1 })
    unsafe rename(file.path, rotated.path)
    writer.reopen()
    #expect(waitUntil { file.text == "#One\n#Two\n" })
    append("second", to: &log)
    #expect(writer.close(deadlineMilliseconds: 5_000))
    #expect(rotated.text == "#One\n#Two\nfirst\n")
    #expect(file.text == "#One\n#Two\nsecond\n")
    #expect(writer.statistics.linesWritten == 2)
  }

  /// The preamble of a file that is full when it is opened comes before its first line, once there is room.
  @Test func firstLinesWaitForRoom() throws {
    let file = TemporaryFile(), link = file.path + "-link"
    unsafe symlink("/dev/full", link)
    defer { unsafe unlink(link) }
    var configuration = LogWriter.Configuration()
    configuration.retryDelayMilliseconds = 5
    let writer = try LogWriter(.file(link), preamble: "#One\n", configuration: configuration, diagnostics: nil)
    var log = writer.makeBuffer()
    append("kept", to: &log)
    #expect(waitUntil { writer.statistics.writeErrors > 0 })
    unsafe unlink(link)
    unsafe symlink(file.path, link)
    writer.reopen()
    #expect(writer.close(deadlineMilliseconds: 5_000))
    #expect(file.text == "#One\nkept\n")
  }

  @Test func aFileThatWasRenamedIsFollowedWithoutBeingTold() throws {
    let file = TemporaryFile(), rotated = TemporaryFile()
    var configuration = LogWriter.Configuration()
    configuration.rotationCheckMilliseconds = 0
    let writer = try LogWriter(.file(file.path), preamble: "#F\n", configuration: configuration, diagnostics: nil)
    var log = writer.makeBuffer()
    append("old", to: &log)
    #expect(waitUntil { writer.statistics.linesWritten == 1 })
    unsafe rename(file.path, rotated.path)
    append("new", to: &log)
    #expect(writer.close(deadlineMilliseconds: 5_000))
    #expect(rotated.text == "#F\nold\n")
    #expect(file.text == "#F\nnew\n")
  }

  /// A directory that is gone: the old file stays in use, and that is said and counted.
  @Test func whatCannotBeReopenedGoesOn() throws {
    let folder = TemporaryFile().path + "-folder", errors = TemporaryFile(), path = folder + "/a.log"
    unsafe mkdir(folder, 0o700)
    let diagnostics = try Diagnostics(.file(errors.path))
    var configuration = LogWriter.Configuration()
    configuration.rotationCheckMilliseconds = 0
    let writer = try LogWriter(.file(path), configuration: configuration, diagnostics: diagnostics)
    unsafe unlink(path)
    unsafe rmdir(folder)
    var log = writer.makeBuffer()
    append("lost in an unnamed file", to: &log)
    #expect(waitUntil { writer.statistics.linesWritten == 1 && writer.statistics.writeErrors == 1 })
    #expect(writer.close(deadlineMilliseconds: 5_000))
    #expect(diagnostics.close(deadlineMilliseconds: 5_000))
    #expect(errors.text.contains("log \(path): cannot reopen: No such file or directory"))
  }

  /// `<PRI>1 time host app process message-id -` and the line without its end (RFC 5424, 6).
  @Test(arguments: [true, false]) func speaksSyslog(isUnix: Bool) throws {
    let server = Server(isUnix: isUnix)
    let writer = try LogWriter(server.target, preamble: "#no\n", diagnostics: nil)
    var log = writer.makeBuffer()
    append("one", to: &log)
    append("two", to: &log)
    for text in ["one", "two"] {
      let message = server.receive()
      #expect(message.wholeMatch(of: /<134>1 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ \S+ skerry \d+ access - (.*)/)?.1 == text[...], "\(message)")
    }
    #expect(writer.close(deadlineMilliseconds: 5_000))
    #expect(writer.statistics.linesWritten == 2)
  }

  /// A line that is longer than a message may be is lost, counted and said, and keeps nobody waiting.
  @Test func whatIsTooLongForAMessage() throws {
    let server = Server(isUnix: false), errors = TemporaryFile(), diagnostics = try Diagnostics(.file(errors.path))
    let writer = try LogWriter(server.target, diagnostics: diagnostics)
    writer.submit(LogBlock(line: [UInt8](repeating: UInt8(ascii: "a"), count: 70_000) + [10]))
    writer.submit(LogBlock(line: Array("short\n".utf8)))
    #expect(server.receive().hasSuffix(" - short"))
    #expect(!writer.close(deadlineMilliseconds: 5_000))
    #expect(writer.statistics.linesWritten == 1 && writer.statistics.linesDropped == 1)
    #expect(diagnostics.close(deadlineMilliseconds: 5_000))
    #expect(errors.text.contains("cannot take a line: Message too long"))
  }

  /// The server ends and another takes its place; what was logged meanwhile arrives. A full queue is waited out.
  @Test func findsASyslogServerAgain() throws {
    var server: Server? = Server(isUnix: true)
    var configuration = LogWriter.Configuration()
    configuration.retryDelayMilliseconds = 5
    let destination = try #require(server?.target), path = try #require(server?.path)
    let writer = try LogWriter(destination, configuration: configuration, diagnostics: nil)
    var log = writer.makeBuffer()
    server = nil
    append("meanwhile", to: &log)
    #expect(waitUntil { writer.statistics.writeErrors > 0 })
    let next = Server(isUnix: true)
    unsafe symlink(next.path, path)
    defer { unsafe unlink(path) }
    #expect(next.receive().hasSuffix(" - meanwhile"))
    for number in 0..<100 { append("\(number)", to: &log) }
    for number in 0..<100 { #expect(next.receive().hasSuffix(" - \(number)")) }
    #expect(writer.close(deadlineMilliseconds: 5_000))
  }

  @Test func noSyslogServerIsAFailureToOpen() {
    #expect(throws: LogWriterFailure.cannotOpen(path: "syslog at /nowhere/log", code: ENOENT)) {
      _ = try LogWriter(.syslog(SyslogTarget(address: .unix("/nowhere/log"), facility: 1, appName: "a", messageID: "m")), diagnostics: nil)
    }
  }
}
