// A function of the function tier as it lies on disk, without a configuration: a folder, a .zip or a file, and the function.yaml beside it.
// Reads files; any thread. Source: design/configuration.md, "A function's folder".
public import ConfigurationFile
public import Distribution
import Foundation

/// A function of the function tier, read from where its author keeps it.
public struct TierSource: Sendable {
  /// What is run.
  public var definition: FunctionDefinition
  /// The folder it lies in, as it was named; relative paths of its cases are taken from here.
  public var folder: String
  /// What `function.yaml` says it is for.
  public var eventType: HookPoint?
  /// What is not quite right with `function.yaml`.
  public var warnings: [Diagnostic] = []

  /// A function of a configuration.
  public init(_ definition: FunctionDefinition) {
    self.definition = definition
    folder = definition.codePath.parentFolder
  }

  /// Reads a function.
  /// - Parameters:
  ///   - path: a folder, a .zip, or a .js, .mjs, .cjs or .py file.
  ///   - runtime: what it is to run on, whatever function.yaml says.
  ///   - handler: what is called, whatever function.yaml says.
  /// - Returns: nil when it is not one of the function tier's.
  public static func load(path: String, runtime: FunctionRuntime?, handler: String? = nil) throws(FunctionSourceProblem) -> TierSource? {
    let isFolder = Files.isFolder(path), folder = isFolder ? path.droppingTrailingSlash : path.parentFolder
    let problems = Problems()
    let file = FunctionSource.functionFile(folder, problems)
    guard let runtime = runtime ?? file.runtime ?? usual(path), !runtime.isRewriteEngine else { return nil }
    if problems.hasErrors { throw FunctionSourceProblem(diagnostics: problems.sorted(mainFile: path)) }
    if let problem = Files.problem(with: path), !isFolder { throw FunctionSourceProblem(text: "\(path) cannot be read: \(problem)") }
    var definition = FunctionDefinition(name: (isFolder ? folder : path).split(separator: "/").last.map(String.init) ?? "function", runtime: runtime, codePath: path)
    definition.codePath = Files.resolve(path, in: FileManager.default.currentDirectoryPath)
    definition.tier = file.tier
    if let handler {
      definition.tier.handler = handler
    } else if definition.tier.handler == FunctionTierSettings().handler, !isFolder, !path.hasSuffix(".zip"), let handler = Self.handler(of: path) {
      definition.tier.handler = handler
    }
    var source = TierSource(definition)
    source.folder = folder
    source.eventType = file.eventType
    source.warnings = problems.sorted(mainFile: path)
    return source
  }

  /// What a file's name says it runs on.
  private static func usual(_ path: String) -> FunctionRuntime? {
    if path.hasSuffix(".py") { return .python("python3.12") }
    return path.hasSuffix(".mjs") || path.hasSuffix(".cjs") ? .nodejs("nodejs20.x") : nil
  }

  /// `app.handler` of `x/app.py`.
  private static func handler(of path: String) -> String? {
    guard let name = path.split(separator: "/").last?.prefix(while: { $0 != "." }), !name.isEmpty else { return nil }
    return "\(name).handler"
  }
}
