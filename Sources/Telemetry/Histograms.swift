// Owns: histograms of durations as cells in raw memory, one after another, all with the same buckets. Confined to a worker's thread.
// Unsafe: an index beyond `count` would write elsewhere; what comes from labels is checked, what comes from an enum cannot be beyond.

/// So many histograms of durations. Its one owner frees it: with a deinitialiser the compiler fails to inline what uses it (Swift 6.3).
@safe @usableFromInline struct Histograms {
  /// Buckets (with the unbounded one), then the sum in microseconds.
  @usableFromInline static var cells: Int { @inlinable get { bucketCount + 1 } }
  @usableFromInline static let bucketCount = Histogram.boundsMicroseconds.count + 1

  @usableFromInline private(set) var values: UnsafeMutableBufferPointer<UInt64>
  /// The bounds, without the array's checks and counting of references.
  @usableFromInline let bounds: UnsafeMutableBufferPointer<UInt64>
  /// By length of a number in bits: the first bucket that may hold it. At most two steps lead from there to the right one.
  @usableFromInline let hints: UnsafeMutableBufferPointer<UInt8>
  private(set) var count: Int

  init(count: Int) {
    self.count = count
    unsafe values = .allocate(capacity: count * Histograms.bucketCount + count)
    unsafe values.initialize(repeating: 0)
    let all = Histogram.boundsMicroseconds
    unsafe bounds = .allocate(capacity: all.count)
    _ = unsafe bounds.initialize(from: all)
    unsafe hints = .allocate(capacity: 65)
    for length in 0...64 {
      let least: UInt64 = length == 0 ? 0 : 1 << UInt64(length - 1)
      unsafe hints.initializeElement(at: length, to: UInt8(all.firstIndex { $0 >= least } ?? all.count))
    }
  }

  /// Gives the memory back.
  func deallocate() {
    unsafe values.deallocate()
    unsafe bounds.deallocate()
    unsafe hints.deallocate()
  }

  /// Records a duration; negative ones count as 0.
  @inlinable @inline(__always)
  func observe(_ index: Int, microseconds: Int) {
    let value = UInt64(max(microseconds, 0))
    var bucket = unsafe Int(hints[64 &- value.leadingZeroBitCount])
    while unsafe bucket < bounds.count && bounds[bucket] < value { bucket &+= 1 }
    let width = unsafe bounds.count &+ 2, start = index &* width
    unsafe values[start &+ bucket] &+= 1
    unsafe values[start &+ width &- 1] &+= value
  }

  /// Makes room for more, before the last ones, of which so many stay the last.
  mutating func grow(to newCount: Int, keepingLast last: Int) {
    guard newCount > count else { return }
    let width = Histograms.bucketCount + 1
    let old = snapshot
    let fresh = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: newCount * width)
    let moved = old[..<((count - last) * width)] + Array(repeating: 0, count: (newCount - count) * width) + old[((count - last) * width)...]
    _ = unsafe fresh.initialize(from: moved)
    unsafe values.deallocate()
    unsafe values = fresh
    count = newCount
  }

  /// A copy of all cells.
  var snapshot: [UInt64] { unsafe Array(values) }
}
