// Owns: a run of a body's bytes and the memory they lie in, given back with the last reference. Written once, front to back, by the one who
// fetches; read by anybody up to what has been published (ObjectBody.swift).

/// Memory for a part of a body. Any thread.
@safe final class BodyPiece: @unchecked Sendable {
  /// Where in the body it begins.
  let start: Int
  /// Its room in bytes.
  let capacity: Int
  private let base: UnsafeMutableRawPointer
  private let budget: MemoryBudget

  /// Memory of the allocator's, for which `MemoryBudget.allocated(capacity)` has been taken from the budget.
  init(at start: Int, capacity: Int, _ budget: MemoryBudget) {
    self.start = start
    self.capacity = capacity
    self.budget = budget
    unsafe base = .allocate(byteCount: capacity, alignment: 16)
  }

  deinit {
    unsafe base.deallocate()
    budget.release(MemoryBudget.allocated(capacity))
  }

  /// The bytes it is counted with.
  var heldBytes: Int { MemoryBudget.allocated(capacity) }

  /// Puts bytes in their place; nobody reads there yet.
  func write(_ bytes: Span<UInt8>, at offset: Int) {
    precondition(offset >= 0 && offset + bytes.count <= capacity, "a piece of a body is written beyond its end")
    unsafe bytes.withUnsafeBufferPointer { if let from = $0.baseAddress { unsafe (base + offset).copyMemory(from: from, byteCount: bytes.count) } }
  }

  /// Published bytes of it.
  @_lifetime(borrow self) func bytes(_ offset: Int, _ count: Int) -> Span<UInt8> {
    precondition(offset >= 0 && count >= 0 && offset + count <= capacity, "a piece of a body is read beyond its end")
    let view = unsafe UnsafeBufferPointer(start: (base + offset).assumingMemoryBound(to: UInt8.self), count: count)
    return unsafe _overrideLifetime(Span(_unsafeElements: view), borrowing: self)
  }
}
