// When a loop that moves a body gives way: after so many steps or so many bytes, whichever comes first, and then anew.
import Testing

@testable import Pipeline

@Suite struct StintTests {
  /// Bytes of every step, and the steps after which it is over.
  @Test(arguments: [(0, Stint.steps), (1, Stint.steps), (16_384, Stint.bytes / 16_384), (Stint.bytes / 2, 2), (Stint.bytes / 2 + 1, 2), (Stint.bytes, 1), (5 * Stint.bytes, 1)])
  func ends(_ bytes: Int, _ steps: Int) {
    var stint = Stint()
    for _ in 0..<3 {
      var done = 1
      while !stint.isOver(after: bytes) { done += 1 }
      #expect(done == steps)
    }
  }
}
