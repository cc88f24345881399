// The isolates of one worker: built on first use, bounded in number. Belongs to the worker's thread.

/// Isolates by function, for one thread.
public final class IsolatePool {
  /// Limits of a pool.
  public struct Configuration: Sendable {
    /// Isolates kept at once, of 0.3 MB and more each; beyond it the one used longest ago is dropped. Default 512.
    public var maximumIsolates = 512
    /// The defaults.
    public init() {}
  }

  private final class Entry {
    let built: Result<Isolate, FunctionLoadError>
    var lastUse: UInt64
    init(_ built: Result<Isolate, FunctionLoadError>, lastUse: UInt64) {
      self.built = built
      self.lastUse = lastUse
    }
  }

  private let thread: ThreadContext
  /// Its limits; a lower one holds from the next isolate on.
  public var configuration: Configuration
  private var entries: [UInt64: Entry] = [:]
  private var uses: UInt64 = 0
  /// Builds so far, failed ones included.
  public private(set) var builds: UInt64 = 0

  /// An empty pool for the calling thread. Nil: the system has no timer left.
  public init?(configuration: Configuration = Configuration()) {
    guard let thread = ThreadContext() else { return nil }
    self.thread = thread
    self.configuration = configuration
  }

  /// The isolate for `code`, built when there is none yet. A function that could not be built is not tried again: its
  /// error is thrown each time.
  public func isolate(for code: FunctionCode) throws(FunctionLoadError) -> Isolate {
    uses += 1
    if let entry = entries[code.id] {
      entry.lastUse = uses
      return try entry.built.get()
    }
    while entries.count >= max(configuration.maximumIsolates, 1), let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) {
      entries[oldest.key] = nil
    }
    builds += 1
    let built: Result<Isolate, FunctionLoadError>
    do throws(FunctionLoadError) { built = .success(try Isolate(code, on: thread)) } catch { built = .failure(error) }
    entries[code.id] = Entry(built, lastUse: uses)
    return try built.get()
  }

  /// What a run of `code` took lately (`Isolate.recentNanoseconds`). Nil when it would have to be built first; 0 when it cannot be.
  public func recentNanoseconds(of code: FunctionCode) -> UInt64? {
    guard let entry = entries[code.id] else { return nil }
    if case .success(let isolate) = entry.built { return isolate.recentNanoseconds }
    return 0
  }

  /// Drops all isolates whose functions are not among `ids`.
  public func keep(_ ids: Set<UInt64>) { entries = entries.filter { ids.contains($0.key) } }

  /// Lets go of the isolate of a function that nobody will ask for again, as after a reload.
  public func drop(_ code: FunctionCode) { entries[code.id] = nil }
}
