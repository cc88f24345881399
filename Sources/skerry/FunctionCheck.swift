// What is wrong with the code of a configuration's functions: each is built once, as a worker would.
import ConfigurationFile
import Distribution
import RewriteEngine

enum FunctionCheck {
  /// One diagnostic for every function of the rewrite engine that cannot be built, at its place in the code.
  static func diagnostics(_ configuration: Configuration, _ severity: Diagnostic.Severity) -> [Diagnostic] {
    configuration.functions.flatMap { definition -> [Diagnostic] in
      let store = configuration.keyValueStore(of: definition)
      guard let code = FunctionCode(of: definition, configuration.limits.rewriteEngine, store: store) else { return [] }
      return code.validate().map {
        Diagnostic(file: definition.codePath, line: max(1, $0.line), column: max(1, $0.column), severity: severity, text: $0.message)
      }
    }
  }
}
