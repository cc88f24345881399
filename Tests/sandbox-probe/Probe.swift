// A spawner by itself, for tests that must be somebody else or somewhere else: what holds, and what comes of one program in a sandbox.
//   sandbox-probe ROOT [network=none|outbound|host] [memory=MB] [processes=N] [api] [watched] [freeze] [watchers] -- PROGRAM…
// With `freeze` the program is to go on writing: it is frozen, let go, frozen again and, unless told `linger`, killed.
// With `leftovers` it only says what it has found of earlier ones.
// With `watchers`, once it has written, it is killed if it holds very many epoll watches, and if not, too.
import FunctionTier
import Distribution
import Glibc

@main struct Probe {
  static func main() throws {
    let words = CommandLine.arguments.dropFirst()
    guard let root = words.first, let mark = words.firstIndex(of: "--") else { exit(64) }
    let options = words[..<mark].dropFirst()
    func option(_ name: String) -> String? { options.first { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) } }
    let spawner = try Spawner(roots: [root], usesControlGroups: !options.contains("watched"))
    if options.contains("leftovers") { return say("\(spawner.leftovers ?? "nothing was left")\n") }
    say("report: \(spawner.report.description)\n")
    guard spawner.report.isUsable else { return }
    var description = SandboxDescription(program: Array(words[(mark + 1)...]), readOnly: [(root, "/var/task")], environment: ["PATH": "/usr/bin:/bin"])
    description.network = option("network").flatMap(FunctionNetwork.init(rawValue:)) ?? .none
    description.memoryMB = option("memory").flatMap(Int.init) ?? description.memoryMB
    description.processes = option("processes").flatMap(Int.init) ?? description.processes
    description.runtimeAPI = options.contains("api")
    let sandbox = try spawner.spawn(description)
    if options.contains("freeze") {
      func hears(_ milliseconds: Int32) -> Bool {
        var wait = pollfd(fd: sandbox.output, events: Int16(POLLIN), revents: 0), bytes = [UInt8](repeating: 0, count: 65536)
        let isThere = unsafe poll(&wait, 1, milliseconds) > 0
        if isThere { while unsafe read(sandbox.output, &bytes, bytes.count) > 0 {} }
        return isThere
      }
      say("runs: \(hears(10_000))\n")
      sandbox.freeze(true)
      usleep(100_000)
      _ = hears(0)
      say("frozen: \(!hears(200))\n")
      sandbox.freeze(false)
      say("thawed: \(hears(10_000))\n")
      sandbox.freeze(true)
      usleep(100_000)
      if options.contains("linger") { while true { sleep(60) } }
      sandbox.kill()
    }
    if options.contains("watchers") {
      var wait = pollfd(fd: sandbox.output, events: Int16(POLLIN), revents: 0)
      unsafe poll(&wait, 1, 20_000)
      spawner.endWatchers()
      sandbox.kill()
    }
    for (name, descriptor) in [("output", sandbox.output), ("errors", sandbox.errors)] {
      _ = fcntl(descriptor, F_SETFL, 0)
      var bytes = [UInt8](repeating: 0, count: 65536), text: [UInt8] = []
      while true {
        let length = unsafe read(descriptor, &bytes, bytes.count)
        guard length > 0 else { break }
        text += bytes.prefix(length)
      }
      for line in options.contains("freeze") ? [] : String(decoding: text, as: UTF8.self).split(separator: "\n") { say("\(name): \(line)\n") }
    }
    var wait = pollfd(fd: sandbox.lifeline, events: Int16(POLLIN), revents: 0)
    unsafe poll(&wait, 1, 20_000)
    if options.contains("api") { say("listener: \(sandbox.takeListener() == nil ? "none" : "there")\n") }
    say("end: \(sandbox.end().map { "\($0.cause)" } ?? "none")\n")
  }

  static func say(_ text: String) { _ = unsafe write(1, text, text.utf8.count) }
}
