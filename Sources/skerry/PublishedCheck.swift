// What is wrong with associations that name a version or an alias: whether it is there, the function tier's store in the state folder knows.
import ConfigurationFile
import Distribution
import Foundation
import FunctionTier

enum PublishedCheck {
  /// Associations whose version or alias is not there, by place: as `function:name`, and what is to be done.
  static func missing(_ loaded: LoadedConfiguration) -> [(name: String, problem: Diagnostic)] {
    guard let configuration = loaded.draft, configuration.functions.contains(where: { !$0.runtime.isRewriteEngine }) else { return [] }
    // Who only looks at a configuration need not be who serves it; what is not to be read then is no mistake of it.
    let versions = configuration.functionTierSettings.folder + "/versions"
    if loaded.publishedNames.isEmpty, !FileManager.default.isReadableFile(atPath: versions) || !FileManager.default.isExecutableFile(atPath: versions) { return [] }
    let named = loaded.publishedNames.sorted { ($0.line, $0.column) < ($1.line, $1.column) }
    do throws(CodeProblem) {
      let published = try VersionStore.published(in: configuration.functionTierSettings.folder)
      return named.compactMap { name in
        let versions = published[name.function] ?? FunctionVersions(function: name.function)
        return versions.has(name.qualifier) ? nil : ("\(name.function):\(name.qualifier)", Diagnostic(name, problem(name, versions)))
      }
    } catch {
      // Nothing runs functions where it is not known what is published, whether anything names it or not.
      return [("", named.first.map { Diagnostic($0, error.text) } ?? Diagnostic(file: configuration.functionTierSettings.folder, line: 1, column: 1, severity: .error, text: error.text))]
    }
  }

  /// Associations whose version, or one that their alias leads to, has code in the store that is not what was published. Reads all of it.
  static func changed(_ loaded: LoadedConfiguration) -> [Diagnostic] {
    guard let configuration = loaded.draft, configuration.functions.contains(where: { !$0.runtime.isRewriteEngine }) else { return [] }
    var told: Set<String> = []
    return loaded.publishedNames.sorted { ($0.line, $0.column) < ($1.line, $1.column) }.flatMap { name in
      VersionStore.changedCode(in: configuration.functionTierSettings.folder, of: name.function, [name.qualifier]).filter { told.insert($0).inserted }
        .map { Diagnostic(name, $0 + ": publish it again (skerry functions publish \(name.function)), or point its aliases elsewhere") }
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
  fileprivate init(_ name: PublishedName, _ text: String) {
    self.init(file: name.file, line: name.line, column: name.column, severity: .error, text: text)
  }
}
