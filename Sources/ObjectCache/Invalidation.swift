// Owns: what has been invalidated (spec/request-pipeline.md, 20) and has not yet been looked for in every corner of the cache.
//
// Each invalidation has a number. An object knows the newest one it has been compared with; while that is the newest of all, a hit costs one
// comparison. Otherwise it is compared with those that came since, once. A sweep in the background compares everything, then the list is
// emptied: what is found later with an older number has escaped the sweep, and is not served. So an invalidation holds for every look-up that
// begins after ``InvalidationList/add(_:)`` has returned, on every thread, and the list stays short.
import Synchronization

/// What is to be served no more.
public struct Invalidation: Sendable, Equatable {
  /// What it names.
  public enum Target: Sendable, Equatable {
    /// A path, with `?query` where the query is part of the key. Case matters; a `*` at the end stands for anything.
    case path(String)
    /// A tag.
    case tag(String)
  }
  /// The distribution; nil: all.
  public var distribution: String?
  /// What of it.
  public var target: Target

  /// An invalidation.
  public init(distribution: String? = nil, _ target: Target) {
    self.distribution = distribution
    self.target = target
  }
}

/// An invalidation as it is compared.
struct InvalidationPattern: Sendable {
  private let distribution: [UInt8]?
  private let text: [UInt8]
  private let isTag: Bool, isPrefix: Bool

  init(_ invalidation: Invalidation) {
    distribution = invalidation.distribution.map { Array($0.utf8) }
    switch invalidation.target {
    case .tag(let tag): (text, isTag, isPrefix) = (Array(tag.utf8), true, false)
    case .path(let path):
      isPrefix = path.hasSuffix("*")
      text = isPrefix ? Array(path.utf8.dropLast()) : Array(path.utf8)
      isTag = false
    }
  }

  func matches(_ key: Span<UInt8>, _ places: KeyPlaces, tags: Span<UInt8>) -> Bool {
    if let distribution, !Self.equal(key.extracting(places.distribution), distribution.span) { return false }
    return isTag ? hasTag(tags) : matches(path: key.extracting(places.path), query: key.extracting(places.query))
  }

  private static func equal(_ a: Span<UInt8>, _ b: Span<UInt8>) -> Bool {
    guard a.count == b.count else { return false }
    for index in 0..<a.count where a[index] != b[index] { return false }
    return true
  }

  private func hasTag(_ tags: Span<UInt8>) -> Bool {
    var start = 0
    for index in 0...tags.count where index == tags.count || tags[index] == 32 {
      if Self.equal(tags.extracting(start..<index), text.span) { return true }
      start = index + 1
    }
    return false
  }

  /// Against `path` or `path?query`.
  private func matches(path: Span<UInt8>, query: Span<UInt8>) -> Bool {
    let whole = query.isEmpty ? path.count : path.count + 1 + query.count
    guard isPrefix ? text.count <= whole : text.count == whole else { return false }
    for index in 0..<text.count {
      let byte = index < path.count ? path[index] : index == path.count ? 63 : query[index - path.count - 1]
      if byte != text[index] { return false }
    }
    return true
  }
}

/// Invalidations that are still compared with. Any thread.
final class InvalidationList: Sendable {
  private struct State {
    var entries: [(number: UInt64, pattern: InvalidationPattern)] = []
    /// What has not been compared with this one cannot be judged any more.
    var dropped: UInt64 = 0
  }
  private let newestNumber = Atomic<UInt64>(0)
  private let state = Mutex(State())
  private let most: Atomic<Int>

  init(limit: Int) { most = Atomic(limit) }

  /// How many may wait.
  var limit: Int {
    get { most.load(ordering: .relaxed) }
    set { most.store(newValue, ordering: .relaxed) }
  }

  /// The newest number.
  @inline(__always) var newest: UInt64 { newestNumber.load(ordering: .acquiring) }
  /// How many are compared with.
  var count: Int { state.withLock { $0.entries.count } }

  /// Takes all or none.
  /// - Returns: whether there was room.
  /// - Parameter isBounded: whether the limit counts.
  func add(_ invalidations: [Invalidation], isBounded: Bool = true) -> Bool {
    guard !invalidations.isEmpty else { return true }
    return state.withLock { state in
      guard !isBounded || state.entries.count + invalidations.count <= limit else { return false }
      let number = newestNumber.load(ordering: .relaxed) + 1
      for invalidation in invalidations { state.entries.append((number, InvalidationPattern(invalidation))) }
      newestNumber.store(number, ordering: .sequentiallyConsistent)
      return true
    }
  }

  /// Compares an object with what came since it was compared.
  /// - Returns: whether it may not be served.
  @inline(never) func kills(_ response: StoredResponse) -> Bool {
    guard case .lives(let newest) = judge(response.key, response.places, tags: response.tags, response.checked.load(ordering: .relaxed)) else { return true }
    response.checked.store(newest, ordering: .relaxed)
    return false
  }

  /// What a comparison with invalidations says.
  enum Verdict {
    /// It may be served as far as the invalidation of this number, the newest.
    case lives(UInt64)
    /// It may not be served.
    case dead
    /// A sweep has gone by since it was compared, and what it was to be compared with is gone: it may not be served as it is.
    case unknown
  }
  /// Compares a key and tags with what came since this number.
  func judge(_ key: Span<UInt8>, _ places: KeyPlaces, tags: Span<UInt8>, _ checked: UInt64) -> Verdict {
    let (newest, entries, dropped) = state.withLock { (newestNumber.load(ordering: .relaxed), $0.entries, $0.dropped) }
    if checked == newest { return .lives(newest) }
    if checked < dropped { return .unknown }
    for entry in entries where entry.number > checked && entry.pattern.matches(key, places, tags: tags) { return .dead }
    return .lives(newest)
  }

  /// Everything has been compared with all up to this number.
  func drop(through number: UInt64) {
    state.withLock { state in
      state.entries.removeAll { $0.number <= number }
      state.dropped = max(state.dropped, number)
    }
  }
}
