// Owns: which programs run functions, where they lie on this machine, and how they are started in a sandbox. Immutable; any thread.
import Distribution
import Foundation

/// The programs that run functions.
public struct Interpreters: Sendable, Equatable {
  private let shownNode: ShownInterpreter?, shownPython: ShownInterpreter?
  /// The absolute paths of Node.js and Python; nil where there is none.
  public var nodejs: String? { shownNode?.program }
  /// The absolute path of Python.
  public var python: String? { shownPython?.program }

  /// Looks for them: at the paths given, else below PATH.
  public init(nodejs: String? = nil, python: String? = nil) {
    shownNode = Self.find(nodejs ?? "node").map { ShownInterpreter($0, libraries: ShownInterpreter.nodeLibraries) }
    shownPython = Self.find(python ?? "python3").map { ShownInterpreter($0, libraries: ShownInterpreter.pythonLibraries) }
  }

  private init(_ node: ShownInterpreter?, _ python: ShownInterpreter?) { (shownNode, shownPython) = (node, python) }

  /// Whether there are both, still.
  public var areThere: Bool { Self.isThere(shownNode) && Self.isThere(shownPython) }

  /// These, and of those that were not found what was found before and is still there: a program that may not look everywhere any more does not find all.
  public func completed(by earlier: Interpreters) -> Interpreters {
    Interpreters(shownNode ?? (Self.isThere(earlier.shownNode) ? earlier.shownNode : nil), shownPython ?? (Self.isThere(earlier.shownPython) ? earlier.shownPython : nil))
  }

  private static func isThere(_ shown: ShownInterpreter?) -> Bool { shown.map { FileManager.default.isExecutableFile(atPath: $0.program) } ?? false }

  /// Files and folders that sandboxes must be able to see beyond the system's own: roots of a ``Spawner``.
  public var roots: [String] { Set([shownNode, shownPython].flatMap { $0?.parts ?? [] }.map(\.host)).sorted() }

  /// Files and folders of the host that an interpreter needs to see inside, and where.
  func shown(to interpreter: Interpreter) -> [(host: String, inside: String)] {
    let shown: ShownInterpreter? = switch interpreter {
    case .nodejs: shownNode
    case .python: shownPython
    case .provided: nil
    }
    return (shown?.parts ?? []).map { ($0.host, $0.inside) }
  }

  /// Why these may not be shown: a folder of which sandboxes may see nothing lies in what they would see. One sentence without a full stop; nil when none does.
  /// - Parameter secrets: such folders, and what they are called.
  public func problem(keeping secrets: [(name: String, path: String)]) -> String? {
    for (setting, interpreter) in [("nodejs", shownNode), ("python", shownPython)] {
      for secret in secrets {
        guard let interpreter, let shown = interpreter.shows(secret.path) else { continue }
        return "sandboxes see \(shown), for functionTier.\(setting) is \(interpreter.program); \(secret.name), \(secret.path), lies in it: keep one of them elsewhere"
      }
    }
    return nil
  }

  /// The path of a program; nil when there is none.
  private static func find(_ name: String) -> String? {
    let folders = ["/usr/bin", "/usr/local/bin"] + (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
    let candidates = name.hasPrefix("/") ? [name] : folders.map { $0 + "/" + name }
    return candidates.lazy.filter { FileManager.default.isExecutableFile(atPath: $0) }.compactMap(program).first
  }

  /// What a shim of pyenv's, or of its kin, leads to outside of any project: the script itself needs all of pyenv. Nil when that is not there.
  private static func program(_ path: String) -> String? {
    let parts = path.split(separator: "/")
    guard parts.count > 2, parts[parts.count - 2] == "shims", let name = parts.last else { return path }
    let root = "/" + parts.dropLast(2).joined(separator: "/")
    let versions = (try? String(contentsOfFile: root + "/version", encoding: .utf8))?.split(whereSeparator: \.isWhitespace) ?? []
    return versions.map { "\(root)/versions/\($0)/bin/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
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
}
