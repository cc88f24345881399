// Owns: durations of the configuration as the loop counts them.

extension Duration {
  /// Whole milliseconds, at least 0.
  public var milliseconds: Int {
    let (seconds, attoseconds) = components
    return max(0, Int(clamping: seconds) &* 1000 &+ Int(attoseconds / 1_000_000_000_000_000))
  }
}
