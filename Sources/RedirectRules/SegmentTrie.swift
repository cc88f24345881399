// Owns: patterns with placeholders, as a tree of path segments. Immutable once built; any thread. A search visits each node at most once:
// it is bounded by the table, and by the path's segments where placeholders stand alone.

/// Patterns with placeholders, by segment.
struct SegmentTrie: Sendable {
  /// A part of a pattern.
  enum Segment: Sendable, Equatable {
    case literal([UInt8]), placeholder
    /// The last segment: its bytes up to the `*`.
    case splat([UInt8])
  }

  private struct Node: Sendable {
    /// By their bytes, ascending.
    var children: [(bytes: [UInt8], node: Int32)] = []
    var placeholder: Int32 = -1
    /// Rules whose pattern ends here, or goes on with a `*`; ascending.
    var ends: [Int32] = []
    var splats: [(bytes: [UInt8], rule: Int32)] = []
    /// The first rule at or below this node.
    var least = Int32.max
  }
  private var nodes = [Node()]
  /// Whether there is no pattern.
  var isEmpty: Bool { nodes[0].least == .max }

  /// Adds a pattern; rules come in ascending order.
  mutating func insert(_ segments: [Segment], rule: Int32) {
    var node = 0
    for segment in segments {
      nodes[node].least = min(nodes[node].least, rule)
      switch segment {
      case .splat(let bytes):
        nodes[node].splats.append((bytes, rule))
        return
      case .placeholder:
        if nodes[node].placeholder < 0 { nodes[node].placeholder = add() }
        node = Int(nodes[node].placeholder)
      case .literal(let bytes):
        let place = nodes[node].children.partition { $0.lexicographicallyPrecedes(bytes) }
        if place == nodes[node].children.count || nodes[node].children[place].bytes != bytes {
          let child = add()
          nodes[node].children.insert((bytes, child), at: place)
        }
        node = Int(nodes[node].children[place].node)
      }
    }
    nodes[node].least = min(nodes[node].least, rule)
    nodes[node].ends.append(rule)
  }

  private mutating func add() -> Int32 {
    nodes.append(Node())
    return Int32(nodes.count - 1)
  }

  /// Finds the first rule that matches a path and is admitted.
  /// - Parameters:
  ///   - best: the first rule found so far; takes an earlier one.
  ///   - admits: whether the conditions of a rule hold.
  func search(_ path: Span<UInt8>, _ best: inout Int32, _ admits: (Int32) -> Bool) {
    guard path.count > 0, path[0] == slash else { return }
    search(0, path, 1, &best, admits)
  }

  private func search(_ number: Int, _ path: Span<UInt8>, _ start: Int, _ best: inout Int32, _ admits: (Int32) -> Bool) {
    guard nodes[number].least < best else { return }
    for (bytes, rule) in nodes[number].splats where rule < best && path.hasBytes(bytes.span, at: start) && admits(rule) { best = rule }
    var end = start
    while end < path.count && path[end] != slash { end += 1 }
    let next = [child(number, path.extracting(start..<end)), start < end ? nodes[number].placeholder : -1]
    for node in next where node >= 0 {
      if end < path.count {
        search(Int(node), path, end + 1, &best, admits)
      } else if let rule = nodes[Int(node)].ends.first(where: { $0 < best && admits($0) }) {
        best = rule
      }
    }
  }

  /// The child for a literal segment, or −1. By bisection.
  private func child(_ number: Int, _ segment: Span<UInt8>) -> Int32 {
    var low = 0, high = nodes[number].children.count
    while low < high {
      let middle = (low + high) / 2, bytes = nodes[number].children[middle].bytes, order = Self.compare(bytes.span, segment)
      if order == 0 { return nodes[number].children[middle].node }
      if order < 0 { low = middle + 1 } else { high = middle }
    }
    return -1
  }

  private static func compare(_ a: Span<UInt8>, _ b: Span<UInt8>) -> Int {
    for i in 0..<min(a.count, b.count) where a[i] != b[i] { return Int(a[i]) - Int(b[i]) }
    return a.count - b.count
  }

  /// Where the captures of a pattern lie in a path that it matches; nil when it does not.
  static func captures(_ segments: [Segment], _ path: Span<UInt8>) -> [Range<Int>]? {
    var captures: [Range<Int>] = [], start = 1
    guard path.count > 0, path[0] == slash else { return nil }
    for (index, segment) in segments.enumerated() {
      if case .splat(let bytes) = segment {
        guard path.hasBytes(bytes.span, at: start) else { return nil }
        return captures + [start + bytes.count..<path.count]
      }
      var end = start
      while end < path.count && path[end] != slash { end += 1 }
      switch segment {
      case .literal(let bytes): if end - start != bytes.count || !path.hasBytes(bytes.span, at: start) { return nil }
      default:
        if start == end { return nil }
        captures.append(start..<end)
      }
      if (end == path.count) != (index == segments.count - 1) { return nil }
      start = end + 1
    }
    return captures
  }
}

extension Array where Element == (bytes: [UInt8], node: Int32) {
  /// The first place whose bytes do not hold for `precedes`.
  fileprivate func partition(_ precedes: ([UInt8]) -> Bool) -> Int {
    var low = 0, high = count
    while low < high {
      let middle = (low + high) / 2
      if precedes(self[middle].bytes) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
