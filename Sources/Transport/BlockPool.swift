// Owns: the fixed-size memory blocks that buffers borrow while bytes are pending.
// An idle connection holds no block (data-plane.md). Confined to one worker thread.

/// Recycles blocks of ``blockSize`` bytes. Blocks beyond ``retainedBlocks`` go back to the allocator.
///
/// Confined to the thread of its event loop.
@safe public final class BlockPool {
  /// Bytes of one block: room for nearly every message head, and one receive of a body.
  public static let blockSize = 16_384
  /// Free blocks kept for reuse; more are returned to the allocator (4 MiB a worker).
  public static let retainedBlocks = 256

  private var free: [UnsafeMutableRawPointer]

  /// An empty pool.
  public init() {
    unsafe free = []
    unsafe free.reserveCapacity(Self.retainedBlocks)
  }

  deinit { while let block = unsafe free.popLast() { unsafe block.deallocate() } }

  @inline(__always) func take() -> UnsafeMutableRawPointer {
    if let block = unsafe free.popLast() { return unsafe block }
    return .allocate(byteCount: Self.blockSize, alignment: 16)
  }

  @inline(__always) func give(_ block: UnsafeMutableRawPointer) {
    if unsafe free.count < Self.retainedBlocks { unsafe free.append(block) } else { unsafe block.deallocate() }
  }
}
