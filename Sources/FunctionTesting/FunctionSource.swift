// A function as it lies on disk, without a configuration: a file of code or a folder, and the function.yaml beside it.
// Reads files; any thread. Source: design/configuration.md, "A function's folder".
public import ConfigurationFile
public import Distribution
public import RewriteEngine

/// Why a function cannot be run at all: bad usage, or files that cannot be read.
public struct FunctionSourceProblem: Error, Sendable, CustomStringConvertible {
  /// What is wrong with its function.yaml; empty when `text` says it all.
  public var diagnostics: [Diagnostic] = []
  /// One sentence without a full stop; empty when there are diagnostics.
  public var text = ""

  /// The sentence, or a line for each diagnostic.
  public var description: String { text.isEmpty ? diagnostics.map(\.description).joined(separator: "\n") : text }
}

/// A function read from its folder.
public struct FunctionSource: Sendable {
  /// The code with its limits.
  public var code: FunctionCode
  /// The path of the code, as it was named.
  public var codePath: String
  /// The folder it lies in, as it was named; relative paths of its cases are taken from here.
  public var folder: String
  /// What `function.yaml` says it is for.
  public var eventType: FunctionEvent?
  /// What `function.yaml` calls its key value store.
  public var keyValueStore: String?
  /// What `function.yaml` says it is.
  public var comment: String?
  /// What is not quite right with `function.yaml`.
  public var warnings: [Diagnostic] = []

  /// A function of a configuration, with its code already made.
  public init(code: FunctionCode, definition: FunctionDefinition) {
    self.code = code
    codePath = definition.codePath
    folder = definition.codePath.parentFolder
    keyValueStore = definition.keyValueStore
    comment = definition.comment
  }

  private init(code: FunctionCode, codePath: String, folder: String) {
    (self.code, self.codePath, self.folder) = (code, codePath, folder)
  }

  /// The most bytes of code the engine takes.
  private static let maximumSourceBytes = 1 << 20

  /// Reads a function.
  /// - Parameters:
  ///   - path: a .js file, or a folder with an index.js.
  ///   - runtime: what it is to run on, whatever function.yaml says.
  ///   - limits: the engine's limits, of a configuration or the defaults.
  public static func load(
    path: String, runtime: FunctionCode.Runtime? = nil, limits: EngineLimits = EngineLimits()
  ) throws(FunctionSourceProblem) -> FunctionSource {
    let isFolder = Files.isFolder(path)
    let folder = isFolder ? path.droppingTrailingSlash : path.parentFolder
    let codePath = isFolder ? folder + "/index.js" : path
    if !isFolder, !path.hasSuffix(".js") {
      let tier = [".zip", ".mjs", ".py"].contains { path.hasSuffix($0) }
      if tier { throw FunctionSourceProblem(text: "\(path) is code of the function tier, which is not there yet; a .js file or a folder with an index.js runs") }
      if Files.problem(with: path) == nil { throw FunctionSourceProblem(text: "\(path) is neither a .js file nor a folder with an index.js") }
    }
    let problems = Problems()
    let file = functionFile(folder, problems)
    if problems.hasErrors { throw FunctionSourceProblem(diagnostics: problems.sorted(mainFile: codePath)) }
    var definition = FunctionDefinition(name: codePath, runtime: .cloudfrontJS2, codePath: codePath)
    definition.runtime = runtime.map { $0 == .cloudfrontJS10 ? .cloudfrontJS1 : .cloudfrontJS2 } ?? file.runtime ?? .cloudfrontJS2
    definition.source = try source(codePath)
    guard let code = FunctionCode(of: definition, limits) else {
      throw FunctionSourceProblem(text: "\(codePath) runs on \(definition.runtime.name), in the function tier, which is not there yet")
    }
    var source = FunctionSource(code: code, codePath: codePath, folder: folder)
    source.eventType = file.eventType.flatMap { FunctionEvent(name: $0.rawValue) }
    source.keyValueStore = file.keyValueStore
    source.comment = file.comment
    source.warnings = problems.sorted(mainFile: codePath)
    return source
  }

  private static func functionFile(_ folder: String, _ problems: Problems) -> FunctionFile {
    let path = folder + "/function.yaml"
    guard Files.problem(with: path) != "there is no such file" else { return FunctionFile() }
    switch Files.read(path, maximumBytes: SourceText.maximumBytes) {
    case .failure(let problem): problems.report(.error, file: path, line: 1, column: 1, "it cannot be read: \(problem.text)")
    case .success(let bytes):
      if let root = Value.root(of: bytes, name: "function.yaml", file: path, problems: problems) { return FunctionFile(root) }
    }
    return FunctionFile()
  }

  private static func source(_ path: String) throws(FunctionSourceProblem) -> [UInt8] {
    switch Files.read(path, maximumBytes: maximumSourceBytes) {
    case .failure(let problem): throw FunctionSourceProblem(text: "\(path) cannot be read: \(problem.text)")
    case .success(let bytes):
      if bytes.isEmpty { throw FunctionSourceProblem(text: "\(path) is empty") }
      if String(validating: bytes, as: UTF8.self) == nil { throw FunctionSourceProblem(text: "\(path) is not UTF-8") }
      return bytes
    }
  }
}

extension String {
  /// `a/b/` as `a/b`; `/` stays.
  var droppingTrailingSlash: String { count > 1 && hasSuffix("/") ? String(dropLast()).droppingTrailingSlash : self }

  /// The folder of a path, as it is written: `a/b.js` is in `a`, `b.js` in `.`.
  var parentFolder: String {
    guard let slash = lastIndex(of: "/") else { return "." }
    return slash == startIndex ? "/" : String(self[..<slash])
  }
}
