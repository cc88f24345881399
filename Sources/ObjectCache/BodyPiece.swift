// Owns: a run of a body's bytes and the memory they lie in, given back with the last reference. Written once, front to back, by the one who
// fetches; read by anybody up to what has been published (ObjectBody.swift).
import Synchronization

/// Memory for a part of a body. Any thread.
@safe final class BodyPiece: @unchecked Sendable {
  @safe private enum Memory {
    case heap(UnsafeMutableRawPointer)
    case arena(BodyArena, BodyArena.Slot)
  }

  /// Where in the body it begins.
  let start: Int
  /// Its room in bytes.
  let capacity: Int
  private let memory: Memory
  private let budget: MemoryBudget
  /// The bytes it is counted with.
  private let counted: Atomic<Int>

  /// Memory of the allocator's, for which ``heapBytes(_:)`` have been taken from the budget.
  init(at start: Int, capacity: Int, _ budget: MemoryBudget) {
    self.start = start
    self.capacity = capacity
    self.budget = budget
    unsafe memory = .heap(.allocate(byteCount: capacity, alignment: 16))
    counted = Atomic(Self.heapBytes(capacity))
  }
  /// Memory of an arena's, for which `BodyArena.counted(capacity)` have been taken from the budget.
  init(at start: Int, capacity: Int, _ arena: BodyArena, _ slot: BodyArena.Slot, _ budget: MemoryBudget) {
    self.start = start
    self.capacity = capacity
    self.budget = budget
    memory = .arena(arena, slot)
    counted = Atomic(BodyArena.counted(capacity))
  }

  deinit {
    switch memory {
    case .heap(let base): unsafe base.deallocate()
    case .arena(let arena, let slot): arena.giveBack(slot)
    }
    budget.release(heldBytes)
  }

  /// What memory of the allocator's is counted with.
  static func heapBytes(_ capacity: Int) -> Int { MemoryBudget.allocated(capacity) }
  /// The bytes it is counted with.
  var heldBytes: Int { counted.load(ordering: .relaxed) }

  /// Only so many bytes of it will ever be written: what was taken from the budget for the rest goes back. Once, by who wrote it.
  func trim(to written: Int) {
    guard case .arena = memory else { return }
    let rest = heldBytes - BodyArena.counted(written)
    counted.subtract(rest, ordering: .relaxed)
    budget.release(rest)
  }

  /// Puts bytes in their place; nobody reads there yet.
  /// - Returns: whether there was memory for them.
  func write(_ bytes: Span<UInt8>, at offset: Int) -> Bool {
    precondition(offset >= 0 && offset + bytes.count <= capacity, "a piece of a body is written beyond its end")
    switch memory {
    case .heap(let base):
      unsafe bytes.withUnsafeBufferPointer { if let from = $0.baseAddress { unsafe (base + offset).copyMemory(from: from, byteCount: bytes.count) } }
      return true
    case .arena(let arena, let slot): return arena.write(bytes, at: slot.offset + offset)
    }
  }

  /// Published bytes of it.
  @_lifetime(borrow self) func bytes(_ offset: Int, _ count: Int) -> Span<UInt8> {
    precondition(offset >= 0 && count >= 0 && offset + count <= capacity, "a piece of a body is read beyond its end")
    let first: UnsafeRawPointer
    switch memory {
    case .heap(let base): unsafe first = UnsafeRawPointer(base)
    case .arena(let arena, let slot): unsafe first = arena.address(slot)
    }
    let view = unsafe UnsafeBufferPointer(start: (first + offset).assumingMemoryBound(to: UInt8.self), count: count)
    return unsafe _overrideLifetime(Span(_unsafeElements: view), borrowing: self)
  }

  /// Where its bytes lie in a file; nil when they do not.
  var place: (file: Int32, offset: Int)? {
    guard case .arena(let arena, let slot) = memory else { return nil }
    return (arena.file, slot.offset)
  }
}
