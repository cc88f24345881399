// The FUNCTION argument: a name of the configuration, or a path.
import ConfigurationFile
import Distribution
import Foundation
import FunctionTesting
import FunctionTier
import RewriteEngine

/// A command found what it looks for: one sentence on stderr, exit status 1.
struct Finding: Error, CustomStringConvertible {
  let description: String
  init(_ text: String) { description = "skerry: " + text.onOneLine }
}

/// `1 case`, `2 cases`.
func counted(_ number: Int, _ what: String) -> String { "\(number) \(what)\(number == 1 ? "" : "s")" }

/// Bad usage, or a file that cannot be read: one sentence on stderr (or a line for each problem of a file), exit status 2.
struct Refusal: Error, CustomStringConvertible {
  let description: String
  init(_ text: String) { description = "skerry: " + text }
  init(lines: [Diagnostic]) { description = lines.map(\.description).joined(separator: "\n") }
  init(_ problem: FunctionSourceProblem) {
    self = problem.diagnostics.isEmpty ? Refusal(problem.text) : Refusal(lines: problem.diagnostics)
  }
}

struct FunctionArgument {
  private let text: String
  private let configPath: String?
  private var options = FunctionSource.Options()
  /// One of the function tier, whatever function.yaml or the configuration says.
  private var tierRuntime: FunctionRuntime?

  /// What is called, whatever function.yaml or the configuration says.
  private let handler: String?

  init(_ text: String, config: String?, kvs: String?, runtime: String?, handler: String? = nil) throws {
    self.text = text
    self.handler = handler
    configPath = config
    options.storePath = kvs
    guard let runtime else { return }
    options.runtime = FunctionCode.Runtime(rawValue: runtime)
    if options.runtime == nil {
      tierRuntime = FunctionRuntime(tierName: runtime)
      if tierRuntime != nil { return }
      let names = FunctionCode.Runtime.allCases.map(\.rawValue) + ["nodejs20.x", "python3.12", "provided"]
      throw Refusal("invoke cannot run \(runtime)\(Suggestion.text(for: runtime, among: names))")
    }
  }

  /// The function, if it is one of the function tier's: what looks like a path is one, a name is looked for in the configuration first.
  func loadTier() throws -> TierSource? {
    guard options.runtime == nil else { return nil }
    let exists = FileManager.default.fileExists(atPath: text)
    if !looksLikePath {
      let path = configPath ?? ConfigurationArgument.usual()
      let configuration = configPath == nil && exists ? path.flatMap { try? load($0) } : try path.map(load)
      let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
      if let configuration, var definition = configuration.functions.first(where: { $0.name == parts.first }) {
        if parts.count > 1, !definition.runtime.isRewriteEngine, parts[1] != FunctionReference.newest { definition = try published(definition, parts[1], configuration) } else if parts.count > 1, definition.runtime.isRewriteEngine { return nil }
        definition.runtime = tierRuntime ?? definition.runtime
        definition.tier.handler = handler ?? definition.tier.handler
        return definition.runtime.isRewriteEngine ? nil : TierSource(definition)
      }
    }
    guard exists else { return nil }
    do throws(FunctionSourceProblem) {
      let source = try TierSource.load(path: text, runtime: tierRuntime, handler: handler)
      for warning in source?.warnings ?? [] { StandardError.say(warning.description) }
      return source
    } catch { throw Refusal(error) }
  }

  /// A function as it was published: at a version, or at the one an alias points to.
  private func published(_ definition: FunctionDefinition, _ qualifier: String, _ configuration: Configuration) throws -> FunctionDefinition {
    let name = definition.name
    do throws(CodeProblem) {
      let store = try VersionStore(folder: configuration.functionTierSettings.folder), versions = store.versions(of: name)
      if let number = Int(qualifier) ?? versions.alias(qualifier)?.version, let version = versions.version(number) {
        return try store.definition(of: version, named: name)
      }
    } catch { throw Refusal(error.text) }
    throw Refusal("\(name) has no \(Int(qualifier) == nil ? "alias" : "version") \(qualifier)")
  }

  private var looksLikePath: Bool {
    text.contains("/") || text == "." || text == ".." || [".js", ".mjs", ".cjs", ".py", ".zip"].contains { text.hasSuffix($0) }
  }

  /// The function: what looks like a path is one, a name is looked for in the configuration first.
  func load() throws -> FunctionSource {
    let exists = FileManager.default.fileExists(atPath: text)
    let path = looksLikePath ? configPath : configPath ?? ConfigurationArgument.usual()
    var options = options
    // What nobody named has to be right only where it is needed.
    options.configuration = configPath == nil && exists ? path.flatMap { try? load($0) } : try path.map(load)
    do throws(FunctionSourceProblem) {
      if !looksLikePath, let definition = options.configuration?.functions.first(where: { $0.name == text }) {
        return try FunctionSource(definition, options)
      }
      if !looksLikePath, let path, !exists {
        let names = options.configuration?.functions.map(\.name) ?? []
        throw FunctionSourceProblem(text: "\(path) has no function \(text)\(Suggestion.text(for: text, among: names)), and there is no such file")
      }
      let source = try FunctionSource.load(path: text, options)
      for warning in source.warnings { StandardError.say(warning.description) }
      return source
    } catch {
      throw Refusal(error)
    }
  }

  private func load(_ path: String) throws -> Configuration {
    let loaded = ConfigurationFile.load(path: path)
    guard let configuration = loaded.configuration, !loaded.hasErrors else { throw Refusal(lines: loaded.diagnostics) }
    return configuration
  }
}
