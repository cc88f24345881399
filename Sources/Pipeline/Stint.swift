// Owns: when a loop that moves a body gives way to the others on its worker. Bytes alone do not tell: a chunk of one byte costs as
// much as one of thousands.

/// What one exchange may do in one go. A pure value.
struct Stint {
  /// Pieces of a body that are moved in one go.
  static let steps = 64
  /// Bytes of a body that are moved in one go.
  static let bytes = 1 << 20

  private var stepsDone = 0
  private var bytesMoved = 0

  /// Notes one step.
  /// - Parameter bytes: what it moved.
  /// - Returns: whether it is time to give way; then the next stint has begun.
  mutating func isOver(after bytes: Int) -> Bool {
    stepsDone += 1
    bytesMoved += bytes
    guard stepsDone >= Self.steps || bytesMoved >= Self.bytes else { return false }
    self = Stint()
    return true
  }
}
