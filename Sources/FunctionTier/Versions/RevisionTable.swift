// Owns: finding what a name with a version or an alias stands for now. Any thread. Rule of the lock: held for a look at a table; code is looked
// for in the store without it.
public import Distribution
import Synchronization

/// What runs when a function is invoked by a name.
struct Resolution: Sendable {
  var revision: Revision
  var interpreter: Interpreter
  /// The alias that a canary of this version is tried out under.
  var canaryOf: String?
}

/// Published versions as environments run them.
final class RevisionTable: Sendable {
  private let store: VersionStore
  private let interpreters: Interpreters
  private let known = Mutex<[String: [Int: Resolution]]>([:])

  init(_ store: VersionStore, _ interpreters: Interpreters) {
    self.store = store
    self.interpreters = interpreters
  }

  /// What a function's version or alias stands for.
  /// - Parameter invocation: equal keys in it find equal versions; without one the choice is random.
  func resolve(_ function: String, _ qualifier: String, _ invocation: Invocation) throws(CodeProblem) -> Resolution {
    let versions = store.versions(of: function)
    if let number = Int(qualifier) { return try resolution(versions, number) }
    guard let alias = versions.alias(qualifier) else { throw CodeProblem(text: "function \(function) has no alias \(qualifier)") }
    var stickyKey = invocation.stickyKey
    if stickyKey.isEmpty, let part = alias.stickiness, alias.canary != nil || !alias.weights.isEmpty { stickyKey = part.key(of: invocation.payload) }
    let number = alias.version(at: stickyKey.isEmpty ? Double.random(in: 0..<1) : Self.point(of: stickyKey))
    var resolution = try resolution(versions, number)
    if alias.canary?.version == number { resolution.canaryOf = alias.name }
    return resolution
  }

  /// What a version's number stands for.
  func resolution(_ versions: FunctionVersions, _ number: Int) throws(CodeProblem) -> Resolution {
    if let known = known.withLock({ $0[versions.function]?[number] }) { return known }
    guard let version = versions.version(number) else { throw CodeProblem(text: "function \(versions.function) has no version \(number)") }
    let (definition, code) = try store.stored(version, named: versions.function)
    let resolution = Resolution(revision: Revision(definition, version: String(number), code), interpreter: try Interpreter(definition.runtime, interpreters))
    known.withLock { $0[versions.function, default: [:]][number] = resolution }
    return resolution
  }

  /// A key's own point between 0 and 1 (FNV-1a, with its bits stirred once more).
  static func point(of key: [UInt8]) -> Double {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in key { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    hash = (hash ^ hash >> 33) &* 0xff51_afd7_ed55_8ccd
    hash ^= hash >> 33
    return Double(hash >> 11) / Double(UInt64(1) << 53)
  }
}

extension FunctionRuntime {
  /// A runtime of the function tier by its name; nil for any other.
  public init?(tierName name: String) {
    if name.hasPrefix("nodejs") {
      self = .nodejs(name)
    } else if name.hasPrefix("python3") {
      self = .python(name)
    } else if name == "provided" || name.hasPrefix("provided.") {
      self = .provided(name)
    } else {
      return nil
    }
  }
}
