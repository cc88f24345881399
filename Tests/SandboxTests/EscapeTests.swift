// Small hostile programs (Hostile/), each in a sandbox of its own. Each says what it got hold of, and `contained` at its end.
import Distribution
import Foundation
import FunctionTier
import TestTools
import Testing

@Suite(.runsPrograms) struct EscapeTests {
  let workshop = Workshop.shared
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Hostile").path
  static let programs = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()

  @Test func thereArePrograms() { #expect(Self.programs.count >= 15) }

  @Test(arguments: programs) func contained(_ name: String) throws {
    let secret = workshop.folder + "/secret-of-the-proxy"
    try "pearl".write(toFile: secret, atomically: true, encoding: .utf8)
    let host = try HostSockets(workshop.folder)
    let other = try workshop.sandbox(["/bin/sleep", "1000"]) {
      $0.environment["WORD"] = "other-pearl"
      $0.runtimeAPI = true
    }
    var files = ["hostile.py": try String(contentsOfFile: "\(Self.folder)/\(name)", encoding: .utf8)]
    if name == "reads-files.py" { files["secret-path"] = secret }
    if name == "holds-sockets.py" { files["sockets"] = host.names }
    let came = try workshop.run(["/usr/bin/python3", "-S", "-E", "/var/task/hostile.py"], files: files) {
      $0.processes = 64
      $0.temporaryMB = 8
    }
    #expect(came.output == "contained\n")
    #expect(came.end?.cause == .exited(status: 0), "\(came.errors)")
    // The other one did not notice.
    #expect(other.end() == nil)
  }

  @Test(.enabled(if: geteuid() == 0, "only root can start them as others")) func eachIsAUserOfItsOwn() throws {
    let sandboxes = [try workshop.sandbox(["/bin/sleep", "1000"]), try workshop.sandbox(["/bin/sleep", "1000"])]
    var users: Set<Int> = []
    let deadline = ContinuousClock.now + .seconds(10)
    while users.count < 2, ContinuousClock.now < deadline {
      for process in try FileManager.default.contentsOfDirectory(atPath: "/proc") {
        guard Int(process) != nil, let words = try? Data(contentsOf: URL(fileURLWithPath: "/proc/\(process)/cmdline")),
          words.starts(with: Array("/bin/sleep\u{0}1000".utf8)),
          let status = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8),
          let line = status.split(separator: "\n").first(where: { $0.hasPrefix("Uid:") }), let user = Int(line.split(separator: "\t")[1])
        else { continue }
        if user >= 20_000 { users.insert(user) }
      }
    }
    #expect(users.count >= 2)
    for sandbox in sandboxes { sandbox.kill() }
  }
}

/// Sockets of this machine that nobody in a sandbox may reach.
private final class HostSockets {
  private(set) var names = ""
  private var descriptors: [Int32] = []

  init(_ folder: String) throws {
    let name = "skerry-sandbox-test-\(UUID().uuidString)", path = "\(folder)/s\(UUID().uuidString.prefix(8))"
    var port: UInt16 = 0
    func unixSocket(_ path: [UInt8]) {
      let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.prefix(107)) }
      let length = socklen_t(2 + min(107, path.count))
      _ = unsafe withUnsafePointer(to: &address) { unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe bind(descriptor, $0, length) } }
      listen(descriptor, 8)
      descriptors.append(descriptor)
    }
    unixSocket([0] + Array(name.utf8))
    unixSocket(Array(path.utf8))
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    unsafe withUnsafeMutablePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = unsafe bind(descriptor, $0, length)
        _ = unsafe getsockname(descriptor, $0, &length)
      }
    }
    port = UInt16(bigEndian: address.sin_port)
    listen(descriptor, 8)
    descriptors.append(descriptor)
    names = "\(name) \(path) \(port)"
  }

  deinit { for descriptor in descriptors { close(descriptor) } }
}
