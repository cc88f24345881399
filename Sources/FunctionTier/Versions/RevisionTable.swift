// Owns: finding what a name with a version or an alias stands for now. Any thread. Rule of the lock: held for a look at a table; code is looked
// for in the store without it, and when a version is wanted for the first time, on a thread that may block: all of it is read.
public import Distribution
import Synchronization
import Telemetry
import Transport

/// What runs when a function is invoked by a name.
struct Resolution: Sendable {
  var revision: Revision
  var interpreter: Interpreter
}

/// Published versions as environments run them.
final class RevisionTable: Sendable {
  /// Invocations that may wait until a version's code has been looked at. Further ones fail.
  static let waitingLimit = 1_000
  /// How long the code of a version that was not as it should be is not looked at again.
  static let restMilliseconds: Int64 = 5_000

  /// Which version an invocation gets.
  struct Choice: Sendable {
    var versions: FunctionVersions
    var number: Int
    /// The alias that a canary of this version is tried out under.
    var canaryOf: String?

    fileprivate var key: String { "\(versions.function):\(number)" }
  }

  private struct State {
    var known: [String: [Int: Resolution]] = [:]
    /// Who waits for versions that are being looked at.
    var waiting: [String: [@Sendable (Result<Resolution, CodeProblem>) -> Void]] = [:]
    /// Versions that cannot be had, until when they are not looked at again.
    var problems: [String: (problem: CodeProblem, until: Int64)] = [:]
    var isEnding = false
  }

  private let store: VersionStore
  private let interpreters: Interpreters
  private let helper: BlockingPool
  private let diagnostics: Diagnostics
  private let state = Mutex(State())

  init(_ store: VersionStore, _ interpreters: Interpreters, _ helper: BlockingPool, _ diagnostics: Diagnostics) {
    self.store = store
    self.interpreters = interpreters
    self.helper = helper
    self.diagnostics = diagnostics
  }

  /// Which version a function's version or alias stands for.
  /// - Parameter invocation: equal keys in it find equal versions; without one the choice is random.
  func choose(_ function: String, _ qualifier: String, _ invocation: Invocation) throws(CodeProblem) -> Choice {
    let versions = store.versions(of: function)
    if let number = Int(qualifier) { return Choice(versions: versions, number: number) }
    guard let alias = versions.alias(qualifier) else { throw CodeProblem(text: "function \(function) has no alias \(qualifier)") }
    var stickyKey = invocation.stickyKey
    if stickyKey.isEmpty, let part = alias.stickiness, alias.canary != nil || !alias.weights.isEmpty { stickyKey = part.key(of: invocation.payload) }
    let number = alias.version(at: stickyKey.isEmpty ? Double.random(in: 0..<1) : Self.point(of: stickyKey))
    return Choice(versions: versions, number: number, canaryOf: alias.canary?.version == number ? alias.name : nil)
  }

  /// What a choice stands for, where that is known already; cheap.
  func known(_ choice: Choice) -> Resolution? { state.withLock { $0.known[choice.versions.function]?[choice.number] } }

  /// Finds out what a choice stands for.
  /// - Parameter then: called once, here or on a thread that may block.
  func learn(_ choice: Choice, then: @escaping @Sendable (Result<Resolution, CodeProblem>) -> Void) {
    guard choice.versions.version(choice.number) != nil else { return then(.failure(Self.missing(choice.versions, choice.number))) }
    let key = choice.key, now = Timestamp.now.milliseconds
    var result: Result<Resolution, CodeProblem>?, isFirst = false
    state.withLock { state in
      if let known = state.known[choice.versions.function]?[choice.number] { result = .success(known) }
      else if let found = state.problems[key], now < found.until { result = .failure(found.problem) }
      else if let waiting = state.waiting[key], waiting.count >= Self.waitingLimit { result = .failure(CodeProblem(text: "too many invocations wait for the code of \(key)")) }
      else {
        isFirst = state.waiting[key] == nil
        state.waiting[key, default: []].append(then)
      }
    }
    if let result { return then(result) }
    guard isFirst, helper.submit({ [self] in look(at: choice) }) != nil else { return }
    tell(choice, .failure(CodeProblem(text: "the code of \(key) cannot be looked at now")))
  }

  /// The process ends: who waits for code that has not been looked at yet is told so at once.
  func end() { state.withLock { $0.isEnding = true } }

  /// On a thread that may block.
  private func look(at choice: Choice) {
    if state.withLock({ $0.isEnding }) { return tell(choice, .failure(CodeProblem(text: "the proxy ends"))) }
    var result: Result<Resolution, CodeProblem>
    do throws(CodeProblem) { result = .success(try resolution(choice.versions, choice.number)) } catch {
      diagnostics.say(.error, key: "code \(choice.key)", "functions: \(error.text)")
      result = .failure(error)
      state.withLock { $0.problems[choice.key] = (error, Timestamp.now.milliseconds + Self.restMilliseconds) }
    }
    tell(choice, result)
  }

  private func tell(_ choice: Choice, _ result: Result<Resolution, CodeProblem>) {
    for then in state.withLock({ $0.waiting.removeValue(forKey: choice.key) }) ?? [] { then(result) }
  }

  /// What a version's number stands for. Blocks when nobody has asked before.
  func resolution(_ versions: FunctionVersions, _ number: Int) throws(CodeProblem) -> Resolution {
    if let known = state.withLock({ $0.known[versions.function]?[number] }) { return known }
    guard let version = versions.version(number) else { throw Self.missing(versions, number) }
    let (definition, code) = try store.stored(version, named: versions.function)
    let resolution = Resolution(revision: Revision(definition, version: String(number), code), interpreter: try Interpreter(definition.runtime, interpreters))
    state.withLock { state in
      state.known[versions.function, default: [:]][number] = resolution
      state.problems["\(versions.function):\(number)"] = nil
    }
    return resolution
  }

  private static func missing(_ versions: FunctionVersions, _ number: Int) -> CodeProblem { CodeProblem(text: "function \(versions.function) has no version \(number)") }

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
