// What is wrong with the code of a configuration's functions of the function tier: whether it can be taken and run here, and, where the
// interpreter can tell without running it, its syntax.
import ConfigurationFile
import Distribution
import Foundation
import FunctionTier
import Transport

enum TierCheck {
  /// What was found at an earlier look: of archives, which are unpacked to be looked at; and where interpreters are, which the tier does not look for again
  /// either, and the confined program cannot, where a shim's own files say it.
  struct Known {
    fileprivate var archives: [String: (definition: FunctionDefinition, stamp: FileStamp, found: Diagnostic?)] = [:]
    private var interpreters: (nodejs: String?, python: String?, found: Interpreters)?

    /// The interpreters of a configuration: by the same settings those found before, as long as they are there.
    fileprivate mutating func interpreters(of configuration: Configuration) -> Interpreters {
      let wanted = configuration.functionTier
      let before = interpreters.flatMap { $0.nodejs == wanted.nodejs && $0.python == wanted.python ? $0.found : nil }
      if let before, before.areThere { return before }
      let now = configuration.functionTierSettings.interpreters, found = before.map { now.completed(by: $0) } ?? now
      interpreters = (wanted.nodejs, wanted.python, found)
      return found
    }
  }

  /// One diagnostic at most for every function of the tier, and one for what sandboxes would see.
  /// - Parameter file: the configuration's, as diagnostics name it.
  static func all(_ configuration: Configuration, file: String) -> [Diagnostic] {
    var known = Known()
    let exposure = exposure(configuration, file: file, &known), interpreters = known.interpreters(of: configuration)
    return exposure + functions(configuration).compactMap { problem($0, interpreters) ?? syntax($0, interpreters) }
  }

  /// What sandboxes would see and may not. One that has no functions for them has none.
  static func exposure(_ configuration: Configuration, file: String, _ known: inout Known) -> [Diagnostic] {
    guard configuration.functions.contains(where: { !$0.runtime.isRewriteEngine }) else { return [] }
    let found = configuration.exposure(by: known.interpreters(of: configuration), configurationFolder: Files.folder(of: file))
    return found.map { [Diagnostic(file: file, line: 1, column: 1, severity: .error, text: $0)] } ?? []
  }

  /// What an interpreter says of handlers' files: the running proxy, which starts no program, does not see it.
  static func syntaxErrors(_ configuration: Configuration) -> [Diagnostic] {
    let interpreters = configuration.functionTierSettings.interpreters
    return functions(configuration).compactMap { syntax($0, interpreters) }
  }

  /// The same of one of its functions, by name.
  static func finding(_ function: String, _ configuration: Configuration) -> Diagnostic? {
    let interpreters = configuration.functionTierSettings.interpreters
    return functions(configuration).first { $0.name == function }.flatMap { problem($0, interpreters) ?? syntax($0, interpreters) }
  }

  /// The functions of the tier whose code cannot be taken or run here, by name. No program is started; archives that are as they were at the last
  /// look are not unpacked again.
  static func broken(_ configuration: Configuration, _ known: inout Known) -> [(name: String, found: Diagnostic)] {
    let functions = functions(configuration)
    guard !functions.isEmpty else { return [] }
    let interpreters = known.interpreters(of: configuration)
    let before = known.archives
    known.archives = [:]
    return functions.compactMap { definition in
      let stamp = definition.codePath.hasSuffix(".zip") ? FileStamp(of: definition.codePath) : nil
      if let old = before[definition.name], old.definition == definition, old.stamp == stamp { known.archives[definition.name] = old } else {
        let found = problem(definition, interpreters)
        guard let stamp else { return found.map { (definition.name, $0) } }
        known.archives[definition.name] = (definition, stamp, found)
      }
      return known.archives[definition.name]?.found.map { (definition.name, $0) }
    }
  }

  /// Those of the tier whose code is a folder or a file; of the others the reader has said it.
  private static func functions(_ configuration: Configuration) -> [FunctionDefinition] {
    configuration.functions.filter { !$0.runtime.isRewriteEngine && !$0.codePath.isEmpty && (Files.isFolder($0.codePath) || Files.problem(with: $0.codePath) == nil) }
  }

  private static func problem(_ definition: FunctionDefinition, _ interpreters: Interpreters) -> Diagnostic? {
    FunctionTier.problem(with: definition, interpreters).map { Diagnostic(file: definition.codePath, line: 1, column: 1, severity: .error, text: $0) }
  }

  /// What the interpreter says of the handler's file.
  private static func syntax(_ definition: FunctionDefinition, _ interpreters: Interpreters) -> Diagnostic? {
    if definition.codePath.hasSuffix(".zip") { return packedSyntax(definition, interpreters) }
    let isFolder = Files.isFolder(definition.codePath)
    let names = isFolder ? FunctionTier.candidates(definition).map { definition.codePath + "/" + $0 } : [definition.codePath]
    return names.first { Files.problem(with: $0) == nil }.flatMap { syntax(of: $0, definition.runtime, interpreters) }
  }

  /// The same of an archive's, which is unpacked for it; its files are told as if the archive were a folder.
  private static func packedSyntax(_ definition: FunctionDefinition, _ interpreters: Interpreters) -> Diagnostic? {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("skerry-check-\(UUID().uuidString)"), files = FunctionTier.packedHandler(definition)
    defer { try? FileManager.default.removeItem(at: folder) }
    // Nobody else's to read, whatever the archive's own rights.
    guard (try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])) != nil else { return nil }
    for file in files {
      let place = folder.appendingPathComponent(file.path)
      guard (try? FileManager.default.createDirectory(at: place.deletingLastPathComponent(), withIntermediateDirectories: true)) != nil, (try? Data(file.bytes).write(to: place)) != nil else { return nil }
    }
    guard let handler = files.first?.path, var found = syntax(of: folder.appendingPathComponent(handler).path, definition.runtime, interpreters) else { return nil }
    found.file = "\(definition.codePath)/\(handler)"
    return found
  }

  private static func syntax(of file: String, _ runtime: FunctionRuntime, _ interpreters: Interpreters) -> Diagnostic? {
    switch runtime {
    case .nodejs: return run([interpreters.nodejs ?? "", "--check", file]).map { nodejs($0, file, file) } ?? module(file, interpreters.nodejs ?? "")
    case .python: return run([interpreters.python ?? "", "-I", "-c", pythonSyntax, file]).flatMap { python($0, file) }
    default: return nil
    }
  }

  /// Says of a SyntaxError, and of whatever else ends the reading, `line:column:text`.
  private static let pythonSyntax = """
    import ast, sys
    try: ast.parse(open(sys.argv[1], 'rb').read(), sys.argv[1])
    except SyntaxError as e: sys.exit(f"{e.lineno or 1}:{e.offset or 1}:{type(e).__name__}: {e.msg}")
    except Exception as e: sys.exit(f"1:1:{type(e).__name__}: {e}")
    """

  private static func python(_ said: String, _ file: String) -> Diagnostic? {
    let parts = said.split(separator: "\n").last.map { $0.split(separator: ":", maxSplits: 2).map(String.init) } ?? []
    guard parts.count == 3, let line = Int(parts[0]), let column = Int(parts[1]) else { return nil }
    return Diagnostic(file: file, line: line, column: max(1, column), severity: .error, text: parts[2])
  }

  /// What is wrong with a `.js` that is a module because of what is in it: of such a file `--check` says nothing, whatever is wrong (Node.js 20 to 24).
  private static func module(_ file: String, _ program: String) -> Diagnostic? {
    guard file.hasSuffix(".js"), case .success(let bytes) = Files.read(file, maximumBytes: CodeLimits.bytes),
      String(decoding: bytes, as: UTF8.self).contains(/(?m)^\s*(?:export\b|import\s*[\w{*"'])/), run([program, "--no-experimental-detect-module", "--check", file])?.contains("SyntaxError: ") == true
    else { return nil }
    return run([program, "--check", "--input-type=module", "-"], input: file).flatMap { nodejs($0, "[stdin]", file) }
  }

  /// `FILE:3`, the line, below it a caret, further below the error.
  /// - Parameter name: what Node.js calls the file.
  private static func nodejs(_ said: String, _ name: String, _ file: String) -> Diagnostic? {
    let lines = said.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    guard let error = lines.last(where: { $0.contains("Error: ") }) else { return nil }
    // The path may be another one by links.
    let end = "/" + (name.split(separator: "/").last ?? "") + ":"
    func number(_ line: String) -> Int? { line.hasPrefix(name + ":") || line.contains(end) ? line.split(separator: ":").last.flatMap { Int($0) } : nil }
    guard let place = lines.firstIndex(where: { number($0) != nil }), let line = number(lines[place]) else {
      return Diagnostic(file: file, line: 1, column: 1, severity: .error, text: error)
    }
    let column = place + 2 < lines.count ? FunctionTier.column(ofCaret: lines[place + 2], below: lines[place + 1]) : nil
    return Diagnostic(file: file, line: line, column: column ?? 1, severity: .error, text: error)
  }

  /// What a command says on standard error; nil when it succeeds, or cannot be run.
  /// - Parameter input: a file for its standard input.
  private static func run(_ command: [String], input: String? = nil) -> String? {
    let process = Process(), errors = Pipe()
    process.executableURL = URL(fileURLWithPath: command[0])
    process.arguments = Array(command.dropFirst())
    process.environment = ["PATH": "/usr/bin:/bin"]
    process.standardError = errors
    process.standardOutput = FileHandle.nullDevice
    process.standardInput = input.flatMap { FileHandle(forReadingAtPath: $0) } ?? FileHandle.nullDevice
    guard (try? process.run()) != nil else { return nil }
    let said = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return process.terminationStatus == 0 ? nil : String(decoding: said, as: UTF8.self)
  }
}
