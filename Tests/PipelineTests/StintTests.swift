// When a loop that moves a body gives way: after so many steps or so many bytes, whichever comes first, and then anew.
import Testing

@testable import Pipeline

@Suite struct StintTests {
  /// Bytes of every step, and the steps after which it is over.
  static let stints: [(bytes: Int, steps: Int)] = [(0, 64), (1, 64), (16_384, 64), (100_000, 11), (524_288, 2), (1_048_576, 1), (5_000_000, 1)]

  @Test(arguments: stints) func ends(_ bytes: Int, _ steps: Int) {
    var stint = Stint()
    for _ in 0..<3 {
      var done = 1
      while !stint.isOver(after: bytes) { done += 1 }
      #expect(done == steps)
    }
  }
}
