// Owns: the jobs that wait for the loop. An array that keeps its places when it is emptied: emptying a Swift array costs as much as a job's turn.

/// Jobs in their order. The loop's thread's.
struct JobList {
  /// The first ``count`` are jobs that wait; the others have run.
  private var places: [UnownedJob] = []
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }

  mutating func reserve(_ capacity: Int) { places.reserveCapacity(capacity) }

  @inline(__always) mutating func append(_ job: UnownedJob) {
    if count < places.count { places[count] = job } else { places.append(job) }
    count += 1
  }

  subscript(_ index: Int) -> UnownedJob {
    @inline(__always) get {
      precondition(index < count, "no such job")
      return places[index]
    }
  }

  @inline(__always) mutating func removeAll() { count = 0 }

  /// Closes the gap that jobs leave which have run before others.
  mutating func remove(_ gone: Range<Int>) {
    for index in gone.upperBound..<count { places[index - gone.count] = places[index] }
    count -= gone.count
  }
}
