// Owns: what is published of a function: its versions, which never change, and its aliases, which point to them. Pure values and rules; the
// files are VersionStore's. Any thread. Source: Lambda's PublishVersion, CreateAlias and UpdateAlias; spec/lambda-at-edge.md, 11.
public import Distribution
public import JSONText

/// A version: code and settings as they were when it was published.
public struct PublishedVersion: Sendable, Equatable {
  /// From 1.
  public var number: Int
  /// The digest of its code in the store.
  public var code: String
  /// By its name: `nodejs20.x`.
  public var runtime: String
  /// `file.function`.
  public var handler: String
  public var memoryMB: Int, timeoutMilliseconds: Int
  public var network: FunctionNetwork
  public var environment: [String: String]
  /// What its author said of it.
  public var description: String
  /// When it was published: ISO 8601.
  public var published: String

  /// Whether publishing `other` would be publishing the same once more.
  func hasContent(of other: PublishedVersion) -> Bool {
    var copy = other
    (copy.number, copy.description, copy.published) = (number, description, published)
    return copy == self
  }
}

/// A name that points to a version, or shares invocations out among several.
public struct FunctionAlias: Sendable, Equatable {
  public var name: String
  /// Where it points.
  public var version: Int
  /// Where it pointed before, and how it shared out: what a rollback goes back to.
  public var previous: Int?
  var previousWeights: [Int: Double] = [:]
  /// Shares of other versions, each between 0 and 1; the rest is ``version``'s.
  public var weights: [Int: Double] = [:]
  /// What keeps a viewer at one of several versions; nil: each invocation chooses anew.
  public var stickiness: StickyKey?
  /// A version that is being tried out.
  public var canary: Canary?
  /// What became of the last canary: one sentence.
  public var lastCanary: String?

  /// Points elsewhere, and remembers where it pointed.
  fileprivate mutating func moves(to number: Int, _ shares: [Int: Double] = [:]) {
    (previous, previousWeights) = (version, weights)
    (version, weights) = (number, shares)
  }

  /// Chooses a version.
  /// - Parameter point: between 0 and 1: a key's own, or random.
  func version(at point: Double) -> Int {
    if let canary, canary.phase == .after { return canary.version }
    var number = version, start = 0.0, end = 1.0
    for (other, share) in weights.sorted(by: { $0.key < $1.key }) {
      if point < start + share {
        (number, end) = (other, start + share)
        break
      }
      start += share
    }
    // A canary takes its share of each version's: the others keep theirs of the rest, and who is not in it stays where he was.
    if let canary, canary.phase == .shifting, point < start + (end - start) * canary.share { return canary.version }
    return number
  }
}

/// All that is published of one function.
public struct FunctionVersions: Sendable, Equatable {
  /// The most versions of a function. Further ones are refused until older ones are removed.
  public static let versionLimit = 1_000
  /// The most aliases of a function.
  public static let aliasLimit = 100

  public let function: String
  /// The number of the next version: numbers never come back.
  public private(set) var next = 1
  public private(set) var versions: [PublishedVersion] = []
  public private(set) var aliases: [FunctionAlias] = []

  /// Nothing is published.
  public init(function: String) { self.function = function }

  /// Whether there is neither a version nor an alias.
  public var isEmpty: Bool { versions.isEmpty && aliases.isEmpty }
  public func version(_ number: Int) -> PublishedVersion? { versions.first { $0.number == number } }
  /// Whether a version's number or an alias stands for something.
  public func has(_ qualifier: String) -> Bool { FunctionReference.isVersion(qualifier) ? Int(qualifier).flatMap(version) != nil : alias(qualifier) != nil }
  public func alias(_ name: String) -> FunctionAlias? { aliases.first { $0.name == name } }

  /// Publishes; what is the same as the newest version is that version.
  /// - Returns: the version's number.
  mutating func publish(_ version: PublishedVersion) throws(CodeProblem) -> Int {
    if let newest = versions.last, newest.hasContent(of: version) { return newest.number }
    guard versions.count < Self.versionLimit else { throw CodeProblem(text: "\(function) has \(Self.versionLimit) versions already: remove some") }
    var version = version
    version.number = next
    versions.append(version)
    next += 1
    return version.number
  }

  /// Removes a version that no alias names.
  mutating func remove(_ number: Int) throws(CodeProblem) {
    _ = try known(number)
    if let alias = aliases.first(where: { $0.version == number || $0.weights[number] != nil || $0.canary?.version == number }) {
      throw CodeProblem(text: "the alias \(alias.name) of \(function) points to version \(number)")
    }
    versions.removeAll { $0.number == number }
  }

  /// Points an alias to a version; a new one is made. A canary that is under way is over.
  /// - Parameter sticky: nil: as the alias has it; `.some(nil)`: nothing keeps a viewer at a version any more.
  mutating func point(_ name: String, to number: Int, weights: [Int: Double] = [:], sticky: StickyKey?? = nil) throws(CodeProblem) {
    _ = try known(number)
    for (other, share) in weights {
      _ = try known(other)
      guard other != number, share > 0, share < 1 else { throw CodeProblem(text: "a weight is a share above 0 and below 1 of another version") }
    }
    guard weights.values.reduce(0, +) <= 1 + 1e-9 else { throw CodeProblem(text: "the weights are more than 1 together") }
    var alias = try aliasOrNew(name, number)
    if self.alias(name) != nil, alias.version != number || alias.weights != weights { alias.moves(to: number, weights) }
    (alias.weights, alias.canary, alias.stickiness) = (weights, nil, sticky ?? alias.stickiness)
    keep(alias)
  }

  /// Begins to try a version out under an alias.
  mutating func begin(_ canary: Canary, under name: String) throws(CodeProblem) {
    _ = try known(canary.version)
    guard canary.share > 0, canary.share <= 1 else { throw CodeProblem(text: "a canary gets a share above 0, up to 1") }
    guard var alias = alias(name) else { throw CodeProblem(text: "\(function) has no alias \(name): a canary takes a part of an alias's invocations") }
    guard alias.version != canary.version else { throw CodeProblem(text: "\(name) points to version \(canary.version) already") }
    guard alias.weights[canary.version] == nil else { throw CodeProblem(text: "\(name) gives version \(canary.version) a share already: point it to version \(alias.version) alone first") }
    guard (1...Canary.longestMilliseconds).contains(canary.milliseconds) else { throw CodeProblem(text: "a canary takes at most \(Canary.longestMilliseconds / 86_400_000) days") }
    (alias.canary, alias.lastCanary) = (canary, nil)
    keep(alias)
  }

  /// A canary goes on, or ends: with its version in the alias's place, or without.
  /// - Parameter expected: the canary that this is about; nothing is done when another one has taken its place, or it is further already.
  mutating func advance(_ name: String, _ step: Canary.Step, of expected: Canary? = nil, at time: String) {
    guard var alias = alias(name), var canary = alias.canary, expected == nil || canary == expected else { return }
    switch step {
    case .shift(let until): (canary.phase, canary.until) = (.shifting, until)
    case .checkAfter: canary.phase = .after
    case .promote:
      alias.moves(to: canary.version)
      alias.lastCanary = "version \(canary.version) has taken over at \(time)"
    case .rollBack(let why):
      alias.lastCanary = "version \(canary.version) was rolled back at \(time): \(why)"
    }
    alias.canary = step.isLast ? nil : canary
    keep(alias)
  }

  /// Points an alias back to where it pointed before.
  /// - Returns: the version it points to now.
  mutating func rollBack(_ name: String, at time: String) throws(CodeProblem) -> Int {
    guard var alias = alias(name) else { throw CodeProblem(text: "\(function) has no alias \(name)") }
    if alias.canary != nil {
      advance(name, .rollBack("asked for"), at: time)
      return self.alias(name)?.version ?? alias.version
    }
    guard let previous = alias.previous else { throw CodeProblem(text: "\(name) of \(function) has pointed to no other version") }
    for number in [previous] + alias.previousWeights.keys { _ = try known(number) }
    let weights = alias.previousWeights
    alias.moves(to: previous, weights)
    keep(alias)
    return previous
  }

  /// Removes an alias.
  mutating func removeAlias(_ name: String) throws(CodeProblem) {
    guard alias(name) != nil else { throw CodeProblem(text: "\(function) has no alias \(name)") }
    aliases.removeAll { $0.name == name }
  }

  private func known(_ number: Int) throws(CodeProblem) -> PublishedVersion {
    guard let version = version(number) else { throw CodeProblem(text: "\(function) has no version \(number)") }
    return version
  }

  private func aliasOrNew(_ name: String, _ number: Int) throws(CodeProblem) -> FunctionAlias {
    if let alias = alias(name) { return alias }
    guard FunctionReference.isAlias(name) else { throw CodeProblem(text: "an alias has from 1 to 128 letters, digits, '-' and '_', and is no number") }
    guard aliases.count < Self.aliasLimit else { throw CodeProblem(text: "\(function) has \(Self.aliasLimit) aliases already") }
    return FunctionAlias(name: name, version: number)
  }

  private mutating func keep(_ alias: FunctionAlias) {
    if let index = aliases.firstIndex(where: { $0.name == alias.name }) { aliases[index] = alias } else { aliases.append(alias) }
  }
}

// MARK: - As JSON

extension FunctionVersions {
  /// Reads what ``json`` has written.
  init?(_ value: JSONValue) {
    guard let function = value["function"]?.string, let next = value["next"]?.integer, let versions = value["versions"]?.array, let aliases = value["aliases"]?.array
    else { return nil }
    self.function = function
    self.next = next
    for entry in versions {
      guard let version = PublishedVersion(entry) else { return nil }
      self.versions.append(version)
    }
    for entry in aliases {
      guard let alias = FunctionAlias(entry) else { return nil }
      self.aliases.append(alias)
    }
  }

  /// As it is kept, and shown by `skerry functions list --json`.
  public var json: JSONValue {
    .object(["function": .string(function), "next": .number(next), "versions": .array(versions.map(\.json)), "aliases": .array(aliases.map(\.json))])
  }
}

extension PublishedVersion {
  fileprivate init?(_ value: JSONValue) {
    guard let number = value["version"]?.integer, let code = value["code"]?.string, let runtime = value["runtime"]?.string, let handler = value["handler"]?.string,
      let memory = value["memory"]?.integer, let timeout = value["timeoutMilliseconds"]?.integer,
      let network = value["network"]?.string.flatMap(FunctionNetwork.init), let environment = value["environment"]?.object
    else { return nil }
    self.init(
      number: number, code: code, runtime: runtime, handler: handler, memoryMB: memory, timeoutMilliseconds: timeout, network: network,
      environment: Dictionary(environment.members.map { ($0.name, $0.value.string ?? "") }) { $1 }, description: value["description"]?.string ?? "",
      published: value["published"]?.string ?? "")
  }

  fileprivate var json: JSONValue {
    let variables = environment.sorted { $0.key < $1.key }.map { JSONObject.Member(name: $0.key, value: .string($0.value)) }
    return .object([
      "version": .number(number), "code": .string(code), "runtime": .string(runtime), "handler": .string(handler), "memory": .number(memoryMB),
      "timeoutMilliseconds": .number(timeoutMilliseconds), "network": .string(network.rawValue), "environment": .object(JSONObject(variables)),
      "description": .string(description), "published": .string(published),
    ])
  }
}

extension FunctionAlias {
  fileprivate init?(_ value: JSONValue) {
    guard let name = value["name"]?.string, let version = value["version"]?.integer else { return nil }
    self.init(name: name, version: version, previous: value["previous"]?.integer, lastCanary: value["lastCanary"]?.string)
    stickiness = value["sticky"]?.string.flatMap(StickyKey.init)
    guard let weights = Self.weights(value["weights"]), let previousWeights = Self.weights(value["previousWeights"]) else { return nil }
    (self.weights, self.previousWeights) = (weights, previousWeights)
    if let canary = value["canary"] {
      guard let read = Canary(canary) else { return nil }
      self.canary = read
    }
  }

  private static func weights(_ value: JSONValue?) -> [Int: Double]? {
    var weights: [Int: Double] = [:]
    for member in value?.object?.members ?? [] {
      guard let number = Int(member.name), let share = member.value.double else { return nil }
      weights[number] = share
    }
    return weights
  }

  fileprivate var json: JSONValue {
    var object: JSONObject = ["name": .string(name), "version": .number(version)]
    if let previous { object.append("previous", .number(previous)) }
    if let stickiness { object.append("sticky", .string(stickiness.text)) }
    for (name, weights) in [("weights", weights), ("previousWeights", previousWeights)] where !weights.isEmpty {
      object.append(name, .object(JSONObject(weights.sorted { $0.key < $1.key }.map { .init(name: String($0.key), value: .number(String($0.value))) })))
    }
    if let canary { object.append("canary", canary.json) }
    if let lastCanary { object.append("lastCanary", .string(lastCanary)) }
    return .object(object)
  }
}

extension JSONValue {
  /// A whole number.
  var integer: Int? { if case .number(let text) = self { Int(text) } else { nil } }
}

extension UInt8 {
  /// A letter, a digit, `-` or `_`.
  var isAliasByte: Bool {
    switch self {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"): true
    default: false
    }
  }
}
