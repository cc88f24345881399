// The fuzz target. Built plainly it replays and mutates the corpus, the same way for the same seed; built by `make fuzz` it is
// an input function of libFuzzer, which looks for new ways through the reader of what Lambda@Edge functions return (Documentation/testing.md).
import Fuzzing

/// `fuzz-events [--seed N] [--iterations N] FOLDER|FILE…`
@main
enum FuzzEvents {
  static func main() { FuzzDriver.run("fuzz-events", EventChecks.result) }
}
