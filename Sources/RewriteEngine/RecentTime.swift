// Owns: what a function's runs took lately. Who decides by it whose turn it is must not be misled by one run that the machine kept waiting:
// time that others take from a virtual machine counts as the thread's own, and a heap's first run finds no page in memory.

/// A mean of CPU times in which the last eight runs count most. A value; the worker's own.
struct RecentTime: BitwiseCopyable {
  /// Nanoseconds; 0 before the second run.
  private(set) var nanoseconds: UInt64 = 0
  private var isCold = true, hasMean = false

  /// What one run counts at most: so much that several in a row tell, and one does not (an eighth of it is 0.125 ms).
  static let mostCounted: UInt64 = 1_000_000

  /// Takes the time of a run into the mean; not the first's.
  @inline(__always) mutating func take(_ last: UInt64) {
    let last = min(last, Self.mostCounted)
    if hasMean {
      nanoseconds = nanoseconds - nanoseconds / 8 + last / 8
    } else if isCold {
      isCold = false
    } else {
      (nanoseconds, hasMean) = (last, true)
    }
  }
}
