// Owns: environments that are ready for a function but have none yet: what a cold start would wait for has happened. Kept for every kind of
// sandbox that some function of the configuration asks for. Confined to the supervisor's thread.
import Distribution

/// Pre-warmed environments.
struct PrewarmedPool {
  /// What makes one fit for a function: what cannot be changed once it runs.
  struct Key: Hashable {
    var interpreter: Interpreter
    var memoryMB: Int
    var network: FunctionNetwork

    init(_ interpreter: Interpreter, _ revision: Revision) {
      self.interpreter = interpreter
      memoryMB = revision.memoryMB
      network = revision.network
    }
  }

  /// How many are kept of each kind.
  let size: Int
  private var kept: [Key: [Environment]] = [:]
  /// Kinds that did not come up, and until when they rest.
  private var resting: [Key: CrashLoop] = [:]

  init(size: Int) { self.size = size }

  /// Takes up the kinds that are wanted.
  /// - Returns: what is of no use any more.
  mutating func adopt(_ keys: Set<Key>) -> [Environment] {
    let unwanted = kept.filter { !keys.contains($0.key) }.flatMap(\.value)
    var now: [Key: [Environment]] = [:]
    for key in keys { now[key] = kept[key] ?? [] }
    kept = now
    return unwanted
  }

  /// One for each that is to be started.
  var missing: [Key] { kept.flatMap { Array(repeating: $0.key, count: max(size - $0.value.count, 0)) } }

  /// How many there are, those that are on their way included.
  var count: Int { kept.values.reduce(0) { $0 + $1.count } }

  /// How many are ready.
  var ready: Int { kept.values.reduce(0) { $0 + $1.count { $0.life.phase == .ready } } }

  /// Whether there is one that is ready; or any at all.
  func isReady(_ key: Key) -> Bool { kept[key]?.contains { $0.life.phase == .ready } == true }
  func has(_ key: Key) -> Bool { kept[key]?.isEmpty == false }

  /// One that may go: of another kind.
  func spare(besides key: Key) -> Environment? { kept.first { $0.key != key && !$0.value.isEmpty }?.value.first }

  mutating func add(_ environment: Environment, _ key: Key) { kept[key, default: []].append(environment) }

  /// Takes one out that is ready; nil when there is none.
  mutating func take(_ key: Key) -> Environment? {
    guard let index = kept[key]?.firstIndex(where: { $0.life.phase == .ready }) else { return nil }
    return kept[key]?.remove(at: index)
  }

  /// One of them has ended.
  /// - Returns: whether it was one.
  mutating func remove(_ environment: Environment) -> Bool {
    for key in kept.keys {
      guard let index = kept[key]?.firstIndex(where: { $0 === environment }) else { continue }
      kept[key]?.remove(at: index)
      return true
    }
    return false
  }

  /// One did not come up.
  mutating func noteFailure(_ key: Key, _ cause: InvocationFailure, now: UInt64) { resting[key, default: CrashLoop()].noteFailure(cause, now: now) }
  /// One came up.
  mutating func noteSuccess(_ key: Key) { resting[key] = nil }
  /// Why none is to be started now.
  func refusal(_ key: Key, now: UInt64) -> InvocationFailure? { resting[key]?.refusal(now: now) }
}
