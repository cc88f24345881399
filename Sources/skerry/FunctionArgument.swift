// The FUNCTION argument: a name of the configuration, or a path.
import ArgumentParser
import ConfigurationFile
import Distribution
import Foundation
import FunctionTesting
import RewriteEngine

/// Bad usage, or a file that cannot be read: one sentence on stderr, exit status 2.
struct Refusal: Error, CustomStringConvertible {
  let description: String
  init(_ text: String) { description = "skerry: " + text }
}

struct FunctionArgument {
  let text: String
  let config: String?
  let runtime: FunctionCode.Runtime?

  init(_ text: String, config: String?, runtime: String?) throws {
    self.text = text
    self.config = config
    guard let runtime else {
      self.runtime = nil
      return
    }
    guard let known = FunctionCode.Runtime(rawValue: runtime) else {
      let names = FunctionCode.Runtime.allCases.map(\.rawValue)
      throw Refusal("invoke cannot run \(runtime)\(Suggestion.text(for: runtime, among: names))")
    }
    self.runtime = known
  }

  /// The function: what looks like a path is one, a name is looked for in the configuration first.
  func load() throws -> FunctionSource {
    let looksLikePath = text.contains("/") || text == "." || text == ".." || [".js", ".zip"].contains { text.hasSuffix($0) }
    if looksLikePath { return try loadPath(limits: try configuration()?.limits.rewriteEngine) }
    guard let path = config ?? ConfigurationArgument.usual() else { return try loadPath(limits: nil) }
    let configuration = try load(path)
    if let definition = configuration.functions.first(where: { $0.name == text }) {
      return try load(definition, of: configuration)
    }
    if FileManager.default.fileExists(atPath: text) { return try loadPath(limits: configuration.limits.rewriteEngine) }
    let names = configuration.functions.map(\.name)
    throw Refusal("\(path) has no function \(text)\(Suggestion.text(for: text, among: names)), and there is no such file")
  }

  private func load(_ definition: FunctionDefinition, of configuration: Configuration) throws -> FunctionSource {
    var definition = definition
    if let runtime { definition.runtime = runtime == .cloudfrontJS10 ? .cloudfrontJS1 : .cloudfrontJS2 }
    guard let code = FunctionCode(of: definition, configuration.limits.rewriteEngine) else {
      throw Refusal("\(text) runs on \(definition.runtime.name), in the function tier, which is not there yet")
    }
    return FunctionSource(code: code, definition: definition)
  }

  private func loadPath(limits: EngineLimits?) throws -> FunctionSource {
    do throws(FunctionSourceProblem) {
      let source = try FunctionSource.load(path: text, runtime: runtime, limits: limits ?? EngineLimits())
      for warning in source.warnings { StandardError.say(warning.description) }
      return source
    } catch {
      throw error.diagnostics.isEmpty ? Refusal(error.text) : Refusal(lines: error.diagnostics)
    }
  }

  private func configuration() throws -> Configuration? { try config.map(load) }

  private func load(_ path: String) throws -> Configuration {
    let loaded = ConfigurationFile.load(path: path)
    guard let configuration = loaded.configuration, !loaded.hasErrors else { throw Refusal(lines: loaded.diagnostics) }
    return configuration
  }
}

extension Refusal {
  /// Problems of a file, a line each.
  init(lines: [Diagnostic]) { description = lines.map(\.description).joined(separator: "\n") }
}
