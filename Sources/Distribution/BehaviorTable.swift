// Owns: which behavior a path belongs to (spec/request-pipeline.md, 2): the first whose pattern matches, in the order of the file.
// Patterns are sorted by the byte they begin with, so that most paths are compared with few of them.

/// The behaviors of a distribution, ready to be searched. Immutable; any thread.
public struct BehaviorTable: Sendable {
  private let patterns: [PathPattern]
  /// By the byte after the path's slash: the behaviors that may match, in their order.
  private let candidates: [[Int]]

  /// A table of behaviors, the default one last.
  public init(_ behaviors: [Behavior]) {
    patterns = behaviors.map(\.pathPattern)
    let patterns = self.patterns
    candidates = (UInt8.min...UInt8.max).map { byte in patterns.indices.dropLast().filter { patterns[$0].mayMatch(pathBeginningWith: byte) } }
  }

  /// The index of the first behavior whose pattern matches the path; the last behavior when none does.
  /// - Parameter normalizedPath: the path after ``NormalizedPath``'s rules.
  public func index(forNormalizedPath normalizedPath: Span<UInt8>) -> Int {
    let start = normalizedPath.count > 0 && normalizedPath[0] == UInt8(ascii: "/") ? 1 : 0
    // Of an empty rest, patterns that begin with a byte know by themselves that they do not match.
    let byte = start < normalizedPath.count ? normalizedPath[start] : 0
    for index in candidates[Int(byte)] where patterns[index].matches(normalizedPath) { return index }
    return patterns.count - 1
  }
}
