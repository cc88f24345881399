// A process that confines itself as the proxy does and then tries what it should not be able to do: one line for each attempt, with
// `done`, or the system's reason. Started by ConfinementTests.
//   confinement-probe WRITABLE OUTSIDE [strict] [nobody]
import Confinement
import Glibc
import CSystem

@main struct Probe {
  static func main() throws {
    let words = CommandLine.arguments
    let writable = words[1], outside = words[2]
    if words.contains("new") { return begun() }
    let starter = try Starter(program: Starter.ownProgram() ?? "", arguments: [words[0], writable, outside, "new"])
    var rules = FileRules(writable: [writable])
    if words.contains("strict") { rules.readable = FileRules.systemReadable + [writable] }
    try rules.enforce()
    if words.contains("nobody") { try Account(named: "nobody").become() }
    // What is allowed must work in threads that were there before the filter, and in those made after it.
    let threads = [ProbeThread()]
    try SystemCallFilter.enforce()
    for thread in threads + [ProbeThread()] { thread.finish() }

    report("write a file where that is allowed", write(writable + "/made"))
    report("remove it", unsafe unlink(writable + "/made"))
    report("write a file elsewhere", write(outside + "/made"))
    report("make a folder elsewhere", unsafe mkdir(outside + "/folder", 0o700))
    report("move a file in from elsewhere", unsafe rename(outside + "/secret", writable + "/secret"))
    report("read a file elsewhere", read(outside + "/secret"))
    report("read /etc/hosts", read("/etc/hosts"))
    report("start /bin/true", start("/bin/true"))
    report("start /bin/sh", start("/bin/sh"))
    report("open a TCP socket", socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
    report("open a packet socket", socket(AF_PACKET, Int32(SOCK_RAW.rawValue), 0))
    report("open a netlink socket", socket(AF_NETLINK, Int32(SOCK_RAW.rawValue), 0))
    report("map memory to write", map(PROT_READ | PROT_WRITE))
    report("map memory to write and execute", map(PROT_READ | PROT_WRITE | PROT_EXEC))
    report("make memory executable", execute())
    report("make a user namespace", call("unshare", 0x1000_0000))
    report("mount", unsafe mount("none", outside, "tmpfs", 0, nil))
    report("change the root", unsafe chroot(outside))
    report("be another user", setuid(12345))
    report("trace another process", call("ptrace", 16, getppid()))   // PTRACE_ATTACH
    upgrade(starter)
    report("be root", Account.isRoot ? 0 : { errno = EPERM; return -1 }())
  }

  /// Has the starter start this program anew with the ends of 300 pipes, more than one message of the system's can carry, and as much in its environment
  /// as the names of many sockets take.
  static func upgrade(_ starter: Starter) {
    var given: [Int32] = [], kept: [Int32] = []
    for _ in 0..<300 {
      var ends: [Int32] = [0, 0]
      unsafe pipe(&ends)
      kept.append(ends[0])
      given.append(ends[1])
    }
    do throws(ConfinementFailure) {
      _ = try starter.start(with: given, environment: ["SKERRY_PROBE": "hello", "SKERRY_LONG": String(repeating: "x", count: 50_000)])
      for end in given { close(end) }
      var byte: UInt8 = 0
      report("start this program anew", kept.allSatisfy { unsafe Glibc.read($0, &byte, 1) == 1 && byte == UInt8(ascii: "h") } ? 0 : -1)
    } catch { report(error.description, 0) }
    let preloaded = try? starter.start(with: [], environment: ["LD_PRELOAD": "/own.so"])
    errno = EPERM
    report("start it with a library of one's own", preloaded == nil ? -1 : 0)
  }

  /// The program started anew: says so on every pipe it was given.
  static func begun() {
    guard unsafe getenv("SKERRY_LONG").map({ unsafe strlen($0) }) == 50_000 else { return }
    for end in Int32(3)..<303 { unsafe withUnsafePointer(to: getenv("SKERRY_PROBE").pointee) { _ = unsafe Glibc.write(end, $0, 1) } }
  }

  static func report(_ attempt: String, _ result: Int32) {
    let outcome = result >= 0 ? "done" : unsafe String(cString: strerror(errno))
    let line = "\(attempt): \(outcome)\n"
    _ = unsafe Glibc.write(1, line, line.utf8.count)
  }

  static func write(_ path: String) -> Int32 { unsafe open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600) }
  static func read(_ path: String) -> Int32 { unsafe open(path, O_RDONLY | O_CLOEXEC) }

  static func start(_ path: String) -> Int32 {
    var child: pid_t = 0
    var arguments: [UnsafeMutablePointer<CChar>?] = unsafe [strdup(path), strdup("-c"), strdup("true"), nil]
    let code = unsafe posix_spawn(&child, path, nil, nil, &arguments, nil)
    errno = code
    guard code == 0 else { return -1 }
    var status: Int32 = 0
    unsafe waitpid(child, &status, 0)
    return status == 0 ? 0 : -1
  }

  static func map(_ protection: Int32) -> Int32 { unsafe mmap(nil, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0 }
  static func execute() -> Int32 {
    guard let page = unsafe mmap(nil, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), unsafe page != MAP_FAILED else { return -1 }
    return unsafe mprotect(page, 4096, PROT_READ | PROT_EXEC)
  }

  /// A function of the C library that Swift does not show.
  static func call(_ name: String, _ first: Int32, _ second: Int32 = 0) -> Int32 {
    guard let symbol = unsafe dlsym(nil, name) else { return -1 }
    typealias Function = @convention(c) (Int, Int, Int, Int) -> Int32
    return unsafe unsafeBitCast(symbol, to: Function.self)(Int(first), Int(second), 0, 0)
  }
}

/// A thread that waits until it is told to end, and then makes a file descriptor and sleeps a moment.
final class ProbeThread {
  private var thread = pthread_t()
  private let pipe: [Int32]
  init() {
    var ends: [Int32] = [0, 0]
    unsafe Glibc.pipe(&ends)
    pipe = ends
    let argument = unsafe UnsafeMutableRawPointer(bitPattern: Int(ends[0]) + 1)
    unsafe pthread_create(&thread, nil, { argument in
      var byte: UInt8 = 0
      _ = unsafe read(Int32(Int(bitPattern: argument) - 1), &byte, 1)
      close(eventfd(0, 0))
      usleep(1000)
      return nil
    }, argument)
  }
  func finish() {
    close(pipe[1])
    pthread_join(thread, nil)
    let line = "a thread: done\n"
    _ = unsafe write(1, line, line.utf8.count)
  }
}
