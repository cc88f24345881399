// What is wrong with associations that name a version or an alias: whether it is there, the function tier's store in the state folder knows.
import ConfigurationFile
import Distribution
import FunctionTier

enum PublishedCheck {
  /// One diagnostic for every association whose version or alias is not there.
  static func diagnostics(_ loaded: LoadedConfiguration, _ severity: Diagnostic.Severity) -> [Diagnostic] {
    guard let configuration = loaded.draft, !loaded.publishedNames.isEmpty else { return [] }
    let published: [String: FunctionVersions]
    do throws(CodeProblem) { published = try VersionStore.published(in: configuration.functionTierSettings.folder) } catch {
      return loaded.publishedNames.prefix(1).map { Diagnostic($0, severity, error.text) }
    }
    return loaded.publishedNames.sorted { ($0.line, $0.column) < ($1.line, $1.column) }.compactMap { name in
      let versions = published[name.function] ?? FunctionVersions(function: name.function)
      return versions.has(name.qualifier) ? nil : Diagnostic(name, severity, problem(name, versions))
    }
  }

  private static func problem(_ name: PublishedName, _ versions: FunctionVersions) -> String {
    guard let newest = versions.versions.last?.number else {
      return "nothing is published of \(name.function): skerry functions publish \(name.function)"
    }
    if Int(name.qualifier) != nil { return "\(name.function) has no version \(name.qualifier); the newest is \(newest)" }
    let hint = Suggestion.text(for: name.qualifier, among: versions.aliases.map(\.name))
    return "\(name.function) has no alias \(name.qualifier.quoted)\(hint): skerry functions alias \(name.function) \(name.qualifier) \(newest)"
  }
}

extension Diagnostic {
  fileprivate init(_ name: PublishedName, _ severity: Severity, _ text: String) {
    self.init(file: name.file, line: name.line, column: name.column, severity: severity, text: text)
  }
}
