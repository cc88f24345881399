// The real program, started with a configuration of the scenario's own in a folder of its own, on free ports.
import Foundation

final class Skerry: Sendable {
  /// The configuration's folder: functions, pages and the access log live here. Gone when the program is.
  let folder: URL
  /// The ports of the listeners, in the order of the configuration, and of the admin address.
  let ports: [UInt16]
  let adminPort: UInt16
  /// The path of the admin address when it is a Unix socket.
  let adminPath: String?
  let process: ChildProcess

  var port: UInt16 { ports[0] }

  // MARK: Starting and stopping

  /// Starts the program and waits for its `ready` line.
  /// - Parameters:
  ///   - configuration: YAML; listeners and admin address should be `127.0.0.1:0`.
  ///   - files: written beside it first, by relative path.
  ///   - arguments: added to `skerry serve CONFIG`.
  ///   - fileLimit: how many files the process may have open.
  ///   - fileSizeLimit: how many blocks of 512 bytes a file may grow to.
  ///   - within: a command that runs the program as its arguments: `env NAME=VALUE`.
  ///   - prepare: does the rest in the folder before the program is started.
  static func start(
    configuration: String, files: [String: String] = [:], arguments: [String] = [], fileLimit: Int? = nil, fileSizeLimit: Int? = nil,
    within: [String] = [], prepare: (URL) throws -> Void = { _ in }
  ) throws -> Skerry {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("skerry-\(UUID().uuidString)")
    for (path, text) in files.merging(["edge.yaml": configuration], uniquingKeysWith: { $1 }) {
      let file = folder.appendingPathComponent(path)
      try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try text.write(to: file, atomically: false, encoding: .utf8)
    }
    try prepare(folder)
    let limits = [fileLimit.map { "ulimit -n \($0); " }, fileSizeLimit.map { "ulimit -f \($0); " }].compactMap { $0 }.joined()
    let limited = limits.isEmpty ? [] : ["/bin/sh", "-c", limits + "exec \"$0\" \"$@\""]
    let process = try ChildProcess(
      limited + within + [binary(), "serve", folder.appendingPathComponent("edge.yaml").path] + arguments,
      environment: ["SKERRY_CLOCK_SHIFT": folder.appendingPathComponent("clock").path])
    do {
      let ready = try process.standardError.wait(for: "the ready line") { output -> String? in
        let line = output.text.split(separator: "\n").first { $0.hasPrefix("ready ") }
        if line == nil, output.ended { throw ScenarioFailure("the program ended before it was ready") }
        return line.map(String.init)
      }
      return try Skerry(process: process, folder: folder, ready: ready)
    } catch {
      try? FileManager.default.removeItem(at: folder)
      throw ScenarioFailure("\(error); it said:\n\(process.standardError.current.text)\nto:\n\(configuration)")
    }
  }

  /// `ready http://127.0.0.1:8080 http://127.0.0.1:8081 admin http://127.0.0.1:9090`
  private init(process: ChildProcess, folder: URL, ready: String) throws {
    let words = ready.split(separator: " ")
    func ports(_ words: some Sequence<Substring>) -> [UInt16] {
      words.compactMap { $0.contains("://") ? $0.split(separator: ":").last.flatMap { UInt16($0) } : nil }
    }
    let beforeAdmin = ports(words.prefix { $0 != "admin" }), afterAdmin = ports(words.drop { $0 != "admin" })
    adminPath = words.last.flatMap { $0.hasPrefix("unix:") ? String($0.dropFirst(5)) : nil }
    guard !beforeAdmin.isEmpty, let admin = adminPath == nil ? afterAdmin.first : 0 else {
      throw ScenarioFailure("cannot read the ready line: \(ready)")
    }
    (self.process, self.folder, self.ports, self.adminPort) = (process, folder, beforeAdmin, admin)
  }

  deinit {
    try? FileManager.default.removeItem(at: folder)
  }

  /// SKERRY_BINARY, else the one built beside these tests, else the release build.
  static func binary() throws -> String {
    if let named = ProcessInfo.processInfo.environment["SKERRY_BINARY"] { return named }
    let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    let here = FileManager.default.currentDirectoryPath
    let candidates = [tests.path + "/skerry", here + "/.build/debug/skerry", here + "/.build/release/skerry"]
    guard let found = candidates.first(where: FileManager.default.isExecutableFile) else {
      throw ScenarioFailure("no skerry binary at any of \(candidates)")
    }
    return found
  }

  func send(signal: Int32) { process.signal(signal) }
  func waitForExit(by deadline: Deadline = .generous) throws -> ChildProcess.Exit {
    try process.waitForExit(by: deadline)
  }
  var isRunning: Bool { !process.hasExited }

  /// SIGTERM, then the wait for the end it asks for.
  @discardableResult
  func terminate() throws -> ChildProcess.Exit {
    send(signal: SIGTERM)
    return try waitForExit()
  }

  /// Writes its configuration, or a file beside it.
  func write(_ text: String, to path: String = "edge.yaml") throws {
    try text.write(to: folder.appendingPathComponent(path), atomically: false, encoding: .utf8)
  }

  /// Writes its configuration and has it take it up with SIGHUP.
  func reload(_ configuration: String) throws {
    let next = try metrics()["skerry_configuration_generation"] + 1
    try write(configuration)
    send(signal: SIGHUP)
    try waitForStandardError(toHold: "generation \(Int(next)) serves")
  }

  /// Lets time pass for the program: so many seconds since it began. Debug builds only.
  func moveClock(to seconds: Double) throws {
    try "\(Int(seconds * 1000))\n".write(to: folder.appendingPathComponent("clock"), atomically: true, encoding: .utf8)
  }

  // MARK: What it says of itself

  var standardError: String { process.standardError.current.text }
  func waitForStandardError(toHold text: String) throws {
    try process.standardError.wait(for: "\"\(text)\" on stderr") { $0.text.contains(text) ? true : nil }
  }
  /// The most memory it ever had resident, in bytes.
  func peakMemory() throws -> Int { try process.memory("VmHWM") }

  /// Whether it listens at a port.
  func listens(at port: UInt16) throws -> Bool { try isListening(process.identifier, at: port) }

  /// CPU time of all its threads so far.
  func cpuTime() throws -> Duration { try process.cpuTime() }

  func viewer(
    _ listener: Int = 0, from source: String = "127.0.0.1", receiveBuffer: Int32? = nil
  ) throws -> ScriptedViewer {
    do { return try ScriptedViewer(port: ports[listener], from: source, receiveBuffer: receiveBuffer) } catch ConnectionError.refused {
      if let end = process.end { throw ScenarioFailure("the program ended (\(end)); it said:\n\(standardError)") }
      throw ConnectionError.refused
    }
  }

  /// One GET of the admin address.
  func admin(_ path: String) throws -> Response {
    let viewer = try adminConnection()
    try viewer.send("GET \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(adminPort)\r\nConnection: close\r\n\r\n")
    return try viewer.readResponse()
  }

  /// A connection to the admin address.
  func adminConnection() throws -> ScriptedViewer {
    if let adminPath { return ScriptedViewer(try Socket.connected(toPath: adminPath)) }
    return try ScriptedViewer(port: adminPort)
  }

  func metrics() throws -> Metrics {
    let page = try admin("/metrics")
    guard page.status == 200 else { throw ScenarioFailure("GET /metrics: \(page.line)") }
    return try Metrics(page: page.bodyText)
  }

  /// Waits until a counter has grown by `amount` since `before`.
  func waitForMetric(_ name: String, by amount: Double = 1, since before: Metrics) throws {
    try eventually("\(name) to grow by \(amount) from \(before[name])") {
      try metrics()[name] >= before[name] + amount
    }
  }

  /// The records of an access log in CloudFront's form so far, by the names in its `#Fields`.
  func columns(of file: String = "access.log") throws -> [[String: String]] {
    guard let text = try? fileText(folder.appendingPathComponent(file).path) else { return [] }
    var names: [String] = [], records: [[String: String]] = []
    for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
      if line.hasPrefix("#Fields: ") { names = line.dropFirst(9).split(separator: " ").map(String.init) }
      if line.hasPrefix("#") { continue }
      let values = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      guard values.count == names.count else { throw ScenarioFailure("a record of \(values.count) columns below \(names.count) names: \(line)") }
      records.append(Dictionary(uniqueKeysWithValues: zip(names, values)))
    }
    return records
  }

  /// The complete lines of the access log so far, each a JSON object.
  func accessLog() throws -> [[String: LogValue]] {
    guard let text = try? fileText(folder.appendingPathComponent("access.log").path) else { return [] }
    let complete = text.prefix { _ in true }.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
    return try complete.map { line in
      do { return try JSONDecoder().decode([String: LogValue].self, from: Data(line.utf8)) } catch {
        throw ScenarioFailure("access log line is not a JSON object: \(line)")
      }
    }
  }

  /// The first log line for which `matches` holds, once there is one.
  func waitForLogLine(
    _ what: String, where matches: ([String: LogValue]) -> Bool
  ) throws -> [String: LogValue] {
    try eventually("an access log line \(what)") { try accessLog().first(where: matches) }
  }
}

/// A value of an access log line.
enum LogValue: Sendable, Equatable, Decodable, CustomStringConvertible {
  case text(String), number(Double), flag(Bool), null, nested

  init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if value.decodeNil() { self = .null }
    else if let text = try? value.decode(String.self) { self = .text(text) }
    else if let flag = try? value.decode(Bool.self) { self = .flag(flag) }
    else if let number = try? value.decode(Double.self) { self = .number(number) }
    else { self = .nested }
  }
  var description: String {
    switch self {
    case .text(let text): text
    case .number(let number): number == number.rounded() ? String(Int(number)) : String(number)
    case .flag(let flag): String(flag)
    case .null: "null"
    case .nested: "…"
    }
  }
}

func fileText(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

/// The words of each line in the kernel's list of TCP sockets (proc_pid_net(5)).
func systemSockets() throws -> [[Substring]] {
  // Read by hand: the kernel gives a page at a time, and Foundation takes the first for all.
  guard let list = FileHandle(forReadingAtPath: "/proc/net/tcp") else { throw ScenarioFailure("no list of sockets") }
  var text = Data()
  while let more = try list.read(upToCount: 65_536), !more.isEmpty { text += more }
  return String(decoding: text, as: UTF8.self).split(separator: "\n").map { $0.split(separator: " ") }.filter { $0.count > 9 }
}

/// Whether a process listens at a port. A connection would not tell: when the process has let go of the port, it may be another test's.
func isListening(_ identifier: pid_t, at port: UInt16) throws -> Bool {
  // Local address, state (0A: listens) and inode are the words 1, 3 and 9 of a line (proc_pid_net(5)).
  let hexadecimal = String(port, radix: 16, uppercase: true)
  let address = ":" + String(repeating: "0", count: 4 - hexadecimal.count) + hexadecimal
  let sockets = try systemSockets().compactMap { words in words[1].hasSuffix(address) && words[3] == "0A" ? "socket:[\(words[9])]" : nil }
  let folder = "/proc/\(identifier)/fd/"
  return try FileManager.default.contentsOfDirectory(atPath: folder).contains { name in
    sockets.contains((try? FileManager.default.destinationOfSymbolicLink(atPath: folder + name)) ?? "")
  }
}
