// What sandboxes see of interpreters that are not the system's: enough to run, and nothing that lies beside them (issue 7, point 3).
import Distribution
import Foundation
import Telemetry
import Testing

@testable import FunctionTier

@Suite struct InterpreterTests {
  /// A folder with these files, executable and empty but for what is given, and links; removed with the process's others.
  private static func folder(_ files: [String: String], links: [String: String] = [:]) throws -> String {
    let root = ShownInterpreter.real("\(Workbench.root)") + "/i-\(UUID().uuidString)"
    for (file, text) in files {
      let path = root + "/" + file
      try FileManager.default.createDirectory(atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      #expect(FileManager.default.createFile(atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o755]))
    }
    for (link, target) in links {
      let path = root + "/" + link
      try FileManager.default.createDirectory(atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
    }
    return root
  }

  /// What is shown, as `host>inside` below a root; `inside` only where it is another one.
  private static func shown(_ interpreters: Interpreters, _ interpreter: Interpreter, below root: String) -> Set<String> {
    Set(interpreters.shown(to: interpreter).map { $0.host == $0.inside ? $0.host : "\($0.host)>\($0.inside)" }.map { $0.replacing(root + "/", with: "") })
  }

  static let nodes: [(files: [String], program: String, shown: Set<String>)] = [
    // As nodejs.org packs it; in a home; beside somebody else's libraries; nowhere in particular.
    (["v/bin/node", "v/lib/node_modules/npm/index.js", "v/README.md", "secret"], "v/bin/node", ["v/bin/node", "v/lib"]),
    (["bin/node", "lib/mine.txt", ".ssh/id"], "bin/node", ["bin/node"]),
    (["bin/node", "lib/libnode.so.115", "lib64/x"], "bin/node", ["bin/node", "lib"]),
    (["node", "lib/node_modules/x.js", "other/secret"], "node", ["node"]),
    (["tools/node", "lib/node_modules/x.js"], "tools/node", ["tools/node"]),
  ]
  @Test(arguments: nodes.indices) func ofNodeItsProgramAndItsLibraries(_ index: Int) throws {
    let (files, program, shown) = Self.nodes[index]
    let root = try Self.folder(Dictionary(uniqueKeysWithValues: files.map { ($0, "") }))
    let interpreters = Interpreters(nodejs: root + "/" + program)
    #expect(interpreters.nodejs == root + "/" + program)
    #expect(Self.shown(interpreters, .nodejs(program: ""), below: root) == shown)
    #expect(Self.shown(interpreters, .provided, below: root).isEmpty)
    #expect(Set(shown.map { root + "/" + $0 }).isSubset(of: interpreters.roots))
  }

  @Test func aLinkLeadsToTheRealPlace() throws {
    let root = try Self.folder(["node-20/bin/node": "", "node-20/lib/node_modules/a": "", "secret": ""], links: ["current": "node-20", "run": "current/bin/node"])
    for name in ["current/bin/node", "run"] {
      let interpreters = Interpreters(nodejs: root + "/" + name)
      #expect(interpreters.nodejs == root + "/node-20/bin/node")
      #expect(Self.shown(interpreters, .nodejs(program: ""), below: root) == ["node-20/bin/node", "node-20/lib"])
    }
  }

  @Test func ofTheSystemsNothingMore() {
    let interpreters = Interpreters(nodejs: "/usr/bin/env", python: "/bin/sh")
    #expect(interpreters.roots.isEmpty && interpreters.nodejs == "/usr/bin/env")
  }

  @Test func aVirtualEnvironmentAndWhatItIsMadeOf() throws {
    let base = ["base/bin/python3.12": "", "base/lib/python3.12/os.py": "", "base/secret": "", "venv/lib/python3.12/site-packages/m.py": "", "venv/secret": ""]
    // By a link, as `python -m venv` makes it; lib64 is one, too.
    let root = try Self.folder(base, links: ["base/bin/python3": "python3.12", "venv/lib64": "lib", "venv/bin/python": "python3"])
    try FileManager.default.createSymbolicLink(atPath: root + "/venv/bin/python3", withDestinationPath: root + "/base/bin/python3")
    try "home = \(root)/base/bin\nversion = 3.12.1\n".write(toFile: root + "/venv/pyvenv.cfg", atomically: false, encoding: .utf8)
    let linked = Interpreters(python: root + "/venv/bin/python")
    #expect(linked.python == root + "/venv/bin/python")
    #expect(
      Self.shown(linked, .python(program: ""), below: root) == [
        "venv/pyvenv.cfg", "base/bin/python3.12>venv/bin/python", "base/bin/python3.12", "venv/lib", "venv/lib>venv/lib64", "base/lib",
      ])
    // By a copy (`--copies`).
    #expect(FileManager.default.createFile(atPath: root + "/venv/bin/copy", contents: Data(), attributes: [.posixPermissions: 0o755]))
    #expect(Self.shown(Interpreters(python: root + "/venv/bin/copy"), .python(program: ""), below: root) == ["venv/pyvenv.cfg", "venv/bin/copy", "venv/lib", "venv/lib>venv/lib64", "base/lib"])
    // The base itself.
    #expect(Self.shown(Interpreters(python: root + "/base/bin/python3"), .python(program: ""), below: root) == ["base/bin/python3.12", "base/lib"])
  }

  @Test func aShimLeadsToTheVersionThatIsChosen() throws {
    let root = try Self.folder(["shims/python3": "#!/bin/sh", "version": "3.9.1\n3.12.1\n", "versions/3.12.1/bin/python3": "", "versions/3.12.1/lib/libpython3.so": "", "secret": ""])
    let interpreters = Interpreters(python: root + "/shims/python3")
    #expect(Self.shown(interpreters, .python(program: ""), below: root) == ["versions/3.12.1/bin/python3", "versions/3.12.1/lib"])
    try "4.0\n".write(toFile: root + "/version", atomically: false, encoding: .utf8)
    #expect(Interpreters(python: root + "/shims/python3").python == nil)
  }

  @Test func whatMayNotBeShown() throws {
    let root = try Self.folder(["bin/python3": "", "lib/python3.12/os.py": "", "lib/conf/edge.yaml": ""], links: ["elsewhere": "lib/conf"])
    let interpreters = Interpreters(nodejs: "/usr/bin/env", python: root + "/bin/python3")
    #expect(interpreters.problem(keeping: [("the state folder", root + "/state"), ("the configuration's folder", root)]) == nil)
    #expect(interpreters.problem(keeping: [("the state folder", root + "/library")]) == nil)
    // A folder that will be made, and one by another name.
    for secret in ["lib", "lib/state", "lib/not/there/yet", "elsewhere", "elsewhere/not/yet"] {
      let problem = interpreters.problem(keeping: [("the state folder", root + "/" + secret)])
      #expect(problem == "sandboxes see \(root)/lib, for functionTier.python is \(root)/bin/python3; the state folder, \(root)/\(secret), lies in it: keep one of them elsewhere", "\(secret)")
    }
  }

  // MARK: In real sandboxes

  @Test func nothingBesideACopiedNode() async throws {
    let root = try Self.folder(["secret": "hidden", "bin/secret": "hidden", "lib/secret": "hidden", "state/admin-token": "hidden"])
    let real = try #require(Interpreters().nodejs)
    do { try FileManager.default.linkItem(atPath: real, toPath: root + "/bin/node") } catch { try FileManager.default.copyItem(atPath: real, toPath: root + "/bin/node") }
    let outcome = try await Self.run(
      Interpreters(nodejs: root + "/bin/node"),
      ["index.js": "const fs = require('fs'); exports.handler = async () => [process.execPath, fs.readdirSync('\(root)'), fs.readdirSync('\(root)/bin'), require('child_process').execFileSync(process.execPath, ['-p', '6*7']).toString()]"],
      .nodejs("nodejs20.x"))
    #expect(outcome.text == #"["\#(root)/bin/node",["bin"],["node"],"42\n"]"#, "\(outcome)")
  }

  @Test func aVirtualEnvironmentsPackages() async throws {
    let real = ShownInterpreter.real("/usr/bin/python3"), version = (real as NSString).lastPathComponent
    try #require(version.hasPrefix("python3."), "the system has no Python")
    let root = try Self.folder(
      ["venv/pyvenv.cfg": "home = /usr/bin\ninclude-system-site-packages = false\n", "venv/lib/\(version)/site-packages/ours.py": "word = 'found'", "venv/secret": "", "secret": ""],
      links: ["venv/bin/python3": "/usr/bin/python3", "venv/lib64": "lib"])
    let outcome = try await Self.run(
      Interpreters(python: root + "/venv/bin/python3"),
      ["index.py": "import os, sys, ours, ssl, subprocess\ndef handler(e, c):\n  return [sys.executable, ours.word, sorted(os.listdir('\(root)')), sorted(os.listdir('\(root)/venv')), subprocess.check_output([sys.executable, '-c', 'import ours; print(ours.word)']).decode()]"],
      .python("python3.11"))
    #expect(outcome.text == #"["\#(root)/venv/bin/python3","found",["venv"],["bin","lib","lib64","pyvenv.cfg"],"found\n"]"#, "\(outcome)")
  }

  private static func run(_ interpreters: Interpreters, _ files: [String: String], _ runtime: FunctionRuntime) async throws -> InvocationOutcome {
    var configuration = FunctionTier.Configuration(folder: "\(Workbench.root)/\(UUID().uuidString)", interpreters: interpreters)
    configuration.prewarmed = 0
    let tier = try FunctionTier(configuration, spawner: try Spawner(roots: configuration.roots), diagnostics: try Diagnostics())
    defer { tier.stop() }
    return await tier.run(try tier.take(try Workbench.function(files, runtime)))
  }
}
