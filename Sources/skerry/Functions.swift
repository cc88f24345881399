// skerry functions: versions and aliases of the function tier's functions.
import ArgumentParser
import ConfigurationFile
import Confinement
import Distribution
import Foundation
import FunctionTier
import JSONText

struct Functions: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Publish versions of functions, and point aliases to them.",
    discussion: """
      For functions on nodejs, python and provided. A version is a copy of the code with its settings and never changes; an alias points to one. A
      proxy that serves the configuration uses what is published at once.

      Examples:
        skerry functions publish pick-origin --description "with the new hosts"
        skerry functions alias pick-origin live 3
        skerry functions alias pick-origin live 3 --weight 2=20%
        skerry functions alias pick-origin live 4 --canary 10% --for 5m --errors 2% --p95 100ms
        skerry functions rollback pick-origin live
        skerry functions list
      """,
    subcommands: [FunctionsPublish.self, FunctionsList.self, FunctionsAlias.self, FunctionsRollback.self, FunctionsRemove.self])
}

/// Where versions are kept, and of what.
struct FunctionsStore: ParsableArguments {
  @Option(help: "The configuration that names the functions. Default: ./edge.yaml, else the built-in example.")
  var config: String?

  /// The store, the configuration, and where associations name versions and aliases.
  private func open() throws -> (store: VersionStore, configuration: Configuration, named: [PublishedName]) {
    let path = try ConfigurationArgument.path(config)
    let loaded = ConfigurationFile.load(path: path)
    if let unreadable = loaded.unreadable { throw Refusal(unreadable) }
    guard let configuration = loaded.configuration else {
      for problem in loaded.diagnostics { StandardError.say(problem.description) }
      throw Refusal("\(path) has errors")
    }
    makeFolders(configuration)
    becomeOwner(of: configuration.stateDirectory)
    do throws(CodeProblem) { return (try VersionStore(folder: configuration.functionTierSettings.folder), configuration, loaded.publishedNames) } catch { throw Refusal(error.text) }
  }

  /// As the proxy makes them, where it has not been started yet: its user's own, and closed to others, since settings have secrets.
  private func makeFolders(_ configuration: Configuration) {
    func make() { for folder in [configuration.stateDirectory, configuration.functionTierSettings.folder] { _ = unsafe mkdir(folder, 0o700) } }
    if Account.isRoot, let user = configuration.user, let account = try? Account(named: user.name, group: user.group) { account.lend(to: make) } else { make() }
  }

  /// What root publishes is to be the proxy's, who must be able to link to it.
  private func becomeOwner(of folder: String) {
    var status = stat()
    guard geteuid() == 0, unsafe stat(folder, &status) == 0, status.st_uid != 0 else { return }
    _ = (setegid(status.st_gid), seteuid(status.st_uid))
  }

  /// Runs something with the store; its problems are findings.
  /// - Parameters:
  ///   - function: must be one of the configuration's; nil for none.
  ///   - mayBeGone: whether it may also be one of which only versions are left.
  func use(_ function: String?, mayBeGone: Bool = false, _ body: (VersionStore, Configuration, [PublishedName]) throws -> Void) throws {
    let (store, configuration, named) = try open()
    if let function, !mayBeGone || store.versions(of: function).isEmpty {
      guard let found = configuration.functions.first(where: { $0.name == function }) else {
        throw Refusal("the configuration has no function \(function)\(Suggestion.text(for: function, among: configuration.functions.map(\.name)))")
      }
      if found.runtime.isRewriteEngine { throw Refusal("\(function) runs in the rewrite engine, which has no versions") }
    }
    do { try body(store, configuration, named) } catch let problem as CodeProblem { throw Refusal(problem.text) }
  }
}

struct FunctionsPublish: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "publish", abstract: "Publish a function's code and settings as a version; prints its number.",
    discussion: "When it is printed, the disk has it. What is the same as the newest version is that version. Code in which check finds an error is refused.")

  @Argument(help: "The function's name in the configuration.")
  var function: String
  @Option(help: "What is new.")
  var description = ""
  @OptionGroup var files: FunctionsStore

  func run() throws {
    try files.use(function) { store, configuration, _ in
      guard let definition = configuration.functions.first(where: { $0.name == function }) else { return }
      if let found = TierCheck.finding(function, configuration) { throw Refusal(lines: [found]) }
      StandardOutput.say(String(try store.publish(definition, description: description)))
    }
  }
}

struct FunctionsList: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "list", abstract: "Show versions and aliases.")

  @Argument(help: "A function's name; without it, all.")
  var function: String?
  @Flag(help: "JSON.")
  var json = false
  @OptionGroup var files: FunctionsStore

  func run() throws {
    try files.use(nil) { store, configuration, _ in
      let definitions = configuration.functions
      if let function, !definitions.contains(where: { $0.name == function }), !store.all.contains(where: { $0.function == function }) {
        throw Refusal("there is no function \(function)\(Suggestion.text(for: function, among: definitions.map(\.name)))")
      }
      let all = store.all.filter { function == nil || $0.function == function }
      if json { return StandardOutput.say(JSONValue.array(all.map(\.json)).indented()) }
      for versions in all {
        for version in versions.versions {
          StandardOutput.say("\(versions.function):\(version.number)\t\(version.published)\t\(version.runtime)\t\(version.code.prefix(12))\t\(version.description.onOneLine)")
        }
        for alias in versions.aliases { StandardOutput.say("\(versions.function):\(alias.name)\t\(alias.words)") }
      }
    }
  }
}

extension FunctionAlias {
  /// Where it points, in a line.
  fileprivate var words: String {
    var text = "→ \(version)"
    for (version, share) in weights.sorted(by: { $0.key < $1.key }) { text += ", \(Share.text(share)) → \(version)" }
    if let canary { text += ", canary \(Share.text(canary.share)) → \(canary.version) (\(canary.phase.rawValue))" }
    if let stickiness { text += ", sticky by \(stickiness.text)" }
    if let previous { text += " (before: \(previous))" }
    if let lastCanary { text += "; \(lastCanary)" }
    return text
  }
}

struct FunctionsAlias: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "alias", abstract: "Point an alias to a version, share it out among several, or try one out.",
    discussion: """
      With --canary the alias keeps its version, and the one named gets a share for a time: then it takes over, unless too many of its invocations
      fail or take too long.
      """)

  @Argument(help: "The function's name in the configuration.")
  var function: String
  @Argument(help: "The alias's name.")
  var alias: String
  @Argument(help: "The version's number.")
  var version: Int
  @Option(help: "Another version and its share: 2=20%; may be repeated.")
  var weight: [String] = []
  @Option(help: "What keeps a viewer at one version: client-ip, header:NAME, cookie:NAME, or none: chance. Default: as the alias has it; of a new one chance.")
  var sticky: String?
  @Option(help: "Try the version out with this share of invocations: 10%.")
  var canary: String?
  @Option(name: .customLong("for"), help: "How long it is tried out: 90s, 5m. Default: 5m.")
  var duration: String?
  @Option(help: "The largest share of failed invocations. Default: 5%.")
  var errors: String?
  @Option(help: "The longest 95th percentile of its durations: 100ms.")
  var p95: String?
  @Option(help: "Invocations before which nothing is concluded. Default: 20.")
  var least: Int?
  @Option(help: "A function that is asked before the first invocation; if it fails, there is none.")
  var before: String?
  @Option(help: "A function that is asked when the version has taken over; if it fails, it is taken back.")
  var after: String?
  @OptionGroup var files: FunctionsStore

  func run() throws {
    if canary == nil, let option = [("for", duration), ("errors", errors), ("p95", p95), ("least", least.map(String.init)), ("before", before), ("after", after)].first(where: { $0.1 != nil }) {
      throw Refusal("--\(option.0) is about a version that is tried out: it goes with --canary")
    }
    if canary != nil, !weight.isEmpty || sticky != nil { throw Refusal("--weight and --sticky do not go with --canary, which has a share of its own") }
    try files.use(function) { store, configuration, _ in
      if let canary { try store.begin(try trial(canary, store, configuration.functions), of: function, under: alias) } else {
        try store.point(function, alias: alias, to: version, weights: try weights(), sticky: try stickyKey())
      }
      if let alias = store.versions(of: function).alias(alias) { StandardOutput.say("\(function):\(alias.name)\t\(alias.words)") }
    }
  }

  private func weights() throws -> [Int: Double] {
    var weights: [Int: Double] = [:]
    for text in weight {
      let parts = text.split(separator: "=", maxSplits: 1)
      guard parts.count == 2, let number = Int(parts[0]) else { throw Refusal("--weight takes a version and its share, such as 2=20%, not \(text)") }
      guard weights.updateValue(try Share.parse(String(parts[1]), "--weight"), forKey: number) == nil else { throw Refusal("--weight names version \(number) twice") }
    }
    return weights
  }

  private func trial(_ share: String, _ store: VersionStore, _ definitions: [FunctionDefinition]) throws -> Canary {
    var trial = Canary(version: version, share: try Share.parse(share, "--canary"), milliseconds: try Self.milliseconds(duration ?? "5m", "--for"))
    if let errors { trial.errorRate = try Share.parse(errors, "--errors") }
    trial.p95Milliseconds = try p95.map { Double(try Self.milliseconds($0, "--p95")) }
    if let least {
      guard least > 0 else { throw Refusal("--least takes a number above 0, not \(least)") }
      trial.leastInvocations = least
    }
    for (option, hook) in [("--before", before), ("--after", after)] {
      guard let hook else { continue }
      let parts = hook.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard definitions.contains(where: { $0.name == parts[0] && !$0.runtime.isRewriteEngine }) else { throw Refusal("\(option): the configuration has no Lambda@Edge function \(parts[0])") }
      guard parts.count == 1 || parts[1] == FunctionReference.newest || store.versions(of: parts[0]).has(parts[1]) else { throw Refusal("\(option): \(parts[0]) has no version or alias \(parts[1])") }
    }
    (trial.before, trial.after) = (before, after)
    return trial
  }

  /// Nil: as the alias has it; `.some(nil)`: nothing.
  private func stickyKey() throws -> StickyKey?? {
    guard let sticky else { return nil }
    if sticky == "none" { return .some(nil) }
    guard let key = StickyKey(sticky) else { throw Refusal("--sticky takes client-ip, header:NAME, cookie:NAME or none, not \(sticky)") }
    return key
  }

  private static func milliseconds(_ text: String, _ option: String) throws -> Int64 {
    guard let value = Quantity.milliseconds(text), value > 0 else { throw Refusal("\(option) takes a time such as 500ms, 30s or 5m, not \(text)") }
    return Int64(value)
  }
}

/// A share as it is written.
enum Share {
  /// `20%`, `0.2`.
  static func parse(_ text: String, _ option: String) throws -> Double {
    let number = text.hasSuffix("%") ? Double(text.dropLast()).map { $0 / 100 } : Double(text)
    guard let number, number >= 0, number <= 1 else { throw Refusal("\(option) takes a share such as 20% or 0.2, not \(text)") }
    return number
  }

  static func text(_ share: Double) -> String {
    let tenths = Int((share * 1_000).rounded())
    return tenths % 10 == 0 ? "\(tenths / 10) %" : "\(tenths / 10).\(tenths % 10) %"
  }
}

struct FunctionsRollback: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rollback", abstract: "Point an alias back to where it pointed before, or end its canary; prints the version.")

  @Argument(help: "The function's name in the configuration.")
  var function: String
  @Argument(help: "The alias's name.")
  var alias: String
  @OptionGroup var files: FunctionsStore

  func run() throws {
    try files.use(function) { store, _, _ in StandardOutput.say(String(try store.rollBack(function, alias: alias))) }
  }
}

struct FunctionsRemove: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove", abstract: "Remove an alias, or a version that no alias points to.",
    discussion: """
      What the configuration, or the one that a running proxy serves, associates with a behavior, and what a canary asks as its hook, is not removed:
      requests would be answered with 503. --force does it nevertheless.
      """)

  @Argument(help: "The function's name.")
  var function: String
  @Argument(help: "A version's number or an alias's name.")
  var what: String
  @Flag(help: "Remove it though it is in use.")
  var force = false
  @OptionGroup var files: FunctionsStore

  func run() throws {
    try files.use(function, mayBeGone: true) { store, configuration, named in
      if !force, store.versions(of: function).has(what), let use = use(store, configuration, named) {
        throw Refusal("\(function):\(what) is in use: \(use); --force removes it nevertheless")
      }
      if let number = Int(what) { try store.remove(function, version: number) } else { try store.remove(function, alias: what) }
    }
  }

  /// Who uses it; nil for nobody.
  private func use(_ store: VersionStore, _ configuration: Configuration, _ named: [PublishedName]) -> String? {
    if let place = named.first(where: { $0.function == function && $0.qualifier == what }) { return "\(place.file):\(place.line):\(place.column) associates it with a behavior" }
    for versions in store.all {
      for alias in versions.aliases where [alias.canary?.before, alias.canary?.after].contains("\(function):\(what)") {
        return "the canary of \(versions.function):\(alias.name) asks it"
      }
    }
    let running = configuration.admin.flatMap(AdminArguments.runningStatus)?["functions"]?.array?.first { $0["name"]?.string == function }
    return running?["associated"]?.array?.contains { $0.string == what } == true ? "the proxy that runs associates it with a behavior, until it reloads" : nil
  }
}
