// The memory that threads keep for the next message (SkerryBlocks.h). Each test has a thread of its own: its list begins empty.
import CSystem
import Foundation
import Testing

/// Runs a body on a thread of its own and waits for its end.
private func onAThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
  await withCheckedContinuation { continuation in
    Thread.detachNewThread {
      let value = body()
      sk_blocks_forget()
      continuation.resume(returning: value)
    }
  }
}

/// Blocks by their addresses.
private func take(_ count: Int, _ kind: sk_block_kind = SK_BYTES) -> [UInt] {
  (0..<count).map { _ in unsafe UInt(bitPattern: sk_block_take(kind)) }
}
private func give(_ blocks: [UInt], _ kind: sk_block_kind = SK_BYTES) {
  for block in blocks { unsafe sk_block_give(kind, UnsafeMutableRawPointer(bitPattern: block)) }
}

@Suite struct BlockTests {
  static let limit = Int(SK_BLOCKS_KEPT)

  /// What was given back last is taken first, as far as it was kept.
  @Test func aThreadKeepsSoManyAndNoMore() async {
    let (given, taken) = await onAThread {
      let given = take(Self.limit + 50)
      give(given)
      let taken = take(Self.limit)
      give(taken)
      return (given, taken)
    }
    #expect(Set(given).count == Self.limit + 50)
    #expect(taken == given.prefix(Self.limit).reversed())
  }

  /// A block stays with the thread that gives it back.
  @Test func aBlockMayBeGivenBackElsewhere() async {
    let taken = await onAThread { take(3) }
    let again = await onAThread {
      give(taken)
      let again = take(3)
      give(again)
      return again
    }
    #expect(again == taken.reversed())
  }

  @Test func kindsAreKeptApart() async {
    let (bytes, tables, bytesAgain) = await onAThread {
      let bytes = take(1), tables = take(1, SK_FIELD_TABLE)
      give(bytes)
      give(tables, SK_FIELD_TABLE)
      let again = (bytes, take(1, SK_FIELD_TABLE), take(1))
      give(again.2)
      give(again.1, SK_FIELD_TABLE)
      return (again.0, again.1 == tables, again.2)
    }
    #expect(tables && bytes == bytesAgain)
  }
}
