// Owns: which programs run functions, where they lie on this machine, and how they are started in a sandbox. Immutable; any thread.
import Distribution
import Foundation

/// The programs that run functions.
public struct Interpreters: Sendable, Equatable {
  /// The absolute paths of Node.js and Python; nil where there is none.
  public var nodejs: String?, python: String?

  /// Looks for them: at the paths given, else below PATH.
  public init(nodejs: String? = nil, python: String? = nil) {
    self.nodejs = Self.find(nodejs ?? "node")
    self.python = Self.find(python ?? "python3")
  }

  /// Folders that sandboxes must be able to see beyond the system's own: roots of a ``Spawner``.
  public var folders: [String] { [nodejs, python].compactMap { $0.flatMap(Self.prefix) } }

  /// The folder of an interpreter that is not the system's: `/opt/node` of `/opt/node/bin/node`.
  static func prefix(_ path: String) -> String? {
    let parts = path.split(separator: "/")
    guard parts.first != "usr", parts.count > 2 else { return nil }
    return "/" + parts.dropLast(2).joined(separator: "/")
  }

  /// The real path of a program; nil when there is none. A shim of a version manager is no program: what it leads to is taken.
  private static func find(_ name: String) -> String? {
    let folders = ["/usr/bin", "/usr/local/bin"] + (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
    let candidates = name.hasPrefix("/") ? [name] : folders.map { $0 + "/" + name }
    return candidates.first { FileManager.default.isExecutableFile(atPath: $0) }.map { URL(fileURLWithPath: $0).resolvingSymlinksInPath().path }
  }
}

/// How functions of one runtime are started.
enum Interpreter: Sendable, Hashable {
  case nodejs(program: String)
  case python(program: String)
  /// The function's own program, which speaks the Runtime API.
  case provided

  /// Where code and bootstraps lie in a sandbox.
  static let codeFolder = "/var/task", runtimeFolder = "/var/runtime"
  /// What every environment finds among its variables.
  static let variables = ["PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "en_US.UTF-8", "TZ": ":UTC", "HOME": "/tmp", "TMPDIR": "/tmp"]

  /// The interpreter of a runtime.
  /// - Throws: when this machine has none.
  init(_ runtime: FunctionRuntime, _ known: Interpreters) throws(CodeProblem) {
    switch runtime {
    case .nodejs:
      guard let program = known.nodejs else { throw CodeProblem(text: "this machine has no Node.js (functionTier.nodejs names one)") }
      self = .nodejs(program: program)
    case .python:
      guard let program = known.python else { throw CodeProblem(text: "this machine has no Python (functionTier.python names one)") }
      self = .python(program: program)
    case .provided: self = .provided
    case .cloudfrontJS1, .cloudfrontJS2: throw CodeProblem(text: "\(runtime.name) is the rewrite engine's")
    }
  }

  /// Whether a sandbox can be made ready before it is known for which function.
  var canBePrewarmed: Bool { self != .provided }

  /// The program to start, and its arguments.
  func command(memoryMB: Int) -> [String] {
    switch self {
    // The heap ends before the sandbox's memory does: V8 then collects harder, and says so in the end.
    case .nodejs(let program): [program, "--max-old-space-size=\(max(memoryMB - Self.nodeBaseMB, Self.nodeLeastHeapMB))", Self.runtimeFolder + "/nodejs.js"]
    // -I: nothing of the environment changes what it imports; -B: code is read-only.
    case .python(let program): [program, "-I", "-B", Self.runtimeFolder + "/python.py"]
    case .provided: [Self.codeFolder + "/bootstrap"]
    }
  }
  /// What Node.js takes beside its heap, and the least heap it is given.
  private static let nodeBaseMB = 40, nodeLeastHeapMB = 64

  /// Whether a version of the interpreter is another one than a runtime names: `nodejs20.x` by its first number, `python3.12` by two.
  func differs(_ version: String, from runtime: FunctionRuntime) -> Bool {
    let digits = runtime.name.drop { !$0.isNumber }
    let named = digits.hasSuffix(".x") ? digits.dropLast() : digits + "."
    return self != .provided && !version.isEmpty && named.count > 1 && !version.hasPrefix(named)
  }

  /// Folders of the host that it needs to see inside, at the same place.
  var folders: [String] {
    switch self {
    case .nodejs(let program), .python(let program): Interpreters.prefix(program).map { [$0] } ?? []
    case .provided: []
    }
  }
}
