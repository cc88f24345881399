// Owns: putting the pairs of a Cookie header in order without allocating (spec/request-pipeline.md, 3; RFC 6265, 4.2.1).
import HTTPWire
import Transport

/// The pairs of one Cookie header, as places in its value.
struct CookiePairs: ~Copyable {
  /// Pairs handled here; a header with more goes the slower way.
  static let limit = 24

  private var starts = InlineArray<24, UInt16>(repeating: 0)
  private var nameEnds = InlineArray<24, UInt16>(repeating: 0)
  private var ends = InlineArray<24, UInt16>(repeating: 0)
  private var count = 0
  /// Whether the header is written as it came: one `; ` between pairs, and in order.
  private var isOrdered = true
  private let inPlace = InPlace()

  /// Finds the pairs.
  /// - Returns: false when there are too many, or one that is to be left out: without a name or `=`, or named `$…`.
  mutating func read(_ value: Span<UInt8>) -> Bool {
    guard value.count <= Int(UInt16.max) else { return false }
    var start = 0
    while start < value.count {
      if value[start] == 32 || value[start] == 59 { start += 1; continue }
      let end = value.next(59, from: start), nameEnd = value.next(61, from: start)
      guard nameEnd < end, nameEnd > start, value[start] != 36, count < Self.limit else { return false }
      isOrdered = isOrdered && (count == 0 ? start == 0 : start == Int(ends[count - 1]) + 2 && value[start - 1] == 32)
      starts[count] = UInt16(truncatingIfNeeded: start)
      nameEnds[count] = UInt16(truncatingIfNeeded: nameEnd)
      ends[count] = UInt16(truncatingIfNeeded: end)
      count += 1
      start = end + 1
    }
    isOrdered = isOrdered && count > 0 && Int(ends[count - 1]) == value.count
    return count > 0
  }

  /// By name; pairs of one name keep their order. Insertion sort: pairs are few and mostly in order.
  mutating func sort(_ value: Span<UInt8>) {
    for i in 1..<max(1, count) {
      var k = i
      while k > 0 && precedes(k, k - 1, value) {
        swapPairs(k, k - 1)
        isOrdered = false
        k -= 1
      }
    }
  }

  private func precedes(_ a: Int, _ b: Int, _ value: Span<UInt8>) -> Bool {
    let firstA = Int(starts[a]), countA = Int(nameEnds[a]) - firstA, firstB = Int(starts[b]), countB = Int(nameEnds[b]) - firstB
    for k in 0..<min(countA, countB) {
      let x = value[firstA + k], y = value[firstB + k]
      if x != y { return x < y }
    }
    return countA < countB
  }

  private mutating func swapPairs(_ a: Int, _ b: Int) {
    (starts[a], starts[b]) = (starts[b], starts[a])
    (nameEnds[a], nameEnds[b]) = (nameEnds[b], nameEnds[a])
    (ends[a], ends[b]) = (ends[b], ends[a])
  }

  /// Writes the header line.
  func write(_ value: Span<UInt8>, to out: inout ByteBuffer) {
    out.append("Cookie: ")
    if isOrdered {
      out.append(value)
    } else {
      for i in 0..<count {
        if i > 0 { out.append("; ") }
        out.append(value.extracting(Int(starts[i])..<Int(ends[i])))
      }
    }
    out.append("\r\n")
  }
}
