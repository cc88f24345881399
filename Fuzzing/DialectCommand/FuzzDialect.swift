// The fuzz target. Built plainly it replays and mutates the corpus, the same way for the same seed; built by `make fuzz` it is
// an input function of libFuzzer, which looks for new ways through the dialect checker (Documentation/testing.md).
import Fuzzing

/// A function's code.
private func checkEverything(_ bytes: [UInt8]) throws(BrokenProperty) {
  try DialectChecks.source(bytes)
}

/// `fuzz-dialect [--seed N] [--iterations N] FOLDER|FILE…`
@main
enum FuzzDialect {
  static func main() { FuzzDriver.run("fuzz-dialect", checkEverything) }
}
