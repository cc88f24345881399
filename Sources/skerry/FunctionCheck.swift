// What is wrong with the code of a configuration's functions: each is built once, as a worker would, and read for what
// CloudFront's own runtime would refuse.
import ConfigurationFile
import Distribution
import FunctionDialect
import KeyValueStores
import RewriteEngine

enum FunctionCheck {
  /// What was found of functions at an earlier look.
  struct Known {
    fileprivate var functions: [String: (definition: FunctionDefinition, limits: EngineLimits, store: KeyValueStore?, found: [Diagnostic])] = [:]
  }

  /// The functions of the rewrite engine that cannot be built, each with what is wrong at its place in the code. Those that are as they were at
  /// the last look are not built again.
  static func broken(_ configuration: Configuration, _ known: inout Known) -> [(definition: FunctionDefinition, found: [Diagnostic])] {
    let limits = configuration.limits.rewriteEngine
    var now = Known()
    for definition in configuration.functions {
      let store = configuration.keyValueStore(of: definition)
      if let old = known.functions[definition.name], old.definition == definition, old.limits == limits, old.store == store {
        now.functions[definition.name] = old
      } else {
        now.functions[definition.name] = (definition, limits, store, loadErrors(definition, configuration))
      }
    }
    known = now
    return configuration.functions.compactMap { definition in now.functions[definition.name].flatMap { $0.found.isEmpty ? nil : (definition, $0.found) } }
  }

  /// What `skerry check` says of all functions: errors of loading, and findings of the dialect, which are errors where
  /// `compatibility` is `cloudfront` and CloudFront is known to refuse the construct. By function, then by place. The configuration
  /// may have errors: of a function without code all has been said.
  static func all(_ configuration: Configuration) -> [Diagnostic] {
    configuration.functions.filter { !$0.source.isEmpty }.flatMap { definition -> [Diagnostic] in
      let errors = loadErrors(definition, configuration)
      let findings = FunctionDialect.findings(in: definition.source, runtime: definition.runtime)
        // The engine has said it, or could not come so far.
        .filter { errors.isEmpty || $0.rule.name != "handler" }
        .map { finding in
          Diagnostic(
            file: definition.codePath, line: finding.line, column: finding.column,
            severity: finding.isCertain && configuration.compatibility == .cloudfront ? .error : .warning,
            text: "\(finding.text); \(finding.hint)")
        }
      return (errors + findings).enumerated().sorted { ($0.element.line, $0.element.column, $0.offset) < ($1.element.line, $1.element.column, $1.offset) }
        .map(\.element)
    }
  }

  private static func loadErrors(_ definition: FunctionDefinition, _ configuration: Configuration) -> [Diagnostic] {
    let store = configuration.keyValueStore(of: definition)
    guard let code = FunctionCode(of: definition, configuration.limits.rewriteEngine, store: store) else { return [] }
    return code.validate().map {
      Diagnostic(file: definition.codePath, line: max(1, $0.line), column: max(1, $0.column), severity: .error, text: $0.message)
    }
  }
}
