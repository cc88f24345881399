// A function as it lies on disk, without a configuration: a file of code or a folder, and the function.yaml beside it.
// Reads files; any thread. Source: design/configuration.md, "A function's folder".
public import ConfigurationFile
public import Distribution
import KeyValueStores
public import RewriteEngine

/// Why a function cannot be run at all: bad usage, or files that cannot be read.
public struct FunctionSourceProblem: Error, Sendable, CustomStringConvertible {
  /// What is wrong with its function.yaml; empty when `text` says it all.
  public var diagnostics: [Diagnostic] = []
  /// One sentence without a full stop; empty when there are diagnostics.
  public var text = ""

  /// One sentence.
  public init(text: String) { self.text = text }
  /// Problems of a file.
  public init(diagnostics: [Diagnostic]) { self.diagnostics = diagnostics }

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
  /// What its key value store is called, if it has one.
  public var storeName: String?
  /// The store's data, where it was read for this function alone.
  var storeData: StoreData?
  /// What `function.yaml` says it is.
  public var comment: String?
  /// What is not quite right with `function.yaml`.
  public var warnings: [Diagnostic] = []

  /// What is known of a function beside its folder.
  public struct Options: Sendable {
    /// What it is to run on, whatever function.yaml or the configuration says.
    public var runtime: FunctionCode.Runtime?
    /// The path of its key value store's data, instead of what is known of it otherwise.
    public var storePath: String?
    /// A configuration, for limits and key value stores.
    public var configuration: Configuration?

    /// Nothing.
    public init(runtime: FunctionCode.Runtime? = nil, storePath: String? = nil, configuration: Configuration? = nil) {
      (self.runtime, self.storePath, self.configuration) = (runtime, storePath, configuration)
    }

    fileprivate var functionRuntime: FunctionRuntime? {
      runtime.map { $0 == .cloudfrontJS10 ? .cloudfrontJS1 : .cloudfrontJS2 }
    }
  }

  /// A function of `options.configuration`.
  public init(_ definition: FunctionDefinition, _ options: Options = Options()) throws(FunctionSourceProblem) {
    var definition = definition
    definition.runtime = options.functionRuntime ?? definition.runtime
    storeName = definition.keyValueStore
    let configured = options.configuration?.keyValueStore(of: definition)
    let labels = configured?.labels ?? StoreData.labels(storeName ?? "rules", for: definition.source)
    if let path = options.storePath {
      storeData = try StoreData(path: path, labels)
    } else if configured == nil, storeName != nil {
      storeData = StoreData(labels)
    }
    let limits = options.configuration?.limits.rewriteEngine ?? EngineLimits()
    guard let code = FunctionCode(of: definition, limits, store: storeData?.store ?? configured) else {
      throw FunctionSourceProblem(
        text: "\(definition.name) runs on \(definition.runtime.name), which is the function tier's")
    }
    self.code = code
    codePath = definition.codePath
    folder = definition.codePath.parentFolder
    comment = definition.comment
  }

  /// The most bytes of code the engine takes.
  private static let maximumSourceBytes = 1 << 20

  /// Reads a function.
  /// - Parameter path: a .js file, or a folder with an index.js.
  public static func load(path: String, _ options: Options = Options()) throws(FunctionSourceProblem) -> FunctionSource {
    let isFolder = Files.isFolder(path)
    let folder = isFolder ? path.droppingTrailingSlash : path.parentFolder
    let codePath = isFolder ? folder + "/index.js" : path
    if !isFolder, !path.hasSuffix(".js") {
      let tier = [".zip", ".mjs", ".py"].contains { path.hasSuffix($0) }
      if tier { throw FunctionSourceProblem(text: "\(path) is code of the function tier: say on what it runs, such as --runtime nodejs20.x") }
      if Files.problem(with: path) == nil { throw FunctionSourceProblem(text: "\(path) is neither a .js file nor a folder with an index.js") }
    }
    let problems = Problems()
    let file = functionFile(folder, problems)
    if problems.hasErrors { throw FunctionSourceProblem(diagnostics: problems.sorted(mainFile: codePath)) }
    var definition = FunctionDefinition(name: codePath, runtime: .cloudfrontJS2, codePath: codePath)
    definition.runtime = file.runtime ?? .cloudfrontJS2
    definition.keyValueStore = file.keyValueStore
    definition.comment = file.comment
    definition.source = try source(codePath)
    var options = options
    let isConfigured = options.configuration?.keyValueStore(of: definition) != nil
    let ownData = folder + "/" + StoreData.fileName
    if isFolder || file.keyValueStore != nil, options.storePath == nil, !isConfigured, Files.problem(with: ownData) == nil { options.storePath = ownData }
    var function = try FunctionSource(definition, options)
    function.folder = folder
    function.eventType = file.eventType.flatMap { FunctionEvent(name: $0.rawValue) }
    function.warnings = problems.sorted(mainFile: codePath)
    return function
  }

  static func functionFile(_ folder: String, _ problems: Problems) -> FunctionFile {
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

extension FunctionCode {
  /// The same function with another store: for the engine another function.
  func reading(_ store: KeyValueStore) -> FunctionCode {
    FunctionCode(name: name, source: source, runtime: runtime, limits: limits, store: store)
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
