// What is wrong with the code of a configuration's functions of the function tier: whether it can be taken and run here, and, where the
// interpreter can tell without running it, its syntax.
import ConfigurationFile
import Distribution
import Foundation
import FunctionTier

enum TierCheck {
  /// One diagnostic at most for every function of the tier, and one for what sandboxes would see.
  /// - Parameter file: the configuration's, as diagnostics name it.
  static func all(_ configuration: Configuration, file: String) -> [Diagnostic] {
    let functions = configuration.functions.filter { !$0.runtime.isRewriteEngine && !$0.codePath.isEmpty && Files.problem(with: $0.codePath) != "there is no such file" }
    guard !functions.isEmpty else { return [] }
    let interpreters = configuration.functionTierSettings.interpreters
    let shown = configuration.exposure(by: interpreters, configurationFolder: Files.folder(of: file)).map { Diagnostic(file: file, line: 1, column: 1, severity: .error, text: $0) }
    return [shown].compactMap(\.self) + functions.compactMap { definition in
      if let problem = FunctionTier.problem(with: definition, interpreters) {
        return Diagnostic(file: definition.codePath, line: 1, column: 1, severity: .error, text: problem)
      }
      return syntax(definition, interpreters)
    }
  }

  /// What the interpreter says of the handler's file; nothing of an archive's, which is looked at when it is loaded.
  private static func syntax(_ definition: FunctionDefinition, _ interpreters: Interpreters) -> Diagnostic? {
    let isFolder = Files.isFolder(definition.codePath)
    let names = isFolder ? FunctionTier.candidates(definition).map { definition.codePath + "/" + $0 } : [definition.codePath]
    guard let file = names.first(where: { Files.problem(with: $0) == nil }), !file.hasSuffix(".zip") else { return nil }
    let command: [String]
    switch definition.runtime {
    case .nodejs: command = [interpreters.nodejs ?? "", "--check", file]
    case .python: command = [interpreters.python ?? "", "-I", "-c", "import ast, sys; ast.parse(open(sys.argv[1], 'rb').read(), sys.argv[1])", file]
    default: return nil
    }
    guard let said = run(command) else { return nil }
    let lines = said.split(separator: "\n").map(String.init)
    guard let error = lines.last(where: { $0.contains("Error: ") }) else { return nil }
    return Diagnostic(file: file, line: line(lines, file) ?? 1, column: 1, severity: .error, text: error)
  }

  /// `file:3` of Node.js, `File "file", line 3` of Python.
  private static func line(_ lines: [String], _ file: String) -> Int? {
    for line in lines {
      if line.hasPrefix(file + ":") { return Int(line.dropFirst(file.count + 1).prefix { $0.isNumber }) }
      if line.contains(file), let range = line.range(of: "\", line ") { return Int(line[range.upperBound...].prefix { $0.isNumber }) }
    }
    return nil
  }

  /// What a command says on standard error; nil when it succeeds, or cannot be run.
  private static func run(_ command: [String]) -> String? {
    let process = Process(), errors = Pipe()
    process.executableURL = URL(fileURLWithPath: command[0])
    process.arguments = Array(command.dropFirst())
    process.environment = ["PATH": "/usr/bin:/bin"]
    process.standardError = errors
    process.standardOutput = FileHandle.nullDevice
    process.standardInput = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return nil }
    let said = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return process.terminationStatus == 0 ? nil : String(decoding: said, as: UTF8.self)
  }
}
