// The nearest valid name to a mistaken one. Pure; any thread.

/// What a misspelt name may have been meant to be.
package enum Suggestion {
  /// ` (did you mean x?)`, or what may be used when nothing is near and the list is short, or nothing.
  package static func text(for name: String, among names: some Sequence<String>) -> String {
    let names = Array(names)
    if let near = nearest(to: name, among: names) { return "; did you mean \(near)?" }
    if names.isEmpty || names.count > 12 { return "" }
    return "; known: \(names.joined(separator: ", "))"
  }

  /// The name that needs the fewest changes, if that is at most a third of its length.
  static func nearest(to name: String, among names: [String]) -> String? {
    // A long name is no typing error, and comparing it would cost its square.
    guard name.utf8.count <= 64 else { return nil }
    var best: (name: String, distance: Int)?
    for candidate in names where candidate.utf8.count <= 64 {
      let changes = distance(Array(name.lowercased().utf8), Array(candidate.lowercased().utf8))
      let allowed = max(1, min(name.utf8.count, candidate.utf8.count) / 3)
      if changes <= allowed, changes < best?.distance ?? .max { best = (candidate, changes) }
    }
    return best?.name
  }

  /// How many bytes must be inserted, removed, replaced or swapped with their neighbour.
  static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var beforePrevious: [Int] = []
    var previous = Array(0...b.count)
    for i in 0..<a.count {
      var current = [i + 1]
      for j in 0..<b.count {
        var changes = min(previous[j + 1] + 1, current[j] + 1, previous[j] + (a[i] == b[j] ? 0 : 1))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { changes = min(changes, beforePrevious[j - 1] + 1) }
        current.append(changes)
      }
      beforePrevious = previous
      previous = current
    }
    return previous[b.count]
  }
}
