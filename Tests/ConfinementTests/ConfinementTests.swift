// What a confined process still can do, tried by a real one (Tests/confinement-probe), attempt by attempt.
import Foundation
import TestTools
import Testing

@Suite(.runsPrograms) struct ConfinementTests {
  /// Runs the probe; by attempt, what came of it.
  private func probe(_ words: String...) throws -> [String: String] {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("skerry-confinement-\(UUID().uuidString)").path
    for name in ["/own", "/other"] { try FileManager.default.createDirectory(atPath: folder + name, withIntermediateDirectories: true) }
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for path in [folder, folder + "/own"] { try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: path) }
    try "secret".write(toFile: folder + "/other/secret", atomically: false, encoding: .utf8)
    let program = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent().appendingPathComponent("confinement-probe").path
    let child = try spawn([program, folder + "/own", folder + "/other"] + words, output: .file(folder + "/own/out"), errors: .file(folder + "/own/errors"))
    var status: Int32 = 0
    unsafe waitpid(child, &status, 0)
    let errors = (try? String(contentsOfFile: folder + "/own/errors", encoding: .utf8)) ?? ""
    #expect(status == 0, "\(errors)")
    let lines = try String(contentsOfFile: folder + "/own/out", encoding: .utf8).split(separator: "\n")
    return Dictionary(lines.map { line in
      let parts = line.split(separator: ": ", maxSplits: 1)
      return (String(parts[0]), String(parts[1]))
    }, uniquingKeysWith: { $0 == "done" ? $1 : $0 })
  }

  static let useful = [
    "a thread", "write a file where that is allowed", "remove it", "read /etc/hosts", "open a TCP socket", "map memory to write",
    "start this program anew",
  ]
  static let harmful = [
    "write a file elsewhere", "make a folder elsewhere", "move a file in from elsewhere", "start /bin/true", "start /bin/sh", "start it with a library of one's own", "open a packet socket", "open a netlink socket",
    "map memory to write and execute", "make memory executable", "make a user namespace", "mount", "change the root", "be another user", "trace another process",
  ]

  @Test func whatAProxyNeedsIsLeft() throws {
    let came = try probe()
    for attempt in Self.useful + ["read a file elsewhere"] { #expect(came[attempt] == "done", "\(attempt)") }
  }

  @Test(arguments: [[], ["strict"]]) func whatHarmsIsRefused(_ words: [String]) throws {
    let came = try words.isEmpty ? probe() : probe(words[0])
    for attempt in Self.harmful { #expect(came[attempt] != nil && came[attempt] != "done", "\(attempt)") }
    #expect((came["read a file elsewhere"] == "done") == !words.contains("strict"))
  }

  @Test(.enabled(if: geteuid() == 0, "only root can become somebody else")) func rootIsLeftForGood() throws {
    #expect(try probe("nobody")["be root"] == "Operation not permitted")
    #expect(try probe("nobody", "strict")["be root"] == "Operation not permitted")
  }
}
